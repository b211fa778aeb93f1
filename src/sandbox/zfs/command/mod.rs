//! `zfs` as illumos has it: each sub-command reads its words and decides, over what the pool holds,
//! what is to be done with it; doing it is left to the caller.
//!
//! So everything that illumos refuses is refused here with illumos' words, before zfs-fuse, whose
//! words differ, is asked.

mod change;
mod create;
mod destroy;
mod get;
mod holds;
mod list;
mod mounts;
mod properties;
mod set;
mod snapshot;
mod stream;

use crate::sandbox::smf::answer::Answer;
use crate::sandbox::smf::options::{Misuse, Options};

use super::asker::View;
use super::model::Dataset;
use super::names;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// Say this; a status other than 0 is the command's, and the rest is done all the same.
    Say(Answer),
    /// Run the real `zfs` with these words. When it fails, nothing after it is done.
    Real(Vec<String>),
    /// Give a file system another name. The real `zfs` does so only outside of zones.
    Rename { from: String, to: String },
    /// Unmount these, the last first; where one is busy, nothing after it is done.
    Unmount { names: Vec<String>, by_force: bool },
    /// Mount again what was unmounted, under the names that they have now.
    Remount { from: String, to: String },
    /// Mount these where their properties say so; `always` where `canmount` says no, too.
    Mount { names: Vec<String>, always: bool },
}

/// What a sub-command decided.
pub(super) type Planned = Result<Vec<Deed>, Answer>;

/// What it decides over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'a> {
    pub view: View<'a>,
    /// The mounted datasets of the asker's zone, and where.
    pub mounted: &'a [(String, String)],
    /// The datasets that are mounted in any zone.
    pub everywhere: &'a [String],
    /// Seconds since 1970.
    pub now: u64,
}

type Command = fn(&Ground, &[String]) -> Planned;

const COMMANDS: &[(&str, Command)] = &[
    ("clone", create::clone),
    ("create", create::create),
    ("destroy", destroy::destroy),
    ("get", get::get),
    ("hold", holds::hold),
    ("holds", holds::holds),
    ("inherit", set::inherit),
    ("list", list::list),
    ("mount", mounts::mount),
    ("promote", change::promote),
    ("release", holds::release),
    ("rename", change::rename),
    ("rollback", change::rollback),
    ("set", set::set),
    ("snap", snapshot::snapshot),
    ("snapshot", snapshot::snapshot),
    ("umount", mounts::unmount),
    ("unmount", mounts::unmount),
];

/// Sub-commands of illumos that the sandbox does not have.
const ABSENT: &[&str] = &[
    "allow",
    "bookmark",
    "change-key",
    "diff",
    "groupspace",
    "load-key",
    "program",
    "project",
    "projectspace",
    "remap",
    "share",
    "unallow",
    "unload-key",
    "unshare",
    "upgrade",
    "userspace",
];

/// What `zfs` with these words does.
pub(super) fn plan(ground: &Ground, words: &[String]) -> Planned {
    let Some((name, rest)) = words.split_first() else {
        return Err(misuse("missing command", ""));
    };
    if let Some((_, command)) = COMMANDS.iter().find(|(known, _)| known == name) {
        return command(ground, rest);
    }
    if ABSENT.contains(&name.as_str()) {
        return Err(absent(name));
    }
    if ["-?", "--help"].contains(&name.as_str()) {
        return Err(misuse("", ""));
    }
    Err(misuse(&format!("unrecognized command '{name}'"), ""))
}

/// Whether the words need the asker's own streams, and the command that is to run on them.
pub(super) fn streaming(
    ground: &Ground,
    words: &[String],
) -> Option<Result<stream::Stream, Answer>> {
    let (name, rest) = words.split_first()?;
    match name.as_str() {
        "send" => Some(stream::send(ground, rest)),
        "receive" | "recv" => Some(stream::receive(ground, rest)),
        _ => None,
    }
}

pub(super) use properties::real_pairs;
pub(super) use stream::Stream;

/// Something that illumos has and the sandbox does not.
fn absent(what: &str) -> Answer {
    Answer::failure(99, format!("zfs: `{what}` is not emulated in the sandbox"))
}

/// A command line that illumos does not understand: what is wrong, then how it would be right.
fn misuse(line: &str, usage: &str) -> Answer {
    let mut answer = Answer {
        code: 2,
        ..Answer::default()
    };
    if !line.is_empty() {
        answer.complain(line);
    }
    answer.complain("usage:");
    match usage {
        "" => {
            answer.complain("\tzfs command args ...");
            answer.complain("where 'command' is one of the following:\n");
            for (name, _) in COMMANDS {
                answer.complain(format!("\t{name}"));
            }
            answer.complain("\treceive\n\tsend");
        }
        usage => answer.complain(format!("\t{usage}")),
    }
    answer
}

/// The options of a sub-command. `known` are illumos' letters; those in `absent` are not emulated.
fn options(words: &[String], known: &str, not_here: &str, usage: &str) -> Result<Options, Answer> {
    let options = Options::parse(words, known).map_err(|wrong| match wrong {
        Misuse::Unknown(letter) => misuse(&format!("invalid option '{letter}'"), usage),
        Misuse::NoValue(letter) => {
            misuse(&format!("missing argument for '{letter}' option"), usage)
        }
    })?;
    match options
        .flags
        .iter()
        .find(|(letter, _)| not_here.contains(*letter))
    {
        Some((letter, _)) => {
            let command = usage.split(' ').next().unwrap_or_default();
            Err(absent(&format!("{command} -{letter}")))
        }
        None => Ok(options),
    }
}

/// A failure with status 1.
fn refuse(line: impl AsRef<str>) -> Answer {
    Answer::failure(1, line)
}

impl<'a> Ground<'a> {
    /// The dataset of that name, or why there is none.
    fn open(&self, name: &str) -> Result<&'a Dataset, Answer> {
        if !names::can_be_sought(name) {
            return Err(refuse(format!(
                "cannot open '{name}': invalid dataset name"
            )));
        }
        let found = self.view.find(name);
        found.ok_or_else(|| refuse(format!("cannot open '{name}': dataset does not exist")))
    }

    /// The same, of the kind that is wanted.
    fn open_as(&self, name: &str, wants_snapshot: bool) -> Result<&'a Dataset, Answer> {
        let found = self.open(name)?;
        if found.is_snapshot() == wants_snapshot {
            return Ok(found);
        }
        Err(not_applicable(name))
    }

    /// Refuses what the asker may not change; `action` is what stands before the colon.
    fn may_change(&self, name: &str, action: &str) -> Result<(), Answer> {
        if self.view.is_writable(name) {
            return Ok(());
        }
        Err(refuse(format!("{action}: permission denied")))
    }

    /// Where a dataset is mounted.
    fn mountpoint_of(&self, name: &str) -> Option<&'a str> {
        let found = self.mounted.iter().find(|(mounted, _)| mounted == name);
        found.map(|(_, path)| path.as_str())
    }

    /// A file system and all below it, by name.
    fn tree(&self, name: &str) -> Vec<String> {
        let tree = self.view.datasets.tree(name);
        tree.map(|dataset| dataset.name.clone()).collect()
    }
}

/// The name is one of a thing of another kind.
fn not_applicable(name: &str) -> Answer {
    refuse(format!(
        "cannot open '{name}': operation not applicable to datasets of this type"
    ))
}

/// Words as owned text.
fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::sandbox::zfs::asker::Asker;
    use crate::sandbox::zfs::asker::tests::{POOL, global, zone};
    use crate::sandbox::zfs::model::tests::pool;

    /// Plans a command line.
    pub fn try_plan(asker: &Asker, text: &str, line: &str) -> Planned {
        let datasets = pool(text);
        let ground = Ground {
            view: View {
                datasets: &datasets,
                asker,
            },
            mounted: &[],
            everywhere: &[],
            now: 1_795_351_440,
        };
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        plan(&ground, &words)
    }

    /// What a refused command line says, and with which status.
    pub fn refusal(asker: &Asker, text: &str, line: &str) -> (String, i32) {
        match try_plan(asker, text, line) {
            Err(answer) => (answer.err, answer.code),
            Ok(deeds) => match deeds.as_slice() {
                [Deed::Say(answer)] => (answer.err.clone(), answer.code),
                other => panic!("{line}: {other:?}"),
            },
        }
    }

    /// The real command lines of a plan.
    pub fn real(asker: &Asker, text: &str, line: &str) -> Vec<String> {
        let deeds = try_plan(asker, text, line).unwrap();
        let lines = deeds.iter().filter_map(|deed| match deed {
            Deed::Real(words) => Some(words.join(" ")),
            Deed::Rename { from, to } => Some(format!("rename {from} {to}")),
            _ => None,
        });
        lines.collect()
    }

    /// What a plan prints.
    pub fn said(asker: &Asker, text: &str, line: &str) -> String {
        let deeds = try_plan(asker, text, line).unwrap();
        let said = deeds.into_iter().map(|deed| match deed {
            Deed::Say(answer) => answer.out,
            _ => String::new(),
        });
        said.collect()
    }

    #[test]
    fn what_illumos_does_not_know_is_told_from_what_the_sandbox_does_not() {
        let (text, code) = refusal(&global(), POOL, "frobnicate");
        assert!(text.starts_with("unrecognized command 'frobnicate'\nusage:\n"));
        assert_eq!(code, 2);
        let (text, code) = refusal(&global(), POOL, "bookmark zones@a zones#a");
        assert_eq!(text, "zfs: `bookmark` is not emulated in the sandbox\n");
        assert_eq!(code, 99);
        let (text, code) = refusal(&global(), POOL, "list -z");
        assert!(
            text.starts_with("invalid option 'z'\nusage:\n\tlist "),
            "{text}"
        );
        assert_eq!(code, 2);
    }

    // One row for each thing that a zone's root may not do, and for what it does not see.
    #[test]
    fn a_zone_is_kept_within_what_is_delegated() {
        let denied = [
            ("create zones/u1/other", "cannot create 'zones/u1/other'"),
            ("snapshot zones/u1@x", "cannot create snapshot 'zones/u1@x'"),
            ("destroy zones/u1", "cannot destroy 'zones/u1'"),
            (
                "set quota=1G zones/u1/data",
                "cannot set property for 'zones/u1/data'",
            ),
            (
                "set zoned=off zones/u1/data/mac",
                "cannot set property for 'zones/u1/data/mac'",
            ),
            (
                "set compression=on zones",
                "cannot set property for 'zones'",
            ),
            (
                "inherit compression zones/u1",
                "cannot inherit compression for 'zones/u1'",
            ),
            (
                "rename zones/u1/data/mac zones/u1/mac",
                "cannot create 'zones/u1/mac'",
            ),
            (
                "clone zones/u1/data/mac@s zones/u1/c",
                "cannot create 'zones/u1/c'",
            ),
        ];
        for (line, said) in denied {
            let expected = (format!("{said}: permission denied\n"), 1);
            assert_eq!(refusal(&zone("u1"), POOL, line), expected, "{line}");
        }
        let unseen = [
            "list zones/u2",
            "get all zones/u2/data",
            "snapshot zones/u2/data@x",
            "destroy zones/u2/data",
            "list zones/u1@s",
            "rollback zones/u1@s",
        ];
        for line in unseen {
            let (text, code) = refusal(&zone("u1"), POOL, line);
            assert!(
                text.ends_with("': dataset does not exist\n"),
                "{line}: {text}"
            );
            assert_eq!(code, 1);
        }
        let line = "set quota=1G zones/u1/data/mac";
        assert_eq!(
            real(&zone("u1"), POOL, line),
            ["set quota=1G zones/u1/data/mac"]
        );
    }
}
