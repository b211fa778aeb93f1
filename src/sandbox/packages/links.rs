//! From a layer's files to the links below `/opt/local` that make an emulated package.
//!
//! Commands lie hidden in the layer, since on SmartOS nothing of pkgsrc appears in `/usr/bin`.
//! pkgsrc names some files in a way of its own: the compiler has a tree for itself
//! (`/opt/local/gcc13`), GNU tools carry a `g`, Berkeley DB has its version in every name.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::process::below;

/// Where layers say what is in them: `NAME.files`, one path a line relative to `/`, and
/// `NAME.json`, which knows the commands.
pub const RECORDS: &str = "/usr/lib/zonewright/layers";
/// Where a layer's commands lie.
const HIDDEN_BIN: &str = "usr/lib/zonewright/bin/";
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu/";

/// Links by their path below the prefix, each with the absolute path it points to.
pub type Links = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    commands: Vec<String>,
}

/// The links of a package whose layer is visible now.
///
/// # Errors
///
/// When the layer says nothing of itself.
pub fn of(root: &Path, package: &str) -> Result<Links, String> {
    let list = below(root, Path::new(&format!("{RECORDS}/{package}.files")));
    let record = below(root, Path::new(&format!("{RECORDS}/{package}.json")));
    let mut files: Vec<String> = Vec::new();
    let mut is_known = false;
    if let Ok(text) = fs::read_to_string(&list) {
        is_known = true;
        files.extend(
            text.lines()
                .map(|line| line.trim_start_matches('/').to_owned()),
        );
    }
    if let Ok(text) = fs::read_to_string(&record) {
        is_known = true;
        let record: Record = serde_json::from_str(&text)
            .map_err(|error| format!("{RECORDS}/{package}.json: {error}"))?;
        files.extend(
            record
                .commands
                .iter()
                .map(|name| format!("{HIDDEN_BIN}{name}")),
        );
    }
    if !is_known {
        return Err(format!("{RECORDS}/{package}.files: no such file"));
    }
    Ok(from_files(
        package,
        files.iter().map(String::as_str),
        |path| below(root, Path::new(path)).symlink_metadata().is_ok(),
    ))
}

/// The links for these files of a package's layer.
pub fn from_files<'a>(
    package: &str,
    files: impl Iterator<Item = &'a str>,
    is_there: impl Fn(&str) -> bool,
) -> Links {
    let mut links = Links::new();
    for file in files {
        for (folder, shown) in [
            (HIDDEN_BIN, "bin"),
            ("usr/bin/", "bin"),
            ("usr/sbin/", "sbin"),
            ("bin/", "bin"),
            ("sbin/", "sbin"),
        ] {
            let Some(name) = file.strip_prefix(folder).filter(|n| !n.contains('/')) else {
                continue;
            };
            let hidden = format!("/{HIDDEN_BIN}{name}");
            let target = if is_there(&hidden) {
                hidden
            } else {
                format!("/{file}")
            };
            for path in command_paths(package, shown, name) {
                // What is known to lie in sbin is not linked from bin as well.
                links.entry(path).or_insert_with(|| target.clone());
            }
        }
        for path in data_paths(package, file) {
            links.insert(path, format!("/{file}"));
        }
    }
    let in_sbin: Vec<String> = links
        .keys()
        .filter_map(|k| k.strip_prefix("sbin/").map(str::to_owned))
        .collect();
    for name in in_sbin {
        links.remove(&format!("bin/{name}"));
    }
    links
}

/// Where a command of a package stands below the prefix.
fn command_paths(package: &str, folder: &str, name: &str) -> Vec<String> {
    let in_bin = |name: &str| vec![format!("{folder}/{name}")];
    if name.starts_with("x86_64-linux-gnu-") {
        return Vec::new();
    }
    match (package, name) {
        ("gcc13", _) => {
            let Some(plain) = name.strip_suffix("-13") else {
                return Vec::new();
            };
            let twin = match plain {
                "gcc" => Some("cc"),
                "g++" => Some("c++"),
                _ => None,
            };
            std::iter::once(plain)
                .chain(twin)
                .map(|n| format!("gcc13/bin/{n}"))
                .collect()
        }
        ("gmake", "make") => in_bin("gmake"),
        ("gmake", _) => Vec::new(),
        ("python313", "python3.13" | "pydoc3.13" | "python3.13-config") => in_bin(name),
        ("python313", _) => Vec::new(),
        ("db5", _) => name
            .strip_prefix("db5.3_")
            .map_or_else(Vec::new, |tool| in_bin(&format!("db5_{tool}"))),
        (
            "binutils" | "coreutils" | "diffutils" | "findutils" | "grep" | "gsed" | "gtar-base"
            | "patch",
            _,
        ) => [name.to_owned(), format!("g{name}")]
            .map(|n| format!("{folder}/{n}"))
            .into(),
        // Debian leaves the plain names to its alternatives
        ("automake", _) => match name.split_once('-') {
            Some((plain, _)) => [plain, name].map(|n| format!("{folder}/{n}")).into(),
            None => in_bin(name),
        },
        _ => in_bin(name),
    }
}

/// Where a library, header or data file of a package stands below the prefix.
fn data_paths(package: &str, file: &str) -> Vec<String> {
    let library = file
        .strip_prefix(LIBRARIES)
        .or_else(|| file.strip_prefix("lib/x86_64-linux-gnu/"));
    if let Some(name) = library {
        return library_paths(package, name);
    }
    if matches!(package, "gcc13" | "gcc13-libs") {
        return Vec::new();
    }
    if let Some(header) = file.strip_prefix("usr/include/") {
        let plain = header.strip_prefix("x86_64-linux-gnu/").unwrap_or(header);
        let mut paths = vec![format!("include/{plain}")];
        if package == "db5" {
            paths.push(format!("include/db5/{plain}"));
        }
        return paths;
    }
    if let Some(rest) = file.strip_prefix("usr/share/pkgconfig/") {
        return vec![format!("share/pkgconfig/{rest}")];
    }
    match (package, file.strip_prefix("usr/share/")) {
        ("unicode-character-database", Some(rest)) => {
            let rest = rest.strip_prefix("unicode/").unwrap_or(rest);
            vec![format!("share/unicode/ucd/{rest}")]
        }
        _ => Vec::new(),
    }
}

fn library_paths(package: &str, name: &str) -> Vec<String> {
    let is_library = name.starts_with("lib") && !name.contains('/') && name.contains(".so");
    match package {
        "gcc13-libs" if is_library => {
            vec![
                format!("gcc13/lib/amd64/{name}"),
                format!("gcc13/lib/{name}"),
            ]
        }
        "gcc13" | "gcc13-libs" => Vec::new(),
        "db5" if is_library => {
            let own = match name {
                "libdb.so" => Some("lib/libdb5.so".to_owned()),
                "libdb-5.3.so" => Some("lib/libdb5-5.3.so".to_owned()),
                _ => None,
            };
            std::iter::once(format!("lib/{name}")).chain(own).collect()
        }
        _ if is_library || (!name.contains('/') && name.ends_with(".a")) => {
            vec![format!("lib/{name}")]
        }
        _ if name.starts_with("pkgconfig/") || name.starts_with("glib-2.0/include/") => {
            vec![format!("lib/{name}")]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(package: &str, files: &[&str]) -> Vec<(String, String)> {
        from_files(package, files.iter().copied(), |path| {
            path.starts_with("/usr/lib/zonewright")
        })
        .into_iter()
        .collect()
    }

    fn pair(path: &str, target: &str) -> (String, String) {
        (path.into(), target.into())
    }

    #[test]
    fn commands_libraries_headers_and_descriptions_are_linked() {
        assert_eq!(
            links(
                "libevent",
                &[
                    "usr/bin/event_rpcgen",
                    "usr/include/event2/dns.h",
                    "usr/include/x86_64-linux-gnu/event2/event-config.h",
                    "usr/lib/x86_64-linux-gnu/libevent-2.1.so.7",
                    "usr/lib/x86_64-linux-gnu/libevent.a",
                    "usr/lib/x86_64-linux-gnu/pkgconfig/libevent.pc",
                    "usr/share/doc/libevent-dev/copyright",
                ]
            ),
            [
                pair("bin/event_rpcgen", "/usr/lib/zonewright/bin/event_rpcgen"),
                pair("include/event2/dns.h", "/usr/include/event2/dns.h"),
                pair(
                    "include/event2/event-config.h",
                    "/usr/include/x86_64-linux-gnu/event2/event-config.h"
                ),
                pair(
                    "lib/libevent-2.1.so.7",
                    "/usr/lib/x86_64-linux-gnu/libevent-2.1.so.7"
                ),
                pair("lib/libevent.a", "/usr/lib/x86_64-linux-gnu/libevent.a"),
                pair(
                    "lib/pkgconfig/libevent.pc",
                    "/usr/lib/x86_64-linux-gnu/pkgconfig/libevent.pc"
                ),
            ]
        );
    }

    #[test]
    fn names_follow_pkgsrc() {
        let paths = |package, file| -> Vec<String> {
            links(package, &[file])
                .into_iter()
                .map(|(path, _)| path)
                .collect()
        };
        for (package, file, expected) in [
            (
                "gcc13",
                "usr/bin/gcc-13",
                vec!["gcc13/bin/cc", "gcc13/bin/gcc"],
            ),
            (
                "gcc13",
                "usr/bin/g++-13",
                vec!["gcc13/bin/c++", "gcc13/bin/g++"],
            ),
            ("gcc13", "usr/bin/cpp-13", vec!["gcc13/bin/cpp"]),
            ("gcc13", "usr/bin/x86_64-linux-gnu-gcc-13", vec![]),
            ("gcc13", "usr/include/stdio.h", vec![]),
            (
                "gcc13-libs",
                "usr/lib/x86_64-linux-gnu/libstdc++.so.6",
                vec!["gcc13/lib/amd64/libstdc++.so.6", "gcc13/lib/libstdc++.so.6"],
            ),
            ("gmake", "usr/bin/make", vec!["bin/gmake"]),
            ("binutils", "usr/bin/as", vec!["bin/as", "bin/gas"]),
            ("python313", "usr/bin/python3", vec![]),
            ("python313", "usr/bin/python3.13", vec!["bin/python3.13"]),
            (
                "db5",
                "usr/include/db.h",
                vec!["include/db.h", "include/db5/db.h"],
            ),
            ("db5", "usr/bin/db5.3_verify", vec!["bin/db5_verify"]),
            (
                "unicode-character-database",
                "usr/share/unicode/UnicodeData.txt",
                vec!["share/unicode/ucd/UnicodeData.txt"],
            ),
            ("rsyslog", "usr/sbin/rsyslogd", vec!["sbin/rsyslogd"]),
        ] {
            assert_eq!(paths(package, file), expected, "{package} {file}");
        }
    }

    #[test]
    fn a_command_of_sbin_is_not_linked_from_bin() {
        let links = links(
            "rsyslog",
            &["usr/lib/zonewright/bin/rsyslogd", "usr/sbin/rsyslogd"],
        );
        assert_eq!(
            links,
            [pair("sbin/rsyslogd", "/usr/lib/zonewright/bin/rsyslogd")]
        );
    }

    #[test]
    fn a_layer_without_a_record_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            of(folder.path(), "meson")
                .unwrap_err()
                .contains("layers/meson.files")
        );
    }
}
