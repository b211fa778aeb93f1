//! `zonewright recipe fetch`: everything that a build will want from the network, now.

use serde_json::{Value, json};

use super::super::{DONE, FAILED, Failure, answer, answer_json, complain, site};
use super::desk;
use crate::build_system;
use crate::cli::Global;
use crate::cli::author::FetchArgs;
use crate::recipe::load::load_recipe;
use crate::recipe::sample::sources;
use crate::show::Style;
use crate::show::progress::Progress;
use crate::site::load::recipe_names;
use crate::size::show_size;
use crate::source::Patience;
use crate::source::fetch::Fetcher;

pub(super) fn run(global: &Global, arguments: &FetchArgs) -> Result<u8, Failure> {
    let site = site(global)?;
    let names: Vec<String> = if arguments.recipes.is_empty() {
        recipe_names(&site)
    } else {
        arguments.recipes.iter().map(|name| stem(name)).collect()
    };
    let cache = desk::cache()?;
    let distfiles = desk::distfiles(&site, &arguments.distfiles);
    let fetcher = Fetcher::new(&cache, &distfiles, Patience::default());
    let mut progress = Progress::new(Style::stderr(global.color), global.verbose, String::new());
    let mut documents = Vec::new();
    let mut status = DONE;
    for name in &names {
        let loaded = match load_recipe(&site, name, &build_system::names()) {
            Ok(loaded) => loaded,
            Err(problems) if names.len() == 1 => return Err(problems.into()),
            Err(problems) => {
                complain(&problems.into(), global);
                status = FAILED;
                continue;
            }
        };
        for (number, source) in sources(&loaded)?.iter().enumerate() {
            let fetched = match desk::fetch(&fetcher, source, &loaded, number, &mut progress) {
                Ok(fetched) => fetched,
                Err(failure) => {
                    complain(&failure, global);
                    status = FAILED;
                    continue;
                }
            };
            let is_known = if fetched.verified {
                ""
            } else {
                ", NOT VERIFIED"
            };
            if !global.json {
                let path = fetched.path.display();
                let (bytes, from) = (show_size(fetched.size), &fetched.from);
                answer(&format!(
                    "{name}: {path}\n  {bytes} from {from}{is_known}\n"
                ));
            }
            documents.push(json!({
                "recipe": name,
                "source": number,
                "path": fetched.path,
                "sha256": fetched.sha256,
                "size": fetched.size,
                "from": fetched.from,
                "verified": fetched.verified,
            }));
        }
    }
    if global.json {
        answer_json(
            "recipe-fetch",
            json!({ "fetched": Value::Array(documents) }),
        );
    }
    Ok(status)
}

/// A recipe's name, from that or from its path.
fn stem(text: &str) -> String {
    let name = text.rsplit('/').next().unwrap_or(text);
    let plain = name
        .strip_suffix(".toml")
        .or_else(|| name.strip_suffix(".json"));
    plain.unwrap_or(name).to_owned()
}
