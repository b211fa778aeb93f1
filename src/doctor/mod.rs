//! What ails a setup, in the order in which one looks: this machine, the hosts, the zones.
//!
//! Pure: facts in, findings out. What could not be looked at is a finding of its own, for a doctor
//! who passes over the heart because it was hard to hear would be no comfort.

pub mod controller;
pub mod host;
pub mod zone;

/// What is said of one thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, in a word or two: `clock`, `pkgsrc branch`.
    pub what: String,
    pub verdict: Verdict,
    /// What was seen.
    pub says: String,
    /// What to do about it.
    pub fix: Option<String>,
}

/// How bad it is, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It was looked at, and is well.
    Fine,
    /// It could not be looked at.
    NotChecked,
    /// It works, and deserves a thought.
    Notice,
    /// It does not work, or will not for long.
    Wrong,
}

impl Verdict {
    /// What JSON calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::NotChecked => "not-checked",
            Self::Notice => "notice",
            Self::Wrong => "wrong",
        }
    }
}

/// Everything that was found out about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// `this machine`, `host root@vault`, `zone backup`.
    pub subject: String,
    pub findings: Vec<Finding>,
}

impl Finding {
    /// It is well.
    pub fn fine(what: &str, says: impl Into<String>) -> Self {
        Self::new(what, Verdict::Fine, says, None)
    }

    /// It could not be looked at.
    pub fn not_checked(what: &str, why: impl Into<String>) -> Self {
        Self::new(what, Verdict::NotChecked, why, None)
    }

    /// It deserves a thought.
    pub fn notice(what: &str, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(what, Verdict::Notice, says, Some(fix.into()))
    }

    /// It is broken.
    pub fn wrong(what: &str, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(what, Verdict::Wrong, says, Some(fix.into()))
    }

    fn new(what: &str, verdict: Verdict, says: impl Into<String>, fix: Option<String>) -> Self {
        Self {
            what: what.to_owned(),
            verdict,
            says: says.into(),
            fix,
        }
    }
}

/// The worst of all.
#[must_use]
pub fn worst(examined: &[Examined]) -> Verdict {
    let findings = examined.iter().flat_map(|one| &one.findings);
    let verdicts = findings.map(|finding| finding.verdict);
    verdicts.max().unwrap_or(Verdict::Fine)
}

/// Services that are neither online nor meant to be off, whatever machine they run on.
fn services_in_trouble<'a>(states: impl Iterator<Item = (&'a String, &'a String)>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (fmri, state) in states {
        let says = format!("{fmri} is in the state {state}");
        match state.as_str() {
            "maintenance" if fmri == USER_SCRIPT => findings.push(Finding::wrong(
                "services",
                "the zone's user-script failed: it runs again at every boot",
                format!(
                    "`svcs -xv {fmri}` there says why; mend the script, then `svcadm clear {fmri}`"
                ),
            )),
            "maintenance" => findings.push(Finding::wrong(
                "services",
                says,
                format!(
                    "`svcs -xv {fmri}` there says why; when that is mended, `svcadm clear {fmri}`"
                ),
            )),
            "degraded" | "offline" | "uninitialized" => findings.push(Finding::notice(
                "services",
                says,
                format!("`svcs -xv {fmri}` there says what it waits for"),
            )),
            _ => {}
        }
    }
    findings
}

/// What is said where no service is in trouble.
const SERVICES_FINE: &str = "none in maintenance, none waiting";

/// The findings, or that all is fine where there is none.
fn fine_unless(what: &str, says: &str, mut findings: Vec<Finding>) -> Vec<Finding> {
    if findings.is_empty() {
        findings.push(Finding::fine(what, says));
    }
    findings
}

/// Runs the zone's user-script, at every boot (SmartOS's `mdata:execute`).
pub(crate) const USER_SCRIPT: &str = "svc:/smartdc/mdata:execute";
