//! A document that ends with its line.

use serde::Serialize;

pub(super) fn document<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
