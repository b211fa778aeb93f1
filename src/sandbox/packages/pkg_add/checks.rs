//! Everything that `pkg_add` looks at before it changes anything, in its order.

use super::{Call, Candidate, PROGRAM};
use crate::sandbox::packages::TOOLS_VERSION;
use crate::sandbox::packages::database::{value_of, values_of};
use crate::sandbox::packages::pattern;
use crate::sandbox::packages::process::{Process, Stop};

const SYSTEM: &str = "SunOS";
const SYSTEM_VERSION: &str = "5.11";
const MACHINE: &str = "x86_64";

fn fail(process: &mut Process<'_>, message: &str) -> Result<(), Stop> {
    process.warn(PROGRAM, message);
    Err(Stop::Failed)
}

/// `VERIFIED_INSTALLATION`, for a package without a signature.
pub fn signature(process: &mut Process<'_>, call: &Call, new: &Candidate) -> Result<(), Stop> {
    let value = call
        .settings
        .get("VERIFIED_INSTALLATION")
        .unwrap_or("never");
    let question = match value.to_ascii_lowercase().as_str() {
        "never" => return Ok(()),
        "always" => return fail(process, "No valid signature found, rejected"),
        "trusted" => {
            process.complain(&format!("No valid signature found for {}.", new.name));
            "Do you want to proceed with the installation [y/n]?".to_owned()
        }
        "interactive" => {
            format!(
                "Do you want to proceed with the installation of {} [y/n]?",
                new.name
            )
        }
        _ => {
            let message = "Unknown value of configuration variable VERIFIED_INSTALLATION";
            return fail(process, message);
        }
    };
    process.complain(&question);
    let mut answer = String::new();
    process.input.read_line(&mut answer)?;
    if answer.starts_with(['Y', 'y', 'T', 't', '1']) {
        return Ok(());
    }
    process.complain("Cancelling installation");
    Err(Stop::Failed)
}

/// What must stand in `+BUILD_INFO`; `-f` does not help.
pub fn build_info(process: &mut Process<'_>, new: &Candidate) -> Result<(), Stop> {
    let info = &new.build_info;
    let required = ["OPSYS", "OS_VERSION", "MACHINE_ARCH"];
    if required
        .iter()
        .any(|variable| value_of(info, variable).is_none())
    {
        return fail(process, "Not all required build information are present.");
    }
    let differs = |variable, usual: &str| {
        value_of(info, variable).is_some_and(|value| !value.eq_ignore_ascii_case(usual))
    };
    if differs("USE_ABI_DEPENDS", "YES") || differs("IGNORE_RECOMMENDED", "NO") {
        process.warn(
            PROGRAM,
            &format!("{} was built to ignore ABI dependencies", new.name),
        );
    }
    Ok(())
}

/// `PKGTOOLS_VERSION`: the oldest tool that understands the package.
pub fn tools_version(process: &mut Process<'_>, call: &Call, new: &Candidate) -> Result<(), Stop> {
    let name = &new.name;
    let Some(version) = value_of(&new.build_info, "PKGTOOLS_VERSION") else {
        let message = format!("Warning: package `{name}' lacks pkg_install version data");
        process.warn(PROGRAM, &message);
        return Ok(());
    };
    let is_valid = version.len() == 8 && version.bytes().all(|b| b.is_ascii_digit());
    let message = if !is_valid {
        format!("Warning: package `{name}' contains an invalid pkg_install version")
    } else if version > TOOLS_VERSION {
        let word = if call.is_forced() { "Warning" } else { "Error" };
        format!("{word}: package `{name}' was built with a newer pkg_install version")
    } else {
        return Ok(());
    };
    process.warn(PROGRAM, &message);
    if call.is_forced() {
        Ok(())
    } else {
        Err(Stop::Failed)
    }
}

/// Licences and vulnerabilities are only looked at when the configuration says so.
pub fn policies(call: &Call) -> Result<(), Stop> {
    for variable in ["CHECK_VULNERABILITIES", "CHECK_LICENSE"] {
        let value = call
            .settings
            .get(variable)
            .unwrap_or("no")
            .to_ascii_lowercase();
        if !matches!(value.as_str(), "no" | "never") {
            return Err(Stop::not_emulated(&format!("{variable}={value}")));
        }
    }
    Ok(())
}

/// Whether there is nothing to do because this very version is installed.
pub fn already_installed(
    process: &mut Process<'_>,
    call: &Call,
    new: &Candidate,
) -> Result<bool, Stop> {
    let name = &new.name;
    if !call.database.has(name) {
        return Ok(false);
    }
    if call.replaces_same() {
        let temporary = format!("{name}.xxxxxx");
        if call.database.package(&temporary).exists() {
            let shown = format!("{}/{temporary}", call.database.shown);
            let message = format!(
                "package `{name}' already has a temporary update directory `{shown}', \
                 remove it manually"
            );
            fail(process, &message)?;
        }
        return Ok(false);
    }
    if !new.is_automatic && call.database.is_automatic(name)? {
        if !call.is_dry() {
            call.database.set_installed(name, "automatic", None)?;
        }
        let message = format!(
            "package `{name}' was already installed as dependency, now marked as installed manually"
        );
        process.warn(PROGRAM, &message);
    } else {
        process.warn(
            PROGRAM,
            &format!("package `{name}' already recorded as installed"),
        );
    }
    Ok(true)
}

/// The system that the package was built for.
pub fn platform(process: &mut Process<'_>, call: &Call, new: &Candidate) -> Result<(), Stop> {
    let of = |variable| value_of(&new.build_info, variable).unwrap_or("");
    let (system, version, machine) = (of("OPSYS"), of("OS_VERSION"), of("MACHINE_ARCH"));
    let is_fatal = system != SYSTEM || machine != MACHINE;
    let checks_version = !call
        .settings
        .get("CHECK_OS_VERSION")
        .is_some_and(|value| value.eq_ignore_ascii_case("no"));
    if !is_fatal && (version == SYSTEM_VERSION || !checks_version) {
        return Ok(());
    }
    process.warn(
        PROGRAM,
        &format!("Warning: package `{}' was built for a platform:", new.name),
    );
    let message = format!(
        "{system}/{machine} {version} (pkg) vs. {SYSTEM}/{MACHINE} {SYSTEM_VERSION} (this host)"
    );
    process.warn(PROGRAM, &message);
    if is_fatal && !call.is_forced() {
        Err(Stop::Failed)
    } else {
        Ok(())
    }
}

/// The installed package of the same base name, if it is to be replaced.
pub fn other_version(
    process: &mut Process<'_>,
    call: &Call,
    new: &Candidate,
) -> Result<Option<String>, Stop> {
    let Some((base, _)) = new.name.rsplit_once('-') else {
        process.warn(PROGRAM, &format!("Invalid package name {}", new.name));
        return Err(Stop::Failed);
    };
    let Some(other) = call.database.best(&format!("{base}-[0-9]*"))? else {
        return Ok(None);
    };
    if !call.replaces() {
        let message = format!(
            "A different version of {} is already installed: {other}",
            new.name
        );
        process.warn(PROGRAM, &message);
        return Err(Stop::Failed);
    }
    dependents(process, call, &new.name, &other)?;
    Ok(Some(other))
}

/// Whether the packages that need the old version can live with the new one.
fn dependents(process: &mut Process<'_>, call: &Call, new: &str, old: &str) -> Result<(), Stop> {
    for dependent in call.database.required_by(old)? {
        let Ok(contents) = call.database.contents(&dependent) else {
            let message = format!("Can't open +CONTENTS of depending package {dependent}");
            return fail(process, &message);
        };
        let is_lost = |p: &&str| pattern::matches(p, old) && !pattern::matches(p, new);
        if contents.dependencies().any(|p| is_lost(&p)) {
            let message = format!("Dependency of {dependent} fulfilled by {old}, but not by {new}");
            process.warn(PROGRAM, &message);
            if !call.is_forced() && !call.options.has('D') {
                return Err(Stop::Failed);
            }
        }
    }
    Ok(())
}

/// `@pkgcfl` lines of the new package and of the installed ones.
pub fn conflicts(
    process: &mut Process<'_>,
    call: &Call,
    new: &Candidate,
    other: Option<&str>,
) -> Result<(), Stop> {
    let name = &new.name;
    let mut is_clear = true;
    for installed in call.database.names()? {
        if Some(installed.as_str()) == other {
            continue;
        }
        for wanted in new
            .contents
            .conflicts()
            .filter(|p| pattern::matches(p, &installed))
        {
            let message = format!(
                "Package `{name}' conflicts with `{wanted}', and `{installed}' is installed."
            );
            process.warn(PROGRAM, &message);
            is_clear = false;
        }
        let theirs = call.database.contents(&installed)?;
        for wanted in theirs.conflicts().filter(|p| pattern::matches(p, name)) {
            let message = format!(
                "Installed package `{installed}' conflicts with `{wanted}' when trying to \
                 install `{name}'."
            );
            process.warn(PROGRAM, &message);
            is_clear = false;
        }
    }
    if is_clear { Ok(()) } else { Err(Stop::Failed) }
}

/// Files that another package owns. A file on disk that nothing owns is no hindrance.
pub fn collisions(
    process: &mut Process<'_>,
    call: &Call,
    new: &Candidate,
    other: Option<&str>,
) -> Result<(), Stop> {
    let Some(map) = call.database.file_map()? else {
        return Ok(());
    };
    let mut is_clear = true;
    for file in new.contents.files() {
        let Some(owner) = map.owner(&format!("{}/{}", new.prefix, file.path)) else {
            continue;
        };
        if Some(owner) == other {
            continue;
        }
        process.warn(
            PROGRAM,
            &format!("Conflicting PLIST with {owner}: {}", file.path),
        );
        is_clear = call.is_forced();
        if !is_clear && !call.is_verbose() {
            break;
        }
    }
    if is_clear { Ok(()) } else { Err(Stop::Failed) }
}

/// The libraries that `REQUIRES` names; nothing overrides this.
pub fn libraries(process: &mut Process<'_>, new: &Candidate) -> Result<(), Stop> {
    let mut is_whole = true;
    for library in values_of(&new.build_info, "REQUIRES").filter(|l| !l.is_empty()) {
        if !process.file(library).is_file() {
            process.warn(PROGRAM, &format!("Missing required library: {library}"));
            is_whole = false;
        }
    }
    if is_whole { Ok(()) } else { Err(Stop::Failed) }
}
