//! `psrinfo`: the processors of the host, seen from a zone as well.
//!
//! A zone's CPU cap does not show here: it is a kstat.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use super::{Streams, below, not_emulated, with_path};

/// Prints a line for each processor, or with `-t` or `-p` a number.
pub fn psrinfo(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    let path = below(root, "/proc/cpuinfo");
    let text = fs::read_to_string(&path).map_err(|error| with_path(&path, &error))?;
    let count = text
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let words: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
    match words
        .iter()
        .map(AsRef::as_ref)
        .collect::<Vec<&str>>()
        .as_slice()
    {
        ["-t"] => writeln!(streams.output, "{count}")?,
        // sockets are not told apart: one is what a small machine has
        ["-p"] => writeln!(streams.output, "1")?,
        [] => {
            for processor in 0..count {
                // the time since which it is so is (inferred) as to format, and not the real one
                writeln!(
                    streams.output,
                    "{processor}\ton-line   since 01/01/2026 00:00:00"
                )?;
            }
        }
        [other, ..] => return not_emulated(streams, "psrinfo", other),
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use super::*;

    #[test]
    fn processors_are_counted_and_listed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("proc")).unwrap();
        fs::write(
            root.path().join("proc/cpuinfo"),
            "processor : 0\nx: 1\n\nprocessor : 1\n",
        )
        .unwrap();
        assert_eq!(run(root.path(), psrinfo, &["-t"], b"").output, "2\n");
        assert_eq!(run(root.path(), psrinfo, &["-p"], b"").output, "1\n");
        assert_eq!(
            run(root.path(), psrinfo, &[], b"").output.lines().count(),
            2
        );
        assert_eq!(run(root.path(), psrinfo, &["-v"], b"").status, 99);
    }
}
