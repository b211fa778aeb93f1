//! A target reached over SSH.
//!
//! One session for one thread, and never more than one channel at a time: sshd allows ten, and a
//! script that needs a second one should have been one script. After a loss the session is not
//! used again: what became of the script is for the next probe to find out. A connection that turns
//! out to be gone before a script was asked for is `Unreachable`, not `Lost`.

mod auth;
mod config;
mod connect;
mod exec;
mod jump;
pub mod known_hosts;
mod life;
mod pattern;
mod target;

use std::fmt;
use std::io::{self, Read};

pub use auth::keys_of_agent;
pub use config::SshConfig;
pub use target::{SshTarget, Timing};

use self::connect::Connection;
use self::exec::ExecError;
use super::frame::{Frame, Reception, nonce};
use super::{Exit, Host, HostError, Stream};
use crate::script::Script;
use crate::site::model::Become;

/// A login on a target.
pub struct Ssh {
    connection: Connection,
    name: String,
    become_root: Option<Become>,
    timing: Timing,
    lost: bool,
}

impl Ssh {
    /// Connects, checks the host key and logs in. `prompt` asks the user for a passphrase; it gives
    /// nothing where there is no terminal.
    ///
    /// # Errors
    /// [`HostError`], most often `Unreachable`, `UnknownHostKey`, `ChangedHostKey` or `Login`.
    pub fn connect(
        target: &SshTarget,
        prompt: &mut dyn FnMut(&str) -> Option<String>,
    ) -> Result<Self, HostError> {
        let connection = connect::connect(target, prompt)?;
        life::set_keepalive(&connection.session, true);
        Ok(Self {
            connection,
            name: target.name(),
            become_root: target.become_root,
            timing: target.timing,
            lost: false,
        })
    }
}

impl fmt::Debug for Ssh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ssh")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Host for Ssh {
    fn run(
        &mut self,
        script: &Script,
        input: &mut dyn Read,
        output: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<Exit, HostError> {
        if self.lost {
            let source = io::Error::new(io::ErrorKind::NotConnected, "the connection was lost");
            return Err(HostError::Unreachable {
                host: self.name.clone(),
                source,
            });
        }
        let frame = Frame::new(script, self.become_root, &nonce())?;
        let request = frame.request(script)?;
        let mut reception = Reception::new(&frame);
        let mut framed = frame.stdin.as_deref().map(str::as_bytes);
        let source: &mut dyn Read = match framed.as_mut() {
            Some(text) => text,
            None => input,
        };
        let mut receive = |stream, data: &[u8]| reception.push(stream, data, output);
        let shell = exec::exec(
            &self.connection,
            self.timing,
            script.quiet_limit(),
            &request,
            source,
            &mut receive,
        );
        match shell {
            Ok(shell) => reception.finish(&self.name, script, self.become_root, shell, output),
            Err(ExecError::Gone(source)) => {
                self.lost = true;
                Err(HostError::Unreachable {
                    host: self.name.clone(),
                    source,
                })
            }
            Err(ExecError::Lost(source)) => {
                self.lost = true;
                let (host, script) = (self.name.clone(), script.name().to_owned());
                Err(HostError::Lost {
                    host,
                    script,
                    source,
                })
            }
            Err(ExecError::Overdue(limit)) => {
                // its channel is not free: whoever wants to go on connects anew
                self.lost = true;
                let (host, script) = (self.name.clone(), script.name().to_owned());
                Err(HostError::Overdue {
                    host,
                    script,
                    limit,
                })
            }
            Err(ExecError::Denied(source)) => Err(HostError::Ssh {
                host: self.name.clone(),
                operation: format!("run `{}`", script.name()),
                source,
            }),
            Err(ExecError::Input(source)) => {
                // the script waits for the rest, which will not come: the session is of no use
                self.lost = true;
                let operation = format!("read the input of `{}`", script.name());
                Err(HostError::Local { operation, source })
            }
        }
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        // a courtesy: the server notices a closed socket as well
        let _ = self.connection.session.disconnect(None, "done", None);
    }
}
