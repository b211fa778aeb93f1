//! What must change on a host for a zone to be as its file says: the twin of `facts/host`.
//!
//! A zone is found by a uuid that is made from the host's own and the alias, so whoever plans for it, on
//! whichever machine and after whatever was cut off, means the same zone and never makes a second one. What needs
//! a reboot of the zone or another root for it is said, and planned only where the user asked for it.

pub mod adopt;
mod card;
mod datasets;
mod existing;
mod obstacles;
mod payload;
mod properties;
mod remains;
pub mod scripts;

use std::collections::BTreeSet;

use existing::{Existing, plan_existing};
pub use obstacles::held;
pub use remains::{is_at_stake, snapshot_held};
use serde_json::{Map, Value};

use super::{Action, Change, Input, Plan, Refusal, Stage, Step, Work};
use crate::facts::host::images::{Available, Image};
use crate::facts::host::vms::Vm;
use crate::facts::host::{HostFacts, HostQuestions, ImageQuestion};
use crate::receipt::sha256_hex;
use crate::recipe::model::Recipe;
use crate::script::Script;
use crate::site::model::{StorageKind, ZoneFile};
use crate::site::shape::{self, Shape};

/// The pool that new zones lie on.
const NEW_POOL: &str = "zones";

/// Everything that files say about a zone of a host.
#[derive(Debug, Clone)]
pub struct WantedZone {
    pub shape: Shape,
    /// Who may log in as root: key type and key, with or without a comment.
    pub keys: Vec<String>,
    /// Processes of its recipes that serve somebody each, as one `afpd` does each Mac.
    pub processes: BTreeSet<String>,
}

impl WantedZone {
    /// What a zone file and its recipes say; nothing where it says no host.
    #[must_use]
    pub fn of<'r>(
        zone: &ZoneFile,
        recipes: impl IntoIterator<Item = &'r Recipe>,
        keys: Vec<String>,
    ) -> Option<Self> {
        let services = recipes.into_iter().flat_map(|recipe| &recipe.services);
        let sessions = services.filter_map(|service| service.sessions.as_ref());
        Some(Self {
            shape: zone.shape()?,
            keys,
            processes: sessions.map(|sessions| sessions.process.clone()).collect(),
        })
    }
}

/// What the user decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GivenZone {
    /// A zone of this alias is the one, whoever made it.
    pub takes_over: bool,
    /// The zone may be rebooted.
    pub reboots: bool,
    /// The zone may get another root.
    pub reprovisions: bool,
    /// What is left of a zone that failed may be destroyed, with all it holds.
    pub replaces_failed: bool,
    /// Even data may: it was listed, and the user gave the word.
    pub loses_data: bool,
}

/// Where a step is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the global zone.
    Host,
    /// In the zone itself, through its host.
    Zone,
}

/// A step, and where it is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneStep {
    pub step: Step,
    pub place: Place,
}

/// What a change needs that is not done without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    Reboot,
    Reprovision,
}

impl Need {
    /// In words, behind a change.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Reboot => "needs a reboot of the zone (`--reboot`)",
            Self::Reprovision => "needs `zone reprovision`",
        }
    }
}

/// The steps that differ, and what the user must be asked about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZonePlan {
    /// The zone, whether it is there or not.
    pub uuid: String,
    pub steps: Vec<ZoneStep>,
    /// Changes that are not made, since nobody asked for what they need.
    pub asked: Vec<(Need, Change)>,
    /// What is worth knowing and is no difference.
    pub notes: Vec<String>,
}

impl ZonePlan {
    /// Whether the zone is as its file says.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.asked.is_empty()
    }

    /// All of it as a plan to show.
    #[must_use]
    pub fn shown(&self) -> Plan {
        let mut steps: Vec<Step> = self.steps.iter().map(|s| s.step.clone()).collect();
        for (need, change) in &self.asked {
            let mut change = change.clone();
            change.why.push(need.text().to_owned());
            steps.push(Step {
                id: format!("zone/asked/{}", change.what),
                stage: Stage::Zone,
                changes: vec![change],
                work: Work::Unknown,
            });
        }
        Plan { steps }
    }
}

/// What must be asked of a host to plan for a zone.
#[must_use]
pub fn questions(wanted: &WantedZone) -> HostQuestions {
    let storage = wanted.shape.storage.as_ref();
    HostQuestions {
        alias: Some(wanted.shape.alias.clone()),
        uuid: wanted.shape.uuid.clone(),
        image: None,
        folders: storage
            .and_then(|storage| storage.source.clone())
            .into_iter()
            .collect(),
        processes: wanted.processes.clone(),
    }
}

/// Adds what a first answer makes it necessary to ask; whether there is something.
#[must_use]
pub fn questions_after(
    wanted: &WantedZone,
    facts: &HostFacts,
    questions: &mut HostQuestions,
) -> bool {
    let before = questions.clone();
    let own = uuid_of(&facts.uuid, &wanted.shape.alias);
    let is_listed = |uuid: &str| facts.vms.iter().any(|vm| vm.uuid == uuid);
    // somebody gave the zone another alias
    if wanted.shape.uuid.is_none() && is_listed(&own) && !facts.zones.contains_key(&own) {
        questions.uuid = Some(own);
    }
    if installed(&wanted.shape.image, facts).is_none() && facts.available.is_none() {
        questions.image = Some(match &wanted.shape.image {
            shape::Image::Named { name, version } => ImageQuestion::Named {
                name: name.clone(),
                version: version.clone(),
            },
            shape::Image::Uuid(uuid) => ImageQuestion::Uuid(uuid.clone()),
        });
    }
    *questions != before
}

/// The uuid of a zone that we make on a host.
#[must_use]
pub fn uuid_of(host: &str, alias: &str) -> String {
    let digest = sha256_hex(format!("zonewright zone\n{host}\n{alias}\n").as_bytes());
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    // version 8, made by whoever makes it; the variant of RFC 9562
    format!(
        "{}-{}-8{}-a{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    )
}

/// The zone concerned, if it is there, and its uuid in any case.
pub(super) struct Found<'a> {
    pub(super) uuid: String,
    pub(super) vm: Option<&'a Vm>,
}

fn find<'a>(
    wanted: &WantedZone,
    facts: &'a HostFacts,
    given: GivenZone,
) -> Result<Found<'a>, Refusal> {
    let shape = &wanted.shape;
    let whole = |vm: &'a Vm| facts.zones.get(&vm.uuid).unwrap_or(vm);
    let listed = |uuid: &str| facts.vms.iter().find(|vm| vm.uuid == uuid).map(whole);
    if let Some(uuid) = &shape.uuid {
        return Ok(Found {
            uuid: uuid.clone(),
            vm: listed(uuid),
        });
    }
    let uuid = uuid_of(&facts.uuid, &shape.alias);
    if let Some(vm) = listed(&uuid) {
        return Ok(Found { uuid, vm: Some(vm) });
    }
    let named: Vec<&Vm> = facts
        .vms
        .iter()
        .filter(|vm| vm.alias == shape.alias)
        .collect();
    match named[..] {
        [] => Ok(Found { uuid, vm: None }),
        [vm] if given.takes_over => Ok(Found {
            uuid: vm.uuid.clone(),
            vm: Some(whole(vm)),
        }),
        _ => Err(obstacles::alias_taken(shape, &named)),
    }
}

/// The zone that a file is about, on its host.
///
/// # Errors
/// [`Refusal`] when it is not clear which one that is.
pub fn concerned<'a>(
    wanted: &WantedZone,
    facts: &'a HostFacts,
    given: GivenZone,
) -> Result<Option<&'a Vm>, Refusal> {
    find(wanted, facts, given).map(|found| found.vm)
}

/// Ends a zone with everything that is its own.
#[must_use]
pub fn destruction(vm: &Vm) -> ZoneStep {
    let name = if vm.alias.is_empty() {
        &vm.uuid
    } else {
        &vm.alias
    };
    let change = Change::new(Action::Destroy, format!("zone {name}"), "you asked for it");
    let step = Step {
        id: "zone/destroy".to_owned(),
        stage: Stage::Zone,
        changes: vec![change],
        work: Work::Script {
            script: scripts::destroy(&vm.uuid),
            input: Input::None,
        },
    };
    ZoneStep {
        step,
        place: Place::Host,
    }
}

/// The installed image that a zone is to be made from.
fn installed<'a>(wanted: &shape::Image, facts: &'a HostFacts) -> Option<&'a Image> {
    pick(wanted, &facts.images)
}

/// The same among those that the sources have.
fn available<'a>(wanted: &shape::Image, facts: &'a HostFacts) -> Option<&'a Image> {
    match &facts.available {
        Some(Available::Images(images)) => pick(wanted, images),
        _ => None,
    }
}

fn pick<'a>(wanted: &shape::Image, images: &'a [Image]) -> Option<&'a Image> {
    images.iter().find(|image| match wanted {
        shape::Image::Named { name, version } => image.name == *name && image.version == *version,
        shape::Image::Uuid(uuid) => image.uuid == *uuid,
    })
}

/// The steps that differ between what a zone's file says and what its host says.
///
/// # Errors
/// All [`Refusal`]s at once, when the zone could not work so, or must not be changed blindly.
pub fn plan(
    wanted: &WantedZone,
    facts: &HostFacts,
    given: GivenZone,
) -> Result<ZonePlan, Vec<Refusal>> {
    let found = find(wanted, facts, given).map_err(|refusal| vec![refusal])?;
    let mut plan = ZonePlan {
        uuid: found.uuid.clone(),
        ..ZonePlan::default()
    };
    let mut refusals = Vec::new();
    match found.vm {
        None => plan_new(wanted, facts, &mut plan, &mut refusals),
        Some(vm) => {
            let zone = Existing {
                wanted,
                facts,
                given,
                vm,
            };
            plan_existing(zone, &mut plan, &mut refusals);
        }
    }
    plan.notes.extend(obstacles::notes(&wanted.shape, facts));
    if refusals.is_empty() {
        Ok(plan)
    } else {
        Err(refusals)
    }
}

fn plan_new(
    wanted: &WantedZone,
    facts: &HostFacts,
    plan: &mut ZonePlan,
    refusals: &mut Vec<Refusal>,
) {
    refusals.extend(obstacles::new_zone(&wanted.shape, facts));
    let Some(image) = plan_image(&wanted.shape, facts, plan, refusals) else {
        return;
    };
    let payload = payload::create(&wanted.shape, &plan.uuid, &image.uuid);
    let change = Change {
        diff: Some(payload::diff(&payload, &wanted.shape, image)),
        ..Change::new(
            Action::Create,
            format!("zone {}", wanted.shape.alias),
            format!("not on {}", facts.hostname),
        )
    };
    let script = scripts::create(&plan.uuid);
    plan.push(
        "zone/create",
        vec![change],
        Place::Host,
        script,
        Some(&payload),
    );
    datasets::plan(&wanted.shape, &plan.uuid.clone(), NEW_POOL, None, plan);
    plan_keys(wanted, None, plan);
}

/// Imports the image where it is missing.
fn plan_image<'a>(
    shape: &Shape,
    facts: &'a HostFacts,
    plan: &mut ZonePlan,
    refusals: &mut Vec<Refusal>,
) -> Option<&'a Image> {
    let here = installed(&shape.image, facts);
    let image = here.or_else(|| available(&shape.image, facts));
    let obstacle = obstacles::image(shape, facts, image);
    let is_fine = obstacle.is_none();
    refusals.extend(obstacle);
    let image = image.filter(|_| is_fine)?;
    if here.is_none() {
        let what = format!("image {}@{}", image.name, image.version);
        let change = Change::new(Action::Create, what, format!("not on {}", facts.hostname));
        let script = scripts::import(&image.uuid);
        plan.push("zone/image", vec![change], Place::Host, script, None);
    }
    Some(image)
}

fn plan_keys(wanted: &WantedZone, known: Option<&[String]>, plan: &mut ZonePlan) {
    use crate::facts::host::inside::key_of;
    let is_missing = |line: &&String| match (key_of(line), known) {
        (Some(key), Some(known)) => !known.contains(&key),
        (Some(_), None) => true,
        (None, _) => false,
    };
    let missing: Vec<&String> = wanted.keys.iter().filter(is_missing).collect();
    if missing.is_empty() {
        return;
    }
    let changes = missing.iter().map(|line| {
        let owner = line
            .split_whitespace()
            .nth(2)
            .unwrap_or("without a comment");
        Change::new(
            Action::Create,
            format!("key {owner} for root"),
            "cannot log in yet",
        )
    });
    let changes = changes.collect();
    plan.push(
        "zone/keys",
        changes,
        Place::Zone,
        scripts::keys(&missing),
        None,
    );
}

impl ZonePlan {
    fn push(
        &mut self,
        id: &str,
        changes: Vec<Change>,
        place: Place,
        script: Script,
        payload: Option<&Map<String, Value>>,
    ) {
        let input = match payload {
            Some(payload) => {
                let text = serde_json::to_string_pretty(payload).unwrap_or_default();
                Input::Bytes((text + "\n").into_bytes())
            }
            None => Input::None,
        };
        let step = Step {
            id: id.to_owned(),
            stage: Stage::Zone,
            changes,
            work: Work::Script { script, input },
        };
        self.steps.push(ZoneStep { step, place });
    }
}

/// The dataset below which those of a zone lie.
#[must_use]
pub fn storage_root(shape: &Shape, uuid: &str, pool: &str) -> Option<String> {
    let storage = shape.storage.as_ref()?;
    match storage.kind {
        StorageKind::Delegated => Some(format!("{pool}/{uuid}/data")),
        StorageKind::Existing => storage.dataset.clone(),
        StorageKind::Lofs => None,
    }
}

/// What a zone that was just made lacks of what was asked for: the host dropped it without a word.
#[must_use]
pub fn dropped(wanted: &WantedZone, facts: &HostFacts, uuid: &str) -> Vec<String> {
    let Some(vm) = facts.zones.get(uuid) else {
        return Vec::new();
    };
    let mut names: Vec<String> = properties::differences(&wanted.shape, vm)
        .into_iter()
        .map(|difference| format!("{} ({})", difference.what, difference.why))
        .collect();
    if obstacles::other_zone(&wanted.shape, vm).is_some() {
        names.push("its brand or storage".to_owned());
    }
    names
}
