//! Text of others made fit for a terminal: no control character of a value, a log or a zone's answer
//! gets there raw.
//!
//! Beside ESC there are eight-bit controls (U+009B begins a sequence as `ESC [` does) and characters
//! that turn the direction of writing, which make a line read as another.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal or a reader would take the character for more than itself.
fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text of one line: every active character as Rust writes it, newlines and tabs too.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, is_active)
}

/// A text of several lines: the same, but newlines and tabs stay.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| is_active(c) && !matches!(c, '\n' | '\t'))
}

fn escape(text: &str, is_bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_bad) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_bad(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Each active character by another of the same length, so that places in the text stay where they
/// are; newlines and tabs stay, and so do the ends of lines as Windows writes them.
#[must_use]
pub fn same_length(text: &str) -> String {
    let mut same = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let is_end = c == '\r' && rest.peek() == Some(&'\n');
        same.push(match c.len_utf8() {
            _ if !is_active(c) || is_end || matches!(c, '\n' | '\t') => c,
            1 => '?',
            2 => '¿',
            _ => '\u{fffd}',
        });
    }
    same
}

/// What is written to a terminal in the end: the same as [`lines`], but the colours that this program
/// puts into its own words stay.
#[must_use]
pub fn colored(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, after) = rest.split_at(at);
        out.push_str(&lines(before));
        let length = color_length(after);
        out.push_str(after.get(..length).unwrap_or_default());
        if length == 0 {
            out.push_str("\\u{1b}");
        }
        rest = after.get(length.max(1)..).unwrap_or_default();
    }
    out.push_str(&lines(rest));
    out
}

/// The length of the colour that `text` begins with: `ESC [ 1;31 m`.
fn color_length(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("\u{1b}[") else {
        return 0;
    };
    let is_part = |c: char| c.is_ascii_digit() || c == ';';
    match rest.find(|c| !is_part(c)) {
        Some(at) if rest.get(at..).is_some_and(|rest| rest.starts_with('m')) => {
            "\u{1b}[".len() + at + 1
        }
        _ => 0,
    }
}

/// JSON in which no active character is left: those that serde leaves as they are stand inside of
/// strings, where JSON has another way to write them.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    let is_bad = |c: char| is_active(c) && !matches!(c, '\n');
    if !text.contains(is_bad) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_bad(c) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NASTY: &str = "a\u{1b}]0;x\u{7}\t\r\n\u{9b}31m\u{7f}\u{202e}é日";

    #[test]
    fn nothing_active_is_left() {
        assert_eq!(
            line(NASTY),
            "a\\u{1b}]0;x\\u{7}\\t\\r\\n\\u{9b}31m\\u{7f}\\u{202e}é日"
        );
        assert_eq!(
            lines(NASTY),
            "a\\u{1b}]0;x\\u{7}\t\\r\n\\u{9b}31m\\u{7f}\\u{202e}é日"
        );
        assert_eq!(line("a b é"), "a b é");
    }

    #[test]
    fn places_stay_where_they_are() {
        let same = same_length(NASTY);
        assert_eq!(same, "a?]0;x?\t\r\n¿31m?\u{fffd}é日");
        assert_eq!(same_length("a\rb"), "a?b");
        assert_eq!(same.len(), NASTY.len());
    }

    #[test]
    fn only_colours_stay() {
        let text = "\u{1b}[1;31mred\u{1b}[0m \u{1b}[2J\u{1b}]0;x\u{7}\u{1b}";
        let clean = "\u{1b}[1;31mred\u{1b}[0m \\u{1b}[2J\\u{1b}]0;x\\u{7}\\u{1b}";
        assert_eq!(colored(text), clean);
        assert_eq!(colored(""), "");
    }

    #[test]
    fn json_says_the_same() {
        let value = serde_json::json!({ "a": NASTY });
        let text = format!("{value:#}");
        let clean = json(&text);
        assert!(
            !clean.contains(|c: char| is_active(c) && c != '\n'),
            "{clean}"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&clean).unwrap(),
            value
        );
    }
}
