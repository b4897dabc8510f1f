//! `key-unknown-to-server`: a request that is signed with a key is answered by those who have it.

use std::collections::HashMap;

use super::catalogue::KEY_UNKNOWN_TO_SERVER;
use super::gathered::{Finding, Gathered};
use super::others;
use super::site::{Leads, Site, Some2, at};

/// Whether a host serves and surely has no keys.
fn has_none(site: &Site<'_>, server: usize) -> bool {
    let Some(host) = site.host(server) else { return false };
    let brought = site.extra.get(&server).is_some_and(|extra| extra.key_file);
    *host.time.port != 0 && host.time.keyfile.is_none() && !brought
}

pub(super) fn check<'i>(site: &Site<'i>, findings: &mut Gathered<'i>) {
    let mut of_group: HashMap<usize, Some2> = HashMap::new();
    for (index, host) in site.hosts() {
        for (upstream, leads) in site.upstreams(host) {
            let Some(key) = upstream.options.key else { continue };
            let (servers, myself) = match leads {
                Leads::Outside(..) => continue,
                Leads::Host(server) => (keyless(site, &[server]), false),
                Leads::Group(group) => {
                    let known = of_group.entry(group);
                    let servers = *known.or_insert_with(|| keyless(site, site.members(group)));
                    (servers, site.is_member(group, index) && has_none(site, index))
                }
            };
            let Some(server) = servers.first_but(index).and_then(|server| site.host(server)) else {
                continue;
            };
            let more = others(servers.count() - usize::from(myself));
            let after = format!(" asks with key {key}, and `{}`{more} has no `keyfile`", server.name);
            let help = format!(
                "set `time.keyfile` of `{}` to a file there that holds the key, or take `key` away",
                server.name
            );
            let finding = Finding::new(&KEY_UNKNOWN_TO_SERVER, at(upstream, host), "host ", after, help);
            findings.add_beside(host, server, finding.and(Some(&server.place), "no `keyfile` here"));
        }
    }
}

fn keyless(site: &Site<'_>, servers: &[usize]) -> Some2 {
    let mut several = Some2::default();
    servers.iter().filter(|&&server| has_none(site, server)).for_each(|&server| several.push(server));
    several
}
