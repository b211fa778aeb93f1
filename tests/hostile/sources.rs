//! Sources that cannot be had, unpacked or patched: noticed before the first change of a zone.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use tar::EntryType;

use super::archives::{
    bomb_of_many_files, bomb_of_one_file, file, header, link, packed, with_member,
};
use super::row::{
    PATCH, RECIPE, Row, Site, differences, end, leftovers, names, paths, state, status,
};
use crate::sandbox::archive::{greeter, greeter_with};
use crate::sandbox::harness::Zone;

const URLS: &str = "[recipes/greeter.toml:15:";
const SHA256: &str = "[recipes/greeter.toml:16:";
const PATCHES: &str = "[recipes/greeter.toml:17:";
const DISTRUST: &str = "do not trust it, and name another one";

const ROWS: &[Row] = &[
    Row {
        name: "wrong-checksum",
        broken: |site| {
            let path = "distfiles/greeter-1.0.tar.gz";
            fs::write(site.folder.join(path), packed(b"something else")).unwrap();
            served(site, b"something else again");
        },
        says: [
            SHA256,
            "its sha256 is 7975fc82d72f503d41dc1df51e9be5a0b618b23a8deed3ffb15b82b1af0ebe9c, \
             the recipe wants c0e66e545fb50f46fd54cb6a9f46affcfcb93f2a00df70420a8447351bbcb8c2",
            "if the publisher announces the sum that was found, write it as `sha256`",
        ],
        is_golden: true,
    },
    Row {
        name: "archive-not-found",
        broken: |site| {
            fs::remove_file(site.folder.join("distfiles/greeter-1.0.tar.gz")).unwrap();
            site.edit(
                RECIPE,
                "https://greeter.invalid/",
                "http://127.0.0.1:1/mirror/",
            );
        },
        says: [
            URLS,
            "cannot fetch `greeter-1.0.tar.gz`",
            "add a mirror to `urls`, or put greeter-1.0.tar.gz into the site's `distfiles`",
        ],
        is_golden: true,
    },
    Row {
        name: "truncated-archive",
        broken: |site| {
            let whole = greeter();
            site.publish(&whole[..whole.len() - 600]);
        },
        says: [URLS, "after `greeter-1.0/", "that of a damaged archive"],
        is_golden: true,
    },
    Row {
        name: "no-archive",
        broken: |site| site.publish(b"<!DOCTYPE html><html>Please log in</html>"),
        says: [URLS, "it is an HTML page", "name a tar archive"],
        is_golden: true,
    },
    Row {
        name: "parent-path",
        broken: |site| site.publish(&with_member(&file("greeter-1.0/../../etc/cron.d/x"))),
        says: [URLS, "it contains `..`", DISTRUST],
        is_golden: true,
    },
    Row {
        name: "absolute-path",
        broken: |site| site.publish(&with_member(&file("/etc/cron.d/x"))),
        says: [URLS, "it is an absolute path", DISTRUST],
        is_golden: true,
    },
    Row {
        name: "symbolic-link-out",
        broken: |site| {
            let out = link("greeter-1.0/out", EntryType::Symlink, "../../../etc/passwd");
            site.publish(&with_member(&out));
        },
        says: [URLS, "`out` leaves the source tree", DISTRUST],
        is_golden: true,
    },
    Row {
        name: "symbolic-link-absolute",
        broken: |site| {
            let out = link("greeter-1.0/out", EntryType::Symlink, "/etc/passwd");
            site.publish(&with_member(&out));
        },
        says: [URLS, "a symbolic link to `/etc/passwd`", DISTRUST],
        is_golden: true,
    },
    Row {
        name: "file-through-link",
        broken: |site| {
            let way = link("greeter-1.0/way", EntryType::Symlink, ".");
            site.publish(&with_member(&[way, file("greeter-1.0/way/x")].concat()));
        },
        says: [
            URLS,
            "`way/x` lies below `way`, which is a symbolic link",
            DISTRUST,
        ],
        is_golden: true,
    },
    Row {
        name: "hard-link-out",
        broken: |site| {
            let out = link("greeter-1.0/out", EntryType::Link, "../../etc/shadow");
            site.publish(&with_member(&out));
        },
        says: [URLS, "a hard link to `../../etc/shadow`", DISTRUST],
        is_golden: true,
    },
    Row {
        name: "hard-link-absolute",
        broken: |site| {
            let out = link("greeter-1.0/out", EntryType::Link, "/etc/shadow");
            site.publish(&with_member(&out));
        },
        says: [URLS, "a hard link to `/etc/shadow`", DISTRUST],
        is_golden: true,
    },
    Row {
        name: "hard-link-to-nothing",
        broken: |site| {
            let out = link("greeter-1.0/out", EntryType::Link, "greeter-1.0/nothing");
            site.publish(&with_member(&out));
        },
        says: [URLS, "no file of the archive before it", DISTRUST],
        is_golden: true,
    },
    Row {
        name: "character-device",
        broken: |site| {
            let device = header("greeter-1.0/null", EntryType::Char, 0, "");
            site.publish(&with_member(&device));
        },
        says: [URLS, "it is a character device", DISTRUST],
        is_golden: true,
    },
    Row {
        name: "block-device",
        broken: |site| {
            let device = header("greeter-1.0/disk", EntryType::Block, 0, "");
            site.publish(&with_member(&device));
        },
        says: [URLS, "it is a block device", DISTRUST],
        is_golden: true,
    },
    Row {
        name: "named-pipe",
        broken: |site| {
            let pipe = header("greeter-1.0/pipe", EntryType::Fifo, 0, "");
            site.publish(&with_member(&pipe));
        },
        says: [URLS, "it is a named pipe", DISTRUST],
        is_golden: true,
    },
    Row {
        name: "bomb-of-one-file",
        broken: |site| site.publish(&bomb_of_one_file()),
        says: [URLS, "would unpack to more than", "name another archive"],
        is_golden: true,
    },
    Row {
        name: "bomb-of-many-files",
        broken: |site| site.publish(&bomb_of_many_files()),
        says: [URLS, "would unpack to more than", "name another archive"],
        is_golden: true,
    },
    Row {
        name: "too-much-stripped",
        broken: |site| site.edit(RECIPE, "patches = [", "strip = 2\npatches = ["),
        says: [
            URLS,
            "is empty once `strip = 2` drops so many",
            "a smaller `strip`",
        ],
        is_golden: true,
    },
    Row {
        name: "rejected-hunk",
        broken: |site| {
            let wanted = "-static const char *mood = \"quietly\";";
            site.edit(PATCH, wanted, "-static const char *mood = \"gently\";");
        },
        says: [
            PATCHES,
            "  wanted: static const char *mood = \"gently\";\n        found:  static const char *mood = \"quietly\";",
            "make the patch anew for this source",
        ],
        is_golden: true,
    },
    Row {
        name: "already-applied",
        broken: |site| site.publish(&loud()),
        says: [
            PATCHES,
            "it is already applied to `greeter.c`",
            "take the patch out of `patches`",
        ],
        is_golden: true,
    },
    Row {
        name: "patch-of-no-file",
        broken: |site| {
            let text = site.read(PATCH).replace("greeter.c", "welcome.c");
            site.write(PATCH, &text);
        },
        says: [
            PATCHES,
            "there is no file `welcome.c`",
            "is the patch made for this version?",
        ],
        is_golden: true,
    },
    Row {
        name: "patch-of-other-depth",
        broken: |site| {
            let text = site.read(PATCH).replace("greeter-1.0/", "a/greeter-1.0/");
            site.write(PATCH, &text);
        },
        says: [
            PATCHES,
            "there is one with `strip = 2`",
            "write that `strip`",
        ],
        is_golden: true,
    },
    Row {
        name: "patch-out-of-tree",
        broken: |site| {
            let text = site.read(PATCH).replace("greeter-1.0/", "a/../../etc/");
            site.write(PATCH, &text);
        },
        says: [PATCHES, "it contains `..`", "make it anew"],
        is_golden: true,
    },
    Row {
        name: "patch-cut-off",
        broken: |site| {
            let text = site.read(PATCH);
            let cut = text.find("+static").unwrap();
            site.write(PATCH, &text[..cut]);
        },
        says: [PATCHES, "line ", "make it anew"],
        is_golden: true,
    },
];

/// The greeter as an author publishes it who has taken our patch.
fn loud() -> Vec<u8> {
    greeter_with(&|file, content| match file {
        "greeter.c" => String::from_utf8(content)
            .unwrap()
            .replace("mood = \"quietly\"", "mood = \"loudly\"")
            .into_bytes(),
        _ => content,
    })
}

/// Leads the recipe's URL to a server that answers each request with these bytes.
fn served(site: &Site, bytes: &'static [u8]) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                bytes.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), bytes].concat());
        }
    });
    site.edit(
        RECIPE,
        "https://greeter.invalid/",
        &format!("http://{address}/"),
    );
}

#[test]
fn sources_that_are_no_good_are_told_before_the_zone_is_touched() {
    let Some(zone) = Zone::new("hostile") else {
        return;
    };
    zone.run(&["sandbox", "up", "hostile"]).succeeds();
    let before = state(&zone);
    let mut wrong = Vec::new();
    for row in ROWS {
        let site = Site::fresh(&zone.site, &zone.alias);
        (row.broken)(&site);
        let ran = zone.apply();
        let paths = paths(&zone);
        let names = names(&paths);
        wrong.extend(status(&ran, 1).err());
        wrong.extend(row.judge(&ran.err, &names).err());
        let changed = differences(&before, &state(&zone));
        if !changed.is_empty() {
            wrong.push(format!("{} changed the zone:\n{changed}", row.name));
        }
        let left = leftovers(&zone.folders().cache);
        if !left.is_empty() {
            wrong.push(format!("{} left {left:?}", row.name));
        }
    }
    end("sources", ROWS.len(), &wrong);
    assert!(zone.folders().runs(&zone.alias).unwrap().is_empty());

    // mended, one plain apply does it all
    Site::fresh(&zone.site, &zone.alias);
    zone.apply().succeeds();
    assert_eq!(zone.greeting(), "hello from hostile loudly 2.1.12-stable");
}
