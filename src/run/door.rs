//! The target of a run: connected to again when the connection is lost, and asked for changes only
//! under the run's own lock.

use std::io::Read;
use std::time::{Duration, Instant};

use super::Event;
use crate::facts::locks::LOCK_ROOT;
use crate::host::{Exit, Host, HostError, Stream};
use crate::plan::lock;
use crate::script::Script;

/// Makes another connection to the same target.
pub type Reopen<'a> = dyn FnMut() -> Result<Box<dyn Host + 'a>, HostError> + 'a;

/// How long a lost target is looked for before a run gives up.
pub const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// The first pause between two tries, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// A target for the length of a run.
pub struct Door<'a> {
    host: Box<dyn Host + 'a>,
    open: Option<Box<Reopen<'a>>>,
    /// Where runs that change the target announce themselves.
    pub(super) lock_root: String,
    /// The token of the lock that the run holds.
    pub(super) lock: Option<String>,
    /// How long any script may be quiet, whatever it says itself.
    pub(super) quiet: Option<Duration>,
}

impl<'a> Door<'a> {
    /// A target that is not connected to again.
    pub fn new(host: impl Host + 'a) -> Self {
        Self {
            host: Box::new(host),
            open: None,
            lock_root: LOCK_ROOT.to_owned(),
            lock: None,
            quiet: None,
        }
    }

    /// A target that `open` connects to again.
    pub fn reopening(host: impl Host + 'a, open: Box<Reopen<'a>>) -> Self {
        Self {
            open: Some(open),
            ..Self::new(host)
        }
    }

    /// Has the lock elsewhere: on a host each zone has a lock of its own.
    #[must_use]
    pub fn with_lock_root(mut self, root: String) -> Self {
        self.lock_root = root;
        self
    }

    /// Ends any script, however long it may be quiet by itself, when it was quiet for so long.
    #[must_use]
    pub fn with_quiet_limit(mut self, limit: Option<Duration>) -> Self {
        self.quiet = limit;
        self
    }

    /// Whether a lost connection can be made again.
    pub(super) fn can_reopen(&self) -> bool {
        self.open.is_some()
    }

    /// Whether what it is asked is asked under the run's lock.
    pub(super) fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// Leaves the present connection, whatever hangs in it, and makes another.
    pub(super) fn renew(&mut self) -> Result<(), HostError> {
        if let Some(open) = &mut self.open {
            self.host = open()?;
            self.lock = None;
        }
        Ok(())
    }

    /// Connects again, as often as it takes and [`PATIENCE`] allows. What was started before may still
    /// run on the target; it is not under the lock until that is taken again.
    pub(super) fn reopen(
        &mut self,
        lost: HostError,
        watch: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), HostError> {
        let Some(open) = &mut self.open else {
            return Err(lost);
        };
        let since = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut last = lost;
        while since.elapsed() < PATIENCE {
            watch(Event::Lost {
                error: &last,
                again_in: pause,
            });
            std::thread::sleep(pause);
            match open() {
                Ok(host) => {
                    self.host = host;
                    self.lock = None;
                    watch(Event::Reconnected(since.elapsed()));
                    return Ok(());
                }
                Err(error) if error.is_loss() => last = error,
                Err(error) => return Err(error),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(last)
    }
}

impl Host for Door<'_> {
    fn run(
        &mut self,
        script: &Script,
        input: &mut dyn Read,
        output: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<Exit, HostError> {
        let mut script = match &self.lock {
            Some(token) => lock::guarded(script, &self.lock_root, token),
            None => script.clone(),
        };
        if self.quiet.is_some() {
            script = script.with_quiet_limit(self.quiet);
        }
        self.host.run(&script, input, output)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::host::run_to_string;

    /// Answers so many times, then the connection is gone.
    struct Fragile(u32);

    impl Host for Fragile {
        fn run(
            &mut self,
            script: &Script,
            _: &mut dyn Read,
            _: &mut dyn FnMut(Stream, &[u8]),
        ) -> Result<Exit, HostError> {
            self.0 = self.0.checked_sub(1).ok_or_else(|| gone(script.name()))?;
            Ok(Exit::Code(0))
        }
    }

    fn gone(script: &str) -> HostError {
        HostError::Lost {
            host: "z".into(),
            script: script.into(),
            source: io::ErrorKind::ConnectionReset.into(),
        }
    }

    #[test]
    fn a_lost_target_is_connected_to_again_with_growing_pauses() {
        let mut tries = 0;
        let open = move || {
            tries += 1;
            match tries {
                1 | 2 => Err(gone("connect")),
                _ => Ok(Box::new(Fragile(1)) as Box<dyn Host>),
            }
        };
        let mut door = Door::reopening(Fragile(0), Box::new(open));
        let script = Script::new("x");
        let lost = run_to_string(&mut door, &script).unwrap_err();
        let mut pauses = Vec::new();
        door.reopen(lost, &mut |event| {
            if let Event::Lost { again_in, .. } = event {
                pauses.push(again_in.as_millis());
            }
        })
        .unwrap();
        assert_eq!(pauses, [500, 1000, 2000]);
        assert!(run_to_string(&mut door, &script).is_ok());
    }

    #[test]
    fn what_is_no_loss_ends_the_tries() {
        let open = || {
            Err(HostError::Login {
                host: "z".into(),
                user: "root".into(),
                tried: "keys".into(),
            })
        };
        let mut door = Door::reopening(Fragile(0), Box::new(open));
        let error = door.reopen(gone("x"), &mut |_| {}).unwrap_err();
        assert!(matches!(error, HostError::Login { .. }), "{error}");
        let mut fixed = Door::new(Fragile(0));
        assert!(fixed.reopen(gone("x"), &mut |_| {}).is_err());
    }
}
