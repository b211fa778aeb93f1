//! Facts that show in the middle of a run: the report has the cause in the host's words and the next command, and once
//! the file or the host is mended that command converges.

use crate::sandbox::harness::{Zone, files_below};

use super::host::{self, OF_THERE, arm, shell};
use super::site::{Edit, lacking};
use super::{Fate, Row};
use crate::hostile::row::end;

/// A run that fails.
#[derive(Debug)]
pub struct Reported {
    /// What is done on the host before.
    host: &'static str,
    faults: &'static [&'static str],
    edits: &'static [&'static [Edit]],
    /// The cause and the next command.
    says: &'static [&'static str],
    /// The host's own words, which the run's log keeps.
    host_says: &'static str,
    /// A script for what is left behind, and what it prints.
    left: [&'static str; 2],
    /// How the cause is mended: on the host, and in the file.
    mended: (&'static str, &'static [&'static [Edit]]),
    /// What is typed next, as the report says.
    next: &'static [&'static str],
}

fn reported(fact: &'static str, reported: Reported) -> Row {
    let fate = Fate::Reported(reported);
    Row { fact, fate }
}

const CREATE: &[&str] = &["zone", "create", "wanted"];
const ANEW: &[&str] = &["zone", "create", "wanted", "--replace-failed"];
const REBOOT: &[&str] = &["zone", "create", "wanted", "--reboot"];

const STATE: &str = "vmadm list -H -o state alias=wanted";

/// A zone that does not start, which is made faster.
const STOPPED: Edit = ("alias = \"wanted\"", "alias = \"wanted\"\nautoboot = false");

/// A failed zone of that uuid.
const LEFT_BEHIND: &str = r#"vmadm create <<'END'
{"brand": "joyent", "image_uuid": "2f1dc911-6401-4fa4-8e9d-67ea2e39c271", "alias": "wanted",
 "filesystems": [{"type": "lofs", "source": "/opt/nowhere", "target": "/lent", "options": []}]}
END
true"#;

/// A user-script that succeeds once.
const ONCE: &[Edit] = &[(
    "[storage]",
    "[zone.metadata]\nuser-script = \"#!/bin/sh\\nmkdir /var/tmp/once\\n\"\n\n[storage]",
)];
const OFTEN: &[Edit] = &[(
    "[storage]",
    "[zone.metadata]\nuser-script = \"#!/bin/sh\\nmkdir -p /var/tmp/once\\n\"\n\n[storage]",
)];

#[rustfmt::skip]
pub fn rows() -> Vec<Row> {
    vec![
        reported("1.2/first-boot-too-long", Reported {
            host: "true",
            faults: &["now=impatient(1500)"],
            // on another tag the host sees no conflict
            edits: &[&[("192.0.2.10/24", "192.0.2.30/24"), ("\"admin\"", "\"external\"")]],
            says: &["address 192.0.2.30 is a duplicate", "mend the cause, then", "apply wanted --replace-failed` makes the zone anew"],
            host_says: "timed out waiting for /var/svc/provisioning to move for ",
            left: [STATE, "failed\n"],
            mended: ("true", &[&[STOPPED]]),
            next: ANEW,
        }),
        reported("1.2/failed-stays", Reported {
            host: LEFT_BEHIND,
            faults: &[],
            edits: &[],
            says: &["zone wanted failed on its host", "`zonewright apply ZONE --replace-failed` makes it anew in one go", "nothing was changed"],
            host_says: "",
            left: [STATE, "failed\n"],
            mended: ("true", &[&[STOPPED]]),
            next: ANEW,
        }),
        reported("1.2/boot-fails", Reported {
            host: "true",
            faults: &[],
            edits: &[&[("\"delegated\"", "\"lofs\"\nsource = \"/opt/lent\"\ntarget = \"/var/adm/messages/lent\"")]],
            says: &["root/var/adm/messages/lent is not a directory", "apply wanted --replace-failed` makes the zone anew"],
            host_says: "Command failed: ",
            left: [STATE, "failed\n"],
            mended: ("true", &[&[STOPPED]]),
            next: ANEW,
        }),
        reported("1.2/image-unprovisionable", Reported {
            host: "true",
            // two looks at the host with two questions each, and the payload's validation
            faults: &["vmadm#6=fail(1,provisioning dataset 2f1dc911-6401-4fa4-8e9d-67ea2e39c271 with brand joyent is not supported)"],
            edits: &[&[STOPPED]],
            says: &["provisioning dataset 2f1dc911-6401-4fa4-8e9d-67ea2e39c271 with brand joyent is not supported", "mend the cause, then"],
            host_says: "is not supported",
            left: [STATE, ""],
            mended: ("true", &[&[STOPPED]]),
            next: ANEW,
        }),
        reported("3.1/download-error", Reported {
            host: "true",
            // two looks at the host with two probes each, of which the second asks the sources too
            faults: &["imgadm#11=fail(1,imgadm import: error (DownloadError): error downloading image file: socket hang up)"],
            edits: &[&[STOPPED, ("24.4.1", "23.4.0")]],
            says: &["imgadm import: error (DownloadError): error downloading image file: socket hang up", "mend the cause, then", "apply wanted` goes on from here"],
            host_says: "DownloadError",
            left: ["vmadm lookup alias=wanted; imgadm list -H -o version", "24.4.1\n"],
            mended: ("true", &[&[STOPPED, ("24.4.1", "23.4.0")]]),
            next: CREATE,
        }),
        reported("8.9/script-fails", Reported {
            host: "true",
            faults: &[],
            edits: &[&[("[storage]", "[zone.metadata]\nuser-script = \"#!/bin/sh\\necho no luck; exit 3\\n\"\n\n[storage]")]],
            says: &["zone wanted cannot be used: its user-script failed", "no luck", "`zonewright apply ZONE --reboot` runs it again",
                "what was done so far stays, and the rest was not done"],
            host_says: "",
            left: ["zlogin $(vmadm lookup alias=wanted) svcs -H -o state svc:/smartdc/mdata:execute", "maintenance\n"],
            mended: ("true", &[OFTEN]),
            next: REBOOT,
        }),
        reported("8.9/script-at-every-boot", Reported {
            host: "echo '{\"set_customer_metadata\": {\"user-script\": \"#!/bin/sh\\nmkdir /var/tmp/once\\n\"}}' | \
                   vmadm update 59cbcfdf-0000-4000-8000-000000000001; \
                   zlogin 59cbcfdf-0000-4000-8000-000000000001 mkdir -p /var/tmp/once; \
                   vmadm reboot 59cbcfdf-0000-4000-8000-000000000001; \
                   until zlogin 59cbcfdf-0000-4000-8000-000000000001 svcs -H -o state svc:/smartdc/mdata:execute | grep maintenance; do sleep 0.1; done",
            faults: &[],
            edits: &[&OF_THERE, ONCE],
            says: &["zone there cannot be used: its user-script failed", "it runs at every boot, so mend it in `[zone.metadata]`, and `zonewright apply ZONE --reboot` runs it again"],
            host_says: "",
            left: ["vmadm list -H -o state alias=there", "running\n"],
            mended: ("true", &[&OF_THERE, OFTEN]),
            next: REBOOT,
        }),
        reported("8.17/quota-below-used", Reported {
            // a zone that does not run cannot be asked what it holds
            host: "vmadm stop 59cbcfdf-0000-4000-8000-000000000001; zfs set reservation=3G zones/59cbcfdf-0000-4000-8000-000000000001/data",
            faults: &[],
            edits: &[&OF_THERE, OFTEN, &[("20 GiB", "2 GiB")]],
            says: &["size is less than current used or reserved space", "mend the cause, then", "apply wanted` goes on from here"],
            host_says: "the host did not change the zone",
            left: ["vmadm list -H -o state,quota alias=there", "stopped           20\n"],
            mended: ("zfs set reservation=none zones/59cbcfdf-0000-4000-8000-000000000001/data", &[&OF_THERE, OFTEN, &[("20 GiB", "2 GiB")]]),
            next: CREATE,
        }),
    ]
}

/// Everything that runs of this test kept.
fn logs(zone: &Zone) -> String {
    let runs = zone.folders().state.join("runs");
    let files = if runs.is_dir() {
        files_below(&runs)
    } else {
        Vec::new()
    };
    let texts = files
        .into_iter()
        .map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned());
    texts.collect()
}

/// What is wrong with a row.
fn judge(zone: &Zone, fact: &str, row: &Reported) -> Vec<String> {
    let mut wrong = Vec::new();
    shell(zone, row.host);
    arm(zone, row.faults);
    let ran = host::run(zone, fact, row.edits, CREATE);
    zone.run(&[
        "sandbox",
        "up",
        "global",
        "--no-faults",
        "--fault",
        "now=impatient(300000)",
    ])
    .succeeds();
    wrong.extend(
        lacking(&ran.err, row.says)
            .iter()
            .map(|part| format!("{fact} does not say `{part}`:\n{ran}")),
    );
    if ran.status != 1 {
        wrong.push(format!("{fact} ended with {}, not 1:\n{ran}", ran.status));
    }
    if !logs(zone).contains(row.host_says) {
        wrong.push(format!(
            "{fact}: no log has the words `{}`:\n{ran}",
            row.host_says
        ));
    }
    let left = shell(zone, row.left[0]);
    if left != row.left[1] {
        wrong.push(format!("{fact} left behind:\n{left}"));
    }
    // what the report says is to be typed next, once the cause is mended
    shell(zone, row.mended.0);
    let next = host::run(zone, fact, row.mended.1, row.next);
    let plan = zone.run(&["zone", "plan", "wanted", "--detailed-exitcode"]);
    if next.status != 0 || plan.status != 0 {
        wrong.push(format!(
            "{fact} does not converge once it is mended:\n{next}\n{plan}"
        ));
    }
    shell(
        zone,
        "for uuid in $(vmadm lookup alias=wanted); do vmadm delete $uuid; done",
    );
    wrong
}

#[test]
fn what_fails_in_a_run_is_reported_with_its_cause_and_the_command_that_converges() {
    let Some(zone) = host::empty() else { return };
    shell(&zone, &host::inhabit());
    let mut wrong = Vec::new();
    let rows = rows();
    for row in &rows {
        if let Fate::Reported(reported) = &row.fate {
            wrong.extend(judge(&zone, row.fact, reported));
        }
    }
    let count = rows
        .iter()
        .filter(|row| matches!(row.fate, Fate::Reported(_)));
    end("in a run", count.count(), &wrong);
}
