//! `zfs get`: properties with where their values come from.

use super::list::{Kinds, depth, kinds, meant, shown};
use super::properties::shown_property;
use super::{Deed, Ground, Planned, misuse, options};
use crate::sandbox::smf::answer::Answer;
use crate::sandbox::zfs::format;
use crate::sandbox::zfs::model::{Dataset, HIDDEN};

const USAGE: &str = "get [-rHp] [-d max] [-o \"all\" | field[,...]]\n\
    \t    [-t type[,...]] [-s source[,...]]\n\
    \t    <\"all\" | property[,...]> [filesystem|volume|snapshot] ...";

const FIELDS: &[&str] = &["name", "property", "value", "received", "source"];
const SOURCES: &[&str] = &[
    "local",
    "default",
    "inherited",
    "received",
    "temporary",
    "none",
];

/// `zfs get [-rHp] [-d N] [-o fields] [-t types] [-s sources] PROPERTIES NAME ...`
pub(super) fn get(ground: &Ground, given: &[String]) -> Planned {
    let options = options(given, "rHpd:o:t:s:", "", USAGE)?;
    let Some((wanted, names)) = options.operands.split_first() else {
        return Err(misuse("missing property argument", USAGE));
    };
    let fields = match options.value('o') {
        None => vec!["name", "property", "value", "source"],
        Some("all") => FIELDS.to_vec(),
        Some(text) => one_of(text, FIELDS, "invalid column name")?,
    };
    let sources = match options.value('s') {
        None => SOURCES.to_vec(),
        Some(text) => one_of(text, SOURCES, "invalid source")?,
    };
    let properties: Result<Vec<String>, Answer> = match wanted.as_str() {
        "all" => Ok(Vec::new()),
        list => list
            .split(',')
            .map(|word| shown_property(word, USAGE))
            .collect(),
    };
    let properties = properties?;
    let mut answer = Answer::default();
    let all = Kinds {
        filesystems: true,
        snapshots: true,
    };
    // Without names it is everything.
    let depth = depth(&options, USAGE)?;
    let found = meant(
        ground,
        names,
        kinds(&options, USAGE)?,
        all,
        depth,
        &mut answer,
    );
    let mut rows = Vec::new();
    for dataset in found {
        let own = shown_of(dataset, &properties);
        for property in own {
            let source = source(dataset, &property);
            let kind = kind_of(&source);
            if !sources.contains(&kind) {
                continue;
            }
            let cell = |field: &&str| match *field {
                "name" => dataset.name.clone(),
                "property" => property.clone(),
                "value" => shown(ground, dataset, &property, options.has('p')),
                "source" => source.clone(),
                _ => "-".to_owned(),
            };
            rows.push(fields.iter().map(cell).collect::<Vec<String>>());
        }
    }
    if options.has('H') {
        rows.iter().for_each(|row| answer.say(row.join("\t")));
    } else if !rows.is_empty() {
        rows.insert(0, fields.iter().map(|field| field.to_uppercase()).collect());
        answer.out = format::table(&rows, &[]);
    }
    Ok(vec![Deed::Say(answer)])
}

fn one_of<'a>(text: &'a str, known: &[&'a str], wrong: &str) -> Result<Vec<&'a str>, Answer> {
    let words = text.split(',').map(|word| match known.contains(&word) {
        true => Ok(word),
        false => Err(misuse(&format!("{wrong} '{word}'"), USAGE)),
    });
    words.collect()
}

/// The properties to show of a dataset: those asked for, or all that it has. What is counted in the
/// dark is shown only to those who name it.
fn shown_of(dataset: &Dataset, asked: &[String]) -> Vec<String> {
    if !asked.is_empty() {
        return asked.to_vec();
    }
    let shown = dataset.properties.iter().filter(|property| {
        let name = property.name.as_str();
        !name.starts_with(HIDDEN)
            && name != "createtxg"
            && !(name == "clones" && property.value.is_empty())
    });
    shown.map(|property| property.name.clone()).collect()
}

fn source(dataset: &Dataset, name: &str) -> String {
    let found = dataset.property(name);
    found.map_or_else(|| "-".to_owned(), |property| property.source.clone())
}

fn kind_of(source: &str) -> &'static str {
    match source {
        "-" => "none",
        source if source.starts_with("inherited") => "inherited",
        source => SOURCES
            .iter()
            .find(|known| **known == source)
            .unwrap_or(&"local"),
    }
}

#[cfg(test)]
mod tests {
    use crate::sandbox::zfs::asker::tests::global;
    use crate::sandbox::zfs::command::tests::{refusal, said};

    const POOL: &str = "zones\n\
        zones/a used=1536!- quota=0!default a:b=x zonewright.sandbox:zoned=on\n\
        zones/a@1 a:b=x!inherited~from~zones/a\n\
        zones/a/c a:b=y";

    #[test]
    fn each_property_comes_with_its_source() {
        assert_eq!(
            said(&global(), POOL, "get -Hp used,quota,a:b,c:d zones/a"),
            "zones/a\tused\t1536\t-\nzones/a\tquota\t0\tdefault\n\
             zones/a\ta:b\tx\tlocal\nzones/a\tc:d\t-\t-\n"
        );
        assert_eq!(
            said(&global(), POOL, "get -Ho value quota zones/a"),
            "none\n"
        );
        assert_eq!(
            said(&global(), POOL, "get used zones/a"),
            "NAME     PROPERTY  VALUE  SOURCE\nzones/a  used      1.50K  -\n"
        );
    }

    #[test]
    fn a_source_picks_and_a_tree_is_walked() {
        assert_eq!(
            said(&global(), POOL, "get -Hr -s local -o name,value a:b zones"),
            "zones/a\tx\nzones/a/c\ty\n"
        );
        assert_eq!(
            said(
                &global(),
                POOL,
                "get -H -d 1 -t snapshot -o name,value,source a:b zones/a"
            ),
            "zones/a@1\tx\tinherited from zones/a\n"
        );
    }

    #[test]
    fn nothing_of_the_sandbox_shows_in_all() {
        let all = said(&global(), POOL, "get -H all zones/a");
        assert!(!all.contains("zonewright.sandbox"), "{all}");
        assert!(all.contains("zones/a\tzoned\ton\tlocal\n"), "{all}");
    }

    #[test]
    fn unknown_words_are_usage_errors() {
        for (line, said) in [
            (
                "get nosuch zones",
                "bad property list: invalid property 'nosuch'",
            ),
            ("get -o nosuch all zones", "invalid column name 'nosuch'"),
            ("get -s nosuch all zones", "invalid source 'nosuch'"),
            ("get", "missing property argument"),
        ] {
            let (text, code) = refusal(&global(), POOL, line);
            assert_eq!((text.lines().next(), code), (Some(said), 2), "{line}");
        }
    }
}
