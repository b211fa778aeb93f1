//! meson with ninja, outside of the source tree.
//!
//! `--libdir=lib` because meson picks a multiarch folder on some systems, `nodownload` because a
//! build has no network and must not try, and no rebuild while staging because a build that is not
//! up to date by then is an error worth seeing.

use super::{BuildSystem, Commands, Context, options, words};

const MESON: &str = "/opt/local/bin/meson";

pub(super) const SYSTEM: BuildSystem = BuildSystem {
    name: "meson",
    needs: &["meson", "ninja-build"],
    configure,
    compile: |c| {
        vec![words([
            MESON,
            "compile",
            "-C",
            c.out,
            "-j",
            &c.jobs.to_string(),
        ])]
    },
    test,
    stage: |c| {
        vec![words([
            MESON,
            "install",
            "-C",
            c.out,
            "--no-rebuild",
            "--destdir",
            c.stage,
        ])]
    },
};

fn configure(context: &Context<'_>) -> Commands {
    let mut command = words([
        MESON,
        "setup",
        "--prefix=/opt/local",
        "--libdir=lib",
        "--sysconfdir=/opt/local/etc",
        "--localstatedir=/opt/local/var",
        "--mandir=man",
        "--buildtype=release",
        "--wrap-mode=nodownload",
    ]);
    command.extend(options(context));
    command.push(context.out.to_owned());
    vec![command]
}

fn test(context: &Context<'_>) -> Commands {
    let jobs = context.jobs.to_string();
    vec![words([
        MESON,
        "test",
        "-C",
        context.out,
        "--no-rebuild",
        "--num-processes",
        &jobs,
    ])]
}
