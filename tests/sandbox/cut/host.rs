//! Cuts in the scripts that go to the host.

use std::fmt;

use super::{Ground, WAYS, Way};

/// A look runs more commands than anything that changes something.
const LOOKS_FROM: u64 = 100;

/// Where there is an image: after a look, the lock and another look.
const CREATION: usize = 4;

/// So many cuts may follow each other while nothing goes forward.
const CUTS_OF_ONE_RUN: usize = 5;
const CUTS_OF_KILLED_RUNS: usize = 20;

/// A place in a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Before,
    Command(u64),
    After,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before => Ok(()),
            Self::Command(number) => write!(f, ".{number}"),
            Self::After => f.write_str(".end"),
        }
    }
}

/// Places in one script of a creation.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// From 1.
    script: usize,
    /// Cut one after the other, where the script only looks.
    places: Vec<At>,
    pub(super) way: Way,
    /// Whether the host has to import the image first.
    with_image: bool,
}

fn is_look(commands: u64) -> bool {
    commands >= LOOKS_FROM
}

/// Every place of every script of a creation, and of the script that imports the image.
pub(super) fn everywhere(ground: &Ground) -> Vec<Case> {
    let mut cases = Vec::new();
    for way in WAYS {
        for (number, commands) in ground.scripts.iter().enumerate() {
            let size = match (is_look(*commands), way) {
                (false, _) => 1,
                (true, Way::GoesOn) => CUTS_OF_ONE_RUN,
                (true, Way::IsKilled) => CUTS_OF_KILLED_RUNS,
            };
            let case = |places: &[At]| Case {
                script: number + 1,
                places: places.to_vec(),
                way,
                with_image: false,
            };
            cases.extend(places(*commands).chunks(size).map(case));
        }
        let (script, commands) = import(ground);
        cases.extend(places(commands).into_iter().map(|at| Case {
            script,
            places: vec![at],
            way,
            with_image: true,
        }));
    }
    // what changes something first: that is where most can go wrong
    cases.sort_by_key(|case: &Case| case.places.len() > 1);
    cases
}

/// One place in each script, and two in the one that makes the zone.
pub(super) fn once_each(ground: &Ground) -> Vec<Case> {
    let of = |script: usize, commands: u64, with_image: bool| {
        let all = places(commands);
        let middle = all[all.len() / 2];
        let places = match script % 3 {
            // its last commands are those after which the host works for long
            _ if script == CREATION => vec![middle, all[all.len() - 8]],
            _ if !is_look(commands) => vec![middle],
            1 => vec![middle],
            2 => vec![At::Before],
            _ => vec![At::After],
        };
        let way = |number: usize| WAYS[(script / 2 + number) % 2];
        let case = move |(number, at): (usize, At)| Case {
            script,
            places: vec![at],
            way: way(number),
            with_image,
        };
        places.into_iter().enumerate().map(case).collect::<Vec<_>>()
    };
    let scripts = ground.scripts.iter().enumerate();
    let mut cases: Vec<Case> = scripts
        .flat_map(|(number, commands)| of(number + 1, *commands, false))
        .collect();
    let (script, commands) = import(ground);
    cases.extend(of(script, commands, true).pop());
    cases
}

fn places(commands: u64) -> Vec<At> {
    let within = (1..=commands).map(At::Command);
    [At::Before]
        .into_iter()
        .chain(within)
        .chain([At::After])
        .collect()
}

/// The script that imports the image comes after the one that takes the lock.
fn import(ground: &Ground) -> (usize, u64) {
    let all = ground.scripts_with_image.iter().copied().enumerate();
    let (number, commands) = all.filter(|(_, count)| !is_look(*count)).nth(1).unwrap();
    (number + 1, commands)
}

/// One of the places was not met: the look before it was another one.
struct Missed;

impl Case {
    /// The script's number from 1, or `import`.
    pub(super) fn script_name(&self) -> String {
        match self.with_image {
            true => "import".to_owned(),
            false => self.script.to_string(),
        }
    }

    /// How many cuts it was, and those that did not end well.
    pub(super) fn run(&self, ground: &Ground) -> (usize, Vec<String>) {
        match self.try_once(ground) {
            Ok(Ok(())) => return (self.places.len(), Vec::new()),
            Ok(Err(what)) if self.places.len() == 1 => {
                return (1, vec![format!("{self:?}: {what}")]);
            }
            Err(Missed) if self.places.len() == 1 => {
                return (1, vec![format!("{self:?}: the fault never happened")]);
            }
            // each by itself tells which one it is
            Ok(Err(_)) | Err(Missed) => {}
        }
        let alone = self.places.iter().map(|at| Self {
            places: vec![*at],
            ..self.clone()
        });
        let results: Vec<_> = alone.map(|case| case.run(ground)).collect();
        let failed = results.into_iter().flat_map(|(_, failed)| failed);
        (self.places.len(), failed.collect())
    }

    fn try_once(&self, ground: &Ground) -> Result<Result<(), String>, Missed> {
        ground.clear(self.with_image);
        let result = match self.way {
            Way::GoesOn => self.goes_on(ground)?,
            Way::IsKilled => {
                self.is_killed(ground)?;
                Ok(())
            }
        };
        Ok(result.and_then(|()| ground.mended()))
    }

    fn goes_on(&self, ground: &Ground) -> Result<Result<(), String>, Missed> {
        // on another connection the lock is taken again before the next look; the first look has none
        let stride = if self.script == 1 { 1 } else { 2 };
        let faults = self.places.iter().enumerate();
        let faults = faults.flat_map(|(number, at)| fault(self.script + number * stride, *at));
        ground.arm(&faults.collect::<Vec<_>>());
        let ended = ground.start().ends_well();
        let faults = ground.zone.watched_on_host().faults;
        if ended.is_ok() && faults.iter().any(|fault| fault.happened == 0) {
            return Err(Missed);
        }
        Ok(ended)
    }

    fn is_killed(&self, ground: &Ground) -> Result<(), Missed> {
        for (number, at) in self.places.iter().enumerate() {
            let script = match number {
                0 => self.script,
                // whoever takes it up looks, takes the lock and looks again, unless there is nothing to do
                _ if self.script == 1 || self.script + 1 == ground.scripts.len() => 1,
                _ => 3,
            };
            ground.arm(&fault(script, *at));
            let mut run = ground.start();
            let happened = || ground.zone.watched_on_host().faults[0].happened > 0;
            if !run.until(happened) {
                return Err(Missed);
            }
            run.kill();
        }
        Ok(())
    }
}

fn fault(script: usize, at: At) -> [String; 2] {
    ["--fault".to_owned(), format!("script#{script}{at}=cut")]
}
