//! The image: Debian packages unpacked into one tree, made once and shared by every zone.
//!
//! Nothing is installed: no maintainer script runs and nothing is configured, so the same tree
//! comes out on every machine, in seconds and without a chroot. What scripts would have set up and
//! a zone needs, `platform` writes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::fcntl::Flock;
use serde::Serialize;

use crate::apt::{Archive, Download, Kind, Mirror, PrivateApt};
use crate::sandbox::Progress;
use crate::sandbox::error::{SandboxError, file, run};
use crate::sandbox::paths;

/// The Debian release every sandbox is made of, whatever the machine runs.
const RELEASE: &str = "trixie";

/// What the image is made of: what SmartOS's platform has under the same name, and what a zone
/// needs to run. Dependencies come by themselves.
const PACKAGES: &[&str] = &[
    "base-files",
    "base-passwd",
    "bash",
    "binutils",
    "bsdutils",
    "bzip2",
    "coreutils",
    "diffutils",
    "ed",
    "file",
    "findutils",
    "gawk",
    "grep",
    "gzip",
    "hostname",
    "ksh93u+m",
    "less",
    "libacl1-dev",
    "libc-bin",
    "libc6-dev",
    "libcrypt-dev",
    "libpam0g-dev",
    "libpam-modules",
    "libxml2-utils",
    "login",
    "ncurses-base",
    "ncurses-bin",
    "netbase",
    "netcat-openbsd",
    "openssh-server",
    "openssl",
    "original-awk",
    "passwd",
    "patch",
    "perl",
    "perl-base",
    "procps",
    "sed",
    "sudo",
    "tar",
    "util-linux",
    "xxd",
    "xz-utils",
];

/// Raised when the way an image is made changes.
const FORMAT: u32 = 3;

/// Images of other versions of the program that were not used for so long are removed.
const UNUSED_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// An image that is ready for use.
#[derive(Debug, Clone)]
pub struct Image {
    /// The folder with the tree, its packages' layers and apt's files.
    pub folder: PathBuf,
    /// Keeps it from being removed while it is in use.
    _held: Arc<Flock<File>>,
}

impl Image {
    /// The tree that Debian's packages made.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// Starts a program of the image or of a layer on the machine, by the image's loader and
    /// libraries and after those of `more`: what the machine has of them does not matter.
    #[must_use]
    pub(crate) fn program(&self, path: &Path, more: &[PathBuf]) -> Command {
        let usr = self.root().join("usr");
        let mut command = Command::new(usr.join("lib64/ld-linux-x86-64.so.2"));
        let mut folders = more.to_vec();
        folders.push(usr.join("lib/x86_64-linux-gnu"));
        let folders: Vec<_> = folders.iter().map(|f| f.display().to_string()).collect();
        command
            .args(["--library-path", &folders.join(":")])
            .arg(path);
        command.env("OPENSSL_CONF", "/dev/null");
        command
    }

    /// The files of one of its Debian packages, relative to `/`; none when it does not hold it.
    ///
    /// # Errors
    ///
    /// When the list is there and cannot be read.
    pub fn files_of(&self, debian: &str) -> Result<Option<Vec<String>>, SandboxError> {
        let path = self.folder.join("lists").join(debian);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.lines().map(str::to_owned).collect())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(file("read", path)(e)),
        }
    }
}

/// Where the image of this version of the program lies, made or not.
#[must_use]
fn folder(cache: &Path) -> PathBuf {
    cache.join(format!("{RELEASE}-{}", paths::definition(FORMAT, PACKAGES)))
}

/// The image, imported if this is the first time. An import that broke off leaves nothing behind
/// that the next one would take for whole.
///
/// # Errors
///
/// When packages cannot be downloaded or unpacked.
pub fn import(cache: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Image, SandboxError> {
    let folder = folder(cache);
    let _alone = paths::exclusive(cache, "lock")?;
    if !folder.is_dir() {
        paths::remove_unused(cache, RELEASE, UNUSED_FOR)?;
        paths::make_whole(&folder, |partial| make(partial, progress))?;
    }
    let held = Arc::new(paths::hold(&folder)?);
    Ok(Image {
        folder,
        _held: held,
    })
}

fn make(folder: &Path, progress: &mut dyn FnMut(Progress)) -> Result<(), SandboxError> {
    progress(Progress::new("fetch the package index", 0, 1));
    let archive = Archive {
        mirror: Mirror::of_machine()?,
        release: RELEASE.to_owned(),
        kind: Kind::Binary,
    };
    let apt = PrivateApt::open(&folder.join("apt"))?;
    apt.set_archive(&archive)?;
    apt.update(&archive)?;
    let (downloads, size) = apt.closure(PACKAGES)?;
    apt.download(PACKAGES, &mut |done| {
        progress(Progress::new("download packages", done, size))
    })?;
    let root = folder.join("root");
    fs::create_dir_all(&root).map_err(file("make", &root))?;
    unpack(&downloads, &root, &mut |done, all| {
        progress(Progress::new("unpack packages", done, all));
    })?;
    let names: Vec<&str> = downloads.iter().map(|d| d.package.as_str()).collect();
    let records = apt.records(&names)?;
    apt.set_installed(&status(&records))?;
    let lists = folder.join("lists");
    fs::create_dir_all(&lists).map_err(file("make", &lists))?;
    for (done, download) in downloads.iter().enumerate() {
        let (done, all) = (done as u64, downloads.len() as u64);
        progress(Progress::new("list the packages' files", done, all));
        let path = lists.join(&download.package);
        fs::write(&path, files_in(download)?.join("\n")).map_err(file("write", &path))?;
    }
    for download in &downloads {
        fs::remove_file(&download.path).map_err(file("remove", &download.path))?;
    }
    for below in ["layers", "platform"] {
        let path = folder.join(below);
        fs::create_dir_all(&path).map_err(file("make", &path))?;
    }
    Ok(())
}

/// Unpacks package files over one tree, several at once. `base-files` comes first: it brings the
/// links `bin`, `sbin` and `lib` into `usr`.
pub(crate) fn unpack(
    downloads: &[Download],
    root: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), SandboxError> {
    let extract = |download: &Download| {
        run(Command::new("dpkg-deb")
            .arg("-x")
            .arg(&download.path)
            .arg(root))
        .map(drop)
    };
    let (first, rest): (Vec<_>, Vec<_>) = downloads.iter().partition(|d| d.package == "base-files");
    first.iter().try_for_each(|d| extract(d))?;
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let workers = std::thread::available_parallelism()
        .map_or(2, usize::from)
        .min(8);
    let total = rest.len() as u64;
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(download) = rest.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = extract(download) {
                        next.store(rest.len(), Ordering::Relaxed);
                        if let Ok(mut slot) = failure.lock() {
                            slot.get_or_insert(error);
                        }
                    }
                }
            });
        }
        while next.load(Ordering::Relaxed) < rest.len() {
            progress(next.load(Ordering::Relaxed) as u64, total);
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    progress(total, total);
    match failure.into_inner() {
        Ok(Some(error)) => Err(error),
        _ => Ok(()),
    }
}

/// A dpkg status file that says that these packages are installed.
fn status(records: &str) -> String {
    let mut text = String::with_capacity(records.len());
    for line in records.lines() {
        text.push_str(line);
        text.push('\n');
        if line.starts_with("Package: ") {
            text.push_str("Status: install ok installed\n");
        }
    }
    text
}

/// The files and links that a package file brings, relative to `/`.
pub(crate) fn files_in(download: &Download) -> Result<Vec<String>, SandboxError> {
    let output = run(Command::new("dpkg-deb")
        .arg("-c")
        .arg(&download.path)
        .env("LC_ALL", "C"))?;
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(listed_file)
        .collect())
}

// -rwxr-xr-x root/root     48416 2025-02-21 10:28 ./usr/bin/cmp
// lrwxrwxrwx root/root         0 2025-02-21 10:28 ./usr/bin/which -> /etc/alternatives/which
// hrwxr-xr-x root/root         0 2025-02-21 10:28 ./usr/bin/perl5 link to ./usr/bin/perl
fn listed_file(line: &str) -> Option<String> {
    let (_, path) = line.split_once(" ./")?;
    let path = path.split(" -> ").next()?.split(" link to ").next()?;
    (!path.is_empty() && !path.ends_with('/')).then(|| path.to_owned())
}

/// The name of the command that a path is, if it is one.
pub(crate) fn command_name(path: &str) -> Option<&str> {
    let name = path
        .strip_prefix("usr/bin/")
        .or_else(|| path.strip_prefix("usr/sbin/"))?;
    (!name.contains('/')).then_some(name)
}

/// Puts a record in the place of the old one.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), SandboxError> {
    let text = serde_json::to_vec_pretty(value).map_err(|e| SandboxError::Malformed {
        what: "our own record",
        said: e.to_string(),
    })?;
    paths::replace(path, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_gives_files_and_links_but_no_folders() {
        let path =
            |rest: &str| listed_file(&format!("-rwxr-xr-x root/root 1 2025-02-21 10:28 {rest}"));
        assert_eq!(path("./usr/bin/cmp").as_deref(), Some("usr/bin/cmp"));
        assert_eq!(
            path("./usr/sbin/nft -> ../x").as_deref(),
            Some("usr/sbin/nft")
        );
        assert_eq!(
            path("./usr/bin/a link to ./usr/bin/b").as_deref(),
            Some("usr/bin/a")
        );
        assert_eq!(path("./usr/share/a b").as_deref(), Some("usr/share/a b"));
        assert_eq!(path("./usr/bin/"), None);
        assert_eq!(path("./"), None);
    }

    #[test]
    fn a_command_lies_right_below_bin_or_sbin() {
        assert_eq!(command_name("usr/bin/cmp"), Some("cmp"));
        assert_eq!(command_name("usr/sbin/nft"), Some("nft"));
        assert_eq!(command_name("usr/share/bin/x"), None);
        assert_eq!(command_name("usr/bin/x/y"), None);
    }

    #[test]
    fn a_status_file_marks_every_record_as_installed() {
        let text = status("Package: a\nVersion: 1\n\nPackage: b\n");
        assert_eq!(text.matches("Status: install ok installed").count(), 2);
        assert!(text.starts_with("Package: a\nStatus: install ok installed\nVersion: 1\n\n"));
    }
}
