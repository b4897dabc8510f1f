//! The schema and the reader are held against each other: neither may know a key or take a value that the other does
//! not.

use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Value, json};

use super::super::{InputFile, load};
use super::*;

fn validator() -> Validator {
    jsonschema::draft202012::new(&document()).unwrap()
}

fn as_json(yaml: &str) -> Value {
    // Editors read YAML 1.2: `yes` is a word.
    let options = serde_yaml::options! { strict_booleans: true };
    serde_yaml::from_str_with_options(yaml, options).unwrap()
}

/// Whether the reader takes a text, rules aside; what it says when it does not.
fn reader_says(text: &str) -> Result<(), String> {
    let file = InputFile { name: "f.yaml".to_owned(), text: text.to_owned() };
    match load(&[file], Some(Path::new("/home/me"))) {
        Ok(_) => Ok(()),
        Err(problems) => Err(problems.iter().map(|problem| problem.headline() + "\n").collect()),
    }
}

#[test]
fn the_schema_is_a_schema_and_every_key_of_the_reader_is_described() {
    assert!(jsonschema::meta::is_valid(&document()));
    let tables: [(&str, &[&str]); 9] = [
        ("", &tree::FILE),
        ("", &tree::GROUP),
        ("", &resolve::HOST),
        ("ssh.", &keys::SSH),
        ("agent.", &keys::AGENT),
        ("time.", &keys::TIME),
        ("time.local.", &keys::LOCAL),
        ("time.makestep.", &keys::MAKESTEP),
        ("time.upstreams.", &keys::UPSTREAM),
    ];
    for (prefix, keys) in tables {
        for key in keys {
            let described = value::of(&format!("{prefix}{key}"));
            let description = described["description"].as_str();
            assert!(
                description.is_some_and(|text| text.ends_with('.')),
                "`{prefix}{key}` is a key of the reader's: describe it in src/inventory/schema/value.rs"
            );
        }
    }
}

/// Files that are read as inventories somewhere else in the tests.
fn inventories() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories");
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect()
}

#[test]
fn a_key_that_nobody_described_takes_anything() {
    assert_eq!(value::of("time.new_key"), json!(true));
    assert_eq!(value::of("new_key"), json!(true));
    let table = mapping("time.", &["new_key", "bound"]);
    assert!(jsonschema::draft202012::new(&table).unwrap().is_valid(&json!({ "new_key": [1], "bound": 3 })));
}

#[test]
fn every_inventory_of_the_repository_fits() {
    let validator = validator();
    let paths = inventories();
    assert!(paths.len() >= 5);
    for path in paths {
        let instance = as_json(&std::fs::read_to_string(&path).unwrap());
        let errors: Vec<_> = validator
            .iter_errors(&instance)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
    }
}

/// The mapping that a layer's dotted key stands for, with this value.
fn layer(key: &str, value: &Value) -> Value {
    key.rsplit('.').fold(value.clone(), |inner, word| json!({ word: inner }))
}

/// An inventory in which a host says this.
fn host_that_says(layer: &Value) -> Value {
    json!({ "fleet": "x", "groups": { "g": { "role": "server", "hosts": { "a": layer } } } })
}

/// Values of every kind, at the borders of what any key takes.
fn candidates() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!([]),
        json!({}),
        json!(-2),
        json!(-1),
        json!(0),
        json!(1),
        json!(15),
        json!(16),
        json!(123),
        json!(1000),
        json!(1001),
        json!(65_535),
        json!(65_536),
        json!(1_000_000),
        json!(1_000_001),
        json!(2_147_483_647),
        json!(2_147_483_648_u64),
        json!(0.5),
        json!(0.000_000_5),
        json!(""),
        json!("  "),
        json!("word"),
        json!("two words"),
        json!("a\nb"),
        json!("10"),
        json!("~/x"),
        json!("~x/y"),
        json!("/srv/../x"),
        json!("/srv/x"),
        json!("server"),
        json!("client"),
        json!("systemd"),
        json!("process"),
        json!("agent"),
        json!("chronyd"),
        json!("none"),
        json!("yes"),
        json!("windows"),
        json!(["word"]),
        json!(["10.20.0.0/16"]),
        json!(["10.20"]),
        json!([10]),
        json!([true]),
        json!([null]),
        json!([{}]),
        json!(["::/0"]),
        json!(["driftfile /x"]),
        json!({ "unknown": 1 }),
        json!([{ "pool": "p.example" }]),
    ]
}

#[test]
fn schema_and_reader_take_the_same_values_for_every_key() {
    let validator = validator();
    let mut differences = String::new();
    let leaves = [("ssh.", &keys::SSH[..]), ("agent.", &keys::AGENT), ("time.", &keys::TIME)];
    let mut layers: Vec<String> = keys::LAYER.iter().map(|key| (*key).to_owned()).collect();
    layers.extend(
        leaves.iter().flat_map(|(prefix, keys)| keys.iter().map(move |key| format!("{prefix}{key}"))),
    );
    layers.extend(keys::LOCAL.iter().map(|key| format!("time.local.{key}")));
    layers.extend(keys::MAKESTEP.iter().map(|key| format!("time.makestep.{key}")));
    layers.extend(keys::RATELIMIT.iter().map(|key| format!("time.ratelimit.{key}")));
    let mut compared = 0;
    for key in &layers {
        for candidate in candidates() {
            let inventory = host_that_says(&layer(key, &candidate));
            let fits = validator.is_valid(&inventory);
            let read = reader_says(&inventory.to_string());
            compared += 1;
            if fits != read.is_ok() {
                differences +=
                    &format!("`{key}: {candidate}`: the schema says {fits}, the reader {read:?}\n");
            }
        }
    }
    assert!(compared > 1000, "{compared}");
    assert_eq!(differences, "");
}

#[test]
fn schema_and_reader_take_the_same_values_for_every_key_of_an_upstream() {
    let validator = validator();
    let mut differences = String::new();
    for key in keys::UPSTREAM {
        for candidate in candidates() {
            let names = matches!(key, "server" | "pool" | "group");
            // A group has to be there: that is not for a schema to know.
            let candidate = if key == "group" && candidate == "word" { json!("g") } else { candidate };
            if key == "group" && candidate.is_string() && candidate != "g" {
                continue;
            }
            let mut upstream = json!({ key: candidate });
            if !names {
                // Only a pool has several members.
                let kind = if key == "maxsources" { "pool" } else { "server" };
                upstream[kind] = json!("ntp.example");
            }
            let inventory = host_that_says(&json!({ "time": { "upstreams": [upstream] } }));
            let (fits, read) = (validator.is_valid(&inventory), reader_says(&inventory.to_string()));
            if fits != read.is_ok() {
                differences += &format!("`{upstream}`: the schema says {fits}, the reader {read:?}\n");
            }
        }
    }
    assert_eq!(differences, "");
}

#[test]
fn schema_and_reader_take_a_template_that_stands_for_a_good_value() {
    let validator = validator();
    let mut differences = String::new();
    let mut compared = 0;
    let leaves = [("ssh.", &keys::SSH[..]), ("agent.", &keys::AGENT), ("time.", &keys::TIME)];
    let keys = ["role".to_owned(), "take_over".to_owned(), "allow_rules".to_owned()]
        .into_iter()
        .chain(leaves.iter().flat_map(|(prefix, keys)| keys.iter().map(move |key| format!("{prefix}{key}"))));
    let more = [
        json!({ "stratum": 5 }),
        json!({ "limit": 5 }),
        json!({ "burst": 5 }),
        json!([{ "rule": "single-upstream", "reason": "so" }]),
    ];
    for key in keys {
        for candidate in candidates().into_iter().chain(more.clone()) {
            if reader_says(&host_that_says(&layer(&key, &candidate)).to_string()).is_err() {
                continue;
            }
            let mut said = layer(&key, &json!("{{ v }}"));
            said["vars"] = json!({ "v": candidate });
            let inventory = host_that_says(&said);
            let (fits, read) = (validator.is_valid(&inventory), reader_says(&inventory.to_string()));
            compared += 1;
            if !fits || read.is_err() {
                differences +=
                    &format!("`{key}: {candidate}`: the schema says {fits}, the reader {read:?}\n");
            }
        }
    }
    assert!(compared > 100, "{compared}");
    assert_eq!(differences, "");
    let item = json!({ "vars": { "u": { "server": "s.example" } }, "time": { "upstreams": ["{{ u }}"] } });
    let inventory = host_that_says(&item);
    assert!(validator.is_valid(&inventory));
    assert_eq!(reader_says(&inventory.to_string()), Ok(()));
}

#[test]
fn bad_inventories_are_refused() {
    let validator = validator();
    let cases = [
        (
            "a misspelt key",
            "fleet: x\ngroups: { g: { role: client, hosts: { a: }, time: { maxdistanse: 3 } } }",
        ),
        ("a misspelt key at the top", "fleet: x\ngroup: {}"),
        ("a role that is none", "fleet: x\ngroups: { g: { role: servant } }"),
        ("hosts as a list", "fleet: x\ngroups: { g: { hosts: [a, b] } }"),
        ("a number in quotes", "fleet: x\ndefaults: { ssh: { port: \"22\" } }"),
        ("a word for true", "fleet: x\ndefaults: { ssh: { become: yes } }"),
        ("a stratum that is none", "fleet: x\ndefaults: { time: { local: { stratum: 16 } } }"),
        ("a host name among networks", "fleet: x\ndefaults: { time: { allow: [web1.example] } }"),
        ("an upstream that names nothing", "fleet: x\ndefaults: { time: { upstreams: [{ iburst: true }] } }"),
        (
            "an upstream that names two",
            "fleet: x\ndefaults: { time: { upstreams: [{ pool: a, server: b }] } }",
        ),
        ("an upstream that is a word", "fleet: x\ndefaults: { time: { upstreams: [pool.example] } }"),
        ("a distance below zero", "fleet: x\ndefaults: { time: { maxdistance: -3 } }"),
        ("a range with a dash", "fleet: x\ngroups: { g: { role: client, hosts: { \"web[01-20]\": } } }"),
        ("a name with a space", "fleet: x\ngroups: { \"my group\": { role: client } }"),
        ("an address among the group's keys", "fleet: x\ngroups: { g: { address: 10.0.0.1 } }"),
        ("a mapping too deep in the wrong place", "fleet: { name: x }"),
    ];
    for (what, yaml) in cases {
        assert!(!validator.is_valid(&as_json(yaml)), "{what}");
        assert!(reader_says(yaml).is_err(), "{what}");
    }
}
