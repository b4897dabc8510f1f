//! `--on`: the whole inventory is checked, and only what concerns the selected hosts is told.

use snapbox::{IntoData, assert_data_eq, str};

use super::*;

/// What is told to somebody who asks about these hosts, as in the case files.
fn told(text: &str, on: &str) -> String {
    let file = InputFile { name: "f.yaml".to_owned(), text: text.to_owned() };
    let selection: Selection = on.parse().unwrap();
    let home = Some(Path::new("/home/me"));
    match check_on(vec![file].into(), home, &Policy::default(), &selection) {
        Ok(checked) => findings(&checked),
        Err(error) => format!("error: {error}\n"),
    }
}

/// Two servers, one of them closed; three clients, of which one has one source and one is known to have one.
const SHOP: &str = r#"fleet: shop
groups:
  servers:
    role: server
    time: { upstreams: [{ pool: pool.example }], allow: [10.0.1.0/24] }
    hosts:
      ntp-a: { address: 10.0.0.1 }
      ntp-b: { address: 10.0.0.2, time: { allow: [] } }
      ntp-c: { address: 10.0.0.3 }
  clients:
    role: client
    time: { upstreams: [{ group: servers }] }
    hosts:
      web1: { address: 10.0.1.1 }
      web2: { address: 10.0.1.2 }
      db1:
        address: 10.0.1.3
        time: { upstreams: [{ server: ntp.example }] }
        allow_rules: [{ rule: single-upstream, reason: "one cable" }, { rule: step-anytime, reason: "old" }]
      db2: { address: 10.0.1.4, time: { upstreams: [{ server: ntp.example }] } }
"#;

#[test]
fn a_host_is_told_what_concerns_it_and_nothing_else() {
    for (on, wanted) in [
        (
            "web1",
            str![[r#"
#> 14:24: error[client-not-allowed]: server `ntp-b` will not answer `web1` at 10.0.1.1 | add its network to `time.allow` of `ntp-b`
#>   8:7: this server allows nobody

"#]],
        ),
        (
            "web*",
            str![[r#"
#> 14:24: error[client-not-allowed]: server `ntp-b` will not answer `web1` at 10.0.1.1 (and one more host) | add its network to `time.allow` of `ntp-b`
#>   8:7: this server allows nobody

"#]],
        ),
        (
            "db2",
            str![[r#"
#> 20:55: warning[single-upstream]: host `db2` has one source and nothing to compare it with | name at least three sources, better four; a pool counts as four

"#]],
        ),
    ] {
        assert_data_eq!(told(SHOP, on), wanted.raw());
    }
    assert_eq!(told(SHOP, "ntp-a"), "", "nobody that was asked about is in trouble");
}

/// A server that turns its clients away is part of the trouble, though the clients are the ones who have it.
#[test]
fn whoever_asks_about_the_server_is_told_of_its_clients() {
    assert_data_eq!(
        told(SHOP, "ntp-b"),
        str![[r#"
#> 14:24: error[client-not-allowed]: server `ntp-b` will not answer `web1` at 10.0.1.1 (and one more host) | add its network to `time.allow` of `ntp-b`
#>   8:7: this server allows nobody

"#]]
        .raw()
    );
}

/// An allowance that only others need is needed; one that nobody needs is told to whoever asks about its host.
#[test]
fn allowances_are_those_of_the_selected_hosts() {
    assert_data_eq!(
        told(SHOP, "db1"),
        str![[r#"
#> 19:79: warning[unneeded-allowance]: `step-anytime` finds nothing here that would need to be allowed | take the line away
#> 18:31: allowed[single-upstream]: host `db1` has one source and nothing to compare it with | one cable

"#]]
        .raw()
    );
    let shared = "fleet: x
groups:
  g:
    role: client
    allow_rules: [{ rule: single-upstream, reason: one line }]
    hosts:
      a: { time: { upstreams: [{ server: ntp.example }] } }
      b: { time: { upstreams: [{ pool: pool.example }] } }
";
    assert_eq!(told(shared, "b"), "", "a needs it");
    assert_eq!(
        told(shared, "a"),
        "#> 7:34: allowed[single-upstream]: host `a` has one source and nothing to compare it with | one line\n"
    );
}

const RING: &str = "fleet: ring
groups:
  left: { role: server, time: { upstreams: [{ group: right }], allow: [0/0] }, hosts: { l: { address: 10.0.0.1 } } }
  right: { role: server, time: { upstreams: [{ group: left }], allow: [10/8] }, hosts: { r: { address: 10.0.0.2 } } }
  twins: { role: client, time: { upstreams: [{ pool: p.example }] }, hosts: { t1: { address: 10.0.0.3 }, t2: { address: 10.0.0.3 }, t3: } }
";

#[test]
fn what_several_hosts_have_together_is_told_when_one_of_them_was_meant() {
    assert_data_eq!(
        told(RING, "r"),
        str![[r#"
#> 3:47: error[sync-loop]: `l`, `r` follow only each other | give one of them a source outside, or all of them `local: { stratum: 10, orphan: true }`
#>   4:48: the upstream of `r`

"#]]
        .raw()
    );
    assert_data_eq!(
        told(RING, "t2"),
        str![[r#"
#> 5:121: error[duplicate-address]: `t1` and `t2` are both 10.0.0.3 port 22 | one machine is one host; behind a jump host or another `ssh: { port }` it may be another one
#>   5:94: the address of `t1`

"#]]
        .raw()
    );
    assert_eq!(told(RING, "t3"), "");
}

/// Lines that one parser would refuse are looked for on the selected hosts only; so is a client among servers, which is
/// told once for all who name its group.
#[test]
fn what_is_told_once_is_told_to_the_selected_hosts() {
    let text = "fleet: x
groups:
  servers:
    hosts:
      s: { role: server, time: { upstreams: [{ pool: p.example }], allow: [10/8] }, address: 10.0.0.1 }
      c: { role: client, time: { upstreams: [{ pool: p.example }], extra: [port 99999] }, address: 10.0.0.2 }
  clients: { role: client, time: { upstreams: [{ group: servers }] }, hosts: { a: , b: } }
";
    assert_data_eq!(
        told(text, "b"),
        str![[r#"
#> 7:50: error[upstream-not-serving]: `c` of group `servers` is a client: it serves no time | name a group of servers, or give that host `role: server`
#>   6:18: its role
#> 7:50: warning[two-upstreams]: host `b` has two sources: when they disagree, nobody knows which one is right | name a third source, better a fourth

"#]]
        .raw()
    );
    assert_data_eq!(
        told(text, "c"),
        str![[r#"
#> 6:76: error[contradicting-extra]: port must be a whole number from 0 to 65535, not '99999' | extra lines are for what has no key of its own, in the words of chrony.conf(5)

"#]]
        .raw()
    );
}

#[test]
fn mistakes_of_the_language_are_told_whoever_asks() {
    let text = SHOP.replace("rule: step-anytime", "rule: step-anytine");
    assert_data_eq!(
        told(&text, "ntp-a"),
        str![[r#"
#> 19:79: error: there is no rule `step-anytine` | did you mean `step-anytime`?

"#]]
        .raw()
    );
    assert_data_eq!(
        told(&SHOP.replace("address: 10.0.1.4", "adress: 10.0.1.4"), "ntp-a"),
        str![[r#"
#> 20:14: error: unknown key `adress` in host `db2` | did you mean `address`?

"#]]
        .raw()
    );
    assert_eq!(told(SHOP, "web3"), "error: `web3` matches no host of the inventory; did you mean `web1`?\n");
}

#[test]
fn all_hosts_selected_are_told_what_is_told_without_a_selection() {
    for directory in ["tests/lint", "inventories"] {
        for file in yaml_files(directory) {
            let name = file.name.clone();
            let home = Some(Path::new("/home/me"));
            let policy = asked(&file.text);
            let whole = check_with(vec![file.clone()], home, &policy);
            let Ok(part) = check_on(vec![file].into(), home, &policy, &"*".parse().unwrap()) else {
                assert_eq!(name, "no-hosts.yaml");
                continue;
            };
            assert_eq!(findings(&part), findings(&whole), "{name}");
        }
    }
}
