//! One script, disturbed in one way.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use super::super::harness::{Ran, Zone};
use super::Leg;
use super::state::State;

/// One way to disturb a script.
pub struct How {
    pub name: &'static str,
    /// The fault, given the script's number and the command in its middle.
    fault: fn(usize, u64) -> String,
    /// Whether the run is told to end what is silent for too long.
    ends_silence: bool,
    /// Whether its controller is killed once the script hangs.
    kills: bool,
    /// Whether it ends a phase of the build that runs.
    ends_builds: bool,
}

const WITHIN: fn(usize, u64) -> String = |script, command| format!("script#{script}.{command}=");

/// Every way.
pub const HOW: &[How] = &[
    How {
        name: "cut-before",
        fault: |script, _| format!("script#{script}=cut"),
        ends_silence: false,
        kills: false,
        ends_builds: false,
    },
    How {
        name: "cut-within",
        fault: |script, command| WITHIN(script, command) + "cut",
        ends_silence: false,
        kills: false,
        ends_builds: false,
    },
    How {
        name: "cut-after",
        fault: |script, _| format!("script#{script}.end=cut"),
        ends_silence: false,
        kills: false,
        ends_builds: false,
    },
    How {
        name: "killed",
        fault: |script, command| WITHIN(script, command) + "hang",
        ends_silence: false,
        kills: true,
        ends_builds: false,
    },
    How {
        name: "hanging",
        fault: |script, command| WITHIN(script, command) + "hang",
        ends_silence: true,
        kills: false,
        ends_builds: false,
    },
    How {
        name: "full",
        fault: |script, command| WITHIN(script, command) + "full",
        ends_silence: false,
        kills: false,
        ends_builds: true,
    },
    How {
        name: "rebooted",
        fault: |script, command| WITHIN(script, command) + "reboot",
        ends_silence: false,
        kills: false,
        ends_builds: true,
    },
];

/// The longest that a disturbed run may take before it counts as hanging for ever.
const PATIENCE: Duration = Duration::from_secs(180);

pub struct Case<'a> {
    /// The script's number in the whole run, and the way.
    pub name: String,
    pub leg: &'a Leg,
    /// Its number in the leg's run.
    pub script: usize,
    /// How many commands it ran there.
    pub commands: u64,
    pub how: &'static How,
}

impl Case<'_> {
    /// Whether a list like `9,14.cut-within` means it.
    pub fn is_named(&self, list: &str) -> bool {
        list.split(',').any(|name| {
            name == self.name
                || name == self.how.name
                || self
                    .name
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with('.'))
        })
    }

    /// Disturbs a run in a zone of that name, then lets the next one mend it.
    pub fn run(&self, alias: &str) -> Result<(), String> {
        // a script that waits for others runs fewer commands on a faster machine
        let mut command = self.commands.div_ceil(2);
        loop {
            match self.disturb(alias, command) {
                Err(Missed) if command > 1 => command /= 2,
                Err(Missed) => return Err("the fault never happened".to_owned()),
                Ok(result) => return result,
            }
        }
    }

    fn disturb(&self, alias: &str, command: u64) -> Result<Result<(), String>, Missed> {
        let zone = self.leg.zone(alias);
        let fault = (self.how.fault)(self.script, command);
        zone.arm(&[&fault]);
        let arguments: &[&str] = match self.how.ends_silence {
            true => &["--step-timeout", self.leg.silence],
            false => &[],
        };
        let run = Disturbed::start(&zone, arguments);
        let ended = if self.how.kills {
            run.kill_at_fault(&zone)
        } else {
            run.wait(&zone)
        };
        let said = match ended {
            Ok(said) => said,
            Err(what) => return Ok(Err(format!("{fault}: {what}"))),
        };
        if zone.watched().faults[0].happened == 0 {
            return Err(Missed);
        }
        let result = self
            .mend(&zone)
            .map_err(|what| format!("{fault}: {what}\n--- the disturbed run\n{said}"));
        Ok(result)
    }

    fn mend(&self, zone: &Zone) -> Result<(), String> {
        let finished = finished_phases(zone);
        zone.disarm();
        ends(zone.apply(), |ran| ran.status == 0)?;
        ends(zone.apply(), |ran| {
            ran.status == 0 && ran.out.ends_with("): nothing to do\n")
        })?;
        let all = phases(zone);
        let again = repeated(&finished, &all);
        if !again.is_empty() {
            return Err(format!("was finished and ran again: {again}"));
        }
        let expected = &self.leg.reference.phases;
        if !self.how.ends_builds && all != *expected {
            return Err(format!("built by {all:?} instead of {expected:?}"));
        }
        State::of(zone).differences(&self.leg.reference.state)
    }
}

/// The fault was not met.
struct Missed;

fn ends(ran: Ran, well: impl Fn(&Ran) -> bool) -> Result<(), String> {
    if well(&ran) {
        Ok(())
    } else {
        Err(ran.to_string())
    }
}

/// The phases of the build that have run, one word each time.
pub fn phases(zone: &Zone) -> Vec<String> {
    let text = zone.shell("cat /var/tmp/phases 2>/dev/null; true");
    text.lines().map(str::to_owned).collect()
}

/// The phases that have ended well: of those, what `phases` tells.
fn finished_phases(zone: &Zone) -> Vec<String> {
    let script = "cd /var/db/zonewright/build 2>/dev/null && grep -lx 0 */*.rc | sed 's,.*/,,; s,[.]rc$,,'; true";
    let finished = zone.shell(script);
    let is_finished = |phase: &String| finished.lines().any(|name| name == phase);
    phases(zone).into_iter().filter(is_finished).collect()
}

/// Phases that were finished and ran once more afterwards.
fn repeated(finished: &[String], all: &[String]) -> String {
    let count = |list: &[String], phase: &String| list.iter().filter(|p| *p == phase).count();
    let mut again = String::new();
    for phase in finished {
        if count(all, phase) > count(finished, phase) {
            let _ = write!(again, "{phase} ");
        }
    }
    again
}

/// An `apply` in the background; what it says goes to files, so that it never waits for us.
struct Disturbed {
    child: Child,
    said: std::path::PathBuf,
}

impl Disturbed {
    fn start(zone: &Zone, arguments: &[&str]) -> Self {
        let said = zone.own("said");
        let file = File::create(&said).unwrap();
        let words = [&["apply", zone.alias.as_str()], arguments].concat();
        let mut command = zone.command(&words);
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.spawn().unwrap();
        Self { child, said }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap()
    }

    /// Waits for its end; one that hangs for ever is ended.
    fn wait(mut self, zone: &Zone) -> Result<String, String> {
        match self.wait_for(PATIENCE) {
            Some(_) => Ok(self.said()),
            None => {
                let _ = self.child.kill();
                let _ = self.child.wait();
                let seen = zone.run(&["sandbox", "list"]).out;
                Err(format!("it did not end\n{}\n{seen}", self.said()))
            }
        }
    }

    /// Kills it once the fault has happened, or lets it end when it does not.
    fn kill_at_fault(mut self, zone: &Zone) -> Result<String, String> {
        let begun = Instant::now();
        while zone.watched().faults[0].happened == 0 {
            if self.wait_for(Duration::from_millis(20)).is_some() {
                return Ok(self.said());
            }
            if begun.elapsed() > PATIENCE {
                return self.wait(zone);
            }
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Ok(self.said())
    }

    fn wait_for(&mut self, longest: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            if begun.elapsed() > longest {
                return None;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}
