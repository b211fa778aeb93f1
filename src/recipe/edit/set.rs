//! One value replaced where it stands, or one key added behind another.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::meaning;
use crate::problem::SourceText;
use crate::recipe::syntax;
use crate::recipe::tree::{Entry, Node, Value};

/// A value to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    Text(String),
    Integer(i64),
}

impl Literal {
    /// As TOML and JSON write it alike.
    fn written(&self) -> String {
        match self {
            Self::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
            Self::Integer(number) => number.to_string(),
        }
    }
}

/// Why a text was not changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("it is no TOML")]
    NotToml,
    #[error("there is no `{0}` in it")]
    NoKey(String),
    #[error("`{0}` could not be changed without changing something else")]
    Entangled(String),
}

/// The text with another value at the key path `path` (`source[0].sha256`).
///
/// # Errors
/// [`EditError::NoKey`] where there is no such key; the others where the text cannot be edited.
pub fn set(text: &str, path: &str, value: &Literal) -> Result<String, EditError> {
    let root = parse(text)?;
    let no_key = || EditError::NoKey(path.to_owned());
    let node = find(&root, path).ok_or_else(no_key)?;
    let span = node.span.clone().ok_or_else(no_key)?;
    let old = text.get(span.clone()).ok_or_else(no_key)?;
    // the author's kind of quotes stays
    let written = match value {
        Literal::Text(new)
            if old.starts_with('\'') && !old.starts_with("'''") && !new.contains(['\'', '\n']) =>
        {
            format!("'{new}'")
        }
        _ => value.written(),
    };
    let changed = spliced(text, span, &written);
    let is_it = |node: &Node| match (&node.value, value) {
        (Value::Text(found), Literal::Text(wanted)) => found == wanted,
        (Value::Integer(found), Literal::Integer(wanted)) => found == wanted,
        _ => false,
    };
    let after = parse(&changed).map_err(|_| EditError::Entangled(path.to_owned()))?;
    if find(&after, path).is_some_and(is_it) {
        Ok(changed)
    } else {
        Err(EditError::Entangled(path.to_owned()))
    }
}

/// The text with the key `key` added to the table at `table`, behind its key `before`: in a line of
/// its own with the `=` in the same column, or inside of the same braces.
///
/// # Errors
/// [`EditError::NoKey`] where the table has no such key.
pub fn set_after(
    text: &str,
    table: &str,
    before: &str,
    key: &str,
    value: &Literal,
) -> Result<String, EditError> {
    let root = parse(text)?;
    let path = join(table, before);
    let no_key = || EditError::NoKey(path.clone());
    let entry = entry(&root, &path).ok_or_else(no_key)?;
    let key_start = entry.key_span.clone().ok_or_else(no_key)?.start;
    let value_end = entry.node.span.clone().ok_or_else(no_key)?.end;
    let line_start = text
        .get(..key_start)
        .and_then(|t| t.rfind('\n'))
        .map_or(0, |at| at + 1);
    let is_alone = text
        .get(line_start..key_start)
        .is_some_and(|t| t.trim().is_empty());
    let changed = if is_alone {
        let line_end = text
            .get(value_end..)
            .and_then(|t| t.find('\n'))
            .map_or(text.len(), |at| value_end + at);
        let head = text.get(line_start..value_end).unwrap_or("");
        let equals = head.find('=').unwrap_or(0).saturating_sub(1);
        let indent = text.get(line_start..key_start).unwrap_or("");
        let name = format!("{indent}{key}");
        let new = format!("\n{name:<equals$} = {}", value.written());
        spliced(text, line_end..line_end, &new)
    } else {
        let new = format!(", {key} = {}", value.written());
        spliced(text, value_end..value_end, &new)
    };
    let entangled = || EditError::Entangled(join(table, key));
    let after = parse(&changed).map_err(|_| entangled())?;
    match find(&after, &join(table, key)) {
        Some(node) if meaning(&after) != meaning(&root) && node.span.is_some() => Ok(changed),
        _ => Err(entangled()),
    }
}

fn join(table: &str, key: &str) -> String {
    if table.is_empty() {
        key.to_owned()
    } else {
        format!("{table}.{key}")
    }
}

fn parse(text: &str) -> Result<Node, EditError> {
    let source = SourceText {
        path: PathBuf::from("recipe.toml"),
        text: text.to_owned(),
    };
    syntax::parse(Arc::new(source))
        .map(|document| document.root)
        .map_err(|_| EditError::NotToml)
}

fn spliced(text: &str, span: Range<usize>, new: &str) -> String {
    let (before, after) = (text.get(..span.start), text.get(span.end..));
    [before.unwrap_or(""), new, after.unwrap_or("")].concat()
}

fn find<'n>(node: &'n Node, path: &str) -> Option<&'n Node> {
    if node.path == path {
        return Some(node);
    }
    let below = node.entries().iter().map(|entry| &entry.node);
    below
        .chain(node.items())
        .find_map(|child| find(child, path))
}

fn entry<'n>(node: &'n Node, path: &str) -> Option<&'n Entry> {
    if let Some(found) = node.entries().iter().find(|entry| entry.node.path == path) {
        return Some(found);
    }
    let below = node.entries().iter().map(|entry| &entry.node);
    below
        .chain(node.items())
        .find_map(|child| entry(child, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# top\n[package]\nversion  = '1.0' # ours\n\n[[source]]\nurls = [\"x\"]\n\
                        sha256   = \"aa\"   # sum\n\n# second\n[[source]]\ndebian = { package = \"p\", file = \"f\" }\n";

    #[test]
    fn one_value_changes_and_nothing_else() {
        let text = |value: &str| Literal::Text(value.to_owned());
        let new = set(TEXT, "package.version", &text("1.1")).unwrap();
        assert_eq!(new, TEXT.replace("'1.0'", "'1.1'"));
        let new = set(TEXT, "source[0].sha256", &text("b\"b")).unwrap();
        assert_eq!(new, TEXT.replace("\"aa\"", "\"b\\\"b\""));
        let new = set(TEXT, "source[1].debian.file", &text("g")).unwrap();
        assert_eq!(new, TEXT.replace("\"f\"", "\"g\""));
        assert_eq!(
            set(TEXT, "source[1].sha256", &text("x")),
            Err(EditError::NoKey("source[1].sha256".to_owned()))
        );
        assert_eq!(set("a = [", "a", &text("x")), Err(EditError::NotToml));
    }

    #[test]
    fn a_key_is_added_below_another_in_its_column() {
        let new = set_after(TEXT, "source[0]", "sha256", "size", &Literal::Integer(7)).unwrap();
        assert_eq!(new, TEXT.replace("# sum\n", "# sum\nsize     = 7\n"));
        let file = Literal::Text("2".to_owned());
        let new = set_after(TEXT, "source[1].debian", "file", "release", &file).unwrap();
        assert_eq!(new, TEXT.replace("\"f\" }", "\"f\", release = \"2\" }"));
        let twice = set_after(TEXT, "source[0]", "urls", "sha256", &file);
        assert_eq!(
            twice,
            Err(EditError::Entangled("source[0].sha256".to_owned()))
        );
    }
}
