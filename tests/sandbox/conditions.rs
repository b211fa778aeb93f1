//! One recipe at versions on both sides of a condition.
//!
//! The source is shaped like netatalk's: 3.0.3 has the option `--with-init-dir` that a patch had to
//! add to 3.0.2, for without it the service's manifest goes where a zone does not look for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use zonewright::build_system;
use zonewright::receipt::sha256_hex;
use zonewright::recipe::bundle::{Bundle, ZoneContext, resolve};
use zonewright::recipe::load::load_recipe;
use zonewright::site::SiteRoot;

use super::archive::greeter_with;
use super::harness::Zone;

/// The recipe `greeter-autotools` with these sources and options in place of its own.
const SOURCES: &str = r#"# the option came with 3.0.3
[[source]]
urls    = ["https://greeter.invalid/shaped-{{package.version}}.tar.gz"]
sha256  = "@OLD@"
patches = ["greeter/loud.patch", { file = "greeter/init-dir.patch", when = { version = "<3.0.3" } }]
when    = { version = "<3.0.3" }

[[source]]
urls    = ["https://greeter.invalid/shaped-{{package.version}}.tar.gz"]
sha256  = "@NEW@"
patches = ["greeter/loud.patch", { file = "greeter/init-dir.patch", when = { version = "<3.0.3" } }]
when    = { version = ">=3.0.3" }
"#;

const PATCH: &str = r#"Let the manifest's folder be chosen; netatalk 3.0.3 has it.

--- a/configure
+++ b/configure
@@ -1,10 +1,11 @@
 #!/bin/sh
 # What a build tool needs of autoconf's interface, in the size of a fixture.
-prefix=/usr/local variant=plain
+prefix=/usr/local variant=plain initdir=/lib/svc/manifest
 for argument in "$@"; do
   case $argument in
     --prefix=*) prefix=${argument#--prefix=} ;;
     --with-variant=*) variant=${argument#--with-variant=} ;;
+    --with-init-dir=*) initdir=${argument#--with-init-dir=} ;;
     --sysconfdir=*|--localstatedir=*|--mandir=*) ;;
     *) echo "configure: error: unrecognized option: $argument" >&2; exit 1 ;;
   esac
@@ -11,2 +12,2 @@
 done
-sed -e "s|@prefix@|$prefix|" -e "s|@variant@|$variant|" Makefile.in >Makefile
+sed -e "s|@prefix@|$prefix|" -e "s|@variant@|$variant|" -e "s|@initdir@|$initdir|" Makefile.in >Makefile
--- a/Makefile.in
+++ b/Makefile.in
@@ -9,9 +9,9 @@
 	./greeter -V
 
 install: greeter
-	mkdir -p $(DESTDIR)$(prefix)/sbin $(DESTDIR)$(prefix)/include $(DESTDIR)/var/svc/manifest/site
+	mkdir -p $(DESTDIR)$(prefix)/sbin $(DESTDIR)$(prefix)/include $(DESTDIR)@initdir@
 	cp greeter $(DESTDIR)$(prefix)/sbin/greeter
 	ln -sf greeter $(DESTDIR)$(prefix)/sbin/welcome
 	cp greeter.h $(DESTDIR)$(prefix)/include/greeter.h
-	cp greeter.xml $(DESTDIR)/var/svc/manifest/site/greeter.xml
-	svccfg import /var/svc/manifest/site/greeter.xml
+	cp greeter.xml $(DESTDIR)@initdir@/greeter.xml
+	svccfg import @initdir@/greeter.xml
"#;

/// What 3.0.3 is: 3.0.2 with what the patch does.
fn newer(name: &str, content: Vec<u8>) -> Vec<u8> {
    let mut text = String::from_utf8(content).unwrap();
    if name == "configure" {
        text = text
            .replace(
                "variant=plain\n",
                "variant=plain initdir=/lib/svc/manifest\n",
            )
            .replace(
                "    --sysconfdir",
                "    --with-init-dir=*) initdir=${argument#--with-init-dir=} ;;\n    --sysconfdir",
            )
            .replace(
                "|$variant|\" Make",
                "|$variant|\" -e \"s|@initdir@|$initdir|\" Make",
            );
    }
    if name == "Makefile.in" {
        text = text.replace("/var/svc/manifest/site", "@initdir@");
    }
    text.into_bytes()
}

fn bundle(zone: &Zone) -> Bundle {
    let site = SiteRoot::at(&zone.site).unwrap();
    let loaded = load_recipe(&site, "shaped", &build_system::names()).unwrap();
    let context = ZoneContext {
        alias: "z".into(),
        brand: "joyent".into(),
        branch: "2024Q4".into(),
        users: Vec::new(),
    };
    resolve(&loaded, &BTreeMap::new(), &context).unwrap()
}

/// What `recipe show` says: key → value, without where it comes from, for what the version takes.
fn shown(zone: &Zone) -> BTreeMap<String, String> {
    let show = zone.run(&["recipe", "show", "shaped"]).succeeds();
    let taken = show.out.split("\nLeft out by a condition").next().unwrap();
    let pairs = taken.lines().filter_map(|line| line.split_once(" = "));
    pairs
        .map(|(key, rest)| {
            let value = rest.split("  # ").next().unwrap();
            // each version has its own source table
            (
                key.trim().replace("source[1]", "source[0]"),
                value.to_owned(),
            )
        })
        .collect()
}

#[test]
fn one_recipe_builds_on_both_sides_of_a_condition_and_differs_in_just_that() {
    let Some(zone) = Zone::with_recipe("conditions", "shaped") else {
        return;
    };
    let (old, new) = (greeter_with(&|_, content| content), greeter_with(&newer));
    for (version, archive) in [("3.0.2", &old), ("3.0.3", &new)] {
        let path = zone.site.join(format!("distfiles/shaped-{version}.tar.gz"));
        fs::write(path, archive).unwrap();
    }
    let known = fs::read_to_string(zone.site.join("recipes/greeter-autotools.toml")).unwrap();
    let (head, rest) = known.split_once("[[source]]\n").unwrap();
    let (_, rest) = rest.split_once("[dependencies]").unwrap();
    let sources = SOURCES
        .replace("@OLD@", &sha256_hex(&old))
        .replace("@NEW@", &sha256_hex(&new));
    let text = format!("{head}{sources}\n[dependencies]{rest}")
        .replace("version = \"1.0\"", "version = \"3.0.2\"")
        .replace(
            "options = [",
            "options = [\"--with-init-dir=/var/svc/manifest/site\", ",
        );
    zone.write("recipes/shaped.toml", &text);
    zone.write("patches/greeter/init-dir.patch", PATCH);

    let (before, old_lines) = (bundle(&zone), shown(&zone));
    zone.edit(
        "recipes/shaped.toml",
        "version = \"3.0.2\"",
        "version = \"3.0.3\"",
    );
    let (after, new_lines) = (bundle(&zone), shown(&zone));
    let files = |bundle: &Bundle| -> Vec<String> {
        bundle
            .patches
            .iter()
            .map(|patch| patch.file.clone())
            .collect()
    };
    assert_eq!(
        files(&before),
        ["greeter/loud.patch", "greeter/init-dir.patch"]
    );
    assert_eq!(files(&after), ["greeter/loud.patch"]);
    // but for the release itself that is all
    let mut same = before.clone();
    same.recipe
        .package
        .version
        .clone_from(&after.recipe.package.version);
    assert_eq!(same.recipe.sources.len(), 1);
    same.recipe.sources.clone_from(&after.recipe.sources);
    same.patches.clone_from(&after.patches);
    assert_eq!(same, after);

    let keys = old_lines.keys().chain(new_lines.keys());
    let differing: BTreeSet<&str> = keys
        .filter(|key| old_lines.get(*key) != new_lines.get(*key))
        .map(String::as_str)
        .collect();
    let release = ["package.version", "source[0].sha256", "source[0].urls[0]"];
    let patch = ["file", "fuzz", "strip"].map(|key| format!("source[0].patches[1].{key}"));
    let wanted = release.into_iter().chain(patch.iter().map(String::as_str));
    assert_eq!(differing, wanted.collect());

    // without the patch the old one refuses the option that the recipe gives both
    zone.edit(
        "recipes/shaped.toml",
        "version = \"3.0.3\"",
        "version = \"3.0.2\"",
    );
    let patches = ", { file = \"greeter/init-dir.patch\", when = { version = \"<3.0.3\" } }]\nwhen    = { \
                   version = \"<";
    zone.edit(
        "recipes/shaped.toml",
        patches,
        "]\nwhen    = { version = \"<",
    );
    let failed = zone.apply().exits(1);
    assert!(
        failed.err.contains("unrecognized option: --with-init-dir="),
        "{failed}"
    );
    zone.edit(
        "recipes/shaped.toml",
        "]\nwhen    = { version = \"<",
        patches,
    );

    // both build, and their manifests are where the zone looks for them
    zone.apply().succeeds();
    let package = || {
        zone.shell("/opt/local/sbin/pkg_info -e zw-greeter")
            .trim()
            .to_owned()
    };
    assert_eq!(package(), "zw-greeter-3.0.2");
    zone.edit(
        "recipes/shaped.toml",
        "version = \"3.0.2\"",
        "version = \"3.0.3\"",
    );
    let upgraded = zone.apply().succeeds();
    assert_eq!(package(), "zw-greeter-3.0.3", "{upgraded}");
    zone.shell("test -f /var/svc/manifest/site/greeter.xml");
    assert_eq!(
        zone.greeting(),
        "hello from conditions loudly 2.1.12-stable"
    );
    assert!(zone.plan().succeeds().out.ends_with(": nothing to do\n"));
}
