//! `extra`: raw configuration lines in which `{{ name }}`, `{{ address }}`, `{{ fleet }}` and `{{ role }}` stand for
//! the host's own.

use std::sync::LazyLock;

use minijinja::{Environment, ErrorKind, UndefinedBehavior, context};

use super::host::{Host, Role};
use super::problem::Problem;
use super::reader::suggestion;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
});

/// Expands a host's extra lines in place.
pub(super) fn expand(host: &mut Host, fleet: &str, problems: &mut Vec<Problem>) {
    let role = match host.role.value {
        Role::Server => "server",
        Role::Client => "client",
    };
    for line in &mut host.time.extra {
        if !line.value.contains("{{") && !line.value.contains("{%") && !line.value.contains("{#") {
            continue;
        }
        let values = context! { name => &host.name, address => &host.address.value, fleet, role };
        let Some(place) = line.place.clone() else { continue };
        match ENVIRONMENT.render_str(&line.value, values) {
            Ok(text) if text.chars().any(char::is_control) => {
                problems.push(Problem::error(place, "this line would become more than one"));
            }
            Ok(text) => line.value = text,
            Err(error) => {
                let known = ["name", "address", "fleet", "role"];
                let undefined = error.kind() == ErrorKind::UndefinedError;
                let word = error.range().and_then(|range| line.value.get(range)).unwrap_or_default().trim();
                let (message, help) = if undefined && !word.is_empty() {
                    (format!("`{word}` is not defined in an extra line"), suggestion(word, known.into_iter()))
                } else {
                    let detail = error.detail().unwrap_or("unknown error");
                    (format!("this template cannot be read: {detail}"), None)
                };
                problems.push(Problem::error(place, message).maybe_help(help));
            }
        }
    }
}
