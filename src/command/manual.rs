//! `zonewright completions` and `zonewright man`: both from the words of the command line.

use std::path::Path;

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::{DONE, Failure, write_out};
use crate::cli::Cli;
use crate::cli::author::{CompletionsArgs, ManArgs};
use crate::store::write_whole;

const PROGRAM: &str = "zonewright";

/// Completions on standard output.
pub(super) fn completions(arguments: &CompletionsArgs) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), PROGRAM, &mut script);
    write_out(&String::from_utf8_lossy(&script));
    DONE
}

/// One page for each command into a folder.
pub(super) fn pages(arguments: &ManArgs) -> Result<u8, Failure> {
    let folder = &arguments.folder;
    std::fs::create_dir_all(folder).map_err(|error| {
        let message = format!("cannot make the folder {}: {error}", folder.display());
        Failure::text_only(&message, "name a folder that you may write to")
    })?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let count = page(&command, PROGRAM, folder)?;
    eprintln!("{count} pages in {}", folder.display());
    Ok(DONE)
}

/// The page of a command and those of all below it; returns how many there are.
fn page(command: &clap::Command, name: &str, folder: &Path) -> Result<usize, Failure> {
    let mut text = Vec::new();
    // clap would fill the lines of examples into one paragraph
    let written = Man::new(command.clone().after_help(None))
        .title(name.to_uppercase())
        .section("1")
        .source(concat!("zonewright ", env!("CARGO_PKG_VERSION")))
        .manual("zonewright")
        .render(&mut text);
    let path = folder.join(format!("{name}.1"));
    let failed = |error: &dyn std::error::Error| Failure::of(error, "name another folder");
    written.map_err(|error| failed(&error))?;
    let after = command.get_after_help().map(ToString::to_string);
    text.extend(after.iter().flat_map(|help| more(help).into_bytes()));
    write_whole(&path, &text).map_err(|error| failed(&error))?;
    let mut count = 1;
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        count += page(below, &format!("{name}-{}", below.get_name()), folder)?;
    }
    Ok(count)
}

/// What stands below a command's help, line by line as it is there.
fn more(help: &str) -> String {
    let (title, text) = match help.strip_prefix("Examples:\n") {
        Some(examples) => ("EXAMPLES", examples),
        None => ("NOTES", help),
    };
    let lines = text.lines().map(|line| {
        let line = line
            .replace('\\', "\\e")
            .replace('-', "\\-")
            .replace('\'', "\\(aq");
        // a dot at the beginning would be a request to roff
        format!("\\&{line}\n")
    });
    format!(".SH {title}\n.nf\n{}.fi\n", lines.collect::<String>())
}
