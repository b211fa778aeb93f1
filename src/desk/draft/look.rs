//! What a source tree says of itself: its build system, name, version, options, programs, needs.

use std::collections::{BTreeMap, BTreeSet};

use super::licence::licence;
use super::options::{self, Declared};
use super::packages::package_of;
use super::service::{self, Service};
use super::{Archive, Files, quoted, text};

/// What was found in a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// As recipes call it: `meson`, `autotools`, `cmake`, `make`, `custom`.
    pub system: &'static str,
    pub name: Option<String>,
    pub version: Option<String>,
    pub summary: Option<String>,
    pub homepage: Option<String>,
    /// The licence as SPDX calls it, and the file that says so.
    pub license: Option<(String, String)>,
    pub options: Vec<Declared>,
    /// Packages of pkgsrc without which it does not build.
    pub needs: BTreeSet<String>,
    /// Packages that it uses where they are there.
    pub may_use: BTreeSet<String>,
    /// Whether it asks `pkg-config`.
    pub asks_pkg_config: bool,
    /// Programs that the build runs beside the compiler.
    pub tools: BTreeSet<String>,
    /// Installed programs.
    pub programs: Vec<String>,
    pub service: Option<Service>,
}

/// Looks into an archive. What has no build system that is known here is left to commands of the recipe's own.
#[must_use]
pub fn look(archive: &Archive<'_>) -> Found {
    let files = &archive.files;
    let mut found = if files.contains_key("meson.build") {
        meson(files)
    } else if files.contains_key("configure") {
        autotools(files)
    } else {
        let makefiles = ["GNUmakefile", "makefile", "Makefile"];
        let system = if files.contains_key("CMakeLists.txt") {
            "cmake"
        } else if makefiles.iter().any(|file| files.contains_key(*file)) {
            "make"
        } else {
            "custom"
        };
        Found {
            system,
            ..Found::default()
        }
    };
    let (name, version) = split_name(archive);
    found.name = found.name.or(name);
    found.version = found.version.or(version);
    found.license = licence(files);
    let program = found.name.clone().unwrap_or_default();
    found.service = service::service(files, &program);
    let unit = found
        .service
        .as_ref()
        .and_then(|service| service.description.clone());
    found.summary = spec_summary(files).or(unit);
    let is_own = |path: &String| path.rsplit('/').next() == Some(program.as_str());
    found
        .programs
        .sort_by_key(|path| (!is_own(path), path.clone()));
    found.programs.dedup();
    found
}

/// `fping-5.1.tar.gz` or the top folder, as name and version.
fn split_name(archive: &Archive<'_>) -> (Option<String>, Option<String>) {
    let stem = archive.name.split(".tar").next().unwrap_or("").to_owned();
    let names = [archive.top.clone().unwrap_or_default(), stem];
    let split = names.iter().find_map(|name| {
        let at = name.rfind(['-', '_'])?;
        let (before, after) = (name.get(..at)?, name.get(at + 1..)?);
        after
            .starts_with(|c: char| c.is_ascii_digit())
            .then(|| (before.to_owned(), after.to_owned()))
    });
    split.map_or((None, None), |(name, version)| {
        (Some(name.to_lowercase()), Some(version))
    })
}

/// What a packager for another system wrote into a `.spec` file.
fn spec_summary(files: &Files<'_>) -> Option<String> {
    let spec = files
        .keys()
        .find(|path| path.ends_with(".spec") || path.ends_with(".spec.in"))?;
    let text = text(files, spec)?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Summary:"))?;
    let line = line.trim().trim_end_matches('.');
    (!line.is_empty() && line.len() < 100).then(|| line.to_owned())
}

fn meson(files: &Files<'_>) -> Found {
    let top = text(files, "meson.build").unwrap_or_default();
    let project = top.split_once("project(").map_or("", |(_, rest)| rest);
    let word = |name: &str| {
        let at = project
            .find(&format!("{name}:"))
            .or_else(|| project.find(&format!("{name} :")))?;
        let value = project.get(at..)?.split_once(':')?.1.trim_start();
        value
            .starts_with('\'')
            .then(|| quoted(value).map(str::to_owned))?
    };
    let mut found = Found {
        system: "meson",
        name: quoted(project).map(str::to_lowercase),
        version: word("version"),
        options: options::of_meson(files),
        ..Found::default()
    };
    let builds = files
        .keys()
        .filter(|path| *path == "meson.build" || path.ends_with("/meson.build"));
    for path in builds {
        let text = text(files, path).unwrap_or_default();
        for call in text.split("dependency(").skip(1) {
            dependency(call, &mut found);
        }
        for call in text.split("find_library(").skip(1) {
            let name = quoted(call).and_then(package_of);
            let kind = match is_optional(call) {
                true => &mut found.may_use,
                false => &mut found.needs,
            };
            kind.extend(name.map(str::to_owned));
        }
        for call in text.split("find_program(").skip(1) {
            let name = quoted(call).unwrap_or("");
            let is_needed = !is_optional(call);
            if is_needed && ["perl", "bison", "flex", "gperf"].contains(&name) {
                found.tools.insert(name.to_owned());
            }
        }
        found.programs.extend(executables(&text));
    }
    found
        .may_use
        .retain(|package| !found.needs.contains(package));
    found
}

fn dependency(call: &str, found: &mut Found) {
    // `declare_dependency(` has no name
    let Some(name) = quoted(call).filter(|_| call.trim_start().starts_with(['\'', '"'])) else {
        return;
    };
    found.asks_pkg_config = true;
    let Some(package) = package_of(name) else {
        return;
    };
    if is_optional(call) {
        found.may_use.insert(package.to_owned());
    } else {
        found.needs.insert(package.to_owned());
    }
}

/// A call's arguments, up to the first closing parenthesis.
fn first_line_call(call: &str) -> &str {
    call.split(')').next().unwrap_or(call)
}

fn is_optional(call: &str) -> bool {
    let arguments = first_line_call(call).replace("required :", "required:");
    arguments.contains("required: false") || arguments.contains("required: get_option")
}

// executable(
//     'netatalk',
//     netatalk_sources,
//     install: true,
//     install_dir: sbindir,
// )
fn executables(text: &str) -> Vec<String> {
    let calls = text.split("executable(").skip(1);
    calls
        .filter_map(|call| {
            let body = call.split("\n)").next().unwrap_or(call);
            let name = quoted(body).filter(|_| body.trim_start().starts_with('\''))?;
            let is_installed = body.contains("install: true") || body.contains("install : true");
            let place = body.split_once("install_dir").map_or("", |(_, rest)| rest);
            let place = place.lines().next().unwrap_or("");
            let folder = if place.contains("sbin") {
                "sbin"
            } else {
                "bin"
            };
            let is_elsewhere = !place.is_empty() && !place.contains("bin");
            (is_installed && !is_elsewhere).then(|| format!("/opt/local/{folder}/{name}"))
        })
        .collect()
}

// PACKAGE_NAME='fping'
// PACKAGE_VERSION='5.1'
fn autotools(files: &Files<'_>) -> Found {
    let script = text(files, "configure").unwrap_or_default();
    let variable = |name: &str| {
        let line = script
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        let value = line.trim_matches(['\'', '"']);
        (!value.is_empty() && !value.contains('$')).then(|| value.to_owned())
    };
    let mut found = Found {
        system: "autotools",
        name: variable("PACKAGE_TARNAME").map(|name| name.to_lowercase()),
        version: variable("PACKAGE_VERSION"),
        homepage: variable("PACKAGE_URL").filter(|url| url.starts_with("http")),
        options: options::of_configure(&script),
        ..Found::default()
    };
    let macros = ["configure.ac", "configure.in"].iter();
    let macros = macros
        .filter_map(|path| text(files, path))
        .next()
        .unwrap_or_default();
    for call in macros
        .split("AC_CHECK_LIB(")
        .skip(1)
        .chain(macros.split("AC_SEARCH_LIBS(").skip(1))
    {
        let names = call.split(',').take(2);
        let packages = names.filter_map(|name| package_of(name.trim().trim_matches(['[', ']'])));
        found.may_use.extend(packages.map(str::to_owned));
    }
    for call in macros.split("PKG_CHECK_MODULES(").skip(1) {
        found.asks_pkg_config = true;
        let words = call.split([',', ')']).nth(1).unwrap_or("");
        let packages = words
            .split_whitespace()
            .filter_map(|name| package_of(name.trim_matches(['[', ']'])));
        found.needs.extend(packages.map(str::to_owned));
    }
    found
        .may_use
        .retain(|package| !found.needs.contains(package));
    let variables: BTreeMap<&str, &str> =
        [("sbin_PROGRAMS", "sbin"), ("bin_PROGRAMS", "bin")].into();
    for (path, _) in files
        .iter()
        .filter(|(path, _)| path.ends_with("Makefile.am"))
    {
        let text = text(files, path).unwrap_or_default().replace("\\\n", " ");
        for line in text.lines() {
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            let folder = variables.get(name.trim().trim_end_matches('+').trim_end());
            for program in value
                .split_whitespace()
                .filter(|word| !word.contains(['$', '@']))
            {
                found
                    .programs
                    .extend(folder.map(|folder| format!("/opt/local/{folder}/{program}")));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;

    fn archive<'t>(files: &[(&str, &'t str)]) -> Archive<'t> {
        Archive {
            name: "thing_1.2.orig.tar.gz".to_owned(),
            place: Place::File,
            sha256: String::new(),
            size: 1,
            top: Some("thing-1.2".to_owned()),
            files: files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), text.as_bytes()))
                .collect(),
        }
    }

    #[test]
    fn a_meson_source_tells_its_name_needs_and_programs() {
        let found = look(&archive(&[(
            "meson.build",
            "project(\n 'Thing', 'c', version: '1.2.3', meson_version: '>=0.6')\n\
             a = dependency('libevent', version: '>=2')\nb = dependency('zlib', required: false)\n\
             c = declare_dependency(link_args: '-lz')\nfind_program('perl')\n\
             executable(\n 'thingd', 'x.c',\n install: true,\n install_dir: sbindir,\n)\nexecutable('t', 'y.c')\n",
        )]));
        assert_eq!(
            (found.name.as_deref(), found.version.as_deref()),
            (Some("thing"), Some("1.2.3"))
        );
        assert_eq!(found.needs, BTreeSet::from(["libevent".to_owned()]));
        assert_eq!(found.may_use, BTreeSet::from(["zlib".to_owned()]));
        assert_eq!(found.tools, BTreeSet::from(["perl".to_owned()]));
        assert_eq!(found.programs, ["/opt/local/sbin/thingd"]);
        assert!(found.asks_pkg_config);
    }

    #[test]
    fn an_autotools_source_tells_them_in_its_script_and_makefiles() {
        let found = look(&archive(&[
            (
                "configure",
                "PACKAGE_TARNAME='thing'\nPACKAGE_VERSION='1.2'\nPACKAGE_URL=''\nOptional Features:\n  --disable-a  A\n",
            ),
            (
                "configure.ac",
                "AC_CHECK_LIB([z], [inflate])\nPKG_CHECK_MODULES([E], [libevent >= 2])\n",
            ),
            (
                "src/Makefile.am",
                "sbin_PROGRAMS = \\\n  thing\nbin_PROGRAMS=other $(X)\n",
            ),
            ("thing.spec", "Name: thing\nSummary: Does a thing.\n"),
        ]));
        assert_eq!(found.version.as_deref(), Some("1.2"));
        assert_eq!(found.summary.as_deref(), Some("Does a thing"));
        assert_eq!(found.needs, BTreeSet::from(["libevent".to_owned()]));
        assert_eq!(found.may_use, BTreeSet::from(["zlib".to_owned()]));
        assert_eq!(
            found.programs,
            ["/opt/local/sbin/thing", "/opt/local/bin/other"]
        );
        assert_eq!(found.options.len(), 1);
        for (file, system) in [
            ("Makefile", "make"),
            ("CMakeLists.txt", "cmake"),
            ("README", "custom"),
        ] {
            let found = look(&archive(&[(file, "")]));
            assert_eq!(
                (found.system, found.version.as_deref()),
                (system, Some("1.2"))
            );
        }
    }
}
