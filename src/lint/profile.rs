//! Compliance profiles: data that selects and tunes rules. Those of `profiles/` are carried along; any other is a file.

use super::catalogue::RULES;
use super::rule::{self, Numbers, Parameter, Rule, Scope};
use crate::inventory::profile::{self, WrittenNumber, WrittenTuning};
use crate::inventory::{InputFile, Problem, Severity, Sourced, did_you_mean, problem, suggestion};

/// The profiles that are carried along, by the names that `--profile` takes.
pub(crate) const CARRIED: [(&str, &str); 5] = [
    ("cis", include_str!("../../profiles/cis.yaml")),
    ("finra-4590", include_str!("../../profiles/finra-4590.yaml")),
    ("pci-dss-4", include_str!("../../profiles/pci-dss-4.yaml")),
    ("rts-25", include_str!("../../profiles/rts-25.yaml")),
    ("stig-rhel9", include_str!("../../profiles/stig-rhel9.yaml")),
];

/// What one regime asks for.
#[derive(Debug)]
pub(crate) struct Profile {
    /// Its short name.
    pub(crate) name: String,
    /// The regime.
    pub(crate) title: String,
    /// What to know before it is used.
    pub(crate) about: Option<String>,
    /// In the order of its file.
    pub(crate) rules: Vec<Tuning>,
}

/// What it makes of one rule.
#[derive(Debug)]
pub(crate) struct Tuning {
    /// Which.
    pub(crate) rule: &'static Rule,
    /// `None`: off.
    pub(crate) severity: Option<Severity>,
    /// Numbers in place of the rule's own.
    pub(crate) parameters: Vec<(&'static Parameter, f64)>,
    /// Who asks for it, and where.
    pub(crate) reference: String,
}

/// The text of a profile that is carried along.
pub(crate) fn carried(name: &str) -> Option<InputFile> {
    let (_, text) = CARRIED.iter().find(|(known, _)| *known == name)?;
    Some(InputFile { name: format!("profiles/{name}.yaml"), text: (*text).to_owned() })
}

/// Reads a profile.
///
/// # Errors
/// All that is wrong with it: unknown keys, rules and numbers, with their places.
pub(crate) fn read(file: &InputFile) -> Result<Profile, Vec<Problem>> {
    let (written, mut problems) = profile::read(file).map_err(|problem| vec![*problem])?;
    let rules = written.rules.into_iter().filter_map(|one| tuning(one, &mut problems)).collect();
    if !problems.is_empty() {
        problem::in_order(&mut problems, std::slice::from_ref(file));
        return Err(problems);
    }
    Ok(Profile { name: written.name, title: written.title, about: written.about, rules })
}

/// Nothing where something is wrong, which is among the problems then.
fn tuning(written: WrittenTuning, problems: &mut Vec<Problem>) -> Option<Tuning> {
    let WrittenTuning { rule: name, severity, numbers, reference } = written;
    let Some(rule) = rule::by_name(&name) else {
        let names = RULES.iter().map(|rule| rule.name);
        let near = did_you_mean(&name, names);
        let help = near.unwrap_or_else(|| "`timefleet validate --explain all` lists the rules".to_owned());
        problems.extend(
            name.place.map(|at| Problem::error(at, format!("there is no rule `{}`", name.value)).help(help)),
        );
        return None;
    };
    if let Some(severity) = &severity {
        problems.extend(softened(rule, severity));
    }
    let mut parameters = Vec::new();
    for number in numbers {
        match rule.parameters.iter().find(|parameter| parameter.name == number.name) {
            Some(parameter) => match number.value.filter(|&value| parameter.takes(value)) {
                Some(value) => parameters.push((parameter, value)),
                None => problems.extend(out_of_range(parameter, number)),
            },
            None => {
                let known = ["severity", "reference"].into_iter();
                let known = known.chain(rule.parameters.iter().map(|parameter| parameter.name));
                let help = suggestion(&number.name, known.collect::<Vec<_>>().into_iter());
                let message = format!("unknown key `{}` in rule `{}`", number.name, rule.name);
                problems.push(Problem::error(number.place, message).maybe_help(help));
            }
        }
    }
    Some(Tuning { rule, severity: severity?.value, parameters, reference: reference? })
}

/// A rule without which there is nothing to render is an error, whatever anybody says.
fn softened(rule: &Rule, severity: &Sourced<Option<Severity>>) -> Option<Problem> {
    let what = match severity.value {
        _ if rule.scope != Scope::Strict => return None,
        Some(Severity::Error) => return None,
        Some(Severity::Warning) => "made a warning",
        None => "switched off",
    };
    let message = format!("rule `{}` cannot be {what}: nothing sensible could be rendered", rule.name);
    let help = "write `severity: error`, or take the rule out of the profile";
    Some(Problem::error(severity.place.clone()?, message).help(help))
}

fn out_of_range(parameter: &Parameter, number: WrittenNumber) -> Option<Problem> {
    let (least, most) = parameter.limits;
    let kind = match parameter.numbers {
        Numbers::Whole => "a whole number",
        Numbers::Any => "a number",
    };
    let Sourced { value: spelling, place } = number.spelling;
    let message = format!("`{}` must be {kind} from {least} to {most}, not `{spelling}`", parameter.name);
    let help = format!("{}; {} where a profile says nothing", parameter.what, parameter.default);
    Some(Problem::error(place?, message).help(help))
}
