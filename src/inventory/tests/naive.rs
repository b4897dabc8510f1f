//! What a fleet should come to, as slowly and plainly as the documentation says it: gather all that the layers of a host
//! say of a key, and take the innermost.

use serde_json::{Value, json};

use super::fleet::{Fleet, KEYS, NAME, host_name};
use super::values::has_template;

/// A host, and the layers that speak of it, outermost first.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) range: usize,
    nth: usize,
    /// The groups that list it.
    pub(crate) listed: Vec<usize>,
    pub(crate) groups: Vec<usize>,
    layers: Vec<usize>,
}

/// Two unrelated groups that give a host different values.
#[derive(Clone, Debug)]
pub(crate) struct Conflict {
    pub(crate) key: String,
    pub(crate) first: usize,
    pub(crate) second: usize,
}

impl Fleet {
    /// Every host, in the order of the files.
    pub(crate) fn members(&self) -> Vec<Member> {
        let mut members: Vec<Member> = Vec::new();
        for group in self.order() {
            for listing in self.listings.iter().filter(|listing| listing.group == group) {
                for nth in listing.hosts.clone() {
                    let name = host_name(listing.range, nth);
                    match members.iter_mut().find(|member| member.name == name) {
                        Some(member) => member.listed.push(group),
                        None => members.push(Member {
                            name,
                            range: listing.range,
                            nth,
                            listed: vec![group],
                            groups: vec![],
                            layers: vec![],
                        }),
                    }
                }
            }
        }
        for member in &mut members {
            for &group in &member.listed {
                let mut chain = vec![group];
                while let Some(outer) = self.groups[chain[0]].parent {
                    chain.insert(0, outer);
                }
                let new: Vec<usize> =
                    chain.into_iter().filter(|group| !member.groups.contains(group)).collect();
                member.groups.extend(new);
            }
            member.layers = vec![0];
            member.layers.extend(member.groups.iter().map(|group| 1 + group));
            member.layers.push(1 + self.groups.len() + member.range);
        }
        members
    }

    /// Whether one layer of a host is around another.
    fn contains(&self, outer: usize, inner: usize) -> bool {
        let groups = 1..=self.groups.len();
        if outer == inner {
            return false;
        }
        if !groups.contains(&outer) || !groups.contains(&inner) {
            return outer == 0 || inner > self.groups.len();
        }
        let mut at = self.groups[inner - 1].parent;
        while let Some(group) = at.filter(|group| group + 1 != outer) {
            at = self.groups[group].parent;
        }
        at.is_some()
    }

    /// The layers of a host that say something of a key, outermost first.
    pub(crate) fn givers(&self, member: &Member, key: &str) -> Vec<usize> {
        member.layers.iter().copied().filter(|&layer| self.layers[layer].contains_key(key)).collect()
    }

    /// Those of them that are around no other.
    pub(crate) fn innermost(&self, member: &Member, key: &str) -> Vec<usize> {
        let givers = self.givers(member, key);
        let around = |&layer: &usize| givers.iter().any(|&other| self.contains(layer, other));
        givers.iter().copied().filter(|layer| !around(layer)).collect()
    }

    /// Every contradiction about one host.
    pub(crate) fn conflicts(&self, member: &Member) -> Vec<Conflict> {
        let mut keys: Vec<&String> =
            member.layers.iter().flat_map(|&layer| self.layers[layer].keys()).collect();
        keys.sort();
        keys.dedup();
        let conflict = |key: &&String| {
            let winners = self.innermost(member, key);
            let first = *winners.first()?;
            let mine = said(key, &self.layers[first][*key]);
            let second = winners.into_iter().find(|&other| said(key, &self.layers[other][*key]) != mine)?;
            Some(Conflict { key: (*key).clone(), first, second })
        };
        keys.iter().filter_map(conflict).collect()
    }

    /// The same fleet, its contradictions taken away.
    pub(crate) fn settled(mut self) -> Self {
        loop {
            let members = self.members();
            let Some(conflict) = members.iter().find_map(|member| self.conflicts(member).into_iter().next())
            else {
                return self;
            };
            self.silence(conflict.second, &conflict.key);
        }
    }

    /// What a key is for a host, and the layer that says so: nobody, where it is a default.
    pub(crate) fn value(&self, member: &Member, key: &str) -> (Value, Option<usize>) {
        let switch = ["time.local", "time.makestep", "time.ratelimit"];
        let switch = switch.into_iter().find(|switch| key.starts_with(&format!("{switch}.")));
        if switch.is_some_and(|switch| self.value(member, switch).0 == json!(false)) {
            return (Value::Null, None);
        }
        if key == "time.port" && self.value(member, "role").0 == json!("client") {
            return (json!(0), None);
        }
        match self.innermost(member, key).first() {
            Some(&layer) => (shown(key, &self.filled(member, &self.layers[layer][key])), Some(layer)),
            None => (self.default(member, key), None),
        }
    }

    /// The documentation's last column.
    fn default(&self, member: &Member, key: &str) -> Value {
        let chronyd = || self.value(member, "time.daemon").0 == json!("chronyd");
        match key {
            "agent.service" => json!("systemd"),
            "agent.home" => json!("~/timefleet"),
            "allow_rules" | "time.upstreams" | "time.allow" | "time.deny" | "time.extra" => json!([]),
            "ssh.become" | "take_over" | "time.local" | "time.ratelimit" | "time.ipv4_only"
            | "time.ipv6_only" | "time.local.orphan" => json!(false),
            "time.local.stratum" => json!(10),
            // What a chronyd does there hangs on its version.
            "time.local.activate" | "time.local.waitsynced" | "time.local.waitunsynced" if chronyd() => {
                Value::Null
            }
            "time.local.activate" | "time.local.waitsynced" | "time.local.waitunsynced" => json!(0),
            "time.makestep" | "time.control_clock" => json!(true),
            "time.makestep.threshold" | "time.local.distance" | "time.minsources" => json!(1),
            "time.makestep.limit" | "time.maxdistance" | "time.ratelimit.interval" => json!(3),
            "time.ratelimit.burst" => json!(8),
            "time.ratelimit.leak" => json!(2),
            "time.ratelimit.kod" => json!(0),
            "time.rtcsync" => self.value(member, "time.control_clock").0,
            "time.bound" => self.value(member, "time.maxdistance").0,
            "time.port" => json!(123),
            "time.cmdport" => json!(323),
            "time.daemon" => json!("agent"),
            "ssh.user" | "ssh.port" | "ssh.identity" | "ssh.jump" | "ssh.known_hosts" | "time.keyfile"
            | "time.template" => Value::Null,
            undescribed => panic!("nobody described {undescribed}"),
        }
    }

    pub(crate) fn address(&self, member: &Member) -> String {
        match &self.ranges[member.range].address {
            None => member.name.clone(),
            Some(address) => {
                let number = member.nth.to_string();
                let (before, _) = address.split_once('[').unwrap_or((address, ""));
                let after = address.split_once(']').map_or("", |(_, after)| after);
                let address =
                    if address.contains('[') { format!("{before}{number}{after}") } else { address.clone() };
                self.text(member, &address)
            }
        }
    }

    /// Templates in a value replaced by what they stand for; one that is all of a text keeps its kind.
    fn filled(&self, member: &Member, value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let alone = text.strip_prefix("{{ ").and_then(|text| text.strip_suffix(" }}"));
                match alone.filter(|name| name.contains("w_")) {
                    Some(name) => self.variable(member, name),
                    None => json!(self.text(member, text)),
                }
            }
            Value::Array(items) => items.iter().map(|item| self.filled(member, item)).collect(),
            Value::Object(entries) => {
                entries.iter().map(|(key, value)| (key.clone(), self.filled(member, value))).collect()
            }
            other => other.clone(),
        }
    }

    fn variable(&self, member: &Member, name: &str) -> Value {
        let key = format!("vars.{name}");
        let layer = self.innermost(member, &key)[0];
        self.filled(member, &self.layers[layer][&key])
    }

    fn text(&self, member: &Member, text: &str) -> String {
        let Some((before, rest)) = text.split_once("{{ ") else { return text.to_owned() };
        let (name, after) = rest.split_once(" }}").unwrap();
        let word = match name {
            "name" => member.name.clone(),
            "fleet" => NAME.to_owned(),
            "address" => self.address(member),
            "role" => self.value(member, "role").0.as_str().unwrap().to_owned(),
            name => self.variable(member, name).as_str().unwrap().to_owned(),
        };
        format!("{before}{word}{}", self.text(member, after))
    }

    /// Every variable that some layer of a host gives.
    pub(crate) fn variables(&self, member: &Member) -> Vec<String> {
        let keys = member.layers.iter().flat_map(|&layer| self.layers[layer].keys());
        let mut names: Vec<String> = keys.filter(|key| key.starts_with("vars.")).cloned().collect();
        names.sort();
        names.dedup();
        names
    }
}

/// What two groups are held against: what it means, where it can be known, and else what is written.
fn said(key: &str, value: &Value) -> Value {
    if has_template(value) { value.clone() } else { shown(key, value) }
}

/// As it is shown when a layer's word is told: a template is told as it is written.
pub(crate) fn told(key: &str, value: &Value) -> Value {
    if KEYS.contains(&key) && has_template(value) { written(value) } else { said(key, value) }
}

fn written(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.to_string()),
        Value::Array(items) => items.iter().map(written).collect(),
        Value::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), written(value))).collect(),
        other => other.clone(),
    }
}

/// In full, where there are several ways to write the same.
fn shown(key: &str, value: &Value) -> Value {
    let text = value.as_str().unwrap_or_default();
    match key {
        "time.allow" | "time.deny" => {
            let networks = value.as_array().unwrap().iter();
            networks.map(|network| json!(network_in_full(network.as_str().unwrap()))).collect()
        }
        "ssh.identity" | "ssh.known_hosts" => json!(text.replace("~/", "/home/me/")),
        "time.upstreams" => {
            let mut upstreams = value.clone();
            for upstream in upstreams.as_array_mut().unwrap() {
                upstream.as_object_mut().unwrap().retain(|_, value| *value != json!(false));
            }
            upstreams
        }
        _ => value.clone(),
    }
}

fn network_in_full(text: &str) -> String {
    let (address, length) = text.split_once('/').unwrap_or((text, ""));
    if address.contains(':') {
        let address: std::net::Ipv6Addr = address.parse().unwrap();
        return format!("{address}/{}", if length.is_empty() { "128" } else { length });
    }
    let octets = address.split('.').count();
    let length = if length.is_empty() { (8 * octets).to_string() } else { length.to_owned() };
    format!("{address}{}/{length}", ".0".repeat(4 - octets))
}
