//! Emulated SMF commands.

use crate::sandbox::emulate::Emulated;

/// The commands of this part.
pub const COMMANDS: &[Emulated] = &[Emulated {
    path: "/sbin/init",
    run: init,
}];

/// Starts sshd and reaps.
fn init(_: &[std::ffi::OsString]) -> i32 {
    if std::process::Command::new("/usr/lib/ssh/sshd")
        .arg("-D")
        .arg("-e")
        .spawn()
        .is_err()
    {
        return 1;
    }
    loop {
        if nix::sys::wait::wait().is_err() {
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
    }
}
