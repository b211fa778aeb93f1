//! The table of properties that `vmadm` knows, read from `properties.txt`.
//!
//! What it does not list, or not for this brand and action, `create` and `update` drop without a
//! word, while `validate` reports it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The brands of the table, in the order of its columns.
pub(crate) const BRANDS: [&str; 4] = ["joyent", "joyent-minimal", "lx", "bhyve"];

/// What is being done with a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// A machine is made of it.
    Create,
    /// A machine is changed by it.
    Update,
    /// An element of a list is added by it.
    Add,
}

impl Action {
    fn letter(self) -> char {
        match self {
            Self::Create => 'c',
            Self::Update => 'u',
            Self::Add => 'a',
        }
    }
}

/// One property.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Property {
    /// The form of its value; empty for what is only told.
    pub kind: &'static str,
    /// The least number.
    pub min: Option<i64>,
    /// The greatest number.
    pub max: Option<i64>,
    /// The list whose elements' rules hold for its elements (`add_nics` holds `nics`).
    pub like: Option<&'static str>,
    /// A rule beyond the form.
    pub check: Option<&'static str>,
    allowed: [&'static str; BRANDS.len()],
    required: &'static str,
}

impl Property {
    /// Whether a payload may hold it.
    pub fn is_allowed(&self, brand: &str, action: Action) -> bool {
        let column = BRANDS.iter().position(|name| *name == brand);
        column
            .and_then(|column| self.allowed.get(column))
            .is_some_and(|letters| letters.contains(action.letter()))
    }

    /// Whether `create` cannot do without it.
    pub fn is_required(&self, brand: &str) -> bool {
        self.required.split(',').any(|name| name == brand)
    }
}

/// The whole table, by name; an element's properties are `nics.*.ip`.
pub(crate) static TABLE: LazyLock<BTreeMap<&'static str, Property>> = LazyLock::new(|| {
    include_str!("properties.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(read)
        .collect()
});

// nics.*.mtu integer ua ua ua ua min=576 max=9000
// brand string cr cr cr cr required=joyent+joyent-minimal+lx
fn read(line: &'static str) -> Option<(&'static str, Property)> {
    let mut words = line.split(' ');
    let (name, kind) = (words.next()?, words.next()?);
    let mut property = Property {
        kind: if kind == "-" { "" } else { kind },
        ..Property::default()
    };
    for column in &mut property.allowed {
        *column = words.next()?;
    }
    for word in words {
        match word.split_once('=') {
            Some(("min", number)) => property.min = number.parse().ok(),
            Some(("max", number)) => property.max = number.parse().ok(),
            Some(("as", list)) => property.like = Some(list),
            Some(("check", rule)) => property.check = Some(rule),
            Some(("required", brands)) => property.required = brands,
            _ => {}
        }
    }
    Some((name, property))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = include_str!("properties.txt").lines();
        let rows = lines.filter(|line| !line.starts_with('#')).count();
        assert_eq!((TABLE.len(), rows), (187, 187));
    }

    #[test]
    fn a_property_is_allowed_for_some_brands_and_actions() {
        let delegated = &TABLE["delegate_dataset"];
        assert!(delegated.is_allowed("joyent", Action::Create));
        assert!(!delegated.is_allowed("joyent", Action::Update));
        assert!(!delegated.is_allowed("bhyve", Action::Create));
        assert!(!delegated.is_allowed("kvm", Action::Create));
        assert!(TABLE["image_uuid"].is_required("joyent"));
        assert!(!TABLE["image_uuid"].is_required("bhyve"));
        assert_eq!(TABLE["nics.*.mtu"].min, Some(576));
        assert_eq!(TABLE["add_nics"].like, Some("nics"));
    }
}
