//! Scripts that come over SSH: their number, how many commands each ran, and the place in one at
//! which a fault waits.
//!
//! A script is followed by a trap that its shell sets before the first of its own commands. It adds
//! one byte to a file for each, which costs no process, and asks only when the place is reached.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::shim::{SHARED, STRIKE};
use super::spec::At;
use crate::causes::in_one_line;
use crate::sandbox::error::{SandboxError, file};

/// The scripts of a zone, as they came.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    /// Where their files are; the zone sees it at `SHARED`.
    pub folder: PathBuf,
    all: Vec<Script>,
    /// How many were there before, whose files have other names.
    forgotten: usize,
}

#[derive(Debug)]
struct Script {
    port: u16,
    /// The login shell, as the machine counts.
    pid: i32,
    is_followed: bool,
    /// Faults by their number in the list of armed ones.
    waiting: Vec<(usize, At)>,
}

impl Scripts {
    /// A script's login shell starts; these faults may wait in it.
    pub fn begin(&mut self, port: u16, pid: i32, strikes: &[(usize, At)]) {
        let waiting = strikes.iter().filter(|(_, at)| *at != At::Before);
        self.all.push(Script {
            port,
            pid,
            is_followed: false,
            waiting: waiting.copied().collect(),
        });
    }

    /// The file with the trap for the shell `pid`, if it is the one that runs a script.
    pub fn follow(&mut self, pid: i32) -> Option<String> {
        let owner = std::iter::successors(Some(pid), |pid| parent(*pid)).find_map(|pid| {
            let is_owner = |script: &Script| script.pid == pid && !script.is_followed;
            self.all.iter().rposition(is_owner)
        })?;
        match self.write_trap(owner) {
            Ok(path) => Some(path),
            Err(error) => {
                eprintln!("{}", in_one_line(&error));
                None
            }
        }
    }

    fn write_trap(&mut self, index: usize) -> Result<String, SandboxError> {
        let number = self.forgotten + index;
        let Some(script) = self.all.get_mut(index) else {
            return Ok(String::new());
        };
        script.is_followed = true;
        let count = self.folder.join(format!("{number}.count"));
        fs::write(&count, "")
            .and_then(|()| fs::set_permissions(&count, fs::Permissions::from_mode(0o666)))
            .map_err(file("write", &count))?;
        let path = self.folder.join(format!("{number}.trap"));
        fs::write(&path, trap(number, &script.waiting)).map_err(file("write", &path))?;
        Ok(format!("{SHARED}/{number}.trap"))
    }

    /// The fault that waits at the place that a script reached, the script's port, and what is to
    /// be done before it strikes.
    pub fn take(&mut self, number: usize, is_end: bool) -> Option<(usize, u16, impl Fn() + use<>)> {
        let script = self.all.get_mut(number.checked_sub(self.forgotten)?)?;
        let is_meant = |(_, at): &(usize, At)| (*at == At::End) == is_end;
        let place = script.waiting.iter().position(is_meant)?;
        let (fault, _) = script.waiting.remove(place);
        let has_more = script.waiting.iter().any(is_meant);
        let done = self.folder.join(format!("{number}.done"));
        let mark = move || {
            if !is_end && !has_more {
                // Without it each later command asks once more, and hears that nothing waits.
                let _ = fs::write(&done, "");
            }
        };
        Some((fault, script.port, mark))
    }

    /// How many commands each ran.
    pub fn counts(&self) -> Vec<u64> {
        let numbers = self.forgotten..self.forgotten + self.all.len();
        let size = |number: usize| {
            let path = self.folder.join(format!("{number}.count"));
            fs::metadata(path).map_or(0, |metadata| metadata.len())
        };
        numbers.map(size).collect()
    }

    /// Begins anew; scripts that still run hear that nothing waits.
    pub fn forget(&mut self) {
        self.forgotten += self.all.len();
        self.all.clear();
    }
}

/// The parent of a process, as the machine counts.
fn parent(pid: i32) -> Option<i32> {
    crate::sandbox::smf::process::one(pid)
        .map(|process| process.parent)
        .filter(|pid| *pid > 1)
}

/// What the shell reads before its first command. The script can see two variables and a `T` in
/// `$-` of it; status and last argument of its commands stay as they are.
fn trap(number: usize, waiting: &[(usize, At)]) -> String {
    let count = format!("{SHARED}/{number}.count");
    let mut each = format!("__zw=$_; builtin printf . >>{count}");
    let first = waiting.iter().filter_map(|(_, at)| match at {
        At::Command(command) => Some(*command),
        At::Before | At::End => None,
    });
    if let Some(command) = first.min() {
        each.push_str(&format!(
            "; builtin read -r -N 9999999 __zw_count <{count} || :\n\
             [[ ${{#__zw_count}} -lt {command} || -e {SHARED}/{number}.done ]] || {STRIKE} {number} || exit $?"
        ));
    }
    each.push_str("\n: \"$__zw\"");
    let mut text = format!("unset BASH_ENV\nset -T\ntrap '{each}' DEBUG\n");
    if waiting.iter().any(|(_, at)| *at == At::End) {
        text.push_str(&format!("trap '{STRIKE} {number} end' EXIT\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scripts() -> (tempfile::TempDir, Scripts) {
        let folder = tempfile::tempdir().unwrap();
        let scripts = Scripts {
            folder: folder.path().to_path_buf(),
            ..Scripts::default()
        };
        (folder, scripts)
    }

    #[test]
    fn a_place_is_taken_once_and_only_where_it_was_ordered() {
        let (_folder, mut scripts) = scripts();
        scripts.begin(7, 100, &[(3, At::Before)]);
        scripts.begin(8, 101, &[(4, At::Command(2)), (5, At::End)]);
        let mut taken = |number, is_end| {
            let found = scripts.take(number, is_end);
            found.map(|(fault, port, _)| (fault, port))
        };
        assert_eq!(taken(0, false), None);
        assert_eq!(taken(1, true), Some((5, 8)));
        assert_eq!(taken(1, false), Some((4, 8)));
        assert_eq!(taken(1, false), None);
        assert_eq!(taken(2, false), None);
    }

    #[test]
    fn what_was_forgotten_is_counted_no_more_and_its_files_are_left_alone() {
        let (folder, mut scripts) = scripts();
        scripts.begin(7, 100, &[]);
        scripts.write_trap(0).unwrap();
        fs::write(folder.path().join("0.count"), "....").unwrap();
        assert_eq!(scripts.counts(), [4]);
        scripts.forget();
        assert_eq!(scripts.counts(), [0_u64; 0]);
        scripts.begin(7, 100, &[(0, At::Command(1))]);
        assert_eq!(scripts.write_trap(0).unwrap(), "/.zonewright-faults/1.trap");
        assert_eq!(scripts.counts(), [0]);
        assert!(scripts.take(0, false).is_none());
        assert!(scripts.take(1, false).is_some());
    }
}
