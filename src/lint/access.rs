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
    /// There are more lines, and nobody knows them here.
    more: bool,
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
        Self::with(server, site.extra.get(&index).copied())
    }

    /// Extra lines come last, as in the rendered file.
    pub(crate) fn with(server: &'i Host, extra: Option<&ExtraLines<'i>>) -> Self {
        let mut lines = Self::new(server);
        lines.more = extra.is_some_and(|extra| extra.more_lines);
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
        self.more || self.by_network.values().any(|(allowed, _)| *allowed)
    }

    /// The most specific line that speaks of all of a network.
    fn line_of_block(&self, network: IpNet) -> Option<IpNet> {
        let wide = self.lengths.iter().rev().filter(|&&length| length <= network.prefix_len());
        let wider = wide.filter_map(|&length| Some(IpNet::new(network.addr(), length).ok()?.trunc()));
        wider.into_iter().find(|network| self.by_network.contains_key(network))
    }

    /// Lines that let (a large part of) the Internet in: wide ones that are not, block by block, denied by narrower ones.
    fn open_lines(&self) -> Vec<IpNet> {
        let open = |network: IpNet| {
            let mut blocks = network.subnets(private_length(&network)).into_iter().flatten();
            blocks.any(|block| self.line_of_block(block) == Some(network))
        };
        let allowed = self.by_network.iter().filter(|(_, (allowed, _))| *allowed);
        allowed
            .map(|(network, _)| *network)
            .filter(|network| is_internet(network) && open(*network))
            .collect()
    }

    /// The most specific line that speaks of an address; where no line does, nobody is allowed. Nobody is refused where
    /// not all lines are known.
    pub(crate) fn verdict(&self, address: IpAddr) -> (bool, Option<&'i Place>) {
        if self.more {
            return (true, None);
        }
        self.line(address).map_or((false, None), |(_, verdict)| verdict)
    }

    fn line(&self, address: IpAddr) -> Option<(IpNet, (bool, Option<&'i Place>))> {
        let networks =
            self.lengths.iter().rev().filter_map(|&length| Some(IpNet::new(address, length).ok()?.trunc()));
        networks.filter_map(|network| Some((network, *self.by_network.get(&network)?))).next()
    }
}

fn networks(subnet: Subnet) -> Vec<IpNet> {
    match subnet {
        Subnet::Any => ["0.0.0.0/0", "::/0"].into_iter().filter_map(|all| all.parse().ok()).collect(),
        Subnet::Net { address, length } => IpNet::new(address, length).into_iter().collect(),
    }
}

/// The length of the widest private network: `10.0.0.0/8`, `fc00::/7`.
fn private_length(network: &IpNet) -> u8 {
    match network {
        IpNet::V4(_) => 8,
        IpNet::V6(_) => 7,
    }
}

/// Whether a network is (a large part of) the Internet.
fn is_internet(network: &IpNet) -> bool {
    network.prefix_len() < private_length(network)
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
    /// Every network of every line.
    networks: Access<'i>,
    /// By server that turned somebody away: its own lines.
    own: HashMap<usize, Access<'i>>,
    /// By host: its class.
    of_host: HashMap<usize, usize>,
    /// By group: what it takes to ask all of its servers.
    of_group: HashMap<usize, Rc<[Asked]>>,
    /// By class: lines that let (a large part of) the Internet in.
    open: HashMap<usize, Rc<[IpNet]>>,
    /// Who of a group turns whom away.
    of_client: HashMap<(usize, Client), Rc<[Asked]>>,
}

/// What clients have in common that every server gives the same answer: the family of their addresses (`None`: names,
/// which can be anywhere) and the narrowest network with them in it that any line speaks of. Wider ones are the same then.
type Client = (Option<bool>, Option<IpNet>);

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
        let own = site.extra.get(&index).is_some_and(|extra| extra.more_lines || !extra.access.is_empty());
        let own = own.then_some(index);
        let next = self.classes.len();
        let class = *self.known.entry((list(&host.time.allow), list(&host.time.deny), own)).or_insert(next);
        if class == next {
            let access = Access::of(site, index, host);
            access.by_network.keys().for_each(|network| self.networks.add(*network, (true, None)));
            self.classes.push(access);
        }
        self.of_host.insert(index, class);
        class
    }

    /// Which lines of a server let (a large part of) the Internet in.
    fn open_lines(&mut self, site: &Site<'i>, index: usize, host: &'i Host) -> Rc<[IpNet]> {
        let class = self.of_host(site, index, host);
        let lines = self
            .open
            .entry(class)
            .or_insert_with(|| self.classes.get(class).map(Access::open_lines).unwrap_or_default().into());
        Rc::clone(lines)
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

impl<'i> Classes<'i> {
    /// Whether a class answers an address. Of a name only a server that allows nobody is sure not to answer it.
    fn answers(&self, asked: &Asked, address: Option<IpAddr>) -> bool {
        let Some(class) = self.classes.get(asked.class) else { return true };
        // A client with several addresses uses the one of the server's family; only that one is known.
        let other = asked.four.zip(address).is_some_and(|(four, address)| four != address.is_ipv4());
        other || address.map_or_else(|| class.allows_anybody(), |address| class.verdict(address).0)
    }

    /// Those of whom a client asks that turn it away.
    fn refusing(
        &mut self,
        site: &Site<'i>,
        leads: Leads<'i>,
        address: Option<IpAddr>,
        findings: &Gathered<'i>,
    ) -> Rc<[Asked]> {
        let asked = self.asked(site, leads, findings);
        let refuse =
            |classes: &Self| asked.iter().copied().filter(|one| !classes.answers(one, address)).collect();
        let Leads::Group(group) = leads else { return refuse(self) };
        let network = address.and_then(|address| self.networks.line(address)).map(|(network, _)| network);
        let client = (group, (address.map(|address| address.is_ipv4()), network));
        if let Some(known) = self.of_client.get(&client) {
            return Rc::clone(known);
        }
        let refusing: Rc<[Asked]> = refuse(self);
        self.of_client.insert(client, Rc::clone(&refusing));
        refusing
    }
}

pub(super) fn check<'i>(site: &Site<'i>, findings: &mut Gathered<'i>) {
    let mut classes = Classes::default();
    // Before anybody is asked, since what clients have in common depends on all lines.
    for (index, host) in site.hosts().filter(|(_, host)| *host.time.port != 0) {
        classes.of_host(site, index, host);
    }
    for (index, host) in site.hosts() {
        if *host.role == Role::Server {
            open(site, index, host, &mut classes, findings);
        }
        // `None`: a name.
        let address = host.address.parse::<IpAddr>().ok();
        for (upstream, leads) in site.upstreams(host) {
            for asked in classes.refusing(site, leads, address, findings).iter() {
                let Some(server) =
                    [Some(asked.first), asked.second].into_iter().flatten().find(|&s| s != index)
                else {
                    continue;
                };
                let Some(named) = site.host(server) else { continue };
                let own = classes.own.entry(server).or_insert_with(|| Access::of(site, server, named));
                let reason = address.and_then(|address| own.verdict(address).1);
                let finding = refused(host, named, site.extra.get(&server).copied(), reason);
                findings.add_beside(host, named, finding.together(at(upstream, host)));
            }
        }
    }
}

/// A server that turns a client away.
fn refused(client: &Host, server: &Host, extra: Option<&ExtraLines<'_>>, denied: Option<&Place>) -> Finding {
    let by_key = || server.time.allow.first().and_then(|allow| allow.place.as_ref());
    let by_line = || {
        let mut lines = extra.map(|extra| &*extra.access).unwrap_or_default().iter();
        lines.find(|(rule, _)| rule.allow).and_then(|(_, place)| *place)
    };
    let (second, label) = match (denied, by_key().or_else(by_line)) {
        (Some(deny), _) => (deny, "denied here"),
        (None, Some(allow)) => (allow, "not among these"),
        (None, None) => (&server.place, "this server allows nobody"),
    };
    let help = match denied {
        Some(_) => format!("take that `deny` of `{}` away, or narrow it", server.name),
        None => format!("add its network to `time.allow` of `{}`", server.name),
    };
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

fn open<'i>(
    site: &Site<'i>,
    index: usize,
    host: &'i Host,
    classes: &mut Classes<'i>,
    findings: &mut Gathered<'i>,
) {
    let useless = |network: &IpNet| match network {
        IpNet::V4(_) => *host.time.ipv6_only,
        IpNet::V6(_) => *host.time.ipv4_only,
    };
    let by_line = site.extra.get(&index).map(|extra| &*extra.access).unwrap_or_default().iter();
    let by_line = by_line.filter(|(rule, _)| rule.allow);
    let by_line =
        by_line.flat_map(|(rule, place)| networks(rule.subnet).into_iter().map(|net| (net, *place)));
    let by_key = host.time.allow.iter().map(|network| (network.value, network.place.as_ref()));
    for (network, place) in by_key.chain(by_line) {
        if !is_internet(&network)
            || useless(&network)
            || !classes.open_lines(site, index, host).contains(&network)
            || is_for_itself(host, &network)
        {
            continue;
        }
        let place = place.unwrap_or(&host.place).clone();
        let family = if matches!(network, IpNet::V4(_)) { "IPv4" } else { "IPv6" };
        let after = format!(" answers everybody on the {family} Internet");
        findings.add(host, Finding::new(&OPEN_SERVER, place, "server ", after, OPEN_SERVER.cure));
    }
}

/// Whether `bindaddress` lets a host hear only itself in the family of a network.
fn is_for_itself(host: &Host, network: &IpNet) -> bool {
    let bound = host.time.extra.iter().filter_map(|line| {
        let mut words = line.split_whitespace();
        let is_bind = words.next()?.eq_ignore_ascii_case("bindaddress");
        words.next().filter(|_| is_bind)?.parse::<IpAddr>().ok()
    });
    let mut of_family =
        bound.filter(|address| address.is_ipv4() == matches!(network, IpNet::V4(_))).peekable();
    of_family.peek().is_some() && of_family.all(|address| address.is_loopback())
}
