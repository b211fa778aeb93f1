//! The site that ships: `recipes/ patches/ templates/ zones/` of the repository, inside the binary.
//!
//! `build.rs` lists the files, so adding one to a folder is enough.

include!(concat!(env!("OUT_DIR"), "/embedded_site.rs"));

/// The bytes of a file that ships.
pub(super) fn read(relative: &str) -> Option<&'static [u8]> {
    let found = FILES.iter().find(|(name, _)| *name == relative)?;
    Some(found.1)
}

/// The files that ship below a folder.
pub(super) fn names(folder: &str) -> impl Iterator<Item = &'static str> {
    let prefix = format!("{folder}/");
    FILES
        .iter()
        .filter_map(move |(name, _)| name.strip_prefix(prefix.as_str()))
}
