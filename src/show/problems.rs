//! Problems as people read them: the line, underlined, with what to write instead.
//!
//! A report is reproducible text: its width is fixed and colour is the caller's decision.

use std::fmt;
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, Severity, SourceCode, SourceSpan, SpanContents,
};

use super::plain;
use crate::problem::{Problem, Severity as Badness, SourceText};

/// All problems, sorted by place, each with the lines it is about.
#[must_use]
pub fn render(problems: &[Problem], color: bool) -> String {
    let theme = if color {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(100)
        // options, paths and names are to be copied: none is broken at its hyphens and slashes
        .with_word_separator(textwrap::WordSeparator::AsciiSpace)
        .with_word_splitter(textwrap::WordSplitter::NoHyphenation)
        .with_break_words(false)
        .with_links(false)
        .with_context_lines(1)
        .without_cause_chain();
    let mut reports = Vec::new();
    for problem in sorted(problems) {
        let problem = &printable(problem);
        let mut report = String::new();
        if handler
            .render_report(&mut report, &Report::new(problem))
            .is_err()
        {
            report = format!("{}\n", line(problem));
        }
        reports.push(report);
    }
    plain::repaint(&reports.join("\n"))
}

/// All problems, sorted by place, one line each.
#[must_use]
pub fn render_lines(problems: &[Problem]) -> String {
    sorted(problems)
        .into_iter()
        .map(|problem| plain::line(&line(problem)).into_owned() + "\n")
        .collect()
}

/// The same problem without what a terminal would take for a command; places stay true.
fn printable(problem: &Problem) -> Problem {
    let text = |text: &String| plain::line(text).into_owned();
    let file = problem.file.as_ref().map(|file| {
        let path = file.path.to_string_lossy();
        Arc::new(SourceText {
            path: plain::line(&path).into_owned().into(),
            text: plain::same_length(&file.text),
        })
    });
    Problem {
        severity: problem.severity,
        message: text(&problem.message),
        file,
        span: problem.span.clone(),
        key: text(&problem.key),
        label: text(&problem.label),
        help: problem.help.as_ref().map(text),
    }
}

/// `file:line:column: error: message (help: …)`
#[must_use]
pub fn line(problem: &Problem) -> String {
    let severity = match problem.severity {
        Badness::Error => "error",
        Badness::Warning => "warning",
    };
    let mut text = String::new();
    if let Some(file) = &problem.file {
        text.push_str(&file.path.to_string_lossy());
        text.push(':');
        match problem.line_and_column() {
            Some((line, column)) => text.push_str(&format!("{line}:{column}: ")),
            None if problem.key.is_empty() => text.push(' '),
            None => text.push_str(&format!(" {}: ", problem.key)),
        }
    }
    text.push_str(&format!("{severity}: {}", problem.message));
    let remarks: Vec<String> = [Some(&problem.label), problem.help.as_ref()]
        .into_iter()
        .flatten()
        .filter(|remark| !remark.is_empty())
        .cloned()
        .collect();
    if !remarks.is_empty() {
        text.push_str(&format!(" (help: {})", remarks.join("; ")));
    }
    text
}

/// By file and place; where there is no place, in the order in which they were found.
fn sorted(problems: &[Problem]) -> Vec<&Problem> {
    let mut sorted: Vec<&Problem> = Vec::new();
    for problem in problems {
        if !sorted.contains(&problem) {
            sorted.push(problem);
        }
    }
    sorted.sort_by_key(|problem| {
        let path = problem.file.as_ref().map(|file| file.path.clone());
        (
            path,
            problem.span.as_ref().map(|span| (span.start, span.end)),
        )
    });
    sorted
}

/// A file of which each look shows the whole line, and no line beside it.
#[derive(Debug)]
struct Lines<'a>(&'a SourceText);

impl SourceCode for Lines<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let text = self.0.text.as_str();
        let start = span.offset().min(text.len());
        let line_start = text.get(..start).and_then(|before| before.rfind('\n'));
        let line_start = line_start.map_or(0, |newline| newline + 1);
        let rest = text.get(start..).unwrap_or("");
        let line_end = start + rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        let line = text.get(..start).unwrap_or("").matches('\n').count();
        // without context miette asks for the place alone, to name it above the line
        let is_place = before == 0 && after == 0;
        let shown = if is_place {
            start..start + span.len()
        } else {
            line_start..line_end
        };
        let column = text
            .get(line_start..shown.start)
            .map_or(0, |text| text.chars().count());
        Ok(Box::new(MietteSpanContents::new_named(
            self.0.path.to_string_lossy().into_owned(),
            text.get(shown.clone()).unwrap_or("").as_bytes(),
            (shown.start, shown.len()).into(),
            line,
            column,
            1,
        )))
    }
}

/// A problem as miette sees it.
#[derive(Debug)]
struct Report<'a> {
    problem: &'a Problem,
    source: Option<Lines<'a>>,
}

impl<'a> Report<'a> {
    fn new(problem: &'a Problem) -> Self {
        let file = problem.file.as_ref().filter(|_| problem.span.is_some());
        let source = file.map(|file| Lines(file));
        Self { problem, source }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.message)?;
        match &self.problem.file {
            Some(file) if self.source.is_none() => {
                write!(f, "\nin {}", file.path.display())?;
                if self.problem.key.is_empty() {
                    return Ok(());
                }
                write!(f, ", at `{}`", self.problem.key)?;
                if self.problem.label.is_empty() {
                    return Ok(());
                }
                write!(f, ": {}", self.problem.label)
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Report<'_> {}

impl Diagnostic for Report<'_> {
    fn severity(&self) -> Option<Severity> {
        Some(match self.problem.severity {
            Badness::Error => Severity::Error,
            Badness::Warning => Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.problem.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|lines| lines as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let file = self.problem.file.as_ref()?;
        let span = self.problem.span.clone()?;
        // one line is enough to find the place; behind the last character there is none
        let text = &file.text;
        let last = text.char_indices().next_back().map_or(0, |(at, _)| at);
        let start = span.start.min(last);
        let rest = text.get(start..span.end.max(start)).unwrap_or("");
        let length = rest.find('\n').unwrap_or(rest.len());
        let label = Some(self.problem.label.clone()).filter(|label| !label.is_empty());
        let label = LabeledSpan::new(label, start, length);
        Some(Box::new(std::iter::once(label)))
    }
}
