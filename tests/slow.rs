//! What takes too long for `cargo test`: run it with `cargo test --test slow -- --nocapture`.

#[cfg(target_os = "linux")]
#[path = "sandbox/archive.rs"]
mod archive;
#[cfg(target_os = "linux")]
#[path = "sandbox/cut/mod.rs"]
#[expect(dead_code, reason = "the other tests cut in a few places")]
mod cut;
#[cfg(target_os = "linux")]
#[path = "sandbox/harness.rs"]
#[expect(dead_code, reason = "the other tests use all of it")]
mod harness;
#[cfg(target_os = "linux")]
mod reality;
#[cfg(target_os = "linux")]
#[path = "sandbox/walk/mod.rs"]
mod walk;

#[cfg(target_os = "linux")]
mod creation {
    #[test]
    fn a_connection_that_is_cut_at_any_command_of_a_creation_leaves_exactly_one_zone() {
        super::cut::whole();
    }
}

#[cfg(target_os = "linux")]
mod drafted {
    use super::harness::Zone;

    /// Drafts a recipe from the archive of one that ships, and applies the draft as it is.
    fn builds(alias: &str, shipped: &str, archive: &str, proof: &str) {
        let Some(zone) = Zone::with_recipe(alias, "drafted") else {
            return;
        };
        zone.run(&["recipe", "fetch", shipped]).succeeds();
        let archive = zone.folders().cache.join("by-name").join(archive);
        let archive = archive.to_str().unwrap();
        zone.run(&["recipe", "new", "drafted", "--from", archive])
            .succeeds();
        let check = zone.run(&["recipe", "check", "drafted"]).succeeds();
        assert_eq!(check.err, "", "{check}");
        let ran = zone.apply().succeeds();
        assert!(ran.out.contains(proof), "{ran}");
    }

    #[test]
    fn netatalk_is_drafted_from_its_archive_builds_and_serves() {
        let archive = "netatalk_4.2.3~ds.orig.tar.xz";
        builds(
            "draft-netatalk",
            "netatalk-4.2",
            archive,
            "“draft-netatalk” speaks AFP2.2",
        );
    }

    #[test]
    fn fping_is_drafted_from_its_archive_and_builds() {
        builds(
            "draft-fping",
            "fping",
            "fping_5.1.orig.tar.gz",
            "fping is there: passes",
        );
    }
}

#[cfg(target_os = "linux")]
mod netatalk {
    use super::harness::Zone;
    use super::walk::{COUNTED, walk};

    /// The end of netatalk's `meson.build`.
    const END: [&str; 3] = [
        "    '  Webmin module': have_webmin,",
        "}",
        "summary(summary_info, bool_yn: true, section: '  Extras:')",
    ];
    const LAST_LINE: usize = 2450;

    /// A patch that adds lines to it.
    fn patch() -> String {
        let added: Vec<String> = COUNTED.lines().map(|line| format!("+{line}\n")).collect();
        let first = LAST_LINE + 1 - END.len();
        let (before, after) = (END.len(), END.len() + added.len());
        let end: String = END.iter().map(|line| format!(" {line}\n")).collect();
        format!(
            "--- a/meson.build\n+++ b/meson.build\n@@ -{first},{before} +{first},{after} @@\n{end}{}",
            added.concat()
        )
    }

    fn zone(alias: &str) -> Option<Zone> {
        let zone = Zone::with_recipe(alias, "netatalk")?;
        zone.set_parameters("server-name = \"the same everywhere\"");
        let recipe = include_str!("../recipes/netatalk-4.2.toml");
        let ours = "patches = [\"netatalk/descriptor-limit.patch\"";
        assert_eq!(recipe.matches(ours).count(), 1);
        let counted = format!("{ours}, \"netatalk/counted.patch\"");
        // it is built more than fifty times, and how fast the result would be does not matter
        let quick = "system  = \"meson\"\nenvironment = { CFLAGS = \"-O0\" }";
        assert_eq!(recipe.matches("system  = \"meson\"").count(), 1);
        let recipe = recipe.replace(ours, &counted);
        let recipe = recipe.replace("system  = \"meson\"", quick);
        zone.write("recipes/netatalk.toml", &recipe);
        zone.write("patches/netatalk/counted.patch", &patch());
        Some(zone)
    }

    #[test]
    fn whatever_happens_during_an_apply_of_netatalk_the_next_one_mends_it() {
        walk(zone, "30s");
    }
}
