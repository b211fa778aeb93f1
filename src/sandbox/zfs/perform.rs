//! Doing what a `zfs` command decided, and telling in illumos' words what zfs-fuse had against it.
//!
//! One command works at a time: two that begin together can confuse the daemon, which hands their
//! connections to its threads through one place.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::causes::in_one_line;
use crate::sandbox::error::SandboxError;
use crate::sandbox::smf::answer::Answer;

use super::asker::{Asker, View};
use super::command::{self, Deed, Ground};
use super::daemon::POOL;
use super::model::Datasets;
use super::mounting::unmount_one;
use super::{Asked, Inner, Zfs, zpool};

impl Zfs {
    /// Runs one command to its end.
    pub(super) fn command(&self, asker: &Asker, asked: &Asked) -> Answer {
        let mut inner = self.lock();
        let datasets = match self.datasets() {
            Ok(datasets) => datasets,
            Err(error) => return failed(&error),
        };
        let view = View {
            datasets: &datasets,
            asker,
        };
        if asked.program == "zpool" {
            return zpool::run(&self.place, view, &asked.words);
        }
        let mounted = mounted_of(&inner, asker);
        let everywhere: Vec<String> = inner.mounts.iter().map(|m| m.dataset.clone()).collect();
        let ground = Ground {
            view,
            mounted: &mounted,
            everywhere: &everywhere,
            now: now(),
        };
        match command::plan(&ground, &asked.words) {
            Ok(deeds) => self.perform(&mut inner, &datasets, &deeds),
            Err(answer) => answer,
        }
    }

    /// Does one thing after another, up to the first that fails.
    fn perform(&self, inner: &mut Inner, before: &Datasets, deeds: &[Deed]) -> Answer {
        let mut answer = Answer::default();
        // What was unmounted on the way, from above, with the place it had.
        let mut down: Vec<(String, String)> = Vec::new();
        for deed in deeds {
            let done = match deed {
                Deed::Say(said) => {
                    answer.out += &said.out;
                    answer.err += &said.err;
                    answer.code = answer.code.max(said.code);
                    true
                }
                Deed::Real(words) => self.real(words, &mut answer),
                Deed::Rename { from, to } => self.rename_real(from, to, &mut answer),
                Deed::Unmount { names, by_force } => {
                    unmount(inner, names, *by_force, &mut down, &mut answer)
                }
                Deed::Remount { from, to } => {
                    let names = std::mem::take(&mut down).into_iter();
                    let names = names.map(|(name, _)| match name.strip_prefix(from.as_str()) {
                        Some(rest) => format!("{to}{rest}"),
                        None => name,
                    });
                    self.mount(inner, &names.collect::<Vec<_>>(), true, &mut answer);
                    true
                }
                Deed::Mount { names, always } => {
                    let code = answer.code;
                    self.mount(inner, names, *always, &mut answer);
                    if answer.code > code && deeds.first().is_some_and(makes) {
                        answer.complain("filesystem successfully created, but not mounted");
                    }
                    true
                }
            };
            if !done {
                let names: Vec<String> = down.into_iter().map(|(name, _)| name).collect();
                let there = names.into_iter().filter(|name| before.find(name).is_some());
                self.mount(inner, &there.collect::<Vec<_>>(), true, &mut answer);
                break;
            }
        }
        answer
    }

    /// Runs the real command; false when it failed.
    fn real(&self, words: &[String], answer: &mut Answer) -> bool {
        match self.place.real_after_unmount(words) {
            Ok(output) if output.status.success() => true,
            Ok(output) => {
                answer.err += &in_illumos_words(&String::from_utf8_lossy(&output.stderr));
                answer.code = answer.code.max(output.status.code().unwrap_or(1));
                false
            }
            Err(error) => {
                answer.fail(1, in_one_line(&error));
                false
            }
        }
    }

    /// Renames a file system, which the real command refuses for one that is in a zone's hands, or
    /// has a clone that is: as the daemon sees it, all are, but for a moment.
    fn rename_real(&self, from: &str, to: &str, answer: &mut Answer) -> bool {
        let words = |words: &[&str]| -> Vec<String> {
            words.iter().map(|word| (*word).to_owned()).collect()
        };
        let is_free = self.real(&words(&["set", "zoned=off", POOL]), answer);
        let is_renamed = is_free && self.real(&words(&["rename", from, to]), answer);
        self.real(&words(&["set", "zoned=on", POOL]), answer) && is_renamed
    }

    /// Mounts what can be, from above; what is wrong is said.
    fn mount(&self, inner: &mut Inner, names: &[String], always: bool, answer: &mut Answer) {
        if names.is_empty() {
            return;
        }
        let datasets = match self.datasets() {
            Ok(datasets) => datasets,
            Err(error) => return answer.fail(1, in_one_line(&error)),
        };
        let mut found: Vec<_> = names
            .iter()
            .filter_map(|name| datasets.find(name))
            .collect();
        found.sort_by_key(|dataset| dataset.get("mountpoint").unwrap_or_default().to_owned());
        for dataset in found {
            if let Err(line) = self.mount_one(inner, dataset, always) {
                answer.fail(1, line);
            }
        }
    }

    /// What a stream brought is mounted.
    pub(super) fn mount_received(&self, name: &str) -> Answer {
        let mut inner = self.lock();
        let mut answer = Answer::default();
        match self.datasets() {
            Ok(datasets) => {
                let names = datasets.tree(name).map(|dataset| dataset.name.clone());
                let names: Vec<String> = names.collect();
                self.mount(&mut inner, &names, false, &mut answer);
            }
            Err(error) => answer.fail(1, in_one_line(&error)),
        }
        answer
    }
}

fn makes(deed: &Deed) -> bool {
    let Deed::Real(words) = deed else {
        return false;
    };
    let first = words.first().map(String::as_str);
    matches!(first, Some("create" | "clone"))
}

/// Unmounts these, from below; when one is in use, that is said and the answer is false.
fn unmount(
    inner: &mut Inner,
    names: &[String],
    by_force: bool,
    down: &mut Vec<(String, String)>,
    answer: &mut Answer,
) -> bool {
    let meant = inner
        .mounts
        .iter()
        .filter(|mounted| names.contains(&mounted.dataset));
    let mut meant: Vec<(String, String)> = meant
        .map(|mounted| (mounted.dataset.clone(), mounted.path.clone()))
        .collect();
    // What lies below another's mount point goes first.
    meant.sort_by(|a, b| b.1.cmp(&a.1));
    for (name, path) in meant {
        if !unmount_one(&mut inner.mounts, &name, by_force) {
            // (inferred: strerror's words)
            answer.fail(1, format!("cannot unmount '{path}': Device busy"));
            return false;
        }
        down.insert(0, (name, path));
    }
    true
}

/// What is mounted in the asker's zone, as the asker sees it.
pub(super) fn mounted_of(inner: &Inner, asker: &Asker) -> Vec<(String, String)> {
    let own = inner
        .mounts
        .iter()
        .filter(|mounted| mounted.owner == asker.owner);
    own.map(|mounted| (mounted.dataset.clone(), mounted.path.clone()))
        .collect()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn failed(error: &SandboxError) -> Answer {
    Answer::failure(1, in_one_line(error))
}

/// What zfs-fuse says in the words that illumos has for it.
fn in_illumos_words(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("umount: "));
    let lines = lines.map(|line| {
        let busy = line
            .strip_prefix("cannot destroy '")
            .and_then(|rest| rest.strip_suffix("': dataset is busy"))
            .filter(|name| name.contains('@'));
        match busy {
            Some(name) => format!("cannot destroy snapshot {name}: dataset is busy\n"),
            None => format!("{line}\n"),
        }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zfs_fuse_speaks_as_illumos_does() {
        assert_eq!(
            in_illumos_words("cannot destroy 'zones/a@s': dataset is busy\n"),
            "cannot destroy snapshot zones/a@s: dataset is busy\n"
        );
        assert_eq!(
            in_illumos_words(
                "umount: /x: target is busy.\ncannot destroy 'zones/a': dataset is busy\n"
            ),
            "cannot destroy 'zones/a': dataset is busy\n"
        );
    }
}
