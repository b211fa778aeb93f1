//! The package commands of a sandbox zone: `pkgin` and pkg_install's `pkg_*`.
//!
//! `pkg_*` work on real packages in pkgsrc's binary format and on a real package database; only
//! `pkgin` has nothing behind it but an index from pkgsrc names to Debian packages, whose files
//! the sandbox shows in the zone. What a command does not emulate ends with exit status 99.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::causes::in_one_line;
use crate::sandbox::control::show_packages;
use crate::sandbox::emulate::Emulated;

pub mod archive;
pub mod config;
pub mod database;
pub mod file_map;
pub mod index;
pub mod layers;
pub mod links;
pub mod options;
pub mod pattern;
pub mod pkg_add;
pub mod pkg_admin;
pub mod pkg_delete;
pub mod pkg_info;
pub mod pkg_show;
pub mod pkgin;
pub mod plist;
pub mod preinstalled;
pub mod process;
pub mod removal;
pub mod scripts;
#[cfg(test)]
mod testing;

pub use index::{INDEX, IndexEntry};
pub use preinstalled::preinstalled;
use process::Process;

/// The version that the tools say they have; packages may ask for an older one, not a newer.
pub const TOOLS_VERSION: &str = "20250417";

/// The commands of this part.
pub const COMMANDS: &[Emulated] = &[
    Emulated {
        path: "/opt/local/bin/pkgin",
        run: |words| run(words, pkgin::main),
    },
    Emulated {
        path: "/opt/local/sbin/pkg_add",
        run: |words| run(words, pkg_add::main),
    },
    Emulated {
        path: "/opt/local/sbin/pkg_admin",
        run: |words| run(words, pkg_admin::main),
    },
    Emulated {
        path: "/opt/local/sbin/pkg_delete",
        run: |words| run(words, pkg_delete::main),
    },
    Emulated {
        path: "/opt/local/sbin/pkg_info",
        run: |words| run(words, pkg_info::main),
    },
];

/// Runs a command in the zone that this process lives in.
fn run(words: &[OsString], main: fn(&mut Process<'_>, &[String]) -> i32) -> i32 {
    let arguments: Vec<String> = words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let directory = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let mut process = Process {
        root: Path::new("/"),
        directory: &directory,
        environment: &|name| std::env::var(name).ok(),
        show_layers: &mut |names| show_packages(names).map_err(|error| in_one_line(&error)),
        input: &mut io::stdin().lock(),
        output: &mut io::stdout().lock(),
        errors: &mut io::stderr().lock(),
    };
    main(&mut process, &arguments)
}
