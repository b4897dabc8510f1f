//! `contradicting-extra`: raw lines are read by the agent's own parser before a host ever sees them.

use super::Finding;
use super::rule::CONTRADICTING_EXTRA;
use crate::inventory::Inventory;
use crate::render::{RenderError, render};

/// Renders hosts that have extra lines, one of each kind: only the whole configuration shows what such a line does to it.
pub(super) fn check(inventory: &Inventory, findings: &mut Vec<Finding>) {
    for host in inventory.kinds().into_iter().filter(|host| !host.time.extra.is_empty()) {
        if let Err(RenderError::Extra { place, message, .. }) = render(inventory, host) {
            let help = "extra lines are for what has no key of its own, in the words of chrony.conf(5)";
            let known = |finding: &Finding| finding.place == place && finding.message == message;
            if !findings.iter().rev().take(1).any(known) {
                findings.push(Finding::new(&CONTRADICTING_EXTRA, place, message, help));
            }
        }
    }
}
