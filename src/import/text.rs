//! An inventory as YAML text.

use std::fmt::Write;

use super::draft::Draft;
use super::layer::{Layer, Value};

/// Text as a YAML scalar: plain where nothing else could be meant.
pub(super) fn quoted(text: &str) -> String {
    let begins = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '_'));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '@' | '+' | ' ');
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_word = words.iter().any(|word| text.eq_ignore_ascii_case(word));
    let is_address = text.parse::<std::net::Ipv4Addr>().is_ok() || text.parse::<ipnet::Ipv4Net>().is_ok();
    let safe = is_address || (begins && !is_word && text.chars().all(plain) && !text.ends_with(' '));
    if safe { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// The whole file: defaults, then groups with what is inside them.
pub(super) fn of(draft: &Draft, head: &str) -> String {
    let mut text = format!("# {head}\nfleet: {}\n", quoted(&draft.fleet));
    if !draft.defaults.is_empty() {
        text += "defaults:\n";
        layer(&mut text, &draft.defaults, "  ");
    }
    text += "groups:\n";
    for group in draft.children(None) {
        write_group(&mut text, draft, group, "  ");
    }
    text
}

fn write_group(text: &mut String, draft: &Draft, group: usize, indent: &str) {
    let Some(this) = draft.groups.get(group) else { return };
    let inner = format!("{indent}  ");
    let _ = writeln!(text, "{indent}{}:", quoted(&this.name));
    layer(text, &this.layer, &inner);
    let hosts: Vec<_> = draft.hosts.iter().filter(|host| host.groups.contains(&group)).collect();
    let children: Vec<usize> = draft.children(Some(group)).collect();
    if hosts.is_empty() && children.is_empty() {
        let _ = writeln!(text, "{inner}hosts: {{}}");
    }
    if !hosts.is_empty() {
        let _ = writeln!(text, "{inner}hosts:");
    }
    for host in hosts {
        // Its own keys stand in the first group that lists it.
        if host.groups.first() == Some(&group) {
            write_host(text, &host.name, &host.layer, &format!("{inner}  "));
        } else {
            let _ = writeln!(text, "{inner}  {}:", quoted(&host.name));
        }
    }
    if !children.is_empty() {
        let _ = writeln!(text, "{inner}children:");
        for child in children {
            write_group(text, draft, child, &format!("{inner}  "));
        }
    }
}

fn write_host(text: &mut String, name: &str, own: &Layer, indent: &str) {
    let name = quoted(name);
    let short: Vec<String> = own.within(None).into_iter().filter_map(pair).collect();
    let small = own.notes.is_empty() && own.within(Some("time")).is_empty();
    let ssh: Vec<String> = own.within(Some("ssh")).into_iter().filter_map(pair).collect();
    let mut fields = short;
    if !ssh.is_empty() {
        fields.push(format!("ssh: {{ {} }}", ssh.join(", ")));
    }
    let _ = match (small, fields.is_empty()) {
        (true, true) => writeln!(text, "{indent}{name}:"),
        (true, false) => writeln!(text, "{indent}{name}: {{ {} }}", fields.join(", ")),
        (false, _) => {
            let _ = writeln!(text, "{indent}{name}:");
            layer(text, own, &format!("{indent}  "));
            Ok(())
        }
    };
}

fn pair((key, value): (&'static str, &Value)) -> Option<String> {
    match value {
        Value::Flow(value) => Some(format!("{key}: {value}")),
        Value::Items(_) => None,
    }
}

/// The keys of a layer, a line each, with its notes above them.
fn layer(text: &mut String, layer: &Layer, indent: &str) {
    for note in &layer.notes {
        let _ = writeln!(text, "{indent}# {}", note.text);
    }
    for field in layer.within(None).into_iter().filter_map(pair) {
        let _ = writeln!(text, "{indent}{field}");
    }
    let ssh: Vec<String> = layer.within(Some("ssh")).into_iter().filter_map(pair).collect();
    if !ssh.is_empty() {
        let _ = writeln!(text, "{indent}ssh: {{ {} }}", ssh.join(", "));
    }
    let time = layer.within(Some("time"));
    if time.is_empty() {
        return;
    }
    let _ = writeln!(text, "{indent}time:");
    for (key, value) in time {
        let _ = match value {
            Value::Flow(value) => writeln!(text, "{indent}  {key}: {value}"),
            Value::Items(items) => {
                let _ = writeln!(text, "{indent}  {key}:");
                items.iter().try_for_each(|item| writeln!(text, "{indent}    - {item}"))
            }
        };
    }
}
