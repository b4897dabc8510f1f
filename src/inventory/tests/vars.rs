//! `vars:` and the templates that use them.

use super::*;

/// `{ text, … }` of one host's extra lines.
fn extra(inventory: &Inventory, host: &str) -> Vec<String> {
    inventory.host(host).unwrap().time.extra.iter().map(|line| line.value.clone()).collect()
}

#[test]
fn a_template_of_an_outer_layer_uses_the_innermost_variable() {
    let inventory = good(
        "fleet: x
defaults:
  vars: { domain: example.org, site: nowhere, ntp_port: 1123 }
  ssh: { user: 'ops-{{ site }}', identity: '~/{{ fleet }}/{{ site }}.key', port: '{{ 2200 + rack }}' }
  time: { upstreams: [{ server: 'ntp.{{ site }}.{{ domain }}', port: '{{ ntp_port }}' }], rtcsync: '{{ battery }}' }
groups:
  north:
    role: client
    vars: { site: north, rack: 1, battery: true }
    hosts:
      'n[1:2]': { address: '{{ name }}.{{ site }}.{{ domain }}' }
      n3: { vars: { site: attic, rack: 7 } }
",
    );
    let of = |name: &str| {
        let host = inventory.host(name).unwrap();
        (
            host.address.value.clone(),
            host.ssh.user.clone().unwrap().value,
            host.ssh.identity.clone().unwrap().value.display().to_string(),
            host.ssh.port.clone().unwrap().value,
            host.time.upstreams[0].value.clone(),
            *host.time.rtcsync,
        )
    };
    let upstream = |name: &str| host::Upstream {
        from: UpstreamFrom::Server(name.to_owned()),
        iburst: false,
        prefer: false,
        port: Some(1123),
        minpoll: None,
        maxpoll: None,
        platform: None,
        options: host::Options::default(),
    };
    assert_eq!(
        of("n2"),
        (
            "n2.north.example.org".to_owned(),
            "ops-north".to_owned(),
            "/home/me/x/north.key".to_owned(),
            2201,
            upstream("ntp.north.example.org"),
            true
        )
    );
    assert_eq!(
        of("n3"),
        (
            "n3".to_owned(),
            "ops-attic".to_owned(),
            "/home/me/x/attic.key".to_owned(),
            2207,
            upstream("ntp.attic.example.org"),
            true
        )
    );
}

#[test]
fn variables_may_use_each_other_and_mean_what_is_written() {
    let inventory = good(
        "fleet: x
defaults:
  vars: { a: '{{ b }}-{{ name }}', b: '{{ c }}', c: 010, d: 1_000, e: no, f: '1.10', g: 12:30:45, h: 1.5, l: [x, '{{ b }}'], m: { k: v } }
  time: { extra: ['# {{ a }} {{ d }} {{ e }} {{ f }} {{ g }} {{ h }} {{ l[1] }} {{ m.k }} {{ l | length }} {{ role }}@{{ address }}'] }
groups: { g: { role: server, time: { local: true }, hosts: { h1: { address: 10.0.0.1 } } } }
",
    );
    assert_eq!(extra(&inventory, "h1"), ["# 010-h1 1_000 no 1.10 12:30:45 1.5 010 v 2 server@10.0.0.1"]);
}

#[test]
fn what_is_not_defined_is_named_with_its_very_characters() {
    assert_eq!(
        wrong(
            "fleet: x
defaults: { vars: { domain: x.org, loud: '{{ domian }}', me: '{{ you }}', you: '{{ me }}' }, role: client }
groups:
  g:
    time: { upstreams: [{ server: 'ntp.{{ domin }}' }], extra: ['# {{ rack }}', '# {{ loud }}', '# {{ me }}', '# {{ 1 / 0 }}'] }
    hosts: { a: { vars: { rack: 1 } }, b: , c: { address: '{{ address }}' } }
"
        ),
        [
            "2:46: `domian` is not defined for host `b` | did you mean `domain`?",
            "2:63: variable `me` stands for itself: `me` -> `you` -> `me`",
            "5:43: `domin` is not defined for host `b` | did you mean `domain`?",
            "5:71: `rack` is not defined for host `b` | known are name, address, fleet, role, domain, loud, me, you",
            "5:117: this template has no value on host `b`: unable to calculate 1 / 0",
            "6:63: `address` is not known yet where it is used here | the role is settled first, then the address, then everything else",
        ]
    );
}

#[test]
fn a_mistake_in_a_variable_shows_where_it_is_used() {
    let text = "fleet: x
defaults: { vars: { site: '{{ stie }}' }, role: client, time: { upstreams: [{ server: 'ntp.{{ site }}' }] } }
groups: { g: { hosts: { a: } } }
";
    let problems = load(&[file(text)], None).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].headline(), "fleet.yaml:2:31: error: `stie` is not defined for host `a`");
    let (place, label) = problems[0].second.clone().unwrap();
    assert_eq!((place.to_string().as_str(), label.as_str()), ("fleet.yaml:2:88", "used here"));
}

#[test]
fn a_filled_in_value_is_held_to_what_its_key_takes() {
    assert_eq!(
        wrong(
            "fleet: x
defaults:
  vars: { n: x, list: [1], long: \"a\\nb\" }
  role: '{{ n }}'
  ssh: { port: '{{ n }}', user: '{{ long }}' }
  time: { maxdistance: 'v{{ 1 }}', ipv4_only: '{{ n }}', allow: ['{{ n }}'], upstreams: [{ group: '{{ n }}' }] }
groups: { g: { hosts: { a: { address: '10.0.0.{{ 300 }}' } } } }
"
        ),
        [
            "4:9: `role` must be `server` or `client`, not `x`",
            "5:16: `ssh.port` must be a whole number from 1 to 65535, not `x`",
            "5:33: `ssh.user` must be one line without control characters",
            "6:24: `time.maxdistance` must be a number of seconds from 0.000001 to 1000000, not `v1`",
            "6:47: `time.ipv4_only` must be `true` or `false`, not `x`",
            "6:66: `x` is a host name: `time.allow` takes addresses and networks only | a name that does not resolve when the daemon starts would keep it from starting",
            "6:99: there is no group `x` | did you mean `g`?",
            "7:39: `address` `10.0.0.300` is no IPv4 address: four numbers from 0 to 255",
        ]
    );
}

#[test]
fn names_of_variables_are_words() {
    assert_eq!(
        wrong("fleet: x\ndefaults: { vars: { name: a, a-b: 1, 2nd: 1, ok: '{{ ' } }\n"),
        [
            "2:21: `name` cannot be the name of a variable | it stands for something of the host's own already",
            "2:30: `a-b` cannot be the name of a variable | letters, digits and `_`, no digit first",
            "2:38: `2nd` cannot be the name of a variable | letters, digits and `_`, no digit first",
            "2:51: this template cannot be read: unexpected end of input, expected expression",
        ]
    );
}

#[test]
fn unrelated_groups_must_agree_on_variables_too() {
    let text = "fleet: x
defaults: { role: client }
groups:
  a: { vars: { v: 1, w: 2 }, time: { extra: ['{{ v }}'] }, hosts: { h: , i: { vars: { v: 3 } } } }
  b: { vars: { v: 2, w: 2 }, time: { extra: ['{{ v }}'] }, hosts: { h: , i: } }
";
    let problems = load(&[file(text)], None).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(
        problems[0].headline(),
        "fleet.yaml:5:19: error: host `h` is in two unrelated groups that differ in `vars.v`"
    );
    let (place, label) = problems[0].second.as_ref().unwrap();
    assert_eq!((place.to_string().as_str(), label.as_str()), ("fleet.yaml:4:19", "the other value"));
}

#[test]
fn unrelated_groups_must_agree_on_templates_too() {
    let text = |a: &str, b: &str| {
        format!(
            "fleet: x
defaults: {{ role: client, vars: {{ v: 1 }} }}
groups:
  a: {{ time: {{ extra: ['{a}'] }}, hosts: {{ h: }} }}
  b: {{ time: {{ extra: ['{b}'] }}, hosts: {{ h: }} }}
"
        )
    };
    assert_eq!(extra(&good(&text("# {{ v }}", "# {{ v }}")), "h"), ["# 1"]);
    for other in ["# {{ v + 1 }}", "# 1"] {
        assert_eq!(
            wrong(&text("# {{ v }}", other)),
            [
                "5:16: host `h` is in two unrelated groups that differ in `time.extra` | put one group inside the other, or give the host a value of its own"
            ],
            "{other}"
        );
    }
}

#[test]
fn variables_that_double_each_other_end_soon() {
    let chain: String =
        (1..=40).map(|n| format!("v{n}: '{{{{ v{} }}}}{{{{ v{} }}}}', ", n - 1, n - 1)).collect();
    let text = |last: usize| {
        format!(
            "fleet: x\ndefaults: {{ role: client, vars: {{ v0: ha, {chain} }}, time: {{ extra: ['{{{{ v{last} }}}}'] }} }}\ngroups: {{ g: {{ hosts: {{ a: }} }} }}\n"
        )
    };
    let told = wrong(&text(20));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("this stands for far more than a value, on host `a`"), "{told:?}");
    let told = wrong(&text(40));
    assert!(told[0].contains("a chain of more than 32 variables"), "{told:?}");
    let told = wrong(&with_time(
        "extra: ['{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}']",
    ));
    assert_eq!(
        told,
        ["6:54: this stands for far more than a value, on host `a` | a value has at most 65536 characters"]
    );
}

#[test]
fn hosts_whose_templates_say_the_same_share_what_they_say() {
    let inventory = good(
        "fleet: x
groups:
  g:
    role: client
    time: { upstreams: [{ server: 'ntp.{{ site }}.example' }] }
    hosts:
      a: { vars: { site: north } }
      b: { vars: { site: south } }
      c: { vars: { site: north } }
      d: { vars: { site: north }, time: { maxdistance: 5 } }
      e: { vars: { site: north }, time: { maxdistance: 7 } }
  h:
    role: client
    time: { upstreams: [{ server: 'ntp.{{ site }}.example', iburst: true }] }
    hosts: { f: { vars: { site: north } } }
",
    );
    let time = |name: &str| &inventory.host(name).unwrap().time;
    assert_eq!(time("a").identity(), time("c").identity());
    let said: Vec<(String, Option<f64>, bool)> = ["a", "b", "c", "d", "e", "f"]
        .map(|name| {
            let upstream = &time(name).upstreams[0];
            let UpstreamFrom::Server(server) = &upstream.from else { panic!("{upstream:?}") };
            (
                server.clone(),
                time(name).maxdistance.as_ref().map(|distance| distance.value.0),
                upstream.iburst,
            )
        })
        .into();
    let north = || "ntp.north.example".to_owned();
    assert_eq!(
        said,
        [
            (north(), None, false),
            ("ntp.south.example".to_owned(), None, false),
            (north(), None, false),
            (north(), Some(5.0), false),
            (north(), Some(7.0), false),
            (north(), None, true),
        ]
    );
}

#[test]
fn a_template_without_quotes_is_recognised() {
    let help = "a value that begins with a template needs quotes: `\"{{ … }}\"`";
    for (value, told) in [
        ("address: {{ name }}", "6:18: `address` must be text"),
        ("ssh: { port: {{ port }} }", "6:22: `ssh.port` must be a whole number from 1 to 65535"),
        ("take_over: {{ x }}", "6:20: `take_over` must be `true` or `false`"),
        ("time: { extra: [{{ x }}] }", "6:25: `time.extra` must be text"),
        (
            "address: {{ name }}.example",
            "6:28: not YAML: while parsing a block mapping, did not find expected key",
        ),
    ] {
        let text =
            format!("groups:\n  g:\n    role: client\n    hosts:\n      a:\n        {value}\nfleet: x\n");
        assert_eq!(wrong(&text), [format!("{told} | {help}")], "{text}");
    }
}
