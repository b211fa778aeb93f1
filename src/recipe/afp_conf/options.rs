//! The options of netatalk's afp.conf: where each stands, what it takes, and in which versions.
//!
//! Names were read from the calls that look options up in the sources of 3.0 to 3.1.8 and of 4.2.3,
//! release by release, and since then from the change log and upstream's manual. What came after
//! 4.2.4 is known by name, but not always to the very release: it counts from 4.3 (inferred), so that
//! a recipe is never told off for an option that is there.

/// The section that an option belongs into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// `[Global]`.
    Global,
    /// A volume's section, `[Homes]` or a preset.
    Volume,
    /// `[Global]` for all volumes, or a volume's section.
    Both,
    /// `[Homes]`.
    Homes,
    /// A volume's section, and since this version `[Global]` too.
    VolumeThenBoth(&'static str),
}

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// yes or no, true or false, 1 or 0: netatalk reads anything else as if it were not there.
    Boolean,
    /// A whole number from the first to the last, and what it counts.
    Number(i64, i64, &'static str),
    /// A size in whole MiB, without a unit.
    Mebibytes,
    /// Octal permissions.
    Mode,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Any number of these words, with blanks or commas between.
    Some(&'static [&'static str]),
    /// `type:level`, any number of them.
    LogLevels,
    /// Names of login modules.
    LoginModules,
    /// An absolute path; `~` in a volume's is a home folder.
    Path,
    /// At most so many characters.
    Short(usize),
    /// Anything.
    Text,
}

/// An option.
#[derive(Debug, Clone, Copy)]
pub(super) struct AfpOption {
    pub name: &'static str,
    pub place: Place,
    pub takes: Takes,
    /// The first version that has it; empty where 3.0 has.
    pub since: &'static str,
    /// The first version that has it no more; empty where the newest has.
    pub until: &'static str,
    /// What to write instead in the versions without it.
    pub instead: Instead,
}

/// What takes the place of an option that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    /// Nothing: it is to be left out.
    Nothing,
    /// An option that takes the same values.
    Option(&'static str),
    /// Something that needs words.
    Words(&'static str),
}

const fn option(name: &'static str, place: Place, takes: Takes) -> AfpOption {
    AfpOption {
        name,
        place,
        takes,
        since: "",
        until: "",
        instead: Instead::Nothing,
    }
}

const fn since(version: &'static str, option: AfpOption) -> AfpOption {
    AfpOption {
        since: version,
        ..option
    }
}

const fn until(version: &'static str, instead: Instead, option: AfpOption) -> AfpOption {
    AfpOption {
        until: version,
        instead,
        ..option
    }
}

/// The largest number that `iniparser_getint` returns as it stands.
const INT: i64 = i32::MAX as i64;

use Place::{Both, Global, Homes, Volume, VolumeThenBoth};
use Takes::{
    Boolean, LogLevels, LoginModules, Mebibytes, Mode, Number, OneOf, Path, Short, Some, Text,
};

const IGNORED: &[&str] = &["all", "nowrite", "nodelete", "norename"];
const EVENTS: &[&str] = &[
    "fmod", "fdel", "ddel", "fcre", "dcre", "fmov", "dmov", "login", "logout",
];
const SCOPES: &[&str] = &["base", "one", "sub"];
const BACKENDS: &[&str] = &["dbd", "last", "tdb", "cdb", "mysql", "sqlite"];
/// When a word of `cnid scheme` came and went.
pub(super) const BACKENDS_SINCE: &[(&str, &str, &str)] = &[
    ("last", "", "4.5"),
    ("tdb", "", "3.2"),
    ("cdb", "", "3.2"),
    ("mysql", "3.1", ""),
    ("sqlite", "4.3", ""),
];

pub(super) static OPTIONS: &[AfpOption] = &[
    // who may log in
    option("uam list", Global, LoginModules),
    option("uam path", Global, Path),
    option("guest account", Global, Text),
    option("save password", Global, Boolean),
    option("set password", Global, Boolean),
    option("passwd file", Global, Path),
    option("passwd minlen", Global, Number(0, 255, "characters")),
    option("admin group", Global, Text),
    until(
        "4.5",
        Instead::Nothing,
        option("admin auth user", Global, Text),
    ),
    since("3.0.2", option("ad domain", Global, Text)),
    since("3.1.9", option("force user", Global, Text)),
    since("3.1.9", option("force group", Global, Text)),
    option("k5 keytab", Global, Path),
    option("k5 service", Global, Text),
    option("k5 realm", Global, Text),
    option("nt domain", Global, Text),
    option("nt separator", Global, Text),
    since("4.3", option("srp passwd file", Global, Path)),
    since("4.3", option("valid shellcheck", Global, Boolean)),
    // the network
    option("afp listen", Global, Text),
    since("3.0.4", option("afp interfaces", Global, Text)),
    option("afp port", Global, Number(1, 65_535, "")),
    option("hostname", Global, Text),
    since("4.2", option("server name", Global, Text)),
    option("fqdn", Global, Text),
    option("zeroconf", Global, Boolean),
    since(
        "3.1.11",
        until(
            "4.2",
            Instead::Option("server name"),
            option("zeroconf name", Global, Short(63)),
        ),
    ),
    option("advertise ssh", Global, Boolean),
    option("max connections", Global, Number(1, INT, "sessions")),
    option("sleep time", Global, Number(1, INT, "hours")),
    // 0 is documented nowhere
    option("disconnect time", Global, Number(1, INT, "hours")),
    option("timeout", Global, Number(1, INT, "tickles")),
    option("tickleval", Global, Number(1, INT, "seconds")),
    option("client polling", Global, Boolean),
    option("close vol", Global, Boolean),
    option("dsireadbuf", Global, Number(1, INT, "")),
    option("server quantum", Global, Number(32_000, INT, "bytes")),
    option("tcprcvbuf", Global, Number(0, INT, "bytes")),
    option("tcpsndbuf", Global, Number(0, INT, "bytes")),
    option("use sendfile", Global, Boolean),
    since("3.1", option("recvfile", Global, Boolean)),
    since(
        "3.1",
        option("splice size", Global, Number(0, INT, "bytes")),
    ),
    until(
        "3.0.3",
        Instead::Nothing,
        option("keep sessions", Global, Boolean),
    ),
    since("4.0", option("appletalk", Global, Boolean)),
    since("4.0", option("ddp address", Global, Text)),
    since("4.0", option("ddp zone", Global, Short(32))),
    // what the server is
    option("mimic model", Global, Text),
    option("signature", Global, Short(16)),
    option("login message", Both, Text),
    since("4.0.2", option("legacy icon", Global, Text)),
    since("3.0.3", option("afpstats", Global, Boolean)),
    since("4.5", option("afpstats group", Global, Text)),
    option("solaris share reservations", Global, Boolean),
    option("afp read locks", Global, Boolean),
    option("volnamelen", Global, Number(8, 255, "bytes")),
    since("3.0.2", option("extmap file", Global, Path)),
    option("mac charset", Both, Text),
    option("unix charset", Global, Text),
    option("vol charset", Both, Text),
    until(
        "3.1.9",
        Instead::Nothing,
        since("3.1.4", option("include", Global, Path)),
    ),
    // the log
    option("log file", Global, Path),
    option("log level", Global, LogLevels),
    since("3.2", option("log microseconds", Global, Boolean)),
    // numbers of files, and the cache
    option("cnid listen", Global, Text),
    option("cnid server", Both, Text),
    since("3.1", option("cnid mysql host", Global, Text)),
    since("3.1", option("cnid mysql user", Global, Text)),
    since("3.1", option("cnid mysql pw", Global, Text)),
    since("3.1", option("cnid mysql db", Global, Text)),
    option("cnid scheme", VolumeThenBoth("4.5"), OneOf(BACKENDS)),
    option("cnid dev", Volume, Boolean),
    option("vol dbpath", Both, Path),
    since("3.0.6", option("vol dbnest", Both, Boolean)),
    option("dircachesize", Global, Number(1, 1_048_576, "entries")),
    since(
        "4.5",
        option("dircache size", Global, Number(1_024, 1_048_576, "entries")),
    ),
    since(
        "4.3",
        option("dircache validation freq", Global, Number(1, INT, "")),
    ),
    since(
        "4.3",
        option("dircache mode", Global, OneOf(&["lru", "arc"])),
    ),
    since("4.3", option("dircache files", Global, Boolean)),
    since(
        "4.3",
        option(
            "dircache metadata window",
            Global,
            Number(0, INT, "seconds"),
        ),
    ),
    since(
        "4.3",
        option(
            "dircache metadata threshold",
            Global,
            Number(0, INT, "seconds"),
        ),
    ),
    since(
        "4.3",
        option(
            "dircache rfork budget",
            Global,
            Number(0, 10_485_760, "KiB"),
        ),
    ),
    since(
        "4.3",
        option("dircache rfork maxsize", Global, Number(0, 10_240, "KiB")),
    ),
    // searching
    since("3.1", option("spotlight", Both, Boolean)),
    since("3.1.3", option("spotlight attributes", Global, Text)),
    since("3.1.3", option("spotlight expr", Global, Boolean)),
    since(
        "3.1.3",
        option("sparql results limit", Global, Number(0, INT, "results")),
    ),
    since("3.1", option("dbus daemon", Global, Path)),
    until(
        "4.1",
        Instead::Nothing,
        since("3.1.2", option("start dbus", Global, Boolean)),
    ),
    until(
        "4.1",
        Instead::Nothing,
        since("3.1.2", option("start tracker", Global, Boolean)),
    ),
    since("4.3", option("search backend", Both, Text)),
    option("search db", Volume, Boolean),
    // file system events
    option("fce listener", Global, Text),
    option("fce events", Global, Some(EVENTS)),
    option("fce coalesce", Global, OneOf(&["all", "delete", "create"])),
    option("fce holdfmod", Global, Number(0, INT, "seconds")),
    since("3.1.4", option("fce version", Global, OneOf(&["1", "2"]))),
    since("3.1.4", option("fce ignore names", Global, Text)),
    since("3.1.4", option("fce notify script", Global, Path)),
    since(
        "3.2",
        option("fce sendwait", Global, Number(0, 999, "milliseconds")),
    ),
    since("4.0", option("fce ignore directories", Global, Text)),
    // directories of people
    option(
        "map acls",
        Global,
        OneOf(&["none", "rights", "mode", "yes", "no"]),
    ),
    option("ldap auth method", Global, OneOf(&["none", "simple"])),
    option("ldap auth dn", Global, Text),
    option("ldap auth pw", Global, Text),
    until(
        "3.2",
        Instead::Words(URI),
        option("ldap server", Global, Text),
    ),
    since("3.2", option("ldap uri", Global, Text)),
    option("ldap userbase", Global, Text),
    option("ldap userscope", Global, OneOf(SCOPES)),
    option("ldap groupbase", Global, Text),
    option("ldap groupscope", Global, OneOf(SCOPES)),
    option("ldap uuid attr", Global, Text),
    option("ldap uuid string", Global, Text),
    option("ldap name attr", Global, Text),
    option("ldap group attr", Global, Text),
    option("ldap uid attr", Global, Text),
    option("ldap uuid encoding", Global, OneOf(&["string", "ms-guid"])),
    option("ldap user filter", Global, Text),
    option("ldap group filter", Global, Text),
    // volumes
    option("path", Volume, Path),
    since("4.2", option("volume name", Volume, Text)),
    since("4.5", option("volume uuid", Volume, Text)),
    option("time machine", Volume, Boolean),
    option("vol size limit", Volume, Mebibytes),
    option("vol preset", Both, Text),
    option("valid users", Volume, Text),
    option("invalid users", Volume, Text),
    option("rolist", Volume, Text),
    option("rwlist", Volume, Text),
    option("hosts allow", Volume, Text),
    option("hosts deny", Volume, Text),
    option("read only", Volume, Boolean),
    option("password", Volume, Short(8)),
    option("ea", Volume, OneOf(&["auto", "sys", "samba", "ad", "none"])),
    until(
        "4.2",
        Instead::Words("leave it out: `ea` alone says how metadata is kept"),
        option("appledouble", Volume, OneOf(&["ea", "v2"])),
    ),
    option("convert appledouble", Volume, Boolean),
    option("acls", Volume, Boolean),
    option("unix priv", Volume, Boolean),
    option("file perm", Volume, Mode),
    option("directory perm", Volume, Mode),
    option("umask", Volume, Mode),
    since(
        "3.1.3",
        option(
            "chmod request",
            Both,
            OneOf(&["preserve", "ignore", "simple"]),
        ),
    ),
    since(
        "3.1.4",
        option("force xattr with sticky bit", Both, Boolean),
    ),
    since("3.0.5", option("ignored attributes", Both, Some(IGNORED))),
    option(
        "casefold",
        Volume,
        OneOf(&["tolower", "toupper", "xlatelower", "xlateupper"]),
    ),
    since("3.1.4", option("case sensitive", Volume, Boolean)),
    since("3.0.2", option("follow symlinks", Volume, Boolean)),
    option("invisible dots", Volume, Boolean),
    option("illegal seq", Volume, Boolean),
    option("network ids", Volume, Boolean),
    option("stat vol", Volume, Boolean),
    option("veto files", Volume, Text),
    since("3.0.5", option("delete veto files", Volume, Boolean)),
    since("3.0.5", option("veto message", Global, Boolean)),
    option("preexec", Volume, Text),
    option("postexec", Volume, Text),
    option("preexec close", Volume, Boolean),
    until(
        "4.1",
        Instead::Words(AS_USER),
        option("root preexec", Volume, Text),
    ),
    until(
        "4.1",
        Instead::Words(AS_USER),
        option("root postexec", Volume, Text),
    ),
    until(
        "4.1",
        Instead::Words(AS_USER),
        option("root preexec close", Volume, Boolean),
    ),
    since("4.0", option("legacy volume size", Volume, Boolean)),
    since("4.0", option("prodos", Volume, Boolean)),
    // homes
    option("basedir regex", Homes, Text),
    option("home name", Homes, Text),
];

const URI: &str = "write `ldap uri = ldap://SERVER/` instead";
const AS_USER: &str = "netatalk runs no commands as root any more: `preexec` and `postexec` run as \
                       whoever logged in";

/// Options of netatalk 2, which were spelled differently, and what they are called since 3.0.
pub(super) const SPELLED_OTHERWISE: &[(&str, &str)] = &[
    ("tm", "time machine"),
    ("volsizelimit", "vol size limit"),
    ("uamlist", "uam list"),
    ("uampath", "uam path"),
    ("mimicmodel", "mimic model"),
    ("cnidscheme", "cnid scheme"),
    ("dbpath", "vol dbpath"),
    ("allow", "valid users"),
    ("deny", "invalid users"),
    ("upriv", "unix priv"),
    ("maxcon", "max connections"),
    ("guestname", "guest account"),
    ("setuplog", "log level"),
    ("port", "afp port"),
];

/// The words of `log level`: who speaks, and how loudly.
pub(super) const LOG_TYPES: &[&str] = &[
    "default",
    "logger",
    "cnid",
    "afpdaemon",
    "dsi",
    "atalkdaemon",
    "papdaemon",
    "uams",
    "uamsdaemon",
    "fce",
    "ad",
    "spotlight",
];
pub(super) const LOG_LEVELS: &[&str] = &[
    "severe", "error", "warn", "note", "info", "debug", "debug6", "debug7", "debug8", "debug9",
    "maxdebug",
];

/// Login modules, and why one should not be offered.
pub(super) const LOGIN_MODULES: &[(&str, Option<&str>)] = &[
    ("uams_dhx2.so", None),
    ("uams_dhx2_pam.so", None),
    ("uams_dhx2_passwd.so", None),
    ("uams_srp.so", None),
    ("uams_gss.so", None),
    ("uams_dhx.so", None),
    ("uams_dhx_pam.so", None),
    ("uams_dhx_passwd.so", None),
    ("uams_randnum.so", None),
    ("uams_clrtxt.so", Option::Some(CLEAR)),
    ("uams_pam.so", Option::Some(CLEAR)),
    ("uams_passwd.so", Option::Some(CLEAR)),
    (
        "uams_guest.so",
        Option::Some("anybody may log in as a guest"),
    ),
];
const CLEAR: &str = "passwords cross the network in cleartext";
