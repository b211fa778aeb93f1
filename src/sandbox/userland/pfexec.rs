//! `pfexec COMMAND…`: runs a command with the privileges of the caller's profiles.
//!
//! The emulated command cannot raise privileges, because the sandbox starts it through a link and
//! not as a setuid program. So root runs the command as it is; a user without the profile runs it with
//! the privileges he has, as on SmartOS; a user with `Primary Administrator` is told that this is
//! not emulated, instead of being run without the rights that the profile promises.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use nix::unistd::{User, geteuid};

use super::exec::become_command;
use super::{Streams, below, not_emulated, with_path};

/// Runs the operands.
pub fn pfexec(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    let Some(first) = args.first() else {
        // (inferred)
        writeln!(streams.errors, "pfexec [-P privset] cmd [arg ..]")?;
        return Ok(1);
    };
    if first.to_string_lossy().starts_with('-') {
        return not_emulated(streams, "pfexec", &first.to_string_lossy());
    }
    let user = geteuid();
    if !user.is_root() {
        let name = User::from_uid(user)?
            .map(|user| user.name)
            .unwrap_or_default();
        if is_administrator(root, &name)? {
            return not_emulated(streams, "pfexec", "raising privileges for a profile");
        }
    }
    Err(become_command(args, streams))
}

// admin::::type=normal;profiles=Primary Administrator;roles=root
fn is_administrator(root: &Path, user: &str) -> io::Result<bool> {
    let path = below(root, "/etc/user_attr");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(with_path(&path, &error)),
    };
    Ok(text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| *name == user)
        .filter_map(|(_, rest)| rest.rsplit(':').next())
        .flat_map(|attributes| attributes.split(';'))
        .filter_map(|attribute| attribute.strip_prefix("profiles="))
        .flat_map(|profiles| profiles.split(','))
        .any(|profile| profile == "Primary Administrator"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use super::*;

    #[test]
    fn only_the_profile_makes_an_administrator() {
        let root = tempfile::tempdir().unwrap();
        assert!(!is_administrator(root.path(), "admin").unwrap());
        fs::create_dir(root.path().join("etc")).unwrap();
        let text = "admin::::type=normal;profiles=All,Primary Administrator;lock=no\n\
                    matt::::type=normal;profiles=All\n";
        fs::write(root.path().join("etc/user_attr"), text).unwrap();
        assert!(is_administrator(root.path(), "admin").unwrap());
        assert!(!is_administrator(root.path(), "matt").unwrap());
        assert!(!is_administrator(root.path(), "adm").unwrap());
    }

    #[test]
    fn options_are_refused() {
        assert_eq!(
            run(Path::new("/"), pfexec, &["-P", "all", "id"], b"").status,
            99
        );
        assert_eq!(run(Path::new("/"), pfexec, &[], b"").status, 1);
    }
}
