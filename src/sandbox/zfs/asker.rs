//! Who asks, and what it may see and change: the rules of delegation.
//!
//! A zone sees what is delegated to it, and its parents by name alone. What it does not see is not
//! there for it: the answer is "does not exist", never "permission denied".

use super::model::{Dataset, Datasets};
use super::names::{dataset_of, is_within};

/// Who runs a command.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The global zone.
    Global,
    /// The zone of this uuid.
    Zone(String),
}

/// The same with the user's rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asker {
    /// The zone.
    pub owner: Owner,
    /// Whether it is that zone's root.
    pub is_root: bool,
}

/// Whose zone a dataset's files appear in.
pub(super) fn owner(dataset: &Dataset) -> Option<Owner> {
    if dataset.get("zoned") != Some("on") {
        return Some(Owner::Global);
    }
    let mut words = dataset_of(&dataset.name).split('/').skip(1);
    words.next().map(|uuid| Owner::Zone(uuid.to_owned()))
}

/// The datasets that were delegated to a zone: the topmost zoned ones below its own.
pub(super) fn delegated<'a>(datasets: &'a Datasets, owner: &'a Owner) -> Vec<&'a str> {
    let all = datasets.0.iter().filter(|dataset| !dataset.is_snapshot());
    let zoned = all.filter(|dataset| {
        let here = dataset.property("zoned");
        here.is_some_and(|zoned| zoned.value == "on" && zoned.source == "local")
            && self::owner(dataset).as_ref() == Some(owner)
    });
    zoned.map(|dataset| dataset.name.as_str()).collect()
}

/// What a command sees: the pool through its asker's eyes.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub datasets: &'a Datasets,
    pub asker: &'a Asker,
}

impl<'a> View<'a> {
    /// Whether the asker can see that it is there.
    pub fn is_visible(&self, name: &str) -> bool {
        match &self.asker.owner {
            Owner::Global => true,
            owner => delegated(self.datasets, owner).iter().any(|delegated| {
                is_within(name, delegated) || is_within(delegated, name) && !name.contains('@')
            }),
        }
    }

    /// Whether the asker may change it.
    pub fn is_writable(&self, name: &str) -> bool {
        if !self.asker.is_root {
            return false;
        }
        match &self.asker.owner {
            Owner::Global => true,
            owner => {
                let delegated = delegated(self.datasets, owner);
                delegated.iter().any(|delegated| is_within(name, delegated))
            }
        }
    }

    /// A dataset that is there for the asker.
    pub fn find(&self, name: &str) -> Option<&'a Dataset> {
        let found = self.datasets.find(name)?;
        self.is_visible(name).then_some(found)
    }

    /// Everything that is there for the asker.
    pub fn all(&self) -> impl Iterator<Item = &'a Dataset> {
        let this = *self;
        let all = self.datasets.0.iter();
        all.filter(move |dataset| this.is_visible(&dataset.name))
    }

    /// Whether a property is for the global zone alone to set, here.
    // secpolicy_setprop: these limits of the dataset that was delegated itself are what keeps the
    // zone within its room.
    pub fn is_reserved(&self, dataset: &Dataset, property: &str) -> bool {
        if self.asker.owner == Owner::Global {
            return false;
        }
        match property {
            "zoned" | "dedup" | "mlslabel" => true,
            "quota" | "filesystem_limit" | "snapshot_limit" => {
                delegated(self.datasets, &self.asker.owner).contains(&dataset.name.as_str())
            }
            _ => false,
        }
    }
}

impl View<'_> {
    /// Whether one of the datasets above, or the one itself, has as many snapshots or file systems as
    /// it may have. The global zone is not bound by it.
    pub fn is_full_for(&self, dataset: &str, limit: &str) -> bool {
        if self.asker.owner == Owner::Global {
            return false;
        }
        let wants_snapshots = limit == "snapshot_limit";
        let limited = self.datasets.0.iter().filter_map(|above| {
            let most: u64 = above.get(limit)?.parse().ok()?;
            (!above.is_snapshot() && is_within(dataset, &above.name)).then_some((above, most))
        });
        limited.into_iter().any(|(above, most)| {
            let below = self.datasets.0.iter().filter(|other| {
                other.name != above.name
                    && other.is_snapshot() == wants_snapshots
                    && is_within(&other.name, &above.name)
            });
            below.count() as u64 >= most
        })
    }

    /// As `is_reserved`, for a file system that is yet to be made: it is below what was delegated.
    pub fn is_reserved_for_new(&self, property: &str) -> bool {
        self.asker.owner != Owner::Global && ["zoned", "dedup", "mlslabel"].contains(&property)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::sandbox::zfs::model::tests::pool;

    pub const POOL: &str = "zones\n\
        zones/u1\n\
        zones/u1/data zonewright.sandbox:zoned=on\n\
        zones/u1/data/mac zonewright.sandbox:zoned=on!inherited~from~zones/u1/data\n\
        zones/u1/data/mac@s zonewright.sandbox:zoned=on!inherited~from~zones/u1/data\n\
        zones/u1@s\n\
        zones/u2\n\
        zones/u2/data zonewright.sandbox:zoned=on\n\
        zones/backups";

    pub fn zone(uuid: &str) -> Asker {
        Asker {
            owner: Owner::Zone(uuid.into()),
            is_root: true,
        }
    }

    pub fn global() -> Asker {
        Asker {
            owner: Owner::Global,
            is_root: true,
        }
    }

    #[test]
    fn a_zone_sees_its_own_and_the_names_above() {
        let datasets = pool(POOL);
        let asker = zone("u1");
        let view = View {
            datasets: &datasets,
            asker: &asker,
        };
        let seen: Vec<_> = view.all().map(|dataset| dataset.name.as_str()).collect();
        assert_eq!(
            seen,
            [
                "zones",
                "zones/u1",
                "zones/u1/data",
                "zones/u1/data/mac",
                "zones/u1/data/mac@s"
            ]
        );
        for (name, is_writable) in [
            ("zones", false),
            ("zones/u1", false),
            ("zones/u1/new", false),
            ("zones/u1/data", true),
            ("zones/u1/data/new", true),
            ("zones/u1/data@s", true),
            ("zones/u1/data2", false),
            ("zones/u2/data", false),
        ] {
            assert_eq!(view.is_writable(name), is_writable, "{name}");
        }
    }

    #[test]
    fn a_zone_to_which_nothing_was_delegated_sees_nothing() {
        let datasets = pool("zones\nzones/u1\nzones/backups");
        let asker = zone("u1");
        let view = View {
            datasets: &datasets,
            asker: &asker,
        };
        assert_eq!(view.all().count(), 0);
    }

    #[test]
    fn only_the_zones_root_may_change_anything() {
        let datasets = pool(POOL);
        let mut asker = zone("u1");
        asker.is_root = false;
        let view = View {
            datasets: &datasets,
            asker: &asker,
        };
        assert!(view.is_visible("zones/u1/data"));
        assert!(!view.is_writable("zones/u1/data"));
    }

    #[test]
    fn a_zone_is_bound_by_how_many_it_may_have_and_the_global_zone_is_not() {
        let text = POOL.replace(
            "zones/u1\n",
            "zones/u1 zonewright.sandbox:snapshot_limit=2 zonewright.sandbox:filesystem_limit=3\n",
        );
        let datasets = pool(&text);
        let (asker, root) = (zone("u1"), global());
        let view = |asker| View {
            datasets: &datasets,
            asker,
        };
        // zones/u1/data/mac@s and zones/u1@s, zones/u1/data and zones/u1/data/mac
        assert!(view(&asker).is_full_for("zones/u1/data", "snapshot_limit"));
        assert!(!view(&asker).is_full_for("zones/u1/data", "filesystem_limit"));
        assert!(!view(&root).is_full_for("zones/u1/data", "snapshot_limit"));
        assert!(!view(&asker).is_full_for("zones/u2/data", "snapshot_limit"));
    }

    #[test]
    fn the_limits_of_the_delegated_dataset_itself_are_the_global_zones() {
        let datasets = pool(POOL);
        let (asker, root) = (zone("u1"), global());
        let view = |asker| View {
            datasets: &datasets,
            asker,
        };
        let data = datasets.find("zones/u1/data").unwrap();
        let mac = datasets.find("zones/u1/data/mac").unwrap();
        for (dataset, property, is_reserved) in [
            (data, "quota", true),
            (data, "refquota", false),
            (data, "compression", false),
            (data, "zoned", true),
            (mac, "quota", false),
            (mac, "zoned", true),
        ] {
            assert_eq!(
                view(&asker).is_reserved(dataset, property),
                is_reserved,
                "{property}"
            );
            assert!(!view(&root).is_reserved(dataset, property), "{property}");
        }
    }
}
