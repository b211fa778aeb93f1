//! Problems as people read them: the line, underlined, with what to write instead.
//!
//! A report is reproducible text: its width is fixed and colour is the caller's decision.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, Severity, SourceCode, SourceSpan, SpanContents,
};

use super::plan::diff_line;
use super::{Style, plain};
use crate::problem::{Problem, Severity as Badness, SourceText};

/// How many problems are shown: nobody mends more at once, and each is looked up in its file.
const MOST: usize = 200;

/// The problems, sorted by place, each with the lines it is about.
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
    let (shown, more) = sorted(problems);
    for problem in shown {
        let problem = &printable(problem);
        let mut report = String::new();
        if handler
            .render_report(&mut report, &Report::new(problem))
            .is_err()
        {
            report = format!("{}\n", line(problem));
        }
        if let Some(details) = &problem.details {
            report.push_str(&below(details, problem.help.as_deref(), color));
        }
        reports.push(report);
    }
    reports.extend(more);
    plain::repaint(&reports.join("\n"))
}

/// The problems, sorted by place, one line each.
#[must_use]
pub fn render_lines(problems: &[Problem]) -> String {
    let (shown, more) = sorted(problems);
    let lines = shown
        .into_iter()
        .map(|problem| plain::line(&line(problem)).into_owned() + "\n");
    lines.chain(more).collect()
}

/// What takes more than one line, between the report and its help.
fn below(details: &str, help: Option<&str>, color: bool) -> String {
    let style = Style {
        color,
        terminal: false,
    };
    let mut text = String::new();
    for line in details.lines() {
        let _ = writeln!(text, "      {}", diff_line(line, style));
    }
    if let Some(help) = help {
        let _ = writeln!(text, "{}: {help}", style.paint("36", "  help"));
    }
    text
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
        rule: problem.rule,
        message: text(&problem.message),
        file,
        span: problem.span.clone(),
        key: text(&problem.key),
        label: text(&problem.label),
        help: problem.help.as_ref().map(text),
        details: problem
            .details
            .as_ref()
            .map(|text| plain::lines(text).into_owned()),
        fix: None,
    }
}

/// `file:line:column: error[rule]: message (label); help`
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
    let rule = problem
        .rule
        .map_or(String::new(), |rule| format!("[{rule}]"));
    text.push_str(&format!("{severity}{rule}: {}", problem.message));
    if !problem.label.is_empty() {
        text.push_str(&format!(" ({})", problem.label));
    }
    if let Some(help) = &problem.help {
        text.push_str(&format!("; {help}"));
    }
    text
}

/// By file and place; where there is no place, in the order in which they were found. Where there are
/// too many, a line says how many are left out.
fn sorted(problems: &[Problem]) -> (Vec<&Problem>, Option<String>) {
    let mut all: Vec<&Problem> = problems.iter().collect();
    all.sort_by_key(|problem| {
        let path = problem.file.as_ref().map(|file| file.path.as_path());
        (
            path,
            problem.span.as_ref().map(|span| (span.start, span.end)),
        )
    });
    let mut shown: Vec<&Problem> = Vec::new();
    for (index, problem) in all.iter().enumerate() {
        if shown.len() == MOST {
            let more = format!("and {} more problems\n", all.len() - index);
            return (shown, Some(more));
        }
        if !shown.contains(problem) {
            shown.push(problem);
        }
    }
    (shown, None)
}

/// How many bytes of a line are shown on either side of a place. miette puts the signs below a line
/// with a format width, which panics beyond 65,535.
const ASIDE: usize = 200;

/// A file of which each look shows one line, of a long one the part around the place.
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
        let column = text
            .get(line_start..start)
            .map_or(0, |text| text.chars().count());
        let line_start = boundary(text, line_start.max(start.saturating_sub(ASIDE)));
        let line_end = boundary(text, line_end.min(start.saturating_add(ASIDE)));
        let line = text.get(..start).unwrap_or("").matches('\n').count();
        // without context miette asks for the place alone, to name it above the line
        let is_place = before == 0 && after == 0;
        let (shown, column) = if is_place {
            (start..start + span.len(), column)
        } else {
            (line_start..line_end, 0)
        };
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

/// The place itself, or the first one behind it at which a character begins.
fn boundary(text: &str, place: usize) -> usize {
    (place..text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len())
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
        if let Some(rule) = self.problem.rule {
            write!(f, " [{rule}]")?;
        }
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
        // with details it stands below them
        let help = self.problem.help.as_ref();
        let help = help.filter(|_| self.problem.details.is_none())?;
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
        let length = rest.find('\n').unwrap_or(rest.len()).min(ASIDE);
        let length = boundary(text, start + length) - start;
        let label = Some(self.problem.label.clone()).filter(|label| !label.is_empty());
        let label = LabeledSpan::new(label, start, length);
        Some(Box::new(std::iter::once(label)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn problem(text: &str, at: usize, length: usize) -> Problem {
        let file = SourceText {
            path: "x.toml".into(),
            text: text.to_owned(),
        };
        Problem {
            file: Some(Arc::new(file)),
            span: Some(at..at + length),
            label: "here".to_owned(),
            ..Problem::error("wrong")
        }
    }

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let text = format!("a\n{}HERE{}\nb\n", "é".repeat(50_000), "x".repeat(50_000));
        let at = text.find("HERE").unwrap();
        for length in [0, 4, 40_000] {
            let report = render(&[problem(&text, at, length)], false);
            assert!(report.len() < 4000, "{report}");
            assert!(
                report.contains("HERExxxx") && report.contains("here"),
                "{report}"
            );
            assert!(report.contains("[x.toml:2:50001]"), "{report}");
        }
        let text = "é".repeat(40_000);
        for at in (0..text.len()).step_by(19_998) {
            assert!(render(&[problem(&text, at, 2)], false).len() < 4000);
        }
    }

    #[test]
    fn of_very_many_problems_the_first_are_shown_and_the_others_counted() {
        let text = "x\n".repeat(100_000);
        let first = problem(&text, 0, 1);
        let many: Vec<Problem> = (0..100_000)
            .map(|line| Problem {
                span: Some(line * 2..line * 2 + 1),
                ..first.clone()
            })
            .collect();
        let lines = render_lines(&many);
        assert_eq!(lines.lines().count(), MOST + 1);
        assert!(lines.ends_with("and 99800 more problems\n"), "{lines}");
        assert!(render(&many, false).ends_with("and 99800 more problems\n"));
        assert!(!render_lines(&many[..MOST]).contains("more"));
    }
}
