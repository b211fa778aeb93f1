//! A zone reached through its host: `zlogin` in the global zone, with our own frame around the script.
//!
//! `zlogin` joins its words with blanks and lets a shell take them apart again, tells 0 for a command that a
//! signal ended, and 1 both for a command's own 1 and for a zone that does not run. So nothing travels in words:
//! the script comes on standard input, what it reads behind it, and its status in the frame.

use std::io::Read;

use super::frame::{Frame, Reception, nonce};
use super::{Exit, Host, HostError, Stream};
use crate::script::Script;

/// How much of what the host said is kept.
const KEPT: usize = 4096;

/// Stands for a single quote on the way: a byte that no script of ours holds, so that a script that is
/// quoted twice does not grow.
const QUOTE: char = '\u{1}';

/// A zone behind another target.
pub struct Zlogin<H> {
    host: H,
    zone: String,
    program: String,
}

impl<H: Host> Zlogin<H> {
    /// The zone called `zone`, its uuid, on `host`.
    pub fn new(host: H, zone: impl Into<String>) -> Self {
        Self {
            host,
            zone: zone.into(),
            program: "/usr/sbin/zlogin".to_owned(),
        }
    }

    fn outer(&self, script: &Script, framed: &str) -> Script {
        let outer = Script::new(script.name())
            .set("zw_quote", "'")
            .set("zw_text", framed.replace('\'', &QUOTE.to_string()))
            .set("zw_program", &self.program)
            .set("zw_zone", &self.zone)
            .shell(if script.reads_input() { FEED } else { SEND });
        let outer = match script.reads_input() {
            true => outer.with_input(),
            false => outer,
        };
        outer
            .with_quiet_limit(script.quiet_limit())
            .sparing(script.spares())
    }
}

// The shell that `-s` starts reads one byte at a time where it cannot seek, and the compound command to its end
// before it runs any of it: what stands behind is left for the script. The shell within is one of its own, so
// that whoever ends it leaves another to tell.
const SEND: &str = r#"
zw_text=${zw_text//$'\001'/$zw_quote}
printf -v zw_text '{ /usr/bin/bash --norc -c %q; exit "$?"; }\n' "$zw_text"
printf '%s' "$zw_text" | "$zw_program" "$zw_zone" /usr/bin/bash --norc -s
exit "${PIPESTATUS[1]}"
"#;

const FEED: &str = r#"
zw_text=${zw_text//$'\001'/$zw_quote}
printf -v zw_text '{ /usr/bin/bash --norc -c %q; exit "$?"; }\n' "$zw_text"
{ printf '%s' "$zw_text"; /usr/bin/cat; } | "$zw_program" "$zw_zone" /usr/bin/bash --norc -s
exit "${PIPESTATUS[1]}"
"#;

impl<H: Host> Host for Zlogin<H> {
    fn run(
        &mut self,
        script: &Script,
        input: &mut dyn Read,
        output: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<Exit, HostError> {
        let frame = Frame::new(script, None, &nonce())?;
        let outer = self.outer(script, frame.text());
        let mut reception = Reception::new(&frame);
        let mut said = Vec::new();
        let shell = self.host.run(&outer, input, &mut |stream, data| {
            if stream == Stream::Err && said.len() < KEPT {
                said.extend_from_slice(data);
            }
            reception.push(stream, data, output);
        })?;
        let begun = reception.has_begun();
        let ended = reception.finish(&self.zone, script, None, shell.clone(), output);
        match (ended, shell) {
            (Err(HostError::NoEnd { .. }), Exit::Code(status)) if begun && status > 128 => {
                Ok(Exit::by_signal(status - 128))
            }
            (Err(HostError::NoEnd { .. }), _) if !begun && is_refusal(&said) => {
                Err(HostError::NoZone {
                    zone: self.zone.clone(),
                    reason: String::from_utf8_lossy(&said).trim().to_owned(),
                })
            }
            (ended, _) => ended,
        }
    }
}

// zlogin: zone 'X' unknown
// zlogin: cannot login to a zone which is 'configured'
// zlogin: login allowed only to running zones (X is 'installed').
fn is_refusal(said: &[u8]) -> bool {
    let said = String::from_utf8_lossy(said);
    said.lines().any(|line| {
        line.starts_with("zlogin: ")
            && ["unknown", "cannot login", "login allowed only"]
                .iter()
                .any(|words| line.contains(words))
    })
}

#[cfg(test)]
mod tests;
