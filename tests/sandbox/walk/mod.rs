//! The walk: every script of a recipe's whole apply is disturbed in every way there is, one zone
//! each, and afterwards one plain apply must bring the zone to where an undisturbed run brings it.
//!
//! A script that builds is disturbed in a run that builds. Every other one is disturbed in a run
//! that finds the package in the controller's store, which is the same run without those scripts.

mod case;
mod state;

use std::collections::VecDeque;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::harness::{Zone, files_below};
use case::{Case, HOW};
use state::State;

/// Names cases to run alone, as in `9,14.cut-within`, to look into a failure.
const ONLY: &str = "ZONEWRIGHT_WALK";

/// Lines for a `meson.build` with which each phase of the build writes down that it runs.
pub const COUNTED: &str = "\
custom_target('counted', output: 'counted', build_by_default: true,
  command: ['/bin/sh', '-c', 'echo compile >>/var/tmp/phases && touch \"$1\"', 'sh', '@OUTPUT@'])
meson.add_install_script('/bin/sh', '-c', 'echo stage >>/var/tmp/phases')
run_command('/bin/sh', '-c', 'echo configure >>/var/tmp/phases', check: true)
";

/// What is applied: makes a zone's site of an alias.
pub type MakeZone = fn(&str) -> Option<Zone>;

/// How one undisturbed run went.
struct Reference {
    /// How many commands each script ran.
    scripts: Vec<u64>,
    state: State,
    /// The phases of the build, as they ran.
    phases: Vec<String>,
    /// What the controller keeps afterwards.
    kept: Kept,
}

/// Files of a controller, by their paths.
#[derive(Clone, Default)]
struct Kept {
    packages: Vec<(PathBuf, Vec<u8>)>,
    archives: Vec<(PathBuf, Vec<u8>)>,
}

impl Kept {
    fn of(zone: &Zone) -> Self {
        let folders = zone.folders();
        Self {
            packages: files_below(&folders.packages),
            archives: files_below(&folders.cache.join("by-name")),
        }
    }

    fn give_to(&self, zone: &Zone) {
        let folders = [
            (zone.folders().packages, &self.packages),
            (zone.site.join("distfiles"), &self.archives),
        ];
        for (folder, files) in folders {
            for (path, bytes) in files {
                let path = folder.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
        }
    }
}

/// One of the two runs that are disturbed.
struct Leg {
    make: MakeZone,
    /// How long a script of it is silent at most, where nothing hangs.
    silence: &'static str,
    /// What the controller has before it begins.
    has: Kept,
    reference: Reference,
    /// Kept, so that all zones are in one sandbox, with one key.
    _zone: Zone,
}

/// Disturbs every script of the apply in every way, and says which did not end well. No script may be
/// silent for as long as `silence` on a busy machine.
pub fn walk(make: MakeZone, silence: &'static str) {
    let Some(mut whole) = Leg::undisturbed(make, silence, "walk-whole", Kept::default()) else {
        return;
    };
    let kept = whole.reference.kept.clone();
    whole.has.archives.clone_from(&kept.archives);
    let Some(stored) = Leg::undisturbed(make, silence, "walk-stored", kept) else {
        return;
    };
    assert_eq!(whole.reference.phases, ["configure", "compile", "stage"]);
    assert!(stored.reference.phases.is_empty());
    let building = building(&whole.reference.scripts, &stored.reference.scripts);
    let begun = Instant::now();
    let only = std::env::var(ONLY).ok();
    let mut cases = Vec::new();
    for (number, &commands) in whole.reference.scripts.iter().enumerate() {
        let later = building.len() * usize::from(number >= building.end);
        let (leg, script, commands) = match building.contains(&number) {
            true => (&whole, number, commands),
            false => (
                &stored,
                number - later,
                stored.reference.scripts[number - later],
            ),
        };
        for how in HOW {
            let name = format!("{}.{}", number + 1, how.name);
            cases.push(Case {
                name,
                leg,
                script: script + 1,
                commands,
                how,
            });
        }
    }
    cases.retain(|case| only.as_deref().is_none_or(|only| case.is_named(only)));
    let all = cases.len();
    let failed = run_all(cases);
    let list: String = failed.iter().map(|what| format!("{what}\n")).collect();
    println!(
        "walk: {} of {all} in {} s\n{list}",
        all - failed.len(),
        begun.elapsed().as_secs()
    );
    assert!(
        failed.is_empty(),
        "{} of {all} failed:\n{list}",
        failed.len()
    );
}

impl Leg {
    /// Applies in a zone that nothing happens to.
    fn undisturbed(make: MakeZone, silence: &'static str, alias: &str, has: Kept) -> Option<Self> {
        let zone = make(alias)?;
        has.give_to(&zone);
        zone.run(&["sandbox", "up", alias, "--count-scripts"])
            .succeeds();
        zone.apply().succeeds();
        let scripts = zone.watched().scripts;
        assert!(scripts.iter().all(|count| *count > 1), "{scripts:?}");
        let reference = Reference {
            scripts,
            state: State::of(&zone),
            phases: case::phases(&zone),
            kept: Kept::of(&zone),
        };
        Some(Self {
            make,
            silence,
            has,
            reference,
            _zone: zone,
        })
    }

    /// A zone before the run.
    fn zone(&self, alias: &str) -> Zone {
        let zone = (self.make)(alias).unwrap();
        self.has.give_to(&zone);
        zone
    }
}

/// The scripts of the whole run that the run with a stored package has not: the place where leaving
/// them out makes the one most like the other.
fn building(whole: &[u64], stored: &[u64]) -> std::ops::Range<usize> {
    let more = whole.len() - stored.len();
    assert!(more > 0, "{whole:?} and {stored:?}");
    let unlike = |from: &usize| -> u64 {
        let without = whole.iter().take(*from).chain(&whole[from + more..]);
        without.zip(stored).map(|(a, b)| a.abs_diff(*b)).sum()
    };
    let from = (0..=stored.len()).min_by_key(unlike).unwrap();
    from..from + more
}

/// Runs cases on all cores; zones that wait leave room for one more.
fn run_all(cases: Vec<Case<'_>>) -> Vec<String> {
    let all = cases.len();
    let workers = thread::available_parallelism().map_or(2, usize::from) + 1;
    let queue = Mutex::new(VecDeque::from(cases));
    let failed = Mutex::new(Vec::new());
    let next = || {
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        let number = all - queue.len();
        queue.pop_front().map(|case| (number, case))
    };
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((number, case)) = next() {
                    let begun = Instant::now();
                    let alias = format!("walk-{number:03}");
                    let run = AssertUnwindSafe(|| case.run(&alias));
                    let result = catch_unwind(run)
                        .unwrap_or_else(|_| Err("the test itself failed, see above".to_owned()));
                    let seconds = begun.elapsed().as_secs_f32();
                    println!("{}/{all} {} {seconds:.1} s", number + 1, case.name);
                    if let Err(what) = result {
                        println!("{what}");
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        failed.push(format!("{}: {what}", case.name));
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn the_scripts_that_build_are_found_by_what_is_left() {
    let whole = [257, 41, 43, 20, 298, 250, 190, 14, 44, 61, 220];
    let stored = [257, 41, 40, 20, 45, 60, 221];
    assert_eq!(building(&whole, &stored), 4..8);
}
