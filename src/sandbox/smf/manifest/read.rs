//! From elements to property groups, as `svccfg import` stores them.
//!
//! Patterns below a `template` and `notification_parameters` are checked for their form and not
//! stored: nothing in a sandbox zone reads them.

use super::super::fmri::is_element;
use super::super::model::{Group, Property};
use super::super::upgrade::{Declared, Dependent, Part};
use super::value;
use roxmltree::Node;

/// Reads every service of a bundle that is known to follow the grammar.
pub fn bundle(root: Node<'_, '_>) -> Result<Vec<Declared>, String> {
    let mut services = Vec::new();
    for node in elements(root) {
        match node.tag_name().name() {
            "service" => services.push(service(node)?),
            "service_bundle" => services.extend(bundle(node)?),
            other => return Err(format!("`{other}` is not emulated in a sandbox zone")),
        }
    }
    Ok(services)
}

fn elements<'a, 'input>(
    node: Node<'a, 'input>,
) -> impl Iterator<Item = Node<'a, 'input>> + use<'a, 'input> {
    node.children().filter(Node::is_element)
}

fn named<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    elements(node).find(|child| child.has_tag_name(name))
}

fn attribute<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    node.attribute(name).unwrap_or("")
}

fn service(node: Node<'_, '_>) -> Result<Declared, String> {
    let name = attribute(node, "name");
    if !name.split('/').all(is_element) {
        return Err(format!(
            "invalid value \"{name}\": should be a bare service name"
        ));
    }
    let mut declared = Declared {
        service: name.to_owned(),
        own: part(node)?,
        ..Declared::default()
    };
    for child in elements(node) {
        match child.tag_name().name() {
            "create_default_instance" => {
                let mut default = Part::default();
                set_enabled(&mut default, child, "default")?;
                declared.instances.push(("default".to_owned(), default));
            }
            "single_instance" => {
                general(&mut declared.own).properties.insert(
                    "single_instance".to_owned(),
                    Property::one("boolean", "true"),
                );
            }
            "stability" => {
                let stability = Property::one("astring", attribute(child, "value"));
                general(&mut declared.own)
                    .properties
                    .insert("entity_stability".to_owned(), stability);
            }
            "instance" => {
                let name = attribute(child, "name");
                if !is_element(name) {
                    return Err(format!("Invalid instance name \"{name}\""));
                }
                let mut instance = part(child)?;
                set_enabled(&mut instance, child, name)?;
                declared.instances.push((name.to_owned(), instance));
            }
            _ => {}
        }
    }
    Ok(declared)
}

fn general(part: &mut Part) -> &mut Group {
    part.groups
        .entry("general".to_owned())
        .or_insert_with(|| Group::new("framework"))
}

fn set_enabled(part: &mut Part, node: Node<'_, '_>, name: &str) -> Result<(), String> {
    let enabled = match node.attribute("enabled") {
        None => {
            return Err(format!(
                "Instance \"{name}\" missing attribute \"enabled\"."
            ));
        }
        Some(text @ ("true" | "false")) => text,
        Some(_) => return Err("Invalid enabled value".to_owned()),
    };
    general(part)
        .properties
        .insert("enabled".to_owned(), Property::one("boolean", enabled));
    Ok(())
}

/// What services and instances have in common.
fn part(node: Node<'_, '_>) -> Result<Part, String> {
    let mut part = Part::default();
    for child in elements(node) {
        match child.tag_name().name() {
            "restarter" => {
                let fmri = named(child, "service_fmri").map_or("", |fmri| attribute(fmri, "value"));
                general(&mut part)
                    .properties
                    .insert("restarter".to_owned(), Property::one("fmri", fmri));
            }
            "dependency" => add(&mut part, child, dependency(child)?)?,
            "dependent" => dependent(&mut part, child)?,
            "method_context" => {
                let mut group = Group::new("framework");
                context(child, &mut group)?;
                part.groups.insert("method_context".to_owned(), group);
            }
            "exec_method" => {
                let group = method(child)?;
                add(&mut part, child, group)?;
            }
            "property_group" => {
                let group = Group::new(attribute(child, "type"));
                add(&mut part, child, group)?;
            }
            "template" => template(child, &mut part),
            _ => {}
        }
    }
    Ok(part)
}

/// Adds a group with the properties below its element, or notes that it shall go.
fn add(part: &mut Part, node: Node<'_, '_>, mut group: Group) -> Result<(), String> {
    let name = attribute(node, "name");
    if !name.split(',').all(|piece| !piece.is_empty()) || name.contains(['/', ':']) {
        return Err(format!("Invalid property group name \"{name}\""));
    }
    if attribute(node, "delete") == "true" {
        part.deleted.insert(name.to_owned());
        return Ok(());
    }
    for child in elements(node) {
        match child.tag_name().name() {
            "stability" => {
                let stability = Property::one("astring", attribute(child, "value"));
                group.properties.insert("stability".to_owned(), stability);
            }
            "propval" | "property" => {
                let property_name = attribute(child, "name");
                if attribute(child, "override") == "true" {
                    part.forced.insert(format!("{name}/{property_name}"));
                }
                group
                    .properties
                    .insert(property_name.to_owned(), property(child)?);
            }
            _ => {}
        }
    }
    part.groups.insert(name.to_owned(), group);
    Ok(())
}

fn property(node: Node<'_, '_>) -> Result<Property, String> {
    let kind = attribute(node, "type");
    if node.has_tag_name("propval") {
        return Ok(Property {
            kind: kind.to_owned(),
            values: vec![checked(node, kind)?],
        });
    }
    let mut values = Vec::new();
    for list in elements(node) {
        let name = list.tag_name().name();
        if name.strip_suffix("_list") != Some(kind) {
            return Err(format!(
                "property \"{}\" of type {kind} holds a list of another type",
                attribute(node, "name")
            ));
        }
        for value in elements(list) {
            values.push(checked(value, kind)?);
        }
    }
    Ok(Property {
        kind: kind.to_owned(),
        values,
    })
}

fn checked(node: Node<'_, '_>, kind: &str) -> Result<String, String> {
    let text = attribute(node, "value");
    match value::complaint(kind, text) {
        Some(complaint) => Err(complaint),
        None => Ok(text.to_owned()),
    }
}

fn dependency(node: Node<'_, '_>) -> Result<Group, String> {
    let entities: Vec<String> = elements(node)
        .filter(|child| child.has_tag_name("service_fmri"))
        .map(|child| attribute(child, "value").to_owned())
        .collect();
    for entity in &entities {
        if let Some(complaint) = value::complaint("fmri", entity) {
            return Err(complaint);
        }
    }
    let mut group = Group::new("dependency")
        .with("grouping", "astring", attribute(node, "grouping"))
        .with("restart_on", "astring", attribute(node, "restart_on"))
        .with("type", "astring", attribute(node, "type"));
    group.properties.insert(
        "entities".to_owned(),
        Property {
            kind: "fmri".to_owned(),
            values: entities,
        },
    );
    Ok(group)
}

fn dependent(part: &mut Part, node: Node<'_, '_>) -> Result<(), String> {
    let owner = node.parent_element();
    let service = owner.and_then(|owner| match owner.tag_name().name() {
        "instance" => {
            let service = attribute(owner.parent_element()?, "name");
            Some(format!("svc:/{service}:{}", attribute(owner, "name")))
        }
        _ => Some(format!("svc:/{}", attribute(owner, "name"))),
    });
    let target = named(node, "service_fmri").map_or("", |fmri| attribute(fmri, "value"));
    if let Some(complaint) = value::complaint("fmri", target) {
        return Err(complaint);
    }
    let group = Group::new("dependency")
        .with("grouping", "astring", attribute(node, "grouping"))
        .with("restart_on", "astring", attribute(node, "restart_on"))
        .with("type", "astring", "service")
        .with("entities", "fmri", service.unwrap_or_default())
        .with("external", "boolean", "true");
    let target = target.to_owned();
    part.dependents.insert(
        attribute(node, "name").to_owned(),
        Dependent { target, group },
    );
    Ok(())
}

fn method(node: Node<'_, '_>) -> Result<Group, String> {
    let timeout = attribute(node, "timeout_seconds");
    if let Some(complaint) = value::complaint("count", timeout) {
        return Err(complaint);
    }
    let mut group = Group::new(attribute(node, "type"))
        .with("type", "astring", attribute(node, "type"))
        .with("exec", "astring", attribute(node, "exec"))
        .with("timeout_seconds", "count", timeout);
    if let Some(child) = named(node, "method_context") {
        context(child, &mut group)?;
    }
    Ok(group)
}

fn context(node: Node<'_, '_>, group: &mut Group) -> Result<(), String> {
    let mut set = |name: &str, text: Option<&str>| {
        if let Some(text) = text {
            group
                .properties
                .insert(name.to_owned(), Property::one("astring", text));
        }
    };
    for name in [
        "working_directory",
        "project",
        "resource_pool",
        "security_flags",
    ] {
        set(name, node.attribute(name));
    }
    if let Some(profile) = named(node, "method_profile") {
        set("profile", profile.attribute("name"));
    }
    if let Some(credential) = named(node, "method_credential") {
        for name in [
            "user",
            "group",
            "supp_groups",
            "privileges",
            "limit_privileges",
        ] {
            set(name, credential.attribute(name));
        }
    }
    if let Some(environment) = named(node, "method_environment") {
        let mut values = Vec::new();
        for variable in elements(environment) {
            let name = attribute(variable, "name");
            if name.is_empty() || name.contains('=') {
                return Err(format!("Invalid environment variable \"{name}\"."));
            }
            values.push(format!("{name}={}", attribute(variable, "value")));
        }
        let property = Property {
            kind: "astring".to_owned(),
            values,
        };
        group.properties.insert("environment".to_owned(), property);
    }
    Ok(())
}

fn template(node: Node<'_, '_>, part: &mut Part) {
    for (element, group) in [
        ("common_name", "tm_common_name"),
        ("description", "tm_description"),
    ] {
        if let Some(found) = named(node, element) {
            part.groups.insert(group.to_owned(), local_text(found));
        }
    }
    for document in named(node, "documentation").into_iter().flat_map(elements) {
        let (name, group) = if document.has_tag_name("manpage") {
            let (title, section) = (attribute(document, "title"), attribute(document, "section"));
            let manpath = document.attribute("manpath").unwrap_or(":default");
            let group = Group::new("template")
                .with("manpath", "astring", manpath)
                .with("section", "astring", section)
                .with("title", "ustring", title);
            (format!("tm_man_{}{section}", clean(title)), group)
        } else {
            let name = attribute(document, "name");
            let group = Group::new("template").with("name", "ustring", name).with(
                "uri",
                "astring",
                attribute(document, "uri"),
            );
            (format!("tm_doc_{}", clean(name)), group)
        };
        part.groups.insert(name, group);
    }
}

fn local_text(node: Node<'_, '_>) -> Group {
    let mut group = Group::new("template");
    for text in elements(node) {
        let language = text
            .attribute(("http://www.w3.org/XML/1998/namespace", "lang"))
            .unwrap_or("C")
            .replace('-', "_");
        let words: Vec<&str> = text.text().unwrap_or("").split_whitespace().collect();
        group
            .properties
            .insert(language, Property::one("ustring", words.join(" ")));
    }
    group
}

/// A text as part of a group's name.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::manifest;
    use super::super::{Purpose, parse};
    use super::*;

    fn read(body: &str) -> Result<Declared, String> {
        let mut services = parse(&manifest("site/x", body), "m.xml", Purpose::Manifest)
            .map_err(|error| error.messages.join("|"))?;
        assert_eq!(services.len(), 1);
        Ok(services.remove(0))
    }

    #[test]
    fn a_method_brings_its_context() {
        let declared = read(
            "<create_default_instance enabled='true'/>
             <exec_method type='method' name='start' exec='/bin/x &amp;' timeout_seconds='-1'>
               <method_context working_directory='/var'>
                 <method_credential user='daemon' privileges='basic,net_privaddr'/>
                 <method_environment><envvar name='A' value='b c'/></method_environment>
               </method_context>
               <propval name='extra' type='count' value='3'/>
             </exec_method>",
        )
        .unwrap();
        let start = &declared.own.groups["start"];
        assert_eq!(start.kind, "method");
        for (name, value) in [
            ("exec", "/bin/x &"),
            ("timeout_seconds", "-1"),
            ("working_directory", "/var"),
            ("user", "daemon"),
            ("privileges", "basic,net_privaddr"),
            ("environment", "A=b c"),
            ("extra", "3"),
        ] {
            assert_eq!(start.value(name), Some(value), "{name}");
        }
        assert_eq!(declared.instances[0].0, "default");
        assert_eq!(
            declared.instances[0].1.groups["general"].value("enabled"),
            Some("true")
        );
    }

    #[test]
    fn a_dependent_points_back_at_its_service() {
        let declared = read(
            "<create_default_instance enabled='false'/>
             <dependent name='x_m' grouping='optional_all' restart_on='none'>
               <service_fmri value='svc:/milestone/multi-user'/></dependent>",
        )
        .unwrap();
        let dependent = &declared.own.dependents["x_m"];
        assert_eq!(dependent.target, "svc:/milestone/multi-user");
        assert_eq!(dependent.group.value("entities"), Some("svc:/site/x"));
        assert_eq!(dependent.group.value("external"), Some("true"));
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        let property = |kind: &str, value: &str| {
            read(&format!(
                "<property_group name='c' type='application'><propval name='p' type='{kind}' \
                 value='{value}'/></property_group>"
            ))
            .map(|_| ())
        };
        assert_eq!(property("count", "12"), Ok(()));
        assert_eq!(
            property("count", "abc"),
            Err("illegal value \"abc\" for count (Illegal character)".to_owned())
        );
        assert_eq!(
            property("boolean", "yes"),
            Err("illegal boolean value \"yes\"".to_owned())
        );
        assert_eq!(
            read("<method_context><method_environment><envvar name='' value=''/></method_environment></method_context>").map(|_| ()),
            Err("Invalid environment variable \"\".".to_owned())
        );
    }

    #[test]
    fn the_common_name_is_stored_by_language_and_lists_keep_their_order() {
        let declared = read(
            "<property_group name='c' type='application'><property name='l' type='astring'>
               <astring_list><value_node value='b'/><value_node value='a'/></astring_list>
             </property></property_group>
             <template><common_name><loctext xml:lang='C'> an
               example </loctext></common_name>
               <documentation><manpage title='afpd' section='1M'/></documentation></template>",
        )
        .unwrap();
        assert_eq!(declared.own.groups["c"].values("l"), ["b", "a"]);
        assert_eq!(
            declared.own.groups["tm_common_name"].value("C"),
            Some("an example")
        );
        assert_eq!(
            declared.own.groups["tm_man_afpd1M"].value("section"),
            Some("1M")
        );
    }
}
