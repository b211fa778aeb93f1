//! What was applied to a zone, kept in the zone, and everything that decided its build.
//!
//! The inputs of a build are stored whole and not only as their digest, so that status can say why
//! a build is out of date in the words of the change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The name of the receipt's format.
pub const SCHEMA: &str = "zonewright/receipt/v1";

/// Raised when zonewright itself builds differently, so that old builds are out of date.
pub const BUILD_FORMAT: u32 = 1;

/// Everything that decides a build's result. The platform stamp does not: it is recorded beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
pub struct BuildInputs {
    /// [`BUILD_FORMAT`]
    pub format: u32,
    /// Package name and version.
    pub package: String,
    /// Archive digests in order, each with the folder it is unpacked into.
    pub sources: Vec<String>,
    /// Patches in order: name and digest (of content, strip level and fuzz).
    pub patches: Vec<(String, String)>,
    /// The build system.
    pub system: String,
    /// Configure arguments in order.
    pub options: Vec<String>,
    /// Everything else of the recipe's build section that decides the result.
    pub settings: BTreeMap<String, String>,
    /// The environment the recipe asks for.
    pub environment: BTreeMap<String, String>,
    /// Exact versions of what it is built with and runs with.
    pub dependencies: BTreeMap<String, String>,
    /// pkgsrc branch.
    pub branch: String,
    /// As in `amd64`.
    pub architecture: String,
    /// The compiler's path.
    pub compiler: String,
}

impl BuildInputs {
    /// sha256 over all inputs, in hex.
    #[must_use]
    pub fn key(&self) -> String {
        sha256_hex(self.document().to_string().as_bytes())
    }

    /// The inputs as JSON: the text that the key is made of. Built by hand, because nothing can go
    /// wrong in it then, and an input that is added must be added here.
    fn document(&self) -> Value {
        let Self {
            format,
            package,
            sources,
            patches,
            system,
            options,
            settings,
            environment,
            dependencies,
            branch,
            architecture,
            compiler,
        } = self;
        let patches = patches
            .iter()
            .map(|(name, digest)| vec![name.clone(), digest.clone()]);
        let parts = [
            ("format", Value::from(*format)),
            ("package", text(package)),
            ("sources", Value::from(sources.clone())),
            ("patches", patches.collect()),
            ("system", text(system)),
            ("options", Value::from(options.clone())),
            ("settings", object(settings)),
            ("environment", object(environment)),
            ("dependencies", object(dependencies)),
            ("branch", text(branch)),
            ("architecture", text(architecture)),
            ("compiler", text(compiler)),
        ];
        let parts = parts.map(|(name, value)| (name.to_owned(), value));
        Value::Object(parts.into_iter().collect())
    }

    /// Why a build from `recorded` is out of date, in the words of the change; empty if it is not.
    #[must_use]
    pub fn reasons_against(&self, recorded: &Self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.package != recorded.package {
            reasons.push(format!("{} → {}", recorded.package, self.package));
        }
        list_reasons("source", &recorded.sources, &self.sources, &mut reasons);
        patch_reasons(&recorded.patches, &self.patches, &mut reasons);
        if self.system != recorded.system {
            reasons.push(format!(
                "build system {} → {}",
                recorded.system, self.system
            ));
        }
        list_reasons("option", &recorded.options, &self.options, &mut reasons);
        map_reasons("", &recorded.settings, &self.settings, &mut reasons);
        map_reasons("", &recorded.environment, &self.environment, &mut reasons);
        map_reasons("", &recorded.dependencies, &self.dependencies, &mut reasons);
        for (what, old, new) in [
            ("pkgsrc branch", &recorded.branch, &self.branch),
            ("architecture", &recorded.architecture, &self.architecture),
            ("compiler", &recorded.compiler, &self.compiler),
        ] {
            if old != new {
                reasons.push(format!("{what} {old} → {new}"));
            }
        }
        if self.format != recorded.format {
            reasons.push("zonewright builds differently now".to_owned());
        }
        reasons
    }
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn object(map: &BTreeMap<String, String>) -> Value {
    let entries = map.iter().map(|(name, value)| (name.clone(), text(value)));
    Value::Object(entries.collect())
}

fn list_reasons(what: &str, old: &[String], new: &[String], reasons: &mut Vec<String>) {
    if old == new {
        return;
    }
    let short = |text: &str| {
        let mut characters = text.chars();
        let head: String = characters.by_ref().take(60).collect();
        if characters.next().is_some() {
            format!("{head}…")
        } else {
            head
        }
    };
    let before = reasons.len();
    for entry in old.iter().filter(|entry| !new.contains(entry)) {
        reasons.push(format!("{what} removed: {}", short(entry)));
    }
    for entry in new.iter().filter(|entry| !old.contains(entry)) {
        reasons.push(format!("{what} added: {}", short(entry)));
    }
    if reasons.len() == before {
        reasons.push(format!("{what}s in another order"));
    }
}

fn patch_reasons(old: &[(String, String)], new: &[(String, String)], reasons: &mut Vec<String>) {
    if old == new {
        return;
    }
    let digest = |list: &[(String, String)], name: &str| {
        list.iter()
            .find(|(n, _)| n == name)
            .map(|(_, digest)| digest.clone())
    };
    let before = reasons.len();
    for (name, hash) in new {
        match digest(old, name) {
            None => reasons.push(format!("patch {name} added")),
            Some(recorded) if recorded != *hash => reasons.push(format!("patch {name} changed")),
            Some(_) => {}
        }
    }
    for (name, _) in old.iter().filter(|(name, _)| digest(new, name).is_none()) {
        reasons.push(format!("patch {name} removed"));
    }
    if reasons.len() == before {
        reasons.push("patches in another order".to_owned());
    }
}

fn map_reasons(
    what: &str,
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    reasons: &mut Vec<String>,
) {
    for (name, value) in new {
        match old.get(name) {
            None => reasons.push(format!("{what}{name} {value} added")),
            Some(recorded) if recorded != value => {
                reasons.push(format!("{what}{name} {recorded} → {value}"));
            }
            Some(_) => {}
        }
    }
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        reasons.push(format!("{what}{name} removed"));
    }
}

/// What was applied to a zone for one recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
pub struct Receipt {
    /// [`SCHEMA`]
    pub schema: String,
    /// The recipe's name in the site.
    pub recipe: String,
    /// The software's version.
    pub version: String,
    /// The installed package, as in `zw-netatalk-4.2.3`.
    pub package: String,
    /// [`BuildInputs::key`] of the installed package.
    pub build_key: String,
    /// What decided the build.
    pub build: BuildInputs,
    /// Files that were written: path → what was written.
    pub files: BTreeMap<String, FileRecord>,
    /// Services: FMRI → digest of everything that a start depends on, at the last start.
    pub services: BTreeMap<String, String>,
    /// Checks that passed: name → digest of what was asked and had to be answered.
    pub checks: BTreeMap<String, String>,
    /// Services with sessions: FMRI → the name of the processes that serve.
    pub sessions: BTreeMap<String, String>,
    /// Platform stamp at the time.
    pub platform: String,
    /// zonewright's version.
    pub zonewright: String,
    /// Seconds since 1970, on the zone's clock.
    pub applied_at: u64,
}

/// A file as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
pub struct FileRecord {
    pub sha256: String,
    pub mode: u32,
    pub owner: String,
    pub group: String,
}

/// Why a receipt is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("its format is `{0}`, and this zonewright reads `{SCHEMA}`")]
    Schema(String),
}

impl Receipt {
    /// Reads a receipt. One of another format is refused: what this version does not know of it would
    /// be lost by writing it anew.
    ///
    /// # Errors
    /// [`ReceiptError`] for what is no receipt, or that of another version.
    pub fn parse(text: &[u8]) -> Result<Self, ReceiptError> {
        let receipt: Self = serde_json::from_slice(text)?;
        if receipt.schema == SCHEMA {
            Ok(receipt)
        } else {
            let short = receipt.schema.chars().take(60).collect::<String>();
            Err(ReceiptError::Schema(short.escape_debug().to_string()))
        }
    }

    /// Whether two receipts say the same, whenever and wherever they were written.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        let timeless = |receipt: &Self| Self {
            applied_at: 0,
            platform: String::new(),
            zonewright: String::new(),
            ..receipt.clone()
        };
        timeless(self) == timeless(other)
    }
}

/// sha256 of some bytes, in hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_that_of_the_receipts_own_text() {
        let map = |name: &str| -> BTreeMap<String, String> {
            let entries = [("b", "\"é\n"), ("a", name)];
            entries
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into()
        };
        let inputs = BuildInputs {
            format: 7,
            package: "zw-a-1".into(),
            sources: vec!["s1".into(), "s2".into()],
            patches: vec![("a.patch".into(), "1".into()), ("é".into(), "2".into())],
            system: "meson".into(),
            options: vec!["-Da=\\ \"b\"".into()],
            settings: map("settings"),
            environment: map("environment"),
            dependencies: map("dependencies"),
            branch: "2024Q4".into(),
            architecture: "amd64".into(),
            compiler: "/opt/local/gcc13/bin/gcc".into(),
        };
        for inputs in [inputs, BuildInputs::default()] {
            let written = serde_json::to_string(&inputs).unwrap();
            assert_eq!(inputs.key(), sha256_hex(written.as_bytes()));
        }
    }

    #[test]
    fn each_change_is_named_in_its_own_words() {
        let old = BuildInputs {
            patches: vec![
                ("a.patch".into(), "1".into()),
                ("b.patch".into(), "1".into()),
            ],
            options: vec!["-Da".into()],
            dependencies: [("libevent".to_owned(), "2.1.12".to_owned())].into(),
            ..BuildInputs::default()
        };
        let mut new = old.clone();
        assert_eq!(new.reasons_against(&old), Vec::<String>::new());
        new.patches[1].1 = "2".into();
        new.options = vec!["-Db".into()];
        new.dependencies.insert("libevent".into(), "2.2.0".into());
        assert_eq!(
            new.reasons_against(&old),
            [
                "patch b.patch changed",
                "option removed: -Da",
                "option added: -Db",
                "libevent 2.1.12 → 2.2.0"
            ]
        );
        assert_ne!(new.key(), old.key());
    }

    #[test]
    fn a_receipt_of_another_format_is_refused() {
        let text = |schema: &str| format!(r#"{{"schema": {schema:?}, "recipe": "x", "new": [1]}}"#);
        assert_eq!(Receipt::parse(text(SCHEMA).as_bytes()).unwrap().recipe, "x");
        let later = Receipt::parse(text("zonewright/receipt/v2").as_bytes()).unwrap_err();
        assert_eq!(
            later.to_string(),
            "its format is `zonewright/receipt/v2`, and this zonewright reads `zonewright/receipt/v1`"
        );
        for text in ["", "{}", "[]", "null", "{", "{\"schema\": 1}"] {
            assert!(Receipt::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn order_alone_is_a_reason_too() {
        let patches = [
            ("a".to_owned(), "1".to_owned()),
            ("b".to_owned(), "2".to_owned()),
        ];
        let old = BuildInputs {
            patches: patches.to_vec(),
            ..BuildInputs::default()
        };
        let mut new = old.clone();
        new.patches.reverse();
        assert_eq!(new.reasons_against(&old), ["patches in another order"]);
    }
}
