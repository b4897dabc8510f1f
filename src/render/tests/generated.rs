//! Whole inventories by chance: what was written is what the host reads.

use std::fmt::Write;

use proptest::prelude::*;

use super::*;

/// An upstream: its YAML, and the words that the parser should come back with.
fn upstream() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![
        "[a-z]{1,8}(\\.[a-z]{2,3})?",
        any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|address| address.to_string()),
    ];
    let flags = prop::collection::vec(any::<bool>(), 6);
    let polls = (prop::option::of(-7..=24_i8), prop::option::of(-7..=24_i8));
    let whole = (
        prop::option::of(1..=u16::MAX),
        prop::option::of(1..=u32::MAX),
        prop::option::of(1..=4_u8),
        prop::option::of(-7..=24_i8),
        prop::option::of(1..=64_u32),
        prop::option::of(1..=16_u32),
    );
    let odd = (prop::option::of(0.0..1000.0_f64), prop::option::of(-1e6..1e6_f64));
    (any::<bool>(), name, flags, polls, whole, odd).prop_map(|(pool, name, flags, (min, max), whole, odd)| {
        let (port, key, version, presend, filter, sources) = whole;
        let kind = if pool { "pool" } else { "server" };
        let (min, max) = match (min, max) {
            (Some(min), Some(max)) => (Some(i8::min(min, max)), Some(i8::max(min, max))),
            other => other,
        };
        let mut yaml = format!("{{ {kind}: \"{name}\"");
        let mut words = format!("{kind} {name}");
        let names = ["iburst", "xleave", "prefer", "trust", "require", "noselect"];
        for (flag, given) in names.iter().zip(flags) {
            write!(yaml, ", {flag}: {given}").unwrap();
            if given {
                write!(words, " {flag}").unwrap();
            }
        }
        let lowest = min.unwrap_or(6.min(max.unwrap_or(6)));
        let highest = max.unwrap_or(10.max(lowest));
        let sources = sources.filter(|_| pool);
        let text = |value: Option<String>, usual: &str| value.unwrap_or_else(|| usual.to_owned());
        for (key, value, usual) in [
            ("minpoll", min.map(|n| n.to_string()), lowest.to_string()),
            ("maxpoll", max.map(|n| n.to_string()), highest.to_string()),
            ("port", port.map(|n| n.to_string()), "123".to_owned()),
            ("key", key.map(|n| n.to_string()), "-".to_owned()),
            ("version", version.map(|n| n.to_string()), "-".to_owned()),
            ("presend", presend.map(|n| n.to_string()), "-".to_owned()),
            ("filter", filter.map(|n| n.to_string()), "-".to_owned()),
            ("maxsources", sources.map(|n| n.to_string()), if pool { "4" } else { "-" }.to_owned()),
            ("maxdelay", odd.0.map(|n| n.to_string()), "3".to_owned()),
            ("offset", odd.1.map(|n| n.to_string()), "0".to_owned()),
        ] {
            if let Some(value) = &value {
                write!(yaml, ", {key}: {value}").unwrap();
            }
            write!(words, " {key} {}", text(value, &usual)).unwrap();
        }
        (yaml + " }", words)
    })
}

/// The same words from what the agent's parser read.
fn words_of(source: &config::Upstream) -> String {
    let (kind, sources) = match source.kind {
        config::UpstreamKind::Server => ("server", "-".to_owned()),
        config::UpstreamKind::Pool { max_sources } => ("pool", max_sources.to_string()),
    };
    let mut words = format!("{kind} {}", source.name);
    for (flag, given) in [
        ("iburst", source.iburst),
        ("xleave", source.interleaved),
        ("prefer", source.prefer),
        ("trust", source.trust),
        ("require", source.require),
        ("noselect", source.no_select),
    ] {
        if given {
            write!(words, " {flag}").unwrap();
        }
    }
    let or = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    for (key, value) in [
        ("minpoll", source.min_poll.to_string()),
        ("maxpoll", source.max_poll.to_string()),
        ("port", source.port.to_string()),
        ("key", or(source.key.map(|n| n.to_string()))),
        ("version", or(source.version.map(|n| n.to_string()))),
        ("presend", or(source.presend.map(|n| n.to_string()))),
        ("filter", or(source.filter.map(|n| n.to_string()))),
        ("maxsources", sources),
        ("maxdelay", source.max_delay.0.to_string()),
        ("offset", source.offset.0.to_string()),
    ] {
        write!(words, " {key} {value}").unwrap();
    }
    words
}

/// A network in one of the spellings that an inventory takes, and what it means.
fn network() -> impl Strategy<Value = (String, ipnet::IpNet)> {
    prop_oneof![
        (any::<std::net::Ipv4Addr>(), 0..=32_u8).prop_map(|(address, length)| {
            let net = ipnet::Ipv4Net::new(address, length).unwrap().trunc();
            (net.to_string(), net.into())
        }),
        (any::<std::net::Ipv6Addr>(), 0..=128_u8).prop_map(|(address, length)| {
            let net = ipnet::Ipv6Net::new(address, length).unwrap().trunc();
            (format!("\"{net}\""), net.into())
        }),
        prop::collection::vec(any::<u8>(), 1..4).prop_map(|octets| {
            let short = octets.iter().map(u8::to_string).collect::<Vec<_>>().join(".");
            let whole = octets.iter().copied().chain([0; 4]).take(4).collect::<Vec<_>>();
            let address = std::net::Ipv4Addr::from(<[u8; 4]>::try_from(whole).unwrap());
            let length = u8::try_from(8 * octets.len()).unwrap();
            (short, ipnet::Ipv4Net::new(address, length).unwrap().into())
        }),
        Just(("0/0".to_owned(), "0.0.0.0/0".parse().unwrap())),
        Just(("\"::0/0\"".to_owned(), "::/0".parse().unwrap())),
    ]
}

/// Seconds that no binary fraction meets: as many digits as it takes.
fn odd_seconds() -> impl Strategy<Value = f64> {
    prop_oneof![1e-6..1e6_f64, (1..1_000_000_u32).prop_map(|n| f64::from(n) / 1000.0), Just(0.5), Just(16.0)]
}

prop_compose! {
    /// The `time` of a host, and every line that should be read.
    fn time()(
        server in any::<bool>(),
        upstreams in prop::collection::vec(upstream(), 0..4),
        networks in prop::collection::vec((network(), any::<bool>()), 0..5),
        local in prop::option::of((1..16_u8, any::<bool>(), prop::option::of(odd_seconds()), prop::option::of(0.0..1e6_f64), prop::option::of(0.0..1e9_f64), prop::option::of(0.0..1e9_f64))),
        maxdistance in prop::option::of(odd_seconds()),
        makestep in prop::option::of((odd_seconds(), -1..1000_i32)),
        minsources in prop::option::of(1..=1000_u32),
        keyfile in prop::option::of("/[a-z]{1,5}/[a-z.]{1,8}[a-z]"),
        extra in prop::sample::subsequence(vec!["maxupdateskew 100.5", "server extra.example minsamples 8", "deny 10.9.8.7", "logchange 0.1", "clientloglimit 1000"], 0..5),
        (rtcsync, four, x, process) in any::<(bool, bool, bool, bool)>(),
        ratelimit in prop::option::of((-19..=12_i8, 1..=255_u8, 1..=4_u8, 0..=4_u8)),
        (port, cmdport) in (1..=u16::MAX, any::<u16>()),
    ) -> (String, Vec<String>) {
        let mut yaml = format!("    role: {}\n", if server { "server" } else { "client" });
        if process { yaml += "    agent: { service: process }\n"; }
        yaml += "    time:\n";
        let mut lines: Vec<String> = upstreams.iter().map(|(_, words)| words.clone()).collect();
        let sources: Vec<&str> = upstreams.iter().map(|(yaml, _)| yaml.as_str()).collect();
        writeln!(yaml, "      upstreams: [{}]", sources.join(", ")).unwrap();
        let mut seen = std::collections::HashSet::new();
        let networks: Vec<_> = networks.into_iter().filter(|((_, net), _)| seen.insert(*net)).collect();
        for (key, wanted) in [("allow", true), ("deny", false)] {
            let list: Vec<_> = networks.iter().filter(|(_, allow)| *allow == wanted).map(|(network, _)| network).collect();
            writeln!(yaml, "      {key}: [{}]", list.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>().join(", ")).unwrap();
            lines.extend(list.iter().map(|(_, net)| format!("{key} {}/{}", net.addr(), net.prefix_len())));
        }
        if let Some((stratum, orphan, distance, activate, synced, unsynced)) = local {
            write!(yaml, "      local: {{ stratum: {stratum}, orphan: {orphan}").unwrap();
            for (name, value) in [("distance", distance), ("activate", activate), ("waitsynced", synced), ("waitunsynced", unsynced)] {
                if let Some(value) = value { write!(yaml, ", {name}: {value}").unwrap(); }
            }
            yaml += " }\n";
        }
        lines.push(format!("local {:?}", local.map(|(s, o, d, a, w, u)| (s, o, d.unwrap_or(1.0), a.unwrap_or(0.0), w.unwrap_or(0.0), u.unwrap_or(0.0)))));
        if let Some(distance) = maxdistance { writeln!(yaml, "      maxdistance: {distance:e}").unwrap(); }
        lines.push(format!("maxdistance {:?}", maxdistance.unwrap_or(3.0)));
        match makestep {
            Some((threshold, limit)) => writeln!(yaml, "      makestep: {{ threshold: {threshold}, limit: {limit} }}").unwrap(),
            None => writeln!(yaml, "      makestep: false").unwrap(),
        }
        lines.push(format!("makestep {:?}", makestep.map(|(t, l)| (t, u32::try_from(l).ok()))));
        if let Some(count) = minsources { writeln!(yaml, "      minsources: {count}").unwrap(); }
        if let Some((interval, burst, leak, kod)) = ratelimit {
            writeln!(yaml, "      ratelimit: {{ interval: {interval}, burst: {burst}, leak: {leak}, kod: {kod} }}").unwrap();
        }
        lines.push(format!("ratelimit {ratelimit:?}"));
        if let Some(path) = &keyfile { writeln!(yaml, "      keyfile: {path}").unwrap(); }
        writeln!(yaml, "      extra: [{}]", extra.join(", ")).unwrap();
        let port_read = if server { port } else { 0 };
        lines.push(format!("rest {} {rtcsync} {port_read} {cmdport} {keyfile:?}", minsources.unwrap_or(1)));
        lines.extend(extra.iter().map(|line| (*line).to_owned()));
        write!(yaml, "      rtcsync: {rtcsync}\n      ipv4_only: {four}\n      control_clock: {}\n      port: {port}\n      cmdport: {cmdport}\n", !x).unwrap();
        (yaml, lines)
    }
}

/// The same lines from what the agent's parser read of the rendered text; extra lines stand at its end.
fn lines_of(text: &str, read: &config::Config, extra: usize) -> Vec<String> {
    let mut lines: Vec<String> =
        read.upstreams.iter().filter(|source| source.name != "extra.example").map(words_of).collect();
    for rule in &read.access {
        let config::Subnet::Net { address, length } = rule.subnet else { panic!("{rule:?}") };
        lines.push(format!("{} {address}/{length}", if rule.allow { "allow" } else { "deny" }));
    }
    lines.retain(|line| line != "deny 10.9.8.7/32");
    lines.push(format!(
        "local {:?}",
        read.local.map(|local| (
            local.stratum,
            local.orphan,
            local.distance.0,
            local.activate.0,
            local.wait_synced.0,
            local.wait_unsynced.0
        ))
    ));
    lines.push(format!("maxdistance {:?}", read.max_distance.0));
    lines.push(format!("makestep {:?}", read.make_step.map(|step| (step.threshold.0, step.limit))));
    let limit = read.rate_limit.map(|limit| (limit.interval, limit.burst, limit.leak, limit.kod));
    lines.push(format!("ratelimit {limit:?}"));
    let keyfile = read.key_file.as_ref().map(|path| path.display().to_string());
    lines.push(format!(
        "rest {} {} {} {} {keyfile:?}",
        read.min_sources, read.rtc_sync, read.port, read.command_port
    ));
    let written: Vec<&str> = text.lines().collect();
    lines.extend(written[written.len() - extra..].iter().map(|line| (*line).to_owned()));
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn what_was_written_is_what_the_host_reads((yaml, wanted) in time()) {
        let text = format!("fleet: x\ngroups:\n  g:\n{yaml}    hosts: {{ a: }}\n");
        let config = rendered(&text, "a").unwrap().config;
        let read = config::parse("agent.conf", &config).unwrap();
        let extra = wanted.iter().rev().take_while(|line| !line.starts_with("rest ")).count();
        prop_assert_eq!(lines_of(&config, &read, extra), wanted);
    }
}
