//! JSON Schema (2020-12) of an inventory, for editors.
//!
//! It is made from the very tables that the reader takes its keys from; what a value may be is said here once more,
//! and tests hold both against each other, key by key and value by value.

mod value;

use serde_json::{Map, Value, json};

use super::{keys, resolve, tree};

/// The whole schema.
pub(crate) fn document() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "timefleet inventory",
        "description": "Who gets the time from whom. `timefleet validate` checks what a schema cannot.",
        "type": "object",
        "properties": properties("", &tree::FILE),
        "additionalProperties": false,
        "$defs": {
            "group": mapping("", &tree::GROUP),
            "host": mapping("", &resolve::HOST),
            "upstream": upstream(),
            "ssh": mapping("ssh.", &keys::SSH),
            "agent": mapping("agent.", &keys::AGENT),
            "time": mapping("time.", &keys::TIME),
            "layer": mapping("", &keys::LAYER),
        },
    })
}

/// The keys of one table, each with what its value may be.
fn properties(prefix: &str, keys: &[&str]) -> Value {
    let described = keys.iter().map(|key| ((*key).to_owned(), value::of(&format!("{prefix}{key}"))));
    Value::Object(described.collect::<Map<_, _>>())
}

/// A mapping with these keys and no others; nothing at all is an empty one.
fn mapping(prefix: &str, keys: &[&str]) -> Value {
    json!({
        "type": ["object", "null"],
        "properties": properties(prefix, keys),
        "additionalProperties": false,
    })
}

/// A mapping, or a switch: `local: false` takes away what an outer layer gave.
fn mapping_or_switch(prefix: &str, keys: &[&str]) -> Value {
    json!({
        "type": ["object", "boolean"],
        "properties": properties(prefix, keys),
        "additionalProperties": false,
    })
}

fn upstream() -> Value {
    let mut upstream = mapping("time.upstreams.", &keys::UPSTREAM);
    if let Some(fields) = upstream.as_object_mut() {
        fields.insert("type".to_owned(), json!("object"));
        let one = ["server", "pool", "group"].map(|key| json!({ "required": [key] }));
        fields.insert("oneOf".to_owned(), json!(one));
    }
    upstream
}

#[cfg(test)]
mod tests;
