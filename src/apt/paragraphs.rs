//! Paragraphs of fields, as apt writes its answers and reads its sources.
//!
//! A field goes on in the lines after it that begin with a blank; a line of a lone dot there stands
//! for an empty one. Comments may stand in the middle of a paragraph.

/// The fields of one paragraph.
#[derive(Debug, Default)]
pub(super) struct Paragraph {
    fields: Vec<(String, String)>,
}

impl Paragraph {
    /// The value of a field, whose name is given in small letters; lines after the first are
    /// trimmed too.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.trim())
    }

    pub(super) fn words(&self, name: &str) -> Vec<String> {
        self.value(name)
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    }
}

// Package: netatalk
// Version: 4.2.3~ds-1+deb13u2
// Checksums-Sha256:
//  3a935770… 853516 netatalk_4.2.3~ds.orig.tar.xz
pub(super) fn parse_paragraphs(text: &str) -> Vec<Paragraph> {
    let mut paragraphs = Vec::new();
    let mut paragraph = Paragraph::default();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            if !paragraph.fields.is_empty() {
                paragraphs.push(std::mem::take(&mut paragraph));
            }
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = paragraph.fields.last_mut() {
                let line = line.trim();
                value.push('\n');
                value.push_str(if line == "." { "" } else { line });
            }
        } else if let Some((name, value)) = line.split_once(':') {
            let name = name.trim().to_ascii_lowercase();
            paragraph.fields.push((name, value.trim().to_owned()));
        }
    }
    paragraphs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_goes_on_past_comments_and_an_empty_line_ends_the_paragraph() {
        let paragraphs =
            parse_paragraphs("A: x\n b\n# c\n .\n\td\nno field\nE-f:  g h\n\n\n \nA: y");
        let values: Vec<_> = paragraphs.iter().map(|p| p.value("a")).collect();
        assert_eq!(values, [Some("x\nb\n\nd"), Some("y")]);
        assert_eq!(paragraphs[0].words("e-f"), ["g", "h"]);
        assert_eq!(paragraphs[1].words("e-f"), [""; 0]);
    }
}
