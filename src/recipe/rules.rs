//! The named rules of `recipe check`: what each is about, and whether a recipe may allow it.
//!
//! Every problem carries the name of its rule, so that a pipeline can tell them apart, a person can
//! ask for more words than fit below a line, and a recipe can say that it means what it does. What
//! makes a file meaningless (it does not parse, a key is unknown) cannot be allowed.

use crate::problem::Severity;

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its name, as reports print it: `patch-rejected`.
    pub name: &'static str,
    /// How bad it is to break it, unless the text says what else decides.
    pub severity: Severity,
    /// What it is about, why it matters and what to do, in one paragraph.
    pub text: &'static str,
    /// What to write, where a look says more than words.
    pub example: Option<&'static str>,
    /// Whether `allow = [{ rule = "…", reason = "…" }]` can silence it.
    pub can_be_allowed: bool,
}

/// Every rule, in the order of the manual.
#[must_use]
pub fn all() -> &'static [Rule] {
    ALL
}

/// The rule of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Rule> {
    ALL.iter().find(|rule| rule.name == name)
}

/// The names of all rules.
#[must_use]
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|rule| rule.name).collect()
}

const fn error(name: &'static str, text: &'static str) -> Rule {
    Rule {
        name,
        severity: Severity::Error,
        text,
        example: None,
        can_be_allowed: false,
    }
}

const fn warning(name: &'static str, text: &'static str) -> Rule {
    Rule {
        severity: Severity::Warning,
        can_be_allowed: true,
        ..error(name, text)
    }
}

const fn allowable(rule: Rule) -> Rule {
    Rule {
        can_be_allowed: true,
        ..rule
    }
}

const fn with(rule: Rule, example: &'static str) -> Rule {
    Rule {
        example: Some(example),
        ..rule
    }
}

static ALL: &[Rule] = &[
    // the file itself
    error(
        "syntax",
        "The file is no TOML (or JSON), so nothing in it can be looked at. The place is where the \
         parser gave up; the mistake is there or just before it.",
    ),
    error(
        "unknown-key",
        "A table has a key that zonewright does not know. It is refused and not passed over, for a \
         key with a slip in it would otherwise do nothing, silently. `zonewright recipe explain KEY` \
         tells what a table takes.",
    ),
    error(
        "missing-key",
        "A table lacks a key that it must have, or one of several of which it needs one.",
    ),
    error(
        "wrong-type",
        "A value is of another type than its key takes: a text where a list belongs, a number where \
         a text with a unit belongs, one text where an argument list belongs.",
    ),
    with(
        error(
            "value-format",
            "A value has the right type and cannot be what its key takes: a relative path, a size \
             without a unit, a checksum that is too short, a name with letters that no account may \
             have. The help says what it looks like.",
        ),
        "mode = \"0644\"\nsize-limit = \"600 GiB\"",
    ),
    error(
        "key-conflict",
        "Two keys stand in one table of which only one may, or one stands alone that needs another \
         beside it.",
    ),
    error(
        "duplicate",
        "Two entries of a list have the same name, path, uid or service; only one of them could be \
         made.",
    ),
    error(
        "not-supported",
        "The key has a meaning, but this version of zonewright does not do it yet. The help says how \
         to go on without.",
    ),
    error(
        "missing-file",
        "The recipe names a patch or a template that is not in the site's `patches/` or `templates/` \
         and does not ship with zonewright either, or that cannot be read, or that a symbolic link \
         leads to from outside.",
    ),
    error(
        "unknown-recipe",
        "A recipe of this name is neither in the site nor built in, or its name could not be one.",
    ),
    error(
        "unknown-zone",
        "A zone file of this name is neither in the site's `zones/` nor built in, or its name could not be one.",
    ),
    // templates and parameters
    error(
        "template-name",
        "A template names something that stands for nothing. Templates know `package.…`, \
         `parameters.…`, `zone.…` and `users`; a parameter's default knows `package.…` and `zone.…` \
         only. Inside of a block such as `{{#each users}}` write `@root.parameters.x`.",
    ),
    with(
        error(
            "template-syntax",
            "A template does not parse, or uses something that recipes do without: partials, \
             decorators, or `{{{…}}}`, which would write a value past the rules of the file's format.",
        ),
        "path = {{parameters.backups}}/$u",
    ),
    error(
        "template-value",
        "A value cannot be written where the template puts it, since the file's format has no way to \
         say it there: in afp.conf `;` and `#` begin a comment, and a newline begins another setting.",
    ),
    error(
        "parameter-value",
        "The default, a choice or the value that a zone file gives is not of the parameter's type, or \
         a required parameter is missing, or there is no parameter of this name.",
    ),
    warning(
        "unused-parameter",
        "A parameter is declared, and neither the recipe nor one of its templates names it: whatever \
         a zone file gives for it changes nothing.",
    ),
    // build
    error(
        "build-system",
        "The build system is not one that zonewright knows, or what stands beside it does not go with \
         it: commands without `system = \"custom\"`, `custom` without commands, no source to build.",
    ),
    with(
        warning(
            "build-tool",
            "A build system needs a package that `dependencies.build` does not name: meson and \
             ninja-build, cmake, gmake. It may be there by chance, in one zone and not in the next; \
             on a new zone the build stops at its first command.",
        ),
        "[dependencies]\nbuild = [\"gcc13\", \"meson\", \"ninja-build\", \"pkgconf\"]",
    ),
    with(
        allowable(error(
            "option-unknown",
            "The patched source has no option of this name. meson stops at an option that it does not \
             know, so this is an error there. `configure` only prints a warning and goes on without \
             it, and cmake keeps it for nobody, so for these it is a warning; the effect is that what \
             you asked for is not done. Options come and go with versions: limit one to the versions \
             that have it with `when`. The options are read from meson_options.txt or meson.options, \
             from the `configure` script's own help or from configure.ac, and from option() and \
             set(… CACHE …) of CMakeLists.txt.",
        )),
        "options = [{ value = \"-Dwith-cnid-backends=dbd\", when = { version = \">=4.3\" } }]",
    ),
    allowable(error(
        "option-value",
        "The source knows the option and does not take this value: meson's options have types, \
         choices and ranges, and meson stops at a value outside of them. A boolean takes `true` and \
         `false`, a feature `enabled`, `disabled` and `auto`.",
    )),
    with(
        warning(
            "option-repeated",
            "The same option is given twice under the same conditions. The last one counts; the \
             first misleads whoever reads the recipe.",
        ),
        "options = [\"--prefix=/opt/local\"]",
    ),
    // sources and patches
    with(
        warning(
            "unpinned-source",
            "The source has no sha256, so whoever answers for its URL decides what is built and runs \
             as root in the zone, today and at each later build. `zonewright recipe fetch` prints the \
             checksum of what is there now; compare it with what upstream publishes.",
        ),
        "sha256 = \"2cdfd5420e8e91c85c82dda66a92dcdd5974eef076feb169b279c600133f38b2\"",
    ),
    warning(
        "archive-url",
        "The URL is of an archive that a forge packs at each request (`/archive/`). The bytes change \
         when the forge changes its tools, and then the checksum no longer fits although nothing in \
         the source changed. Such an archive also lacks what a release adds to it, as a `configure` \
         script or bundled subprojects. Take the archive that upstream released.",
    ),
    warning(
        "insecure-url",
        "The download is protected by nothing: neither by TLS nor by a checksum. Anybody on the way \
         can put something else in its place.",
    ),
    error(
        "patch-rejected",
        "A patch does not apply to the source that the recipe names: a hunk finds its lines nowhere, \
         a file is not there, or the change is in the source already. Nothing is built from a half \
         patched tree. The report shows what the hunk wants beside what comes nearest to it in the \
         source. `zonewright recipe patch rebase` makes a series anew; a patch that only some \
         versions need is limited with `when`.",
    ),
    warning(
        "patch-fuzz",
        "A hunk applied only because the recipe allows lines around it to differ (`fuzz`). It may \
         have landed in the wrong place. Make the patch anew for this source and leave `fuzz` out.",
    ),
    warning(
        "patch-offset",
        "A hunk fits, but a hundred lines or more away from where the patch says. That is most often \
         the same place in a file that grew; where a file repeats itself it can be another one. Look \
         at it once, then make the patch anew.",
    ),
    error(
        "source-layout",
        "The source is in the cache and cannot be used as the recipe says: it is no archive, \
         something in it would leave the tree, `strip` leaves nothing, or `build.directory` and \
         `into` name what is not there.",
    ),
    error(
        "placeholder",
        "Something of a draft was never filled in: a `sha256` of zeros, which is no archive's (an error), or a URL \
         of example.org, example.com or example.net, where nothing is fetched from (a warning, for a copy in \
         distfiles/ does as well). `zonewright recipe bump NAME VERSION --accept-changed` writes the real sum.",
    ),
    error(
        "source-size",
        "The archive has the checksum that the recipe wants, and not the `size`: the number is wrong. It is \
         there so that a download which could never be the right one is not fetched to its end. \
         `zonewright recipe bump NAME VERSION` writes both.",
    ),
    warning(
        "vulnerable-version",
        "This version of netatalk has published security holes: before 3.1.12 anybody who reaches \
         the port becomes root (CVE-2018-1160), 3.1.13 mended seven more, 4.5.1 those in the DHX2 \
         login, in DSI and in Spotlight. That every older release has the holes which a later one \
         mended is inferred. Take a newer version, or patch it and say so in `allow`.",
    ),
    // what is installed
    error(
        "path-conflict",
        "A path cannot be made, or not both of two: it lies in a folder of the platform, which is \
         read-only in a zone, or inside a file, or is a file and a folder at once.",
    ),
    error(
        "unmade-file",
        "A service names a file (in `restart-after` or as its `manifest`) that the recipe does not \
         make.",
    ),
    error(
        "service-manifest",
        "No SMF manifest can be made of the service, or the one that is made would be refused: a \
         method without a program, a value that is too long for SMF's repository, a name that SMF \
         does not take.",
    ),
    warning(
        "weak-login",
        "The file server offers a login that gives away the password or asks for none: \
         `uams_clrtxt.so` (and `uams_pam.so` and `uams_passwd.so`, which it stands for) sends \
         passwords in the clear, `uams_guest.so` lets anybody in. A Mac needs no more than \
         `uams_dhx2.so`.",
    ),
    with(
        warning(
            "afp-conf-comment",
            "In afp.conf `;` begins a comment even in the midst of a value, so everything behind it \
             is lost without a word: `postexec = /bin/sh -c 'a; b'` runs `/bin/sh -c 'a`. Put what \
             you want to run into a script and name that.",
        ),
        "postexec = /opt/local/libexec/after-backup $u $v",
    ),
    warning(
        "afp-conf-unknown-option",
        "This version of netatalk does not know the option: there is a slip in its name, or it came \
         with a later version. netatalk passes over it without a word.",
    ),
    warning(
        "afp-conf-removed-option",
        "The option was part of an earlier netatalk and is not part of this one; it does nothing now. \
         Where another option took its place the help names it.",
    ),
    allowable(error(
        "afp-conf-value",
        "The value is none that the option takes: a word where yes or no belongs, a number with a \
         unit where the unit is fixed (`vol size limit` is in MiB, `sleep time` in hours), a number \
         out of range, a word that is not one of the choices. This is an error, since netatalk reads \
         something else out of it and says nothing: `600 GiB` is 600 MiB to it.",
    )),
    warning(
        "afp-conf-section",
        "The option stands in a section that does not have it: options of the server belong in \
         `[Global]`, those of a volume in the volume's own section. netatalk reads them nowhere \
         else, so the option does nothing.",
    ),
    with(
        warning(
            "afp-conf-volume",
            "A volume cannot work as it stands: it has no `path`, or its name is used twice, or Time \
             Machine is on and cannot work there.",
        ),
        "[Time Machine]\npath = /var/backups/timemachine/$u\ntime machine = yes",
    ),
    // zone files
    error(
        "zone-access",
        "Nothing says how to reach the zone, or two things do: `[zone] ssh` names a zone that exists, \
         `[host]` says where one is to be made.",
    ),
    error(
        "zone-shape",
        "What shapes a new zone (image, memory, quota, network cards) stands in the file of one that \
         exists already, or the zone could not be made like that.",
    ),
    error(
        "zone-network",
        "A network card of the zone could not work: two have one address, or the gateway lies outside \
         of the card's network.",
    ),
    error(
        "zone-clash",
        "Two zone files of the site are about one zone (the same host, and the same alias or uuid), or give \
         one address to two zones: what is done to the one is done to the other. Most often one began as a \
         copy of the other: give it an alias, and an address, of its own.",
    ),
    error(
        "zone-storage",
        "The zone's storage or one of its datasets could not be made: a key belongs to another kind \
         of storage, a size is none that ZFS takes, a folder is the system's, the owner is nobody, or \
         all together do not fit into the zone's quota. That one counts snapshots, as `refquota` does not.",
    ),
    warning(
        "zone-quota",
        "The zone's quota is the host's default of 10 GiB, too little for any backup, or it is so \
             near to what the datasets hold that their snapshots will fill it. It can be raised while \
             the zone runs.",
    ),
    warning(
        "zone-memory",
        "The zone has less memory than the 256 MiB that `vmadm` gives one whose payload says nothing. Its services \
         may not start, and no compiler runs in it: `/tmp` is of the same memory.",
    ),
    warning(
        "backup-limit",
        "Time Machine is told that a volume is larger than the dataset that it is on. It makes room in its history \
         only at its own limit, so the backup would meet a full disk in the midst of a write. 95 % of `refquota` is \
         a good limit; one that holds for several users has to fit the smallest of their datasets.",
    ),
    warning(
        "backup-place",
        "A user's backups would lie in the zone's own root and not on a dataset: they count against what the zone \
         needs itself, have no limit of their own, and are gone with the next `zone reprovision`.",
    ),
    warning(
        "zone-metadata",
        "The zone's metadata holds something that is called like a secret. Metadata stands in a file of \
             the host and every root of the zone reads it with `mdata-get`.",
    ),
    error(
        "zone-user",
        "A user of the zone could not be made: the uid is the system's, the name or uid is one of \
         the recipe's own accounts, or nothing says where the password comes from. A password never \
         stands in the file itself.",
    ),
    // allow
    with(
        error(
            "allow-rule",
            "`allow` names a rule that does not exist, or one that cannot be allowed since the file \
             means nothing without it.",
        ),
        "allow = [{ rule = \"archive-url\", reason = \"upstream makes no releases\" }]",
    ),
    warning(
        "allow-unused",
        "`allow` names a rule that this recipe keeps. Leave the entry out, so that it does not \
         silence a later mistake.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_one_name_and_a_text_of_its_own() {
        let mut names = names();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().len());
        for rule in all() {
            assert!(rule.text.len() > 60, "{}", rule.name);
            assert!(rule.text.ends_with('.'), "{}", rule.name);
            assert_eq!(find(rule.name), Some(rule));
            // a warning refuses nothing, so nothing is lost by silencing it
            assert!(rule.can_be_allowed || rule.severity == Severity::Error);
        }
        assert_eq!(find("patch-rejectd"), None);
    }
}
