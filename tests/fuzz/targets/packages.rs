//! What a build staged, and packages: they come from a zone.

use std::io::Write as _;

use zonewright::package::{
    BuildInfo, EntryKind, PackageFiles, PackageSpec, StagedEntry, StagedTree, check, inspect,
    library_candidates, system_folders, write,
};

use super::tape::repaired;

pub fn staged(data: &[u8]) {
    staged_tree(data);
    staged_tree(&repaired(data));
}

fn staged_tree(data: &[u8]) {
    let tree = match StagedTree::read(data) {
        Ok(tree) => tree,
        Err(error) => {
            let message = error.to_string();
            assert!(message.len() < 8192, "{} bytes: {message}", message.len());
            assert!(!message.contains(char::is_control), "{message:?}");
            return;
        }
    };
    for path in tree.entries.keys() {
        let parts = path.strip_prefix('/').expect("an absolute path").split('/');
        let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
        assert!(parts.into_iter().all(is_plain), "{path}");
    }
    let discard = ["/opt/local/share/doc/".to_owned(), "/etc/x".to_owned()];
    let declared = ["/etc/rc".to_owned(), "/var/x/".to_owned()];
    if let Ok((files, _)) = tree.split("/opt/local", &discard, &declared) {
        checked(&files);
        round_trip(&files);
    }
}

fn checked(files: &PackageFiles) {
    let system = system_folders(files);
    for path in library_candidates(files, system) {
        assert!(path.starts_with('/'), "{path}");
    }
    let found = check(files, system, &["/var/db/zonewright/build"], &|_| true);
    for problem in &found.problems {
        assert!(!problem.message.is_empty());
    }
}

/// A package reads back as it was written.
fn round_trip(files: &PackageFiles) {
    let spec = PackageSpec {
        name: "zw-x-1.0".to_owned(),
        comment: "x".to_owned(),
        build_info: BuildInfo {
            opsys: "SunOS".to_owned(),
            os_version: "5.11".to_owned(),
            machine_arch: "x86_64".to_owned(),
            pkgpath: "x/x".to_owned(),
            categories: "x".to_owned(),
            ..BuildInfo::default()
        },
        ..PackageSpec::default()
    };
    if let Ok(bytes) = write(&spec, files) {
        let inspected = inspect(&bytes).expect("what was written can be read");
        let names = files
            .entries
            .iter()
            .filter(|(_, entry)| entry.kind != EntryKind::Directory);
        assert!(names.map(|(name, _)| name).eq(&inspected.files));
    }
}

/// One file of a package.
pub fn elf(data: &[u8]) {
    let entry = StagedEntry {
        kind: EntryKind::File { bytes: data.into() },
        mode: 0o755,
    };
    checked(&PackageFiles {
        prefix: "/opt/local".to_owned(),
        entries: [("lib/libx.so".to_owned(), entry)].into(),
    });
}

/// A package file; the tar inside it where it is not compressed.
pub fn package(data: &[u8]) {
    let tape = if data.starts_with(b"\x1f\x8b") {
        data.to_vec()
    } else {
        let level = flate2::Compression::none();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
        gzip.write_all(&repaired(data)).expect("memory");
        gzip.finish().expect("memory")
    };
    match inspect(&tape) {
        Ok(found) => assert!(!found.name.is_empty() && !found.prefix.is_empty()),
        Err(error) => {
            let message = error.to_string();
            assert!(message.len() < 8192, "{} bytes: {message}", message.len());
        }
    }
}
