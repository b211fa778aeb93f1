//! Names, paths and addresses that a recipe or zone file may hold.
//!
//! They are refused here, at a desk, because the systems they end up in refuse them late and badly:
//! `vmadm` answers an impossible address with a time-out of five minutes.

mod hosts;
mod packages;
mod processes;
mod zones;

use super::format::{Complaint, quoted};

pub(crate) use hosts::split_prefix;
pub(super) use hosts::{
    check_address, check_card_address, check_host_name, check_image, check_ssh_target, check_url,
};
pub(super) use packages::{
    check_debian_file, check_debian_version, check_dependency, check_package_name, check_pattern,
    check_version,
};
pub(super) use processes::{
    check_argument, check_build_variable, check_instance, check_privileges, check_process,
    check_program, check_property, check_service_or_file, check_service_text,
    check_service_variable, check_variable,
};
pub(crate) use zones::is_uuid;
pub(super) use zones::{
    check_brand, check_dataset_name, check_domain, check_host_dataset, check_label, check_mac,
    check_metadata_key, check_nic_tag, check_uuid,
};

fn is_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

pub(super) fn check_line(text: &str) -> Result<(), Complaint> {
    if text.trim().is_empty() {
        return Err(Complaint::new("a text is empty").help("write something, or leave it out"));
    }
    if is_control(text) {
        return Err(Complaint::new(format!("{} must be one line", quoted(text)))
            .help("write it without newlines, tabs and other control characters"));
    }
    if text.trim() != text {
        let complaint = Complaint::new(format!("{} begins or ends with a blank", quoted(text)));
        return Err(complaint.help(format!("write {}", quoted(text.trim()))));
    }
    check_length(text, LONGEST_LINE)
}

/// The longest text of one line: SMF takes 4095 bytes, and people read it in a table.
const LONGEST_LINE: usize = 1_000;

/// The longest path and the longest name in one. The limits are 1023 and 255; what is written gets
/// there under a longer name first.
const LONGEST_PATH: usize = 1_000;
const LONGEST_FILE_NAME: usize = 220;

/// The longest name of anything that becomes part of a file's name.
const LONGEST_NAME: usize = 100;

fn check_length(text: &str, most: usize) -> Result<(), Complaint> {
    if text.len() <= most {
        return Ok(());
    }
    Err(Complaint::new(format!("{} is too long", quoted(text)))
        .label(format!("{} bytes", text.len()))
        .help(format!("write at most {most}")))
}

/// `svccfg` joins its arguments and takes them apart again by rules of its own.
pub(super) fn check_manifest_path(text: &str) -> Result<(), Complaint> {
    check_path(text)?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    if text.chars().all(is_part) && !text.ends_with('/') {
        return Ok(());
    }
    Err(
        Complaint::new(format!("{} is not the path of a manifest", quoted(text)))
            .label("`svccfg` takes letters, digits, `/`, `.`, `_`, `+` and `-`")
            .help("write for example `/var/svc/manifest/network/netatalk.xml`"),
    )
}

/// `:` ends a field of the account database.
pub(super) fn check_account_path(text: &str) -> Result<(), Complaint> {
    check_path(text)?;
    if text.contains(':') {
        return Err(Complaint::new(format!(
            "{} cannot stand in the account database",
            quoted(text)
        ))
        .help("choose a path without `:`"));
    }
    check_length(text, 255)
}

/// An absolute path, as every tool that will see it writes it.
pub(super) fn check_path(text: &str) -> Result<(), Complaint> {
    if !text.starts_with('/') {
        return Err(
            Complaint::new(format!("{} is not an absolute path", quoted(text)))
                .help("begin it with `/`"),
        );
    }
    check_components(text, text.strip_prefix('/').unwrap_or(text))
}

/// No empty component, no `.`, no `..`, no control character.
fn check_components(text: &str, relative: &str) -> Result<(), Complaint> {
    if is_control(text) {
        return Err(
            Complaint::new(format!("{} is not a path of one line", quoted(text)))
                .help("write it without newlines, tabs and other control characters"),
        );
    }
    if relative.is_empty() {
        return Ok(());
    }
    check_length(text, LONGEST_PATH)?;
    let plain = relative.strip_suffix('/').unwrap_or(relative);
    for component in plain.split('/') {
        let wrong = match component {
            ".." => "`..` leads out of where it seems to be",
            "." => "`.` stands for nothing",
            "" => "`//` stands for nothing",
            name => {
                check_length(name, LONGEST_FILE_NAME)?;
                continue;
            }
        };
        return Err(
            Complaint::new(format!("{} is not a plain path", quoted(text)))
                .label(wrong)
                .help("write the path as it is, without detours"),
        );
    }
    Ok(())
}

/// A path that stays below the folder it is relative to.
pub(super) fn check_below(folder: &str, text: &str) -> Result<(), Complaint> {
    if text.is_empty() || text.starts_with(['/', '~']) {
        return Err(
            Complaint::new(format!("{} is not below `{folder}`", quoted(text))).help(format!(
                "write it as it is called below `{folder}`, without a leading `/`"
            )),
        );
    }
    check_components(text, text)?;
    if text.ends_with('/') {
        return Err(
            Complaint::new(format!("{} names a folder", quoted(text))).help("name a file in it")
        );
    }
    Ok(())
}

/// A file's name may begin and end with a blank.
pub(super) fn check_local_path(text: &str) -> Result<(), Complaint> {
    if is_control(text) {
        return Err(
            Complaint::new(format!("{} is not a path of one line", quoted(text)))
                .help("write it without newlines, tabs and other control characters"),
        );
    }
    check_length(text, 4_000)
}

/// An account's name: what `useradd` takes without a warning, and at most `most` characters.
pub(super) fn check_account(text: &str, most: usize) -> Result<(), Complaint> {
    let complaint = || Complaint::new(format!("{} is not an account's name", quoted(text)));
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) || !text.chars().all(is_name) {
        return Err(complaint()
            .help("a name begins with a letter and has letters, digits, `_`, `.` and `-`"));
    }
    if text.len() > most {
        return Err(complaint()
            .label(format!("{} characters, at most {most}", text.len()))
            .help("choose a shorter name"));
    }
    Ok(())
}

pub(super) fn check_account_field(text: &str) -> Result<(), Complaint> {
    if text.contains(':') || is_control(text) {
        Err(Complaint::new(format!(
            "{} cannot stand in the account database",
            quoted(text)
        ))
        .label("no `:` and no newline")
        .help("leave them out"))
    } else {
        // (inferred) `useradd` takes no more
        check_length(text, 128)
    }
}

pub(super) fn check_kebab(text: &str) -> Result<(), Complaint> {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    if text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split('-').all(is_word) {
        return check_length(text, LONGEST_NAME);
    }
    let meant = text.to_lowercase().replace(['_', ' ', '.'], "-");
    let complaint = Complaint::new(format!("{} is not a name for this", quoted(text)));
    Err(if meant != text && check_kebab(&meant).is_ok() {
        complaint
            .help(format!("write it as `{meant}`"))
            .instead(meant)
    } else {
        complaint.help("write lower-case words joined by `-`, for example `server-name`")
    })
}

#[cfg(test)]
mod tests {
    use super::super::format::Format;

    /// Texts that have the format, then texts that have not.
    fn hold(format: Format, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(format.check(text), Ok(()), "{format:?} {text}");
        }
        for text in bad {
            assert!(format.check(text).is_err(), "{format:?} {text:?}");
        }
    }

    #[test]
    fn paths_lead_where_they_seem_to() {
        hold(
            Format::Path,
            &["/", "/a", "/a/", "/a b/$x 'y' ü", "/a/..b", "/-x", "/a/..."],
            &[
                "", "a", "./a", "~/a", "/a/../b", "/..", "/a/.", "//a", "/a//b", "/a\nb", "/a\0",
            ],
        );
        hold(
            Format::Below("patches"),
            &["a", "a/b.patch", "a b"],
            &["", "/a", "../a", "a/../../b", "~/a", "a/", "./a", "a//b"],
        );
    }

    #[test]
    fn names_of_packages_and_versions_are_those_of_pkgsrc() {
        hold(
            Format::PackageName,
            &["netatalk", "gtk+3", "p5-Foo_Bar", "9libs", "py3.12-x"],
            &["", "-a", "a b", "a/b", "a>=1", "ä", "../a"],
        );
        hold(
            Format::Dependency,
            &[
                "libevent",
                "libevent>=2.1",
                "gcc>=12<14",
                "db5-[0-9]*",
                "{a,b}>=1",
            ],
            &[
                "",
                "a b",
                "a<",
                "a>=",
                "a>1>2",
                "a\n",
                "a-[",
                "*",
                "-a*",
                "A=b",
                "a>=1;id",
                "'*",
                "{{package.name}}",
                "{a,b}{a,b}{a,b}{a,b}{a,b}",
            ],
        );
        hold(
            Format::Version,
            &["1", "4.5.2", "1.0rc1", "3.2nb1", "1_2+git"],
            &["", "v1", "1-2", "1 2", "-"],
        );
        hold(
            Format::DebianVersion,
            &["4.2.3~ds-2", "1:2.3"],
            &["", "a", "1 2"],
        );
    }

    #[test]
    fn services_are_named_whole() {
        hold(
            Format::Instance,
            &[
                "svc:/network/netatalk:default",
                "svc:/a:b",
                "svc:/network/dns/multicast:default",
            ],
            &[
                "",
                "svc:/a",
                "a:b",
                "network/netatalk",
                "svc:/a:",
                "svc:/:b",
                "svc:/a//b:c",
                "svc:/a b:c",
                "svc:/a:b:c",
                "svc:/1a:b",
                "svc:/a.b:c",
            ],
        );
        hold(
            Format::ServiceOrFile,
            &[
                "svc:/milestone/network",
                "svc:/milestone/network:default",
                "file://localhost/etc/x",
            ],
            &[
                "",
                "/etc/x",
                "file:///etc/x",
                "file://localhost/../x",
                "file://localhost/a b",
                "file://localhost/a#b",
                "milestone/network",
            ],
        );
    }

    #[test]
    fn accounts_and_processes_have_names_that_tools_take() {
        hold(
            Format::Account(8),
            &["a", "zwbuild", "a_b.c-d", "eightlet"],
            &["", "ninechars", "0a", "_a", "a b", "-a", "ü"],
        );
        hold(
            Format::Process,
            &["afpd", "fifteen-letters"],
            &["", "sixteen--letters", "/bin/x", ".*", "-a", "a b"],
        );
        hold(
            Format::AccountField,
            &["", "Anna B., büro"],
            &["a:b", "a\nb"],
        );
        hold(
            Format::Privileges,
            &["basic", "basic,!proc_info,net_privaddr"],
            &["", "a,", "a b", ",a"],
        );
        hold(
            Format::Variable,
            &["A", "_a1"],
            &["", "1a", "a-b", "a b", "a=b"],
        );
        hold(
            Format::Kebab,
            &["a", "server-name", "x1-2"],
            &["", "A", "a_b", "-a", "a-", "a--b", "1a"],
        );
    }

    #[test]
    fn each_bound_is_where_it_is_said_to_be() {
        let path = |length: usize| format!("/{}", "a/".repeat(length).trim_end_matches('/'));
        for (format, before, most) in [
            (Format::Line, "", 1_000),
            (Format::Argument, "", 65_536),
            (Format::ServiceText, "", 3_900),
            (Format::AccountField, "", 128),
            (Format::Path, "/", 220),
            (Format::AccountPath, "/", 220),
            (Format::PackageName, "", 100),
            (Format::Version, "1", 99),
            (Format::Property, "a", 118),
            (Format::HostName, "", 253),
        ] {
            let text = |length: usize| format!("{before}{}", "x".repeat(length));
            assert_eq!(format.check(&text(most - 1)), Ok(()), "{format:?}");
            assert_eq!(format.check(&text(most)), Ok(()), "{format:?}");
            assert!(format.check(&text(most + 1)).is_err(), "{format:?}");
        }
        assert_eq!(Format::Path.check(&path(500)), Ok(()));
        assert!(Format::Path.check(&path(501)).is_err());
        assert_eq!(Format::AccountPath.check(&path(127)), Ok(()));
        assert!(Format::AccountPath.check(&path(129)).is_err());
    }

    #[test]
    fn what_is_run_is_nothing_but_a_program() {
        hold(
            Format::Program,
            &["/a b/$x", "./configure", "bin/x", "true", ":kill", "g++"],
            &[
                "", "-rf", "$(id)", "`id`/x", "A=b", "a b", "; /bin/x", "/a\nb",
            ],
        );
        hold(
            Format::ServiceText,
            &["", "a\tb\n\r", "日本", "\u{7f}"],
            &["\u{1b}[31m", "\0", "\u{ffff}"],
        );
        hold(
            Format::ManifestPath,
            &["/var/svc/manifest/site/a-b_c+1.xml"],
            &["/a b", "/a\"", "/a=b", "/a/", "a", "/é", "/(a)"],
        );
        hold(
            Format::AccountPath,
            &["/home/a b", "/", "/é"],
            &["/home/a:b", "/home/a\nb", "home"],
        );
        hold(
            Format::BuildVariable,
            &["CFLAGS", "_a", "ENV"],
            &[
                "BASH_ENV", "BASHOPTS", "PS4", "IFS", "DESTDIR", "HOME", "a-b",
            ],
        );
        hold(
            Format::ServiceVariable,
            &["HOME", "PS4", "SMFX"],
            &["SMF_FMRI", "SMF_", "a b"],
        );
        hold(
            Format::Property,
            &["a", "log-level"],
            &["", "a.b", "a,b", "1a", "a b"],
        );
        hold(
            Format::HostName,
            &["127.0.0.1", "::1", "a-b"],
            &["", "-e", "a b", "a;b"],
        );
    }

    #[test]
    fn what_a_host_knows_a_zone_by_is_what_vmadm_takes() {
        hold(
            Format::Uuid,
            &["c8715b60-7e98-11eb-82d1-03d16599f529"],
            &[
                "",
                "c8715b607e9811eb82d103d16599f529",
                "C8715B60-7E98-11EB-82D1-03D16599F529",
            ],
        );
        hold(
            Format::Brand,
            &["joyent", "joyent-minimal"],
            &["", "lx", "bhyve", "kvm", "builder", "Joyent"],
        );
        hold(
            Format::Mac,
            &["b2:1e:ba:a5:6e:70", "2:8:20:1:2:3", "02:08:20:AA:bb:03"],
            &[
                "",
                "b3:1e:ba:a5:6e:70",
                "b2:1e:ba:a5:6e",
                "b2-1e-ba-a5-6e-70",
                "b2:1e:ba:a5:6e:7g",
            ],
        );
        hold(
            Format::NicTag,
            &["admin", "external_2", "overlay/7", &"a".repeat(31)],
            &["", "my-tag", "a b", &"a".repeat(32)],
        );
        hold(
            Format::MetadataKey,
            &["user-script", "root_authorized_keys", "com.example:x"],
            &["", "sdc:alias", "a b", "ü", "-rf"],
        );
        hold(
            Format::DatasetName,
            &["matt", "matt/photos", "2026", "a.b:c_d-e"],
            &[
                "", "/matt", "matt/", "a//b", "-matt", ".matt", "a@b", "a b", "ü", "a%b",
            ],
        );
        hold(
            Format::HostDataset,
            &["zones/MacBackup", "tank/a/b"],
            &["", "zones", "1pool/a", "zones/", "zones/a@b"],
        );
        hold(
            Format::Label,
            &["vault", "a", "vault-2", &"a".repeat(63)],
            &["", "-a", "a-", "a.b", "a_b", &"a".repeat(64)],
        );
        hold(
            Format::Domain,
            &["local", "example.org"],
            &["", "example..org", ".org", "a b"],
        );
    }

    #[test]
    fn addresses_are_whole_and_in_range() {
        hold(
            Format::Address,
            &["192.0.2.1", "2001:db8::1"],
            &["", "192.0.2.256", "192.0.2", "192.0.2.1/24", "a.b"],
        );
        hold(
            Format::CardAddress,
            &[
                "dhcp",
                "192.0.2.1/24",
                "192.0.2.1/32",
                "192.0.2.1/8",
                "2001:db8::1/128",
                "2001:db8::1/1",
                "addrconf",
            ],
            &[
                "",
                "192.0.2.1/7",
                "0.0.0.0/8",
                "224.0.0.1/24",
                "ff02::1/64",
                "DHCP",
                "192.0.2.1",
                "192.0.2.1/33",
                "192.0.2.1/0",
                "192.0.2.1/",
                "2001:db8::1/129",
            ],
        );
        hold(
            Format::Image,
            &["base-64-lts@24.4.1", "c8715b60-7e98-11eb-82d1-03d16599f529"],
            &[
                "",
                "base-64-lts",
                "@1",
                "a@",
                "a b@1",
                "c8715b60-7e98-11eb-82d1-03d16599f52g",
                "C8715B60-7e98-11eb-82d1-03d16599f529",
            ],
        );
        hold(
            Format::SshTarget,
            &["vault", "matt@vault", "root@192.0.2.1:2222"],
            &[
                "", "-oX", "a@-x", "a b", "a;b", "$(id)", "a,b", "*", "a@`id`",
            ],
        );
        hold(
            Format::Url,
            &["https://a/b", "http://a", "ftp://a/b"],
            &[
                "",
                "https://",
                "file:///a",
                "https://a b",
                "https://u:p@a/",
                "https://a/é",
                "https://a/`id`",
                "https://a/\\",
                "https://a/{b}",
                "git://a",
            ],
        );
    }

    #[test]
    fn a_sha256_has_64_hex_digits() {
        let good = "2cdfd5420e8e91c85c82dda66a92dcdd5974eef076feb169b279c600133f38b2";
        let long = format!("{good}0");
        let prefixed = format!("sha256:{good}");
        let other = good.replace('2', "g");
        hold(
            Format::Sha256,
            &[good, &good.to_uppercase()],
            &["", &good[1..], &long, &prefixed, &other],
        );
    }
}
