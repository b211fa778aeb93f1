//! Passwords as the shadow file holds them: compared and made without the target's `crypt`.
//!
//! A hash is compared with what the password gives under the hash's own salt, so that a plan can
//! say whether a password differs without changing anything. illumos and glibc share the schemes
//! `$5$` and `$6$` to the letter.

use sha_crypt::{
    ROUNDS_DEFAULT, ROUNDS_MIN, Sha256Params, Sha512Params, sha256_crypt_b64, sha512_crypt_b64,
};

/// The letters of a salt, in the order of their values.
const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What the password field of a shadow line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShadowState {
    /// Empty: anybody may log in. Never what is wanted.
    Empty,
    /// `NP`: there is no password, while keys, cron and `su` from root work.
    NoPassword,
    /// `*LK*`, perhaps with the hash behind it that unlocking brings back: every way in is shut.
    Locked {
        /// The hash that stands behind the mark, where there is one.
        hash: Option<String>,
    },
    /// A hash.
    Hash(String),
    /// Anything else (`UP`, `*`): no password fits.
    Unusable(String),
}

impl ShadowState {
    /// Reads the second field of a line of `/etc/shadow`.
    #[must_use]
    pub fn parse(field: &str) -> Self {
        match field.strip_prefix("*LK*") {
            Some("") => Self::Locked { hash: None },
            Some(hash) => Self::Locked {
                hash: Some(hash.to_owned()),
            },
            None => match field {
                "" => Self::Empty,
                "NP" => Self::NoPassword,
                // traditional hashes are 13 letters, all others name their scheme
                _ if field.starts_with('$') || is_traditional(field) => {
                    Self::Hash(field.to_owned())
                }
                _ => Self::Unusable(field.to_owned()),
            },
        }
    }

    /// The hash in it, also of an account that is locked.
    #[must_use]
    pub fn hash(&self) -> Option<&str> {
        match self {
            Self::Hash(hash) => Some(hash),
            Self::Locked { hash } => hash.as_deref(),
            Self::Empty | Self::NoPassword | Self::Unusable(_) => None,
        }
    }

    /// Whether `password` logs in: `None` where the hash is of a scheme that is not known here.
    #[must_use]
    pub fn accepts(&self, password: &str) -> Option<bool> {
        match self {
            Self::Hash(hash) => verify(password, hash),
            Self::Empty => Some(password.is_empty()),
            Self::NoPassword | Self::Locked { .. } | Self::Unusable(_) => Some(false),
        }
    }
}

/// A second of work or so: the hash comes from the zone, which must not keep the controller busy for
/// the hours that a thousand million rounds take.
const MOST_ROUNDS: usize = 1_000_000;

/// Whether `hash` is that of `password`: `None` for a scheme other than `$5$` and `$6$`, for a hash
/// that no `crypt` would have written, and for one of more than a million rounds.
#[must_use]
pub fn verify(password: &str, hash: &str) -> Option<bool> {
    let (scheme, rest) = hash.strip_prefix('$')?.split_once('$')?;
    let (rounds, rest) = match rest.strip_prefix("rounds=") {
        Some(text) => {
            let (number, rest) = text.split_once('$')?;
            (number.parse().ok()?, rest)
        }
        None => (ROUNDS_DEFAULT, rest),
    };
    let (salt, wanted) = rest.split_once('$')?;
    let length = if scheme == "6" { 86 } else { 43 };
    let plain = wanted.bytes().all(|byte| LETTERS.contains(&byte));
    // `crypt` clamps the rounds from below and cuts the salt: it writes neither
    if !(ROUNDS_MIN..=MOST_ROUNDS).contains(&rounds) || salt.len() > 16 {
        return None;
    }
    if wanted.len() != length || !plain {
        return None;
    }
    let (password, salt) = (password.as_bytes(), salt.as_bytes());
    let computed = match scheme {
        "5" => sha256_crypt_b64(password, salt, &Sha256Params::new(rounds).ok()?).ok()?,
        "6" => sha512_crypt_b64(password, salt, &Sha512Params::new(rounds).ok()?).ok()?,
        _ => return None,
    };
    // every byte is looked at, whether the first one differs or not
    let difference = computed
        .bytes()
        .zip(wanted.bytes())
        .fold(0, |sum, (a, b)| sum | (a ^ b));
    Some(difference == 0)
}

/// The `$6$` hash of `password`, with a salt of sixteen letters made from twelve random bytes.
#[must_use]
pub fn hash(password: &str, salt_bytes: &[u8; 12]) -> String {
    let mut salt = String::with_capacity(16);
    for [a, b, c] in salt_bytes.as_chunks::<3>().0 {
        let bits = u32::from_be_bytes([0, *a, *b, *c]);
        for shift in [18, 12, 6, 0] {
            let letter = LETTERS
                .get((bits >> shift & 63) as usize)
                .copied()
                .unwrap_or(b'.');
            salt.push(char::from(letter));
        }
    }
    // the default rounds are always in range; and an empty digest would fit no password
    let digest = sha512_crypt_b64(
        password.as_bytes(),
        salt.as_bytes(),
        &Sha512Params::default(),
    );
    format!("$6${salt}${}", digest.unwrap_or_default())
}

fn is_traditional(field: &str) -> bool {
    field.len() == 13 && field.bytes().all(|byte| LETTERS.contains(&byte))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const PASSWORDS: [&str; 7] = [
        "",
        "x",
        "correct horse",
        "pâßwörd",
        "a'b\"c$d;e",
        "tab\tand\\back",
        "longer than the sixty-four bytes that one block of SHA-512's output holds, by some",
    ];

    /// What the machine's own `crypt` makes of a password under a setting.
    fn crypt(password: &str, setting: &str) -> Option<String> {
        let spawned = Command::new("perl")
            .args([
                "-e",
                "print crypt($ARGV[0], $ARGV[1])",
                "--",
                password,
                setting,
            ])
            .output();
        match spawned {
            Ok(output) => Some(String::from_utf8(output.stdout).unwrap()),
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "perl: {error}");
                eprintln!("skipped: perl cannot be run: {error}");
                None
            }
        }
    }

    #[test]
    fn hashes_of_the_machines_crypt_are_understood() {
        let compare = |password: &str, setting: &str| {
            let Some(hash) = crypt(password, setting) else {
                return;
            };
            assert!(hash.starts_with(setting), "{setting}: {hash}");
            assert_eq!(verify(password, &hash), Some(true), "{password:?} {hash}");
            assert_eq!(
                verify(&format!("{password}x"), &hash),
                Some(false),
                "{hash}"
            );
        };
        for password in PASSWORDS {
            compare(password, "$6$rounds=1000$saltsalt$");
            compare(password, "$5$rounds=1234$0123456789abcdef$");
        }
        for setting in [
            "$6$0123456789abcdef$",
            "$6$rounds=5000$a$",
            "$6$$",
            "$5$saltsalt$",
        ] {
            compare("correct horse", setting);
        }
    }

    #[test]
    fn hashes_of_openssl_are_understood() {
        for scheme in ["-5", "-6"] {
            let spawned = Command::new("openssl")
                .args(["passwd", scheme, "-salt", "abc", "correct horse"])
                .output();
            let Ok(output) = spawned else {
                assert!(std::env::var_os("CI").is_none(), "openssl cannot be run");
                eprintln!("skipped: openssl cannot be run");
                return;
            };
            let hash = String::from_utf8(output.stdout).unwrap();
            assert_eq!(verify("correct horse", hash.trim()), Some(true), "{hash}");
        }
    }

    #[test]
    fn our_hashes_are_those_of_the_machines_crypt() {
        let salts = [
            [0; 12],
            [0xff; 12],
            [1, 2, 3, 40, 50, 60, 170, 180, 190, 253, 254, 255],
        ];
        for (password, salt) in PASSWORDS.iter().zip(salts.iter().cycle()) {
            let hash = hash(password, salt);
            assert_eq!(hash.len(), 3 + 16 + 1 + 86, "{hash}");
            let Some(expected) = crypt(password, &hash) else {
                return;
            };
            assert_eq!(hash, expected, "{password:?}");
            assert_eq!(verify(password, &hash), Some(true));
        }
        assert!(hash("x", &[0; 12]).starts_with("$6$................$"));
        assert!(hash("x", &[0xff; 12]).starts_with("$6$zzzzzzzzzzzzzzzz$"));
    }

    #[test]
    fn unknown_schemes_and_damaged_hashes_are_not_judged() {
        let good = hash("x", &[7; 12]);
        let (start, digest) = good.rsplit_once('$').unwrap();
        for unknown in [
            "$1$salt$ZIdZJSTZeSVCdGmTgWyFO.".to_owned(),
            "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy".to_owned(),
            "$md5$rounds=904$iPPKEBnEkp3JV8uX$0L6m7rOFTVFn.SGqo2M9W1".to_owned(),
            "xxJGGDhGnXJoo".to_owned(),
            String::new(),
            "$".to_owned(),
            "$6$".to_owned(),
            "$6$salt".to_owned(),
            "$6$salt$".to_owned(),
            "$5$salt$short".to_owned(),
            format!("{start}${}", &digest[1..]),
            format!("{start}${digest}x"),
            format!("{start}${}", digest.replacen(|_| true, "!", 1)),
            format!("$6$rounds=999$salt${digest}"),
            format!("$6$rounds=x$salt${digest}"),
            format!("$6$rounds=5000${digest}"),
            format!("$6$saltsaltsaltsaltx${digest}"),
            format!("$7$salt${digest}"),
        ] {
            assert_eq!(verify("x", &unknown), None, "{unknown}");
        }
    }

    #[test]
    fn the_states_of_an_account_are_told_apart() {
        let hash = hash("x", &[7; 12]);
        let locked = |hash: Option<&str>| ShadowState::Locked {
            hash: hash.map(str::to_owned),
        };
        for (field, state, accepts_x) in [
            ("", ShadowState::Empty, Some(false)),
            ("NP", ShadowState::NoPassword, Some(false)),
            ("*LK*", locked(None), Some(false)),
            (&format!("*LK*{hash}"), locked(Some(&hash)), Some(false)),
            (&hash, ShadowState::Hash(hash.clone()), Some(true)),
            ("$1$a$b", ShadowState::Hash("$1$a$b".to_owned()), None),
            (
                "xxJGGDhGnXJoo",
                ShadowState::Hash("xxJGGDhGnXJoo".to_owned()),
                None,
            ),
            ("UP", ShadowState::Unusable("UP".to_owned()), Some(false)),
            ("*", ShadowState::Unusable("*".to_owned()), Some(false)),
        ] {
            assert_eq!(ShadowState::parse(field), state);
            assert_eq!(state.accepts("x"), accepts_x, "{field}");
        }
        assert_eq!(ShadowState::Empty.accepts(""), Some(true));
    }
}
