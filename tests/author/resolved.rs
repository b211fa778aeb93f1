//! A recipe as a zone would get it.

use std::fs;

use tempfile::TempDir;

use super::run;

const RECIPE: &str = "[package]\nname = \"a\"\nversion = \"VERSION\"\nsummary = \"s\"\n\n[parameters]\n\
    size = { type = \"size\", default = \"1 GiB\", help = \"h\" }\nname = { type = \"string\", help = \"h\" }\n\n\
    [[source]]\nurls = [\"https://x/a-{{package.version}}.tar\"]\n\
    sha256 = \"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"\n\
    patches = [{ file = \"init.patch\", when = { version = \"<3.0.3\" } }]\n\n[dependencies]\nbuild = [\"gcc13\", \"gmake\"]\n\n\
    [build]\nsystem = \"autotools\"\noptions = [\"--name={{parameters.name}}\", { value = \"--init-dir=/x\", when = { version = \">=3.0.3\" } }]\n";

fn site(version: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["recipes", "patches", "zones"] {
        fs::create_dir(folder.path().join(part)).unwrap();
    }
    fs::write(
        folder.path().join("recipes/a.toml"),
        RECIPE.replace("VERSION", version),
    )
    .unwrap();
    fs::write(
        folder.path().join("patches/init.patch"),
        "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
    )
    .unwrap();
    let zone =
        "[zone]\nssh = \"a\"\n\n[[recipe]]\nname = \"a\"\nparameters = { name = \"it's\" }\n";
    fs::write(folder.path().join("zones/z.toml"), zone).unwrap();
    folder
}

#[test]
fn every_value_says_where_it_comes_from() {
    let site = site("3.0.2");
    let ran = run(site.path(), &["recipe", "show", "a", "--zone", "z"]).exits(0);
    for part in [
        "a 3.0.2 for the zone z (not asked: branch 2024Q4, brand joyent)\n",
        "= \"a\"  # recipes/a.toml:2\n",
        "parameters.name          = \"it's\"  # zones/z.toml:6\n",
        "parameters.size          = \"1073741824\"  # recipes/a.toml:7, from \"1 GiB\"\n",
        "source[0].urls[0]        = \"https://x/a-3.0.2.tar\"  # recipes/a.toml:11, from \"https://x/a-{{package.version}}.tar\"\n",
        "source[0].strip          = 1  # default\n",
        "= \"init.patch\"  # recipes/a.toml:13; because version <3.0.3\n",
        "build.options[1] = \"--init-dir=/x\"  # not: version >=3.0.3; recipes/a.toml:20\n",
    ] {
        // the width of the columns is nobody's concern
        let words = |text: &str| {
            text.split(' ')
                .filter(|w| !w.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert!(words(&ran.out).contains(&words(part)), "{part}: {ran}");
    }
    let sample = run(site.path(), &["recipe", "show", "a"]).exits(0);
    assert!(
        sample.out.contains("# a sample: only a zone file gives it"),
        "{sample}"
    );
    let other = run(site.path(), &["recipe", "show", "fping", "--zone", "z"]).exits(2);
    assert!(
        other.err.contains("does not use the recipe `fping`"),
        "{other}"
    );
}

#[test]
fn two_versions_differ_in_what_the_conditions_say_and_in_nothing_else() {
    let values = |version: &str| -> Vec<String> {
        let site = site(version);
        let ran = run(site.path(), &["recipe", "show", "a", "--json"]).exits(0);
        let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let lines = document["values"].as_array().unwrap().iter();
        let lines = lines.map(|line| format!("{} = {}", line["path"], line["value"]));
        lines.map(|line| line.replace(version, "V")).collect()
    };
    let (old, new) = (values("3.0.2"), values("3.0.3"));
    let only = |one: &[String], other: &[String]| -> Vec<String> {
        one.iter()
            .filter(|line| !other.contains(line))
            .cloned()
            .collect()
    };
    let patch = only(&old, &new);
    assert!(
        patch.iter().all(|line| line.contains("patches[0]")) && !patch.is_empty(),
        "{patch:?}"
    );
    assert_eq!(
        only(&new, &old),
        ["\"build.options[1].value\" = \"\\\"--init-dir=/x\\\"\""]
    );
}

#[test]
fn the_script_of_a_phase_has_its_environment_and_its_commands() {
    let site = site("3.0.3");
    let ran = run(
        site.path(),
        &["recipe", "show", "a", "--zone", "z", "--phase", "configure"],
    )
    .exits(0);
    for part in [
        "/usr/bin/env -i CC=/opt/local/gcc13/bin/gcc ",
        "\ncd /var/db/zonewright/build/BUILD-KEY/src\n./configure --prefix=/opt/local ",
        " '--name=it'\\''s' --init-dir=/x\n",
    ] {
        assert!(ran.out.contains(part), "{part}: {ran}");
    }
    let none = run(site.path(), &["recipe", "show", "a", "--phase", "test"]).exits(1);
    assert!(none.err.contains("there is no phase test"), "{none}");
}
