//! The emulated pkgin index: pkgsrc names and the Debian packages whose files stand for them.
//!
//! The first Debian package gives the version, made into one that pkgsrc's comparison takes.
//! What Debian trixie does not have is not here, and pkgin says that it is not available:
//! `libbstring` and `db4` are the ones that netatalk would want. An entry without Debian packages
//! is one that the zone has without any (`libiconv`: it is in Linux's libc).

use std::collections::BTreeMap;

/// One package of the emulated pkgin index.
#[derive(Debug, Clone, Copy)]
pub struct IndexEntry {
    /// The pkgsrc name, without version.
    pub name: &'static str,
    /// The Debian packages whose files stand for it; the first one gives the version.
    pub debian: &'static [&'static str],
    /// The pkgsrc names it depends on.
    pub depends: &'static [&'static str],
    /// The one-line comment.
    pub comment: &'static str,
    /// A version that replaces Debian's.
    pub version: Option<&'static str>,
}

const fn entry(
    name: &'static str,
    debian: &'static [&'static str],
    depends: &'static [&'static str],
    comment: &'static str,
) -> IndexEntry {
    IndexEntry {
        name,
        debian,
        depends,
        comment,
        version: None,
    }
}

const fn fixed(
    name: &'static str,
    version: &'static str,
    debian: &'static [&'static str],
    depends: &'static [&'static str],
    comment: &'static str,
) -> IndexEntry {
    IndexEntry {
        name,
        debian,
        depends,
        comment,
        version: Some(version),
    }
}

/// All packages that the emulated pkgin knows, in the order of the alphabet.
#[rustfmt::skip]
pub const INDEX: &[IndexEntry] = &[
    entry("autoconf", &["autoconf"], &["m4", "perl"], "Generates automatic source code configuration scripts"),
    entry("automake", &["automake"], &["autoconf", "perl"], "GNU Standards-compliant Makefile generator"),
    entry("avahi", &["libavahi-client-dev", "libavahi-common-dev", "avahi-daemon", "avahi-utils"], &["dbus", "glib2"], "Facilitate service discovery on a local network"),
    entry("bash", &["bash"], &[], "The GNU Bourne Again Shell"),
    entry("binutils", &["binutils"], &[], "GNU binary utilities"),
    entry("bison", &["bison"], &["m4"], "GNU yacc(1) replacement"),
    entry("bzip2", &["bzip2", "libbz2-dev"], &[], "Block-sorting file compressor"),
    entry("cmake", &["cmake"], &["curl", "libarchive", "libuv"], "Cross platform make"),
    entry("cmark-gfm", &["cmark-gfm", "libcmark-gfm-dev", "libcmark-gfm-extensions-dev"], &[], "GitHub's fork of cmark"),
    entry("coreutils", &["coreutils"], &[], "GNU basic file, shell and text manipulation utilities"),
    entry("cracklib", &["libcrack2-dev", "libcrack2", "cracklib-runtime"], &[], "Password checking library"),
    entry("curl", &["curl", "libcurl4-openssl-dev"], &["openssl", "nghttp2"], "Client that groks URLs"),
    fixed("db5", "5.3.28", &["libdb5.3-dev", "libdb5.3t64", "db5.3-util"], &[], "Berkeley DB version 5 from Oracle"),
    entry("dbus", &["dbus", "libdbus-1-dev"], &[], "Message bus system"),
    entry("diffutils", &["diffutils"], &[], "GNU diff utilities - find the differences between files"),
    entry("docbook-xsl", &["docbook-xsl"], &["libxslt"], "Docbook XSL modular stylesheet"),
    entry("expat", &["libexpat1-dev", "expat"], &[], "XML parser library written in C"),
    entry("findutils", &["findutils"], &[], "The GNU find, xargs and locate utilities"),
    entry("flex", &["flex", "libfl-dev"], &["m4"], "Fast lexical analyzer generator"),
    entry("gawk", &["gawk"], &[], "GNU awk"),
    fixed("gcc13", "13.3.0", &["gcc-13", "g++-13", "cpp-13", "libgcc-13-dev", "libstdc++-13-dev", "libc6-dev", "binutils"], &["gcc13-libs", "binutils"], "The GNU Compiler Collection (GCC) - 13 Release Series"),
    fixed("gcc13-libs", "13.3.0", &["libstdc++6", "libgcc-s1", "libgomp1"], &[], "The GNU Compiler Collection (GCC) support shared libraries"),
    entry("gettext-lib", &["libgettextpo-dev"], &[], "Internationalized Message Handling Library (libintl)"),
    entry("gettext-tools", &["gettext"], &["gettext-lib"], "Tools for providing messages in different languages"),
    entry("git-base", &["git"], &["curl", "openssl", "perl"], "GIT version control suite base package"),
    entry("glib2", &["libglib2.0-dev", "libgio-2.0-dev"], &["libffi", "pcre2", "gettext-lib"], "Some useful routines for C programming (glib2)"),
    entry("gmake", &["make"], &[], "GNU version of 'make' utility"),
    entry("gperf", &["gperf"], &[], "GNU perfect hash function generator"),
    entry("grep", &["grep"], &[], "GNU grep"),
    entry("gsed", &["sed"], &[], "GNU implementation of sed, the POSIX stream editor"),
    entry("gtar-base", &["tar"], &[], "The GNU tape archiver with remote magnetic tape support"),
    entry("iniparser", &["libiniparser-dev", "libiniparser4"], &[], "Simple C library offering ini file parsing services"),
    entry("jq", &["jq"], &[], "Command-line JSON processor"),
    entry("less", &["less"], &[], "Pager similar to more and pg"),
    entry("libarchive", &["libarchive-dev", "libarchive-tools"], &[], "Library to read/create different archive formats"),
    entry("libev", &["libev-dev"], &[], "Full-featured and high-performance event loop"),
    entry("libevent", &["libevent-dev", "libevent-2.1-7t64", "libevent-core-2.1-7t64", "libevent-extra-2.1-7t64", "libevent-pthreads-2.1-7t64", "libevent-openssl-2.1-7t64"], &["openssl"], "Asynchronous event notification library"),
    entry("libffi", &["libffi-dev"], &[], "Foreign function interface"),
    entry("libgcrypt", &["libgcrypt20-dev", "libgcrypt20"], &["libgpg-error"], "GNU cryptography library"),
    entry("libgpg-error", &["libgpg-error-dev", "libgpg-error0"], &[], "Definitions of common error values for all GnuPG components"),
    fixed("libiconv", "1.17", &[], &[], "Character set conversion library (in the sandbox: that of Linux's libc)"),
    entry("libtool", &["libtool", "libtool-bin"], &["m4"], "Generic shared library support script"),
    entry("libuv", &["libuv1-dev"], &[], "Cross-platform asychronous I/O"),
    entry("libxml2", &["libxml2-dev", "libxml2-utils"], &["xz", "zlib"], "XML parser library from the GNOME project"),
    entry("libxslt", &["xsltproc", "libxslt1-dev"], &["libxml2"], "XSLT parser library from the GNOME project"),
    entry("m4", &["m4"], &[], "GNU version of UNIX m4 macro language processor"),
    // Debian has Apple's interface only as a layer over Avahi.
    fixed("mDNSResponder", "2559.1.1", &["libavahi-compat-libdnssd-dev", "libavahi-compat-libdnssd1"], &[], "Apple's mDNS responder"),
    entry("meson", &["meson"], &["ninja-build", "python313"], "Build system designed to be fast and user-friendly"),
    entry("mit-krb5", &["libkrb5-dev", "krb5-user"], &["openssl"], "MIT Kerberos 5 authentication system"),
    entry("nano", &["nano"], &[], "Small and friendly text editor (a free replacement for Pico)"),
    entry("ncurses", &["libncurses-dev"], &[], "CRT screen handling and optimization package"),
    entry("nettle", &["nettle-dev"], &[], "Cryptographic library"),
    entry("nghttp2", &["libnghttp2-dev"], &[], "Implementation of HTTP/2 in C"),
    entry("ninja-build", &["ninja-build"], &[], "Small build system with a focus on speed"),
    entry("nodejs", &["nodejs"], &[], "V8 JavaScript for clients and servers"),
    entry("openldap-client", &["libldap-dev", "libldap2", "ldap-utils"], &["openssl"], "Lightweight Directory Access Protocol libraries and client programs"),
    entry("openssl", &["openssl", "libssl-dev"], &[], "Secure Socket Layer and cryptographic library"),
    entry("p5-Net-DBus", &["libnet-dbus-perl"], &["dbus", "perl"], "Perl extension for the DBus bindings"),
    entry("patch", &["patch"], &[], "Patch files using diff output"),
    entry("pcre2", &["libpcre2-dev"], &[], "Perl Compatible Regular Expressions library (major version 2)"),
    entry("perl", &["perl"], &[], "Practical Extraction and Report Language"),
    fixed("pkgin", "25.10.0", &[], &["pkg_install"], "Apt / yum like tool for managing pkgsrc binary packages"),
    fixed("pkg_install", super::TOOLS_VERSION, &[], &[], "Package management and administration tools for pkgsrc"),
    entry("pkgconf", &["pkgconf", "pkg-config"], &[], "API-driven pkg-config replacement"),
    entry("postfix", &["postfix"], &["openssl"], "Fast, easy to administer, and secure mail server"),
    entry("python313", &["python3.13", "libpython3.13-dev", "python3"], &["expat", "libffi", "openssl"], "Interpreted, interactive, object-oriented programming language"),
    entry("readline", &["libreadline-dev"], &["ncurses"], "GNU library that can recall and edit previous input"),
    entry("rsync", &["rsync"], &[], "Network file distribution/synchronisation utility"),
    entry("rsyslog", &["rsyslog"], &[], "The enhanced syslogd for Unix"),
    entry("sqlite3", &["sqlite3", "libsqlite3-dev", "libsqlite3-0"], &[], "SQL Database Engine in a C Library"),
    entry("sudo", &["sudo"], &[], "Allow others to run commands as root"),
    entry("talloc", &["libtalloc-dev", "libtalloc2"], &[], "Hierarchical pool based memory allocator with destructors"),
    // Debian counts 7.6.q; the version is pkgsrc's (inferred).
    fixed("tcp_wrappers", "7.6.4", &["libwrap0-dev", "libwrap0"], &[], "Monitor and filter incoming requests for network services"),
    entry("tmux", &["tmux"], &["libevent", "ncurses"], "BSD-licensed terminal multiplexer (GNU screen alternative)"),
    entry("unicode-character-database", &["unicode-data"], &[], "Unicode Character Database"),
    entry("unicode-data", &["unicode-data"], &[], "Unicode Character Database, by Debian's name"),
    entry("unzip", &["unzip"], &[], "Unpack .zip files"),
    entry("wget", &["wget"], &["openssl"], "Retrieve files from the 'net via HTTP and FTP"),
    entry("xz", &["xz-utils", "liblzma-dev"], &[], "General-purpose data compression software"),
    entry("zlib", &["zlib1g-dev", "zlib1g"], &[], "General purpose data compression library"),
    entry("zstd", &["zstd", "libzstd-dev"], &[], "Fast real-time compression algorithm"),
];

/// Debian packages of the index as trixie has them: name, version, bytes to download, KiB installed.
const TRIXIE: &str = include_str!("trixie.txt");

/// The entry of a name without version.
#[must_use]
pub fn find(name: &str) -> Option<&'static IndexEntry> {
    INDEX.iter().find(|entry| entry.name == name)
}

impl IndexEntry {
    /// The name with its version, given what Debian has (which may know newer ones than we do).
    #[must_use]
    pub fn full_name(&self, debian: &BTreeMap<String, String>) -> String {
        let first = self.debian.first().copied().unwrap_or("");
        let version = match self.version {
            Some(version) => version.to_owned(),
            None => match debian
                .get(first)
                .map(String::as_str)
                .or_else(|| version_in(first))
            {
                Some(version) => pkgsrc_version(version),
                None => "0".into(),
            },
        };
        format!("{}-{version}", self.name)
    }

    /// Bytes to download and bytes on disk, as trixie's archive tells them.
    #[must_use]
    pub fn sizes(&self) -> (u64, u64) {
        let number = |name: &str, field| {
            record(name)
                .and_then(|mut r| r.nth(field)?.parse::<u64>().ok())
                .unwrap_or(0)
        };
        self.debian.iter().fold((0, 0), |(download, disk), name| {
            (download + number(name, 2), disk + number(name, 3) * 1024)
        })
    }
}

fn record(debian: &str) -> Option<impl Iterator<Item = &'static str>> {
    let line = TRIXIE
        .lines()
        .find(|line| line.split(' ').next() == Some(debian))?;
    Some(line.split(' '))
}

fn version_in(debian: &str) -> Option<&'static str> {
    record(debian)?.nth(1)
}

/// A Debian version as pkgsrc would count it: no epoch, no revision, no word about repacking.
///
/// `+really` says that what stands before it is a lie.
#[must_use]
pub fn pkgsrc_version(debian: &str) -> String {
    let version = debian
        .split_once(':')
        .map_or(debian, |(_, version)| version);
    let version = version
        .rsplit_once('-')
        .map_or(version, |(upstream, _)| upstream);
    let version = version
        .split_once("+really")
        .map_or(version, |(_, real)| real);
    let version = version.split(['+', '~', '-']).next().unwrap_or(version);
    version
        .trim_end_matches(".dfsg")
        .trim_end_matches(".ds")
        .to_owned()
}

/// The pkgsrc category of a package. (inferred, from general knowledge)
#[must_use]
pub fn category(name: &str) -> &'static str {
    const CATEGORIES: &[(&str, &str)] = &[
        ("archivers", "bzip2 gtar-base libarchive unzip xz zstd"),
        ("databases", "db5 openldap-client sqlite3"),
        ("lang", "gawk gcc13 gcc13-libs nodejs perl python313"),
        ("mail", "postfix"),
        ("editors", "nano"),
        ("misc", "less tmux"),
        ("net", "avahi mDNSResponder rsync wget"),
        ("pkgtools", "pkg_install pkgin"),
        (
            "security",
            "cracklib libgcrypt libgpg-error mit-krb5 nettle openssl sudo tcp_wrappers",
        ),
        ("shells", "bash"),
        ("sysutils", "coreutils dbus findutils rsyslog"),
        (
            "textproc",
            "cmark-gfm docbook-xsl expat grep gsed iniparser jq libxml2 libxslt \
                      unicode-character-database unicode-data",
        ),
        ("www", "curl nghttp2"),
    ];
    let is_in = |names: &str| names.split_whitespace().any(|n| n == name);
    CATEGORIES
        .iter()
        .find(|(_, names)| is_in(names))
        .map_or("devel", |(category, _)| category)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_versions_become_pkgsrc_versions() {
        for (debian, pkgsrc) in [
            ("5.3.28+dfsg2-9", "5.3.28"),
            ("2.1.12-stable-10+b1", "2.1.12"),
            ("1:1.3.dfsg+really1.3.1-1+b1", "1.3.1"),
            ("2.12.7+dfsg+really2.9.14-2.1+deb13u3", "2.9.14"),
            ("2:2.4.3+samba4.22.11+dfsg-0+deb13u1", "2.4.3"),
            ("2.84.4-3~deb13u5", "2.84.4"),
            ("0.29.0.gfm.13-4", "0.29.0.gfm.13"),
            ("1.9.16p2-3+deb13u2", "1.9.16p2"),
            ("6.5+20250216-2", "6.5"),
            ("20250419", "20250419"),
            ("1.3.dfsg-1", "1.3"),
            ("1.0", "1.0"),
        ] {
            assert_eq!(pkgsrc_version(debian), pkgsrc, "{debian}");
        }
    }

    #[test]
    fn every_entry_has_a_version_that_compares_and_known_dependencies() {
        let none = BTreeMap::new();
        for entry in INDEX {
            let name = entry.full_name(&none);
            let (_, version) = name.rsplit_once('-').unwrap();
            assert_ne!(version, "0", "{name}");
            assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{name}");
            assert!(
                pkgsrc::Pattern::new(&format!("x>={version}")).is_ok(),
                "{name}"
            );
            assert!(!entry.comment.is_empty(), "{name}");
            for needed in entry.depends {
                assert!(find(needed).is_some(), "{name} needs {needed}");
            }
            for debian in entry.debian {
                assert!(
                    version_in(debian).is_some(),
                    "{name}: {debian} is not in trixie.txt"
                );
            }
        }
    }

    #[test]
    fn a_name_stands_there_once() {
        let names: std::collections::BTreeSet<&str> = INDEX.iter().map(|e| e.name).collect();
        assert_eq!(names.len(), INDEX.len());
    }

    #[test]
    fn what_debian_has_now_goes_before_what_we_know() {
        let mut debian = BTreeMap::new();
        debian.insert("meson".to_owned(), "1.9.9-1".to_owned());
        debian.insert("gcc-13".to_owned(), "13.4.0-1".to_owned());
        assert_eq!(find("meson").unwrap().full_name(&debian), "meson-1.9.9");
        assert_eq!(
            find("gcc13").unwrap().full_name(&debian),
            "gcc13-13.3.0",
            "fixed"
        );
    }
}
