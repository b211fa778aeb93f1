//! Requests of zones, each on the socket at its own root; who asks is known by the socket.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;

use super::zones::lock;
use super::{REQUEST_WITHIN, Slot, Supervisor};
use crate::causes::in_one_line;
use crate::sandbox::control::{Reply, Request, ZONE_SOCKET, receive, send};
use crate::sandbox::error::{SandboxError, file};
use crate::sandbox::fault::{Deed, Faults};
use crate::sandbox::zfs::Owner;
use crate::sandbox::zone::{GLOBAL, Zone};
use crate::sandbox::{layer, paths};

impl Supervisor {
    /// Answers the zone's own requests, on a socket at its root.
    pub(super) fn listen_in(
        self: &Arc<Self>,
        slot: &Slot,
        zone: &Zone,
    ) -> Result<(), SandboxError> {
        let root = zone.root();
        let name = ZONE_SOCKET.trim_start_matches('/');
        let _ = fs::remove_file(root.join(name));
        let folder = File::open(&root).map_err(file("open", &root))?;
        let listener = UnixListener::bind(paths::short(&folder, name))
            .map_err(file("listen on", root.join(name)))?;
        // Any user's command may tell that it is about to run.
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(0o666))
            .map_err(file("change", root.join(name)))?;
        listener
            .set_nonblocking(true)
            .map_err(file("listen on", root.join(name)))?;
        let faults = Arc::clone(&zone.forwarder.faults);
        let (this, slot, ended) = (Arc::clone(self), Arc::clone(slot), Arc::clone(&zone.ended));
        let key = zone.place.key.clone();
        std::thread::spawn(move || {
            while !ended.is_set() {
                let mut waiting = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
                if poll(&mut waiting, PollTimeout::from(500u16)).is_ok_and(|n| n > 0)
                    && let Ok((stream, _)) = listener.accept()
                {
                    let (this, slot) = (Arc::clone(&this), Arc::clone(&slot));
                    let (faults, key) = (Arc::clone(&faults), key.clone());
                    std::thread::spawn(move || this.answer_zone(&key, &slot, &faults, stream));
                }
            }
        });
        Ok(())
    }

    fn answer_zone(
        self: &Arc<Self>,
        key: &str,
        slot: &Slot,
        faults: &Faults,
        mut stream: UnixStream,
    ) {
        let is_timed = stream
            .set_nonblocking(false)
            .and_then(|()| stream.set_read_timeout(Some(REQUEST_WITHIN)));
        let Ok(request) = is_timed.and_then(|()| receive::<Request>(&stream)) else {
            return;
        };
        let Ok(peer) = getsockopt(&stream, PeerCredentials) else {
            return;
        };
        let outcome = match request {
            Request::Show { packages } if peer.uid() == 0 => self.show(slot, &packages),
            Request::Ran(ran) => {
                let (deed, trap) = faults.ran(&ran, peer.pid());
                Ok(Reply::Deed { deed, trap })
            }
            Request::Storage(asked) => {
                let owner = match key {
                    GLOBAL => Owner::Global,
                    uuid => Owner::Zone(uuid.to_owned()),
                };
                let (zfs, is_root) = (&self.ground.zfs, peer.uid() == 0);
                Ok(zfs.answer(owner, is_root, &asked, &stream))
            }
            Request::Reached { script, is_end } => Ok(Reply::Deed {
                deed: faults.reached(script, is_end),
                trap: None,
            }),
            Request::Metadata { key: name, value } if key != GLOBAL && peer.uid() == 0 => {
                self.change_metadata(key, &name, value)
            }
            Request::Login(login) if key == GLOBAL && peer.uid() == 0 => {
                return self.log_in(&login, &mut stream);
            }
            request if key == GLOBAL && peer.uid() == 0 => self.answer_host(request),
            _ => Ok(Reply::Refused("a zone cannot ask that".into())),
        };
        let reply = outcome.unwrap_or_else(|error| Reply::Refused(in_one_line(&error)));
        let is_sent = send(&mut stream, &reply).is_ok();
        if is_sent
            && matches!(
                reply,
                Reply::Deed {
                    deed: Deed::Hang,
                    ..
                }
            )
        {
            faults.keep_hanging(stream);
        }
    }

    /// Layers are made before the zone is locked: a download must not keep others from asking
    /// about it.
    fn show(&self, slot: &Slot, packages: &[String]) -> Result<Reply, SandboxError> {
        let names: Vec<&str> = packages.iter().map(String::as_str).collect();
        layer::ensure(&self.ground.image, &names)?;
        match lock(slot).as_mut() {
            Some(zone) => zone.show(&self.ground, packages).map(|()| Reply::Done),
            None => Ok(Reply::Refused("the zone is not running".into())),
        }
    }
}
