//! This machine: does it have what it takes to reach anybody?

use std::path::PathBuf;

use super::Finding;
use crate::size::show_size;

/// What was found on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controller {
    /// The site's folder; `None` where only what ships is at hand.
    pub site: Option<PathBuf>,
    /// How many zone files and recipes there are, and how many errors are in them.
    pub zones: usize,
    pub recipes: usize,
    pub errors: usize,
    /// What is wrong with `~/.ssh/config`.
    pub config_error: Option<String>,
    /// How many keys the agent holds; why it cannot be asked.
    pub agent: Result<usize, String>,
    /// Private keys that are there, with whether others can read them.
    pub keys: Vec<(PathBuf, bool)>,
    /// Whether a file of known hosts is there.
    pub has_known_hosts: bool,
    /// Whether `ssh` itself is there, for `debug shell` and the like.
    pub has_ssh: bool,
    /// Folders of this program that cannot be written to, and why.
    pub unwritable: Vec<(PathBuf, String)>,
    /// Free bytes where archives and packages are kept.
    pub free: Option<u64>,
    /// Whether any zone is reached by SSH: else keys are nobody's business.
    pub needs_ssh: bool,
}

/// Free space below which fetching and building become a matter of luck.
const LITTLE: u64 = 1 << 30;

/// Everything about this machine.
#[must_use]
pub fn examine(controller: &Controller) -> Vec<Finding> {
    let mut findings = vec![site(controller)];
    if controller.needs_ssh {
        findings.push(ssh_config(controller));
        findings.extend(keys(controller));
        findings.push(known_hosts(controller));
    }
    if !controller.has_ssh {
        findings.push(Finding::notice(
            "ssh",
            "there is no `ssh` here: shells in zones need it, applying does not",
            "install OpenSSH's client",
        ));
    }
    findings.extend(folders(controller));
    findings
}

fn site(controller: &Controller) -> Finding {
    let what = "site";
    let counted = |count: usize, noun: &str| match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    };
    let counts = format!(
        "{}, {}",
        counted(controller.zones, "zone"),
        counted(controller.recipes, "recipe")
    );
    match (&controller.site, controller.errors) {
        (_, errors @ 1..) => Finding::wrong(
            what,
            format!("{counts}, {} in them", counted(errors, "error")),
            "`zonewright recipe check` shows each with what to write instead",
        ),
        (None, 0) => Finding::notice(
            what,
            "there is none here, only what ships with the program",
            "`zonewright new DIR` makes one; `--site DIR` names one",
        ),
        (Some(folder), 0) => Finding::fine(what, format!("{}: {counts}", folder.display())),
    }
}

fn ssh_config(controller: &Controller) -> Finding {
    match &controller.config_error {
        None => Finding::fine("ssh configuration", "understood"),
        Some(error) => Finding::wrong(
            "ssh configuration",
            error.clone(),
            "correct that line of ~/.ssh/config; `ssh -G HOST` shows what it comes to",
        ),
    }
}

fn keys(controller: &Controller) -> Vec<Finding> {
    let what = "keys";
    let mut findings = Vec::new();
    for (path, is_open) in &controller.keys {
        if *is_open {
            let path = path.display();
            findings.push(Finding::wrong(
                what,
                format!("others can read {path}"),
                format!("chmod 600 {path}"),
            ));
        }
    }
    let files = controller.keys.len();
    let says = match &controller.agent {
        Ok(0) if files == 0 => {
            findings.push(Finding::wrong(
                what,
                "the agent holds none, and no key file is there",
                "`ssh-keygen -t ed25519` makes one; `ssh-copy-id` brings it to a host",
            ));
            return findings;
        }
        Err(why) if files == 0 => {
            findings.push(Finding::wrong(
                what,
                format!("{why}, and no key file is there"),
                "`ssh-keygen -t ed25519` makes one; `eval $(ssh-agent)` and `ssh-add` load one",
            ));
            return findings;
        }
        Ok(held) => format!("{held} in the agent, {files} in files"),
        Err(why) => format!("{files} in files ({why})"),
    };
    findings.push(Finding::fine(what, says));
    findings
}

fn known_hosts(controller: &Controller) -> Finding {
    let what = "known hosts";
    match controller.has_known_hosts {
        true => Finding::fine(what, "there are some"),
        false => Finding::notice(
            what,
            "no host's key is known here yet",
            "compare the fingerprint at the first connection, then `--accept-new-host-key`",
        ),
    }
}

fn folders(controller: &Controller) -> Vec<Finding> {
    let what = "disk";
    let mut findings: Vec<Finding> = Vec::new();
    for (path, why) in &controller.unwritable {
        findings.push(Finding::wrong(
            what,
            format!("{} cannot be written to: {why}", path.display()),
            "make it yours, or name other folders with XDG_CACHE_HOME and XDG_STATE_HOME",
        ));
    }
    match controller.free {
        Some(free @ 0..LITTLE) => findings.push(Finding::notice(
            what,
            format!("{} free for archives and packages", show_size(free)),
            "make room, or name a larger disk with XDG_CACHE_HOME",
        )),
        Some(free) => findings.push(Finding::fine(
            what,
            format!("{} free for archives and packages", show_size(free)),
        )),
        None => {}
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn well() -> Controller {
        Controller {
            site: Some(PathBuf::from("/site")),
            zones: 2,
            recipes: 4,
            errors: 0,
            config_error: None,
            agent: Ok(1),
            keys: Vec::new(),
            has_known_hosts: true,
            has_ssh: true,
            unwritable: Vec::new(),
            free: Some(LITTLE),
            needs_ssh: true,
        }
    }

    fn complaints(controller: &Controller) -> Vec<(Verdict, String)> {
        let bad = examine(controller).into_iter();
        let bad = bad.filter(|finding| finding.verdict != Verdict::Fine);
        bad.map(|f| (f.verdict, format!("{}: {}", f.what, f.says)))
            .collect()
    }

    #[test]
    fn a_machine_that_is_well_gets_no_complaint_and_one_that_is_not_gets_its_own() {
        assert_eq!(complaints(&well()), []);
        type Ailment = (fn(&mut Controller), Verdict, &'static str);
        let ailments: &[Ailment] = &[
            (
                |c| c.site = None,
                Verdict::Notice,
                "site: there is none here",
            ),
            (
                |c| c.errors = 2,
                Verdict::Wrong,
                "site: 2 zones, 4 recipes, 2 errors",
            ),
            (
                |c| c.config_error = Some("x".to_owned()),
                Verdict::Wrong,
                "ssh configuration: x",
            ),
            (
                |c| c.agent = Ok(0),
                Verdict::Wrong,
                "keys: the agent holds none",
            ),
            (
                |c| c.agent = Err("no agent runs".to_owned()),
                Verdict::Wrong,
                "keys: no agent runs, and no",
            ),
            (
                |c| c.keys = vec![(PathBuf::from("/k"), true)],
                Verdict::Wrong,
                "keys: others can read /k",
            ),
            (
                |c| c.has_known_hosts = false,
                Verdict::Notice,
                "known hosts: no host's key",
            ),
            (
                |c| c.has_ssh = false,
                Verdict::Notice,
                "ssh: there is no `ssh` here",
            ),
            (|c| c.free = Some(LITTLE - 1), Verdict::Notice, "disk: "),
            (
                |c| c.unwritable = vec![(PathBuf::from("/c"), "denied".to_owned())],
                Verdict::Wrong,
                "disk: /c cannot be written to: denied",
            ),
        ];
        for (change, verdict, says) in ailments {
            let mut controller = well();
            change(&mut controller);
            let found = complaints(&controller);
            assert_eq!(found.len(), 1, "{says}: {found:?}");
            assert_eq!(found[0].0, *verdict, "{says}");
            assert!(found[0].1.starts_with(says), "{found:?}");
        }
        let mut alone = well();
        (alone.needs_ssh, alone.agent) = (false, Err("no agent".to_owned()));
        assert_eq!(complaints(&alone), []);
    }
}
