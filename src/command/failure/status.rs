//! What an exit status means, where it means more than that something failed.

use crate::plan;

/// A phase that died without leaving a status.
const VANISHED: i32 = 200;

/// The meaning of the status that a step ended with; `id` is the step's.
pub(super) fn meaning(id: &str, status: i32) -> Option<String> {
    let is_phase = plan::phase_of(id).is_some();
    let text = match status {
        VANISHED if is_phase => {
            "it ended without leaving a status: the zone was started again, somebody killed it, or the \
             zone ran out of memory"
                .to_owned()
        }
        126 => "a program was found and could not be run: no permission, or no interpreter".to_owned(),
        127 => "a program was not found".to_owned(),
        // a shell's way to say that a signal ended what it ran
        129..=192 => by_signal(status - 128),
        _ => return None,
    };
    Some(text)
}

fn by_signal(number: i32) -> String {
    // the numbers that Linux and illumos share; the others differ
    let (name, why) = match number {
        1 => ("HUP", ""),
        2 => ("INT", ""),
        4 => ("ILL", ": the program was made for another processor"),
        6 => ("ABRT", ": the program gave up"),
        8 => ("FPE", ": it divided by zero"),
        9 => (
            "KILL",
            ": somebody killed it, or the zone ran out of memory",
        ),
        11 => ("SEGV", ": the program is broken"),
        13 => ("PIPE", ": nobody reads what it writes any more"),
        15 => ("TERM", ": somebody ended it"),
        _ => return format!("ended by signal {number}"),
    };
    format!("ended by signal {number} ({name}){why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_explained_where_they_mean_something() {
        let phase = "build/a/compile";
        for (status, part) in [
            (137, "signal 9 (KILL)"),
            (139, "signal 11 (SEGV)"),
            (160, "signal 32"),
            (127, "not found"),
            (126, "could not be run"),
            (200, "without leaving a status"),
        ] {
            let meaning = meaning(phase, status).unwrap();
            assert!(meaning.contains(part), "{status}: {meaning}");
        }
        for status in [1, 2, 75, 125, 128, 193, 255] {
            assert_eq!(meaning(phase, status), None);
        }
        // any other script may end with it
        assert_eq!(meaning("install/a", 200), None);
    }
}
