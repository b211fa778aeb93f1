//! Facts that no zone file can cause, and why.

use super::{Fate, Row};

fn never(fact: &'static str, why: &'static str) -> Row {
    let fate = Fate::NotByFile(why);
    Row { fact, fate }
}

fn same(fact: &'static str, other: &'static str) -> Row {
    let fate = Fate::As(other);
    Row { fact, fate }
}

const WRITTEN: &str = "the payload is written by a serializer and compared with its checksum on the host before it is used";
const FROM_FILE: &str =
    "payloads come from the file that the script has just written, on standard input";
const OUR_WORDS: &str =
    "the words of the scripts are fixed, and `tests/zone_plan` holds each against its grammar";
const OUR_QUERY: &str =
    "the probe asks `lookup -j` by alias alone, and the alias is checked at the desk";
const SEEN: &str = "a step is planned only for a zone that the probe has just seen, and planned anew after each step";
const NO_SNAPSHOTS: &str =
    "zonewright makes no snapshots by `vmadm`, and no key of the file asks for one";
const NO_INFO: &str = "zonewright asks the zone itself through `zlogin`, and never `vmadm info`";
const ONLY_ASKS: &str =
    "it is an answer and no failure, and `-j` is what is asked where it is read";
const NOT_ASKED: &str = "no script of zonewright asks for it, and no key of the file could";
const OF_THE_ZONE: &str =
    "it is what a recipe meets in the zone, after the zone file has had its say";
const CARRIED: &str =
    "scripts go to `bash -s` on standard input behind a marker, whatever they hold";

pub fn rows() -> Vec<Row> {
    [vmadm(), imgadm(), of_what_bites()]
        .into_iter()
        .flatten()
        .collect()
}

#[rustfmt::skip]
fn vmadm() -> Vec<Row> {
    vec![
        never("1.2/bad-json", WRITTEN),
        never("1.2/no-payload-file", FROM_FILE),
        never("1.2/unreadable-payload-file", FROM_FILE),
        never("1.2/empty-payload", WRITTEN),
        never("1.2/terminal", "scripts run without a terminal, and their input is a payload or nothing"),
        never("1.2/payload-by-default", "it is the way that every payload takes"),
        never("1.2/unknown-command", OUR_WORDS),
        never("1.2/change-of-nobody", SEEN),
        never("1.2/start-of-nobody", SEEN),
        never("1.2/wording-of-absence", "the probe tells by an empty list and by the status of `get`, never by words"),
        never("1.2/validate-tells", "every property that a file can name is one that `vmadm` knows, and `validate` goes first in each script"),
        never("1.2/stop-with-timeout", OUR_WORDS),
        never("1.2/snapshot-name", NO_SNAPSHOTS),
        never("1.2/snapshot-twice", NO_SNAPSHOTS),
        never("1.2/snapshot-of-nobody", NO_SNAPSHOTS),
        never("1.2/snapshot-with-datasets", NO_SNAPSHOTS),
        never("1.2/snapshot-arguments", NO_SNAPSHOTS),
        never("1.2/cut-off", "a file cuts nothing off; tests/sandbox/zone_files cuts a creation at each of its places"),
        never("1.2/lookup-of-one", OUR_QUERY),
        never("1.2/lookup-key", OUR_QUERY),
        never("1.2/lookup-columns", OUR_QUERY),
        never("1.2/info-of-a-zone", NO_INFO),
        never("1.2/info-of-a-stopped-one", NO_INFO),
    ]
}

#[rustfmt::skip]
fn imgadm() -> Vec<Row> {
    vec![
        never("3.1/sources", ONLY_ASKS),
        never("3.1/sources-changed", "where images come from is the host's business: zonewright says the command, and never runs it"),
        never("3.1/avail", ONLY_ASKS),
        never("3.1/empty-list", "the first look of `before` is at such a host, and plans an import"),
        never("3.1/get", NOT_ASKED),
        never("3.1/show", NOT_ASKED),
        never("3.1/import", ONLY_ASKS),
        never("3.1/import-lock", "an import waits for the other one by itself, and its words go into the log"),
        never("3.1/import-again", "it ends with 0, so two files that want one image do not meet"),
        never("3.1/install", NOT_ASKED),
        never("3.1/delete", "zonewright takes no image away, whatever becomes of its zones"),
        never("3.1/channels", "the channel is part of a source's URL, which the file does not name"),
        never("3.1/filters", "names and versions of images are letters, digits, `-`, `_` and `.` at the desk, so none is a pattern"),
        never("3.1/image-not-installed", NOT_ASKED),
        never("3.1/image-has-clones", "only the removal of an image says so, and zonewright removes none"),
        never("3.1/origin-not-installed", "an import brings the images that it rests on; only `install` from files can lack them"),
        never("3.1/invalid-manifest", "the manifest is the source's, and the file names no more than its image"),
        never("3.1/errors-as-json", "the errors are shown as they are printed, a line each"),
        never("3.1/unknown-command", OUR_WORDS),
    ]
}

#[rustfmt::skip]
fn of_what_bites() -> Vec<Row> {
    vec![
        never("8.1/success-on-stderr", "a step is judged by its status alone, as every row that ends well shows"),
        never("8.1/no-op-reads-like-failure", "a step is judged by its status alone, which is 0 there"),
        never("8.3/tmp-is-memory", "builds lie below /var/db/zonewright, on the zone's disk"),
        same("1.2/property-of-another-time", "5.1/dataset-comes-never-later"),
        same("3.1/image-not-found", "1.2/image-is-not-there"),
        same("8.4/primary-false", "1.2/primary-false"),
        same("8.4/gateway-of-ipv6", "1.2/gateway-of-ipv6"),
        same("8.4/unknown-tag", "1.2/tag-is-not-there"),
        same("8.5/duplicate-address", "1.2/first-boot-too-long"),
        never("8.5/stale-console", "it is left over by the host; the zone that fails by it is reported as any that does"),
        never("8.6/keys-of-the-host", "the file says where the host is, and whose key opens it is the host's business"),
        never("8.7/zlogin-joins", CARRIED),
        never("8.7/zlogin-reads", CARRIED),
        never("8.7/zlogin-status", CARRIED),
        never("8.8/snapshot-with-datasets", NO_SNAPSHOTS),
        never("8.8/rollback-destroys", NO_SNAPSHOTS),
        never("8.10/options-are-a-list", "the file has no key for them, and the payload always holds a list"),
        never("8.11/files-are-rewritten", "cards are changed by `vmadm` alone, and no script of zonewright edits those files"),
        never("8.12/old-platform", "whichever image the file names is held against the platform first; the linker's words are in tests/logs"),
        same("8.12/min-platform", "3.1/min-platform"),
        never("8.14/packages-out-of-reach", OF_THE_ZONE),
        never("8.14/branches-are-mixed", OF_THE_ZONE),
        never("8.15/manifests-in-the-zone", OF_THE_ZONE),
        never("8.15/clear-and-refresh", OF_THE_ZONE),
        never("8.15/svcs-x-status", "no script rests on that status: states are asked for by name"),
        never("8.15/enable-returns-at-once", OF_THE_ZONE),
        never("8.16/stuck-in-provisioning", "only a host that broke off leaves it; such a zone is asked itself, as the case `stuck-state` of tests/zone_plan shows"),
        same("8.17/indestructible", "1.2/data-is-held"),
        never("8.18/userland-is-not-gnu", OUR_WORDS),
        never("8.18/time-zone", "no time of the host's is read out of words"),
    ]
}
