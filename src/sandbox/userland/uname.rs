//! `uname` as a SmartOS zone answers it.
//!
//! Letters are printed in one fixed order whatever order they are given in; `-a` is not every
//! letter: it leaves out `-o`, which only newer platforms know.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::getopt::{Parsed, Refusal};
use super::{PLATFORM_STAMP, Streams, not_emulated};

/// Prints what the letters ask for; the system's name where there is none.
pub fn uname(_root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    let parsed = match Parsed::new(args, "asnrvmpio") {
        Ok(parsed) if parsed.operands.is_empty() => parsed,
        Ok(_) => return not_emulated(streams, "uname", "operand"),
        Err(Refusal::Unknown(option)) => return not_emulated(streams, "uname", &option),
        Err(Refusal::Missing(_)) => return Ok(2),
    };
    let node = nix::unistd::gethostname().map_err(io::Error::from)?;
    writeln!(
        streams.output,
        "{}",
        line(&parsed.letters(), &node.to_string_lossy())
    )?;
    Ok(0)
}

// uname -a
// SunOS vault 5.11 joyent_20200602T173751Z i86pc i386 i86pc
fn line(letters: &str, node: &str) -> String {
    let all = [
        ('s', "SunOS"),
        ('n', node),
        ('r', "5.11"),
        ('v', PLATFORM_STAMP),
        ('m', "i86pc"),
        ('p', "i386"),
        ('i', "i86pc"),
        ('o', "illumos"),
    ];
    let letters = if letters.is_empty() { "s" } else { letters };
    let wanted = |letter: char| letters.contains(letter) || letters.contains('a') && letter != 'o';
    let words: Vec<&str> = all
        .iter()
        .filter(|(letter, _)| wanted(*letter))
        .map(|(_, word)| *word)
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use super::*;

    #[test]
    fn the_order_is_fixed() {
        assert_eq!(line("", "n"), "SunOS");
        assert_eq!(line("vs", "n"), format!("SunOS {PLATFORM_STAMP}"));
        assert_eq!(
            line("a", "n"),
            format!("SunOS n 5.11 {PLATFORM_STAMP} i86pc i386 i86pc")
        );
        assert_eq!(line("o", "n"), "illumos");
        assert_eq!(line("mp", "n"), "i86pc i386");
    }

    #[test]
    fn other_letters_are_refused() {
        assert_eq!(run(Path::new("/"), uname, &["-X"], b"").status, 99);
        assert_eq!(run(Path::new("/"), uname, &["-r"], b"").output, "5.11\n");
    }
}
