//! Another image for a zone that serves: what a Mac sees of it before and after.

use super::client::Client;
use super::place::{Place, Zone, succeed};
use super::{PASSWORD, ask_from_outside};

const ZONE: &str = r#"[host]
sandbox = true

[zone]
alias = "mac"
image = "base-64-lts@24.4.1"
memory = "2 GiB"
quota = "10 GiB"

[[zone.nic]]
tag = "admin"
address = "dhcp"

[storage]
kind = "delegated"

[[user]]
name = "matt"
uid = 1001
password = { env = "MATT_PASSWORD" }

[[dataset]]
name = "matt"
mountpoint = "/backups/matt"
refquota = "2 GiB"
recordsize = "16 KiB"
atime = false
owner = "matt"

[[dataset]]
name = "state"
mountpoint = "/netatalk"

[[recipe]]
name = "netatalk-4.2"
parameters = { server-name = "vault", backups = "/backups", state = "/netatalk" }
"#;

const VOLUME: &str = "Time Machine";
const FILE: &str = "band 0";

/// Every file of the datasets with all that belongs to it, in whatever order a folder has them.
const EVERYTHING: &str = r#"
import hashlib, os
for top in '/backups/matt', '/netatalk':
    for folder, folders, files in os.walk(top):
        for path in [folder] + [os.path.join(folder, name) for name in files]:
            fact = os.lstat(path)
            words = [path, oct(fact.st_mode), fact.st_uid, fact.st_gid, fact.st_ino, fact.st_nlink]
            # what the server itself writes whenever it starts, with the same in it
            if path != folder and not path.endswith('afp_voluuid.conf'):
                words.append(fact.st_mtime_ns)
            words.append(0 if path == folder else fact.st_size)
            names = os.listxattr(path, follow_symlinks=False)
            words += [(name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(names)]
            if os.path.isfile(path):
                words.append(hashlib.sha256(open(path, 'rb').read()).hexdigest())
            print(*words)
"#;

/// The datasets with what was set for them, their snapshots, and every file of them.
fn datasets(place: &Place) -> String {
    let root = "zones/$(/usr/bin/zonename)/data";
    let set = format!(
        "/usr/sbin/zfs get -r -H -s local,received -o name,property,value,source all {root}; \
         /usr/sbin/zfs list -r -H -t all -o name,guid {root}"
    );
    let set = place.ask("mac", &["/usr/bin/bash", "-c", &set]);
    let files = place.ask(
        "mac",
        &["/usr/lib/zonewright/bin/python3", "-c", EVERYTHING],
    );
    let mut files: Vec<&str> = files.lines().collect();
    files.sort_unstable();
    set + &files.join("\n")
}

/// What tells the server, the volume and the file from all others.
#[derive(Debug, PartialEq)]
struct Seen {
    signature: [u8; 16],
    volume: Vec<u8>,
    file: Vec<u8>,
    /// What a Mac gets by Bonjour, which no sandbox has, is read from it.
    volume_uuid: String,
}

fn see(place: &Place, zone: &Zone, content: &[u8]) -> Seen {
    let mut matt = Client::connect(&zone.address, zone.afp_port);
    matt.log_in("matt", PASSWORD).unwrap();
    let volume = matt.open_volume(VOLUME);
    assert!(matt.read_file(volume, FILE, content.len()) == content);
    let seen = Seen {
        signature: ask_from_outside(zone).signature.unwrap(),
        volume: matt.identity_of(volume),
        file: matt.identity_of_file(volume, FILE),
        volume_uuid: place.ask(
            "mac",
            &["/usr/bin/cat", "/netatalk/netatalk/afp_voluuid.conf"],
        ),
    };
    matt.log_out();
    assert!(seen.volume_uuid.contains(VOLUME), "{seen:?}");
    seen
}

/// The zone is left with another root.
pub fn is_the_same_server_to_a_mac(place: &Place) {
    place.write("zones/mac.toml", ZONE);
    let mut apply = place.zonewright(&["apply", "mac"]);
    apply.env("MATT_PASSWORD", PASSWORD);
    succeed(apply);
    let zone = place.zone("mac");

    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut matt = Client::connect(&zone.address, zone.afp_port);
    matt.log_in("matt", PASSWORD).unwrap();
    let volume = matt.open_volume(VOLUME);
    assert!(matt.write_and_read(volume, FILE, &content) == content);
    matt.log_out();
    let snapshot = "/usr/sbin/zfs snapshot zones/$(/usr/bin/zonename)/data/matt@first";
    place.ask("mac", &["/usr/bin/bash", "-c", snapshot]);
    let seen = see(place, &zone, &content);
    // the databases are open as long as it serves
    place.ask(
        "mac",
        &[
            "/usr/sbin/svcadm",
            "disable",
            "-s",
            "svc:/network/netatalk:default",
        ],
    );
    let before = datasets(place);
    assert!(
        before.contains("@first") && before.contains(FILE) && before.contains("cnid2.db"),
        "{before}"
    );

    place.write("zones/mac.toml", &ZONE.replace("24.4.1", "23.4.0"));
    // nobody is asked for the password, and nothing tells it
    let reprovision = ["zone", "reprovision", "mac", "--yes", "--keep-host-keys"];
    let said = succeed(place.zonewright(&reprovision));
    assert!(said.contains("/data  stays, "), "{said}");
    let lost: Vec<&str> = said.lines().filter(|line| line.contains("  of ")).collect();
    assert_eq!(
        lost,
        [
            "  - /backups  of netatalk-4.2, with all in it but /backups/matt, where datasets are mounted",
            "  - /home/matt  of matt, with all in it: no dataset of the zone file is mounted there",
        ]
    );
    let branch = place.ask("mac", &["/usr/bin/cat", "/etc/pkgsrc_version"]);
    assert!(branch.contains("2023Q4"), "{branch}");
    let zone = place.zone("mac");
    assert_eq!(see(place, &zone, &content), seen);
    place.ask(
        "mac",
        &[
            "/usr/sbin/svcadm",
            "disable",
            "-s",
            "svc:/network/netatalk:default",
        ],
    );
    same_but_for_the_servers_own(&before, &datasets(place));
}

/// The server writes into its state when it starts and when a file is looked for: that alone may differ.
fn same_but_for_the_servers_own(before: &str, after: &str) {
    let kept = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("/netatalk/netatalk/CNID"));
        let lines = lines.filter(|line| !line.starts_with("/netatalk/netatalk 0"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(kept(before), kept(after));
}
