//! What a text may look like: sizes, durations, paths, names. One list, to check and to explain.
//!
//! A complaint knows the text, not its place: [`super::schema`] puts it where it belongs, and
//! parameters of a zone file are complained about in the zone file.

use super::names;
use super::units::{parse_duration, parse_mode, parse_size};
use super::when;

/// What a text may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Any text, newlines too.
    Any,
    /// The program of a command: a path, or a name that is looked up in `PATH`.
    Program,
    /// An argument of a command or the value of a variable: any text that a process can be given.
    Argument,
    /// A text of a service, which SMF's manifest must be able to carry.
    ServiceText,
    /// One line that is not empty.
    Line,
    /// An absolute path without `..`.
    Path,
    /// An absolute path that `svccfg` takes for one word.
    ManifestPath,
    /// An absolute path that the account database can hold.
    AccountPath,
    /// A path below a folder that the key names.
    Below(&'static str),
    /// A path on the controller: absolute, relative or beginning with `~/`.
    LocalPath,
    /// `https://…`, `http://…` or `ftp://…`.
    Url,
    /// 64 hex digits.
    Sha256,
    /// A package's name.
    PackageName,
    /// A package's name, or a pattern with a version.
    Dependency,
    /// A pattern of pkgsrc package names.
    PackagePattern,
    /// A version without `-`.
    Version,
    /// A Debian version, which may have `-`, `~` and `:`.
    DebianVersion,
    /// A file of a Debian source package.
    DebianFile,
    /// A comparison of versions.
    Versions,
    /// A comparison of pkgsrc branches.
    Branches,
    /// An instance of a service.
    Instance,
    /// A service or a file that a service depends on.
    ServiceOrFile,
    /// Octal permissions.
    Mode,
    /// A number of bytes with a unit.
    Size,
    /// A length of time with a unit.
    Duration,
    /// An account's or group's name, at most so many characters.
    Account(usize),
    /// A process's name.
    Process,
    /// Privileges of a service.
    Privileges,
    /// A field of the account database: one line without `:`.
    AccountField,
    /// `image@version` or a uuid.
    Image,
    /// A lower-case uuid.
    Uuid,
    /// A zone's brand.
    Brand,
    /// An address of a network card.
    CardAddress,
    /// An address of a network card on the wire.
    Mac,
    /// The name of a network of a host.
    NicTag,
    /// A name of metadata.
    MetadataKey,
    /// A dataset below another.
    DatasetName,
    /// A dataset with its pool.
    HostDataset,
    /// A host's name without its domain.
    Label,
    /// A domain.
    Domain,
    /// An IP address.
    Address,
    /// The host part of an address to connect to.
    HostName,
    /// A Host of `~/.ssh/config` or `user@host:port`.
    SshTarget,
    /// The name of an environment variable.
    Variable,
    /// The same, of a variable that a build may set.
    BuildVariable,
    /// The same, of a variable that a service may set.
    ServiceVariable,
    /// Words joined by `-`.
    Kebab,
    /// The name of a property of a service.
    Property,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// Why a text does not have its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong, with the text in backticks.
    pub message: String,
    /// What stands under the underlined words.
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The text to write instead, where the help says one.
    pub instead: Option<String>,
}

impl Complaint {
    /// A complaint without a label or help.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            label: String::new(),
            help: None,
            instead: None,
        }
    }

    /// The text to write instead, which the help names.
    pub(crate) fn instead(mut self, text: impl Into<String>) -> Self {
        self.instead = Some(text.into());
        self
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// `text` in backticks on one line, cut where it is long.
pub(crate) fn quoted(text: &str) -> String {
    const MOST: usize = 72;
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == MOST {
            shown.push('…');
            break;
        }
        match c {
            '\n' => shown.push_str("\\n"),
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    format!("`{shown}`")
}

impl Format {
    /// What such a text is, with its article: `a size such as "600 GiB"`.
    #[must_use]
    pub fn noun(self) -> String {
        match self {
            Self::OneOf(words) => format!("one of {}", list_of(words)),
            Self::Account(most) => format!("an account's name of at most {most} characters"),
            Self::Below(folder) => format!("a file below `{folder}`"),
            other => other.fixed_noun().to_string(),
        }
    }

    fn fixed_noun(self) -> &'static str {
        match self {
            Self::Any | Self::Argument | Self::ServiceText => "a text",
            Self::Program => "a program such as `\"/opt/local/sbin/afpd\"`",
            Self::Line => "a text of one line",
            Self::Path => "an absolute path such as `\"/opt/local/etc/afp.conf\"`",
            Self::ManifestPath => {
                "a manifest's path such as `\"/var/svc/manifest/network/netatalk.xml\"`"
            }
            Self::AccountPath => "an absolute path without `:`, such as `\"/home/matt\"`",
            Self::LocalPath => "a path such as `\"~/.ssh/id_ed25519.pub\"`",
            Self::Url => "a URL such as `\"https://example.org/file-1.0.tar.xz\"`",
            Self::Sha256 => "a sha256 of 64 hex digits",
            Self::PackageName => "a package's name such as `\"netatalk\"`",
            Self::Dependency => "a package such as `\"libevent\"` or `\"libevent>=2.1\"`",
            Self::PackagePattern => "a package pattern such as `\"netatalk-[0-9]*\"`",
            Self::Version => "a version such as `\"4.5.2\"`",
            Self::DebianVersion => "a Debian version such as `\"4.2.3~ds-2\"`",
            Self::DebianFile => "a file such as `\"netatalk_4.2.3~ds.orig.tar.xz\"`",
            Self::Versions => "versions such as `\">=3.1<3.2\"`",
            Self::Branches => "branches such as `\">=2023Q4\"`",
            Self::Instance => "a service such as `\"svc:/network/netatalk:default\"`",
            Self::ServiceOrFile => {
                "a service such as `\"svc:/milestone/network:default\"`, or `\"file://localhost/path\"`"
            }
            Self::Mode => "an octal mode such as `\"0644\"`",
            Self::Size => "a size such as `\"600 GiB\"`",
            Self::Duration => "a duration such as `\"60s\"`",
            Self::Process => "a process's name of at most 15 characters",
            Self::Privileges => "privileges such as `\"basic,net_privaddr\"`",
            Self::AccountField => "a text of one line without `:`",
            Self::Image => "an image such as `\"base-64-lts@24.4.1\"`, or a uuid",
            Self::Uuid => "a uuid such as `\"4f1c8f2e-9d3b-4a54-8c1e-7d2a5b6c7d8e\"`",
            Self::Brand => "a brand, `\"joyent\"` or `\"joyent-minimal\"`",
            Self::CardAddress => "an address such as `\"192.0.2.10/24\"`, or `\"dhcp\"`",
            Self::Mac => "an address such as `\"b2:1e:ba:a5:6e:70\"`",
            Self::NicTag => "a NIC tag such as `\"admin\"`",
            Self::MetadataKey => "a name such as `\"user-script\"`",
            Self::DatasetName => "a dataset's name such as `\"matt\"`",
            Self::HostDataset => "a dataset such as `\"zones/MacBackup\"`",
            Self::Label => "a host's name such as `\"vault\"`",
            Self::Domain => "a domain such as `\"example.org\"`",
            Self::Address => "an IP address such as `\"192.0.2.1\"`",
            Self::HostName => "a host's name or address such as `\"127.0.0.1\"`",
            Self::SshTarget => "a host to log in to such as `\"root@vault\"`",
            Self::Variable | Self::BuildVariable | Self::ServiceVariable => {
                "a variable's name such as `\"CFLAGS\"`"
            }
            Self::Kebab => "a name such as `\"server-name\"`",
            Self::Property => "a property's name such as `\"log-level\"`",
            Self::OneOf(_) | Self::Account(_) | Self::Below(_) => "a text",
        }
    }

    /// Complains about a text that does not have this format.
    ///
    /// # Errors
    /// The complaint.
    pub fn check(self, text: &str) -> Result<(), Complaint> {
        if text.contains('\0') {
            return Err(Complaint::new("a text cannot hold the character NUL").help("leave it out"));
        }
        match self {
            Self::Any => Ok(()),
            Self::Program => names::check_program(text),
            Self::Argument => names::check_argument(text),
            Self::ServiceText => names::check_service_text(text),
            Self::Line => names::check_line(text),
            Self::Path => names::check_path(text),
            Self::ManifestPath => names::check_manifest_path(text),
            Self::AccountPath => names::check_account_path(text),
            Self::Below(folder) => names::check_below(folder, text),
            Self::LocalPath => names::check_local_path(text),
            Self::Url => names::check_url(text),
            Self::Sha256 => check_sha256(text),
            Self::PackageName => names::check_package_name(text),
            Self::Dependency => names::check_dependency(text),
            Self::PackagePattern => names::check_pattern(text),
            Self::Version => names::check_version(text),
            Self::DebianVersion => names::check_debian_version(text),
            Self::DebianFile => names::check_debian_file(text),
            Self::Versions => when::check_versions(text),
            Self::Branches => when::check_branches(text),
            Self::Instance => names::check_instance(text),
            Self::ServiceOrFile => names::check_service_or_file(text),
            Self::Mode => parse_mode(text).map(drop),
            Self::Size => parse_size(text).map(drop),
            Self::Duration => parse_duration(text).map(drop),
            Self::Account(most) => names::check_account(text, most),
            Self::Process => names::check_process(text),
            Self::Privileges => names::check_privileges(text),
            Self::AccountField => names::check_account_field(text),
            Self::Image => names::check_image(text),
            Self::Uuid => names::check_uuid(text),
            Self::Brand => names::check_brand(text),
            Self::CardAddress => names::check_card_address(text),
            Self::Mac => names::check_mac(text),
            Self::NicTag => names::check_nic_tag(text),
            Self::MetadataKey => names::check_metadata_key(text),
            Self::DatasetName => names::check_dataset_name(text),
            Self::HostDataset => names::check_host_dataset(text),
            Self::Label => names::check_label(text),
            Self::Domain => names::check_domain(text),
            Self::Address => names::check_address(text),
            Self::HostName => names::check_host_name(text),
            Self::SshTarget => names::check_ssh_target(text),
            Self::Variable => names::check_variable(text),
            Self::BuildVariable => names::check_build_variable(text),
            Self::ServiceVariable => names::check_service_variable(text),
            Self::Kebab => names::check_kebab(text),
            Self::Property => names::check_property(text),
            Self::OneOf(words) => check_one_of(text, words),
        }
    }

    /// Whether blanks alone, or nothing at all, have this format.
    pub(crate) fn may_be_blank(self) -> bool {
        matches!(
            self,
            Self::Any | Self::Argument | Self::ServiceText | Self::AccountField
        )
    }

    /// What to write instead of a number, where somebody would write one.
    #[must_use]
    pub fn help_for_number(self, number: i64) -> Option<String> {
        match self {
            Self::Size => Some(format!(
                "a plain number has no unit; write for example `\"{number} GiB\"`"
            )),
            Self::Duration => Some(format!(
                "a plain number has no unit; write for example `\"{number}s\"`"
            )),
            Self::Mode => Some(format!("a mode is octal: write it as `\"{number:04}\"`")),
            Self::Version | Self::DebianVersion => Some(format!(
                "write the version as a text, for example `\"{number}.0\"`"
            )),
            _ => Some(format!("write it as a text: `\"{number}\"`")),
        }
    }

    /// The text that [`Self::help_for_number`] names, where it names one and no example.
    pub(crate) fn text_for_number(self, number: i64) -> Option<String> {
        match self {
            Self::Size | Self::Duration | Self::Version | Self::DebianVersion => None,
            Self::Mode => Some(format!("\"{number:04}\"")),
            _ => Some(format!("\"{number}\"")),
        }
    }
}

/// A text as TOML writes it on one line; `None` where that is not to be read at a glance.
pub(crate) fn toml_text(text: &str) -> Option<String> {
    let is_plain = |c: char| !c.is_control() && c != '"' && c != '\\';
    text.chars().all(is_plain).then(|| format!("\"{text}\""))
}

/// "`a`, `b` and `c`"
pub(crate) fn list_of<S: AsRef<str>>(words: &[S]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| format!("`{}`", word.as_ref()))
        .collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// What there is to choose from, as a sentence.
pub(crate) fn there_are<S: AsRef<str>>(words: &[S]) -> String {
    let verb = if words.len() == 1 { "is" } else { "are" };
    format!("there {verb} {}", list_of(words))
}

/// The candidate that somebody who wrote `word` most likely meant.
pub(crate) fn nearest<'a, S: AsRef<str>>(word: &str, candidates: &'a [S]) -> Option<&'a str> {
    // comparing takes the product of the lengths, in memory too
    const LONGEST: usize = 512;
    if word.len() > LONGEST {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['_', ' ', '.'], "-");
    // nobody meant a name by a whole text, and comparing takes its time
    if word.len() > 200 {
        return None;
    }
    let wanted = plain(word);
    let length = wanted.chars().count();
    let slips = (length / 4).max(1).min(length.saturating_sub(1));
    candidates
        .iter()
        .map(AsRef::as_ref)
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| {
            let found = plain(candidate);
            let distance = strsim::damerau_levenshtein(&wanted, &found);
            (distance, strsim::jaro_winkler(&wanted, &found), candidate)
        })
        .filter(|(distance, likeness, _)| *distance <= slips || *likeness > 0.8)
        .min_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)))
        .map(|(_, _, candidate)| candidate)
}

fn check_one_of(text: &str, words: &[&str]) -> Result<(), Complaint> {
    if words.contains(&text) {
        return Ok(());
    }
    let complaint = Complaint::new(format!("{} is not known here", quoted(text)));
    Err(match nearest(text, words) {
        Some(word) => complaint
            .help(format!(
                "did you mean `{word}`? it takes {}",
                list_of(words)
            ))
            .instead(word),
        None => complaint.help(format!("it takes {}", list_of(words))),
    })
}

fn check_sha256(text: &str) -> Result<(), Complaint> {
    if let Some(digits) = text.strip_prefix("sha256:") {
        return Err(Complaint::new("this is not a sha256")
            .help(format!("write the digits alone: {}", quoted(digits)))
            .instead(digits));
    }
    let wrong = text.chars().find(|c| !c.is_ascii_hexdigit());
    if let Some(wrong) = wrong {
        return Err(Complaint::new("this is not a sha256")
            .label(format!("{} is no hex digit", quoted(&wrong.to_string())))
            .help("write the 64 digits that `sha256sum` prints"));
    }
    match text.len() {
        64 => Ok(()),
        length => {
            let guess = match length {
                32 => ", which is the length of an MD5",
                40 => ", which is the length of a SHA-1",
                96 => ", which is the length of a SHA-384",
                128 => ", which is the length of a SHA-512",
                _ => "",
            };
            Err(Complaint::new("this is not a sha256")
                .label(format!("{length} digits instead of 64{guess}"))
                .help("write the 64 digits that `sha256sum` prints"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        let words = ["urls", "sha256", "restart-after", "debian"];
        assert_eq!(nearest("url", &words), Some("urls"));
        assert_eq!(nearest("sha265", &words), Some("sha256"));
        assert_eq!(nearest("restart_after", &words), Some("restart-after"));
        assert_eq!(nearest("rlus", &words), Some("urls"));
        assert_eq!(nearest("colour", &words), None);
        assert_eq!(nearest("", &words), None);
        let (long, other) = ("x".repeat(200_000), format!("{}y", "x".repeat(200_000)));
        assert_eq!(nearest(&long, &[&other]), None);
        assert_eq!(nearest("sha265", &[&long, "sha256"]), Some("sha256"));
    }
}
