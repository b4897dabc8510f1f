//! Whole fleets by chance: what every host reads is what the model says that the inventory means.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::inventory::load_inputs;
use crate::inventory::tests::fleet::{Fleet, KEYS, Kind, NAME, fleet};
use crate::inventory::tests::naive::Member;

/// Seconds as the model writes them.
fn seconds(value: f64) -> Value {
    if value.fract() == 0.0 { json!(value as i64) } else { json!(value) }
}

fn path(path: &Path) -> Value {
    json!(path.display().to_string())
}

/// All that the parser read of a source, under the names of the inventory.
fn source(read: &config::Upstream) -> Value {
    let (kind, sources) = match read.kind {
        config::UpstreamKind::Server => ("server", Value::Null),
        config::UpstreamKind::Pool { max_sources } => ("pool", json!(max_sources)),
    };
    json!({
        kind: read.name,
        "port": read.port,
        "minpoll": read.min_poll,
        "maxpoll": read.max_poll,
        "iburst": read.iburst,
        "prefer": read.prefer,
        "xleave": read.interleaved,
        "trust": read.trust,
        "require": read.require,
        "noselect": read.no_select,
        "key": read.key,
        "maxsources": sources,
        "offset": seconds(read.offset.0),
        "presend": read.presend,
        "version": read.version,
        "maxdelay": seconds(read.max_delay.0),
        "filter": read.filter,
    })
}

/// A source of the inventory with everything that it leaves out, as chrony.conf(5) has it.
fn in_full(upstream: &Map<String, Value>, name: &str, port: &Value) -> Value {
    let kind = if upstream.contains_key("pool") { "pool" } else { "server" };
    let mut full = json!({
        "iburst": false, "prefer": false, "xleave": false, "trust": false, "require": false, "noselect": false,
        "key": null, "maxsources": null, "offset": 0, "presend": null, "version": null, "maxdelay": 3, "filter": null,
    });
    full[kind] = json!(name);
    full["port"] = port.clone();
    if kind == "pool" {
        full["maxsources"] = json!(4);
    }
    let poll = |key: &str| upstream.get(key).and_then(Value::as_i64);
    // One limit pulls the other along.
    let lowest = poll("minpoll").unwrap_or(6.min(poll("maxpoll").unwrap_or(6)));
    full["minpoll"] = json!(lowest);
    full["maxpoll"] = json!(10.max(lowest));
    let own = ["server", "pool", "group", "platform"];
    for (key, value) in upstream.iter().filter(|(key, _)| !own.contains(&key.as_str())) {
        full[key] = value.clone();
    }
    full
}

/// The sources of a host: a group is its hosts but this one, at their own ports and addresses.
fn sources(fleet: &Fleet, member: &Member) -> Value {
    let mut sources = Vec::new();
    for upstream in fleet.value(member, "time.upstreams").0.as_array().unwrap() {
        let upstream = upstream.as_object().unwrap();
        let port = |usual: Value| upstream.get("port").cloned().unwrap_or(usual);
        let named = ["server", "pool"].into_iter().find_map(|kind| upstream.get(kind)?.as_str());
        if let Some(name) = named {
            sources.push(in_full(upstream, name, &port(json!(123))));
            continue;
        }
        let group = fleet.groups.iter().position(|group| json!(group.name) == upstream["group"]).unwrap();
        for server in fleet.members().iter().filter(|server| server.groups.contains(&group)) {
            if server.name != member.name {
                let port = port(fleet.value(server, "time.port").0);
                sources.push(in_full(upstream, &fleet.address(server), &port));
            }
        }
    }
    Value::Array(sources)
}

/// A host as it is rendered: its files, and what is not in them but in the host itself.
struct Rendered<'r> {
    host: &'r Host,
    desired: &'r Desired,
    config: config::Config,
    /// The lines that the host's `extra` added.
    extra: Vec<String>,
}

impl<'r> Rendered<'r> {
    fn new(host: &'r Host, desired: &'r Desired, extra: usize) -> Self {
        let lines: Vec<&str> = desired.config.lines().collect();
        let (before, extra) = lines.split_at(lines.len() - extra);
        let extra = extra.iter().map(|line| (*line).to_owned()).collect();
        let whole = config::parse("agent.conf", &desired.config).unwrap();
        let mut config = config::parse("agent.conf", &before.join("\n")).unwrap();
        // Extra lines may add sources and rules behind ours, nothing else that has a key.
        assert_eq!(whole.upstreams[..config.upstreams.len()], config.upstreams);
        assert_eq!(whole.access[..config.access.len()], config.access);
        let (upstreams, access) = (config.upstreams, config.access);
        config = config::Config { upstreams, access, ..whole };
        Self { host, desired, config, extra }
    }

    fn networks(&self, allow: bool) -> Value {
        let rules = self.config.access.iter().filter(|rule| rule.allow == allow);
        let network = |rule: &config::AccessRule| match rule.subnet {
            config::Subnet::Net { address, length } => json!(format!("{address}/{length}")),
            config::Subnet::Any => json!("all"),
        };
        rules.map(network).collect()
    }

    /// The value of a key, from the files wherever they say it. A key that is not here fails the test.
    fn value(&self, key: &str) -> Value {
        let (config, time, ssh) = (&self.config, &self.host.time, &self.host.ssh);
        let flag = |flag: &str| self.desired.daemon.flags().iter().any(|known| known == flag);
        let text =
            |text: &Option<crate::inventory::Sourced<String>>| json!(text.as_ref().map(|text| &text.value));
        match key {
            "role" => json!(if self.desired.serves { "server" } else { "client" }),
            "take_over" => json!(self.desired.take_over),
            "ssh.user" => text(&ssh.user),
            "ssh.port" => json!(ssh.port.as_ref().map(|port| port.value)),
            "ssh.identity" => ssh.identity.as_ref().map_or(Value::Null, |identity| path(identity)),
            "ssh.become" => json!(ssh.r#become.value),
            "ssh.jump" => text(&ssh.jump),
            "ssh.known_hosts" => ssh.known_hosts.as_ref().map_or(Value::Null, |hosts| path(hosts)),
            "agent.service" => match &self.desired.daemon {
                Daemon::AgentSystemd { .. } => json!("systemd"),
                Daemon::AgentProcess { .. } => json!("process"),
                Daemon::Chronyd if *self.host.agent.service == Service::Process => json!("process"),
                Daemon::Chronyd => json!("systemd"),
            },
            "agent.home" => match &self.desired.daemon {
                Daemon::AgentProcess { layout, .. } => json!(layout.bin_dir.strip_suffix("/bin").unwrap()),
                _ => json!(self.host.agent.home.value),
            },
            "allow_rules" => {
                let rules = self.host.allow_rules.iter();
                rules.map(|rule| json!({ "rule": rule.value.rule, "reason": rule.value.reason })).collect()
            }
            "time.upstreams" => config.upstreams.iter().map(source).collect(),
            "time.allow" => self.networks(true),
            "time.deny" => self.networks(false),
            "time.maxdistance" => seconds(config.max_distance.0),
            "time.ipv4_only" => json!(flag("-4")),
            "time.ipv6_only" => json!(flag("-6")),
            "time.control_clock" => json!(!flag("-x")),
            "time.makestep" => json!(config.make_step.is_some()),
            "time.rtcsync" => json!(config.rtc_sync),
            "time.minsources" => json!(config.min_sources),
            "time.ratelimit" => json!(config.rate_limit.is_some()),
            "time.keyfile" => config.key_file.as_deref().map_or(Value::Null, path),
            "time.template" => time.template.as_ref().map_or(Value::Null, |template| path(template)),
            "time.port" => json!(config.port),
            "time.cmdport" => json!(config.command_port),
            "time.daemon" => json!(if self.desired.daemon == Daemon::Chronyd { "chronyd" } else { "agent" }),
            "time.bound" => seconds(self.desired.bound.0),
            "time.extra" => json!(self.extra),
            below => self.nested(below).unwrap_or(Value::Null),
        }
    }

    /// The value of a key below a switch.
    fn nested(&self, key: &str) -> Option<Value> {
        let (local, limit, step) = (self.config.local, self.config.rate_limit, self.config.make_step);
        // What a chronyd does when it is not told to hangs on its version.
        let told = |word: &str, value: f64| {
            let written =
                self.desired.config.lines().any(|line| line.starts_with("local ") && line.contains(word));
            if written || self.desired.daemon != Daemon::Chronyd { seconds(value) } else { Value::Null }
        };
        match key {
            "time.local" => Some(json!(local.is_some())),
            "time.local.stratum" => Some(json!(local?.stratum)),
            "time.local.orphan" => Some(json!(local?.orphan)),
            "time.local.distance" => Some(seconds(local?.distance.0)),
            "time.local.activate" => Some(told(" activate ", local?.activate.0)),
            "time.local.waitsynced" => Some(told(" waitsynced ", local?.wait_synced.0)),
            "time.local.waitunsynced" => Some(told(" waitunsynced ", local?.wait_unsynced.0)),
            "time.makestep.threshold" => Some(seconds(step?.threshold.0)),
            "time.makestep.limit" => Some(json!(step?.limit.map_or(-1, i64::from))),
            "time.ratelimit.interval" => Some(json!(limit?.interval)),
            "time.ratelimit.burst" => Some(json!(limit?.burst)),
            "time.ratelimit.leak" => Some(json!(limit?.leak)),
            "time.ratelimit.kod" => Some(json!(limit?.kod)),
            undescribed => panic!("nobody described {undescribed}"),
        }
    }

    /// Whose template made the configuration.
    fn template(&self) -> &str {
        if self.desired.config.starts_with("# By another template") { "another.j2" } else { "chrony.conf.j2" }
    }

    /// Where the daemon's own files are, and how it is started.
    fn check_places(&self) {
        let config = &self.config;
        let drift = config.drift_file.as_ref().unwrap().display().to_string();
        let pid = config.pid_file.as_ref().map(|pid| pid.display().to_string());
        let home = &self.host.agent.home.value;
        let socket = match &config.command_socket {
            config::CommandSocket::Path(path) => path.display().to_string(),
            other => format!("{other:?}"),
        };
        match &self.desired.daemon {
            Daemon::Chronyd => {
                assert_eq!((drift.as_str(), pid), ("/var/lib/chrony/chrony.drift", None));
                assert_eq!(socket, "Default");
            }
            Daemon::AgentProcess { layout, .. } => {
                assert_eq!(
                    (drift, pid, socket),
                    (
                        format!("{home}/state/drift"),
                        Some(format!("{home}/run/agent.pid")),
                        format!("{home}/run/chronyd.sock")
                    )
                );
                assert_eq!(layout.config, format!("{home}/agent.conf"));
            }
            Daemon::AgentSystemd { unit, flags, .. } => {
                assert_eq!((drift.as_str(), pid), ("/var/lib/timefleet/drift", None));
                assert_eq!(socket, "/run/chrony/chronyd.sock");
                let flags: String = flags.iter().map(|flag| format!(" {flag}")).collect();
                let program = "/opt/timefleet/bin/timefleet-agent -u timefleet -f /etc/timefleet/agent.conf";
                assert!(unit.contains(&format!("\nExecStart=!{program}{flags}\n")), "{unit}");
                let watches = flags.ends_with("-x");
                assert_eq!(unit.contains("\nCapabilityBoundingSet=CAP_SYS_TIME "), !watches, "{unit}");
                let head = format!("\n# Fleet {NAME}, host {}.\n", self.host.name);
                assert!(unit.contains(&head), "{unit}");
            }
        }
    }
}

/// The fleet without contradictions, and nobody in it follows a client: `validate` lets neither pass.
fn valid(mut fleet: Fleet) -> Fleet {
    loop {
        // A word that is taken away may have hidden others.
        fleet = fleet.settled();
        let members = fleet.members();
        let wrong = members.iter().find(|member| sources(&fleet, member).to_string().contains("\"port\":0,"));
        let Some(layer) = wrong.and_then(|member| fleet.value(member, "time.upstreams").1) else {
            return fleet;
        };
        fleet.silence(layer, "time.upstreams");
    }
}

/// The inventory of a fleet in which nothing is contradicted.
fn read(fleet: &Fleet) -> Inventory {
    let inputs = fleet.written().files.into();
    load_inputs(&inputs, Some(Path::new("/home/me")))
        .unwrap_or_else(|problems| panic!("{}", problems[0].headline()))
}

/// Everything of every host.
fn all_rendered(inventory: &Inventory) -> Vec<(&Host, Desired)> {
    let hosts: Vec<&Host> = inventory.hosts.iter().collect();
    let templates = Templates::read(&hosts, None).unwrap();
    hosts.into_iter().map(|host| (host, render_with(inventory, host, &templates).unwrap())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_written_is_what_the_host_reads(
        fleet in fleet(&[Kind::Four, Kind::Six, Kind::Mixed]),
    ) {
        let fleet = valid(fleet);
        let inventory = read(&fleet);
        let members = fleet.members();
        let rendered = all_rendered(&inventory);
        prop_assert_eq!(rendered.len(), members.len());
        for (member, (host, desired)) in members.iter().zip(&rendered) {
            prop_assert_eq!((&host.name, &desired.host, desired.fleet.as_str()), (&member.name, &member.name, NAME));
            prop_assert_eq!(&host.address.value, &fleet.address(member));
            let extra = fleet.value(member, "time.extra").0.as_array().map_or(0, Vec::len);
            let rendered = Rendered::new(host, desired, extra);
            for key in KEYS {
                let wanted = match *key {
                    "time.upstreams" => sources(&fleet, member),
                    key => fleet.value(member, key).0,
                };
                prop_assert_eq!(rendered.value(key), wanted, "{} {}\n{}", member.name, key, desired.config);
            }
            let template = fleet.value(member, "time.template").0;
            prop_assert!(template.as_str().unwrap_or("chrony.conf.j2").ends_with(rendered.template()));
            rendered.check_places();
        }
    }
}

/// The chronyd that is installed here.
fn chronyd() -> Option<&'static Path> {
    ["/usr/sbin/chronyd", "/usr/bin/chronyd"].iter().map(Path::new).find(|path| path.is_file())
}

#[test]
fn a_chronyd_reads_the_same_lines_of_any_fleet() {
    let Some(chronyd) = chronyd() else {
        println!("no chronyd here: not compared");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("chrony.conf");
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        source_file: Some(file!()),
        ..ProptestConfig::with_cases(50)
    });
    let compared = runner.run(&fleet(&[Kind::Chronyd]), |fleet| {
        let inventory = read(&valid(fleet));
        for (host, desired) in all_rendered(&inventory) {
            let text = &desired.config;
            std::fs::write(&file, text).unwrap();
            let output = std::process::Command::new(chronyd).args(["-p", "-f"]).arg(&file).output().unwrap();
            let printed = String::from_utf8_lossy(&output.stdout);
            let complaint = String::from_utf8_lossy(&output.stderr);
            let wanted = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
            prop_assert_eq!(
                printed.lines().collect::<Vec<_>>(),
                wanted.collect::<Vec<_>>(),
                "{}: {}",
                &host.name,
                complaint
            );
            prop_assert_eq!(output.status.code(), Some(0), "{}: {}", &host.name, complaint);
        }
        Ok(())
    });
    compared.unwrap_or_else(|error| panic!("{error}"));
}
