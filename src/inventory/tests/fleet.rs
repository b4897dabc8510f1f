//! Fleets by chance: groups in groups, hosts in ranges and in several groups, every key at every layer, in several files.
//!
//! What they should come to is for the model in `naive` to say, never for the code that is tested.

use std::collections::BTreeMap;
use std::fmt::Write;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::InputFile;
use super::values::{has_template, templated, value, word};
use crate::inventory::settings::Settings;

/// Every key that a layer can give.
pub(crate) const KEYS: &[&str] = Settings::KEYS;
/// The fleet's name.
pub(crate) const NAME: &str = "plant-7";
/// Keys with keys below them.
const SWITCHES: [&str; 3] = ["time.local", "time.makestep", "time.ratelimit"];

/// Not everything goes with everything: a chronyd takes no flags, and nobody is left when neither family may be used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Agents only; some on IPv4 only.
    Four,
    /// Agents only; some on IPv6 only.
    Six,
    /// Agents and chronyds.
    Mixed,
    /// Nothing but chronyds, and nothing that one of 4.3 does not know.
    Chronyd,
}

/// What one layer says: settings by their dotted keys, variables as `vars.NAME`.
pub(crate) type Words = BTreeMap<String, Value>;

#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) parent: Option<usize>,
}

/// Hosts that are declared in one line.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    /// As it is written, if it is.
    pub(crate) address: Option<String>,
}

/// A line under `hosts:`: some or all hosts of a range.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) group: usize,
    pub(crate) range: usize,
    pub(crate) hosts: std::ops::RangeInclusive<usize>,
    /// It holds what they say of themselves.
    pub(crate) own: bool,
}

/// Layer 0 is the defaults, then come the groups, then the ranges.
#[derive(Clone)]
pub(crate) struct Fleet {
    pub(crate) groups: Vec<Group>,
    pub(crate) ranges: Vec<Range>,
    pub(crate) listings: Vec<Listing>,
    pub(crate) layers: Vec<Words>,
    /// Which file the defaults and the outermost groups stand in.
    spread: Vec<usize>,
}

/// One thing that one or more layers say.
#[derive(Clone, Debug)]
struct Statement {
    form: Form,
    key: &'static str,
    value: Value,
    /// What all layers but the first say instead.
    other: Option<Value>,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    /// The value.
    Plain,
    /// A template; the value is what its variable is in the defaults, the other one what it is in other layers.
    Template,
    /// The value of the key's variable.
    Variable,
    /// The variable stands for another one; the value is what that is in the defaults, and so on.
    Chain,
    /// What is called `site` in templates.
    Site,
}

fn statement() -> impl Strategy<Value = Statement> {
    let all = |of: fn(&'static str) -> BoxedStrategy<Value>, form: Form| {
        let each = KEYS.iter().map(|&key| {
            let both = (of(key), prop::option::of(of(key)));
            both.prop_map(move |(value, other)| Statement { form, key, value, other }).boxed()
        });
        proptest::strategy::Union::new(each)
    };
    let site = "[a-z]{1,6}".prop_map(|site| Statement {
        form: Form::Site,
        key: "",
        value: json!(site),
        other: None,
    });
    prop_oneof![
        6 => all(value, Form::Plain),
        3 => all(word, Form::Template),
        1 => all(word, Form::Variable),
        1 => all(word, Form::Chain),
        1 => site,
    ]
}

/// The variable that a template of this key uses.
pub(super) fn variable(key: &str) -> String {
    format!("w_{}", key.replace('.', "_"))
}

/// Where another group lists some hosts of a range: the group, the first and the last.
type Elsewhere = (Index, Index, Index);

prop_compose! {
    /// A fleet of one of these kinds. Unrelated groups may contradict each other in it, nothing else is wrong.
    pub(crate) fn fleet(kinds: &'static [Kind])(
        kind in prop::sample::select(kinds),
        parents in prop::collection::vec(prop::option::weighted(0.7, any::<Index>()), 1..8),
        ranges in prop::collection::vec(
            (any::<Index>(), 1..4_usize, 0..5_usize, prop::collection::vec(any::<Elsewhere>(), 0..4)), 1..5),
        statements in prop::collection::vec((prop::collection::vec(any::<Index>(), 1..5), statement()), 0..60),
        spread in prop::collection::vec(0..3_usize, 8),
    ) -> Fleet {
        let groups = groups(&parents);
        let mut fleet = Fleet { groups, ranges: vec![], listings: vec![], layers: vec![], spread };
        for (number, (group, count, address, elsewhere)) in ranges.into_iter().enumerate() {
            fleet.range(number, group, count, address, &elsewhere);
        }
        fleet.layers = vec![Words::new(); 1 + fleet.groups.len() + fleet.ranges.len()];
        let daemon = if kind == Kind::Chronyd { "chronyd" } else { "agent" };
        fleet.say(kind, 0, "vars.site", json!("nowhere"));
        fleet.say(kind, 0, "role", json!("server"));
        fleet.say(kind, 0, "time.daemon", json!(daemon));
        for (layers, statement) in statements {
            for (nth, layer) in layers.iter().enumerate() {
                let layer = layer.index(fleet.layers.len());
                fleet.state(kind, layer, nth, &statement);
            }
        }
        fleet
    }
}

/// A forest, at most four deep.
fn groups(parents: &[Option<Index>]) -> Vec<Group> {
    let mut groups: Vec<(Group, usize)> = Vec::new();
    for (number, parent) in parents.iter().enumerate() {
        let parent = parent.filter(|_| number > 0).map(|parent| parent.index(number));
        let parent = parent.filter(|&parent| groups[parent].1 < 4);
        let depth = parent.map_or(1, |parent| groups[parent].1 + 1);
        groups.push((Group { name: format!("g{number}"), parent }, depth));
    }
    groups.into_iter().map(|(group, _)| group).collect()
}

/// The name of a host of a range; some ranges keep a zero.
pub(crate) fn host_name(range: usize, nth: usize) -> String {
    if range.is_multiple_of(2) { format!("h{range}-{nth:02}") } else { format!("h{range}-{nth}") }
}

impl Fleet {
    fn range(&mut self, number: usize, group: Index, count: usize, address: usize, elsewhere: &[Elsewhere]) {
        let range = if count == 1 { "1".to_owned() } else { format!("[1:{count}]") };
        let address = match address {
            0 => None,
            1 => Some(format!("10.0.{number}.{range}")),
            2 => Some(format!("2001:db8::{number}:{range}")),
            3 => Some(format!("n{number}-{range}.example")),
            _ => Some("{{ name }}.{{ site }}.{{ fleet }}".to_owned()),
        };
        self.ranges.push(Range { address });
        let home = group.index(self.groups.len());
        let mut taken = vec![home];
        self.listings.push(Listing { group: home, range: number, hosts: 1..=count, own: true });
        for (group, first, last) in elsewhere {
            let group = group.index(self.groups.len());
            if taken.contains(&group) {
                continue;
            }
            taken.push(group);
            let (first, last) = (1 + first.index(count), 1 + last.index(count));
            let hosts = first.min(last)..=first.max(last);
            self.listings.push(Listing { group, range: number, hosts, own: false });
        }
    }

    fn state(&mut self, kind: Kind, layer: usize, nth: usize, statement: &Statement) {
        let Statement { form, key, value, other } = statement;
        let name = variable(key);
        let own = other.as_ref().filter(|_| nth > 0);
        match form {
            Form::Plain => self.say(kind, layer, key, own.unwrap_or(value).clone()),
            Form::Site => self.say(kind, layer, "vars.site", value.clone()),
            Form::Variable => self.say(kind, layer, &format!("vars.{name}"), own.unwrap_or(value).clone()),
            Form::Template => {
                self.say(kind, 0, "vars.w_time_port", json!(1123));
                self.say(kind, 0, &format!("vars.{name}"), value.clone());
                match own {
                    Some(other) => self.say(kind, layer, &format!("vars.{name}"), other.clone()),
                    None => self.say(kind, layer, key, templated(key)),
                }
            }
            Form::Chain => {
                self.say(kind, 0, &format!("vars.other_{name}"), value.clone());
                match own {
                    Some(other) => self.say(kind, layer, &format!("vars.other_{name}"), other.clone()),
                    None => {
                        let value = json!(format!("{{{{ other_{name} }}}}"));
                        self.say(kind, layer, &format!("vars.{name}"), value);
                    }
                }
            }
        }
    }

    /// The first word of a layer about a key stays.
    fn say(&mut self, kind: Kind, layer: usize, key: &str, value: Value) {
        let unknown =
            ["time.local.activate", "time.local.waitsynced", "time.local.waitunsynced", "time.ratelimit.kod"];
        if kind == Kind::Chronyd && unknown.contains(&key) {
            return;
        }
        let value = self.tame(kind, key, value);
        let words = &mut self.layers[layer];
        if let Some(switch) = SWITCHES.iter().find(|switch| key.starts_with(&format!("{switch}."))) {
            let is_map = words.keys().any(|known| known.starts_with(&format!("{switch}.")));
            if words.contains_key(*switch) && !is_map {
                return;
            }
            words.insert((*switch).to_owned(), json!(true));
        }
        words.entry(key.to_owned()).or_insert(value);
    }

    /// The value, or one that goes with the kind of the fleet.
    fn tame(&self, kind: Kind, key: &str, mut value: Value) -> Value {
        // What the agent does not know is chronyd's.
        if let ("time.extra", Kind::Chronyd, Some(lines)) = (key, kind, value.as_array_mut()) {
            lines.push(json!("hwtimestamp *"));
        }
        let key = key.trim_start_matches("vars.").trim_start_matches("other_").trim_start_matches("w_");
        let agents = matches!(kind, Kind::Four | Kind::Six);
        match key.replace("time_", "time.").as_str() {
            "time.upstreams" => self.with_groups(value),
            _ if has_template(&value) => value,
            "time.daemon" if agents => json!("agent"),
            "time.daemon" if kind == Kind::Chronyd => json!("chronyd"),
            "time.control_clock" if !agents => json!(true),
            "time.ipv4_only" if kind != Kind::Four => json!(false),
            "time.ipv6_only" if kind != Kind::Six => json!(false),
            _ => value,
        }
    }

    /// Groups that are followed are groups that there are.
    fn with_groups(&self, mut upstreams: Value) -> Value {
        for upstream in upstreams.as_array_mut().into_iter().flatten() {
            if let Some(group) = upstream.get_mut("group") {
                let number = group.as_u64().map_or(0, |number| number as usize % self.groups.len());
                *group = json!(self.groups[number].name);
            }
        }
        upstreams
    }

    /// Takes a word away, with all that hangs on it.
    pub(crate) fn silence(&mut self, layer: usize, key: &str) {
        let below = format!("{key}.");
        self.layers[layer].retain(|known, _| known != key && !known.starts_with(&below));
    }

    /// The groups in the order of the files, outer before inner.
    pub(crate) fn order(&self) -> Vec<usize> {
        let tops = |file: usize| {
            (0..self.groups.len())
                .filter(move |&top| self.groups[top].parent.is_none() && self.file(top) == file)
        };
        let mut order = Vec::new();
        for top in (0..3).flat_map(tops) {
            self.inside(top, &mut order);
        }
        order
    }

    fn inside(&self, group: usize, order: &mut Vec<usize>) {
        order.push(group);
        for inner in (0..self.groups.len()).filter(|&inner| self.groups[inner].parent == Some(group)) {
            self.inside(inner, order);
        }
    }

    fn file(&self, group: usize) -> usize {
        self.spread[group % self.spread.len()]
    }

    /// A word of the defaults stands in one file, with all that hangs on it.
    fn file_of_default(&self, key: &str) -> usize {
        let whole: Vec<&str> = key.split('.').take(2).collect();
        let letters = whole.concat().bytes().map(usize::from).sum::<usize>();
        self.spread[letters % self.spread.len()]
    }
}

/// The files of a fleet.
pub(crate) struct Written {
    pub(crate) files: Vec<InputFile>,
    /// `file:line:column` of what a layer says of a key.
    pub(crate) places: BTreeMap<(usize, String), String>,
}

/// A test that fails shows the files.
impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.written().files.iter().try_for_each(|file| write!(f, "\n# {}\n{}", file.name, file.text))
    }
}

impl Fleet {
    pub(crate) fn written(&self) -> Written {
        let mut written = Written { files: Vec::new(), places: BTreeMap::new() };
        for number in 0..3 {
            let mut page = Page { name: format!("{number}.yaml"), ..Page::default() };
            if number == 0 {
                page.line(0, &format!("fleet: {NAME}"));
            }
            let defaults = self.layers[0].iter().filter(|(key, _)| self.file_of_default(key) == number);
            let defaults: Words = defaults.map(|(key, value)| (key.clone(), value.clone())).collect();
            if !defaults.is_empty() {
                page.line(0, "defaults:");
                page.words(2, 0, &defaults);
            }
            let tops: Vec<usize> = (0..self.groups.len())
                .filter(|&top| self.groups[top].parent.is_none() && self.file(top) == number)
                .collect();
            if !tops.is_empty() {
                page.line(0, "groups:");
                tops.iter().for_each(|&top| self.write_group(&mut page, 2, top));
            }
            if !page.text.is_empty() {
                written.files.push(InputFile { name: page.name, text: page.text });
                written.places.append(&mut page.places);
            }
        }
        written
    }

    fn write_group(&self, page: &mut Page, indent: usize, group: usize) {
        page.line(indent, &format!("{}:", self.groups[group].name));
        page.words(indent + 2, 1 + group, &self.layers[1 + group]);
        let listings: Vec<&Listing> = self.listings.iter().filter(|listing| listing.group == group).collect();
        if !listings.is_empty() {
            page.line(indent + 2, "hosts:");
        }
        for listing in listings {
            let (first, last) = (*listing.hosts.start(), *listing.hosts.end());
            let name = host_name(listing.range, first);
            let (before, number) = name.split_once('-').unwrap();
            let end = host_name(listing.range, last);
            let end = end.split_once('-').unwrap().1;
            let range = if first == last { name.clone() } else { format!("\"{before}-[{number}:{end}]\"") };
            page.line(indent + 4, &format!("{range}:"));
            if listing.own {
                if let Some(address) = &self.ranges[listing.range].address {
                    page.line(indent + 6, &format!("address: \"{address}\""));
                }
                let layer = 1 + self.groups.len() + listing.range;
                page.words(indent + 6, layer, &self.layers[layer]);
            }
        }
        let children: Vec<usize> =
            (0..self.groups.len()).filter(|&inner| self.groups[inner].parent == Some(group)).collect();
        if !children.is_empty() {
            page.line(indent + 2, "children:");
            children.iter().for_each(|&inner| self.write_group(page, indent + 4, inner));
        }
    }
}

/// A file while it is written.
#[derive(Default)]
struct Page {
    name: String,
    text: String,
    lines: usize,
    places: BTreeMap<(usize, String), String>,
}

impl Page {
    fn line(&mut self, indent: usize, text: &str) {
        writeln!(self.text, "{:indent$}{text}", "").unwrap();
        self.lines += 1;
    }

    /// The words of a layer, those with a dot below what is before it.
    fn words(&mut self, indent: usize, layer: usize, words: &Words) {
        for (key, value) in words.iter().filter(|(key, _)| !key.contains('.')) {
            self.word(indent, layer, key, value);
        }
        for section in ["ssh", "agent", "time", "vars"] {
            let below = format!("{section}.");
            let mut inside = words.iter().filter(|(key, _)| key.starts_with(&below)).peekable();
            if inside.peek().is_some() {
                self.line(indent, &format!("{section}:"));
            }
            for (key, value) in inside {
                let nested = key.matches('.').count() == 2;
                let is_map = words.keys().any(|other| other.starts_with(&format!("{key}.")));
                if is_map {
                    self.line(indent + 2, &format!("{}:", &key[below.len()..]));
                    self.places
                        .insert((layer, key.clone()), format!("{}:{}:{}", self.name, self.lines, indent + 3));
                } else {
                    self.word(indent + if nested { 4 } else { 2 }, layer, key, value);
                }
            }
        }
    }

    fn word(&mut self, indent: usize, layer: usize, key: &str, value: &Value) {
        let name = key.rsplit('.').next().unwrap();
        let numbers = ["time.allow", "time.deny"].contains(&key);
        self.line(indent, &format!("{name}: {}", flow(value, numbers)));
        // A list is at its key, a variable's text inside its quotes.
        let column = match value {
            Value::Array(_) => 1,
            Value::String(_) if key.starts_with("vars.") => name.len() + 4,
            _ => name.len() + 3,
        };
        let place = format!("{}:{}:{}", self.name, self.lines, indent + column);
        self.places.insert((layer, key.to_owned()), place);
    }
}

/// In one line. `numbers`: `10.20` without quotes, as people write networks.
fn flow(value: &Value, numbers: bool) -> String {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'/'));
    match value {
        Value::String(text) if numbers && plain(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| flow(item, numbers)).collect::<Vec<_>>().join(", "))
        }
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{key}: {}", flow(value, false)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
