//! A zone file that is good, and edits of it.

use std::fs;
use std::path::Path;

use crate::hostile::row::unwrapped;

/// What is replaced, once, by what.
pub type Edit = (&'static str, &'static str);

/// The text with its edits; each must find its place exactly once.
pub fn edited(name: &str, text: &str, edits: &[Edit]) -> String {
    let mut text = text.to_owned();
    for (from, to) in edits {
        assert_eq!(text.matches(from).count(), 1, "{name}: {from}\n{text}");
        text = text.replace(from, to);
    }
    text
}

/// A site of one zone file, which needs a public key beside it.
pub fn write(folder: &Path, zone: &str, text: &str) {
    for part in ["zones", "keys"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    fs::write(folder.join("keys/anna.pub"), KEY).unwrap();
    fs::write(folder.join(format!("zones/{zone}.toml")), text).unwrap();
}

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA anna@mini\n";

/// The parts that a report lacks.
pub fn lacking(report: &str, parts: &[&str]) -> Vec<String> {
    let report = unwrapped(report);
    let is_missing = |part: &&&str| !report.contains(&unwrapped(part));
    parts
        .iter()
        .filter(is_missing)
        .map(|part| (*part).to_owned())
        .collect()
}
