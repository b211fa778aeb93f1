//! What this program knows of netatalk beyond what its sources say: it was made for it.
//!
//! Debian's archive comes without the case tables that upstream's has; they are made from Unicode's
//! data then.

use super::Files;
use super::options::{Chosen, Declared};

/// Its template of `afp.conf`, as it ships.
pub(super) const AFP_CONF: &str = include_str!("../../../templates/netatalk/afp.conf.hbs");

/// Packages that it needs to run, and asks for by several names.
pub(super) const NEEDS: &[&str] = &["db5", "iniparser", "libevent", "libgcrypt"];

pub(super) const PARAMETERS: &str = r#"
# What a zone file may set for each zone, with `parameters = { server-name = "vault" }`.
[parameters]
server-name = { type = "string", default = "{{zone.alias}}", help = "the name that the Finder shows" }
volume      = { type = "string", default = "Time Machine", help = "the name of the backup volume" }
backups     = { type = "path", default = "/var/backups/timemachine", help = "the folder that holds one folder of backups for each user" }
size-limit  = { type = "size", default = "1 TiB", help = "how large Time Machine may think the volume is" }
"#;

/// Staged files that are left out, and why.
pub(super) const DISCARD: &str = r#"discard = [
    # made below as files: a package must not own what people may edit
    "/opt/local/etc/afp.conf",
    "/opt/local/etc/extmap.conf",
    # PAM on illumos reads /etc/pam.conf and nothing else
    "/opt/local/etc/pam.d/",
    # setuid root, and of use only to login methods that are not allowed here
    "/opt/local/bin/afppasswd",
]
"#;

/// Folders, files, services and checks; `TEMPLATES` stands for the folder of the templates.
pub(super) const REST: &str = r#"
# CNID databases: what makes files the same ones to every Mac. Nothing else makes this folder.
[[directory]]
path = "/opt/local/var/netatalk"
[[directory]]
path = "/opt/local/var/netatalk/CNID"
# one folder below for each user of the zone file, which nobody else can read
[[directory]]
path         = "{{parameters.backups}}"
user-folders = true

[[file]]
path     = "/opt/local/etc/afp.conf"
template = "TEMPLATES/afp.conf.hbs"
kind     = "afp.conf"

# afpd complains in its log where it is missing; nothing needs to be in it.
[[file]]
path    = "/opt/local/etc/extmap.conf"
content = """
# .txt "TEXT" "ttxt" would tell old Macs the type and creator of files whose names end so.
"""

# Without it no Mac sees the server in its list (Bonjour).
[[platform-service]]
fmri = "svc:/network/dns/multicast:default"

[[service]]
fmri          = "svc:/network/netatalk:default"
start         = ["/opt/local/sbin/netatalk"]
requires      = ["svc:/milestone/network:default", "svc:/system/filesystem/local:default"]
optional      = ["svc:/network/dns/multicast:default"]
# a Mac's server process that crashes must not take the others with it
ignore-errors = ["core", "signal"]
restart-after = ["/opt/local/etc/afp.conf"]
# a restart waits until nobody is being served
sessions      = { process = "afpd" }
log           = "/var/log/netatalk"

[[check]]
name     = "the right version runs"
command  = ["/opt/local/sbin/afpd", "-V"]
contains = "{{package.version}}"

[[check]]
name = "AFP answers"
afp  = { port = 548 }
"#;

/// What its options want that their names do not say.
pub(super) fn choose(option: &Declared, files: &Files<'_>) -> Option<Chosen> {
    let give = |argument: &str, why: &str| {
        Some(Chosen {
            argument: argument.to_owned(),
            why: why.to_owned(),
        })
    };
    match option.name.as_str() {
        "-Dwith-unicode-data" if lacks_tables(files) => give(
            "-Dwith-unicode-data=true",
            "this archive comes without the case tables: they are made",
        ),
        "-Dwith-unicode-data-path" if lacks_tables(files) => give(
            "-Dwith-unicode-data-path=/opt/local/share/unicode/ucd",
            "where the package unicode-character-database puts them",
        ),
        "-Dwith-cnid-last-backend" if option.default == "true" => give(
            "-Dwith-cnid-last-backend=false",
            "it forgets, and a Mac must find its backups again",
        ),
        _ => None,
    }
}

/// Packages that only the build needs.
pub(super) fn tools(files: &Files<'_>) -> Vec<&'static str> {
    match lacks_tables(files) {
        true => vec!["perl", "unicode-character-database"],
        false => Vec::new(),
    }
}

fn lacks_tables(files: &Files<'_>) -> bool {
    files.contains_key("libatalk/unicode/make-casetable.pl")
        && !files.contains_key("libatalk/unicode/utf16_casetable.h")
}
