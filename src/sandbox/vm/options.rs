//! The command line of `vmadm`: options anywhere, long and short, and then words.

/// What an option of a sub-command is followed by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Option {
    pub short: char,
    pub long: &'static str,
    pub takes_value: bool,
}

/// A command line, read.
#[derive(Debug, Default)]
pub(super) struct Words {
    options: Vec<(char, String)>,
    pub operands: Vec<String>,
}

impl Words {
    /// Reads a command line; an option that the sandbox does not know comes back.
    pub fn read(args: &[String], known: &[Option]) -> Result<Self, String> {
        let mut words = Self::default();
        let mut args = args.iter();
        let mut is_over = false;
        while let Some(arg) = args.next() {
            if is_over || !arg.starts_with('-') || arg == "-" {
                words.operands.push(arg.clone());
                continue;
            }
            if arg == "--" {
                is_over = true;
                continue;
            }
            if let Some(long) = arg.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (long, None),
                };
                let option = known.iter().find(|option| option.long == name);
                let option = option.ok_or_else(|| format!("--{name}"))?;
                let value = match (option.takes_value, value) {
                    (true, None) => args.next().cloned(),
                    (_, value) => value,
                };
                words
                    .options
                    .push((option.short, value.unwrap_or_default()));
                continue;
            }
            for letter in arg.chars().skip(1) {
                let option = known.iter().find(|option| option.short == letter);
                let option = option.ok_or_else(|| format!("-{letter}"))?;
                let value = if option.takes_value {
                    args.next().cloned().unwrap_or_default()
                } else {
                    String::new()
                };
                words.options.push((letter, value));
            }
        }
        Ok(words)
    }

    /// Whether an option was given.
    pub fn has(&self, letter: char) -> bool {
        self.options.iter().any(|(given, _)| *given == letter)
    }

    /// What the last of them was given.
    pub fn value(&self, letter: char) -> std::option::Option<&str> {
        let all = self.options.iter().rev();
        all.filter(|(given, _)| *given == letter)
            .map(|(_, value)| value.as_str())
            .next()
    }

    /// The `KEY=VALUE` words; a word without `=` comes back.
    pub fn pairs(&self) -> Result<Vec<(String, String)>, String> {
        self.operands
            .iter()
            .map(|word| match word.split_once('=') {
                Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
                None => Err(word.clone()),
            })
            .collect()
    }
}
