//! Precedence against the model of `naive`: a child could follow it.

use std::collections::BTreeMap;
use std::fmt::Write;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::Value;

use super::fleet::{Fleet, KEYS, Kind, fleet};
use super::naive::{Member, told};
use super::*;
use crate::inventory::explain::{Layer, Word};

const KINDS: &[Kind] = &[Kind::Four, Kind::Six, Kind::Mixed];

/// What one layer says: a port for SSH, and a variable.
#[derive(Clone, Debug, Default)]
struct Words {
    port: Option<u16>,
    site: Option<u16>,
    /// A template that uses the variable, with a number of the layer's own.
    line: Option<u16>,
}

impl Words {
    fn any() -> impl Strategy<Value = Self> {
        (prop::option::of(1..u16::MAX), prop::option::of(0..9u16), prop::option::of(0..9u16))
            .prop_map(|(port, site, line)| Self { port, site, line })
    }

    fn written(&self) -> String {
        let mut text = String::new();
        if let Some(port) = self.port {
            write!(text, "ssh: {{ port: {port} }}, ").unwrap();
        }
        if let Some(site) = self.site {
            write!(text, "vars: {{ site: s{site} }}, ").unwrap();
        }
        if let Some(line) = self.line {
            write!(text, "time: {{ extra: ['# {line} {{{{ site }}}}'] }}, ").unwrap();
        }
        text
    }
}

fn loaded(files: &[InputFile]) -> Result<Inventory, Vec<Problem>> {
    load(files, Some(Path::new("/home/me")))
}

/// What is told of a contradiction: the groups that list the hosts, the key, the two places.
type Told = (Vec<String>, String, String, String);

fn listed(fleet: &Fleet, member: &Member) -> Vec<String> {
    member.listed.iter().map(|&group| fleet.groups[group].name.clone()).collect()
}

/// What must be told, and of how many hosts: once of those that the same groups list.
fn contradictions(fleet: &Fleet, places: &BTreeMap<(usize, String), String>) -> BTreeMap<Told, usize> {
    let mut all = BTreeMap::new();
    for member in fleet.members() {
        for naive::Conflict { key, first, second } in fleet.conflicts(&member) {
            let place = |layer: usize| places[&(layer, key.clone())].clone();
            *all.entry((listed(fleet, &member), key.clone(), place(first), place(second))).or_default() += 1;
        }
    }
    all
}

/// What is told: every problem must be a contradiction, and about a host that has it.
fn told_contradictions(fleet: &Fleet, problems: &[Problem]) -> Vec<(Told, usize)> {
    let members = fleet.members();
    let read = |problem: &Problem| {
        let words: Vec<&str> = problem.message.split('`').collect();
        let ["host ", host, middle, key, ""] = words[..] else { panic!("{}", problem.headline()) };
        let others = middle.strip_suffix(" is in two unrelated groups that differ in ").unwrap();
        let count = match others.trim_matches([' ', '(', ')']).split(' ').collect::<Vec<_>>()[..] {
            [""] => 1,
            ["and", "one", "more", "host"] => 2,
            ["and", more, "more", "hosts"] => 1 + more.parse::<usize>().unwrap(),
            _ => panic!("{}", problem.headline()),
        };
        let member = members.iter().find(|member| member.name == host).unwrap();
        assert!(fleet.conflicts(member).iter().any(|conflict| conflict.key == key), "{}", problem.headline());
        let first = problem.second.as_ref().unwrap().0.to_string();
        ((listed(fleet, member), key.to_owned(), first, problem.place.to_string()), count)
    };
    let mut told: Vec<(Told, usize)> = problems.iter().map(read).collect();
    told.sort();
    told
}

/// The layer that speaks, by its number in the fleet.
fn layer_of(fleet: &Fleet, member: &Member, word: &Word) -> Option<usize> {
    match &word.layer {
        Layer::Host => Some(1 + fleet.groups.len() + member.range),
        Layer::Group(name) => {
            fleet.groups.iter().position(|group| group.name == *name).map(|group| 1 + group)
        }
        Layer::Defaults => Some(0),
        Layer::Program => None,
    }
}

/// Everything that is said of a host, held against the model.
fn check_explanation(fleet: &Fleet, member: &Member, explanation: &Explanation) {
    let places = fleet.written().places;
    let variables = fleet.variables(member);
    let keys: Vec<&str> = explanation.keys.iter().map(|story| story.key.as_str()).collect();
    let others = KEYS.iter().copied().filter(|key| *key != "role");
    let wanted: Vec<&str> =
        ["role", "address"].into_iter().chain(others).chain(variables.iter().map(String::as_str)).collect();
    assert_eq!(keys, wanted);
    for story in &explanation.keys {
        let (key, word) = (story.key.as_str(), &story.word);
        if key == "address" {
            assert_eq!(word.value, serde_json::json!(fleet.address(member)), "{}", member.name);
            continue;
        }
        let innermost = fleet.innermost(member, key);
        let (value, layer) = match key.starts_with("vars.") {
            true => (told(key, &fleet.layers[innermost[0]][key]), Some(innermost[0])),
            false => fleet.value(member, key),
        };
        assert_eq!(word.value, value, "{} {key}", member.name);
        let speaks = layer_of(fleet, member, word);
        assert_eq!(speaks.is_some(), layer.is_some(), "{} {key}: {word:?}", member.name);
        // Unrelated groups that agree speak with one voice: either may be named.
        assert!(speaks.is_none_or(|layer| innermost.contains(&layer)), "{} {key}: {word:?}", member.name);
        let mut shadowed = fleet.givers(member, key);
        shadowed.retain(|layer| Some(*layer) != speaks);
        shadowed.reverse();
        let place = |layer: usize| places[&(layer, key.to_owned())].clone();
        assert_eq!(word.place, speaks.map(place), "{} {key}", member.name);
        let wanted: Vec<(Option<usize>, Value, Option<String>)> = shadowed
            .into_iter()
            .map(|layer| (Some(layer), told(key, &fleet.layers[layer][key]), Some(place(layer))))
            .collect();
        let shadows = story.shadows.iter();
        let shadows: Vec<_> = shadows
            .map(|word| (layer_of(fleet, member, word), word.value.clone(), word.place.clone()))
            .collect();
        assert_eq!(shadows, wanted, "{} {key}", member.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn unrelated_groups_that_differ_are_told_and_nothing_else(fleet in fleet(KINDS)) {
        let written = fleet.written();
        let problems = loaded(&written.files).err().unwrap_or_default();
        let wanted: Vec<(Told, usize)> = contradictions(&fleet, &written.places).into_iter().collect();
        prop_assert_eq!(told_contradictions(&fleet, &problems), wanted);
    }

    #[test]
    fn the_innermost_layer_that_speaks_has_the_last_word(
        fleet in fleet(KINDS), which in any::<prop::sample::Index>(),
    ) {
        let fleet = fleet.settled();
        let members = fleet.members();
        let member = which.get(&members);
        let files = fleet.written().files;
        let read = load_and_explain(&files.into(), Some(Path::new("/home/me")), Some(&member.name));
        let (inventory, explanation) = read.unwrap_or_else(|problems| panic!("{}", problems[0].headline()));
        let names = |host: &Host| (host.name.clone(), host.groups.to_vec());
        let groups = |member: &Member| member.groups.iter().map(|&group| fleet.groups[group].name.clone()).collect();
        prop_assert_eq!(
            inventory.hosts.iter().map(names).collect::<Vec<_>>(),
            members.iter().map(|member| (member.name.clone(), groups(member))).collect::<Vec<_>>()
        );
        check_explanation(&fleet, member, &explanation.unwrap());
    }

    #[test]
    fn a_fleet_cut_into_files_is_the_same_fleet(
        groups in prop::collection::vec((Words::any(), 1..5usize), 1..8),
        files in prop::collection::vec(0..4usize, 8),
        defaults in Words::any(),
    ) {
        let defaults = Words { site: Some(1), ..defaults };
        let group = |number: usize, (words, hosts): &(Words, usize)| {
            format!("  g{number}: {{ {}hosts: {{ 'h{number}-[1:{hosts}]': }} }}\n", words.written())
        };
        let head = format!("fleet: x\ndefaults: {{ {}role: client }}\n", defaults.written());
        let whole: String = groups.iter().enumerate().map(|(number, words)| group(number, words)).collect();
        let whole = load(&[file(&format!("{head}groups:\n{whole}"))], None).unwrap();

        let directory = tempfile::tempdir().unwrap();
        let mut texts = vec![String::new(); 4];
        for (number, words) in groups.iter().enumerate() {
            texts[files[number]] += &group(number, words);
        }
        let mut names = Vec::new();
        for (number, text) in texts.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            let name = format!("{number}.yaml");
            std::fs::write(directory.path().join(&name), format!("groups:\n{text}")).unwrap();
            names.push(name);
        }
        let path = directory.path().join("main.yaml");
        std::fs::write(&path, format!("{head}include: [{}]\n", names.join(", "))).unwrap();
        let cut = load_inputs(&Inputs::read(&[path]).unwrap(), None).unwrap();
        let of = |inventory: &Inventory| {
            let mut hosts: Vec<_> = inventory.hosts.iter().map(|host| {
                let extra: Vec<String> = host.time.extra.iter().map(|line| line.value.clone()).collect();
                (host.name.clone(), host.groups.to_vec(), host.ssh.port.as_ref().map(|port| port.value), extra)
            }).collect();
            hosts.sort();
            hosts
        };
        prop_assert_eq!(of(&whole), of(&cut));
    }

    #[test]
    fn no_text_makes_the_loader_panic(text in "(fleet: x\n)?(groups:\n)?( {0,4}[a-z\\[\\]{}:,&*!|>'\"%@`0-9~-]{0,12}[:\n ]{0,2}){0,12}") {
        if let Err(problems) = load(&[file(&text)], None) {
            let mut printed = Vec::new();
            problem::print(&problems, &[file(&text)], &mut printed).unwrap();
            prop_assert!(!problems.is_empty() && !printed.is_empty());
        }
    }
}

/// The properties above are worth what the fleets are: every layer must have the last word about every key now and then.
#[test]
fn chance_reaches_every_key_at_every_layer() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = fleet(KINDS);
    let mut last_words: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let (mut differing, mut agreeing, mut filled, mut shadowing) = (0, 0, 0, 0);
    for _ in 0..150 {
        let fleet = strategy.new_tree(&mut runner).unwrap().current();
        differing += fleet.members().iter().map(|member| fleet.conflicts(member).len()).sum::<usize>();
        let fleet = fleet.settled();
        for member in fleet.members() {
            for &key in KEYS {
                let layer = match fleet.value(&member, key).1 {
                    None => "program",
                    Some(0) => "defaults",
                    Some(group) if group <= fleet.groups.len() => "group",
                    Some(_) => "host",
                };
                *last_words.entry((key, layer)).or_default() += 1;
                agreeing += usize::from(fleet.innermost(&member, key).len() > 1);
                let givers = fleet.givers(&member, key);
                filled +=
                    usize::from(givers.iter().any(|&layer| values::has_template(&fleet.layers[layer][key])));
            }
            let variables = fleet.variables(&member);
            shadowing += variables.iter().filter(|name| fleet.givers(&member, name).len() > 1).count();
        }
    }
    for key in KEYS {
        for layer in ["program", "defaults", "group", "host"] {
            // These two are always said, so that there is always a role.
            let always = layer == "program" && ["role", "time.daemon"].contains(key);
            assert!(always || last_words.contains_key(&(key, layer)), "{layer} never says {key}");
        }
    }
    let seen = (differing, agreeing, filled, shadowing);
    assert!(differing >= 30 && agreeing >= 30 && filled >= 100 && shadowing >= 100, "{seen:?}");
}
