//! `client-not-allowed` and `open-server`: would the servers of this inventory answer its clients, and whom else?

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;
use timefleet_agent::config::Subnet;

use super::catalogue::{CLIENT_NOT_ALLOWED, OPEN_SERVER};
use super::extra_lines::ExtraLines;
use super::gathered::{Finding, Gathered};
use super::place_or_host;
use super::site::{Leads, Site, at};
use crate::inventory::host::Role;
use crate::inventory::{Host, Place, Sourced};

/// A server's allow and deny lines, looked up by prefix length: as fast with ten thousand lines as with ten.
#[derive(Default)]
pub(crate) struct Access<'i> {
    by_network: HashMap<IpNet, (bool, Option<&'i Place>)>,
    /// Prefix lengths that occur, longest looked up first.
    lengths: BTreeSet<u8>,
}

impl<'i> Access<'i> {
    /// What one server's `allow` and `deny` say.
    fn new(server: &'i Host) -> Self {
        let mut lines = Self::default();
        for (networks, allow) in [(&server.time.allow, true), (&server.time.deny, false)] {
            for network in networks {
                lines.add(network.value, (allow, network.place.as_ref()));
            }
        }
        lines
    }

    fn of(site: &Site<'i>, index: usize, server: &'i Host) -> Self {
        Self::with(server, site.extra.get(&index))
    }

    /// Extra lines come last, as in the rendered file.
    pub(crate) fn with(server: &'i Host, extra: Option<&ExtraLines<'i>>) -> Self {
        let mut lines = Self::new(server);
        for (rule, place) in extra.map(|extra| &*extra.access).unwrap_or_default() {
            for network in networks(rule.subnet) {
                if rule.all {
                    lines.by_network.retain(|narrower, _| !network.contains(narrower));
                }
                lines.add(network, (rule.allow, *place));
            }
        }
        lines
    }

    fn add(&mut self, network: IpNet, verdict: (bool, Option<&'i Place>)) {
        self.by_network.insert(network, verdict);
        self.lengths.insert(network.prefix_len());
    }

    pub(crate) fn allows_anybody(&self) -> bool {
        self.by_network.values().any(|(allowed, _)| *allowed)
    }

    /// The most specific line that speaks of an address; where no line does, nobody is allowed.
    pub(crate) fn verdict(&self, address: IpAddr) -> (bool, Option<&'i Place>) {
        let networks =
            self.lengths.iter().rev().filter_map(|&length| Some(IpNet::new(address, length).ok()?.trunc()));
        networks.filter_map(|network| self.by_network.get(&network)).next().copied().unwrap_or((false, None))
    }
}

fn networks(subnet: Subnet) -> Vec<IpNet> {
    match subnet {
        Subnet::Any => ["0.0.0.0/0", "::/0"].into_iter().filter_map(|all| all.parse().ok()).collect(),
        Subnet::Net { address, length } => IpNet::new(address, length).into_iter().collect(),
    }
}

/// Whether a network is (a large part of) the Internet. Private networks begin at eight bits (IPv4) and seven (IPv6).
fn is_internet(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < 8,
        IpNet::V6(network) => network.prefix_len() < 7,
    }
}

/// The same of a line of chrony.conf.
pub(super) fn is_everybody(subnet: Subnet) -> bool {
    networks(subnet).iter().any(is_internet)
}

/// Servers by their lines.
#[derive(Default)]
struct Classes<'i> {
    /// Servers with the same lines, wherever they are written, give the same answers.
    classes: Vec<Access<'i>>,
    known: HashMap<ClassKey, usize>,
    /// By server that turned somebody away: its own lines.
    own: HashMap<usize, Access<'i>>,
    /// By host: its class.
    of_host: HashMap<usize, usize>,
    /// By group: what it takes to ask all of its servers.
    of_group: HashMap<usize, Rc<[Asked]>>,
}

/// Allowed, denied, and the host itself where extra lines say more.
type ClassKey = (Vec<IpNet>, Vec<IpNet>, Option<usize>);

/// Servers of one class and one family in a group.
#[derive(Clone, Copy)]
struct Asked {
    class: usize,
    /// `None`: by name.
    four: Option<bool>,
    first: usize,
    second: Option<usize>,
}

impl<'i> Classes<'i> {
    fn of_host(&mut self, site: &Site<'i>, index: usize, host: &'i Host) -> usize {
        if let Some(&class) = self.of_host.get(&index) {
            return class;
        }
        let list = |networks: &[Sourced<IpNet>]| networks.iter().map(|network| network.value).collect();
        // Extra access lines are rare: whoever has them is a class of its own.
        let own = site.extra.get(&index).is_some_and(|extra| !extra.access.is_empty()).then_some(index);
        let next = self.classes.len();
        let class = *self.known.entry((list(&host.time.allow), list(&host.time.deny), own)).or_insert(next);
        if class == next {
            self.classes.push(Access::of(site, index, host));
        }
        self.of_host.insert(index, class);
        class
    }

    /// Of servers that are alike those stand for all that somebody asked about.
    fn asked(&mut self, site: &Site<'i>, leads: Leads<'i>, findings: &Gathered<'i>) -> Rc<[Asked]> {
        let mut members = match leads {
            Leads::Outside(..) => return Rc::from([]),
            Leads::Host(server) => vec![server],
            Leads::Group(group) => match self.of_group.get(&group) {
                Some(asked) => return Rc::clone(asked),
                None => site.members(group).to_vec(),
            },
        };
        members.sort_by_key(|&server| !site.host(server).is_some_and(|host| findings.concerns(host)));
        let mut asked: Vec<Asked> = Vec::new();
        let mut index: HashMap<(usize, Option<bool>), usize> = HashMap::new();
        for server in members {
            let Some(host) = site.host(server).filter(|host| *host.time.port != 0) else { continue };
            let class = self.of_host(site, server, host);
            let four = host.address.parse::<IpAddr>().ok().map(|address| address.is_ipv4());
            let slot = *index.entry((class, four)).or_insert(asked.len());
            match asked.get_mut(slot) {
                Some(same) => same.second = same.second.or(Some(server)),
                None => asked.push(Asked { class, four, first: server, second: None }),
            }
        }
        let asked: Rc<[Asked]> = asked.into();
        if let Leads::Group(group) = leads {
            self.of_group.insert(group, Rc::clone(&asked));
        }
        asked
    }
}

pub(super) fn check<'i>(site: &Site<'i>, findings: &mut Gathered<'i>) {
    let mut classes = Classes::default();
    for (index, host) in site.hosts() {
        if *host.role == Role::Server {
            open(site, index, host, findings);
        }
        // `None`: a name, which can be anywhere. Only a server that allows nobody is sure not to answer it.
        let address = host.address.parse::<IpAddr>().ok();
        for (upstream, leads) in site.upstreams(host) {
            for asked in classes.asked(site, leads, findings).iter() {
                // A client with several addresses uses the one of the server's family; only that one is known.
                if asked.four.zip(address).is_some_and(|(four, address)| four != address.is_ipv4()) {
                    continue;
                }
                let Some(server) =
                    [Some(asked.first), asked.second].into_iter().flatten().find(|&s| s != index)
                else {
                    continue;
                };
                let Some(class) = classes.classes.get(asked.class) else { continue };
                if address.map_or_else(|| class.allows_anybody(), |address| class.verdict(address).0) {
                    continue;
                }
                let Some(named) = site.host(server) else { continue };
                let own = classes.own.entry(server).or_insert_with(|| Access::of(site, server, named));
                let reason = address.and_then(|address| own.verdict(address).1);
                let finding = refused(host, named, reason);
                findings.add_beside(host, named, finding.together(at(upstream, host)));
            }
        }
    }
}

/// A server that turns a client away.
fn refused(client: &Host, server: &Host, reason: Option<&Place>) -> Finding {
    let (second, label) = match reason {
        Some(deny) => (deny, "denied here"),
        None => match server.time.allow.first().and_then(|allow| allow.place.as_ref()) {
            Some(allow) => (allow, "not among these"),
            None => (&server.place, "this server allows nobody"),
        },
    };
    let help = format!("add its network to `time.allow` of `{}`", server.name);
    let place = place_or_host(&client.address, client);
    let before = match client.address.parse::<IpAddr>() {
        Ok(_) => format!("server `{}` will not answer ", server.name),
        Err(_) => format!("server `{}` allows nobody and will not answer ", server.name),
    };
    Finding::new(&CLIENT_NOT_ALLOWED, place, before, "", help).and(Some(second), label).detail(
        if client.address.value == client.name {
            String::new()
        } else {
            format!(" at {}", client.address.value)
        },
    )
}

fn open<'i>(site: &Site<'i>, index: usize, host: &'i Host, findings: &mut Gathered<'i>) {
    let useless = |network: &IpNet| match network {
        IpNet::V4(_) => *host.time.ipv6_only,
        IpNet::V6(_) => *host.time.ipv4_only,
    };
    let mut add = |network: &IpNet, place: Option<&Place>| {
        if is_internet(network) && !useless(network) {
            let place = place.unwrap_or(&host.place).clone();
            let family = if matches!(network, IpNet::V4(_)) { "IPv4" } else { "IPv6" };
            let after = format!(" answers everybody on the {family} Internet");
            findings.add(host, Finding::new(&OPEN_SERVER, place, "server ", after, OPEN_SERVER.cure));
        }
    };
    for network in &host.time.allow {
        add(&network.value, network.place.as_ref());
    }
    for (rule, place) in site.extra.get(&index).map(|extra| &*extra.access).unwrap_or_default() {
        if rule.allow {
            networks(rule.subnet).iter().for_each(|network| add(network, *place));
        }
    }
}
