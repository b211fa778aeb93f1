//! The archives of the fixture's sources, the same bytes each time, as a recipe's `sha256` wants.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};

/// The folder of the fixture.
pub fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture")
}

/// `greeter-1.0.tar.gz`.
pub fn greeter() -> Vec<u8> {
    greeter_with(&|_, content| content)
}

/// The same as its author might have changed it: given a file's name and content, the content.
pub fn greeter_with(change: &dyn Fn(&str, Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let name = "greeter-1.0";
    let folder = fixture().join("source").join(name);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut builder = tar::Builder::new(Vec::new());
    for path in files {
        let file = path.file_name().unwrap().to_str().unwrap();
        let content = change(file, fs::read(&path).unwrap());
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(if file == "configure" { 0o755 } else { 0o644 });
        header.set_mtime(946_684_800);
        builder
            .append_data(&mut header, format!("{name}/{file}"), content.as_slice())
            .unwrap();
    }
    let mut packed = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::default());
    packed.write_all(&builder.into_inner().unwrap()).unwrap();
    packed.finish().unwrap()
}
