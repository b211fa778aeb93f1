//! What a recipe's author does at a desk, by the program itself and without any zone.

mod answers;
mod bump;
mod draft;
mod layout;
mod manual;
mod quick;
mod resolved;
mod server;

use std::path::Path;
use std::process::Command;

/// What the program printed, and how it ended.
struct Ran {
    status: i32,
    out: String,
    err: String,
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, out, err } = self;
        write!(f, "status {status}\n--- stdout\n{out}--- stderr\n{err}")
    }
}

impl Ran {
    #[track_caller]
    fn exits(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }
}

/// Runs the program in `folder`, with the controller's folders below it.
fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_zonewright"))
        .args(arguments)
        .current_dir(folder)
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .env("XDG_STATE_HOME", folder.join("state"))
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    Ran {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
