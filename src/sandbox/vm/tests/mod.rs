//! `vmadm` over a host that is only a table: every sentence of `facts/smartos-host.md` 1.1 to 1.3 that
//! a zone can meet, with its stream and its status.

mod payloads;
mod queries;
mod sentences;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

use serde_json::{Map, Value, json};

use super::machine::{Machine, Mark, Snapshot, ZoneState};
use super::rules::{self, Inventory};
use super::vmadm::{Host, Streams, run};
use super::{Order, Outcome, time};

pub const IMAGE: &str = "2f1dc911-6401-4fa4-8e9d-67ea2e39c271";
pub const OTHER_IMAGE: &str = "8adac45a-aca7-11ee-b53e-00151714048c";
/// A machine that runs, one that is stopped, one that failed, and nobody.
pub const RUNS: &str = "11111111-1111-4111-8111-111111111111";
pub const STOPPED: &str = "22222222-2222-4222-8222-222222222222";
pub const FAILED: &str = "33333333-3333-4333-8333-333333333333";
pub const NOBODY: &str = "99999999-9999-4999-8999-999999999999";

/// A host without zones behind its machines.
pub struct Table {
    machines: RefCell<BTreeMap<String, Machine>>,
}

impl Table {
    pub fn new() -> Self {
        let host = Self {
            machines: RefCell::default(),
        };
        for (uuid, alias, ip, state, mark) in [
            (
                RUNS,
                "runs",
                "192.0.2.10/24",
                ZoneState::Running,
                Mark::None,
            ),
            (
                STOPPED,
                "stopped",
                "192.0.2.11/24",
                ZoneState::Installed,
                Mark::None,
            ),
            (
                FAILED,
                "failed",
                "192.0.2.12/24",
                ZoneState::Installed,
                Mark::Failed,
            ),
        ] {
            let payload = json!({
                "uuid": uuid, "alias": alias, "image_uuid": IMAGE, "brand": "joyent",
                "max_physical_memory": if alias == "runs" { 1024 } else { 512 },
                "delegate_dataset": alias == "runs",
                "nics": [{"nic_tag": "admin", "ips": [ip], "mac": format!("02:00:00:00:00:{}", &uuid[..2])}],
            });
            host.create(&payload).unwrap();
            host.change(uuid, |machine| {
                machine.zone_state = state;
                machine.mark = mark;
            });
        }
        host
    }

    fn inventory<T>(&self, use_it: impl FnOnce(Inventory) -> T) -> T {
        use_it(Inventory {
            machines: &self.machines.borrow(),
            images: &[IMAGE.to_owned(), OTHER_IMAGE.to_owned()],
            stubs: &["stub0".to_owned()],
        })
    }

    pub fn change(&self, uuid: &str, change: impl FnOnce(&mut Machine)) {
        change(self.machines.borrow_mut().get_mut(uuid).unwrap());
    }

    pub fn machine(&self, uuid: &str) -> Option<Machine> {
        self.machines.borrow().get(uuid).cloned()
    }

    fn existing(&self, uuid: &str) -> Result<Machine, String> {
        self.machine(uuid).ok_or_else(|| rules::not_found(uuid))
    }

    fn served(&self, uuid: &str) -> Result<Machine, String> {
        self.machine(uuid)
            .ok_or_else(|| rules::NOT_SERVED.to_owned())
    }

    fn create(&self, payload: &Value) -> Result<Outcome, String> {
        let payload = payload.as_object().cloned().unwrap_or_default();
        let new = "44444444-4444-4444-8444-444444444444";
        let mut machine = self.inventory(|host| rules::admit(payload, new, host))?;
        machine.mark = Mark::None;
        machine.zone_state = ZoneState::Installed;
        let uuid = machine.uuid.clone();
        self.machines.borrow_mut().insert(uuid.clone(), machine);
        Ok(Outcome::Done { uuid })
    }

    fn obey(&self, order: Order) -> Result<Outcome, String> {
        let done = |uuid: String| Ok(Outcome::Done { uuid });
        match order {
            Order::Create { payload } => self.create(&payload),
            Order::Update { uuid, payload } => {
                let before = self.existing(&uuid)?;
                let payload = payload.as_object().cloned().unwrap_or_default();
                let (after, _) = self.inventory(|host| rules::change(&before, payload, host))?;
                self.change(&uuid, |machine| *machine = after);
                done(uuid)
            }
            Order::Start { uuid } => match rules::runs_already(&self.served(&uuid)?) {
                Some(message) => Ok(Outcome::Nothing { message }),
                None => done(uuid),
            },
            Order::Stop { uuid, is_forced } => {
                let machine = match is_forced {
                    true => self.served(&uuid)?,
                    false => self.existing(&uuid)?,
                };
                match rules::is_down_already(&machine) {
                    Some(message) => Ok(Outcome::Nothing { message }),
                    None => done(uuid),
                }
            }
            Order::Reboot { uuid, .. } => {
                rules::may_reboot(&self.served(&uuid)?)?;
                done(uuid)
            }
            Order::Delete { uuid } => {
                rules::may_delete(&self.existing(&uuid)?)?;
                self.machines.borrow_mut().remove(&uuid);
                done(uuid)
            }
            Order::Reprovision { uuid, payload } => {
                let machine = self.existing(&uuid)?;
                self.inventory(|host| rules::may_reprovision(&machine, &payload, host.images))?;
                done(uuid)
            }
            Order::CreateSnapshot { uuid, name } => {
                rules::may_snapshot(&self.existing(&uuid)?, &name)?;
                let created_at = time::now();
                self.change(&uuid, |machine| {
                    machine.snapshots.insert(0, Snapshot { name, created_at });
                });
                done(uuid)
            }
            Order::DeleteSnapshot { uuid, name } => {
                rules::has_snapshot(&self.existing(&uuid)?, &name)?;
                done(uuid)
            }
            Order::RollbackSnapshot { uuid, name } => {
                rules::has_snapshot(&self.served(&uuid)?, &name)?;
                done(uuid)
            }
        }
    }
}

impl Host for Table {
    fn machines(&self) -> io::Result<Vec<Map<String, Value>>> {
        Ok(self
            .machines
            .borrow()
            .values()
            .map(Machine::shown)
            .collect())
    }

    fn carry_out(&self, order: Order) -> io::Result<Outcome> {
        Ok(self
            .obey(order)
            .unwrap_or_else(|message| Outcome::Failed { message }))
    }
}

/// What a command answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: i32,
    pub output: String,
    pub errors: String,
}

/// Runs `vmadm` with words that are separated by blanks.
pub fn vmadm(host: &Table, words: &str, input: &str) -> Answer {
    asked(host, words, input, false)
}

/// The same, where standard input may be a terminal.
pub fn asked(host: &Table, words: &str, input: &str, is_terminal: bool) -> Answer {
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    let mut bytes = input.as_bytes();
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let mut streams = Streams {
        input: &mut bytes,
        is_terminal,
        output: &mut output,
        errors: &mut errors,
    };
    let status = run(host, &words, &mut streams).unwrap();
    Answer {
        status,
        output: String::from_utf8(output).unwrap(),
        errors: String::from_utf8(errors).unwrap(),
    }
}
