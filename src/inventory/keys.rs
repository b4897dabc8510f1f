//! The keys of one layer: `role`, `ssh`, `agent`, `take_over`, `time`; for `vars` see there.

use ipnet::IpNet;

use super::host::{
    AllowedRule, DaemonKind, Options, Platform, Role, Service, Sourced, Upstream, UpstreamFrom,
};
use super::network::{self, NetworkError};
use super::node::{Kind, Node};
use super::options;
use super::problem::Problem;
use super::reader::{Field, Reader};
use super::settings::Settings;
use super::vars::Vars;

/// What every layer may say.
pub(super) const LAYER: [&str; 7] = ["role", "ssh", "agent", "take_over", "time", "allow_rules", "vars"];
pub(super) const ALLOWED_RULE: [&str; 2] = ["rule", "reason"];
pub(super) const SSH: [&str; 6] = ["user", "port", "identity", "become", "jump", "known_hosts"];
pub(super) const AGENT: [&str; 2] = ["service", "home"];
pub(super) const TIME: [&str; 19] = [
    "upstreams",
    "allow",
    "deny",
    "local",
    "maxdistance",
    "ipv4_only",
    "ipv6_only",
    "makestep",
    "rtcsync",
    "minsources",
    "port",
    "cmdport",
    "control_clock",
    "daemon",
    "bound",
    "extra",
    "keyfile",
    "ratelimit",
    "template",
];
pub(super) const LOCAL: [&str; 6] =
    ["stratum", "orphan", "distance", "activate", "waitsynced", "waitunsynced"];
pub(super) const RATELIMIT: [&str; 4] = ["interval", "burst", "leak", "kod"];
pub(super) const MAKESTEP: [&str; 2] = ["threshold", "limit"];
pub(super) const OWN_OF_UPSTREAM: [&str; 9] =
    ["server", "pool", "group", "iburst", "prefer", "port", "minpoll", "maxpoll", "platform"];

/// What an upstream may say.
pub(super) const UPSTREAM: [&str; 20] = {
    let mut all = [""; 20];
    let (own, rest) = all.split_at_mut(OWN_OF_UPSTREAM.len());
    own.copy_from_slice(&OWN_OF_UPSTREAM);
    rest.copy_from_slice(&options::NAMES);
    all
};

/// Polling intervals that chrony.conf(5) takes, log2 seconds.
pub(super) const POLL: (i8, i8) = (-7, 24);

impl<'a> Reader<'_, 'a> {
    /// Takes one of the keys in [`LAYER`].
    pub(super) fn layer_key(&mut self, field: Field<'_, 'a>, settings: &mut Settings, vars: &mut Vars) {
        match field.name {
            "role" | "take_over" | "allow_rules" => self.setting(field, settings),
            "ssh" => self.inner_settings(field, "ssh.", &SSH, settings),
            "agent" => self.inner_settings(field, "agent.", &AGENT, settings),
            "vars" => *vars = self.vars(field),
            _ => self.inner_settings(field, "time.", &TIME, settings),
        }
    }

    fn inner_settings(
        &mut self,
        field: Field<'_, 'a>,
        prefix: &'static str,
        known: &[&'static str],
        settings: &mut Settings,
    ) {
        for inner in self.inner(field, prefix, known) {
            self.setting(inner, settings);
        }
    }

    /// Reads one setting, or puts it aside when a template is in it.
    pub(super) fn setting(&mut self, field: Field<'_, 'a>, settings: &mut Settings) {
        // The keys of these are laid over each other one by one, so they are put aside one by one.
        let whole =
            !matches!((field.name, &field.value.kind), ("local" | "makestep" | "ratelimit", Kind::Map(_)));
        if whole && let Some(template) = self.defer(field) {
            settings.templates.push(template);
            return;
        }
        match field.prefix {
            "" if field.name == "role" => {
                settings.role = self.word(field, &[("server", Role::Server), ("client", Role::Client)]);
                self.role_misread |= settings.role.is_none();
            }
            "" if field.name == "allow_rules" => {
                settings.allow_rules = self.items(field, Self::allowed_rule);
            }
            "" => settings.take_over = self.bool(field),
            "ssh." => self.ssh_key(field, settings),
            "agent." => self.agent_key(field, settings),
            "time.local." => self.local_key(field, settings),
            "time.makestep." => match field.name {
                "threshold" => settings.makestep_threshold = self.seconds(field),
                _ => settings.makestep_limit = self.whole(field, (-1, i32::MAX)),
            },
            "time.ratelimit." => match field.name {
                "interval" => settings.ratelimit_interval = self.whole(field, (-19, 12)),
                "burst" => settings.ratelimit_burst = self.whole(field, (1, 255)),
                "leak" => settings.ratelimit_leak = self.whole(field, (1, 4)),
                _ => settings.ratelimit_kod = self.whole(field, (0, 4)),
            },
            _ => self.time_key(field, settings),
        }
    }

    fn ssh_key(&mut self, field: Field<'_, 'a>, settings: &mut Settings) {
        match field.name {
            "user" => settings.ssh_user = self.text(field),
            "port" => settings.ssh_port = self.whole(field, (1, u16::MAX)),
            "identity" => settings.ssh_identity = self.local_path(field),
            "become" => settings.ssh_become = self.bool(field),
            "jump" => settings.ssh_jump = self.text(field),
            _ => settings.ssh_known_hosts = self.local_path(field),
        }
    }

    fn agent_key(&mut self, field: Field<'_, 'a>, settings: &mut Settings) {
        if field.name == "service" {
            let words = [("systemd", Service::Systemd), ("process", Service::Process)];
            settings.service = self.word(field, &words);
            return;
        }
        let Some(home) = self.text(field) else { return };
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_' | b'~');
        let rooted = home.starts_with("~/") || (home.starts_with('/') && home.len() > 1);
        let dots = home.split('/').any(|part| part == "..");
        if rooted && !dots && home.bytes().all(plain) && !home.trim_start_matches('~').contains('~') {
            let value = home.trim_end_matches('/').to_owned();
            settings.home = Some(Sourced { value, place: home.place });
        } else {
            let help = "for example `~/timefleet`: letters, digits, `.`, `-`, `_` and `/`".to_owned();
            self.complain(field, format!("{field} must be a path that begins with `~/` or `/`"), Some(help));
        }
    }

    fn time_key(&mut self, field: Field<'_, 'a>, settings: &mut Settings) {
        match field.name {
            "upstreams" => settings.upstreams = self.items(field, Self::upstream),
            "allow" => settings.allow = self.items(field, Self::network),
            "deny" => settings.deny = self.items(field, Self::network),
            "extra" => settings.extra = self.items(field, Self::extra_line),
            "local" => self.local(field, settings),
            "makestep" => self.makestep(field, settings),
            "maxdistance" => settings.maxdistance = self.seconds(field),
            "ratelimit" => self.ratelimit(field, settings),
            "keyfile" => settings.keyfile = self.host_path(field),
            "template" => settings.template = self.local_path(field),
            "bound" => settings.bound = self.seconds(field),
            "ipv4_only" => settings.ipv4_only = self.bool(field),
            "ipv6_only" => settings.ipv6_only = self.bool(field),
            "rtcsync" => settings.rtcsync = self.bool(field),
            "control_clock" => settings.control_clock = self.bool(field),
            "minsources" => settings.minsources = self.whole(field, (1, 1000)),
            "port" => settings.port = self.whole(field, (1, u16::MAX)),
            "cmdport" => settings.cmdport = self.whole(field, (0, u16::MAX)),
            _ => {
                let words = [("agent", DaemonKind::Agent), ("chronyd", DaemonKind::Chronyd)];
                settings.daemon = self.word(field, &words);
            }
        }
    }

    fn items<T>(
        &mut self,
        field: Field<'_, 'a>,
        read: fn(&mut Self, Field<'_, 'a>) -> Option<Sourced<T>>,
    ) -> Option<Sourced<Vec<Sourced<T>>>> {
        let items = self.list(field)?;
        let values = items.iter().filter_map(|value| read(self, Field { value, ..field })).collect();
        Some(Sourced::written(values, self.key_place(field.key)))
    }

    fn local(&mut self, field: Field<'_, 'a>, settings: &mut Settings) {
        if self.is_switch(field) {
            settings.local = self.bool(field);
            return;
        }
        settings.local = Some(Sourced::written(true, self.key_place(field.key)));
        self.inner_settings(field, "time.local.", &LOCAL, settings);
    }

    fn local_key(&mut self, field: Field<'_, 'a>, settings: &mut Settings) {
        match field.name {
            "stratum" => settings.local_stratum = self.whole(field, (1, 15)),
            "orphan" => settings.local_orphan = self.bool(field),
            "activate" => settings.local_activate = self.seconds_within(field, (0.0, 1e6)),
            "waitsynced" => settings.local_waitsynced = self.seconds_within(field, (0.0, 1e9)),
            "waitunsynced" => settings.local_waitunsynced = self.seconds_within(field, (0.0, 1e9)),
            _ => settings.local_distance = self.seconds(field),
        }
    }

    fn makestep(&mut self, field: Field<'_, 'a>, settings: &mut Settings) {
        if self.is_switch(field) {
            settings.makestep = self.bool(field);
            return;
        }
        settings.makestep = Some(Sourced::written(true, self.key_place(field.key)));
        self.inner_settings(field, "time.makestep.", &MAKESTEP, settings);
    }

    fn ratelimit(&mut self, field: Field<'_, 'a>, settings: &mut Settings) {
        if self.is_switch(field) {
            settings.ratelimit = self.bool(field);
            return;
        }
        settings.ratelimit = Some(Sourced::written(true, self.key_place(field.key)));
        self.inner_settings(field, "time.ratelimit.", &RATELIMIT, settings);
    }

    /// `local: false` and the like: anything that is neither a mapping nor nothing is read as a switch.
    fn is_switch(&self, field: Field<'_, 'a>) -> bool {
        !matches!(field.value.kind, Kind::Map(_))
    }

    /// Whether there is such a rule is for those to say who know the rules.
    fn allowed_rule(&mut self, field: Field<'_, 'a>) -> Option<Sourced<AllowedRule>> {
        let place = self.place(field.value, field.key);
        let (mut rule, mut reason) = (None, None);
        let before = self.problems.len();
        for inner in self.fields("an allowed rule", "allow_rules.", &ALLOWED_RULE, field.value, place.clone())
        {
            match inner.name {
                "rule" => rule = self.text(inner),
                _ => reason = self.text(inner),
            }
        }
        if self.problems.len() > before {
            return None;
        }
        let (Some(rule), Some(reason)) = (rule, reason) else {
            let problem = Problem::error(place, "a rule is allowed by its name and with a reason")
                .help("write `{ rule: NAME, reason: \"why it is fine here\" }`");
            self.problems.push(problem);
            return None;
        };
        Some(Sourced { value: AllowedRule { rule: rule.value, reason: reason.value }, place: rule.place })
    }

    fn extra_line(&mut self, field: Field<'_, 'a>) -> Option<Sourced<String>> {
        self.text(field)
    }

    fn network(&mut self, field: Field<'_, 'a>) -> Option<Sourced<IpNet>> {
        // `10.20` is a number to YAML; its spelling is what was meant.
        let text = match &field.value.kind {
            Kind::Text(text) => text.as_ref(),
            Kind::Number => self.spelling(field.value),
            _ => {
                let help = Some("for example `10.20.0.0/16`".to_owned());
                self.complain(field, format!("an item of {field} must be an address or a network"), help);
                return None;
            }
        };
        let read = network::parse(text);
        let is_name = matches!(read, Err(NetworkError::Name));
        let (message, help) = match read {
            Ok(network) => {
                return Some(Sourced::written(network, self.place(field.value, field.key)));
            }
            Err(NetworkError::Name) if text == "all" => (
                format!("`all` is a word of chrony.conf: {field} takes addresses and networks only"),
                "for everybody write `0/0` and `::/0`".to_owned(),
            ),
            Err(NetworkError::Name) => (
                format!("`{text}` is a host name: {field} takes addresses and networks only"),
                "a name that does not resolve when the daemon starts would keep it from starting".to_owned(),
            ),
            Err(NetworkError::HostBits { network }) => (
                format!("`{text}` has bits set beyond its prefix length"),
                format!("the network is `{network}`"),
            ),
            Err(NetworkError::TooLong { longest }) => {
                (format!("the prefix length of `{text}` is too long"), format!("at most {longest} bits"))
            }
            Err(NetworkError::Malformed) => (
                format!("`{text}` is neither an address nor a network"),
                "for example `10.20.0.0/16`".to_owned(),
            ),
        };
        self.complain(field, message, Some(help));
        if is_name && let Some(problem) = self.problems.last_mut() {
            problem.rule = Some("hostname-in-allow");
        }
        None
    }

    fn upstream(&mut self, field: Field<'_, 'a>) -> Option<Sourced<Upstream>> {
        let place = self.place(field.value, field.key);
        let mut sources: Vec<(UpstreamFrom, &Node<'a>)> = Vec::new();
        let mut upstream = Upstream {
            from: UpstreamFrom::Group(String::new()),
            iburst: false,
            prefer: false,
            port: None,
            minpoll: None,
            maxpoll: None,
            platform: None,
            options: Options::default(),
        };
        let before = self.problems.len();
        for inner in self.fields("an upstream", "time.upstreams.", &UPSTREAM, field.value, place.clone()) {
            match inner.name {
                "server" => {
                    sources.extend(
                        self.host_name(inner).map(|name| (UpstreamFrom::Server(name.value), inner.key)),
                    );
                }
                "pool" => {
                    sources.extend(
                        self.host_name(inner).map(|name| (UpstreamFrom::Pool(name.value), inner.key)),
                    );
                }
                "group" => {
                    if let Some(name) = self.text(inner) {
                        self.named_groups.extend(name.place.map(|place| (name.value.clone(), place)));
                        sources.push((UpstreamFrom::Group(name.value), inner.key));
                    }
                }
                "iburst" => upstream.iburst = self.bool(inner).is_some_and(|value| value.value),
                "prefer" => upstream.prefer = self.bool(inner).is_some_and(|value| value.value),
                "port" => upstream.port = self.whole(inner, (1, u16::MAX)).map(|value| value.value),
                "minpoll" => upstream.minpoll = self.whole(inner, POLL).map(|value| value.value),
                "maxpoll" => upstream.maxpoll = self.whole(inner, POLL).map(|value| value.value),
                name if options::NAMES.contains(&name) => {
                    self.upstream_option(inner, &mut upstream.options);
                }
                _ => {
                    let words = [("windows", Platform::Windows), ("other", Platform::Other)];
                    upstream.platform = self.word(inner, &words).map(|value| value.value);
                }
            }
        }
        if self.problems.len() > before {
            return None;
        }
        self.one_source(sources, upstream, field)
    }

    /// Exactly one of `server`, `pool` and `group`; polling intervals in their order.
    fn one_source(
        &mut self,
        sources: Vec<(UpstreamFrom, &Node<'a>)>,
        mut upstream: Upstream,
        field: Field<'_, 'a>,
    ) -> Option<Sourced<Upstream>> {
        let place = self.place(field.value, field.key);
        let mut sources = sources.into_iter();
        let Some((from, first)) = sources.next() else {
            let problem = Problem::error(place, "this upstream names nothing")
                .help("give it one of `server: NAME`, `pool: NAME`, `group: NAME`");
            self.problems.push(problem);
            return None;
        };
        if let Some((_, second)) = sources.next() {
            let problem = Problem::error(
                self.key_place(second),
                "an upstream names one of `server`, `pool` and `group`",
            )
            .and(self.key_place(first), "already named here")
            .help("write two upstreams");
            self.problems.push(problem);
            return None;
        }
        // chrony.conf(5): minpoll is 6 and maxpoll 10 unless given.
        let (shortest, longest) = (upstream.minpoll.unwrap_or(6), upstream.maxpoll.unwrap_or(10));
        if upstream.minpoll.is_some() && upstream.maxpoll.is_some() && shortest > longest {
            let message = format!("`minpoll` {shortest} is above `maxpoll` {longest}");
            let mut problem = Problem::error(place, message).help("write the smaller one as `minpoll`");
            problem.rule = Some("poll-order");
            self.problems.push(problem);
            return None;
        }
        if upstream.options.maxsources.is_some() && !matches!(from, UpstreamFrom::Pool(_)) {
            let problem = Problem::error(place, "`maxsources` belongs to `pool`: a server is one source")
                .help("take it away, or name a pool");
            self.problems.push(problem);
            return None;
        }
        upstream.from = from;
        // The key, not the brace: a caret under `group` says which upstream is meant.
        Some(Sourced::written(upstream, self.key_place(first)))
    }
}
