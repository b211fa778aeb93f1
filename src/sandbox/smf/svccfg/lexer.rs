//! How `svccfg` cuts a line into words.
//!
//! `=`, `(` and `)` are words by themselves wherever they stand; `>` too. Double quotes hold
//! anything, with a backslash in front of `"` and `\`. `#` at the start of a word begins a comment.

/// One word of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Text without quotes.
    Plain(String),
    /// Text within double quotes.
    Quoted(String),
    /// `=`, `(`, `)` or `>`.
    Sign(char),
}

impl Word {
    /// The word as text; a sign is none.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Plain(text) | Self::Quoted(text) => Some(text),
            Self::Sign(_) => None,
        }
    }
}

/// A quoted text does not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfinished;

/// Cuts a line into words.
pub fn lex(line: &str) -> Result<Vec<Word>, Unfinished> {
    let mut words = Vec::new();
    let mut characters = line.chars().peekable();
    while let Some(&first) = characters.peek() {
        match first {
            ' ' | '\t' | '\n' => {
                characters.next();
            }
            '#' => return Ok(words),
            '=' | '(' | ')' | '>' => {
                characters.next();
                words.push(Word::Sign(first));
            }
            '"' => {
                characters.next();
                words.push(Word::Quoted(quoted(&mut characters)?));
            }
            _ => {
                let mut text = String::new();
                while let Some(c) = characters
                    .next_if(|c| !matches!(c, ' ' | '\t' | '\n' | '"' | '>' | '=' | '(' | ')'))
                {
                    text.push(c);
                }
                words.push(Word::Plain(text));
            }
        }
    }
    Ok(words)
}

fn quoted(characters: &mut impl Iterator<Item = char>) -> Result<String, Unfinished> {
    let mut text = String::new();
    while let Some(c) = characters.next() {
        match c {
            '"' => return Ok(text),
            '\\' => match characters.next() {
                Some(escaped @ ('"' | '\\')) => text.push(escaped),
                Some(other) => {
                    text.push('\\');
                    text.push(other);
                }
                None => return Err(Unfinished),
            },
            other => text.push(other),
        }
    }
    Err(Unfinished)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Word {
        Word::Plain(text.to_owned())
    }

    #[test]
    fn signs_need_no_blanks() {
        let words = [plain("setprop"), plain("pg/p"), Word::Sign('='), plain("x")];
        assert_eq!(lex("setprop pg/p=x").unwrap(), words);
        assert_eq!(lex("setprop pg/p = x").unwrap(), words);
        assert_eq!(
            lex("(a b)").unwrap(),
            [Word::Sign('('), plain("a"), plain("b"), Word::Sign(')')]
        );
    }

    #[test]
    fn quotes_hold_blanks_and_signs() {
        assert_eq!(
            lex(r#"astring: "--a=b \"c\" \\ \n""#).unwrap(),
            [
                plain("astring:"),
                Word::Quoted(r#"--a=b "c" \ \n"#.to_owned())
            ]
        );
        assert_eq!(lex("\"\"").unwrap(), [Word::Quoted(String::new())]);
        assert_eq!(lex("a \"b"), Err(Unfinished));
    }

    #[test]
    fn a_comment_starts_with_a_word() {
        assert_eq!(lex("a # b").unwrap(), [plain("a")]);
        assert_eq!(lex("a#b").unwrap(), [plain("a#b")]);
        assert_eq!(lex("  ").unwrap(), []);
    }

    #[test]
    fn the_type_and_its_value_are_two_words_only_with_a_blank() {
        assert_eq!(lex("astring: v").unwrap(), [plain("astring:"), plain("v")]);
        assert_eq!(lex("astring:v").unwrap(), [plain("astring:v")]);
    }
}
