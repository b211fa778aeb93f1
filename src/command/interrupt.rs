//! What Ctrl-C means for a run: the controller goes, what was started in the zone goes on.
//!
//! Nothing has to be cleaned up here: the zone is given back when the connection ends, and the next
//! apply finds what was done. But somebody who stops a run wants to know that.

use std::thread;

use nix::sys::signal::{SigSet, Signal};

/// Says so when this process is told to end, and ends it. To be called before other threads are
/// started: they inherit that these signals are for this one. (Child processes do not.)
pub(super) fn explain() {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        signals.add(signal);
    }
    if signals.thread_block().is_err() {
        return;
    }
    thread::spawn(move || {
        let Ok(signal) = signals.wait() else { return };
        eprintln!(
            "\ninterrupted: a build that runs in the zone goes on; the same command again takes it up"
        );
        std::process::exit(128 + signal as i32);
    });
}
