//! What is going on, while it goes on: live lines on a terminal, one plain line a step in a pipe.
//!
//! On a terminal the running step has a line with its elapsed time and, under it, the last line of
//! its output; a step that ended leaves one line behind.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::{Style, duration, holder, plain, whole_seconds};
use crate::causes::in_one_line;
use crate::facts::sessions::Session;
use crate::host::Stream;
use crate::plan::Step;
use crate::run::Event;
use crate::size::show_size;
use crate::source::fetch::FetchEvent;

/// How often a pipe is told that somebody is still being waited for.
const WAITING_AGAIN: Duration = Duration::from_secs(600);

/// Shows the events of a run on standard error.
pub struct Progress {
    style: Style,
    verbose: u8,
    /// Several zones at once: each line says which one it is about.
    label: String,
    bar: Option<ProgressBar>,
    last_line: Vec<u8>,
    /// The notes that were shown.
    noted: BTreeSet<String>,
    /// Who was waited for and for how long when that was last written where it stays.
    waiting: Option<(Vec<u32>, Duration)>,
}

impl Progress {
    #[must_use]
    pub fn new(style: Style, verbose: u8, label: String) -> Self {
        Self {
            style,
            verbose,
            label,
            bar: None,
            last_line: Vec::new(),
            noted: BTreeSet::new(),
            waiting: None,
        }
    }

    /// Shows one event.
    pub fn show(&mut self, event: &Event<'_>) {
        match event {
            Event::Planned(_) => {}
            Event::Started(step) => self.start(&title(step)),
            Event::Output(stream, bytes) => self.output(*stream, bytes),
            Event::Fetch(event) => self.fetch(event),
            Event::Note(text) => {
                // a zone is looked at after each stage, and says the same each time
                if self.noted.insert(text.clone()) {
                    let mark = self.style.paint("33", "note");
                    self.line(&format!("{mark}: {}", plain::lines(text)));
                }
            }
            Event::Waiting { sessions, waited } => self.wait(sessions, *waited),
            Event::Held(locks) => {
                for lock in *locks {
                    self.line(&format!("waiting for {}", holder(lock)));
                }
            }
            Event::Lost { error, again_in } => {
                self.stop();
                let mark = self.style.paint("33", "lost");
                let why = in_one_line(*error);
                self.line(&format!("{mark}: {why}; again in {}", duration(*again_in)));
            }
            Event::Reconnected(after) => {
                self.line(&format!("connected again after {}", duration(*after)));
            }
            Event::Ended {
                step,
                took,
                summary,
            } => self.done(&title(step), *took, summary.as_deref()),
            Event::Failed { step, took } => self.failed(&title(step), *took),
        }
    }

    /// Begins something that takes a while.
    pub fn start(&mut self, what: &str) {
        self.stop();
        if !self.style.terminal {
            return;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let template = if self.style.color {
            "{spinner} {prefix} {took:.dim}\n    {wide_msg:.dim}"
        } else {
            "{spinner} {prefix} {took}\n    {wide_msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(
                style.with_key("took", |state: &ProgressState, out: &mut dyn Write| {
                    let _ = out.write_str(&whole_seconds(state.elapsed()));
                }),
            );
        }
        bar.set_prefix(format!("{}{what}", self.label));
        bar.enable_steady_tick(Duration::from_millis(120));
        self.bar = Some(bar);
        self.last_line.clear();
    }

    /// Shows what a running thing is doing, under its line.
    pub fn detail(&mut self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
    }

    /// Ends what was begun, leaving nothing behind.
    pub fn stop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Writes a line that stays.
    pub fn line(&self, text: &str) {
        let text = plain::colored(&format!("{}{text}", self.label));
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    /// Ends what was begun, leaving one line that says so.
    pub fn done(&mut self, what: &str, took: Duration, found: Option<&str>) {
        let found = found.map(|found| format!(": {}", plain::line(found)));
        let found = found.unwrap_or_default();
        let mark = if self.style.terminal { "✓" } else { "done" };
        let mark = self.style.paint("32", mark);
        self.end(&format!("{mark} {what}{found}"), took);
    }

    /// The same for what failed.
    pub fn failed(&mut self, what: &str, took: Duration) {
        let mark = if self.style.terminal { "✗" } else { "failed" };
        let mark = self.style.paint("31", mark);
        self.end(&format!("{mark} {what}"), took);
    }

    fn end(&mut self, text: &str, took: Duration) {
        self.stop();
        let took = self.style.paint("2", &format!("({})", duration(took)));
        self.line(&format!("{text} {took}"));
    }

    fn output(&mut self, _: Stream, bytes: &[u8]) {
        if self.verbose > 1 {
            self.line(plain::lines(&String::from_utf8_lossy(bytes)).trim_end());
            return;
        }
        if self.bar.is_none() {
            return;
        }
        self.last_line.extend_from_slice(bytes);
        let text = String::from_utf8_lossy(&self.last_line).into_owned();
        if let Some(line) = text.lines().rfind(|line| !line.trim().is_empty()) {
            self.detail(&printable(line));
        }
        let keep = self
            .last_line
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        self.last_line.drain(..keep);
        self.last_line.truncate(4096);
    }

    /// On a terminal the running step's second line says it, and is kept up to date; elsewhere a
    /// line is written at first, when others have come or gone, and now and then.
    fn wait(&mut self, sessions: &[Session], waited: Duration) {
        let text = waiting(sessions, waited);
        if self.bar.is_some() {
            self.detail(&text);
            return;
        }
        let pids: Vec<u32> = sessions.iter().map(|session| session.pid).collect();
        let is_news = self.waiting.as_ref().is_none_or(|(last, at)| {
            *last != pids || waited < *at || waited.saturating_sub(*at) >= WAITING_AGAIN
        });
        if is_news {
            self.line(&text);
            self.waiting = Some((pids, waited));
        }
    }

    fn fetch(&mut self, event: &FetchEvent<'_>) {
        match fetch_text(event) {
            (text, true) => self.line(&plain::lines(&text)),
            (text, false) => self.detail(&printable(&text)),
        }
    }
}

/// Who is being waited for, since when they are there, and how to go on without them.
///
/// ```text
/// waiting for matt, connected for 2 h 10 min (12 min so far); --end-sessions would end the session
/// ```
fn waiting(sessions: &[Session], waited: Duration) -> String {
    let mut users: Vec<&str> = Vec::new();
    for session in sessions {
        if !users.contains(&session.user.as_str()) {
            users.push(&session.user);
        }
    }
    let who = users.iter().map(|user| {
        let theirs = || sessions.iter().filter(|session| session.user == *user);
        // where `ps` writes a time otherwise it is shown as it is
        let longest = theirs().max_by_key(|session| session.lasts());
        let lasts = longest.map(|s| s.lasts().map_or_else(|| s.since.clone(), roughly));
        let lasts = lasts.unwrap_or_default();
        match theirs().count() {
            1 => format!("{}, connected for {lasts}", printable(user)),
            several => format!(
                "{}, {several} times connected for up to {lasts}",
                printable(user)
            ),
        }
    });
    let who: Vec<String> = who.collect();
    let which = if sessions.len() == 1 {
        "the session"
    } else {
        "the sessions"
    };
    format!(
        "waiting for {} ({} so far); --end-sessions would end {which}",
        who.join(", and for "),
        roughly(waited),
    )
}

/// A long duration, as exact as one wants it: `40 s`, `12 min`, `2 h 10 min`, `3 days 4 h`.
fn roughly(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// Text without control characters, which could move the cursor.
fn printable(line: &str) -> String {
    line.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// What a step is called while it runs.
fn title(step: &Step) -> String {
    let action = step.main_change().map(|change| change.action);
    let text = format!("{}{}", action.map_or("", verb), step.title());
    plain::line(&text).into_owned()
}

fn verb(action: crate::plan::Action) -> &'static str {
    use crate::plan::Action;
    match action {
        Action::Create => "create ",
        Action::Change | Action::Run | Action::Unknown => "",
        Action::Destroy => "remove ",
        Action::Replace => "replace ",
    }
}

/// A line for an event of fetching, and whether it stays.
fn fetch_text(event: &FetchEvent<'_>) -> (String, bool) {
    match event {
        FetchEvent::Waiting => ("another process fetches the same archive".to_owned(), true),
        FetchEvent::Started {
            from,
            resumed_at: 0,
            ..
        } => (format!("fetch {from}"), true),
        FetchEvent::Started {
            from, resumed_at, ..
        } => (
            format!("fetch {from}, going on at {}", show_size(*resumed_at)),
            true,
        ),
        FetchEvent::Progress {
            received,
            total: Some(total),
        } => (
            format!("{} of {}", show_size(*received), show_size(*total)),
            false,
        ),
        FetchEvent::Progress {
            received,
            total: None,
        } => (show_size(*received), false),
        FetchEvent::Retrying { from, reason, wait } => (
            format!("{from}: {reason}; again in {}", duration(*wait)),
            true,
        ),
        FetchEvent::GaveUp { from, reason } => (format!("{from}: {reason}"), true),
        FetchEvent::DebianLists { release } => {
            (format!("read the lists of Debian {release}"), true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(user: &str, since: &str) -> Session {
        Session {
            user: user.to_owned(),
            pid: 1,
            since: since.to_owned(),
        }
    }

    #[test]
    fn who_is_waited_for_is_named_with_the_time_they_are_there() {
        let one = [session("matt", "02:10:05")];
        assert_eq!(
            waiting(&one, Duration::from_secs(725)),
            "waiting for matt, connected for 2 h 10 min (12 min so far); \
             --end-sessions would end the session"
        );
        let three = [
            session("matt", "00:59"),
            session("a\nb", "2-00:00:00"),
            session("matt", "01:00"),
        ];
        assert_eq!(
            waiting(&three, Duration::ZERO),
            "waiting for matt, 2 times connected for up to 1 min, and for a b, connected for \
             2 days 0 h (0 s so far); --end-sessions would end the sessions"
        );
    }
}
