//! What an install or upgrade would do, as pkgin works it out before it asks.

use std::collections::BTreeSet;

use super::{Available, Call, PROGRAM, counted, human};
use crate::sandbox::packages::index::find;
use crate::sandbox::packages::layers::is_pending;
use crate::sandbox::packages::pattern;
use crate::sandbox::packages::process::{Process, Stop, below};
use std::path::Path;

const PREFERRED: &str = "/opt/local/etc/pkgin/preferred.conf";

/// Why a package is part of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It was asked for by name.
    Asked,
    /// An installed version is not that of the index.
    Outdated,
    /// Another package needs it.
    Needed,
}

/// One package that is to be put in.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The package.
    pub package: Available,
    /// Why it is put in.
    pub reason: Reason,
    /// The version that is installed now.
    pub replaces: Option<String>,
}

/// The steps of an install or upgrade, dependencies first.
#[derive(Debug, Default, Clone)]
pub struct Plan {
    /// Packages to put in.
    pub wanted: Vec<Wanted>,
    /// Names that were asked for and are there already.
    pub present: Vec<String>,
    /// Packages that are there already, but whose layers are not shown yet.
    pub pending: Vec<Available>,
}

impl Plan {
    /// Adds a package with everything that it needs.
    ///
    /// # Errors
    ///
    /// When the package database cannot be read.
    pub fn add(&mut self, call: &Call, package: &Available, reason: Reason) -> Result<(), Stop> {
        self.visit(call, package, reason, &mut BTreeSet::new())
    }

    fn visit(
        &mut self,
        call: &Call,
        package: &Available,
        reason: Reason,
        seen: &mut BTreeSet<&'static str>,
    ) -> Result<(), Stop> {
        let base = package.entry.name;
        if !seen.insert(base) {
            return Ok(());
        }
        if let Some(planned) = self
            .wanted
            .iter_mut()
            .find(|w| w.package.entry.name == base)
        {
            if reason == Reason::Asked {
                planned.reason = reason;
            }
            return Ok(());
        }
        let installed = call.database.best(&format!("{base}-[0-9]*"))?;
        if self.is_settled(call, package, reason, installed.as_deref())? {
            return Ok(());
        }
        for needed in package
            .entry
            .depends
            .iter()
            .filter_map(|name| call.find(name))
        {
            self.visit(call, needed, Reason::Needed, seen)?;
        }
        let package = package.clone();
        self.wanted.push(Wanted {
            package,
            reason,
            replaces: installed,
        });
        Ok(())
    }

    /// Whether what is installed will do. A dependency that is there fulfils every pattern of the
    /// index, whatever its version.
    fn is_settled(
        &mut self,
        call: &Call,
        package: &Available,
        reason: Reason,
        installed: Option<&str>,
    ) -> Result<bool, Stop> {
        let Some(installed) = installed else {
            return Ok(false);
        };
        let is_current = installed == package.name;
        if !is_current && reason != Reason::Needed {
            return Ok(false);
        }
        if is_current
            && is_pending(&call.database, installed)?
            && !self.pending.iter().any(|p| p.name == installed)
        {
            self.pending.push(package.clone());
        }
        if is_current && reason == Reason::Asked {
            self.present.push(package.name.clone());
        }
        Ok(true)
    }

    /// Prints the plan.
    pub fn show(&self, process: &mut Process<'_>) {
        let names = |is_upgrade: bool| -> Vec<&str> {
            let chosen = self
                .wanted
                .iter()
                .filter(|w| w.replaces.is_some() == is_upgrade);
            chosen.map(|w| w.package.name.as_str()).collect()
        };
        let (upgrades, installs) = (names(true), names(false));
        process.say("");
        for (list, verb) in [(&upgrades, "upgrade"), (&installs, "install")] {
            if !list.is_empty() {
                process.say(&format!("{} to {verb}:", counted(list.len())));
                show_names(process, list);
                process.say("");
            }
        }
        let (download, disk) = self
            .wanted
            .iter()
            .map(|w| w.package.entry.sizes())
            .fold((0, 0), |sum, sizes| (sum.0 + sizes.0, sum.1 + sizes.1));
        process.say(&format!(
            "0 to remove, 0 to refresh, {} to upgrade, {} to install",
            upgrades.len(),
            installs.len()
        ));
        process.say(&format!(
            "{} to download, {} of additional disk space will be used",
            human(download),
            human(disk)
        ));
        process.say("");
    }
}

/// Names in lines of at most 80 columns, as pkgin wraps them.
pub fn show_names(process: &mut Process<'_>, names: &[&str]) {
    let mut line = String::from(" ");
    for name in names {
        if line.len() > 1 && line.len() + 1 + name.len() > 80 {
            process.say(&line);
            line = String::from(" ");
        }
        line.push(' ');
        line.push_str(name);
    }
    process.say(&line);
}

/// The available package that the user's word means; says so when there is none.
///
/// # Errors
///
/// When `preferred.conf` cannot be read.
pub fn choose(
    process: &mut Process<'_>,
    call: &Call,
    word: &str,
) -> Result<Option<Available>, Stop> {
    let names = call.available.iter().map(|a| a.name.as_str());
    let Some(name) = pattern::best(word, names) else {
        process.complain(&format!("{word} is not available in the repository"));
        return Ok(None);
    };
    if let Some(wanted) = preferred(process, pattern::base(name))?
        && !pattern::matches(&wanted, name)
    {
        process.complain(&format!(
            "No {word} package available that satisfies preferred match {wanted}"
        ));
        return Ok(None);
    }
    Ok(call.available.iter().find(|a| a.name == name).cloned())
}

/// The line of `preferred.conf` about a package, as a pattern.
fn preferred(process: &Process<'_>, base: &str) -> Result<Option<String>, Stop> {
    let path = below(process.root, Path::new(PREFERRED));
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Stop::Exit(1, format!("{PROGRAM}: {PREFERRED}: {error}"))),
    };
    let rule = text.lines().map(str::trim).find_map(|line| {
        let rest = line.strip_prefix(base)?;
        match rest.strip_prefix('=') {
            Some(version) => Some(format!("{base}-{version}")),
            None if rest.starts_with(['<', '>']) => Some(line.to_owned()),
            None => None,
        }
    });
    Ok(rule)
}

/// The patterns of what a package of the index needs.
pub fn patterns(call: &Call, package: &Available) -> Vec<String> {
    let needs = package
        .entry
        .depends
        .iter()
        .filter(|name| find(name).is_some());
    let needed = needs.filter_map(|name| call.find(name));
    needed
        .map(|n| format!("{}>={}", n.entry.name, pattern::version(&n.name)))
        .collect()
}
