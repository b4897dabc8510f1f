//! `schema`: what an editor needs to know of inventories.

use super::CommandError;

/// `timefleet schema`
pub(crate) fn run() -> Result<u8, CommandError> {
    let text = serde_json::to_string_pretty(&crate::inventory::schema::document())?;
    super::print_exactly(&(text + "\n"))?;
    Ok(0)
}
