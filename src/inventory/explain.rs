//! How the values of one host came about: which layer's word counts, and whose words it shadows.

use serde::Serialize;
use serde_json::{Value, json};
use timefleet_agent::config;

use super::defaults;
use super::host::{DaemonKind, Host, Place, Role, Time};
use super::resolve::Explained;
use super::settings::{Settings, Shown};
use super::show::Show as _;
use super::tree::Tree;

/// One host's values with their origins.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Explanation {
    /// Its name.
    pub(crate) host: String,
    /// `file:line:column` of its own line.
    pub(crate) place: String,
    /// Outermost first.
    pub(crate) groups: Vec<String>,
    /// In the order of the documentation, variables last.
    pub(crate) keys: Vec<Story>,
}

/// One key's value, and what it shadows.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Story {
    /// Dotted.
    pub(crate) key: String,
    /// What counts.
    #[serde(flatten)]
    pub(crate) word: Word,
    /// What does not, innermost first.
    pub(crate) shadows: Vec<Word>,
}

/// What one layer says of a key.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Word {
    /// As an inventory would write it; null: nothing.
    pub(crate) value: Value,
    /// Who says so.
    #[serde(flatten)]
    pub(crate) layer: Layer,
    /// `file:line:column`; null: nowhere, it is the program's default.
    pub(crate) place: Option<String>,
}

/// Whose word it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "layer", content = "group", rename_all = "snake_case")]
pub(crate) enum Layer {
    /// The host's own.
    Host,
    /// Of the group of that name.
    Group(String),
    /// The inventory's defaults.
    Defaults,
    /// The program's default.
    Program,
}

impl Explanation {
    pub(super) fn new(explained: &Explained, host: &Host, tree: &Tree<'_, '_>) -> Self {
        let written = written(explained, tree);
        let mut keys = Vec::new();
        for &key in ["role", "address"].iter().chain(Settings::KEYS.iter().filter(|key| **key != "role")) {
            keys.push(story(key.to_owned(), winner(key, explained, host), &written));
        }
        let mut vars: Vec<&String> =
            written.iter().map(|(_, shown)| &shown.0).filter(|key| key.starts_with("vars.")).collect();
        vars.sort();
        vars.dedup();
        for key in vars {
            // Variables are laid over each other in just this order: the first one counts.
            let first = written.iter().find(|(_, shown)| shown.0 == *key);
            let winner = first.map_or((Value::Null, None), |(_, shown)| (shown.1.clone(), shown.2.clone()));
            keys.push(story(key.clone(), winner, &written));
        }
        Self { host: host.name.clone(), place: host.place.to_string(), groups: host.groups.to_vec(), keys }
    }

    /// Only one key, or all keys below one; `None`: there are none of that name.
    pub(crate) fn only(mut self, key: &str) -> Option<Self> {
        let below = format!("{key}.");
        let is_exact = self.keys.iter().any(|story| story.key == key);
        self.keys.retain(|story| story.key == key || (!is_exact && story.key.starts_with(&below)));
        if self.keys.is_empty() { None } else { Some(self) }
    }
}

/// Everything that a layer says of the host, innermost layer first.
fn written(explained: &Explained, tree: &Tree<'_, '_>) -> Vec<(Layer, Shown)> {
    let mut written: Vec<(Layer, Shown)> =
        explained.address.iter().map(|address| (Layer::Host, address.clone())).collect();
    written.extend(explained.own.shown().into_iter().map(|shown| (Layer::Host, shown)));
    for group in explained.groups.iter().rev().filter_map(|&group| tree.groups.get(group)) {
        let words = group.layer.shown().into_iter();
        written.extend(words.map(|shown| (Layer::Group(group.name.clone()), shown)));
    }
    written.extend(tree.defaults.shown().into_iter().map(|shown| (Layer::Defaults, shown)));
    written
}

/// The value that counts, and where it is written.
fn winner(key: &str, explained: &Explained, host: &Host) -> (Value, Option<Place>) {
    if key == "address" {
        return (json!(host.address.value), host.address.place.clone());
    }
    let shown = explained.settings.shown().into_iter().find(|(known, ..)| known == key);
    match shown {
        Some((_, value, place)) if !is_idle(key, host) => (value, place),
        _ => (default_of(key, host), None),
    }
}

/// Whether nothing hangs on a key, whatever is written: a client serves nobody, and below a switch that is off all is off.
fn is_idle(key: &str, host: &Host) -> bool {
    let time = &host.time;
    let off = |prefix: &str, on: bool| !on && key.starts_with(prefix);
    (key == "time.port" && *host.role == Role::Client)
        || off("time.local.", time.local.is_some())
        || off("time.makestep.", time.makestep.is_some())
        || off("time.ratelimit.", time.ratelimit.is_some())
}

/// What holds when nobody wrote anything. A test goes through all keys and holds this against what is rendered.
fn default_of(key: &str, host: &Host) -> Value {
    let time = &host.time;
    match key {
        "ssh.become" => json!(host.ssh.r#become.value),
        "agent.service" => host.agent.service.show(),
        "agent.home" => json!(host.agent.home.value),
        "take_over" => json!(host.take_over.value),
        "allow_rules" | "time.upstreams" | "time.allow" | "time.deny" | "time.extra" => json!([]),
        "time.local" => json!(time.local.is_some()),
        "time.ratelimit" => json!(time.ratelimit.is_some()),
        "time.makestep" => json!(time.makestep.is_some()),
        "time.makestep.threshold" => time.makestep.as_ref().map_or(Value::Null, |step| step.threshold.show()),
        "time.makestep.limit" => time.makestep.as_ref().map_or(Value::Null, |step| json!(step.limit)),
        "time.maxdistance" => defaults::MAX_DISTANCE.show(),
        "time.ipv4_only" => json!(time.ipv4_only.value),
        "time.ipv6_only" => json!(time.ipv6_only.value),
        "time.rtcsync" => json!(time.rtcsync.value),
        "time.minsources" => json!(1),
        "time.port" => json!(time.port.value),
        "time.cmdport" => json!(time.cmdport.value),
        "time.control_clock" => json!(time.control_clock.value),
        "time.daemon" => time.daemon.show(),
        "time.bound" => time.bound.show(),
        _ => match (key.strip_prefix("time.local."), key.strip_prefix("time.ratelimit.")) {
            (Some(key), _) => default_of_local(key, time),
            (_, Some(key)) => default_of_ratelimit(key, time),
            // SSH's are asked of the user's own configuration when it comes to that; there is no file of keys and no
            // template but timefleet's own.
            (None, None) => Value::Null,
        },
    }
}

/// `time.local`, where it is on.
fn default_of_local(key: &str, time: &Time) -> Value {
    let Some(local) = &time.local else { return Value::Null };
    let usual = config::Local::default();
    match key {
        "stratum" => json!(local.stratum),
        "orphan" => json!(local.orphan),
        "distance" => usual.distance.show(),
        // Whether and how a chronyd waits of its own accord hangs on its version.
        _ if *time.daemon == DaemonKind::Chronyd => Value::Null,
        "activate" => usual.activate.show(),
        "waitsynced" => usual.wait_synced.show(),
        "waitunsynced" => usual.wait_unsynced.show(),
        _ => Value::Null,
    }
}

/// `time.ratelimit`, where it is on.
fn default_of_ratelimit(key: &str, time: &Time) -> Value {
    let Some(limit) = &time.ratelimit else { return Value::Null };
    match key {
        "interval" => json!(limit.interval),
        "burst" => json!(limit.burst),
        "leak" => json!(limit.leak),
        "kod" => json!(limit.kod),
        _ => Value::Null,
    }
}

fn story(key: String, winner: (Value, Option<Place>), written: &[(Layer, Shown)]) -> Story {
    let (value, place) = winner;
    // A template that stands for all of `time.local` gives the keys in it, too.
    let gives = |shown: &Shown| {
        let inside = key.strip_prefix(&shown.0).is_some_and(|rest| rest.starts_with('.'));
        shown.0 == key || (inside && place.is_some() && shown.2 == place)
    };
    let mut words: Vec<&(Layer, Shown)> = written.iter().filter(|(_, shown)| gives(shown)).collect();
    // A place can be given twice, by an anchor: the innermost layer's word is the one that counts.
    let at = words.iter().position(|(_, shown)| place.is_some() && shown.2 == place);
    let layer = at.map_or(Layer::Program, |at| words.remove(at).0.clone());
    let shadows = words.into_iter().map(|(layer, shown)| Word {
        value: shown.1.clone(),
        layer: layer.clone(),
        place: shown.2.as_ref().map(Place::to_string),
    });
    let shadows = shadows.collect();
    Story { key, word: Word { value, layer, place: place.map(|place| place.to_string()) }, shadows }
}
