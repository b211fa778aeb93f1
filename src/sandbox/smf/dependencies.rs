//! Whether an instance's dependencies let it run.
//!
//! `optional_all` is met by a service that cannot run before somebody does something: disabled, in
//! maintenance, absent, or offline behind such a one. The same "never" makes `svcadm enable -s`
//! give up.

use super::fmri::Fmri;
use super::model::{Group, Groups, Repository, State};
use std::collections::BTreeSet;

/// How a dependency stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is met.
    Met,
    /// It may be met without anybody's help.
    Waiting,
    /// Somebody has to do something.
    Never,
}

/// A look at a zone's services and files.
pub struct Graph<'a> {
    /// The services.
    pub repository: &'a Repository,
    /// Whether a path dependency's file is there.
    pub exists: &'a dyn Fn(&str) -> bool,
}

/// The dependency groups among an instance's groups, by name.
pub fn dependency_groups(view: &Groups) -> impl Iterator<Item = (&String, &Group)> {
    view.iter().filter(|(_, group)| group.kind == "dependency")
}

/// The instances that an entity names: itself, or every instance of a service.
#[must_use]
pub fn instances_of(repository: &Repository, entity: &str) -> Vec<Fmri> {
    let Some(fmri) = Fmri::parse(entity) else {
        return Vec::new();
    };
    let Some(service) = repository.service(&fmri) else {
        return Vec::new();
    };
    match &fmri.instance {
        Some(name) => service
            .instances
            .contains_key(name)
            .then(|| fmri.clone())
            .into_iter()
            .collect(),
        None => service
            .instances
            .keys()
            .map(|name| Fmri::instance(&fmri.service, name))
            .collect(),
    }
}

/// The path of a `file://localhost/path` entity.
#[must_use]
pub fn file_path(entity: &str) -> Option<&str> {
    let rest = entity.strip_prefix("file:")?;
    Some(
        rest.strip_prefix("//localhost")
            .or_else(|| rest.strip_prefix("//"))
            .unwrap_or(rest),
    )
}

impl Graph<'_> {
    /// The worst verdict over all dependencies of an instance.
    #[must_use]
    pub fn verdict(&self, fmri: &Fmri) -> Verdict {
        self.verdict_within(fmri, &mut BTreeSet::new())
    }

    fn verdict_within(&self, fmri: &Fmri, seen: &mut BTreeSet<Fmri>) -> Verdict {
        // Running in a circle: nothing in it can start.
        if !seen.insert(fmri.clone()) {
            return Verdict::Never;
        }
        let view = self.repository.snapshot(fmri);
        let verdict = worst(dependency_groups(&view).map(|(_, group)| self.group(group, seen)));
        seen.remove(fmri);
        verdict
    }

    /// The verdict over one dependency.
    #[must_use]
    pub fn dependency(&self, group: &Group) -> Verdict {
        self.group(group, &mut BTreeSet::new())
    }

    fn group(&self, group: &Group, seen: &mut BTreeSet<Fmri>) -> Verdict {
        let is_path = group.value("type") == Some("path");
        let mut verdicts = Vec::new();
        for entity in group.values("entities") {
            verdicts.push(if is_path {
                self.file(entity)
            } else {
                self.entity(entity, seen)
            });
        }
        match group.value("grouping") {
            Some("require_any") if verdicts.is_empty() => Verdict::Met,
            Some("require_any") => best(&verdicts),
            Some("optional_all") => worst(verdicts.into_iter().map(|verdict| match verdict {
                Verdict::Never => Verdict::Met,
                other => other,
            })),
            Some("exclude_all") if verdicts.contains(&Verdict::Met) => Verdict::Never,
            Some("exclude_all") => Verdict::Met,
            _ => worst(verdicts),
        }
    }

    fn file(&self, entity: &str) -> Verdict {
        let found = file_path(entity).is_some_and(|path| (self.exists)(path));
        if found { Verdict::Met } else { Verdict::Never }
    }

    fn entity(&self, entity: &str, seen: &mut BTreeSet<Fmri>) -> Verdict {
        let verdicts: Vec<Verdict> = instances_of(self.repository, entity)
            .iter()
            .map(|fmri| self.instance(fmri, seen))
            .collect();
        best(&verdicts)
    }

    fn instance(&self, fmri: &Fmri, seen: &mut BTreeSet<Fmri>) -> Verdict {
        match (
            self.repository.is_enabled(fmri),
            self.repository.state(fmri),
        ) {
            (_, State::Online | State::Degraded) => Verdict::Met,
            (None | Some(false), _) | (_, State::Maintenance) => Verdict::Never,
            _ => match self.verdict_within(fmri, seen) {
                Verdict::Never => Verdict::Never,
                _ => Verdict::Waiting,
            },
        }
    }
}

fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let rank = |verdict: &Verdict| match verdict {
        Verdict::Met => 0,
        Verdict::Waiting => 1,
        Verdict::Never => 2,
    };
    verdicts
        .into_iter()
        .max_by_key(rank)
        .unwrap_or(Verdict::Met)
}

/// An empty list is an absent service.
fn best(verdicts: &[Verdict]) -> Verdict {
    if verdicts.contains(&Verdict::Met) {
        Verdict::Met
    } else if verdicts.contains(&Verdict::Waiting) {
        Verdict::Waiting
    } else {
        Verdict::Never
    }
}

/// Why a dependency's service stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A fault.
    Error,
    /// Anything else.
    Other,
    /// It was refreshed and runs on.
    Refresh,
}

/// The instances that have to stop because `fmri` did, or was refreshed.
#[must_use]
pub fn dragged_along(repository: &Repository, fmri: &Fmri, cause: Cause) -> Vec<Fmri> {
    let wanted: &[&str] = match cause {
        Cause::Error => &["error", "restart", "refresh"],
        Cause::Other => &["restart", "refresh"],
        Cause::Refresh => &["refresh"],
    };
    dependents(repository, fmri, |group| {
        group.value("grouping") != Some("exclude_all")
            && group
                .value("restart_on")
                .is_some_and(|value| wanted.contains(&value))
    })
}

/// The instances that have to stop because `fmri` started.
#[must_use]
pub fn excluded_by(repository: &Repository, fmri: &Fmri) -> Vec<Fmri> {
    dependents(repository, fmri, |group| {
        group.value("grouping") == Some("exclude_all") && group.value("restart_on") != Some("none")
    })
}

/// The instances with a dependency on `fmri` that `fits`.
pub fn dependents(
    repository: &Repository,
    fmri: &Fmri,
    fits: impl Fn(&Group) -> bool,
) -> Vec<Fmri> {
    let names = |group: &Group| {
        group.values("entities").iter().any(|entity| {
            Fmri::parse(entity).is_some_and(|entity| {
                entity.service == fmri.service
                    && (entity.instance.is_none() || entity.instance == fmri.instance)
            })
        })
    };
    repository
        .instances()
        .into_iter()
        .filter(|other| {
            dependency_groups(&repository.snapshot(other))
                .any(|(_, group)| fits(group) && names(group))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::smf::model::{Instance, Property};

    fn add(
        repository: &mut Repository,
        name: &str,
        state: &str,
        enabled: &str,
        depends: Option<(&str, &str)>,
    ) {
        let mut instance = Instance::default();
        let general = Group::new("framework").with("enabled", "boolean", enabled);
        let restarter = Group::new("framework").with("state", "astring", state);
        instance.groups.insert("general".to_owned(), general);
        instance.groups.insert("restarter".to_owned(), restarter);
        if let Some((grouping, entities)) = depends {
            let mut group = Group::new("dependency")
                .with("grouping", "astring", grouping)
                .with("restart_on", "astring", "error")
                .with(
                    "type",
                    "astring",
                    if entities.starts_with("file") {
                        "path"
                    } else {
                        "service"
                    },
                );
            let values = entities.split(' ').map(str::to_owned).collect();
            group.properties.insert(
                "entities".to_owned(),
                Property {
                    kind: "fmri".to_owned(),
                    values,
                },
            );
            instance.groups.insert("dep".to_owned(), group);
        }
        let service = repository.services.entry(name.to_owned()).or_default();
        service.instances.insert("default".to_owned(), instance);
    }

    fn verdict(grouping: &str, entities: &str) -> Verdict {
        let mut repository = Repository::default();
        add(&mut repository, "on", "online", "true", None);
        add(&mut repository, "off", "disabled", "false", None);
        add(&mut repository, "broken", "maintenance", "true", None);
        add(&mut repository, "soon", "offline", "true", None);
        add(
            &mut repository,
            "behind",
            "offline",
            "true",
            Some(("require_all", "svc:/broken")),
        );
        add(
            &mut repository,
            "x",
            "offline",
            "true",
            Some((grouping, entities)),
        );
        let exists = |path: &str| path == "/there";
        let graph = Graph {
            repository: &repository,
            exists: &exists,
        };
        graph.verdict(&Fmri::instance("x", "default"))
    }

    #[test]
    fn groupings_judge_as_smf_does() {
        use Verdict::{Met, Never, Waiting};
        for (grouping, entities, expected) in [
            ("require_all", "svc:/on svc:/on:default", Met),
            ("require_all", "svc:/on svc:/off", Never),
            ("require_all", "svc:/soon svc:/on", Waiting),
            ("require_all", "svc:/absent", Never),
            ("require_all", "svc:/behind", Never),
            ("require_any", "svc:/off svc:/on", Met),
            ("require_any", "svc:/off svc:/soon", Waiting),
            ("require_any", "svc:/off svc:/broken", Never),
            (
                "optional_all",
                "svc:/off svc:/absent svc:/broken svc:/behind",
                Met,
            ),
            ("optional_all", "svc:/off svc:/soon", Waiting),
            ("exclude_all", "svc:/off", Met),
            ("exclude_all", "svc:/on", Never),
            ("require_all", "file://localhost/there", Met),
            ("require_all", "file://localhost/gone", Never),
            ("require_all", "svc:/x", Never),
        ] {
            assert_eq!(
                verdict(grouping, entities),
                expected,
                "{grouping} {entities}"
            );
        }
    }

    #[test]
    fn restart_on_decides_who_is_dragged_along() {
        let mut repository = Repository::default();
        add(&mut repository, "on", "online", "true", None);
        add(
            &mut repository,
            "x",
            "online",
            "true",
            Some(("require_all", "svc:/on")),
        );
        let on = Fmri::instance("on", "default");
        assert_eq!(dragged_along(&repository, &on, Cause::Error).len(), 1);
        assert_eq!(dragged_along(&repository, &on, Cause::Other).len(), 0);
        assert_eq!(dragged_along(&repository, &on, Cause::Refresh).len(), 0);
    }
}
