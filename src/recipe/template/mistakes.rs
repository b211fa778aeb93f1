//! What is wrong with a template, found before it is rendered or told by handlebars afterwards, with
//! the place of the words concerned.

use std::ops::Range;

use handlebars::{RenderErrorReason, TemplateErrorReason};

use super::{Context, too_large};
use crate::recipe::format::{list_of, nearest, quoted, there_are};

/// How many bytes a template may have, a tag of it, and what is made of it.
const LONGEST: usize = 256 << 10;

const LONGEST_TAG: usize = 1024;

/// For each tag handlebars counts the lines of all the text before it: this takes a second or so.
const MOST_WORK: usize = 1 << 27;

/// How many blocks may stand in each other: handlebars' effort grows with a power of it.
const MOST_NESTED: usize = 8;

/// A mistake in a template, placed in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateMistake {
    /// In bytes of the template's text.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What stands under the underlined words.
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The name of the rule that is broken.
    pub rule: &'static str,
    /// What belongs there instead, where the help says it.
    pub instead: Option<String>,
}

/// What handlebars knows and recipes do without, because it need not come to an end: partials that
/// name each other overflow its stack, and blocks in blocks keep it busy for hours.
pub(super) fn refused_tags(text: &str) -> Vec<TemplateMistake> {
    let mistake = |span: Range<usize>, message: &str, label: String| TemplateMistake {
        span,
        message: message.to_string(),
        label,
        help: None,
        rule: "template-syntax",
        instead: None,
    };
    if text.len() > LONGEST {
        let label = format!("at most {} KiB", LONGEST >> 10);
        return vec![mistake(0..0, "this template is too long", label)];
    }
    let tags = tags(text);
    if tags.len() * text.len() > MOST_WORK {
        let label = format!("{} tags in {} bytes", tags.len(), text.len());
        return vec![mistake(0..0, "this template has too many tags", label)];
    }
    let mut found = Vec::new();
    let mut depth = 0_usize;
    for tag in tags {
        let body = text.get(tag.clone()).unwrap_or("");
        let body = body.trim_start_matches(|c: char| c.is_whitespace() || "{~".contains(c));
        let block = body.strip_prefix('#').map(str::trim_start);
        if block.unwrap_or(body).starts_with(['>', '*']) {
            let label = "partials and decorators are not supported".to_string();
            found.push(mistake(tag, "a template cannot include another one", label));
        } else if tag.len() > LONGEST_TAG {
            let span = tag.start..tag.start;
            let label = format!("at most {LONGEST_TAG} bytes");
            found.push(mistake(span, "this tag is too long", label));
        } else if block.is_some() {
            depth += 1;
            if depth == MOST_NESTED + 1 {
                let label = format!("at most {MOST_NESTED}");
                found.push(mistake(tag, "too many blocks stand in each other", label));
            }
        } else if body.starts_with('/') {
            depth = depth.saturating_sub(1);
        }
    }
    found
}

/// The names in `text` that stand for nothing, all of them.
pub(super) fn unknown_names(text: &str, context: &Context) -> Vec<TemplateMistake> {
    let names = context.names();
    let groups: Vec<&str> = names
        .iter()
        .filter_map(|name| Some(name.split_once('.')?.0))
        .collect();
    let is_ours = |word: &str| match word.split_once('.') {
        Some(("parameters" | "package" | "zone", _)) => true,
        Some((group, _)) => groups.contains(&group),
        None => false,
    };
    words(text)
        .into_iter()
        .filter(|(_, word)| is_ours(word) && !names.iter().any(|name| name == word))
        .map(|(span, word)| unknown_name(span, word, context))
        .collect()
}

fn unknown_name(span: Range<usize>, word: &str, context: &Context) -> TemplateMistake {
    let names = &context.names();
    let knows_parameters = context.data.get("parameters").is_some();
    let last = |name: &str| name.rsplit('.').next().unwrap_or("").to_string();
    let group = word.split_once('.').map_or("", |(group, _)| group);
    let in_group: Vec<&String> = names
        .iter()
        .filter(|name| {
            name.strip_prefix(group)
                .is_some_and(|rest| rest.starts_with('.'))
        })
        .collect();
    let by_last = names.iter().find(|name| last(name) == last(word));
    let meant = nearest(word, &in_group)
        .or_else(|| by_last.map(String::as_str))
        .or_else(|| nearest(word, names));
    let help = match meant {
        // the name is right, but a block looks it up in what it is about
        Some(name) if name == word => format!("inside of a block write `@root.{name}`"),
        Some(name) => format!("did you mean `{name}`?"),
        None if group == "parameters" && !knows_parameters => {
            "a default can name only `package.…` and `zone.…`".to_string()
        }
        None if group == "parameters" && in_group.is_empty() => {
            format!("declare `{}` in `[parameters]`", last(word))
        }
        None if in_group.is_empty() => format!("the names are {}", list_of(names)),
        None => there_are(&in_group),
    };
    TemplateMistake {
        span,
        message: format!("unknown name {} in a template", quoted(word)),
        label: "stands for nothing".to_string(),
        help: Some(help),
        rule: "template-name",
        instead: meant.map(|name| match name == word {
            true => format!("@root.{name}"),
            false => name.to_string(),
        }),
    }
}

/// The words between `{{` and `}}` with their places; no text literals, comments or hash names.
pub(super) fn words(text: &str) -> Vec<(Range<usize>, &str)> {
    tags(text)
        .into_iter()
        .flat_map(|tag| words_of_tag(text, tag))
        .collect()
}

/// What stands between each `{{` and `}}`; no comments.
pub(super) fn tags(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text
        .get(at..)
        .and_then(|rest| rest.find("{{"))
        .map(|n| at + n)
    {
        // one backslash makes braces of braces, two make a backslash
        let before = text.get(..start).unwrap_or("");
        let is_escaped = before.ends_with('\\') && !before.ends_with("\\\\");
        let body_start = start + 2;
        let body = text.get(body_start..).unwrap_or("");
        let ending = if body.starts_with("!--") {
            "--}}"
        } else {
            "}}"
        };
        let Some(length) = body.find(ending) else {
            break;
        };
        if !is_escaped && !body.starts_with('!') {
            found.push(body_start..body_start + length);
        }
        at = body_start + length + ending.len();
    }
    found
}

pub(super) fn words_of_tag(text: &str, tag: Range<usize>) -> Vec<(Range<usize>, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || "-_.$@".contains(c);
    let mut found = Vec::new();
    let mut at = tag.start;
    while let Some(rest) = text.get(at..tag.end).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or(' ');
        if first == '"' || first == '\'' {
            let inside = rest.get(1..).and_then(|inside| inside.find(first));
            at += inside.map_or(rest.len(), |length| length + 2);
        } else if is_word(first) {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let word = rest.get(..length).unwrap_or("");
            if !rest.get(length..).unwrap_or("").starts_with('=') {
                found.push((at..at + length, word));
            }
            at += length;
        } else {
            at += first.len_utf8();
        }
    }
    found
}

pub(super) fn syntax_mistake(text: &str, error: &handlebars::TemplateError) -> TemplateMistake {
    let reason = match error.reason() {
        TemplateErrorReason::MismatchingClosedHelper(opened, closed) => {
            format!("`{opened}` was opened, but `{closed}` is closed")
        }
        TemplateErrorReason::InvalidSyntax(_) => "handlebars cannot read this".to_string(),
        other => other.to_string(),
    };
    TemplateMistake {
        span: place(text, error.pos()),
        message: "this template does not parse".to_string(),
        label: reason,
        help: matches!(error.reason(), TemplateErrorReason::InvalidSyntax(_)).then(|| {
            "each `{{` needs its `}}`; two braces that are no template are written `\\{{`"
                .to_string()
        }),
        rule: "template-syntax",
        instead: None,
    }
}

pub(super) fn render_mistake(
    text: &str,
    context: &Context,
    error: &handlebars::RenderError,
) -> TemplateMistake {
    let span = place(text, error.line_no.zip(error.column_no));
    if let RenderErrorReason::MissingVariable(Some(name)) = error.reason() {
        let tag = text.get(span.clone()).unwrap_or("");
        let exact = tag
            .find(name.as_str())
            .map(|n| span.start + n..span.start + n + name.len());
        return unknown_name(exact.unwrap_or(span), name, context);
    }
    let (message, help) = match error.reason() {
        RenderErrorReason::HelperNotFound(name) => (
            format!("unknown helper {} in a template", quoted(name)),
            Some("the helpers are `dashed`, `mib`, `join` and those of handlebars".to_string()),
        ),
        RenderErrorReason::ParamTypeMismatchForName(helper, name, wanted) => (
            format!("the {name} given to `{helper}` is not {wanted}"),
            None,
        ),
        RenderErrorReason::IOError(_) => return too_large(),
        RenderErrorReason::ParamNotFoundForName(helper, name) => {
            (format!("`{helper}` lacks its {name}"), None)
        }
        other => (format!("this template cannot be rendered: {other}"), None),
    };
    TemplateMistake {
        span,
        message,
        label: String::new(),
        help,
        rule: "template-syntax",
        instead: None,
    }
}

/// The tag at a 1-based line and column, or what is left of its line.
pub(super) fn place(text: &str, position: Option<(usize, usize)>) -> Range<usize> {
    let Some((line, column)) = position else {
        return 0..0;
    };
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let rest = text.get(before..).unwrap_or("");
    let in_line: usize = rest
        .chars()
        .take(column.saturating_sub(1))
        .map(char::len_utf8)
        .sum();
    let start = (before + in_line).min(text.len());
    let rest = text.get(start..).unwrap_or("");
    let line_end = rest.find('\n').unwrap_or(rest.len());
    let tag_end = rest.find("}}").map_or(line_end, |end| end + 2);
    start..start + tag_end.min(line_end)
}
