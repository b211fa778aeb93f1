//! What happens inside a word: substitutions are walked, expansions newer than bash 4.3 are found.
//!
//! `"${x[@]}"` of an empty array is an unbound variable under `set -u` before bash 4.4, so it is
//! worth a warning wherever it is not guarded.

use brush_parser::ParserOptions;
use brush_parser::word::{self, Parameter, ParameterExpr, WordPiece, WordPieceWithSource as Piece};

use super::builtins::newer_variable;
use super::walk::{Arg, Walk};

impl Walk<'_> {
    /// Walks the expansions of a word that starts at `line`.
    pub fn word(&mut self, text: &str, line: usize) {
        match word::parse(text, &ParserOptions::default()) {
            Ok(pieces) => self.pieces(&pieces, text, line),
            Err(error) => self.violation(line, text, &format!("does not parse: {error}")),
        }
    }

    /// Walks the expansions of a here-document.
    pub fn here_document(&mut self, text: &str, line: usize) {
        match word::parse_heredoc(text, &ParserOptions::default()) {
            Ok(pieces) => self.pieces(&pieces, text, line),
            Err(error) => self.violation(line, text, &format!("does not parse: {error}")),
        }
    }

    /// Walks arithmetic: variables need no `$` there.
    pub fn arithmetic(&mut self, text: &str, line: usize) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for name in text.split(|c| !is_name(c)) {
            self.variable(name, line);
        }
        self.word(text, line);
    }

    /// What is known of a word without running anything.
    pub fn arg(&self, raw: &str) -> Arg {
        let mut arg = Arg {
            raw: raw.to_owned(),
            text: String::new(),
            is_literal: true,
        };
        let pieces = word::parse(raw, &ParserOptions::default()).unwrap_or_default();
        collect(&pieces, &mut arg);
        arg
    }

    /// Pieces of `text`, which starts at line `start`.
    fn pieces(&mut self, pieces: &[Piece], text: &str, start: usize) {
        for piece in pieces {
            let before = text.get(..piece.start_index).unwrap_or_default();
            let line = start + before.matches('\n').count();
            match &piece.piece {
                WordPiece::DoubleQuotedSequence(inner)
                | WordPiece::GettextDoubleQuotedSequence(inner) => self.pieces(inner, text, start),
                WordPiece::CommandSubstitution(program)
                | WordPiece::BackquotedCommandSubstitution(program) => self.program(program, line),
                WordPiece::ArithmeticExpression(expression) => {
                    self.arithmetic(&expression.value, line);
                }
                WordPiece::ParameterExpansion(expression) => {
                    let written = text
                        .get(piece.start_index..piece.end_index)
                        .unwrap_or_default();
                    self.parameter(expression, written, line);
                }
                _ => {}
            }
        }
    }

    fn parameter(&mut self, expression: &ParameterExpr, written: &str, line: usize) {
        use ParameterExpr as E;
        if let Some(parameter) = parameter_of(expression) {
            self.parameter_name(parameter, line);
        }
        match expression {
            E::Transform { .. } => {
                let reason = "`@` operators came with bash 4.4; use `printf %q`";
                self.violation(line, written, reason);
            }
            E::UseDefaultValues {
                default_value: Some(text),
                ..
            }
            | E::AssignDefaultValues {
                default_value: Some(text),
                ..
            }
            | E::IndicateErrorIfNullOrUnset {
                error_message: Some(text),
                ..
            } => {
                self.word(text, line);
            }
            E::UseAlternativeValue {
                parameter,
                alternative_value: Some(text),
                ..
            } => {
                self.guarded(parameter, text, line);
            }
            E::Parameter { parameter, .. }
            | E::RemoveSmallestSuffixPattern { parameter, .. }
            | E::RemoveLargestSuffixPattern { parameter, .. }
            | E::RemoveSmallestPrefixPattern { parameter, .. }
            | E::RemoveLargestPrefixPattern { parameter, .. }
            | E::ReplaceSubstring { parameter, .. }
            | E::Substring { parameter, .. } => self.unguarded(parameter, line),
            _ => {}
        }
        for text in texts_of(expression) {
            self.word(text, line);
        }
    }

    /// `${x[@]+"${x[@]}"}`: inside, the array is known to have elements.
    fn guarded(&mut self, parameter: &Parameter, text: &str, line: usize) {
        let is_guard = matches!(parameter, Parameter::NamedWithAllIndices { name, .. }
            if [format!("\"${{{name}[@]}}\""), format!("\"${{{name}[*]}}\"")].contains(&text.to_owned()));
        if !is_guard {
            self.word(text, line);
        }
    }

    fn unguarded(&mut self, parameter: &Parameter, line: usize) {
        if let Parameter::NamedWithAllIndices { name, .. } = parameter {
            let written = format!("${{{name}[@]}}");
            let reason = format!(
                "an empty array is unbound under `set -u` before bash 4.4; write `${{{name}[@]+\"${{{name}[@]}}\"}}`"
            );
            self.warning(line, &written, &reason);
        }
    }

    fn parameter_name(&mut self, parameter: &Parameter, line: usize) {
        match parameter {
            Parameter::Named(name) | Parameter::NamedWithAllIndices { name, .. } => {
                self.variable(name, line);
            }
            Parameter::NamedWithIndex { index, .. } => self.arithmetic(index, line),
            _ => {}
        }
    }

    fn variable(&mut self, name: &str, line: usize) {
        if let Some(version) = newer_variable(name) {
            let reason = format!("came with bash {version}; SmartOS has 4.3");
            self.violation(line, name, &reason);
        }
    }
}

fn collect(pieces: &[Piece], arg: &mut Arg) {
    for piece in pieces {
        if !arg.is_literal {
            return;
        }
        match &piece.piece {
            WordPiece::Text(text) | WordPiece::SingleQuotedText(text) => arg.text.push_str(text),
            WordPiece::AnsiCQuotedText(text) => {
                arg.text.push_str(text);
                arg.is_literal = !text.contains('\\');
            }
            WordPiece::EscapeSequence(text) => {
                arg.text.push_str(text.strip_prefix('\\').unwrap_or(text));
            }
            WordPiece::DoubleQuotedSequence(inner) => collect(inner, arg),
            _ => arg.is_literal = false,
        }
    }
}

fn parameter_of(expression: &ParameterExpr) -> Option<&Parameter> {
    use ParameterExpr as E;
    match expression {
        E::Parameter { parameter, .. }
        | E::UseDefaultValues { parameter, .. }
        | E::AssignDefaultValues { parameter, .. }
        | E::IndicateErrorIfNullOrUnset { parameter, .. }
        | E::UseAlternativeValue { parameter, .. }
        | E::ParameterLength { parameter, .. }
        | E::Substring { parameter, .. }
        | E::Transform { parameter, .. }
        | E::ReplaceSubstring { parameter, .. } => Some(parameter),
        _ => None,
    }
}

/// The words inside an expansion, but for those of `-`, `=`, `?` and `+`.
fn texts_of(expression: &ParameterExpr) -> Vec<&str> {
    use ParameterExpr as E;
    match expression {
        E::RemoveSmallestSuffixPattern { pattern, .. }
        | E::RemoveLargestSuffixPattern { pattern, .. }
        | E::RemoveSmallestPrefixPattern { pattern, .. }
        | E::RemoveLargestPrefixPattern { pattern, .. }
        | E::UppercaseFirstChar { pattern, .. }
        | E::UppercasePattern { pattern, .. }
        | E::LowercaseFirstChar { pattern, .. }
        | E::LowercasePattern { pattern, .. } => pattern.iter().map(String::as_str).collect(),
        E::ReplaceSubstring {
            pattern,
            replacement,
            ..
        } => [Some(pattern), replacement.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect(),
        E::Substring { offset, length, .. } => [Some(offset), length.as_ref()]
            .into_iter()
            .flatten()
            .map(|e| e.value.as_str())
            .collect(),
        _ => Vec::new(),
    }
}
