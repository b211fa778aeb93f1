//! Images: those that are installed, and what the image sources have.
//!
//! The manifests of images for pkgsrc carry texts where the specification wants other types (`"v": "2"`),
//! so only what is needed is read. Where nothing is installed `imgadm list -j` prints `[]`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ImageQuestion, json_of};
use crate::facts::FactError;
use crate::facts::sections::Section;
use crate::script::Script;

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Image {
    pub uuid: String,
    pub name: String,
    pub version: String,
    /// `zone-dataset` for what a `joyent` zone is made from.
    pub kind: String,
    /// The oldest platform that it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_platform: Option<String>,
}

/// What the image sources said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Available {
    Images(Vec<Image>),
    /// They cannot be asked.
    Not(String),
}

pub(super) fn ask(script: Script, wanted: Option<&ImageQuestion>) -> Script {
    let script = script.shell(
        r#"
said images /usr/sbin/imgadm list -j
said sources /usr/sbin/imgadm sources
"#,
    );
    match wanted {
        None => script,
        Some(ImageQuestion::Named { name, version }) => script.command([
            "said",
            "available",
            "/usr/sbin/imgadm",
            "avail",
            "-j",
            &format!("name={name}"),
            &format!("version={version}"),
        ]),
        Some(ImageQuestion::Uuid(uuid)) => script.command([
            "said",
            "available",
            "/usr/sbin/imgadm",
            "avail",
            "-j",
            &format!("uuid={uuid}"),
        ]),
    }
}

// imgadm list -j → [ { "manifest": { "uuid": …, "name": …, "version": …, "type": "zone-dataset",
//   "requirements": { "min_platform": { "7.0": "20210826T002459Z" } } }, "zpool": "zones" } ]
pub(super) fn parse(section: &Section<'_>) -> Result<Vec<Image>, FactError> {
    const COMMAND: &str = "imgadm list";
    if section.status == 0 && section.text.is_empty() {
        return Ok(Vec::new());
    }
    let items: Vec<Value> = json_of(section, COMMAND)?;
    items.iter().map(|item| image(item, COMMAND)).collect()
}

fn image(item: &Value, command: &'static str) -> Result<Image, FactError> {
    let manifest = item.get("manifest").unwrap_or(item);
    let text = |key: &str| {
        let value = manifest.get(key).and_then(Value::as_str);
        value.map(str::to_owned).ok_or_else(|| FactError::Line {
            command,
            line: format!("an image without `{key}`"),
        })
    };
    let oldest = manifest.pointer("/requirements/min_platform/7.0");
    Ok(Image {
        uuid: text("uuid")?,
        name: text("name")?,
        version: text("version")?,
        kind: text("type")?,
        min_platform: oldest.and_then(Value::as_str).map(str::to_owned),
    })
}

pub(super) fn parse_sources(section: &Section<'_>) -> Result<Vec<String>, FactError> {
    let text = section.text_of("imgadm sources")?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Sources that cannot be reached are an answer too.
pub(super) fn parse_available(section: &Section<'_>) -> Result<Available, FactError> {
    if section.status == 0 {
        return parse(section).map(Available::Images);
    }
    let text = String::from_utf8_lossy(section.text).trim().to_owned();
    Ok(Available::Not(text))
}
