//! The keys of a recipe file, and the tree into the [`Recipe`].
//!
//! A key stands twice: as a line of its table, which checks it, and as a field in the function
//! below that table. The compiler asks for the field; a key without its line is refused as unknown.

mod build;
mod install;

use super::format::Format;
use super::model::{Allow, Recipe};
use super::schema::Takes;
use super::schema::Takes::{Map, Tables};
use super::schema::{Table, key, required};
use super::tree::Node;

/// A whole recipe file.
pub static RECIPE: Table = Table {
    title: "a recipe",
    keys: &[
        required(
            "package",
            Takes::Table(&build::PACKAGE),
            "what the result is called",
        ),
        key(
            "parameters",
            Map(Format::Kebab, &Takes::Table(&build::PARAMETER)),
            "what a zone file may set",
        ),
        key(
            "source",
            Tables(&build::SOURCE, &[]),
            "an archive, where to get it and what to change in it",
        ),
        key(
            "dependencies",
            Takes::Table(&build::DEPENDENCIES),
            "packages that pkgin installs",
        ),
        required(
            "build",
            Takes::Table(&build::BUILD),
            "how sources become files",
        ),
        key(
            "platform-service",
            Tables(&install::PLATFORM_SERVICE, &["fmri"]),
            "a service of the platform that must be online",
        ),
        key(
            "user",
            Tables(&install::USER, &["name", "uid"]),
            "an account that the software runs under",
        ),
        key(
            "directory",
            Tables(&install::DIRECTORY, &["path"]),
            "a folder that must be there",
        ),
        key(
            "file",
            Tables(&install::FILE, &["path"]),
            "a file that is made from a template",
        ),
        key(
            "service",
            Tables(&install::SERVICE, &["fmri"]),
            "an SMF service",
        ),
        key(
            "check",
            Tables(&install::CHECK, &["name"]),
            "proof that it works",
        ),
        key(
            "allow",
            Tables(&ALLOW, &["rule"]),
            "a rule of `recipe check` that the recipe breaks on purpose",
        ),
    ],
    rules: &[],
};

static ALLOW: Table = Table {
    title: "`[[allow]]`",
    keys: &[
        required(
            "rule",
            Takes::Text(Format::Line),
            "the name of the rule, as reports print it in brackets",
        ),
        required(
            "reason",
            Takes::Text(Format::Line),
            "why it is broken on purpose",
        ),
    ],
    rules: &[],
};

/// The recipe that a tree holds; what is wrong or missing reads as its default.
pub(crate) fn recipe(root: &Node) -> Recipe {
    let empty = Node {
        value: super::tree::Value::Table(Vec::new()),
        span: None,
        path: String::new(),
    };
    let table = |key: &str| root.get(key).unwrap_or(&empty);
    Recipe {
        package: build::package(table("package")),
        parameters: root.map("parameters", build::parameter),
        sources: root.list("source", build::source),
        dependencies: build::dependencies(table("dependencies")),
        build: build::build(table("build")),
        platform_services: root.list("platform-service", install::platform_service),
        users: root.list("user", install::user),
        directories: root.list("directory", install::directory),
        files: root.list("file", install::file),
        services: root.list("service", install::service),
        checks: root.list("check", install::check),
        allow: root.list("allow", |entry| Allow {
            rule: entry.text("rule"),
            reason: entry.text("reason"),
        }),
    }
}
