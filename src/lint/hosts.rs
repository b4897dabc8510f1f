//! `no-hosts`, `duplicate-address`: an inventory is about machines, and each of them is one host.

use std::collections::HashMap;

use super::catalogue::{DUPLICATE_ADDRESS, NO_HOSTS};
use super::gathered::{Finding, Gathered};
use super::place_or_host;
use crate::inventory::{Host, HostName, Inventory, Place};

/// OpenSSH's port.
const SSH_PORT: u16 = 22;

pub(super) fn check<'i>(inventory: &'i Inventory, findings: &mut Gathered<'i>) {
    if inventory.hosts.is_empty()
        && let Some(place) = &inventory.fleet.place
    {
        let message = format!("fleet `{}` has no hosts", *inventory.fleet);
        let help = "list them under `groups: NAME: hosts:`";
        findings.add_whole(&[], Finding::new(&NO_HOSTS, place.clone(), message, "", help));
    }
    let mut known: HashMap<(HostName<'_>, u16, Option<&str>), &Host> = HashMap::new();
    // Two ranges of addresses that overlap are one mistake.
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    let mut index: HashMap<(Place, Place), usize> = HashMap::new();
    for host in &inventory.hosts {
        let port = host.ssh.port.as_ref().map_or(SSH_PORT, |port| port.value);
        let jump = host.ssh.jump.as_ref().map(|jump| jump.value.as_str());
        let machine = (HostName::of(&host.address.value), port, jump);
        let Some(first) = known.insert(machine, host) else { continue };
        if !findings.concerns(first) && !findings.concerns(host) {
            continue;
        }
        let places = (place_or_host(&host.address, host), place_or_host(&first.address, first));
        let slot = *index.entry(places).or_insert(pairs.len());
        match pairs.get_mut(slot) {
            Some(same) => same.count += 1,
            None => pairs.push(Pair { first, host, port, count: 1 }),
        }
    }
    for pair in &pairs {
        findings.add_whole(&[], pair.finding());
    }
}

struct Pair<'i> {
    first: &'i Host,
    host: &'i Host,
    port: u16,
    count: usize,
}

impl Pair<'_> {
    fn finding(&self) -> Finding {
        let Self { first, host, port, count } = self;
        let more = match count {
            1 => String::new(),
            2 => " (and one more pair)".to_owned(),
            _ => format!(" (and {} more pairs)", count - 1),
        };
        let message =
            format!("`{}` and `{}` are both {} port {port}{more}", first.name, host.name, host.address.value);
        let help =
            "one machine is one host; behind a jump host or another `ssh: { port }` it may be another one";
        let finding = Finding::new(&DUPLICATE_ADDRESS, place_or_host(&host.address, host), message, "", help);
        finding.and(Some(&place_or_host(&first.address, first)), format!("the address of `{}`", first.name))
    }
}
