//! Text of others made fit for a terminal: no control character of a value, a log or a zone's answer
//! gets there raw.
//!
//! Beside ESC there are eight-bit controls (U+009B begins a sequence as `ESC [` does) and characters
//! that turn the direction of writing, which make a line read as another.
//!
//! Colours of our own are marks until the very end, so that they are never mixed up with those that
//! a value brings along.

use std::borrow::Cow;
use std::fmt::Write as _;

/// What a mark for a colour begins and ends with: noncharacters, which no text has.
const BEGIN: char = '\u{fdd0}';
const END: char = '\u{fdd1}';

/// Whether a terminal or a reader would take the character for more than itself.
fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c, BEGIN | END | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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

/// A text in a colour of the terminal's palette: in marks, which [`colored`] makes colours of.
#[must_use]
pub fn paint(code: &str, text: &str) -> String {
    format!("{BEGIN}{code}{END}{text}{BEGIN}0{END}")
}

/// The colours of a text that another made from our words, as marks.
#[must_use]
pub fn repaint(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        rest = match after.split_once('m') {
            Some((code, after)) if is_code(code) => {
                out.extend([&BEGIN.to_string(), code, &END.to_string()]);
                after
            }
            _ => {
                out.push_str("\u{1b}[");
                after
            }
        };
    }
    out + rest
}

fn is_code(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit() || c == ';')
}

/// What is written to a terminal in the end: the same as [`lines`], with the marks made colours.
#[must_use]
pub fn colored(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split(BEGIN);
    out.push_str(&lines(parts.next().unwrap_or("")));
    for part in parts {
        match part.split_once(END) {
            Some((code, rest)) if is_code(code) => {
                let _ = write!(out, "\u{1b}[{code}m{}", lines(rest));
            }
            _ => {
                out.extend(BEGIN.escape_default());
                out.push_str(&lines(part));
            }
        }
    }
    out
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
    fn only_our_own_colours_stay() {
        let text = format!(
            "{} \u{1b}[31mred\u{1b}[2J{BEGIN}x{END}",
            paint("1;31", "red\u{7}")
        );
        assert_eq!(
            colored(&text),
            "\u{1b}[1;31mred\\u{7}\u{1b}[0m \\u{1b}[31mred\\u{1b}[2J\\u{fdd0}x\\u{fdd1}"
        );
        assert_eq!(
            line(&paint("31", "red")),
            "\\u{fdd0}31\\u{fdd1}red\\u{fdd0}0\\u{fdd1}"
        );
        assert_eq!(
            repaint("\u{1b}[1;31mred\u{1b}[0m\u{1b}[2J"),
            paint("1;31", "red") + "\u{1b}[2J"
        );
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
