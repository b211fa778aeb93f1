//! Passwords: every process, file and word of whole runs is searched for them, and nothing is found
//! but the hash in the zone's shadow file.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use zonewright::shadow;

use crate::sandbox::harness::{BINARY, Ran, Zone};

/// Users, and where the password of each comes from.
const USERS: [&str; 4] = ["filer", "envy", "cole", "prue"];

/// A password that nothing else on the machine holds.
fn password(zone: &str, user: &str, round: u32) -> String {
    format!(
        "hüsh {user}'s $ecret {round} of {zone} {}",
        std::process::id()
    )
}

/// What was seen of a process that had no business to know a password.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Sighting {
    pid: i32,
    parent: i32,
    /// `cmdline` or `environ`.
    place: &'static str,
    name: String,
}

/// Looks at all processes of the machine, and so of the zone, again and again.
struct Watch {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<BTreeSet<Sighting>>>,
    rounds: Arc<Mutex<u32>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    fn start(secrets: Vec<String>) -> Self {
        let watch = Self {
            stop: Arc::default(),
            seen: Arc::default(),
            rounds: Arc::default(),
            thread: None,
        };
        let (stop, seen, rounds) = (
            Arc::clone(&watch.stop),
            Arc::clone(&watch.seen),
            Arc::clone(&watch.rounds),
        );
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let found = sightings(&secrets);
                seen.lock().unwrap().extend(found);
                *rounds.lock().unwrap() += 1;
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Self {
            thread: Some(thread),
            ..watch
        }
    }

    /// Ends it; gives what was seen of processes other than those that were given the environment.
    fn end(mut self, given: &BTreeSet<i32>) -> (Vec<Sighting>, u32) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        let seen = self.seen.lock().unwrap().clone();
        // whoever is given a variable has it, and hands it to the commands that it runs
        let is_given = |seen: &Sighting| given.contains(&seen.pid) || given.contains(&seen.parent);
        let is_theirs = |seen: &&Sighting| seen.place == "environ" && is_given(seen);
        // a search that would not find those is none
        assert!(
            seen.iter().any(|seen| is_theirs(&seen)),
            "nothing was seen at all"
        );
        let others = seen.iter().filter(|seen| !is_theirs(seen)).cloned();
        (others.collect(), *self.rounds.lock().unwrap())
    }
}

fn sightings(secrets: &[String]) -> Vec<Sighting> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else {
            continue;
        };
        // first, for it may be gone a moment later, and whose child it was with it
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        for place in ["cmdline", "environ"] {
            let bytes = fs::read(entry.path().join(place)).unwrap_or_default();
            if secrets.iter().any(|secret| contains(&bytes, secret)) {
                let (name, rest) = stat.rsplit_once(')').unwrap_or(("", ""));
                let parent = rest
                    .split_whitespace()
                    .nth(1)
                    .and_then(|word| word.parse().ok());
                found.push(Sighting {
                    pid,
                    parent: parent.unwrap_or(0),
                    place,
                    name: name.to_owned(),
                });
            }
        }
    }
    found
}

fn contains(bytes: &[u8], secret: &str) -> bool {
    let secret = secret.as_bytes();
    bytes
        .windows(secret.len())
        .any(|window| window[0] == secret[0] && window == secret)
}

/// The regular files below a folder that hold one of the texts.
fn holders(folder: &Path, secrets: &[String]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
            let kind = entry.file_type().unwrap();
            let path = entry.path();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let bytes = fs::read(&path).unwrap_or_default();
                if secrets.iter().any(|secret| contains(&bytes, secret)) {
                    found.push(path);
                }
            }
        }
    }
    found
}

/// A zone with the users, and everything that was said so far.
struct Scene {
    zone: Zone,
    round: u32,
    passwords: Vec<String>,
    hashes: Vec<String>,
    said: Vec<Ran>,
    given: BTreeSet<i32>,
}

impl Scene {
    fn new(alias: &str) -> Option<Self> {
        let zone = Zone::serving(alias)?;
        let path = format!("zones/{alias}.toml");
        let text = fs::read_to_string(zone.site.join(&path)).unwrap();
        let command = zone.own("command");
        let users = format!(
            "\n[[user]]\nname = \"filer\"\nuid = 2001\npassword = {{ file = \"{}\" }}\n\
             \n[[user]]\nname = \"envy\"\nuid = 2002\npassword = {{ env = \"ENVY\" }}\n\
             \n[[user]]\nname = \"cole\"\nuid = 2003\npassword = {{ command = [\"cat\", \"{}\"] }}\n\
             \n[[user]]\nname = \"prue\"\nuid = 2004\npassword = {{ prompt = true }}\n",
            zone.own("file").display(),
            command.display(),
        );
        zone.write(&path, &(text + &users));
        let mut scene = Self {
            zone,
            round: 0,
            passwords: Vec::new(),
            hashes: Vec::new(),
            said: Vec::new(),
            given: BTreeSet::new(),
        };
        scene.turn();
        Some(scene)
    }

    fn password(&self, user: &str) -> String {
        password(&self.zone.alias, user, self.round)
    }

    /// New passwords for all.
    fn turn(&mut self) {
        self.round += 1;
        for user in USERS {
            let password = self.password(user);
            self.passwords.push(password);
        }
        for (name, user) in [("file", "filer"), ("command", "cole")] {
            let text = format!("{}\n", self.password(user));
            fs::write(self.zone.own(name), text).unwrap();
        }
    }

    fn with_environment(&self, mut command: Command) -> Command {
        command.env("ENVY", self.password("envy"));
        command
    }

    /// Runs the program without a terminal.
    fn run(&mut self, arguments: &[&str]) -> Ran {
        let mut command = self.with_environment(self.zone.command(arguments));
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        self.given.insert(i32::try_from(child.id()).unwrap());
        let ran = Ran::ended(&command, child.wait_with_output().unwrap());
        self.keep(&ran);
        ran
    }

    fn keep(&mut self, ran: &Ran) {
        self.said.push(Ran {
            command: ran.command.clone(),
            out: ran.out.clone(),
            err: ran.err.clone(),
            ..*ran
        });
        let shadow = self.zone.try_shell("cat /etc/shadow").out;
        let hashes = shadow.lines().filter_map(|line| line.split(':').nth(1));
        self.hashes.extend(
            hashes
                .filter(|hash| hash.starts_with("$6$"))
                .map(str::to_owned),
        );
    }

    /// Runs the program on a terminal, types the password when it is asked for, and gives what the
    /// terminal showed.
    fn run_on_terminal(&mut self, arguments: &[&str]) -> String {
        let pty = nix::pty::openpty(None, None).unwrap();
        let of_zone = self.with_environment(self.zone.command(arguments));
        let mut command = Command::new("setsid");
        command
            .args(["--ctty", "--wait", BINARY])
            .args(of_zone.get_args());
        for (name, value) in of_zone.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let slave = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
        command
            .stdin(slave(&pty.slave))
            .stdout(slave(&pty.slave))
            .stderr(slave(&pty.slave));
        let mut child = command.spawn().unwrap();
        self.given.insert(i32::try_from(child.id()).unwrap());
        drop((command, pty.slave));
        let mut master = fs::File::from(pty.master);
        let typed = self.password("prue");
        let mut shown = String::new();
        let mut is_typed = false;
        let mut buffer = [0; 4096];
        loop {
            match master.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(length) => shown.push_str(&String::from_utf8_lossy(&buffer[..length])),
            }
            if !is_typed && shown.contains("Password for the account prue: ") {
                is_typed = true;
                wait_until_hidden(&master);
                writeln!(master, "{typed}").unwrap();
            }
        }
        let status = child.wait().unwrap();
        assert!(status.success() && is_typed, "{shown}");
        let ran = Ran {
            command: "on a terminal".to_owned(),
            status: 0,
            out: shown.clone(),
            err: String::new(),
        };
        self.keep(&ran);
        shown
    }

    /// That the zone has the passwords of this round, but for some.
    fn is_set(&self, but: &[&str]) {
        let shadow = self.zone.shell("cat /etc/shadow");
        for user in USERS.iter().filter(|user| !but.contains(user)) {
            let line = shadow
                .lines()
                .find(|line| line.starts_with(&format!("{user}:")));
            let hash = line.unwrap().split(':').nth(1).unwrap();
            assert_eq!(
                shadow::verify(&self.password(user), hash),
                Some(true),
                "{user}"
            );
        }
    }

    /// Searches everything that was said and written.
    fn search(&self) {
        let secrets = [self.passwords.clone(), self.hashes.clone()].concat();
        for ran in &self.said {
            let text = ran.to_string();
            let shown = secrets.iter().find(|secret| text.contains(*secret));
            assert_eq!(shown, None, "{} shows it", ran.command);
        }
        let folders = self.zone.folders();
        for folder in [&folders.cache, &folders.state, &self.zone.site] {
            assert_eq!(holders(folder, &secrets), Vec::<PathBuf>::new());
        }
        // the supervisor's folder, and in it all that the zone wrote
        let access = self.zone.access();
        let sandbox = access.identity.parent().unwrap().to_owned();
        let mine = sandbox.join("zones").join(&access.uuid);
        let shadow = mine.join("upper/etc/shadow");
        assert_eq!(holders(&mine, &self.passwords), Vec::<PathBuf>::new());
        let hashes = holders(&mine.join("upper"), &self.hashes);
        assert_eq!(hashes, [shadow]);
        for entry in fs::read_dir(&sandbox).unwrap().flatten() {
            if entry.file_type().unwrap().is_file() {
                let bytes = fs::read(entry.path()).unwrap();
                let held = secrets.iter().find(|secret| contains(&bytes, secret));
                assert_eq!(held, None, "{}", entry.path().display());
            }
        }
    }
}

/// What is typed before the terminal hides it would be shown by the terminal itself.
fn wait_until_hidden(master: &fs::File) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        let mode = nix::sys::termios::tcgetattr(master).unwrap();
        if !mode
            .local_flags
            .contains(nix::sys::termios::LocalFlags::ECHO)
        {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("the terminal never hid what is typed");
}

#[test]
fn nothing_but_the_hash_in_the_shadow_file_is_ever_found() {
    let Some(mut scene) = Scene::new("secrets") else {
        return;
    };
    let watched = (1..=6).flat_map(|round| USERS.map(|user| password("secrets", user, round)));
    let watch = Watch::start(watched.collect());

    // new accounts; what is asked for needs a terminal
    scene.run(&["plan", "secrets"]).succeeds();
    scene.run(&["plan", "secrets", "--json", "-vv"]).succeeds();
    scene.run(&["apply", "secrets"]).exits(1);
    scene.run_on_terminal(&["apply", "secrets", "-vv"]);
    scene.is_set(&[]);
    scene.run(&["apply", "secrets", "--json", "-vv"]).succeeds();
    scene.search();

    // changed passwords; that of `prue` is asked for again because it was taken away
    scene.turn();
    scene.zone.shell("passwd -N prue");
    scene.run(&["plan", "secrets", "--json"]).succeeds();
    scene.run_on_terminal(&["apply", "secrets", "-vv"]);
    scene.is_set(&[]);
    scene.search();

    // the shadow file cannot be written
    scene.turn();
    let zone = &scene.zone;
    zone.shell("mount --bind /etc /etc && mount -o remount,bind,ro /etc");
    let failed = scene.run(&["apply", "secrets", "-vv"]).exits(1);
    assert!(
        failed.err.contains("cannot set the password of filer"),
        "{failed}"
    );
    scene.zone.shell("umount /etc");
    scene.search();

    // the connection is lost in the middle of it, again and again
    for fault in ["nawk=cut", "digest=cut", "cp=cut"] {
        scene.zone.arm(&[fault]);
        scene.run(&["apply", "secrets", "-vv"]).succeeds();
        scene.zone.wait_for_fault();
        scene.is_set(&["prue"]);
        scene.search();
        scene.turn();
    }
    scene.run(&["log", "secrets", "--full"]).succeeds();
    scene.run(&["log", "secrets", "--json"]).succeeds();
    scene.run(&["status", "secrets", "--json"]).succeeds();
    scene.search();

    let (seen, rounds) = watch.end(&scene.given);
    assert!(rounds > 20, "only {rounds} looks at all processes");
    assert!(seen.is_empty(), "{seen:#?}");
}

#[test]
fn a_killed_run_leaves_nothing_that_the_next_one_does_not_clear_away() {
    let Some(mut scene) = Scene::new("killed") else {
        return;
    };
    scene.run_on_terminal(&["apply", "killed"]);
    scene.turn();
    scene.zone.arm(&["nawk=hang"]);
    let mut command = scene.with_environment(scene.zone.command(&["apply", "killed"]));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    scene.zone.wait_for_fault();
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let soft = core.and_then(|line| line.split_whitespace().nth(4));
    assert_eq!(
        soft,
        Some("0"),
        "a core dump would hold the passwords: {limits}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    scene
        .zone
        .run(&["sandbox", "up", "killed", "--no-faults"])
        .succeeds();
    scene.run(&["apply", "killed"]).succeeds();
    scene.is_set(&["prue"]);
    scene.search();
}

#[test]
fn what_the_sandbox_starts_knows_nothing_of_its_callers_environment() {
    let Some(zone) = Zone::new("ignorant") else {
        return;
    };
    let secret = password("ignorant", "nobody", 1);
    let folder = zone.own("sandbox of its own");
    let command = |arguments: &[&str]| {
        let mut command = zone.command(arguments);
        command.env(zonewright::sandbox::paths::STATE_VARIABLE, &folder);
        command.env("SOME_PASSWORD", &secret);
        Ran::of(command)
    };
    let up = command(&["sandbox", "up", "ignorant"]);
    let seen = sightings(std::slice::from_ref(&secret));
    command(&["sandbox", "down"]).succeeds();
    up.succeeds();
    assert!(seen.is_empty(), "{seen:#?}");
}
