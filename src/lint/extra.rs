//! `contradicting-extra`: raw lines are read by the agent's own parser before a host ever sees them. What only a chronyd
//! knows is left to it.

use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};

use super::catalogue::{CONTRADICTING_EXTRA, HOSTNAME_IN_ALLOW, KEY_WITHOUT_KEYFILE, OPEN_COMMAND_PORT};
use super::extra_lines::ExtraLines;
use super::gathered::{Finding, Gathered};
use super::site::{Site, at};
use crate::inventory::{Host, kinds};
use crate::render::extra_line::WrongLine;
use crate::render::{RenderError, render, wrong_extra_lines};

/// Reads the extra lines of hosts, one of each kind, and renders those whose lines are fine alone: only the whole
/// configuration shows what such a line does to it.
pub(super) fn check<'i>(site: &Site<'i>, findings: &mut Gathered<'i>) {
    let with_extra: Vec<&Host> = kinds(
        site.inventory.hosts.iter().filter(|host| !host.time.extra.is_empty() && findings.concerns(host)),
    );
    let refused: Vec<_> = with_extra
        .par_iter()
        .flat_map_iter(|host| {
            let alone = wrong_extra_lines(host);
            if !alone.is_empty() {
                return alone;
            }
            match render(site.inventory, host) {
                Err(RenderError::Extra { place, message, .. }) => {
                    vec![WrongLine { place, message, key: None, name: None }]
                }
                _ => Vec::new(),
            }
        })
        .collect();
    for line in refused {
        findings.add_whole(&[], finding(line));
    }
    for (index, host) in site.hosts() {
        let extra = site.extra.get(&index);
        keys(site, host, extra.copied(), findings);
        let Some(extra) = extra else { continue };
        if let (Some(place), true, true) =
            (extra.commands_for_all, extra.commands_outside, **site.command_port(host) != 0)
        {
            let after = " lets everybody ask its monitoring port";
            let help = OPEN_COMMAND_PORT.cure;
            findings.add(host, Finding::new(&OPEN_COMMAND_PORT, place.clone(), "host ", after, help));
        }
    }
}

fn finding(line: WrongLine) -> Finding {
    let WrongLine { place, message, key, name } = line;
    if let Some((directive, name)) = name {
        let message = format!("`{name}` is a host name: `{directive}` takes addresses and networks only");
        let help = "a name that does not resolve when the daemon starts would keep it from starting";
        return Finding::new(&HOSTNAME_IN_ALLOW, place, message, "", help);
    }
    let help = "extra lines are for what has no key of its own, in the words of chrony.conf(5)";
    Finding::new(&CONTRADICTING_EXTRA, place, message, "", help).and(key.as_ref(), "the key")
}

/// A key that is nowhere.
fn keys<'i>(site: &Site<'i>, host: &'i Host, extra: Option<&ExtraLines<'i>>, findings: &mut Gathered<'i>) {
    if host.time.keyfile.is_some() || extra.is_some_and(|extra| extra.key_file) {
        return;
    }
    let keyed = site.upstreams(host).find(|(upstream, _)| upstream.options.key.is_some());
    if let Some((upstream, _)) = keyed {
        let place = at(upstream, host);
        let after = " has a source with a key, and no `keyfile`";
        let help = KEY_WITHOUT_KEYFILE.cure;
        findings.add(host, Finding::new(&KEY_WITHOUT_KEYFILE, place, "host ", after, help));
    }
}
