//! `zonewright recipe new`: a first recipe, from what an archive of sources says of itself.
//!
//! Everything is put together before the first file is written, and a file that is there stays.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::super::{DONE, Failure, USAGE, answer, site};
use super::desk;
use crate::build_system;
use crate::cli::Global;
use crate::cli::author::NewRecipeArgs;
use crate::desk::draft::{self, Archive, Draft, Files, Place};
use crate::problem::Severity;
use crate::recipe::format::Format;
use crate::recipe::load::{check_recipe, load_recipe};
use crate::recipe::model::{DebianSource, Source};
use crate::run::Event;
use crate::script::quote;
use crate::show::progress::Progress;
use crate::show::{Style, problems};
use crate::site::SiteRoot;
use crate::source::Patience;
use crate::source::fetch::{Fetched, Fetcher};
use crate::source::releases::upstream_of;
use crate::source::tree::{Entry, Tree};
use crate::source::unpack::{Limits, unpack};

/// The release of Debian in which an archive's source package is looked for.
const RELEASE: &str = "trixie";

pub(super) fn run(global: &Global, arguments: &NewRecipeArgs) -> Result<u8, Failure> {
    let site = site(global)?;
    let name = &arguments.name;
    if Format::PackageName.check(name).is_err() {
        return Err(Failure::usage(
            &format!("`{name}` cannot be the name of a recipe"),
            "write letters, digits, `-`, `_` and `.`, as in `netatalk-4.2`",
        ));
    }
    let Some(folder) = site.folder().map(Path::to_path_buf) else {
        return Err(Failure::usage(
            "there is no site here to put a recipe into",
            "make one with `zonewright new DIR`, or name it with --site",
        ));
    };
    refuse_existing(
        &folder,
        &[
            format!("recipes/{name}.toml"),
            format!("recipes/{name}.json"),
        ],
    )?;
    let has_schema = folder.join("schema/recipe.json").is_file();
    if let Some(like) = &arguments.like {
        copy(&site, &folder, like, name)?;
        return finish(&site, name, global);
    }
    let style = Style::stderr(global.color);
    let mut progress = Progress::new(style, global.verbose, String::new());
    let draft = match &arguments.from {
        None => draft::skeleton(name, has_schema),
        Some(from) => from_archive(name, from, &site, &folder, has_schema, &mut progress)?,
    };
    write(&folder, name, &draft)?;
    finish(&site, name, global)
}

/// Another recipe under this name, with patches and templates of its own: those of the other one may be used by
/// more recipes, which would change with them.
fn copy(site: &SiteRoot, folder: &Path, like: &str, name: &str) -> Result<(), Failure> {
    let loaded = load_recipe(site, like, &build_system::names()).map_err(Failure::from)?;
    let source = &loaded.document.source;
    let ending = match source.path.extension() {
        Some(ending) if ending == "json" => "json",
        _ => "toml",
    };
    let patches = loaded.patches.iter();
    let patches = patches.map(|(file, patch)| ("patches", file, &patch.bytes[..]));
    let templates = loaded.templates.iter();
    let templates = templates.map(|(file, text)| ("templates", file, text.text.as_bytes()));
    let mut text = source.text.clone();
    let mut files = Vec::new();
    for (folder, file, bytes) in patches.chain(templates) {
        let below = file
            .split_once('/')
            .map_or(file.as_str(), |(_, below)| below);
        let mut own = format!("{name}/{below}");
        if files
            .iter()
            .any(|(path, _)| *path == format!("{folder}/{own}"))
        {
            own = format!("{name}/{file}");
        }
        for quotes in ['"', '\''] {
            let quoted = |file: &str| format!("{quotes}{file}{quotes}");
            text = text.replace(&quoted(file), &quoted(&own));
        }
        files.push((format!("{folder}/{own}"), bytes));
    }
    files.push((format!("recipes/{name}.{ending}"), text.as_bytes()));
    for (path, bytes) in files {
        let target = folder.join(&path);
        if target.is_file() {
            answer(&format!("kept {path}, which is there already\n"));
            continue;
        }
        create(&target, bytes)?;
        answer(&format!("wrote {path}\n"));
    }
    Ok(())
}

/// Checks what was written, and says what to do next.
fn finish(site: &SiteRoot, name: &str, global: &Global) -> Result<u8, Failure> {
    let (_, found) = check_recipe(site, name, &build_system::names());
    let style = Style::stdout(global.color);
    answer(&problems::render(&found, style.color));
    let is_bad = found
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    let name = quote(name);
    answer(&format!(
        "\nRead it from top to bottom, then:\n  zonewright recipe check {name}\n"
    ));
    Ok(if is_bad { USAGE } else { DONE })
}

fn refuse_existing(folder: &Path, names: &[String]) -> Result<(), Failure> {
    match names
        .iter()
        .find(|name| folder.join(name).symlink_metadata().is_ok())
    {
        None => Ok(()),
        Some(there) => Err(Failure::usage(
            &format!("`{there}` is there already, and stays as it is"),
            "choose another name",
        )),
    }
}

fn write(folder: &Path, name: &str, draft: &Draft) -> Result<(), Failure> {
    let names: Vec<String> = draft
        .templates
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    refuse_existing(folder, &names)?;
    let recipe = (format!("recipes/{name}.toml"), draft.recipe.clone());
    for (path, text) in draft.templates.iter().chain([&recipe]) {
        create(&folder.join(path), text.as_bytes())?;
        answer(&format!("wrote {path}\n"));
    }
    Ok(())
}

/// A new file, with the folders above it; never over one that is there.
pub(in crate::command) fn create(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let put = || -> std::io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(bytes)
    };
    put().map_err(|error| {
        let message = format!("cannot write `{}`: {error}", path.display());
        Failure::text_only(
            &message,
            "see that the folder can be written to and lacks the file",
        )
    })
}

fn from_archive(
    name: &str,
    from: &str,
    site: &SiteRoot,
    folder: &Path,
    has_schema: bool,
    progress: &mut Progress,
) -> Result<Draft, Failure> {
    let cache = desk::cache()?;
    let distfiles = desk::distfiles(site, &[]);
    let fetcher = Fetcher::new(&cache, &distfiles, Patience::default());
    let is_url = ["https://", "http://"]
        .iter()
        .any(|scheme| from.starts_with(scheme));
    let (fetched, file_name, mut place) = if is_url {
        let name = from.rsplit('/').next().unwrap_or(from).to_owned();
        (
            fetch(&fetcher, from, progress)?,
            name,
            Place::Url(from.to_owned()),
        )
    } else {
        let (fetched, name) = given(from)?;
        (fetched, name, Place::File)
    };
    let mut tree = Tree::new();
    unpack(&fetched.path, 0, &mut tree, &Limits::default())
        .map_err(|error| Failure::of(&error, error.help()))?;
    let top = top_folder(&tree);
    if place == Place::File {
        place = debian_place(&fetcher, &file_name, &fetched.sha256, progress).unwrap_or(place);
    }
    let archive = Archive {
        name: file_name,
        place,
        sha256: fetched.sha256.clone(),
        size: fetched.size,
        files: files(&tree, top.as_deref()),
        top,
    };
    let found = draft::look(&archive);
    if !is_url {
        keep(&fetched.path, &archive.name, folder)?;
    }
    let license = found
        .license
        .as_ref()
        .map_or("unknown", |(license, _)| license);
    answer(&format!(
        "{}: {} {}, {}, licence {license}, {} options\n",
        archive.name,
        found.name.as_deref().unwrap_or(name),
        found.version.as_deref().unwrap_or("(no version)"),
        found.system,
        found.options.len()
    ));
    Ok(draft::write(name, &archive, &found, has_schema))
}

fn fetch(fetcher: &Fetcher<'_>, url: &str, progress: &mut Progress) -> Result<Fetched, Failure> {
    let source = Source {
        urls: vec![url.to_owned()],
        unverified: Some("its checksum is being made".to_owned()),
        ..Source::default()
    };
    let fetched = fetcher.fetch(&source, &mut |event| progress.show(&Event::Fetch(event)));
    progress.stop();
    fetched.map_err(|error| {
        Failure::of(
            &error,
            "see that the URL is right, or fetch the file yourself and name that",
        )
    })
}

/// A file that was named on the command line.
fn given(from: &str) -> Result<(Fetched, String), Failure> {
    let path = PathBuf::from(from);
    let bytes = fs::read(&path).map_err(|error| {
        let message = format!("cannot read `{from}`: {error}");
        Failure::usage(
            &message,
            "name an archive, or a URL that begins with `https://`",
        )
    })?;
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    if name.ends_with(".dsc") {
        return Err(described(&path, &name, &String::from_utf8_lossy(&bytes)));
    }
    let fetched = Fetched {
        sha256: crate::receipt::sha256_hex(&bytes),
        size: bytes.len() as u64,
        from: from.to_owned(),
        verified: false,
        path,
    };
    Ok((fetched, name))
}

/// A `.dsc` is the description of a Debian source package; the archive lies beside it.
fn described(path: &Path, name: &str, text: &str) -> Failure {
    let mut words = text.split_whitespace();
    let original = words.find(|word| word.contains(".orig.tar.") && !word.ends_with(".asc"));
    let help = match original {
        Some(file) => {
            let beside = path.with_file_name(file);
            format!(
                "name the archive beside it: `--from {}`",
                quote(&beside.to_string_lossy())
            )
        }
        None => "name the archive that lies beside it".to_owned(),
    };
    Failure::usage(
        &format!("`{name}` only describes a Debian source package"),
        &help,
    )
}

/// The archive goes where builds look for it by its name.
fn keep(path: &Path, name: &str, folder: &Path) -> Result<(), Failure> {
    let target = folder.join("distfiles").join(name);
    if target.exists() {
        return Ok(());
    }
    let bytes = fs::read(path).map_err(|error| Failure::of(&error, "make the file readable"))?;
    create(&target, &bytes)?;
    answer(&format!("copied {name} to distfiles/\n"));
    Ok(())
}

/// `NAME_VERSION.orig.tar.xz` is a file of a Debian source package, and Debian's lists say of which
/// one, if they can be read.
fn debian_place(
    fetcher: &Fetcher<'_>,
    file: &str,
    sha256: &str,
    progress: &mut Progress,
) -> Option<Place> {
    let (package, version) = file.split_once(".orig.tar.")?.0.split_once('_')?;
    let wanted = DebianSource {
        package: package.to_owned(),
        version: version.to_owned(),
        release: RELEASE.to_owned(),
        file: file.to_owned(),
    };
    let records =
        fetcher.debian_versions(&wanted, &mut |event| progress.show(&Event::Fetch(event)));
    progress.stop();
    let records = records.ok()?;
    let is_it = |(name, sum): &(String, String)| name == file && sum == sha256;
    let record = records
        .iter()
        .rfind(|record| record.files.iter().any(is_it))?;
    (upstream_of(&record.version) == upstream_of(version)).then(|| {
        Place::Debian(
            package.to_owned(),
            record.version.clone(),
            RELEASE.to_owned(),
        )
    })
}

/// The one folder that everything is in.
fn top_folder(tree: &Tree) -> Option<String> {
    let mut tops = tree.iter().map(|(path, _)| {
        let text = path.to_string();
        text.split_once('/').map(|(top, _)| top.to_owned())
    });
    let first = tops.find_map(|top| top)?;
    let is_inside = |path: &str| path == first || path.starts_with(&format!("{first}/"));
    tree.iter()
        .all(|(path, _)| is_inside(&path.to_string()))
        .then_some(first)
}

fn files<'t>(tree: &'t Tree, top: Option<&str>) -> Files<'t> {
    let files = tree.iter().filter_map(|(path, entry)| {
        let Entry::File { bytes, .. } = entry else {
            return None;
        };
        let path = path.to_string();
        let name = match top {
            Some(top) => path.strip_prefix(top)?.strip_prefix('/')?.to_owned(),
            None => path,
        };
        Some((name, &bytes[..]))
    });
    files.collect()
}
