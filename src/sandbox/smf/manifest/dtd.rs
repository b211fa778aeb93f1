//! The grammar of a service bundle, as a table, and the check of a document against it.
//!
//! The order of children matters: a `property_group` in front of an `exec_method` is an error.
//! Messages have the words of libxml2, with the line but without the picture of it.

use roxmltree::Node;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Count {
    One,
    Optional,
    Many,
    AtLeastOne,
}
use Count::{AtLeastOne, Many, One, Optional};

/// What an element may hold.
#[derive(Clone, Copy)]
enum Content {
    Empty,
    Text,
    Anything,
    /// One after the other; each slot names the elements that fit.
    Sequence(&'static [(&'static [&'static str], Count)]),
    /// Any number of one of these kinds, never mixed.
    Alike(&'static [&'static str]),
}
use Content::{Alike, Anything, Empty, Sequence, Text};

/// What an attribute may hold.
#[derive(Clone, Copy)]
enum Holds {
    Any,
    OneOf(&'static [&'static str]),
}
use Holds::{Any, OneOf};

struct Attribute {
    name: &'static str,
    holds: Holds,
    required: bool,
}

struct Element {
    name: &'static str,
    content: Content,
    attributes: &'static [Attribute],
}

const fn must(name: &'static str, holds: Holds) -> Attribute {
    Attribute {
        name,
        holds,
        required: true,
    }
}

const fn may(name: &'static str, holds: Holds) -> Attribute {
    Attribute {
        name,
        holds,
        required: false,
    }
}

const fn element(
    name: &'static str,
    content: Content,
    attributes: &'static [Attribute],
) -> Element {
    Element {
        name,
        content,
        attributes,
    }
}

const TRUTH: Holds = OneOf(&["true", "false"]);
const GROUPING: Holds = OneOf(&["require_all", "require_any", "exclude_all", "optional_all"]);
const RESTART_ON: Holds = OneOf(&["error", "restart", "refresh", "none"]);
const STABILITY: Holds = OneOf(&[
    "Standard", "Stable", "Evolving", "Unstable", "External", "Obsolete",
]);
const TYPE: Holds = OneOf(&super::value::TYPES);
const LISTS: &[&str] = &[
    "count_list",
    "integer_list",
    "opaque_list",
    "host_list",
    "hostname_list",
    "net_address_list",
    "net_address_v4_list",
    "net_address_v6_list",
    "time_list",
    "astring_list",
    "ustring_list",
    "boolean_list",
    "fmri_list",
    "uri_list",
];
const PROPERTIES: (&[&str], Count) = (&["propval", "property"], Many);
const VALUES: Content = Sequence(&[(&["value_node"], AtLeastOne)]);
const LOCAL_TEXT: Content = Sequence(&[(&["loctext"], AtLeastOne)]);

const ELEMENTS: &[Element] = &[
    element(
        "service_bundle",
        Alike(&["service_bundle", "service", "xi:include"]),
        &[must("type", Any), must("name", Any)],
    ),
    element(
        "service",
        Sequence(&[
            (&["create_default_instance"], Optional),
            (&["single_instance"], Optional),
            (&["restarter"], Optional),
            (&["dependency"], Many),
            (&["dependent"], Many),
            (&["method_context"], Optional),
            (&["exec_method"], Many),
            (&["notification_parameters"], Many),
            (&["property_group"], Many),
            (&["instance"], Many),
            (&["stability"], Optional),
            (&["template"], Optional),
        ]),
        &[
            must("name", Any),
            must("version", Any),
            must("type", OneOf(&["service", "restarter", "milestone"])),
        ],
    ),
    element(
        "instance",
        Sequence(&[
            (&["restarter"], Optional),
            (&["dependency"], Many),
            (&["dependent"], Many),
            (&["method_context"], Optional),
            (&["exec_method"], Many),
            (&["notification_parameters"], Many),
            (&["property_group"], Many),
            (&["template"], Optional),
        ]),
        &[must("name", Any), must("enabled", TRUTH)],
    ),
    element("create_default_instance", Empty, &[must("enabled", TRUTH)]),
    element("single_instance", Empty, &[]),
    element("restarter", Sequence(&[(&["service_fmri"], One)]), &[]),
    element("service_fmri", Empty, &[must("value", Any)]),
    element("stability", Empty, &[must("value", STABILITY)]),
    element("value_node", Empty, &[must("value", Any)]),
    element("count_list", VALUES, &[]),
    element("integer_list", VALUES, &[]),
    element("opaque_list", VALUES, &[]),
    element("host_list", VALUES, &[]),
    element("hostname_list", VALUES, &[]),
    element("net_address_list", VALUES, &[]),
    element("net_address_v4_list", VALUES, &[]),
    element("net_address_v6_list", VALUES, &[]),
    element("time_list", VALUES, &[]),
    element("astring_list", VALUES, &[]),
    element("ustring_list", VALUES, &[]),
    element("boolean_list", VALUES, &[]),
    element("fmri_list", VALUES, &[]),
    element("uri_list", VALUES, &[]),
    element(
        "property",
        Sequence(&[(LISTS, Optional)]),
        &[
            must("name", Any),
            must("type", TYPE),
            may("override", TRUTH),
        ],
    ),
    element(
        "propval",
        Empty,
        &[
            must("name", Any),
            must("type", TYPE),
            must("value", Any),
            may("override", TRUTH),
        ],
    ),
    element(
        "property_group",
        Sequence(&[(&["stability"], Optional), PROPERTIES]),
        &[must("name", Any), must("type", Any), may("delete", TRUTH)],
    ),
    element(
        "dependency",
        Sequence(&[
            (&["service_fmri"], Many),
            (&["stability"], Optional),
            PROPERTIES,
        ]),
        &[
            must("name", Any),
            must("grouping", GROUPING),
            must("restart_on", RESTART_ON),
            must("type", Any),
            may("delete", TRUTH),
        ],
    ),
    element(
        "dependent",
        Sequence(&[
            (&["service_fmri"], One),
            (&["stability"], Optional),
            PROPERTIES,
        ]),
        &[
            must("name", Any),
            must("grouping", GROUPING),
            must("restart_on", RESTART_ON),
            may("delete", TRUTH),
            may("override", TRUTH),
        ],
    ),
    element("envvar", Empty, &[must("name", Any), must("value", Any)]),
    element(
        "method_environment",
        Sequence(&[(&["envvar"], AtLeastOne)]),
        &[],
    ),
    element("method_profile", Empty, &[must("name", Any)]),
    element(
        "method_credential",
        Empty,
        &[
            must("user", Any),
            may("group", Any),
            may("supp_groups", Any),
            may("privileges", Any),
            may("limit_privileges", Any),
        ],
    ),
    element(
        "method_context",
        Sequence(&[
            (&["method_profile", "method_credential"], Optional),
            (&["method_environment"], Optional),
        ]),
        &[
            may("security_flags", Any),
            may("working_directory", Any),
            may("project", Any),
            may("resource_pool", Any),
        ],
    ),
    element(
        "exec_method",
        Sequence(&[
            (&["method_context"], Optional),
            (&["stability"], Optional),
            PROPERTIES,
        ]),
        &[
            must("type", OneOf(&["method", "monitor"])),
            must("name", Any),
            must("exec", Any),
            must("timeout_seconds", Any),
            may("delete", TRUTH),
        ],
    ),
    element("doc_link", Empty, &[must("name", Any), must("uri", Any)]),
    element(
        "manpage",
        Empty,
        &[
            must("title", Any),
            must("section", Any),
            may("manpath", Any),
        ],
    ),
    element(
        "documentation",
        Sequence(&[(&["doc_link", "manpage"], Many)]),
        &[],
    ),
    element("loctext", Text, &[must("xml:lang", Any)]),
    element("description", LOCAL_TEXT, &[]),
    element("common_name", LOCAL_TEXT, &[]),
    element("units", LOCAL_TEXT, &[]),
    element(
        "visibility",
        Empty,
        &[must("value", OneOf(&["hidden", "readonly", "readwrite"]))],
    ),
    element(
        "value",
        Sequence(&[(&["common_name"], Optional), (&["description"], Optional)]),
        &[must("name", Any)],
    ),
    element("values", Sequence(&[(&["value"], AtLeastOne)]), &[]),
    element("cardinality", Empty, &[may("min", Any), may("max", Any)]),
    element("internal_separators", Text, &[]),
    element("range", Empty, &[must("min", Any), must("max", Any)]),
    element(
        "constraints",
        Sequence(&[(&["value"], Many), (&["range"], Many)]),
        &[],
    ),
    element(
        "include_values",
        Empty,
        &[must("type", OneOf(&["constraints", "values"]))],
    ),
    element(
        "choices",
        Sequence(&[
            (&["value"], Many),
            (&["range"], Many),
            (&["include_values"], Many),
        ]),
        &[],
    ),
    element(
        "prop_pattern",
        Sequence(&[
            (&["common_name"], Optional),
            (&["description"], Optional),
            (&["units"], Optional),
            (&["visibility"], Optional),
            (&["cardinality"], Optional),
            (&["internal_separators"], Optional),
            (&["values"], Optional),
            (&["constraints"], Optional),
            (&["choices"], Optional),
        ]),
        &[must("name", Any), may("type", TYPE), may("required", TRUTH)],
    ),
    element(
        "pg_pattern",
        Sequence(&[
            (&["common_name"], Optional),
            (&["description"], Optional),
            (&["prop_pattern"], Many),
        ]),
        &[
            may("name", Any),
            may("type", Any),
            may("required", TRUTH),
            may("target", OneOf(&["this", "instance", "delegate", "all"])),
        ],
    ),
    element(
        "template",
        Sequence(&[
            (&["common_name"], One),
            (&["description"], Optional),
            (&["documentation"], Optional),
            (&["pg_pattern"], Many),
        ]),
        &[],
    ),
    element("paramval", Empty, &[must("name", Any), must("value", Any)]),
    element(
        "parameter",
        Sequence(&[(&["value_node"], Many)]),
        &[must("name", Any)],
    ),
    element("event", Empty, &[must("value", Any)]),
    element(
        "type",
        Sequence(&[(&["parameter", "paramval"], Many)]),
        &[must("name", Any), may("active", TRUTH)],
    ),
    element(
        "notification_parameters",
        Sequence(&[(&["event"], One), (&["type"], AtLeastOne)]),
        &[],
    ),
    element(
        "xi:include",
        Sequence(&[(&["xi:fallback"], One)]),
        &[
            may("href", Any),
            may("parse", OneOf(&["xml", "text"])),
            may("encoding", Any),
        ],
    ),
    element("xi:fallback", Anything, &[]),
];

/// Everything that is wrong with a document, in its order: line, element, message.
#[must_use]
pub fn validate(root: Node<'_, '_>) -> Vec<(u32, String, String)> {
    let mut wrong = Vec::new();
    for node in root.descendants().filter(Node::is_element) {
        let line = node.document().text_pos_at(node.range().start).row;
        let name = qualified(node);
        for message in validate_one(node, &name) {
            wrong.push((line, name.clone(), message));
        }
    }
    wrong
}

fn validate_one(node: Node<'_, '_>, name: &str) -> Vec<String> {
    let Some(element) = ELEMENTS.iter().find(|element| element.name == name) else {
        return vec![format!("No declaration for element {name}")];
    };
    let mut wrong: Vec<String> = content_message(node, element).into_iter().collect();
    let given: Vec<(String, &str)> = attributes(node);
    for (attribute, value) in &given {
        match element
            .attributes
            .iter()
            .find(|known| known.name == attribute)
        {
            None => wrong.push(format!(
                "No declaration for attribute {attribute} of element {name}"
            )),
            Some(Attribute {
                holds: OneOf(values),
                ..
            }) if !values.contains(&value.trim()) => {
                wrong.push(format!(
                    "Value \"{value}\" for attribute {attribute} of {name} is not among the \
                     enumerated set"
                ));
            }
            Some(_) => {}
        }
    }
    for attribute in element.attributes.iter().filter(|known| known.required) {
        if !given.iter().any(|(given, _)| given == attribute.name) {
            wrong.push(format!(
                "Element {name} does not carry attribute {}",
                attribute.name
            ));
        }
    }
    wrong
}

fn content_message(node: Node<'_, '_>, element: &Element) -> Option<String> {
    let name = element.name;
    let has_text = node
        .children()
        .any(|child| child.is_text() && child.text().is_some_and(|text| !text.trim().is_empty()));
    let children: Vec<String> = node
        .children()
        .filter(Node::is_element)
        .map(qualified)
        .collect();
    let fits = match element.content {
        Anything => true,
        Empty if has_text || !children.is_empty() => {
            return Some(format!(
                "Element {name} was declared EMPTY this one has content"
            ));
        }
        Empty => true,
        Text if !children.is_empty() => {
            let child = children.first().map_or("", String::as_str);
            return Some(format!(
                "Element {child} is not declared in {name} list of possible children"
            ));
        }
        Text => true,
        Sequence(slots) => !has_text && fits_sequence(&children, slots),
        Alike(kinds) => {
            !has_text
                && kinds
                    .iter()
                    .any(|kind| children.iter().all(|child| child == kind))
        }
    };
    let got = if has_text {
        "CDATA".to_owned()
    } else {
        children.join(" ")
    };
    (!fits).then(|| {
        format!(
            "Element {name} content does not follow the DTD, expecting {}, got ({got})",
            expecting(element.content)
        )
    })
}

fn fits_sequence(children: &[String], slots: &[(&[&str], Count)]) -> bool {
    let mut rest = children;
    for (names, count) in slots {
        let run = rest
            .iter()
            .take_while(|child| names.contains(&child.as_str()))
            .count();
        let taken = match count {
            One | Optional => run.min(1),
            Many | AtLeastOne => run,
        };
        if taken == 0 && matches!(count, One | AtLeastOne) {
            return false;
        }
        rest = rest.get(taken..).unwrap_or(&[]);
    }
    rest.is_empty()
}

fn expecting(content: Content) -> String {
    match content {
        Empty | Text | Anything => "()".to_owned(),
        Alike(kinds) => {
            let parts: Vec<String> = kinds.iter().map(|kind| format!("{kind}*")).collect();
            format!("({})", parts.join(" | "))
        }
        Sequence(slots) => {
            let parts: Vec<String> = slots
                .iter()
                .map(|(names, count)| {
                    let mark = match count {
                        One => "",
                        Optional => "?",
                        Many => "*",
                        AtLeastOne => "+",
                    };
                    match names {
                        [only] => format!("{only}{mark}"),
                        _ => format!("({}){mark}", names.join(" | ")),
                    }
                })
                .collect();
            format!("({})", parts.join(" , "))
        }
    }
}

/// An element's name as it is written, with the two prefixes that bundles use.
fn qualified(node: Node<'_, '_>) -> String {
    let name = node.tag_name();
    match name.namespace() {
        Some("http://www.w3.org/2001/XInclude") => format!("xi:{}", name.name()),
        _ => name.name().to_owned(),
    }
}

fn attributes<'a>(node: Node<'a, '_>) -> Vec<(String, &'a str)> {
    node.attributes()
        .map(|attribute| {
            let name = match attribute.namespace() {
                Some("http://www.w3.org/XML/1998/namespace") => format!("xml:{}", attribute.name()),
                _ => attribute.name().to_owned(),
            };
            (name, attribute.value())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Vec<String> {
        let document = roxmltree::Document::parse(text).unwrap();
        validate(document.root_element())
            .into_iter()
            .map(|(_, _, message)| message)
            .collect()
    }

    #[test]
    fn children_stand_in_one_order() {
        let service = |body: &str| {
            check(&format!(
                "<service name='x' version='1' type='service'>{body}</service>"
            ))
        };
        let method = "<exec_method type='method' name='start' exec='x' timeout_seconds='0'/>";
        let group = "<property_group name='a' type='b'/>";
        assert_eq!(
            service(&format!("{method}{method}{group}")),
            Vec::<String>::new()
        );
        let wrong = service(&format!("{group}{method}"));
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].starts_with(
            "Element service content does not follow the DTD, expecting (create_default_instance? \
             , single_instance? , restarter?"
        ));
        assert!(wrong[0].ends_with("got (property_group exec_method)"));
    }

    #[test]
    fn attributes_are_required_known_and_enumerated() {
        assert_eq!(
            check("<instance name='a' enabled='yes' colour='red'/>"),
            [
                "Value \"yes\" for attribute enabled of instance is not among the enumerated set",
                "No declaration for attribute colour of element instance",
            ]
        );
        assert_eq!(
            check("<exec_method type='method' name='start' exec='x'/>"),
            ["Element exec_method does not carry attribute timeout_seconds"]
        );
    }

    #[test]
    fn unknown_elements_and_misplaced_content_are_found() {
        assert_eq!(
            check(
                "<template><common_name><loctext xml:lang='C'>x</loctext></common_name></template>"
            ),
            Vec::<String>::new()
        );
        assert_eq!(check("<daemon/>"), ["No declaration for element daemon"]);
        assert_eq!(
            check("<single_instance>x</single_instance>"),
            ["Element single_instance was declared EMPTY this one has content"]
        );
        assert_eq!(check("<method_environment/>").len(), 1);
        assert_eq!(
            check("<property name='a' type='count'><count_list/></property>").len(),
            1
        );
    }
}
