//! The whole of SMF below a temporary root: a real restarter, real methods, real contracts.

use super::answer::Answer;
use super::contract::holder::hold;
use super::contract::{Contracts, ctrun, ctstat};
use super::door::Door;
use super::fmri::Fmri;
use super::manifest::tests::manifest;
use super::model::{Repository, State};
use super::paths::{Holder, Paths};
use super::pgrep::{self, Command};
use super::restarter::Restarter;
use super::{init, manifest_import, process, store, svcadm, svccfg, svcprop, svcs};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const HOLD_VARIABLE: &str = "ZONEWRIGHT_TEST_HOLDER";

/// Not a test: the holder process of the other tests' contracts.
#[test]
#[ignore = "runs as a process of the other tests"]
fn as_holder() {
    let folder = PathBuf::from(std::env::var_os(HOLD_VARIABLE).unwrap());
    let root = folder.ancestors().nth(4).unwrap().to_path_buf();
    std::process::exit(hold(&folder, &paths(&root)));
}

const ROOT_VARIABLE: &str = "ZONEWRIGHT_TEST_ROOT";

/// Not a test: `ctrun -l none sleep 1000`, for a method to call.
#[test]
#[ignore = "runs as a process of the other tests"]
fn as_ctrun() {
    let root = PathBuf::from(std::env::var_os(ROOT_VARIABLE).unwrap());
    let answer = ctrun::answer(&words(&["-l", "none", "sleep", "1000"]), &paths(&root));
    std::process::exit(answer.code);
}

fn paths(root: &Path) -> Paths {
    let arguments = [
        "--exact",
        "--ignored",
        "--test-threads=1",
        "sandbox::smf::tests::as_holder",
    ];
    let holder = Holder {
        program: std::env::current_exe().unwrap(),
        arguments: arguments.map(OsString::from).to_vec(),
        variable: Some(HOLD_VARIABLE.to_owned()),
    };
    Paths::below(root, holder)
}

mod commands;
mod contracts;
mod restarting;

struct Zone {
    root: TempDir,
    paths: Paths,
    restarter: Restarter,
}

impl Drop for Zone {
    fn drop(&mut self) {
        // First, or the restarter would start again what is killed below.
        self.restarter.shut_down(Duration::from_secs(5));
        let processes = process::all();
        let contracts = Contracts::find(&self.paths, &processes);
        for contract in contracts.live.keys() {
            super::contract::holder::kill_until_empty(&self.paths, *contract);
        }
    }
}

fn words(line: &[&str]) -> Vec<String> {
    line.iter().map(|&word| word.to_owned()).collect()
}

impl Zone {
    fn boot() -> Self {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        fs::create_dir_all(paths.repository().parent().unwrap()).unwrap();
        // As process 1 does it; what it starts must not inherit that.
        let mut signals = nix::sys::signal::SigSet::empty();
        signals.add(nix::sys::signal::Signal::SIGTERM);
        signals.thread_block().unwrap();
        // Without the platform's services: no sshd shall start here.
        store::save(&paths, &Repository::default()).unwrap();
        let restarter = init::boot(&paths).unwrap();
        Self {
            root,
            paths,
            restarter,
        }
    }

    fn file(&self, name: &str) -> String {
        self.root.path().join(name).display().to_string()
    }

    fn lines(&self, name: &str) -> usize {
        fs::read_to_string(self.file(name)).map_or(0, |text| text.lines().count())
    }

    fn svccfg(&self, line: &[&str]) -> Answer {
        svccfg::answer(&words(line), &self.paths, &mut || Ok(String::new()))
    }

    fn script(&self, text: &str) -> Answer {
        svccfg::answer(&[], &self.paths, &mut || Ok(text.to_owned()))
    }

    fn svcadm(&self, line: &[&str]) -> Answer {
        svcadm::answer(&words(line), &self.paths)
    }

    fn svcs(&self, line: &[&str]) -> Answer {
        svcs::answer(&words(line), &self.paths)
    }

    fn svcprop(&self, line: &[&str]) -> Answer {
        svcprop::answer(&words(line), &self.paths)
    }

    fn import(&self, body: &str) -> Answer {
        let file = self.file("m.xml");
        fs::write(&file, manifest("site/x", body)).unwrap();
        self.svccfg(&["import", &file])
    }

    /// Imports a disabled service with these methods.
    fn service(&self, start: &str, stop: &str, more: &str) {
        let answer = self.import(&format!(
            "<create_default_instance enabled='false'/>{more}
             <exec_method type='method' name='start' exec='{start}' timeout_seconds='20'/>
             <exec_method type='method' name='stop' exec='{stop}' timeout_seconds='2'/>"
        ));
        assert_eq!(answer, Answer::default());
    }

    fn repository(&self) -> Repository {
        Door::open(&self.paths).unwrap().read().unwrap()
    }

    fn until(&self, what: &str, reached: impl Fn(&Repository) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !reached(&self.repository()) {
            if Instant::now() > deadline {
                let log = fs::read_to_string(self.file("var/svc/log/site-x:default.log"));
                panic!(
                    "never {what}: {:?}\n{}",
                    self.svcs(&["-l", "x"]).out,
                    log.unwrap_or_default()
                );
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.file("var/svc/log/site-x:default.log")).unwrap()
    }
}

fn x() -> Fmri {
    Fmri::instance("site/x", "default")
}

fn rests_in(state: State) -> impl Fn(&Repository) -> bool {
    move |repository| repository.state(&x()) == state && repository.next_state(&x()).is_none()
}
