//! `su [-] USER [-c COMMAND]`, from root only: becoming another user without a password.
//!
//! A locked account (`*LK*`) is refused with `su: Sorry` and status 3, which Linux's own `su` lets
//! root through: a user that was made and never opened with `passwd -N` must fail here too. What is
//! missing: the log of `/var/adm/sulog`, and the user's project.

use std::ffi::{CString, OsString};
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{Gid, Uid, geteuid, initgroups, setgid, setuid};

use super::accounts::Table;
use super::exec::{become_command, become_process};
use super::passwd::is_locked;
use super::{Streams, below, not_emulated};

/// Becomes the user's shell.
pub fn su(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    if !geteuid().is_root() {
        return not_emulated(streams, "su", "asking for a password");
    }
    let (is_login, rest) = match args.split_first() {
        Some((dash, rest)) if dash == "-" => (true, rest),
        _ => (false, args),
    };
    let (name, shell_args) = match rest.split_first() {
        Some((name, rest)) => (name.to_string_lossy().into_owned(), rest),
        None => ("root".to_owned(), rest),
    };
    if name.starts_with('-') {
        return not_emulated(streams, "su", &name);
    }
    let user = match look_up(root, &name)? {
        Ok(user) => user,
        Err(refusal) => {
            writeln!(streams.errors, "su: {}", refusal.message)?;
            return Ok(refusal.status);
        }
    };
    become_user(&user)?;
    let shell = if user.shell.is_empty() {
        "/usr/bin/sh"
    } else {
        user.shell.as_str()
    };
    if is_login {
        if std::env::set_current_dir(below(root, &user.home)).is_err() {
            // (inferred)
            writeln!(streams.errors, "su: No directory! Using home=/")?;
            std::env::set_current_dir("/")?;
        }
        let environment = login_environment(root, &user, shell);
        return Err(become_process(
            &mut login_shell(shell, shell_args, &environment),
            streams,
        ));
    }
    Err(become_command(
        &[&[OsString::from(shell)], shell_args].concat(),
        streams,
    ))
}

/// Who to become.
#[derive(Debug, PartialEq, Eq)]
struct Account {
    name: String,
    uid: u32,
    gid: u32,
    home: String,
    shell: String,
}

/// Why not.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    status: i32,
    message: String,
}

fn look_up(root: &Path, name: &str) -> io::Result<Result<Account, Refusal>> {
    let unknown = || Refusal {
        status: 1,
        message: format!("Unknown id: {name}"),
    };
    let account = Table::open(root, "/etc/passwd")?
        .find(name)
        .and_then(|row| {
            Some(Account {
                name: name.to_owned(),
                uid: row.get(2)?.parse().ok()?,
                gid: row.get(3)?.parse().ok()?,
                home: row.get(5)?.clone(),
                shell: row.get(6)?.clone(),
            })
        });
    let shadow = Table::open(root, "/etc/shadow")?.find(name);
    let password = shadow
        .and_then(|row| row.get(1).cloned())
        .unwrap_or_default();
    if account.is_some() && is_locked(&password) {
        return Ok(Err(Refusal {
            status: 3,
            message: "Sorry".to_owned(),
        }));
    }
    Ok(account.ok_or_else(unknown))
}

fn become_user(user: &Account) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    initgroups(&CString::new(user.name.as_str())?, gid)?;
    setgid(gid)?;
    setuid(uid)?;
    Ok(())
}

/// The environment of a fresh login; nothing of the caller's is kept but its terminal and zone.
fn login_environment(root: &Path, user: &Account, shell: &str) -> Vec<(&'static str, String)> {
    let (key, fallback) = if user.uid == 0 {
        ("SUPATH", "/usr/sbin:/usr/bin")
    } else {
        ("PATH", "/usr/bin:")
    };
    let path = default(root, key).unwrap_or_else(|| fallback.to_owned());
    let mut pairs = vec![
        ("HOME", user.home.clone()),
        ("LOGNAME", user.name.clone()),
        ("PATH", path),
        ("SHELL", shell.to_owned()),
    ];
    for kept in ["TERM", "TZ"] {
        pairs.extend(std::env::var(kept).ok().map(|value| (kept, value)));
    }
    pairs
}

// PATH=/usr/bin:/opt/local/bin
fn default(root: &Path, key: &str) -> Option<String> {
    let text = fs::read_to_string(below(root, "/etc/default/su")).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('=').map(str::to_owned))
}

/// The user's login shell: told by the dash in front of its name.
fn login_shell(shell: &str, args: &[OsString], environment: &[(&str, String)]) -> Command {
    let mut command = Command::new(shell);
    let name = shell.rsplit('/').next().unwrap_or(shell);
    command.arg0(format!("-{name}")).args(args).env_clear();
    command.envs(environment.iter().map(|(key, value)| (key, value)));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc/default")).unwrap();
        let users = "u:x:100:1::/home/u:/usr/bin/bash\nlocked:x:101:1::/home/l:\n";
        fs::write(root.path().join("etc/passwd"), users).unwrap();
        fs::write(
            root.path().join("etc/shadow"),
            "u:NP:::::::\nlocked:*LK*:::::::\n",
        )
        .unwrap();
        fs::write(
            root.path().join("etc/default/su"),
            "# x\nPATH=/usr/bin:/x\n",
        )
        .unwrap();
        root
    }

    #[test]
    fn a_locked_account_is_refused_even_for_root() {
        let root = zone();
        let refusal = |name| look_up(root.path(), name).unwrap().unwrap_err();
        assert_eq!(
            refusal("locked"),
            Refusal {
                status: 3,
                message: "Sorry".into()
            }
        );
        assert_eq!(
            refusal("no"),
            Refusal {
                status: 1,
                message: "Unknown id: no".into()
            }
        );
        let user = look_up(root.path(), "u").unwrap().unwrap();
        assert_eq!(
            (user.uid, user.gid, user.shell.as_str()),
            (100, 1, "/usr/bin/bash")
        );
    }

    #[test]
    fn a_login_starts_from_a_clean_environment() {
        let root = zone();
        let user = look_up(root.path(), "u").unwrap().unwrap();
        let environment = login_environment(root.path(), &user, "/usr/bin/bash");
        let expected = [
            ("HOME", "/home/u".to_owned()),
            ("LOGNAME", "u".to_owned()),
            ("PATH", "/usr/bin:/x".to_owned()),
            ("SHELL", "/usr/bin/bash".to_owned()),
        ];
        assert_eq!(environment[..4], expected);
        let script = "echo \"$0 $1 $HOME ${CARGO_PKG_NAME-none}\"".to_owned();
        let args = ["-c", &script, "-bash", "a b"].map(OsString::from);
        let output = login_shell("/bin/bash", &args, &environment)
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "-bash a b /home/u none\n"
        );
    }
}
