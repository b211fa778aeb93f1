//! Facts that are refused at the desk: the report says where, what and what to write instead, and nobody was asked.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::Duration;

use super::site::{Edit, edited, lacking, write};
use super::{Fate, Row};
use crate::hostile::row::end;

/// A zone file that is refused, or warned of.
#[derive(Debug)]
pub struct Desk {
    edits: &'static [Edit],
    /// How the line begins that the report points at.
    line: &'static str,
    /// What is wrong, and what to write instead.
    says: Says,
    /// Whether it is only worth knowing.
    is_warning: bool,
}

const GOOD: &str = r#"[host]
ssh = "root@HOST"

[zone]
alias = "timemachine"
image = "base-64-lts@24.4.1"
memory = "2 GiB"
swap = "4 GiB"
quota = "1 TiB"
ssh-keys = ["keys/anna.pub"]

[zone.metadata]
purpose = "backups"

[[zone.nic]]
tag = "admin"
address = "192.0.2.10/24"
gateway = "192.0.2.1"

[storage]
kind = "delegated"

[[dataset]]
name = "anna"
mountpoint = "/backups/anna"
refquota = "600 GiB"
compression = "lz4"
recordsize = "128 KiB"
"#;

type Says = [&'static str; 2];

fn refused(fact: &'static str, edits: &'static [Edit], line: &'static str, says: Says) -> Row {
    told(fact, edits, line, says, false)
}

fn warned(fact: &'static str, edits: &'static [Edit], line: &'static str, says: Says) -> Row {
    told(fact, edits, line, says, true)
}

fn told(
    fact: &'static str,
    edits: &'static [Edit],
    line: &'static str,
    says: Says,
    is_warning: bool,
) -> Row {
    let fate = Fate::Desk(Desk {
        edits,
        line,
        says,
        is_warning,
    });
    Row { fact, fate }
}

#[rustfmt::skip]
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(of_properties());
    rows.extend(of_cards());
    rows.extend(of_what_bites());
    rows
}

#[rustfmt::skip]
fn of_properties() -> Vec<Row> {
    vec![
        refused("1.2/uuid-argument",
            &[("alias =", "uuid = \"4f1c8f2e\"\nalias =")], "uuid",
            ["`4f1c8f2e` is not a uuid", "write 36 characters as `4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e`"]),
        refused("1.2/uuid-by-shape",
            &[("alias =", "uuid = \"4f1c8f2e-zzzz-4a54-8c1e-7d2a5b6c7d8e\"\nalias =")], "uuid",
            ["`4f1c8f2e-zzzz-4a54-8c1e-7d2a5b6c7d8e` is not a uuid", "write 36 characters"]),
        refused("2/uuid-with-capitals",
            &[("base-64-lts@24.4.1", "2F1DC911-6401-4FA4-8E9D-67EA2E39C271")], "image",
            ["has capitals", "write `2f1dc911-6401-4fa4-8e9d-67ea2e39c271`"]),
        refused("1.2/missing-property",
            &[("image = \"base-64-lts@24.4.1\"\n", "")], "[zone]",
            ["nothing says what the zone is made from", "write `image = \"base-64-lts@24.4.1\"`"]),
        refused("3.1/invalid-uuid",
            &[("base-64-lts@24.4.1", "2f1dc911-6401")], "image",
            ["`2f1dc911-6401` is not an image", "`base-64-lts@24.4.1`, or its uuid"]),
        refused("3.1/invalid-image-argument",
            &[("base-64-lts@24.4.1", "base-64-lts")], "image",
            ["`base-64-lts` is not an image", "write its name and version as `base-64-lts@24.4.1`"]),
        refused("1.2/no-number",
            &[("quota = \"1 TiB\"", "quota = \"much\"")], "quota",
            ["`much` is not a size", "write for example `\"600 GiB\"`"]),
        refused("1.2/unknown-brand",
            &[("alias =", "brand = \"kvm\"\nalias =")], "brand",
            ["a zone of the brand `kvm` cannot be made", "write `joyent`, or leave it out"]),
        refused("1.2/recsize",
            &[("\"128 KiB\"", "\"48 KiB\"")], "recordsize",
            ["no block can be of this size", "write a power of two from `512 B` to `1 MiB`"]),
        refused("1.2/compression",
            &[("\"lz4\"", "\"zstd\"")], "compression",
            ["`zstd` is not known here", "it takes `on`, `off`, `lz4`"]),
        refused("1.2/limits",
            &[("alias =", "zfs_snapshot_limit = \"many\"\nalias =")], "zfs_snapshot_limit",
            ["unknown key `zfs_snapshot_limit`", "leave it out; on the host `vmadm update UUID` sets it"]),
        refused("1.2/unknown-property",
            &[("alias =", "delegate_dataset = true\nalias =")], "delegate_dataset",
            ["unknown key `delegate_dataset`", "write `[storage]` with `kind = \"delegated\"`"]),
        refused("1.2/volumes-are-shared",
            &[("kind = \"delegated\"", "kind = \"lofs\"\nsource = \"/zones/4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e/volumes/a\"\ntarget = \"/a\""),
              ("[[dataset]]\nname = \"anna\"\nmountpoint = \"/backups/anna\"\nrefquota = \"600 GiB\"\ncompression = \"lz4\"\nrecordsize = \"128 KiB\"\n", "")], "source",
            ["is a zone's own", "choose a folder that no zone owns, for example `/zones/backups`"]),
        refused("1.3/metadata-of-objects",
            &[("\"backups\"", "{ of = \"Macs\" }")], "purpose",
            ["`purpose` must be a text, a number, or true or false", "this is a table"]),
    ]
}

#[rustfmt::skip]
fn of_cards() -> Vec<Row> {
    vec![
        refused("1.2/bad-value",
            &[("gateway =", "mac = \"b2:1e:ba:a5:6e\"\ngateway =")], "mac",
            ["`b2:1e:ba:a5:6e` is not an address on the wire", "for example `b2:1e:ba:a5:6e:70`"]),
        refused("2/vlan",
            &[("gateway =", "vlan = 4096\ngateway =")], "vlan",
            ["`4096` is out of range", "write a number from 0 to 4095"]),
        refused("1.2/tag-form",
            &[("\"admin\"", "\"ad min\"")], "tag",
            ["`ad min` cannot be a NIC tag", "`nictagadm list` on the host prints those there are"]),
        refused("1.2/address-form",
            &[("\"192.0.2.10/24\"", "\"192.0.2.10/33\"")], "address",
            ["`192.0.2.10/33` is not an address of a network card", "write for example `192.0.2.10/24`"]),
        refused("2/prefix-below-eight",
            &[("\"192.0.2.10/24\"", "\"192.0.2.10/7\"")], "address",
            ["the prefix length is not one", "write for example `192.0.2.10/24`"]),
        refused("1.2/netmask-is-missing",
            &[("address = \"192.0.2.10/24\"", "ip = \"192.0.2.10\"")], "ip",
            ["unknown key `ip`", "write `address` with the prefix length, as in `address = \"192.0.2.10/24\"`"]),
        refused("1.2/netmask-form",
            &[("gateway =", "netmask = \"255.0.255.0\"\ngateway =")], "netmask",
            ["unknown key `netmask`", "write the prefix length behind `address`"]),
        refused("1.2/gateway-of-ipv6",
            &[("\"192.0.2.10/24\"", "\"2001:db8::10/64\""), ("\"192.0.2.1\"", "\"2001:db8::1\"")], "gateway",
            ["the gateway `2001:db8::1` is not an IPv4 address", "leave it out"]),
        refused("1.2/same-address",
            &[("gateway = \"192.0.2.1\"\n", SECOND_SAME_ADDRESS)], "address = \"192.0.2.10/25\"",
            ["two `[[zone.nic]]` have the address", "give each card an address of its own"]),
        refused("1.2/same-mac",
            &[("gateway = \"192.0.2.1\"\n", SECOND_SAME_MAC)], "mac = \"2:8:20:1:2:3\"",
            ["two `[[zone.nic]]` have this `mac`", "leave it out"]),
        refused("1.2/primary-false",
            &[("gateway =", "primary = false\ngateway =")], "primary",
            ["`primary = false` says nothing", "leave it out"]),
        refused("1.2/two-primaries",
            &[("gateway = \"192.0.2.1\"\n", SECOND_PRIMARY)], "primary = true # too",
            ["two `[[zone.nic]]` are `primary`", "one card alone has the zone's way out"]),
        refused("1.2/twenty-addresses",
            &[("address = \"192.0.2.10/24\"", TWENTY_ONE)], "addresses",
            ["a card takes at most 20 addresses", "write a second `[[zone.nic]]`"]),
        refused("1.2/thirty-two-addresses",
            &[("address = \"192.0.2.10/24\"", THIRTY_THREE)], "addresses",
            ["a card takes at most 20 addresses", "write a second `[[zone.nic]]`"]),
        refused("1.2/allowed-ips-form",
            &[("gateway =", "allowed_ips = [\"all\"]\ngateway =")], "allowed_ips",
            ["unknown key `allowed_ips`", "leave it out; on the host `vmadm update UUID` sets it"]),
        refused("1.2/allowed-ips-thirteen",
            &[("gateway =", "allowed-ips = [\"192.0.2.0/24\"]\ngateway =")], "allowed-ips",
            ["unknown key `allowed-ips`", "leave it out; on the host `vmadm update UUID` sets it"]),
        refused("1.2/vrid-of-another",
            &[("gateway =", "vrrp_vrid = 7\ngateway =")], "vrrp_vrid",
            ["unknown key `vrrp_vrid`", "leave it out; on the host `vmadm update UUID` sets it"]),
    ]
}

const SECOND_SAME_ADDRESS: &str =
    "gateway = \"192.0.2.1\"\n\n[[zone.nic]]\ntag = \"external\"\naddress = \"192.0.2.10/25\"\n";
const SECOND_SAME_MAC: &str = "mac = \"02:08:20:01:02:03\"\ngateway = \"192.0.2.1\"\n\n[[zone.nic]]\n\
                               tag = \"external\"\naddress = \"dhcp\"\nmac = \"2:8:20:1:2:3\"\n";
const SECOND_PRIMARY: &str = "primary = true\ngateway = \"192.0.2.1\"\n\n[[zone.nic]]\n\
                              tag = \"external\"\naddress = \"dhcp\"\nprimary = true # too\n";
const TWENTY_ONE: &str = r#"addresses = ["192.0.2.10/24", "192.0.2.11/24", "192.0.2.12/24", "192.0.2.13/24", "192.0.2.14/24", "192.0.2.15/24", "192.0.2.16/24", "192.0.2.17/24", "192.0.2.18/24", "192.0.2.19/24", "192.0.2.20/24", "192.0.2.21/24", "192.0.2.22/24", "192.0.2.23/24", "192.0.2.24/24", "192.0.2.25/24", "192.0.2.26/24", "192.0.2.27/24", "192.0.2.28/24", "192.0.2.29/24", "192.0.2.30/24"]"#;
const THIRTY_THREE: &str = r#"addresses = ["192.0.2.10/24", "192.0.2.11/24", "192.0.2.12/24", "192.0.2.13/24", "192.0.2.14/24", "192.0.2.15/24", "192.0.2.16/24", "192.0.2.17/24", "192.0.2.18/24", "192.0.2.19/24", "192.0.2.20/24", "192.0.2.21/24", "192.0.2.22/24", "192.0.2.23/24", "192.0.2.24/24", "192.0.2.25/24", "192.0.2.26/24", "192.0.2.27/24", "192.0.2.28/24", "192.0.2.29/24", "192.0.2.30/24", "192.0.2.31/24", "192.0.2.32/24", "192.0.2.33/24", "192.0.2.34/24", "192.0.2.35/24", "192.0.2.36/24", "192.0.2.37/24", "192.0.2.38/24", "192.0.2.39/24", "192.0.2.40/24", "192.0.2.41/24", "192.0.2.42/24"]"#;

#[rustfmt::skip]
fn of_what_bites() -> Vec<Row> {
    vec![
        refused("8.2/typo",
            &[("memory =", "memroy =")], "memroy",
            ["unknown key `memroy`", "did you mean `memory`?"]),
        warned("8.3/quota-by-default",
            &[("quota = \"1 TiB\"\n", ""), ("refquota = \"600 GiB\"\n", "")], "[zone]",
            ["the zone gets the host's default quota of 10 GiB", "write `quota = \"…\"`"]),
        refused("8.3/swap-below-memory",
            &[("swap = \"4 GiB\"", "swap = \"1 GiB\"")], "swap",
            ["`swap` is less than `memory`, which it includes", "write `2048 MiB` or more"]),
        refused("8.3/swap-below-256",
            &[("memory = \"2 GiB\"", "memory = \"128 MiB\""), ("swap = \"4 GiB\"", "swap = \"128 MiB\"")], "swap",
            ["`swap` is less than 256 MiB, the least there is", "write `256 MiB` or more"]),
        refused("8.4/bare-address",
            &[("\"192.0.2.10/24\"", "\"192.0.2.10\"")], "address",
            ["no prefix length", "write for example `192.0.2.10/24`, or `dhcp`"]),
        refused("8.5/gateway-out-of-reach",
            &[("\"192.0.2.1\"", "\"192.0.3.1\"")], "gateway",
            ["the gateway `192.0.3.1` is out of reach", "a gateway must be reached without a gateway"]),
        warned("8.6/keys-in-metadata",
            &[("purpose = \"backups\"", "root_authorized_keys = \"ssh-ed25519 AAAA anna\"")], "root_authorized_keys",
            ["the metadata `root_authorized_keys` lets nobody in", "write `ssh-keys = [\"~/.ssh/id_ed25519.pub\"]` below `[zone]`"]),
        refused("8.6/no-keys-at-all",
            &[("ssh-keys = [\"keys/anna.pub\"]\n", "")], "[zone]",
            ["nobody could log in to the zone", "write `ssh-keys = [\"~/.ssh/id_ed25519.pub\"]`"]),
        refused("8.9/timeout-is-forgotten",
            &[("alias =", "mdata_exec_timeout = 600\nalias =")], "mdata_exec_timeout",
            ["unknown key `mdata_exec_timeout`", "leave it out: a user-script has 300 s, at every boot"]),
        refused("8.13/alias-with-a-colon",
            &[("\"timemachine\"", "\"time:machine\"")], "alias",
            ["`vmadm list -p` puts `:` between two columns", "for example `time-machine`"]),
        refused("8.13/alias-with-a-blank",
            &[("\"timemachine\"", "\"time machine\"")], "alias",
            ["`vmadm list` puts blanks between two columns", "for example `time-machine`"]),
        refused("1.4/alias-as-a-pattern",
            &[("\"timemachine\"", "\"~timemachine\"")], "alias",
            ["`vmadm` takes what begins with `~` for a pattern", "for example `time-machine`"]),
    ]
}

/// A machine that nobody must call.
struct Quiet {
    listener: TcpListener,
    folder: tempfile::TempDir,
}

impl Quiet {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { listener, folder }
    }

    fn run(&self, name: &str, edits: &[Edit], words: &[&str]) -> (String, Output) {
        let host = self.listener.local_addr().unwrap().to_string();
        let text = edited(name, GOOD, edits).replace("HOST", &host);
        write(self.folder.path(), "timemachine", &text);
        let mut command = Command::new(env!("CARGO_BIN_EXE_zonewright"));
        command.arg("--site").arg(self.folder.path()).args(words);
        command.env("HOME", self.folder.path()).env("NO_COLOR", "1");
        command.env("XDG_STATE_HOME", self.folder.path().join("state"));
        command.env_remove("SSH_AUTH_SOCK");
        (text, command.output().unwrap())
    }

    /// Whether somebody called.
    fn was_called(&self) -> bool {
        match self.listener.accept() {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        }
    }
}

/// What is wrong with a row.
fn judge(quiet: &Quiet, fact: &str, row: &Desk) -> Vec<String> {
    let file = quiet.folder.path().join("zones/timemachine.toml");
    let check = ["recipe", "check", file.to_str().unwrap()];
    let (words, wanted): (&[&str], i32) = match row.is_warning {
        true => (&check, 0),
        false => (&["zone", "create", "timemachine"], 2),
    };
    let (text, output) = quiet.run(fact, row.edits, words);
    let report = [output.stdout, output.stderr].concat();
    let report = String::from_utf8_lossy(&report);
    let at = text.lines().position(|line| line.starts_with(row.line));
    let at = at.unwrap_or_else(|| panic!("{fact}: no line begins with {}\n{text}", row.line)) + 1;
    let place = format!("timemachine.toml:{at}:");
    let mut wrong: Vec<String> = lacking(&report, &[&place, row.says[0], row.says[1]])
        .into_iter()
        .map(|part| format!("{fact} does not say `{part}`:\n{report}"))
        .collect();
    if output.status.code() != Some(wanted) {
        wrong.push(format!(
            "{fact} ended with {}, not {wanted}:\n{report}",
            output.status
        ));
    }
    if quiet.was_called() {
        wrong.push(format!("{fact} was sent to the host"));
    }
    wrong
}

#[test]
fn what_a_host_would_refuse_is_refused_before_anything_is_sent() {
    let quiet = Quiet::new();
    let rows = rows();
    let mut wrong = Vec::new();
    for row in &rows {
        if let Fate::Desk(desk) = &row.fate {
            wrong.extend(judge(&quiet, row.fact, desk));
        }
    }
    let count = rows.iter().filter(|row| matches!(row.fate, Fate::Desk(_)));
    end("at the desk", count.count(), &wrong);
}

/// Or the rows above would prove nothing.
#[test]
fn a_file_without_a_mistake_is_sent() {
    let quiet = Quiet::new();
    let listener = quiet.listener.try_clone().unwrap();
    listener.set_nonblocking(false).unwrap();
    let (called, calls) = std::sync::mpsc::channel();
    // whoever calls is hung up on
    std::thread::spawn(move || called.send(listener.accept().is_ok()));
    let (_, output) = quiet.run("good", &[], &["zone", "create", "timemachine"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(calls.recv_timeout(Duration::from_secs(30)), Ok(true));
}
