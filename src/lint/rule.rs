//! What a rule is; the rules themselves are in `catalogue`.

use crate::inventory::Severity;

/// A named check.
#[derive(Debug, PartialEq)]
pub(crate) struct Rule {
    /// As people write it.
    pub(crate) name: &'static str,
    /// How bad a finding is, unless a profile or `--deny` says otherwise.
    pub(crate) severity: Severity,
    /// Whether nobody has to ask for it.
    pub(crate) scope: Scope,
    /// What it finds, one line.
    pub(crate) what: &'static str,
    /// Why it matters.
    pub(crate) reason: &'static str,
    /// What to do about it.
    pub(crate) cure: &'static str,
    /// YAML in which it finds something.
    pub(crate) example: &'static str,
    /// Numbers that profiles may set.
    pub(crate) parameters: &'static [Parameter],
}

/// When a rule is held against an inventory, and whether it can be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Always; `allow_rules` can allow it.
    Always,
    /// Always, and nothing can allow it: there would be nothing to render.
    Strict,
    /// Only when a profile or `--deny` asks for it; `allow_rules` can allow it.
    Asked,
}

/// A number that a profile may set.
#[derive(Debug, PartialEq)]
pub(crate) struct Parameter {
    /// As profiles write it.
    pub(crate) name: &'static str,
    /// Without a profile.
    pub(crate) default: f64,
    /// What it limits, with its unit.
    pub(crate) what: &'static str,
    /// Which of two profiles' numbers is the stricter one.
    pub(crate) stricter: Stricter,
}

/// Which of two numbers asks for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stricter {
    /// The smaller one.
    Smaller,
    /// The larger one.
    Larger,
}

impl Stricter {
    /// The stricter of two.
    pub(crate) fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Smaller => one.min(other),
            Self::Larger => one.max(other),
        }
    }
}

/// The rule of that name.
pub(crate) fn by_name(name: &str) -> Option<&'static Rule> {
    super::catalogue::RULES.iter().copied().find(|rule| rule.name == name)
}
