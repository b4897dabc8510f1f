//! `wrong-port`, `source-is-no-server`: names and addresses behind which no daemon listens, or none that could be followed.

use std::cell::LazyCell;
use std::collections::HashMap;
use std::net::IpAddr;

use super::catalogue::{SOURCE_IS_NO_SERVER, WRONG_PORT};
use super::gathered::{Finding, Gathered};
use super::others;
use super::site::{Leads, Site, Some2, at};
use crate::inventory::host::Upstream;
use crate::inventory::{Host, NTP_PORT, Sourced};

/// Members of a group that serve on another port than the one that is asked, by group and port.
type Elsewhere = HashMap<(usize, u16), Some2>;

pub(super) fn check<'i>(site: &Site<'i>, findings: &mut Gathered<'i>) {
    let mut elsewhere = Elsewhere::new();
    let on_one_machine = LazyCell::new(|| {
        site.inventory.hosts.iter().any(|host| Nobody::at(&host.address) == Some(Nobody::Loopback))
    });
    for (index, host) in site.hosts() {
        for (upstream, leads) in site.upstreams(host) {
            match leads {
                Leads::Outside(name, _) => nobody(|| *on_one_machine, host, (upstream, name), findings),
                _ => wrong_port(site, index, host, (upstream, leads), &mut elsewhere, findings),
            }
        }
    }
}

/// Whether a host serves, but not on that port.
fn is_elsewhere(host: &Host, port: u16) -> bool {
    *host.time.port != 0 && *host.time.port != port
}

fn wrong_port<'i>(
    site: &Site<'i>,
    index: usize,
    host: &'i Host,
    (upstream, leads): (&'i Sourced<Upstream>, Leads<'i>),
    elsewhere: &mut Elsewhere,
    findings: &mut Gathered<'i>,
) {
    let (port, servers) = match (leads, upstream.port) {
        // Without a port of its own a group stands for each server's own.
        (Leads::Outside(..), _) | (Leads::Group(_), None) => return,
        (Leads::Host(server), port) => {
            let port = port.unwrap_or(NTP_PORT);
            let mut one = Some2::default();
            if site.host(server).is_some_and(|server| is_elsewhere(server, port)) {
                one.push(server);
            }
            (port, one)
        }
        (Leads::Group(group), Some(port)) => {
            let several = elsewhere.entry((group, port)).or_insert_with(|| {
                let mut several = Some2::default();
                let members = site.members(group).iter().copied();
                members
                    .filter(|&member| site.host(member).is_some_and(|host| is_elsewhere(host, port)))
                    .for_each(|member| several.push(member));
                several
            });
            (port, *several)
        }
    };
    let Some(server) = servers.first_but(index).and_then(|server| site.host(server)) else { return };
    let myself =
        matches!(leads, Leads::Group(group) if site.is_member(group, index)) && is_elsewhere(host, port);
    let more = others(servers.count() - usize::from(myself));
    let after = format!(" asks `{}`{more} on port {port}, where it does not serve", server.name);
    let own = *server.time.port;
    let help = match leads {
        Leads::Group(_) => "take `port` away: every server of the group is asked on its own port".to_owned(),
        _ => format!(
            "write `port: {own}`, or name the server's group: every server of it is asked on its own port"
        ),
    };
    let finding = Finding::new(&WRONG_PORT, at(upstream, host), "host ", after, help);
    let second = server.time.port.place.as_ref().unwrap_or(&server.place);
    findings.add_beside(
        host,
        server,
        finding.and(Some(second), format!("`{}` serves on port {own}", server.name)),
    );
}

/// Why nobody answers at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nobody {
    Loopback,
    Unspecified,
    Multicast,
    Broadcast,
}

/// Why no server can be at such a name or address, in words that go behind it.
pub(crate) fn nobody_at(name: &str) -> Option<&'static str> {
    Nobody::at(name).map(|nobody| nobody.words().0)
}

impl Nobody {
    fn at(name: &str) -> Option<Self> {
        let lower = name.trim_end_matches('.').to_ascii_lowercase();
        if ["localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"].contains(&lower.as_str()) {
            return Some(Self::Loopback);
        }
        let address = lower.split('%').next().unwrap_or_default().parse::<IpAddr>().ok()?.to_canonical();
        if address.is_loopback() {
            Some(Self::Loopback)
        } else if address.is_unspecified() {
            Some(Self::Unspecified)
        } else if address.is_multicast() {
            Some(Self::Multicast)
        } else {
            matches!(address, IpAddr::V4(four) if four.is_broadcast()).then_some(Self::Broadcast)
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        const ANOTHER: &str = "name the address of a server";
        match self {
            Self::Loopback => (
                "that is this machine itself",
                "name another machine; who only watches another daemon of this machine has `control_clock: false`",
            ),
            Self::Unspecified => ("no machine has that address", ANOTHER),
            Self::Multicast => ("that is a multicast address, at which no server answers", ANOTHER),
            Self::Broadcast => ("that is the broadcast address, at which no server answers", ANOTHER),
        }
    }
}

fn nobody<'i>(
    on_one_machine: impl Fn() -> bool,
    host: &'i Host,
    (upstream, name): (&'i Sourced<Upstream>, &'i str),
    findings: &mut Gathered<'i>,
) {
    let Some(nobody) = Nobody::at(name) else { return };
    if nobody == Nobody::Loopback {
        let port = upstream.port.unwrap_or(NTP_PORT);
        // Another daemon may be on a port of its own, and on NTP's where this one does not steer the clock. Where hosts
        // have loopback addresses the whole fleet is on one machine.
        let itself = port == *host.time.port || (port == NTP_PORT && *host.time.control_clock);
        if !itself || on_one_machine() {
            return;
        }
    }
    let (why, help) = nobody.words();
    let after = format!(" follows `{name}`: {why}");
    findings.add(host, Finding::new(&SOURCE_IS_NO_SERVER, at(upstream, host), "host ", after, help));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_whether_a_server_can_be_there() {
        for (name, nobody) in [
            ("127.0.0.1", Some(Nobody::Loopback)),
            ("127.9.9.9", Some(Nobody::Loopback)),
            ("::1", Some(Nobody::Loopback)),
            ("::ffff:127.0.0.1", Some(Nobody::Loopback)),
            ("LocalHost.", Some(Nobody::Loopback)),
            ("0.0.0.0", Some(Nobody::Unspecified)),
            ("::", Some(Nobody::Unspecified)),
            ("224.0.1.1", Some(Nobody::Multicast)),
            ("ff02::101%eth0", Some(Nobody::Multicast)),
            ("255.255.255.255", Some(Nobody::Broadcast)),
            ("10.0.0.255", None),
            ("fe80::1%eth0", None),
            ("localhost.example", None),
        ] {
            assert_eq!(Nobody::at(name), nobody, "{name}");
        }
    }
}
