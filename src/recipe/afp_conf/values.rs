//! Whether a value is one that its option takes.
//!
//! netatalk reads a number by its leading digits and a word that is neither yes nor no as if it were
//! not there, so `600 GiB` is 600 MiB and `on` is the default: nothing at all is said about it.

use super::options::{
    AfpOption, BACKENDS_SINCE, LOG_LEVELS, LOG_TYPES, LOGIN_MODULES, Place, Takes,
};
use super::{Edit, Finding, has};
use crate::recipe::format::{list_of, nearest, quoted};
use crate::recipe::units::parse_size;

/// What is wrong with a value: message, what stands below it, help and the value to write.
struct Wrong {
    message: String,
    label: String,
    help: Option<String>,
    instead: Option<String>,
    word: Option<String>,
}

impl Wrong {
    fn new(message: String) -> Self {
        Self {
            message,
            label: String::new(),
            help: None,
            instead: None,
            word: None,
        }
    }

    fn label(self, label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            ..self
        }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// ``write `…` ``
    fn write(self, value: impl Into<String>) -> Self {
        let value = value.into();
        let wrong = self.help(format!("write `{value}`"));
        Self {
            instead: Some(value),
            ..wrong
        }
    }
}

/// Complains about a value of `option` in the line `line`.
pub(super) fn check(
    option: &AfpOption,
    value: &str,
    line: usize,
    is_homes: bool,
    version: Option<&str>,
) -> Option<Finding> {
    let wrong = match option.takes {
        Takes::Boolean => boolean(option.name, value),
        Takes::Number(first, last, unit) => number(option.name, value, first, last, unit),
        Takes::Mebibytes => mebibytes(option.name, value),
        Takes::Mode => mode(option.name, value),
        Takes::OneOf(words) => one_of(option.name, value, words, version),
        Takes::Some(words) => words_of(value)
            .find(|word| !words.contains(word))
            .map(|word| not_among(option.name, value, word, words)),
        Takes::LogLevels => log_levels(value),
        Takes::LoginModules => login_modules(value),
        Takes::Path => path(option, value, is_homes),
        Takes::Short(most) => short(option.name, value, most),
        Takes::Text => None,
    }?;
    Some(Finding {
        rule: "afp-conf-value",
        is_warning: false,
        line,
        edit: wrong.instead.map(Edit::Value),
        message: wrong.message,
        label: wrong.label,
        help: wrong.help,
        is_about_value: true,
        word: wrong.word,
    })
}

fn boolean(name: &str, value: &str) -> Option<Wrong> {
    // as iniparser: the first letter decides
    if value.starts_with(['y', 'Y', '1', 't', 'T', 'n', 'N', '0', 'f', 'F']) {
        return None;
    }
    let wrong = Wrong::new(format!("`{name}` must be yes or no, not {}", quoted(value)))
        .label("netatalk would take the default");
    Some(match value.to_lowercase().as_str() {
        "on" | "enable" | "enabled" => wrong.write("yes"),
        "off" | "disable" | "disabled" => wrong.write("no"),
        _ => wrong.help("write `yes` or `no`"),
    })
}

fn number(name: &str, value: &str, first: i64, last: i64, unit: &str) -> Option<Wrong> {
    let of = if unit.is_empty() {
        String::new()
    } else {
        format!(" of {unit}")
    };
    let hexadecimal = value.strip_prefix("0x");
    let parsed = match hexadecimal {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => value.parse::<i64>().ok(),
    };
    let Some(number) = parsed else {
        let message = format!("`{name}` must be a whole number{of}, not {}", quoted(value));
        let digits = value.trim_end_matches(|c: char| !c.is_ascii_digit());
        let suffix = value
            .get(digits.len()..)
            .unwrap_or("")
            .trim()
            .to_lowercase();
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let wrong = Wrong::new(message);
        // the unit it has anyway: 10h of hours
        return Some(
            if is_number && !suffix.is_empty() && unit.starts_with(&suffix) {
                wrong.label(format!("always in {unit}")).write(digits)
            } else {
                wrong.help(format!("write digits alone, as in `{}`", first.max(10)))
            },
        );
    };
    if (first..=last).contains(&number) {
        return None;
    }
    let message = format!("`{name}` cannot be {}", quoted(value));
    let wrong = Wrong::new(message).label(if number < first {
        "too small"
    } else {
        "too large"
    });
    let last = match last {
        2_147_483_647 => "2147483647, where netatalk's numbers end".to_string(),
        last => last.to_string(),
    };
    Some(wrong.help(format!("write a number from {first} to {last}")))
}

/// Parsed by `strtoul` into 32 bits; what is too large for them comes out as another number.
fn mebibytes(name: &str, value: &str) -> Option<Wrong> {
    const MIB: u64 = 1 << 20;
    let help_of_template = "in a template write `{{mib …}}` around a parameter of the type `size`";
    match value.parse::<u64>() {
        Ok(0) => Some(Wrong::new(format!("`{name}` is 0")).label("no room for anything")),
        Ok(number) if number <= u64::from(u32::MAX) => None,
        Ok(number) => {
            let wrong = Wrong::new(format!("`{name}` cannot be {}", quoted(value)))
                .label("it is in MiB, and this is more than 32 bits hold");
            Some(if number % MIB == 0 {
                // a number of bytes
                wrong.write((number / MIB).to_string()).help(format!(
                    "write `{}` if these are bytes; {help_of_template}",
                    number / MIB
                ))
            } else {
                wrong.help(help_of_template)
            })
        }
        Err(_) => {
            let wrong = Wrong::new(format!(
                "`{name}` must be a whole number of MiB, not {}",
                quoted(value)
            ));
            Some(match parse_size(value) {
                Ok(bytes) if bytes >= MIB => wrong
                    .label("netatalk reads the digits and passes over the unit")
                    .write((bytes / MIB).to_string()),
                _ => wrong.help("write digits alone, as in `614400` for 600 GiB"),
            })
        }
    }
}

fn mode(name: &str, value: &str) -> Option<Wrong> {
    let is_octal =
        (1..=4).contains(&value.len()) && value.bytes().all(|b| (b'0'..b'8').contains(&b));
    if is_octal {
        return None;
    }
    let wrong = Wrong::new(format!("`{name}` must be octal, not {}", quoted(value)));
    Some(match value.strip_prefix("0o") {
        Some(digits) => wrong.write(format!("0{digits}")),
        None => wrong.help("write for example `0660`"),
    })
}

fn one_of(name: &str, value: &str, words: &[&str], version: Option<&str>) -> Option<Wrong> {
    let is_there = |word: &str| {
        let mut times = BACKENDS_SINCE.iter();
        let time = times.find(|(backend, ..)| name == "cnid scheme" && *backend == word);
        time.is_none_or(|(_, since, until)| has(version, since, until))
    };
    let word = words.iter().find(|word| word.eq_ignore_ascii_case(value));
    match word {
        Some(word) if is_there(word) => None,
        Some(word) => {
            let version = version.unwrap_or_default();
            let there: Vec<&str> = words
                .iter()
                .copied()
                .filter(|word| is_there(word))
                .collect();
            Some(
                Wrong::new(format!(
                    "netatalk {version} has no `{name}` called `{word}`"
                ))
                .help(format!("it has {}", list_of(&there))),
            )
        }
        None => Some(not_among(name, value, value, words)),
    }
}

/// `word`, a part of `value`, is none of `words`.
fn not_among(name: &str, value: &str, word: &str, words: &[&str]) -> Wrong {
    let wrong = Wrong {
        word: Some(word.to_string()),
        ..Wrong::new(format!("`{name}` does not know {}", quoted(word)))
    };
    match nearest(word, words) {
        Some(meant) => {
            let wrong = wrong.write(value.replace(word, meant));
            wrong.help(format!(
                "did you mean `{meant}`? it takes {}",
                list_of(words)
            ))
        }
        None => wrong.help(format!("it takes {}", list_of(words))),
    }
}

fn words_of(value: &str) -> impl Iterator<Item = &str> {
    let words = value.split(|c: char| c.is_whitespace() || c == ',');
    words.filter(|word| !word.is_empty())
}

fn log_levels(value: &str) -> Option<Wrong> {
    words_of(value).find_map(|word| {
        let Some((kind, level)) = word.split_once(':') else {
            let is_level = LOG_LEVELS.contains(&word.to_lowercase().as_str());
            let wrong = Wrong::new(format!("`log level` needs a type before {}", quoted(word)));
            return Some(if is_level {
                wrong.write(value.replace(word, &format!("default:{word}")))
            } else {
                wrong.help("write for example `default:note`")
            });
        };
        if !LOG_TYPES.contains(&kind.to_lowercase().as_str()) {
            return Some(not_among("log level", value, kind, LOG_TYPES));
        }
        let is_level = LOG_LEVELS.contains(&level.to_lowercase().as_str());
        (!is_level).then(|| not_among("log level", value, level, LOG_LEVELS))
    })
}

fn login_modules(value: &str) -> Option<Wrong> {
    let names: Vec<&str> = LOGIN_MODULES.iter().map(|(name, _)| *name).collect();
    let unknown = words_of(value).find(|word| !names.contains(word))?;
    // modules of others are possible, but not with another ending
    let wrong = Wrong::new(format!("there is no login module {}", quoted(unknown)));
    let with_ending = format!("{unknown}.so");
    let meant = names.iter().find(|name| **name == with_ending).copied();
    Some(match meant.or_else(|| nearest(unknown, &names)) {
        Some(meant) => {
            let wrong = wrong.write(value.replace(unknown, meant));
            wrong.help(format!("did you mean `{meant}`?"))
        }
        None => wrong.help(format!("netatalk has {}", list_of(&names))),
    })
}

fn path(option: &AfpOption, value: &str, is_homes: bool) -> Option<Wrong> {
    let is_volume = option.place == Place::Volume;
    let is_home = is_volume && value.starts_with('~');
    // the part of a home folder that is shared
    let is_part = is_volume && is_homes;
    if value.starts_with('/') || is_home || is_part {
        return None;
    }
    let message = format!(
        "`{}` must be an absolute path, not {}",
        option.name,
        quoted(value)
    );
    Some(Wrong::new(message).help("begin it with `/`"))
}

fn short(name: &str, value: &str, most: usize) -> Option<Wrong> {
    let length = value.len();
    (length > most).then(|| {
        Wrong::new(format!("`{name}` is too long"))
            .label(format!("{length} bytes"))
            .help(format!("write at most {most}"))
    })
}
