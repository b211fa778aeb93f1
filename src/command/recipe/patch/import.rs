//! `zonewright recipe patch import`: patches from elsewhere become a recipe's own, byte by byte.

use super::super::super::patch_files::{Writes, own_folder, patch_file};
use super::super::super::{DONE, Failure, answer};
use super::{Desk, main_source, series};
use crate::cli::{Global, ImportArgs};
use crate::recipe::patch_list::NewPatch;
use crate::recipe::sample::{sources_of, takes};
use crate::show::{Style, plain, plan::diff_line};
use crate::source::patch::refresh::{find_strip, header, is_exact};
use crate::source::patch::{self, PatchError};
use crate::source::tree::Tree;

pub(super) fn run(global: &Global, arguments: &ImportArgs) -> Result<u8, Failure> {
    let foreign = series::read(&arguments.from)?;
    let mut desk = Desk::open(global, &arguments.recipe)?;
    let folder = own_folder(&desk.site)?;
    let version = desk.version().to_owned();
    let all = sources_of(&desk.loaded, &version);
    let Some(source) = main_source(&all) else {
        return Err(Failure::usage(
            &format!("the recipe `{}` has no source to patch", arguments.recipe),
            "give it a `[[source]]` first: `zonewright recipe explain source`",
        ));
    };
    let mut tree = desk.unpack(source, &version)?.tree;
    for known in source
        .source
        .patches
        .iter()
        .filter(|one| takes(one.when.as_ref(), &version))
    {
        if let Some(file) = desk.loaded.patches.get(&known.file) {
            patch::apply(&mut tree, &known.file, &file.bytes, known.strip, known.fuzz)
                .map_err(|error| rejected(&error, error.help(), global))?;
        }
    }
    let mut writes = Writes::default();
    let mut added = Vec::new();
    let mut report = String::new();
    for one in &foreign {
        let file = patch_file(&arguments.recipe, &one.name)?;
        let is_known = source.source.patches.iter().any(|known| known.file == file);
        if is_known || added.iter().any(|new: &NewPatch| new.file == file) || there(&folder, &file)
        {
            return Err(Failure::usage(
                &format!("the recipe has a patch `{file}` already"),
                "rename one of them; nothing was taken",
            ));
        }
        let (strip, note) = take(&mut tree, &file, one, global)?;
        report.push_str(&format!("  + patches/{file}{note}\n"));
        writes.patch(&file, one.bytes.clone());
        added.push(NewPatch { file, strip });
    }
    let recipe = writes.recipe(&desk.loaded, source.index, &added)?;
    writes.write(&folder)?;
    let count = match added.len() {
        1 => "1 patch".to_owned(),
        count => format!("{count} patches"),
    };
    answer(&report);
    answer(&format!(
        "{recipe}: {count} added at the end of `patches`\n"
    ));
    Ok(DONE)
}

fn there(folder: &std::path::Path, file: &str) -> bool {
    folder.join("patches").join(file).exists()
}

/// Applies a patch behind the others; its strip, and what is worth saying.
fn take(
    tree: &mut Tree,
    file: &str,
    one: &series::Foreign,
    global: &Global,
) -> Result<(u32, String), Failure> {
    let found = match one.strip {
        // a series that says it is taken by its word, pkgsrc's are as they always are
        Some(strip) if !one.name.starts_with("patch-") => {
            let mut next = tree.clone();
            patch::apply(&mut next, file, &one.bytes, strip, 0)
                .map(|applied| (strip, next, applied))
        }
        said => find_strip(tree, file, &one.bytes, said.unwrap_or(1)),
    };
    let (strip, next, applied) = found.map_err(|error| {
        let from = one.path.display();
        let help = format!(
            "{}; nothing was taken of `{from}` or the others",
            error.help()
        );
        rejected(&error, &help, global)
    })?;
    *tree = next;
    let mut notes: Vec<String> = Vec::new();
    notes.extend(subject(&one.bytes));
    if strip != 1 {
        notes.push(format!("strip = {strip}"));
    }
    if !is_exact(&applied) {
        notes.push("fits on other lines (`recipe patch rebase` writes them)".to_owned());
    }
    let note = match notes.is_empty() {
        true => String::new(),
        false => format!(": {}", notes.join("; ")),
    };
    Ok((strip, note))
}

/// What a patch says it is for.
fn subject(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(header(bytes)).into_owned();
    let line = text.lines().find_map(|line| {
        let rest = line
            .strip_prefix("Subject:")
            .or(line.strip_prefix("Description:"));
        rest.map(str::trim)
    });
    line.filter(|line| !line.is_empty())
        .map(|line| plain::line(line).into_owned())
}

fn rejected(error: &PatchError, help: &str, global: &Global) -> Failure {
    let style = Style::stderr(global.color);
    let mut message = error.to_string();
    for line in error.details().iter().flat_map(|text| text.lines()) {
        message.push_str(&format!("\n      {}", diff_line(line, style)));
    }
    Failure::text_only(&message, help)
}
