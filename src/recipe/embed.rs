//! Values in a rendered file: each is written as the format writes it at the place where it stands,
//! or refused where the format has no way to.
//!
//! The same value is harmless behind `server name = ` and opens a section in a line of its own, and
//! a word that is quoted for a shell falls apart between the quotes of a template. So a template is
//! rendered with marks in place of its values first.

use super::model::FileKind;

/// What a mark begins and ends with; no text of a template holds it.
const BEGIN: char = '\u{1}';
const END: char = '\u{2}';

/// A value that a file cannot hold, and why.
pub(super) type Refused = (String, &'static str);

/// The mark of the value number `index`.
pub(super) fn mark(index: usize) -> String {
    format!("{BEGIN}{index}{END}")
}

/// Whether a template holds what marks are made of.
pub(super) fn has_marks(template: &str) -> bool {
    template.contains([BEGIN, END])
}

/// A rendered text, in pieces.
#[derive(Debug, Clone, Copy)]
enum Piece<'a> {
    /// Of the template.
    Text(&'a str),
    /// A value.
    Value(&'a str),
}

/// The file's text: the marks of `marked` replaced by what the format makes of their values.
///
/// # Errors
/// Every value that the format cannot hold where it stands.
pub(super) fn settle(
    kind: FileKind,
    marked: &str,
    values: &[String],
) -> Result<String, Vec<Refused>> {
    let pieces = pieces(marked, values);
    let mut refused = Vec::new();
    let mut refuse = |value: &str, reason| {
        let found = (value.to_owned(), reason);
        if !refused.contains(&found) {
            refused.push(found);
        }
    };
    let text = match kind {
        FileKind::Plain => pieces.iter().map(|piece| piece.as_str()).collect(),
        FileKind::AfpConf => afp_conf(&pieces, &mut refuse),
        FileKind::Xml => xml(&pieces, &mut refuse),
        FileKind::Shell => shell(&pieces, &mut refuse),
        FileKind::Json => json(&pieces, &mut refuse),
    };
    if refused.is_empty() {
        Ok(text)
    } else {
        Err(refused)
    }
}

impl<'a> Piece<'a> {
    fn as_str(&self) -> &'a str {
        match self {
            Self::Text(text) | Self::Value(text) => text,
        }
    }
}

fn pieces<'a>(marked: &'a str, values: &'a [String]) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    for (index, part) in marked.split(BEGIN).enumerate() {
        let marked = part.split_once(END).filter(|_| index > 0);
        let value = marked.and_then(|(number, rest)| {
            let value = values.get(number.parse::<usize>().ok()?)?;
            Some((value, rest))
        });
        match value {
            Some((value, rest)) => pieces.extend([Piece::Value(value), Piece::Text(rest)]),
            None => pieces.push(Piece::Text(part)),
        }
    }
    pieces
}

/// The settings in whose values netatalk replaces `$u` and its like.
const WITH_VARIABLES: &[&str] = &[
    "home name",
    "path",
    "postexec",
    "preexec",
    "vol dbpath",
    "volume name",
];

/// The longest line that the reader of `afp.conf` takes; a longer one makes it refuse the file.
const LONGEST_LINE: usize = 1_000;

/// Lines of pieces: a newline in a value is no end of a line, it is refused.
fn afp_conf(pieces: &[Piece<'_>], refuse: &mut dyn FnMut(&str, &'static str)) -> String {
    let mut text = String::new();
    let mut line: Vec<Piece<'_>> = Vec::new();
    for piece in pieces {
        let Piece::Text(part) = piece else {
            line.push(*piece);
            continue;
        };
        let mut parts = part.split('\n').peekable();
        while let Some(part) = parts.next() {
            line.push(Piece::Text(part));
            if parts.peek().is_some() {
                text.push_str(&afp_line(&line, refuse));
                text.push('\n');
                line.clear();
            }
        }
    }
    text + &afp_line(&line, refuse)
}

/// How netatalk's reader takes a line apart: `;` and `#` end it wherever they are, quotes around a
/// whole value are dropped, and so are blanks; a backslash at the end joins the next line.
fn afp_line(line: &[Piece<'_>], refuse: &mut dyn FnMut(&str, &'static str)) -> String {
    let whole: String = line.iter().map(Piece::as_str).collect();
    let first = line.iter().find_map(|piece| match piece {
        Piece::Text(text) => text.trim_start().chars().next(),
        Piece::Value(_) => Some('\0'),
    });
    let is_comment = matches!(first, Some(';' | '#'));
    let mut key = String::new();
    let mut is_set = false;
    let mut out = String::new();
    for (index, piece) in line.iter().enumerate() {
        let value = match piece {
            Piece::Text(text) => {
                if !is_set {
                    key.push_str(text.split('=').next().unwrap_or(""));
                    is_set = text.contains('=');
                }
                out.push_str(text);
                continue;
            }
            Piece::Value(value) => *value,
        };
        let is_blank =
            |pieces: &[Piece<'_>]| pieces.iter().all(|piece| piece.as_str().trim().is_empty());
        let before = line.get(..index).unwrap_or_default();
        let is_first = is_set
            && out
                .rsplit('=')
                .next()
                .is_some_and(|text| text.trim().is_empty());
        let is_last = is_blank(line.get(index + 1..).unwrap_or_default());
        let reason = if value.contains(char::is_control) {
            Some("a newline or control character ends a value")
        } else if whole.len() > LONGEST_LINE {
            Some("a line of this file has at most 1000 bytes")
        } else if is_comment {
            None
        } else if value.contains(';') {
            Some("`;` begins a comment inside a value")
        } else if value.contains('#') {
            Some("`#` begins a comment inside a value")
        } else if first == Some('[') {
            afp_section(value)
        } else if !is_set {
            afp_name(value, before)
        } else {
            afp_value(value, is_first, is_last)
        };
        if let Some(reason) = reason {
            refuse(value, reason);
        }
        if WITH_VARIABLES.contains(&key.trim().to_lowercase().as_str()) {
            out.push_str(&value.replace('$', "$$"));
        } else {
            out.push_str(value);
        }
    }
    out
}

fn afp_section(value: &str) -> Option<&'static str> {
    if value.contains(['[', ']']) {
        Some("a bracket ends the name of a section")
    } else if value.contains(':') {
        Some("a section with `:` in its name is not found again")
    } else if value.trim() != value {
        Some("spaces around a name are dropped")
    } else {
        None
    }
}

fn afp_name(value: &str, before: &[Piece<'_>]) -> Option<&'static str> {
    let is_word = |c: char| c.is_alphanumeric() || " _-".contains(c);
    let is_bare = before.iter().all(|piece| piece.as_str().trim().is_empty());
    (is_bare && !value.chars().all(is_word)).then_some("this cannot be the name of a setting")
}

fn afp_value(value: &str, is_first: bool, is_last: bool) -> Option<&'static str> {
    if (is_first && value.trim_start() != value) || (is_last && value.trim_end() != value) {
        Some("spaces around a value are dropped")
    } else if is_first && value.starts_with(['"', '\'']) {
        Some("a quote at the beginning of a value is dropped")
    } else if is_last && value.ends_with('\\') {
        Some("a backslash at the end joins the next line to this one")
    } else {
        None
    }
}

/// Text and attributes alike.
fn xml(pieces: &[Piece<'_>], refuse: &mut dyn FnMut(&str, &'static str)) -> String {
    let mut markup = Markup::default();
    for piece in pieces {
        let Piece::Value(value) = piece else {
            markup.push(piece.as_str());
            continue;
        };
        let is_carried = |c: char| {
            matches!(c, '\n' | '\t' | '\r') || !(c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}'))
        };
        if !value.chars().all(is_carried) {
            refuse(value, "XML has no control characters");
        } else if markup.is_open(0) {
            refuse(value, "nothing is escaped in `<![CDATA[`");
        } else if markup.is_open(1) && value.contains("--") {
            refuse(value, "`--` cannot stand in a comment");
        } else {
            markup.push(&escape_xml(value));
        }
    }
    markup.text
}

/// What begins and ends a part in which nothing is escaped, and a comment.
const PARTS: [(&str, &str); 2] = [("<![CDATA[", "]]>"), ("<!--", "-->")];

/// Markup as it grows, and where each of [`PARTS`] was begun and ended last: looking through all of
/// the text for each of ten thousand values takes too long.
#[derive(Default)]
struct Markup {
    text: String,
    last: [(Option<usize>, Option<usize>); 2],
}

impl Markup {
    fn push(&mut self, more: &str) {
        // a sign may have begun in what stood there before
        let mut from = self.text.len().saturating_sub(8);
        while !self.text.is_char_boundary(from) {
            from -= 1;
        }
        self.text.push_str(more);
        let new = self.text.get(from..).unwrap_or("");
        for ((open, close), last) in PARTS.iter().zip(&mut self.last) {
            let place = |sign: &str| new.rfind(sign).map(|at| from + at);
            last.0 = place(open).or(last.0);
            last.1 = place(close).or(last.1);
        }
    }

    fn is_open(&self, part: usize) -> bool {
        self.last
            .get(part)
            .is_some_and(|(open, close)| open > close)
    }
}

fn escape_xml(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\t' => escaped.push_str("&#9;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A value becomes a word with its own quotes, which between other quotes would end them.
fn shell(pieces: &[Piece<'_>], refuse: &mut dyn FnMut(&str, &'static str)) -> String {
    let mut text = String::new();
    for piece in pieces {
        let Piece::Value(value) = piece else {
            text.push_str(piece.as_str());
            continue;
        };
        let line = text.rsplit('\n').next().unwrap_or("");
        match shlex::try_quote(value) {
            Err(_) => refuse(value, "a shell word cannot hold NUL"),
            Ok(_) if is_quoted(line) => {
                refuse(value, "it brings its own quotes: leave those around it out");
            }
            Ok(_) if is_commented(line) && value.contains(['\n', '\r']) => {
                refuse(value, "a newline ends the comment");
            }
            Ok(word) => text.push_str(&word),
        }
    }
    text
}

/// Whether the beginning of a line of shell leaves a quote open.
fn is_quoted(line: &str) -> bool {
    let mut open = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (open, c) {
            (None | Some('"'), '\\') => drop(chars.next()),
            (None, '#') if is_commented(line) => return false,
            (None, '"' | '\'') => open = Some(c),
            (Some(quote), c) if c == quote => open = None,
            _ => {}
        }
    }
    open.is_some()
}

fn is_commented(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// Inside of a string anything can be written; outside of one only a number, true, false or null.
fn json(pieces: &[Piece<'_>], refuse: &mut dyn FnMut(&str, &'static str)) -> String {
    let mut text = String::new();
    let mut is_string = false;
    for piece in pieces {
        match piece {
            Piece::Text(part) => {
                let mut chars = part.chars();
                while let Some(c) = chars.next() {
                    match c {
                        '\\' if is_string => drop(chars.next()),
                        '"' => is_string = !is_string,
                        _ => {}
                    }
                }
                text.push_str(part);
            }
            Piece::Value(value) if is_string => {
                let quoted = serde_json::Value::from(*value).to_string();
                let inside = quoted
                    .strip_prefix('"')
                    .and_then(|text| text.strip_suffix('"'));
                text.push_str(inside.unwrap_or_default());
            }
            Piece::Value(value) => {
                let is_scalar = matches!(
                    serde_json::from_str(value),
                    Ok(serde_json::Value::Number(_)
                        | serde_json::Value::Bool(_)
                        | serde_json::Value::Null)
                );
                if !is_scalar {
                    refuse(
                        value,
                        "a text stands between double quotes, which the template must write",
                    );
                }
                text.push_str(value);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(kind: FileKind, template: &str, value: &str) -> Result<String, &'static str> {
        let marked = template.replace("@@", &mark(0));
        let values = [value.to_owned()];
        settle(kind, &marked, &values).map_err(|refused| refused[0].1)
    }

    #[test]
    fn a_value_of_afp_conf_is_what_netatalk_reads() {
        let at = |template: &str, value: &str| settled(FileKind::AfpConf, template, value);
        let name = "[Global]\nserver name = @@\nx = y\n";
        for value in [
            "", "a b", "a\"b", "it's", "=", "[a]", "$u", "a\\b", "é", "a:b",
        ] {
            assert_eq!(at(name, value), Ok(name.replace("@@", value)), "{value:?}");
        }
        for value in [
            "a;b",
            "a#b",
            "a\n[b]",
            "a\tb",
            " a",
            "a ",
            "\"a\"",
            "'",
            "a\\",
            &"x".repeat(1001),
        ] {
            assert!(at(name, value).is_err(), "{value:?}");
        }
        // in the middle of a value neither blanks nor quotes are lost
        for value in [" a", "\"", "a\\"] {
            assert!(at("x = a@@b\n", value).is_ok(), "{value:?}");
        }
        assert_eq!(at("[@@]\n", "a b's $x"), Ok("[a b's $x]\n".to_owned()));
        for value in ["a]b", "[", "a:b", " a", "a;b"] {
            assert!(at("[@@]\n", value).is_err(), "{value:?}");
        }
        assert!(at("@@ = b\n", "log level").is_ok());
        assert!(at("@@ = b\n", "a = b").is_err());
        assert!(at("@@\n", "[b]").is_err());
        assert!(at("; of @@\n", "a; b").is_ok());
        assert!(at("; of @@\n", "a\nb").is_err());
        let path = "path = /a/@@/$u\n";
        assert_eq!(at(path, "$u"), Ok("path = /a/$$u/$u\n".to_owned()));
    }

    #[test]
    fn a_word_of_a_shell_has_no_quotes_around_it() {
        let at = |template: &str, value: &str| settled(FileKind::Shell, template, value);
        assert_eq!(at("A=@@\n", "$(id)"), Ok("A='$(id)'\n".to_owned()));
        assert_eq!(at("A=\"b\" B=@@\n", "c"), Ok("A=\"b\" B=c\n".to_owned()));
        assert_eq!(at("# don't @@\n", "c"), Ok("# don't c\n".to_owned()));
        for template in ["A=\"@@\"\n", "A='@@'\n", "A=\"\\\"@@\"\n"] {
            assert!(at(template, "c").is_err(), "{template}");
        }
        assert!(at("# @@\n", "a\nb").is_err());
    }

    #[test]
    fn a_text_of_json_stands_in_a_string() {
        let at = |template: &str, value: &str| settled(FileKind::Json, template, value);
        assert_eq!(
            at("{\"a\": \"@@\"}", "\"\n\\"),
            Ok("{\"a\": \"\\\"\\n\\\\\"}".to_owned())
        );
        assert_eq!(at("{\"a\": @@}", "17"), Ok("{\"a\": 17}".to_owned()));
        assert!(at("{\"a\": @@}", "1, \"b\": 2").is_err());
        assert!(at("{\"\\\"\": @@}", "text").is_err());
    }

    #[test]
    fn markup_holds_no_control_characters_and_comments_no_hyphens() {
        let at = |template: &str, value: &str| settled(FileKind::Xml, template, value);
        assert_eq!(
            at("<a b='@@'/>", "'\n]]>"),
            Ok("<a b='&apos;&#10;]]&gt;'/>".to_owned())
        );
        assert!(at("<a>@@</a>", "\u{1b}").is_err());
        assert!(at("<!-- @@ -->", "a--b").is_err());
        assert!(at("<!-- c --><a>@@</a>", "a--b").is_ok());
        assert!(at("<![CDATA[@@]]>", "a").is_err());
        assert!(at("<![CDATA[]]>@@", "a").is_ok());
        assert!(at("<!-@@- é @@ -->", "-").is_ok());
        assert!(at("<!@@ @@ -->", "--").is_err());
    }
}
