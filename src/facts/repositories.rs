//! Where pkgin takes packages from, and what it would do to bring some.
//!
//! pkgin asks its repository before it says what it would do, so it is asked only where packages are
//! missing. Its words have changed with its versions: lines are known by their words, not as wholes.

use serde::{Deserialize, Serialize};

use super::FactError;
use super::sections::{Section, Sections};
use crate::script::Script;

/// Where pkgsrc's packages lay until 2022, and where they lie now (facts: pkgsrc, releases).
pub const OLD_HOST: &str = "pkgsrc.joyent.com";
/// See [`OLD_HOST`].
pub const NEW_HOST: &str = "pkgsrc.smartos.org";

/// What pkgin would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct PkginPlan {
    /// Full names of what it would install, those that were asked for among them.
    pub install: Vec<String>,
    /// What it would bring up to date.
    pub upgrade: Vec<String>,
    /// What it would remove.
    pub remove: Vec<String>,
    /// Why it cannot say: its repository does not answer.
    pub unreachable: Option<String>,
}

/// The branch in a repository's URL: `…/SmartOS/2024Q4/x86_64/All`.
#[must_use]
pub fn branch_of(url: &str) -> Option<&str> {
    let is_branch = |part: &&str| {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        let is_quarter = part.len() == 6 && part.as_bytes().get(4) == Some(&b'Q') && digits == 5;
        *part == "trunk" || is_quarter
    };
    url.split('/').find(is_branch)
}

// /opt/local/etc/pkgin/repositories.conf → https://pkgsrc.smartos.org/packages/SmartOS/2024Q4/x86_64/All
pub(super) fn ask(script: Script) -> Script {
    script.shell(
        r#"
text=; [ -r /opt/local/etc/pkgin/repositories.conf ] && text=$(</opt/local/etc/pkgin/repositories.conf)
section repositories 0 "$text"
"#,
    )
}

pub(super) fn parse(sections: &Sections<'_>) -> Result<Vec<String>, FactError> {
    let lines = sections.get("repositories")?.lines()?.map(str::trim);
    let urls = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(urls.map(str::to_owned).collect())
}

// pkgin -n install meson →
//   calculating dependencies...done.
//
//   2 packages to install:
//     meson-1.7.0 python313-3.13.5
//
//   0 to remove, 0 to refresh, 0 to upgrade, 2 to install
// pkgin: Could not fetch https://…/pkg_summary.gz: …            (stderr)
pub(super) fn ask_pkgin<W: AsRef<str>>(script: Script, names: &[W]) -> Script {
    if names.is_empty() {
        return script;
    }
    script.list("wanted", names).shell(
        r#"
text=$(/opt/local/bin/pkgin -n install "${wanted[@]}" 2>&1 </dev/null)
section pkgin-plan $? "$text"
"#,
    )
}

pub(super) fn parse_pkgin(sections: &Sections<'_>) -> Result<Option<PkginPlan>, FactError> {
    match sections.get("pkgin-plan") {
        Ok(section) => parse_plan(section).map(Some),
        // nothing was missing, so nothing was asked
        Err(_) => Ok(None),
    }
}

fn parse_plan(section: &Section<'_>) -> Result<PkginPlan, FactError> {
    let mut plan = PkginPlan::default();
    let mut nowhere = Vec::new();
    let mut list: &mut Vec<String> = &mut nowhere;
    for line in section.lines()? {
        if let Some(why) = line.split("Could not fetch ").nth(1) {
            plan.unreachable = Some(why.to_owned());
        }
        let is_indented = line.starts_with(' ');
        if is_indented {
            list.extend(line.split_whitespace().map(str::to_owned));
            continue;
        }
        let is_heading = line.trim_end().ends_with(':') && line.contains(" package");
        list = match () {
            () if is_heading && line.contains("to install") => &mut plan.install,
            () if is_heading && line.contains("to remove") => &mut plan.remove,
            () if is_heading && (line.contains("to upgrade") || line.contains("to refresh")) => {
                &mut plan.upgrade
            }
            () => &mut nowhere,
        };
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> PkginPlan {
        parse_plan(&Section {
            name: "pkgin-plan",
            status: 0,
            text: text.as_bytes(),
        })
        .unwrap()
    }

    #[test]
    fn what_pkgin_would_do_is_read_by_its_words() {
        let text = "calculating dependencies...done.\n\n1 package to refresh:\n  libffi-3.4.8\n\n\
                    2 packages to upgrade:\n  a-1.2 b-2.3\n\n1 package to remove (superseded):\n  netatalk-3.1.19\n\n\
                    3 packages to install:\n  meson-1.7.0 python313-3.13.5\n  libx-1\n\n\
                    1 to remove, 1 to refresh, 2 to upgrade, 3 to install\n20M to download\n";
        let found = plan(text);
        assert_eq!(found.install, ["meson-1.7.0", "python313-3.13.5", "libx-1"]);
        assert_eq!(found.upgrade, ["libffi-3.4.8", "a-1.2", "b-2.3"]);
        assert_eq!(found.remove, ["netatalk-3.1.19"]);
        assert_eq!(found.unreachable, None);
        let text = "processing remote summary (http://pkgsrc.joyent.com/x)...\n\
                    pkgin: Could not fetch http://pkgsrc.joyent.com/x/pkg_summary.gz: Not found\n";
        let why = "http://pkgsrc.joyent.com/x/pkg_summary.gz: Not found";
        assert_eq!(plan(text).unreachable.as_deref(), Some(why));
        assert_eq!(
            plan("calculating dependencies...done.\nnothing to do.\n"),
            PkginPlan::default()
        );
    }

    #[test]
    fn the_branch_is_a_part_of_the_url() {
        assert_eq!(
            branch_of("https://x/SmartOS/2024Q4/x86_64/All"),
            Some("2024Q4")
        );
        assert_eq!(branch_of("https://x/trunk/x86_64/All"), Some("trunk"));
        assert_eq!(branch_of("https://x/All"), None);
    }
}
