//! Rules about one host and what it follows.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use timefleet_agent::time::Seconds;

use super::rule::{
    ADDRESS_FAMILY_MISMATCH, ISOLATED_WITHOUT_LOCAL, LOCAL_ON_CLIENT, NO_PATH_TO_TIME, UPSTREAM_NOT_SERVING,
    WINDOWS_WITHOUT_MAXDISTANCE,
};
use super::{Finding, place_or_host, whom};
use crate::inventory::host::{Platform, Role, Upstream, UpstreamFrom};
use crate::inventory::{Host, Inventory, MAX_DISTANCE, Place, Sourced};

/// What a Windows server's root distance stays below in practice: its root dispersion grows to several seconds.
const WINDOWS_DISTANCE: Seconds = Seconds(16.0);

/// Hosts with the same mistake from the same line.
#[derive(Default)]
struct Shared {
    by_place: HashMap<(Place, String), (String, usize)>,
    order: Vec<(Place, String)>,
}

impl Shared {
    fn add(&mut self, place: Place, about: &str, host: &Host) {
        let key = (place, about.to_owned());
        let entry = self.by_place.entry(key.clone()).or_insert_with(|| {
            self.order.push(key);
            (host.name.clone(), 0)
        });
        entry.1 += 1;
    }

    fn each(self) -> impl Iterator<Item = (Place, String, String)> {
        let Self { mut by_place, order } = self;
        order.into_iter().filter_map(move |key| {
            let (first, count) = by_place.remove(&key)?;
            Some((key.0, key.1, whom(&first, count)))
        })
    }
}

pub(super) fn check(inventory: &Inventory, findings: &mut Vec<Finding>) {
    let (mut local, mut windows, mut family) = (Shared::default(), Shared::default(), Shared::default());
    let mut silent = HashSet::new();
    for host in &inventory.hosts {
        without_source(inventory, host, findings);
        if let (Role::Client, Some(given)) = (*host.role, &host.time.local) {
            local.add(place_or_host(given, host), "", host);
        }
        for upstream in &host.time.upstreams {
            if upstream.platform == Some(Platform::Windows)
                && host.time.maxdistance.as_ref().map_or(MAX_DISTANCE, |distance| distance.value)
                    < WINDOWS_DISTANCE
            {
                windows.add(place_or_host(upstream, host), "", host);
            }
            reachable(inventory, host, upstream, &mut family, &mut silent, findings);
        }
    }
    findings.extend(local.each().map(|(place, _, whom)| {
        let message = format!("client {whom} has a `local` clock");
        Finding::new(&LOCAL_ON_CLIENT, place, message, "take `local` away, or give the host `role: server`")
    }));
    findings.extend(windows.each().map(|(place, _, whom)| {
        let message = format!("host {whom} would never select this Windows server");
        let help = "set `maxdistance: 16.0` on the host: Windows reports a root dispersion of seconds";
        Finding::new(&WINDOWS_WITHOUT_MAXDISTANCE, place, message, help)
    }));
    findings.extend(family.each().map(|(place, about, whom)| {
        let help = "take `ipv4_only` or `ipv6_only` away, or name an address of the other family";
        Finding::new(&ADDRESS_FAMILY_MISMATCH, place, format!("host {whom} {about}"), help)
    }));
}

/// Whether anybody is there to follow: a group that holds nobody but the host itself is nobody.
fn follows_somebody(inventory: &Inventory, host: &Host) -> bool {
    host.time.upstreams.iter().any(|upstream| match &upstream.from {
        UpstreamFrom::Server(_) | UpstreamFrom::Pool(_) => true,
        UpstreamFrom::Group(group) => inventory.upstream_hosts(host, group).next().is_some(),
    })
}

fn without_source(inventory: &Inventory, host: &Host, findings: &mut Vec<Finding>) {
    if host.time.local.is_some() || follows_somebody(inventory, host) {
        return;
    }
    let name = &host.name;
    let finding = match *host.role {
        Role::Server => Finding::new(
            &ISOLATED_WITHOUT_LOCAL,
            host.place.clone(),
            format!("server `{name}` has no source and no `local` clock: its clients will see stratum 0"),
            "give it upstreams, or `local: { stratum: 10, orphan: true, distance: 0.1 }`",
        ),
        Role::Client => Finding::new(
            &NO_PATH_TO_TIME,
            host.place.clone(),
            format!("client `{name}` follows nobody"),
            "give it `time: { upstreams: [{ group: GROUP }] }`",
        ),
    };
    findings.push(finding);
}

/// Address families, and servers that serve.
fn reachable<'i>(
    inventory: &'i Inventory,
    host: &'i Host,
    upstream: &'i Sourced<Upstream>,
    family: &mut Shared,
    silent: &mut HashSet<(&'i str, &'i str)>,
    findings: &mut Vec<Finding>,
) {
    let mut literal = |address: &str, whose: &str| {
        let wrong = match address.split('%').next().unwrap_or_default().parse::<IpAddr>() {
            Ok(IpAddr::V6(_)) if *host.time.ipv4_only => "uses IPv4 only",
            Ok(IpAddr::V4(_)) if *host.time.ipv6_only => "uses IPv6 only",
            _ => return,
        };
        let about = format!("{wrong} and cannot reach {whose}{address}");
        family.add(place_or_host(upstream, host), &about, host);
    };
    match &upstream.from {
        UpstreamFrom::Server(name) | UpstreamFrom::Pool(name) => literal(name, ""),
        UpstreamFrom::Group(group) => {
            for server in inventory.upstream_hosts(host, group) {
                if *host.time.ipv4_only || *host.time.ipv6_only {
                    literal(&server.address, &format!("`{}` at ", server.name));
                }
                if *server.time.port == 0 && silent.insert((group, &server.name)) {
                    let message =
                        format!("`{}` of group `{group}` is a client: it serves no time", server.name);
                    let help = "name a group of servers, or give that host `role: server`";
                    findings.push(
                        Finding::new(&UPSTREAM_NOT_SERVING, place_or_host(upstream, host), message, help)
                            .and(server.role.place.as_ref(), "its role"),
                    );
                }
            }
        }
    }
}
