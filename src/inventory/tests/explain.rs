//! `explain`: whose word counts, and whose does not.

use super::*;
use crate::inventory::explain::{Layer, Word};
use crate::inventory::settings::Settings;

const TEXT: &str = "fleet: x
defaults: { role: client, ssh: { user: ops }, time: { maxdistance: 3, port: 124 }, vars: { site: none } }
groups:
  plant:
    time: { maxdistance: 4, upstreams: [{ server: 'ntp.{{ site }}', iburst: true }] }
    vars: { site: plant }
    children:
      hall:
        time: { maxdistance: 5, local: false }
        hosts:
          a: { address: 10.0.0.1, time: { maxdistance: 6 } }
          b:
  other: { ssh: { user: ops }, hosts: { a: } }
";

/// `value layer place` of every word about a key, the one that counts first.
fn story(host: &str, key: &str) -> Vec<String> {
    let files = [file(TEXT)].to_vec();
    let (_, explanation) = load_and_explain(&files.into(), None, Some(host)).unwrap();
    let explanation = explanation.unwrap().only(key).unwrap();
    assert_eq!(explanation.keys.len(), 1);
    let word = |word: &Word| {
        let layer = match &word.layer {
            Layer::Host => "host".to_owned(),
            Layer::Group(name) => format!("@{name}"),
            Layer::Defaults => "defaults".to_owned(),
            Layer::Program => "program".to_owned(),
        };
        format!("{} {layer} {}", show::flow(&word.value), word.place.as_deref().unwrap_or("-"))
    };
    let story = &explanation.keys[0];
    std::iter::once(&story.word).chain(&story.shadows).map(word).collect()
}

#[test]
fn every_value_names_its_layer_and_those_that_it_shadows() {
    assert_eq!(
        story("a", "time.maxdistance"),
        [
            "6 host fleet.yaml:11:56",
            "5 @hall fleet.yaml:9:30",
            "4 @plant fleet.yaml:5:26",
            "3 defaults fleet.yaml:2:68"
        ]
    );
    assert_eq!(
        story("b", "time.maxdistance"),
        ["5 @hall fleet.yaml:9:30", "4 @plant fleet.yaml:5:26", "3 defaults fleet.yaml:2:68"]
    );
    assert_eq!(story("a", "ssh.user"), ["ops @other fleet.yaml:13:25", "ops defaults fleet.yaml:2:40"]);
    assert_eq!(story("a", "vars.site"), ["plant @plant fleet.yaml:6:19", "none defaults fleet.yaml:2:98"]);
    assert_eq!(
        story("b", "time.upstreams"),
        ["[{ server: ntp.plant, iburst: true }] @plant fleet.yaml:5:29"],
        "filled in"
    );
    assert_eq!(story("a", "address"), ["10.0.0.1 host fleet.yaml:11:25"]);
    assert_eq!(story("b", "address"), ["b program -"]);
    assert_eq!(story("b", "time.local"), ["false @hall fleet.yaml:9:40"]);
}

#[test]
fn what_nobody_wrote_is_the_programs_default() {
    assert_eq!(story("a", "time.cmdport"), ["323 program -"]);
    assert_eq!(story("b", "time.bound"), ["5 program -"], "as maxdistance");
    assert_eq!(story("b", "ssh.port"), ["null program -"]);
    let port = story("a", "time.port");
    assert_eq!(port, ["0 program -", "124 defaults fleet.yaml:2:77"], "a client serves nobody");
}

#[test]
fn all_keys_or_those_below_one() {
    let files: Vec<InputFile> = [file(TEXT)].to_vec();
    let of = |key: Option<&str>| {
        let (_, explanation) = load_and_explain(&files.clone().into(), None, Some("a")).unwrap();
        let explanation = explanation.unwrap();
        match key {
            Some(key) => explanation.only(key).map_or(0, |explanation| explanation.keys.len()),
            None => explanation.keys.len(),
        }
    };
    assert_eq!(of(None), Settings::KEYS.len() + 2, "with the address and a variable");
    assert_eq!(of(Some("ssh")), 6);
    assert_eq!(of(Some("time.local")), 1);
    assert_eq!(of(Some("tim")), 0);
    let (_, nobody) = load_and_explain(&files.clone().into(), None, Some("nobody")).unwrap();
    assert_eq!(nobody, None);
}
