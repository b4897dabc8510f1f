//! A host as a model: any facts, and what each step does to them.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use timefleet_agent::host::desired::{Daemon, Desired, Layout};
use timefleet_agent::host::facts::{Chronyd, Facts, FileFact, Rival};
use timefleet_agent::host::gap::sha256;
use timefleet_agent::host::plan::Step;
use timefleet_agent::report::{ClockControl, Running, ServiceReport};
use timefleet_agent::time::Seconds;

/// The executable that should run.
pub(crate) const AGENT_NAME: &str =
    "timefleet-agent-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER_AGENT: &str = "timefleet-agent-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const CONFIG_PATH: &str = "/etc/timefleet/agent.conf";
const CHRONYD_CONFIG: &str = "/etc/chrony/chrony.conf";

pub(crate) fn wish_and_facts() -> impl Strategy<Value = (Desired, Facts)> {
    (desired(), any::<bool>()).prop_flat_map(|(desired, root)| {
        let facts = facts(&desired, root);
        (Just(desired), facts)
    })
}

fn desired() -> impl Strategy<Value = Desired> {
    (daemon(), text(), any::<bool>()).prop_map(|(daemon, config, take_over)| Desired {
        host: "web01".to_owned(),
        fleet: "plant-7".to_owned(),
        daemon,
        config,
        take_over,
        serves: false,
        bound: Seconds(0.1),
    })
}

fn daemon() -> impl Strategy<Value = Daemon> {
    let layout = Layout {
        bin_dir: "/opt/timefleet/bin".to_owned(),
        config: CONFIG_PATH.to_owned(),
        state_dir: "/var/lib/timefleet".to_owned(),
        run_dir: "/run/timefleet".to_owned(),
        command_socket: "/run/chrony/chronyd.sock".to_owned(),
    };
    let process = layout.clone();
    prop_oneof![
        (text(), flags()).prop_map(move |(unit, flags)| Daemon::AgentSystemd {
            layout: layout.clone(),
            unit_file: "/etc/systemd/system/timefleet-agent.service".to_owned(),
            // As rendered: the flags are part of the unit.
            unit: format!("{unit}\nExecStart=/opt/timefleet/bin/timefleet-agent {}\n", flags.join(" ")),
            flags,
        }),
        flags().prop_map(move |flags| Daemon::AgentProcess { layout: process.clone(), flags }),
        Just(Daemon::Chronyd),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just("port 0\n"), Just("port 123\n"), Just("")].prop_map(str::to_owned)
}

fn flags() -> impl Strategy<Value = Vec<String>> {
    vec(prop_oneof![Just("-4"), Just("-x")].prop_map(str::to_owned), 0..3)
}

fn file() -> impl Strategy<Value = Option<FileFact>> {
    let mode = prop_oneof![Just(0o644), Just(0o600)];
    option::of((text(), mode, 0_u32..2).prop_map(|(content, mode, uid)| FileFact { content, mode, uid }))
}

fn running() -> impl Strategy<Value = Running> {
    (text(), any::<bool>(), flags()).prop_map(|(config, right_agent, flags)| Running {
        pid: 77,
        version: "0.1.0".to_owned(),
        agent_sha256: digest(if right_agent { AGENT_NAME } else { OTHER_AGENT }),
        config_file: CONFIG_PATH.to_owned(),
        config_sha256: sha256(&config),
        args: ["-f".to_owned(), CONFIG_PATH.to_owned()].into_iter().chain(flags).collect(),
        clock: ClockControl::Steered,
    })
}

fn facts(desired: &Desired, root: bool) -> impl Strategy<Value = Facts> + use<> {
    let is_chronyd = desired.daemon == Daemon::Chronyd;
    let needs_user = matches!(desired.daemon, Daemon::AgentSystemd { .. });
    let by_systemd = !matches!(desired.daemon, Daemon::AgentProcess { .. });
    let rival =
        (any::<bool>()).prop_map(|active| Rival { unit: "ntp.service".to_owned(), active, enabled: true });
    let link = option::of(prop_oneof![Just(AGENT_NAME.to_owned()), Just(OTHER_AGENT.to_owned())]);
    let service = (any::<bool>(), any::<bool>(), any::<bool>());
    (file(), file(), any::<bool>(), link, service, option::of(running()), vec(rival, 0..2), any::<bool>())
        .prop_map(
            move |(
                config,
                unit,
                stale,
                current_agent,
                (active, enabled, no_user),
                running,
                rivals,
                newer,
            )| {
                Facts {
                    uid: if root || by_systemd { 0 } else { 1 },
                    systemd: true,
                    config,
                    unit,
                    unit_stale: stale,
                    user_missing: needs_user && no_user,
                    current_agent,
                    service: ServiceReport {
                        active,
                        enabled: by_systemd.then_some(enabled),
                        ..ServiceReport::default()
                    },
                    running: running.filter(|_| active && !is_chronyd),
                    rivals,
                    chronyd: is_chronyd.then(|| Chronyd {
                        config: CHRONYD_CONFIG.to_owned(),
                        unit: "chrony.service".to_owned(),
                        config_newer_than_start: newer && active,
                    }),
                    ..Facts::default()
                }
            },
        )
}

/// What a step does to a host.
pub(crate) fn carry_out(desired: &Desired, mut facts: Facts, step: &Step) -> Facts {
    match step {
        Step::StopRival { unit } => facts.rivals.retain(|rival| rival.unit != *unit),
        Step::Write { path, mode, .. } => write(desired, &mut facts, path, *mode),
        Step::SwitchAgent { to, .. } => facts.current_agent = Some(to.clone()),
        Step::AddUser { .. } => facts.user_missing = false,
        Step::ReloadUnits => facts.unit_stale = false,
        Step::Enable { .. } => facts.service.enabled = Some(true),
        Step::Start { .. } | Step::Restart { .. } => start(desired, &mut facts),
    }
    facts
}

fn write(desired: &Desired, facts: &mut Facts, path: &str, mode: u32) {
    let owner = if matches!(desired.daemon, Daemon::AgentProcess { .. }) { facts.uid } else { 0 };
    let is_unit = matches!(&desired.daemon, Daemon::AgentSystemd { unit_file, .. } if unit_file == path);
    if let (true, Daemon::AgentSystemd { unit, .. }) = (is_unit, &desired.daemon) {
        facts.unit = Some(FileFact { content: unit.clone(), mode, uid: owner });
        facts.unit_stale = true;
        return;
    }
    facts.config = Some(FileFact { content: desired.config.clone(), mode, uid: owner });
    if let Some(chronyd) = &mut facts.chronyd {
        chronyd.config_newer_than_start = facts.service.active;
    }
}

fn start(desired: &Desired, facts: &mut Facts) {
    let by_systemd = !matches!(desired.daemon, Daemon::AgentProcess { .. });
    assert!(!(by_systemd && facts.unit_stale), "systemd reads the unit file before it starts the service");
    assert!(!facts.user_missing, "the service's user is there before it is started");
    facts.service.active = true;
    if let Some(chronyd) = &mut facts.chronyd {
        chronyd.config_newer_than_start = false;
        return;
    }
    let config = facts.config.as_ref().expect("nothing is started before its configuration is there");
    let agent = facts.current_agent.as_deref().expect("nothing is started before its executable is there");
    facts.running = Some(Running {
        pid: 78,
        version: "0.1.0".to_owned(),
        agent_sha256: digest(agent),
        config_file: CONFIG_PATH.to_owned(),
        config_sha256: sha256(&config.content),
        args: ["-f".to_owned(), CONFIG_PATH.to_owned()]
            .into_iter()
            .chain(desired.daemon.flags().iter().cloned())
            .collect(),
        clock: ClockControl::Steered,
    });
}

fn digest(agent: &str) -> String {
    agent.trim_start_matches("timefleet-agent-").to_owned()
}
