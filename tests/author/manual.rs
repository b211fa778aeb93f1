//! The manual of keys, rules and commands.

use super::run;

#[test]
fn a_key_is_explained_with_what_it_takes_and_a_line_of_a_recipe_that_ships() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), &["recipe", "explain", "source.debian"]).exits(0);
    for part in [
        "source.debian (in `[[source]]` of a recipe)\n",
        "tried after `urls`",
        "  takes  a table\n",
        "release            the Debian release that carries it (required)",
        "  as in  debian = { package = \"fping\"",
        "(recipes/fping.toml, line ",
    ] {
        assert!(ran.out.contains(part), "{part}: {ran}");
    }
    let rule = run(folder.path(), &["recipe", "explain", "archive-url"]).exits(0);
    assert!(
        rule.out
            .contains("(rule of `recipe check`: warning; a recipe can allow it)"),
        "{rule}"
    );
    let wrong = run(folder.path(), &["recipe", "explain", "source.patchs"]).exits(2);
    assert!(
        wrong.err.contains("did you mean `source.patches`?"),
        "{wrong}"
    );
}

#[test]
fn without_an_argument_every_key_and_rule_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let text = run(folder.path(), &["recipe", "explain"]).exits(0).out;
    let json = run(folder.path(), &["recipe", "explain", "--json"])
        .exits(0)
        .out;
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(document["schema"], "zonewright/recipe-explain/v1");
    let keys = document["keys"].as_array().unwrap();
    let rules = document["rules"].as_array().unwrap();
    assert!(keys.len() > 100 && rules.len() > 30);
    for key in keys {
        let path = key["paths"][0].as_str().unwrap();
        assert!(text.contains(&format!("\n  {path} ")), "{path}");
        assert!(key["text"].as_str().unwrap().len() > 11, "{key}");
    }
    for rule in rules {
        let name = rule["name"].as_str().unwrap();
        assert!(text.contains(&format!("\n  {name} ")), "{name}");
        assert!(rule["text"].as_str().unwrap().len() > 60, "{rule}");
    }
}

#[test]
fn both_schemas_are_printed_and_the_help_says_how_editors_find_them() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, key) in [("recipe", "build"), ("zone", "zone")] {
        let ran = run(folder.path(), &["recipe", "schema", kind]).exits(0);
        let schema: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert!(schema["properties"][key].is_object(), "{kind}");
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    }
    let help = run(folder.path(), &["recipe", "schema", "--help"]).exits(0);
    assert!(
        help.out.contains("#:schema ../schema/recipe.json"),
        "{help}"
    );
}

#[test]
fn there_are_completions_and_a_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = run(folder.path(), &["completions", shell]).exits(0);
        assert!(ran.out.contains("explain"), "{shell}");
    }
    run(folder.path(), &["man", "pages"]).exits(0);
    let page =
        |name: &str| std::fs::read_to_string(folder.path().join("pages").join(name)).unwrap();
    let text = page("zonewright-recipe-explain.1");
    assert!(
        text.contains(".SH EXAMPLES\n.nf\n\\&  zonewright recipe explain "),
        "{text}"
    );
    assert!(page("zonewright.1").contains("zonewright\\-apply(1)"));
}
