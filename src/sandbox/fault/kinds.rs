//! The one table of faults: what each is called, where it can strike, and what it does.
//!
//! A fault that the zone's own process must carry out (it fails, it hangs) is a deed that travels
//! back to that process; every other one is done here before the process goes on.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::disk;
use super::spec::Place;
use crate::sandbox::carry::{Connections, Reach};
use crate::sandbox::error::SandboxError;

/// What a process of the zone does when it was told what struck it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Deed {
    /// It goes on.
    Proceed,
    /// It ends with a status, after a line on standard error.
    Fail { status: u8, text: Option<String> },
    /// It prints a line instead of doing anything.
    Print { text: String },
    /// It waits until its connection to the supervisor ends, and goes on.
    Hang,
    /// It waits, and goes on.
    Delay { milliseconds: u64 },
}

/// The figures of a fault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Values {
    /// Status, bytes or milliseconds.
    pub number: Option<u64>,
    /// What is said.
    pub text: Option<String>,
}

/// Where a fault strikes.
pub(crate) struct Scene<'a> {
    /// The connections of the zone.
    pub connections: &'a Connections,
    /// Those that are concerned.
    pub reach: Reach,
    /// The zone's disk, where it is one that can be filled.
    pub disk: Option<&'a Path>,
    /// Lets the zone crash; it starts again by itself.
    pub crash: &'a dyn Fn(),
    /// Changes how long the host waits for a machine's first boot.
    pub patience: &'a dyn Fn(Duration),
    /// The kind of moment.
    pub place: Place,
}

/// One fault.
pub(crate) struct Kind {
    /// Its name.
    pub name: &'static str,
    /// How it is written at its longest.
    pub form: &'static str,
    /// Where it can strike.
    pub places: &'static [Place],
    /// Whether the zone must have been made with a disk that can be filled.
    pub fills_disk: bool,
    /// Reads what is in its parentheses, if there are any; none when it is not that.
    pub read: fn(Option<&str>) -> Option<Values>,
    /// Does it, and says what the process is to do.
    pub strike: fn(&Values, &Scene<'_>) -> Result<Deed, SandboxError>,
}

const PROCESSES: &[Place] = &[
    Place::Command,
    Place::BeforeScript,
    Place::InScript,
    Place::EndOfScript,
];
const PROCESSES_AND_NOW: &[Place] = &[
    Place::Command,
    Place::BeforeScript,
    Place::InScript,
    Place::EndOfScript,
    Place::Now,
];

/// Every fault.
pub(crate) static KINDS: [Kind; 9] = [
    Kind {
        name: "fail",
        form: "fail(STATUS,TEXT)",
        places: &[Place::Command, Place::BeforeScript, Place::InScript],
        fills_disk: false,
        read: status_and_text,
        strike: |values, _| {
            Ok(Deed::Fail {
                status: values
                    .number
                    .and_then(|n| u8::try_from(n).ok())
                    .unwrap_or(1),
                text: values.text.clone(),
            })
        },
    },
    Kind {
        name: "print",
        form: "print(TEXT)",
        places: &[Place::Command, Place::BeforeScript],
        fills_disk: false,
        read: text,
        strike: |values, _| {
            Ok(Deed::Print {
                text: values.text.clone().unwrap_or_default(),
            })
        },
    },
    Kind {
        name: "hang",
        form: "hang",
        places: PROCESSES,
        fills_disk: false,
        read: nothing,
        strike: |_, _| Ok(Deed::Hang),
    },
    Kind {
        name: "cut",
        form: "cut(BYTES)",
        places: &Place::ALL,
        fills_disk: false,
        read: perhaps_a_number,
        strike: |values, scene| {
            let bytes = values.number.unwrap_or(0);
            scene.connections.cut(&scene.reach, bytes);
            // What had not arrived does not run.
            if scene.place == Place::BeforeScript && bytes == 0 {
                return Ok(Deed::Fail {
                    status: 255,
                    text: None,
                });
            }
            Ok(Deed::Proceed)
        },
    },
    Kind {
        name: "silent",
        form: "silent(BYTES)",
        places: &Place::ALL,
        fills_disk: false,
        read: perhaps_a_number,
        strike: |values, scene| {
            scene
                .connections
                .silence(&scene.reach, values.number.unwrap_or(0));
            Ok(Deed::Proceed)
        },
    },
    Kind {
        name: "delay",
        form: "delay(MS)",
        places: &Place::ALL,
        fills_disk: false,
        read: a_number,
        strike: |values, scene| {
            let milliseconds = values.number.unwrap_or(0);
            if matches!(scene.place, Place::Connection | Place::Now) {
                let delay = Duration::from_millis(milliseconds);
                scene.connections.delay(&scene.reach, delay);
                return Ok(Deed::Proceed);
            }
            Ok(Deed::Delay { milliseconds })
        },
    },
    Kind {
        name: "full",
        form: "full(BYTES)",
        places: PROCESSES_AND_NOW,
        fills_disk: true,
        read: perhaps_a_number,
        strike: |values, scene| {
            if let Some(disk) = scene.disk {
                disk::leave_room(disk, values.number.unwrap_or(0))?;
            }
            Ok(Deed::Proceed)
        },
    },
    Kind {
        name: "impatient",
        form: "impatient(MS)",
        places: &[Place::Now],
        fills_disk: false,
        read: a_number,
        strike: |values, scene| {
            (scene.patience)(Duration::from_millis(values.number.unwrap_or(0)));
            Ok(Deed::Proceed)
        },
    },
    Kind {
        name: "reboot",
        form: "reboot",
        places: PROCESSES_AND_NOW,
        fills_disk: false,
        read: nothing,
        strike: |_, scene| {
            (scene.crash)();
            Ok(Deed::Proceed)
        },
    },
];

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

fn nothing(argument: Option<&str>) -> Option<Values> {
    argument.is_none().then(Values::default)
}

fn a_number(argument: Option<&str>) -> Option<Values> {
    let number = argument?.parse().ok()?;
    Some(Values {
        number: Some(number),
        text: None,
    })
}

fn perhaps_a_number(argument: Option<&str>) -> Option<Values> {
    argument.map_or_else(|| Some(Values::default()), |word| a_number(Some(word)))
}

fn text(argument: Option<&str>) -> Option<Values> {
    Some(Values {
        number: None,
        text: Some(argument?.to_owned()),
    })
}

fn status_and_text(argument: Option<&str>) -> Option<Values> {
    let Some(argument) = argument else {
        return Some(Values::default());
    };
    let (status, text) = match argument.split_once(',') {
        Some((status, text)) => (status, Some(text.to_owned())),
        None => (argument, None),
    };
    let status: u8 = status.parse().ok()?;
    Some(Values {
        number: Some(status.into()),
        text,
    })
}
