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
    /// Always, and nothing can allow it: it is about what is allowed.
    Allowances,
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
    /// Whether halves make sense.
    pub(crate) numbers: Numbers,
    /// The smallest and the largest that make sense.
    pub(crate) limits: (f64, f64),
}

impl Parameter {
    /// Whether a profile may say so.
    pub(crate) fn takes(&self, value: f64) -> bool {
        let (least, most) = self.limits;
        (least..=most).contains(&value) && (self.numbers == Numbers::Any || value.fract() == 0.0)
    }
}

/// What counts, and what is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// Whole ones only.
    Whole,
    /// Any.
    Any,
}

impl Scope {
    /// Why nothing can allow such a rule; `None`: `allow_rules` can.
    pub(crate) fn never_allowed(self) -> Option<&'static str> {
        match self {
            Self::Strict => Some("nothing sensible could be rendered"),
            Self::Allowances => Some("it is about what is allowed"),
            Self::Always | Self::Asked => None,
        }
    }
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
