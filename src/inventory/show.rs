//! Resolved values as an inventory would write them: what `explain` shows, as JSON and for people.

use std::path::PathBuf;

use ipnet::IpNet;
use serde_json::{Map, Value, json};
use timefleet_agent::time::Seconds;

use super::host::{
    AllowedRule, DaemonKind, Options, Platform, Role, Service, Sourced, Upstream, UpstreamFrom,
};

/// A value in the words of the inventory.
pub(super) trait Show {
    fn show(&self) -> Value;
}

macro_rules! show {
    ($($type:ty: $value:ident => $shown:expr;)*) => { $(impl Show for $type {
        fn show(&self) -> Value {
            let $value = self;
            $shown
        }
    })* };
}

show! {
    bool: value => json!(value);
    i8: value => json!(value);
    u8: value => json!(value);
    u16: value => json!(value);
    u32: value => json!(value);
    i32: value => json!(value);
    String: value => json!(value);
    Seconds: value => seconds(*value);
    PathBuf: value => json!(value.display().to_string());
    IpNet: value => json!(value.to_string());
    Role: value => json!(match value { Role::Server => "server", Role::Client => "client" });
    Service: value => json!(match value { Service::Systemd => "systemd", Service::Process => "process" });
    DaemonKind: value => json!(match value { DaemonKind::Agent => "agent", DaemonKind::Chronyd => "chronyd" });
    AllowedRule: value => json!({ "rule": value.rule, "reason": value.reason });
}

/// Whole seconds without a point.
pub(super) fn seconds(value: Seconds) -> Value {
    let whole = value.0 as i64;
    if whole as f64 == value.0 { json!(whole) } else { json!(value.0) }
}

impl<T: Show> Show for Vec<Sourced<T>> {
    fn show(&self) -> Value {
        self.iter().map(|item| item.value.show()).collect()
    }
}

impl Show for Upstream {
    fn show(&self) -> Value {
        let mut shown = Map::new();
        let (kind, name) = match &self.from {
            UpstreamFrom::Server(name) => ("server", name),
            UpstreamFrom::Pool(name) => ("pool", name),
            UpstreamFrom::Group(name) => ("group", name),
        };
        shown.insert(kind.to_owned(), json!(name));
        for (key, given) in [("iburst", self.iburst), ("prefer", self.prefer)] {
            if given {
                shown.insert(key.to_owned(), json!(true));
            }
        }
        let numbers = [
            ("port", self.port.map(i64::from)),
            ("minpoll", self.minpoll.map(i64::from)),
            ("maxpoll", self.maxpoll.map(i64::from)),
        ];
        for (key, number) in numbers {
            shown.extend(number.map(|number| (key.to_owned(), json!(number))));
        }
        let platform = self.platform.map(|platform| match platform {
            Platform::Windows => "windows",
            Platform::Other => "other",
        });
        shown.extend(platform.map(|platform| ("platform".to_owned(), json!(platform))));
        shown.extend(options(&self.options));
        Value::Object(shown)
    }
}

/// Those that are given.
fn options(options: &Options) -> impl Iterator<Item = (String, Value)> {
    // Every field is named, so that a new one is not forgotten here.
    let Options {
        xleave,
        trust,
        require,
        noselect,
        key,
        maxsources,
        offset,
        presend,
        version,
        maxdelay,
        filter,
    } = options;
    let switches = [("xleave", xleave), ("trust", trust), ("require", require), ("noselect", noselect)];
    let switches = switches.map(|(name, given)| (name, given.then(|| json!(true))));
    let values = [
        ("key", key.map(|key| json!(key))),
        ("maxsources", maxsources.map(|count| json!(count))),
        ("offset", offset.map(seconds)),
        ("presend", presend.map(|poll| json!(poll))),
        ("version", version.map(|version| json!(version))),
        ("maxdelay", maxdelay.map(seconds)),
        ("filter", filter.map(|polls| json!(polls))),
    ];
    let all = switches.into_iter().chain(values);
    all.filter_map(|(name, value)| Some((name.to_owned(), value?)))
}

/// In one line, as flow YAML: quotes only where a text would be read as something else.
pub(crate) fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(inside).collect::<Vec<_>>().join(", ")),
        Value::Object(_) => inside(value),
        plain => plain.to_string(),
    }
}

fn inside(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains([',', '[', ']', '{', '}', '"', '#', ':']) => value.to_string(),
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            // What an upstream is comes before what it is like.
            entries.sort_by_key(|(key, _)| !["server", "pool", "group"].contains(&key.as_str()));
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| format!("{key}: {}", inside(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => flow(other),
    }
}
