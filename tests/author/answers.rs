//! Answers for programs, answers that cannot be written, and names that stand for nothing.

use std::fs;

use tempfile::TempDir;

use super::run;

fn site() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["recipes", "zones"] {
        fs::create_dir(folder.path().join(part)).unwrap();
    }
    let zone = "[host]\nsandbox = true\n\n[zone]\nalias = \"house\"\n";
    fs::write(folder.path().join("zones/house.toml"), zone).unwrap();
    folder
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
