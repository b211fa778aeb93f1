//! One command and its words, held against the list.
//!
//! A wrapper (`env`, `ctrun`, `su -c`, `find -exec` …) is looked through: what it runs is a command
//! like any other.

use super::allowed::{Runs, Tool};
use super::builtins;
use super::options::Rules;
use super::walk::{Arg, Document, Walk};

impl Walk<'_> {
    /// Checks a command; `documents` are the here-documents on its standard input.
    pub fn invocation(&mut self, args: &[Arg], line: usize, documents: &[Document]) {
        let Some((command, args)) = args.split_first() else {
            return;
        };
        let name = command.text.as_str();
        if !command.is_literal {
            self.variable_command(command, line);
        } else if name.contains('/') {
            self.by_path(name, args, line, documents);
        } else if self.functions.contains(name) {
            // its body is walked where it stands
            if let Some(own) = self.allowed.running_functions.get(name) {
                self.program_of(args.get(*own..).unwrap_or_default(), line, documents);
            }
        } else if let Some(options) = builtins::options(name) {
            self.builtin(name, options, args, line);
        } else if let Some(reason) = builtins::forbidden(name) {
            self.violation(line, name, reason);
        } else {
            self.bare_name(name, line);
        }
    }

    /// Checks a command that no shell starts: it can be neither a function nor a builtin.
    fn program_of(&mut self, args: &[Arg], line: usize, documents: &[Document]) {
        match args.first() {
            Some(command) if command.is_literal && !command.text.contains('/') => {
                self.bare_name(&command.text, line);
            }
            _ => self.invocation(args, line, documents),
        }
    }

    fn bare_name(&mut self, name: &str, line: usize) {
        if let Some(instead) = self.allowed.missing.get(name) {
            let reason = format!("SmartOS has no such command; {instead}");
            self.violation(line, name, &reason);
        } else {
            let path = self.allowed.path_of(name);
            let hint = path.unwrap_or("it is not in the list");
            let reason = format!("call commands by their absolute path ({hint})");
            self.violation(line, name, &reason);
        }
    }

    fn variable_command(&mut self, command: &Arg, line: usize) {
        let known = &self.allowed.command_variables;
        let is_known = variable(&command.raw).is_some_and(|name| known.contains_key(name));
        let inside = self.inside.as_ref();
        let runs = inside.is_some_and(|name| self.allowed.running_functions.contains_key(name));
        let is_own = runs && command.raw == "\"$@\"";
        if !is_known && !is_own {
            self.violation(
                line,
                &command.raw,
                "the command is a variable that the list does not name",
            );
        }
    }

    fn by_path(&mut self, path: &str, args: &[Arg], line: usize, documents: &[Document]) {
        let name = path.rsplit('/').next().unwrap_or(path);
        let allowed = self.allowed;
        if let Some(tool) = allowed.tool(path) {
            self.tool(path, tool, args, line, documents);
        } else if let Some(reason) = allowed.forbidden.get(path) {
            self.violation(line, path, reason);
        } else if let Some(instead) = allowed.missing.get(name) {
            let reason = format!("SmartOS has no such command; {instead}");
            self.violation(line, path, &reason);
        } else {
            let hint = allowed.path_of(name).filter(|_| path.starts_with('/'));
            let hint = hint.map_or_else(String::new, |known| format!("; did you mean {known}"));
            self.violation(line, path, &format!("not in the list of commands{hint}"));
        }
    }

    fn tool(&mut self, path: &str, tool: &Tool, args: &[Arg], line: usize, documents: &[Document]) {
        if tool.any {
            return;
        }
        let mut args = args;
        if !tool.keys.is_empty()
            && let Some((keys, rest)) = args.split_first()
        {
            let letters = keys.text.strip_prefix('-').unwrap_or(&keys.text);
            if !keys.is_literal || letters.chars().any(|letter| !tool.keys.contains(letter)) {
                self.option(path, &format!("`{}`", keys.raw), &tool.reason, line);
            }
            args = rest;
        }
        match tool.runs {
            Some(Runs::User) => return self.user(path, args, line, documents),
            Some(Runs::Shell) => return self.shell(path, tool, args, line, documents),
            Some(Runs::Find) => return self.find(path, tool, args, line),
            _ => {}
        }
        let rules = Rules::of(tool);
        let operands = self.options(path, &rules, &tool.reason, args, line);
        match tool.runs {
            Some(Runs::Operands) => self.program_of(&operands, line, documents),
            Some(Runs::AfterOne) => {
                self.program_of(operands.get(1..).unwrap_or_default(), line, documents);
            }
            Some(Runs::Environment) => self.environment(&operands, line, documents),
            _ => {}
        }
        if !tool.subcommands.is_empty() {
            self.subcommand(path, tool, &operands, line);
        }
    }

    fn subcommand(&mut self, path: &str, tool: &Tool, operands: &[Arg], line: usize) {
        let Some((subcommand, rest)) = operands.split_first() else {
            return;
        };
        let name = subcommand.text.as_str();
        match tool.subcommands.get(name).filter(|_| subcommand.is_literal) {
            Some(letters) => {
                let rules = Rules::letters(letters);
                let command = format!("{path} {name}");
                self.options(&command, &rules, &tool.reason, rest, line);
            }
            None => {
                let what = format!("sub-command `{}`", subcommand.raw);
                self.option(path, &what, &tool.reason, line);
            }
        }
    }

    fn environment(&mut self, operands: &[Arg], line: usize, documents: &[Document]) {
        let known = &self.allowed.assignment_variables;
        let is_assignment = |arg: &Arg| {
            let name = arg.text.split('=').next().unwrap_or_default();
            let is_pair = arg.text.contains('=') && !name.contains('/');
            is_pair || variable(&arg.raw).is_some_and(|name| known.contains_key(name))
        };
        let start = operands
            .iter()
            .position(|arg| !is_assignment(arg))
            .unwrap_or(operands.len());
        self.program_of(operands.get(start..).unwrap_or_default(), line, documents);
    }

    // su - zwbuild -c 'string'
    fn user(&mut self, path: &str, args: &[Arg], line: usize, documents: &[Document]) {
        let args = after(args, "-");
        let rest = args.get(1..).unwrap_or_default();
        match rest {
            [] => {}
            [flag, text, ..] if flag.text == "-c" => self.string(path, text, line),
            [other, ..] => self.option(path, &format!("`{}`", other.raw), "userland §5.2", line),
        }
        self.documents(path, documents);
    }

    // bash -c 'string'; bash -s <<'END'
    fn shell(
        &mut self,
        path: &str,
        tool: &Tool,
        args: &[Arg],
        line: usize,
        documents: &[Document],
    ) {
        let is_string = |arg: &Arg| {
            arg.text.starts_with('-') && !arg.text.starts_with("--") && arg.text.contains('c')
        };
        let at = args.iter().position(is_string);
        if let Some(text) = at.and_then(|at| args.get(at + 1)) {
            self.string(path, text, line);
        }
        let rules = Rules::of(tool);
        self.options(path, &rules, &tool.reason, args, line);
        self.documents(path, documents);
    }

    /// A string that another shell runs.
    fn string(&mut self, path: &str, text: &Arg, line: usize) {
        let known = &self.allowed.command_variables;
        if text.is_literal {
            self.other_shell(&text.text, line);
        } else if !variable(&text.raw).is_some_and(|name| known.contains_key(name)) {
            let reason = format!(
                "the string `{}` for another shell cannot be read here",
                text.raw
            );
            self.violation(line, path, &reason);
        }
    }

    /// Scripts that another shell reads from its standard input.
    fn documents(&mut self, path: &str, documents: &[Document]) {
        for document in documents {
            match &document.text {
                Some(text) => self.other_shell(text, document.line),
                None => {
                    let reason = "the script for another shell is expanded here; quote the here-document's end";
                    self.violation(document.line, path, reason);
                }
            }
        }
    }

    fn builtin(&mut self, name: &str, letters: &str, args: &[Arg], line: usize) {
        if name == "local" && args.iter().any(|arg| arg.text == "-" && arg.is_literal) {
            self.violation(line, "local -", "came with bash 4.4; SmartOS has 4.3");
        }
        if letters == "*" {
            return;
        }
        let rules = Rules::letters(letters);
        let reason = "the builtin of bash 4.3";
        // `declare +x` takes an attribute away
        let is_attribute = matches!(name, "declare" | "local" | "typeset")
            && args.first().is_some_and(|arg| arg.text.starts_with('+'));
        let args = if is_attribute {
            args.get(1..).unwrap_or_default()
        } else {
            args
        };
        let first = args.first().map_or("", |arg| arg.text.as_str());
        let looks_up = first == "-v" || first == "-V";
        let operands = self.options(name, &rules, reason, args, line);
        match name {
            "command" if !looks_up => self.invocation(&operands, line, &[]),
            "builtin" => self.invocation(&operands, line, &[]),
            "exec" => {
                // `exec {fd}>file` puts a new descriptor's number into a variable
                let is_descriptor = |arg: &Arg| arg.raw.starts_with('{') && arg.raw.ends_with('}');
                let command: Vec<Arg> = operands
                    .into_iter()
                    .filter(|arg| !is_descriptor(arg))
                    .collect();
                self.program_of(&command, line, &[]);
            }
            "shopt" => {
                for option in operands
                    .iter()
                    .filter(|arg| builtins::is_newer_option(&arg.text))
                {
                    let written = format!("shopt {}", option.text);
                    self.violation(line, &written, "came after bash 4.3, which SmartOS has");
                }
            }
            "trap" => self.trap(&operands, line),
            _ => {}
        }
    }

    fn trap(&mut self, operands: &[Arg], line: usize) {
        match operands {
            [action, _, ..] if action.is_literal && action.text != "-" => {
                self.program(&action.text, line);
            }
            [action, _, ..] if !action.is_literal => {
                self.violation(
                    line,
                    "trap",
                    "the action cannot be read here; write it as one literal",
                );
            }
            _ => {}
        }
    }

    pub fn option(&mut self, command: &str, what: &str, reason: &str, line: usize) {
        self.violation(
            line,
            command,
            &format!("{what} is not in the list ({reason})"),
        );
    }

    /// Checks an expression of `find`, and the commands in it.
    fn find(&mut self, path: &str, tool: &Tool, args: &[Arg], line: usize) {
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let word = arg.text.as_str();
            if word == "-exec" {
                let command: Vec<Arg> = rest
                    .by_ref()
                    .take_while(|arg| arg.text != ";" && arg.text != "+")
                    .cloned()
                    .collect();
                self.program_of(&command, line, &[]);
            } else if tool.valued_words.iter().any(|known| known == word) {
                rest.next();
            } else if word.starts_with('-') && !tool.words.iter().any(|known| known == word) {
                self.option(path, &format!("`{word}`"), &tool.reason, line);
            }
        }
    }
}

/// The variable that a word consists of: `$x`, `"${x}"`, `"${x[@]}"`, `${x[@]+"${x[@]}"}`, `"$@"`.
fn variable(raw: &str) -> Option<&str> {
    if raw == "\"$@\"" {
        return Some("@");
    }
    let start = raw.trim_start_matches('"').strip_prefix('$')?;
    let start = start.strip_prefix('{').unwrap_or(start);
    let end = start
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(start.len());
    let name = start.get(..end)?;
    let forms = ["$x", "${x}", "${x[@]}"];
    let written = forms.map(|form| form.replace('x', name));
    let is_whole = written
        .iter()
        .any(|form| raw == form || raw == format!("\"{form}\""))
        || raw == format!("${{{name}[@]+\"${{{name}[@]}}\"}}");
    is_whole.then_some(name)
}

/// The words after a first one that may be there.
fn after<'a>(args: &'a [Arg], word: &str) -> &'a [Arg] {
    match args.split_first() {
        Some((first, rest)) if first.text == word && first.is_literal => rest,
        _ => args,
    }
}
