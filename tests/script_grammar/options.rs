//! The options of one command, read as getopt and GNU's getopt_long read them.
//!
//! Only what is known of a word counts: `-o"$list"` is the letter `o` with an argument, `"$word"`
//! alone is an operand, and `-"$letters"` is refused.

use super::allowed::Tool;
use super::walk::{Arg, Walk};

/// How the options of a command are read.
pub struct Rules<'a> {
    pub letters: &'a str,
    pub words: &'a [String],
    pub valued_words: &'a [String],
    pub numbers: bool,
}

impl<'a> Rules<'a> {
    /// Letters alone.
    pub fn letters(letters: &'a str) -> Self {
        Self {
            letters,
            words: &[],
            valued_words: &[],
            numbers: false,
        }
    }

    /// All that the list says of a command.
    pub fn of(tool: &'a Tool) -> Self {
        Self {
            letters: &tool.options,
            words: &tool.words,
            valued_words: &tool.valued_words,
            numbers: tool.numbers,
        }
    }
}

impl Walk<'_> {
    /// Checks the options and returns the operands.
    pub fn options(
        &mut self,
        command: &str,
        rules: &Rules,
        reason: &str,
        args: &[Arg],
        line: usize,
    ) -> Vec<Arg> {
        let permutes = rules.letters.starts_with('-');
        let mut operands = Vec::new();
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            if !arg.text.starts_with('-') || arg.text == "-" && arg.is_literal {
                operands.push(arg.clone());
                if permutes {
                    continue;
                }
                break;
            }
            if arg.text == "--" {
                break;
            }
            let word = arg.text.split('=').next().unwrap_or_default().to_owned();
            let digits = arg.text.trim_start_matches('-');
            if rules.words.contains(&arg.text)
                || rules.numbers && digits.chars().all(|digit| digit.is_ascii_digit())
            {
                continue;
            }
            if rules.valued_words.contains(&word) {
                if word == arg.text && arg.is_literal {
                    rest.next();
                }
                continue;
            }
            if let Err(what) = cluster(rules.letters, arg, &mut rest) {
                self.option(command, &what, reason, line);
            }
        }
        operands.extend(rest.cloned());
        operands
    }
}

/// Reads a cluster of letters; what is wrong with it.
fn cluster<'a>(
    letters: &str,
    arg: &Arg,
    rest: &mut impl Iterator<Item = &'a Arg>,
) -> Result<(), String> {
    let body = arg.text.strip_prefix('-').unwrap_or(&arg.text);
    if body.starts_with('-') || body.is_empty() {
        return Err(format!("`{}`", arg.raw));
    }
    for (at, letter) in body.char_indices() {
        let known = letters
            .find(letter)
            .filter(|_| letter.is_ascii_alphanumeric());
        let Some(known) = known else {
            return Err(format!("`-{letter}`"));
        };
        let follows = letters
            .get(known + 1..)
            .and_then(|after| after.chars().next());
        if !matches!(follows, Some(':' | '!')) {
            continue;
        }
        let attached = body.get(at + 1..).unwrap_or_default();
        let value = if attached.is_empty() && arg.is_literal {
            rest.next()
                .map(|next| next.text.clone())
                .unwrap_or_default()
        } else {
            attached.to_owned()
        };
        // `sed -i` takes the suffix of the copy, and would swallow the script
        if follows == Some('!') && !value.is_empty() && !value.starts_with('.') {
            return Err(format!("`-{letter}` without its argument"));
        }
        break;
    }
    Ok(())
}
