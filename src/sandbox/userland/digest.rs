//! `digest -a ALGORITHM [-v] [FILE…]`: hashes of files.
//!
//! One operand prints the bare hash, two or more `(FILE) = hash`; a missing file makes the status 2,
//! an unreadable one 1, and later successes do not reset it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use md5::Digest as _;

use super::getopt::{Parsed, Refusal};
use super::{Streams, not_emulated};
use crate::hex::hex;

/// Prints the hashes of the operands, or of standard input.
pub fn digest(_root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    let parsed = match Parsed::new(args, "a:v") {
        Ok(parsed) => parsed,
        Err(Refusal::Unknown(option)) => return not_emulated(streams, "digest", &option),
        Err(Refusal::Missing(_)) => return usage(streams),
    };
    let Some(name) = parsed.text('a') else {
        return usage(streams);
    };
    let Some(algorithm) = Algorithm::named(&name) else {
        // the words are (inferred), the status is not
        writeln!(streams.errors, "digest: unknown algorithm -- {name}")?;
        return Ok(1);
    };
    if parsed.operands.is_empty() {
        let hash = algorithm.hash(streams.input)?;
        writeln!(streams.output, "{hash}")?;
        return Ok(0);
    }
    let mut status = 0;
    for path in &parsed.operands {
        let shown = path.to_string_lossy();
        let Ok(mut file) = File::open(path) else {
            writeln!(streams.errors, "digest: can not open input file {shown}")?;
            status = 2;
            continue;
        };
        let hash = match algorithm.hash(&mut file) {
            Ok(hash) => hash,
            Err(error) => {
                let failed = "digest: crypto operation failed for file";
                writeln!(streams.errors, "{failed} {shown}: {error}")?;
                status = 1;
                continue;
            }
        };
        match (parsed.has('v'), parsed.operands.len()) {
            (true, _) => writeln!(streams.output, "{name} ({shown}) = {hash}")?,
            (false, 1) => writeln!(streams.output, "{hash}")?,
            (false, _) => writeln!(streams.output, "({shown}) = {hash}")?,
        }
    }
    Ok(status)
}

fn usage(streams: &mut Streams) -> io::Result<i32> {
    writeln!(
        streams.errors,
        "Usage: digest -l | [-v] [-a <algorithm>] [file...]"
    )?;
    Ok(2)
}

#[derive(Clone, Copy)]
enum Algorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    fn hash(self, input: &mut dyn Read) -> io::Result<String> {
        match self {
            Self::Md5 => sum(md5::Md5::new(), input),
            Self::Sha1 => sum(sha1::Sha1::new(), input),
            Self::Sha224 => sum(sha2::Sha224::new(), input),
            Self::Sha256 => sum(sha2::Sha256::new(), input),
            Self::Sha384 => sum(sha2::Sha384::new(), input),
            Self::Sha512 => sum(sha2::Sha512::new(), input),
        }
    }
}

fn sum<D: md5::Digest>(mut hasher: D, input: &mut dyn Read) -> io::Result<String> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => hasher.update(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hex(&hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_format_depends_on_the_number_of_operands_and_on_v() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b");
        std::fs::write(&path, "abc").unwrap();
        let path = path.to_str().unwrap();
        let root = Path::new("/");
        assert_eq!(
            run(root, digest, &["-a", "sha256"], b"abc").output,
            format!("{ABC}\n")
        );
        let one = run(root, digest, &["-a", "sha256", path], b"");
        assert_eq!(one.output, format!("{ABC}\n"));
        let two = run(root, digest, &["-a", "sha256", path, path], b"");
        assert_eq!(two.output, format!("({path}) = {ABC}\n").repeat(2));
        let verbose = run(root, digest, &["-va", "sha256", "--", path], b"");
        assert_eq!(verbose.output, format!("sha256 ({path}) = {ABC}\n"));
        let md5 = run(root, digest, &["-a", "md5"], b"");
        assert_eq!(md5.output, "d41d8cd98f00b204e9800998ecf8427e\n");
    }

    #[test]
    fn a_missing_file_is_told_and_the_others_are_still_hashed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "abc").unwrap();
        let path = path.to_str().unwrap();
        let answer = run(
            Path::new("/"),
            digest,
            &["-a", "sha256", "/no/such", path],
            b"",
        );
        assert_eq!(answer.status, 2);
        assert_eq!(answer.errors, "digest: can not open input file /no/such\n");
        assert_eq!(answer.output, format!("({path}) = {ABC}\n"));
        let folder = folder.path().to_str().unwrap();
        let answer = run(Path::new("/"), digest, &["-a", "sha256", folder], b"");
        assert_eq!(answer.status, 1);
        assert!(
            answer
                .errors
                .starts_with("digest: crypto operation failed for file /")
        );
    }

    #[test]
    fn wrong_calls_end_as_the_real_one_does() {
        let root = Path::new("/");
        assert_eq!(run(root, digest, &[], b"").status, 2);
        assert_eq!(run(root, digest, &["-a", "crc"], b"").status, 1);
        assert_eq!(run(root, digest, &["-l"], b"").status, 99);
    }
}
