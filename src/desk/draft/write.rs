//! The text of a draft: sections in the order in which they matter, each line with its reason.

use std::fmt::Write as _;
use std::sync::Arc;

use super::look::Found;
use super::options::{self, Chosen};
use super::service::Service;
use super::{Archive, Draft, Place, netatalk};
use crate::problem::SourceText;
use crate::recipe::doc_comments::Kind;
use crate::recipe::edit;

/// A text in TOML's quotes.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The draft of a recipe called `name`; with the line for editors where `has_schema`.
#[must_use]
pub fn write(name: &str, archive: &Archive<'_>, found: &Found, has_schema: bool) -> Draft {
    let package = found.name.clone().unwrap_or_else(|| name.to_owned());
    let version = found.version.clone().unwrap_or_else(|| "0".to_owned());
    let is_netatalk = package == "netatalk" && found.system == "meson";
    let mut text = head(name, archive, has_schema);
    text.push_str(&package_section(&package, &version, found));
    let mut templates = Vec::new();
    if is_netatalk {
        text.push_str(netatalk::PARAMETERS);
        templates.push((
            format!("templates/{name}/afp.conf.hbs"),
            netatalk::AFP_CONF.to_owned(),
        ));
    }
    text.push_str(&source_section(archive, &package, &version));
    text.push_str(&dependencies(found, is_netatalk, archive));
    text.push_str(&build_section(found, is_netatalk, archive));
    if is_netatalk {
        text.push_str(netatalk::DISCARD);
        text.push_str(&netatalk::REST.replace("TEMPLATES", name));
    } else {
        text.push_str(&service_section(&package, found.service.as_ref()));
        text.push_str(&check_section(&package, found));
    }
    Draft {
        recipe: laid_out(name, text),
        templates,
    }
}

/// A recipe to fill in, for a source that nobody has looked into.
#[must_use]
pub fn skeleton(name: &str, has_schema: bool) -> Draft {
    let mut text = schema_line(has_schema);
    let _ = write!(
        text,
        r##"# {name}: say here what it is for, and what is peculiar about it.
#
# `zonewright recipe explain KEY` tells what a key takes, `zonewright recipe check {name}` what is wrong.

[package]
name    = {quoted}
# `{{{{package.version}}}}` stands for it in URLs, options and checks
version = "1.0"
summary = "{name}, in one line"

[[source]]
urls   = ["https://example.org/{name}-{{{{package.version}}}}.tar.gz"]
# `zonewright recipe bump {name}` writes the real one
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"

# Names for pkgin: `build` is there while it is built, `run` for good.
[dependencies]
build = ["gcc13", "gmake"]
run   = []

# autotools, meson, cmake, make or custom; `meson` wants meson and ninja-build above instead of gmake
[build]
system  = "autotools"
options = []

# [[file]]                         # made from templates/{name}/{name}.conf.hbs
# path     = "/opt/local/etc/{name}.conf"
# template = "{name}/{name}.conf.hbs"
#
# [[service]]                      # an SMF manifest is made of this
# fmri  = "svc:/site/{name}:default"
# start = ["/opt/local/sbin/{name}"]

# Proof that it works: what must be true in the zone afterwards.
[[check]]
name    = "{name} is there"
command = ["/usr/bin/test", "-x", "/opt/local/bin/{name}"]
"##,
        quoted = quote(name),
    );
    Draft {
        recipe: laid_out(name, text),
        templates: Vec::new(),
    }
}

/// The text as `recipe fmt` would have it.
fn laid_out(name: &str, text: String) -> String {
    let source = Arc::new(SourceText {
        path: format!("recipes/{name}.toml").into(),
        text,
    });
    edit::format(&source, Kind::Recipe).unwrap_or_else(|_| source.text.clone())
}

fn schema_line(has_schema: bool) -> String {
    if has_schema {
        "#:schema ../schema/recipe.json\n\n".to_owned()
    } else {
        String::new()
    }
}

fn head(name: &str, archive: &Archive<'_>, has_schema: bool) -> String {
    let about = format!(
        "{name}, drafted from {} by `zonewright recipe new`: what the sources say of themselves is written \
         down, and what can only be guessed stands here as a comment.",
        archive.name
    );
    let options = textwrap::Options::new(100)
        .initial_indent("# ")
        .subsequent_indent("# ")
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    format!(
        "{}{}\n#\n# `zonewright recipe check {name}` tells what is wrong with it, `zonewright recipe explain KEY` what a\n\
         # key takes. Name it in a zone file to build it:\n#\n#     [[recipe]]\n#     name = {}\n\n",
        schema_line(has_schema),
        textwrap::fill(&about, options),
        quote(name)
    )
}

fn package_section(package: &str, version: &str, found: &Found) -> String {
    let mut text = String::from("[package]\n");
    let _ = writeln!(text, "name    = {}", quote(package));
    text.push_str("# `{{package.version}}` stands for it in URLs, options and checks\n");
    let _ = writeln!(text, "version = {}", quote(version));
    let summary = match &found.summary {
        Some(summary) => summary.clone(),
        None => {
            text.push_str(
                "# one line for the plan and for `pkg_info`; the sources do not say one\n",
            );
            format!("{package}, built from its own sources")
        }
    };
    let _ = writeln!(text, "summary = {}", quote(&summary));
    match &found.homepage {
        Some(page) => {
            let _ = writeln!(text, "homepage = {}", quote(page));
        }
        None => text.push_str("# homepage = \"https://…\"\n"),
    }
    match &found.license {
        Some((license, file)) => {
            let _ = writeln!(text, "# by the words of {file}\nlicense = {}", quote(license));
        }
        None => text.push_str("# license = \"…\"   # an SPDX expression; no file of the archive has words that are known here\n"),
    }
    let _ = writeln!(
        text,
        "# pkgsrc may have a package of its own, with files of the same names\nconflicts = [{}]",
        quote(&format!("{package}-[0-9]*"))
    );
    text
}

fn source_section(archive: &Archive<'_>, package: &str, version: &str) -> String {
    let mut text =
        String::from("\n# Where the archive is fetched, and what it must be.\n[[source]]\n");
    let templated = |url: &str| url.replace(version, "{{package.version}}");
    match &archive.place {
        Place::Url(url) => {
            let _ = writeln!(text, "urls = [{}]", quote(&templated(url)));
        }
        Place::Debian(source, debian, release) => {
            let _ = writeln!(
                text,
                "debian = {{ package = {}, version = {}, release = {}, file = {} }}",
                quote(source),
                quote(debian),
                quote(release),
                quote(&archive.name)
            );
        }
        Place::File => {
            let _ = writeln!(
                text,
                "# Not known: write here where it is fetched. Until then the copy in distfiles/ of the site does,\n\
                 # which is found by its name.\nurls = [{}]",
                quote(&format!("https://example.org/{package}/{}", archive.name))
            );
        }
    }
    let _ = writeln!(
        text,
        "# `sha256sum FILE`; compare it with what upstream announces\nsha256 = {}",
        quote(&archive.sha256)
    );
    let _ = writeln!(text, "size = {}", archive.size);
    if archive.top.is_none() {
        text.push_str("# the archive has no folder around its files\nstrip = 0\n");
    }
    text.push_str(
        "# below patches/, applied exactly, before anything is configured\n# patches = [\"…\"]\n",
    );
    text
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| quote(name)).collect();
    format!("[{}]", quoted.join(", "))
}

fn dependencies(found: &Found, is_netatalk: bool, archive: &Archive<'_>) -> String {
    let mut build = vec!["gcc13".to_owned()];
    match found.system {
        "meson" => build.extend(["meson", "ninja-build"].map(str::to_owned)),
        "cmake" => build.extend(["cmake", "gmake"].map(str::to_owned)),
        _ => build.push("gmake".to_owned()),
    }
    if found.asks_pkg_config {
        build.push("pkgconf".to_owned());
    }
    let mut tools = found.tools.clone();
    let mut run = found.needs.clone();
    if is_netatalk {
        tools.extend(
            netatalk::tools(&archive.files)
                .into_iter()
                .map(str::to_owned),
        );
        run.extend(netatalk::NEEDS.iter().map(|name| (*name).to_owned()));
    }
    build.extend(tools.into_iter().filter(|tool| !run.contains(tool)));
    let may: Vec<String> = found
        .may_use
        .iter()
        .filter(|name| !run.contains(*name))
        .cloned()
        .collect();
    let mut text = String::from(
        "\n# Names for pkgin: `build` is there while it is built, `run` for good.\n[dependencies]\n",
    );
    let _ = writeln!(text, "build = {}", list(&build));
    let run: Vec<String> = run.into_iter().collect();
    if !may.is_empty() {
        let _ = writeln!(
            text,
            "# it uses these too where they are there: {}",
            may.join(", ")
        );
    }
    let _ = writeln!(text, "run = {}", list(&run));
    text
}

/// What is not looked for in sources of these systems, and is left to whoever reads the draft.
const TO_FILL_IN: &[(&str, &str)] = &[
    (
        "cmake",
        "# to be filled in: the option() and set(… CACHE …) lines of CMakeLists.txt say what there is\n\
         options = []\n",
    ),
    (
        "make",
        "# `gmake`, then `gmake PREFIX=/opt/local DESTDIR=… install`: to be seen is whether the Makefile knows both\n\
         # names, and whether it sets CC or CFLAGS itself. What is written here goes to each of the two.\n\
         # make-arguments = [\"CC=gcc\", \"MANDIR=/opt/local/man\"]\n",
    ),
    (
        "custom",
        "\n# To be filled in: the sources have no meson.build, configure, CMakeLists.txt or Makefile at their top.\n\
         [build.custom]\n# compile = [[\"./build.sh\"]]\n\
         # what puts the files below `$DESTDIR/opt/local`; as it stands the build ends here\n\
         stage = [[\"/usr/bin/false\"]]\n",
    ),
];

fn build_section(found: &Found, is_netatalk: bool, archive: &Archive<'_>) -> String {
    let mut chosen: Vec<(&options::Declared, Chosen)> = Vec::new();
    let mut others = Vec::new();
    for option in &found.options {
        let known = is_netatalk
            .then(|| netatalk::choose(option, &archive.files))
            .flatten();
        match known.or_else(|| options::choose(option)) {
            Some(choice) => chosen.push((option, choice)),
            None => others.push(option),
        }
    }
    let mut text = String::from(
        "\n# The prefix /opt/local and the flags of every build in a pkgsrc zone are known and need not be said.\n[build]\n",
    );
    let _ = writeln!(text, "system = {}", quote(found.system));
    if let Some((_, to_fill_in)) = TO_FILL_IN
        .iter()
        .find(|(system, _)| *system == found.system)
    {
        text.push_str(to_fill_in);
        return text;
    }
    text.push_str("options = [\n");
    let mut why = String::new();
    // those with one reason together, in the order in which the sources name the first of them
    let reasons: Vec<String> = chosen
        .iter()
        .map(|(_, choice)| choice.why.clone())
        .collect();
    chosen.sort_by_key(|(_, choice)| reasons.iter().position(|why| *why == choice.why));
    for (_, choice) in &chosen {
        if choice.why != why {
            why.clone_from(&choice.why);
            let _ = writeln!(text, "    # {why}");
        }
        let _ = writeln!(text, "    {},", quote(&choice.argument));
    }
    if !others.is_empty() {
        text.push_str("    # what else the sources take, at their own defaults:\n");
    }
    for option in others {
        let argument = match (option.name.starts_with("-D"), option.default.is_empty()) {
            (true, _) => format!("{}={}", option.name, option.default),
            (false, _) => option.name.clone(),
        };
        let _ = writeln!(
            text,
            "    # {},   # {}",
            quote(&argument),
            option.description
        );
    }
    text.push_str("]\n");
    text
}

fn service_section(package: &str, service: Option<&Service>) -> String {
    let Some(service) = service else {
        return format!(
            "\n# A program that runs for good needs a service; an SMF manifest is made of this:\n#\n# [[service]]\n\
             # fmri  = \"svc:/site/{package}:default\"\n# start = [\"/opt/local/sbin/{package}\"]\n"
        );
    };
    let start: Vec<String> = service.start.iter().map(|word| quote(word)).collect();
    let mut text = format!(
        "\n# As {} starts it. An SMF manifest is made of this.\n[[service]]\nfmri = \"svc:/site/{package}:default\"\n\
         start = [{}]\n",
        service.file,
        start.join(", ")
    );
    if let Some(duration) = service.duration {
        let _ = writeln!(text, "duration = {}", quote(duration));
    }
    text.push_str("requires = [\"svc:/milestone/network:default\", \"svc:/system/filesystem/local:default\"]\n");
    text
}

fn check_section(package: &str, found: &Found) -> String {
    let program = found.programs.first().cloned();
    let mut text =
        String::from("\n# Proof that it works: what must be true in the zone afterwards.\n");
    match program {
        Some(program) => {
            let _ = write!(
                text,
                "[[check]]\nname = {}\ncommand = [\"/usr/bin/test\", \"-x\", {}]\n",
                quote(&format!("{package} is there")),
                quote(&program)
            );
        }
        None => text.push_str("#\n# [[check]]\n# name = \"it knows its version\"\n# command = [\"/opt/local/bin/…\", \"--version\"]\n# contains = \"{{package.version}}\"\n"),
    }
    text
}
