//! What is left of a zone that failed, or whose making was cut off: whether it is worth keeping, and how it is kept.
//!
//! A zone also fails where its host could not reprovision it in time, and then everything that is delegated to it is
//! still there: `vmadm delete` would be the first to touch it.

use super::obstacles::refusal;
use crate::facts::host::HostFacts;
use crate::facts::host::victims::Victim;
use crate::facts::host::vms::Vm;
use crate::plan::Refusal;
use crate::site::shape::Shape;

/// What a dataset may take that nothing was ever written to (inferred: 24 KiB, and more on pools with parity).
const EMPTY: u64 = 1 << 20;

/// Whether more would die with a zone than what its creation made: somebody must be asked first.
#[must_use]
pub fn is_at_stake(facts: &HostFacts, vm: &Vm) -> bool {
    let Some(remains) = facts.remains.get(&vm.uuid) else {
        return !vm.datasets.is_empty();
    };
    let (root, own) = (format!("{}/{}", vm.pool(), vm.uuid), vm.own_dataset());
    let is_first = facts.creating.contains(&vm.uuid);
    remains.iter().any(|left| {
        let is_bare = left.name == root || left.name == own && is_first && left.used <= EMPTY;
        !is_bare || !left.snapshots.is_empty()
    })
}

/// A snapshot that somebody holds. The host would end the zone and destroy other snapshots before it finds that this one
/// cannot go.
#[must_use]
pub fn snapshot_held(victims: &[Victim]) -> Option<Refusal> {
    let name = victims.iter().find_map(|victim| {
        let snapshot = victim.held.first()?;
        Some(format!("{}@{snapshot}", victim.name))
    })?;
    Some(refusal(
        format!("the snapshot {name} is held, so the zone cannot be destroyed"),
        format!(
            "on the host: `zfs holds {name}` says by which tag, `zfs release TAG {name}` lets go of it"
        ),
    ))
}

/// What is delegated has another name: another reprovision would not find it, and neither would the zone.
pub(super) fn set_aside(shape: &Shape, facts: &HostFacts, vm: &Vm) -> Option<Refusal> {
    let (name, own) = (facts.set_aside.get(&vm.uuid)?, vm.own_dataset());
    Some(refusal(
        format!(
            "a reprovision of zone {} goes on or was killed: what is delegated to the zone is called {name}",
            shape.alias
        ),
        // what `vmadm` itself would do next (inferred)
        format!(
            "where no `vmadm reprovision` runs on the host any more, this brings it back there: `zfs set zoned=off \
             {name}`, `zfs rename {name} {own}`, `zfs set zoned=on {own}`"
        ),
    ))
}

// The attribute is what a zone's state `failed` is made of; that `zonecfg` takes it away as editing its file does is
// inferred.
/// What can be done about a zone that failed or was never finished; what keeps most comes first.
pub(super) fn ways_on(facts: &HostFacts, vm: &Vm) -> String {
    let uuid = &vm.uuid;
    let anew = "`zonewright apply ZONE --replace-failed` makes it anew in one go";
    if !is_at_stake(facts, vm) {
        return format!(
            "mend the cause; then `zonewright zone destroy ZONE` removes what is left of it, or {anew} ({uuid})"
        );
    }
    let keep = match vm.state.as_str() {
        "failed" => format!(
            "what its datasets hold is still there. Mend the cause; then, on the host, `zonecfg -z {uuid} remove attr \
             name=failed` and `vmadm start {uuid}` start it with them, and `zonewright apply ZONE` goes on"
        ),
        _ => format!(
            "what its datasets hold is still there: on the host, `zfs list -r -t all {}/{uuid}` shows it, and `zfs \
             send` takes it elsewhere",
            vm.pool()
        ),
    };
    format!("{keep}. Or {anew}: it lists what dies with it, and asks")
}
