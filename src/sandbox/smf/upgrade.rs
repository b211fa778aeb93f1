//! Importing a service, the first time and again.
//!
//! A later import compares three things: the manifest, what the last import declared, and what is
//! there now. What the administrator left alone follows the manifest; what he changed stays.
//! `general/enabled` and `general/restarter` never follow.

use super::fmri::Fmri;
use super::model::{Group, Groups, Instance, Property, Repository};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A service as a manifest declares it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Declared {
    /// The service's name.
    pub service: String,
    /// What stands directly below the service.
    pub own: Part,
    /// The instances, in the manifest's order.
    pub instances: Vec<(String, Part)>,
}

/// The declared contents of one service or instance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Property groups.
    pub groups: Groups,
    /// Groups with `delete="true"`.
    pub deleted: BTreeSet<String>,
    /// `group/property` with `override="true"`.
    pub forced: BTreeSet<String>,
    /// Dependencies to be put into other services, by the name of the group.
    pub dependents: BTreeMap<String, Dependent>,
}

/// A dependency that this service gives to another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependent {
    /// The service or instance that shall depend.
    pub target: String,
    /// The dependency group to put there.
    pub group: Group,
}

/// Imports one service; the result is what goes to standard error.
pub fn import(repository: &mut Repository, declared: &Declared) -> Vec<String> {
    let mut messages = Vec::new();
    let service_fmri = Fmri::service(&declared.service);
    let service = repository
        .services
        .entry(declared.service.clone())
        .or_default();
    merge(
        &service_fmri,
        &declared.own,
        &mut service.groups,
        &mut service.last_import,
        &mut messages,
    );
    for (name, part) in &declared.instances {
        let fmri = Fmri::instance(&declared.service, name);
        let instance: &mut Instance = service.instances.entry(name.clone()).or_default();
        merge(
            &fmri,
            part,
            &mut instance.groups,
            &mut instance.last_import,
            &mut messages,
        );
    }
    for (owner, part) in std::iter::once((service_fmri, &declared.own)).chain(
        declared
            .instances
            .iter()
            .map(|(name, part)| (Fmri::instance(&declared.service, name), part)),
    ) {
        for (name, dependent) in &part.dependents {
            give_dependency(repository, &owner, name, dependent);
        }
    }
    messages
}

fn merge(
    fmri: &Fmri,
    part: &Part,
    current: &mut Groups,
    last: &mut Option<Groups>,
    messages: &mut Vec<String>,
) {
    for name in &part.deleted {
        current.remove(name);
    }
    let before = last.take().unwrap_or_default();
    for (name, wanted) in &part.groups {
        merge_group(
            fmri,
            name,
            wanted,
            part,
            before.get(name),
            current,
            messages,
        );
    }
    for (name, old) in &before {
        if !part.groups.contains_key(name) && !part.deleted.contains(name) {
            drop_undeclared(name, old, current);
        }
    }
    *last = Some(part.groups.clone());
}

/// A group that is gone from the manifest goes, except for what the administrator put into it.
fn drop_undeclared(name: &str, old: &Group, current: &mut Groups) {
    if let Some(group) = current.get_mut(name) {
        group
            .properties
            .retain(|property, is| old.properties.get(property) != Some(is));
        if group.properties.is_empty() {
            current.remove(name);
        }
    }
}

fn merge_group(
    fmri: &Fmri,
    name: &str,
    wanted: &Group,
    part: &Part,
    old: Option<&Group>,
    current: &mut Groups,
    messages: &mut Vec<String>,
) {
    let Some(group) = current.get_mut(name) else {
        match old {
            None => {
                current.insert(name.to_owned(), wanted.clone());
            }
            Some(old) if old == wanted => {}
            Some(_) => messages.push(format!(
                "Conflict upgrading {fmri} (property group \"{name}\" is missing)."
            )),
        }
        return;
    };
    // A group that only `setprop` or a placeholder made has no type of the manifest yet.
    if old.is_none_or(|old| old.kind == group.kind) {
        group.kind.clone_from(&wanted.kind);
    }
    for (property, value) in &wanted.properties {
        if name == "general"
            && is_never_upgraded(property)
            && group.properties.contains_key(property)
        {
            continue;
        }
        let path = format!("{name}/{property}");
        let was = old.and_then(|old| old.properties.get(property));
        let is = group.properties.get(property);
        match choose(value, was, is, part.forced.contains(&path)) {
            Choice::Take => {
                group.properties.insert(property.clone(), value.clone());
            }
            Choice::Keep => {}
            Choice::Conflict(what) => messages.push(format!(
                "Conflict upgrading {fmri} (property \"{path}\" {what})."
            )),
        }
    }
    if let Some(old) = old {
        group.properties.retain(|property, is| {
            wanted.properties.contains_key(property) || old.properties.get(property) != Some(is)
        });
    }
}

fn is_never_upgraded(property: &str) -> bool {
    matches!(property, "enabled" | "restarter")
}

enum Choice {
    Take,
    Keep,
    Conflict(&'static str),
}

fn choose(
    wanted: &Property,
    was: Option<&Property>,
    is: Option<&Property>,
    forced: bool,
) -> Choice {
    if forced {
        return Choice::Take;
    }
    match (was, is) {
        (None, None) => Choice::Take,
        (Some(was), None) if was == wanted => Choice::Keep,
        (Some(_), None) => Choice::Conflict("is missing"),
        (_, Some(is)) if is == wanted => Choice::Keep,
        (Some(was), Some(is)) if was == is => Choice::Take,
        (Some(was), Some(_)) if was == wanted => Choice::Keep,
        // The words of this conflict are inferred.
        (_, Some(_)) => Choice::Conflict("has a different value"),
    }
}

/// Puts a dependency into another service, which is made as an empty shell when it is absent.
fn give_dependency(repository: &mut Repository, owner: &Fmri, name: &str, dependent: &Dependent) {
    let Some(target) = Fmri::parse(&dependent.target) else {
        return;
    };
    let service = repository
        .services
        .entry(target.service.clone())
        .or_default();
    if let Some(instance) = &target.instance {
        service.instances.entry(instance.clone()).or_default();
    }
    if let Some(groups) = repository.groups_mut(&target) {
        groups.insert(name.to_owned(), dependent.group.clone());
    }
    if let Some(groups) = repository.groups_mut(owner) {
        let list = groups
            .entry("dependents".to_owned())
            .or_insert_with(|| Group::new("framework"));
        list.properties
            .insert(name.to_owned(), Property::one("fmri", target.to_string()));
    }
    for fmri in repository.instances() {
        if fmri.service == target.service
            && repository
                .instance(&fmri)
                .is_some_and(|instance| instance.running.is_some())
        {
            repository.refresh(&fmri);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(value: &str, enabled: &str) -> Declared {
        let config = Group::new("application").with("x", "astring", value);
        let general = Group::new("framework").with("enabled", "boolean", enabled);
        let instance = Part {
            groups: Groups::from([("general".to_owned(), general)]),
            ..Part::default()
        };
        Declared {
            service: "site/x".to_owned(),
            own: Part {
                groups: Groups::from([("config".to_owned(), config)]),
                ..Part::default()
            },
            instances: vec![("default".to_owned(), instance)],
        }
    }

    fn value_of(repository: &Repository) -> Option<String> {
        super::super::model::value(&repository.services["site/x"].groups, "config", "x")
            .map(str::to_owned)
    }

    fn set(repository: &mut Repository, value: &str) {
        let groups = &mut repository.services.get_mut("site/x").unwrap().groups;
        let config = groups.remove("config").unwrap().with("x", "astring", value);
        groups.insert("config".to_owned(), config);
    }

    #[test]
    fn what_the_administrator_left_alone_follows_the_manifest() {
        let mut repository = Repository::default();
        assert!(import(&mut repository, &manifest("1", "false")).is_empty());
        assert!(import(&mut repository, &manifest("2", "false")).is_empty());
        assert_eq!(value_of(&repository).as_deref(), Some("2"));
    }

    #[test]
    fn what_the_administrator_changed_stays_and_only_a_double_change_is_a_conflict() {
        let mut repository = Repository::default();
        import(&mut repository, &manifest("1", "false"));
        set(&mut repository, "mine");
        assert!(import(&mut repository, &manifest("1", "false")).is_empty());
        assert_eq!(value_of(&repository).as_deref(), Some("mine"));
        assert_eq!(
            import(&mut repository, &manifest("2", "false")),
            ["Conflict upgrading svc:/site/x (property \"config/x\" has a different value)."]
        );
        assert_eq!(value_of(&repository).as_deref(), Some("mine"));
        // The conflict was told once; the manifest has not changed since.
        assert!(import(&mut repository, &manifest("2", "false")).is_empty());
    }

    #[test]
    fn a_removed_property_stays_removed_until_the_manifest_changes_it() {
        let mut repository = Repository::default();
        import(&mut repository, &manifest("1", "false"));
        let groups = &mut repository.services.get_mut("site/x").unwrap().groups;
        groups.get_mut("config").unwrap().properties.clear();
        assert!(import(&mut repository, &manifest("1", "false")).is_empty());
        assert_eq!(value_of(&repository), None);
        assert_eq!(
            import(&mut repository, &manifest("2", "false")),
            ["Conflict upgrading svc:/site/x (property \"config/x\" is missing)."]
        );
    }

    #[test]
    fn override_wins_over_the_administrator() {
        let mut repository = Repository::default();
        import(&mut repository, &manifest("1", "false"));
        set(&mut repository, "mine");
        let mut forced = manifest("2", "false");
        forced.own.forced.insert("config/x".to_owned());
        assert!(import(&mut repository, &forced).is_empty());
        assert_eq!(value_of(&repository).as_deref(), Some("2"));
    }

    #[test]
    fn what_is_gone_from_the_manifest_goes_unless_it_was_customised() {
        let mut repository = Repository::default();
        import(&mut repository, &manifest("1", "false"));
        let mut bare = manifest("1", "false");
        bare.own.groups.clear();
        import(&mut repository, &bare);
        assert_eq!(value_of(&repository), None);

        import(&mut repository, &manifest("1", "false"));
        set(&mut repository, "mine");
        import(&mut repository, &bare);
        assert_eq!(value_of(&repository).as_deref(), Some("mine"));
    }

    #[test]
    fn enabled_is_taken_from_the_first_import_only() {
        let fmri = Fmri::instance("site/x", "default");
        let mut repository = Repository::default();
        import(&mut repository, &manifest("1", "false"));
        import(&mut repository, &manifest("1", "true"));
        assert_eq!(repository.is_enabled(&fmri), Some(false));

        let mut repository = Repository::default();
        import(&mut repository, &manifest("1", "true"));
        import(&mut repository, &manifest("1", "false"));
        assert_eq!(repository.is_enabled(&fmri), Some(true));
    }

    #[test]
    fn a_dependent_makes_its_absent_target_an_empty_shell() {
        let mut declared = manifest("1", "false");
        let group = Group::new("dependency").with("grouping", "astring", "require_all");
        declared.own.dependents.insert(
            "site_x".to_owned(),
            Dependent {
                target: "svc:/milestone/m:default".to_owned(),
                group,
            },
        );
        let mut repository = Repository::default();
        import(&mut repository, &declared);
        let shell = Fmri::parse("svc:/milestone/m:default").unwrap();
        assert_eq!(repository.is_enabled(&shell), None);
        assert!(repository.groups(&shell).unwrap().contains_key("site_x"));
    }
}
