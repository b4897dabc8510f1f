//! What the rules and the profiles say of themselves: `--explain` and `docs/rules.md`, from the same data.

use std::fmt::Write;

use super::catalogue::RULES;
use super::profile::{CARRIED, Profile};
use super::rule::{Parameter, Rule, Scope};

fn scope(rule: &Rule) -> String {
    let name = rule.name;
    let allowance = format!("`allow_rules: [{{ rule: {name}, reason: \"…\" }}]`");
    match rule.scope.never_allowed() {
        Some(why) => format!("no: {why}"),
        None if rule.scope == Scope::Asked => {
            format!("{allowance}; off unless a profile or `--deny {name}` asks")
        }
        None => format!("{allowance} on a host or a group"),
    }
}

fn parameter(parameter: &Parameter) -> String {
    format!("`{}`: {}; {} unless a profile says otherwise", parameter.name, parameter.what, parameter.default)
}

/// One rule, for a terminal.
pub(crate) fn rule(rule: &Rule) -> String {
    let headline = format!("{}[{}]: {}", rule.severity.word(), rule.name, rule.what);
    let mut text = format!("{}\n\n", lines(&headline, 0));
    text += &format!("why:     {}\n", wrapped(rule.reason));
    text += &format!("cure:    {}\n", wrapped(rule.cure));
    text += &format!("allow:   {}\n", wrapped(&scope(rule)));
    for one in rule.parameters {
        text += &format!("number:  {}\n", wrapped(&parameter(one)));
    }
    text += "\nexample that it finds:\n\n";
    for line in rule.example.lines() {
        text += &format!("    {line}\n");
    }
    text
}

/// Every rule in a line of its own, then the profiles.
pub(crate) fn all() -> String {
    let mut text = String::new();
    let width = RULES.iter().map(|rule| rule.name.len()).max().unwrap_or(0);
    for rule in RULES {
        let off = if rule.scope == Scope::Asked { " (off)" } else { "" };
        let severity = format!("{}{off}", rule.severity.word());
        let what = lines(rule.what, width + 15);
        text += &format!("{:width$}  {severity:11}  {what}\n", rule.name);
    }
    text += "\nProfiles: ";
    text += &CARRIED.iter().map(|(name, _)| format!("profile:{name}")).collect::<Vec<_>>().join(", ");
    text + "\n"
}

/// What a profile asks for, for a terminal.
pub(crate) fn profile(profile: &Profile) -> String {
    let mut text = format!("{}\n", lines(&format!("profile {}: {}", profile.name, profile.title), 0));
    if let Some(about) = &profile.about {
        text += &format!("\n{}\n", lines(about, 0));
    }
    for tuning in &profile.rules {
        let severity = tuning.severity.map_or("off", |severity| severity.word());
        let headline = format!("{severity}[{}]: {}", tuning.rule.name, tuning.rule.what);
        text += &format!("\n{}\n", lines(&headline, 0));
        for (parameter, value) in &tuning.parameters {
            let number = format!("{} {value}: {}", parameter.name, parameter.what);
            text += &format!("         {}\n", wrapped(&number));
        }
        text += &format!("asked:   {}\n", wrapped(&tuning.reference));
    }
    text
}

/// What a rule finds, as the beginning of a sentence.
pub(crate) fn sentence(rule: &Rule) -> String {
    let mut letters = rule.what.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

/// A rule's reason, cure and so on, each with its title.
fn items(rule: &Rule) -> Vec<(&'static str, String)> {
    let mut items =
        vec![("Why", rule.reason.to_owned()), ("Cure", rule.cure.to_owned()), ("Allow", scope(rule))];
    items.extend(rule.parameters.iter().map(|one| ("Number", parameter(one))));
    items
}

/// One rule, in Markdown.
pub(crate) fn markdown(rule: &Rule) -> String {
    let mut text = format!("{}.\n\n", sentence(rule));
    for (title, item) in items(rule) {
        text += &format!("- {title}: {item}\n");
    }
    text + &format!("\n```yaml\n{}\n```\n", rule.example)
}

/// One rule, in text that whoever shows it may break.
pub(crate) fn plain(rule: &Rule) -> String {
    let mut text = format!("{}.\n", sentence(rule));
    for (title, item) in items(rule) {
        text += &format!("{title}: {item}\n");
    }
    text + &format!("Example that it finds:\n{}\n", rule.example)
}

fn wrapped(text: &str) -> String {
    lines(text, 9)
}

/// Lines of at most 80 columns; those after the first begin under it.
fn lines(text: &str, indent: usize) -> String {
    let mut lines = String::new();
    let mut column = indent;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > indent && column + 1 + length > 80 {
            let _ = write!(lines, "\n{:indent$}", "");
            column = indent;
        } else if column > indent {
            lines.push(' ');
            column += 1;
        }
        lines += word;
        column += length;
    }
    lines
}

/// `docs/rules.md`.
#[cfg(test)]
pub(crate) fn page() -> String {
    let mut text = "# Rules\n\n`timefleet validate` holds an inventory against these rules. This page and \
        `timefleet validate --explain RULE` are\nmade of the same data.\n\n\
        An error stops every command before a host is touched; a warning does not, unless `--deny warnings` or `--deny RULE`\n\
        says so. Rules that are off are switched on by a profile (`--profile NAME`) or by `--deny RULE`.\n\n\
        | rule | | finds |\n|---|---|---|\n"
        .to_owned();
    for rule in RULES {
        let off = if rule.scope == Scope::Asked { ", off" } else { "" };
        let name = rule.name;
        let _ = writeln!(text, "| [`{name}`](#{name}) | {}{off} | {} |", rule.severity.word(), rule.what);
    }
    for rule in RULES {
        let _ = write!(text, "\n## {}\n\n{}", rule.name, markdown(rule));
    }
    text += "\n# Profiles\n\nA profile is a YAML file that selects and tunes rules, each with the words of the regime. \
        `--profile` takes the names below or\nthe path of a file of your own; several add up, the stricter one wins.\n";
    for (name, _) in CARRIED {
        let Some(Ok(profile)) = super::profile::carried(name).map(|file| super::profile::read(&file)) else {
            continue;
        };
        let _ = write!(text, "\n## {}\n\n{}.", profile.name, profile.title);
        if let Some(about) = &profile.about {
            let _ = write!(text, " {about}");
        }
        text += "\n\n| rule | | asked for by |\n|---|---|---|\n";
        for tuning in &profile.rules {
            let severity = tuning.severity.map_or("off", |severity| severity.word());
            let numbers: Vec<String> =
                tuning.parameters.iter().map(|(one, value)| format!(", {} {value}", one.name)).collect();
            let name = tuning.rule.name;
            let _ = writeln!(
                text,
                "| [`{name}`](#{name}) | {severity}{} | {} |",
                numbers.concat(),
                tuning.reference
            );
        }
    }
    text
}
