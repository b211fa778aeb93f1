//! `newtask [-F] [-p PROJECT] COMMAND…`: runs a command in a new task of a project.
//!
//! Linux has no tasks: a known project lets the command run as it is, so resource limits of
//! `/etc/project` have no effect here.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use super::exec::become_command;
use super::getopt::{Parsed, Refusal};
use super::{Streams, below, not_emulated, with_path};

/// Runs the operands after a look at the project's name.
pub fn newtask(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    let parsed = match Parsed::new(args, "Fp:") {
        Ok(parsed) => parsed,
        Err(Refusal::Unknown(option)) => return not_emulated(streams, "newtask", &option),
        Err(Refusal::Missing(_)) => return Ok(2),
    };
    if let Some(project) = parsed.text('p')
        && !is_project(root, &project)?
    {
        // words and status are (inferred)
        writeln!(
            streams.errors,
            "newtask: project \"{project}\" does not exist"
        )?;
        return Ok(1);
    }
    if parsed.operands.is_empty() {
        return not_emulated(streams, "newtask", "a shell in the new task");
    }
    Err(become_command(&parsed.operands, streams))
}

// system:0::::
// user.root:1::::
fn is_project(root: &Path, project: &str) -> io::Result<bool> {
    let path = below(root, "/etc/project");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(with_path(&path, &error)),
    };
    let built_in = ["system", "user.root", "noproject", "default", "group.staff"];
    let listed = text
        .lines()
        .any(|line| line.split(':').next() == Some(project));
    Ok(listed || built_in.contains(&project))
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use super::*;

    #[test]
    fn an_unknown_project_runs_nothing() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/project"), "build:100::::\n").unwrap();
        assert!(is_project(root.path(), "build").unwrap());
        assert!(is_project(root.path(), "default").unwrap());
        let answer = run(root.path(), newtask, &["-p", "no", "/bin/false"], b"");
        assert_eq!(answer.status, 1);
        assert_eq!(run(root.path(), newtask, &["-c", "1"], b"").status, 99);
        assert_eq!(run(root.path(), newtask, &["-p", "build"], b"").status, 99);
    }
}
