//! `no-hosts`, `duplicate-address`: an inventory is about machines, and each of them is one host.

use std::collections::HashMap;

use super::Finding;
use super::rule::{DUPLICATE_ADDRESS, NO_HOSTS};
use crate::inventory::{Host, Inventory};

/// OpenSSH's port.
const SSH_PORT: u16 = 22;

pub(super) fn check(inventory: &Inventory, findings: &mut Vec<Finding>) {
    if inventory.hosts.is_empty()
        && let Some(place) = &inventory.fleet.place
    {
        let message = format!("fleet `{}` has no hosts", *inventory.fleet);
        let help = "list them under `groups: NAME: hosts:`";
        findings.push(Finding::new(&NO_HOSTS, place.clone(), message, help));
    }
    let mut known: HashMap<(&str, u16, Option<&str>), &Host> = HashMap::new();
    for host in &inventory.hosts {
        let port = host.ssh.port.as_ref().map_or(SSH_PORT, |port| port.value);
        let jump = host.ssh.jump.as_ref().map(|jump| jump.value.as_str());
        let machine = (host.address.value.as_str(), port, jump);
        let Some(first) = known.insert(machine, host) else { continue };
        let place = |host: &Host| host.address.place.clone().unwrap_or_else(|| host.place.clone());
        let message = format!("`{}` and `{}` are both {} port {port}", first.name, host.name, machine.0);
        let help =
            "one machine is one host; behind a jump host or another `ssh: { port }` it may be another one";
        let finding = Finding::new(&DUPLICATE_ADDRESS, place(host), message, help);
        findings.push(finding.and(Some(&place(first)), format!("the address of `{}`", first.name)));
    }
}
