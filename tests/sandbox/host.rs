//! The sandbox's host: what `vmadm`, `zlogin` and their like do to real zones.
//!
//! Each test has a host of its own, whose supervisor ends with it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use zonewright::sandbox;

use super::harness::{BINARY, Ran};

const IMAGE: &str = "2f1dc911-6401-4fa4-8e9d-67ea2e39c271";
const OTHER_IMAGE: &str = "8adac45a-aca7-11ee-b53e-00151714048c";
const ONE: &str = "4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e";
const TWO: &str = "5f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e";

struct Host {
    folder: TempDir,
}

impl Host {
    /// A host without images; nothing, with the reason said, where there can be no sandbox.
    fn new() -> Option<Self> {
        if let Some(missing) = sandbox::requirements().first() {
            let what = format!("the sandbox needs {}: {}", missing.what, missing.remedy);
            assert!(std::env::var_os("CI").is_none(), "{what}");
            eprintln!("skipped: {what}");
            return None;
        }
        let host = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        host.tool(&["sandbox", "up", "global"]).succeeds();
        Some(host)
    }

    /// A host with both images.
    fn with_images() -> Option<Self> {
        let host = Self::new()?;
        for image in [IMAGE, OTHER_IMAGE] {
            host.global(&format!("imgadm import -q {image}")).succeeds();
        }
        Some(host)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(arguments);
        command.env(sandbox::paths::STATE_VARIABLE, self.folder.path());
        command
    }

    fn tool(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments))
    }

    fn in_global(&self, script: &str) -> Command {
        let shell = [
            "sandbox",
            "shell",
            "global",
            "--",
            "/usr/bin/bash",
            "-c",
            script,
        ];
        self.command(&shell)
    }

    /// Runs a script in the global zone.
    fn global(&self, script: &str) -> Ran {
        Ran::of(self.in_global(script))
    }

    /// The same with something to read.
    fn fed(&self, script: &str, input: &[u8]) -> Ran {
        let mut command = self.in_global(script);
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        Ran::ended(&command, output)
    }

    fn create(&self, payload: &Value) -> Ran {
        self.fed("vmadm create", payload.to_string().as_bytes())
    }

    fn get(&self, uuid: &str) -> Value {
        let ran = self.global(&format!("vmadm get {uuid}")).succeeds();
        serde_json::from_str(&ran.out).unwrap()
    }

    /// Waits until a script in the global zone succeeds.
    fn until(&self, script: &str) {
        let begun = Instant::now();
        while self.global(script).status != 0 {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "never true: {script}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.command(&["sandbox", "down"]).output();
    }
}

fn payload(uuid: &str, more: Value) -> Value {
    let mut payload = json!({
        "uuid": uuid, "brand": "joyent", "image_uuid": IMAGE, "max_physical_memory": 512,
        "nics": [{"nic_tag": "admin", "ips": ["dhcp"], "primary": true}],
    });
    for (key, value) in more.as_object().unwrap() {
        payload[key] = value.clone();
    }
    payload
}

#[test]
fn a_machine_is_made_provisioned_ended_and_removed() {
    let Some(host) = Host::with_images() else {
        return;
    };
    let script =
        "#!/bin/sh\necho \"$(mdata-get sdc:alias) $(mdata-get word)\" >> /var/tmp/ran\nexit 4\n";
    let ran = host.create(&payload(
        ONE,
        json!({
            "alias": "one", "hostname": "one", "resolvers": ["192.0.2.53"], "dns_domain": "example.org",
            "customer_metadata": {"user-script": script, "word": "w", "user-data": "data"},
        }),
    ));
    assert_eq!(
        (ran.status, ran.out.as_str(), ran.err.as_str()),
        (0, "", &*format!("Successfully created VM {ONE}\n"))
    );
    let shown = host.get(ONE);
    assert_eq!(
        (&shown["state"], &shown["zone_state"]),
        (&json!("running"), &json!("running"))
    );
    // the script that failed, the marker that is gone all the same
    host.until(&format!(
        "zlogin {ONE} svcs -H -o state svc:/smartdc/mdata:execute | grep maintenance"
    ));
    let inside = host.global(&format!(
        "zlogin {ONE} 'cat /var/tmp/ran /etc/resolv.conf /var/db/mdata-user-data; \
         uname -n; zonename; ls /var/svc; svcs -H -o state svc:/system/zoneinit:default'"
    ));
    assert_eq!(
        inside.succeeds().out,
        format!(
            "one w\nsearch example.org\nnameserver 192.0.2.53\ndataone\n{ONE}\nlog\nmanifest\n\
             mdata-user-script\nprofile\nprovision_success\nonline\n"
        )
    );
    let stopped = host.global(&format!("vmadm stop {ONE}"));
    assert_eq!(
        stopped.err,
        format!("Successfully completed stop for VM {ONE}\n")
    );
    let shown = host.get(ONE);
    assert_eq!(
        (&shown["state"], &shown["autoboot"]),
        (&json!("stopped"), &json!(false))
    );
    // its files are seen from outside
    let seen = host
        .global(&format!("cat /zones/{ONE}/root/var/tmp/ran"))
        .succeeds();
    assert_eq!(seen.out, "one w\n");
    host.global(&format!("vmadm start {ONE}")).succeeds();
    assert_eq!(host.get(ONE)["autoboot"], true);
    // the user's script runs at every boot
    host.until(&format!(
        "test \"$(cat /zones/{ONE}/root/var/tmp/ran | wc -l)\" -eq 2"
    ));
    host.global(&format!("vmadm delete {ONE}")).succeeds();
    let gone = host.global(&format!("vmadm get {ONE}"));
    assert_eq!(
        gone.err,
        format!("zoneadm: {ONE}: No such zone configured\n")
    );
    assert_eq!(host.global("ls /zones; vmadm lookup").succeeds().out, "");
}

#[test]
fn zlogin_joins_words_carries_streams_and_tells_the_status() {
    let Some(host) = Host::with_images() else {
        return;
    };
    host.create(&payload(ONE, json!({}))).succeeds();
    let ran = |words: &str| host.global(&format!("zlogin {ONE} {words}"));
    for status in [0, 1, 7, 255] {
        assert_eq!(ran(&format!("'exit {status}'")).status, status);
        assert_eq!(
            ran(&format!("/usr/bin/bash -c 'exit\t{status}'")).status,
            status
        );
    }
    // a killed command leaves no status, which looks like success
    assert_eq!(ran("'kill -9 $$'").status, 0);
    let split = ran("'echo out; echo err >&2'");
    assert_eq!((split.out.as_str(), split.err.as_str()), ("out\n", "err\n"));
    assert_eq!(
        ran("'id -un; pwd; echo $HOME $PATH'").out,
        "root\n/root\n/root /usr/local/sbin:/usr/local/bin:/opt/local/sbin:/opt/local/bin:/usr/sbin:/usr/bin:/sbin\n"
    );
    // several words: one with a blank is quoted, everything else is read again
    assert_eq!(
        ran("echo 'a  b' '$((1+1))' 'c;' echo d").out,
        "a  b 2 c\nd\n"
    );
    assert_eq!(ran("echo 'it'\\''s here'").status, 2);
    let as_admin = host.global(&format!("zlogin -l admin {ONE} 'id -un; pwd'"));
    assert_eq!(as_admin.out, "admin\n/home/admin\n");
    let bytes: Vec<u8> = (0..=255u8).cycle().take(200_000).collect();
    let fed = host.fed(&format!("zlogin {ONE} wc -c"), &bytes);
    assert_eq!(fed.out.trim(), "200000");
    let script = b"x='a \"b\" $c'\necho \"$x\"\nexit 3\n";
    let fed = host.fed(&format!("zlogin {ONE} /usr/bin/bash -s"), script);
    assert_eq!((fed.status, fed.out.as_str()), (3, "a \"b\" $c\n"));
    let starved = host.fed(&format!("zlogin -n {ONE} wc -c"), b"unread");
    assert_eq!(starved.out.trim(), "0");
    for (words, line) in [
        (
            format!("{TWO} true"),
            format!("zlogin: zone '{TWO}' unknown\n"),
        ),
        (
            format!("{ONE} true"),
            format!("zlogin: login allowed only to running zones ({ONE} is 'installed').\n"),
        ),
    ] {
        host.global(&format!("vmadm stop -F {ONE}")).succeeds();
        let refused = host.global(&format!("zlogin {words}"));
        assert_eq!((refused.status, refused.err), (1, line));
    }
}

#[test]
fn a_reprovisioned_machine_has_a_new_root_and_the_same_data() {
    let Some(host) = Host::with_images() else {
        return;
    };
    if !std::path::Path::new("/dev/fuse").exists() {
        assert!(std::env::var_os("CI").is_none(), "ZFS needs /dev/fuse");
        return eprintln!("skipped: ZFS needs /dev/fuse");
    }
    let more = json!({"alias": "one", "delegate_dataset": true, "quota": 50,
                      "customer_metadata": {"kept": "k"}});
    host.create(&payload(ONE, more)).succeeds();
    let inside = |script: &str| {
        host.fed(&format!("zlogin {ONE} bash -s"), script.as_bytes())
            .succeeds()
            .out
    };
    inside(&format!(
        "set -e; zfs set mountpoint=/data zones/{ONE}/data; zfs create zones/{ONE}/data/tm1\n\
         zfs set recordsize=64K zones/{ONE}/data/tm1; echo kept > /data/tm1/f; echo lost > /var/tmp/f\n\
         zfs snapshot zones/{ONE}/data/tm1@s; head -c 300000 /dev/urandom > /data/tm1/bytes"
    ));
    let look = format!(
        "digest -a sha256 /data/tm1/bytes; cat /data/tm1/f\n\
         zfs get -rHp -o name,property,value mountpoint,recordsize,guid,creation zones/{ONE}/data"
    );
    let before = inside(&look);
    let zfs = host
        .global(&format!("zfs get -Hp -o value quota zones/{ONE}"))
        .succeeds();
    assert_eq!(zfs.out.trim(), (50u64 << 30).to_string());
    let ran = host.fed(
        &format!("vmadm reprovision {ONE}"),
        json!({ "image_uuid": OTHER_IMAGE }).to_string().as_bytes(),
    );
    assert_eq!(
        (ran.status, ran.err),
        (0, format!("Successfully reprovisioned VM {ONE}\n"))
    );
    assert_eq!(inside(&look), before);
    assert_eq!(
        inside("cat /etc/pkgsrc_version; ls /var/tmp; mdata-get kept; grep Image /etc/product"),
        "release: 2023Q4\narchitecture: x86_64\nk\nImage: base-64-lts 23.4.0\n"
    );
    let shown = host.get(ONE);
    assert_eq!(
        (&shown["alias"], &shown["state"]),
        (&json!("one"), &json!("running"))
    );
    assert_eq!(
        (&shown["image_uuid"], &shown["quota"]),
        (&json!(OTHER_IMAGE), &json!(50))
    );
    let refused = host.global(&format!("vmadm create-snapshot {ONE} s"));
    assert_eq!(
        refused.err,
        "Cannot currently snapshot zones that have datasets\n"
    );
    host.global(&format!("vmadm update {ONE} indestructible_delegated=true"))
        .succeeds();
    let refused = host.global(&format!("vmadm delete {ONE}"));
    assert_eq!(
        refused.err,
        format!("Failed to delete VM {ONE}: indestructible_delegated is set, cannot delete\n")
    );
    host.global(&format!(
        "vmadm update {ONE} indestructible_delegated=false"
    ))
    .succeeds();
    host.global(&format!("vmadm delete {ONE}")).succeeds();
    let left = host.global("zfs list -H -o name").succeeds().out;
    assert!(!left.contains(ONE), "{left}");
}

#[test]
fn a_first_boot_that_does_not_end_leaves_a_failed_machine_behind() {
    let Some(host) = Host::with_images() else {
        return;
    };
    host.tool(&["sandbox", "up", "global", "--fault", "now=impatient(1500)"])
        .succeeds();
    let nics = |tag: &str| json!({"nics": [{"nic_tag": tag, "ips": ["192.0.2.10/24"]}]});
    host.create(&payload(ONE, nics("admin"))).succeeds();
    // on another tag it is no conflict for vmadm, and a duplicate for the zone
    let ran = host.create(&payload(TWO, nics("external")));
    assert_eq!(
        (ran.status, ran.out.as_str(), ran.err.as_str()),
        (
            1,
            "",
            &*format!("timed out waiting for /var/svc/provisioning to move for {TWO}\n")
        )
    );
    let shown = host.get(TWO);
    assert_eq!(
        (&shown["state"], &shown["zone_state"]),
        (&json!("failed"), &json!("installed"))
    );
    let log = host.global(&format!(
        "cat /zones/{TWO}/root/var/svc/log/system-zoneinit:default.log"
    ));
    assert!(log.succeeds().out.contains("192.0.2.10 is a duplicate"));
    host.global(&format!("vmadm delete {TWO}")).succeeds();
    let uuids = host.global("vmadm lookup").succeeds();
    assert_eq!(uuids.out, format!("{ONE}\n"));
}

#[test]
fn a_host_that_reboots_boots_what_ran_and_leaves_what_was_stopped() {
    let Some(host) = Host::with_images() else {
        return;
    };
    host.create(&payload(ONE, json!({"alias": "one"})))
        .succeeds();
    host.create(&payload(TWO, json!({"alias": "two", "autoboot": false})))
        .succeeds();
    assert_eq!(host.get(TWO)["state"], "stopped");
    host.global(&format!("zlogin {ONE} touch /var/tmp/before /tmp/before"))
        .succeeds();
    host.tool(&["sandbox", "up", "global", "--fault", "now=reboot"])
        .succeeds();
    host.until(&format!("zlogin {ONE} true"));
    let files = host
        .global(&format!("zlogin {ONE} ls /var/tmp /tmp"))
        .succeeds();
    assert!(
        files.out.contains("/var/tmp:\nbefore") && !files.out.contains("/tmp:\nbefore\n\n/var")
    );
    assert_eq!(host.get(TWO)["state"], "stopped");
    // started, it is one of those that boot with the host
    host.global(&format!("vmadm start {TWO}; vmadm stop {ONE}"))
        .succeeds();
    host.tool(&["sandbox", "up", "global", "--fault", "now=reboot"])
        .succeeds();
    host.until(&format!("zlogin {TWO} true"));
    assert_eq!(host.get(ONE)["state"], "stopped");
}

#[test]
fn a_zone_of_the_tools_own_is_a_machine_among_the_others() {
    let Some(host) = Host::with_images() else {
        return;
    };
    host.tool(&["sandbox", "up", "ours"]).succeeds();
    host.create(&payload(
        ONE,
        json!({"alias": "one", "nics": [
        {"nic_tag": "admin", "ips": ["192.0.2.77/24"], "gateways": ["192.0.2.1"]}]}),
    ))
    .succeeds();
    let rows = host
        .global("vmadm list -H -o alias,state,ram -s alias")
        .succeeds();
    assert_eq!(
        rows.out,
        "one         running           512\nours        running           1024\n"
    );
    let zones = host.global("zoneadm list -cp").succeeds().out;
    assert_eq!(
        zones.lines().next(),
        Some("0:global:running:/::liveimg:shared:0")
    );
    assert_eq!(zones.lines().count(), 3);
    // both are reached from the host by their addresses
    let ours = host.global("vmadm lookup alias=ours").succeeds().out;
    let lease = host.global(&format!(
        "zlogin {} ipadm show-addr -p -o type,addr | grep ^dhcp",
        ours.trim()
    ));
    let lease = lease
        .succeeds()
        .out
        .trim()
        .replace("dhcp:", "")
        .replace("/24", "");
    for address in [lease.as_str(), "192.0.2.77"] {
        host.until(&format!(
            "exec 3<>/dev/tcp/{address}/22 && read -r line <&3 && [[ $line == SSH-2.0-* ]]"
        ));
    }
    let list = host.tool(&["sandbox", "list", "--json"]).succeeds();
    let list: Value = serde_json::from_str(&list.out).unwrap();
    let names: Vec<&str> = list["zones"]
        .as_array()
        .unwrap()
        .iter()
        .map(|zone| zone["alias"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["global", "one", "ours"]);
    let down = host.tool(&["sandbox", "down", "one"]).succeeds();
    assert_eq!(down.out, "ended and removed: one\n");
    assert_eq!(
        host.global("vmadm list -H -o alias").succeeds().out,
        "ours\n"
    );
}

#[test]
fn folders_of_the_host_are_lent_to_a_zone() {
    let Some(host) = Host::with_images() else {
        return;
    };
    host.global("mkdir -p /opt/backups; echo lent > /opt/backups/f")
        .succeeds();
    let lofs = |source: &str| {
        json!({"filesystems": [
        {"type": "lofs", "source": source, "target": "/backup", "options": ["nodevices"]}]})
    };
    host.create(&payload(ONE, lofs("/opt/backups"))).succeeds();
    let ran = host.global(&format!(
        "zlogin {ONE} 'cat /backup/f; echo back > /backup/g'; cat /opt/backups/g"
    ));
    assert_eq!(ran.succeeds().out, "lent\nback\n");
    let ran = host.create(&payload(TWO, lofs("/opt/nowhere")));
    assert_eq!(ran.status, 1);
    assert!(
        ran.err
            .contains("could not verify fs /backup: could not access /opt/nowhere"),
        "{}",
        ran.err
    );
    assert_eq!(host.get(TWO)["state"], "failed");
    host.global(&format!("vmadm delete {ONE}")).succeeds();
    assert_eq!(host.global("cat /opt/backups/g").succeeds().out, "back\n");
}

#[test]
fn metadata_go_both_ways() {
    let Some(host) = Host::with_images() else {
        return;
    };
    let more = json!({"customer_metadata": {"a": "1"}, "internal_metadata": {"x_pw": "p"}});
    host.create(&payload(ONE, more)).succeeds();
    let inside = |words: &str| host.global(&format!("zlogin {ONE} {words}"));
    assert_eq!(
        inside("'mdata-get a; mdata-get x_pw; mdata-list'").out,
        "1\np\na\n"
    );
    inside("'mdata-put b two; mdata-delete a'").succeeds();
    assert_eq!(host.get(ONE)["customer_metadata"], json!({"b": "two"}));
    let change = json!({"set_customer_metadata": {"c": "3"}, "alias": "named",
                        "maintain_resolvers": true, "resolvers": ["192.0.2.9"]});
    host.fed(
        &format!("vmadm update {ONE}"),
        change.to_string().as_bytes(),
    )
    .succeeds();
    assert_eq!(
        inside("'mdata-get c; mdata-get sdc:alias'").out,
        "3\nnamed\n"
    );
    // an update of maintained resolvers is fetched at once
    host.until(&format!("zlogin {ONE} grep 192.0.2.9 /etc/resolv.conf"));
    let missing = inside("mdata-get a");
    assert_eq!(
        (missing.status, missing.err.as_str()),
        (1, "No metadata for 'a'\n")
    );
}

#[test]
fn faults_strike_the_hosts_commands_too() {
    let Some(host) = Host::with_images() else {
        return;
    };
    let arm = |fault: &str| {
        host.tool(&["sandbox", "up", "global", "--fault", fault])
            .succeeds();
    };
    arm("vmadm=fail(1,no such luck)");
    let ran = host.create(&payload(ONE, json!({})));
    assert_eq!((ran.status, ran.err.as_str()), (1, "no such luck\n"));
    host.create(&payload(ONE, json!({}))).succeeds();
    arm("imgadm=print([])");
    assert_eq!(host.global("imgadm list -j").succeeds().out, "[]\n");
    host.tool(&["sandbox", "up", "global", "--no-faults"])
        .succeeds();
    assert_eq!(
        host.global("vmadm lookup").succeeds().out,
        format!("{ONE}\n")
    );
}

/// What is asked in the global zone, the status, and what is said on either stream.
type Row<'a> = (&'a str, i32, &'a str, &'a str);

fn check(host: &Host, rows: &[Row]) {
    for (script, status, out, err) in rows {
        let fill = |text: &str| {
            text.replace("IMAGE", IMAGE)
                .replace("OTHER", OTHER_IMAGE)
                .replace("NOBODY", TWO)
                .replace("ABSENT", "b933df4b-b8f4-4bef-ad1e-236a20304496")
        };
        let ran = host.global(&fill(script));
        assert_eq!(
            (ran.status, ran.out, ran.err),
            (*status, fill(out), fill(err)),
            "{script}"
        );
    }
}

const LISTED: &str = "IMAGE  base-64-lts  24.4.1  smartos  zone-dataset  2025-01-06\n";

/// One row for each sentence of facts 3.1 that a zone can cause.
#[test]
fn images_come_and_go_in_imgadms_words() {
    let Some(host) = Host::new() else { return };
    let head =
        "UUID                                  NAME         VERSION  OS       TYPE          PUB\n";
    let list = format!("{head}{}", LISTED.replace("24.4.1", "24.4.1 "));
    check(
        &host,
        &[
            ("imgadm sources", 0, "https://images.smartos.org\n", ""),
            (
                "imgadm sources -a https://x.example",
                0,
                "Added \"imgapi\" image source \"https://x.example\"\n",
                "",
            ),
            (
                "imgadm sources -a https://x.example",
                0,
                "Already have \"imgapi\" image source \"https://x.example\", no change\n",
                "",
            ),
            (
                "imgadm sources -d https://x.example",
                0,
                "Deleted \"imgapi\" image source \"https://x.example\"\n",
                "",
            ),
            (
                "imgadm sources -d https://x.example",
                0,
                "Do not have image source \"https://x.example\", no change\n",
                "",
            ),
            // nothing at all where no row is left, not even the headings
            ("imgadm list", 0, "", ""),
            ("imgadm avail name=none", 0, "", ""),
            ("imgadm list -j", 0, "[]\n", ""),
            (
                "imgadm get IMAGE",
                3,
                "",
                "imgadm get: error (ImageNotInstalled): image \"IMAGE\" was not found on zpool \
                 \"zones\"\n",
            ),
            (
                "imgadm import IMAGE",
                0,
                "Importing IMAGE (base-64-lts@24.4.1) from \"https://images.smartos.org\"\n\
                 Gather image IMAGE ancestry\n\
                 Must download and install 1 image (228.0 MiB)\n\
                 Downloaded image IMAGE (228.0 MiB)\n\
                 Imported image IMAGE (base-64-lts@24.4.1)\n",
                "",
            ),
            (
                "imgadm import IMAGE",
                0,
                "Image IMAGE (base-64-lts 24.4.1) is already installed, skipping\n",
                "",
            ),
            ("imgadm list", 0, &list, ""),
            ("imgadm list -H", 0, LISTED, ""),
            (
                "imgadm avail -H -o version name=base-64-lts version=24.4.1",
                0,
                "24.4.1\n",
                "",
            ),
            (
                "imgadm get -P zones IMAGE | json manifest.name zpool",
                0,
                "base-64-lts\nzones\n",
                "",
            ),
            ("imgadm show OTHER | json version", 0, "23.4.0\n", ""),
            (
                "imgadm import NOBODY",
                1,
                "",
                "imgadm import: error (ActiveImageNotFound): an active image \"NOBODY\" was not \
                 found in image sources\n",
            ),
            (
                "imgadm show NOBODY",
                1,
                "",
                "imgadm show: error (ImageNotFound): image \"NOBODY\" was not found\n",
            ),
            (
                "imgadm import base",
                1,
                "",
                "imgadm import: error (InvalidUUID): invalid uuid: \"base\"\n",
            ),
            (
                "imgadm delete OTHER",
                3,
                "",
                "imgadm delete: error (ImageNotInstalled): image \"OTHER\" was not found on zpool \
                 \"zones\"\n",
            ),
            (
                "imgadm import ABSENT",
                99,
                "",
                "imgadm import: the image base-64-lts 25.4.0: not emulated in the sandbox\n",
            ),
            (
                "imgadm install -m a -f b",
                99,
                "",
                "imgadm: install: not emulated in the sandbox\n",
            ),
            (
                "imgadm sources -d https://images.smartos.org >/dev/null; imgadm avail",
                1,
                "",
                "imgadm avail: error (NoSources): imgadm has no configured sources\n",
            ),
        ],
    );
    host.create(&payload(ONE, json!({}))).succeeds();
    check(
        &host,
        &[
            (
                "imgadm delete IMAGE",
                1,
                "",
                &format!(
                    "imgadm delete: error (ImageHasDependentClones): image \"IMAGE\" has dependent \
                     clones: zones/{ONE}\n"
                ),
            ),
            ("imgadm vacuum -f", 0, "", ""),
            (&format!("vmadm delete {ONE} 2>/dev/null"), 0, "", ""),
            (
                "imgadm vacuum -f",
                0,
                "Deleted image IMAGE (base-64-lts@24.4.1)\n",
                "",
            ),
            ("imgadm list", 0, "", ""),
        ],
    );
}

#[test]
fn a_minimal_zone_has_few_services_and_is_provisioned_without_a_reboot() {
    let Some(host) = Host::with_images() else {
        return;
    };
    let more = json!({"brand": "joyent-minimal", "nowait": true});
    host.create(&payload(ONE, more)).succeeds();
    host.until(&format!("vmadm get {ONE} | grep '\"state\": \"running\"'"));
    let inside = |words: &str| host.global(&format!("zlogin {ONE} {words}"));
    host.until(&format!(
        "zlogin {ONE} svcs -H -o state svc:/smartdc/mdata:execute | grep online"
    ));
    assert_eq!(inside("svcs -H network/ssh").status, 1);
    assert_eq!(inside("ls /var/svc/log").out.matches("zoneinit").count(), 0);
    assert_eq!(inside("mdata-get sdc:brand").out, "joyent-minimal\n");
}

/// Facts 6 and the global rules.
#[test]
fn tags_are_listed_and_the_hosts_commands_stay_in_the_host() {
    let Some(host) = Host::with_images() else {
        return;
    };
    check(
        &host,
        &[
            (
                "nictagadm list -p -d ,",
                0,
                "admin,02:08:20:00:00:01,igb0,normal\nexternal,02:08:20:00:00:02,igb1,normal\n",
                "",
            ),
            (
                "nictagadm list -p | head -1",
                0,
                "admin:02\\:08\\:20\\:00\\:00\\:01:igb0:normal\n",
                "",
            ),
            ("nictagadm exists admin", 0, "", ""),
            ("nictagadm exists foo", 1, "", "invalid tag: foo\n"),
            ("nictagadm exists -l foo", 1, "", "foo\n"),
            ("nictagadm add -l stub0", 0, "", ""),
            (
                "nictagadm list -l -p -d ,",
                0,
                "stub0,-,stub0,etherstub\n",
                "",
            ),
            ("zonename; zonename -t", 0, "global\nshared\n", ""),
            ("sysinfo | json 'SDC Version' Zpool", 0, "7.0\nzones\n", ""),
            (
                "zlogin global true",
                1,
                "",
                "zlogin: 'zlogin' not applicable to the global zone\n",
            ),
        ],
    );
    let nics = json!({"nics": [{"nic_tag": "stub0", "ips": ["192.0.2.10/24"]}]});
    host.create(&payload(ONE, nics)).succeeds();
    assert_eq!(host.global("nictagadm vms stub0").out, format!("{ONE}\n"));
    for (command, status, line) in [
        (
            "vmadm list",
            2,
            "FATAL: cannot run because: must be in the global zone",
        ),
        (
            "imgadm list",
            2,
            "imgadm: error: cannot run: must be in the global zone",
        ),
        (
            "nictagadm list",
            1,
            "Error: This program can only be run in the global zone.",
        ),
    ] {
        let ran = host.global(&format!("zlogin {ONE} {command}"));
        assert_eq!(
            (ran.status, ran.err),
            (status, format!("{line}\n")),
            "{command}"
        );
    }
}

/// The address of a machine is its own for as long as nobody else takes it.
#[test]
fn a_machine_that_boots_again_has_the_address_that_it_had() {
    let Some(host) = Host::with_images() else {
        return;
    };
    host.create(&payload(ONE, json!({}))).succeeds();
    host.create(&payload(TWO, json!({}))).succeeds();
    let lease = |uuid: &str| {
        let words = "ipadm show-addr -p -o addr,type | grep dhcp";
        let ran = host.global(&format!("zlogin {uuid} '{words}'"));
        ran.succeeds().out
    };
    let before = (lease(ONE), lease(TWO));
    assert_ne!(before.0, before.1);
    host.global(&format!(
        "vmadm stop -F {ONE}; vmadm reboot -F {TWO}; vmadm start {ONE}"
    ))
    .succeeds();
    assert_eq!((lease(ONE), lease(TWO)), before);
}
