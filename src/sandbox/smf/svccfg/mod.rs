//! `svccfg`: changes the configuration of services.
//!
//! The arguments are joined with blanks into one line of at most 2,048 bytes and cut into words
//! again, by rules that are not the shell's. A value with a blank therefore needs double quotes
//! that reach `svccfg` itself.

mod commands;
mod export;
mod import;
mod lexer;
mod properties;

use super::answer::{Answer, words};
use super::door::Door;
use super::fmri::{Fmri, matching_instances, matching_services};
use super::model::Repository;
use super::options::Options;
use super::paths::Paths;
use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;

const USAGE: &str =
    "Usage:\tsvccfg [-v] [-s FMRI] [-f file]\n\tsvccfg [-v] [-s FMRI] <command> [args]";

/// The buffer that the joined arguments go into, its end mark included.
const LINE_BYTES: usize = 2048;

/// Runs `svccfg` in this zone.
#[must_use]
pub fn run(arguments: &[OsString]) -> i32 {
    let mut input = || {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    };
    answer(&words(arguments), &Paths::zone(), &mut input).deliver()
}

/// What `svccfg` says and does; `input` is read only when commands come from there.
#[must_use]
pub fn answer(
    arguments: &[String],
    paths: &Paths,
    input: &mut dyn FnMut() -> std::io::Result<String>,
) -> Answer {
    let Ok(options) = Options::parse(arguments, "vs:f:z:") else {
        return Answer::failure(2, USAGE);
    };
    if options.has('z') {
        return Answer::failure(1, "svccfg: svccfg -z may only be used from the global zone");
    }
    let mut session = Session {
        paths,
        door: None,
        entity: None,
        verbose: options.has('v'),
        place: None,
        answer: Answer::default(),
    };
    if let Some(pattern) = options.value('s')
        && session.select(pattern).is_err()
    {
        return session.answer;
    }
    match (options.value('f'), options.operands.is_empty()) {
        (Some(_), false) => return Answer::failure(2, USAGE),
        (None, false) => {
            let mut line = options.operands.join(" ");
            truncate(&mut line, LINE_BYTES - 1);
            // A failure has already said what it has to say and set the status.
            let _ = session.line(&line);
        }
        (Some("-"), true) | (None, true) => match input() {
            Ok(text) => session.script(&text, "<stdin>"),
            Err(error) => session.answer.fail(1, format!("svccfg: <stdin>: {error}")),
        },
        (Some(file), true) => match std::fs::read_to_string(file) {
            Ok(text) => session.script(&text, file),
            Err(error) => {
                let reason = super::manifest::plain_reason(&error);
                session.answer.fail(1, format!("svccfg: {file}: {reason}"));
            }
        },
    }
    session.answer
}

/// A command failed and has said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failed;

struct Session<'a> {
    paths: &'a Paths,
    door: Option<Door>,
    /// The selected service or instance.
    entity: Option<Fmri>,
    verbose: bool,
    /// File and line of the command, when it comes from a file.
    place: Option<(String, usize)>,
    answer: Answer,
}

impl Session<'_> {
    /// Runs commands line by line, up to the first that fails.
    fn script(&mut self, text: &str, name: &str) {
        // A backslash in front of the line's end joins it with the next one.
        let mut pending = String::new();
        for (index, line) in text.lines().enumerate() {
            if let Some(start) = line.strip_suffix('\\') {
                pending.push_str(start);
                continue;
            }
            pending.push_str(line);
            // The real counter is printed minus one.
            self.place = Some((name.to_owned(), index + 1));
            let whole = std::mem::take(&mut pending);
            match self.line(&whole) {
                Ok(Flow::Go) => {}
                Ok(Flow::End) | Err(Failed) => return,
            }
        }
    }

    fn line(&mut self, line: &str) -> Result<Flow, Failed> {
        match lexer::lex(line) {
            Ok(words) if words.is_empty() => Ok(Flow::Go),
            Ok(words) => self.command(&words),
            Err(lexer::Unfinished) => Err(self.syntax_error()),
        }
    }

    fn fail(&mut self, message: impl AsRef<str>) -> Failed {
        let message = message.as_ref();
        let text = match &self.place {
            Some((file, line)) => format!("svccfg ({file}, line {line}): {message}"),
            None => format!("svccfg: {message}"),
        };
        self.answer.fail(1, text);
        Failed
    }

    fn warn(&mut self, message: impl AsRef<str>) {
        let code = self.answer.code;
        let _: Failed = self.fail(message);
        self.answer.code = code;
    }

    fn syntax_error(&mut self) -> Failed {
        self.fail("Syntax error.")
    }

    fn door(&mut self) -> Result<&mut Door, Failed> {
        if self.door.is_none() {
            match Door::open(self.paths) {
                Ok(door) => self.door = Some(door),
                Err(error) => {
                    let text = format!("Could not connect to repository server: {error}.");
                    return Err(self.fail(text));
                }
            }
        }
        self.door.as_mut().ok_or(Failed)
    }

    fn repository(&mut self) -> Result<Repository, Failed> {
        match self.door()?.read() {
            Ok(repository) => Ok(repository),
            Err(error) => Err(self.fail(format!("{error}."))),
        }
    }

    /// Makes changes, all or none.
    fn apply(&mut self, edits: Vec<super::door::Edit>) -> Result<Vec<String>, Failed> {
        match self.door()?.apply(edits) {
            Ok(messages) => Ok(messages),
            Err(super::door::DoorError::Denied) => Err(self.fail("Permission denied.")),
            Err(error) => Err(self.fail(format!("{error}."))),
        }
    }

    /// The services and instances that a pattern names.
    fn matches(&mut self, pattern: &str) -> Result<Vec<Fmri>, Failed> {
        let repository = self.repository()?;
        // A selected service gives its instances short names.
        if let Some(Fmri { service, .. }) = self.entity.clone()
            && let Some(found) = repository.services.get(&service)
        {
            let short = pattern.strip_prefix(':').unwrap_or(pattern);
            if found.instances.contains_key(short) {
                return Ok(vec![Fmri::instance(&service, short)]);
            }
        }
        let services = matching_services(&repository, pattern);
        let is_exact_service = services.iter().any(|fmri| {
            fmri.to_string() == format!("svc:/{}", pattern.trim_start_matches("svc:/"))
        });
        if is_exact_service {
            return Ok(services.into_iter().take(1).collect());
        }
        let mut found = matching_instances(&repository, pattern);
        if !pattern.contains(':') || pattern.contains('*') || found.is_empty() {
            found.extend(services.iter().cloned());
            found.retain(|fmri| {
                fmri.instance.is_none() || !services.contains(&Fmri::service(&fmri.service))
            });
        }
        Ok(found)
    }

    fn select(&mut self, pattern: &str) -> Result<(), Failed> {
        let found = self.matches(pattern)?;
        match found.as_slice() {
            [] => {
                let text = format!("Pattern '{pattern}' doesn't match any instances or services");
                Err(self.fail(text))
            }
            [only] => {
                self.entity = Some(only.clone());
                Ok(())
            }
            several => {
                let failed = self.fail(format!("Pattern '{pattern}' matches multiple instances:"));
                for fmri in several {
                    self.answer.complain(format!("\t{fmri}"));
                }
                Err(failed)
            }
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        PathBuf::from(name)
    }
}

/// Whether a script goes on after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Go,
    End,
}

fn truncate(line: &mut String, bytes: usize) {
    if line.len() > bytes {
        let end = (0..=bytes)
            .rev()
            .find(|end| line.is_char_boundary(*end))
            .unwrap_or(0);
        line.truncate(end);
    }
}

#[cfg(test)]
mod tests;
