//! All hosts of a run beside each other: what is wrong with a client is often the fault of its server.

use std::collections::HashMap;

use timefleet_agent::report::{HostReport, Source};

use crate::inventory::HostName;
use crate::inventory::host::Host;
use crate::report::Ending;
use crate::report::verdict::ClockState;

/// One host: the wish, and what came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patient<'a> {
    /// What the inventory says.
    pub(crate) host: &'a Host,
    /// How the conversation ended.
    pub(crate) ending: &'a Ending,
    /// What its clock is worth.
    pub(crate) state: ClockState,
    /// What it said of itself.
    pub(crate) report: Option<&'a HostReport>,
}

/// All hosts of a run.
#[derive(Debug, Default)]
pub(crate) struct Ward<'a> {
    by_address: HashMap<HostName<'a>, Patient<'a>>,
}

impl<'a> Ward<'a> {
    /// Everybody who is in.
    pub(crate) fn new(patients: impl IntoIterator<Item = Patient<'a>>) -> Self {
        Self {
            by_address: patients
                .into_iter()
                .map(|one| (HostName::of(&one.host.address.value), one))
                .collect(),
        }
    }

    /// The host of the fleet that has this address (or this name as its address).
    pub(crate) fn at(&self, address: &str) -> Option<&Patient<'a>> {
        self.by_address.get(&HostName::of(address).into_owned())
    }

    /// The host of the fleet that is behind a source.
    pub(crate) fn behind(&self, source: &Source) -> Option<&Patient<'a>> {
        self.at(&source.name).or_else(|| self.at(&source.address?.to_string()))
    }

    /// A source's name: the fleet's own where it is one of the fleet.
    pub(crate) fn name_of(&self, source: &Source) -> String {
        self.behind(source).map_or_else(|| source.name.clone(), |patient| patient.host.name.clone())
    }
}
