//! What holds when nobody wrote anything.

use timefleet_agent::config::RateLimit;
use timefleet_agent::time::Seconds;

use super::host::{AgentPlacement, DaemonKind, Local, MakeStep, Role, Service, Sourced, Ssh, Time};
use super::settings::Settings;

/// NTP's port, RFC 5905.
pub(crate) const NTP_PORT: u16 = 123;
/// chronyd's monitoring port, chrony.conf(5) `cmdport`.
pub(crate) const COMMAND_PORT: u16 = 323;
/// chrony.conf(5) `maxdistance`.
pub(crate) const MAX_DISTANCE: Seconds = Seconds(3.0);
/// Step offsets above a second during the first three updates: what distributions ship.
const MAKE_STEP: MakeStep = MakeStep { threshold: Seconds(1.0), limit: 3 };
/// chrony.conf(5) `local stratum`.
const LOCAL_STRATUM: u8 = 10;

/// The written value or the default.
pub(super) fn or<T: Clone>(written: &Option<Sourced<T>>, default: T) -> Sourced<T> {
    written.clone().unwrap_or(Sourced::default(default))
}

pub(super) fn ssh(settings: &Settings) -> Ssh {
    Ssh {
        user: settings.ssh_user.clone(),
        port: settings.ssh_port.clone(),
        identity: settings.ssh_identity.clone(),
        r#become: or(&settings.ssh_become, false),
        jump: settings.ssh_jump.clone(),
        known_hosts: settings.ssh_known_hosts.clone(),
    }
}

pub(super) fn agent(settings: &Settings) -> AgentPlacement {
    AgentPlacement {
        service: or(&settings.service, Service::Systemd),
        home: or(&settings.home, "~/timefleet".to_owned()),
    }
}

pub(super) fn time(settings: &Settings, role: Role) -> Time {
    let control_clock = or(&settings.control_clock, true);
    let bound = settings.maxdistance.as_ref().map_or(MAX_DISTANCE, |distance| distance.value);
    Time {
        upstreams: list(&settings.upstreams),
        allow: list(&settings.allow),
        deny: list(&settings.deny),
        local: local(settings),
        maxdistance: settings.maxdistance.clone(),
        ipv4_only: or(&settings.ipv4_only, false),
        ipv6_only: or(&settings.ipv6_only, false),
        makestep: makestep(settings),
        rtcsync: or(&settings.rtcsync, control_clock.value),
        minsources: settings.minsources.clone(),
        ratelimit: ratelimit(settings),
        keyfile: settings.keyfile.clone(),
        template: settings.template.clone(),
        // A client serves nobody, whatever the port of the servers around it.
        port: match role {
            Role::Server => or(&settings.port, NTP_PORT),
            Role::Client => Sourced::default(0),
        },
        cmdport: or(&settings.cmdport, COMMAND_PORT),
        control_clock,
        daemon: or(&settings.daemon, DaemonKind::Agent),
        bound: or(&settings.bound, bound),
        extra: list(&settings.extra),
    }
}

pub(super) fn list<T: Clone>(written: &Option<Sourced<Vec<Sourced<T>>>>) -> Vec<Sourced<T>> {
    written.as_ref().map(|list| list.value.clone()).unwrap_or_default()
}

fn local(settings: &Settings) -> Option<Sourced<Local>> {
    let switch = settings.local.as_ref().filter(|switch| switch.value)?;
    let local = Local {
        stratum: settings.local_stratum.as_ref().map_or(LOCAL_STRATUM, |stratum| stratum.value),
        orphan: settings.local_orphan.as_ref().is_some_and(|orphan| orphan.value),
        distance: settings.local_distance.as_ref().map(|distance| distance.value),
        activate: settings.local_activate.as_ref().map(|distance| distance.value),
        waitsynced: settings.local_waitsynced.as_ref().map(|time| time.value),
        waitunsynced: settings.local_waitunsynced.as_ref().map(|time| time.value),
    };
    Some(Sourced { value: local, place: switch.place.clone() })
}

fn makestep(settings: &Settings) -> Option<Sourced<MakeStep>> {
    let Some(switch) = &settings.makestep else { return Some(Sourced::default(MAKE_STEP)) };
    let step = MakeStep {
        threshold: settings.makestep_threshold.as_ref().map_or(MAKE_STEP.threshold, |value| value.value),
        limit: settings.makestep_limit.as_ref().map_or(MAKE_STEP.limit, |value| value.value),
    };
    switch.value.then(|| Sourced { value: step, place: switch.place.clone() })
}

fn ratelimit(settings: &Settings) -> Option<Sourced<RateLimit>> {
    let switch = settings.ratelimit.as_ref().filter(|switch| switch.value)?;
    let usual = RateLimit::TIME;
    let limit = RateLimit {
        interval: settings.ratelimit_interval.as_ref().map_or(usual.interval, |value| value.value),
        burst: settings.ratelimit_burst.as_ref().map_or(usual.burst, |value| value.value),
        leak: settings.ratelimit_leak.as_ref().map_or(usual.leak, |value| value.value),
        kod: settings.ratelimit_kod.as_ref().map_or(usual.kod, |value| value.value),
    };
    Some(Sourced { value: limit, place: switch.place.clone() })
}
