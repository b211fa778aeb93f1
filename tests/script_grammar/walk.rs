//! The walk over a script's syntax tree.
//!
//! It goes twice: the first time only to learn the names of the functions, which may be called above
//! the line that defines them.

use std::collections::BTreeSet;

use brush_parser::ast::{
    AndOr, AndOrList, Assignment, AssignmentName, AssignmentValue, Command,
    CommandPrefixOrSuffixItem as Item, CompoundCommand, CompoundList, ExtendedTestExpr,
    IoFileRedirectTarget, IoRedirect, Pipeline, RedirectList, SimpleCommand, SourceLocation, Word,
};
use brush_parser::{Parser, ParserOptions};

use super::{Allowed, Violation};

/// A walk in progress.
pub struct Walk<'a> {
    pub allowed: &'a Allowed,
    pub functions: BTreeSet<String>,
    /// The function whose body is being walked.
    pub inside: Option<String>,
    violations: Vec<Violation>,
    /// The line of the script at which the text being walked starts.
    start: usize,
}

/// A word of a command.
#[derive(Debug, Clone)]
pub struct Arg {
    /// The word as it is written.
    pub raw: String,
    /// What it is known to start with, quotes taken off.
    pub text: String,
    /// The whole word is known.
    pub is_literal: bool,
}

/// What a command reads from a here-document or a here-string.
#[derive(Debug)]
pub struct Document {
    /// The text; none where the shell expands something in it.
    pub text: Option<String>,
    /// The line that it starts at.
    pub line: usize,
}

impl<'a> Walk<'a> {
    /// All violations of a script of its own, which starts at line `start`.
    pub fn check(allowed: &'a Allowed, script: &str, start: usize) -> Vec<Violation> {
        let (functions, violations) = (BTreeSet::new(), Vec::new());
        let mut walk = Self {
            allowed,
            functions,
            inside: None,
            violations,
            start,
        };
        walk.program(script, start);
        walk.violations.clear();
        walk.program(script, start);
        walk.violations
    }

    /// Walks text that runs in the same shell: a substitution, the string of a `trap`.
    pub fn program(&mut self, text: &str, start: usize) {
        let before = std::mem::replace(&mut self.start, start);
        let parsed = Parser::new(text.as_bytes(), &ParserOptions::default()).parse_program();
        match parsed {
            Ok(program) => program
                .complete_commands
                .iter()
                .for_each(|list| self.list(list)),
            Err(error) => self.violation(
                start,
                text.trim().lines().next().unwrap_or_default(),
                &format!("does not parse: {error}"),
            ),
        }
        self.start = before;
    }

    /// Walks a script that another shell runs; it knows none of the functions here.
    pub fn other_shell(&mut self, text: &str, start: usize) {
        let found = Walk::check(self.allowed, text, start);
        self.violations.extend(found);
    }

    pub fn violation(&mut self, line: usize, command: &str, reason: &str) {
        self.record(line, command, reason, false);
    }

    pub fn warning(&mut self, line: usize, command: &str, reason: &str) {
        self.record(line, command, reason, true);
    }

    fn record(&mut self, line: usize, command: &str, reason: &str, is_warning: bool) {
        let (command, reason) = (command.to_owned(), reason.to_owned());
        self.violations.push(Violation {
            line,
            command,
            reason,
            is_warning,
        });
    }

    fn line(&self, node: &impl SourceLocation) -> usize {
        self.start
            + node
                .location()
                .map_or(0, |span| span.start.line.saturating_sub(1))
    }

    fn list(&mut self, list: &CompoundList) {
        for item in &list.0 {
            self.and_or(&item.0);
        }
    }

    fn and_or(&mut self, list: &AndOrList) {
        self.pipeline(&list.first);
        for next in &list.additional {
            match next {
                AndOr::And(pipeline) | AndOr::Or(pipeline) => self.pipeline(pipeline),
            }
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        pipeline
            .seq
            .iter()
            .for_each(|command| self.command(command));
    }

    fn command(&mut self, command: &Command) {
        let line = self.line(command);
        match command {
            Command::Simple(simple) => self.simple(simple, line),
            Command::Compound(compound, redirects) => {
                self.compound(compound, line);
                self.redirects(redirects.as_ref(), line);
            }
            Command::Function(function) => {
                self.functions.insert(function.fname.value.clone());
                let outside = self.inside.replace(function.fname.value.clone());
                self.compound(&function.body.0, line);
                self.inside = outside;
                self.redirects(function.body.1.as_ref(), line);
            }
            Command::ExtendedTest(test, redirects) => {
                self.test(&test.expr, line);
                self.redirects(redirects.as_ref(), line);
            }
        }
    }

    fn compound(&mut self, compound: &CompoundCommand, line: usize) {
        match compound {
            CompoundCommand::Arithmetic(arithmetic) => {
                self.arithmetic(&arithmetic.expr.value, line);
            }
            CompoundCommand::ArithmeticForClause(clause) => {
                let parts = [&clause.initializer, &clause.condition, &clause.updater];
                parts
                    .iter()
                    .filter_map(|part| part.as_ref())
                    .for_each(|part| {
                        self.arithmetic(&part.value, line);
                    });
                self.list(&clause.body.list);
            }
            CompoundCommand::BraceGroup(group) => self.list(&group.list),
            CompoundCommand::Subshell(subshell) => self.list(&subshell.list),
            CompoundCommand::ForClause(clause) => {
                clause
                    .values
                    .iter()
                    .flatten()
                    .for_each(|word| self.whole_word(word, line));
                self.list(&clause.body.list);
            }
            CompoundCommand::CaseClause(clause) => {
                self.whole_word(&clause.value, line);
                for case in &clause.cases {
                    case.patterns
                        .iter()
                        .for_each(|word| self.whole_word(word, line));
                    case.cmd.iter().for_each(|list| self.list(list));
                }
            }
            CompoundCommand::IfClause(clause) => {
                self.list(&clause.condition);
                self.list(&clause.then);
                for other in clause.elses.iter().flatten() {
                    other.condition.iter().for_each(|list| self.list(list));
                    self.list(&other.body);
                }
            }
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
                self.list(&clause.0);
                self.list(&clause.1.list);
            }
            CompoundCommand::Coprocess(coprocess) => self.command(&coprocess.body),
        }
    }

    fn test(&mut self, test: &ExtendedTestExpr, line: usize) {
        match test {
            ExtendedTestExpr::And(left, right) | ExtendedTestExpr::Or(left, right) => {
                self.test(left, line);
                self.test(right, line);
            }
            ExtendedTestExpr::Not(inner) | ExtendedTestExpr::Parenthesized(inner) => {
                self.test(inner, line);
            }
            ExtendedTestExpr::UnaryTest(_, word) => self.whole_word(word, line),
            ExtendedTestExpr::BinaryTest(_, left, right) => {
                self.whole_word(left, line);
                self.whole_word(right, line);
            }
        }
    }

    fn simple(&mut self, simple: &SimpleCommand, line: usize) {
        let items = |items: Option<&'_ Vec<Item>>| items.cloned().unwrap_or_default();
        let prefix = items(simple.prefix.as_ref().map(|prefix| &prefix.0));
        let suffix = items(simple.suffix.as_ref().map(|suffix| &suffix.0));
        let mut args = Vec::new();
        if let Some(word) = &simple.word_or_name {
            self.whole_word(word, line);
            args.push(self.arg(&word.value));
        }
        let mut documents = Vec::new();
        for item in prefix.iter().chain(&suffix) {
            match item {
                Item::IoRedirect(redirect) => {
                    documents.extend(self.redirect(redirect, line));
                }
                Item::Word(word) => {
                    self.whole_word(word, line);
                    args.push(self.arg(&word.value));
                }
                Item::AssignmentWord(assignment, word) => {
                    self.assignment(assignment, line);
                    if !args.is_empty() {
                        args.push(self.arg(&word.value));
                    }
                }
                Item::ProcessSubstitution(_, subshell) => {
                    self.list(&subshell.list);
                    let (raw, text) = ("<(…)".to_owned(), String::new());
                    args.push(Arg {
                        raw,
                        text,
                        is_literal: false,
                    });
                }
            }
        }
        if !args.is_empty() {
            self.invocation(&args, line, &documents);
        }
    }

    fn assignment(&mut self, assignment: &Assignment, line: usize) {
        if let AssignmentName::ArrayElementName(name, index) = &assignment.name {
            if index.trim_start().starts_with('-') {
                let written = format!("{name}[{index}]=");
                self.violation(
                    line,
                    &written,
                    "a negative subscript is not assigned to before bash 4.3; count instead",
                );
            }
            self.arithmetic(index, line);
        }
        match &assignment.value {
            AssignmentValue::Scalar(word) => self.whole_word(word, line),
            AssignmentValue::Array(elements) => {
                for (key, word) in elements {
                    key.iter().for_each(|key| self.whole_word(key, line));
                    self.whole_word(word, line);
                }
            }
        }
    }

    fn redirects(&mut self, redirects: Option<&RedirectList>, line: usize) {
        for redirect in redirects.iter().flat_map(|list| &list.0) {
            self.redirect(redirect, line);
        }
    }

    /// Walks a redirection; what it gives the command to read, if it is text of the script.
    fn redirect(&mut self, redirect: &IoRedirect, line: usize) -> Option<Document> {
        match redirect {
            IoRedirect::File(_, _, target) => match target {
                IoFileRedirectTarget::Filename(word) | IoFileRedirectTarget::Duplicate(word) => {
                    self.whole_word(word, line);
                }
                IoFileRedirectTarget::Fd(_) => {}
                IoFileRedirectTarget::ProcessSubstitution(_, subshell) => self.list(&subshell.list),
            },
            IoRedirect::HereDocument(_, document) => {
                let known = document.doc.loc.is_some();
                let line = if known {
                    self.line(&document.doc)
                } else {
                    line + 1
                };
                let text = document.doc.value.clone();
                if !document.requires_expansion {
                    return Some(Document {
                        text: Some(text),
                        line,
                    });
                }
                self.here_document(&text, line);
                return Some(Document { text: None, line });
            }
            IoRedirect::HereString(_, word) => {
                self.whole_word(word, line);
                let arg = self.arg(&word.value);
                return Some(Document {
                    text: Some(arg.text).filter(|_| arg.is_literal),
                    line,
                });
            }
            IoRedirect::OutputAndError(word, _) => self.whole_word(word, line),
        }
        None
    }

    fn whole_word(&mut self, word: &Word, line: usize) {
        let line = if word.loc.is_some() {
            self.line(word)
        } else {
            line
        };
        self.word(&word.value, line);
    }
}
