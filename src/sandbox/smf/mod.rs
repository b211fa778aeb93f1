//! SMF as a sandbox zone shows it: process 1 with repository and restarter, and the commands that
//! speak to it; contracts, and the process commands that know them.
//!
//! The commands print what SmartOS' own print, on the same stream and with the same status. What is
//! not played ends with status 99.

pub mod answer;
pub mod contract;
pub mod dependencies;
pub mod door;
mod edit;
pub mod fmri;
pub mod init;
mod log;
pub mod manifest;
mod manifest_import;
pub mod model;
pub(crate) mod options;
pub mod paths;
mod pgrep;
mod platform;
pub mod process;
mod ps;
mod pwait;
pub mod restarter;
mod signals;
mod stamp;
mod store;
mod svcadm;
mod svccfg;
mod svcprop;
mod svcs;
pub mod upgrade;

use super::emulate::Emulated;

/// The commands of this part.
pub const COMMANDS: &[Emulated] = &[
    Emulated {
        path: "/sbin/init",
        run: init::run,
    },
    Emulated {
        path: "/usr/sbin/svccfg",
        run: svccfg::run,
    },
    Emulated {
        path: "/usr/sbin/svcadm",
        run: svcadm::run,
    },
    Emulated {
        path: "/usr/bin/svcs",
        run: svcs::run,
    },
    Emulated {
        path: "/usr/bin/svcprop",
        run: svcprop::run,
    },
    Emulated {
        path: "/usr/bin/ctrun",
        run: contract::ctrun::run,
    },
    Emulated {
        path: contract::connection::PATH,
        run: contract::connection::run,
    },
    Emulated {
        path: "/usr/bin/ctstat",
        run: contract::ctstat::run,
    },
    Emulated {
        path: "/usr/bin/ps",
        run: ps::run,
    },
    Emulated {
        path: "/usr/bin/pgrep",
        run: pgrep::run_pgrep,
    },
    Emulated {
        path: "/usr/bin/pkill",
        run: pgrep::run_pkill,
    },
    Emulated {
        path: "/usr/bin/pwait",
        run: pwait::run,
    },
];

#[cfg(test)]
mod tests;
