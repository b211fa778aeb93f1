//! The frame of a probe's answer: named sections with their length and the command's status.
//!
//! The length lets a section hold any text, a whole configuration file included, without being
//! mistaken for the frame. Text is captured by `$(…)`, so trailing newlines are not part of it.

use super::FactError;

/// Shell functions that print sections; first in every probe.
///
/// `section NAME STATUS TEXT` prints one; `${#3}` counts bytes because the frame sets `LC_ALL=C`.
pub(super) const SHELL: &str = r#"
section() { printf '== %s %s %s\n%s\n' "$1" "$2" "${#3}" "$3"; }
"#;

/// One section of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section<'a> {
    /// The name, with any argument after a `:`.
    pub name: &'a str,
    /// The exit status of the command that made the text.
    pub status: i32,
    /// The text, without trailing newlines.
    pub text: &'a [u8],
}

impl<'a> Section<'a> {
    /// The text as lines; bytes that are not UTF-8 are refused.
    pub(super) fn lines(&self) -> Result<std::str::Lines<'a>, FactError> {
        std::str::from_utf8(self.text)
            .map(str::lines)
            .map_err(|_| FactError::Garbled {
                section: self.name.to_owned(),
            })
    }

    /// The text of a command that must have succeeded.
    pub(super) fn text_of(&self, command: &'static str) -> Result<&'a str, FactError> {
        let text = std::str::from_utf8(self.text).map_err(|_| FactError::Garbled {
            section: self.name.to_owned(),
        })?;
        if self.status == 0 {
            return Ok(text);
        }
        Err(FactError::Command {
            command,
            status: self.status,
            output: text.to_owned(),
        })
    }
}

/// All sections of an answer, in order.
#[derive(Debug)]
pub struct Sections<'a>(Vec<Section<'a>>);

impl<'a> Sections<'a> {
    /// Splits an answer.
    ///
    /// # Errors
    /// [`FactError::Garbled`] where a frame is broken.
    pub fn parse(answer: &'a [u8]) -> Result<Self, FactError> {
        let mut sections = Vec::new();
        let mut rest = answer;
        while !rest.is_empty() {
            let (section, after) = next(rest).ok_or_else(|| FactError::Garbled {
                section: sections
                    .last()
                    .map_or("begin", |s: &Section| s.name)
                    .to_owned(),
            })?;
            sections.push(section);
            rest = after;
        }
        Ok(Self(sections))
    }

    /// The section of exactly this name.
    pub(super) fn get(&self, name: &str) -> Result<&Section<'a>, FactError> {
        self.0
            .iter()
            .find(|s| s.name == name)
            .ok_or_else(|| FactError::Garbled {
                section: name.to_owned(),
            })
    }

    /// The sections called `NAME:ARGUMENT`, with their arguments.
    pub(super) fn with_argument<'s>(
        &'s self,
        name: &'s str,
    ) -> impl Iterator<Item = (&'a str, &'s Section<'a>)> {
        self.0.iter().filter_map(move |s| {
            let argument = s.name.strip_prefix(name)?.strip_prefix(':')?;
            Some((argument, s))
        })
    }
}

fn next(bytes: &[u8]) -> Option<(Section<'_>, &[u8])> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    let head = std::str::from_utf8(bytes.get(..end)?)
        .ok()?
        .strip_prefix("== ")?;
    let (head, length) = head.rsplit_once(' ')?;
    let (name, status) = head.rsplit_once(' ')?;
    let length: usize = length.parse().ok()?;
    let body = bytes.get(end + 1..)?;
    let text = body.get(..length)?;
    let after = body.get(length..)?.strip_prefix(b"\n")?;
    Some((
        Section {
            name,
            status: status.parse().ok()?,
            text,
        },
        after,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_may_hold_what_looks_like_a_frame() {
        let answer = b"== a 0 9\n== b 0 1\n\n== c:/x y 1 0\n\n";
        let sections = Sections::parse(answer).unwrap();
        assert_eq!(sections.get("a").unwrap().text, b"== b 0 1\n");
        assert_eq!(sections.get("c:/x y").unwrap().status, 1);
        assert_eq!(sections.with_argument("c").next().unwrap().0, "/x y");
        assert!(sections.get("b").is_err());
    }

    #[test]
    fn a_cut_answer_is_refused_wherever_it_is_cut() {
        let answer = b"== a 0 3\nxyz\n== b 1 0\n\n";
        for end in 1..answer.len() {
            let cut = Sections::parse(&answer[..end]);
            assert!(cut.is_err() || end == 13, "cut at {end}");
        }
    }
}
