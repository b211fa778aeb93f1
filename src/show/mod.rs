//! What people and programs read: text and JSON.

pub mod checked;
pub mod doctor;
pub mod excerpt;
pub mod first_error;
pub mod plain;
pub mod plan;
pub mod problems;
pub mod progress;

use std::io::IsTerminal as _;
use std::time::Duration;

use crate::cli::Color;
use crate::facts::locks::Lock;

/// Whether to use colour on a stream, and what a terminal allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub color: bool,
    /// Lines may be written over.
    pub terminal: bool,
}

impl Style {
    /// The style of standard output.
    #[must_use]
    pub fn stdout(when: Color) -> Self {
        Self::of(when, std::io::stdout().is_terminal())
    }

    /// The style of standard error.
    #[must_use]
    pub fn stderr(when: Color) -> Self {
        Self::of(when, std::io::stderr().is_terminal())
    }

    fn of(when: Color, is_terminal: bool) -> Self {
        let variable = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = is_terminal && !dumb && !variable("CI");
        let color = match when {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !variable("NO_COLOR"),
        };
        Self { color, terminal }
    }

    /// How many characters a line of the terminal on standard error has; nothing where there is none.
    #[must_use]
    pub fn width(self) -> Option<usize> {
        let size = self
            .terminal
            .then(|| rustix::termios::tcgetwinsize(std::io::stderr()))?;
        size.ok()
            .map(|size| usize::from(size.ws_col))
            .filter(|width| *width >= 20)
    }

    /// A word in a colour of the terminal's palette (31 red, 32 green, 33 yellow, 36 cyan, 1 bold,
    /// 2 dim).
    #[must_use]
    pub fn paint(self, code: &str, text: &str) -> String {
        if self.color {
            plain::paint(code, text)
        } else {
            text.to_owned()
        }
    }
}

/// A line of a report: what it is about, and what there is to say.
#[must_use]
pub fn labelled(label: &str, text: &str, style: Style) -> String {
    format!("{}: {text}\n", style.paint("36", &format!("{label:>7}")))
}

/// A command in so many characters, without its middle: the program and the end tell most.
#[must_use]
pub fn shortened(command: &str, width: Option<usize>) -> String {
    let words: Vec<&str> = command.split_whitespace().collect();
    let length = |words: &[&str]| {
        words
            .iter()
            .map(|word| word.chars().count() + 1)
            .sum::<usize>()
    };
    let Some(width) = width.filter(|width| length(&words) > *width) else {
        return command.trim().to_owned();
    };
    let (first, rest) = words.split_at(words.len().min(1));
    let mut room = width.saturating_sub(length(first) + 2);
    let fits = |word: &&&str| {
        let needed = word.chars().count() + 1;
        let fits = needed <= room;
        room = room.saturating_sub(needed);
        fits
    };
    let count = rest.iter().rev().take_while(fits).count();
    let end = rest.split_at(rest.len() - count).1;
    [first, &["…"], end].concat().join(" ")
}

/// A duration for people: `0.4 s`, `12 s`, `3 min 05 s`.
#[must_use]
pub fn duration(took: Duration) -> String {
    match took.as_secs() {
        0..10 => format!("{:.1} s", took.as_secs_f64()),
        _ => whole_seconds(took),
    }
}

/// The same for a duration that grows while it is read: `4 s`, `3 min 05 s`.
#[must_use]
pub fn whole_seconds(took: Duration) -> String {
    let seconds = took.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

/// Who changes a zone, for people: `anna@mini (apply backup, since 2026-11-22 14:05:09Z)`.
#[must_use]
pub fn holder(lock: &Lock) -> String {
    let holder = &lock.holder;
    let who = match holder.user.as_str() {
        "" => "somebody with another version of zonewright".to_owned(),
        user => format!("{user}@{}", holder.host),
    };
    let what = match holder.command.as_str() {
        "" => String::new(),
        command => format!("{command}, "),
    };
    format!(
        "{who} ({what}since {} by the zone's clock)",
        moment(lock.since)
    )
}

/// A moment for people, in UTC: `2026-11-22 14:05:09Z`.
#[must_use]
pub fn moment(epoch: u64) -> String {
    let timestamp = i64::try_from(epoch).ok();
    let timestamp = timestamp.and_then(|epoch| jiff::Timestamp::from_second(epoch).ok());
    timestamp.map_or_else(
        || format!("{epoch} s after 1970"),
        |timestamp| timestamp.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        assert_eq!(moment(0), "1970-01-01 00:00:00Z");
        assert_eq!(moment(951_782_399), "2000-02-28 23:59:59Z");
        assert_eq!(moment(951_782_400), "2000-02-29 00:00:00Z");
        assert_eq!(moment(951_868_800), "2000-03-01 00:00:00Z");
        assert_eq!(moment(1_795_356_309), "2026-11-22 14:05:09Z");
    }

    #[test]
    fn a_command_keeps_its_program_and_its_end() {
        let command = "/opt/local/bin/gcc -O2 -DA=1 -I/opt/local/include -o main.o -c ../main.c";
        assert_eq!(shortened(command, None), command);
        assert_eq!(shortened(command, Some(command.len() + 1)), command);
        let short = "/opt/local/bin/gcc … -o main.o -c ../main.c";
        assert_eq!(shortened(command, Some(45)), short);
        assert_eq!(shortened(command, Some(1)), "/opt/local/bin/gcc …");
        assert_eq!(shortened("", Some(1)), "");
    }

    #[test]
    fn durations_read_well() {
        let text = |ms| duration(Duration::from_millis(ms));
        assert_eq!(text(0), "0.0 s");
        assert_eq!(text(9_940), "9.9 s");
        assert_eq!(text(10_000), "10 s");
        assert_eq!(text(59_999), "59 s");
        assert_eq!(text(60_000), "1 min 00 s");
        assert_eq!(text(185_000), "3 min 05 s");
    }
}
