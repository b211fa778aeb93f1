//! `zonewright recipe schema`: the JSON Schema, for editors.

use super::super::{DONE, Failure, answer};
use crate::cli::author::{SchemaArgs, SchemaKind};
use crate::recipe::doc_comments::Kind;
use crate::recipe::reference::json_schema;

pub(super) fn run(arguments: &SchemaArgs) -> Result<u8, Failure> {
    let kind = match arguments.kind {
        SchemaKind::Recipe => Kind::Recipe,
        SchemaKind::Zone => Kind::Zone,
    };
    answer(&format!("{:#}\n", json_schema(kind)));
    Ok(DONE)
}
