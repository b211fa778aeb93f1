//! Debian source packages, fetched with apt under a configuration of our own and kept.

use std::fs;
use std::path::{Path, PathBuf};

use zonewright::apt::{Archive, Kind, Mirror, PrivateApt};
use zonewright::source::tree::{Entry, Tree, TreePath};
use zonewright::source::unpack::{Limits, unpack};

const RELEASE: &str = "trixie";

/// A source package: upstream's files, and the patches that Debian puts on them.
pub struct Package {
    pub name: String,
    pub version: String,
    pub tree: Tree,
    pub series: Vec<SeriesPatch>,
}

pub struct SeriesPatch {
    pub name: String,
    pub strip: u32,
    pub bytes: Vec<u8>,
}

/// Where packages are fetched from and kept.
pub struct Store {
    apt: PrivateApt,
    folder: PathBuf,
}

impl Store {
    pub fn open() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian-series");
        fs::create_dir_all(folder.join("files")).unwrap();
        let apt = PrivateApt::open(&folder.join("apt")).unwrap();
        let archive = Archive {
            mirror: Mirror::of_machine().unwrap(),
            release: RELEASE.to_owned(),
            kind: Kind::Source,
        };
        apt.set_archive(&archive).unwrap();
        apt.update(&archive).unwrap();
        Self { apt, folder }
    }

    /// A package, fetched where it is not there yet; nothing for one without a series.
    pub fn package(&self, name: &str) -> Result<Option<Package>, String> {
        let records = self.apt.source_records(name).map_err(|e| e.to_string())?;
        let record = records.last().ok_or("the release does not have it")?;
        let mut tree = Tree::new();
        let mut debian = Tree::new();
        let origs = record.files.iter().filter(|(file, _)| {
            file.contains(".orig") && !file.ends_with(".asc") && !file.ends_with(".sig")
        });
        let mut origs: Vec<&String> = origs.map(|(file, _)| file).collect();
        // the main one first
        origs.sort_by_key(|file| file.contains(".orig-"));
        for file in origs {
            let path = self.fetch(name, &record.version, file)?;
            let part = unpacked(&path, 1)?;
            match component(file) {
                None => tree = part,
                Some(folder) => {
                    let into = TreePath::parse(folder.as_bytes()).unwrap();
                    let below: Vec<TreePath> = tree
                        .iter()
                        .map(|(path, _)| path.clone())
                        .filter(|path| {
                            path.as_bytes()
                                .starts_with(&[into.as_bytes(), b"/"].concat())
                        })
                        .collect();
                    for path in below {
                        tree.remove(&path);
                    }
                    tree.graft(&into, part).map_err(|error| error.to_string())?;
                }
            }
        }
        for (file, _) in &record.files {
            if file.contains(".debian.tar") {
                let path = self.fetch(name, &record.version, file)?;
                // its links lead out of the folder `debian`
                debian = unpacked(&path, 0)?;
            }
        }
        let read = |name: &str| match debian.get(&TreePath::parse(name.as_bytes()).ok()?)? {
            Entry::File { bytes, .. } => Some(bytes.to_vec()),
            _ => None,
        };
        let Some(series) = read("debian/patches/series") else {
            return Ok(None);
        };
        let mut patches = Vec::new();
        for line in String::from_utf8_lossy(&series).lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(patch) = words.next() else { continue };
            let strip = words.find_map(|word| word.strip_prefix("-p")?.parse().ok());
            patches.push(SeriesPatch {
                name: patch.to_owned(),
                strip: strip.unwrap_or(1),
                bytes: read(&format!("debian/patches/{patch}"))
                    .ok_or(format!("{patch} is missing"))?,
            });
        }
        Ok(Some(Package {
            name: name.to_owned(),
            version: record.version.clone(),
            tree,
            series: patches,
        })
        .filter(|package| !package.series.is_empty()))
    }

    fn fetch(&self, name: &str, version: &str, file: &str) -> Result<PathBuf, String> {
        let target = self.folder.join("files").join(file);
        if !target.exists() {
            self.apt
                .fetch_source_file(name, version, file, &target)
                .map_err(|error| error.to_string())?;
        }
        Ok(target)
    }
}

/// `x_1.orig-docs.tar.xz` goes into the folder `docs`.
fn component(file: &str) -> Option<&str> {
    let (_, rest) = file.split_once(".orig-")?;
    rest.split_once(".tar").map(|(name, _)| name)
}

fn unpacked(archive: &Path, strip: u32) -> Result<Tree, String> {
    let mut tree = Tree::new();
    unpack(archive, strip, &mut tree, &Limits::default()).map_err(|error| error.to_string())?;
    Ok(tree)
}
