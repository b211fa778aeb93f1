//! A plain makefile that knows `PREFIX` and `DESTDIR`.

use super::{BuildSystem, gmake};

pub(super) const SYSTEM: BuildSystem = BuildSystem {
    name: "make",
    needs: &["gmake"],
    configure: |_| Vec::new(),
    compile: |context| vec![gmake(context, [&format!("-j{}", context.jobs)])],
    test: |context| vec![gmake(context, ["check"])],
    stage: |context| {
        let destdir = format!("DESTDIR={}", context.stage);
        vec![gmake(context, ["PREFIX=/opt/local", &destdir, "install"])]
    },
};
