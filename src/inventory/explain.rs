//! How the values of one host came about: which layer's word counts, and whose words it shadows.

use serde::Serialize;
use serde_json::{Value, json};

use super::defaults;
use super::host::{Host, Place, Role};
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
    let of_client = *host.role == Role::Client && key == "time.port";
    if key == "address" {
        return (json!(host.address.value), host.address.place.clone());
    }
    let shown = explained.settings.shown().into_iter().find(|(known, ..)| known == key);
    match shown {
        // A client serves nobody, whatever is written.
        Some((_, value, place)) if !of_client => (value, place),
        _ => (default_of(key, host), None),
    }
}

/// What holds when nobody wrote anything.
fn default_of(key: &str, host: &Host) -> Value {
    let time = &host.time;
    match key {
        "ssh.become" => json!(host.ssh.r#become.value),
        "agent.service" => host.agent.service.show(),
        "agent.home" => json!(host.agent.home.value),
        "take_over" => json!(host.take_over.value),
        "allow_rules" | "time.upstreams" | "time.allow" | "time.deny" | "time.extra" => json!([]),
        "time.local" => json!(time.local.is_some()),
        "time.local.stratum" => time.local.as_ref().map_or(Value::Null, |local| json!(local.stratum)),
        "time.ratelimit" => json!(time.ratelimit.is_some()),
        "time.ratelimit.interval" => {
            time.ratelimit.as_ref().map_or(Value::Null, |limit| json!(limit.interval))
        }
        "time.ratelimit.burst" => time.ratelimit.as_ref().map_or(Value::Null, |limit| json!(limit.burst)),
        "time.ratelimit.leak" => time.ratelimit.as_ref().map_or(Value::Null, |limit| json!(limit.leak)),
        "time.ratelimit.kod" => time.ratelimit.as_ref().map_or(Value::Null, |limit| json!(limit.kod)),
        "time.local.orphan" => time.local.as_ref().map_or(Value::Null, |local| json!(local.orphan)),
        "time.maxdistance" => defaults::MAX_DISTANCE.show(),
        "time.makestep" => json!(time.makestep.is_some()),
        "time.makestep.threshold" => time.makestep.as_ref().map_or(Value::Null, |step| step.threshold.show()),
        "time.makestep.limit" => time.makestep.as_ref().map_or(Value::Null, |step| json!(step.limit)),
        "time.ipv4_only" => json!(time.ipv4_only.value),
        "time.ipv6_only" => json!(time.ipv6_only.value),
        "time.rtcsync" => json!(time.rtcsync.value),
        "time.minsources" => json!(1),
        "time.port" => json!(time.port.value),
        "time.cmdport" => json!(time.cmdport.value),
        "time.control_clock" => json!(time.control_clock.value),
        "time.daemon" => time.daemon.show(),
        "time.bound" => time.bound.show(),
        // SSH's are asked of the user's own configuration when it comes to that.
        _ => Value::Null,
    }
}

fn story(key: String, winner: (Value, Option<Place>), written: &[(Layer, Shown)]) -> Story {
    let (value, place) = winner;
    let mut words: Vec<&(Layer, Shown)> = written.iter().filter(|(_, shown)| shown.0 == key).collect();
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
