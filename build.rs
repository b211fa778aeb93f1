//! Lists the files of the site that ships, for `src/site/embedded.rs` to include.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const FOLDERS: [&str; 4] = ["patches", "recipes", "templates", "zones"];

fn main() -> io::Result<()> {
    let variable = |name: &str| std::env::var_os(name).ok_or(io::ErrorKind::NotFound);
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let mut names = Vec::new();
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        collect(&root, folder, &mut names)?;
    }
    let entries: String = names
        .iter()
        .map(|name| {
            format!("    ({name:?}, include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/\", {name:?}))),\n")
        })
        .collect();
    let text = format!("static FILES: &[(&str, &[u8])] = &[\n{entries}];\n");
    fs::write(
        Path::new(&variable("OUT_DIR")?).join("embedded_site.rs"),
        text,
    )
}

/// The files below `relative`, sorted; hidden ones are nobody's.
fn collect(root: &Path, relative: &str, names: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(root.join(relative)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        found.push((
            entry.file_name().to_string_lossy().into_owned(),
            entry.file_type()?.is_dir(),
        ));
    }
    found.sort();
    for (name, is_folder) in found {
        let path = format!("{relative}/{name}");
        if name.starts_with('.') {
            continue;
        } else if is_folder {
            collect(root, &path, names)?;
        } else {
            names.push(path);
        }
    }
    Ok(())
}
