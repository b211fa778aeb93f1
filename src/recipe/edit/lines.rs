//! A TOML text as the statements it is made of: blank lines, comments, headers, keys with values.
//!
//! The text was parsed before, so this need not complain: it only has to know where a value of
//! several lines ends. Put together again, the statements are the text, byte for byte.

/// One statement, with the end of its last line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Statement<'t> {
    /// A line of blanks.
    Blank(&'t str),
    /// A line with nothing but a comment.
    Comment(&'t str),
    /// `[table]` or `[[table]]`
    Header(&'t str),
    /// `key = value`, which may go on for several lines.
    Pair(Pair<'t>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair<'t> {
    /// Everything before the `=`, blanks included.
    pub key: &'t str,
    /// Everything behind the `=`: blanks, the value, a comment, the end of the line.
    pub rest: &'t str,
}

impl Statement<'_> {
    /// The statement as it stands in the text.
    #[cfg(test)]
    pub fn text(&self) -> String {
        match self {
            Self::Blank(line) | Self::Comment(line) | Self::Header(line) => (*line).to_owned(),
            Self::Pair(pair) => format!("{}={}", pair.key, pair.rest),
        }
    }
}

/// The statements of a text.
pub(super) fn statements(text: &str) -> Vec<Statement<'_>> {
    let mut all = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let line_end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(line_end);
        let start = line.trim_start_matches(['\u{feff}', ' ', '\t']);
        let statement = match start.chars().next() {
            None | Some('\n' | '\r') => Statement::Blank(line),
            Some('#') => Statement::Comment(line),
            Some('[') => Statement::Header(line),
            Some(_) => {
                let equals = key_end(rest);
                let (key, value) = rest.split_at(equals);
                let value = value.get(1..).unwrap_or("");
                let end = value_end(value);
                let (value, after) = value.split_at(end);
                rest = after;
                all.push(Statement::Pair(Pair { key, rest: value }));
                continue;
            }
        };
        all.push(statement);
        rest = after;
    }
    all
}

/// Where the `=` behind a key stands; the end of the text where there is none.
fn key_end(text: &str) -> usize {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '=') => return at,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    text.len()
}

/// Where the last line of a value ends, behind its newline.
fn value_end(text: &str) -> usize {
    let mut scan = Scan::default();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let before = scan.is_closed();
        let step = scan.step(rest);
        at += step;
        if before && rest.starts_with('\n') {
            return at;
        }
    }
    text.len()
}

/// Where in a value a reader of it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// How many brackets and braces are open.
    pub depth: usize,
    /// The quotes that end the text that is being read.
    pub quotes: Option<&'static str>,
    is_comment: bool,
}

impl Scan {
    /// Whether a newline here ends the statement.
    fn is_closed(self) -> bool {
        self.depth == 0 && self.quotes.is_none()
    }

    /// Reads what `rest` begins with; returns how many bytes that is.
    pub fn step(&mut self, rest: &str) -> usize {
        let one = rest.chars().next().map_or(1, char::len_utf8);
        if self.is_comment {
            self.is_comment = !rest.starts_with('\n');
            return one;
        }
        if let Some(quotes) = self.quotes {
            if quotes.starts_with('"') && rest.starts_with('\\') {
                return one
                    + rest
                        .get(1..)
                        .and_then(|r| r.chars().next())
                        .map_or(0, char::len_utf8);
            }
            if rest.starts_with(quotes) {
                // up to two quotes may stand right before the closing ones
                let mark = quotes.get(..1).unwrap_or("");
                let run = rest.len() - rest.trim_start_matches(mark).len();
                self.quotes = None;
                return if quotes.len() == 3 { run.min(5) } else { 1 };
            }
            return one;
        }
        for quotes in ["\"\"\"", "'''", "\"", "'"] {
            if rest.starts_with(quotes) {
                self.quotes = Some(quotes);
                return quotes.len();
            }
        }
        match rest.chars().next() {
            Some('#') => self.is_comment = true,
            Some('[' | '{') => self.depth += 1,
            Some(']' | '}') => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_put_together_are_the_text() {
        for text in [
            "",
            "a = 1",
            "# c\n\n[a]\nb = \"x # y\" # c\n",
            "a = [\n  1, # ]\n  \"]\",\n]\nb = 2\n",
            "a = \"\"\"\nb = 1\n\\\"\"\" still\"\"\"\"\"\nb = '''\n[x]\n'''\n",
            "\"a = b\" = 1\n'c = d'.e = 2\r\n  f = {\n g = 1 }\r\n",
            "a = \"\"\nb = ''\nc = \"\"\"\"\"\"\nd = '\\'\n",
        ] {
            let found = statements(text);
            let again: String = found.iter().map(Statement::text).collect();
            assert_eq!(again, text);
        }
        let keys = |text: &'static str| -> Vec<&str> {
            let pairs = statements(text).into_iter().filter_map(|s| match s {
                Statement::Pair(pair) => Some(pair.key.trim()),
                _ => None,
            });
            pairs.collect()
        };
        assert_eq!(
            keys("a = \"\"\"\nb = 1\n\"\"\"\nc = '''d = 1\n'''\n"),
            ["a", "c"]
        );
        assert_eq!(keys("a = [\n# ]\n\"[\",\n]\nb = 1"), ["a", "b"]);
        assert_eq!(
            keys("a = \"\"\"x\"\"\"\"\"\nb = '\\'\nc = 1"),
            ["a", "b", "c"]
        );
    }
}
