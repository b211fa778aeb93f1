//! cmake, outside of the source tree.
//!
//! cmake drops the linker's run paths at installation unless it is told the one to keep.

use super::{BuildSystem, Commands, Context, options, words};

const CMAKE: &str = "/opt/local/bin/cmake";

pub(super) const SYSTEM: BuildSystem = BuildSystem {
    name: "cmake",
    needs: &["cmake", "gmake"],
    configure,
    compile: |c| {
        vec![words([
            CMAKE,
            "--build",
            c.out,
            "--parallel",
            &c.jobs.to_string(),
        ])]
    },
    test: |c| {
        vec![words([
            "/opt/local/bin/ctest",
            "--test-dir",
            c.out,
            "--output-on-failure",
        ])]
    },
    // DESTDIR is in every phase's environment, where cmake looks for it
    stage: |c| vec![words([CMAKE, "--install", c.out])],
};

fn configure(context: &Context<'_>) -> Commands {
    let mut command = words([
        CMAKE,
        "-S",
        ".",
        "-B",
        context.out,
        "-DCMAKE_INSTALL_PREFIX=/opt/local",
        "-DCMAKE_INSTALL_LIBDIR=lib",
        "-DCMAKE_BUILD_TYPE=Release",
        "-DCMAKE_INSTALL_RPATH=/opt/local/lib",
    ]);
    command.extend(options(context));
    vec![command]
}
