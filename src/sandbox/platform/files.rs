//! The text files of a fresh zone: accounts, ssh, pkgsrc's configuration, what `/etc` says of the
//! system.
//!
//! They are what SmartOS's base-64 image holds, as far as facts tell; what Linux programs in the
//! zone need beyond that (PAM, name services) says so.

/// One file.
#[derive(Debug, Clone, Copy)]
pub struct TextFile {
    /// Where in the zone.
    pub path: &'static str,
    /// Its mode.
    pub mode: u32,
    /// What it holds.
    pub text: &'static str,
}

const fn plain(path: &'static str, text: &'static str) -> TextFile {
    TextFile {
        path,
        mode: 0o644,
        text,
    }
}

/// Folders whose content is the zone's alone, with their modes; nothing of the image shows there.
pub const FOLDERS: &[(&str, u32)] = &[
    // Where the sandbox and its zone share what faults need.
    (".zonewright-faults", 0o755),
    ("etc", 0o755),
    ("etc/default", 0o755),
    ("etc/pam.d", 0o755),
    ("etc/skel", 0o755),
    ("etc/skel/.ssh", 0o700),
    ("etc/ssh", 0o755),
    ("etc/svc", 0o755),
    ("etc/svc/volatile", 0o755),
    ("export", 0o755),
    ("home", 0o755),
    ("home/admin", 0o755),
    ("home/admin/.ssh", 0o700),
    ("mnt", 0o755),
    ("opt", 0o755),
    ("opt/custom", 0o755),
    ("opt/custom/smf", 0o755),
    ("opt/local", 0o755),
    ("opt/local/bin", 0o755),
    ("opt/local/etc", 0o755),
    ("opt/local/etc/pkgin", 0o755),
    ("opt/local/etc/sudoers.d", 0o755),
    ("opt/local/gnu", 0o755),
    ("opt/local/lib", 0o755),
    ("opt/local/lib/svc", 0o755),
    ("opt/local/lib/svc/manifest", 0o755),
    ("opt/local/lib/svc/method", 0o755),
    ("opt/local/pkg", 0o755),
    ("opt/local/sbin", 0o755),
    ("opt/local/share", 0o755),
    ("root", 0o700),
    ("root/.ssh", 0o700),
    ("system", 0o755),
    ("system/contract", 0o555),
    ("system/object", 0o555),
    ("var", 0o755),
    ("var/adm", 0o775),
    ("var/cron", 0o755),
    ("var/db", 0o755),
    ("var/db/pkgin", 0o755),
    ("var/empty", 0o755),
    ("var/log", 0o755),
    ("var/mail", 0o1777),
    ("var/run", 0o755),
    ("var/spool", 0o755),
    ("var/spool/cron", 0o755),
    ("var/spool/cron/crontabs", 0o755),
    ("var/ssh", 0o755),
    ("var/svc", 0o755),
    ("var/svc/log", 0o755),
    ("var/svc/manifest", 0o755),
    ("var/svc/profile", 0o755),
    ("var/tmp", 0o1777),
    ("var/zoneinit", 0o755),
];

/// Parts of the image's root that a zone has not.
pub const HIDDEN: &[&str] = &["boot", "media", "srv", "sys"];

/// Links at the root of a zone. `/run` is for Linux programs alone.
pub const LINKS: &[(&str, &str)] = &[("run", "var/run")];

/// Files of the image's `/etc` that Linux programs in the zone read as they are.
pub const TAKEN_OVER: &[&str] = &[
    "login.defs",
    "magic",
    "netconfig",
    "protocols",
    "rpc",
    "services",
    "terminfo",
    "security",
    "ssl",
    "sudo.conf",
];

const ENVIRONMENT: &str =
    "PATH=/usr/local/sbin:/usr/local/bin:/opt/local/sbin:/opt/local/bin:/usr/sbin:/usr/bin:/sbin\n";

/// The files, the same in every zone.
pub const FILES: &[TextFile] = &[
    plain("etc/passwd", PASSWD),
    TextFile {
        path: "etc/shadow",
        mode: 0o400,
        text: SHADOW,
    },
    plain("etc/group", GROUP),
    plain(
        "etc/release",
        "                                SmartOS x86_64\n",
    ),
    plain(
        "etc/product",
        "Name: SmartOS Instance\nImage: base-64-lts 24.4.1\n\
         Documentation: https://docs.smartos.org/\n",
    ),
    plain(
        "etc/pkgsrc_version",
        "release: 2024Q4\narchitecture: x86_64\n",
    ),
    plain(
        "etc/motd",
        "SmartOS-shaped sandbox zone (zonewright), base-64-lts 24.4.1\n",
    ),
    plain("etc/resolv.conf", ""),
    plain("etc/nsswitch.conf", NSSWITCH),
    plain("etc/profile", "umask 022\n"),
    plain(
        "etc/user_attr",
        "root::::auths=solaris.*,solaris.grant;profiles=All;type=role\n",
    ),
    plain(
        "etc/project",
        "system:0::::\nuser.root:1::::\nnoproject:2::::\ndefault:3::::\n",
    ),
    plain("etc/default/init", "TZ=UTC\nCMASK=022\nLANG=C\n"),
    plain(
        "etc/default/login",
        "CONSOLE=/dev/console\nPASSREQ=YES\nSUPATH=/usr/local/sbin:/usr/local/bin:\
         /opt/local/sbin:/opt/local/bin:/usr/sbin:/usr/bin:/sbin\n\
         PATH=/usr/local/sbin:/usr/local/bin:/opt/local/sbin:/opt/local/bin:/usr/sbin:/usr/bin:/sbin\n\
         UMASK=022\n",
    ),
    plain(
        "etc/default/su",
        "SULOG=/var/adm/sulog\nSUPATH=/usr/local/sbin:/usr/local/bin:\
         /opt/local/sbin:/opt/local/bin:/usr/sbin:/usr/bin:/sbin\n\
         PATH=/usr/local/sbin:/usr/local/bin:/opt/local/sbin:/opt/local/bin:/usr/sbin:/usr/bin:/sbin\n\
         SYSLOG=YES\n",
    ),
    plain("etc/default/cron", "CRONLOG=YES\n"),
    plain("etc/pam.d/other", PAM),
    TextFile {
        path: "etc/sudoers",
        mode: 0o440,
        text: "@include /opt/local/etc/sudoers\n",
    },
    TextFile {
        path: "opt/local/etc/sudoers",
        mode: 0o440,
        text: "root ALL=(ALL:ALL) ALL\n@includedir /opt/local/etc/sudoers.d\n",
    },
    TextFile {
        path: "opt/local/etc/sudoers.d/admin",
        mode: 0o440,
        text: "admin ALL=(ALL) NOPASSWD: ALL\n",
    },
    plain("etc/ssh/sshd_config", SSHD),
    TextFile {
        path: "etc/skel/.ssh/environment",
        mode: 0o600,
        text: ENVIRONMENT,
    },
    TextFile {
        path: "root/.ssh/environment",
        mode: 0o600,
        text: ENVIRONMENT,
    },
    TextFile {
        path: "home/admin/.ssh/environment",
        mode: 0o600,
        text: ENVIRONMENT,
    },
    plain("root/.bashrc", BASHRC),
    plain(
        "root/.profile",
        "PATH=/usr/local/sbin:/usr/local/bin:/opt/local/sbin:/opt/local/bin:/usr/sbin:/usr/bin:/sbin\nexport PATH\n",
    ),
    plain("home/admin/.bashrc", BASHRC),
    plain(
        "opt/local/etc/pkgin/repositories.conf",
        "https://pkgsrc.smartos.org/packages/SmartOS/2024Q4/x86_64/All\n",
    ),
    plain(
        "opt/local/etc/pkg_install.conf",
        "GPG_KEYRING_VERIFY=/opt/local/etc/gnupg/pkgsrc.gpg\n\
         GPG_KEYRING_PKGVULN=/opt/local/share/gnupg/pkgsrc-security.gpg\n\
         PKG_PATH=https://pkgsrc.smartos.org/packages/SmartOS/2024Q4/x86_64/All\n\
         VERIFIED_INSTALLATION=always\n",
    ),
    plain("var/adm/messages", ""),
    plain("var/adm/sulog", ""),
];

/// Files of the platform, below `usr`: what methods of services source.
pub const PLATFORM_FILES: &[TextFile] = &[plain("lib/svc/share/smf_include.sh", SMF_INCLUDE)];

/// Folders of the platform, below `usr`.
pub const PLATFORM_FOLDERS: &[&str] = &[
    "bin",
    "ccs/bin",
    "lib/ssh",
    "lib/svc/manifest/site",
    "lib/svc/method",
    "lib/svc/share",
    "lib/zonewright/bin",
    "perl5/bin",
    "sbin",
    "xpg4/bin",
];

// Statuses and functions that methods use, by name (memory; the statuses: facts/smf.md).
const SMF_INCLUDE: &str = "\
SMF_EXIT_OK=0
SMF_EXIT_NODAEMON=94
SMF_EXIT_ERR_FATAL=95
SMF_EXIT_ERR_CONFIG=96
SMF_EXIT_MON_DEGRADE=97
SMF_EXIT_MON_OFFLINE=98
SMF_EXIT_ERR_NOSMF=99
SMF_EXIT_ERR_PERM=100
smf_present() { return 0; }
smf_is_globalzone() { return 1; }
smf_is_nonglobalzone() { return 0; }
smf_clear_env() { unset SMF_FMRI SMF_METHOD SMF_RESTARTER SMF_ZONENAME; }
smf_console() { /usr/bin/cat >&2; }
";

// (memory: the accounts of illumos; facts/smartos-host.md 4.5 for root, admin and _pkgsrc)
const PASSWD: &str = "\
root:x:0:0:Super-User:/root:/usr/bin/bash
daemon:x:1:1::/:
bin:x:2:2::/usr/bin:
sys:x:3:3::/:
adm:x:4:4:Admin:/var/adm:
uucp:x:5:5:uucp Admin:/usr/lib/uucp:
dladm:x:15:65:Datalink Admin:/:
netadm:x:16:65:Network Admin:/:
netcfg:x:17:65:Network Configuration Admin:/:
sshd:x:22:22:sshd privsep:/var/empty:/bin/false
smmsp:x:25:25:SendMail Message Submission Program:/:
listen:x:37:4:Network Admin:/usr/net/nls:
admin:x:100:10::/home/admin:/usr/bin/bash
_pkgsrc:x:999:999:pkgsrc user:/nonexistent:/usr/bin/false
nobody:x:60001:60001:NFS Anonymous Access User:/:
noaccess:x:60002:60002:No Access User:/:
nobody4:x:65534:65534:SunOS 4.x NFS Anonymous Access User:/:
";

const SHADOW: &str = "\
root:NP:6445::::::
daemon:NP:6445::::::
bin:NP:6445::::::
sys:NP:6445::::::
adm:NP:6445::::::
uucp:NP:6445::::::
dladm:*LK*:::::::
netadm:*LK*:::::::
netcfg:*LK*:::::::
sshd:*LK*:::::::
smmsp:NP:6445::::::
listen:*LK*:::::::
admin:NP:6445::::::
_pkgsrc:*LK*:::::::
nobody:*LK*:6445::::::
noaccess:*LK*:6445::::::
nobody4:*LK*:6445::::::
";

const GROUP: &str = "\
root::0:
other::1:root
bin::2:root,daemon
sys::3:root,bin,adm
adm::4:root,daemon
uucp::5:root
mail::6:root
tty::7:root,adm
lp::8:root,adm
nuucp::9:root
staff::10:
daemon::12:root
sysadmin::14:
games::20:
sshd::22:
smmsp::25:
netadm::65:
_pkgsrc::999:
nobody::60001:
noaccess::60002:
nogroup::65534:
";

const NSSWITCH: &str = "\
passwd:     files
shadow:     files
group:      files
hosts:      files dns
ipnodes:    files dns
networks:   files
protocols:  files
rpc:        files
services:   files
";

// For Linux's PAM: SmartOS keeps the same decisions in /etc/pam.conf.
const PAM: &str = "\
auth     required pam_unix.so
account  required pam_unix.so
password required pam_unix.so
session  required pam_permit.so
";

// Every client comes from one address here: penalties for one that is cut off would shut out all.
pub(crate) const SSHD: &str = "\
AddressFamily any
AuthorizedKeysFile .ssh/authorized_keys
HostKey /var/ssh/ssh_host_rsa_key
HostKey /var/ssh/ssh_host_ed25519_key
KbdInteractiveAuthentication no
LoginGraceTime 600
MaxStartups 100:30:300
AcceptEnv LANG LC_*
PasswordAuthentication no
PerSourcePenalties no
PermitRootLogin without-password
PermitUserEnvironment yes
PidFile /var/run/sshd.pid
PrintMotd no
SshdSessionPath /usr/lib/ssh/sshd-session
StrictModes no
Subsystem sftp internal-sftp
UseDNS no
UsePAM no
X11Forwarding no
";

const BASHRC: &str = "\
if [ \"$PS1\" ]; then
  PS1='[\\u@\\h \\w]# '
fi
";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_lies_in_a_folder_of_the_list_and_folders_follow_their_parents() {
        let mut seen = BTreeSet::new();
        for (path, _) in FOLDERS {
            if let Some((parent, _)) = path.rsplit_once('/') {
                assert!(seen.contains(parent), "{path}");
            }
            assert!(seen.insert(*path), "{path} twice");
        }
        for file in FILES {
            let parent = file.path.rsplit_once('/').map_or("", |(parent, _)| parent);
            assert!(seen.contains(parent), "{}", file.path);
        }
    }

    #[test]
    fn every_account_has_a_shadow_line_and_a_group() {
        let names = |text: &str| -> Vec<String> {
            text.lines()
                .filter_map(|l| l.split(':').next())
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(names(PASSWD), names(SHADOW));
        let groups: BTreeSet<_> = GROUP.lines().filter_map(|l| l.split(':').nth(2)).collect();
        for line in PASSWD.lines() {
            let fields: Vec<_> = line.split(':').collect();
            assert_eq!(fields.len(), 7, "{line}");
            assert!(
                groups.contains(fields[3]) || fields[3] == "12" || fields[1] == "x",
                "{line}"
            );
        }
    }
}
