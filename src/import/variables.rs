//! Values of Ansible's variables: loose as they are, read strictly.

use serde_json::Value;

/// Why a value is not taken.
pub(super) type Why = String;

/// A template is filled in by Ansible while it runs; what is encrypted stays so.
pub(super) fn plain(value: &Value) -> Result<&Value, Why> {
    match value {
        Value::String(text) if text.contains("{{") || text.contains("{%") => {
            Err("it is a template, which only Ansible can fill in".to_owned())
        }
        Value::Object(map) if map.contains_key("__ansible_vault") => {
            Err("it is encrypted with Ansible's vault".to_owned())
        }
        value => Ok(value),
    }
}

/// `yes`, `True`, `1`: everything that Ansible takes for a truth value.
pub(super) fn truth(value: &Value) -> Result<bool, Why> {
    let text = match plain(value)? {
        Value::Bool(value) => return Ok(*value),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_ascii_lowercase(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    };
    match text.as_str() {
        "true" | "yes" | "on" | "y" | "t" | "1" => Ok(true),
        "false" | "no" | "off" | "n" | "f" | "0" => Ok(false),
        _ => Err("it must be true or false".to_owned()),
    }
}

/// A number in its own spelling, and its value.
pub(super) fn number(value: &Value) -> Result<(String, f64), Why> {
    let text = match plain(value)? {
        Value::Number(number) => {
            return Ok((number.to_string(), number.as_f64().unwrap_or(f64::INFINITY)));
        }
        Value::String(text) => text.trim().to_owned(),
        _ => String::new(),
    };
    match text.parse::<f64>() {
        // A string may spell a number in ways that YAML does not know.
        Ok(number) if number.is_finite() => Ok((number.to_string(), number)),
        _ => Err("it must be a number".to_owned()),
    }
}

/// A whole number within limits.
pub(super) fn whole(value: &Value, limits: (i64, i64)) -> Result<i64, Why> {
    let (text, _) = number(value)?;
    let wrong = || format!("it must be a whole number from {} to {}", limits.0, limits.1);
    text.parse().ok().filter(|number| (limits.0..=limits.1).contains(number)).ok_or_else(wrong)
}

/// One line of text.
pub(super) fn text(value: &Value) -> Result<String, Why> {
    match plain(value)? {
        Value::String(text) if text.trim().is_empty() => Err("it is empty".to_owned()),
        Value::String(text) if text.chars().any(char::is_control) => {
            Err("it is more than one line".to_owned())
        }
        Value::String(text) => Ok(text.trim().to_owned()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err("it must be text".to_owned()),
    }
}

/// A value for a person, short; nothing of what may be a secret.
pub(super) fn shown(name: &str, value: &Value) -> String {
    let lower = name.to_ascii_lowercase();
    if ["pass", "secret", "token", "vault"].iter().any(|word| lower.contains(word)) {
        return name.to_owned();
    }
    let text = match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let short: String = text.chars().take(60).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{name} = {short}{more}")
}
