//! The dialect, told by examples.

use std::net::IpAddr;

use super::*;

fn read(text: &str) -> Config {
    parse("agent.conf", text).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// Everything that is wrong with a text, a line each.
fn complaints(text: &str) -> String {
    let errors = parse("agent.conf", text).expect_err("this text should have been refused");
    errors.iter().map(|error| format!("{error}\n")).collect()
}

fn net(text: &str, length: u8) -> Subnet {
    Subnet::Net { address: text.parse().unwrap(), length }
}

#[test]
fn an_empty_file_is_the_manual_pages_defaults() {
    let config = read("");
    assert_eq!(config, Config::default());
    assert_eq!((config.port, config.command_port, config.min_sources), (123, 323, 1));
    assert_eq!((config.max_distance, config.max_jitter), (Seconds(3.0), Seconds(1.0)));
    assert_eq!((config.reselect_distance, config.stratum_weight), (Seconds(1e-4), Seconds(1e-3)));
    assert_eq!(config.client_log, ClientLog::Limit { bytes: 524_288 });
    assert_eq!(config.to_string(), "");
}

#[test]
fn opencommands_replaces_what_is_open() {
    assert_eq!(read("opencommands").open_commands, []);
    let open = read("opencommands tracking Clients clients").open_commands;
    assert_eq!(open, [OpenCommand::Tracking, OpenCommand::Clients]);
    assert_eq!(
        complaints("opencommands client"),
        "agent.conf:1:14: unknown report 'client'; did you mean 'clients'? (there are activity, authdata, clients, \
         manual, ntpdata, rtcdata, selectdata, serverstats, smoothing, sourcename, sources, sourcestats, tracking)\n"
    );
}

#[test]
fn the_notebooks_server_for_an_isolated_site() {
    let config = read(
        "# the operator's notebook\n\
         pool ntp1.aliyun.com iburst\n\
         POOL ntp2.aliyun.com IBURST maxsources 2\n\
         \n\
         allow 10.20.0.0/16\n\
         allow 0/0\r\n\
         allow ::0/0\n\
         local stratum 10 orphan distance 0.1\n\
         maxdistance 16.0\n",
    );
    let four =
        Upstream { iburst: true, ..Upstream::new("ntp1.aliyun.com", UpstreamKind::Pool { max_sources: 4 }) };
    let two =
        Upstream { iburst: true, ..Upstream::new("ntp2.aliyun.com", UpstreamKind::Pool { max_sources: 2 }) };
    assert_eq!(config.upstreams, [four, two]);
    assert_eq!(
        config.access.iter().map(|rule| rule.subnet).collect::<Vec<_>>(),
        [net("10.20.0.0", 16), net("0.0.0.0", 0), net("::", 0)]
    );
    let local = Local { distance: Seconds(0.1), orphan: true, ..Local::default() };
    assert_eq!(config.local, Some(local));
    assert_eq!(config.max_distance, Seconds(16.0));
}

#[test]
fn comments_begin_with_any_of_four_signs() {
    assert_eq!(read("! a\n  # b\n\t; c\n% d\n#port 0\n"), Config::default());
}

#[test]
fn every_short_form_of_a_subnet() {
    for (text, expected) in [
        ("allow", Subnet::Any),
        ("allow all", Subnet::Any),
        ("allow 10", net("10.0.0.0", 8)),
        ("allow 10.20", net("10.20.0.0", 16)),
        ("allow 10.20/16", net("10.20.0.0", 16)),
        ("allow 3.4.5", net("3.4.5.0", 24)),
        ("allow 1.2.3.4", net("1.2.3.4", 32)),
        ("allow 1.2.3.4/30", net("1.2.3.4", 30)),
        ("allow 1.2.3.7/30", net("1.2.3.4", 30)),
        ("allow 0/0", net("0.0.0.0", 0)),
        ("allow ::0/0", net("::", 0)),
        ("allow ::/0", net("::", 0)),
        ("allow 2001:db8::/32", net("2001:db8::", 32)),
        ("allow 2001:db8::1", net("2001:db8::1", 128)),
        ("allow 2001:db8::ffff/127", net("2001:db8::fffe", 127)),
    ] {
        let rule = read(text).access[0];
        assert_eq!((rule.subnet, rule.allow), (expected, true), "{text}");
        assert_eq!(rule.all, text.starts_with("allow all"), "{text}");
    }
    let config = read("deny all 10.0.0.0/8\ncmdallow 10.1\ncmddeny\n");
    assert_eq!(config.access, [AccessRule { allow: false, all: true, subnet: net("10.0.0.0", 8) }]);
    assert_eq!(
        config.command_access,
        [
            AccessRule { allow: true, all: false, subnet: net("10.1.0.0", 16) },
            AccessRule { allow: false, all: false, subnet: Subnet::Any },
        ]
    );
}

#[test]
fn a_wrong_subnet_says_what_would_be_right() {
    assert_eq!(
        complaints(
            "allow ntp.example.com\nallow 10.20.0.0/33\nallow 1.2.3.4.5\nallow ::/129\nallow 10.0/x y"
        ),
        "agent.conf:1:7: 'ntp.example.com' is not an address or a prefix like 10.20.0.0/16 or 2001:db8::/32; host \
         names are not taken, because one that does not resolve would stop the daemon\n\
         agent.conf:2:7: the prefix length of '10.20.0.0/33' must be a whole number from 0 to 32, not '33'\n\
         agent.conf:3:7: '1.2.3.4.5' is not an address or a prefix like 10.20.0.0/16 or 2001:db8::/32; host names \
         are not taken, because one that does not resolve would stop the daemon\n\
         agent.conf:4:7: the prefix length of '::/129' must be a whole number from 0 to 128, not '129'\n\
         agent.conf:5:7: the prefix length of '10.0/x' must be a whole number from 0 to 32, not 'x'\n"
    );
}

#[test]
fn what_chronyd_lets_pass_is_refused_and_every_line_is_reported() {
    assert_eq!(
        complaints(
            "maxdistance -3\n\
             local stratum 10\n\
             local stratum 8 orphan\n\
             local stratum 10\n\
             maxdistence 16.0\n\
             server 10.20.0.300 iburst\n"
        ),
        "agent.conf:1:13: maxdistance must be a number from 0.000001 to 1000000 seconds, not '-3'\n\
         agent.conf:3:1: this 'local' contradicts the one in line 2; keep one of them\n\
         agent.conf:5:1: unknown directive 'maxdistence'; did you mean 'maxdistance'?\n\
         agent.conf:6:8: '10.20.0.300' is not an IPv4 address\n"
    );
}

#[test]
fn columns_count_characters_not_bytes() {
    assert_eq!(
        complaints("  server\tntp.example\u{a0}prefre\nport\nport 0 # closed\n本地 x"),
        "agent.conf:1:22: unknown option 'prefre'; did you mean 'prefer'?\n\
         agent.conf:2:5: 'port' needs a whole number from 0 to 65535 here\n\
         agent.conf:3:8: a comment must stand on a line of its own\n\
         agent.conf:4:1: unknown directive '本地'\n"
    );
}

#[test]
fn directives_and_options_that_the_agent_does_not_have_are_refused_by_name() {
    assert_eq!(
        complaints(
            "refclock PPS /dev/pps0\nserver a nts\nserver a maxsources 3\nrtcsync on\ninclude /etc/x.conf\n\
             include /etc/*.conf\nconfdir /etc/x.d\n"
        ),
        "agent.conf:1:1: directive 'refclock' is not supported by the agent: it has no drivers for hardware clocks; \
         get their time over NTP\n\
         agent.conf:2:10: option 'nts' is not supported by the agent: NTS is not implemented\n\
         agent.conf:3:10: 'maxsources' belongs to 'pool'; a 'server' is one source\n\
         agent.conf:4:9: 'rtcsync' takes nothing more, found 'on'\n\
         agent.conf:5:9: cannot read /etc/x.conf: it is on the host and cannot be checked here; write its lines \
         instead\n\
         agent.conf:6:9: cannot look up /etc/*.conf: it is on the host and cannot be checked here; write its lines \
         instead\n\
         agent.conf:7:1: cannot read the directory /etc/x.d: it is on the host and cannot be checked here; write its \
         lines instead\n"
    );
}

#[test]
fn numbers_out_of_range_are_refused_with_the_range() {
    assert_eq!(
        complaints(
            "port 65536\nminsources 0\nlocal stratum 16\nserver a maxpoll 25\nmaxslewrate 2e5\nmakestep 1\n\
             makestep NaN 3\nmaxdistance inf\npool a maxsources 17\nserver a minpoll 8 maxpoll 6\n"
        ),
        "agent.conf:1:6: port must be a whole number from 0 to 65535, not '65536'\n\
         agent.conf:2:12: minsources must be a whole number from 1 to 1000, not '0'\n\
         agent.conf:3:15: stratum must be a whole number from 1 to 15, not '16'\n\
         agent.conf:4:18: maxpoll must be a whole number from -7 to 24, not '25'\n\
         agent.conf:5:13: maxslewrate must be a number from 0.001 to 100000 ppm, not '2e5'\n\
         agent.conf:6:11: 'makestep' needs a whole number, negative for no limit, here\n\
         agent.conf:7:10: the threshold must be a number from 0 to 1000000000 seconds, not 'NaN'\n\
         agent.conf:8:13: maxdistance must be a number from 0.000001 to 1000000 seconds, not 'inf'\n\
         agent.conf:9:19: maxsources must be a whole number from 1 to 16, not '17'\n\
         agent.conf:10:20: maxpoll 6 is below minpoll 8 on the same line\n"
    );
}

#[test]
fn every_option_about_the_talk_with_a_source_is_read() {
    let upstream = read(
        "server a xleave burst auto_offline copy filter 5 presend 9 maxdelayquant 0.2 mindelay 1e-4 asymmetry -0.5 \
         maxunreach 100000",
    )
    .upstreams
    .remove(0);
    assert!(upstream.interleaved && upstream.burst && upstream.auto_offline && upstream.copy);
    assert_eq!((upstream.filter, upstream.presend, upstream.max_unreach), (Some(5), Some(9), Some(100_000)));
    assert_eq!((upstream.max_delay_quantile, upstream.asymmetry), (Some(0.2), Some(-0.5)));
    assert_eq!(upstream.min_delay, Seconds(1e-4));
    assert_eq!(
        complaints(
            "server a filter 0\nserver a maxdelayquant 0.01\nserver a asymmetry 0.6\nserver a extfield F323\n\
             server a presend\nserver a xleav\n"
        ),
        "agent.conf:1:17: filter must be a whole number from 1 to 64, not '0'\n\
         agent.conf:2:24: maxdelayquant must be a number from 0.05 to 0.95, not '0.01'\n\
         agent.conf:3:20: asymmetry must be a number from -0.5 to 0.5, not '0.6'\n\
         agent.conf:4:10: option 'extfield' is not supported by the agent: its fields are experiments that only the \
         same version of chronyd understands; requests carry no extension fields\n\
         agent.conf:5:17: 'server' needs a whole number from -7 to 24 here\n\
         agent.conf:6:10: unknown option 'xleav'; did you mean 'xleave'?\n"
    );
}

#[test]
fn interfaces_service_class_and_precision_are_read() {
    let config =
        read("binddevice eth0\nbindacqdevice vlan.7\nbindcmddevice lo\ndscp 46\nclockprecision 8e-9\n");
    let devices = (config.device, config.acquisition_device, config.command_device);
    assert_eq!(devices, (Some("eth0".to_owned()), Some("vlan.7".to_owned()), Some("lo".to_owned())));
    assert_eq!((config.dscp, config.clock_precision), (46, Some(Seconds(8e-9))));
    assert_eq!(
        complaints(
            "dscp 64\nbinddevice a/b\nbindacqdevice a-name-of-17-bytes\nclockprecision 0\nbindcmddevice\n"
        ),
        "agent.conf:1:6: dscp must be a whole number from 0 to 63, not '64'\n\
         agent.conf:2:12: 'a/b' cannot be the name of a network interface; 'ip link' lists those of this host\n\
         agent.conf:3:15: 'a-name-of-17-bytes' cannot be the name of a network interface; 'ip link' lists those of this \
         host\n\
         agent.conf:4:16: clockprecision must be a number from 0.000000001 to 1 seconds, not '0'\n\
         agent.conf:5:14: 'bindcmddevice' needs the name of a network interface here\n"
    );
}

#[test]
fn one_polling_limit_pulls_the_other_along() {
    let polls = |text| {
        let upstream = read(text).upstreams.remove(0);
        (upstream.min_poll, upstream.max_poll)
    };
    assert_eq!(polls("server a"), (6, 10));
    assert_eq!(polls("server a maxpoll 4"), (4, 4));
    assert_eq!(polls("server a minpoll 12"), (12, 12));
    assert_eq!(polls("server a maxpoll 2 minpoll -3"), (-3, 2));
}

#[test]
fn sample_limits_of_the_file_hold_for_sources_without_their_own() {
    let config =
        read("server a\nminsamples 8\nmaxsamples 16\nserver b maxsamples 4\nserver c maxsamples 0\n");
    let limits: Vec<_> =
        config.upstreams.iter().map(|upstream| (upstream.min_samples, upstream.max_samples)).collect();
    assert_eq!(limits, [(8, 16), (4, 4), (8, 64)]);
}

#[test]
fn sockets_and_files() {
    let config = read(
        "bindaddress 127.77.0.11\nbindaddress ::1\nbindacqaddress 127.77.0.21\nbindcmdaddress 127.77.0.21\n\
         bindcmdaddress ~/timefleet/run/chronyd.sock\ndriftfile /var/lib/timefleet/drift\nacquisitionport 1123\n",
    );
    assert_eq!(config.bind_addresses, ["127.77.0.11".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()]);
    assert_eq!(config.bind_acquisition_addresses, ["127.77.0.21".parse::<IpAddr>().unwrap()]);
    assert_eq!(config.bind_command_addresses, ["127.77.0.21".parse::<IpAddr>().unwrap()]);
    assert_eq!(config.command_socket, CommandSocket::Path("~/timefleet/run/chronyd.sock".into()));
    assert_eq!(config.drift_file, Some("/var/lib/timefleet/drift".into()));
    assert_eq!(config.acquisition_port, Some(1123));
    assert_eq!(read("bindcmdaddress /").command_socket, CommandSocket::Disabled);
    assert_eq!(
        complaints("bindaddress 10.0.0.1\nbindaddress 10.0.0.2\nbindaddress eth0\npidfile run/agent.pid\n"),
        "agent.conf:2:13: 10.0.0.1 was given before; 'bindaddress' takes one IPv4 address\n\
         agent.conf:3:13: 'eth0' is not an address; 'bindaddress' takes an IPv4 or IPv6 address of this host\n\
         agent.conf:4:9: 'run/agent.pid' must be the path of a file that begins with / or ~/\n"
    );
}

#[test]
fn directives_of_a_command_line_are_a_line_each() {
    let config = parse_lines("command line", ["server 172.16.11.141 iburst", "port 0"]).unwrap();
    assert_eq!((config.upstreams[0].name.as_str(), config.port), ("172.16.11.141", 0));
    let errors = parse_lines("command line", ["port 0", "sever a"]).unwrap_err();
    assert_eq!(errors[0].to_string(), "command line:2:1: unknown directive 'sever'; did you mean 'server'?");
}

#[test]
fn keys_are_numbers_of_lines_in_the_key_file() {
    let config = read("keyfile /etc/chrony/chrony.keys\nserver a key 4294967295\nserver b version 3");
    assert_eq!(config.key_file, Some("/etc/chrony/chrony.keys".into()));
    let options: Vec<_> = config.upstreams.iter().map(|upstream| (upstream.key, upstream.version)).collect();
    assert_eq!(options, [(Some(u32::MAX), None), (None, Some(3))]);
    assert_eq!(
        complaints("server a key 0"),
        "agent.conf:1:14: key must be a whole number from 1 to 4294967295, not '0'\n"
    );
}

/// The controller leaves such lines to a chronyd, and no others.
#[test]
fn what_only_the_agent_refuses_is_known() {
    let agent_only = |line: &str| parse("agent.conf", line).unwrap_err().iter().all(|error| error.agent_only);
    for line in [
        "refclock PHC /dev/ptp0",
        "brandnew 1 2",
        "server a.example nts",
        "server a.example brandnew",
        "server a.example filter 100",
        "log tracking refclocks",
        "maxsamples 128",
        "acquisitionport 0",
        "sched_priority 100",
        "bindaddress 10.0.0.1\nbindaddress 10.0.0.2",
        "leapsectz right/UTC\nleapseclist /leaps",
        "driftfile drift",
        "dumpdir dumps",
        "include /etc/chrony.d/*.conf",
        "confdir /etc/chrony.d",
        "local brandnew",
    ] {
        assert!(agent_only(line), "{line}");
    }
    for line in [
        "makestpe 1 3",
        "maxdistance -3",
        "maxdistance",
        "makestep 1",
        "server",
        "server a.example minpol 4",
        "server a.example minpoll x",
        "log traking",
        "local stratum 16",
        "local strtum 5",
        "allow foo.example",
        "rtcsync yes",
        "port 123 # NTP",
    ] {
        assert!(!agent_only(line), "{line}");
    }
}
