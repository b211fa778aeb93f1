//! What is going on, while it goes on: live lines on a terminal, one plain line a step in a pipe.
//!
//! On a terminal the running step has a line with its elapsed time and, under it, the last line of
//! its output; a step that ended leaves one line behind.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::{Style, duration, plain, whole_seconds};
use crate::host::Stream;
use crate::plan::Step;
use crate::run::Event;
use crate::source::fetch::FetchEvent;

/// Shows the events of a run on standard error.
pub struct Progress {
    style: Style,
    verbose: u8,
    /// Several zones at once: each line says which one it is about.
    label: String,
    bar: Option<ProgressBar>,
    last_line: Vec<u8>,
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
                let mark = self.style.paint("33", "note");
                self.line(&format!("{mark}: {}", plain::lines(text)));
            }
            Event::Waiting(who) => self.line(&format!(
                "waiting: {} (--end-sessions to go on)",
                plain::lines(who)
            )),
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

    fn fetch(&mut self, event: &FetchEvent<'_>) {
        match fetch_text(event) {
            (text, true) => self.line(&plain::lines(&text)),
            (text, false) => self.detail(&printable(&text)),
        }
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
    let text = match step.changes.as_slice() {
        [] => step.id.clone(),
        [one] => format!("{}{}", verb(one.action), one.what),
        [first, rest @ ..] => format!(
            "{}{} and {} more",
            verb(first.action),
            first.what,
            rest.len()
        ),
    };
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
    let size = |bytes: u64| indicatif::HumanBytes(bytes).to_string();
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
            format!("fetch {from}, going on at {}", size(*resumed_at)),
            true,
        ),
        FetchEvent::Progress {
            received,
            total: Some(total),
        } => (format!("{} of {}", size(*received), size(*total)), false),
        FetchEvent::Progress {
            received,
            total: None,
        } => (size(*received), false),
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
