//! Accounts and groups, with the password hashes of the accounts that were asked for.
//!
//! A hash is a secret: it is compared on the controller and never printed, so its `Debug` form and
//! its JSON form do not hold it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::FactError;
use super::sections::Sections;
use crate::script::Script;

/// All accounts and groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Accounts {
    /// Name → account.
    #[serde(default)]
    pub users: BTreeMap<String, UserFact>,
    /// Name → gid.
    #[serde(default)]
    pub groups: BTreeMap<String, u32>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UserFact {
    pub uid: u32,
    pub gid: u32,
    pub home: String,
    pub shell: String,
    /// The second field of the shadow file, of an account that was asked for.
    #[serde(default, skip_serializing)]
    pub shadow: Secret,
}

/// Text that is never shown.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

// All of them are asked for: an id that is wanted may be somebody else's.
//
// getent passwd → matt:x:1001:1::/home/matt:/usr/bin/bash
// getent group → other::1:root
// /etc/shadow → matt:$6$…:20000::::::
pub(super) fn ask(script: Script, users: &BTreeSet<String>) -> Script {
    script.list("users", users).shell(
        r#"
text=$(/usr/bin/getent passwd)
section users "$?" "$text"
shadow=
while IFS= read -r line; do
  for user in ${users[@]+"${users[@]}"}; do
    [ "${line%%:*}" = "$user" ] && shadow=$shadow$line$'\n'
  done
done </etc/shadow
section shadow 0 "$shadow"
text=$(/usr/bin/getent group)
section groups "$?" "$text"
"#,
    )
}

pub(super) fn parse(sections: &Sections<'_>) -> Result<Accounts, FactError> {
    let mut accounts = Accounts::default();
    for line in sections.get("users")?.text_of("getent passwd")?.lines() {
        let (name, user) = parse_passwd(line).ok_or_else(|| FactError::Line {
            command: "getent passwd",
            line: line.to_owned(),
        })?;
        accounts.users.insert(name, user);
    }
    for line in sections.get("shadow")?.lines()? {
        let mut fields = line.split(':');
        let (Some(name), Some(hash)) = (fields.next(), fields.next()) else {
            // the line itself may hold a hash: it is not shown
            return Err(FactError::Garbled {
                section: "shadow".to_owned(),
            });
        };
        if let Some(user) = accounts.users.get_mut(name) {
            user.shadow = Secret(hash.to_owned());
        }
    }
    for line in sections.get("groups")?.text_of("getent group")?.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let (Some(name), Some(Ok(gid))) = (fields.first(), fields.get(2).map(|g| g.parse())) else {
            return Err(FactError::Line {
                command: "getent group",
                line: line.to_owned(),
            });
        };
        accounts.groups.insert((*name).to_owned(), gid);
    }
    Ok(accounts)
}

fn parse_passwd(line: &str) -> Option<(String, UserFact)> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, _, home, shell] = fields[..] else {
        return None;
    };
    let user = UserFact {
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        home: home.to_owned(),
        shell: shell.to_owned(),
        shadow: Secret::default(),
    };
    Some((name.to_owned(), user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_neither_printed_nor_stored() {
        let (_, mut user) = parse_passwd("matt:x:1001:1:M:/home/matt:/usr/bin/bash").unwrap();
        user.shadow = Secret("$6$salt$hash".to_owned());
        assert!(!format!("{user:?}").contains("hash"));
        assert!(!serde_json::to_string(&user).unwrap().contains("hash"));
        assert_eq!(parse_passwd("matt:x:1001"), None);
    }
}
