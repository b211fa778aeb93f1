//! What pkgsrc calls the packages that sources ask for by other names.

/// Names of `pkg-config` files and libraries, and the pkgsrc package that has them.
const NAMES: &[(&str, &str)] = &[
    ("avahi-client", "avahi"),
    ("cares", "libcares"),
    ("crack", "cracklib"),
    ("crypto", "openssl"),
    ("curl", "curl"),
    ("db", "db5"),
    ("dbus-1", "dbus"),
    ("ev", "libev"),
    ("event", "libevent"),
    ("event_core", "libevent"),
    ("expat", "expat"),
    ("ffi", "libffi"),
    ("gcrypt", "libgcrypt"),
    ("gio-2.0", "glib2"),
    ("glib-2.0", "glib2"),
    ("gobject-2.0", "glib2"),
    ("iniparser", "iniparser"),
    ("ldap", "openldap-client"),
    ("libcurl", "curl"),
    ("libev", "libev"),
    ("libevent", "libevent"),
    ("libevent_core", "libevent"),
    ("libffi", "libffi"),
    ("libgcrypt", "libgcrypt"),
    ("liblzma", "xz"),
    ("libpcre2-8", "pcre2"),
    ("libssl", "openssl"),
    ("libuv", "libuv"),
    ("libxml-2.0", "libxml2"),
    ("libxslt", "libxslt"),
    ("libzstd", "zstd"),
    ("ncurses", "ncurses"),
    ("openssl", "openssl"),
    ("pcre2-8", "pcre2"),
    ("readline", "readline"),
    ("sqlite3", "sqlite3"),
    ("ssl", "openssl"),
    ("talloc", "talloc"),
    ("xml2", "libxml2"),
    ("z", "zlib"),
    ("zlib", "zlib"),
    ("zstd", "zstd"),
];

/// The pkgsrc package that has what a source calls `name`.
pub(super) fn package_of(name: &str) -> Option<&'static str> {
    NAMES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, package)| *package)
}
