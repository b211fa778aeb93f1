//! Answers for programs, answers that cannot be written, and names that stand for nothing.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::run;

const FPING: &str = include_str!("../../recipes/fping.toml");

fn site() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["recipes", "zones"] {
        fs::create_dir(folder.path().join(part)).unwrap();
    }
    let zone = "[host]\nsandbox = true\n\n[zone]\nalias = \"house\"\n";
    fs::write(folder.path().join("zones/house.toml"), zone).unwrap();
    folder
}

fn json(folder: &Path, words: &[&str], status: i32) -> Value {
    let ran = run(folder, &[words, &["--json"]].concat()).exits(status);
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran}"))
}

#[test]
fn a_layout_is_told_to_programs() {
    let site = site();
    let crooked = FPING.replace("name      = \"fping\"", "name=\"fping\"");
    let file = site.path().join("recipes/mine.toml");
    fs::write(&file, &crooked).unwrap();
    let told = json(site.path(), &["recipe", "fmt", "--check"], 1);
    assert_eq!(told["schema"], "zonewright/recipe-fmt/v1");
    assert_eq!(
        (&told["checked"], &told["written"]),
        (&2.into(), &false.into())
    );
    assert_eq!(told["changed"][0]["file"], "recipes/mine.toml");
    let diff = told["changed"][0]["diff"].as_str().unwrap();
    assert!(diff.contains("\n-name=\"fping\"\n"), "{diff}");
    assert_eq!(fs::read_to_string(&file).unwrap(), crooked);
    let done = json(site.path(), &["recipe", "fmt"], 0);
    assert_eq!(done["written"], true);
    assert_ne!(fs::read_to_string(&file).unwrap(), crooked);
    let again = json(site.path(), &["recipe", "fmt", "--check"], 0);
    assert_eq!(again["changed"], Value::Array(Vec::new()));
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure_and_a_reader_that_has_gone_is_none() {
    let site = site();
    for words in [
        &["completions", "bash"][..],
        &["recipe", "explain"],
        &["recipe", "schema"],
        &["--help"],
    ] {
        let run = |out: Stdio| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_zonewright"));
            command.args(words).current_dir(site.path());
            command.stdout(out).output().unwrap()
        };
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let full = run(full.into());
        let said = String::from_utf8(full.stderr).unwrap();
        assert_eq!(full.status.code(), Some(1), "{words:?}: {said}");
        assert!(
            said.contains("cannot write the answer"),
            "{words:?}: {said}"
        );
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let gone = run(writer.into());
        assert_eq!(gone.status.code(), Some(0), "{words:?}");
        assert_eq!(String::from_utf8(gone.stderr).unwrap(), "", "{words:?}");
    }
}

#[test]
fn a_name_that_stands_for_nothing_is_told_with_what_was_meant() {
    let site = site();
    let log = run(site.path(), &["log", "hause"]).exits(2);
    assert!(log.err.contains("there is no zone `hause`"), "{log}");
    assert!(log.err.contains("did you mean `house`?"), "{log}");
    let log = run(site.path(), &["log", "house"]).exits(0);
    assert!(log.out.contains("no runs yet"), "{log}");
    let plan = run(site.path(), &["plan", "hause"]).exits(2);
    assert!(plan.err.contains("[unknown-zone]"), "{plan}");
    assert!(plan.err.contains("did you mean `house`?"), "{plan}");
    let check = run(site.path(), &["recipe", "check", "house"]).exits(2);
    assert!(check.out.contains("there is no recipe `house`"), "{check}");
    assert!(check.out.contains("`zones/house.toml` is there"), "{check}");
    assert!(!check.out.contains("not checked"), "{check}");
    let down = Command::new(env!("CARGO_BIN_EXE_zonewright"))
        .args(["sandbox", "down", "nosuch"])
        .env("ZONEWRIGHT_SANDBOX_DIR", site.path().join("sandbox"))
        .output()
        .unwrap();
    let said = String::from_utf8(down.stderr).unwrap();
    assert_eq!(down.status.code(), Some(2), "{said}");
    assert!(said.contains("there is no sandbox zone `nosuch`"), "{said}");
}

#[test]
fn a_key_that_cannot_be_read_is_told_at_its_line() {
    let site = site();
    let zone = "[host]\nssh = \"root@127.0.0.1:1\"\n\n[zone]\nimage = \"base-64-lts@24.4.1\"\n\
                quota = \"100 GiB\"\nssh-keys = [\n  \"keys/gone.pub\",\n]\n\n[[zone.nic]]\ntag = \"admin\"\n\
                address = \"dhcp\"\n";
    fs::write(site.path().join("zones/far.toml"), zone).unwrap();
    for (verb, status) in [("plan", 2), ("apply", 2), ("status", 1)] {
        let ran = run(site.path(), &[verb, "far"]).exits(status);
        assert!(ran.err.contains("[zones/far.toml:8:3]"), "{verb}: {ran}");
        assert!(
            ran.err.contains("keys/gone.pub: No such file"),
            "{verb}: {ran}"
        );
    }
}
