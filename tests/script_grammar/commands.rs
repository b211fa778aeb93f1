//! One command and its words, held against the list.
//!
//! A wrapper (`env`, `ctrun`, `su -c`, `find -exec` …) is looked through: what it runs is a command
//! like any other.

use super::allowed::{Runs, Tool};
use super::builtins;
use super::walk::{Arg, Walk};

/// How the options of a command are read.
struct Rules<'a> {
    letters: &'a str,
    words: &'a [String],
    valued_words: &'a [String],
    numbers: bool,
}

impl Walk<'_> {
    /// Checks a command; `documents` are the here-documents on its standard input.
    pub fn invocation(&mut self, args: &[Arg], line: usize, documents: &[(String, usize)]) {
        let Some((command, args)) = args.split_first() else {
            return;
        };
        let name = command.text.as_str();
        if !command.is_literal {
            self.variable_command(command, line);
        } else if name.contains('/') {
            self.by_path(name, args, line, documents);
        } else if self.functions.contains(name) {
        } else if let Some(options) = builtins::options(name) {
            self.builtin(name, options, args, line);
        } else if let Some(reason) = builtins::forbidden(name) {
            self.violation(line, name, reason);
        } else if let Some(instead) = self.allowed.missing.get(name) {
            let reason = format!("SmartOS has no such command; {instead}");
            self.violation(line, name, &reason);
        } else {
            let path = self.allowed.path_of(name);
            let hint = path.map_or("it is not in the list", |path| path);
            let reason = format!("call commands by their absolute path ({hint})");
            self.violation(line, name, &reason);
        }
    }

    fn variable_command(&mut self, command: &Arg, line: usize) {
        let known = &self.allowed.command_variables;
        let is_known = variables(&command.raw).is_some_and(|name| known.contains_key(name));
        if !is_known {
            self.violation(
                line,
                &command.raw,
                "the command is a variable that the list does not name",
            );
        }
    }

    fn by_path(&mut self, path: &str, args: &[Arg], line: usize, documents: &[(String, usize)]) {
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

    fn tool(
        &mut self,
        path: &str,
        tool: &Tool,
        args: &[Arg],
        line: usize,
        documents: &[(String, usize)],
    ) {
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
        let rules = Rules {
            letters: &tool.options,
            words: &tool.words,
            valued_words: &tool.valued_words,
            numbers: tool.numbers,
        };
        let operands = self.options(path, &rules, &tool.reason, args, line);
        match tool.runs {
            Some(Runs::Operands) => self.invocation(&operands, line, documents),
            Some(Runs::AfterOne) => {
                self.invocation(operands.get(1..).unwrap_or_default(), line, documents);
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
                let rules = Rules {
                    letters,
                    words: &[],
                    valued_words: &[],
                    numbers: false,
                };
                let command = format!("{path} {name}");
                self.options(&command, &rules, &tool.reason, rest, line);
            }
            None => {
                let what = format!("sub-command `{}`", subcommand.raw);
                self.option(path, &what, &tool.reason, line);
            }
        }
    }

    fn environment(&mut self, operands: &[Arg], line: usize, documents: &[(String, usize)]) {
        let known = &self.allowed.assignment_variables;
        let is_assignment = |arg: &Arg| {
            let name = arg.text.split('=').next().unwrap_or_default();
            let is_pair = arg.text.contains('=') && !name.contains('/');
            is_pair || variables(&arg.raw).is_some_and(|name| known.contains_key(name))
        };
        let start = operands
            .iter()
            .position(|arg| !is_assignment(arg))
            .unwrap_or(operands.len());
        self.invocation(operands.get(start..).unwrap_or_default(), line, documents);
    }

    // su - zwbuild -c 'string'
    fn user(&mut self, path: &str, args: &[Arg], line: usize, documents: &[(String, usize)]) {
        let args = after(args, "-");
        let rest = args.get(1..).unwrap_or_default();
        match rest {
            [] => {}
            [flag, text, ..] if flag.text == "-c" => self.string(path, text, line),
            [other, ..] => self.option(path, &format!("`{}`", other.raw), "userland §5.2", line),
        }
        documents
            .iter()
            .for_each(|(text, start)| self.other_shell(text, *start));
    }

    // bash -c 'string'; bash -s <<'END'
    fn shell(
        &mut self,
        path: &str,
        tool: &Tool,
        args: &[Arg],
        line: usize,
        documents: &[(String, usize)],
    ) {
        let at = args.iter().position(|arg| arg.text == "-c");
        if let Some(text) = at.and_then(|at| args.get(at + 1)) {
            self.string(path, text, line);
        }
        let rules = Rules {
            letters: &tool.options,
            words: &tool.words,
            valued_words: &tool.valued_words,
            numbers: false,
        };
        self.options(path, &rules, &tool.reason, args, line);
        documents
            .iter()
            .for_each(|(text, start)| self.other_shell(text, *start));
    }

    /// A string that another shell runs.
    fn string(&mut self, path: &str, text: &Arg, line: usize) {
        if text.is_literal {
            self.other_shell(&text.text, line);
        } else {
            let reason = format!(
                "the string `{}` for another shell cannot be read here",
                text.raw
            );
            self.violation(line, path, &reason);
        }
    }

    fn builtin(&mut self, name: &str, letters: &str, args: &[Arg], line: usize) {
        if name == "local" && args.iter().any(|arg| arg.text == "-" && arg.is_literal) {
            self.violation(line, "local -", "came with bash 4.4; SmartOS has 4.3");
        }
        if letters == "*" {
            return;
        }
        let rules = Rules {
            letters,
            words: &[],
            valued_words: &[],
            numbers: false,
        };
        let reason = "the builtin of bash 4.3";
        let is_lookup = args
            .first()
            .is_some_and(|arg| arg.text.starts_with(['-', '+']));
        let args = if is_lookup && args.first().is_some_and(|arg| arg.text.starts_with('+')) {
            args.get(1..).unwrap_or_default()
        } else {
            args
        };
        let operands = self.options(name, &rules, reason, args, line);
        match name {
            "command" if !is_lookup => self.invocation(&operands, line, &[]),
            "builtin" => self.invocation(&operands, line, &[]),
            "exec" => {
                // `exec {fd}>file` puts a new descriptor's number into a variable
                let is_descriptor = |arg: &Arg| arg.raw.starts_with('{') && arg.raw.ends_with('}');
                let command: Vec<Arg> = operands
                    .into_iter()
                    .filter(|arg| !is_descriptor(arg))
                    .collect();
                self.invocation(&command, line, &[]);
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

    /// Checks the options and returns the operands.
    fn options(
        &mut self,
        command: &str,
        rules: &Rules,
        reason: &str,
        args: &[Arg],
        line: usize,
    ) -> Vec<Arg> {
        let permutes = rules.letters.starts_with('-');
        let mut operands = Vec::new();
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            if !arg.text.starts_with('-') || arg.text == "-" && arg.is_literal {
                operands.push(arg.clone());
                if permutes {
                    continue;
                }
                break;
            }
            if arg.text == "--" {
                break;
            }
            let word = arg.text.split('=').next().unwrap_or_default().to_owned();
            let digits = arg.text.trim_start_matches('-');
            if rules.words.contains(&arg.text)
                || rules.numbers && digits.chars().all(|digit| digit.is_ascii_digit())
            {
                continue;
            }
            if rules.valued_words.contains(&word) {
                if word == arg.text && arg.is_literal {
                    rest.next();
                }
                continue;
            }
            if let Err(what) = cluster(rules.letters, arg, &mut rest) {
                self.option(command, &what, reason, line);
            }
        }
        operands.extend(rest.cloned());
        operands
    }

    fn option(&mut self, command: &str, what: &str, reason: &str, line: usize) {
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
                self.invocation(&command, line, &[]);
            } else if tool.valued_words.iter().any(|known| known == word) {
                rest.next();
            } else if word.starts_with('-') && !tool.words.iter().any(|known| known == word) {
                self.option(path, &format!("`{word}`"), &tool.reason, line);
            }
        }
    }
}

/// Reads a cluster of letters; what is wrong with it.
fn cluster<'a>(
    letters: &str,
    arg: &Arg,
    rest: &mut impl Iterator<Item = &'a Arg>,
) -> Result<(), String> {
    let body = arg.text.strip_prefix('-').unwrap_or(&arg.text);
    if body.starts_with('-') || body.is_empty() {
        return Err(format!("`{}`", arg.raw));
    }
    for (at, letter) in body.char_indices() {
        let known = letters
            .find(letter)
            .filter(|_| letter.is_ascii_alphanumeric());
        let Some(known) = known else {
            return Err(format!("`-{letter}`"));
        };
        let follows = letters
            .get(known + 1..)
            .and_then(|after| after.chars().next());
        if !matches!(follows, Some(':' | '!')) {
            continue;
        }
        let attached = body.get(at + 1..).unwrap_or_default();
        let value = if attached.is_empty() && arg.is_literal {
            rest.next()
                .map(|next| next.text.clone())
                .unwrap_or_default()
        } else {
            attached.to_owned()
        };
        // `sed -i` takes the suffix of the copy, and would swallow the script
        if follows == Some('!') && !value.is_empty() && !value.starts_with('.') {
            return Err(format!("`-{letter}` without its argument"));
        }
        break;
    }
    Ok(())
}

/// The variable that a word consists of: `$x`, `"${x}"`, `"${x[@]}"`, `${x[@]+"${x[@]}"}`.
fn variables(raw: &str) -> Option<&str> {
    let start = raw.trim_start_matches('"').strip_prefix('$')?;
    let start = start.strip_prefix('{').unwrap_or(start);
    let end = start
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(start.len());
    let (name, after) = start.split_at_checked(end)?;
    let is_whole = after
        .chars()
        .all(|c| "\"{}[]@*+$".contains(c) || name.contains(c));
    is_whole.then_some(name)
}

/// The words after a first one that may be there.
fn after<'a>(args: &'a [Arg], word: &str) -> &'a [Arg] {
    match args.split_first() {
        Some((first, rest)) if first.text == word && first.is_literal => rest,
        _ => args,
    }
}
