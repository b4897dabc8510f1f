//! One layer's settings, and how layers are laid over each other.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use timefleet_agent::time::Seconds;

use super::host::{AllowedRule, DaemonKind, Place, Role, Service, Sourced, Upstream};
use super::show::Show;
use super::vars::Vars;

/// Values that two unrelated groups may both give as long as they are the same.
pub(super) trait Same {
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

/// A value that is filled in for each host.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template {
    /// The setting, dotted.
    pub(super) key: &'static str,
    pub(super) place: Place,
    /// As it is written.
    pub(super) written: Arc<serde_json::Value>,
    /// Which file, and which of its reader's deferred values.
    pub(super) file: usize,
    pub(super) index: usize,
}

impl Template {
    pub(super) fn shown(&self) -> Shown {
        (self.key.to_owned(), self.written.as_ref().clone(), Some(self.place.clone()))
    }
}

/// A key, its value in the words of an inventory, and where it is written.
pub(super) type Shown = (String, serde_json::Value, Option<Place>);

/// What a layer gives for a key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Given<T> {
    Value(Sourced<T>),
    Template(Template),
}

impl<T: Same> Given<T> {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Value(mine), Self::Value(theirs)) => mine.value.same(&theirs.value),
            (Self::Template(mine), Self::Template(theirs)) => mine.written == theirs.written,
            _ => false,
        }
    }
}

impl<T> Given<T> {
    fn place(&self) -> Option<Place> {
        match self {
            Self::Value(value) => value.place.clone(),
            Self::Template(template) => Some(template.place.clone()),
        }
    }
}

/// Two unrelated groups of one host that give different values for a key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Conflict {
    pub(super) key: Cow<'static, str>,
    pub(super) first: Place,
    pub(super) second: Place,
}

/// A layer among those of one host.
pub(super) trait Layers {
    /// What layer `index` says.
    fn layer(&self, index: usize) -> Option<&Layer>;
    /// Whether layer `outer` contains layer `inner`.
    fn contains(&self, outer: usize, inner: usize) -> bool;
}

/// The innermost of the layers that give a value; more than one = they are unrelated.
pub(super) fn innermost(layers: &impl Layers, givers: &[usize]) -> Vec<usize> {
    let shadowed =
        |&layer: &usize| givers.iter().any(|&other| other != layer && layers.contains(layer, other));
    givers.iter().copied().filter(|layer| !shadowed(layer)).collect()
}

macro_rules! settings {
    ($($field:ident: $type:ty = $key:literal),* $(,)?) => {
        /// Values that can be used; every key may be left out.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub(super) struct Settings {
            $(pub(super) $field: Option<Sourced<$type>>,)*
            /// Values that are still to be filled in.
            pub(super) templates: Vec<Template>,
        }

        /// What one layer (defaults, a group, a host) says, or several laid over each other.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub(super) struct Layer {
            $($field: Option<Given<$type>>,)*
            /// Words for templates.
            pub(super) vars: Vars,
        }

        impl Settings {
            /// Every key there is, in the order in which people read them.
            pub(super) const KEYS: &[&'static str] = &[$($key),*];

            /// As a layer.
            pub(super) fn layer(mut self, vars: Vars) -> Layer {
                let templates = std::mem::take(&mut self.templates);
                let mut layer = Layer { $($field: self.$field.map(Given::Value),)* vars };
                for template in templates {
                    match template.key {
                        $($key => layer.$field = Some(Given::Template(template)),)*
                        _ => {}
                    }
                }
                layer
            }

            /// Takes one value of another, and those inside it.
            pub(super) fn take(&mut self, template: &Template, from: Self) {
                $(if let Some(rest) = $key.strip_prefix(template.key) {
                    if rest.is_empty() {
                        // Where the template stands, also where a list would be at its key.
                        let place = Some(template.place.clone());
                        self.$field = from.$field.map(|given| Sourced { place, ..given });
                    } else if rest.starts_with('.') && from.$field.is_some() {
                        self.$field = from.$field;
                    }
                })*
            }

            /// Every value there is, in the words of an inventory.
            pub(super) fn shown(&self) -> Vec<Shown> {
                let mut shown = Vec::new();
                $(if let Some(value) = &self.$field {
                    shown.push(($key.to_owned(), value.value.show(), value.place.clone()));
                })*
                shown
            }
        }

        impl Layer {
            /// Whether anything but variables is said.
            pub(super) fn has_settings(&self) -> bool {
                $(self.$field.is_some() ||)* false
            }

            /// This layer over `outer`; variables stay apart.
            pub(super) fn over(&self, outer: &Self) -> Self {
                Self {
                    $($field: self.$field.as_ref().or(outer.$field.as_ref()).cloned(),)*
                    vars: Vars::new(),
                }
            }

            /// Whether this layer itself gives a value for `key`.
            pub(super) fn gives(&self, key: &str) -> bool {
                match key {
                    $($key => self.$field.is_some(),)*
                    _ => key.strip_prefix("vars.").is_some_and(|name| self.vars.contains_key(name)),
                }
            }

            /// The values that can be used, and those that are to be filled in.
            pub(super) fn settings(&self) -> Settings {
                let mut settings = Settings::default();
                $(match &self.$field {
                    Some(Given::Value(value)) => settings.$field = Some(value.clone()),
                    Some(Given::Template(template)) => settings.templates.push(template.clone()),
                    None => {}
                })*
                settings
            }

            /// Everything that is given, templates and variables as they are written.
            pub(super) fn shown(&self) -> Vec<Shown> {
                let mut shown = Vec::new();
                $(match &self.$field {
                    Some(Given::Value(value)) => {
                        shown.push(($key.to_owned(), value.value.show(), value.place.clone()));
                    }
                    Some(Given::Template(template)) => shown.push(template.shown()),
                    None => {}
                })*
                let vars = self.vars.iter().map(|(name, variable)| {
                    (format!("vars.{name}"), variable.value.clone(), Some(variable.spot.place.clone()))
                });
                shown.extend(vars);
                shown
            }

            /// Groups laid over `defaults`: for every key the innermost group wins; unrelated groups must agree.
            pub(super) fn lay(
                defaults: &Self, layers: &impl Layers, groups: &[usize],
            ) -> (Self, Vec<Conflict>) {
                let mut conflicts = Vec::new();
                $(
                    let of = |&index: &usize| layers.layer(index).and_then(|layer| layer.$field.as_ref());
                    let givers: Vec<usize> =
                        groups.iter().copied().filter(|index| of(index).is_some()).collect();
                    let winners = innermost(layers, &givers);
                    let mut values = winners.iter().filter_map(of);
                    let $field = match values.next() {
                        None => defaults.$field.clone(),
                        Some(first) => {
                            let other = values.find(|other| !other.same(first));
                            if let Some((first, second)) =
                                other.and_then(|other| Some((first.place()?, other.place()?)))
                            {
                                conflicts.push(Conflict { key: Cow::Borrowed($key), first, second });
                            }
                            Some(first.clone())
                        }
                    };
                )*
                let (vars, of_vars) = super::vars::lay(&defaults.vars, layers, groups);
                conflicts.extend(of_vars);
                (Self { $($field,)* vars }, conflicts)
            }

            /// Adds another file's defaults; both may say the same, not different things.
            pub(super) fn join(&mut self, other: Self) -> Vec<Conflict> {
                let mut conflicts = super::vars::join(&mut self.vars, other.vars);
                $(match (&self.$field, other.$field) {
                    (None, theirs) => self.$field = theirs,
                    (Some(mine), Some(theirs)) if !mine.same(&theirs) => {
                        if let (Some(first), Some(second)) = (mine.place(), theirs.place()) {
                            conflicts.push(Conflict { key: Cow::Borrowed($key), first, second });
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
