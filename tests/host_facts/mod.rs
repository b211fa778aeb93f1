//! What a SmartOS host refuses or fails at, and what becomes of it when a zone file asks for it: a row for each fact.
//!
//! `facts.txt` lists the facts. Each has exactly one row, in which it is refused at the desk before anything is sent,
//! refused after a look at the host with nothing changed, reported with its cause and the next command, or cannot be
//! caused by a zone file. Whoever adds a fact without a row, or a row without a fact, is told so here.

mod before;
mod desk;
mod during;
mod host;
mod never;
mod site;

use std::collections::BTreeMap;

/// What becomes of a fact.
#[derive(Debug)]
pub enum Fate {
    /// The file is refused, or warned of, before anything is sent.
    Desk(desk::Desk),
    /// The host is asked, and nothing on it changes.
    Looked(before::Looked),
    /// It happens in a run, which says why and what to do next.
    Reported(during::Reported),
    /// It is the same as the fact of another row, told again.
    As(&'static str),
    /// No zone file can cause it, and why.
    NotByFile(&'static str),
}

/// A fact, by its name in `facts.txt`, and its fate.
#[derive(Debug)]
pub struct Row {
    pub fact: &'static str,
    pub fate: Fate,
}

fn rows() -> Vec<Row> {
    [desk::rows(), before::rows(), during::rows(), never::rows()]
        .into_iter()
        .flatten()
        .collect()
}

/// The names and words of `facts.txt`.
fn facts() -> Vec<(&'static str, &'static str)> {
    include_str!("facts.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(' ').expect("a name and words"))
        .map(|(name, words)| (name, words.trim()))
        .collect()
}

#[test]
fn every_fact_has_exactly_one_row_and_every_row_a_fact() {
    let (facts, rows) = (facts(), rows());
    let mut wrong = Vec::new();
    for (name, words) in &facts {
        let count = rows.iter().filter(|row| row.fact == *name).count();
        if count != 1 {
            wrong.push(format!("{name} has {count} rows: {words}"));
        }
        if words.is_empty() || facts.iter().filter(|(other, _)| other == name).count() != 1 {
            wrong.push(format!("{name} says nothing, or stands there twice"));
        }
    }
    for row in &rows {
        if !facts.iter().any(|(name, _)| *name == row.fact) {
            wrong.push(format!("no fact is called {}", row.fact));
        }
        if let Fate::As(other) = row.fate {
            let is_told = |row: &&Row| row.fact == other && !matches!(row.fate, Fate::As(_));
            if rows.iter().filter(is_told).count() != 1 {
                wrong.push(format!(
                    "{} is as {other}, which has no fate of its own",
                    row.fact
                ));
            }
        }
        if let Fate::NotByFile(why) = row.fate
            && why.split_whitespace().count() < 5
        {
            wrong.push(format!("{}: why not?", row.fact));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(facts.len(), 147, "a fact was added or lost: count anew");
}

#[test]
fn no_part_of_the_collection_is_left_out() {
    let mut parts: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in facts() {
        let part = name.split('/').next().unwrap();
        *parts.entry(part).or_default() += 1;
    }
    assert_eq!((parts["1.2"], parts["3.1"]), (65, 27));
    // what bites people has eighteen points
    for point in 1..=18 {
        assert!(parts.contains_key(&*format!("8.{point}")), "8.{point}");
    }
}
