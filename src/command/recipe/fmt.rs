//! `zonewright recipe fmt`: one layout for all.

use serde_json::json;

use super::super::{DONE, FAILED, Failure, answer, answer_json, site};
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
    let mut changed = Vec::new();
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
        let diff = files::diff(path, &file.source.text, &text);
        changed.push(json!({ "file": path, "diff": diff }));
        if !arguments.check {
            file.replace(&text)?;
        }
        if global.json {
            continue;
        }
        if arguments.check {
            let lines = diff.lines().map(|line| diff_line(line, style) + "\n");
            answer(&lines.collect::<String>());
        } else {
            answer(&format!("laid out {}\n", path.display()));
        }
    }
    if !problems.is_empty() {
        return Err(Failure::Problems(problems));
    }
    let status = match changed.is_empty() || !arguments.check {
        true => DONE,
        false => FAILED,
    };
    if global.json {
        let written = !arguments.check;
        answer_json(
            "recipe-fmt",
            json!({ "checked": files.len(), "written": written, "changed": changed }),
        );
        return Ok(status);
    }
    let all = match files.len() {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    };
    match (changed.len(), arguments.check) {
        (0, _) => answer(&format!("{all}: nothing to change\n")),
        (changed, true) => answer(&format!("{changed} of {all} would change\n")),
        (changed, false) => answer(&format!("{changed} of {all} changed\n")),
    }
    Ok(status)
}
