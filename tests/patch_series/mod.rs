//! `recipe patch rebase` and `recipe patch import`, by the program.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use zonewright::receipt::sha256_hex;

const RECIPE: &str = r#"# a crowded file
[package]
name    = "poem"   # short
version = "1.0"
summary = "A poem"
license = "MIT"

[[source]]
urls    = ["https://poem.invalid/poem-{{package.version}}.tar.gz"]
sha256  = "@SHA256@"
patches = [
  "poem/loud.patch", # everybody hears it

  { file = "poem/more.patch" },
  # end
]

[build]
system = "custom"

[build.custom]
stage = [["true"]]
"#;

const OLD: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\neleven\ntwelve\n";

const LOUD: &str = "From: A Friend <friend@example.org>\nSubject: [PATCH] louder\n\nFive is loud.\n---\n \
poem.txt | 2 +-\n\ndiff --git a/poem.txt b/poem.txt\nindex 1..2 100644\n--- a/poem.txt\n+++ b/poem.txt\n\
@@ -3,5 +3,5 @@\n three\n four\n-five\n+FIVE\n six\n seven\n";

const MORE: &str = "--- a/poem.txt\n+++ b/poem.txt\n@@ -8,4 +8,5 @@\n eight\n nine\n+nine and a half\n ten\n eleven\n";

struct Site {
    folder: TempDir,
}

impl Site {
    /// A site whose recipe's source holds `text`.
    fn new(text: &str) -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let sha256 = site.archive("1.0", text);
        site.write("recipes/poem.toml", &RECIPE.replace("@SHA256@", &sha256));
        site.write("patches/poem/loud.patch", LOUD);
        site.write("patches/poem/more.patch", MORE);
        site
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Puts a release into `distfiles` and gives its sha256.
    fn archive(&self, version: &str, text: &str) -> String {
        let top = format!("poem-{version}");
        self.write(&format!("work/{top}/poem.txt"), text);
        self.write(&format!("work/{top}/other.txt"), OLD);
        let target = self.path(&format!("distfiles/{top}.tar.gz"));
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        let packed = Command::new("tar")
            .arg("-czf")
            .arg(&target)
            .arg("-C")
            .arg(self.path("work"))
            .arg(&top)
            .status();
        assert!(packed.unwrap().success());
        sha256_hex(&fs::read(target).unwrap())
    }

    fn patch(&self, words: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_zonewright"))
            .args(["recipe", "patch"])
            .args(words)
            .current_dir(self.folder.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        Ran(output)
    }

    /// All files below a folder, to see that nothing changed.
    fn all(&self) -> Vec<(String, String)> {
        let mut files = Vec::new();
        for folder in ["recipes", "patches"] {
            list(&self.path(folder), &mut files);
        }
        files.sort();
        files
    }
}

fn list(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(&path, files);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            files.push((path.display().to_string(), text));
        }
    }
}

struct Ran(Output);

impl Ran {
    fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    fn err(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    #[track_caller]
    fn exits(self, status: i32) -> Self {
        assert_eq!(
            self.0.status.code(),
            Some(status),
            "{}{}",
            self.out(),
            self.err()
        );
        self
    }
}

#[test]
fn a_series_is_carried_over_to_a_newer_version_whole() {
    let site = Site::new(OLD);
    let rebased = site.patch(&["rebase", "poem"]).exits(0);
    assert_eq!(
        rebased.out(),
        "  = poem/loud.patch: fits as it is\n  = poem/more.patch: fits as it is\nnothing to write\n"
    );
    // one hunk moves, around the other something changed
    let new = format!("zero\n{}", OLD.replace("eight\n", "EIGHT\n"));
    site.archive("1.1", &new);
    let before = site.all();
    let told = site
        .patch(&["rebase", "poem", "--onto", "1.1", "-n", "--json"])
        .exits(0);
    let told: serde_json::Value = serde_json::from_str(&told.out()).unwrap();
    assert_eq!(told["schema"], "zonewright/recipe-patch-rebase/v1");
    assert_eq!(told["patches"][0]["patch"], "poem/loud.patch");
    assert_ne!(told["would-write"], 0);
    assert_eq!(told["written"], 0);
    let dry = site
        .patch(&["rebase", "poem", "--onto", "1.1", "-n"])
        .exits(0);
    assert!(
        dry.out().ends_with("2 patches would be written\n"),
        "{}",
        dry.out()
    );
    assert_eq!(site.all(), before);
    let rebased = site.patch(&["rebase", "poem", "--onto", "1.1"]).exits(0);
    assert_eq!(
        rebased.out(),
        "  ~ poem/loud.patch: fits on other lines; written anew\n  ~ poem/more.patch: merged with what \
         changed around it; please read it\n2 patches written\n"
    );
    assert!(
        rebased.err().contains("is NOT VERIFIED; its sha256 is "),
        "{}",
        rebased.err()
    );
    // the author's words are there, the lines are right
    let (words, _) = LOUD.split_once("diff --git").unwrap();
    assert_eq!(
        site.read("patches/poem/loud.patch"),
        format!(
            "{words}--- a/poem.txt\n+++ b/poem.txt\n@@ -3,7 +3,7 @@ one\n two\n three\n four\n-five\n+FIVE\n six\n \
             seven\n EIGHT\n"
        )
    );
    assert!(
        site.read("patches/poem/more.patch")
            .contains("\n EIGHT\n nine\n+nine and a half\n")
    );
    assert_eq!(
        site.read("recipes/poem.toml"),
        before[2].1,
        "the recipe is as it was"
    );
    let again = site
        .patch(&["rebase", "poem", "--onto", "distfiles/poem-1.1.tar.gz"])
        .exits(0);
    assert!(
        again.out().ends_with("nothing to write\n"),
        "{}",
        again.out()
    );
}

#[test]
fn what_cannot_be_carried_over_is_shown_and_nothing_is_written() {
    let site = Site::new(OLD);
    site.archive("2.0", &format!("zero\n{}", OLD.replace("five", "5")));
    let before = site.all();
    let refused = site.patch(&["rebase", "poem", "--onto", "2.0"]).exits(1);
    for part in [
        "  x poem/loud.patch: hunk 1 of 1 does not fit `poem.txt` at line 3 or elsewhere\n",
        "        wanted: five\n        found:  5\n",
        "      both changed poem.txt:\n      at line 6:\n      <<<<<<< the new source\n      5\n",
        "  ~ poem/more.patch: fits on other lines; written anew\n",
        "nothing was written: 1 patch cannot be carried over (`--keep-going` writes the others)\n",
    ] {
        assert!(refused.out().contains(part), "{part}: {}", refused.out());
    }
    assert_eq!(site.all(), before);
    let some = site
        .patch(&["rebase", "poem", "--onto", "2.0", "--keep-going"])
        .exits(1);
    assert!(some.out().ends_with("1 patch written\n"), "{}", some.out());
    assert_eq!(site.read("patches/poem/loud.patch"), LOUD);
    assert!(
        site.read("patches/poem/more.patch")
            .contains("@@ -8,6 +8,7 @@")
    );
    // a version that has the change needs the patch no more
    site.archive("3.0", &OLD.replace("five", "FIVE"));
    site.write("patches/poem/more.patch", MORE);
    let included = site.patch(&["rebase", "poem", "--onto", "3.0"]).exits(0);
    assert!(
        included
            .out()
            .contains("  - poem/loud.patch: 3.0 has the change: it is needed no more\n"),
        "{}",
        included.out()
    );
    assert!(
        included.out().contains("when = { version = \"<3.0\" } }"),
        "{}",
        included.out()
    );
    // and one that is nowhere is said to be nowhere
    let nowhere = site.patch(&["rebase", "poem", "--onto", "9.9"]).exits(1);
    assert!(
        nowhere.err().contains("cannot fetch `poem-9.9.tar.gz`"),
        "{}",
        nowhere.err()
    );
}

#[test]
fn a_quilt_series_is_taken_in_whole_in_its_order() {
    let site = Site::new(OLD);
    let folder = "from/debian/patches";
    site.write(
        &format!("{folder}/series"),
        "z-first.diff -p0 # ours\na-second\n",
    );
    let first = "Description: elf\n--- poem.txt\n+++ poem.txt\n@@ -9,4 +9,4 @@\n nine\n-nine and a half\n\
                 +nine and a bit\n ten\n eleven\n";
    site.write(&format!("{folder}/z-first.diff"), first);
    let second = "From: B <b@example.org>\nSubject: other\n\n--- x/other.txt\n+++ y/other.txt\n@@ -1,2 +1,2 @@\n-uno\n+ONE\n two\n";
    // it does not fit yet
    site.write(&format!("{folder}/a-second"), second);
    let before = site.all();
    let refused = site.patch(&["import", "poem", "from"]).exits(1);
    assert!(
        refused.err().contains("nothing was taken"),
        "{}",
        refused.err()
    );
    assert_eq!(site.all(), before);
    let second = second.replace("-uno", "-one");
    site.write(&format!("{folder}/a-second"), &second);
    let taken = site.patch(&["import", "poem", "from"]).exits(0);
    assert_eq!(
        taken.out(),
        "  + patches/poem/z-first.patch: elf; strip = 0\n  + patches/poem/a-second.patch: other\n\
         recipes/poem.toml: 2 patches added at the end of `patches`\n"
    );
    // byte by byte, and the recipe's own lines as they were
    assert_eq!(site.read("patches/poem/z-first.patch"), first);
    assert_eq!(site.read("patches/poem/a-second.patch"), second);
    let recipe = before
        .iter()
        .find(|(path, _)| path.ends_with("poem.toml"))
        .unwrap();
    assert_eq!(
        site.read("recipes/poem.toml"),
        recipe.1.replace(
            "  # end\n]",
            "  # end\n  { file = \"poem/z-first.patch\", strip = 0 },\n  \"poem/a-second.patch\",\n]"
        )
    );
    let twice = site.patch(&["import", "poem", "from"]).exits(2);
    assert!(
        twice
            .err()
            .contains("has a patch `poem/z-first.patch` already"),
        "{}",
        twice.err()
    );
}

#[test]
fn the_patches_of_a_pkgsrc_package_and_a_single_one_are_taken() {
    let site = Site::new(OLD);
    let patch = "$NetBSD: patch-aa,v 1.1 2013/01/01 00:00:00 someone Exp $\n\nSay it.\n\n--- other.txt.orig\t\
                 2013-01-01 00:00:00.000000000 +0000\n+++ other.txt\n@@ -1,4 +1,4 @@\n-one\n+ONE\n two\n three\n four\n";
    site.write("pkgsrc/patches/patch-aa", patch);
    site.write("pkgsrc/distinfo", "");
    let taken = site.patch(&["import", "poem", "pkgsrc"]).exits(0);
    assert!(
        taken
            .out()
            .starts_with("  + patches/poem/patch-aa.patch: strip = 0\n"),
        "{}",
        taken.out()
    );
    assert_eq!(site.read("patches/poem/patch-aa.patch"), patch);
    // one whose names have more in front
    site.write(
        "deep.patch",
        "--- a/b/c/other.txt\n+++ a/b/c/other.txt\n@@ -2,3 +2,3 @@\n two\n-three\n+THREE\n four\n",
    );
    let deep = site.patch(&["import", "poem", "deep.patch"]).exits(0);
    assert!(deep.out().contains("strip = 3"), "{}", deep.out());
    assert!(
        site.read("recipes/poem.toml").contains(
            "  { file = \"poem/patch-aa.patch\", strip = 0 },\n  { file = \"poem/deep.patch\", strip = 3 },\n]"
        )
    );
    let rebased = site.patch(&["rebase", "poem"]).exits(0);
    assert_eq!(
        rebased.out().matches("fits as it is").count(),
        4,
        "{}",
        rebased.out()
    );
}
