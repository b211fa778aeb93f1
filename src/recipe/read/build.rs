//! The keys of what is built: package, parameters, sources, dependencies, build.
//!
//! The order of keys is the order in which problems and the manual name them.

use crate::recipe::format::Format;
use crate::recipe::model::{
    Build, BuildOption, CustomBuild, DebianSource, Dependencies, Dependency, Package, Parameter,
    ParameterKind, Patch, Source, When,
};
use crate::recipe::schema::Takes::{
    Boolean, Command, Integer, List, Map, Scalar, Short, Template, Text,
};
use crate::recipe::schema::{Rule, Table, Takes, key, required};
use crate::recipe::tree::Node;

pub(super) static PACKAGE: Table = Table {
    title: "`[package]`",
    keys: &[
        required(
            "name",
            Text(Format::PackageName),
            "the name, without the version",
        ),
        required("version", Text(Format::Version), "the version, without `-`"),
        required(
            "summary",
            Text(Format::Line),
            "one line for `pkg_info` and the plan",
        ),
        key("homepage", Text(Format::Url), "the project's page"),
        key("license", Text(Format::Line), "an SPDX expression"),
        key(
            "conflicts",
            List(&Text(Format::PackagePattern)),
            "packages of pkgsrc that cannot be installed beside this one",
        ),
    ],
    rules: &[],
};

pub(super) fn package(table: &Node) -> Package {
    Package {
        name: table.text("name"),
        version: table.text("version"),
        summary: table.text("summary"),
        homepage: table.maybe_text("homepage"),
        license: table.maybe_text("license"),
        conflicts: table.texts("conflicts"),
    }
}

const KINDS: &[&str] = &["string", "integer", "boolean", "path", "size", "duration"];

pub(super) static PARAMETER: Table = Table {
    title: "a parameter",
    keys: &[
        required(
            "type",
            Text(Format::OneOf(KINDS)),
            "what a zone file may write",
        ),
        key("default", Scalar, "the value where a zone file gives none"),
        key("choices", List(&Scalar), "the only values allowed"),
        required("help", Text(Format::Line), "one line on what it is for"),
    ],
    rules: &[],
};

pub(super) fn parameter(table: &Node) -> Parameter {
    Parameter {
        kind: match table.text("type").as_str() {
            "integer" => ParameterKind::Integer,
            "boolean" => ParameterKind::Boolean,
            "path" => ParameterKind::Path,
            "size" => ParameterKind::Size,
            "duration" => ParameterKind::Duration,
            _ => ParameterKind::String,
        },
        default: table.maybe_text("default"),
        choices: table.texts("choices"),
        help: table.text("help"),
    }
}

pub(super) static SOURCE: Table = Table {
    title: "`[[source]]`",
    keys: &[
        key(
            "urls",
            List(&Template(Format::Url)),
            "where the archive can be fetched, tried in order",
        ),
        key(
            "debian",
            Takes::Table(&DEBIAN),
            "a Debian source package that holds the archive",
        ),
        key("sha256", Text(Format::Sha256), "the archive's checksum"),
        key("size", Integer(1, i64::MAX), "the archive's size in bytes"),
        key(
            "unverified",
            Text(Format::Line),
            "why the archive is used without a checksum",
        ),
        key(
            "into",
            Text(Format::Below("the source tree")),
            "the folder of the source tree to unpack into",
        ),
        key(
            "strip",
            Integer(0, 64),
            "how many leading path components to drop from each name",
        ),
        key(
            "patches",
            List(&Short("file", &PATCH)),
            "patches, applied in order",
        ),
        key(
            "when",
            Takes::Table(&WHEN),
            "take this source only where the condition holds",
        ),
    ],
    rules: &[
        Rule::AtLeastOne(&["urls", "debian"]),
        Rule::ExactlyOne(&["sha256", "unverified"]),
    ],
};

pub(super) fn source(table: &Node) -> Source {
    Source {
        urls: table.texts("urls"),
        debian: table.get("debian").map(debian),
        sha256: table
            .maybe_text("sha256")
            .map(|digits| digits.to_lowercase()),
        size: table.integer("size"),
        unverified: table.maybe_text("unverified"),
        into: table.maybe_text("into"),
        strip: table.integer("strip").unwrap_or(1),
        patches: table.list("patches", patch),
        when: table.get("when").map(when),
    }
}

static DEBIAN: Table = Table {
    title: "`debian`",
    keys: &[
        required(
            "package",
            Text(Format::PackageName),
            "the source package's name",
        ),
        required(
            "version",
            Text(Format::DebianVersion),
            "the source package's version, with Debian's revision",
        ),
        required(
            "release",
            Text(Format::Kebab),
            "the Debian release that carries it",
        ),
        required(
            "file",
            Text(Format::DebianFile),
            "the file of the source package",
        ),
    ],
    rules: &[],
};

fn debian(table: &Node) -> DebianSource {
    DebianSource {
        package: table.text("package"),
        version: table.text("version"),
        release: table.text("release"),
        file: table.text("file"),
    }
}

static PATCH: Table = Table {
    title: "a patch",
    keys: &[
        required(
            "file",
            Text(Format::Below("patches")),
            "the file below the site's `patches/`",
        ),
        key(
            "strip",
            Integer(0, 64),
            "how many leading path components to drop",
        ),
        key(
            "fuzz",
            Integer(0, 3),
            "how many lines of context may differ at each end of a hunk",
        ),
        key(
            "when",
            Takes::Table(&WHEN),
            "apply the patch only where the condition holds",
        ),
    ],
    rules: &[],
};

fn patch(table: &Node) -> Patch {
    Patch {
        file: table.text("file"),
        strip: table.integer("strip").unwrap_or(1),
        fuzz: table.integer("fuzz").unwrap_or(0),
        when: table.get("when").map(when),
    }
}

static WHEN: Table = Table {
    title: "`when`",
    keys: &[
        key(
            "version",
            Text(Format::Versions),
            "which versions of the recipe",
        ),
        key(
            "branch",
            Text(Format::Branches),
            "which pkgsrc branches of the zone",
        ),
        key(
            "brand",
            Text(Format::OneOf(&["joyent", "joyent-minimal"])),
            "which brand of zone",
        ),
    ],
    rules: &[Rule::AtLeastOne(&["version", "branch", "brand"])],
};

fn when(table: &Node) -> When {
    When {
        version: table.maybe_text("version"),
        branch: table.maybe_text("branch"),
        brand: table.maybe_text("brand"),
    }
}

pub(super) static DEPENDENCIES: Table = Table {
    title: "`[dependencies]`",
    keys: &[
        key(
            "build",
            List(&Short("name", &DEPENDENCY)),
            "packages needed to build",
        ),
        key(
            "run",
            List(&Short("name", &DEPENDENCY)),
            "packages needed to run",
        ),
    ],
    rules: &[],
};

pub(super) fn dependencies(table: &Node) -> Dependencies {
    Dependencies {
        build: table.list("build", dependency),
        run: table.list("run", dependency),
    }
}

static DEPENDENCY: Table = Table {
    title: "a dependency",
    keys: &[
        required(
            "name",
            Text(Format::Dependency),
            "the package's name or pattern",
        ),
        key(
            "when",
            Takes::Table(&WHEN),
            "only where the condition holds",
        ),
    ],
    rules: &[],
};

fn dependency(table: &Node) -> Dependency {
    Dependency {
        name: table.text("name"),
        when: table.get("when").map(when),
    }
}

pub(super) static BUILD: Table = Table {
    title: "`[build]`",
    keys: &[
        required("system", Text(Format::Line), "which build system"),
        key(
            "directory",
            Text(Format::Below("the source tree")),
            "the folder of the source tree to build in",
        ),
        key(
            "options",
            List(&Short("value", &OPTION)),
            "arguments for the configure step",
        ),
        key(
            "make-arguments",
            List(&Template(Format::Argument)),
            "arguments for `make` in every phase",
        ),
        key(
            "environment",
            Map(Format::BuildVariable, &Template(Format::Argument)),
            "environment on top of what every build gets",
        ),
        key(
            "test",
            Boolean,
            "whether to run the sources' own test suite",
        ),
        key(
            "discard",
            List(&Template(Format::Path)),
            "staged files to leave out",
        ),
        key(
            "custom",
            Takes::Table(&CUSTOM),
            "the commands of `system = \"custom\"`",
        ),
    ],
    rules: &[],
};

pub(super) fn build(table: &Node) -> Build {
    Build {
        system: table.text("system"),
        directory: table.maybe_text("directory"),
        options: table.list("options", option),
        make_arguments: table.texts("make-arguments"),
        environment: table.text_map("environment"),
        test: table.boolean("test"),
        discard: table.texts("discard"),
        custom: table.get("custom").map(custom),
    }
}

static OPTION: Table = Table {
    title: "an option",
    keys: &[
        required(
            "value",
            Template(Format::Argument),
            "one argument, never split",
        ),
        key(
            "when",
            Takes::Table(&WHEN),
            "only where the condition holds",
        ),
    ],
    rules: &[],
};

fn option(table: &Node) -> BuildOption {
    BuildOption {
        value: table.text("value"),
        when: table.get("when").map(when),
    }
}

static CUSTOM: Table = Table {
    title: "`[build.custom]`",
    keys: &[
        key(
            "configure",
            List(&Command(Format::Argument)),
            "the commands that configure",
        ),
        key(
            "compile",
            List(&Command(Format::Argument)),
            "the commands that compile",
        ),
        key(
            "test",
            List(&Command(Format::Argument)),
            "the commands that test",
        ),
        required(
            "stage",
            List(&Command(Format::Argument)),
            "the commands that install into `DESTDIR`",
        ),
    ],
    rules: &[],
};

fn custom(table: &Node) -> CustomBuild {
    let commands = |key: &str| {
        table.list(key, |command| {
            let words = command.items().iter();
            words
                .map(|word| word.as_text().unwrap_or_default().to_string())
                .collect()
        })
    };
    CustomBuild {
        configure: commands("configure"),
        compile: commands("compile"),
        test: commands("test"),
        stage: commands("stage"),
    }
}
