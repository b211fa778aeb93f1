//! Cuts while a command runs in the zone, by way of its host.
//!
//! The command waits until the connection of the host is gone, and goes on then, as it would in a zone.

use super::{Ground, Way};

/// What the scripts in the zone run: those that look, those that make datasets, those that let somebody log in.
pub(super) const COMMANDS: &[&str] = &["zfs", "mkdir", "chmod", "mv", "ipadm", "svcs"];

/// More than any of them runs.
const MOST: usize = 60;

/// How many cuts it was, and those that did not end well.
pub(super) fn walk(ground: &Ground, command: &str, way: Way) -> (usize, Vec<String>) {
    ground.clear(false);
    ground
        .zone
        .run(&["zone", "create", &ground.zone.alias])
        .succeeds();
    let mut failed = Vec::new();
    for number in 1..=MOST {
        match cut(ground, command, number, way) {
            // it runs no further time
            None if number > 1 => return (number - 1, failed),
            None => return (1, vec![format!("no run of {command} in the zone")]),
            Some(Ok(())) => {}
            Some(Err(what)) => {
                failed.push(format!("{command}#{number} in the zone, {way:?}: {what}"))
            }
        }
    }
    (MOST, failed)
}

/// Nothing comes back where the command does not run so often.
fn cut(ground: &Ground, command: &str, number: usize, way: Way) -> Option<Result<(), String>> {
    let zone = &ground.zone;
    zone.shell(
        "data=zones/$(zonename)/data; zfs destroy -r $data/matt; zfs destroy -r $data/state; \
         rm -rf /root/.ssh/authorized_keys /backups /netatalk",
    );
    zone.disarm();
    zone.arm(&[&format!("{command}#{number}=hang")]);
    let mut run = ground.start();
    let happened = || zone.watched().faults[0].happened > 0;
    if !run.until(happened) {
        zone.disarm();
        return None;
    }
    if way == Way::IsKilled {
        run.kill();
    }
    ground.arm(&["--fault".to_owned(), "now=cut".to_owned()]);
    zone.disarm();
    let ended = match way {
        Way::GoesOn => run.ends_well(),
        Way::IsKilled => Ok(()),
    };
    Some(ended.and_then(|()| ground.mended()))
}
