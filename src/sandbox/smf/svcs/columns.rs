//! The columns of `svcs`: widths, contents, sorting.
//!
//! A `*` after the state says that the instance is on its way to another one, and is left out when
//! a column shows that other state.

use super::super::fmri::Fmri;
use super::super::model::{State, value};
use super::super::stamp;
use super::View;
use std::cmp::Ordering;

/// One column.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    name: &'static str,
    width: usize,
}

const COLUMNS: [Column; 15] = [
    Column {
        name: "CTID",
        width: 6,
    },
    Column {
        name: "DESC",
        width: 100,
    },
    Column {
        name: "FMRI",
        width: 50,
    },
    Column {
        name: "INST",
        width: 20,
    },
    Column {
        name: "N",
        width: 1,
    },
    Column {
        name: "NSTA",
        width: 4,
    },
    Column {
        name: "NSTATE",
        width: 13,
    },
    Column {
        name: "S",
        width: 2,
    },
    Column {
        name: "SCOPE",
        width: 20,
    },
    Column {
        name: "SN",
        width: 2,
    },
    Column {
        name: "SVC",
        width: 20,
    },
    Column {
        name: "STA",
        width: 4,
    },
    Column {
        name: "STATE",
        width: 14,
    },
    Column {
        name: "STIME",
        width: 8,
    },
    Column {
        name: "ZONE",
        width: 16,
    },
];

/// A column by its name in any case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Column> {
    COLUMNS
        .iter()
        .find(|column| column.name.eq_ignore_ascii_case(name))
}

/// The header line.
#[must_use]
pub fn header(columns: &[&Column]) -> String {
    let cells = columns
        .iter()
        .map(|column| format!("{:1$} ", column.name, column.width));
    cells.collect::<String>().trim_end().to_owned()
}

/// One instance's line.
#[must_use]
pub fn line(view: &View, columns: &[&Column], fmri: &Fmri) -> String {
    let shows_next = columns
        .iter()
        .any(|column| matches!(column.name, "N" | "SN" | "NSTA" | "NSTATE"));
    let cells = columns.iter().map(|column| {
        let text = cell(view, column, fmri, !shows_next);
        let width = column.width;
        if column.name == "CTID" {
            format!("{text:>width$} ")
        } else {
            format!("{text:width$} ")
        }
    });
    cells.collect::<String>().trim_end().to_owned()
}

fn cell(view: &View, column: &Column, fmri: &Fmri, starred: bool) -> String {
    let repository = &view.repository;
    let state = known_state(view, fmri);
    let next = repository.next_state(fmri);
    let star = if starred && next.is_some() { "*" } else { "" };
    let dash = || "-".to_owned();
    match column.name {
        "CTID" => repository
            .restarter(fmri, "contract")
            .map_or_else(dash, str::to_owned),
        "DESC" => {
            let view = repository.composed(fmri);
            value(&view, "tm_common_name", "C").map_or_else(dash, str::to_owned)
        }
        "FMRI" => fmri.to_string(),
        "INST" => fmri.instance.clone().unwrap_or_default(),
        "SVC" => fmri.service.clone(),
        "SCOPE" => "localhost".to_owned(),
        "N" => next.map_or("-", letter).to_owned(),
        "NSTA" => next.map_or("-", short).to_owned(),
        "NSTATE" => next.map_or("-", State::name).to_owned(),
        "S" => format!("{}{star}", state.map_or("-", letter)),
        "SN" => format!("{}{}", state.map_or("-", letter), next.map_or("-", letter)),
        "STA" => format!("{}{star}", state.map_or("-", short)),
        "STATE" => format!("{}{star}", state.map_or("-", State::name)),
        "STIME" => match timestamp(view, fmri) {
            Some(moment) => stamp::short_time(view.now, moment),
            None => dash(),
        },
        _ => nix::unistd::gethostname()
            .map_or_else(|_| dash(), |name| name.to_string_lossy().into_owned()),
    }
}

fn known_state(view: &View, fmri: &Fmri) -> Option<State> {
    view.repository
        .restarter(fmri, "state")
        .and_then(State::parse)
}

fn timestamp(view: &View, fmri: &Fmri) -> Option<std::time::Duration> {
    view.repository
        .restarter(fmri, "state_timestamp")
        .and_then(stamp::parse_time)
}

fn letter(state: State) -> &'static str {
    match state {
        State::Uninitialized => "u",
        State::Offline => "0",
        State::Online => "1",
        State::Maintenance => "m",
        State::Disabled => "d",
        State::Degraded => "D",
    }
}

fn short(state: State) -> &'static str {
    match state {
        State::Uninitialized => "UN",
        State::Offline => "OFF",
        State::Online => "ON",
        State::Maintenance => "MNT",
        State::Disabled => "DIS",
        State::Degraded => "DGD",
    }
}

/// How lines are sorted.
#[derive(Debug)]
pub struct Order {
    /// Columns, each with whether it is reversed.
    pub keys: Vec<(&'static Column, bool)>,
}

impl Order {
    /// Compares two instances.
    #[must_use]
    pub fn compare(&self, view: &View, a: &Fmri, b: &Fmri) -> Ordering {
        let differs = self.keys.iter().map(|(column, reversed)| {
            let order = compare_by(view, column, a, b);
            if *reversed { order.reverse() } else { order }
        });
        differs
            .into_iter()
            .find(|order| *order != Ordering::Equal)
            .unwrap_or(Ordering::Equal)
    }
}

fn compare_by(view: &View, column: &Column, a: &Fmri, b: &Fmri) -> Ordering {
    let rank = |fmri: &Fmri| match known_state(view, fmri) {
        Some(State::Disabled) => 1,
        Some(State::Online) => 2,
        Some(State::Degraded) => 3,
        Some(State::Offline) => 4,
        Some(State::Maintenance) => 5,
        Some(State::Uninitialized) | None => 6,
    };
    let contract = |fmri: &Fmri| {
        view.repository
            .restarter(fmri, "contract")
            .and_then(|id| id.parse::<u64>().ok())
    };
    match column.name {
        "STATE" | "STA" | "S" => rank(a).cmp(&rank(b)),
        "STIME" => timestamp(view, a).cmp(&timestamp(view, b)),
        "CTID" => contract(a).cmp(&contract(b)),
        _ => cell(view, column, a, false).cmp(&cell(view, column, b, false)),
    }
}
