//! Options as getopt(3C) reads them: clusters of letters, `--`, and nothing after the first operand.
//!
//! An option that is not in the letters is a refusal of the sandbox, not a usage error: the real
//! command may well know it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The options and the operands of a command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Parsed {
    options: Vec<(char, OsString)>,
    /// What follows the options.
    pub operands: Vec<OsString>,
}

/// Why a command line could not be read.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A letter that the sandbox does not know.
    Unknown(String),
    /// The argument of this option is missing.
    Missing(char),
}

impl Parsed {
    /// Reads `args` by `letters`; a letter followed by `:` takes an argument.
    pub fn new(args: &[OsString], letters: &str) -> Result<Self, Refusal> {
        let mut options = Vec::new();
        let mut args = args.iter();
        let mut operands = Vec::new();
        while let Some(arg) = args.next() {
            if arg == "--" {
                break;
            }
            let Some(cluster) = arg
                .as_bytes()
                .strip_prefix(b"-")
                .filter(|rest| !rest.is_empty())
            else {
                operands.push(arg.clone());
                break;
            };
            read_cluster(cluster, letters, &mut args, &mut options)?;
        }
        operands.extend(args.cloned());
        Ok(Self { options, operands })
    }

    /// Whether the option was given.
    pub fn has(&self, letter: char) -> bool {
        self.options.iter().any(|(given, _)| *given == letter)
    }

    /// The argument of the option's last appearance.
    pub fn value(&self, letter: char) -> Option<&OsStr> {
        self.options
            .iter()
            .rev()
            .find(|(given, _)| *given == letter)
            .map(|(_, value)| value.as_os_str())
    }

    /// As [`Self::value`], as text; bytes that are no UTF-8 are replaced.
    pub fn text(&self, letter: char) -> Option<String> {
        self.value(letter)
            .map(|value| value.to_string_lossy().into_owned())
    }

    /// The arguments of every appearance of the option.
    pub fn values(&self, letter: char) -> impl Iterator<Item = &OsStr> {
        self.options
            .iter()
            .filter(move |(given, _)| *given == letter)
            .map(|(_, value)| value.as_os_str())
    }

    /// The letters in the order in which they were given.
    pub fn letters(&self) -> String {
        self.options.iter().map(|(letter, _)| *letter).collect()
    }
}

fn read_cluster<'a>(
    cluster: &[u8],
    letters: &str,
    args: &mut impl Iterator<Item = &'a OsString>,
    options: &mut Vec<(char, OsString)>,
) -> Result<(), Refusal> {
    for (at, &byte) in cluster.iter().enumerate() {
        let letter = char::from(byte);
        let known = letters
            .find(letter)
            .filter(|_| byte.is_ascii_alphanumeric());
        let Some(known) = known else {
            return Err(Refusal::Unknown(format!("-{letter}")));
        };
        if !letters[known + 1..].starts_with(':') {
            options.push((letter, OsString::new()));
            continue;
        }
        let rest = cluster.get(at + 1..).unwrap_or_default();
        let value = if rest.is_empty() {
            args.next().cloned().ok_or(Refusal::Missing(letter))?
        } else {
            OsString::from_vec(rest.to_vec())
        };
        options.push((letter, value));
        break;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str], letters: &str) -> Result<Parsed, Refusal> {
        Parsed::new(
            &args.iter().map(OsString::from).collect::<Vec<_>>(),
            letters,
        )
    }

    #[test]
    fn options_end_at_the_first_operand() {
        let parsed = parse(&["-va", "sha256", "f", "-v"], "a:v").unwrap();
        assert_eq!(parsed.text('a').as_deref(), Some("sha256"));
        assert!(parsed.has('v'));
        assert_eq!(parsed.operands, ["f", "-v"]);
        assert_eq!(parse(&["--", "-v"], "v").unwrap().operands, ["-v"]);
        assert_eq!(parse(&["-", "x"], "v").unwrap().operands, ["-", "x"]);
    }

    #[test]
    fn unknown_letters_and_missing_arguments_are_told_apart() {
        assert_eq!(parse(&["-x"], "v"), Err(Refusal::Unknown("-x".into())));
        assert_eq!(parse(&["--long"], "v"), Err(Refusal::Unknown("--".into())));
        assert_eq!(parse(&["-a"], "a:"), Err(Refusal::Missing('a')));
    }
}
