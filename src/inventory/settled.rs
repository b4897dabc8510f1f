//! Settings with their defaults filled in, shared by the hosts that come to the same: those of a set of groups, and those
//! whose templates say the same.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use super::defaults;
use super::filling::Filling;
use super::host::{AllowedRule, Role, Shared, Sourced, Ssh, Time};
use super::settings::{Conflict, Layer, Settings};

/// Hosts that are looked back at for the same settings.
const RECENT: usize = 4;

/// The groups of one or more hosts laid over the defaults.
pub(super) struct Merged {
    pub(super) layer: Layer,
    /// The same, without what is to be filled in.
    pub(super) settings: Settings,
    pub(super) conflicts: Vec<Conflict>,
    /// Outermost first.
    pub(super) groups: Vec<usize>,
    /// Their names.
    pub(super) names: Arc<[String]>,
    /// For hosts that add nothing of their own.
    shared: OnceCell<Settled>,
    /// Of the last few hosts that had something of their own, the newest last.
    recent: RefCell<Vec<Settled>>,
}

/// What hosts share, defaults filled in.
#[derive(Clone, PartialEq)]
pub(super) struct Settled {
    pub(super) ssh: Shared<Ssh>,
    pub(super) time: Shared<Time>,
    pub(super) allow_rules: Shared<Vec<Sourced<AllowedRule>>>,
}

impl Settled {
    fn new(settings: &Settings, role: Role) -> Self {
        Self {
            ssh: defaults::ssh(settings).into(),
            time: defaults::time(settings, role).into(),
            allow_rules: defaults::list(&settings.allow_rules).into(),
        }
    }
}

impl Merged {
    pub(super) fn new(
        layer: Layer,
        conflicts: Vec<Conflict>,
        groups: Vec<usize>,
        names: Arc<[String]>,
    ) -> Self {
        Self {
            settings: layer.settings(),
            layer,
            conflicts,
            groups,
            names,
            shared: OnceCell::new(),
            recent: RefCell::new(Vec::new()),
        }
    }

    pub(super) fn shared(&self, role: Role) -> Settled {
        self.shared.get_or_init(|| Settled::new(&self.settings, role)).clone()
    }

    /// A host's own, unless one of the last few hosts has the same.
    pub(super) fn same_or_own(&self, settings: &Settings, role: Role) -> Settled {
        let own = Settled::new(settings, role);
        let mut recent = self.recent.borrow_mut();
        if let Some(known) = recent.iter().chain(self.shared.get()).find(|known| **known == own) {
            return known.clone();
        }
        if recent.len() >= RECENT {
            recent.remove(0);
        }
        recent.push(own.clone());
        own
    }
}

/// Hosts whose templates say the same are the same.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Alike {
    /// Groups that list them.
    pub(super) groups: Vec<usize>,
    /// The listing with settings of their own.
    pub(super) listing: Option<usize>,
    pub(super) role: Option<Role>,
    /// What their templates say.
    pub(super) texts: Vec<Filling>,
}

/// Kinds of hosts with templates that are looked back at: hosts that all differ would only fill the memory.
pub(super) const MOST_FILLED: usize = 1000;

/// Settings whose templates are filled in.
pub(super) struct Filled {
    pub(super) settings: Settings,
    settled: OnceCell<Settled>,
}

impl Filled {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, settled: OnceCell::new() }
    }

    pub(super) fn settled(&self, role: Role) -> Settled {
        self.settled.get_or_init(|| Settled::new(&self.settings, role)).clone()
    }
}
