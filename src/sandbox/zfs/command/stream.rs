//! `zfs send` and `zfs receive`, which work on the asker's own streams.

use super::{Ground, misuse, options, refuse};
use crate::sandbox::smf::answer::Answer;
use crate::sandbox::zfs::asker::Owner;
use crate::sandbox::zfs::names::dataset_of;

const SEND_USAGE: &str = "send [-DnPpRvLecwhb] [-[iI] snapshot] <snapshot>";
const RECEIVE_USAGE: &str = "receive [-vnsFhu] <filesystem|volume|snapshot>";

/// A command that is to run on the asker's streams, and what is to be mounted afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox::zfs) struct Stream {
    pub words: Vec<String>,
    pub received: Option<String>,
}

/// `zfs send [-RDpv] [-i|-I SNAPSHOT] SNAPSHOT`
pub(super) fn send(ground: &Ground, given: &[String]) -> Result<Stream, Answer> {
    let options = options(given, "DnPpRvLecwhbi:I:t:s", "nPLecwhbts", SEND_USAGE)?;
    let name = match options.operands.as_slice() {
        [] => return Err(misuse("missing snapshot argument", SEND_USAGE)),
        [name] => name,
        _ => return Err(misuse("too many arguments", SEND_USAGE)),
    };
    ground.open_as(name, true)?;
    ground.may_change(name, &format!("cannot send '{name}'"))?;
    let mut words = vec!["send".to_owned()];
    for letter in ['R', 'D', 'p', 'v']
        .into_iter()
        .filter(|letter| options.has(*letter))
    {
        words.push(format!("-{letter}"));
    }
    for letter in ['i', 'I'] {
        let Some(from) = options.value(letter) else {
            continue;
        };
        let from = if from.contains('@') {
            from.to_owned()
        } else {
            format!("{}@{from}", dataset_of(name))
        };
        ground.open_as(&from, true)?;
        words.extend([format!("-{letter}"), from]);
    }
    words.push(name.clone());
    Ok(Stream {
        words,
        received: None,
    })
}

/// `zfs receive [-vnFdu] NAME`
pub(super) fn receive(ground: &Ground, given: &[String]) -> Result<Stream, Answer> {
    let options = options(given, "vnsFhuo:x:deA", "shoxeA", RECEIVE_USAGE)?;
    let name = match options.operands.as_slice() {
        [] => return Err(misuse("missing snapshot argument", RECEIVE_USAGE)),
        [name] => name,
        _ => return Err(misuse("too many arguments", RECEIVE_USAGE)),
    };
    if ground.view.asker.owner != Owner::Global {
        // Importing file systems is a privilege that no zone has by default.
        return Err(refuse(
            "cannot receive new filesystem stream: permission denied",
        ));
    }
    ground.may_change(name, "cannot receive")?;
    let mut words = vec!["receive".to_owned()];
    for letter in ['v', 'n', 'F', 'd']
        .into_iter()
        .filter(|letter| options.has(*letter))
    {
        words.push(format!("-{letter}"));
    }
    words.push(name.clone());
    let is_mounted = !options.has('u') && !options.has('n');
    Ok(Stream {
        words,
        received: is_mounted.then(|| dataset_of(name).to_owned()),
    })
}
