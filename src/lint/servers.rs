//! Rules about what a server serves, and whether anybody asks it.

use super::catalogue::{BOOT_CLOCK_SERVED, LOCAL_STRATUM_TOO_LOW, UNUSED_SERVER};
use super::gathered::{Finding, Gathered};
use super::place_or_host;
use super::site::{Site, Used};
use super::strata::Strata;
use crate::inventory::Host;
use crate::inventory::host::Role;

pub(super) fn check<'i>(site: &Site<'i>, strata: &Strata, findings: &mut Gathered<'i>) {
    let clients = site.inventory.hosts.iter().any(|host| *host.role == Role::Client);
    let least = findings.number(&LOCAL_STRATUM_TOO_LOW, "least");
    for (index, host) in site.hosts().filter(|(_, host)| *host.role == Role::Server) {
        let reached = site.reached.get(index) == Some(&true);
        local_stratum(site, host, least, strata.with_sources(index).filter(|_| reached), findings);
        if let Some(local) = site.local(host)
            && local.activate.is_none()
            && reached
        {
            let after = " would serve the clock it booted with until its sources answer";
            let place = place_or_host(local, host);
            findings
                .add(host, Finding::new(&BOOT_CLOCK_SERVED, place, "server ", after, BOOT_CLOCK_SERVED.cure));
        }
        let more = site.extra.get(&index).is_some_and(|extra| extra.more_lines || !extra.access.is_empty());
        let closed = host.time.allow.is_empty() && !more;
        let used = site.used.get(index).copied().unwrap_or_default();
        if used != Used::Yes && (clients || closed) {
            let after = match (used, closed) {
                (Used::No, true) => " is followed by no host of the inventory, and answers nobody",
                (Used::No, false) => " is followed by no host of the inventory",
                (_, true) => " is followed only by servers that it follows itself, and answers nobody",
                (_, false) => " is followed only by servers that it follows itself",
            };
            let place = host.place.clone();
            let finding = Finding::new(&UNUSED_SERVER, place, "server ", after, UNUSED_SERVER.cure);
            findings.add(host, finding.together(place_or_host(&host.role, host)));
        }
    }
}

fn local_stratum<'i>(
    site: &Site<'i>,
    host: &'i Host,
    least: f64,
    real: Option<u8>,
    findings: &mut Gathered<'i>,
) {
    let Some(local) = site.local(host) else { return };
    let after = match real {
        _ if f64::from(local.stratum) < least => {
            format!(" would serve a clock that nobody set at stratum {}", local.stratum)
        }
        Some(real) if local.stratum <= real => format!(
            " would serve its own clock at stratum {}, and is at {real} with real time",
            local.stratum
        ),
        _ => return,
    };
    let place = place_or_host(local, host);
    let help = LOCAL_STRATUM_TOO_LOW.cure;
    findings.add(host, Finding::new(&LOCAL_STRATUM_TOO_LOW, place, "server ", after, help));
}
