//! Everything that is sent to a host for a zone's whole life is what a real one would take: each command line of
//! each script, and each payload.

use std::io::{Cursor, Read};

use zonewright::host::ssh::{Ssh, SshConfig, SshTarget};
use zonewright::host::{Exit, Host, HostError, Stream};
use zonewright::plan::zone::{GivenZone, WantedZone};
use zonewright::run::zone::{ZoneWish, converge, look};
use zonewright::run::{Door, RunError};
use zonewright::script::Script;
use zonewright::store::Caller;

use super::harness::Zone;
use crate::script_grammar::{self, payload};

/// What a host was sent: scripts with their input.
type Sent = Vec<(Script, Vec<u8>)>;

/// Writes down what goes through it.
struct Tap<'a> {
    inner: Ssh,
    sent: &'a mut Sent,
}

impl Host for Tap<'_> {
    fn run(
        &mut self,
        script: &Script,
        input: &mut dyn Read,
        output: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<Exit, HostError> {
        let mut bytes = Vec::new();
        if script.reads_input() {
            input.read_to_end(&mut bytes).unwrap();
        }
        self.sent.push((script.clone(), bytes.clone()));
        self.inner.run(script, &mut Cursor::new(bytes), output)
    }
}

/// A connection to the host of the sandbox.
fn host_of(zone: &Zone) -> Ssh {
    zone.run(&["sandbox", "up", "global"]).succeeds();
    let list = zone.run(&["sandbox", "list", "--json"]).succeeds();
    let document: serde_json::Value = serde_json::from_str(&list.out).unwrap();
    let zones = document["zones"].as_array().unwrap();
    let host = zones.iter().find(|one| one["alias"] == "global").unwrap();
    let text = |key: &str| host[key].as_str().unwrap().to_owned();
    let config = SshConfig::load(&zone.own("home"), "root", None, &[]).unwrap();
    let destination = format!("{}@{}:{}", text("user"), text("address"), host["ssh-port"]);
    let mut target = SshTarget::parse(&destination, &config).unwrap();
    target.identities = vec![text("identity").into()];
    target.known_hosts = vec![text("known-hosts").into()];
    target.global_known_hosts.clear();
    Ssh::connect(&target, &mut |_| None).unwrap()
}

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA anna@mini";

/// Makes the zone what its file says, by way of the library; how many steps it took.
fn apply(zone: &Zone, given: GivenZone, sent: &mut Sent) -> Result<usize, RunError> {
    let mut tap = Tap {
        inner: host_of(zone),
        sent,
    };
    zone.with_controller(|wish, controller| {
        let folders = zone.folders();
        let wanted = WantedZone::of(&wish.zone, [], vec![KEY.to_owned()]).unwrap();
        let wish = ZoneWish { wanted, given };
        let mut begin = || folders.begin_run(&zone.alias, &Caller::default(), 0);
        let mut door = Door::new(&mut tap);
        let report = converge(&mut door, &wish, controller, &mut None, &mut begin)?;
        // and then there is nothing to do
        let view = look(&mut door, &wish)?;
        assert!(view.plan.steps.is_empty(), "{:?}", view.plan);
        Ok(report.steps)
    })
}

const SHAPE: &str = "[host]\nsandbox = true\n\n[zone]\nalias = \"host-grammar\"\nimage = \"base-64-lts@23.4.0\"\n\
    memory = \"512 MiB\"\nquota = \"20 GiB\"\ncpu-cap = 200\nresolvers = [\"192.0.2.53\"]\n\
    metadata = { note = \"a 'quoted' $value\" }\n\n[[zone.nic]]\ntag = \"admin\"\naddress = \"dhcp\"\n\n\
    [storage]\nkind = \"delegated\"\n\n[[dataset]]\nname = \"anna\"\nmountpoint = \"/backups/anna\"\nrefquota = \"5 GiB\"\n";

#[test]
fn what_a_host_is_sent_in_a_zones_whole_life_is_what_a_real_one_takes() {
    let Some(zone) = Zone::new("host-grammar") else {
        return;
    };
    let file = "zones/host-grammar.toml";
    let mut sent = Sent::new();
    let may = GivenZone {
        reboots: true,
        reprovisions: true,
        ..GivenZone::default()
    };
    zone.write(file, SHAPE);
    assert!(apply(&zone, GivenZone::default(), &mut sent).unwrap() >= 2);
    zone.edit(file, "20 GiB", "30 GiB");
    zone.edit(file, "512 MiB", "1 GiB");
    zone.edit(file, "5 GiB", "6 GiB");
    zone.edit(file, "note = ", "other = ");
    assert!(apply(&zone, GivenZone::default(), &mut sent).unwrap() >= 1);
    zone.edit(
        file,
        "[storage]",
        "[[zone.nic]]\ntag = \"admin\"\naddress = \"192.0.2.77/24\"\nvlan = 7\n\n[storage]",
    );
    assert!(apply(&zone, may, &mut sent).unwrap() >= 1);
    zone.edit(file, "vlan = 7", "vlan = 8");
    assert!(apply(&zone, may, &mut sent).unwrap() >= 1);
    zone.edit(file, "base-64-lts@23.4.0", "base-64-lts@24.4.1");
    assert!(apply(&zone, may, &mut sent).unwrap() >= 1);

    let mut wrong = Vec::new();
    let (mut creates, mut updates, mut reprovisions) = (0, 0, 0);
    for (script, input) in &sent {
        for violation in script_grammar::check(script.body()) {
            if !violation.is_warning {
                wrong.push(format!("{}: {violation}", script.name()));
            }
        }
        let body = script.body();
        let action = match () {
            () if body.contains("vmadm create") => 'c',
            () if body.contains("vmadm update") => 'u',
            () if body.contains("vmadm reprovision") => 'r',
            () => continue,
        };
        // an upload says its size and digest before its bytes
        let start = input.iter().position(|byte| *byte == b'{').unwrap();
        let given: serde_json::Value = serde_json::from_slice(&input[start..]).unwrap();
        match action {
            'r' => {
                reprovisions += 1;
                let names: Vec<&String> = given.as_object().unwrap().keys().collect();
                assert_eq!(names, ["image_uuid"]);
            }
            action => {
                *(if action == 'c' {
                    &mut creates
                } else {
                    &mut updates
                }) += 1;
                wrong.extend(payload::check("joyent", action, &given));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        creates == 1 && updates >= 3 && reprovisions == 1,
        "{creates} {updates} {reprovisions}"
    );
}
