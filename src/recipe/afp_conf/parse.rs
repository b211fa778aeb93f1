//! afp.conf into sections and settings, each with the line it begins in.
//!
//! `;` and `#` begin a comment, `;` inside of a value too; a line that ends with a backslash goes on
//! in the next one. Names are kept as they are written: netatalk's own reader before 4.2 told
//! `UAM list` from `uam list`.

/// A section and what stands in it; the first one, without a name, is what stands before any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub name: String,
    /// The line of its header, counted from 0.
    pub line: usize,
    pub settings: Vec<Setting>,
}

/// `name = value`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub name: String,
    /// Without what a comment cuts off.
    pub value: String,
    /// Whether `;` cuts the value in the midst of a word.
    pub is_cut: bool,
    /// The line it begins in, counted from 0.
    pub line: usize,
}

impl Section {
    pub(super) fn is_global(&self) -> bool {
        self.name.eq_ignore_ascii_case("global")
    }

    pub(super) fn is_homes(&self) -> bool {
        self.name.eq_ignore_ascii_case("homes")
    }

    /// The value of an option, where it is there.
    pub(super) fn get(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.name == name)
    }
}

/// The sections of a file. Lines that are neither header, setting nor comment are left out.
pub(super) fn sections(text: &str) -> Vec<Section> {
    let mut sections = vec![Section {
        name: String::new(),
        line: 0,
        settings: Vec::new(),
    }];
    let mut lines = text.lines().enumerate();
    while let Some((line, first)) = lines.next() {
        let mut whole = first.trim().to_string();
        if whole.starts_with([';', '#']) {
            continue;
        }
        while let Some(begun) = whole.strip_suffix('\\') {
            let Some((_, next)) = lines.next() else { break };
            whole = format!("{} {}", begun.trim_end(), next.trim());
        }
        if let Some(name) = header(&whole) {
            sections.push(Section {
                name: name.to_string(),
                line,
                settings: Vec::new(),
            });
        } else if let (Some(setting), Some(section)) = (setting(&whole, line), sections.last_mut())
        {
            section.settings.push(setting);
        }
    }
    sections
}

/// The name in `[name]`.
pub(super) fn header(line: &str) -> Option<&str> {
    let inside = line.trim().strip_prefix('[')?;
    let (name, _) = inside.split_once(']')?;
    Some(name.trim())
}

fn setting(text: &str, line: usize) -> Option<Setting> {
    let (name, value) = text.split_once('=')?;
    if name.trim().is_empty() {
        return None;
    }
    let kept = value.split([';', '#']).next().unwrap_or("");
    let cut_at = value.find(';').and_then(|at| value.get(..at));
    Some(Setting {
        name: name.trim().to_string(),
        value: kept.trim().to_string(),
        is_cut: cut_at.is_some_and(|before| before.ends_with(|c: char| !c.is_whitespace())),
        line,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_continuations_and_sections_are_told_apart() {
        let text = "lost = 1\n; a = b\n[Global]\n# c = d\nuam list = a, \\\n  b ; why\n\n[ Tom's Mac ]\n\
                    postexec = x;y\nnothing\n= x\n";
        let sections = sections(text);
        let names: Vec<&str> = sections.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["", "Global", "Tom's Mac"]);
        assert_eq!(sections[0].get("lost").map(|s| s.line), Some(0));
        let list = sections[1].get("uam list").unwrap();
        assert_eq!(
            (list.value.as_str(), list.line, list.is_cut),
            ("a, b", 4, false)
        );
        let cut = sections[2].get("postexec").unwrap();
        assert_eq!((cut.value.as_str(), cut.is_cut), ("x", true));
        assert_eq!(sections[2].settings.len(), 1);
        assert_eq!(sections[2].line, 7);
    }
}
