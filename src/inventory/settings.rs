//! One layer's settings, and how layers are laid over each other.

use std::path::PathBuf;

use ipnet::IpNet;
use timefleet_agent::time::Seconds;

use super::host::{AllowedRule, DaemonKind, Place, Role, Service, Sourced, Upstream};

/// Values that two unrelated groups may both give as long as they are the same.
trait Same {
    fn same(&self, other: &Self) -> bool;
}

macro_rules! same_when_equal {
    ($($type:ty),*) => { $(impl Same for $type {
        fn same(&self, other: &Self) -> bool { self == other }
    })* };
}

same_when_equal!(bool, i8, u8, u16, u32, i32, Seconds, String, PathBuf, Role, Service, DaemonKind);

impl<T: PartialEq> Same for Vec<Sourced<T>> {
    fn same(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().zip(other).all(|(mine, theirs)| mine.value == theirs.value)
    }
}

/// Two unrelated groups of one host that give different values for a key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Conflict {
    pub(super) key: &'static str,
    pub(super) first: Place,
    pub(super) second: Place,
}

/// A layer among those of one host.
pub(super) trait Layers {
    /// The settings of layer `index`.
    fn settings(&self, index: usize) -> Option<&Settings>;
    /// Whether layer `outer` contains layer `inner`.
    fn contains(&self, outer: usize, inner: usize) -> bool;
}

/// The innermost of the layers that give a value; more than one = they are unrelated.
fn innermost(layers: &impl Layers, givers: &[usize]) -> Vec<usize> {
    let shadowed =
        |&layer: &usize| givers.iter().any(|&other| other != layer && layers.contains(layer, other));
    givers.iter().copied().filter(|layer| !shadowed(layer)).collect()
}

macro_rules! settings {
    ($($field:ident: $type:ty = $key:literal),* $(,)?) => {
        /// What one layer (defaults, a group, a host) says; every key may be left out.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub(super) struct Settings {
            $(pub(super) $field: Option<Sourced<$type>>,)*
        }

        impl Settings {
            /// This layer over `outer`.
            pub(super) fn over(&self, outer: &Self) -> Self {
                Self { $($field: self.$field.as_ref().or(outer.$field.as_ref()).cloned(),)* }
            }

            /// Whether this layer itself gives a value for `key`.
            pub(super) fn gives(&self, key: &str) -> bool {
                match key {
                    $($key => self.$field.is_some(),)*
                    _ => false,
                }
            }

            /// Groups laid over `defaults`: for every key the innermost group wins; unrelated groups must agree.
            pub(super) fn lay(
                defaults: &Self, layers: &impl Layers, groups: &[usize],
            ) -> (Self, Vec<Conflict>) {
                let mut conflicts = Vec::new();
                $(
                    let of = |&index: &usize| layers.settings(index).and_then(|layer| layer.$field.as_ref());
                    let givers: Vec<usize> =
                        groups.iter().copied().filter(|index| of(index).is_some()).collect();
                    let winners = innermost(layers, &givers);
                    let mut values = winners.iter().filter_map(of);
                    let $field = match values.next() {
                        None => defaults.$field.clone(),
                        Some(first) => {
                            let other = values.find(|other| !other.value.same(&first.value));
                            if let Some((first, second)) =
                                other.and_then(|other| Some((first.place.clone()?, other.place.clone()?)))
                            {
                                conflicts.push(Conflict { key: $key, first, second });
                            }
                            Some(first.clone())
                        }
                    };
                )*
                (Self { $($field,)* }, conflicts)
            }

            /// Adds another file's defaults; both may say the same, not different things.
            pub(super) fn join(&mut self, other: Self) -> Vec<Conflict> {
                let mut conflicts = Vec::new();
                $(match (&self.$field, other.$field) {
                    (None, theirs) => self.$field = theirs,
                    (Some(mine), Some(theirs)) if !mine.value.same(&theirs.value) => {
                        if let (Some(first), Some(second)) = (mine.place.clone(), theirs.place) {
                            conflicts.push(Conflict { key: $key, first, second });
                        }
                    }
                    _ => {}
                })*
                conflicts
            }
        }
    };
}

settings! {
    role: Role = "role",
    ssh_user: String = "ssh.user",
    ssh_port: u16 = "ssh.port",
    ssh_identity: PathBuf = "ssh.identity",
    ssh_become: bool = "ssh.become",
    ssh_jump: String = "ssh.jump",
    ssh_known_hosts: PathBuf = "ssh.known_hosts",
    service: Service = "agent.service",
    home: String = "agent.home",
    take_over: bool = "take_over",
    allow_rules: Vec<Sourced<AllowedRule>> = "allow_rules",
    upstreams: Vec<Sourced<Upstream>> = "time.upstreams",
    allow: Vec<Sourced<IpNet>> = "time.allow",
    deny: Vec<Sourced<IpNet>> = "time.deny",
    // `local: false` takes away what an outer layer gave; its keys are laid over each other one by one.
    local: bool = "time.local",
    local_stratum: u8 = "time.local.stratum",
    local_orphan: bool = "time.local.orphan",
    local_distance: Seconds = "time.local.distance",
    local_activate: Seconds = "time.local.activate",
    local_waitsynced: Seconds = "time.local.waitsynced",
    local_waitunsynced: Seconds = "time.local.waitunsynced",
    maxdistance: Seconds = "time.maxdistance",
    ipv4_only: bool = "time.ipv4_only",
    ipv6_only: bool = "time.ipv6_only",
    makestep: bool = "time.makestep",
    makestep_threshold: Seconds = "time.makestep.threshold",
    makestep_limit: i32 = "time.makestep.limit",
    rtcsync: bool = "time.rtcsync",
    minsources: u32 = "time.minsources",
    ratelimit: bool = "time.ratelimit",
    ratelimit_interval: i8 = "time.ratelimit.interval",
    ratelimit_burst: u8 = "time.ratelimit.burst",
    ratelimit_leak: u8 = "time.ratelimit.leak",
    ratelimit_kod: u8 = "time.ratelimit.kod",
    keyfile: String = "time.keyfile",
    template: PathBuf = "time.template",
    port: u16 = "time.port",
    cmdport: u16 = "time.cmdport",
    control_clock: bool = "time.control_clock",
    daemon: DaemonKind = "time.daemon",
    bound: Seconds = "time.bound",
    extra: Vec<Sourced<String>> = "time.extra",
}
