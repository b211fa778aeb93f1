//! The small platform commands of a sandbox zone, one file per command.
//!
//! Each command is a function over a root folder, its arguments and three streams, so that its
//! cases are tried without a zone. What is not emulated says so and ends with status 99: a script
//! that relies on it must not pass here by luck.

mod accounts;
mod digest;
mod elf;
mod exec;
pub mod first_boot;
mod getopt;
mod ipadm;
mod isainfo;
mod kstat;
mod mdata;
mod newtask;
mod pargs;
mod passwd;
mod pfexec;
mod ppriv;
mod psrinfo;
mod refused;
mod su;
mod tar;
mod uname;
mod zone;

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::Path;

use super::emulate::Emulated;

pub use zone::{METADATA_FILE, PLATFORM_STAMP, metadata};

/// Whether this process lives in the global zone.
#[must_use]
pub fn is_global() -> bool {
    zone::name(Path::new("/")).is_ok_and(|name| name.is_none())
}

/// The exit status of everything that the sandbox does not emulate.
pub const NOT_EMULATED: i32 = 99;

/// The commands of this module.
pub const COMMANDS: &[Emulated] = &[
    Emulated {
        path: "/usr/bin/zonename",
        run: |args| live("zonename", args, zone::zonename),
    },
    Emulated {
        path: "/usr/sbin/mdata-get",
        run: |args| live("mdata-get", args, mdata::get),
    },
    Emulated {
        path: "/usr/sbin/mdata-put",
        run: |args| live("mdata-put", args, mdata::put),
    },
    Emulated {
        path: "/usr/sbin/mdata-list",
        run: |args| live("mdata-list", args, mdata::list),
    },
    Emulated {
        path: "/usr/sbin/mdata-delete",
        run: |args| live("mdata-delete", args, mdata::delete),
    },
    Emulated {
        path: first_boot::EXECUTE,
        run: |args| live("mdata-execute", args, first_boot::execute),
    },
    Emulated {
        path: "/usr/sbin/ipadm",
        run: |args| live("ipadm", args, ipadm::ipadm),
    },
    Emulated {
        path: "/usr/bin/digest",
        run: |args| live("digest", args, digest::digest),
    },
    Emulated {
        path: "/usr/bin/tar",
        run: |args| live("tar", args, tar::tar),
    },
    Emulated {
        path: "/usr/bin/uname",
        run: |args| live("uname", args, uname::uname),
    },
    Emulated {
        path: "/usr/bin/isainfo",
        run: |args| live("isainfo", args, isainfo::isainfo),
    },
    Emulated {
        path: "/usr/bin/kstat",
        run: |args| live("kstat", args, kstat::kstat),
    },
    Emulated {
        path: "/usr/sbin/psrinfo",
        run: |args| live("psrinfo", args, psrinfo::psrinfo),
    },
    Emulated {
        path: "/usr/bin/ppriv",
        run: |args| live("ppriv", args, ppriv::ppriv),
    },
    Emulated {
        path: "/usr/bin/pfexec",
        run: |args| live("pfexec", args, pfexec::pfexec),
    },
    Emulated {
        path: "/usr/bin/newtask",
        run: |args| live("newtask", args, newtask::newtask),
    },
    Emulated {
        path: "/usr/bin/pargs",
        run: |args| live("pargs", args, pargs::pargs),
    },
    Emulated {
        path: "/usr/bin/su",
        run: |args| live("su", args, su::su),
    },
    Emulated {
        path: "/usr/bin/passwd",
        run: |args| live("passwd", args, passwd::passwd),
    },
    Emulated {
        path: "/usr/sbin/useradd",
        run: |args| live("useradd", args, accounts::useradd),
    },
    Emulated {
        path: "/usr/sbin/usermod",
        run: |args| live("usermod", args, accounts::usermod),
    },
    Emulated {
        path: "/usr/sbin/userdel",
        run: |args| live("userdel", args, accounts::userdel),
    },
    Emulated {
        path: "/usr/sbin/groupadd",
        run: |args| live("groupadd", args, accounts::groupadd),
    },
    Emulated {
        path: "/usr/sbin/groupmod",
        run: |args| live("groupmod", args, accounts::groupmod),
    },
    Emulated {
        path: "/usr/sbin/groupdel",
        run: |args| live("groupdel", args, accounts::groupdel),
    },
    Emulated {
        path: "/usr/bin/ldd",
        run: |args| live("ldd", args, elf::ldd),
    },
    Emulated {
        path: "/usr/bin/elfdump",
        run: |args| live("elfdump", args, elf::elfdump),
    },
    Emulated {
        path: "/usr/bin/pvs",
        run: |args| live("pvs", args, elf::pvs),
    },
    Emulated {
        path: "/usr/sbin/install",
        run: |args| live("install", args, refused::install),
    },
    Emulated {
        path: "/usr/sbin/killall",
        run: |args| live("killall", args, refused::killall),
    },
    Emulated {
        path: "/usr/sbin/logadm",
        run: |args| live("logadm", args, refused::logadm),
    },
    Emulated {
        path: "/usr/bin/ptree",
        run: |args| live("ptree", args, refused::ptree),
    },
];

/// The three streams of a command.
struct Streams<'a> {
    input: &'a mut dyn Read,
    output: &'a mut dyn Write,
    errors: &'a mut dyn Write,
}

type Command = fn(&Path, &[OsString], &mut Streams) -> io::Result<i32>;

/// Runs a command on the process's own streams and root folder.
fn live(name: &str, args: &[OsString], command: Command) -> i32 {
    let (mut input, mut output, mut errors) =
        (io::stdin().lock(), io::stdout().lock(), io::stderr());
    let mut streams = Streams {
        input: &mut input,
        output: &mut output,
        errors: &mut errors,
    };
    let status = command(Path::new("/"), args, &mut streams);
    let flushed = output.flush();
    match status.and_then(|status| flushed.map(|()| status)) {
        Ok(status) => status,
        // the real command dies of it without a word
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 128 + nix::libc::SIGPIPE,
        Err(error) => {
            let _ = writeln!(errors, "{name}: {error}");
            1
        }
    }
}

/// Says that the sandbox does not do this, and how the command ends.
fn not_emulated(streams: &mut Streams, command: &str, what: &str) -> io::Result<i32> {
    writeln!(
        streams.errors,
        "{command}: {what}: not emulated in the sandbox"
    )?;
    Ok(NOT_EMULATED)
}

/// Puts the path in front of what went wrong with it.
fn with_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// `path` of the zone, below the root folder that stands for the zone.
fn below(root: &Path, path: &str) -> std::path::PathBuf {
    root.join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod testing {
    //! Runs a command over memory streams.

    use super::{Command, OsString, Path, Streams};

    /// What a command answered.
    #[derive(Debug, PartialEq, Eq)]
    pub struct Answer {
        pub status: i32,
        pub output: String,
        pub errors: String,
    }

    pub fn run(root: &Path, command: Command, args: &[&str], input: &[u8]) -> Answer {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let (mut input, mut output, mut errors) = (input, Vec::new(), Vec::new());
        let mut streams = Streams {
            input: &mut input,
            output: &mut output,
            errors: &mut errors,
        };
        let status = command(root, &args, &mut streams).unwrap();
        Answer {
            status,
            output: String::from_utf8(output).unwrap(),
            errors: String::from_utf8(errors).unwrap(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_command_has_an_absolute_path_of_its_own() {
        let paths: BTreeSet<_> = COMMANDS.iter().map(|command| command.path).collect();
        assert_eq!(paths.len(), COMMANDS.len());
        assert!(
            paths
                .iter()
                .all(|path| path.starts_with("/usr/") || path.starts_with("/lib/svc/method/")),
            "{paths:?}"
        );
    }
}
