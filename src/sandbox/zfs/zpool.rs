//! `zpool list`, `get`, `status` and `scrub`: enough to see whether the pool is well.
//!
//! zfs-fuse shows sizes in three digits only. The size itself is known exactly, from the file; what is
//! allocated is as exact as those digits. What a zone is refused, and the columns' names, are inferred:
//! the facts are about `zfs`.

use crate::causes::in_one_line;
use crate::sandbox::smf::answer::Answer;
use crate::sandbox::smf::options::{Misuse, Options};

use super::asker::{Owner, View};
use super::daemon::{POOL, Place};
use super::format;

const LIST_USAGE: &str = "list [-Hpv] [-o property[,...]] [-T d|u] [pool] ...";
const GET_USAGE: &str =
    "get [-Hp] [-o \"all\" | field[,...]] <\"all\" | property[,...]> <pool> ...";
const STATUS_USAGE: &str = "status [-xv] [-T d|u] [pool] ...";
const SCRUB_USAGE: &str = "scrub [-s|-p] <pool> ...";

/// Sub-commands of illumos that the sandbox does not have.
const ABSENT: &[&str] = &[
    "add",
    "attach",
    "checkpoint",
    "clear",
    "create",
    "destroy",
    "detach",
    "export",
    "history",
    "import",
    "initialize",
    "iostat",
    "labelclear",
    "offline",
    "online",
    "reguid",
    "remove",
    "reopen",
    "replace",
    "set",
    "split",
    "sync",
    "trim",
    "upgrade",
];

/// A disk's name, in the place of the file's.
const DISK: &str = "c1t0d0";

/// The columns: name, other name, heading, and whether they lean to the right.
const COLUMNS: &[(&str, &str, &str, bool)] = &[
    ("name", "name", "NAME", false),
    ("size", "size", "SIZE", true),
    ("allocated", "alloc", "ALLOC", true),
    ("free", "free", "FREE", true),
    ("checkpoint", "ckpoint", "CKPOINT", true),
    ("expandsize", "expandsz", "EXPANDSZ", true),
    ("fragmentation", "frag", "FRAG", true),
    ("capacity", "cap", "CAP", true),
    ("dedupratio", "dedup", "DEDUP", true),
    ("health", "health", "HEALTH", false),
    ("altroot", "altroot", "ALTROOT", false),
    ("readonly", "rdonly", "RDONLY", false),
    ("guid", "guid", "GUID", true),
    ("version", "version", "VERSION", false),
    ("bootfs", "bootfs", "BOOTFS", false),
    ("comment", "comment", "COMMENT", false),
    ("autoexpand", "expand", "EXPAND", false),
    ("autoreplace", "replace", "REPLACE", false),
    ("failmode", "failmode", "FAILMODE", false),
    ("listsnapshots", "listsnaps", "LISTSNAPS", false),
];

const DEFAULT: &str = "name,size,alloc,free,ckpoint,expandsz,frag,cap,dedup,health,altroot";

/// What the real command knows of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pool {
    size: u64,
    allocated: u64,
    dedup: String,
    health: String,
    guid: String,
}

/// Runs `zpool` with these words.
pub(super) fn run(place: &Place, view: View, words: &[String]) -> Answer {
    let Some((command, rest)) = words.split_first() else {
        return misuse("missing command", "zpool command args ...");
    };
    let answered = match command.as_str() {
        "list" => list(place, view, rest),
        "get" => get(place, view, rest),
        "status" => status(place, view, rest),
        "scrub" => scrub(place, view, rest),
        name if ABSENT.contains(&name) => Err(absent(name)),
        name => Err(misuse(
            &format!("unrecognized command '{name}'"),
            "zpool command args ...",
        )),
    };
    answered.unwrap_or_else(|answer| answer)
}

fn absent(what: &str) -> Answer {
    Answer::failure(
        99,
        format!("zpool: `{what}` is not emulated in the sandbox"),
    )
}

fn misuse(line: &str, usage: &str) -> Answer {
    let mut answer = Answer::failure(2, line);
    answer.complain("usage:");
    answer.complain(format!("\t{usage}"));
    answer
}

fn options(words: &[String], known: &str, usage: &str) -> Result<Options, Answer> {
    Options::parse(words, known).map_err(|wrong| match wrong {
        Misuse::Unknown(letter) => misuse(&format!("invalid option '{letter}'"), usage),
        Misuse::NoValue(letter) => {
            misuse(&format!("missing argument for '{letter}' option"), usage)
        }
    })
}

/// Whether the asker sees the pool, and whether it is the one that was named.
fn is_meant(view: View, names: &[String], answer: &mut Answer) -> bool {
    let is_visible = view.is_visible(POOL);
    for name in names.iter().filter(|name| !is_visible || *name != POOL) {
        answer.fail(1, format!("cannot open '{name}': no such pool"));
    }
    is_visible && (names.is_empty() || names.iter().any(|name| name == POOL))
}

fn list(place: &Place, view: View, words: &[String]) -> Result<Answer, Answer> {
    let options = options(words, "Hpvo:T:", LIST_USAGE)?;
    if let Some(letter) = ['v', 'T'].into_iter().find(|letter| options.has(*letter)) {
        return Err(absent(&format!("list -{letter}")));
    }
    let asked = options.value('o').unwrap_or(DEFAULT);
    let columns: Result<Vec<_>, Answer> = asked
        .split(',')
        .map(|word| column(word, LIST_USAGE))
        .collect();
    let columns = columns?;
    let mut answer = Answer::default();
    if !is_meant(view, &options.operands, &mut answer) {
        if options.operands.is_empty() {
            answer.complain("no pools available");
        }
        return Ok(answer);
    }
    let pool = Pool::read(place)?;
    let row: Vec<String> = columns
        .iter()
        .map(|(name, ..)| pool.shown(name, options.has('p')))
        .collect();
    if options.has('H') {
        answer.say(row.join("\t"));
    } else {
        let heading = columns
            .iter()
            .map(|(_, _, heading, _)| (*heading).to_owned())
            .collect();
        let right: Vec<bool> = columns.iter().map(|(.., right)| *right).collect();
        answer.out = format::table(&[heading, row], &right);
    }
    Ok(answer)
}

fn column(
    word: &str,
    usage: &str,
) -> Result<(&'static str, &'static str, &'static str, bool), Answer> {
    let known = COLUMNS
        .iter()
        .find(|(name, other, ..)| *name == word || *other == word);
    known.copied().ok_or_else(|| {
        misuse(
            &format!("bad property list: invalid property '{word}'"),
            usage,
        )
    })
}

fn get(place: &Place, view: View, words: &[String]) -> Result<Answer, Answer> {
    let options = options(words, "Hpo:", GET_USAGE)?;
    let Some((wanted, names)) = options.operands.split_first() else {
        return Err(misuse("missing property argument", GET_USAGE));
    };
    let wanted: Result<Vec<_>, Answer> = match wanted.as_str() {
        "all" => Ok(COLUMNS.iter().skip(1).copied().collect()),
        list => list
            .split(',')
            .map(|word| column(word, GET_USAGE))
            .collect(),
    };
    let wanted = wanted?;
    let mut answer = Answer::default();
    if !is_meant(view, names, &mut answer) {
        return Ok(answer);
    }
    let fields: Vec<&str> = match options.value('o') {
        None | Some("all") => vec!["name", "property", "value", "source"],
        Some(text) => text.split(',').collect(),
    };
    let pool = Pool::read(place)?;
    let mut rows = Vec::new();
    for (property, ..) in wanted {
        let cells = fields.iter().map(|field| match *field {
            "name" => Ok(POOL.to_owned()),
            "property" => Ok(property.to_owned()),
            "value" => Ok(pool.shown(property, options.has('p'))),
            "source" => Ok(source(property).to_owned()),
            other => Err(misuse(&format!("invalid column name '{other}'"), GET_USAGE)),
        });
        rows.push(cells.collect::<Result<Vec<String>, Answer>>()?);
    }
    if options.has('H') {
        rows.iter().for_each(|row| answer.say(row.join("\t")));
    } else {
        rows.insert(0, fields.iter().map(|field| field.to_uppercase()).collect());
        answer.out = format::table(&rows, &[]);
    }
    Ok(answer)
}

fn source(property: &str) -> &'static str {
    let settable = [
        "altroot",
        "readonly",
        "version",
        "bootfs",
        "comment",
        "autoexpand",
        "autoreplace",
        "failmode",
        "listsnapshots",
    ];
    if settable.contains(&property) {
        "default"
    } else {
        "-"
    }
}

impl Pool {
    fn read(place: &Place) -> Result<Self, Answer> {
        let failed = |error| Answer::failure(1, in_one_line(&error));
        let columns = "name,size,allocated,dedupratio,health,guid";
        let words = ["list", "-H", "-o", columns, POOL];
        let output = place.real("zpool", &words).map_err(failed)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Self::parse(&text, place.size()).ok_or_else(|| {
            Answer::failure(
                1,
                format!("cannot understand `zpool list`: {}", text.trim()),
            )
        })
    }

    // zones	3.97T	556K	1.00x	ONLINE	12345678901234567890
    fn parse(text: &str, file: Option<u64>) -> Option<Self> {
        let fields: Vec<&str> = text.trim_end().split('\t').collect();
        let [_, size, allocated, dedup, health, guid] = fields.as_slice() else {
            return None;
        };
        let exact = file
            .map(size_in)
            .filter(|exact| format::short(*exact) == *size);
        Some(Self {
            // A pool that is faulted has none.
            size: exact.or_else(|| format::bytes(size)).unwrap_or(0),
            allocated: format::bytes(allocated).unwrap_or(0),
            dedup: (*dedup).to_owned(),
            health: (*health).to_owned(),
            guid: (*guid).to_owned(),
        })
    }

    fn shown(&self, property: &str, exact: bool) -> String {
        let number = |number: u64| {
            if exact {
                number.to_string()
            } else {
                format::short(number)
            }
        };
        let free = self.size.saturating_sub(self.allocated);
        let percent = (self.allocated.saturating_mul(100))
            .checked_div(self.size)
            .unwrap_or(0);
        match property {
            "name" => POOL.to_owned(),
            "size" => number(self.size),
            "allocated" => number(self.allocated),
            "free" => number(free),
            "capacity" if exact => percent.to_string(),
            "capacity" => format!("{percent}%"),
            "dedupratio" if exact => self.dedup.trim_end_matches('x').to_owned(),
            "dedupratio" => self.dedup.clone(),
            "health" => self.health.clone(),
            "guid" => self.guid.clone(),
            // zfs-fuse does not measure it.
            "fragmentation" if exact => "0".to_owned(),
            "fragmentation" => "0%".to_owned(),
            "readonly" | "autoexpand" | "autoreplace" | "listsnapshots" => "off".to_owned(),
            "failmode" => "wait".to_owned(),
            _ => "-".to_owned(),
        }
    }
}

/// The size of a pool on one file: without the labels at both ends, in whole metaslabs, of which
/// there are about two hundred.
fn size_in(file: u64) -> u64 {
    const LABELS: u64 = (4 << 20) + (512 << 10);
    let room = (file & !((256 << 10) - 1)).saturating_sub(LABELS);
    let slab = (room / 200).checked_ilog2().unwrap_or(0).max(17);
    room >> slab << slab
}

fn status(place: &Place, view: View, words: &[String]) -> Result<Answer, Answer> {
    let options = options(words, "xvT:D", STATUS_USAGE)?;
    if let Some(letter) = ['T', 'D'].into_iter().find(|letter| options.has(*letter)) {
        return Err(absent(&format!("status -{letter}")));
    }
    let mut answer = Answer::default();
    if !is_meant(view, &options.operands, &mut answer) {
        if options.operands.is_empty() {
            answer.complain("no pools available");
        }
        return Ok(answer);
    }
    let failed = |error| Answer::failure(1, in_one_line(&error));
    let real = place.real("zpool", &["status", POOL]).map_err(failed)?;
    let real = String::from_utf8_lossy(&real.stdout).into_owned();
    let is_well = real.contains("state: ONLINE") && real.contains("errors: No known data errors");
    match (options.has('x') && is_well, options.operands.is_empty()) {
        (true, true) => answer.say("all pools are healthy"),
        (true, false) => answer.say(format!("pool '{POOL}' is healthy")),
        (false, _) => answer.out += &in_illumos_words(&real),
    }
    Ok(answer)
}

// zfs-fuse:  scrub: none requested
//            scrub: scrub completed after 0h0m with 0 errors on Mon Nov 23 00:20:00 2026
// illumos:    scan: none requested
//             scan: scrub repaired 0 in 0 days 00:00:00 with 0 errors on Mon Nov 23 00:20:00 2026
fn in_illumos_words(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let Some(said) = line.strip_prefix(" scrub: ") else {
            return line.replace("/pool/zones.img", &format!("{DISK:<15}"));
        };
        let Some((took, rest)) = said
            .strip_prefix("scrub completed after ")
            .and_then(|rest| rest.split_once(" with "))
        else {
            return format!("  scan: {said}");
        };
        let (hours, minutes) = took
            .trim_end_matches('m')
            .split_once('h')
            .unwrap_or(("0", took));
        let hours: u64 = hours.parse().unwrap_or(0);
        let minutes: u64 = minutes.parse().unwrap_or(0);
        let (days, hours) = (hours / 24, hours % 24);
        format!("  scan: scrub repaired 0 in {days} days {hours:02}:{minutes:02}:00 with {rest}")
    });
    lines
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

fn scrub(place: &Place, view: View, words: &[String]) -> Result<Answer, Answer> {
    let options = options(words, "spw", SCRUB_USAGE)?;
    if options.operands.is_empty() {
        return Err(misuse("missing pool name argument", SCRUB_USAGE));
    }
    if let Some(letter) = ['p', 'w'].into_iter().find(|letter| options.has(*letter)) {
        return Err(absent(&format!("scrub -{letter}")));
    }
    let mut answer = Answer::default();
    if !is_meant(view, &options.operands, &mut answer) {
        return Ok(answer);
    }
    if view.asker.owner != Owner::Global || !view.asker.is_root {
        return Err(Answer::failure(
            1,
            format!("cannot scrub {POOL}: permission denied"),
        ));
    }
    let real: &[&str] = if options.has('s') {
        &["scrub", "-s", POOL]
    } else {
        &["scrub", POOL]
    };
    let done = place.real("zpool", real);
    done.map_err(|error| Answer::failure(1, in_one_line(&error)))?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "zones\t3.97T\t556K\t1.00x\tONLINE\t17\n";

    #[test]
    fn sizes_are_exact_where_they_can_be() {
        let pool = Pool::parse(LINE, Some(4 << 40)).unwrap();
        assert_eq!(format::short(pool.size), "3.97T");
        assert_eq!(pool.shown("allocated", true), "569344");
        assert_eq!(pool.shown("free", true), (pool.size - 569_344).to_string());
        assert_eq!(pool.shown("capacity", true), "0");
        assert_eq!(pool.shown("capacity", false), "0%");
        assert_eq!(pool.shown("dedupratio", true), "1.00");
        assert!(Pool::parse("zones\t1T\n", None).is_none());
    }

    #[test]
    fn a_scrub_is_told_as_illumos_tells_it() {
        let text = "  pool: zones\n state: ONLINE\n scrub: none requested\nconfig:\n\n\
            \tNAME               STATE     READ WRITE CKSUM\n\
            \tzones              ONLINE       0     0     0\n\
            \t  /pool/zones.img  ONLINE       0     0     0\n";
        let told = in_illumos_words(text);
        assert!(told.contains("\n  scan: none requested\n"), "{told}");
        assert!(
            told.contains("\t  c1t0d0           ONLINE       0     0     0\n"),
            "{told}"
        );
        let done =
            " scrub: scrub completed after 25h3m with 0 errors on Mon Nov 23 00:20:00 2026\n";
        assert_eq!(
            in_illumos_words(done),
            "  scan: scrub repaired 0 in 1 days 01:03:00 with 0 errors on Mon Nov 23 00:20:00 2026\n"
        );
    }
}
