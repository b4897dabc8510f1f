//! Inventories in, literal outcomes out.

use super::host::{DaemonKind, Role, Service, UpstreamFrom};
use super::*;

fn file(text: &str) -> InputFile {
    InputFile { name: "fleet.yaml".to_owned(), text: text.to_owned() }
}

fn good(text: &str) -> Inventory {
    let loaded = load(&[file(text)], Some(Path::new("/home/me")));
    loaded.unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(Problem::headline).collect::<Vec<_>>().join("\n"))
    })
}

/// `line:column: message | help` of every problem.
fn wrong(text: &str) -> Vec<String> {
    let problems = load(&[file(text)], Some(Path::new("/home/me"))).err().unwrap_or_default();
    let line = |problem: &Problem| {
        let help = problem.help.as_ref().map(|help| format!(" | {help}")).unwrap_or_default();
        format!("{}:{}: {}{help}", problem.place.line, problem.place.column, problem.message)
    };
    problems.iter().map(line).collect()
}

/// One server whose `time` is given.
fn with_time(time: &str) -> String {
    format!("fleet: x\ngroups:\n  g:\n    role: server\n    time:\n      {time}\n    hosts: {{ a: }}\n")
}

#[test]
fn the_issues_inventory_is_resolved_layer_by_layer() {
    let inventory = good(include_str!("../../inventories/two-tier.yaml"));
    assert_eq!(*inventory.fleet, "plant-7");
    assert_eq!(inventory.hosts.len(), 23);
    let web = inventory.host("web07").unwrap();
    assert_eq!((web.address.value.as_str(), &*web.groups), ("10.20.1.7", &["clients".to_owned()][..]));
    assert_eq!(*web.role, Role::Client);
    assert_eq!(web.ssh.user.as_deref().unwrap(), "ops");
    assert_eq!(web.ssh.identity.as_deref().unwrap(), Path::new("/home/me/.ssh/id_ed25519"));
    assert!(*web.ssh.r#become);
    assert_eq!(web.ssh.port, None);
    assert_eq!(web.time.maxdistance.as_ref().unwrap().0, 16.0);
    assert_eq!(web.time.bound.0, 16.0);
    assert_eq!((*web.time.port, *web.time.cmdport), (0, 323));
    let db = inventory.host("db1").unwrap();
    assert_eq!(db.time.maxdistance.as_ref().unwrap().0, 3.0);
    assert_eq!(db.time.maxdistance.as_ref().unwrap().place.as_ref().unwrap().to_string(), "fleet.yaml:31:76");
    assert_eq!(**db.ssh.port.as_ref().unwrap(), 2222);
    assert!(*db.time.ipv4_only);
    let server = inventory.host("ntp-a").unwrap();
    assert_eq!(
        (*server.time.port, *server.time.daemon, *server.agent.service),
        (123, DaemonKind::Agent, Service::Systemd)
    );
    assert_eq!(server.time.allow.len(), 2);
    let local = server.time.local.as_ref().unwrap();
    assert_eq!((local.stratum, local.orphan, local.distance.unwrap().0), (10, true, 0.1));
    let of =
        |host| inventory.dependencies(host).into_iter().map(|host| host.name.as_str()).collect::<Vec<_>>();
    assert_eq!(of(web), ["ntp-a", "ntp-b"]);
    assert_eq!(of(server), Vec::<&str>::new());
}

#[test]
fn inner_groups_win_and_lists_are_replaced_whole() {
    let inventory = good(
        "fleet: x
defaults: { role: server, time: { minsources: 1, maxdistance: 1, allow: [10/8] } }
groups:
  site:
    time: { minsources: 2, maxdistance: 2, local: { stratum: 9, orphan: true }, makestep: { limit: 5 } }
    children:
      rack:
        time: { maxdistance: 3, allow: [10.1, 10.2], local: { distance: 0.5 }, makestep: { threshold: 0.25 } }
        hosts:
          a:
          b: { time: { maxdistance: 4, local: false, makestep: false } }
    hosts: { c: }
",
    );
    let of = |name: &str| {
        let time = &inventory.host(name).unwrap().time;
        let makestep = time.makestep.as_ref().map(|step| (step.threshold.0, step.limit));
        let local =
            time.local.as_ref().map(|local| (local.stratum, local.orphan, local.distance.map(|d| d.0)));
        let allow: Vec<_> = time.allow.iter().map(|network| network.value.to_string()).collect();
        (
            **time.minsources.as_ref().unwrap(),
            time.maxdistance.as_ref().unwrap().0,
            local,
            makestep,
            allow.join(" "),
        )
    };
    assert_eq!(
        of("a"),
        (2, 3.0, Some((9, true, Some(0.5))), Some((0.25, 5)), "10.1.0.0/16 10.2.0.0/16".to_owned())
    );
    assert_eq!(of("b"), (2, 4.0, None, None, "10.1.0.0/16 10.2.0.0/16".to_owned()));
    assert_eq!(of("c"), (2, 2.0, Some((9, true, None)), Some((1.0, 5)), "10.0.0.0/8".to_owned()));
    assert_eq!(*inventory.host("a").unwrap().groups, ["site", "rack"]);
    let members = |group: &str| inventory.members(group).map(|host| host.name.as_str()).collect::<Vec<_>>();
    assert_eq!(members("site"), ["a", "b", "c"]);
    assert_eq!(members("rack"), ["a", "b"]);
}

#[test]
fn unrelated_groups_that_differ_are_an_error_with_both_places() {
    let text = "fleet: x
defaults: { role: server }
groups:
  a: { time: { maxdistance: 3, port: 5 }, hosts: { h: , i: { time: { maxdistance: 9 } } } }
  b: { time: { maxdistance: 4, port: 5 }, hosts: { h: , i: } }
";
    let problems = load(&[file(text)], None).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(
        problems[0].headline(),
        "fleet.yaml:5:29: error: host `h` is in two unrelated groups that differ in `time.maxdistance`"
    );
    let (place, label) = problems[0].second.as_ref().unwrap();
    assert_eq!((place.to_string().as_str(), label.as_str()), ("fleet.yaml:4:29", "the other value"));
}

#[test]
fn a_host_may_be_listed_by_several_groups_but_described_once() {
    let inventory = good(
        "fleet: x
groups:
  all: { role: server, hosts: { 'h[1:3]': { address: '10.0.0.[1:3]' } } }
  odd: { take_over: true, hosts: { h1: , h3: } }
",
    );
    let taken: Vec<_> = inventory.hosts.iter().map(|host| (host.name.as_str(), *host.take_over)).collect();
    assert_eq!(taken, [("h1", true), ("h2", false), ("h3", true)]);
    assert_eq!(inventory.host("h3").unwrap().address.value, "10.0.0.3");

    assert_eq!(
        wrong(
            "fleet: x
defaults: { role: server }
groups:
  a: { hosts: { 'h[1:3]': , h2: } }
  b: { hosts: { k: { address: k.example } } }
  c: { hosts: { k: { address: k.example } } }
"
        ),
        [
            "4:29: host `h2` is listed twice in group `a` | a host's own keys stand in one place; other groups list it with nothing after the colon",
            "6:17: host `k` is declared twice | a host's own keys stand in one place; other groups list it with nothing after the colon",
        ]
    );
}

#[test]
fn every_mistake_comes_out_at_once_with_its_place() {
    assert_eq!(
        wrong(
            "fleet: x
default: { }
groups:
  g:
    rol: server
    role: sever
    ssh: { usr: ops, port: 99999, become: yes, identity: ~bob/key, user: 7 }
    agent: { service: systemd-unit, home: relative }
    time: { maxdistnce: 3, ipv4_only: 1, minsources: 0, port: 010, cmdport: 0x10, bound: .inf }
    hosts: { 'w[1:20]': { address: '10.0.0.[1:19]' }, 'a b': , 'v[3:1]': }
"
        ),
        [
            "2:1: unknown key `default` in the inventory | did you mean `defaults`?",
            "5:5: unknown key `rol` in group `g` | did you mean `role`?",
            "6:11: `role` must be `server` or `client`, not `sever` | did you mean `server`?",
            "7:12: unknown key `usr` in `ssh` | did you mean `user`?",
            "7:28: `ssh.port` must be a whole number from 1 to 65535, not `99999`",
            "7:43: `ssh.become` must be `true` or `false`, not `yes` | write `true`",
            "7:58: `ssh.identity` is in another user's home directory | only `~/` is expanded: write the whole path",
            "7:74: `ssh.user` must be text | write it in quotes: \"7\"",
            "8:23: `agent.service` must be `systemd` or `process`, not `systemd-unit`",
            "8:43: `agent.home` must be a path that begins with `~/` or `/` | for example `~/timefleet`: letters, digits, `.`, `-`, `_` and `/`",
            "9:13: unknown key `maxdistnce` in `time` | did you mean `maxdistance`?",
            "9:39: `time.ipv4_only` must be `true` or `false`, not `1`",
            "9:54: `time.minsources` must be a whole number from 1 to 1000, not `0`",
            "9:63: `time.port` must be a whole number from 1 to 65535, not `010` | write plain decimal digits",
            "9:77: `time.cmdport` must be a whole number from 0 to 65535, not `0x10` | write plain decimal digits",
            "9:90: `time.bound` must be a number of seconds from 0.000001 to 1000000, not `.inf`",
            "10:36: 19 addresses for 20 hosts | give both ranges the same length, as in `web[01:20]` and `10.20.1.[1:20]`",
            "10:55: `a b` cannot be the name of a host | letters, digits, `.`, `-` and `_`; ranges are written `web[01:20]`",
            "10:64: the range [3:1] runs backwards",
        ]
    );
}

#[test]
fn networks_are_networks() {
    assert_eq!(
        wrong(&with_time(
            "allow: [10.20.0.5/16, host.example, 10.20, 0/0, ::0/0, 10.0.0.0/33, 1.2.3.4.5, true]"
        )),
        [
            "6:15: `10.20.0.5/16` has bits set beyond its prefix length | the network is `10.20.0.0/16`",
            "6:29: `host.example` is a host name: `time.allow` takes addresses and networks only | a name that does not resolve when the daemon starts would keep it from starting",
            "6:62: the prefix length of `10.0.0.0/33` is too long | at most 32 bits",
            "6:75: `1.2.3.4.5` is neither an address nor a network | for example `10.20.0.0/16`",
            "6:86: an item of `time.allow` must be an address or a network | for example `10.20.0.0/16`",
        ]
    );
    assert_eq!(
        wrong(&with_time("allow: 10.20.0.0/16")),
        ["6:14: `time.allow` must be a list | write `[10.20.0.0/16]`"]
    );
    assert_eq!(
        wrong(&with_time("{ allow: [10/8, 10.1/16], deny: [10.0.0.0/8] }")),
        ["6:40: `10.0.0.0/8` is both allowed and denied"]
    );
}

#[test]
fn an_upstream_names_exactly_one_thing() {
    assert_eq!(
        wrong(&with_time(
            "upstreams: [{ pool: a, server: b }, { iburst: true }, { group: f }, a.example, { server: 'a b' }, { pool: p, minpoll: 9, maxpoll: 6 }, { server: s, platform: win }]"
        )),
        [
            "6:30: an upstream names one of `server`, `pool` and `group` | write two upstreams",
            "6:43: this upstream names nothing | give it one of `server: NAME`, `pool: NAME`, `group: NAME`",
            "6:70: there is no group `f` | did you mean `g`?",
            "6:75: an upstream must hold `key: value` lines",
            "6:96: `time.upstreams.server` must be a host name or an address, not `a b`",
            "6:105: `minpoll` 9 is above `maxpoll` 6 | write the smaller one as `minpoll`",
            "6:165: `time.upstreams.platform` must be `windows` or `other`, not `win`",
        ]
    );
}

#[test]
fn values_that_contradict_each_other() {
    assert_eq!(
        wrong(&with_time("{ ipv4_only: true, ipv6_only: true }")),
        ["6:37: `ipv4_only` and `ipv6_only` leave no address at all | keep one of them"]
    );
    assert_eq!(
        wrong(&with_time("{ daemon: chronyd, control_clock: false }")),
        [
            "6:41: `control_clock: false` cannot be given to `daemon: chronyd` | it is a flag of chronyd's own service, which timefleet leaves alone; use `daemon: agent`"
        ]
    );
    assert_eq!(
        wrong(&with_time("local: { stratum: 16, distance: 0, orphan: no }")),
        [
            "6:25: `time.local.stratum` must be a whole number from 1 to 15, not `16`",
            "6:39: `time.local.distance` must be a number of seconds from 0.000001 to 1000000, not `0`",
            "6:50: `time.local.orphan` must be `true` or `false`, not `no` | write `false`",
        ]
    );
}

#[test]
fn what_is_missing_or_there_twice() {
    assert_eq!(
        wrong("groups: { g: { hosts: { a: , b: } } }"),
        [
            "1:1: the fleet has no name | write `fleet: NAME` at the top of the file",
            "1:25: host `a` (and one more host) has no role | write `role: server` or `role: client` on the host or on one of its groups",
        ]
    );
    assert_eq!(
        wrong("fleet: x\ngroups:\n  a: { role: server, role: client }\n  b: { children: { a: } }\n"),
        [
            "3:22: `role` is written twice here | keep one of them",
            "4:20: group `a` is declared twice | write all that belongs to it in one place, or choose another name",
        ]
    );
    assert_eq!(wrong(""), ["1:1: the fleet has no name | write `fleet: NAME` at the top of the file"]);
    assert_eq!(
        wrong("- a\n"),
        [
            "1:1: the fleet has no name | write `fleet: NAME` at the top of the file",
            "1:1: the inventory must hold `key: value` lines | write `name:` lines instead of `- name` items",
        ]
    );
}

#[test]
fn text_that_is_no_yaml_says_where() {
    assert_eq!(
        wrong("a:\n\tb: 1\n"),
        ["2:2: not YAML: tabs disallowed within this context (block indentation) | indent with spaces"]
    );
    assert_eq!(wrong("a: 'open\n"), ["1:4: not YAML: unclosed quote"]);
    assert_eq!(wrong("a: \0b\n"), ["1:4: not YAML: unexpected character: `\\u{0}'"]);
    assert_eq!(wrong("a: b: c\n"), ["1:5: not YAML: mapping values are not allowed in this context"]);
    assert_eq!(wrong("&a [*a]\n"), ["1:5: this alias stands inside what it stands for"]);
    assert_eq!(
        wrong("fleet: x\n---\nfleet: y\n"),
        [
            "3:1: a second YAML document begins here | an inventory is one document: use two files, or one mapping"
        ]
    );
    let deep = format!("a: {}1{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(
        wrong(&deep),
        ["1:153: nested deeper than 150 levels | each group inside another takes two levels"]
    );
    let laughs: String =
        (1..12).map(|n| format!("l{n}: &l{n} [{}]\n", vec![format!("*l{}", n - 1); 10].join(","))).collect();
    assert_eq!(
        wrong(&format!("l0: &l0 ha\n{laughs}")),
        ["6:10: the aliases of this file stand for far more than the file itself says | write it out"]
    );
}

#[test]
fn groups_may_be_nested_deeper_than_anybody_needs() {
    let deep = |depth: usize| {
        let open: String = (0..depth).map(|n| format!("g{n}: {{ children: {{ ")).collect();
        let innermost = "g: { role: client, hosts: { h: { time: { upstreams: [{ server: s }] } } } }";
        format!("fleet: x\ngroups: {{ {open}{innermost}{} }}\n", " } }".repeat(depth))
    };
    assert_eq!(good(&deep(70)).hosts[0].groups.len(), 71);
    let problems = wrong(&deep(80));
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with("2:") && problems[0].contains("nested deeper than 150 levels"),
        "{}",
        problems[0]
    );
}

#[test]
fn a_fleet_must_be_called_something() {
    assert_eq!(wrong("fleet: 7\n"), ["1:8: `fleet` must be text | write it in quotes: \"7\""]);
    assert_eq!(wrong("fleet:\n"), ["1:1: `fleet` must be text | write a value or take the line away"]);
}

#[test]
fn addresses_that_can_never_be_reached() {
    let address = |text: &str| {
        let told = wrong(&format!("fleet: x\ngroups: {{ g: {{ role: server, hosts: {{ {text} }} }} }}\n"));
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].split_once(": ").unwrap().1.to_owned()
    };
    assert_eq!(
        address("h: { address: 10.0.0.300 }"),
        "`address` `10.0.0.300` is no IPv4 address: four numbers from 0 to 255"
    );
    assert_eq!(
        address("'h[1:9]': { address: '10.0.0.[250:258]' }"),
        "`address` `10.0.0.258` is no IPv4 address: four numbers from 0 to 255"
    );
    assert_eq!(
        address("h: { address: '1.2.3.4:22' }"),
        "`address` `1.2.3.4:22` has a port at its end | the port goes into `ssh: { port: 22 }`, and `1.2.3.4` stays here"
    );
    assert_eq!(
        address("h: { address: 'fe80::1%eth0' }"),
        "`address` `fe80::1%eth0` has a zone, which means something on one machine only | write an address that others can reach, or a name"
    );
}

#[test]
fn words_mean_what_is_written() {
    let inventory = good(
        "\u{feff}fleet: 'no'
groups: { 'on': { role: server, hosts: { 010: { address: 10.0.0.1 }, 1_000: , y: } } }
",
    );
    assert_eq!(*inventory.fleet, "no");
    let names: Vec<_> = inventory.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["010", "1_000", "y"]);
    assert_eq!(inventory.groups[0].name, "on");
}

#[test]
fn anchors_and_merge_keys_keep_the_place_of_their_definition() {
    assert_eq!(
        wrong(
            "fleet: x
groups:
  a: { role: server, time: &t { maxdistance: x }, hosts: { h: } }
  b: { role: server, time: { <<: *t, minsources: 2 }, hosts: { i: } }
"
        ),
        ["3:46: `time.maxdistance` must be a number of seconds from 0.000001 to 1000000, not `x`"]
    );
}

#[test]
fn extra_lines_know_their_host() {
    let inventory = good(
        "fleet: lab
groups:
  g:
    role: client
    time: { upstreams: [{ server: t }], extra: ['bindacqaddress {{ address }}', '# {{ name }} {{ fleet }} {{ role }}'] }
    hosts: { 'h[1:2]': { address: '10.0.0.[1:2]' } }
",
    );
    let extra = &inventory.host("h2").unwrap().time.extra;
    assert_eq!(
        (extra[0].value.as_str(), extra[1].value.as_str()),
        ("bindacqaddress 10.0.0.2", "# h2 lab client")
    );
    assert_eq!(
        wrong(&with_time("extra: ['bindaddress {{ adress }}', '{{ name']")),
        [
            "6:31: `adress` is not defined for host `a` | did you mean `address`?",
            "6:47: this template cannot be read: unexpected end of input, expected end of variable block",
        ]
    );
    assert_eq!(
        wrong(&with_time("extra: [\"a\\nb\"]")),
        ["6:15: `time.extra` must be one line without control characters"]
    );
}

#[test]
fn several_files_are_one_fleet_and_their_problems_come_in_order() {
    let first =
        InputFile { name: "a.yaml".into(), text: "fleet: x\ndefaults: { ssh: { user: a } }\n".into() };
    let second = InputFile {
        name: "b.yaml".into(),
        text: "defaults: { ssh: { port: 23 } }\ngroups: { g: { role: server, hosts: { h: } } }\n".into(),
    };
    let inventory = load(&[first.clone(), second.clone()], None).unwrap();
    let host = inventory.host("h").unwrap();
    assert_eq!((host.ssh.user.as_deref().unwrap().as_str(), **host.ssh.port.as_ref().unwrap()), ("a", 23));
    let third =
        InputFile { name: "c.yaml".into(), text: "fleet: y\ndefaults: { ssh: { port: 24 } }\nx: 1\n".into() };
    let problems = load(&[first, second, third], None).unwrap_err();
    assert_eq!(
        problems.iter().map(Problem::headline).collect::<Vec<_>>(),
        [
            "c.yaml:1:8: error: two files name different fleets: `x` and `y`",
            "c.yaml:2:26: error: two files give different defaults for `ssh.port`",
            "c.yaml:3:1: error: unknown key `x` in the inventory",
        ]
    );
}

#[test]
fn a_problem_shows_the_characters_that_are_meant() {
    let files = [file("fleet: x\ngroups:\n  a: { role: server, role: client, hosts: { ü: } }\n")];
    let problems = load(&files, None).unwrap_err();
    let mut printed = Vec::new();
    problem::print(&problems, &files, &mut printed).unwrap();
    let text = String::from_utf8(printed).unwrap();
    assert!(text.starts_with('\u{1b}'), "coloured for anstream to strip");
    assert_eq!(
        anstream::adapter::strip_str(&text).to_string(),
        "\
fleet.yaml:3:22: error: `role` is written twice here
  |
3 |   a: { role: server, role: client, hosts: { ü: } }
  |                      ^^^^
  |
 ::: fleet.yaml:3:8
  |
3 |   a: { role: server, role: client, hosts: { ü: } }
  |        ---- the first time
  |
  = help: keep one of them

fleet.yaml:3:45: error: `ü` cannot be the name of a host
  |
3 |   a: { role: server, role: client, hosts: { ü: } }
  |                                             ^
  |
  = help: letters, digits, `.`, `-` and `_`; ranges are written `web[01:20]`

"
    );
}

#[test]
fn groups_named_as_upstreams_stay_groups() {
    let inventory = good(
        "fleet: x
groups: { s: { role: server, time: { upstreams: [{ group: s }], local: { orphan: true } }, hosts: { 'n[1:3]': } } }
",
    );
    let host = inventory.host("n2").unwrap();
    assert_eq!(host.time.upstreams[0].from, UpstreamFrom::Group("s".to_owned()));
    let others: Vec<_> = inventory.upstream_hosts(host, "s").map(|host| host.name.as_str()).collect();
    assert_eq!(others, ["n1", "n3"]);
}

mod explain;
mod files;
pub(crate) mod fleet;
mod model;
pub(crate) mod naive;
mod names;
mod natives;
mod torture;
mod values;
mod vars;
