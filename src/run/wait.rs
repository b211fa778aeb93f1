//! Waiting for those who are being served, before something is restarted or replaced under them.
//!
//! While somebody is there only a short question is asked, not the whole step with its upload.

use std::time::{Duration, Instant};

use super::{Controller, Event, RunError, judged};
use crate::facts::sessions::parse_spared;
use crate::host::{self, Exit, Host};
use crate::plan::shell;

/// How long to wait between two questions: a session that ended does not hold up a run for long, and
/// one that stays for hours costs little.
pub(super) const PAUSE: Duration = Duration::from_secs(2);

/// Returns when nobody is being served by these processes any more; `said` is what the script said of
/// who is, and `since` is when the waiting began.
pub(super) fn until_quiet(
    door: &mut dyn Host,
    processes: &[String],
    said: &str,
    since: Instant,
    controller: &mut Controller<'_>,
) -> Result<(), RunError> {
    let question = shell::look_for_sessions(processes);
    let mut sessions = parse_spared(said);
    loop {
        (controller.watch)(Event::Waiting {
            sessions: &sessions,
            waited: since.elapsed(),
        });
        std::thread::sleep(PAUSE);
        let (exit, _, errors) = host::run_to_string(door, &question)?;
        match exit {
            Exit::Code(shell::SESSIONS_OPEN) => {
                sessions = parse_spared(&String::from_utf8_lossy(&errors));
            }
            exit => return judged(&exit, &errors),
        }
    }
}
