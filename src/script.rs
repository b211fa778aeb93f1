//! A script for a target, built from words that are quoted here and nowhere else.
//!
//! Shell text can only enter as `&'static str`, so no value of a recipe, a zone file or a fact is
//! ever formatted into a script: values arrive through [`Script::set`], [`Script::list`] and
//! [`Script::command`]. Scripts are for bash 4.3 (`facts`: the platform's shell is 4.3.30).

use std::fmt::Write as _;
use std::time::Duration;

/// How long a script may be quiet unless it says otherwise: longer than any wait of its own.
const QUIET: Duration = Duration::from_secs(15 * 60);

/// A bash script and what it needs from the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    name: String,
    body: String,
    reads_input: bool,
    quiet: Option<Duration>,
    spares: Vec<String>,
    stops_zone: bool,
}

impl Script {
    /// Starts an empty script. `name` says in a few words what it does; it appears in `-v` output.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            body: String::new(),
            reads_input: false,
            quiet: Some(QUIET),
            spares: Vec::new(),
            stops_zone: false,
        }
    }

    /// What the script does, in a few words.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The script's own text, without the frame that a transport puts around it.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Whether the script reads its standard input (an upload, a secret). Such a script travels in
    /// the request itself and must stay small; every other one travels on standard input.
    #[must_use]
    pub fn reads_input(&self) -> bool {
        self.reads_input
    }

    /// Marks the script as reading its standard input.
    #[must_use]
    pub fn with_input(mut self) -> Self {
        self.reads_input = true;
        self
    }

    /// How long the script may neither print nor take input before it counts as hanging; nothing
    /// where it may be quiet for ever.
    #[must_use]
    pub fn quiet_limit(&self) -> Option<Duration> {
        self.quiet
    }

    /// Sets the quiet limit.
    #[must_use]
    pub fn with_quiet_limit(mut self, limit: Option<Duration>) -> Self {
        self.quiet = limit;
        self
    }

    /// The names of the processes whose sessions the script does not end.
    #[must_use]
    pub fn spares(&self) -> &[String] {
        &self.spares
    }

    /// Says whose sessions the script's own text looks for.
    #[must_use]
    pub fn sparing<W: Into<String>>(mut self, processes: impl IntoIterator<Item = W>) -> Self {
        self.spares.extend(processes.into_iter().map(Into::into));
        self
    }

    /// Whether everything that runs in a zone ends when the script runs on its host.
    #[must_use]
    pub fn stops_zone(&self) -> bool {
        self.stops_zone
    }

    /// Says that it does.
    #[must_use]
    pub fn stopping_zone(mut self) -> Self {
        self.stops_zone = true;
        self
    }

    /// Adds a command line; each word is quoted, and the first is a command whatever it looks like.
    #[must_use]
    pub fn command<W: AsRef<str>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        let mut first = true;
        for word in words {
            if !first {
                self.body.push(' ');
            }
            let word = word.as_ref();
            if first && is_grammar(word) {
                self.body.push_str(&quote_always(word));
            } else {
                self.body.push_str(&quote(word));
            }
            first = false;
        }
        self.body.push('\n');
        self
    }

    /// Sets a shell variable to exactly `value`.
    #[must_use]
    pub fn set(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        let _ = writeln!(self.body, "{name}={}", quote(value.as_ref()));
        self
    }

    /// Sets a shell array to exactly `values`.
    ///
    /// bash before 4.4 calls an empty array unbound under `set -u`: expand it as
    /// `${name[@]+"${name[@]}"}`.
    #[must_use]
    pub fn list<W: AsRef<str>>(
        mut self,
        name: &'static str,
        values: impl IntoIterator<Item = W>,
    ) -> Self {
        let _ = write!(self.body, "{name}=(");
        let mut first = true;
        for value in values {
            if !first {
                self.body.push(' ');
            }
            first = false;
            self.body.push_str(&quote(value.as_ref()));
        }
        self.body.push_str(")\n");
        self
    }

    /// Adds shell text that is part of this program.
    #[must_use]
    pub fn shell(mut self, text: &'static str) -> Self {
        self.body.push_str(text);
        if !text.ends_with('\n') {
            self.body.push('\n');
        }
        self
    }

    /// Adds another script's text.
    #[must_use]
    pub fn then(mut self, other: &Script) -> Self {
        self.body.push_str(&other.body);
        self.reads_input |= other.reads_input;
        self.spares.extend(other.spares.iter().cloned());
        self.stops_zone |= other.stops_zone;
        self
    }
}

/// Words as one line that a shell would take apart into the same words again.
#[must_use]
pub fn words_of<W: AsRef<str>>(words: &[W]) -> String {
    let words: Vec<String> = words.iter().map(|word| quote(word.as_ref())).collect();
    words.join(" ")
}

/// Quotes one word for bash: bare where nothing can be special, in single quotes otherwise.
#[must_use]
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%=".contains(c);
    // `~` and `=` are special at the start of a word only
    if !word.is_empty() && word.chars().all(plain) && !word.starts_with('=') {
        return word.to_owned();
    }
    quote_always(word)
}

/// Words that bash takes for grammar where a command is due.
const RESERVED: &[&str] = &[
    "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in",
    "select", "then", "time", "until", "while",
];

/// Whether bash would take a bare word at the beginning of a line for something other than a
/// command: a reserved word, or an assignment.
fn is_grammar(word: &str) -> bool {
    RESERVED.contains(&word) || word.contains('=')
}

fn quote_always(word: &str) -> String {
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('\'');
    for c in word.chars() {
        if c == '\'' {
            quoted.push_str("'\\''");
        } else {
            quoted.push(c);
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bash(script: &str) -> String {
        let output = std::process::Command::new("bash")
            .arg("-c")
            .arg(script)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn every_word_arrives_as_it_was_given() {
        let words = [
            "", " ", "a b", "'", "\"", "$HOME", "`id`", "$(id)", ";", "\n", "-n", "--", "=", "~",
            "*", "\\", "é", "a'b\"c", "!x", "#", "&&", "a=b", "{a,b}", "\t",
        ];
        for word in words {
            let script = Script::new("t").command(["printf", "%s", word]);
            assert_eq!(bash(script.body()), word);
            let script = Script::new("t").set("x", word).shell("printf %s \"$x\"");
            assert_eq!(bash(script.body()), word);
        }
        for word in ["A=b", "if", "then", "done"] {
            let script = Script::new("t")
                .shell("command_not_found_handle() { printf %s \"$1\"; }")
                .command([word]);
            assert_eq!(bash(script.body()), word);
        }
        let script = Script::new("t")
            .list("x", words)
            .shell("printf '%s|' \"${x[@]}\"");
        assert_eq!(bash(script.body()), words.map(|w| format!("{w}|")).concat());
    }
}
