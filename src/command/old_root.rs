//! What a zone with another root gets back from its old one: password hashes, and host keys if asked.
//!
//! They are kept on this machine before the old root goes, and forgotten when the new one has them. A run that finds
//! them takes up what an earlier one left, whatever that was cut off at.

use super::door::Door;
use super::door::host::HostDoor;
use super::{Failure, STATE_HELP, folders_of};
use crate::command::apply::Run;
use crate::facts::accounts::Secret;
use crate::facts::host::vms::Vm;
use crate::host::zlogin::Zlogin;
use crate::run::Wish;
use crate::run::zone::{ZoneView, host_keys, password_hashes, put_host_keys};
use crate::shadow::ShadowState;
use crate::store::{OldRoot, StoreError};

fn state(error: StoreError) -> Failure {
    Failure::of(&error, STATE_HELP)
}

/// Keeps what is in the root that a zone has. Of a zone that does not run, what was kept of the same root before is
/// all there is.
pub(super) fn keep(
    wish: &Wish,
    vm: &Vm,
    zone: Option<Door>,
    keeps_host_keys: bool,
) -> Result<(), Failure> {
    let folders = folders_of(&wish.zone);
    let Some(mut zone) = zone else {
        let kept = folders.old_root(&vm.uuid).map_err(state)?;
        return match kept {
            Some(kept) if kept.image != vm.image_uuid => {
                folders.forget_old_root(&vm.uuid).map_err(state)
            }
            _ => Ok(()),
        };
    };
    let failed = |error| Failure::run(&wish.zone.name, error);
    let hashes = password_hashes(&mut zone.host, &wish.zone.users).map_err(failed)?;
    let host_keys = match keeps_host_keys {
        true => Some(host_keys(&mut zone.host).map_err(failed)?),
        false => None,
    };
    let kept = OldRoot {
        image: vm.image_uuid.clone(),
        hashes: hashes
            .into_iter()
            .map(|(name, hash)| (name, hash.0))
            .collect(),
        host_keys,
    };
    folders.keep_old_root(&vm.uuid, &kept).map_err(state)
}

/// Whether a zone has another root than the one of which something is kept.
pub(super) fn is_due(wish: &Wish, vm: &Vm) -> Result<bool, Failure> {
    let kept = folders_of(&wish.zone).old_root(&vm.uuid).map_err(state)?;
    Ok(kept.is_some_and(|kept| kept.image != vm.image_uuid))
}

/// Gives a new root the host keys of the old one, before anybody logs in to it, and the run the password hashes.
pub(super) fn give_back_keys(
    run: &mut Run<'_>,
    host: &mut HostDoor,
    view: ZoneView,
) -> Result<ZoneView, Failure> {
    let kept = folders_of(&run.wish.zone)
        .old_root(&view.plan.uuid)
        .map_err(state)?;
    let (Some(vm), Some(kept)) = (view.vm(), kept) else {
        return Ok(view);
    };
    if kept.image == vm.image_uuid {
        return Ok(view);
    }
    run.kept = kept
        .hashes
        .into_iter()
        .map(|(name, hash)| (name, Secret(hash)))
        .collect();
    let Some(archive) = kept.host_keys else {
        return Ok(view);
    };
    let mut zone = Zlogin::new(&mut host.host, view.plan.uuid.as_str());
    put_host_keys(&mut zone, &archive).map_err(|error| Failure::run(&run.wish.zone.name, error))?;
    // which keys the zone has is written down from what its host tells
    host.look()
}

/// Forgets what was kept of a zone's root: the zone has it, or is no more.
pub(super) fn forget(wish: &Wish, uuid: &str) -> Result<(), Failure> {
    folders_of(&wish.zone).forget_old_root(uuid).map_err(state)
}

/// Whether an account lacks the password that it had.
pub(super) fn is_without_password(known: Option<&Secret>) -> bool {
    known.is_none_or(|known| ShadowState::parse(&known.0).hash().is_none())
}
