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
pub(crate) struct Linkage {
    /// The run-time linker that it names; a program names one, a library does not.
    pub(crate) interpreter: Option<String>,
    /// The libraries it needs, in its order.
    pub(crate) needed: Vec<String>,
    /// The folders it names for them, in its order, `$ORIGIN` not replaced.
    pub(crate) search: Vec<String>,
}

/// Reads `bytes`: `None` where it is no ELF file that is linked dynamically.
///
/// # Errors
/// goblin's words where it is an ELF file and is damaged.
pub(crate) fn linkage(bytes: &[u8]) -> Result<Option<Linkage>, goblin::error::Error> {
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
        interpreter: interpreter.map(|segment| {
            let name = bytes.get(segment.file_range()).unwrap_or_default();
            String::from_utf8_lossy(name)
                .trim_end_matches('\0')
                .to_owned()
        }),
        ..Linkage::default()
    };
    let (mut rpath, mut runpath) = (None, None);
    for entry in &dynamic.dyns {
        let text = usize::try_from(entry.d_val)
            .ok()
            .and_then(|at| strings.get_at(at));
        match (entry.d_tag, text) {
            (dynamic::DT_NEEDED, Some(name)) => linkage.needed.push(name.to_owned()),
            (dynamic::DT_RPATH, Some(path)) => rpath = Some(path),
            (dynamic::DT_RUNPATH, Some(path)) => runpath = Some(path),
            _ => {}
        }
    }
    // illumos' linker writes both, with the same text; a RUNPATH makes the other one void
    if let Some(path) = runpath.or(rpath) {
        linkage.search = path.split(':').map(str::to_owned).collect();
    }
    Ok(Some(linkage))
}
