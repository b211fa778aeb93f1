//! `list`, `lookup` and `get`: facts 1.4 and 1.5.

use super::*;

fn output(words: &str) -> String {
    let answer = vmadm(&Table::new(), words, "");
    assert_eq!((answer.status, answer.errors.as_str()), (0, ""), "{words}");
    answer.output
}

fn error(words: &str) -> String {
    let answer = vmadm(&Table::new(), words, "");
    assert_eq!((answer.status, answer.output.as_str()), (1, ""), "{words}");
    answer.errors.trim_end().to_owned()
}

#[test]
fn machines_are_listed_by_memory_in_columns() {
    let expected = format!(
        "UUID                                  TYPE  RAM      STATE             ALIAS\n\
         {STOPPED}  OS    512      stopped           stopped\n\
         {FAILED}  OS    512      failed            failed\n\
         {RUNS}  OS    1024     running           runs\n"
    );
    assert_eq!(output("list"), expected);
    assert_eq!(output("list -H").lines().count(), 3);
    assert_eq!(
        output("list -H -o alias -s -ram,alias"),
        "runs\nfailed\nstopped\n"
    );
    assert_eq!(
        output("list -p -o alias,ram,cpu_cap,state state=running"),
        "runs:1024::running\n"
    );
    assert_eq!(
        output("list -H -o alias,cpu_cap alias=runs"),
        "runs        -\n"
    );
    assert_eq!(output("list -H -o nics.0.ip alias=runs"), "192.0.2.10\n");
}

#[test]
fn filters_are_exact_or_with_a_tilde_a_pattern_and_all_of_them_hold() {
    let aliases = |filters: &str| output(&format!("list -H -o alias {filters}"));
    assert_eq!(aliases("alias=run"), "");
    assert_eq!(aliases("alias=~^RUN"), "runs\n");
    assert_eq!(aliases("alias=~. state=stopped"), "stopped\n");
    assert_eq!(aliases("nics.*.ip=192.0.2.12"), "failed\n");
    assert_eq!(aliases("nics.0.nic_tag=admin ram=1024"), "runs\n");
}

#[test]
fn lookup_prints_uuids_or_json() {
    assert_eq!(output("lookup alias=runs"), format!("{RUNS}\n"));
    assert_eq!(output("lookup alias=nobody"), "");
    assert_eq!(output("lookup -j alias=nobody"), "[]\n");
    assert_eq!(
        output("lookup -j -o uuid,state,type,ram alias=runs"),
        format!(
            "[\n  {{\n    \"uuid\": \"{RUNS}\",\n    \"state\": \"running\",\n    \"type\": \"OS\",\n    \
             \"ram\": 1024\n  }}\n]\n"
        )
    );
    assert_eq!(output("lookup -1 alias=runs"), format!("{RUNS}\n"));
    let whole: Value = serde_json::from_str(&output("lookup -j alias=runs")).unwrap();
    assert_eq!(whole[0]["datasets"], json!([format!("zones/{RUNS}/data")]));
}

#[test]
fn what_cannot_be_asked_is_refused() {
    assert_eq!(
        error("lookup -1 alias=nobody"),
        "Requested unique lookup but found 0 results."
    );
    assert_eq!(
        error("lookup -1"),
        "Requested unique lookup but found 3 results."
    );
    assert_eq!(
        error("lookup nics.0.ips=x"),
        "Invalid lookup key: \"nics.0.ips\""
    );
    assert_eq!(error("lookup -o uuid"), "Cannot specify -o without -j");
    assert_eq!(error("list colour=red"), "Invalid filter key: \"colour\"");
    assert_eq!(
        error("list -o nics.*.ip"),
        "Invalid order key: \"nics.*.ip\""
    );
    assert_eq!(error("list -o colour"), "invalid order field: colour");
}

#[test]
fn get_prints_what_the_record_holds() {
    let host = Table::new();
    let text = vmadm(&host, &format!("get {RUNS}"), "").output;
    assert!(text.starts_with("{\n  \"zonename\": \"") && text.ends_with("\n}\n"));
    assert_eq!(text, vmadm(&host, &format!("json {RUNS}"), "").output);
    let shown: Value = serde_json::from_str(&text).unwrap();
    let nic = &shown["nics"][0];
    assert_eq!(
        (&nic["ip"], &nic["ips"]),
        (&json!("192.0.2.10"), &json!(["192.0.2.10/24"]))
    );
    assert_eq!(
        (&shown["state"], &shown["zone_state"]),
        (&json!("running"), &json!("running"))
    );
    let stopped: Value = serde_json::from_str(&output(&format!("get {STOPPED}"))).unwrap();
    assert_eq!(stopped["zone_state"], "installed");
    assert!(stopped.get("pid").is_none() && stopped.get("datasets").is_none());
}
