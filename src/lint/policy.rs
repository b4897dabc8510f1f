//! How rules are held against an inventory: what profiles tune and `--deny` sharpens.

use std::collections::HashMap;

use super::catalogue::RULES;
use super::profile::Profile;
use super::rule::{self, Rule, Scope, Stricter};
use crate::inventory::{Severity, did_you_mean};

/// Which rules are on, how bad each finding is, and who asked for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    tuned: HashMap<&'static str, Tuned>,
    deny_warnings: bool,
}

#[derive(Clone, Debug, Default)]
struct Tuned {
    /// `Some(None)`: a profile switched it off.
    severity: Option<Option<Severity>>,
    denied: bool,
    parameters: HashMap<&'static str, f64>,
    notes: Vec<String>,
}

/// `--deny` names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--deny {name}: there is no rule `{name}`{}", .help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
pub(crate) struct UnknownRule {
    name: String,
    help: Option<String>,
}

impl Policy {
    /// Adds a profile. What several profiles say of one rule adds up: on wins over off, an error over a warning, the
    /// stricter number over the other.
    pub(crate) fn add(&mut self, profile: &Profile) {
        for tuning in &profile.rules {
            let tuned = self.tuned.entry(tuning.rule.name).or_default();
            tuned.severity = Some(tuned.severity.flatten().max(tuning.severity));
            for (parameter, value) in &tuning.parameters {
                let strictest = tuned.parameters.get(parameter.name).map_or(*value, |other| {
                    let stricter: Stricter = parameter.stricter;
                    stricter.of(*other, *value)
                });
                tuned.parameters.insert(parameter.name, strictest);
            }
            let note = format!("{}: {}", profile.name, tuning.reference);
            if tuning.severity.is_some() && !tuned.notes.contains(&note) {
                tuned.notes.push(note);
            }
        }
    }

    /// `warnings`, or the name of a rule whose findings are errors from now on (and that is on from now on).
    ///
    /// # Errors
    /// There is no such rule.
    pub(crate) fn deny(&mut self, name: &str) -> Result<(), UnknownRule> {
        if name == "warnings" {
            self.deny_warnings = true;
            return Ok(());
        }
        let Some(rule) = rule::by_name(name) else {
            let names = std::iter::once("warnings").chain(RULES.iter().map(|rule| rule.name));
            let help = did_you_mean(name, names);
            let help = help.or_else(|| Some("`timefleet validate --explain all` lists them".to_owned()));
            return Err(UnknownRule { name: name.to_owned(), help });
        };
        self.tuned.entry(rule.name).or_default().denied = true;
        Ok(())
    }

    /// How bad a finding of this rule is; `None`: the rule is off.
    pub(crate) fn severity(&self, rule: &Rule) -> Option<Severity> {
        let tuned = self.tuned.get(rule.name);
        if tuned.is_some_and(|tuned| tuned.denied) {
            return Some(Severity::Error);
        }
        let own = (rule.scope != Scope::Asked).then_some(rule.severity);
        let severity = tuned.and_then(|tuned| tuned.severity).unwrap_or(own)?;
        Some(if self.deny_warnings { Severity::Error } else { severity })
    }

    /// A parameter's number.
    pub(crate) fn number(&self, rule: &Rule, name: &str) -> f64 {
        let default = || rule.parameters.iter().find(|parameter| parameter.name == name);
        let tuned = self.tuned.get(rule.name).and_then(|tuned| tuned.parameters.get(name)).copied();
        tuned.or_else(|| default().map(|parameter| parameter.default)).unwrap_or(0.0)
    }

    /// Who else wants it so.
    pub(crate) fn notes(&self, rule: &Rule) -> Vec<String> {
        self.tuned.get(rule.name).map(|tuned| tuned.notes.clone()).unwrap_or_default()
    }
}
