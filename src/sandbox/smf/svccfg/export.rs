//! `svccfg export`: a service as a manifest.
//!
//! The bundle is always called `export`, the service is always of type `service` and version 0.

use super::super::manifest::SYSTEM_ID;
use super::super::model::{Group, Groups, Property, Service, value};

/// The manifest of a service; `all` includes values that need an authorization to be read.
#[must_use]
pub fn manifest(name: &str, service: &Service, all: bool) -> String {
    let mut writer = Writer {
        text: String::new(),
        depth: 0,
        all,
    };
    writer.text.push_str("<?xml version='1.0'?>\n");
    writer
        .text
        .push_str(&format!("<!DOCTYPE service_bundle SYSTEM '{SYSTEM_ID}'>\n"));
    writer.open(
        "service_bundle",
        &[("type", "manifest"), ("name", "export")],
    );
    writer.open(
        "service",
        &[("name", name), ("type", "service"), ("version", "0")],
    );
    let simple = |groups: &Groups| {
        groups
            .keys()
            .all(|name| name == "general" || name == "restarter")
    };
    let default = service
        .instances
        .get("default")
        .filter(|one| simple(&one.groups));
    if let Some(default) = default {
        let enabled = value(&default.groups, "general", "enabled").unwrap_or("false");
        writer.empty("create_default_instance", &[("enabled", enabled)]);
    }
    if value(&service.groups, "general", "single_instance") == Some("true") {
        writer.empty("single_instance", &[]);
    }
    writer.part(&service.groups);
    for (name, instance) in &service.instances {
        if name == "default" && default.is_some() {
            continue;
        }
        let enabled = value(&instance.groups, "general", "enabled").unwrap_or("false");
        writer.open("instance", &[("name", name), ("enabled", enabled)]);
        writer.part(&instance.groups);
        writer.template(&instance.groups);
        writer.close("instance");
    }
    if let Some(stability) = value(&service.groups, "general", "entity_stability") {
        writer.empty("stability", &[("value", stability)]);
    }
    writer.template(&service.groups);
    writer.close("service");
    writer.close("service_bundle");
    writer.text
}

struct Writer {
    text: String,
    depth: usize,
    all: bool,
}

const CREDENTIAL: [&str; 5] = [
    "user",
    "group",
    "supp_groups",
    "privileges",
    "limit_privileges",
];
const CONTEXT: [&str; 4] = [
    "working_directory",
    "project",
    "resource_pool",
    "security_flags",
];

impl Writer {
    fn tag(&mut self, name: &str, attributes: &[(&str, &str)], end: &str) {
        self.text.push_str(&"  ".repeat(self.depth));
        self.text.push_str(&format!("<{name}"));
        for (attribute, value) in attributes {
            self.text
                .push_str(&format!(" {attribute}='{}'", escape(value)));
        }
        self.text.push_str(end);
        self.text.push('\n');
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes, ">");
        self.depth += 1;
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes, "/>");
    }

    fn close(&mut self, name: &str) {
        self.depth -= 1;
        self.tag(&format!("/{name}"), &[], ">");
    }

    /// What services and instances have in common, in the order of the grammar.
    fn part(&mut self, groups: &Groups) {
        if let Some(restarter) = value(groups, "general", "restarter") {
            self.open("restarter", &[]);
            self.empty("service_fmri", &[("value", restarter)]);
            self.close("restarter");
        }
        let of_kind = |kind: &'static str| {
            groups
                .iter()
                .filter(move |(_, group)| group.kind == kind && !group.nonpersistent)
        };
        for (name, group) in of_kind("dependency") {
            if group.value("external") != Some("true") {
                self.dependency(name, group);
            }
        }
        if let Some(dependents) = groups.get("dependents") {
            for (name, target) in &dependents.properties {
                self.dependent(name, target);
            }
        }
        if let Some(context) = groups.get("method_context") {
            self.context(context);
        }
        for (name, group) in of_kind("method") {
            self.method(name, group);
        }
        let known = ["general", "dependents", "method_context"];
        for (name, group) in groups {
            let elsewhere = known.contains(&name.as_str())
                || matches!(group.kind.as_str(), "dependency" | "method" | "template");
            if !elsewhere && !group.nonpersistent {
                self.open("property_group", &[("name", name), ("type", &group.kind)]);
                self.properties(group, &[]);
                self.close("property_group");
            }
        }
    }

    fn dependency(&mut self, name: &str, group: &Group) {
        let get = |property| group.value(property).unwrap_or("");
        self.open(
            "dependency",
            &[
                ("name", name),
                ("grouping", get("grouping")),
                ("restart_on", get("restart_on")),
                ("type", get("type")),
            ],
        );
        for entity in group.values("entities") {
            self.empty("service_fmri", &[("value", entity)]);
        }
        self.properties(group, &["grouping", "restart_on", "type", "entities"]);
        self.close("dependency");
    }

    /// The other side's group has the rest; its values are not at hand here (inferred defaults).
    fn dependent(&mut self, name: &str, target: &Property) {
        let target = target.values.first().map_or("", String::as_str);
        let attributes = [
            ("name", name),
            ("restart_on", "none"),
            ("grouping", "optional_all"),
        ];
        self.open("dependent", &attributes);
        self.empty("service_fmri", &[("value", target)]);
        self.close("dependent");
    }

    fn method(&mut self, name: &str, group: &Group) {
        let get = |property| group.value(property).unwrap_or("");
        let attributes = [
            ("name", name),
            ("type", "method"),
            ("exec", get("exec")),
            ("timeout_seconds", get("timeout_seconds")),
        ];
        let own: Vec<&str> = ["type", "exec", "timeout_seconds", "environment", "profile"]
            .into_iter()
            .chain(CREDENTIAL)
            .chain(CONTEXT)
            .collect();
        let has_context = group.properties.keys().any(|key| {
            own.contains(&key.as_str()) && !attributes.iter().any(|(name, _)| name == key)
        });
        let has_more = group
            .properties
            .keys()
            .any(|key| !own.contains(&key.as_str()));
        if !has_context && !has_more {
            self.empty("exec_method", &attributes);
            return;
        }
        self.open("exec_method", &attributes);
        if has_context {
            self.context(group);
        }
        self.properties(group, &own);
        self.close("exec_method");
    }

    fn context(&mut self, group: &Group) {
        let given = |names: &[&'static str]| -> Vec<(&'static str, String)> {
            names
                .iter()
                .filter_map(|&name| Some((name, group.value(name)?.to_owned())))
                .collect()
        };
        let borrowed =
            |list: &[(&'static str, String)]| -> Vec<(&'static str, String)> { list.to_vec() };
        let attributes = borrowed(&given(&CONTEXT));
        let attributes: Vec<(&str, &str)> = attributes
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        self.open("method_context", &attributes);
        let credential = given(&CREDENTIAL);
        if let Some(profile) = group.value("profile") {
            self.empty("method_profile", &[("name", profile)]);
        } else if !credential.is_empty() {
            let credential: Vec<(&str, &str)> = credential
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            self.empty("method_credential", &credential);
        }
        let environment = group.values("environment");
        if !environment.is_empty() {
            self.open("method_environment", &[]);
            for entry in environment {
                let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
                self.empty("envvar", &[("name", name), ("value", value)]);
            }
            self.close("method_environment");
        }
        self.close("method_context");
    }

    fn properties(&mut self, group: &Group, except: &[&str]) {
        if let Some(stability) = group.value("stability") {
            self.empty("stability", &[("value", stability)]);
        }
        let hidden = group.properties.contains_key("read_authorization") && !self.all;
        for (name, property) in &group.properties {
            if except.contains(&name.as_str()) || name == "stability" {
                continue;
            }
            self.property(name, property, hidden && name != "read_authorization");
        }
    }

    fn property(&mut self, name: &str, property: &Property, hidden: bool) {
        let kind = property.kind.as_str();
        match property.values.as_slice() {
            _ if hidden => self.empty("property", &[("name", name), ("type", kind)]),
            [] => self.empty("property", &[("name", name), ("type", kind)]),
            [only] => {
                self.empty(
                    "propval",
                    &[("name", name), ("type", kind), ("value", only)],
                );
            }
            several => {
                let list = format!("{kind}_list");
                self.open("property", &[("name", name), ("type", kind)]);
                self.open(&list, &[]);
                for value in several {
                    self.empty("value_node", &[("value", value)]);
                }
                self.close(&list);
                self.close("property");
            }
        }
    }

    fn template(&mut self, groups: &Groups) {
        let Some(common_name) = groups.get("tm_common_name") else {
            return;
        };
        self.open("template", &[]);
        self.local_text("common_name", common_name);
        if let Some(description) = groups.get("tm_description") {
            self.local_text("description", description);
        }
        let documents: Vec<(&String, &Group)> = groups
            .iter()
            .filter(|(name, _)| name.starts_with("tm_man_") || name.starts_with("tm_doc_"))
            .collect();
        if !documents.is_empty() {
            self.open("documentation", &[]);
            for (name, group) in documents {
                let get = |property| group.value(property).unwrap_or("");
                if name.starts_with("tm_man_") {
                    let attributes = [
                        ("title", get("title")),
                        ("section", get("section")),
                        ("manpath", get("manpath")),
                    ];
                    self.empty("manpage", &attributes);
                } else {
                    self.empty("doc_link", &[("name", get("name")), ("uri", get("uri"))]);
                }
            }
            self.close("documentation");
        }
        self.close("template");
    }

    fn local_text(&mut self, element: &str, group: &Group) {
        self.open(element, &[]);
        for (language, text) in &group.properties {
            let text = text.values.first().map_or("", String::as_str);
            self.text.push_str(&"  ".repeat(self.depth));
            let language = escape(&language.replace('_', "-"));
            self.text.push_str(&format!(
                "<loctext xml:lang='{language}'>{}</loctext>\n",
                escape(text)
            ));
        }
        self.close(element);
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&apos;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            other => escaped.push(other),
        }
    }
    escaped
}
