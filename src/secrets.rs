//! Passwords on the controller: where they come from, and whether the zone has them already.
//!
//! A password is read, compared or hashed, and dropped. It is in no message, no argument and no
//! file of ours; and since a core dump would be a file with all of them, there is none.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::facts::accounts::Secret;
use crate::shadow::{self, ShadowState};
use crate::site::model::{Password, User};

/// Why the wanted password of an account is not known.
#[derive(Debug, thiserror::Error)]
#[error("no password for the account `{user}`: {reason}")]
pub struct PasswordError {
    /// The account.
    pub user: String,
    /// What went wrong; never the password.
    pub reason: String,
}

/// Asks a question on the terminal without showing the answer; `None` without a terminal.
pub type Prompt<'a> = &'a mut dyn FnMut(&str) -> Option<String>;

/// The wanted passwords of one run, each read once: a command may ask a person, or a key to be touched.
#[derive(Default)]
pub struct Passwords<'a> {
    site: Option<&'a Path>,
    read: BTreeMap<String, String>,
}

impl<'a> Passwords<'a> {
    /// Nothing read yet; files are relative to the site's folder. From here on this process leaves no
    /// core dump.
    #[must_use]
    pub fn new(site: Option<&'a Path>) -> Self {
        // where that cannot be had, the system's own setting holds
        if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_CORE) {
            let _ = setrlimit(Resource::RLIMIT_CORE, 0, hard);
        }
        Self {
            site,
            read: BTreeMap::new(),
        }
    }

    /// The hash to set for `user`, or nothing if the zone has the password already.
    ///
    /// # Errors
    /// [`PasswordError`] when the password cannot be had.
    pub fn wanted_hash(
        &mut self,
        user: &User,
        known: Option<&Secret>,
        prompt: Prompt<'_>,
    ) -> Result<Option<Secret>, PasswordError> {
        let Some(source) = &user.password else {
            return Ok(None);
        };
        let state = known.map(|secret| ShadowState::parse(&secret.0));
        // a password that is asked for is set once: asking at every apply would be no use to anybody
        if *source == Password::Prompt && matches!(state, Some(ShadowState::Hash(_))) {
            return Ok(None);
        }
        let failed = |reason: String| PasswordError {
            user: user.name.clone(),
            reason,
        };
        let password = match self.read.get(&user.name) {
            Some(password) => password.clone(),
            None => read(source, user, self.site, prompt).map_err(failed)?,
        };
        if password.is_empty() {
            return Err(failed("it is empty".to_owned()));
        }
        self.read.insert(user.name.clone(), password.clone());
        if state.and_then(|state| state.accepts(&password)) == Some(true) {
            return Ok(None);
        }
        let mut salt = [0_u8; 12];
        fs::File::open("/dev/urandom")
            .and_then(|mut file| file.read_exact(&mut salt))
            .map_err(|error| failed(format!("no salt: {error}")))?;
        Ok(Some(Secret(shadow::hash(&password, &salt))))
    }
}

fn read(
    source: &Password,
    user: &User,
    site: Option<&Path>,
    prompt: Prompt<'_>,
) -> Result<String, String> {
    match source {
        Password::Prompt => prompt(&format!("Password for the account {}: ", user.name))
            .ok_or_else(|| "it is to be asked for, and there is no terminal".to_owned()),
        Password::File(path) => {
            // a file may be called `~` as well
            let in_home = path.to_str().and_then(|path| path.strip_prefix("~/"));
            let home = in_home.zip(std::env::home_dir());
            let path = match (home, site) {
                (Some((rest, home)), _) => home.join(rest),
                (None, Some(site)) => site.join(path),
                (None, None) => path.clone(),
            };
            let text = fs::read_to_string(&path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            Ok(first_line(&text))
        }
        Password::Env(name) => {
            std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))
        }
        Password::Command(words) => run(words),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("").to_owned()
}

fn run(words: &[String]) -> Result<String, String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err("its command is empty".to_owned());
    };
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run `{program}`: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{program}` ended with {}", output.status));
    }
    let text = String::from_utf8(output.stdout)
        .map_err(|_| format!("what `{program}` printed is not text"))?;
    Ok(first_line(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted_hash(
        user: &User,
        known: Option<&Secret>,
        prompt: Prompt<'_>,
    ) -> Result<Option<Secret>, PasswordError> {
        Passwords::new(None).wanted_hash(user, known, prompt)
    }

    fn user(password: Password) -> User {
        User {
            name: "matt".to_owned(),
            password: Some(password),
            ..User::default()
        }
    }

    #[test]
    fn a_password_that_is_there_already_is_not_set_again() {
        let user = user(Password::Command(vec!["echo".into(), "p a$s".into()]));
        let mut no_prompt = |_: &str| None;
        let hash = wanted_hash(&user, None, &mut no_prompt).unwrap().unwrap();
        assert_eq!(ShadowState::parse(&hash.0).accepts("p a$s"), Some(true));
        assert_eq!(
            wanted_hash(&user, Some(&hash), &mut no_prompt).unwrap(),
            None
        );
        let none = Secret("NP".to_owned());
        assert!(
            wanted_hash(&user, Some(&none), &mut no_prompt)
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn a_prompted_password_is_asked_for_once() {
        let user = user(Password::Prompt);
        let mut asked = 0;
        let mut prompt = |_: &str| {
            asked += 1;
            Some("secret".to_owned())
        };
        let hash = wanted_hash(&user, None, &mut prompt).unwrap().unwrap();
        assert_eq!(wanted_hash(&user, Some(&hash), &mut prompt).unwrap(), None);
        assert_eq!(asked, 1);
        let error = wanted_hash(&user, None, &mut |_| None).unwrap_err();
        assert!(error.to_string().contains("no terminal"));
    }

    #[test]
    fn an_empty_password_is_refused() {
        let user = user(Password::Command(vec!["true".into()]));
        let error = wanted_hash(&user, None, &mut |_| None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no password for the account `matt`: it is empty"
        );
    }
}
