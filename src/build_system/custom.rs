//! The recipe's own commands, for sources that none of the systems fits.

use super::{BuildSystem, Commands, Context};
use crate::recipe::model::CustomBuild;

pub(super) const SYSTEM: BuildSystem = BuildSystem {
    name: "custom",
    needs: &[],
    configure: |context| phase(context, |custom| &custom.configure),
    compile: |context| phase(context, |custom| &custom.compile),
    test: |context| phase(context, |custom| &custom.test),
    stage: |context| phase(context, |custom| &custom.stage),
};

fn phase(context: &Context<'_>, of: fn(&CustomBuild) -> &Commands) -> Commands {
    context
        .build
        .custom
        .as_ref()
        .map(|custom| of(custom).clone())
        .unwrap_or_default()
}
