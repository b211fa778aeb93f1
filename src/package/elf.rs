//! What an ELF file says about the libraries it needs.
//!
//! Only the headers and the dynamic section are read: the symbol tables of a large binary cost
//! more than everything else, and a stripped one has none.

use goblin::container::Ctx;
use goblin::elf::program_header::PT_INTERP;
use goblin::elf::{Dynamic, Elf, ProgramHeader, dynamic, header};
use goblin::strtab::Strtab;

/// The dynamic section of a program or a library.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Linkage<'a> {
    /// The run-time linker that it names; a program names one, a library does not.
    pub(crate) interpreter: Option<&'a str>,
    /// The libraries it needs, in its order.
    pub(crate) needed: Vec<&'a str>,
    /// The folders it names for them, in its order, `$ORIGIN` not replaced.
    pub(crate) search: Vec<&'a str>,
}

/// Far more than a linker writes; each library is looked for in each folder.
const MOST_LIBRARIES: usize = 1000;
const MOST_FOLDERS: usize = 100;
const LONGEST_NAME: usize = 1024;

/// Reads `bytes`: `None` where it is no ELF file that is linked dynamically.
///
/// # Errors
/// goblin's words where it is an ELF file and is damaged.
pub(crate) fn linkage(bytes: &[u8]) -> Result<Option<Linkage<'_>>, goblin::error::Error> {
    if !bytes.starts_with(header::ELFMAG) {
        return Ok(None);
    }
    let head = Elf::parse_header(bytes)?;
    if head.e_type != header::ET_EXEC && head.e_type != header::ET_DYN {
        return Ok(None);
    }
    let context = Ctx::new(head.container()?, head.endianness()?);
    let offset = usize::try_from(head.e_phoff)?;
    let segments = ProgramHeader::parse(bytes, offset, usize::from(head.e_phnum), context)?;
    let Some(dynamic) = Dynamic::parse(bytes, &segments, context)? else {
        return Ok(None);
    };
    let strings = Strtab::parse(bytes, dynamic.info.strtab, dynamic.info.strsz, 0)?;
    let interpreter = segments.iter().find(|segment| segment.p_type == PT_INTERP);
    let mut linkage = Linkage {
        interpreter: interpreter.and_then(|segment| {
            let start = usize::try_from(segment.p_offset).ok()?;
            let end = start.checked_add(usize::try_from(segment.p_filesz).ok()?)?;
            let name = str::from_utf8(bytes.get(start..end)?).ok()?;
            Some(name.trim_end_matches('\0'))
        }),
        ..Linkage::default()
    };
    let (mut rpath, mut runpath) = (None, None);
    for entry in &dynamic.dyns {
        let text = usize::try_from(entry.d_val)
            .ok()
            .and_then(|at| strings.get_at(at));
        match (entry.d_tag, text) {
            (dynamic::DT_NEEDED, Some(name)) => linkage.needed.push(name),
            (dynamic::DT_RPATH, Some(path)) => rpath = Some(path),
            (dynamic::DT_RUNPATH, Some(path)) => runpath = Some(path),
            _ => {}
        }
    }
    // illumos' linker writes both, with the same text; a RUNPATH makes the other one void
    if let Some(path) = runpath.or(rpath) {
        linkage.search = path.split(':').collect();
    }
    if !is_plausible(&linkage) {
        let text = "the libraries that it names are too many, or no names".to_owned();
        return Err(goblin::error::Error::Malformed(text));
    }
    Ok(Some(linkage))
}

fn is_plausible(linkage: &Linkage<'_>) -> bool {
    let is_name = |name: &&str| name.len() <= LONGEST_NAME && !name.chars().any(char::is_control);
    linkage.needed.len() <= MOST_LIBRARIES
        && linkage.search.len() <= MOST_FOLDERS
        && linkage.needed.iter().chain(&linkage.search).all(is_name)
}
