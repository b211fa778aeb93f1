//! Whether there is room for what a plan is going to write, as far as its size is known beforehand.
//!
//! This is a lower bound, asked before anything is touched: archives and packages are compressed, and
//! who knows how well. The scripts that write look again, at what there is then.

use super::{Given, Refusal, Step, WantedRecipe};
use crate::facts::Facts;
use crate::receipt::BuildInputs;
use crate::size::show_size;

/// An archive is unpacked and built: at least so many times its own size.
const BUILT: u64 = 8;

/// A package is unpacked while the old one's files are still there: at least so many times its size.
const UNPACKED: u64 = 2;

/// Refuses the steps of a recipe where less is free than they need at least.
pub(super) fn look(
    recipe: &WantedRecipe,
    inputs: &BuildInputs,
    facts: &Facts,
    given: &Given,
    steps: &[Step],
) -> Option<Refusal> {
    let is_planned = |id: String| steps.iter().any(|step| step.id == id);
    let (mut var, mut opt) = (0_u64, 0_u64);
    if is_planned(format!("build/{}/source", recipe.name)) {
        let sources = recipe.bundle.recipe.sources.iter();
        let archives = sources.filter_map(|source| source.size).sum::<u64>();
        var = var.saturating_add(archives.saturating_mul(BUILT));
    }
    if is_planned(format!("install/{}", recipe.name))
        && let Some(stored) = given.packages.get(&inputs.key())
    {
        var = var.saturating_add(stored.size_bytes);
        opt = opt.saturating_add(stored.size_bytes.saturating_mul(UNPACKED));
    }
    let free = |path: &str| facts.machine.free.get(path).copied();
    let (free_var, free_opt) = (free("/var")?, free("/opt")?);
    // one file system answers twice with the same figure
    let needs = if free_var == free_opt {
        vec![("/opt and /var", var.saturating_add(opt), free_var)]
    } else {
        vec![("/var", var, free_var), ("/opt", opt, free_opt)]
    };
    let (place, needed, free) = needs.into_iter().find(|(_, needed, free)| needed > free)?;
    Some(Refusal {
        message: format!(
            "there is no room for {}: it needs at least {} in {place}, where {} are free",
            inputs.package,
            show_size(needed),
            show_size(free)
        ),
        help: "make room in the zone, or raise its quota".to_owned(),
        diff: None,
    })
}
