//! `/usr/sbin/imgadm`: the host's images and where they come from.
//!
//! Nothing is downloaded: an import makes the sandbox's own image known under a real one's uuid.

pub(crate) mod catalogue;
mod table;

use std::ffi::OsString;
use std::io::{self, Write};

use serde_json::{Value, json};

use catalogue::{IMAGES, Listed, SIZE, SOURCE, find};
use table::Query;

use crate::sandbox::control::Request;
use crate::sandbox::emulate::Emulated;
use crate::sandbox::host::{Live, change, host_state, in_global, not_emulated};
use crate::sandbox::vm::check::is_uuid;
use crate::sandbox::vm::vmadm::Host;

/// The command of this module.
pub(crate) const COMMANDS: &[Emulated] = &[Emulated {
    path: "/usr/sbin/imgadm",
    run: run_command,
}];

fn run_command(args: &[OsString]) -> i32 {
    in_global("imgadm", args, run)
}

/// An error as the command reports it.
struct Failure {
    code: &'static str,
    message: String,
    status: i32,
}

fn failure(code: &'static str, message: String) -> Failure {
    let status = match code {
        "ImageNotInstalled" | "OriginNotInstalled" => 3,
        _ => 1,
    };
    Failure {
        code,
        message,
        status,
    }
}

fn run(args: &[String]) -> io::Result<i32> {
    let Some((command, rest)) = args.split_first() else {
        return not_emulated("imgadm", "its help");
    };
    let words: Vec<&str> = rest.iter().map(String::as_str).collect();
    let outcome = match command.as_str() {
        "sources" => return sources(&words),
        "avail" => return list(&words, command, IMAGES.iter().collect(), false),
        "list" => {
            let here = host_state()?.images;
            let installed = |image: &&Listed| here.iter().any(|uuid| uuid == image.uuid);
            return list(
                &words,
                command,
                IMAGES.iter().filter(installed).collect(),
                true,
            );
        }
        "show" => show(&words)?,
        "get" => get(&words)?,
        "import" => import(&words)?,
        "delete" => delete(&words)?,
        "vacuum" => return vacuum(&words),
        "install" | "create" | "publish" | "update" | "ancestry" | "change-stream"
        | "avail-all" => {
            return not_emulated("imgadm", command);
        }
        other => {
            // (inferred)
            eprintln!("imgadm: error (UnknownCommand): unknown command: \"{other}\"");
            return Ok(1);
        }
    };
    match outcome {
        Ok(status) => Ok(status),
        Err(Failure {
            code,
            message,
            status,
        }) => {
            eprintln!("imgadm {command}: error ({code}): {message}");
            Ok(status)
        }
    }
}

type Done = io::Result<Result<i32, Failure>>;

fn sources(words: &[&str]) -> io::Result<i32> {
    let host = host_state()?;
    let mut sources = host.sources.unwrap_or_else(|| vec![SOURCE.to_owned()]);
    let mut output = io::stdout().lock();
    match words {
        [] => {
            for source in &sources {
                writeln!(output, "{source}")?;
            }
        }
        ["-v"] => {
            writeln!(output, "{:<30}  {:<8}  CHANNEL", "URL", "TYPE")?;
            for source in &sources {
                writeln!(output, "{source:<30}  {:<8}  -", "imgapi")?;
            }
        }
        ["-j"] => {
            let all: Vec<Value> = sources
                .iter()
                .map(|url| json!({ "url": url, "type": "imgapi" }))
                .collect();
            writeln!(output, "{}", serde_json::to_string_pretty(&all)?)?;
        }
        ["-a", url] | ["-f", "-a", url] => {
            if sources.iter().any(|known| known == url) {
                writeln!(
                    output,
                    "Already have \"imgapi\" image source \"{url}\", no change"
                )?;
            } else {
                sources.push((*url).to_owned());
                change(&Request::SetSources { sources })?;
                writeln!(output, "Added \"imgapi\" image source \"{url}\"")?;
            }
        }
        ["-d", url] => {
            let before = sources.len();
            sources.retain(|known| known != url);
            if sources.len() == before {
                writeln!(output, "Do not have image source \"{url}\", no change")?;
            } else {
                change(&Request::SetSources { sources })?;
                writeln!(output, "Deleted \"imgapi\" image source \"{url}\"")?;
            }
        }
        other => return not_emulated("imgadm sources", &other.join(" ")),
    }
    Ok(0)
}

/// An image as `list`, `avail` and `get` show it.
fn described(image: &Listed, is_installed: bool, clones: usize) -> Value {
    let mut shown = json!({ "manifest": image.manifest() });
    if let Some(shown) = shown.as_object_mut() {
        if is_installed {
            shown.insert("zpool".into(), "zones".into());
            shown.insert("source".into(), SOURCE.into());
            shown.insert("clones".into(), clones.into());
        } else {
            shown.insert("source".into(), SOURCE.into());
        }
    }
    shown
}

fn list(
    words: &[&str],
    command: &str,
    images: Vec<&Listed>,
    is_installed: bool,
) -> io::Result<i32> {
    let query = match Query::read(words) {
        Ok(query) => query,
        Err(option) => return not_emulated(&format!("imgadm {command}"), &option),
    };
    let has_source = host_state()?
        .sources
        .is_none_or(|list| list.iter().any(|url| url == SOURCE));
    if !is_installed && !has_source {
        eprintln!("imgadm avail: error (NoSources): imgadm has no configured sources");
        return Ok(1);
    }
    let machines = if is_installed {
        Live.machines()?
    } else {
        Vec::new()
    };
    let rows: Vec<Value> = images
        .into_iter()
        .map(|image| {
            let is_of = |m: &&serde_json::Map<String, Value>| {
                m.get("image_uuid") == Some(&json!(image.uuid))
            };
            described(image, is_installed, machines.iter().filter(is_of).count())
        })
        .collect();
    let text = match query.table(rows) {
        Ok(text) => text,
        Err(field) => return not_emulated(&format!("imgadm {command}"), &format!("field {field}")),
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(0)
}

/// The one uuid of a command line, and whether the options before it are known.
fn one_uuid<'a>(words: &[&'a str], known: &[&str]) -> Result<&'a str, Result<Failure, String>> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if *word == "-P" {
            match words.next() {
                Some(&"zones") => continue,
                pool => return Err(Err(format!("-P {}", pool.unwrap_or(&"")))),
            }
        }
        if word.starts_with('-') {
            if known.contains(word) {
                continue;
            }
            return Err(Err((*word).to_owned()));
        }
        return match is_uuid(word) {
            true => Ok(word),
            false => Err(Ok(failure(
                "InvalidUUID",
                format!("invalid uuid: \"{word}\""),
            ))),
        };
    }
    Err(Ok(failure("Usage", "incorrect number of args".into())))
}

/// Either the uuid or how the command ends.
macro_rules! uuid_of {
    ($words:expr, $command:expr, $known:expr) => {
        match one_uuid($words, $known) {
            Ok(uuid) => uuid,
            Err(Ok(failure)) => return Ok(Err(failure)),
            Err(Err(option)) => return not_emulated($command, &option).map(Ok),
        }
    };
}

fn not_found(uuid: &str) -> Failure {
    let message = format!("an active image \"{uuid}\" was not found in image sources");
    failure("ActiveImageNotFound", message)
}

fn show(words: &[&str]) -> Done {
    let uuid = uuid_of!(words, "imgadm show", &[]);
    let Some(image) = find(uuid) else {
        return Ok(Err(failure(
            "ImageNotFound",
            format!("image \"{uuid}\" was not found"),
        )));
    };
    println!("{}", serde_json::to_string_pretty(&image.manifest())?);
    Ok(Ok(0))
}

fn not_installed(uuid: &str) -> Failure {
    let message = format!("image \"{uuid}\" was not found on zpool \"zones\"");
    failure("ImageNotInstalled", message)
}

/// The names of the machines that are made of an image.
fn clones(uuid: &str) -> io::Result<Vec<String>> {
    let machines = Live.machines()?;
    let of_it = machines
        .iter()
        .filter(|m| m.get("image_uuid") == Some(&json!(uuid)));
    Ok(of_it
        .filter_map(|m| m.get("zfs_filesystem")?.as_str())
        .map(str::to_owned)
        .collect())
}

fn get(words: &[&str]) -> Done {
    let uuid = uuid_of!(words, "imgadm get", &[]);
    let is_here = host_state()?.images.iter().any(|known| known == uuid);
    let Some(image) = find(uuid).filter(|_| is_here) else {
        return Ok(Err(not_installed(uuid)));
    };
    let shown = described(image, true, clones(uuid)?.len());
    println!("{}", serde_json::to_string_pretty(&shown)?);
    Ok(Ok(0))
}

fn import(words: &[&str]) -> Done {
    let uuid = uuid_of!(words, "imgadm import", &["-q"]);
    let host = host_state()?;
    let Some(image) = find(uuid) else {
        return Ok(Err(not_found(uuid)));
    };
    let (name, version) = (image.name, image.version);
    if host.images.iter().any(|known| known == uuid) {
        println!("Image {uuid} ({name} {version}) is already installed, skipping");
        return Ok(Ok(0));
    }
    if host
        .sources
        .is_some_and(|sources| !sources.iter().any(|url| url == SOURCE))
    {
        let message = "imgadm has no configured sources".to_owned();
        return Ok(Err(failure("NoSources", message)));
    }
    if !image.is_here {
        let what = format!("the image {name} {version}");
        return not_emulated("imgadm import", &what).map(Ok);
    }
    let mebibytes = SIZE as f64 / 1024.0 / 1024.0;
    println!("Importing {uuid} ({name}@{version}) from \"{SOURCE}\"");
    println!("Gather image {uuid} ancestry");
    println!("Must download and install 1 image ({mebibytes:.1} MiB)");
    println!("Downloaded image {uuid} ({mebibytes:.1} MiB)");
    change(&Request::Import {
        uuid: uuid.to_owned(),
    })?;
    println!("Imported image {uuid} ({name}@{version})");
    Ok(Ok(0))
}

fn delete(words: &[&str]) -> Done {
    let uuid = uuid_of!(words, "imgadm delete", &[]);
    if !host_state()?.images.iter().any(|known| known == uuid) {
        return Ok(Err(not_installed(uuid)));
    }
    if let Some((first, rest)) = clones(uuid)?.split_first() {
        let others = match rest.len() {
            0 => String::new(),
            number => format!(" and {number} others..."),
        };
        let message = format!("image \"{uuid}\" has dependent clones: {first}{others}");
        return Ok(Err(failure("ImageHasDependentClones", message)));
    }
    change(&Request::Forget {
        uuid: uuid.to_owned(),
    })?;
    println!("Deleted image {uuid}");
    Ok(Ok(0))
}

fn vacuum(words: &[&str]) -> io::Result<i32> {
    if words != ["-f"] {
        return not_emulated("imgadm vacuum", "a question");
    }
    for image in IMAGES {
        let is_here = host_state()?.images.iter().any(|known| known == image.uuid);
        if is_here && clones(image.uuid)?.is_empty() {
            change(&Request::Forget {
                uuid: image.uuid.to_owned(),
            })?;
            let (name, version) = (image.name, image.version);
            println!("Deleted image {} ({name}@{version})", image.uuid);
        }
    }
    Ok(0)
}
