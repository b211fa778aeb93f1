//! `zonewright recipe fmt`: one layout for all.

use super::super::{DONE, FAILED, Failure, answer, site};
use super::files::{self, Own};
use crate::cli::Global;
use crate::cli::author::FmtArgs;
use crate::recipe::edit::{Misformatted, format};
use crate::show::Style;
use crate::show::plan::diff_line;

pub(super) fn run(global: &Global, arguments: &FmtArgs) -> Result<u8, Failure> {
    let site = site(global)?;
    let files = if arguments.what.is_empty() {
        files::all(&site)?
    } else {
        let named = arguments.what.iter().map(|what| files::own(&site, what));
        named.collect::<Result<Vec<Own>, Failure>>()?
    };
    if files.is_empty() {
        return Err(Failure::usage(
            "there is no file to lay out: this is no site of your own",
            "go into one, name it with --site, or make one with `zonewright new DIR`",
        ));
    }
    let style = Style::stdout(global.color);
    let mut problems = Vec::new();
    let mut changed = 0;
    for file in &files {
        let path = &file.source.path;
        let text = match format(&file.source, file.kind) {
            Ok(text) => text,
            Err(Misformatted::Unreadable(problem)) => {
                problems.push(*problem);
                continue;
            }
            Err(error @ Misformatted::Changed) => {
                let message = format!("`{}` was left alone: {error}", path.display());
                return Err(Failure::text_only(
                    &message,
                    "please report this with the file",
                ));
            }
        };
        if text == file.source.text {
            continue;
        }
        changed += 1;
        if arguments.check {
            let diff = files::diff(path, &file.source.text, &text);
            let lines = diff.lines().map(|line| diff_line(line, style) + "\n");
            answer(&lines.collect::<String>());
        } else {
            file.replace(&text)?;
            answer(&format!("laid out {}\n", path.display()));
        }
    }
    if !problems.is_empty() {
        return Err(Failure::Problems(problems));
    }
    let all = match files.len() {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    };
    match (changed, arguments.check) {
        (0, _) => answer(&format!("{all}: nothing to change\n")),
        (_, true) => answer(&format!("{changed} of {all} would change\n")),
        (_, false) => answer(&format!("{changed} of {all} changed\n")),
    }
    Ok(if changed > 0 && arguments.check {
        FAILED
    } else {
        DONE
    })
}
