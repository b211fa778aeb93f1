//! What may be a dataset's, a snapshot's or a property's name, in the words of libzfs.
//!
//! Looking up and creating differ by one character: `%` passes where a name is looked up.

/// Whole names, with their snapshot, are shorter than this.
const LONGEST: usize = 256;

/// What a name must name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Dataset,
    Snapshot,
}

/// Why this cannot be the name of something new; none when it can.
pub(super) fn fault(name: &str, wanted: Wanted) -> Option<String> {
    if name.len() >= LONGEST {
        return Some("name is too long".into());
    }
    let delimiters = name.matches(['@', '#']).count();
    if delimiters > 1 {
        return Some("multiple '@' and/or '#' delimiters in name".into());
    }
    match (wanted, name.contains('@')) {
        (Wanted::Dataset, true) => {
            return Some("snapshot delimiter '@' is not expected here".into());
        }
        (Wanted::Snapshot, false) => return Some("missing '@' delimiter in snapshot name".into()),
        _ => {}
    }
    if name.starts_with('/') {
        return Some("leading slash in name".into());
    }
    if name.ends_with('/') {
        return Some("trailing slash in name".into());
    }
    if let Some(bad) = name
        .chars()
        .find(|&c| !is_of_name(c) && c != '/' && c != '@')
    {
        return Some(format!("invalid character '{bad}' in name"));
    }
    let (dataset, snapshot) = name.split_once('@').unwrap_or((name, "-"));
    if snapshot.contains('/') {
        return Some("trailing slash in name".into());
    }
    if snapshot.is_empty() || dataset.split('/').any(str::is_empty) {
        return Some("empty component in name".into());
    }
    None
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.: ".contains(c)
}

/// Whether it can be looked up at all.
pub(super) fn can_be_sought(name: &str) -> bool {
    let plain = name.replace('%', "_");
    let wanted = if plain.contains('@') {
        Wanted::Snapshot
    } else {
        Wanted::Dataset
    };
    fault(&plain, wanted).is_none()
}

/// Whether it has the form of a property that is the user's own.
pub(super) fn is_user_property(name: &str) -> bool {
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-._:".contains(c);
    name.contains(':')
        && name.len() <= LONGEST
        && !name.starts_with('-')
        && name.chars().all(is_good)
}

/// The dataset above.
pub(super) fn parent(name: &str) -> Option<&str> {
    name.rsplit_once('/').map(|(parent, _)| parent)
}

/// The dataset that a snapshot is of; the name itself when it is none.
pub(super) fn dataset_of(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}

/// Whether one name is the other's own or lies below it, snapshots included.
pub(super) fn is_within(name: &str, above: &str) -> bool {
    name.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '@']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_libzfs_own() {
        let dataset = |name: &str| fault(name, Wanted::Dataset).unwrap_or_default();
        let snapshot = |name: &str| fault(name, Wanted::Snapshot).unwrap_or_default();
        for good in ["zones", "zones/a b/-dash/.hid:x_1", "zones/2026"] {
            assert_eq!(dataset(good), "");
        }
        assert_eq!(snapshot("zones/a@2026-11-22T12:44:00Z"), "");
        for (name, reason) in [
            ("/zones", "leading slash in name"),
            ("zones/", "trailing slash in name"),
            ("zones//a", "empty component in name"),
            ("zones/a+b", "invalid character '+' in name"),
            ("zones/a%b", "invalid character '%' in name"),
            ("zones/ü", "invalid character 'ü' in name"),
            ("zones@a", "snapshot delimiter '@' is not expected here"),
        ] {
            assert_eq!(dataset(name), reason, "{name}");
        }
        for (name, reason) in [
            ("zones/a", "missing '@' delimiter in snapshot name"),
            ("zones/a@b@c", "multiple '@' and/or '#' delimiters in name"),
            ("zones/a@b/c", "trailing slash in name"),
            ("zones/a@", "empty component in name"),
        ] {
            assert_eq!(snapshot(name), reason, "{name}");
        }
        let name = |length: usize| format!("zones/{}", "x".repeat(length - 6));
        assert_eq!(dataset(&name(255)), "");
        assert_eq!(dataset(&name(256)), "name is too long");
    }

    #[test]
    fn a_name_with_a_percent_sign_can_be_sought_but_not_made() {
        assert!(can_be_sought("zones/a@%b"));
        assert!(!can_be_sought("zones/a=2"));
    }

    #[test]
    fn user_properties_have_a_colon_and_no_capitals() {
        assert!(is_user_property("zonewright:keep"));
        for bad in ["keep", "Zonewright:keep", "-a:b", "a:b c"] {
            assert!(!is_user_property(bad), "{bad}");
        }
    }

    #[test]
    fn within_means_the_dataset_its_children_and_its_snapshots() {
        for within in ["zones/a", "zones/a/b", "zones/a@s", "zones/a/b@s"] {
            assert!(is_within(within, "zones/a"));
        }
        assert!(!is_within("zones/ab", "zones/a"));
        assert!(!is_within("zones", "zones/a"));
    }
}
