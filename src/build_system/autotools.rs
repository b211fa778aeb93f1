//! `./configure && gmake && gmake install`.
//!
//! Documentation goes to `/opt/local/man`, where pkgsrc keeps it, not to `share/man`.

use super::{BuildSystem, Commands, Context, gmake, options, words};

pub(super) const SYSTEM: BuildSystem = BuildSystem {
    name: "autotools",
    needs: &["gmake"],
    configure,
    compile: |context| vec![gmake(context, [&format!("-j{}", context.jobs)])],
    test: |context| vec![gmake(context, ["check"])],
    stage: |context| {
        vec![gmake(
            context,
            [&format!("DESTDIR={}", context.stage), "install"],
        )]
    },
};

fn configure(context: &Context<'_>) -> Commands {
    let mut command = words([
        "./configure",
        "--prefix=/opt/local",
        "--sysconfdir=/opt/local/etc",
        "--localstatedir=/opt/local/var",
        "--mandir=/opt/local/man",
    ]);
    command.extend(options(context));
    vec![command]
}
