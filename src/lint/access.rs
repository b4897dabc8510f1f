//! `client-not-allowed`: would the servers of this inventory answer its clients?

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

use super::rule::CLIENT_NOT_ALLOWED;
use super::{Finding, others, place_or_host};
use crate::inventory::host::UpstreamFrom;
use crate::inventory::{Host, Inventory, Place};

/// A server's allow and deny lines, looked up by prefix length: as fast with ten thousand lines as with ten.
pub(crate) struct Rules<'i> {
    by_network: HashMap<IpNet, (bool, Option<&'i Place>)>,
    /// Prefix lengths that occur, longest looked up first.
    lengths: BTreeSet<u8>,
}

impl<'i> Rules<'i> {
    /// Those of one server.
    pub(crate) fn new(server: &'i Host) -> Self {
        let mut rules = Self { by_network: HashMap::new(), lengths: BTreeSet::new() };
        let lines = [(&server.time.allow, true), (&server.time.deny, false)];
        for (networks, allow) in lines {
            for network in networks {
                rules.by_network.insert(network.value, (allow, network.place.as_ref()));
                rules.lengths.insert(network.prefix_len());
            }
        }
        rules
    }

    /// The most specific line that speaks of an address; where no line does, nobody is allowed.
    pub(crate) fn verdict(&self, address: IpAddr) -> (bool, Option<&'i Place>) {
        let networks =
            self.lengths.iter().rev().filter_map(|&length| Some(IpNet::new(address, length).ok()?.trunc()));
        networks.filter_map(|network| self.by_network.get(&network)).next().copied().unwrap_or((false, None))
    }
}

/// Clients that one server turns away for one reason.
struct Refused<'i> {
    place: Place,
    reason: Option<&'i Place>,
    server: &'i Host,
    first: &'i Host,
    count: usize,
}

pub(super) fn check(inventory: &Inventory, findings: &mut Vec<Finding>) {
    let mut rules: HashMap<&str, Rules<'_>> = HashMap::new();
    let mut refused: Vec<Refused<'_>> = Vec::new();
    let mut index: HashMap<(&str, Option<&Place>, &Place), usize> = HashMap::new();
    for host in &inventory.hosts {
        let Ok(address) = host.address.parse::<IpAddr>() else { continue };
        for upstream in &host.time.upstreams {
            let UpstreamFrom::Group(group) = &upstream.from else { continue };
            for server in inventory.upstream_hosts(host, group).filter(|server| *server.time.port != 0) {
                // A client with several addresses uses the one of the server's family; only that one is known.
                if server.address.parse::<IpAddr>().is_ok_and(|server| server.is_ipv4() != address.is_ipv4())
                {
                    continue;
                }
                let rules = rules.entry(&server.name).or_insert_with(|| Rules::new(server));
                let (false, reason) = rules.verdict(address) else { continue };
                let upstream_place = upstream.place.as_ref().unwrap_or(&host.place);
                let slot = *index.entry((&server.name, reason, upstream_place)).or_insert(refused.len());
                match refused.get_mut(slot) {
                    Some(same) => same.count += 1,
                    None => refused.push(Refused {
                        place: place_or_host(&host.address, host),
                        reason,
                        server,
                        first: host,
                        count: 1,
                    }),
                }
            }
        }
    }
    findings.extend(refused.iter().map(finding));
}

fn finding(refused: &Refused<'_>) -> Finding {
    let Refused { server, first, .. } = refused;
    let message = format!(
        "server `{}` will not answer `{}` at {}{}",
        server.name,
        first.name,
        first.address.value,
        others(refused.count)
    );
    let (second, label) = match refused.reason {
        Some(deny) => (deny, "denied here"),
        None => match server.time.allow.first().and_then(|allow| allow.place.as_ref()) {
            Some(allow) => (allow, "not among these"),
            None => (&server.place, "this server allows nobody"),
        },
    };
    let help = format!("add its network to `time.allow` of `{}`", server.name);
    Finding::new(&CLIENT_NOT_ALLOWED, refused.place.clone(), message, help).and(Some(second), label)
}
