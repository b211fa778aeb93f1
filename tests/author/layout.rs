//! One layout for all files.

use std::fs;

use super::run;

#[test]
fn fmt_lays_out_a_whole_site_and_check_only_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path();
    for part in ["recipes", "zones"] {
        fs::create_dir(site.join(part)).unwrap();
    }
    let recipe = "[package]\nversion=\"1\" # one\nname = \"a\"\n";
    let laid_out = "[package]\nname    = \"a\"\nversion = \"1\" # one\n";
    fs::write(site.join("recipes/a.toml"), recipe).unwrap();
    fs::write(site.join("zones/z.toml"), "[zone]\nssh = \"a\"\n").unwrap();
    let ran = run(site, &["recipe", "fmt", "--check"]).exits(1);
    assert!(ran.out.contains("--- recipes/a.toml\n"), "{ran}");
    assert!(ran.out.contains("1 of 2 files would change"), "{ran}");
    assert_eq!(
        fs::read_to_string(site.join("recipes/a.toml")).unwrap(),
        recipe
    );
    run(site, &["recipe", "fmt", "a"]).exits(0);
    assert_eq!(
        fs::read_to_string(site.join("recipes/a.toml")).unwrap(),
        laid_out
    );
    let ran = run(site, &["recipe", "fmt", "--check"]).exits(0);
    assert_eq!(ran.out, "2 files: nothing to change\n");
    fs::write(site.join("recipes/a.toml"), "a = [").unwrap();
    let ran = run(site, &["recipe", "fmt"]).exits(2);
    assert!(ran.err.contains("recipes/a.toml:1:"), "{ran}");
    assert_eq!(
        fs::read_to_string(site.join("recipes/a.toml")).unwrap(),
        "a = ["
    );
}
