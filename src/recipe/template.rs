//! Handlebars, strictly: an unknown name is an error, and values are escaped by the file's format.
//!
//! `{{#if parameters.typo}}` is no error to handlebars even in strict mode, and rendering stops at
//! the first unknown name; so names are looked up by `unknown_names` before anything is rendered.

mod mistakes;

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use handlebars::{Handlebars, RenderErrorReason, handlebars_helper};
use serde_json::{Value, json};

pub use mistakes::TemplateMistake;
use mistakes::{refused_tags, render_mistake, syntax_mistake, unknown_names, words};

use super::embed;
use super::format::quoted;
use super::model::{FileKind, Package};
use super::units::parse_size;

/// Where pkgsrc packages live in a zone.
pub const PREFIX: &str = "/opt/local";

/// What templates may name.
#[derive(Debug, Clone)]
pub struct Context {
    data: Value,
}

impl Context {
    /// What a parameter's default may name: the package and the zone.
    pub(crate) fn for_defaults(package: &Package, zone: &super::bundle::ZoneContext) -> Self {
        Self {
            data: json!({
                "package": {
                    "name": package.name,
                    "version": package.version,
                    "summary": package.summary,
                    "prefix": PREFIX,
                },
                "zone": { "alias": zone.alias, "brand": zone.brand, "branch": zone.branch },
            }),
        }
    }

    /// The same with the parameters and the zone's users.
    pub(crate) fn with_parameters(mut self, parameters: Value, users: &[(String, u32)]) -> Self {
        let users: Vec<Value> = users
            .iter()
            .map(|(name, uid)| json!({ "name": name, "uid": uid }))
            .collect();
        if let Value::Object(data) = &mut self.data {
            data.insert("parameters".to_string(), parameters);
            data.insert("users".to_string(), Value::Array(users));
        }
        self
    }

    /// The names that stand for a value: `package.version`, `parameters.state`, `users`.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (group, members) in self.data.as_object().into_iter().flatten() {
            match members.as_object() {
                Some(members) => {
                    names.extend(members.keys().map(|member| format!("{group}.{member}")));
                }
                None => names.push(group.clone()),
            }
        }
        names
    }

    /// Where in `text` a value equal to `value` is named first.
    fn place_of(&self, value: &str, text: &str) -> Option<Range<usize>> {
        words(text).into_iter().find_map(|(span, word)| {
            let pointer = format!("/{}", word.replace('.', "/"));
            let found = self.data.pointer(&pointer)?;
            (found.as_str()? == value).then_some(span)
        })
    }
}

/// Renders `text`; every value is escaped as `kind` demands.
///
/// # Errors
/// Everything that is wrong with the template, or values that the format cannot hold.
pub fn render(
    text: &str,
    kind: FileKind,
    context: &Context,
) -> Result<String, Vec<TemplateMistake>> {
    let refused = refused_tags(text);
    if !refused.is_empty() {
        return Err(refused);
    }
    if !text.contains("{{") {
        return Ok(text.to_string());
    }
    let unknown = unknown_names(text, context);
    if !unknown.is_empty() {
        return Err(unknown);
    }
    if let Some(mistake) = bypass(text, kind) {
        return Err(vec![mistake]);
    }
    let values = Arc::new(Mutex::new(Vec::new()));
    let mut engine = Handlebars::new();
    engine.set_strict_mode(true);
    engine.register_helper("dashed", Box::new(dashed));
    engine.register_helper("mib", Box::new(mib));
    engine.register_helper("join", Box::new(join));
    let collector = Arc::clone(&values);
    let (too_much, overflow) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
    let is_too_much = Arc::clone(&too_much);
    engine.register_escape_fn(move |value| {
        let mut values = collector.lock().unwrap_or_else(PoisonError::into_inner);
        // marks are short, what they stand for need not be
        let bytes = overflow.fetch_add(value.len(), Ordering::Relaxed);
        if values.len() == MOST_VALUES || bytes + value.len() > LARGEST {
            is_too_much.store(true, Ordering::Relaxed);
            return String::new();
        }
        values.push(value.to_string());
        embed::mark(values.len() - 1)
    });
    engine
        .register_template_string("template", text)
        .map_err(|error| vec![syntax_mistake(text, &error)])?;
    let mut made = Made(Vec::new());
    engine
        .render_to_write("template", &context.data, &mut made)
        .map_err(|error| vec![render_mistake(text, context, &error)])?;
    if too_much.load(Ordering::Relaxed) {
        return Err(vec![too_large()]);
    }
    let rendered = String::from_utf8_lossy(&made.0);
    let values = values.lock().unwrap_or_else(PoisonError::into_inner);
    let refused = match embed::settle(kind, &rendered, &values) {
        Ok(text) => return Ok(text),
        Err(refused) => refused,
    };
    let mistake = |(value, reason): &(String, &str)| TemplateMistake {
        span: context.place_of(value, text).unwrap_or(0..0),
        message: format!("{} cannot be written into this file", quoted(value)),
        label: (*reason).to_string(),
        help: Some("choose another value: this format has no way to write it there".to_string()),
        rule: "template-value",
        instead: None,
    };
    Err(refused.iter().map(mistake).collect())
}

/// What a template makes, as long as that is a file of a reasonable size.
struct Made(Vec<u8>);

impl io::Write for Made {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.0.len() + text.len() > LARGEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn too_large() -> TemplateMistake {
    TemplateMistake {
        span: 0..0,
        message: "this template makes too large a file".to_string(),
        label: format!("at most {} KiB and {MOST_VALUES} values", LARGEST >> 10),
        help: None,
        rule: "template-syntax",
        instead: None,
    }
}

/// What would write a value past the rules of the file's format.
fn bypass(text: &str, kind: FileKind) -> Option<TemplateMistake> {
    let mistake = |span: Range<usize>, message: &str, help: &str| TemplateMistake {
        span,
        message: message.to_string(),
        label: String::new(),
        help: Some(help.to_string()),
        rule: "template-syntax",
        instead: None,
    };
    if embed::has_marks(text) {
        let message = "this template holds a control character that no text has";
        return Some(mistake(
            0..0,
            message,
            "leave the characters U+0001 and U+0002 out",
        ));
    }
    if kind == FileKind::Plain {
        return None;
    }
    let raw = ["{{{", "{{&"].iter().find_map(|open| {
        let at = text.find(open)?;
        Some(at..at + open.len())
    })?;
    let message = "this writes a value as it is, past the rules of the file's format";
    Some(mistake(
        raw,
        message,
        "write `{{…}}`, or leave the file's `kind` out",
    ))
}

// `{{dashed package.version}}`: 4.5.2 → 4-5-2
handlebars_helper!(dashed: |text: str| text.replace('.', "-"));

// `{{mib parameters.limit}}`, `{{mib parameters.limit percent=95}}`: a size in whole MiB
handlebars_helper!(mib: |size: Json, {percent: u64 = 100}| {
    let bytes = size.as_u64().or_else(|| size.as_str().and_then(|text| parse_size(text).ok()));
    let Some(bytes) = bytes else {
        return Err(RenderErrorReason::ParamTypeMismatchForName(
            "mib", "size".to_string(), "a size".to_string(),
        ).into());
    };
    let part = u128::from(bytes) * u128::from(percent) / 100 / (1 << 20);
    u64::try_from(part).unwrap_or(u64::MAX)
});

// `{{join users "name" " "}}`: one member of each, with something between
handlebars_helper!(join: |list: array, member: str, between: str| {
    let words: Vec<String> = list.iter().map(|item| match item.get(member).unwrap_or(item) {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }).collect();
    words.join(between)
});

const LARGEST: usize = 1 << 20;

/// How many values may stand in a file.
const MOST_VALUES: usize = 10_000;

#[cfg(test)]
mod tests;
