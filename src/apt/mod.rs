//! apt under a configuration of our own: it resolves and downloads packages of any Debian release,
//! and neither reads nor changes what is installed on the machine.
//!
//! Only the machine's mirror, its keys and its `Acquire` options (proxies) are taken over. Its
//! other options are not: hooks such as `APT::Update::Post-Invoke` would act on the machine.

mod error;
mod keys;
mod mirror;
mod packages;
mod paragraphs;
mod source_packages;
mod sources;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use error::AptError;
pub use mirror::{MIRROR_VARIABLE, Mirror};
pub use packages::Download;
pub use source_packages::{SourceRecord, parse_source_records};

use error::{during, run};

/// What packages are wanted of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Those that are unpacked and run.
    Binary,
    /// Those that are built from.
    Source,
}

/// The main part of one release of Debian, on one mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Where it is.
    pub mirror: Mirror,
    /// The release's name.
    pub release: String,
    /// Which of its packages.
    pub kind: Kind,
}

impl fmt::Display for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.release, self.mirror.uri)
    }
}

/// apt with its state, cache and configuration below one folder.
#[derive(Debug)]
pub struct PrivateApt {
    folder: PathBuf,
}

impl PrivateApt {
    /// Makes what is missing in the folder. The configuration is written anew each time, for the
    /// folder may have moved; the archive and its lists stay.
    ///
    /// # Errors
    /// When apt is missing or the folder cannot be written.
    pub fn open(folder: &Path) -> Result<Self, AptError> {
        Self::open_under(folder, None)
    }

    /// `machine_etc` is the machine's `/etc/apt`, where its own archives and keys are to be used.
    fn open_under(folder: &Path, machine_etc: Option<&Path>) -> Result<Self, AptError> {
        for below in [
            "state/lists/partial",
            "cache/archives/partial",
            "no-archives/partial",
            "etc/trusted.gpg.d",
            "etc/preferences.d",
            "etc/apt.conf.d",
            "log",
        ] {
            let path = folder.join(below);
            fs::create_dir_all(&path).map_err(during("make", &path))?;
        }
        let apt = Self {
            folder: folder.to_path_buf(),
        };
        let status = folder.join("status");
        if !status.exists() {
            write(&status, "")?;
        }
        let text = configuration(folder, machine_etc, &machine_options()?)?;
        write(&folder.join("apt.conf"), &text)?;
        Ok(apt)
    }

    /// Takes packages from this archive from now on, and from no other.
    ///
    /// # Errors
    /// When the folder cannot be written, or a key of the machine's not be read.
    pub fn set_archive(&self, archive: &Archive) -> Result<(), AptError> {
        let kind = match archive.kind {
            Kind::Binary => "deb",
            Kind::Source => "deb-src",
        };
        let line = archive.mirror.line(kind, &archive.release);
        write(&self.folder.join("etc/sources.list"), &line)?;
        keys::copy(&archive.mirror, &self.folder.join("etc/trusted.gpg.d"))
    }

    /// Fetches the lists of the archive that was set.
    ///
    /// # Errors
    /// When one list cannot be fetched or verified.
    pub fn update(&self, archive: &Archive) -> Result<(), AptError> {
        let update = || self.read_lists(&archive.to_string());
        match update() {
            Err(first) if first.is_about_keys() => {
                // The machine may be older than the keys that sign this release; its own archive,
                // verified by the keys it has, carries newer ones.
                let work = self.folder.join("keyring");
                keys::fetch(&work, &self.folder.join("etc/trusted.gpg.d")).map_err(|_| first)?;
                update()
            }
            result => result,
        }
    }

    fn read_lists(&self, whose: &str) -> Result<(), AptError> {
        // Without this apt keeps silent about lists that could not be fetched, and ends with 0.
        let strict = ["-o", "APT::Update::Error-Mode=any", "-qq", "update"];
        let operation = || format!("reading the lists of {whose}");
        self.run("apt-get", &strict, operation).map(drop)
    }

    fn run(
        &self,
        program: &'static str,
        arguments: &[&str],
        operation: impl FnOnce() -> String,
    ) -> Result<String, AptError> {
        run(program, self.command(program).args(arguments), operation)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("APT_CONFIG", self.folder.join("apt.conf"))
            .env("LC_ALL", "C");
        command
    }
}

/// The machine's options that say how to reach an archive.
fn machine_options() -> Result<String, AptError> {
    let mut command = Command::new("apt-config");
    command.arg("dump").env("LC_ALL", "C");
    let dump = run("apt-config", &mut command, || {
        "asking apt for its configuration".to_owned()
    })?;
    Ok(acquire_options(&dump))
}

// Acquire::http::Proxy "http://proxy.example:3128";
fn acquire_options(dump: &str) -> String {
    const TAKEN: [&str; 8] = [
        "http",
        "https",
        "ftp",
        "Retries",
        "ForceIPv",
        "Check-Valid-Until",
        "Check-Date",
        "Allow",
    ];
    let is_taken = |line: &&str| {
        line.strip_prefix("Acquire::")
            .is_some_and(|rest| TAKEN.iter().any(|t| rest.starts_with(t)))
    };
    dump.lines()
        .filter(is_taken)
        .map(|line| format!("{line}\n"))
        .collect()
}

/// All that apt reads of options: the file that `APT_CONFIG` names leads to no other.
fn configuration(
    folder: &Path,
    machine_etc: Option<&Path>,
    options: &str,
) -> Result<String, AptError> {
    let etc = folder.join("etc");
    let nothing = || PathBuf::from("/dev/null");
    let mut places = vec![
        ("State", folder.join("state")),
        ("State::status", folder.join("status")),
        ("Cache", folder.join("cache")),
        ("Log", folder.join("log")),
        ("Etc", machine_etc.unwrap_or(&etc).to_path_buf()),
        ("Etc::main", nothing()),
        ("Etc::parts", nothing()),
        ("Etc::netrc", PathBuf::from("/etc/apt/auth.conf")),
        ("Etc::netrcparts", PathBuf::from("/etc/apt/auth.conf.d")),
    ];
    if machine_etc.is_none() {
        places.push(("Etc::sourceparts", nothing()));
    }
    let mut text = String::new();
    for (key, path) in places {
        match path.to_str() {
            Some(path) if !path.contains(['"', '\n', '\\']) => {
                text.push_str(&format!("Dir::{key} \"{path}\";\n"));
            }
            _ => return Err(AptError::Path(path)),
        }
    }
    // Root cannot become `_apt` for files below a private cache; who is not root stays who he is.
    text.push_str(
        "APT::Sandbox::User \"root\";\n\
         APT::Architecture \"amd64\";\nAPT::Architectures { \"amd64\"; };\n\
         APT::Install-Recommends \"false\";\nAPT::Install-Suggests \"false\";\n\
         Acquire::Languages \"none\";\nAcquire::Retries \"3\";\n\
         Acquire::http::Timeout \"60\";\nAcquire::https::Timeout \"60\";\n",
    );
    Ok(text + options)
}

fn write(path: &Path, text: &str) -> Result<(), AptError> {
    fs::write(path, text).map_err(during("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_taken_over_and_hooks_are_not() {
        let dump = "Acquire::http::Proxy \"http://p:1\";\nAPT::Update::Post-Invoke:: \"rm\";\n\
                    Acquire::Languages \"de\";\nDir::Cache \"x\";\n";
        assert_eq!(
            acquire_options(dump),
            "Acquire::http::Proxy \"http://p:1\";\n"
        );
    }

    #[test]
    fn the_configuration_holds_no_path_that_would_end_its_quotes() {
        let text = configuration(Path::new("/a b"), None, "X \"y\";\n").unwrap();
        assert!(text.contains("Dir::State \"/a b/state\";\n"), "{text}");
        assert!(text.ends_with("X \"y\";\n"), "{text}");
        for bad in ["/a\"b", "/a\nb", "/a\\b"] {
            assert!(configuration(Path::new(bad), None, "").is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_of_the_machines_configuration_is_read_but_its_archives_where_they_are_wanted() {
        let own = configuration(Path::new("/p"), None, "").unwrap();
        assert!(own.contains("Dir::Etc \"/p/etc\";\n"), "{own}");
        assert!(own.contains("Dir::Etc::sourceparts \"/dev/null\";\n"));
        let machine = configuration(Path::new("/p"), Some(Path::new("/etc/apt")), "").unwrap();
        assert!(machine.contains("Dir::Etc \"/etc/apt\";\n"), "{machine}");
        assert!(!machine.contains("sourceparts"));
        for text in [own, machine] {
            assert!(text.contains("Dir::Etc::parts \"/dev/null\";\n"), "{text}");
            assert!(text.contains("Dir::Etc::main \"/dev/null\";\n"), "{text}");
        }
    }
}
