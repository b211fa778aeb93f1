//! The edit of the shadow file: whatever stands in the file, one account's hash and day change and
//! nothing else does.
//!
//! It is made in the zone by the platform's `nawk`; the machine's own runs the same program here.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use zonewright::facts::Facts;
use zonewright::facts::accounts::Secret;
use zonewright::plan::{Given, Wanted, Work, plan};
use zonewright::problem::SourceText;
use zonewright::site::load::read_text;

use super::mutate::{Dice, mutated};

const HASH: &str = "$6$salt$a&b\\1.hash";

/// The program, out of the script that sets a password.
fn program() -> String {
    let text = "[zone]\nssh = \"x\"\n[[user]]\nname = \"matt\"\nuid = 1234\n".to_owned();
    let path = "zone.toml".into();
    let (zone, _) = read_text("zone", SourceText { path, text }.into());
    let zone = zone.unwrap().zone;
    let wanted = Wanted {
        zone: &zone,
        recipes: &[],
    };
    let given = Given {
        passwords: [("matt".to_owned(), Secret(HASH.to_owned()))].into(),
        ..Given::default()
    };
    let plan = plan(&wanted, &Facts::default(), &given).unwrap();
    let scripts = plan.steps.iter().filter_map(|step| match &step.work {
        Work::Script { script, .. } => Some(script.body()),
        _ => None,
    });
    let body = scripts.collect::<Vec<_>>().join("\n");
    let (_, rest) = body.split_once("/usr/bin/nawk -F: ").expect("the edit");
    let program = rest.split('\'').nth(1).expect("a program in quotes");
    assert!(program.contains("hash"), "{program}");
    program.to_owned()
}

/// What `awk` makes of a shadow file; none where it says that the account is not there.
fn edited(folder: &Path, program: &str, shadow: &[u8]) -> Option<Vec<u8>> {
    fs::write(folder.join("hash"), format!("{HASH}\n")).unwrap();
    fs::write(folder.join("shadow"), shadow).unwrap();
    let output = Command::new("awk")
        .args([
            "-F:",
            "-v",
            "name=matt",
            "-v",
            "day=20000",
            program,
            "hash",
            "shadow",
        ])
        .current_dir(folder)
        .output()
        .unwrap();
    output.status.success().then_some(output.stdout)
}

fn expected(shadow: &[u8]) -> Option<Vec<u8>> {
    let mut is_found = false;
    let mut lines = Vec::new();
    for line in shadow.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let mut fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
        if fields[0] == b"matt" {
            is_found = true;
            fields.resize(fields.len().max(3), b"");
            fields[1] = HASH.as_bytes();
            fields[2] = b"20000";
        }
        lines.extend(fields.join(&b':'));
        lines.push(b'\n');
    }
    is_found.then_some(lines)
}

#[test]
fn setting_a_password_changes_one_line_of_the_shadow_file() {
    let folder = TempDir::new().unwrap();
    let program = program();
    let seeds: Vec<Vec<u8>> = [
        "root:$5$x$y:6445::::::\nmatt:NP:6445::::::\nmatthew:*LK*:::::::\n",
        "matt\n",
        "matt:\nmatt:a:b\n",
        "+::::::::\n matt:x:\nMATT:x\nmatt :x\n#matt:x\n\nmatt:a:b:c:d:e:f:g:h:i\nlast:x",
        "nobody:NP:6445::::::\n",
        "",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    let mut dice = Dice::new("shadow_edit");
    let changed: Vec<Vec<u8>> = (0..300).map(|_| mutated(&mut dice, &seeds)).collect();
    // no tool that edits the file leaves a NUL byte in it
    let texts = seeds
        .iter()
        .chain(&changed)
        .filter(|text| !text.contains(&0));
    for shadow in texts {
        let shown = String::from_utf8_lossy(shadow);
        assert_eq!(
            edited(folder.path(), &program, shadow),
            expected(shadow),
            "{shown:?}"
        );
    }
}
