//! The pool `zones` in zones of the sandbox: a real zfs-fuse daemon below illumos' commands.
//!
//! Each test has a zone with a delegated dataset mounted at `/data`, written `@D` in its commands.

mod delegation;
mod limits;
mod recovery;
mod snapshots;

use super::harness::{Ran, Zone};

/// A zone with a delegated dataset.
struct Pool {
    zone: Zone,
    uuid: String,
}

impl Pool {
    fn new(alias: &str) -> Option<Self> {
        let zone = Zone::new(alias)?;
        if !std::path::Path::new("/dev/fuse").exists() {
            assert!(
                std::env::var_os("CI").is_none(),
                "this machine has no /dev/fuse"
            );
            eprintln!("skipped: this machine has no /dev/fuse");
            return None;
        }
        let uuid = zone.access().uuid;
        let pool = Self { zone, uuid };
        let own = format!("zones/{}", pool.uuid);
        // where the pool runs already, the zone has it from the beginning
        let made = pool.global(&["create", "-o", "canmount=off", &own]);
        let is_there = made.err.contains("dataset already exists");
        assert!(made.status == 0 || is_there, "{made}");
        pool.global(&["create", "-o", "zoned=on", &pool.name()])
            .succeeds();
        pool.zfs("set mountpoint=/data @D").succeeds();
        Some(pool)
    }

    /// The delegated dataset.
    fn name(&self) -> String {
        format!("zones/{}/data", self.uuid)
    }

    /// Runs a script in the zone; the zone's own names are shortened in what it says.
    fn run(&self, script: &str) -> Ran {
        let mut ran = self.zone.try_shell(&script.replace("@D", &self.name()));
        ran.out = ran.out.replace(&self.name(), "@D");
        ran.err = ran.err.replace(&self.name(), "@D");
        ran
    }

    fn zfs(&self, line: &str) -> Ran {
        self.run(&format!("zfs {line}"))
    }

    /// What a line prints that succeeds and has nothing to complain about.
    #[track_caller]
    fn says(&self, line: &str) -> String {
        let ran = self.zfs(line).succeeds();
        assert_eq!(ran.err, "", "{ran}");
        ran.out
    }

    /// What a refused line complains.
    #[track_caller]
    fn refuses(&self, line: &str) -> String {
        let ran = self.zfs(line).exits(1);
        assert_eq!(ran.out, "", "{ran}");
        ran.err
    }

    fn global(&self, words: &[&str]) -> Ran {
        self.zone.global("zfs", words)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let own = format!("zones/{}", self.uuid);
        let state = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.global(&["destroy", "-fR", &own])
        }));
        drop(state);
    }
}
