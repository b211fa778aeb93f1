//! The keys of what is installed beside the package: users, directories, files, services, checks.
//!
//! The order of keys is the order in which problems and the manual name them.

use crate::recipe::format::Format;
use crate::recipe::model::{
    Check, CheckKind, Directory, File, FileContent, FileKind, PlatformService, Service,
    ServiceDuration, ServiceUser, Sessions,
};
use crate::recipe::schema::Takes::{Boolean, Command, Integer, List, Map, Template, Text};
use crate::recipe::schema::{Rule, Table, Takes, key, required};
use crate::recipe::tree::Node;

const OWNER: Takes = Text(Format::Account(32));

pub(super) static PLATFORM_SERVICE: Table = Table {
    title: "`[[platform-service]]`",
    keys: &[required(
        "fmri",
        Text(Format::Instance),
        "the instance of the service",
    )],
    rules: &[],
};

pub(super) fn platform_service(table: &Node) -> PlatformService {
    PlatformService {
        fmri: table.text("fmri"),
    }
}

pub(super) static USER: Table = Table {
    title: "`[[user]]`",
    keys: &[
        required("name", Text(Format::Account(8)), "the account's name"),
        key("uid", Integer(100, 2_097_151), "the uid"),
        key("group", Text(Format::Account(8)), "the group"),
        key("home", Text(Format::AccountPath), "the home folder"),
    ],
    rules: &[],
};

pub(super) fn user(table: &Node) -> ServiceUser {
    ServiceUser {
        name: table.text("name"),
        uid: table.integer("uid"),
        group: table.maybe_text("group"),
        home: table.maybe_text("home"),
    }
}

pub(super) static DIRECTORY: Table = Table {
    title: "`[[directory]]`",
    keys: &[
        required("path", Template(Format::Path), "the folder"),
        key("mode", Text(Format::Mode), "its permissions"),
        key("owner", OWNER, "its owner"),
        key("group", OWNER, "its group"),
        key(
            "user-folders",
            Boolean,
            "one folder below it for each user of the zone file",
        ),
    ],
    rules: &[],
};

pub(super) fn directory(table: &Node) -> Directory {
    Directory {
        path: table.text("path"),
        mode: table.mode("mode", 0o755),
        owner: table
            .maybe_text("owner")
            .unwrap_or_else(|| "root".to_string()),
        group: table
            .maybe_text("group")
            .unwrap_or_else(|| "root".to_string()),
        user_folders: table.boolean("user-folders"),
    }
}

const FILE_KINDS: &[&str] = &["plain", "afp.conf", "xml", "shell", "json"];

pub(super) static FILE: Table = Table {
    title: "`[[file]]`",
    keys: &[
        required("path", Template(Format::Path), "where the file goes"),
        key(
            "template",
            Text(Format::Below("templates")),
            "a handlebars file below the site's `templates/`",
        ),
        key("content", Text(Format::Any), "the text itself"),
        key(
            "staged",
            Template(Format::Path),
            "a file that the build staged outside the prefix",
        ),
        key(
            "kind",
            Text(Format::OneOf(FILE_KINDS)),
            "how template values are escaped",
        ),
        key("mode", Text(Format::Mode), "its permissions"),
        key("owner", OWNER, "its owner"),
        key("group", OWNER, "its group"),
    ],
    rules: &[Rule::ExactlyOne(&["template", "content", "staged"])],
};

pub(super) fn file(table: &Node) -> File {
    let content = if let Some(template) = table.maybe_text("template") {
        FileContent::Template(template)
    } else if let Some(staged) = table.maybe_text("staged") {
        FileContent::Staged(staged)
    } else {
        FileContent::Content(table.text("content"))
    };
    File {
        path: table.text("path"),
        content,
        kind: match table.text("kind").as_str() {
            "afp.conf" => FileKind::AfpConf,
            "xml" => FileKind::Xml,
            "shell" => FileKind::Shell,
            "json" => FileKind::Json,
            _ => FileKind::Plain,
        },
        mode: table.mode("mode", 0o644),
        owner: table
            .maybe_text("owner")
            .unwrap_or_else(|| "root".to_string()),
        group: table
            .maybe_text("group")
            .unwrap_or_else(|| "root".to_string()),
    }
}

pub(super) static SERVICE: Table = Table {
    title: "`[[service]]`",
    keys: &[
        required(
            "fmri",
            Text(Format::Instance),
            "the instance of the service",
        ),
        key("summary", Text(Format::Line), "one line for `svcs -xv`"),
        key(
            "manifest",
            Template(Format::ManifestPath),
            "a manifest to use instead of a generated one",
        ),
        key("start", Command(Format::ServiceText), "the start method"),
        key("stop", Command(Format::ServiceText), "the stop method"),
        key(
            "refresh",
            Command(Format::ServiceText),
            "the refresh method",
        ),
        key(
            "duration",
            Text(Format::OneOf(&["contract", "child", "transient"])),
            "how the service runs",
        ),
        key("user", OWNER, "the account of the methods"),
        key("group", OWNER, "the group of the methods"),
        key(
            "privileges",
            Text(Format::Privileges),
            "the privileges of the methods",
        ),
        key(
            "working-directory",
            Template(Format::Path),
            "the methods' folder",
        ),
        key(
            "environment",
            Map(Format::ServiceVariable, &Template(Format::ServiceText)),
            "the methods' environment",
        ),
        key(
            "start-timeout",
            Text(Format::Duration),
            "how long the start method may take",
        ),
        key(
            "stop-timeout",
            Text(Format::Duration),
            "how long stopping may take",
        ),
        key(
            "ignore-errors",
            List(&Text(Format::OneOf(&["core", "signal"]))),
            "ends of processes that do not restart the service",
        ),
        key(
            "requires",
            List(&Template(Format::ServiceOrFile)),
            "services and files that must be there",
        ),
        key(
            "optional",
            List(&Text(Format::ServiceOrFile)),
            "services that are waited for if they are enabled",
        ),
        key(
            "restart-after",
            List(&Template(Format::Path)),
            "files whose change restarts the service",
        ),
        key(
            "sessions",
            Takes::Table(&SESSIONS),
            "who must not be interrupted",
        ),
        key(
            "properties",
            Map(Format::Property, &Template(Format::ServiceText)),
            "properties of the group `application`",
        ),
        key("log", Template(Format::Path), "a log of the software's own"),
    ],
    rules: &[
        Rule::ExactlyOne(&["start", "manifest"]),
        Rule::Without(
            "manifest",
            &[
                "summary",
                "stop",
                "refresh",
                "duration",
                "user",
                "group",
                "privileges",
                "working-directory",
                "environment",
                "start-timeout",
                "stop-timeout",
                "ignore-errors",
                "requires",
                "optional",
            ],
        ),
    ],
};

pub(super) fn service(table: &Node) -> Service {
    let is_generated = !table.has("manifest");
    let stop = table.texts("stop");
    Service {
        fmri: table.text("fmri"),
        summary: table.maybe_text("summary"),
        manifest: table.maybe_text("manifest"),
        start: table.texts("start"),
        stop: if stop.is_empty() && is_generated {
            vec![":kill".to_string()]
        } else {
            stop
        },
        refresh: table.texts("refresh"),
        duration: match table.text("duration").as_str() {
            "child" => ServiceDuration::Child,
            "transient" => ServiceDuration::Transient,
            _ => ServiceDuration::Contract,
        },
        user: table.maybe_text("user"),
        group: table.maybe_text("group"),
        privileges: table.maybe_text("privileges"),
        working_directory: table.maybe_text("working-directory"),
        environment: table.text_map("environment"),
        start_timeout: table.duration("start-timeout"),
        stop_timeout: table.duration("stop-timeout"),
        ignore_errors: table.texts("ignore-errors"),
        requires: table.texts("requires"),
        optional: table.texts("optional"),
        restart_after: table.texts("restart-after"),
        sessions: table.get("sessions").map(|sessions| Sessions {
            process: sessions.text("process"),
        }),
        properties: table.text_map("properties"),
        log: table.maybe_text("log"),
    }
}

static SESSIONS: Table = Table {
    title: "`sessions`",
    keys: &[required(
        "process",
        Text(Format::Process),
        "the name of the processes that serve somebody",
    )],
    rules: &[],
};

pub(super) static CHECK: Table = Table {
    title: "`[[check]]`",
    keys: &[
        required("name", Text(Format::Line), "what is proved, as a sentence"),
        key(
            "command",
            Command(Format::Argument),
            "a command that must end well",
        ),
        key(
            "contains",
            Template(Format::Any),
            "what the command's output must contain",
        ),
        key(
            "status",
            Integer(0, 255),
            "the exit status that the command must have",
        ),
        key(
            "tcp",
            Takes::Table(&PORT),
            "a port on which something listens",
        ),
        key(
            "afp",
            Takes::Table(&PORT),
            "a port on which an AFP server answers",
        ),
        key("within", Text(Format::Duration), "how long to keep trying"),
    ],
    rules: &[
        Rule::ExactlyOne(&["command", "tcp", "afp"]),
        Rule::OnlyWith("contains", "command"),
        Rule::OnlyWith("status", "command"),
    ],
};

static PORT: Table = Table {
    title: "an address",
    keys: &[
        required("port", Integer(1, 65_535), "the TCP port"),
        key(
            "address",
            Text(Format::HostName),
            "the host; `127.0.0.1` where it is left out",
        ),
    ],
    rules: &[],
};

pub(super) fn check(table: &Node) -> Check {
    let port = |node: &Node| node.integer("port").unwrap_or(0);
    let address = |node: &Node| {
        node.maybe_text("address")
            .unwrap_or_else(|| "127.0.0.1".to_string())
    };
    let kind = if let Some(node) = table.get("tcp") {
        CheckKind::Tcp {
            port: port(node),
            address: address(node),
        }
    } else if let Some(node) = table.get("afp") {
        CheckKind::Afp {
            port: port(node),
            address: address(node),
        }
    } else {
        CheckKind::Command {
            command: table.texts("command"),
            contains: table.maybe_text("contains"),
            status: table.integer("status").unwrap_or(0),
        }
    };
    Check {
        name: table.text("name"),
        kind,
        within: table.duration("within"),
    }
}
