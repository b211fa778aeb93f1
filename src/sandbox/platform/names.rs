//! Which commands a zone shows where: an allow-list, for what is not known to exist on SmartOS must
//! not be found here either.
//!
//! The list is made of names that illumos and SmartOS's own additions ship under `/usr/bin` and
//! `/usr/sbin`. What an image has beyond it stays reachable below `/usr/lib/zonewright/bin` only.

/// Commands of the image that a zone shows under the same name in `/usr/bin`.
pub const BIN: &[&str] = &[
    "[",
    "ar",
    "arch",
    "basename",
    "bash",
    "bunzip2",
    "bzcat",
    "bzcmp",
    "bzdiff",
    "bzegrep",
    "bzfgrep",
    "bzgrep",
    "bzip2",
    "bzip2recover",
    "bzless",
    "bzmore",
    "captoinfo",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "cksum",
    "clear",
    "cmp",
    "comm",
    "cp",
    "csplit",
    "cut",
    "date",
    "dd",
    "df",
    "diff",
    "diff3",
    "dirname",
    "du",
    "echo",
    "ed",
    "egrep",
    "env",
    "expand",
    "expr",
    "factor",
    "false",
    "fgrep",
    "file",
    "find",
    "fmt",
    "fold",
    "gencat",
    "getconf",
    "getent",
    "getopt",
    "grep",
    "groups",
    "gunzip",
    "gzip",
    "head",
    "hostid",
    "hostname",
    "iconv",
    "id",
    "infocmp",
    "ipcrm",
    "ipcs",
    "join",
    "kill",
    "ksh93",
    "ld",
    "ldd",
    "less",
    "ln",
    "locale",
    "localedef",
    "logger",
    "login",
    "logname",
    "ls",
    "mkdir",
    "mkfifo",
    "mktemp",
    "more",
    "mv",
    "newgrp",
    "nice",
    "nl",
    "nm",
    "nohup",
    "od",
    "openssl",
    "passwd",
    "paste",
    "pathchk",
    "pgrep",
    "pkill",
    "pldd",
    "pr",
    "printf",
    "ps",
    "pwd",
    "pwdx",
    "readlink",
    "renice",
    "rev",
    "rksh93",
    "rm",
    "rmdir",
    "rpcgen",
    "scp",
    "script",
    "sdiff",
    "sed",
    "seq",
    "sftp",
    "size",
    "sleep",
    "sort",
    "split",
    "ssh",
    "ssh-add",
    "ssh-agent",
    "ssh-keygen",
    "ssh-keyscan",
    "stat",
    "strings",
    "strip",
    "stty",
    "su",
    "sum",
    "sync",
    "tail",
    "tar",
    "tee",
    "test",
    "tic",
    "time",
    "touch",
    "tput",
    "tr",
    "true",
    "tset",
    "tsort",
    "tty",
    "uncompress",
    "unexpand",
    "uniq",
    "unxz",
    "uptime",
    "users",
    "vmstat",
    "w",
    "wc",
    "who",
    "xargs",
    "xmllint",
    "xxd",
    "xz",
    "xzcat",
    "yes",
    "zcat",
    "zcmp",
    "zdiff",
    "zegrep",
    "zfgrep",
    "zforce",
    "zgrep",
    "zmore",
    "znew",
];

/// Commands that begin with it stay where Debian has them: no script calls them by chance, and
/// gcc and binutils find their own parts there.
pub const TRIPLET: &str = "x86_64-linux-gnu-";

/// The same for `/usr/sbin`, with a helper of Linux's PAM, which knows no other place.
pub const SBIN: &[&str] = &["chroot", "sshd", "unix_chkpwd"];

/// Names that lie elsewhere, or that the image knows under another name: a path below `usr`, and
/// the command of the image that it is.
pub const ELSEWHERE: &[(&str, &str)] = &[
    ("bin/awk", "original-awk"),
    ("bin/gtar", "tar"),
    ("bin/ksh", "ksh93"),
    ("bin/nawk", "original-awk"),
    ("bin/nc", "nc.openbsd"),
    ("bin/sh", "ksh93"),
    ("bin/which", "which.debianutils"),
    ("lib/ssh/sshd", "sshd"),
    ("perl5/bin/perl", "perl"),
    ("sbin/link", "link"),
    ("sbin/mknod", "mknod"),
    ("sbin/mount", "mount"),
    ("sbin/sh", "ksh93"),
    ("sbin/sync", "sync"),
    ("sbin/umount", "umount"),
    ("sbin/unlink", "unlink"),
    ("sbin/wall", "wall"),
    ("xpg4/bin/awk", "original-awk"),
    ("xpg4/bin/cp", "cp"),
    ("xpg4/bin/date", "date"),
    ("xpg4/bin/df", "df"),
    ("xpg4/bin/du", "du"),
    ("xpg4/bin/egrep", "egrep"),
    ("xpg4/bin/expr", "expr"),
    ("xpg4/bin/fgrep", "fgrep"),
    ("xpg4/bin/grep", "grep"),
    ("xpg4/bin/id", "id"),
    ("xpg4/bin/ln", "ln"),
    ("xpg4/bin/ls", "ls"),
    ("xpg4/bin/mv", "mv"),
    ("xpg4/bin/nohup", "nohup"),
    ("xpg4/bin/rm", "rm"),
    ("xpg4/bin/sed", "sed"),
    ("xpg4/bin/sh", "ksh93"),
    ("xpg4/bin/sort", "sort"),
    ("xpg4/bin/tail", "tail"),
    ("xpg4/bin/tr", "tr"),
    ("xpg4/bin/who", "who"),
];

/// Links of SmartOS's layout below `usr`: where, and what they say.
pub const LINKS: &[(&str, &str)] = &[
    ("bin/perl", "../../opt/local/bin/perl"),
    ("lib/64", "x86_64-linux-gnu"),
    ("lib/amd64", "x86_64-linux-gnu"),
    ("lib/ssh/sftp-server", "../openssh/sftp-server"),
];

/// Parts of the image below `usr` that are about Linux alone and that a build could stumble over.
pub const HIDDEN: &[&str] = &[
    "lib/init",
    "lib/lsb",
    "lib/systemd",
    "lib/udev",
    "local",
    "games",
];

/// The packages that base-64 comes with and whose commands the image has: the pkgsrc name, the
/// Debian package, and whether each command is there under a `g` too.
pub const BASE: &[(&str, &str, bool)] = &[
    ("coreutils", "coreutils", true),
    ("diffutils", "diffutils", true),
    ("findutils", "findutils", true),
    ("gawk", "gawk", false),
    ("grep", "grep", true),
    ("gsed", "sed", true),
    ("gtar-base", "tar", true),
    ("less", "less", false),
    ("patch", "patch", true),
    ("perl", "perl", false),
    ("perl", "perl-base", false),
    ("sudo", "sudo", false),
];

/// Whether a zone shows this command of the image in the folder (`bin` or `sbin`) it lies in.
#[must_use]
pub fn is_shown(below: &str, name: &str) -> bool {
    let list = if below == "bin" { BIN } else { SBIN };
    name.starts_with(TRIPLET) || list.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_for_the_search() {
        assert!(BIN.is_sorted());
        assert!(SBIN.is_sorted());
    }

    #[test]
    fn what_smartos_lacks_is_not_shown() {
        let absent = "realpath sha256sum md5sum base64 timeout nproc tac shuf whoami setsid flock \
             patch make cc as gcc python3 tmux unzip zstd apt apt-get dpkg systemctl perl pidof \
             pstree lsof strace jq sudo install nsenter unshare";
        for name in absent.split_whitespace() {
            assert!(!is_shown("bin", name), "{name}");
        }
        for name in ["ldconfig", "useradd", "getty", "sysctl"] {
            assert!(!is_shown("sbin", name), "{name}");
        }
        assert!(is_shown("bin", "bash") && is_shown("bin", "["));
    }
}
