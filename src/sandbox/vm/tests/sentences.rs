//! What commands say and how they end: facts 1.1, 1.2 and the no-ops.

use super::*;

/// One row: the words after `vmadm`, standard input, the status, and the line on standard error.
type Row<'a> = (&'a str, &'a str, i32, &'a str);

fn check(rows: &[Row]) {
    for (words, input, status, line) in rows {
        let words = fill(words);
        let answer = vmadm(&Table::new(), &words, &fill(input));
        let expected = Answer {
            status: *status,
            output: String::new(),
            errors: format!("{}\n", fill(line)),
        };
        assert_eq!(answer, expected, "vmadm {words}");
    }
}

fn fill(text: &str) -> String {
    text.replace("RUNS", RUNS)
        .replace("STOPPED", STOPPED)
        .replace("FAILED", FAILED)
        .replace("NOBODY", NOBODY)
        .replace("OTHER", OTHER_IMAGE)
        .replace("IMAGE", IMAGE)
}

/// Facts 1.1: success is a sentence on standard error, and standard output is empty.
#[test]
fn success_is_said_on_standard_error() {
    check(&[
        (
            "create",
            r#"{"uuid": "NOBODY", "brand": "joyent", "image_uuid": "IMAGE"}"#,
            0,
            "Successfully created VM NOBODY",
        ),
        (
            "create -f -",
            r#"{"image_uuid": "IMAGE"}"#,
            0,
            "Successfully created VM 44444444-4444-4444-8444-444444444444",
        ),
        (
            "validate create",
            r#"{"brand": "joyent", "image_uuid": "IMAGE"}"#,
            0,
            "VALID 'create' payload for joyent brand VMs.",
        ),
        (
            "validate update joyent-minimal",
            r#"{"quota": 20}"#,
            0,
            "VALID 'update' payload for joyent-minimal brand VMs.",
        ),
        (
            "update RUNS",
            r#"{"quota": 20}"#,
            0,
            "Successfully updated VM RUNS",
        ),
        (
            "update RUNS quota=20",
            "",
            0,
            "Successfully updated VM RUNS",
        ),
        ("start STOPPED", "", 0, "Successfully started VM STOPPED"),
        ("boot STOPPED", "", 0, "Successfully started VM STOPPED"),
        (
            "stop RUNS",
            "",
            0,
            "Successfully completed stop for VM RUNS",
        ),
        (
            "halt RUNS -F",
            "",
            0,
            "Successfully completed stop for VM RUNS",
        ),
        (
            "reboot RUNS",
            "",
            0,
            "Successfully completed reboot for VM RUNS",
        ),
        (
            "reboot -F RUNS",
            "",
            0,
            "Successfully completed reboot for VM RUNS",
        ),
        ("delete STOPPED", "", 0, "Successfully deleted VM STOPPED"),
        ("destroy FAILED", "", 0, "Successfully deleted VM FAILED"),
        (
            "reprovision RUNS",
            r#"{"image_uuid": "OTHER"}"#,
            0,
            "Successfully reprovisioned VM RUNS",
        ),
        (
            "create-snapshot STOPPED before",
            "",
            0,
            "Created snapshot before for VM STOPPED",
        ),
    ]);
    let host = Table::new();
    for (words, line) in [
        (
            "create-snapshot STOPPED a",
            "Created snapshot a for VM STOPPED",
        ),
        (
            "rollback-snapshot STOPPED a",
            "Rolled back snapshot a for VM STOPPED",
        ),
        (
            "delete-snapshot STOPPED a",
            "Deleted snapshot a for VM STOPPED",
        ),
    ] {
        let answer = vmadm(&host, &fill(words), "");
        assert_eq!(answer.errors, fill(line) + "\n");
        assert_eq!((answer.status, answer.output.as_str()), (0, ""));
    }
}

/// Facts 1.1: what reads like a mistake and ends with 0, and its counterpart that does not.
#[test]
fn what_is_so_already_reads_like_a_mistake_and_is_none() {
    check(&[
        (
            "start RUNS",
            "",
            0,
            "Unable to start VM RUNS: VM RUNS is already 'running'",
        ),
        (
            "stop STOPPED",
            "",
            0,
            "VM STOPPED is already not 'running' (currently: stopped)",
        ),
        (
            "stop -F FAILED",
            "",
            0,
            "VM FAILED is already not 'running' (currently: failed)",
        ),
        (
            "reboot STOPPED",
            "",
            1,
            "Cannot reboot vm from state \"stopped\", must be \"running\"",
        ),
    ]);
}

/// Facts 1.2: which machine is meant.
#[test]
fn a_machine_that_is_not_there_is_said_in_many_ways() {
    check(&[
        (
            "get NOBODY",
            "",
            1,
            "zoneadm: NOBODY: No such zone configured",
        ),
        (
            "json NOBODY",
            "",
            1,
            "zoneadm: NOBODY: No such zone configured",
        ),
        ("update NOBODY quota=1", "", 1, "VM NOBODY not found"),
        ("stop NOBODY", "", 1, "VM NOBODY not found"),
        ("create-snapshot NOBODY a", "", 1, "VM NOBODY not found"),
        ("delete-snapshot NOBODY a", "", 1, "VM NOBODY not found"),
        (
            "delete NOBODY",
            "",
            1,
            "Failed to delete VM NOBODY: VM NOBODY not found",
        ),
        (
            "reprovision NOBODY",
            "{}",
            1,
            "Failed to reprovision VM NOBODY: VM NOBODY not found",
        ),
        (
            "start NOBODY",
            "",
            1,
            "Unable to start VM NOBODY: bad statusCode: 404",
        ),
        ("stop -F NOBODY", "", 1, "bad statusCode: 404"),
        ("reboot NOBODY", "", 1, "bad statusCode: 404"),
        ("rollback-snapshot NOBODY a", "", 1, "bad statusCode: 404"),
        (
            "info NOBODY",
            "",
            1,
            "Unable to get VM info for VM NOBODY: bad statusCode: 404",
        ),
    ]);
}

/// Facts 1.2: payloads that cannot be read.
#[test]
fn a_payload_that_cannot_be_read_is_refused() {
    check(&[
        // (inferred: the words after the colon depend on Node's version)
        (
            "create",
            "",
            1,
            "Invalid JSON payload: Unexpected end of JSON input",
        ),
        (
            "update RUNS",
            "{\"a\"",
            1,
            "Invalid JSON payload: Unexpected end of JSON input",
        ),
        (
            "create",
            "{]",
            1,
            "Invalid JSON payload: Unexpected token ] in JSON at position 1",
        ),
        (
            "create -f /nowhere/x",
            "",
            1,
            "File: /nowhere/x does not exist.",
        ),
    ]);
}

/// Facts 1.2: called wrongly, with the usage after the message and status 2.
#[test]
fn a_wrong_call_ends_with_two_and_the_usage() {
    for (words, line) in [
        ("frobnicate", "Invalid command: \"frobnicate\"."),
        ("get", "Invalid or missing UUID for get"),
        ("get not-a-uuid", "Invalid or missing UUID for get"),
        ("delete 1111", "Invalid or missing UUID for delete"),
        (
            "create-snapshot RUNS",
            "Wrong number of parameters to \"create-snapshot\"",
        ),
        (
            "delete-snapshot RUNS a b",
            "Wrong number of parameters to \"delete-snapshot\"",
        ),
        ("validate", "Will not validate without a valid action."),
        (
            "validate update",
            "Will not validate without a valid action and brand.",
        ),
    ] {
        let answer = vmadm(&Table::new(), &fill(words), "{}");
        assert_eq!((answer.status, answer.output.as_str()), (2, ""), "{words}");
        let start = format!("{line}\nUsage: /usr/sbin/vmadm <command> [options]\n");
        assert!(
            answer.errors.starts_with(&start),
            "{words}: {}",
            answer.errors
        );
    }
    for words in ["help", "-h", "-?"] {
        let answer = vmadm(&Table::new(), words, "");
        assert_eq!((answer.status, answer.errors.as_str()), (0, ""));
        assert!(answer.output.starts_with("Usage: "));
    }
    let nothing = vmadm(&Table::new(), "", "");
    assert!(nothing.status == 2 && nothing.errors.starts_with("Usage: "));
}

/// Facts 1.2: nothing is read from a person's keyboard.
#[test]
fn a_payload_is_never_awaited_from_a_terminal() {
    for (words, line) in [
        ("create", "Will not create from stdin when stdin is a tty."),
        (
            "update RUNS",
            "Will not update from stdin when stdin is a tty.",
        ),
        (
            "reprovision RUNS",
            "Will not take payload from stdin when stdin is a tty.",
        ),
    ] {
        let answer = asked(&Table::new(), &fill(words), "", true);
        assert_eq!(answer.status, 2);
        assert!(answer.errors.starts_with(line), "{}", answer.errors);
    }
}

/// Facts 1.2: what a machine's own state forbids.
#[test]
fn a_machine_can_be_in_the_way_itself() {
    check(&[
        (
            "stop RUNS -t 5",
            "",
            1,
            "Timeout option is only supported for bhyve, KVM and docker containers.",
        ),
        (
            "create-snapshot RUNS a",
            "",
            1,
            "Cannot currently snapshot zones that have datasets",
        ),
        (
            "create-snapshot STOPPED a/b",
            "",
            1,
            "Invalid snapshot name",
        ),
        (
            "delete-snapshot STOPPED a",
            "",
            1,
            "No snapshot named \"a\" for STOPPED",
        ),
        (
            "rollback-snapshot STOPPED a",
            "",
            1,
            "No snapshot named \"a\" for STOPPED",
        ),
        (
            "info RUNS",
            "",
            1,
            "Unable to get VM info for VM RUNS: no info types supported for brand joyent",
        ),
        (
            "info STOPPED",
            "",
            1,
            "Unable to get VM info for VM STOPPED: Unable to get info for vm from state \
             \"stopped\", must be \"running\" or \"stopping\".",
        ),
        (
            "reprovision RUNS",
            "{}",
            1,
            "Failed to reprovision VM RUNS: payload is missing image_uuid",
        ),
    ]);
    let host = Table::new();
    assert_eq!(
        vmadm(&host, &fill("create-snapshot STOPPED a"), "").status,
        0
    );
    assert_eq!(
        vmadm(&host, &fill("create-snapshot STOPPED a"), "").errors,
        "snapshot with name \"a\" already exists.\n"
    );
    for property in ["indestructible_zoneroot", "indestructible_delegated"] {
        let host = Table::new();
        let set = vmadm(&host, &fill(&format!("update STOPPED {property}=true")), "");
        assert_eq!(set.status, 0);
        let refused = vmadm(&host, &fill("delete STOPPED"), "");
        let line = format!("Failed to delete VM STOPPED: {property} is set, cannot delete\n");
        assert_eq!((refused.status, refused.errors), (1, fill(&line)));
    }
}

/// What the sandbox does not play says so.
#[test]
fn what_is_not_emulated_ends_with_ninety_nine() {
    for words in [
        "send RUNS",
        "receive",
        "console RUNS",
        "events",
        "kill RUNS",
        "list -x",
    ] {
        let answer = vmadm(&Table::new(), &fill(words), "");
        assert_eq!(answer.status, 99, "{words}");
        assert!(answer.errors.ends_with("not emulated in the sandbox\n"));
    }
}
