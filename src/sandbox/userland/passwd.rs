//! `passwd -N|-l|-u|-d|-s USER`: how an account may be entered, without setting a password.
//!
//! There is no way to give it a hash; a tool edits `/etc/shadow` itself. The words that it prints
//! are (inferred), the exit codes are not.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::accounts::Table;
use super::getopt::{Parsed, Refusal};
use super::{Streams, not_emulated};

const NO_PERMISSION: i32 = 1;
const BAD_OPTIONS: i32 = 2;
const LOCK: &str = "*LK*";
const NO_PASSWORD: &str = "NP";

/// Changes or shows the state of one account.
pub fn passwd(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    let parsed = match Parsed::new(args, "Nluds") {
        Ok(parsed) => parsed,
        Err(Refusal::Unknown(option)) => return not_emulated(streams, "passwd", &option),
        Err(Refusal::Missing(_)) => return usage(streams),
    };
    let letters = parsed.letters();
    let (Some(letter), [user]) = (letters.chars().next(), parsed.operands.as_slice()) else {
        return match letters.as_str() {
            "" => not_emulated(streams, "passwd", "asking for a password"),
            _ => usage(streams),
        };
    };
    if letters.len() != 1 {
        return usage(streams);
    }
    let user = user.to_string_lossy();
    let mut shadow = Table::open(root, "/etc/shadow")?;
    let Some(mut row) = shadow.find(&user).filter(|row| row.len() > 1) else {
        writeln!(streams.errors, "passwd: User unknown: {user}")?;
        writeln!(streams.errors, "Permission denied")?;
        return Ok(NO_PERMISSION);
    };
    let old = row.get(1).cloned().unwrap_or_default();
    if letter == 's' {
        writeln!(streams.output, "{user}  {}", state(&old))?;
        return Ok(0);
    }
    if let Some(field) = row.get_mut(1) {
        *field = changed(letter, &old);
    }
    shadow.set(&user, &row);
    shadow.save()?;
    writeln!(
        streams.output,
        "passwd: password information changed for {user}"
    )?;
    Ok(0)
}

fn usage(streams: &mut Streams) -> io::Result<i32> {
    writeln!(
        streams.errors,
        "usage:\n\tpasswd [-N | -d | -l | -u | -s] name"
    )?;
    Ok(BAD_OPTIONS)
}

fn changed(letter: char, old: &str) -> String {
    match letter {
        'N' => NO_PASSWORD.to_owned(),
        'd' => String::new(),
        'l' if old.starts_with(LOCK) => old.to_owned(),
        'l' => format!("{LOCK}{old}"),
        _ => old.strip_prefix(LOCK).unwrap_or(old).to_owned(),
    }
}

fn state(password: &str) -> &'static str {
    match password {
        locked if is_locked(locked) => "LK",
        "" | NO_PASSWORD => "NP",
        _ => "PS",
    }
}

/// Whether a password field lets nobody in.
pub fn is_locked(password: &str) -> bool {
    password.starts_with(LOCK)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::testing::run;
    use super::*;

    #[test]
    fn an_account_is_opened_locked_and_unlocked() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let path = root.path().join("etc/shadow");
        fs::write(&path, "root:$6$x:1::::::\nu:*LK*:::::::\n").unwrap();
        let status = |letter| run(root.path(), passwd, &[letter, "u"], b"");
        assert_eq!(status("-s").output, "u  LK\n");
        assert_eq!(status("-N").status, 0);
        assert_eq!(status("-s").output, "u  NP\n");
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "root:$6$x:1::::::\nu:NP:::::::\n"
        );
        assert_eq!(run(root.path(), passwd, &["-l", "root"], b"").status, 0);
        assert_eq!(
            run(root.path(), passwd, &["-s", "root"], b"").output,
            "root  LK\n"
        );
        assert_eq!(run(root.path(), passwd, &["-u", "root"], b"").status, 0);
        assert!(
            fs::read_to_string(&path)
                .unwrap()
                .starts_with("root:$6$x:1")
        );
        assert_eq!(status("-d").status, 0);
        assert!(fs::read_to_string(&path).unwrap().ends_with("u::::::::\n"));
    }

    #[test]
    fn wrong_calls_end_as_the_real_one_does() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/shadow"), "root:x:\n").unwrap();
        assert_eq!(run(root.path(), passwd, &["-N", "no"], b"").status, 1);
        assert_eq!(run(root.path(), passwd, &["-N"], b"").status, 2);
        assert_eq!(
            run(root.path(), passwd, &["-l", "-u", "root"], b"").status,
            2
        );
        assert_eq!(run(root.path(), passwd, &["root"], b"").status, 99);
        assert_eq!(
            run(root.path(), passwd, &["-x", "1", "root"], b"").status,
            99
        );
    }
}
