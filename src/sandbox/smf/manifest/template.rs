//! The templates that every service of the default restarter has to follow.
//!
//! A plain import only warns of a violation and imports all the same; `validate` and `import -V`
//! fail. A service of another restarter is held to nothing but `general/enabled`.

use super::super::fmri::Fmri;
use super::super::model::{Group, Repository, value};

const DELEGATE: &str = "svc:/system/svc/restarter:default";
const GLOBAL: &str = "svc:/system/svc/global:default";

/// Every violation of an instance, one line each. The order of labels is inferred.
#[must_use]
pub fn violations(repository: &Repository, fmri: &Fmri) -> Vec<String> {
    let view = repository.composed(fmri);
    let mut found = Checker {
        fmri,
        lines: Vec::new(),
    };
    match view.get("general") {
        None => found.missing_group("general", "framework", GLOBAL),
        Some(general) => found.one_value(general, "general", "enabled", "boolean", GLOBAL),
    }
    let restarter = value(&view, "general", "restarter").unwrap_or(DELEGATE);
    if restarter != DELEGATE {
        return found.lines;
    }
    for (name, required) in [("start", true), ("stop", true), ("refresh", false)] {
        match view.get(name) {
            None if required => found.missing_group(name, "method", DELEGATE),
            None => {}
            Some(group) => found.method(group, name),
        }
    }
    if let Some(startd) = view.get("startd") {
        found.group_type(startd, "startd", "framework", DELEGATE);
        found.choice(
            startd,
            "startd",
            "duration",
            &["contract", "transient", "child", "wait"],
        );
    }
    for (name, group) in view.iter().filter(|(_, group)| group.kind == "dependency") {
        found.dependency(group, name);
    }
    found.lines
}

struct Checker<'a> {
    fmri: &'a Fmri,
    lines: Vec<String>,
}

impl Checker<'_> {
    fn say(&mut self, message: &str, source: &str, labels: &[(&str, &str)]) {
        let mut line = format!(
            "{message}: FMRI=\"{}\"; Template source=\"{source}\"",
            self.fmri
        );
        for (label, value) in labels {
            line.push_str(&format!("; {label}=\"{value}\""));
        }
        self.lines.push(line);
    }

    fn missing_group(&mut self, group: &str, kind: &str, source: &str) {
        let labels = [("Property group", group), ("Property group type", kind)];
        self.say("Required property group missing", source, &labels);
    }

    fn group_type(&mut self, group: &Group, name: &str, wanted: &str, source: &str) {
        if group.kind != wanted {
            let labels = [
                ("Property group", name),
                ("Specified type", wanted),
                ("Actual type", &group.kind),
            ];
            self.say("Property group has bad type", source, &labels);
        }
    }

    fn one_value(&mut self, group: &Group, name: &str, property: &str, kind: &str, source: &str) {
        let labels = [("Property group", name), ("Property name", property)];
        match group.properties.get(property) {
            None => self.say("Required property missing", source, &labels),
            Some(found) if found.kind != kind => {
                self.say("Property has bad type", source, &labels);
            }
            Some(found) if found.values.len() != 1 => {
                let message = "Number of property values violates cardinality restriction";
                self.say(message, source, &labels);
            }
            Some(_) => {}
        }
    }

    fn choice(&mut self, group: &Group, name: &str, property: &str, allowed: &[&str]) {
        if let Some(value) = group.value(property)
            && !allowed.contains(&value)
        {
            let labels = [
                ("Property group", name),
                ("Property name", property),
                ("Property value", value),
            ];
            self.say("Property has illegal value", DELEGATE, &labels);
        }
    }

    fn method(&mut self, group: &Group, name: &str) {
        self.group_type(group, name, "method", DELEGATE);
        self.one_value(group, name, "exec", "astring", DELEGATE);
        self.one_value(group, name, "type", "astring", DELEGATE);
        self.choice(group, name, "type", &["method"]);
        self.one_value(group, name, "timeout_seconds", "count", DELEGATE);
    }

    fn dependency(&mut self, group: &Group, name: &str) {
        if group.values("entities").is_empty() {
            let labels = [("Property group", name), ("Property name", "entities")];
            let message = "Number of property values violates cardinality restriction";
            self.say(message, GLOBAL, &labels);
        }
        let grouping = ["require_all", "require_any", "exclude_all", "optional_all"];
        self.choice(group, name, "grouping", &grouping);
        self.choice(
            group,
            name,
            "restart_on",
            &["error", "restart", "refresh", "none"],
        );
        self.choice(group, name, "type", &["service", "path"]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::manifest;
    use super::super::{Purpose, parse};
    use super::*;
    use crate::sandbox::smf::upgrade;

    fn check(body: &str) -> Vec<String> {
        let text = manifest(
            "site/x",
            &format!("<create_default_instance enabled='false'/>{body}"),
        );
        let declared = parse(&text, "m.xml", Purpose::Manifest).unwrap();
        let mut repository = Repository::default();
        upgrade::import(&mut repository, &declared[0]);
        violations(&repository, &Fmri::instance("site/x", "default"))
    }

    const START: &str = "<exec_method type='method' name='start' exec='x' timeout_seconds='60'/>";
    const STOP: &str = "<exec_method type='method' name='stop' exec=':kill' timeout_seconds='60'/>";

    #[test]
    fn start_and_stop_are_required() {
        assert_eq!(check(&format!("{START}{STOP}")), Vec::<String>::new());
        assert_eq!(
            check(START),
            [
                "Required property group missing: FMRI=\"svc:/site/x:default\"; Template \
              source=\"svc:/system/svc/restarter:default\"; Property group=\"stop\"; Property \
              group type=\"method\""
            ]
        );
    }

    #[test]
    fn a_bad_type_and_a_bad_choice_are_told_apart() {
        let startd = |kind: &str, duration: &str| {
            check(&format!(
                "{START}{STOP}<property_group name='startd' type='{kind}'><propval \
                 name='duration' type='astring' value='{duration}'/></property_group>"
            ))
        };
        assert_eq!(startd("framework", "transient"), Vec::<String>::new());
        assert!(startd("application", "transient")[0].starts_with("Property group has bad type: "));
        assert!(startd("framework", "forever")[0].starts_with("Property has illegal value: "));
    }
}
