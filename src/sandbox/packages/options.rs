//! Option letters the way `getopt` of libc reads them.
//!
//! Reading stops at the first word that is not an option: `pkg_add FILE -u` takes `-u` for a file.

use super::process::Process;

/// The options of one call, in the order given.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    given: Vec<(char, String)>,
    /// The words after the options.
    pub rest: Vec<String>,
}

impl Options {
    /// Reads options; `known` is `getopt`'s string, with `:` after letters that take a value.
    ///
    /// # Errors
    ///
    /// The message of `getopt`, without the program's name.
    pub fn read(arguments: &[String], known: &str) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                break;
            }
            let Some(letters) = word.strip_prefix('-').filter(|l| !l.is_empty()) else {
                options.rest.push(word.clone());
                break;
            };
            let mut letters = letters.chars();
            while let Some(letter) = letters.next() {
                if letter == ':' || !known.contains(letter) {
                    return Err(format!("illegal option -- {letter}"));
                }
                let mut value = String::new();
                if known.contains(&format!("{letter}:")) {
                    value = letters.by_ref().collect();
                    if value.is_empty() {
                        value = words
                            .next()
                            .ok_or(format!("option requires an argument -- {letter}"))?
                            .clone();
                    }
                }
                options.given.push((letter, value));
            }
        }
        options.rest.extend(words.cloned());
        Ok(options)
    }

    /// What every tool of pkg_install begins with. A mistake, `-V` and `-h` end it here, with this
    /// status.
    ///
    /// # Errors
    ///
    /// The status to end with; what there was to say has been said.
    pub fn start(
        process: &mut Process<'_>,
        (program, usage): (&str, &str),
        arguments: &[String],
        known: &str,
    ) -> Result<Self, i32> {
        let options = match Self::read(arguments, known) {
            Ok(options) => options,
            Err(mistake) => {
                process.warn(program, &mistake);
                process.complain(usage);
                return Err(1);
            }
        };
        if options.has('V') {
            process.say(super::TOOLS_VERSION);
            return Err(0);
        }
        if options.has('h') {
            process.complain(usage);
            return Err(1);
        }
        Ok(options)
    }

    /// Whether the letter was given.
    #[must_use]
    pub fn has(&self, letter: char) -> bool {
        self.count(letter) > 0
    }

    /// How often the letter was given.
    #[must_use]
    pub fn count(&self, letter: char) -> usize {
        self.given.iter().filter(|(l, _)| *l == letter).count()
    }

    /// The last value of the letter.
    #[must_use]
    pub fn value(&self, letter: char) -> Option<&str> {
        self.given
            .iter()
            .rfind(|(l, _)| *l == letter)
            .map(|(_, v)| v.as_str())
    }

    /// Every value of the letter.
    pub fn values(&self, letter: char) -> impl Iterator<Item = &str> {
        self.given
            .iter()
            .filter(move |(l, _)| *l == letter)
            .map(|(_, v)| v.as_str())
    }

    /// The letters given, in order.
    pub fn letters(&self) -> impl Iterator<Item = char> {
        self.given.iter().map(|(l, _)| *l)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<Options, String> {
        let words: Vec<String> = words.split_whitespace().map(Into::into).collect();
        Options::read(&words, "C:K:fuv")
    }

    #[test]
    fn values_stand_in_the_word_or_after_it() {
        let options = read("-fuC /dev/null -K/db one -v").unwrap();
        assert_eq!(options.value('C'), Some("/dev/null"));
        assert_eq!(options.value('K'), Some("/db"));
        assert!(options.has('f') && options.has('u'));
        assert!(!options.has('v'), "reading stops at the first word");
        assert_eq!(options.rest, ["one", "-v"]);
    }

    #[test]
    fn mistakes_are_told_as_libc_tells_them() {
        assert_eq!(read("-x").unwrap_err(), "illegal option -- x");
        assert_eq!(read("-:").unwrap_err(), "illegal option -- :");
        assert_eq!(read("-K").unwrap_err(), "option requires an argument -- K");
    }

    #[test]
    fn two_dashes_end_the_options_and_one_is_a_word() {
        assert_eq!(read("-f -- -u").unwrap().rest, ["-u"]);
        assert_eq!(read("-f - -u").unwrap().rest, ["-", "-u"]);
    }
}
