//! Values by chance for every key, all within what the documentation allows.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Text that is safe everywhere, with or without a word of the host's own in it.
fn text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["", "-{{ name }}", ".{{ site }}", "-{{ fleet }}", "_{{ role }}"]);
    ("[a-z]{1,6}", word).prop_map(|(text, word)| text + word)
}

/// Seconds within limits, whole ones without a point. `odd`: as many digits as it takes, and exponents.
fn seconds(least: f64, most: f64, odd: bool) -> BoxedStrategy<Value> {
    let shown = |seconds: f64| if seconds.fract() == 0.0 { json!(seconds as i64) } else { json!(seconds) };
    let simple = (1..100_000_u32).prop_map(|thousandths| f64::from(thousandths) / 1000.0);
    let simple = simple.prop_map(move |seconds| shown(seconds.clamp(least, most)));
    let odd = odd
        .then(|| prop_oneof![least..=most, Just(least), Just(most), Just(16.0), 1e-6..1.0].prop_map(shown));
    match odd {
        Some(odd) => prop_oneof![simple, odd].boxed(),
        None => simple.boxed(),
    }
}

fn whole(least: i64, most: i64) -> BoxedStrategy<Value> {
    prop_oneof![4 => least..=most, 1 => Just(least), 1 => Just(most)].prop_map(|number| json!(number)).boxed()
}

fn one_of(words: &'static [&'static str]) -> BoxedStrategy<Value> {
    prop::sample::select(words).prop_map(|word| json!(word)).boxed()
}

/// A network as people write it. One that is denied has its last bit set, one that is allowed does not: nobody is both.
fn network(denied: bool) -> BoxedStrategy<Value> {
    let bit = u8::from(denied);
    let four = (any::<u32>(), 1..=32_u8).prop_map(move |(bits, length)| {
        let kept = u32::MAX << (32 - length);
        let bits = (bits & kept & !(1 << (32 - length))) | u32::from(bit) << (32 - length);
        format!("{}/{length}", std::net::Ipv4Addr::from(bits))
    });
    let six = (any::<u128>(), 1..=128_u8).prop_map(move |(bits, length)| {
        let kept = u128::MAX << (128 - length);
        let bits = (bits & kept & !(1 << (128 - length))) | u128::from(bit) << (128 - length);
        format!("{}/{length}", std::net::Ipv6Addr::from(bits))
    });
    let short = prop::collection::vec(any::<u8>(), 1..=4).prop_map(move |mut octets| {
        let last = octets.last_mut().unwrap();
        *last = (*last & !1) | bit;
        let octets: Vec<String> = octets.iter().map(u8::to_string).collect();
        let length = if octets.len() == 1 { "/8" } else { "" };
        octets.join(".") + length
    });
    let all = Just(if denied { "::0/0" } else { "0/0" }.to_owned());
    prop_oneof![four, six, short, all].prop_map(|network| json!(network)).boxed()
}

/// The name of something outside, or an address.
fn server_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}(\\.[a-z]{2,3})?",
        "[a-z]{1,4}".prop_map(|name| name + ".{{ site }}.example"),
        any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|address| address.to_string()),
    ]
}

fn upstream() -> impl Strategy<Value = Value> {
    let from = prop_oneof![
        server_name().prop_map(|name| ("server", json!(name))),
        server_name().prop_map(|name| ("pool", json!(name))),
        any::<u8>().prop_map(|group| ("group", json!(group))),
    ];
    let flags = prop::collection::vec(prop::option::weighted(0.3, any::<bool>()), 6);
    let polls = (prop::option::of(-7..=24_i8), prop::option::of(-7..=24_i8));
    let rest = [
        ("port", whole(1, 65535)),
        ("key", whole(1, i64::from(u32::MAX))),
        ("version", whole(1, 4)),
        ("presend", whole(-7, 24)),
        ("filter", whole(1, 64)),
        ("maxsources", whole(1, 16)),
        ("maxdelay", seconds(0.0, 1000.0, true)),
        ("offset", seconds(-1e6, 1e6, true)),
        ("platform", one_of(&["windows", "other"])),
    ];
    let rest = rest.map(|(key, value)| (Just(key), prop::option::weighted(0.3, value)));
    (from, flags, polls, rest.to_vec()).prop_map(|((kind, name), flags, (min, max), rest)| {
        let mut upstream = Map::from_iter([(kind.to_owned(), name)]);
        let names = ["iburst", "xleave", "prefer", "trust", "require", "noselect"];
        let given = names.iter().zip(flags).filter_map(|(name, flag)| Some((*name, json!(flag?))));
        upstream.extend(given.map(|(name, flag)| (name.to_owned(), flag)));
        let (min, max) = match (min, max) {
            (Some(min), Some(max)) => (Some(min.min(max)), Some(min.max(max))),
            other => other,
        };
        upstream.extend(min.map(|min| ("minpoll".to_owned(), json!(min))));
        upstream.extend(max.map(|max| ("maxpoll".to_owned(), json!(max))));
        let rest = rest.into_iter().filter(|(key, _)| *key != "maxsources" || kind == "pool");
        upstream.extend(rest.filter_map(|(key, value)| Some((key.to_owned(), value?))));
        Value::Object(upstream)
    })
}

fn list(item: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    prop::collection::vec(item, 0..4).prop_map(Value::Array).boxed()
}

fn extra_line() -> BoxedStrategy<Value> {
    one_of(&[
        "maxupdateskew 100.5",
        "server extra.example minsamples 8",
        "server {{ site }}.example",
        "deny 10.9.8.7",
        "logchange 0.1",
        "clientloglimit 1000",
        "# {{ name }} at {{ address }} is a {{ role }} of {{ fleet }}",
    ])
}

fn local_path() -> BoxedStrategy<Value> {
    ("(~|/keys)/", text()).prop_map(|(directory, name)| json!(directory + &name)).boxed()
}

fn template() -> BoxedStrategy<Value> {
    one_of(&[
        concat!(env!("CARGO_MANIFEST_DIR"), "/templates/chrony.conf.j2"),
        concat!(env!("CARGO_MANIFEST_DIR"), "/src/render/tests/another.j2"),
    ])
}

/// What a layer may say of a key. A key that is not here fails every test that makes fleets: describe it.
pub(super) fn value(key: &str) -> BoxedStrategy<Value> {
    match key {
        "allow_rules" => list(
            (one_of(&["open-server", "single-upstream", "step-anytime"]), text())
                .prop_map(|(rule, reason)| json!({ "rule": rule, "reason": reason })),
        ),
        "time.upstreams" => list(upstream()),
        "time.allow" => list(network(false)),
        "time.deny" => list(network(true)),
        "time.extra" => list(extra_line()),
        "time.local.distance" | "time.makestep.threshold" | "time.maxdistance" | "time.bound" => {
            seconds(1e-6, 1e6, true)
        }
        "time.local.activate" => seconds(0.0, 1e6, true),
        "time.local.waitsynced" | "time.local.waitunsynced" => seconds(0.0, 1e9, true),
        scalar => word(scalar),
    }
}

/// What the variable of a key may be: a value, or a text within one.
pub(super) fn word(key: &str) -> BoxedStrategy<Value> {
    match key {
        "role" => one_of(&["server", "client"]),
        "ssh.user" | "ssh.jump" | "allow_rules" => text().prop_map(|text| json!(text)).boxed(),
        "ssh.port" | "time.port" => whole(1, 65535),
        "time.cmdport" => whole(0, 65535),
        "ssh.identity" | "ssh.known_hosts" => local_path(),
        "agent.service" => one_of(&["systemd", "process"]),
        "agent.home" => ("(~|/srv)/", text()).prop_map(|(directory, name)| json!(directory + &name)).boxed(),
        "ssh.become" | "take_over" | "time.local" | "time.local.orphan" | "time.makestep"
        | "time.ratelimit" | "time.ipv4_only" | "time.ipv6_only" | "time.rtcsync" | "time.control_clock" => {
            any::<bool>().prop_map(|on| json!(on)).boxed()
        }
        "time.upstreams" => server_name().prop_map(|name| json!(name)).boxed(),
        "time.allow" => one_of(&["192.0.2.0/24", "2001:db8:2::/48"]),
        "time.deny" => one_of(&["192.0.3.0/24", "2001:db8:3::/48"]),
        "time.extra" => extra_line(),
        "time.local.stratum" => whole(1, 15),
        "time.makestep.limit" => whole(-1, i64::from(i32::MAX)),
        "time.minsources" => whole(1, 1000),
        "time.ratelimit.interval" => whole(-19, 12),
        "time.ratelimit.burst" => whole(1, 255),
        "time.ratelimit.leak" => whole(1, 4),
        "time.ratelimit.kod" => whole(0, 4),
        "time.local.distance"
        | "time.local.activate"
        | "time.local.waitsynced"
        | "time.local.waitunsynced"
        | "time.makestep.threshold"
        | "time.maxdistance"
        | "time.bound" => seconds(1e-3, 1e3, false),
        "time.keyfile" => ("(~|/etc)/", text()).prop_map(|(place, name)| json!(place + &name)).boxed(),
        "time.template" => template(),
        "time.daemon" => one_of(&["agent", "chronyd"]),
        undescribed => panic!("nobody described {undescribed}"),
    }
}

/// A value of a key with its variable in it.
pub(super) fn templated(key: &str) -> Value {
    let word = format!("{{{{ {} }}}}", super::fleet::variable(key));
    match key {
        "time.upstreams" => json!([{ "server": word, "port": "{{ w_time_port }}", "iburst": true }]),
        "time.allow" => json!(["10.2.0.0/16", word]),
        "time.deny" => json!([word, "10.3.0.0/16"]),
        "time.extra" => json!(["logchange 0.1", word]),
        "allow_rules" => json!([{ "rule": "open-server", "reason": word }]),
        _ => json!(word),
    }
}

/// Whether some text in it is a template.
pub(super) fn has_template(value: &Value) -> bool {
    value.to_string().contains("{{")
}
