//! Command-line options in the manner of `getopt`: letters that may be joined, values that may be
//! attached, and `--` as the end.

/// Options with their values, and what follows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The options in their order.
    pub flags: Vec<(char, String)>,
    /// The operands.
    pub operands: Vec<String>,
}

/// What is wrong with the options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misuse {
    /// No such option.
    Unknown(char),
    /// The option's value is missing.
    NoValue(char),
}

impl Options {
    /// Reads options; in `known` a letter that takes a value is followed by a colon.
    pub fn parse(arguments: &[String], known: &str) -> Result<Self, Misuse> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(word) = rest.next() {
            let letters = match word.strip_prefix('-') {
                Some("-") => break,
                Some(letters) if !letters.is_empty() => letters,
                _ => {
                    options.operands.push(word.clone());
                    break;
                }
            };
            let mut characters = letters.chars();
            while let Some(letter) = characters.next() {
                let place = known.find(letter).filter(|_| letter != ':');
                let place = place.ok_or(Misuse::Unknown(letter))?;
                if !known
                    .get(place + 1..)
                    .is_some_and(|after| after.starts_with(':'))
                {
                    options.flags.push((letter, String::new()));
                    continue;
                }
                let attached = characters.as_str();
                let value = match attached {
                    "" => rest.next().ok_or(Misuse::NoValue(letter))?.clone(),
                    attached => attached.to_owned(),
                };
                options.flags.push((letter, value));
                break;
            }
        }
        options.operands.extend(rest.cloned());
        Ok(options)
    }

    /// Whether an option was given.
    #[must_use]
    pub fn has(&self, letter: char) -> bool {
        self.flags.iter().any(|(given, _)| *given == letter)
    }

    /// The last value of an option.
    #[must_use]
    pub fn value(&self, letter: char) -> Option<&str> {
        self.flags
            .iter()
            .rev()
            .find(|(given, _)| *given == letter)
            .map(|(_, value)| value.as_str())
    }

    /// All values of an option.
    #[must_use]
    pub fn values(&self, letter: char) -> Vec<&str> {
        let given = self.flags.iter().filter(|(given, _)| *given == letter);
        given.map(|(_, value)| value.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, Misuse> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        Options::parse(&words, "aHo:")
    }

    #[test]
    fn letters_join_and_values_attach() {
        let options = parse(&["-aHofmri", "-o", "state", "x", "-a"]).unwrap();
        assert!(options.has('a') && options.has('H'));
        assert_eq!(options.values('o'), ["fmri", "state"]);
        assert_eq!(options.operands, ["x", "-a"]);
        assert_eq!(parse(&["--", "-a"]).unwrap().operands, ["-a"]);
    }

    #[test]
    fn misuse_is_told_apart() {
        assert_eq!(parse(&["-z"]), Err(Misuse::Unknown('z')));
        assert_eq!(parse(&["-:"]), Err(Misuse::Unknown(':')));
        assert_eq!(parse(&["-o"]), Err(Misuse::NoValue('o')));
    }
}
