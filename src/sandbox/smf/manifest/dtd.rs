//! The check of a document against the grammar of service bundles.
//!
//! The order of children matters: a `property_group` in front of an `exec_method` is an error.
//! Messages have the words of libxml2, with the line but without the picture of it.

use super::grammar::{
    Alike, Anything, AtLeastOne, Attribute, Content, Count, ELEMENTS, Element, Empty, Many, One,
    OneOf, Optional, Sequence, Text,
};
use roxmltree::Node;

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
