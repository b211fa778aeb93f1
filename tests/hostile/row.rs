//! A row of a table: what is broken, and what must be said of it.

use std::fs;
use std::path::{Path, PathBuf};

use zonewright::receipt::sha256_hex;

use crate::sandbox::harness::{Ran, Zone, files_below, write_site};

/// One kind of broken input.
pub struct Row {
    /// The report is in `reports/NAME.txt`.
    pub name: &'static str,
    /// Breaks the greeter's site.
    pub broken: fn(&Site),
    /// What the report has to contain: where it is, what is wrong, what to write or do instead.
    pub says: [&'static str; 3],
    /// Whether the whole report is the same each time. Compilers and build tools have a say in some.
    pub is_golden: bool,
}

/// The fixture's site, to be broken.
pub struct Site {
    pub folder: PathBuf,
    pub alias: String,
}

pub const RECIPE: &str = "recipes/greeter.toml";
pub const PATCH: &str = "patches/greeter/loud.patch";

impl Site {
    /// The site as it should be, in a folder that may hold an earlier one.
    pub fn fresh(folder: &Path, alias: &str) -> Self {
        if folder.exists() {
            fs::remove_dir_all(folder).unwrap();
        }
        write_site(folder, alias, "greeter");
        Self {
            folder: folder.to_owned(),
            alias: alias.to_owned(),
        }
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).unwrap()
    }

    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.folder.join(path), text).unwrap();
    }

    /// Changes a file in one place.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let old = self.read(path);
        assert_eq!(old.matches(from).count(), 1, "{path} has {from} once");
        self.write(path, &old.replace(from, to));
    }

    /// The zone file's name in the site.
    pub fn zone_file(&self) -> String {
        format!("zones/{}.toml", self.alias)
    }

    /// Puts another archive in the place of the greeter's, as if its author had published it: the
    /// recipe has its checksum.
    pub fn publish(&self, archive: &[u8]) {
        let path = self.folder.join("distfiles/greeter-1.0.tar.gz");
        let old = sha256_hex(&fs::read(&path).unwrap());
        self.edit(RECIPE, &old, &sha256_hex(archive));
        fs::write(path, archive).unwrap();
    }
}

/// What differs from run to run, and what is written instead.
pub type Names<'a> = [(&'a str, &'a str)];

/// The folders of a test with a zone.
pub fn paths(zone: &Zone) -> [String; 4] {
    let site = zone.site.display().to_string();
    let shown = |path: &Path| path.display().to_string();
    let folders = zone.folders();
    [
        format!("{site}/"),
        site,
        shown(&folders.cache),
        shown(&folders.state),
    ]
}

/// What is written instead of them: the site's own files are named from the site on.
pub fn names(paths: &[String; 4]) -> [(&str, &str); 4] {
    let [below, site, cache, state] = paths;
    [
        (below, ""),
        (site, "SITE"),
        (cache, "CACHE"),
        (state, "STATE"),
    ]
}

/// A report without what differs from run to run: paths, ports, how long things took.
pub fn plain(text: &str, names: &Names<'_>) -> String {
    let mut plain = text.to_owned();
    for (from, to) in names {
        plain = plain.replace(from, to);
    }
    for (pattern, to) in [
        (r"127\.0\.0\.1:\d{5}", "127.0.0.1:PORT"),
        (
            r"(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?: \d{4})?",
            "WHEN",
        ),
        (r"\b[0-9a-f]{64}\b and \d+ more", "KEY and more"),
        (r"build/[0-9a-f]{64}\b", "build/KEY"),
        (r"(failed to lookup address information): .*", "$1: WHY"),
        (r"/runs/([^/ ]+)/\d+-\d+", "/runs/$1/RUN"),
        (r"(?m)^((?:done|failed) .*) \([0-9. a-z]+\)$", "$1 (TIME)"),
    ] {
        let pattern = regex::Regex::new(pattern).unwrap();
        plain = pattern.replace_all(&plain, to).into_owned();
    }
    plain
}

/// A report in one line: where it is wrapped depends on how long the paths in it are.
pub fn unwrapped(report: &str) -> String {
    let words = report.split_whitespace().filter(|word| *word != "│");
    words.collect::<Vec<_>>().join(" ")
}

impl Row {
    /// Holds a report against the row; what is wrong comes back.
    pub fn judge(&self, report: &str, names: &Names<'_>) -> Result<(), String> {
        let report = plain(report, names);
        for part in self.says {
            if !unwrapped(&report).contains(&unwrapped(part)) {
                return Err(format!("{} does not say `{part}`:\n{report}", self.name));
            }
        }
        if !self.is_golden {
            return Ok(());
        }
        let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/hostile/reports")
            .join(format!("{}.txt", self.name));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &report).unwrap();
            return Ok(());
        }
        let wanted = fs::read_to_string(&golden).unwrap_or_default();
        if unwrapped(&wanted) == unwrapped(&report) {
            return Ok(());
        }
        Err(format!("{} reports:\n{report}", self.name))
    }
}

/// Ends a table: all that is wrong at once.
#[track_caller]
pub fn end(table: &str, count: usize, wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} of {count} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    eprintln!("{table}: {count} of {count} rows");
}

/// Everything in a zone that an apply could change: files with their bytes and times, accounts,
/// packages, services, processes of the software. Logs of logins are left out.
pub fn state(zone: &Zone) -> String {
    zone.shell(
        r#"
find /etc /opt/local /var /root /home /tmp -xdev \
  -path /var/svc/log -prune -o -path /var/log -prune -o -path /var/adm -prune -o -path /var/run -prune -o \
  -type d -printf '%p %y %m %u:%g\n' -o -printf '%p %y %m %u:%g %s %T@ %l\n' | sort
pkg_info; svcs -aH -o state,fmri; pgrep -lx greeter; cat /etc/passwd /etc/shadow
"#,
    )
}

/// The lines that one text has and another has not, both ways.
pub fn differences(before: &str, after: &str) -> String {
    let lacks = |sign: &'static str, text: &str, other: &str| {
        let other: std::collections::BTreeSet<&str> = other.lines().collect();
        let lines = text.lines().filter(|line| !other.contains(line));
        lines
            .map(|line| format!("{sign}{line}\n"))
            .collect::<String>()
    };
    lacks("-", before, after) + &lacks("+", after, before)
}

/// Files of the controller that a run which came to nothing must not leave: parts of downloads,
/// packages, files on their way to their place.
pub fn leftovers(cache: &Path) -> Vec<PathBuf> {
    let parts = ["partial", "packages", "packages-sandbox"];
    let below = parts.iter().map(|part| cache.join(part));
    let files = below
        .filter(|folder| folder.is_dir())
        .flat_map(|folder| files_below(&folder));
    files.map(|(path, _)| path).collect()
}

/// Ends with the status of a run, as text where it is another.
pub fn status(ran: &Ran, wanted: i32) -> Result<(), String> {
    if ran.status == wanted {
        return Ok(());
    }
    Err(format!("it ended with {}, not {wanted}\n{ran}", ran.status))
}
