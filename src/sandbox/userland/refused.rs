//! Commands that SmartOS has and no script of ours may use.
//!
//! `/usr/sbin/killall` is the reason for the file: on illumos it ends every process that the caller
//! may signal, whatever name it is given.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::{Streams, not_emulated};

/// System V's `install`: other defaults and other options than the one people mean.
pub fn install(_: &Path, _: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    not_emulated(streams, "install", "System V's install script")
}

/// Ends every process on a real machine.
pub fn killall(_: &Path, _: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    not_emulated(
        streams,
        "killall",
        "on SmartOS this would end every process of the zone",
    )
}

/// The log rotation of the platform.
pub fn logadm(_: &Path, _: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    not_emulated(streams, "logadm", "log rotation")
}

/// The process tree.
pub fn ptree(_: &Path, _: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    not_emulated(streams, "ptree", "the process tree")
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use super::*;

    #[test]
    fn a_refused_command_says_so_and_ends_with_99() {
        for command in [install, killall, logadm, ptree] {
            let answer = run(Path::new("/"), command, &["-x", "y"], b"");
            assert_eq!(answer.status, 99);
            assert!(
                answer.errors.ends_with(": not emulated in the sandbox\n"),
                "{answer:?}"
            );
        }
    }
}
