//! The walk through a creation: the connection is cut at every command of every script, on the host and in the
//! zone, and each time the next run leaves exactly one zone and nothing else.
//!
//! Either the run that lost its connection goes on, or it is killed there and a plain `apply` takes up what it left.
//! A look changes nothing, so several of its commands are cut in one creation, each in the look that comes after the
//! one before; every other script has a creation of its own for each of its commands.

mod host;
mod inside;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::harness::Zone;
use host::Case;

/// Names what to cut alone, to look into a failure: `4.killed,import,inside`.
const ONLY: &str = "ZONEWRIGHT_CUT";

const FILE: &str = r#"[host]
sandbox = true

[zone]
alias = "ALIAS"
image = "base-64-lts@24.4.1"
memory = "1 GiB"
quota = "10 GiB"

[[zone.nic]]
tag = "admin"
address = "dhcp"

[storage]
kind = "delegated"

[[dataset]]
name = "matt"
mountpoint = "/backups/matt"
refquota = "1 GiB"
atime = false

[[dataset]]
name = "state"
mountpoint = "/netatalk"
"#;

/// What becomes of the run whose connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    GoesOn,
    IsKilled,
}

const WAYS: [Way; 2] = [Way::GoesOn, Way::IsKilled];

/// The longest that a run may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A host of its own, on which one zone is made again and again.
struct Ground {
    zone: Zone,
    /// What an undisturbed creation leaves, as the host tells it.
    reference: String,
    /// How many commands each of its scripts ran.
    scripts: Vec<u64>,
    /// The same on a host that has no image yet.
    scripts_with_image: Vec<u64>,
}

/// Everything of the host and the zone that a run answers for.
const STATE: &str = r#"
vmadm lookup -j -o alias,state,zone_state
zoneadm list -cp | cut -d: -f2-4
imgadm list -H -o uuid
zfs list -H -t all -o name
zfs get -H -r -s local,received -o name,property,value all zones
find /tmp /var/tmp /var/db/zonewright -mindepth 1 | sort
for uuid in $(vmadm list -H -o uuid); do
  printf 'ls -lA /tmp /var/tmp /root/.ssh | sed "s/[A-Z][a-z][a-z] .*:[0-9]*//"; cat /root/.ssh/authorized_keys' | zlogin "$uuid" /usr/bin/bash -s
done
"#;

impl Ground {
    fn new(alias: &str) -> Option<Self> {
        let zone = Zone::alone(alias, &FILE.replace("ALIAS", alias))?;
        let mut ground = Self {
            zone,
            reference: String::new(),
            scripts: Vec::new(),
            scripts_with_image: Vec::new(),
        };
        ground.clear(true);
        ground.scripts_with_image = ground.count();
        ground.clear(false);
        ground.scripts = ground.count();
        ground.zone.run(&["apply", alias]).succeeds();
        ground.reference = ground.state();
        assert_eq!(
            ground.reference.matches("\"alias\"").count(),
            1,
            "{}",
            ground.reference
        );
        Some(ground)
    }

    fn count(&self) -> Vec<u64> {
        self.arm(&["--count-scripts".to_owned()]);
        self.zone
            .run(&["zone", "create", &self.zone.alias])
            .succeeds();
        self.zone.watched_on_host().scripts
    }

    fn state(&self) -> String {
        self.zone.host_shell(STATE)
    }

    /// Takes the zone away, and the image where that is to be imported again.
    fn clear(&self, with_image: bool) {
        self.arm(&[]);
        let image = match with_image {
            true => "imgadm delete $(imgadm list -H -o uuid) >/dev/null 2>&1",
            false => "",
        };
        self.zone.host_shell(&format!(
            "for uuid in $(vmadm list -H -o uuid); do vmadm delete \"$uuid\"; done 2>/dev/null
             rm -rf /var/db/zonewright; {image}
             true"
        ));
    }

    /// Forgets the faults of the host, and arms others.
    fn arm(&self, words: &[String]) {
        let first = ["sandbox", "up", "global", "--no-faults"].map(str::to_owned);
        let words = [&first[..], words].concat();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.zone.run(&words).succeeds();
    }

    fn start(&self) -> Disturbed {
        let log = self.zone.own("said");
        let file = std::fs::File::create(&log).unwrap();
        let mut command: Command = self.zone.command(&["zone", "create", &self.zone.alias]);
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        let child = command.spawn().unwrap();
        Disturbed { child, log }
    }

    /// What is wrong after the next plain run, if anything is.
    fn mended(&self) -> Result<(), String> {
        self.arm(&[]);
        let next = self.zone.run(&["apply", &self.zone.alias]);
        if next.status != 0 {
            return Err(format!("the next run: {next}"));
        }
        // what was cut off on the host may be at its end only now
        let begun = Instant::now();
        loop {
            let state = self.state();
            if state == self.reference {
                return Ok(());
            }
            if begun.elapsed() > Duration::from_secs(30) {
                return Err(format!(
                    "the host differs:\n{}--- the next run: {next}",
                    super::harness::differences(&self.reference, &state)
                ));
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

/// A run in the background.
struct Disturbed {
    child: Child,
    log: std::path::PathBuf,
}

impl Disturbed {
    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until something has happened, or the run has ended: whether it has happened.
    fn until(&mut self, happened: impl Fn() -> bool) -> bool {
        loop {
            let is_over = self.child.try_wait().unwrap().is_some();
            if happened() {
                return true;
            }
            if is_over {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Waits for its end, which must be a good one.
    fn ends_well(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match self.child.try_wait().unwrap() {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("{status}\n{}", self.said())),
                None => thread::sleep(Duration::from_millis(10)),
            }
        }
        self.kill();
        Err(format!("it did not end\n{}", self.said()))
    }
}

impl Drop for Disturbed {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What is tried on a host.
enum Trial {
    Host(Case),
    /// Every run of a command in the zone, by the command's name.
    Inside(&'static str, Way),
}

impl Trial {
    /// `4.goes-on`, `import.killed`, `inside.killed`
    fn name(&self) -> String {
        let (place, way) = match self {
            Self::Host(case) => (case.script_name(), case.way),
            Self::Inside(_, way) => ("inside".to_owned(), *way),
        };
        let way = match way {
            Way::GoesOn => "goes-on",
            Way::IsKilled => "killed",
        };
        format!("{place}.{way}")
    }

    /// Whether a list like `4.killed,import` means it.
    fn is_named(&self, list: &str) -> bool {
        let own = self.name();
        list.split(',')
            .any(|name| own == name || own.split('.').next() == Some(name))
    }

    /// How many cuts it was, and those that did not end well.
    fn run(&self, ground: &Ground) -> (usize, Vec<String>) {
        match self {
            Self::Host(case) => case.run(ground),
            Self::Inside(command, way) => inside::walk(ground, command, *way),
        }
    }
}

/// Cuts everywhere.
pub fn whole() {
    let Some(ground) = Ground::new("cut-0") else {
        return;
    };
    let mut trials: Vec<Trial> = host::everywhere(&ground)
        .into_iter()
        .map(Trial::Host)
        .collect();
    let inside = inside::COMMANDS
        .iter()
        .flat_map(|name| WAYS.map(|way| Trial::Inside(name, way)));
    trials.splice(0..0, inside);
    let only = std::env::var(ONLY).ok();
    trials.retain(|trial| only.as_deref().is_none_or(|only| trial.is_named(only)));
    let workers = thread::available_parallelism().map_or(2, usize::from) + 2;
    judge(ground, trials, workers);
}

/// Cuts each script in one place.
pub fn thin() {
    let Some(ground) = Ground::new("cut-0") else {
        return;
    };
    let trials = host::once_each(&ground).into_iter().map(Trial::Host);
    let inside = Trial::Inside("mv", Way::IsKilled);
    judge(ground, trials.chain([inside]).collect(), 2);
}

fn judge(first: Ground, trials: Vec<Trial>, workers: usize) {
    let begun = Instant::now();
    let queue = Mutex::new(VecDeque::from(trials));
    let next = || {
        queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    };
    let total = Mutex::new((0, Vec::new()));
    let work = |ground: &Ground| {
        while let Some(trial) = next() {
            let run = AssertUnwindSafe(|| trial.run(ground));
            let (all, failed) = catch_unwind(run)
                .unwrap_or_else(|_| (1, vec!["the test itself failed, see above".to_owned()]));
            let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
            total.0 += all;
            for what in failed {
                println!("{what}");
                total.1.push(what);
            }
            if all > 0 {
                let seconds = begun.elapsed().as_secs();
                println!("{}: {all}, all: {} in {seconds} s", trial.name(), total.0);
            }
        }
    };
    let work = &work;
    thread::scope(|scope| {
        for number in 1..workers {
            scope.spawn(move || {
                let ground = Ground::new(&format!("cut-{number}")).unwrap();
                work(&ground);
            });
        }
        work(&first);
    });
    let (all, failed) = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!(
        "cut: {} of {all} in {} s",
        all - failed.len(),
        begun.elapsed().as_secs()
    );
    assert!(
        failed.is_empty(),
        "{} of {all} failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
}
