//! `pkgin install`, `upgrade` and `import`.

use std::fs;

use super::plan::{Plan, Reason, choose, patterns};
use super::{
    Call, ERROR_LOG, PROGRAM, Registration, need_root, proceed, refresh, register, reread,
};
use crate::sandbox::packages::layers::{self, Layer};
use crate::sandbox::packages::links::{self, Links};
use crate::sandbox::packages::pattern;
use crate::sandbox::packages::process::{Process, Stop};

/// Installs what is available of the names given.
pub fn install(process: &mut Process<'_>, call: &Call, words: &[String]) -> Result<i32, Stop> {
    if words.is_empty() {
        process.warn(PROGRAM, "missing package name");
        return Ok(1);
    }
    if !call.is_plan() {
        need_root()?;
        refresh(process, call)?;
    }
    let mut plan = Plan::default();
    let mut status = 0;
    for word in words {
        match choose(process, call, word)? {
            Some(package) => plan.add(call, &package, Reason::Asked)?,
            None => status = 1,
        }
    }
    if plan.wanted.is_empty() && plan.present.is_empty() {
        return Ok(status);
    }
    process.say("calculating dependencies...done.");
    if !call.is_plan() {
        for name in &plan.present {
            call.database.set_installed(name, "automatic", None)?;
        }
    }
    Ok(carry_out(process, call, &plan)?.max(status))
}

/// Brings every installed package of the index to its version.
pub fn upgrade(process: &mut Process<'_>, call: &Call) -> Result<i32, Stop> {
    if !call.is_plan() {
        need_root()?;
        refresh(process, call)?;
    }
    process.say("calculating dependencies...done.");
    let mut plan = Plan::default();
    for name in call.database.names()? {
        let newer = call.find(pattern::base(&name)).filter(|a| a.name != name);
        if let Some(package) = newer {
            plan.add(call, package, Reason::Outdated)?;
        }
    }
    carry_out(process, call, &plan)
}

/// Installs what `pkgin export` wrote.
pub fn import(process: &mut Process<'_>, call: &Call, words: &[String]) -> Result<i32, Stop> {
    let [file] = words else {
        process.warn(PROGRAM, "missing filename");
        return Ok(1);
    };
    let text = match fs::read_to_string(process.file(file)) {
        Ok(text) => text,
        Err(error) => return Err(Stop::Exit(1, format!("{file}: {error}"))),
    };
    let names = text.lines().filter_map(|line| line.rsplit('/').next());
    let names: Vec<String> = names.filter(|n| !n.is_empty()).map(Into::into).collect();
    install(process, call, &names)
}

fn carry_out(process: &mut Process<'_>, call: &Call, plan: &Plan) -> Result<i32, Stop> {
    if plan.wanted.is_empty() {
        if !plan.pending.is_empty() && !call.is_plan() {
            show(process, call, plan)
                .and_then(|()| complete(process, call, plan))
                .map_err(|error| Stop::Exit(1, error))?;
        }
        process.say("nothing to do.");
        return Ok(0);
    }
    plan.show(process);
    if !proceed(process, call, true)? {
        return Ok(0);
    }
    let total = plan.wanted.len();
    for (number, wanted) in plan.wanted.iter().enumerate() {
        let name = &wanted.package.name;
        process.say(&format!(
            "[{}/{total}] downloading {name}.tgz done.",
            number + 1
        ));
    }
    let mut errors = Vec::new();
    let shown = show(process, call, plan).and_then(|()| complete(process, call, plan));
    for (number, wanted) in plan.wanted.iter().enumerate() {
        let name = &wanted.package.name;
        let verb = if wanted.replaces.is_some() {
            "upgrading"
        } else {
            "installing"
        };
        process.say(&format!("[{}/{total}] {verb} {name}...", number + 1));
        if let Err(error) = shown
            .clone()
            .and_then(|()| install_one(process, call, wanted))
        {
            errors.push(format!("pkg_add: {name}: {error}"));
        }
    }
    write_log(process, &errors)?;
    reread(process, call, errors.len())?;
    Ok(i32::from(!errors.is_empty()))
}

/// Shows the layers that are shown already and those of the plan.
fn show(process: &mut Process<'_>, call: &Call, plan: &Plan) -> Result<(), String> {
    let mut layers = layers::wanted(&call.database).map_err(|error| error.to_string())?;
    let new = plan
        .wanted
        .iter()
        .map(|wanted| &wanted.package)
        .chain(&plan.pending);
    layers.extend(
        new.filter(|package| !package.entry.debian.is_empty())
            .map(|package| package.entry.name.to_owned()),
    );
    layers.sort();
    layers.dedup();
    layers::show(process, &layers)
}

/// Gives packages of the image the files of their layers.
fn complete(process: &mut Process<'_>, call: &Call, plan: &Plan) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    for package in &plan.pending {
        let mut links = links::of(process.root, package.entry.name)?;
        for file in call.database.contents(&package.name).map_err(told)?.files() {
            links.entry(file.path.to_owned()).or_default();
        }
        let registration = Registration {
            entry: package.entry,
            name: &package.name,
            depends: patterns(call, package),
            links: &links,
            is_automatic: call.database.is_automatic(&package.name).map_err(told)?,
            layer: Layer::Shown,
            replaces: None,
        };
        register(process.root, &call.database, &registration).map_err(told)?;
    }
    Ok(())
}

fn install_one(
    process: &mut Process<'_>,
    call: &Call,
    wanted: &super::plan::Wanted,
) -> Result<(), String> {
    let entry = wanted.package.entry;
    let has_layer = !entry.debian.is_empty();
    let links = if has_layer {
        links::of(process.root, entry.name)?
    } else {
        Links::new()
    };
    let was_explicit = match &wanted.replaces {
        Some(old) => !call.database.is_automatic(old).map_err(|e| e.to_string())?,
        None => false,
    };
    let registration = Registration {
        entry,
        name: &wanted.package.name,
        depends: patterns(call, &wanted.package),
        links: &links,
        is_automatic: wanted.reason != Reason::Asked && !was_explicit,
        layer: if has_layer { Layer::Shown } else { Layer::None },
        replaces: wanted.replaces.as_deref(),
    };
    register(process.root, &call.database, &registration).map_err(|error| error.to_string())
}

fn write_log(process: &mut Process<'_>, errors: &[String]) -> Result<(), Stop> {
    if errors.is_empty() {
        return Ok(());
    }
    let log = process.file(ERROR_LOG);
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder)?;
    }
    let text: String = errors.iter().map(|error| format!("{error}\n")).collect();
    fs::write(&log, text)?;
    Ok(())
}
