//! `~/.ssh/config`: what it says of one host.
//!
//! The first value found wins, so the file is applied from top to bottom for each host; only
//! `IdentityFile` gathers. (The `ssh2-config` crate was tried: it has no `HostKeyAlias`,
//! `IdentitiesOnly`, `UserKnownHostsFile` or `StrictHostKeyChecking`, no `%` words, and takes the
//! lines under a `Match all` for part of the block above.)

use std::io;
use std::path::{Path, PathBuf};

use super::pattern::{matches, matches_list};
use crate::host::HostError;

/// How deep files may include each other.
const DEPTH: usize = 16;

/// The user's configuration, and who the user is.
#[derive(Debug, Clone, Default)]
pub struct SshConfig {
    /// The user's home folder.
    pub home: PathBuf,
    /// The user's own name.
    pub user: String,
    /// The agent's socket (`SSH_AUTH_SOCK`).
    pub agent: Option<PathBuf>,
    files: Vec<Vec<Item>>,
}

/// A line, and where it is.
#[derive(Debug, Clone)]
struct Item {
    place: String,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Host(Vec<String>),
    Match(Vec<String>),
    Include(Vec<Vec<Item>>),
    Set { key: String, values: Vec<String> },
}

/// How the connection is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Direct,
    Jump(String),
    /// `ProxyCommand`, and where it stands.
    Command(String),
}

/// What the files say of one host; nothing where they are silent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) host_name: Option<String>,
    pub(super) user: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) identities: Vec<String>,
    pub(super) identities_only: Option<bool>,
    pub(super) agent: Option<String>,
    pub(super) route: Option<Route>,
    pub(super) user_known_hosts: Option<Vec<String>>,
    pub(super) global_known_hosts: Option<Vec<String>>,
    pub(super) host_key_alias: Option<String>,
    pub(super) strict: Option<String>,
    pub(super) connect_timeout: Option<u64>,
}

impl SshConfig {
    /// The user's and the machine's configuration, of the environment's user.
    ///
    /// # Errors
    /// [`HostError::Local`] when `HOME` is not set, or a file cannot be read or understood.
    pub fn of_user() -> Result<Self, HostError> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = variable("HOME")
            .map(PathBuf::from)
            .ok_or_else(|| HostError::Local {
                operation: "find the home folder".to_owned(),
                source: io::Error::new(io::ErrorKind::NotFound, "`HOME` is not set"),
            })?;
        let user = variable("USER").or_else(|| variable("LOGNAME"));
        let user = user.map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into());
        let agent = variable("SSH_AUTH_SOCK").map(PathBuf::from);
        let own = home.join(".ssh/config");
        let machine = PathBuf::from("/etc/ssh/ssh_config");
        Self::load(&home, &user, agent, &[own, machine])
    }

    /// The given files, of which those that do not exist count as empty.
    ///
    /// # Errors
    /// [`HostError::Local`] when a file cannot be read or understood.
    pub fn load(
        home: &Path,
        user: &str,
        agent: Option<PathBuf>,
        files: &[PathBuf],
    ) -> Result<Self, HostError> {
        let mut config = Self {
            home: home.to_owned(),
            user: user.to_owned(),
            agent,
            files: Vec::new(),
        };
        for file in files {
            let items = config.read(file, 0)?;
            config.files.push(items);
        }
        Ok(config)
    }

    /// One file whose text is at hand, for a user `me` whose home is `/home/me`.
    ///
    /// # Errors
    /// [`HostError::Local`] when it cannot be understood, or a file that it includes cannot be read.
    pub fn of_text(file: &Path, text: &str) -> Result<Self, HostError> {
        let mut config = Self {
            home: PathBuf::from("/home/me"),
            user: "me".to_owned(),
            ..Self::default()
        };
        let items = config.parse(file, text, 0)?;
        config.files.push(items);
        Ok(config)
    }

    fn read(&self, file: &Path, depth: usize) -> Result<Vec<Item>, HostError> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => {
                return Err(HostError::Local {
                    operation: format!("read `{}`", file.display()),
                    source,
                });
            }
        };
        self.parse(file, &text, depth)
    }

    fn parse(&self, file: &Path, text: &str, depth: usize) -> Result<Vec<Item>, HostError> {
        let mut items = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let place = format!("{}:{}", file.display(), index + 1);
            let Some((key, values)) = split_line(line).map_err(|why| wrong(&place, &why))? else {
                continue;
            };
            let what = match key.as_str() {
                "host" => What::Host(values),
                "match" => What::Match(values),
                "include" if depth >= DEPTH => {
                    return Err(wrong(&place, "too many files include each other"));
                }
                "include" => What::Include(self.include(file, &values, depth)?),
                _ => What::Set { key, values },
            };
            items.push(Item { place, what });
        }
        Ok(items)
    }

    fn include(
        &self,
        from: &Path,
        patterns: &[String],
        depth: usize,
    ) -> Result<Vec<Vec<Item>>, HostError> {
        let own = self.home.join(".ssh");
        let base = if from.starts_with("/etc/ssh") {
            Path::new("/etc/ssh")
        } else {
            &own
        };
        let mut files = Vec::new();
        for pattern in patterns {
            let path = base.join(self.at_home(pattern));
            for file in expand_stars(&path) {
                files.push(self.read(&file, depth + 1)?);
            }
        }
        Ok(files)
    }

    /// A path that may begin with `~/`.
    pub(super) fn at_home(&self, path: &str) -> PathBuf {
        match path.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None => PathBuf::from(path),
        }
    }

    /// What the files say of `alias`; the user and port of the command line come first.
    pub(super) fn query(
        &self,
        alias: &str,
        user: Option<String>,
        port: Option<u16>,
    ) -> Result<Found, HostError> {
        let mut found = Found {
            user,
            port,
            ..Found::default()
        };
        for items in &self.files {
            self.apply(items, alias, &mut found)?;
        }
        Ok(found)
    }

    fn apply(&self, items: &[Item], alias: &str, found: &mut Found) -> Result<(), HostError> {
        let mut active = true;
        for item in items {
            match &item.what {
                What::Host(patterns) => {
                    active = matches_list(patterns.iter().map(String::as_str), alias);
                }
                What::Match(words) => {
                    active = self
                        .is_match(words, alias, found)
                        .map_err(|why| wrong(&item.place, &why))?;
                }
                What::Include(files) if active => {
                    for file in files {
                        self.apply(file, alias, found)?;
                    }
                }
                What::Set { key, values } if active => {
                    found
                        .set(key, values, &item.place)
                        .map_err(|why| wrong(&item.place, &why))?;
                }
                What::Include(_) | What::Set { .. } => {}
            }
        }
        Ok(())
    }

    /// Whether all criteria of a `Match` line hold. `canonical` and `final` ask for a second pass
    /// over the files, which is not made, so they do not hold.
    fn is_match(&self, words: &[String], alias: &str, found: &Found) -> Result<bool, String> {
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let criterion = word.trim_start_matches('!').to_lowercase();
            let host = match &found.host_name {
                Some(name) => name.replace("%h", alias),
                None => alias.to_owned(),
            };
            let actual = match criterion.as_str() {
                "all" => {
                    if word.starts_with('!') {
                        return Ok(false);
                    }
                    continue;
                }
                "canonical" | "final" => {
                    if word.starts_with('!') {
                        continue;
                    }
                    return Ok(false);
                }
                "host" => host,
                "originalhost" => alias.to_owned(),
                "user" => found.user.clone().unwrap_or_else(|| self.user.clone()),
                "localuser" => self.user.clone(),
                _ => return Err(format!("`Match {criterion}` is not supported")),
            };
            let Some(patterns) = words.next() else {
                return Err(format!("`Match {criterion}` names no pattern"));
            };
            if matches_list(patterns.split(','), &actual) == word.starts_with('!') {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Found {
    fn set(&mut self, key: &str, values: &[String], place: &str) -> Result<(), String> {
        let Some(first) = values.first() else {
            return Ok(());
        };
        let text = || Some(first.clone());
        match key {
            "hostname" => keep(&mut self.host_name, text()),
            "user" => keep(&mut self.user, text()),
            "port" => {
                let port = first.parse().ok().filter(|port| *port > 0);
                let port = port.ok_or_else(|| format!("`{first}` is not a port"))?;
                keep(&mut self.port, Some(port));
            }
            "identityfile" => self.identities.push(first.clone()),
            "identitiesonly" => keep(&mut self.identities_only, Some(yes_or_no(first)?)),
            "identityagent" => keep(&mut self.agent, text()),
            "proxyjump" | "proxycommand" if first.eq_ignore_ascii_case("none") => {
                keep(&mut self.route, Some(Route::Direct));
            }
            "proxyjump" => keep(&mut self.route, Some(Route::Jump(first.clone()))),
            "proxycommand" => keep(&mut self.route, Some(Route::Command(place.to_owned()))),
            "userknownhostsfile" => keep(&mut self.user_known_hosts, Some(values.to_vec())),
            "globalknownhostsfile" => keep(&mut self.global_known_hosts, Some(values.to_vec())),
            "hostkeyalias" => keep(&mut self.host_key_alias, text()),
            "stricthostkeychecking" => keep(&mut self.strict, Some(first.to_lowercase())),
            "connecttimeout" if !first.eq_ignore_ascii_case("none") => {
                let seconds = first
                    .parse()
                    .map_err(|_| format!("`{first}` is not a time"))?;
                keep(&mut self.connect_timeout, Some(seconds));
            }
            _ => {}
        }
        Ok(())
    }
}

fn keep<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}

fn yes_or_no(word: &str) -> Result<bool, String> {
    match word.to_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(format!("`{word}` is neither yes nor no")),
    }
}

pub(super) fn wrong(place: &str, why: &str) -> HostError {
    HostError::Local {
        operation: format!("understand `{place}`"),
        source: io::Error::new(io::ErrorKind::InvalidData, why.to_owned()),
    }
}

/// Splits a line into its keyword, in lower case, and its values.
// Host vault "two words"
// User=matt
fn split_line(line: &str) -> Result<Option<(String, Vec<String>)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let end = line
        .find(|c: char| c.is_whitespace() || c == '=')
        .unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    Ok(Some((key.to_lowercase(), split_words(rest)?)))
}

fn split_words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (_, '\\') => {
                let escaped = chars.next_if(|next| matches!(next, '"' | '\'' | '\\'));
                word.get_or_insert_default().push(escaped.unwrap_or('\\'));
            }
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            (None, '#') if word.is_none() => break,
            _ => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}

/// The files that a path with `*` and `?` in its last part stands for, sorted.
fn expand_stars(path: &Path) -> Vec<PathBuf> {
    let Some(pattern) = path.file_name().and_then(|name| name.to_str()) else {
        return Vec::new();
    };
    if !pattern.contains(['*', '?']) {
        return vec![path.to_owned()];
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    // a folder that is not there includes nothing, as for ssh
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            matches(pattern, &name) && (!name.starts_with('.') || pattern.starts_with('.'))
        })
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> (tempfile::TempDir, SshConfig) {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(".ssh/config");
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        std::fs::write(&file, text).unwrap();
        let config = SshConfig::load(home.path(), "me", None, &[file]).unwrap();
        (home, config)
    }

    fn query(text: &str, alias: &str) -> Result<Found, HostError> {
        config(text).1.query(alias, None, None)
    }

    #[test]
    fn the_first_value_wins_and_identity_files_gather() {
        let text = "IdentityFile /top\nHost vault\n user matt # his\n Port=2200\n IdentityFile ~/a\n\
                    Host v*\n User late\n HostName = \"10.0.0.1\"\n IdentityFile /b\n\
                    Host *\n Port 1\n Bogus stuff\n";
        let found = query(text, "vault").unwrap();
        assert_eq!(found.user.as_deref(), Some("matt"));
        assert_eq!(found.port, Some(2200));
        assert_eq!(found.host_name.as_deref(), Some("10.0.0.1"));
        assert_eq!(found.identities, ["/top", "~/a", "/b"]);
        let found = query(text, "other").unwrap();
        assert_eq!((found.user, found.port), (None, Some(1)));
        let given = config(text)
            .1
            .query("vault", Some("x".into()), Some(9))
            .unwrap();
        assert_eq!((given.user.as_deref(), given.port), (Some("x"), Some(9)));
    }

    #[test]
    fn an_excluded_host_is_not_in_its_block() {
        let text = "Host * !vault2\nUser matt\n";
        assert_eq!(query(text, "vault").unwrap().user.as_deref(), Some("matt"));
        assert_eq!(query(text, "vault2").unwrap().user, None);
    }

    #[test]
    fn match_looks_at_host_user_and_all() {
        let text = "Host v\nHostName real.lan\n\
                    Match host *.lan user me,you\nPort 1\n\
                    Match originalhost w\nPort 2\n\
                    Match !host w originalhost x\nPort 3\n\
                    Match canonical all\nPort 4\n\
                    Match all\nUser late\nPort 5\n";
        for (alias, port) in [("v", 1), ("w", 2), ("x", 3), ("y", 5)] {
            assert_eq!(query(text, alias).unwrap().port, Some(port), "{alias}");
            assert_eq!(query(text, alias).unwrap().user.as_deref(), Some("late"));
        }
        // a criterion that cannot be judged matters only where the ones before it hold
        let text = "Match host a exec true\nPort 1\n";
        let error = query(text, "a").unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, "`Match exec` is not supported");
        assert!(error.to_string().ends_with("/.ssh/config:1`"), "{error}");
        assert_eq!(query(text, "b").unwrap().port, None);
    }

    #[test]
    fn includes_belong_to_their_block_and_do_not_end_it() {
        let home = tempfile::tempdir().unwrap();
        let ssh = home.path().join(".ssh");
        std::fs::create_dir_all(ssh.join("d")).unwrap();
        std::fs::write(ssh.join("d/2"), "Port 2\n").unwrap();
        std::fs::write(ssh.join("d/1"), "Host other\nUser other\n").unwrap();
        std::fs::write(ssh.join("config"), "Host v\nInclude d/* missing\nUser me\n").unwrap();
        let config = SshConfig::load(home.path(), "me", None, &[ssh.join("config")]).unwrap();
        let v = config.query("v", None, None).unwrap();
        assert_eq!((v.port, v.user.as_deref()), (Some(2), Some("me")));
        assert_eq!(config.query("other", None, None).unwrap(), Found::default());

        std::fs::write(ssh.join("config"), "Include config\n").unwrap();
        assert!(SshConfig::load(home.path(), "me", None, &[ssh.join("config")]).is_err());
    }

    #[test]
    fn words_are_split_as_ssh_does() {
        let split = |line| split_line(line).unwrap().unwrap();
        assert_eq!(
            split("Host a \"b c\" d"),
            ("host".into(), vec!["a".into(), "b c".into(), "d".into()])
        );
        assert_eq!(split("USER=x"), ("user".into(), vec!["x".into()]));
        assert_eq!(split("User = x#y # z"), ("user".into(), vec!["x#y".into()]));
        assert_eq!(split("IdentityFile 'a\\'b'").1, ["a'b"]);
        assert!(split_line("User \"x").is_err());
        assert!(split_line("  # x").unwrap().is_none());
    }

    #[test]
    fn a_wrong_port_names_its_line() {
        for port in ["70000", "0", "-1", "x"] {
            let error = query(&format!("\nPort {port}\n"), "v").unwrap_err();
            assert!(error.to_string().contains("config:2"), "{error}");
        }
    }

    #[test]
    fn the_first_of_jump_and_command_wins() {
        let route = |text| query(text, "v").unwrap().route;
        assert_eq!(
            route("ProxyJump a\nProxyCommand b\n"),
            Some(Route::Jump("a".into()))
        );
        assert_eq!(route("ProxyJump none\nProxyJump b\n"), Some(Route::Direct));
        assert!(matches!(
            route("ProxyCommand nc %h\n"),
            Some(Route::Command(_))
        ));
    }
}
