//! What templates make of values and names, and where their mistakes are found.

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
    let text = "{{#if parameters.a}}{{package.b}}{{/if}}{{#unless zone.c}}{{/unless}}{{users.d}}";
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
