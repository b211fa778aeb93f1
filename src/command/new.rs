//! `zonewright new`: a site to begin with, which passes its own check.

use std::fs;

use super::recipe::create;
use super::{DONE, Failure, answer};
use crate::cli::author::NewSiteArgs;
use crate::recipe::doc_comments::Kind;
use crate::recipe::reference::json_schema;
use crate::script::quote;

const ZONE: &str = r##"#:schema ../schema/zone.json

# One zone: where it is, who uses it, what runs in it. The file's name is the zone's name for the
# command line: `zonewright plan timemachine`, `zonewright apply timemachine`.
#
# Try it first without any server: the sandbox is a SmartOS-shaped zone on this Linux machine. For the
# real one leave [host] out and say under [zone] how it is reached.

[host]
sandbox = true

[zone]
alias = "timemachine"
quota = "2 TiB"                    # the zone, its datasets and all their snapshots
# ssh    = "admin@timemachine"     # any Host of ~/.ssh/config, or user@host:port
# become = "sudo"                  # where the login is not root; or "pfexec"

# Who backs up: one for each Mac. The password is never in this file.
# [[user]]
# name     = "anna"
# uid      = 1001                  # pinned: files keep their owner when a zone is made anew
# password = { prompt = true }     # or { command = ["pass", "show", "tm/anna"] }, { file = "…" }, { env = "…" }

# Where backups lie: datasets of the zone's own, which stay when the zone gets another image. One for each Mac, and
# one for what makes the server the same one to every Mac.
[storage]
kind = "delegated"

# [[dataset]]
# name       = "anna"
# mountpoint = "/backups/anna"
# refquota   = "600 GiB"           # snapshots not counted
# owner      = "anna"

[[dataset]]
name       = "state"
mountpoint = "/netatalk"

# What runs in it: recipes of this site, or those that ship with the program (`zonewright recipe check` lists them).
[[recipe]]
name       = "netatalk-4.2"
# `size-limit` is what Time Machine believes a volume to hold: 95 % of the smallest `refquota`
parameters = { server-name = "vault", backups = "/backups", size-limit = "570 GiB", state = "/netatalk" }
"##;

const README: &str = r##"# A zonewright site

| folder | |
|---|---|
| `zones/` | one file a zone: where it is, who uses it, what runs in it |
| `recipes/` | one file a piece of software: sources, build, files, service, checks |
| `patches/`, `templates/` | what recipes name |
| `distfiles/` | archives that cannot be fetched from here, by their names |
| `schema/` | for editors: `zonewright recipe schema > schema/recipe.json` after an upgrade |

    zonewright recipe check              everything that can be known at a desk
    zonewright plan timemachine          what would change
    zonewright apply timemachine         make it so
    zonewright recipe explain            the manual of all keys
    zonewright recipe new NAME --from URL

What is not here is taken from what ships with the program; a file of the same name here wins.
"##;

pub(super) fn run(arguments: &NewSiteArgs) -> Result<u8, Failure> {
    let folder = &arguments.folder;
    let is_empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => {
            let message = format!("cannot read `{}`: {error}", folder.display());
            return Err(Failure::usage(
                &message,
                "name a folder that is not there yet",
            ));
        }
    };
    if !is_empty {
        return Err(Failure::usage(
            &format!("`{}` is not empty, and stays as it is", folder.display()),
            "name a folder that is not there yet",
        ));
    }
    let schema = |kind| format!("{:#}\n", json_schema(kind));
    let files = [
        ("README.md", README.to_owned()),
        ("zones/timemachine.toml", ZONE.to_owned()),
        ("recipes/.keep", String::new()),
        ("patches/.keep", String::new()),
        ("templates/.keep", String::new()),
        ("distfiles/.keep", String::new()),
        ("schema/recipe.json", schema(Kind::Recipe)),
        ("schema/zone.json", schema(Kind::Zone)),
    ];
    for (name, text) in files {
        create(&folder.join(name), text.as_bytes())?;
    }
    let shown = quote(&folder.to_string_lossy());
    answer(&format!(
        "made a site in {shown}\n\n  cd {shown}\n  zonewright recipe check\n  zonewright apply timemachine     \
         the whole job, in the sandbox on this machine\n"
    ));
    Ok(DONE)
}
