//! `contradicting-extra`: raw lines are read by the agent's own parser before a host ever sees them.

use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};

use super::catalogue::{CONTRADICTING_EXTRA, KEY_WITHOUT_KEYFILE, OPEN_COMMAND_PORT};
use super::extra_lines::ExtraLines;
use super::gathered::{Finding, Gathered};
use super::site::{Site, at};
use crate::inventory::{Host, kinds};
use crate::render::{RenderError, render};

/// Renders hosts that have extra lines, one of each kind: only the whole configuration shows what such a line does to it.
pub(super) fn check<'i>(site: &Site<'i>, findings: &mut Gathered<'i>) {
    let with_extra: Vec<&Host> = kinds(
        site.inventory.hosts.iter().filter(|host| !host.time.extra.is_empty() && findings.concerns(host)),
    );
    let refused: Vec<_> = with_extra
        .par_iter()
        .filter_map(|host| match render(site.inventory, host) {
            Err(RenderError::Extra { place, message, .. }) => Some((place, message)),
            _ => None,
        })
        .collect();
    for (place, message) in refused {
        let help = "extra lines are for what has no key of its own, in the words of chrony.conf(5)";
        findings.add_whole(&[], Finding::new(&CONTRADICTING_EXTRA, place, message, "", help));
    }
    for (index, host) in site.hosts() {
        let extra = site.extra.get(&index);
        keys(site, host, extra.copied(), findings);
        let Some(extra) = extra else { continue };
        if let (Some(place), true, true) =
            (extra.commands_for_all, extra.commands_outside, *host.time.cmdport != 0)
        {
            let after = " lets everybody ask its monitoring port";
            let help = OPEN_COMMAND_PORT.cure;
            findings.add(host, Finding::new(&OPEN_COMMAND_PORT, place.clone(), "host ", after, help));
        }
    }
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
