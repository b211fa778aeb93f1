//! What a sandbox zone knows about itself, and `zonename`, which prints a part of it.
//!
//! The zone's maker leaves one JSON file in the zone, [`METADATA_FILE`]:
//! `{"customer": {…}, "internal": {…}, "sdc": {"zonename": …, "alias": …, …}}`.
//! Where there is none, the place is the global zone.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

use super::getopt::{Parsed, Refusal};
use super::{Streams, below, not_emulated, with_path};

/// The platform whose words the sandbox speaks (`uname -v`).
pub const PLATFORM_STAMP: &str = "joyent_20241212T000720Z";

/// The zone's metadata and the properties of its virtual machine, as JSON.
pub const METADATA_FILE: &str = "/var/db/zonewright-sandbox-metadata.json";

/// Prints the zone's name, or with `-t` how it has its network.
pub fn zonename(root: &Path, args: &[OsString], streams: &mut Streams) -> io::Result<i32> {
    let parsed = match Parsed::new(args, "t") {
        Ok(parsed) if parsed.operands.is_empty() => parsed,
        Ok(_) => return not_emulated(streams, "zonename", "operand"),
        Err(Refusal::Unknown(option)) => return not_emulated(streams, "zonename", &option),
        Err(Refusal::Missing(_)) => return Ok(2),
    };
    let name = name(root)?;
    let line = match (parsed.has('t'), name.as_deref()) {
        (false, name) => name.unwrap_or("global"),
        (true, None) => "shared",
        (true, Some(_)) => "exclusive",
    };
    writeln!(streams.output, "{line}")?;
    Ok(0)
}

/// The zone's name; none in the global zone.
pub fn name(root: &Path) -> io::Result<Option<String>> {
    let name = property(root, "zonename")?;
    Ok(name.and_then(|name| name.as_str().map(str::to_owned)))
}

/// A property of the zone's virtual machine; dots lead into it (`resolvers.0`).
pub fn property(root: &Path, key: &str) -> io::Result<Option<Value>> {
    let metadata = metadata(root)?;
    let machine = metadata.get("sdc").unwrap_or(&Value::Null);
    if let Some(value) = machine.get(key) {
        return Ok(Some(value.clone()));
    }
    let pointer = format!("/{}", key.replace('.', "/"));
    Ok(machine.pointer(&pointer).cloned())
}

/// The whole metadata file; empty where there is none.
pub fn metadata(root: &Path) -> io::Result<Value> {
    let path = below(root, METADATA_FILE);
    match fs::read(&path) {
        Ok(text) => {
            serde_json::from_slice(&text).map_err(|error| with_path(&path, &io::Error::from(error)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Value::Null),
        Err(error) => Err(with_path(&path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use super::*;

    #[test]
    fn a_place_without_metadata_is_the_global_zone() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(run(root.path(), zonename, &[], b"").output, "global\n");
        assert_eq!(run(root.path(), zonename, &["-t"], b"").output, "shared\n");
    }

    #[test]
    fn a_zone_prints_its_name() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("var/db")).unwrap();
        let text = r#"{"sdc": {"zonename": "4f1c", "resolvers": ["192.0.2.1"]}}"#;
        fs::write(below(root.path(), METADATA_FILE), text).unwrap();
        assert_eq!(run(root.path(), zonename, &[], b"").output, "4f1c\n");
        assert_eq!(run(root.path(), zonename, &["-x"], b"").status, 99);
        let resolver = property(root.path(), "resolvers.0").unwrap();
        assert_eq!(resolver, Some("192.0.2.1".into()));
    }

    #[test]
    fn a_broken_metadata_file_is_an_error_with_its_path() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("var/db")).unwrap();
        fs::write(below(root.path(), METADATA_FILE), "{").unwrap();
        let error = metadata(root.path()).unwrap_err().to_string();
        assert!(
            error.contains("zonewright-sandbox-metadata.json"),
            "{error}"
        );
    }
}
