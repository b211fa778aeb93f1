//! `isainfo`: which instruction sets run here.
//!
//! Without an option it names both (inferred); the sandbox itself runs only the 64-bit one.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::{Streams, not_emulated};

/// Prints the instruction sets, or with `-b`, `-k`, `-n` one fact about them.
pub fn isainfo(_root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    let words: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let line = match words.as_slice() {
        [] => "amd64 i386",
        ["-k" | "-n"] => "amd64",
        ["-b"] => "64",
        [other, ..] => return not_emulated(streams, "isainfo", other),
    };
    writeln!(streams.output, "{line}")?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use super::*;

    #[test]
    fn it_is_a_64_bit_machine() {
        let root = Path::new("/");
        assert_eq!(run(root, isainfo, &["-k"], b"").output, "amd64\n");
        assert_eq!(run(root, isainfo, &["-b"], b"").output, "64\n");
        assert_eq!(run(root, isainfo, &[], b"").output, "amd64 i386\n");
        assert_eq!(run(root, isainfo, &["-v"], b"").status, 99);
    }
}
