//! The patch engine against GNU `patch`, on the series that real Debian source packages carry.
//!
//! Debian's own series fit their sources, so each patch is also tried alone on the unpatched source,
//! where many do not fit, fit elsewhere, or fit with fuzz only; and once more on the patched source, where few
//! should. What both do must be the same each time: the same files, or a refusal.

mod merge;
mod package;
mod reference;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use zonewright::source::patch;
use zonewright::source::tree::Tree;

use package::{Package, SeriesPatch};
use reference::Disk;

/// Source packages with series of many kinds: long and short, of git, quilt, diff and by hand.
const PACKAGES: &[&str] = &[
    "at",
    "avahi",
    "bzip2",
    "dbus",
    "expat",
    "file",
    "findutils",
    "flex",
    "gawk",
    "gdbm",
    "gzip",
    "inetutils",
    "less",
    "libarchive",
    "libpcap",
    "lighttpd",
    "logrotate",
    "lsof",
    "lua5.4",
    "make-dfsg",
    "mutt",
    "nano",
    "netatalk",
    "openssh",
    "patch",
    "pcre2",
    "procps",
    "rsync",
    "sed",
    "sharutils",
    "sudo",
    "tar",
    "tiff",
    "tmux",
    "unzip",
    "wget",
    "zip",
    "zlib",
    "vsftpd",
    "busybox",
    "minicom",
    "lynx",
    "links2",
    "bash",
    "coreutils",
    "cups",
    "curl",
    "cvs",
    "dovecot",
    "e2fsprogs",
    "krb5",
    "nfs-utils",
    "openldap",
    "p7zip",
    "postfix",
];

/// Fewer packages than this prove little.
const ENOUGH: usize = 30;

/// Differences that are known, with the reason: `PACKAGE/PATCH MODE` → why.
const EXPLAINED: &[(&str, &str)] = &[];

/// How a patch is tried.
#[derive(Debug, Clone, Copy)]
enum Mode {
    /// After those before it.
    InSeries,
    /// Alone, on the unpatched source, with so many lines of fuzz.
    Alone(u32),
    /// Once more, on the source with all patches.
    Again,
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InSeries => f.write_str("in series"),
            Self::Alone(fuzz) => write!(f, "alone -F{fuzz}"),
            Self::Again => f.write_str("again"),
        }
    }
}

#[derive(Default)]
struct Score {
    /// `PACKAGE/PATCH MODE` → how the two differ.
    differences: BTreeMap<String, String>,
    applied: usize,
    refused: usize,
    ours: Duration,
    theirs: Duration,
}

#[test]
fn debians_series_give_what_gnu_patch_gives() {
    let fetched = package::Store::open();
    let (mut packages, mut patches) = (0, 0);
    let mut score = Score::default();
    for name in PACKAGES {
        let package = match fetched.package(name) {
            Ok(Some(package)) => package,
            Ok(None) => continue,
            Err(why) => {
                println!("{name}: not compared: {why}");
                continue;
            }
        };
        let before = score.differences.len();
        compare(&package, &mut score);
        packages += 1;
        patches += package.series.len();
        println!(
            "{name} {}: {} patches, {} differences",
            package.version,
            package.series.len(),
            score.differences.len() - before
        );
    }
    let mut unexplained = String::new();
    for (what, how) in &score.differences {
        let why = EXPLAINED.iter().find(|(known, _)| known == what);
        match why {
            Some((_, why)) => println!("explained: {what}: {why}"),
            None => writeln!(unexplained, "{what}: {how}").unwrap(),
        }
    }
    println!(
        "{packages} packages, {patches} patches; applied {} times, refused {} times; ours {:?}, patch {:?}",
        score.applied, score.refused, score.ours, score.theirs
    );
    assert!(unexplained.is_empty(), "differences:\n{unexplained}");
    for (known, _) in EXPLAINED {
        assert!(
            score.differences.contains_key(*known),
            "{known} is no difference any more"
        );
    }
    assert!(packages >= ENOUGH, "{packages} packages only");
    assert!(score.refused > 200, "too few refusals to prove anything");
}

fn compare(package: &Package, score: &mut Score) {
    let mut tree = package.tree.clone();
    let disk = Disk::of(&tree);
    for (index, patch) in package.series.iter().enumerate() {
        // reading a whole tree takes longer than a patch
        let is_read = index % 8 == 7 || index + 1 == package.series.len();
        let mode = Mode::InSeries;
        if !agree(score, package, patch, mode, &mut tree, &disk, is_read) {
            // what comes after stands on what is different here
            break;
        }
    }
    let patched = tree;
    for mode in [Mode::Alone(0), Mode::Alone(2), Mode::Again] {
        let source = if matches!(mode, Mode::Again) {
            &patched
        } else {
            &package.tree
        };
        for patch in &package.series {
            let mut tree = source.clone();
            let disk = Disk::of_touched(&tree, &patch.bytes);
            agree(score, package, patch, mode, &mut tree, &disk, true);
        }
    }
}

/// Applies a patch both ways; whether both took it, with the same result where that `is_read`.
fn agree(
    score: &mut Score,
    package: &Package,
    patch: &SeriesPatch,
    mode: Mode,
    tree: &mut Tree,
    disk: &Disk,
    is_read: bool,
) -> bool {
    let fuzz = match mode {
        Mode::InSeries | Mode::Again => 0,
        Mode::Alone(fuzz) => fuzz,
    };
    let started = Instant::now();
    let ours = patch::apply(tree, &patch.name, &patch.bytes, patch.strip, fuzz);
    score.ours += started.elapsed();
    let started = Instant::now();
    let theirs = disk.patch(&patch.bytes, patch.strip, fuzz);
    score.theirs += started.elapsed();
    let how = match (ours, theirs) {
        (Ok(_), Ok(())) => {
            score.applied += 1;
            match is_read.then(|| disk.difference(tree)).flatten() {
                None => return true,
                Some(difference) => difference,
            }
        }
        (Err(_), Err(_)) => {
            score.refused += 1;
            return false;
        }
        (Ok(_), Err(said)) => format!("only patch refuses: {}", said.trim()),
        (Err(error), Ok(())) => format!("only ours refuses: {error}"),
    };
    let what = format!("{}/{} {mode}", package.name, patch.name);
    score.differences.insert(what, how.replace('\n', " | "));
    false
}
