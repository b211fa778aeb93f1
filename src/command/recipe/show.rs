//! `zonewright recipe show`: a recipe as a zone would get it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::{DONE, Failure, answer, answer_json, site};
use crate::build_system;
use crate::cli::Global;
use crate::cli::author::ShowArgs;
use crate::facts::builds::BUILD_ROOT;
use crate::plan::phases::phase_text;
use crate::problem::Severity;
use crate::recipe::bundle::ZoneContext;
use crate::recipe::load::load_recipe;
use crate::recipe::resolved::{LeftOut, Line, Origin, Resolved, resolved};
use crate::recipe::sample::{samples, zone};
use crate::recipe::{LoadedRecipe, resolve};
use crate::show::{Style, plain};
use crate::site::SiteRoot;
use crate::site::load::check_zone;

/// Stands for the build key, which the packages of a zone decide too.
const KEY: &str = "BUILD-KEY";
/// How many jobs the script of a phase is shown with.
const JOBS: u32 = 2;

/// The values that a zone file gives, and the zone as far as it is known.
struct Given {
    values: BTreeMap<String, String>,
    zone: ZoneContext,
    file: Option<String>,
    /// In which line of the file each value stands.
    lines: BTreeMap<String, usize>,
}

pub(super) fn run(global: &Global, arguments: &ShowArgs) -> Result<u8, Failure> {
    let site = site(global)?;
    let name = &arguments.recipe;
    let loaded = load_recipe(&site, name, &build_system::names())?;
    let given = given(&site, arguments)?;
    let mut filled = samples(&loaded.recipe);
    filled.retain(|name, _| !given.values.contains_key(name));
    if let Some(phase) = &arguments.phase {
        return script(phase, &loaded, &given, filled);
    }
    let found = resolved(&loaded, &given.values, &filled, &given.zone)?;
    if global.json {
        answer_json("recipe-show", document(name, &loaded, &given, &found));
    } else {
        let style = Style::stdout(global.color);
        answer(&text(name, &loaded, &given, &found, style));
    }
    Ok(DONE)
}

fn given(site: &SiteRoot, arguments: &ShowArgs) -> Result<Given, Failure> {
    let (branch, brand) = (&arguments.branch, &arguments.brand);
    let Some(name) = &arguments.zone else {
        return Ok(Given {
            values: BTreeMap::new(),
            zone: zone("ZONE", brand, branch),
            file: None,
            lines: BTreeMap::new(),
        });
    };
    let (loaded, problems) = check_zone(site, name, &build_system::names());
    let is_good = problems
        .iter()
        .all(|problem| problem.severity == Severity::Warning);
    let loaded = loaded
        .filter(|_| is_good)
        .ok_or(Failure::Problems(problems))?;
    let used = loaded
        .zone
        .recipes
        .iter()
        .find(|used| used.name == arguments.recipe);
    let Some(used) = used else {
        return Err(Failure::usage(
            &format!(
                "the zone {name} does not use the recipe `{}`",
                arguments.recipe
            ),
            &format!(
                "leave `--zone` out, or name it in {}",
                loaded.document.source.path.display()
            ),
        ));
    };
    let number = loaded
        .zone
        .recipes
        .iter()
        .position(|one| one.name == used.name);
    let lines = used.parameters.keys().filter_map(|name| {
        let path = format!("recipe[{}].parameters.{name}", number.unwrap_or(0));
        let place = loaded.document.problem_at(&path, "").line_and_column()?;
        Some((name.clone(), place.0))
    });
    let users = loaded
        .zone
        .users
        .iter()
        .map(|user| (user.name.clone(), user.uid));
    Ok(Given {
        values: used.parameters.clone(),
        zone: ZoneContext {
            users: users.collect(),
            ..zone(&loaded.zone.zone.alias, brand, branch)
        },
        file: Some(loaded.document.source.path.display().to_string()),
        lines: lines.collect(),
    })
}

/// The two texts of a phase: what starts its shell, and what that shell runs.
fn script(
    phase: &str,
    loaded: &LoadedRecipe,
    given: &Given,
    filled: BTreeMap<String, String>,
) -> Result<u8, Failure> {
    let mut values = filled;
    values.extend(given.values.clone());
    let bundle = resolve(loaded, &values, &given.zone)?;
    let recipe = &bundle.recipe;
    let named = recipe
        .dependencies
        .build
        .iter()
        .map(|dependency| &dependency.name);
    let compiler = named.into_iter().find_map(|name| {
        let plain = name.split(['<', '>', '-', '[']).next()?;
        let is_compiler = plain.starts_with("gcc") && !recipe.build.environment.contains_key("CC");
        is_compiler.then(|| format!("/opt/local/{plain}/bin/gcc"))
    });
    let folder = format!("{BUILD_ROOT}/{KEY}");
    let compiler = compiler.unwrap_or_default();
    let Some(text) = phase_text(&recipe.build, &folder, phase, JOBS, &compiler) else {
        let help = match phase {
            "test" => "write `test = true` into `[build]` to run the sources' own tests",
            _ => "this build system has nothing to do in it",
        };
        return Err(Failure::text_only(
            &format!("there is no phase {phase}"),
            help,
        ));
    };
    answer(&format!(
        "# {phase} of {} {}, as the user zwbuild, without network, in a contract of its own.\n\
         # {KEY} is known once the zone's packages are; -j{JOBS} is as many as it has cores.\n\n\
         # {folder}/{phase}.launch\n{}\n# {folder}/{phase}.commands\n{}",
        recipe.package.name,
        recipe.package.version,
        text.launch.body(),
        text.commands.body()
    ));
    Ok(DONE)
}

fn text(
    name: &str,
    loaded: &LoadedRecipe,
    given: &Given,
    found: &Resolved,
    style: Style,
) -> String {
    let package = &loaded.recipe.package;
    let zone = &given.zone;
    let whose = match &given.file {
        Some(_) => format!("for the zone {}", zone.alias),
        None => "for a zone of no file".to_owned(),
    };
    let mut text = format!(
        "{} {} {whose} (not asked: branch {}, brand {})\n\n",
        style.paint("1", name),
        package.version,
        zone.branch,
        zone.brand
    );
    let width = found
        .lines
        .iter()
        .map(|line| line.path.len())
        .max()
        .unwrap_or(0)
        .min(44);
    let mut section = "";
    for line in &found.lines {
        let of = line.path.split(['.', '[']).next().unwrap_or("");
        if of != section && !section.is_empty() {
            text.push('\n');
        }
        section = of;
        let origin = style.paint("2", &format!("# {}", origin(line, loaded, given)));
        let value = plain::line(&line.value);
        let _ = writeln!(text, "{:<width$} = {value}  {origin}", line.path);
    }
    if !found.left_out.is_empty() {
        let _ = writeln!(text, "\n{}", style.paint("1", "Left out by a condition"));
    }
    for one in &found.left_out {
        let place = place(loaded, one.line);
        let origin = style.paint("2", &format!("# not: {}; {place}", one.condition));
        let _ = writeln!(
            text,
            "{:<width$} = {}  {origin}",
            one.path,
            plain::line(&one.value)
        );
    }
    text
}

fn place(loaded: &LoadedRecipe, line: Option<usize>) -> String {
    let path = loaded.document.source.path.display();
    line.map_or_else(|| path.to_string(), |line| format!("{path}:{line}"))
}

fn origin(line: &Line, loaded: &LoadedRecipe, given: &Given) -> String {
    let from = match &line.origin {
        Origin::Recipe { line } => place(loaded, *line),
        Origin::Template {
            line: number,
            written,
        } => {
            format!("{}, from {}", place(loaded, *number), plain::line(written))
        }
        Origin::Zone => {
            let file = given.file.clone().unwrap_or_default();
            let name = line.path.strip_prefix("parameters.").unwrap_or("");
            match given.lines.get(name) {
                Some(number) => format!("{file}:{number}"),
                None => file,
            }
        }
        Origin::Sample => "a sample: only a zone file gives it".to_owned(),
        Origin::Default => "default".to_owned(),
    };
    match &line.condition {
        Some(condition) => format!("{from}; because {condition}"),
        None => from,
    }
}

fn document(name: &str, loaded: &LoadedRecipe, given: &Given, found: &Resolved) -> Value {
    let path = loaded.document.source.path.display().to_string();
    let value = |line: &Line| {
        let (from, file, number, written) = match &line.origin {
            Origin::Recipe { line } => ("recipe", Some(path.clone()), *line, None),
            Origin::Template { line, written } => {
                ("template", Some(path.clone()), *line, Some(written.clone()))
            }
            Origin::Zone => ("zone", given.file.clone(), None, None),
            Origin::Sample => ("sample", None, None, None),
            Origin::Default => ("default", None, None, None),
        };
        json!({
            "path": line.path,
            "value": line.value,
            "from": from,
            "file": file,
            "line": number,
            "written": written,
            "condition": line.condition,
        })
    };
    let left = |one: &LeftOut| json!({ "path": one.path, "value": one.value, "line": one.line, "condition": one.condition });
    json!({
        "recipe": name,
        "version": loaded.recipe.package.version,
        "zone": { "alias": given.zone.alias, "branch": given.zone.branch, "brand": given.zone.brand },
        "values": found.lines.iter().map(value).collect::<Vec<_>>(),
        "left-out": found.left_out.iter().map(left).collect::<Vec<_>>(),
    })
}
