//! Names of signals, and the numbers that SmartOS gives them.
//!
//! The numbers differ from Linux above 15: `kill -16` is USR1 there.

use nix::sys::signal::Signal;

const NUMBERS: [(i32, Signal); 12] = [
    (16, Signal::SIGUSR1),
    (17, Signal::SIGUSR2),
    (18, Signal::SIGCHLD),
    (20, Signal::SIGWINCH),
    (21, Signal::SIGURG),
    (23, Signal::SIGSTOP),
    (24, Signal::SIGTSTP),
    (25, Signal::SIGCONT),
    (26, Signal::SIGTTIN),
    (27, Signal::SIGTTOU),
    (30, Signal::SIGXCPU),
    (31, Signal::SIGXFSZ),
];

/// A signal by name, with or without `SIG`, or by SmartOS' number.
#[must_use]
pub fn parse(text: &str) -> Option<Signal> {
    match text.parse::<i32>() {
        Ok(10) => Some(Signal::SIGBUS),
        Ok(12) => Some(Signal::SIGSYS),
        Ok(number) if number <= 15 && number != 7 => Signal::try_from(number).ok(),
        Ok(number) => NUMBERS
            .iter()
            .find(|(known, _)| *known == number)
            .map(|(_, signal)| *signal),
        Err(_) => {
            let bare = text.to_ascii_uppercase();
            let bare = bare.strip_prefix("SIG").unwrap_or(&bare);
            Signal::iterator().find(|signal| signal.as_str() == format!("SIG{bare}"))
        }
    }
}

/// A signal's text, as `svcs -x` prints it, by Linux' number.
#[must_use]
pub fn describe(number: i32) -> String {
    let text = match Signal::try_from(number) {
        Ok(Signal::SIGHUP) => "Hangup",
        Ok(Signal::SIGINT) => "Interrupt",
        Ok(Signal::SIGQUIT) => "Quit",
        Ok(Signal::SIGILL) => "Illegal Instruction",
        Ok(Signal::SIGABRT) => "Abort",
        Ok(Signal::SIGFPE) => "Arithmetic Exception",
        Ok(Signal::SIGKILL) => "Killed",
        Ok(Signal::SIGBUS) => "Bus Error",
        Ok(Signal::SIGSEGV) => "Segmentation Fault",
        Ok(Signal::SIGPIPE) => "Broken Pipe",
        Ok(Signal::SIGALRM) => "Alarm Clock",
        Ok(Signal::SIGTERM) => "Terminated",
        Ok(Signal::SIGUSR1) => "User Signal 1",
        Ok(Signal::SIGUSR2) => "User Signal 2",
        _ => "Unknown Signal",
    };
    format!("{text} ({number})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_smartos() {
        assert_eq!(parse("16"), Some(Signal::SIGUSR1));
        assert_eq!(parse("9"), Some(Signal::SIGKILL));
        assert_eq!(parse("10"), Some(Signal::SIGBUS));
        assert_eq!(parse("SIGhup"), Some(Signal::SIGHUP));
        assert_eq!(parse("USR1"), Some(Signal::SIGUSR1));
        assert_eq!(parse("NOPE"), None);
        assert_eq!(describe(9), "Killed (9)");
    }
}
