//! A zone: is it well, would it serve, and will it tomorrow?

use std::collections::BTreeSet;

use super::{Finding, SERVICES_FINE, fine_unless, services_in_trouble};
use crate::afp::ServerStatus;
use crate::facts::health::{Dataset, Health};
use crate::facts::platform::CLOCK_FIX;
use crate::facts::repositories::{NEW_HOST, OLD_HOST, branch_of};
use crate::recipe::model::{CheckKind, Recipe};
use crate::size::show_size;

/// Bonjour's responder, which the images disable.
pub const MULTICAST: &str = "svc:/network/dns/multicast:default";

/// Free space below which the next build or backup fails.
const LITTLE: u64 = 1 << 30;
const TOO_LITTLE: u64 = 128 << 20;

/// The years for which the branch of a year's last quarter is kept.
const LTS_YEARS: u64 = 3;

/// What the recipes of a zone want of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Services that are to run, the platform's among them.
    pub fmris: BTreeSet<String>,
    /// Ports at which an AFP server is to answer.
    pub afp_ports: BTreeSet<u16>,
}

impl Expected {
    /// What these recipes, as one zone has them, want.
    #[must_use]
    pub fn of<'a>(recipes: impl IntoIterator<Item = &'a Recipe>) -> Self {
        let mut expected = Self::default();
        for recipe in recipes {
            let own = recipe.services.iter().map(|service| &service.fmri);
            let platform = recipe.platform_services.iter().map(|service| &service.fmri);
            expected.fmris.extend(own.chain(platform).cloned());
            expected
                .afp_ports
                .extend(recipe.checks.iter().filter_map(|check| match check.kind {
                    CheckKind::Afp { port, .. } => Some(port),
                    _ => None,
                }));
        }
        expected
    }

    /// The services to ask for, whatever their state.
    #[must_use]
    pub fn asked(&self) -> BTreeSet<String> {
        let mut fmris = self.fmris.clone();
        fmris.insert(MULTICAST.to_owned());
        fmris
    }
}

/// Everything about a zone that answered. `now` is this machine's clock, in seconds since 1970;
/// `served` is what its file server says of itself, where one answered.
#[must_use]
pub fn examine(
    health: &Health,
    expected: &Expected,
    served: Option<&ServerStatus>,
    now: u64,
) -> Vec<Finding> {
    let mut findings = vec![system(health), clock(health, now)];
    findings.extend(space(health));
    findings.extend(branch(health, now));
    findings.extend(services(health, expected));
    findings.push(multicast(health, expected));
    findings.extend(serving(health, expected, served));
    findings.push(adverts(health, expected, served));
    findings.extend(datasets(health));
    findings
}

fn system(health: &Health) -> Finding {
    let platform = &health.platform;
    if health.machine.uid != 0 {
        return Finding::wrong(
            "login",
            format!("the login has the uid {}", health.machine.uid),
            "write `become = \"sudo\"` (or `\"pfexec\"`) under `[zone]`, or log in as root",
        );
    }
    let brand = platform.brand.as_deref().unwrap_or("brand unknown");
    Finding::fine(
        "system",
        format!("{} zone {}, {brand}", platform.stamp, platform.zone),
    )
}

fn clock(health: &Health, now: u64) -> Finding {
    match health.platform.clock_off(now) {
        None => Finding::fine("clock", "within three minutes of this machine's"),
        Some(says) => Finding::wrong("clock", says, CLOCK_FIX),
    }
}

fn space(health: &Health) -> Vec<Finding> {
    let read_only = health.machine.read_only.iter().map(|path| {
        Finding::wrong(
            "disk",
            format!("{path} cannot be written to"),
            "`mount` in the zone shows how it is mounted, `zfs get readonly` on its host why",
        )
    });
    let mut findings: Vec<Finding> = read_only.collect();
    let least = health.machine.free.iter().min_by_key(|(_, free)| **free);
    let Some((path, free)) = least else {
        findings.push(Finding::not_checked("disk", "`df` names no free space"));
        return findings;
    };
    let says = format!("{} free at {path}", show_size(*free));
    let fix = "raise `quota` in the zone file, or remove what is not needed";
    findings.push(match *free {
        0..TOO_LITTLE => Finding::wrong("disk", says, fix),
        TOO_LITTLE..LITTLE => Finding::notice("disk", says, fix),
        _ => Finding::fine("disk", says),
    });
    findings
}

/// The branch of the image, and whether pkgin takes its packages from the same.
fn branch(health: &Health, now: u64) -> Vec<Finding> {
    let what = "pkgsrc branch";
    let Some(branch) = &health.platform.branch else {
        return vec![Finding::not_checked(
            what,
            "there is no /etc/pkgsrc_version in it: is it made from a pkgsrc image?",
        )];
    };
    if health.repositories.is_empty() {
        return vec![Finding::wrong(
            what,
            format!("{branch}, and pkgin has no repository"),
            "write one into /opt/local/etc/pkgin/repositories.conf, as the image had it",
        )];
    }
    let mut findings = Vec::new();
    for url in &health.repositories {
        if url.contains(OLD_HOST) {
            findings.push(Finding::wrong(
                what,
                format!("pkgin's repository is at {OLD_HOST}, which moved in 2022"),
                format!(
                    "write {NEW_HOST} for it in /opt/local/etc/pkgin/repositories.conf and in \
                     /opt/local/etc/pkg_install.conf"
                ),
            ));
        }
        if let Some(other) = branch_of(url).filter(|other| other != branch) {
            findings.push(Finding::wrong(
                what,
                format!("the image is {branch}, and pkgin takes packages of {other}"),
                format!(
                    "never mix branches in one /opt/local: write {branch} in \
                     /opt/local/etc/pkgin/repositories.conf, or make the zone anew from an image of {other}"
                ),
            ));
        }
    }
    if let Some(end) = end_of_support(branch).filter(|end| *end < now) {
        let years = (now - end) / YEAR;
        let since = match years {
            0 => "for less than a year".to_owned(),
            1 => "for a year".to_owned(),
            years => format!("for {years} years"),
        };
        findings.push(Finding::notice(
            what,
            format!("{branch} has had no updates {since}"),
            "make the zone anew from a newer image, the data stays: `zonewright zone reprovision`",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::fine(what, branch.clone()));
    }
    findings
}

/// A year of 365.25 days, in seconds.
const YEAR: u64 = 31_557_600;

/// When a branch's updates end, in seconds since 1970, to a few days: the fourth quarter's three years
/// after it came, the others' with the next one.
fn end_of_support(branch: &str) -> Option<u64> {
    let (year, quarter) = branch.split_once('Q')?;
    let (year, quarter): (u64, u64) = (year.parse().ok()?, quarter.parse().ok()?);
    let came = (year.checked_sub(1970)?) * YEAR + quarter * YEAR / 4;
    Some(
        came + if quarter == 4 {
            LTS_YEARS * YEAR
        } else {
            YEAR / 4
        },
    )
}

/// Services in trouble, and those that are wanted and off.
fn services(health: &Health, expected: &Expected) -> Vec<Finding> {
    let what = "services";
    let fix = "`zonewright apply` with this zone's name starts it";
    let wanted = expected.fmris.iter().filter(|fmri| *fmri != MULTICAST);
    let off = wanted.filter_map(|fmri| match health.services.get(fmri).map(String::as_str) {
        None => Some(Finding::wrong(what, format!("there is no {fmri}"), fix)),
        Some("disabled") => Some(Finding::wrong(what, format!("{fmri} is disabled"), fix)),
        _ => None,
    });
    let in_trouble = services_in_trouble(health.services.iter());
    fine_unless(what, SERVICES_FINE, off.chain(in_trouble).collect())
}

fn multicast(health: &Health, expected: &Expected) -> Finding {
    let what = "multicast DNS";
    let state = health.services.get(MULTICAST).map(String::as_str);
    match state {
        Some("online") => Finding::fine(what, "its responder runs"),
        Some(state) if expected.fmris.contains(MULTICAST) || !expected.afp_ports.is_empty() => {
            Finding::wrong(
                what,
                format!("its responder is {state}: no Mac sees the server in its list"),
                format!(
                    "`svcadm enable {MULTICAST}` in the zone, or let a recipe name it as a platform service"
                ),
            )
        }
        Some(state) => Finding::fine(
            what,
            format!("its responder is {state}, and nothing here needs it"),
        ),
        None => Finding::not_checked(
            what,
            "the zone has no such service (joyent-minimal lacks it)",
        ),
    }
}

fn serving(health: &Health, expected: &Expected, served: Option<&ServerStatus>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for port in &expected.afp_ports {
        let what = "file server";
        findings.push(match (health.listening.contains(port), served) {
            (true, Some(status)) => Finding::fine(
                what,
                format!(
                    "“{}” answers on port {port} with {}",
                    status.name(),
                    status.versions.last().map_or("no version", String::as_str)
                ),
            ),
            (true, None) => Finding::wrong(
                what,
                format!("something listens on port {port} and does not answer AFP's questions"),
                "`svcs -xv netatalk` and its log in the zone say why",
            ),
            (false, _) => Finding::wrong(
                what,
                format!("nothing listens on port {port}"),
                "`zonewright apply` with this zone's name starts it; `svcs -xv netatalk` there says why it ended",
            ),
        });
    }
    findings
}

/// Whether the file server's name is announced on the network.
fn adverts(health: &Health, expected: &Expected, served: Option<&ServerStatus>) -> Finding {
    let what = "Bonjour";
    if expected.afp_ports.is_empty() {
        return Finding::fine(what, "nothing here is to be announced");
    }
    match (&health.adverts, served) {
        (Err(why), _) => Finding::not_checked(what, why.clone()),
        (Ok(names), Some(status)) if names.contains(status.name()) => {
            Finding::fine(what, format!("“{}” is announced", status.name()))
        }
        (Ok(names), _) if names.is_empty() => Finding::wrong(
            what,
            "no file server is announced on the network",
            "see that netatalk is built with zeroconf, and `svcs -xv dns/multicast`",
        ),
        (Ok(names), _) => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            Finding::wrong(
                what,
                format!("announced are {}, and not this one", names.join(", ")),
                "restart netatalk; a name that another server has already is refused",
            )
        }
    }
}

fn datasets(health: &Health) -> Vec<Finding> {
    let what = "datasets";
    let datasets = match &health.datasets {
        Ok(datasets) => datasets,
        Err(why) if why.contains("dataset does not exist") => {
            return vec![Finding::not_checked(what, "none is delegated to the zone")];
        }
        Err(why) => return vec![Finding::not_checked(what, why.clone())],
    };
    let mut findings: Vec<Finding> = datasets.iter().filter_map(dataset).collect();
    if findings.is_empty() {
        let free = datasets.iter().map(|dataset| dataset.available).min();
        let free = free.map_or_else(String::new, |free| {
            format!(", {} free at least", show_size(free))
        });
        let count = match datasets.len() {
            1 => "1 dataset".to_owned(),
            count => format!("{count} datasets"),
        };
        findings.push(Finding::fine(what, format!("{count}{free}")));
    }
    findings
}

/// What is wrong with one dataset.
fn dataset(dataset: &Dataset) -> Option<Finding> {
    let what = "datasets";
    let name = &dataset.name;
    let has_place = dataset.mountpoint.starts_with('/');
    if has_place && !dataset.is_mounted {
        return Some(Finding::wrong(
            what,
            format!("{name} is not mounted at {}", dataset.mountpoint),
            format!("`zfs mount {name}` in the zone says why"),
        ));
    }
    let whole = dataset.used.saturating_add(dataset.available);
    let says = format!(
        "{name} has {} free of {}",
        show_size(dataset.available),
        show_size(whole)
    );
    let fix = "raise its quota in the zone file, or let go of snapshots: Time Machine removes old \
               backups itself only when the volume says that it is full";
    match dataset.available {
        free if free < TOO_LITTLE => Some(Finding::wrong(what, says, fix)),
        free if free < whole / 20 => Some(Finding::notice(what, says, fix)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
