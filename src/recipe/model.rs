//! The recipe's model: its doc comments are the reference manual of recipe files.
//!
//! A recipe is a TOML file (or JSON with the same keys). Keys are in kebab-case; sizes and
//! durations carry units (`"600 GiB"`, `"60s"`). URLs, options, environment, commands, file paths
//! and parameter defaults are handlebars templates, strictly: an unknown name is an error. They
//! know `package.name`, `package.version`, `package.summary`, `package.prefix` (`/opt/local`),
//! `parameters.*`, `zone.alias`, `zone.brand`, `zone.branch` and `users` (each with `name` and
//! `uid`); a parameter's default knows `package.*` and `zone.*` only. Two braces that begin no
//! template are written `\{{`.
//!
//! Beside the helpers of handlebars (`if`, `each`, `eq`, …) there are `dashed` (`4.5.2` → `4-5-2`),
//! `mib` (`{{mib parameters.limit percent=95}}`: a size in whole MiB, or that part of it) and `join`
//! (`{{join users "name" " "}}`: one member of each, with something between).
//!
//! The keys themselves, with the formats of their values, are the tables in [`super::read`].

use std::collections::BTreeMap;
use std::time::Duration;

/// A recipe: how one piece of software is built, installed, configured, served and checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recipe {
    /// `[package]`
    pub package: Package,
    /// `[parameters]`: what a zone file may set.
    pub parameters: BTreeMap<String, Parameter>,
    /// `[[source]]`, in order; the first is the source tree's root unless `into` says otherwise.
    pub sources: Vec<Source>,
    /// `[dependencies]`
    pub dependencies: Dependencies,
    /// `[build]`
    pub build: Build,
    /// `[[platform-service]]`: services of the platform to enable.
    pub platform_services: Vec<PlatformService>,
    /// `[[user]]`: accounts that the software itself runs under.
    pub users: Vec<ServiceUser>,
    /// `[[directory]]`
    pub directories: Vec<Directory>,
    /// `[[file]]`
    pub files: Vec<File>,
    /// `[[service]]`
    pub services: Vec<Service>,
    /// `[[check]]`, run in order after everything else.
    pub checks: Vec<Check>,
    /// `allow`: the rules of `recipe check` that the recipe breaks on purpose.
    pub allow: Vec<Allow>,
}

/// `allow = [{ rule = "archive-url", reason = "upstream makes no releases" }]`, before the first
/// `[table]` of the file, or `[[allow]]` anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allow {
    /// The rule's name, as reports print it in brackets.
    pub rule: String,
    /// Why it is broken on purpose. Required.
    pub reason: String,
}

/// `[package]`: what the result is called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Package {
    /// The name, in the letters of a pkgsrc package name (`netatalk`). The installed package is
    /// called `zw-NAME-VERSION`, so that `pkgin upgrade` never replaces it.
    pub name: String,
    /// The version (`4.5.2`); it must not contain `-`.
    pub version: String,
    /// One line, for `pkg_info` and the plan.
    pub summary: String,
    /// The project's page. Optional.
    pub homepage: Option<String>,
    /// An SPDX expression (`GPL-2.0-or-later`). Optional.
    pub license: Option<String>,
    /// Packages of pkgsrc that cannot be installed beside this one, as patterns
    /// (`netatalk-[0-9]*`). Default: none.
    pub conflicts: Vec<String>,
}

/// One entry of `[parameters]`: a value that a zone file may set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// `type`: `string`, `integer`, `boolean`, `path` (absolute), `size` (`"600 GiB"`) or
    /// `duration` (`"60s"`).
    pub kind: ParameterKind,
    /// The value where the zone file gives none; a template that knows `package.*` and `zone.*`.
    /// Without it the parameter is required.
    pub default: Option<String>,
    /// `choices`: the only values allowed. Default: any.
    pub choices: Vec<String>,
    /// One line on what it is for. Required.
    pub help: String,
}

/// The type of a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    String,
    Integer,
    Boolean,
    /// An absolute path without `..`.
    Path,
    /// A size with a unit; templates see bytes as `{{parameters.x}}`.
    Size,
    /// A duration with a unit, in whole seconds; templates see their number.
    Duration,
}

/// One `[[source]]`: an archive, where to get it and what to change in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// Where the archive can be fetched, tried in order; templates. May be empty if `debian` is
    /// there.
    pub urls: Vec<String>,
    /// A Debian source package that holds the archive, tried after `urls`.
    pub debian: Option<DebianSource>,
    /// The archive's sha256, 64 hex digits, in lower case here. Required unless `unverified` says why
    /// there is none; never both.
    pub sha256: Option<String>,
    /// The archive's size in bytes. Optional.
    pub size: Option<u64>,
    /// Why the archive is used without a checksum; printed loudly at every use.
    pub unverified: Option<String>,
    /// The folder of the source tree to unpack into (`subprojects/bstring`). Default: its root.
    pub into: Option<String>,
    /// How many leading path components to drop from each name. Default: 1.
    pub strip: u32,
    /// Patches, applied in order before anything is configured.
    pub patches: Vec<Patch>,
    /// Take this source only where the condition holds.
    pub when: Option<When>,
}

/// `debian = { package = "netatalk", version = "4.2.3~ds-2", release = "trixie", file = "…" }`: a
/// file of a Debian source package, fetched with apt under a configuration of our own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DebianSource {
    /// The source package's name.
    pub package: String,
    /// The source package's version, with Debian's revision.
    pub version: String,
    /// The Debian release that carries it (`trixie`).
    pub release: String,
    /// The file of the source package (`netatalk_4.2.3~ds.orig.tar.xz`).
    pub file: String,
}

/// `patches = ["a.patch", { file = "b.patch", strip = 1 }]`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patch {
    /// The file, below the site's `patches/`.
    pub file: String,
    /// How many leading path components to drop. Default: 1.
    pub strip: u32,
    /// How many lines of context may differ at each end of a hunk. Default: 0.
    pub fuzz: u32,
    /// Apply the patch only where the condition holds.
    pub when: Option<When>,
}

/// `when = { version = "<3.0.3", branch = ">=2023Q4", brand = "joyent" }`: all that are given must
/// hold. Versions compare in pkgsrc's dewey order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct When {
    /// The recipe's version, for example `">=3.0.3"` or `">=3.1<3.2"`; a bare version means equal.
    pub version: Option<String>,
    /// The zone's pkgsrc branch, for example `"2024Q4"` or `">=2023Q4"`.
    pub branch: Option<String>,
    /// The zone's brand: `joyent` or `joyent-minimal`.
    pub brand: Option<String>,
}

/// `[dependencies]`: names for pkgin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dependencies {
    /// Needed to build, but not to run: compilers, meson, headers.
    pub build: Vec<Dependency>,
    /// Needed to run; the package depends on them, and they are there while building too.
    pub run: Vec<Dependency>,
}

/// `"libevent"` or `{ name = "gcc13", when = { branch = ">=2023Q4" } }`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dependency {
    /// A package name (`libevent`) or a pattern with a version (`libevent>=2.1`).
    pub name: String,
    /// Takes it only where the condition holds.
    pub when: Option<When>,
}

/// `[build]`: how sources become files. Required, and so is a `[[source]]` unless the system is
/// `custom`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Build {
    /// `autotools`, `meson`, `cmake`, `make` or `custom`.
    pub system: String,
    /// The folder of the source tree to build in. Default: its root.
    pub directory: Option<String>,
    /// Arguments for the configure step; templates.
    pub options: Vec<BuildOption>,
    /// Arguments for `make` in every phase, for systems that use it; templates.
    pub make_arguments: Vec<String>,
    /// Environment on top of what every build in a pkgsrc zone gets; templates. A value replaces,
    /// except for `CFLAGS`, `CXXFLAGS`, `CPPFLAGS` and `LDFLAGS`, where it is appended. `DESTDIR`,
    /// `HOME`, `TMPDIR` and the variables of bash itself (`PS4`, `BASH_ENV`) cannot be set.
    pub environment: BTreeMap<String, String>,
    /// Whether to run the sources' own test suite. Default: false.
    pub test: bool,
    /// Staged files to leave out of the package and everything else (absolute paths; a trailing
    /// `/` means all below). Default: none.
    pub discard: Vec<String>,
    /// The commands of `system = "custom"`.
    pub custom: Option<CustomBuild>,
}

/// `[build.custom]`: the command of each phase; every one is an argument list and runs in the
/// source tree. `DESTDIR` and `PREFIX` are in the environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomBuild {
    /// `configure = [["./config", "--prefix={{package.prefix}}"]]`. Default: nothing.
    pub configure: Vec<Vec<String>>,
    /// `compile = [["/opt/local/bin/gmake", "all"]]`. Default: nothing.
    pub compile: Vec<Vec<String>>,
    /// Runs only where `test = true` stands in `[build]`. Default: nothing.
    pub test: Vec<Vec<String>>,
    /// `stage = [["/opt/local/bin/gmake", "install"]]`: installs into `DESTDIR`. Required.
    pub stage: Vec<Vec<String>>,
}

/// `"-Dwith-docs="` or `{ value = "-Dwith-docs=", when = { version = ">=4" } }`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BuildOption {
    /// One argument, never split.
    pub value: String,
    /// Takes it only where the condition holds.
    pub when: Option<When>,
}

/// `[[platform-service]]`: a service of the platform that must be online.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlatformService {
    /// The instance (`svc:/network/dns/multicast:default`).
    pub fmri: String,
}

/// `[[user]]` of a recipe: an account without password or login, made if it is not there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceUser {
    /// The account's name, at most 8 characters for the tools' sake.
    pub name: String,
    /// The uid, from 100 to 2097151. Default: one from 600 to 999 that
    /// its name decides, so that it is the same when the zone is made anew.
    pub uid: Option<u32>,
    /// The group, made if it is not there. Default: a group of the account's own name.
    pub group: Option<String>,
    /// The home folder. Default: `/nonexistent`.
    pub home: Option<String>,
}

/// `[[directory]]`: a folder that must be there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Directory {
    /// An absolute path; a template.
    pub path: String,
    /// Octal (`"0755"`, the default).
    pub mode: u32,
    /// Default `root`.
    pub owner: String,
    /// Default `root`.
    pub group: String,
    /// Whether there is also one folder below it for each user of the zone file, named like the
    /// user and closed to everybody else (0700). Default: false.
    pub user_folders: bool,
}

/// `[[file]]`: a file made from a template, given here, or taken from what the build staged outside
/// the prefix. Never a file of the package.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct File {
    /// Where it goes: an absolute path; a template.
    pub path: String,
    /// Where its content comes from.
    pub content: FileContent,
    /// How template values are escaped, and what `recipe check` knows of the format. Default:
    /// `plain`.
    pub kind: FileKind,
    /// Octal (`"0644"`, the default).
    pub mode: u32,
    /// Default `root`.
    pub owner: String,
    /// Default `root`.
    pub group: String,
}

/// Where a `[[file]]` comes from: exactly one of the keys `template`, `content` and `staged`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileContent {
    /// `template = "netatalk/afp.conf.hbs"`: a handlebars file below the site's `templates/`.
    Template(String),
    /// `content = "…"`: the text itself, as it stands.
    Content(String),
    /// `staged = "/var/svc/manifest/network/netatalk.xml"`: a file that the build staged outside
    /// the prefix.
    Staged(String),
}

impl Default for FileContent {
    fn default() -> Self {
        Self::Content(String::new())
    }
}

/// The format of a file: how a value is escaped that a template puts into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FileKind {
    /// No escaping.
    #[default]
    Plain,
    /// `afp.conf`: a value that netatalk would not read as it is where it stands is refused, for the
    /// format has no way to write it: `;`, `#` and control characters anywhere, blanks and quotes
    /// around a value, `]` and `:` in the name of a section. `$` is doubled in the settings in which
    /// netatalk replaces `$u` and its like.
    AfpConf,
    /// XML text and attributes.
    Xml,
    /// A shell word, which brings its own quotes: write `NAME={{parameters.name}}`.
    Shell,
    /// The inside of a JSON string, with the quotes in the template; without them a number, true or
    /// false.
    Json,
}

/// `[[service]]`: an SMF service, generated from these keys or taken from upstream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// The instance (`svc:/network/netatalk:default`).
    pub fmri: String,
    /// One line for `svcs -xv`. Default: the package's summary.
    pub summary: Option<String>,
    /// `manifest = "/var/svc/manifest/network/netatalk.xml"`: use this file (the `path` of a
    /// `[[file]]`, or what it takes as `staged`) instead of a generated manifest; then only `restart-after`, `sessions`, `log` and
    /// `properties` may stand beside it.
    pub manifest: Option<String>,
    /// The start method: an argument list; templates. Required unless there is a `manifest`.
    pub start: Vec<String>,
    /// The stop method. Default: `[":kill"]`, TERM to every process of the contract.
    pub stop: Vec<String>,
    /// The refresh method. Default: none.
    pub refresh: Vec<String>,
    /// How the service runs: `contract` (daemon, the default), `child` (the method is the service)
    /// or `transient` (runs once).
    pub duration: ServiceDuration,
    /// The account of the methods. Default: `root`.
    pub user: Option<String>,
    /// The group of the methods. Default: the user's.
    pub group: Option<String>,
    /// Privileges, comma separated (`basic,net_privaddr`). Default: the account's.
    pub privileges: Option<String>,
    /// The methods' folder. Default: `/`.
    pub working_directory: Option<String>,
    /// The methods' environment; templates.
    pub environment: BTreeMap<String, String>,
    /// How long the start method may take. Default: 60 s.
    pub start_timeout: Option<Duration>,
    /// How long stopping may take. Default: 60 s.
    pub stop_timeout: Option<Duration>,
    /// Ends of processes that do not restart the service: `core`, `signal`. Default: none.
    pub ignore_errors: Vec<String>,
    /// Services and files (`file://localhost/…`) that must be there.
    pub requires: Vec<String>,
    /// Services that are waited for if they are enabled.
    pub optional: Vec<String>,
    /// Files whose change restarts the service, with regard for sessions.
    pub restart_after: Vec<String>,
    /// Who must not be interrupted: see [`Sessions`].
    pub sessions: Option<Sessions>,
    /// Properties of the property group `application`; templates.
    pub properties: BTreeMap<String, String>,
    /// A log of the software's own, shown beside SMF's when the service fails.
    pub log: Option<String>,
}

/// `duration` of a service, as SMF's `startd/duration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServiceDuration {
    #[default]
    Contract,
    Child,
    Transient,
}

/// `sessions = { process = "afpd" }`: each process of that name whose owner is not root is somebody
/// being served (afpd forks one child for each Mac, under the user's uid).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sessions {
    /// The process's name, at most 15 characters.
    pub process: String,
}

/// `[[check]]`: proof that it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What is proved, as a sentence.
    pub name: String,
    /// What is asked.
    pub kind: CheckKind,
    /// How long to keep trying. Default: 30 s for `tcp` and `afp`, one try for `command`.
    pub within: Option<Duration>,
}

/// What a check asks: exactly one of the keys `command`, `tcp` and `afp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckKind {
    /// `command = ["/opt/local/sbin/afpd", "-V"]`, run as root in the zone.
    Command {
        /// The argument list; templates.
        command: Vec<String>,
        /// `contains`: what its output must contain; a template. Default: anything.
        contains: Option<String>,
        /// `status`: the exit status it must have. Default: 0.
        status: i32,
    },
    /// `tcp = { port = 548 }`: something listens.
    Tcp {
        /// The TCP port, from 1 to 65535.
        port: u16,
        /// Default `127.0.0.1`.
        address: String,
    },
    /// `afp = { port = 548 }`: an AFP server answers DSI GetStatus; its name, AFP versions and UAMs
    /// are shown.
    Afp {
        /// The TCP port, from 1 to 65535.
        port: u16,
        /// Default `127.0.0.1`.
        address: String,
    },
}
