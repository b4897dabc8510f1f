//! `explain`: whose word counts, and whose does not.

use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};
use timefleet_agent::config::{self, Config};

use super::*;
use crate::inventory::explain::{Layer, Word};
use crate::inventory::settings::Settings;
use crate::inventory::show::Show;
use crate::render::render;

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
    story_of(TEXT, host, key)
}

fn story_of(text: &str, host: &str, key: &str) -> Vec<String> {
    let files = [file(text)].to_vec();
    let (_, explanation) = load_and_explain(&files.into(), Some(Path::new("/home/me")), Some(host)).unwrap();
    let explanation = explanation.unwrap();
    let story = explanation.keys.iter().find(|story| story.key == key).unwrap();
    let word = |word: &Word| {
        let layer = match &word.layer {
            Layer::Host => "host".to_owned(),
            Layer::Group(name) => format!("@{name}"),
            Layer::Defaults => "defaults".to_owned(),
            Layer::Program => "program".to_owned(),
        };
        format!("{} {layer} {}", show::flow(&word.value), word.place.as_deref().unwrap_or("-"))
    };
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

/// Every key written, none written, switches on and off.
const EVERY_KEY: &str = r#"fleet: x
groups:
  everything:
    hosts:
      every:
        address: 10.0.0.1
        role: server
        ssh: { user: ops, port: 2222, identity: ~/.ssh/id, become: true, jump: none, known_hosts: ~/.ssh/known }
        agent: { service: process, home: /srv/timefleet }
        take_over: true
        allow_rules: [{ rule: open-server, reason: "it is one" }]
        time:
          upstreams: [{ pool: pool.example, iburst: true }]
          allow: [10/8]
          deny: [10.9/16]
          local: { stratum: 9, orphan: true, distance: 0.5, activate: 0.25, waitsynced: 60, waitunsynced: 300 }
          maxdistance: 1.5
          ipv4_only: true
          ipv6_only: false
          makestep: { threshold: 0.1, limit: 5 }
          rtcsync: true
          minsources: 2
          ratelimit: { interval: 1, burst: 16, leak: 3, kod: 2 }
          keyfile: /etc/keys
          template: own.j2
          port: 1123
          cmdport: 1323
          control_clock: false
          daemon: agent
          bound: 0.75
          extra: [logdir /var/log]
  bare: { hosts: { client: { role: client }, server: { role: server } } }
  switches:
    role: server
    time:
      port: 124
      local: { stratum: 8, orphan: true, distance: 0.5, activate: 0.25, waitsynced: 60, waitunsynced: 300 }
      makestep: { threshold: 0.1, limit: 5 }
      ratelimit: { interval: 1, burst: 16, leak: 3, kod: 2 }
    hosts:
      inherits:
      off: { time: { local: false, makestep: false, ratelimit: false, control_clock: false } }
      served-by-nobody: { role: client }
  usual:
    role: server
    time: { local: true, makestep: true, ratelimit: true, maxdistance: 2 }
    hosts: { on: , its-own: { time: { daemon: chronyd } } }
"#;

/// What holds for a host, from what is rendered for it and read back by the agent where that says it, and else from
/// the host as the other commands see it. A key that is not here fails the test: describe it, in `default_of` as well.
fn holds(key: &str, host: &Host, config: &Config) -> Value {
    let (time, local) = (&host.time, config.local.as_ref());
    let agent = *time.daemon == DaemonKind::Agent;
    let waits = |wait: fn(&config::Local) -> timefleet_agent::time::Seconds| {
        local.filter(|_| agent).map(|local| wait(local).show())
    };
    let optional = match key {
        "role" => Some(host.role.show()),
        "take_over" => Some(host.take_over.show()),
        "allow_rules" => Some(host.allow_rules.iter().map(|rule| rule.value.show()).collect()),
        "ssh.user" => host.ssh.user.as_ref().map(|user| user.show()),
        "ssh.port" => host.ssh.port.as_ref().map(|port| port.show()),
        "ssh.identity" => host.ssh.identity.as_ref().map(|path| path.show()),
        "ssh.become" => Some(host.ssh.r#become.show()),
        "ssh.jump" => host.ssh.jump.as_ref().map(|jump| jump.show()),
        "ssh.known_hosts" => host.ssh.known_hosts.as_ref().map(|path| path.show()),
        "agent.service" => Some(host.agent.service.show()),
        "agent.home" => Some(host.agent.home.show()),
        "time.upstreams" => Some(time.upstreams.show()),
        "time.allow" => Some(time.allow.show()),
        "time.deny" => Some(time.deny.show()),
        "time.local" => Some(json!(local.is_some())),
        "time.local.stratum" => local.map(|local| json!(local.stratum)),
        "time.local.orphan" => local.map(|local| json!(local.orphan)),
        "time.local.distance" => local.map(|local| local.distance.show()),
        "time.local.activate" => waits(|local| local.activate),
        "time.local.waitsynced" => waits(|local| local.wait_synced),
        "time.local.waitunsynced" => waits(|local| local.wait_unsynced),
        "time.maxdistance" => Some(config.max_distance.show()),
        "time.ipv4_only" => Some(time.ipv4_only.show()),
        "time.ipv6_only" => Some(time.ipv6_only.show()),
        "time.makestep" => Some(json!(config.make_step.is_some())),
        "time.makestep.threshold" => config.make_step.as_ref().map(|step| step.threshold.show()),
        "time.makestep.limit" => time.makestep.as_ref().map(|step| json!(step.limit)),
        "time.rtcsync" => Some(json!(config.rtc_sync)),
        "time.minsources" => Some(json!(config.min_sources)),
        "time.ratelimit" => Some(json!(config.rate_limit.is_some())),
        "time.ratelimit.interval" => config.rate_limit.map(|limit| json!(limit.interval)),
        "time.ratelimit.burst" => config.rate_limit.map(|limit| json!(limit.burst)),
        "time.ratelimit.leak" => config.rate_limit.map(|limit| json!(limit.leak)),
        "time.ratelimit.kod" => config.rate_limit.map(|limit| json!(limit.kod)),
        "time.keyfile" => config.key_file.as_ref().map(|path| path.show()),
        "time.template" => time.template.as_ref().map(|path| path.show()),
        "time.port" => Some(json!(config.port)),
        "time.cmdport" => Some(json!(config.command_port)),
        "time.control_clock" => Some(time.control_clock.show()),
        "time.daemon" => Some(time.daemon.show()),
        "time.bound" => Some(time.bound.show()),
        "time.extra" => Some(time.extra.show()),
        undescribed => panic!("nobody described {undescribed}"),
    };
    optional.unwrap_or(Value::Null)
}

#[test]
fn every_key_of_every_host_is_shown_as_it_holds() {
    let inputs: Inputs = vec![file(EVERY_KEY)].into();
    let names = ["every", "client", "server", "inherits", "off", "served-by-nobody", "on", "its-own"];
    for name in names {
        let (inventory, explanation) =
            load_and_explain(&inputs, Some(Path::new("/home/me")), Some(name)).unwrap();
        assert_eq!(inventory.hosts.len(), names.len());
        let host = inventory.host(name).unwrap();
        let config = config::parse("rendered", &render(&inventory, host).unwrap().config).unwrap();
        let explanation = explanation.unwrap();
        for key in Settings::KEYS {
            let story = explanation.keys.iter().find(|story| story.key == *key).unwrap();
            assert_eq!(story.word.value, holds(key, host, &config), "{name}: {key}");
            assert_eq!(story.word.layer == Layer::Program, story.word.place.is_none(), "{name}: {key}");
            assert!(
                name != "every" || story.word.layer == Layer::Host,
                "{key} is not written in the example"
            );
        }
    }
}

/// A key in each line, with `value layer place` of what counts and of what is shadowed.
fn below(host: &str, prefix: &str) -> String {
    let keys = Settings::KEYS.iter().filter(|known| known.starts_with(prefix));
    let line = |key: &&str| format!("{key}: {}\n", story_of(EVERY_KEY, host, key).join(" < "));
    keys.map(line).collect()
}

#[test]
fn what_is_below_a_switch_that_is_off_is_nothing_and_shadowed() {
    assert_data_eq!(
        below("off", "time.local"),
        str![[r#"
time.local: false host fleet.yaml:42:29 < true @switches fleet.yaml:37:7
time.local.stratum: null program - < 8 @switches fleet.yaml:37:25
time.local.orphan: null program - < true @switches fleet.yaml:37:36
time.local.distance: null program - < 0.5 @switches fleet.yaml:37:52
time.local.activate: null program - < 0.25 @switches fleet.yaml:37:67
time.local.waitsynced: null program - < 60 @switches fleet.yaml:37:85
time.local.waitunsynced: null program - < 300 @switches fleet.yaml:37:103

"#]]
    );
    assert_data_eq!(
        below("off", "time.makestep"),
        str![[r#"
time.makestep: false host fleet.yaml:42:46 < true @switches fleet.yaml:38:7
time.makestep.threshold: null program - < 0.1 @switches fleet.yaml:38:30
time.makestep.limit: null program - < 5 @switches fleet.yaml:38:42

"#]]
    );
}

#[test]
fn what_a_switch_brings_along_is_the_daemons_default() {
    assert_data_eq!(
        below("on", "time.local"),
        str![[r#"
time.local: true @usual fleet.yaml:46:20
time.local.stratum: 10 program -
time.local.orphan: false program -
time.local.distance: 1 program -
time.local.activate: 0 program -
time.local.waitsynced: 0 program -
time.local.waitunsynced: 0 program -

"#]]
    );
    // How long a chronyd waits hangs on its version.
    assert_data_eq!(
        below("its-own", "time.local.wait"),
        str![[r#"
time.local.waitsynced: null program -
time.local.waitunsynced: null program -

"#]]
    );
    assert_data_eq!(
        below("on", "time.ratelimit"),
        str![[r#"
time.ratelimit: true @usual fleet.yaml:46:53
time.ratelimit.interval: 3 program -
time.ratelimit.burst: 8 program -
time.ratelimit.leak: 2 program -
time.ratelimit.kod: 0 program -

"#]]
    );
    assert_data_eq!(
        below("server", "time.makestep"),
        str![[r#"
time.makestep: true program -
time.makestep.threshold: 1 program -
time.makestep.limit: 3 program -

"#]]
    );
}
