//! `mdata-get`, `mdata-put`, `mdata-list` and `mdata-delete`: the zone's metadata.
//!
//! The real ones talk to the host over a socket and block while it is missing; here what the host
//! holds is in the file of [`super::zone`]. A change is told to the host, too.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Value};

use super::getopt::{Parsed, Refusal};
use super::zone::{METADATA_FILE, metadata, property};
use super::{Streams, below, not_emulated, with_path};
use crate::sandbox::control::{Reply, Request, ZONE_SOCKET, ask};

const USAGE: i32 = 3;

/// Prints the value of a key; a newline is added where it has none.
pub fn get(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    let [key] = match operands("mdata-get", args, streams)? {
        Ok(operands) => match <[String; 1]>::try_from(operands) {
            Ok(operands) => operands,
            Err(_) => return usage(streams, "mdata-get <keyname>"),
        },
        Err(status) => return Ok(status),
    };
    let value = match key.strip_prefix("sdc:") {
        Some(property_name) => property(root, property_name)?,
        None => metadata(root)?
            .get(table_of(&key))
            .and_then(|table| table.get(&key))
            .cloned(),
    };
    let Some(value) = value else {
        writeln!(streams.errors, "No metadata for '{key}'")?;
        return Ok(1);
    };
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    streams.output.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        streams.output.write_all(b"\n")?;
    }
    Ok(0)
}

/// Sets a key to a value, or to what standard input holds.
pub fn put(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    let operands = match operands("mdata-put", args, streams)? {
        Ok(operands) => operands,
        Err(status) => return Ok(status),
    };
    let (key, value) = match operands.as_slice() {
        [key] => {
            let mut value = String::new();
            streams.input.read_to_string(&mut value)?;
            (key, value)
        }
        [key, value] => (key, value.clone()),
        _ => return usage(streams, "mdata-put <keyname> [ <value> ]"),
    };
    if key.starts_with("sdc:") {
        // (inferred) the host refuses to change its own keys
        writeln!(streams.errors, "Error putting metadata for key '{key}'")?;
        return Ok(1);
    }
    let told = value.clone();
    change(root, key, Some(told), |table| {
        table.insert(key.clone(), Value::String(value));
    })
}

/// Prints the customer's keys, never those of the host.
pub fn list(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    if !args.is_empty() {
        return usage(streams, "mdata-list");
    }
    let metadata = metadata(root)?;
    for key in metadata
        .get("customer")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::keys)
    {
        writeln!(streams.output, "{key}")?;
    }
    Ok(0)
}

/// Removes a key; an absent one is fine.
pub fn delete(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    let operands = match operands("mdata-delete", args, streams)? {
        Ok(operands) => operands,
        Err(status) => return Ok(status),
    };
    let [key] = operands.as_slice() else {
        return usage(streams, "mdata-delete <keyname>");
    };
    change(root, key, None, |table| {
        table.shift_remove(key);
    })
}

/// The words after the options, or the status with which the command ends.
fn operands(
    command: &str,
    args: &[OsString],
    streams: &mut Streams,
) -> io::Result<Result<Vec<String>, i32>> {
    match Parsed::new(args, "") {
        Ok(parsed) => Ok(Ok(parsed
            .operands
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect())),
        Err(Refusal::Unknown(option)) => not_emulated(streams, command, &option).map(Err),
        Err(Refusal::Missing(_)) => Ok(Err(USAGE)),
    }
}

/// The words are (inferred), the status is not.
fn usage(streams: &mut Streams, line: &str) -> io::Result<i32> {
    writeln!(streams.errors, "Usage: {line}")?;
    Ok(USAGE)
}

/// `_pw` keys and keys with a namespace are the operator's.
fn table_of(key: &str) -> &'static str {
    if key.ends_with("_pw") || key.contains(':') {
        "internal"
    } else {
        "customer"
    }
}

/// Tells the host. Without one (a zone that is only a folder) there is nobody to tell.
fn tell(root: &Path, key: &str, value: Option<String>) -> io::Result<()> {
    let socket = below(root, ZONE_SOCKET);
    if !socket.exists() {
        return Ok(());
    }
    let key = key.to_owned();
    match ask(&socket, &Request::Metadata { key, value })? {
        Reply::Refused(why) => Err(io::Error::other(why)),
        _ => Ok(()),
    }
}

fn change(
    root: &Path,
    key: &str,
    value: Option<String>,
    edit: impl FnOnce(&mut Map<String, Value>),
) -> io::Result<i32> {
    tell(root, key, value)?;
    let mut metadata = metadata(root)?;
    if !metadata.is_object() {
        metadata = Value::Object(Map::new());
    }
    let table = &mut metadata[table_of(key)];
    if !table.is_object() {
        *table = Value::Object(Map::new());
    }
    if let Some(table) = table.as_object_mut() {
        edit(table);
    }
    let path = below(root, METADATA_FILE);
    let folder = path.parent().unwrap_or(root);
    let write = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer(&mut file, &metadata)?;
        file.flush()?;
        file.persist(&path)?;
        Ok(())
    };
    write().map_err(|error| with_path(&path, &error))?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Answer, run};
    use super::*;

    fn zone() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("var/db")).unwrap();
        let text = r#"{"customer": {"user-script": "a\nb\n", "k": "v"},
                       "internal": {"root_pw": "secret"},
                       "sdc": {"alias": "tm", "resolvers": ["192.0.2.1"]}}"#;
        fs::write(below(root.path(), METADATA_FILE), text).unwrap();
        root
    }

    #[test]
    fn a_value_is_printed_with_exactly_one_newline_added_where_it_has_none() {
        let root = zone();
        assert_eq!(run(root.path(), get, &["k"], b"").output, "v\n");
        assert_eq!(
            run(root.path(), get, &["user-script"], b"").output,
            "a\nb\n"
        );
        assert_eq!(run(root.path(), get, &["root_pw"], b"").output, "secret\n");
        assert_eq!(run(root.path(), get, &["sdc:alias"], b"").output, "tm\n");
        assert_eq!(
            run(root.path(), get, &["sdc:resolvers"], b"").output,
            "[\"192.0.2.1\"]\n"
        );
    }

    #[test]
    fn a_missing_key_ends_with_one_and_a_wrong_call_with_three() {
        let root = zone();
        let missing = run(root.path(), get, &["no"], b"");
        let errors = "No metadata for 'no'\n".to_owned();
        assert_eq!(
            missing,
            Answer {
                status: 1,
                output: String::new(),
                errors
            }
        );
        assert_eq!(run(root.path(), get, &[], b"").status, 3);
        assert_eq!(run(root.path(), get, &["a", "b"], b"").status, 3);
    }

    #[test]
    fn what_is_put_is_listed_got_and_deleted() {
        let root = zone();
        assert_eq!(run(root.path(), put, &["new", "x y"], b"").status, 0);
        assert_eq!(run(root.path(), put, &["from-input"], b"text\n").status, 0);
        assert_eq!(run(root.path(), get, &["new"], b"").output, "x y\n");
        assert_eq!(
            run(root.path(), list, &[], b"").output,
            "user-script\nk\nnew\nfrom-input\n"
        );
        assert_eq!(run(root.path(), delete, &["new"], b"").status, 0);
        assert_eq!(run(root.path(), delete, &["new"], b"").status, 0);
        assert_eq!(run(root.path(), get, &["new"], b"").status, 1);
        assert_eq!(run(root.path(), put, &["sdc:alias", "x"], b"").status, 1);
    }
}
