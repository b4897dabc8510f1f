//! Rules about one host and what it follows.

use timefleet_agent::time::Seconds;

use super::catalogue::{
    FOLLOWS_ITSELF, ISOLATED_WITHOUT_LOCAL, LOCAL_ON_CLIENT, NO_PATH_TO_TIME, STEP_ANYTIME,
    UPSTREAM_NOT_SERVING, WINDOWS_WITHOUT_MAXDISTANCE,
};
use super::gathered::{Finding, Gathered};
use super::site::{Leads, Site, Some2, at};
use super::{others, place_or_host};
use crate::inventory::host::{Platform, Role, Upstream};
use crate::inventory::{Host, Sourced};

/// What a Windows server's root distance stays below in practice: its root dispersion grows to several seconds.
const WINDOWS_DISTANCE: Seconds = Seconds(16.0);

pub(super) fn check<'i>(site: &Site<'i>, findings: &mut Gathered<'i>) {
    let mut silent = vec![false; site.inventory.groups.len()];
    for (index, host) in site.hosts() {
        without_source(site, index, host, findings);
        own_clock(site, host, findings);
        for (upstream, leads) in site.upstreams(host) {
            let windows = upstream.platform == Some(Platform::Windows) && !upstream.options.noselect;
            if windows && site.max_distance(host) < WINDOWS_DISTANCE {
                let help =
                    "set `maxdistance: 16.0` on the host: Windows reports a root dispersion of seconds";
                let after = " would never select this Windows server";
                let place = at(upstream, host);
                findings.add(host, Finding::new(&WINDOWS_WITHOUT_MAXDISTANCE, place, "host ", after, help));
            }
            serving(site, index, host, (upstream, leads), &mut silent, findings);
        }
    }
}

fn own_clock<'i>(site: &Site<'i>, host: &'i Host, findings: &mut Gathered<'i>) {
    if let (Role::Client, Some(given)) = (*host.role, site.local(host)) {
        let help = "take `local` away, or give the host `role: server`";
        let place = place_or_host(given, host);
        findings.add(host, Finding::new(&LOCAL_ON_CLIENT, place, "client ", " has a `local` clock", help));
    }
    if let Some(step) = site.make_step(host)
        && step.limit < 0
        && *host.time.control_clock
    {
        let place = place_or_host(step, host);
        let after = " may step its clock at any time";
        findings.add(host, Finding::new(&STEP_ANYTIME, place, "host ", after, STEP_ANYTIME.cure));
    }
}

/// Whether anybody is there: a group that holds nobody but the host itself is nobody.
fn is_somebody(site: &Site<'_>, index: usize, leads: Leads<'_>) -> bool {
    match leads {
        Leads::Outside(..) => true,
        Leads::Host(server) => server != index,
        Leads::Group(group) => site.members(group).iter().any(|&member| member != index),
    }
}

fn without_source<'i>(site: &Site<'i>, index: usize, host: &'i Host, findings: &mut Gathered<'i>) {
    let follows = || site.sources(host).any(|(_, leads)| is_somebody(site, index, leads));
    if site.local(host).is_some() || site.is_fed(index) || follows() {
        return;
    }
    let measures = site.upstreams(host).any(|(_, leads)| is_somebody(site, index, leads));
    // Whoever leaves its clock alone and only measures is a monitor.
    if *host.role == Role::Client && measures && !*host.time.control_clock {
        return;
    }
    let place = host.place.clone();
    let finding = match (*host.role, measures) {
        (Role::Server, false) => Finding::new(
            &ISOLATED_WITHOUT_LOCAL,
            place,
            "server ",
            " has no source and no `local` clock: its clients will see stratum 0",
            "give it upstreams, or `local: { stratum: 10, orphan: true, distance: 0.1 }`",
        ),
        (Role::Server, true) => Finding::new(
            &ISOLATED_WITHOUT_LOCAL,
            place,
            "server ",
            " has `noselect` on every source and no `local` clock: its clients will see stratum 0",
            "take `noselect` away from a source, or add `local: { stratum: 10, orphan: true, distance: 0.1 }`",
        ),
        (Role::Client, false) => Finding::new(
            &NO_PATH_TO_TIME,
            place,
            "client ",
            " follows nobody",
            "give it `time: { upstreams: [{ group: GROUP }] }`",
        ),
        (Role::Client, true) => Finding::new(
            &NO_PATH_TO_TIME,
            place,
            "client ",
            " has `noselect` on every source: it measures them and follows nobody",
            "take `noselect` away from a source, or add one without it",
        ),
    };
    // Hosts that have nothing from the same line have one mistake in common.
    let together = site.upstreams(host).next().map(|(upstream, _)| at(upstream, host));
    findings.add(host, finding.together(together.unwrap_or_else(|| place_or_host(&host.role, host))));
}

/// Servers that serve, and that are somebody else. A group with clients in it is told once, whoever names it.
fn serving<'i>(
    site: &Site<'i>,
    index: usize,
    host: &'i Host,
    (upstream, leads): (&'i Sourced<Upstream>, Leads<'i>),
    told: &mut [bool],
    findings: &mut Gathered<'i>,
) {
    let mut one = Some2::default();
    let (silent, of) = match leads {
        Leads::Outside(..) => return,
        Leads::Host(server) if server == index => {
            let place = at(upstream, host);
            let after = " names itself as an upstream";
            findings.add(host, Finding::new(&FOLLOWS_ITSELF, place, "host ", after, FOLLOWS_ITSELF.cure));
            return;
        }
        Leads::Host(server) => {
            if site.host(server).is_some_and(|server| *server.time.port == 0) {
                one.push(server);
            }
            (&one, String::new())
        }
        Leads::Group(group) => {
            let (Some(made_of), Some(told)) = (site.made_of.get(group), told.get_mut(group)) else { return };
            if made_of.silent.first_but(index).is_none() || *told {
                return;
            }
            // The next one who names it may be somebody that was asked about.
            *told = findings.concerns(host);
            let name = site.inventory.groups.get(group).map_or("", |group| group.name.as_str());
            (&made_of.silent, format!(" of group `{name}`"))
        }
    };
    let Some(server) = silent.first_but(index).and_then(|server| site.host(server)) else { return };
    let message = match silent.count() {
        1 => format!("`{}`{of} is a client: it serves no time", server.name),
        count => format!("`{}`{}{of} are clients: they serve no time", server.name, others(count)),
    };
    let place = at(upstream, host);
    let finding = Finding::new(&UPSTREAM_NOT_SERVING, place, message, "", UPSTREAM_NOT_SERVING.cure);
    findings.add_whole(&[host], finding.and(server.role.place.as_ref(), "its role"));
}
