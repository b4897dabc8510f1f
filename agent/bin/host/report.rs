//! What is, for the controller: facts, drift, and what the daemon answers.

use std::path::PathBuf;

use timefleet_agent::chronyc::survey::{Survey, survey};
use timefleet_agent::chronyc::wire::{Reply, Request};
use timefleet_agent::config;
use timefleet_agent::host::desired::Desired;
use timefleet_agent::host::facts::Facts;
use timefleet_agent::report::{Drift, HostReport, Tracking};

use super::ask::{Asker, Door, doors};

/// Asks everything and puts it together.
pub(crate) fn report(desired: &Desired, home: &str, facts: Facts, drift: Vec<Drift>) -> HostReport {
    let told = if facts.service.active {
        let mut asker = asker(desired, home, &facts);
        survey(desired.serves, |request| asker.ask(request))
    } else {
        Survey::default()
    };
    HostReport {
        machine: facts.machine,
        service: facts.service,
        running: facts.running,
        drift,
        tracking: told.tracking,
        activity: told.activity,
        sources: told.sources,
        clients: told.clients,
        unanswered: told.unanswered,
    }
}

/// The one question that is asked again and again.
pub(crate) fn tracking(desired: &Desired, home: &str, facts: &Facts) -> Option<Tracking> {
    match asker(desired, home, facts).ask(&Request::Tracking) {
        Ok(Reply::Tracking(tracking)) => Some(Tracking::from(&tracking)),
        _ => None,
    }
}

/// An asker for the daemon of this host. It listens where the file says that it read; after a hand edit nobody knows
/// whether that is the file on disk or the wished one, so both are tried.
fn asker(desired: &Desired, home: &str, facts: &Facts) -> Asker {
    let layout = desired.daemon.layout();
    let mut all: Vec<Door> =
        layout.map(|layout| Door::Unix(PathBuf::from(&layout.command_socket))).into_iter().collect();
    let on_disk = facts.config.as_ref().map(|file| file.content.as_str());
    for text in [Some(desired.config.as_str()), on_disk].into_iter().flatten() {
        // A file that our parser does not know in full is a chronyd's: its own defaults are the best guess.
        let config = config::parse("agent.conf", text).or_else(|_| config::parse("agent.conf", ""));
        all.extend(config.iter().flat_map(|config| doors(config, home)));
    }
    // Unix sockets first: they answer everything.
    all.sort_by_key(|door| matches!(door, Door::Udp(_)));
    let mut once: Vec<Door> = Vec::new();
    for door in all {
        if !once.contains(&door) {
            once.push(door);
        }
    }
    Asker::new(once)
}
