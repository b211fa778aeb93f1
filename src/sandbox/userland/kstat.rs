//! `kstat -p`: the few kernel statistics that facts about a zone rest on.
//!
//! A pattern is `module:instance:name:statistic`, each part a glob or empty for anything; nothing
//! found is status 1 and no output, which is also how a zone without a CPU cap answers.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use super::getopt::{Parsed, Refusal};
use super::{Streams, below, not_emulated, with_path, zone};

const PAGE: u64 = 4096;
/// Clock ticks a second in `/proc`, the same on every Linux of this kind.
const TICKS: u64 = 100;

/// Prints `module:instance:name:statistic<TAB>value` for everything that an operand matches.
pub fn kstat(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    let parsed = match Parsed::new(args, "p") {
        Ok(parsed) if parsed.has('p') => parsed,
        Ok(_) => return not_emulated(streams, "kstat", "output without -p"),
        Err(Refusal::Unknown(option)) => return not_emulated(streams, "kstat", &option),
        Err(Refusal::Missing(_)) => return Ok(2),
    };
    let patterns: Vec<_> = parsed
        .operands
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    let mut found = false;
    for (name, value) in statistics(root)? {
        if patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, &name)) {
            writeln!(streams.output, "{name}\t{value}")?;
            found = true;
        }
    }
    Ok(i32::from(!found))
}

fn statistics(root: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut all = Vec::new();
    let number = |key: &str| -> io::Result<Option<u64>> {
        Ok(zone::property(root, key)?.and_then(|value| value.as_u64()))
    };
    let id = number("zoneid")?.unwrap_or(1);
    if let Some(name) = zone::name(root)? {
        if let Some(cap) = number("cpu_cap")?.filter(|cap| *cap > 0) {
            all.push((format!("caps:{id}:cpucaps_zone_{id}:value"), cap));
        }
        let name: String = name.chars().take(30).collect();
        let mib = |value: Option<u64>| value.map_or(u64::MAX, |mib| mib * 1024 * 1024);
        for (statistic, value) in [
            ("nover", 0),
            ("physcap", mib(number("max_physical_memory")?)),
            ("rss", resident(root)?),
            ("swap", resident(root)?),
            ("swapcap", mib(number("max_swap")?)),
        ] {
            all.push((format!("memory_cap:{id}:{name}:{statistic}"), value));
        }
    }
    all.push(("unix:0:system_misc:boot_time".to_owned(), boot_time(root)?));
    all.push((
        "unix:0:system_pages:physmem".to_owned(),
        physical_pages(root)?,
    ));
    Ok(all)
}

fn matches(pattern: &str, name: &str) -> bool {
    let mut wanted = pattern.split(':');
    name.split(':').all(|part| match wanted.next() {
        None | Some("") => true,
        Some(glob) => glob_matches(glob.as_bytes(), part.as_bytes()),
    })
}

fn glob_matches(glob: &[u8], text: &[u8]) -> bool {
    match glob.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => {
            (0..=text.len()).any(|at| text.get(at..).is_some_and(|tail| glob_matches(rest, tail)))
        }
        Some((wanted, rest)) => text.split_first().is_some_and(|(byte, tail)| {
            (*wanted == b'?' || wanted == byte) && glob_matches(rest, tail)
        }),
    }
}

/// When the zone was started: the birth of its first process.
fn boot_time(root: &Path) -> io::Result<u64> {
    let machine = number_after(root, "/proc/stat", "btime")?;
    // 1 (name) S 0 1 1 … : field 22 is the start in ticks; the name may hold blanks
    let path = below(root, "/proc/1/stat");
    let text = fs::read_to_string(&path).map_err(|error| with_path(&path, &error))?;
    let start = text
        .rsplit(')')
        .next()
        .and_then(|fields| fields.split_whitespace().nth(19))
        .and_then(|field| field.parse::<u64>().ok())
        .ok_or_else(|| with_path(&path, &io::Error::other("no start time")))?;
    Ok(machine + start / TICKS)
}

fn physical_pages(root: &Path) -> io::Result<u64> {
    Ok(number_after(root, "/proc/meminfo", "MemTotal:")? * 1024 / PAGE)
}

fn number_after(root: &Path, path: &str, word: &str) -> io::Result<u64> {
    let path = below(root, path);
    let text = fs::read_to_string(&path).map_err(|error| with_path(&path, &error))?;
    text.lines()
        .filter_map(|line| line.strip_prefix(word))
        .find_map(|rest| rest.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| with_path(&path, &io::Error::other(format!("no `{word}`"))))
}

/// The resident memory of all processes that the zone sees.
fn resident(root: &Path) -> io::Result<u64> {
    let path = below(root, "/proc");
    let mut pages = 0;
    for entry in fs::read_dir(&path).map_err(|error| with_path(&path, &error))? {
        let statm = entry?.path().join("statm");
        // a process may end between the listing and the look
        let Ok(text) = fs::read_to_string(statm) else {
            continue;
        };
        pages += text
            .split_whitespace()
            .nth(1)
            .and_then(|n| n.parse::<u64>().ok())
            .unwrap_or(0);
    }
    Ok(pages * PAGE)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Answer, run};
    use super::*;

    fn zone() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("proc/1")).unwrap();
        fs::create_dir_all(root.path().join("var/db")).unwrap();
        fs::write(root.path().join("proc/stat"), "cpu 1 2\nbtime 1700000000\n").unwrap();
        fs::write(root.path().join("proc/meminfo"), "MemTotal:  8192 kB\n").unwrap();
        let fields = "S 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4250 0";
        fs::write(
            root.path().join("proc/1/stat"),
            format!("1 (a) b) {fields}"),
        )
        .unwrap();
        fs::write(root.path().join("proc/1/statm"), "10 2 1").unwrap();
        root
    }

    fn describe(root: &Path, sdc: &str) {
        let text = format!("{{\"sdc\": {sdc}}}");
        fs::write(below(root, zone::METADATA_FILE), text).unwrap();
    }

    #[test]
    fn boot_time_is_the_zones_own() {
        let root = zone();
        let answer = run(
            root.path(),
            kstat,
            &["-p", "unix:0:system_misc:boot_time"],
            b"",
        );
        assert_eq!(answer.output, "unix:0:system_misc:boot_time\t1700000042\n");
    }

    #[test]
    fn memory_caps_carry_the_zones_name_cut_to_thirty() {
        let root = zone();
        describe(
            root.path(),
            r#"{"zonename": "2f1dc911-6401-4fa4-8e9d-67ea2e39c271", "max_physical_memory": 2048, "zoneid": 7}"#,
        );
        let answer = run(root.path(), kstat, &["-p", "memory_cap:::"], b"");
        let name = "2f1dc911-6401-4fa4-8e9d-67ea2e";
        assert!(
            answer
                .output
                .contains(&format!("memory_cap:7:{name}:physcap\t2147483648\n")),
            "{answer:?}"
        );
        assert!(
            answer
                .output
                .contains(&format!("memory_cap:7:{name}:rss\t8192\n"))
        );
    }

    #[test]
    fn nothing_found_is_status_one_and_silence() {
        let root = zone();
        describe(root.path(), r#"{"zonename": "x"}"#);
        let none = Answer {
            status: 1,
            output: String::new(),
            errors: String::new(),
        };
        assert_eq!(
            run(
                root.path(),
                kstat,
                &["-p", "caps::cpucaps_zone*:value"],
                b""
            ),
            none
        );
        assert_eq!(
            run(
                root.path(),
                kstat,
                &["-p", "unix:1:system_misc:boot_time"],
                b""
            ),
            none
        );
        describe(root.path(), r#"{"zonename": "x", "cpu_cap": 200}"#);
        let capped = run(
            root.path(),
            kstat,
            &["-p", "caps::cpucaps_zone*:value"],
            b"",
        );
        assert_eq!(capped.output, "caps:1:cpucaps_zone_1:value\t200\n");
        assert_eq!(run(root.path(), kstat, &["-m", "unix"], b"").status, 99);
    }
}
