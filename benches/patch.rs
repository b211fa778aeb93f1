//! The patch engine beside spawning `patch`: how much faster a series is applied in memory.
//!
//! `cargo bench --bench patch`. The sources are made here: many files, each changed by a patch of
//! several hunks, which is what a long series of a distribution looks like.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use zonewright::source::patch;
use zonewright::source::tree::{Entry, Tree, TreePath};

const FILES: usize = 40;
const LINES: usize = 2000;
const ROUNDS: usize = 10;

fn main() {
    let mut tree = Tree::new();
    let folder = tempfile::tempdir().expect("a folder for patch");
    let mut series = Vec::new();
    for file in 0..FILES {
        let name = format!("file{file}.c");
        let text: String = (0..LINES)
            .map(|line| format!("line {line} of {file}\n"))
            .collect();
        fs::write(folder.path().join(&name), &text).expect("a file is written");
        let path = TreePath::parse(name.as_bytes()).expect("it is a name");
        tree.insert(path, Entry::file(text.into_bytes(), false))
            .expect("it has a place");
        series.push(change(&name, file));
    }
    let mut ours = Duration::MAX;
    for _ in 0..ROUNDS {
        let mut tree = tree.clone();
        let started = Instant::now();
        for one in &series {
            patch::apply(&mut tree, "p", one.as_bytes(), 1, 0).expect("it applies");
        }
        ours = ours.min(started.elapsed());
    }
    let mut theirs = Duration::MAX;
    for round in 0..ROUNDS {
        // there and back again
        let reverse = if round % 2 == 0 {
            "--forward"
        } else {
            "--reverse"
        };
        let started = Instant::now();
        for one in &series {
            spawn(folder.path(), reverse, one);
        }
        theirs = theirs.min(started.elapsed());
    }
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    println!("{FILES} patches of 5 hunks on files of {LINES} lines, the best of {ROUNDS} rounds");
    println!("  ours   {ours:>10.2?}");
    println!("  patch  {theirs:>10.2?}");
    println!("  ratio  {ratio:>9.1}");
}

/// Five hunks, all a little off.
fn change(name: &str, file: usize) -> String {
    let mut text = format!("--- a/{name}\n+++ b/{name}\n");
    for hunk in 0..5 {
        let at = 100 + hunk * 350;
        let line = |number: usize| format!("line {number} of {file}");
        let from = at + 1 - 7;
        let _ = writeln!(text, "@@ -{from},7 +{from},7 @@");
        for number in at..at + 7 {
            if number == at + 3 {
                let _ = write!(text, "-{}\n+changed\n", line(number));
            } else {
                let _ = writeln!(text, " {}", line(number));
            }
        }
    }
    text
}

fn spawn(folder: &std::path::Path, direction: &str, one: &str) {
    let mut child = Command::new("patch")
        .args(["-p1", "-F0", "-s", "--no-backup-if-mismatch", direction])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("patch is installed");
    child
        .stdin
        .take()
        .expect("its input")
        .write_all(one.as_bytes())
        .expect("it reads");
    assert!(child.wait().expect("it ends").success());
}
