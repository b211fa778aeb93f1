//! Folders of one test's own, the program run in them, and the sandbox taken down at the end.
//!
//! The image that zones are made from is shared with everybody else on the machine: it takes a
//! minute or two to make, and only the first time. Packages are not: what is tested gets built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use zonewright::sandbox;

/// The private folders of a test; dropping it ends its zones.
pub struct Place {
    folder: tempfile::TempDir,
}

/// A zone as `zonewright sandbox list --json` shows it.
pub struct Zone {
    pub address: String,
    pub afp_port: u16,
}

impl Place {
    /// None, with a word about why, where the sandbox cannot run; a failure under `CI=true`.
    pub fn new() -> Option<Self> {
        let missing = sandbox::requirements();
        if !missing.is_empty() {
            let missing: Vec<_> = missing.into_iter().map(|missing| missing.what).collect();
            let why = format!("the sandbox cannot run here: no {}", missing.join(", no "));
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
            eprintln!("skipped: {why}");
            return None;
        }
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let image = sandbox::paths::cache_folder().unwrap();
        fs::create_dir_all(&image).unwrap();
        for name in ["cache/zonewright", "state", "home"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        std::os::unix::fs::symlink(image, folder.path().join("cache/zonewright/sandbox")).unwrap();
        Some(Self { folder })
    }

    /// A folder that is no site, as a new user's.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The program with these arguments, in `home`.
    pub fn zonewright(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zonewright"));
        command
            .args(arguments)
            .current_dir(self.home())
            .env("ZONEWRIGHT_SANDBOX_DIR", self.folder.path().join("sandbox"))
            .env("XDG_CACHE_HOME", self.folder.path().join("cache"))
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .env_remove("ZONEWRIGHT_SANDBOX_BINARY");
        command
    }

    /// Writes a file of a site in `home`.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.home().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs a command in a zone.
    pub fn inside(&self, zone: &str, command: &[&str]) -> Output {
        let arguments = [&["sandbox", "shell", zone, "--"], command].concat();
        self.zonewright(&arguments).output().unwrap()
    }

    /// What a command in a zone prints; it must succeed.
    pub fn ask(&self, zone: &str, command: &[&str]) -> String {
        let output = self.inside(zone, command);
        assert!(output.status.success(), "{command:?}: {output:?}");
        text(&output.stdout)
    }

    /// How a zone is reached from the machine.
    pub fn zone(&self, alias: &str) -> Zone {
        let output = self.zonewright(&["--json", "sandbox", "list"]).output();
        let document: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        let zones = document["zones"].as_array().unwrap();
        let zone = zones.iter().find(|zone| zone["alias"] == alias).unwrap();
        Zone {
            address: zone["address"].as_str().unwrap().to_owned(),
            afp_port: zone["afp-port"].as_u64().unwrap().try_into().unwrap(),
        }
    }

    /// Runs a program of a zone with the zone's files, but on the machine's network: the zone is
    /// then as far away as for any other machine.
    pub fn outside(&self, zone: &str, command: &[&str]) -> Output {
        let namespace = self.ask(zone, &["/usr/bin/readlink", "/proc/self/ns/mnt"]);
        let process = process_in(namespace.trim()).expect("a process of the zone");
        let target = process.to_string();
        let mut enter = Command::new("nsenter");
        enter.args(["--target", &target, "--mount", "--root", "--wd", "--"]);
        enter.args(command).env_clear().output().unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let down = self.zonewright(&["sandbox", "down"]).output();
        if !down.as_ref().is_ok_and(|output| output.status.success()) {
            eprintln!("the sandbox was not taken down: {down:?}");
        }
    }
}

/// The machine's number of some process that sees these mounts.
fn process_in(namespace: &str) -> Option<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let mut processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    processes.find(|process| {
        fs::read_link(format!("/proc/{process}/ns/mnt"))
            .is_ok_and(|link| link == Path::new(namespace))
    })
}

/// Runs a command that must end well, and returns what it prints.
pub fn succeed(mut command: Command) -> String {
    let output = command.output().unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{stdout}\n{stderr}");
    stdout
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
