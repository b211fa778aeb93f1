//! How sources become files: one table of build systems, and what every build in a pkgsrc zone
//! needs whatever its system.
//!
//! Adding a system is one file with its four phases, one line in [`ALL`] and one test case.

mod autotools;
mod cmake;
mod custom;
mod make;
mod meson;

use std::collections::BTreeMap;

use crate::recipe::model::Build;

/// Where pkgsrc lives in a zone, and where packages go.
pub const PREFIX: &str = "/opt/local";

/// The phases of a build, in order.
pub const PHASES: [&str; 4] = ["configure", "compile", "test", "stage"];

/// One argument list a command.
pub type Commands = Vec<Vec<String>>;

/// A build system: its name in recipes and the commands of its phases.
#[derive(Debug, Clone, Copy)]
pub struct BuildSystem {
    /// As in `system = "meson"`.
    pub name: &'static str,
    /// Names for pkgin of what it needs itself; a recipe's `dependencies.build` must hold them.
    pub needs: &'static [&'static str],
    configure: fn(&Context<'_>) -> Commands,
    compile: fn(&Context<'_>) -> Commands,
    test: fn(&Context<'_>) -> Commands,
    stage: fn(&Context<'_>) -> Commands,
}

/// All systems.
pub const ALL: &[BuildSystem] = &[
    autotools::SYSTEM,
    meson::SYSTEM,
    cmake::SYSTEM,
    make::SYSTEM,
    custom::SYSTEM,
];

/// What the phases of a build are made from.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The recipe's build section, resolved.
    pub build: &'a Build,
    /// Where the staged tree goes (`DESTDIR`).
    pub stage: &'a str,
    /// A folder for systems that build outside of the source tree.
    pub out: &'a str,
    /// How many jobs at once.
    pub jobs: u32,
}

impl BuildSystem {
    /// The commands of a phase, to run in the source folder. Empty where there is nothing to do.
    #[must_use]
    pub fn commands(&self, phase: &str, context: &Context<'_>) -> Commands {
        match phase {
            "configure" => (self.configure)(context),
            "compile" => (self.compile)(context),
            "test" if context.build.test => (self.test)(context),
            "stage" => (self.stage)(context),
            _ => Vec::new(),
        }
    }
}

/// The system of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static BuildSystem> {
    ALL.iter().find(|system| system.name == name)
}

/// The names of all systems.
#[must_use]
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|system| system.name).collect()
}

/// Flags that a recipe adds to instead of replacing them.
const APPENDED: [&str; 4] = ["CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS"];

/// The whole environment of a build: nothing of the target's own leaks in.
///
/// There is no `ld.so.cache` on illumos and the default search is `/lib/64:/usr/lib/64`, so every
/// library of pkgsrc needs a run path (`facts`: compilers and linking). `-R` in the same form is
/// understood by GNU ld. `compiler` is the path of `gcc` in the branch's own package.
#[must_use]
pub fn environment(
    compiler: &str,
    recipe: &BTreeMap<String, String>,
    epoch: u64,
) -> BTreeMap<String, String> {
    let home = compiler.strip_suffix("/bin/gcc").unwrap_or(PREFIX);
    let mut environment: BTreeMap<String, String> = [
        (
            "PATH",
            format!("{home}/bin:{PREFIX}/bin:{PREFIX}/sbin:/usr/bin:/usr/sbin:/sbin"),
        ),
        ("CC", compiler.to_owned()),
        ("CXX", format!("{home}/bin/g++")),
        ("CFLAGS", "-O2 -pipe".to_owned()),
        ("CXXFLAGS", "-O2 -pipe".to_owned()),
        ("CPPFLAGS", format!("-I{PREFIX}/include")),
        (
            "LDFLAGS",
            format!("-L{PREFIX}/lib -Wl,-R{PREFIX}/lib -Wl,-R{home}/lib/amd64"),
        ),
        (
            "PKG_CONFIG_PATH",
            format!("{PREFIX}/lib/pkgconfig:{PREFIX}/share/pkgconfig"),
        ),
        ("MAKE", format!("{PREFIX}/bin/gmake")),
        ("PREFIX", PREFIX.to_owned()),
        ("LC_ALL", "C".to_owned()),
        ("TZ", "UTC".to_owned()),
        ("SOURCE_DATE_EPOCH", epoch.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if compiler.is_empty() {
        // a recipe's own commands may do without one
        environment.remove("CC");
        environment.remove("CXX");
    }
    for (name, value) in recipe {
        let appended = match environment.get(name) {
            Some(ours) if APPENDED.contains(&name.as_str()) => format!("{ours} {value}"),
            _ => value.clone(),
        };
        environment.insert(name.clone(), appended);
    }
    environment
}

/// An argument list from words.
fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).into()
}

/// The recipe's configure arguments; `when` was decided before.
fn options<'a>(context: &'a Context<'_>) -> impl Iterator<Item = String> + use<'a> {
    context
        .build
        .options
        .iter()
        .map(|option| option.value.clone())
}

/// `gmake` with the recipe's arguments and then these.
fn gmake<const N: usize>(context: &Context<'_>, arguments: [&str; N]) -> Vec<String> {
    let mut command = words(["/opt/local/bin/gmake"]);
    command.extend(context.build.make_arguments.iter().cloned());
    command.extend(arguments.map(str::to_owned));
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::model::{BuildOption, CustomBuild};

    fn phases(build: &Build) -> String {
        let system = find(&build.system).unwrap();
        let context = Context {
            build,
            stage: "/s",
            out: "/o",
            jobs: 4,
        };
        let lines = PHASES.iter().flat_map(|phase| {
            let commands = system.commands(phase, &context);
            commands
                .into_iter()
                .map(move |command| format!("{phase}: {}\n", command.join(" ")))
        });
        lines.collect()
    }

    fn build(system: &str) -> Build {
        Build {
            system: system.to_owned(),
            options: vec![BuildOption {
                value: "--x=a b".to_owned(),
                when: None,
            }],
            make_arguments: vec!["V=1".to_owned()],
            test: true,
            ..Build::default()
        }
    }

    #[test]
    fn each_system_has_its_four_phases() {
        assert_eq!(
            phases(&build("autotools")),
            "configure: ./configure --prefix=/opt/local --sysconfdir=/opt/local/etc \
             --localstatedir=/opt/local/var --mandir=/opt/local/man --x=a b\n\
             compile: /opt/local/bin/gmake V=1 -j4\n\
             test: /opt/local/bin/gmake V=1 check\n\
             stage: /opt/local/bin/gmake V=1 DESTDIR=/s install\n"
        );
        assert_eq!(
            phases(&build("meson")),
            "configure: /opt/local/bin/meson setup --prefix=/opt/local --libdir=lib \
             --sysconfdir=/opt/local/etc --localstatedir=/opt/local/var --mandir=man \
             --buildtype=release --wrap-mode=nodownload --x=a b /o\n\
             compile: /opt/local/bin/meson compile -C /o -j 4\n\
             test: /opt/local/bin/meson test -C /o --no-rebuild --num-processes 4\n\
             stage: /opt/local/bin/meson install -C /o --no-rebuild --destdir /s\n"
        );
        assert_eq!(
            phases(&build("cmake")),
            "configure: /opt/local/bin/cmake -S . -B /o -DCMAKE_INSTALL_PREFIX=/opt/local \
             -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_BUILD_TYPE=Release \
             -DCMAKE_INSTALL_RPATH=/opt/local/lib --x=a b\n\
             compile: /opt/local/bin/cmake --build /o --parallel 4\n\
             test: /opt/local/bin/ctest --test-dir /o --output-on-failure\n\
             stage: /opt/local/bin/cmake --install /o\n"
        );
        assert_eq!(
            phases(&build("make")),
            "compile: /opt/local/bin/gmake V=1 -j4\n\
             test: /opt/local/bin/gmake V=1 check\n\
             stage: /opt/local/bin/gmake V=1 PREFIX=/opt/local DESTDIR=/s install\n"
        );
        let custom = CustomBuild {
            stage: vec![words(["./install", "x"])],
            ..CustomBuild::default()
        };
        let build = Build {
            custom: Some(custom),
            ..build("custom")
        };
        assert_eq!(phases(&build), "stage: ./install x\n");
    }

    #[test]
    fn tests_run_only_where_the_recipe_says_so() {
        let build = Build {
            test: false,
            ..build("meson")
        };
        assert!(!phases(&build).contains("test: "));
    }

    #[test]
    fn flags_are_appended_and_everything_else_is_replaced() {
        let recipe = [("LDFLAGS", "-lsocket"), ("CC", "mycc"), ("NEW", "1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let environment = environment("/opt/local/gcc13/bin/gcc", &recipe, 7);
        assert_eq!(
            environment["LDFLAGS"],
            "-L/opt/local/lib -Wl,-R/opt/local/lib -Wl,-R/opt/local/gcc13/lib/amd64 -lsocket"
        );
        assert_eq!(environment["CC"], "mycc");
        assert_eq!(environment["NEW"], "1");
        assert_eq!(environment["SOURCE_DATE_EPOCH"], "7");
    }
}
