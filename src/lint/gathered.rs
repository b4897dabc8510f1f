//! Findings as they come in: what many hosts share is told once, and what the inventory allows is put aside.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::catalogue::UNNEEDED_ALLOWANCE;
use super::policy::Policy;
use super::rule::Rule;
use super::{Allowed, others};
use crate::inventory::host::AllowedRule;
use crate::inventory::{Host, Inventory, Place, Problem, Sourced, did_you_mean};

/// Something a rule found on one host. The message is `before`, the hosts that share it, `after`.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    rule: &'static Rule,
    place: Place,
    second: Option<(Place, Cow<'static, str>)>,
    /// What findings that are told together have in common, when it is not the place.
    together: Option<Place>,
    detail: String,
    before: Cow<'static, str>,
    after: Cow<'static, str>,
    help: Cow<'static, str>,
}

impl Finding {
    pub(super) fn new(
        rule: &'static Rule,
        place: Place,
        before: impl Into<Cow<'static, str>>,
        after: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            rule,
            place,
            second: None,
            together: None,
            detail: String::new(),
            before: before.into(),
            after: after.into(),
            help: help.into(),
        }
    }

    /// What is said of the first host only, behind its name.
    pub(super) fn detail(mut self, detail: String) -> Self {
        self.detail = detail;
        self
    }

    /// Told together with others that have the same place, second place and words here, wherever they are themselves.
    pub(super) fn together(mut self, place: Place) -> Self {
        self.together = Some(place);
        self
    }

    /// The other place that has a part in it, and what is there.
    pub(super) fn and(mut self, place: Option<&Place>, label: impl Into<Cow<'static, str>>) -> Self {
        self.second = place.filter(|place| **place != self.place).map(|place| (place.clone(), label.into()));
        self
    }
}

/// What findings have in common that are told once: rule, place, second place, words, allowance.
type Key = (&'static str, Place, Option<Place>, Cow<'static, str>, Cow<'static, str>, Option<Place>);

/// Who allows a finding: the first of them, and the reasons of all.
struct Allowance<'i> {
    first: &'i Sourced<AllowedRule>,
    reasons: Vec<&'i str>,
}

impl<'i> Allowance<'i> {
    fn of(first: &'i Sourced<AllowedRule>) -> Self {
        Self { first, reasons: vec![&first.reason] }
    }

    fn add(&mut self, reason: &'i str) {
        if !self.reasons.contains(&reason) && self.reasons.len() <= MOST_REASONS {
            self.reasons.push(reason);
        }
    }

    fn reason(&self) -> String {
        let shown: Vec<&str> = self.reasons.iter().take(MOST_REASONS).copied().collect();
        let more = if self.reasons.len() > MOST_REASONS { "; and more" } else { "" };
        shown.join("; ") + more
    }
}

/// A ring of many hosts may have as many reasons.
const MOST_REASONS: usize = 4;

struct Shared<'i> {
    finding: Finding,
    allowed: Option<Allowance<'i>>,
    first: &'i str,
    count: usize,
}

/// The findings so far.
pub(super) struct Gathered<'i> {
    policy: &'i Policy,
    /// Names of the hosts that somebody asked about; `None`: about all.
    selected: Option<HashSet<&'i str>>,
    shared: Vec<Shared<'i>>,
    index: HashMap<Key, usize>,
    problems: Vec<Problem>,
    needed: HashSet<Place>,
}

impl<'i> Gathered<'i> {
    pub(super) fn new(policy: &'i Policy, selected: Option<HashSet<&'i str>>) -> Self {
        Self {
            policy,
            selected,
            shared: Vec::new(),
            index: HashMap::new(),
            problems: Vec::new(),
            needed: HashSet::new(),
        }
    }

    /// Whether anybody wants to know.
    pub(super) fn wants(&self, rule: &Rule) -> bool {
        self.policy.severity(rule).is_some()
    }

    /// A rule's parameter.
    pub(super) fn number(&self, rule: &Rule, name: &str) -> f64 {
        self.policy.number(rule, name)
    }

    /// Whether somebody asked about a host.
    pub(super) fn concerns(&self, host: &Host) -> bool {
        self.selected.as_ref().is_none_or(|selected| selected.contains(host.name.as_str()))
    }

    /// A finding on one host.
    pub(super) fn add(&mut self, host: &'i Host, finding: Finding) {
        self.add_beside(host, host, finding);
    }

    /// A finding on one host in which another one has a part: whoever asked about either is told.
    pub(super) fn add_beside(&mut self, host: &'i Host, other: &Host, finding: Finding) {
        if !self.wants(finding.rule) {
            return;
        }
        let allowed = allowance(host, finding.rule);
        // An allowance is needed, whoever asks.
        self.needed.extend(allowed.and_then(|allowed| allowed.place.clone()));
        if self.concerns(host) || self.concerns(other) {
            self.add_as(&host.name, allowed.map(Allowance::of), finding);
        }
    }

    /// A finding on the whole inventory (no hosts), or one whose hosts are named in its message already: it is allowed
    /// where each of them allows it, and told to whoever asked about one of them.
    pub(super) fn add_whole(&mut self, hosts: &[&'i Host], finding: Finding) {
        if !self.wants(finding.rule) {
            return;
        }
        let mut allowed: Option<Allowance<'i>> = None;
        let all = !hosts.is_empty()
            && hosts.iter().all(|host| {
                let of_host = allowance(host, finding.rule);
                if let Some(of_host) = of_host {
                    allowed.get_or_insert_with(|| Allowance::of(of_host)).add(&of_host.reason);
                }
                of_host.is_some()
            });
        // Who allows it is right to do so, even where others do not.
        let places = hosts.iter().filter_map(|host| allowance(host, finding.rule)?.place.clone());
        self.needed.extend(places);
        if !hosts.is_empty() && !hosts.iter().any(|host| self.concerns(host)) {
            return;
        }
        self.add_as("", if all { allowed } else { None }, finding);
    }

    fn add_as(&mut self, name: &'i str, allowed: Option<Allowance<'i>>, finding: Finding) {
        let at = allowed.as_ref().and_then(|allowed| allowed.first.place.clone());
        let key = (
            finding.rule.name,
            finding.together.as_ref().unwrap_or(&finding.place).clone(),
            finding.together.as_ref().and(finding.second.as_ref()).map(|(place, _)| place.clone()),
            finding.before.clone(),
            finding.after.clone(),
            at,
        );
        let next = self.shared.len();
        let slot = *self.index.entry(key).or_insert(next);
        match self.shared.get_mut(slot) {
            Some(same) => same.count += 1,
            None => self.shared.push(Shared { finding, allowed, first: name, count: 1 }),
        }
    }

    /// Allowances that name no rule, or one that cannot be allowed, or that were never needed. Last of all, since only
    /// then it is known.
    fn allowances(&mut self, inventory: &'i Inventory) {
        let mut seen = HashSet::new();
        let hosts = || inventory.hosts.iter();
        let of_selected = self.selected.is_some().then(|| -> HashSet<&Place> {
            let selected = hosts().filter(|host| self.concerns(host));
            selected.flat_map(|host| &*host.allow_rules).filter_map(|rule| rule.place.as_ref()).collect()
        });
        let asked = |place: &Place| of_selected.as_ref().is_none_or(|places| places.contains(place));
        for host in &inventory.hosts {
            for allowed in host.allow_rules.iter() {
                let Some(place) = &allowed.place else { continue };
                if !seen.insert(place) {
                    continue;
                }
                let name = &allowed.rule;
                let Some(rule) = super::rule::by_name(name) else {
                    let names = super::catalogue::RULES.iter().map(|rule| rule.name);
                    let near = did_you_mean(name, names);
                    let near = near
                        .unwrap_or_else(|| "`timefleet validate --explain all` lists the rules".to_owned());
                    let problem = Problem::error(place.clone(), format!("there is no rule `{name}`"));
                    self.problems.push(problem.help(near));
                    continue;
                };
                if let Some(why) = rule.scope.never_allowed() {
                    let message = format!("`{name}` cannot be allowed: {why}");
                    self.problems.push(Problem::error(place.clone(), message).help(rule.cure));
                } else if self.wants(rule) && !self.needed.contains(place) && asked(place) {
                    let finding = Finding::new(
                        &UNNEEDED_ALLOWANCE,
                        place.clone(),
                        format!("`{name}` finds nothing here that would need to be allowed"),
                        "",
                        "take the line away",
                    );
                    self.add_whole(&[], finding);
                }
            }
        }
    }

    /// What is left, and what is allowed.
    pub(super) fn finish(mut self, inventory: &'i Inventory) -> (Vec<Problem>, Vec<Allowed>) {
        self.allowances(inventory);
        let Self { policy, shared, mut problems, .. } = self;
        let mut allowed = Vec::new();
        for one in shared {
            let Shared { finding, allowed: allowance, first, count } = one;
            let Finding { rule, place, second, before, after, help, detail, .. } = finding;
            let whom =
                if first.is_empty() { String::new() } else { format!("`{first}`{detail}{}", others(count)) };
            let Some(severity) = policy.severity(rule) else { continue };
            let problem = Problem {
                severity,
                rule: Some(rule.name),
                place,
                second: second.map(|(place, label)| (place, label.into_owned())),
                message: format!("{before}{whom}{after}"),
                reason: Some(rule.reason),
                help: Some(help.into_owned()),
                notes: policy.notes(rule),
                chain: Vec::new(),
            };
            match allowance {
                None => problems.push(problem),
                Some(allowance) => allowed.push(Allowed {
                    problem,
                    reason: allowance.reason(),
                    place: allowance.first.place.clone(),
                }),
            }
        }
        (problems, allowed)
    }
}

fn allowance<'i>(host: &'i Host, rule: &Rule) -> Option<&'i Sourced<AllowedRule>> {
    if rule.scope.never_allowed().is_some() {
        return None;
    }
    host.allow_rules.iter().find(|allowed| allowed.rule == rule.name)
}
