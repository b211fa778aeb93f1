//! Handlebars, strictly: an unknown name is an error, and values are escaped by the file's format.
//!
//! `{{#if parameters.typo}}` is no error to handlebars even in strict mode, and rendering stops at
//! the first unknown name; so names are looked up by `unknown_names` before anything is rendered.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use handlebars::{Handlebars, RenderErrorReason, TemplateErrorReason, handlebars_helper};
use serde_json::{Value, json};

use super::embed;
use super::format::{list_of, nearest, quoted, there_are};
use super::model::{FileKind, Package};
use super::units::parse_size;

/// Where pkgsrc packages live in a zone.
pub const PREFIX: &str = "/opt/local";

/// What templates may name.
#[derive(Debug, Clone)]
pub struct Context {
    data: Value,
}

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

/// How many bytes a template may have, a tag of it, and what is made of it.
const LONGEST: usize = 256 << 10;
const LONGEST_TAG: usize = 1024;
const LARGEST: usize = 1 << 20;

/// For each tag handlebars counts the lines of all the text before it: this takes a second or so.
const MOST_WORK: usize = 1 << 27;

/// How many values may stand in a file.
const MOST_VALUES: usize = 10_000;

/// How many blocks may stand in each other: handlebars' effort grows with a power of it.
const MOST_NESTED: usize = 8;

/// What handlebars knows and recipes do without, because it need not come to an end: partials that
/// name each other overflow its stack, and blocks in blocks keep it busy for hours.
fn refused_tags(text: &str) -> Vec<TemplateMistake> {
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
fn unknown_names(text: &str, context: &Context) -> Vec<TemplateMistake> {
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
fn words(text: &str) -> Vec<(Range<usize>, &str)> {
    tags(text)
        .into_iter()
        .flat_map(|tag| words_of_tag(text, tag))
        .collect()
}

/// What stands between each `{{` and `}}`; no comments.
fn tags(text: &str) -> Vec<Range<usize>> {
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

fn words_of_tag(text: &str, tag: Range<usize>) -> Vec<(Range<usize>, &str)> {
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

fn syntax_mistake(text: &str, error: &handlebars::TemplateError) -> TemplateMistake {
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

fn render_mistake(
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
fn place(text: &str, position: Option<(usize, usize)>) -> Range<usize> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn context(name: &str) -> Context {
        let zone = super::super::bundle::ZoneContext {
            alias: "vault".to_string(),
            brand: "joyent".to_string(),
            branch: "2024Q4".to_string(),
            users: Vec::new(),
        };
        let package = Package {
            name: "thing".to_string(),
            version: "4.5.2".to_string(),
            ..Package::default()
        };
        let parameters = json!({ "server-name": name, "limit": 1_u64 << 40, "on": false });
        Context::for_defaults(&package, &zone)
            .with_parameters(parameters, &[("matt".to_string(), 1001)])
    }

    fn rendered(kind: FileKind, value: &str) -> Result<String, Vec<TemplateMistake>> {
        render("<{{parameters.server-name}}>", kind, &context(value))
    }

    #[test]
    fn nothing_is_escaped_as_html() {
        let value = "a&b<c>\"d\"'e'`=";
        assert_eq!(rendered(FileKind::Plain, value), Ok(format!("<{value}>")));
        assert_eq!(rendered(FileKind::AfpConf, value), Ok(format!("<{value}>")));
    }

    #[test]
    fn values_are_escaped_by_the_format_of_the_file() {
        let value = "a&b<c>\"d\"'\n$x";
        let xml = "<a&amp;b&lt;c&gt;&quot;d&quot;&apos;&#10;$x>";
        assert_eq!(rendered(FileKind::Xml, value).as_deref(), Ok(xml));
        let json = "\"<a&b<c>\\\"d\\\"'\\n$x>\"";
        let in_quotes = render(
            "\"<{{parameters.server-name}}>\"",
            FileKind::Json,
            &context(value),
        );
        assert_eq!(in_quotes.as_deref(), Ok(json));
        assert_eq!(rendered(FileKind::Shell, "a b").as_deref(), Ok("<'a b'>"));
        let shell = rendered(FileKind::Shell, "it's; $(id)").unwrap();
        let words = shlex::split(shell.trim_matches(['<', '>'])).unwrap();
        assert_eq!(words, ["it's; $(id)"]);
        assert_eq!(rendered(FileKind::Shell, "").as_deref(), Ok("<''>"));
    }

    #[test]
    fn what_a_format_cannot_hold_is_refused_and_placed() {
        let setting = |value: &str| {
            let text = "x = {{parameters.server-name}}\n";
            render(text, FileKind::AfpConf, &context(value))
        };
        for value in ["a;b", "a#b", "a\n[b]", "a\tb", " a", "a "] {
            let mistakes = setting(value).unwrap_err();
            assert_eq!(mistakes.len(), 1, "{value:?}");
            assert_eq!(mistakes[0].span, 6..28, "{value:?}");
        }
        for raw in [
            "{{{parameters.server-name}}}",
            "{{& parameters.server-name}}",
        ] {
            assert!(render(raw, FileKind::AfpConf, &context("a")).is_err());
            assert_eq!(
                render(raw, FileKind::Plain, &context("a")).as_deref(),
                Ok("a")
            );
        }
        assert!(rendered(FileKind::Xml, "\u{1}").is_err());
        assert_eq!(rendered(FileKind::AfpConf, "").as_deref(), Ok("<>"));
    }

    #[test]
    fn helpers_count_join_and_dash() {
        for (text, expected) in [
            ("{{dashed package.version}}", "4-5-2"),
            ("{{mib parameters.limit}}", "1048576"),
            ("{{mib parameters.limit percent=95}}", "996147"),
            ("{{mib '2 GiB'}}", "2048"),
            ("{{join users \"name\" \",\"}}", "matt"),
            ("{{#if parameters.on}}yes{{else}}no{{/if}}", "no"),
            ("{{#each users}}{{name}}={{uid}}{{/each}}", "matt=1001"),
            ("{{#each users}}{{@root.package.name}}{{/each}}", "thing"),
            ("\\{{package.version}}", "{{package.version}}"),
            ("{{! package.nothing }}{{!-- }} zone.nothing --}}x", "x"),
            (
                "{{#if (eq zone.brand \"zone.nothing\")}}{{else}}x{{/if}}",
                "x",
            ),
        ] {
            let result = render(text, FileKind::Plain, &context("x"));
            assert_eq!(result.as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn every_unknown_name_is_found_even_inside_conditions() {
        let text =
            "{{#if parameters.a}}{{package.b}}{{/if}}{{#unless zone.c}}{{/unless}}{{users.d}}";
        let mistakes = render(text, FileKind::Plain, &context("x")).unwrap_err();
        let words: Vec<&str> = mistakes.iter().map(|m| &text[m.span.clone()]).collect();
        assert_eq!(words, ["parameters.a", "package.b", "zone.c"]);
    }

    #[test]
    fn what_need_not_come_to_an_end_is_refused() {
        let nested = |depth: usize, inside: &str| {
            let (open, close) = ("{{#if package.name}}", "{{/if}}");
            format!("{}{inside}{}", open.repeat(depth), close.repeat(depth))
        };
        let laughs = format!("{{{{#each users}}}}{}{{{{/each}}}}", "x".repeat(100_000));
        for (text, message) in [
            ("{{> x}}".to_owned(), "cannot include another"),
            ("{{~ > x}}".to_owned(), "cannot include another"),
            ("\\\\{{> x}}".to_owned(), "cannot include another"),
            ("{{#> x}}{{/x}}".to_owned(), "cannot include another"),
            (
                "{{# * inline \"a\"}}{{> a}}{{/inline}}".to_owned(),
                "cannot include another",
            ),
            (nested(9, "x"), "too many blocks"),
            (format!("{{{{{}}}}}", "a".repeat(1025)), "tag is too long"),
            (
                format!("{{{{{}}}}}", "(a ".repeat(20_000)),
                "tag is too long",
            ),
            ("x".repeat((256 << 10) + 1), "template is too long"),
            ("{{users}}".repeat(10_000), "too many tags"),
            (laughs.repeat(2), ""),
        ] {
            match render(&text, FileKind::Plain, &context("x")) {
                Ok(made) => assert!(message.is_empty() && made.len() == 200_000, "{message}"),
                Err(mistakes) => {
                    assert!(mistakes[0].message.contains(message), "{:?}", mistakes[0]);
                    assert!(!message.is_empty(), "{:?}", mistakes[0]);
                }
            }
        }
        let fits = nested(8, "{{zone.alias}}");
        assert_eq!(
            render(&fits, FileKind::Plain, &context("x")).as_deref(),
            Ok("vault")
        );
    }

    #[test]
    fn a_template_that_makes_too_much_is_refused() {
        let users: Vec<(String, u32)> = (0..100).map(|uid| (format!("u{uid}"), uid)).collect();
        let many = context("x").with_parameters(json!({}), &users);
        let text = format!("{{{{#each users}}}}{}{{{{/each}}}}", "x".repeat(100_000));
        let mistakes = render(&text, FileKind::Plain, &many).unwrap_err();
        assert_eq!(mistakes, [too_large()]);
        let long = context(&"x".repeat(200_000));
        let text = "{{parameters.server-name}}";
        assert!(render(&text.repeat(5), FileKind::Plain, &long).is_ok());
        assert_eq!(
            render(&text.repeat(6), FileKind::Plain, &long),
            Err(vec![too_large()])
        );
        let values = |more: &str| {
            let text = format!(
                "{{{{#each users}}}}{}{{{{/each}}}}{more}",
                "{{name}}".repeat(100)
            );
            [FileKind::Plain, FileKind::Xml, FileKind::Shell]
                .map(|kind| render(&text, kind, &many).is_ok())
        };
        assert_eq!(values(""), [true; 3]);
        assert_eq!(values("{{package.name}}"), [false; 3]);
    }

    #[test]
    fn two_backslashes_do_not_hide_a_name() {
        let text = "\\\\{{#if parameters.a}}{{/if}}\\{{parameters.b}}";
        let mistakes = render(text, FileKind::Plain, &context("x")).unwrap_err();
        let words: Vec<&str> = mistakes.iter().map(|m| &text[m.span.clone()]).collect();
        assert_eq!(words, ["parameters.a"]);
    }

    #[test]
    fn a_wrong_use_of_a_helper_is_a_mistake() {
        for text in [
            "{{dashed}}",
            "{{mib 'many'}}",
            "{{join users}}",
            "{{nothing}}",
            "{{users.0.shell}}",
            "{{#each parameters}}",
            "{{",
            "{{> partial}}",
            "{{dashed zone}}",
        ] {
            assert!(
                render(text, FileKind::Plain, &context("x")).is_err(),
                "{text}"
            );
        }
    }
}
