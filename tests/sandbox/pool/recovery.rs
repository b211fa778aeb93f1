//! A reboot, a killed daemon and a killed supervisor: the pool is there again, with what it held.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use zonewright::sandbox;

use super::Pool;
use crate::sandbox::harness::{BINARY, Ran};

/// A sandbox of its own: what is killed here is nobody else's.
struct Own {
    folder: TempDir,
}

impl Own {
    /// A sandbox with one zone and a dataset delegated to it, with a file in it.
    fn new() -> Option<Self> {
        if !sandbox::requirements().is_empty() || !Path::new("/dev/fuse").exists() {
            assert!(
                std::env::var_os("CI").is_none(),
                "no sandbox with a pool here"
            );
            eprintln!("skipped: no sandbox with a pool here");
            return None;
        }
        let own = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        own.run(&["sandbox", "up", "own"]).succeeds();
        let zone = format!("zones/{}", own.uuid());
        for words in [
            vec!["create", &zone],
            vec!["create", "-o", "zoned=on", &format!("{zone}/data")],
        ] {
            own.global(&words).succeeds();
        }
        own.shell(
            "zfs set mountpoint=/data zones/$(zonename)/data && echo kept >/data/file && sync",
        )
        .succeeds();
        own.shell("zfs create zones/$(zonename)/data/mac && zfs snapshot zones/$(zonename)/data@a")
            .succeeds();
        Some(own)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .env(sandbox::paths::STATE_VARIABLE, self.folder.path());
        Ran::of(command)
    }

    fn shell(&self, script: &str) -> Ran {
        let words = [
            "sandbox",
            "shell",
            "own",
            "--",
            "/usr/bin/bash",
            "-c",
            script,
        ];
        self.run(&words)
    }

    fn global(&self, words: &[&str]) -> Ran {
        let answered = sandbox::zfs::in_global_zone(self.folder.path(), "zfs", words);
        let (out, err, status) = answered.unwrap();
        Ran {
            command: words.join(" "),
            status,
            out,
            err,
        }
    }

    fn uuid(&self) -> String {
        let list = self.run(&["sandbox", "list", "--json"]).succeeds();
        let document: serde_json::Value = serde_json::from_str(&list.out).unwrap();
        document["zones"][0]["uuid"].as_str().unwrap().to_owned()
    }

    /// The processes whose command line has all of these words and which belong to this sandbox.
    fn process(&self, is_meant: impl Fn(&str) -> bool) -> String {
        let found = fs::read_dir("/proc").unwrap().flatten().find(|entry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let root = fs::read_link(entry.path().join("root")).unwrap_or_default();
            let is_own = root.starts_with(self.folder.path())
                || line.contains(&*self.folder.path().to_string_lossy());
            is_own && is_meant(&line)
        });
        found.unwrap().file_name().to_string_lossy().into_owned()
    }

    fn kill(&self, process: &str) {
        let killed = Command::new("kill")
            .args(["-KILL", process])
            .status()
            .unwrap();
        assert!(killed.success());
    }

    fn daemon(&self) -> String {
        self.process(|line| line.starts_with("/usr/sbin/zfs-fuse "))
    }

    /// Everything that was in the dataset is in it.
    fn until_there(&self) {
        let begun = std::time::Instant::now();
        let look = "cat /data/file && df /data/mac | grep -q data/mac && \
            zfs list -H -t snapshot -o name | grep -q data@a";
        loop {
            let ran = self.shell(look);
            if ran.status == 0 && ran.out == "kept\n" {
                return;
            }
            assert!(begun.elapsed().as_secs() < 60, "{ran}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = self.run(&["sandbox", "down"]);
    }
}

#[test]
fn a_reboot_mounts_again_what_was_mounted() {
    let Some(pool) = Pool::new("remounted") else {
        return;
    };
    pool.says("create @D/mac");
    pool.run("echo kept >/data/mac/file; zfs create -o canmount=noauto @D/by-hand")
        .succeeds();
    pool.zone.arm(&["now=reboot"]);
    pool.zone.until("test -e /data/mac/file");
    assert_eq!(
        pool.says("list -H -o name,mounted -r @D"),
        "@D\tyes\n@D/by-hand\tno\n@D/mac\tyes\n"
    );
}

#[test]
fn a_killed_daemon_comes_back_with_the_pool_and_its_mounts() {
    let Some(own) = Own::new() else {
        return;
    };
    let before = own.daemon();
    own.kill(&before);
    own.until_there();
    assert_ne!(own.daemon(), before);
    own.shell("echo more >/data/mac/file && zfs snapshot zones/$(zonename)/data/mac@b")
        .succeeds();
}

#[test]
fn a_pool_outlives_its_supervisor_and_ends_with_the_last_zone() {
    let Some(own) = Own::new() else {
        return;
    };
    let daemon = own.daemon();
    let supervisor = own.process(|line| line.contains("__sandbox-supervisor"));
    own.kill(&supervisor);
    let begun = std::time::Instant::now();
    while Path::new("/proc").join(&daemon).exists() {
        assert!(
            begun.elapsed().as_secs() < 30,
            "the daemon outlives its supervisor"
        );
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    own.run(&["sandbox", "up", "own"]).succeeds();
    own.until_there();

    own.run(&["sandbox", "down"]).succeeds();
    let left = fs::read_dir(own.folder.path()).unwrap().flatten();
    let names: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(!names.iter().any(|name| name == "pool"), "{names:?}");
    assert!(
        !fs::read_to_string("/proc/self/mountinfo")
            .unwrap()
            .contains("fuse.zfs")
    );
}

// A machine without it: the device is hidden from the sandbox alone.
#[test]
fn without_fuse_everything_else_works_and_zfs_says_what_is_missing() {
    if !sandbox::requirements().is_empty() {
        return;
    }
    let own = Own {
        folder: tempfile::tempdir().unwrap(),
    };
    let script = format!(
        "mount --make-rslave / && mount -t tmpfs none /mnt && \
         for n in null zero full random urandom tty; do touch /mnt/$n && mount --bind /dev/$n /mnt/$n; done && \
         mkdir /mnt/pts /mnt/shm && mount --bind /dev/pts /mnt/pts && mount --rbind /mnt /dev && \
         {BINARY} sandbox up own"
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]);
    command.env(sandbox::paths::STATE_VARIABLE, own.folder.path());
    Ran::of(command).succeeds();
    let zfs = own.shell("zfs list").exits(1);
    assert!(
        zfs.err.starts_with(
            "internal error: failed to initialize ZFS library\n\
             the sandbox has no ZFS: this machine has no `/dev/fuse`"
        ),
        "{zfs}"
    );
    assert_eq!(own.shell("echo works").succeeds().out, "works\n");
}
