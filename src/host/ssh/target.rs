//! Where to log in and how: the destination, completed from `~/.ssh/config`.
//!
//! A jump host is a destination of its own: its user, key and own jumps come from its own block of
//! the configuration, not from that of the host behind it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::config::{Found, Route, SshConfig, wrong};
use crate::host::HostError;
use crate::site::model::Become;

/// How deep jump hosts may name jump hosts of their own.
const JUMP_DEPTH: usize = 8;

/// Everything needed to log in to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshTarget {
    /// The name or address to connect to.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// Who to log in as.
    pub user: String,
    /// Private keys, in the order in which they are tried.
    pub identities: Vec<PathBuf>,
    /// Whether keys of the agent that are not among `identities` are left alone.
    pub identities_only: bool,
    /// The agent's socket.
    pub agent: Option<PathBuf>,
    /// The user's `known_hosts` files; a newly accepted key goes into the first.
    pub known_hosts: Vec<PathBuf>,
    /// The machine's `known_hosts` files.
    pub global_known_hosts: Vec<PathBuf>,
    /// The name to look up in `known_hosts` instead of host and port.
    pub host_key_alias: Option<String>,
    /// Whether an unknown host key is accepted and remembered; a changed one never is.
    pub accept_new_host_key: bool,
    /// The hosts to go through, nearest first.
    pub jumps: Vec<SshTarget>,
    /// How an ordinary login becomes root.
    pub become_root: Option<Become>,
    /// How long to wait for what.
    pub timing: Timing,
    /// What the user should be told of the configuration.
    pub notes: Vec<String>,
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// For a connection, and for each answer until the login is done.
    pub connect: Duration,
    /// For an address to take a connection at all, where that is less.
    pub dial: Option<Duration>,
    /// How long a running script may be quiet before the target is asked whether it is there. Less
    /// than two seconds counts as two.
    pub keepalive: Duration,
    /// How long the target may take to answer that.
    pub patience: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            dial: None,
            keepalive: Duration::from_secs(15),
            patience: Duration::from_secs(45),
        }
    }
}

impl SshTarget {
    /// Completes `host`, `user@host`, `user@host:port`, `[address]:port` or `ssh://…` from the
    /// configuration.
    ///
    /// # Errors
    /// [`HostError::Local`] when the destination is malformed or the configuration asks for what is
    /// not supported.
    pub fn parse(destination: &str, config: &SshConfig) -> Result<Self, HostError> {
        resolve(destination, config, JUMP_DEPTH)
    }

    /// Accepts and remembers unknown host keys, those of the jump hosts too.
    pub fn accept_new_host_keys(&mut self) {
        self.accept_new_host_key = true;
        for jump in &mut self.jumps {
            jump.accept_new_host_keys();
        }
    }

    /// `user@host:port`
    #[must_use]
    pub fn name(&self) -> String {
        if self.host.contains(':') {
            return format!("{}@[{}]:{}", self.user, self.host, self.port);
        }
        format!("{}@{}:{}", self.user, self.host, self.port)
    }
}

fn resolve(text: &str, config: &SshConfig, depth: usize) -> Result<SshTarget, HostError> {
    let (user, alias, port) = split_destination(text).map_err(|why| HostError::Local {
        operation: format!("understand the destination `{text}`"),
        source: io::Error::new(io::ErrorKind::InvalidInput, why),
    })?;
    let found = config.query(&alias, user, port)?;
    let mut words = Words {
        alias: &alias,
        host: alias.clone(),
        user: found.user.clone().unwrap_or_else(|| config.user.clone()),
        port: found.port.unwrap_or(22),
        config,
    };
    if let Some(name) = &found.host_name {
        words.host = words.expand(name)?;
    }
    let mut notes = Vec::new();
    if matches!(found.strict.as_deref(), Some("no" | "off")) {
        notes.push(format!(
            "`StrictHostKeyChecking no` for `{alias}` is not honoured: an unknown host key is refused"
        ));
    }
    Ok(SshTarget {
        identities: words.identities(&found)?,
        identities_only: found.identities_only.unwrap_or(false),
        agent: words.agent(&found)?,
        known_hosts: words.paths(
            found.user_known_hosts.as_deref(),
            &["~/.ssh/known_hosts", "~/.ssh/known_hosts2"],
        )?,
        global_known_hosts: words.paths(
            found.global_known_hosts.as_deref(),
            &["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"],
        )?,
        host_key_alias: found.host_key_alias.clone(),
        accept_new_host_key: found.strict.as_deref() == Some("accept-new"),
        jumps: jumps(&alias, &found, config, depth)?,
        become_root: None,
        timing: timing(&found),
        notes,
        host: words.host,
        port: words.port,
        user: words.user,
    })
}

fn jumps(
    alias: &str,
    found: &Found,
    config: &SshConfig,
    depth: usize,
) -> Result<Vec<SshTarget>, HostError> {
    let hops = match &found.route {
        None | Some(Route::Direct) => return Ok(Vec::new()),
        Some(Route::Command(place)) => {
            return Err(wrong(
                place,
                "`ProxyCommand` is not supported, `ProxyJump` is",
            ));
        }
        Some(Route::Jump(hops)) => hops,
    };
    if depth == 0 {
        return Err(wrong(alias, "its jump hosts lead to each other"));
    }
    let mut jumps = Vec::new();
    for (index, hop) in hops.split(',').enumerate() {
        let mut hop = resolve(hop.trim(), config, depth - 1)?;
        let own = std::mem::take(&mut hop.jumps);
        // those behind the first one are reached through the one before them
        if index == 0 {
            jumps.extend(own);
        }
        jumps.push(hop);
    }
    Ok(jumps)
}

type Destination = (Option<String>, String, Option<u16>);

fn split_destination(text: &str) -> Result<Destination, String> {
    let rest = text.strip_prefix("ssh://").unwrap_or(text);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => (Some(user.to_owned()), rest),
        None => (None, rest),
    };
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, after)) => (host, Some(after.strip_prefix(':').unwrap_or(after))),
        None if rest.matches(':').count() == 1 => rest
            .split_once(':')
            .map_or((rest, None), |(host, port)| (host, Some(port))),
        // a bare IPv6 address
        None => (rest, None),
    };
    let port = match port {
        None => None,
        Some(port) => match port.parse::<u16>() {
            Ok(port) if port > 0 => Some(port),
            _ => return Err(format!("`{port}` is not a port")),
        },
    };
    let bad = |word: &str| {
        word.is_empty()
            || word.starts_with('-')
            || word.chars().any(|c| c.is_whitespace() || c.is_control())
    };
    if bad(host) {
        return Err("it names no host".to_owned());
    }
    if user.as_deref().is_some_and(bad) {
        return Err("its user is not a name".to_owned());
    }
    Ok((user, host.to_owned(), port))
}

/// What the `%` words of a configuration stand for.
struct Words<'a> {
    alias: &'a str,
    host: String,
    user: String,
    port: u16,
    config: &'a SshConfig,
}

impl Words<'_> {
    fn expand(&self, text: &str) -> Result<String, HostError> {
        let mut result = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                result.push(c);
                continue;
            }
            match chars.next() {
                Some('%') => result.push('%'),
                Some('h') => result.push_str(&self.host),
                Some('n') => result.push_str(self.alias),
                Some('r') => result.push_str(&self.user),
                Some('p') => result.push_str(&self.port.to_string()),
                Some('u') => result.push_str(&self.config.user),
                Some('d') => result.push_str(&self.config.home.to_string_lossy()),
                other => {
                    let word = other.map(String::from).unwrap_or_default();
                    return Err(wrong(text, &format!("`%{word}` is not supported")));
                }
            }
        }
        Ok(result)
    }

    fn path(&self, text: &str) -> Result<PathBuf, HostError> {
        Ok(self.config.at_home(&self.expand(text)?))
    }

    fn paths(&self, given: Option<&[String]>, default: &[&str]) -> Result<Vec<PathBuf>, HostError> {
        match given {
            None => default.iter().map(|path| self.path(path)).collect(),
            Some([none]) if none.eq_ignore_ascii_case("none") => Ok(Vec::new()),
            Some(paths) => paths.iter().map(|path| self.path(path)).collect(),
        }
    }

    /// The named keys, else those of the usual names that exist.
    fn identities(&self, found: &Found) -> Result<Vec<PathBuf>, HostError> {
        if !found.identities.is_empty() {
            let named = found
                .identities
                .iter()
                .filter(|name| !name.eq_ignore_ascii_case("none"));
            return named.map(|path| self.path(path)).collect();
        }
        let folder = self.config.home.join(".ssh");
        let usual = ["id_ed25519", "id_ecdsa", "id_rsa"];
        Ok(usual
            .iter()
            .map(|name| folder.join(name))
            .filter(|path| path.exists())
            .collect())
    }

    fn agent(&self, found: &Found) -> Result<Option<PathBuf>, HostError> {
        match found.agent.as_deref() {
            None | Some("SSH_AUTH_SOCK" | "$SSH_AUTH_SOCK" | "${SSH_AUTH_SOCK}") => {
                Ok(self.config.agent.clone())
            }
            Some(none) if none.eq_ignore_ascii_case("none") => Ok(None),
            Some(path) => Ok(Some(self.path(path)?)),
        }
    }
}

fn timing(found: &Found) -> Timing {
    let mut timing = Timing::default();
    if let Some(seconds) = found.connect_timeout.filter(|seconds| *seconds > 0) {
        timing.connect = Duration::from_secs(seconds);
    }
    timing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> (tempfile::TempDir, SshConfig) {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config");
        std::fs::write(&file, text).unwrap();
        let agent = Some(PathBuf::from("/agent"));
        let config = SshConfig::load(home.path(), "me", agent, &[file]).unwrap();
        (home, config)
    }

    #[test]
    fn destinations_are_taken_apart() {
        for (text, user, host, port) in [
            ("vault", None, "vault", None),
            ("root@vault", Some("root"), "vault", None),
            ("root@vault:2222", Some("root"), "vault", Some(2222)),
            ("a@b@vault", Some("a@b"), "vault", None),
            ("ssh://root@vault:22/", Some("root"), "vault", Some(22)),
            ("[fd00::1]:23", None, "fd00::1", Some(23)),
            ("fd00::1", None, "fd00::1", None),
            ("root@[fd00::1]", Some("root"), "fd00::1", None),
        ] {
            let expected = (user.map(String::from), host.to_owned(), port);
            assert_eq!(split_destination(text).unwrap(), expected, "{text}");
        }
        for text in [
            "",
            "root@",
            "@vault",
            "vault:",
            "vault:0",
            "vault:65536",
            "-oX",
            "a b",
            "[x]y",
        ] {
            assert!(split_destination(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_target_is_completed_from_its_block() {
        let (home, config) = config(
            "Host vault\nHostName %h.lan\nUser matt\nPort 2200\nIdentityFile ~/k/%r-%n\nIdentityFile %d/%u\n\
             IdentitiesOnly yes\nUserKnownHostsFile /a ~/b\nGlobalKnownHostsFile none\n\
             HostKeyAlias pin\nStrictHostKeyChecking accept-new\nIdentityAgent none\nConnectTimeout 3\n",
        );
        let target = SshTarget::parse("vault", &config).unwrap();
        assert_eq!(target.name(), "matt@vault.lan:2200");
        let at = |path: &str| home.path().join(path);
        assert_eq!(target.identities, [at("k/matt-vault"), at("me")]);
        assert_eq!(target.known_hosts, [PathBuf::from("/a"), at("b")]);
        assert_eq!(target.global_known_hosts, [] as [PathBuf; 0]);
        assert_eq!(target.host_key_alias.as_deref(), Some("pin"));
        assert!(target.identities_only && target.accept_new_host_key);
        assert_eq!(target.agent, None);
        assert_eq!(target.timing.connect, Duration::from_secs(3));
    }

    #[test]
    fn without_a_block_the_usual_holds() {
        let (home, config) = config("");
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        std::fs::write(home.path().join(".ssh/id_rsa"), "").unwrap();
        let target = SshTarget::parse("vault", &config).unwrap();
        assert_eq!(target.name(), "me@vault:22");
        assert_eq!(target.identities, [home.path().join(".ssh/id_rsa")]);
        assert_eq!(target.known_hosts.len(), 2);
        assert_eq!(target.agent, Some(PathBuf::from("/agent")));
        assert!(!target.accept_new_host_key && target.jumps.is_empty());
        assert_eq!(
            SshTarget::parse("x@fd00::1", &config).unwrap().name(),
            "x@[fd00::1]:22"
        );
    }

    #[test]
    fn jumps_are_resolved_each_by_its_own_block() {
        let (_home, config) = config(
            "Host vault\nProxyJump a@one,two:2222\nUser v\nHost one\nHostName 1.lan\nProxyJump zero\n\
             Host two\nUser b\nProxyJump ignored\n",
        );
        let target = SshTarget::parse("vault", &config).unwrap();
        let names: Vec<_> = target.jumps.iter().map(SshTarget::name).collect();
        assert_eq!(names, ["me@zero:22", "a@1.lan:22", "b@two:2222"]);
        assert!(target.jumps.iter().all(|jump| jump.jumps.is_empty()));
    }

    #[test]
    fn a_circle_of_jumps_and_a_proxy_command_are_refused() {
        let (_home, config) =
            config("Host a\nProxyJump b\nHost b\nProxyJump a\nHost c\nProxyCommand x\n");
        assert!(SshTarget::parse("a", &config).is_err());
        let error = SshTarget::parse("c", &config).unwrap_err();
        assert!(error.to_string().contains("config:6"), "{error}");
        assert!(SshTarget::parse("d", &config).is_ok());
    }

    #[test]
    fn no_host_key_checking_is_not_honoured_and_said_so() {
        let (_home, config) = config("StrictHostKeyChecking no\n");
        let target = SshTarget::parse("vault", &config).unwrap();
        assert!(!target.accept_new_host_key);
        assert!(target.notes[0].contains("not honoured"));
    }
}
