//! The three-way merge of `recipe patch rebase` against that of git: what both take for clean must be
//! the same text. Where only one of them sees a conflict nothing is lost: it is the more careful one.
//!
//! One difference is known: which of several equal lines in a row somebody removed cannot be told from
//! the texts, and where both removed one of them it may be the same one or not. So lines that stand
//! everywhere (blank ones, braces) may be one more or less; everything else is the same.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

/// A small generator: the same cases each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A text of few different lines, as code has blank lines and braces.
fn text(dice: &mut Dice) -> Vec<String> {
    (0..10 + dice.below(30))
        .map(|index| match dice.below(4) {
            0 => "}".to_owned(),
            1 => String::new(),
            _ => format!("line {index}"),
        })
        .collect()
}

fn edited(lines: &[String], dice: &mut Dice, who: &str) -> Vec<String> {
    let mut lines = lines.to_vec();
    for round in 0..=dice.below(3) {
        let at = usize::try_from(dice.below(lines.len() as u64)).unwrap();
        match dice.below(3) {
            0 => lines[at] = format!("{who} {round}"),
            1 => lines.insert(at, format!("{who} {round}")),
            _ => drop(lines.remove(at)),
        }
    }
    lines
}

fn joined(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{line}");
        text
    })
}

/// The lines that are not everywhere.
fn telling(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !["", "}"].contains(line))
        .collect()
}

#[test]
fn what_git_merges_cleanly_is_merged_to_the_same_text() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice(0x5eed);
    let (mut both, mut alike, mut careful, mut bold, mut differ) = (0, 0, 0, 0, Vec::new());
    for case in 0..2000 {
        let base = text(&mut dice);
        let [base, ours, theirs] = [
            joined(&base),
            joined(&edited(&base, &mut dice, "ours")),
            joined(&edited(&base, &mut dice, "theirs")),
        ];
        for (name, text) in [("base", &base), ("ours", &ours), ("theirs", &theirs)] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let git = Command::new("git")
            .args(["merge-file", "-p", "ours", "base", "theirs"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let git_text = String::from_utf8(git.stdout).unwrap();
        match (flickzeug::merge(&base, &ours, &theirs), git.status.success()) {
            (Ok(text), true) if text == git_text => both += 1,
            (Ok(text), true) if telling(&text) == telling(&git_text) => alike += 1,
            (Ok(text), true) => differ.push(format!(
                "case {case}\n--- base\n{base}--- ours\n{ours}--- theirs\n{theirs}--- git\n{git_text}--- \
                 merged\n{text}"
            )),
            (Err(_), true) => careful += 1,
            (Ok(_), false) => bold += 1,
            (Err(_), false) => {}
        }
    }
    println!(
        "the same {both} times, but for lines that stand everywhere {alike} times; only ours saw a conflict {careful} times, only git {bold} times"
    );
    assert!(
        differ.is_empty(),
        "{} differ, the first:\n{}",
        differ.len(),
        differ[0]
    );
    assert!(both > 1000 && alike < 20, "{both} {alike}");
}
