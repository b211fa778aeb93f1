//! The tables of `imgadm list` and `avail`. Where no row is left, nothing is printed, not even the
//! headings.

use serde_json::Value;

/// What is asked for.
#[derive(Debug, Default)]
pub(super) struct Query {
    has_no_header: bool,
    is_json: bool,
    fields: Option<String>,
    order: Option<String>,
    filters: Vec<(String, String)>,
}

/// The columns where nothing else is asked for.
const FIELDS: &str = "uuid,name,version,os,type,pub";

impl Query {
    /// Reads a command line; what is not known comes back.
    pub fn read(words: &[&str]) -> Result<Self, String> {
        let mut query = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "-H" => query.has_no_header = true,
                "-j" => query.is_json = true,
                "-o" => query.fields = words.next().map(|list| (*list).to_owned()),
                "-s" => query.order = words.next().map(|list| (*list).to_owned()),
                other => match other.split_once('=') {
                    Some((key, value)) if !other.starts_with('-') => {
                        query.filters.push((key.to_owned(), value.to_owned()));
                    }
                    _ => return Err(other.to_owned()),
                },
            }
        }
        Ok(query)
    }

    /// The answer; a field that no image has comes back.
    pub fn table(&self, mut images: Vec<Value>) -> Result<String, String> {
        images.retain(|image| {
            self.filters.iter().all(|(key, wanted)| {
                let value = field(image, key).unwrap_or_default();
                match wanted.strip_prefix('~') {
                    Some(part) => value.contains(part),
                    None => value == *wanted,
                }
            })
        });
        let order = self.order.as_deref().unwrap_or("published_at,name");
        images.sort_by_key(|image| {
            let keys = order
                .split(',')
                .map(|key| field(image, key).unwrap_or_default());
            keys.collect::<Vec<_>>()
        });
        if self.is_json {
            let text = serde_json::to_string_pretty(&images).unwrap_or_default();
            return Ok(format!("{text}\n"));
        }
        if images.is_empty() {
            return Ok(String::new());
        }
        let fields: Vec<&str> = self
            .fields
            .as_deref()
            .unwrap_or(FIELDS)
            .split(',')
            .collect();
        let mut rows = Vec::new();
        if !self.has_no_header {
            rows.push(fields.iter().map(|name| name.to_uppercase()).collect());
        }
        for image in &images {
            let cells = fields
                .iter()
                .map(|name| field(image, name).unwrap_or_else(|| "-".into()));
            rows.push(cells.collect::<Vec<String>>());
        }
        Ok(aligned(&rows))
    }
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(String::len).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// A field of an image as text: of its manifest, or one of those beside it.
fn field(image: &Value, name: &str) -> Option<String> {
    let manifest = image.get("manifest")?;
    let published = manifest.get("published_at").and_then(Value::as_str);
    let value = match name {
        "published" | "published_date" => return published.map(str::to_owned),
        "pub" => return published.map(|text| text.chars().take(10).collect()),
        "source" | "clones" | "zpool" => image.get(name),
        "size" => manifest.pointer("/files/0/size"),
        dotted => {
            let pointer = format!("/{}", dotted.replace('.', "/"));
            return text(manifest.pointer(&pointer)?);
        }
    };
    text(value?)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::imgadm::catalogue::IMAGES;

    fn asked(words: &[&str]) -> String {
        let images = IMAGES
            .iter()
            .map(|image| serde_json::json!({"manifest": image.manifest()}));
        Query::read(words).unwrap().table(images.collect()).unwrap()
    }

    #[test]
    fn images_are_listed_by_their_date_under_headings() {
        let table = asked(&[]);
        let mut lines = table.lines();
        assert_eq!(
            lines.next(),
            Some(
                "UUID                                  NAME           VERSION   OS       TYPE          PUB"
            )
        );
        assert_eq!(
            lines.next(),
            Some(
                "85d0f826-0131-11ed-973d-2bfeef68011c  base-64-lts    21.4.1    smartos  zone-dataset  2022-07-11"
            )
        );
        assert_eq!(table.lines().count(), 11);
    }

    #[test]
    fn a_filter_takes_the_whole_value_or_with_a_tilde_a_part() {
        let rows = |words: &[&str]| asked(words).lines().count();
        assert_eq!(rows(&["-H", "name=base-64-lts"]), 6);
        assert_eq!(rows(&["-H", "name=base-64"]), 0);
        assert_eq!(rows(&["-H", "name=~base-64"]), 10);
        assert_eq!(asked(&["name=none"]), "");
        assert_eq!(
            asked(&["-H", "-o", "uuid,version", "version=24.4.1"]),
            "2f1dc911-6401-4fa4-8e9d-67ea2e39c271  24.4.1\n"
        );
        assert_eq!(Query::read(&["-x"]).unwrap_err(), "-x");
    }
}
