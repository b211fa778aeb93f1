//! Changes of the repository, as commands ask for them.
//!
//! `general/enabled` acts at once; every other property waits for a refresh.

use super::door::{Edit, Refusal};
use super::fmri::Fmri;
use super::model::{Group, Instance, Property, Repository, Service};
use super::upgrade;

/// Applies one change; an import's remarks come back.
pub fn apply(repository: &mut Repository, edit: &Edit) -> Result<Vec<String>, Refusal> {
    match edit {
        Edit::Add(fmri) => add(repository, fmri)?,
        Edit::Delete(fmri) => delete(repository, fmri)?,
        Edit::AddGroup {
            fmri,
            group,
            kind,
            nonpersistent,
        } => {
            let groups = repository.groups_mut(fmri).ok_or(Refusal::NoEntity)?;
            if groups.contains_key(group) {
                return Err(Refusal::Exists);
            }
            let body = Group {
                nonpersistent: *nonpersistent,
                ..Group::new(kind)
            };
            groups.insert(group.clone(), body);
        }
        Edit::DeleteGroup { fmri, group } => {
            let groups = repository.groups_mut(fmri).ok_or(Refusal::NoEntity)?;
            groups.remove(group).ok_or(Refusal::NoGroup)?;
        }
        Edit::Set {
            fmri,
            group,
            name,
            property,
        } => {
            let groups = repository.groups_mut(fmri).ok_or(Refusal::NoEntity)?;
            let group = groups.get_mut(group).ok_or(Refusal::NoGroup)?;
            group.properties.insert(name.clone(), property.clone());
        }
        Edit::Unset { fmri, group, name } => {
            let groups = repository.groups_mut(fmri).ok_or(Refusal::NoEntity)?;
            let group = groups.get_mut(group).ok_or(Refusal::NoGroup)?;
            group.properties.remove(name).ok_or(Refusal::NoProperty)?;
        }
        Edit::Enable {
            fmri,
            enabled,
            temporary,
            comment,
        } => {
            enable(repository, fmri, *enabled, *temporary, comment.as_deref())?;
        }
        Edit::Refresh(fmri) => {
            if !repository.refresh(fmri) {
                return Err(Refusal::NoEntity);
            }
        }
        Edit::Act { fmri, .. } => {
            repository.instance(fmri).ok_or(Refusal::NoEntity)?;
        }
        Edit::Import { declared, refresh } => {
            let messages = upgrade::import(repository, declared);
            if *refresh {
                let service = Fmri::service(&declared.service);
                for fmri in super::dependencies::instances_of(repository, &service.to_string()) {
                    repository.refresh(&fmri);
                }
            }
            return Ok(messages);
        }
    }
    Ok(Vec::new())
}

fn add(repository: &mut Repository, fmri: &Fmri) -> Result<(), Refusal> {
    match &fmri.instance {
        None if repository.services.contains_key(&fmri.service) => Err(Refusal::Exists),
        None => {
            repository
                .services
                .insert(fmri.service.clone(), Service::default());
            Ok(())
        }
        Some(name) => {
            let service = repository
                .services
                .get_mut(&fmri.service)
                .ok_or(Refusal::NoEntity)?;
            if service.instances.contains_key(name) {
                return Err(Refusal::Exists);
            }
            service.instances.insert(name.clone(), Instance::default());
            Ok(())
        }
    }
}

/// A service that others gave dependencies to stays as an empty shell.
fn delete(repository: &mut Repository, fmri: &Fmri) -> Result<(), Refusal> {
    let service = repository
        .services
        .get_mut(&fmri.service)
        .ok_or(Refusal::NoEntity)?;
    if let Some(name) = &fmri.instance {
        service.instances.remove(name).ok_or(Refusal::NoEntity)?;
        return Ok(());
    }
    service.instances.clear();
    service.last_import = None;
    service
        .groups
        .retain(|_, group| group.value("external") == Some("true"));
    if service.groups.is_empty() {
        repository.services.remove(&fmri.service);
    }
    Ok(())
}

fn enable(
    repository: &mut Repository,
    fmri: &Fmri,
    enabled: bool,
    temporary: bool,
    comment: Option<&str>,
) -> Result<(), Refusal> {
    let instance = repository.instance_mut(fmri).ok_or(Refusal::NoEntity)?;
    let value = Property::one("boolean", enabled.to_string());
    let name = if temporary { "general_ovr" } else { "general" };
    let fresh = || Group {
        nonpersistent: temporary,
        ..Group::new("framework")
    };
    let group = instance.groups.entry(name.to_owned()).or_insert_with(fresh);
    group.properties.insert("enabled".to_owned(), value);
    match comment {
        Some(comment) => {
            let comment = Property::one("astring", comment);
            group.properties.insert("comment".to_owned(), comment);
        }
        None => {
            group.properties.remove("comment");
        }
    }
    if !temporary {
        instance.groups.remove("general_ovr");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Repository, Fmri) {
        let mut repository = Repository::default();
        let fmri = Fmri::instance("site/x", "default");
        for edit in [
            Edit::Add(Fmri::service("site/x")),
            Edit::Add(fmri.clone()),
            Edit::AddGroup {
                fmri: fmri.clone(),
                group: "config".to_owned(),
                kind: "application".to_owned(),
                nonpersistent: false,
            },
        ] {
            apply(&mut repository, &edit).unwrap();
        }
        (repository, fmri)
    }

    fn set(repository: &mut Repository, fmri: &Fmri, value: &str) {
        let edit = Edit::Set {
            fmri: fmri.clone(),
            group: "config".to_owned(),
            name: "x".to_owned(),
            property: Property::one("astring", value),
        };
        apply(repository, &edit).unwrap();
    }

    #[test]
    fn a_property_is_seen_by_methods_after_a_refresh_only() {
        let (mut repository, fmri) = sample();
        set(&mut repository, &fmri, "old");
        apply(&mut repository, &Edit::Refresh(fmri.clone())).unwrap();
        set(&mut repository, &fmri, "new");
        assert_eq!(repository.running(&fmri)["config"].value("x"), Some("old"));
        assert_eq!(repository.composed(&fmri)["config"].value("x"), Some("new"));
        apply(&mut repository, &Edit::Refresh(fmri.clone())).unwrap();
        assert_eq!(repository.running(&fmri)["config"].value("x"), Some("new"));
    }

    #[test]
    fn a_lasting_enable_removes_the_override() {
        let (mut repository, fmri) = sample();
        enable(&mut repository, &fmri, false, false, None).unwrap();
        enable(&mut repository, &fmri, true, true, None).unwrap();
        assert_eq!(repository.is_enabled(&fmri), Some(true));
        assert_eq!(
            super::super::store::lasting(&repository).is_enabled(&fmri),
            Some(false)
        );
        enable(&mut repository, &fmri, false, false, None).unwrap();
        assert_eq!(repository.is_enabled(&fmri), Some(false));
    }

    #[test]
    fn absent_and_present_things_are_refused() {
        let (mut repository, fmri) = sample();
        assert_eq!(
            apply(&mut repository, &Edit::Add(fmri.clone())),
            Err(Refusal::Exists)
        );
        let missing = Edit::DeleteGroup {
            fmri: fmri.clone(),
            group: "none".to_owned(),
        };
        assert_eq!(apply(&mut repository, &missing), Err(Refusal::NoGroup));
        apply(&mut repository, &Edit::Delete(Fmri::service("site/x"))).unwrap();
        assert_eq!(
            apply(&mut repository, &Edit::Refresh(fmri)),
            Err(Refusal::NoEntity)
        );
    }
}
