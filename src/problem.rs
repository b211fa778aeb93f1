//! A mistake in a recipe or a zone file: where it is, what is wrong, what to write instead.
//!
//! All problems of a file are reported at once; rendering is `command`'s.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is refused.
    Warning,
    /// The file is refused.
    Error,
}

/// The text of a file, kept for reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    /// The path as the user knows it.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
}

/// What to write instead, to the letter: the help says the same in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// Where in the problem's file, in bytes of its text.
    pub span: Range<usize>,
    /// What belongs there.
    pub replacement: String,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The name of the rule that is broken (`patch-rejected`): see `recipe::rules`.
    pub rule: Option<&'static str>,
    /// What is wrong, in one line; user text in backticks.
    pub message: String,
    /// The file it is in.
    pub file: Option<Arc<SourceText>>,
    /// Where in the file, in bytes of its text.
    pub span: Option<Range<usize>>,
    /// The key path (`source[0].sha256`), for files without spans (JSON).
    pub key: String,
    /// What stands under the underlined words.
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
    /// More than one line about it: a hunk that does not fit, beside what comes nearest.
    pub details: Option<String>,
    /// The help as an edit of the file, where that is what it says.
    pub fix: Option<Fix>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Problem {
    /// An error with nothing but its message; add the rest with struct update.
    #[must_use]
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            rule: None,
            message: message.into(),
            file: None,
            span: None,
            key: String::new(),
            label: String::new(),
            help: None,
            details: None,
            fix: None,
        }
    }

    /// The same problem under the name of its rule, where it has none yet.
    #[must_use]
    pub fn of(self, rule: &'static str) -> Self {
        Self {
            rule: self.rule.or(Some(rule)),
            ..self
        }
    }

    /// The same problem as a warning.
    #[must_use]
    pub fn warn(self) -> Self {
        Self {
            severity: Severity::Warning,
            ..self
        }
    }

    /// The same problem, not placed yet, with what belongs where it will be.
    #[must_use]
    pub fn meaning(self, replacement: Option<String>) -> Self {
        let fix = replacement.map(|replacement| Fix {
            span: 0..0,
            replacement,
        });
        Self { fix, ..self }
    }

    /// The same problem with an edit of its own place.
    #[must_use]
    pub fn replaced_by(self, replacement: impl Into<String>) -> Self {
        let fix = self.span.clone().map(|span| Fix {
            span,
            replacement: replacement.into(),
        });
        Self { fix, ..self }
    }

    /// 1-based line and column of the span's start, where there is a span.
    #[must_use]
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        let text = &self.file.as_ref()?.text;
        let before = text.get(..self.span.as_ref()?.start)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Some((line, column))
    }
}
