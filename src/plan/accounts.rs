//! Which accounts and passwords must change: the twin of `facts/accounts`.
//!
//! A uid is pinned: an account that has another one is refused, never renumbered, because its files
//! would silently belong to nobody. Hashes travel on standard input and are set by one rename of
//! the shadow file.

use super::ids::Ids;
use super::{
    Action, Change, Given, Input, Refusal, Stage, Step, Wanted, WantedRecipe, Work, shell,
};
use crate::facts::accounts::UserFact;
use crate::facts::{Facts, Questions};
use crate::script::Script;
use crate::shadow::ShadowState;

/// The account that builds run under.
pub const BUILD_USER: &str = "zwbuild";

pub(super) fn ask(wanted: &Wanted<'_>, questions: &mut Questions) {
    questions.users.insert(BUILD_USER.to_owned());
    for user in &wanted.zone.users {
        questions.users.insert(user.name.clone());
    }
    for user in wanted
        .recipes
        .iter()
        .flat_map(|recipe| &recipe.bundle.recipe.users)
    {
        questions.users.insert(user.name.clone());
    }
}

/// Somebody locked it on purpose, and what it held is behind the lock.
fn is_locked(account: &UserFact) -> bool {
    matches!(
        ShadowState::parse(&account.shadow.0),
        ShadowState::Locked { hash: Some(_) }
    )
}

/// Half made: there, and never opened, so that nothing can run under it.
fn is_half_made(account: &UserFact) -> bool {
    matches!(
        ShadowState::parse(&account.shadow.0),
        ShadowState::Locked { hash: None }
    )
}

/// An account to make, as the script wants it.
struct Account<'a> {
    name: &'a str,
    uid: Option<u32>,
    group: &'a str,
    home: String,
    shell: &'a str,
    comment: &'a str,
    makes_home: bool,
}

/// Plans the zone's own users and their passwords.
pub(super) fn plan_zone(
    wanted: &Wanted<'_>,
    facts: &Facts,
    given: &Given,
    steps: &mut Vec<Step>,
    refusals: &mut Vec<Refusal>,
) {
    for user in &wanted.zone.users {
        let known = facts.accounts.users.get(&user.name);
        let said = Said {
            name: &user.name,
            by: "the zone file",
            uid: Some(user.uid),
            group: user.group.as_deref(),
            home: user.home.as_deref(),
            shell: user.shell.as_deref(),
        };
        let refused = said.refusals(known, facts);
        if !refused.is_empty() {
            refusals.extend(refused);
            continue;
        }
        if known.is_some_and(|known| is_locked(known) && user.password.is_some()) {
            refusals.push(Refusal {
                message: format!("the account `{}` is locked in the zone", user.name),
                help: format!(
                    "unlock it there with `passwd -u {}`, or take `password` out of the zone file",
                    user.name
                ),
                diff: None,
            });
            continue;
        }
        let mut changes = Vec::new();
        let is_due = known.is_none_or(is_half_made);
        let verb = if is_due { "make" } else { "change" };
        let mut script = Script::new(format!("{verb} the account {}", user.name))
            .shell(shell::FAIL)
            .shell(shell::ACCOUNTS);
        if is_due {
            let why = match known {
                None => "not in the zone",
                Some(_) => "made, and never opened",
            };
            let what = format!("user {} (uid {})", user.name, user.uid);
            changes.push(Change::new(Action::Create, what, why));
            script = make(
                script,
                facts,
                &Account {
                    name: &user.name,
                    uid: Some(user.uid),
                    group: user.group.as_deref().unwrap_or("other"),
                    home: user
                        .home
                        .clone()
                        .unwrap_or_else(|| format!("/home/{}", user.name)),
                    shell: user.shell.as_deref().unwrap_or("/usr/bin/bash"),
                    comment: user.comment.as_deref().unwrap_or(""),
                    makes_home: true,
                },
            );
        }
        if let Some(known) = known {
            script = said.change(known, facts, script, &mut changes);
        }
        let mut input = Input::None;
        if let Some(hash) = given.passwords.get(&user.name) {
            let why = if known.is_none() {
                "new account"
            } else {
                "differs from the wanted one"
            };
            let what = format!("password of {} (secret)", user.name);
            changes.push(Change::new(Action::Change, what, why));
            script = script
                .shell(shell::RECEIVE)
                .shell(shell::NOTE)
                .set("name", &user.name)
                .shell(SET_HASH);
            script = script.with_input();
            input = Input::Secret(hash.0.clone().into_bytes());
        }
        if !changes.is_empty() {
            steps.push(Step {
                id: format!("users/{}", user.name),
                stage: Stage::Dependencies,
                changes,
                work: Work::Script { script, input },
            });
        }
    }
}

/// What a file says about an account, as far as it says it: what it leaves open is as it is.
struct Said<'a> {
    name: &'a str,
    /// The file, for people.
    by: &'static str,
    uid: Option<u32>,
    group: Option<&'a str>,
    home: Option<&'a str>,
    shell: Option<&'a str>,
}

/// An account whose uid is another than `by` says.
pub(super) fn renumbered(name: &str, actual: u32, by: &str, wanted: u32) -> Refusal {
    Refusal {
        message: format!("the account `{name}` has uid {actual} in the zone, {by} says {wanted}"),
        help: format!(
            "write `uid = {actual}`, or give the account and its files the other uid by hand"
        ),
        diff: None,
    }
}

impl Said<'_> {
    /// An account that is to be made with somebody else's uid.
    fn taken(&self, facts: &Facts) -> Option<Refusal> {
        let Self { name, by, .. } = self;
        let uid = self.uid?;
        let mut users = facts.accounts.users.iter();
        let (other, _) = users.find(|(_, user)| user.uid == uid)?;
        Some(Refusal {
            message: format!(
                "{by} gives the uid {uid} to `{name}`, and in the zone it is the account `{other}`'s"
            ),
            help: format!(
                "write another `uid`, or give `{other}` and its files another one by hand: \
                 `usermod -u UID {other}` in the zone"
            ),
            diff: None,
        })
    }

    /// What is never changed: files would belong to nobody, or be where nobody looks for them.
    fn refusals(&self, known: Option<&UserFact>, facts: &Facts) -> Vec<Refusal> {
        let Self { name, by, .. } = self;
        let Some(known) = known else {
            return self.taken(facts).into_iter().collect();
        };
        let mut refusals = Vec::new();
        if let Some(uid) = self.uid.filter(|uid| known.uid != *uid) {
            refusals.push(renumbered(name, known.uid, by, uid));
        }
        if let Some(home) = self.home.filter(|home| known.home != *home) {
            refusals.push(Refusal {
                message: format!(
                    "the account `{name}` has its home in {}, {by} says {home}",
                    known.home
                ),
                help: format!(
                    "write `home = \"{}\"`, or move what is in the folder and tell the zone by hand: \
                     `usermod -d {home} {name}`",
                    known.home
                ),
                diff: None,
            });
        }
        refusals
    }

    /// Adds what makes the account as it is said: its group and its login shell.
    fn change(
        &self,
        known: &UserFact,
        facts: &Facts,
        mut script: Script,
        changes: &mut Vec<Change>,
    ) -> Script {
        let mut change = |what: &str, why: String| {
            let what = format!("{what} of the user {}", self.name);
            changes.push(Change::new(Action::Change, what, why));
        };
        if let Some(group) = self.group
            && facts.accounts.groups.get(group) != Some(&known.gid)
        {
            let why = format!("{} → {group}; its files keep theirs", known.gid);
            change("group", why);
            script = script.command(["make_group", group, ""]).command([
                "change_group",
                self.name,
                group,
            ]);
        }
        if let Some(shell) = self.shell.filter(|shell| known.shell != *shell) {
            change("shell", format!("{} → {shell}", known.shell));
            script = script.command(["change_shell", self.name, shell]);
        }
        script
    }
}

/// Plans the accounts that a recipe's software runs under.
pub(super) fn plan_recipe(
    recipe: &WantedRecipe,
    ids: &Ids,
    facts: &Facts,
    steps: &mut Vec<Step>,
    refusals: &mut Vec<Refusal>,
) {
    let mut script = Script::new("make service accounts")
        .shell(shell::FAIL)
        .shell(shell::ACCOUNTS);
    let mut changes = Vec::new();
    for user in &recipe.bundle.recipe.users {
        let known = facts.accounts.users.get(&user.name);
        let said = Said {
            name: &user.name,
            by: "the recipe",
            uid: user.uid,
            group: user.group.as_deref(),
            home: user.home.as_deref(),
            shell: None,
        };
        refusals.extend(said.refusals(known, facts));
        if let Some(known) = known {
            script = said.change(known, facts, script, &mut changes);
            if !is_half_made(known) {
                continue;
            }
        }
        let why = format!("{} runs under it", recipe.name);
        changes.push(Change::new(
            Action::Create,
            format!("user {}", user.name),
            why,
        ));
        script = make(
            script,
            facts,
            &Account {
                name: &user.name,
                uid: user.uid.or_else(|| ids.get(&user.name).copied()),
                group: user.group.as_deref().unwrap_or(&user.name),
                home: user
                    .home
                    .clone()
                    .unwrap_or_else(|| "/nonexistent".to_owned()),
                shell: "/usr/bin/false",
                comment: "",
                makes_home: false,
            },
        );
    }
    if changes.is_empty() {
        return;
    }
    steps.push(Step {
        id: format!("users/{}", recipe.name),
        stage: Stage::Configure,
        changes,
        work: Work::Script {
            script,
            input: Input::None,
        },
    });
}

/// Plans the account that builds run under, where a build is needed.
pub(super) fn plan_build_user(ids: &Ids, facts: &Facts, steps: &mut Vec<Step>) {
    let id = format!("users/{BUILD_USER}");
    let known = facts.accounts.users.get(BUILD_USER);
    if known.is_some_and(|known| !is_half_made(known)) || steps.iter().any(|step| step.id == id) {
        return;
    }
    let script = Script::new("make the build account")
        .shell(shell::FAIL)
        .shell(shell::ACCOUNTS);
    let script = make(
        script,
        facts,
        &Account {
            name: BUILD_USER,
            uid: ids.get(BUILD_USER).copied(),
            group: BUILD_USER,
            home: crate::facts::builds::BUILD_ROOT.to_owned(),
            shell: "/usr/bin/bash",
            comment: "builds packages",
            makes_home: false,
        },
    );
    steps.push(Step {
        id,
        stage: Stage::Build,
        changes: vec![Change::new(
            Action::Create,
            format!("user {BUILD_USER}"),
            "builds run under it, without privileges",
        )],
        work: Work::Script {
            script,
            input: Input::None,
        },
    });
}

/// A group of the account's own name has the same id, where that is free.
fn make(script: Script, facts: &Facts, account: &Account<'_>) -> Script {
    let is_free = |id: &u32| facts.accounts.groups.values().all(|gid| gid != id);
    let gid = account
        .uid
        .filter(|uid| account.group == account.name && is_free(uid));
    let [uid, gid] = [account.uid, gid].map(|id| id.map(|id| id.to_string()).unwrap_or_default());
    let makes_home = if account.makes_home { "yes" } else { "no" };
    script
        .command(["make_group", account.group, &gid])
        .command([
            "make_account",
            account.name,
            &uid,
            account.group,
            &account.home,
            account.shell,
            account.comment,
            makes_home,
        ])
}

/// The shadow file is copied with its mode and owner, rewritten and renamed into place.
const SET_HASH: &str = r#"
shadow=/etc/.shadow.zonewright.new what="the password of $name"
note "$shadow"
umask 077
receive "$temporary/hash"
/usr/bin/rm -f "$shadow" && /usr/bin/cp -p /etc/shadow "$shadow" &&
  /usr/bin/nawk -F: -v "name=$name" -v "day=$(($(/usr/bin/date +%s) / 86400))" '
    BEGIN { OFS = ":" }
    NR == FNR { hash = $0; next }
    $1 == name { $2 = hash; $3 = day; found = 1 }
    { print }
    END { exit !found }' "$temporary/hash" /etc/shadow >"$shadow" &&
  /usr/bin/mv -f "$shadow" /etc/shadow || fail "cannot set the password of $name"
"#;
