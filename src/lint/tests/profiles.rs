//! What a profile of one's own may not say, with every place, all at once.

use super::*;

/// Every mistake as `line:column: message | help`.
fn mistakes(text: &str) -> Vec<String> {
    let file = InputFile { name: "house.yaml".to_owned(), text: text.to_owned() };
    let Err(problems) = profile::read(&file) else { return Vec::new() };
    let said = |problem: &Problem| {
        let Place { line, column, .. } = problem.place;
        format!("{line}:{column}: {} | {}", problem.message, problem.help.as_deref().unwrap_or_default())
    };
    problems.iter().map(said).collect()
}

#[test]
fn all_mistakes_of_all_rules_come_at_once() {
    let text = "\
profile: house
title: x
rules:
  single-upstrem: { severity: error, reference: a }
  poll-too-slow: { severity: warn, largest: 12, reference: a }
  bound-too-wide: { severity: error, larges: 12, reference: a }
  unused-server: { severity: off }
  two-upstreams: { severty: error }
  too-few-upstreams: { severity: error, servers: 2.5, pools: -1, reference: x }
  public-pool-at-scale: { severity: error, hosts: .inf, reference: x }
  local-stratum-too-low: { severity: error, least: 99, reference: x }
  step-anytime: error
  no-clock-log:
extra: 1
";
    assert_eq!(
        mistakes(text),
        [
            "4:3: there is no rule `single-upstrem` | did you mean `single-upstream`?",
            "5:30: `rules.severity` must be `error` or `warning` or `off`, not `warn` | ",
            "6:38: unknown key `larges` in rule `bound-too-wide` | did you mean `largest`?",
            "7:3: rule `unused-server` needs `reference` | `severity` is `error`, `warning` or `off`; `reference` says who asks for it, and where",
            "8:3: rule `two-upstreams` needs `severity` and `reference` | `severity` is `error`, `warning` or `off`; `reference` says who asks for it, and where",
            "8:20: unknown key `severty` in rule `two-upstreams` | did you mean `severity`?",
            "9:50: `servers` must be a whole number from 0 to 64, not `2.5` | servers that are enough without a pool; 3 where a profile says nothing",
            "9:62: `pools` must be a whole number from 0 to 64, not `-1` | pools that are enough without servers (0: pools do not count); 1 where a profile says nothing",
            "10:51: `hosts` must be a whole number from 0 to 1000000, not `.inf` | hosts that may ask the pool themselves; 100 where a profile says nothing",
            "11:52: `least` must be a whole number from 1 to 15, not `99` | lowest stratum that `local` may serve; 5 where a profile says nothing",
            "12:17: rule `step-anytime` must hold `key: value` lines | ",
            "13:3: rule `no-clock-log` needs `severity` and `reference` | `severity` is `error`, `warning` or `off`; `reference` says who asks for it, and where",
            "14:1: unknown key `extra` in the profile | known are profile, title, about, rules",
        ]
    );
}

#[test]
fn what_cannot_be_rendered_cannot_be_switched_off() {
    let text = "\
profile: house
title: x
rules:
  contradicting-extra: { severity: off, reference: x }
  duplicate-address: { severity: warning, reference: x }
  value-out-of-range: { severity: off, reference: x }
  no-hosts: { severity: error, reference: x }
  unneeded-allowance: { severity: off, reference: x }
  sync-loop: { severity: off, reference: x }
";
    assert_eq!(
        mistakes(text),
        [
            "4:36: rule `contradicting-extra` cannot be switched off: nothing sensible could be rendered | write `severity: error`, or take the rule out of the profile",
            "5:34: rule `duplicate-address` cannot be made a warning: nothing sensible could be rendered | write `severity: error`, or take the rule out of the profile",
            "6:35: rule `value-out-of-range` cannot be switched off: nothing sensible could be rendered | write `severity: error`, or take the rule out of the profile",
        ]
    );
    let strict = RULES.iter().filter(|rule| rule.scope == rule::Scope::Strict);
    for rule in strict {
        let text =
            format!("profile: p\ntitle: t\nrules: {{ {}: {{ severity: off, reference: x }} }}\n", rule.name);
        assert_eq!(mistakes(&text).len(), 1, "{}", rule.name);
    }
}

#[test]
fn a_profile_has_a_name_in_one_line_a_title_and_rules() {
    assert_eq!(
        mistakes("profile: house\ntitle: t\n"),
        [
            "1:1: the profile has no `rules` | write `profile: NAME`, `title: REGIME` and `rules: { RULE: { severity: …, reference: … } }`"
        ]
    );
    assert_eq!(
        mistakes("about: nothing\n"),
        [
            "1:1: the profile has no `profile`, no `title`, no `rules` | write `profile: NAME`, `title: REGIME` and `rules: { RULE: { severity: …, reference: … } }`"
        ]
    );
    assert_eq!(
        mistakes("profile: house\ntitle: t\nrules: {}\n"),
        [
            "3:8: `rules` names no rule | write `RULE: { severity: …, reference: … }`; `timefleet validate --explain all` lists the rules"
        ]
    );
    assert_eq!(
        mistakes("profile: house\ntitle: t\nrules: [no-hosts]\n"),
        ["3:8: `rules` must hold `key: value` lines | write `name:` lines instead of `- name` items"]
    );
    assert_eq!(
        mistakes(
            "profile: \"the\\nhouse\"\ntitle: |\n  a\n  b\nrules: { no-clock-log: { severity: error, reference: x } }\n"
        ),
        [
            "1:10: `profile` must be one line without control characters | ",
            "3:3: `title` must be one line without control characters | ",
        ]
    );
}

#[test]
fn a_profile_that_is_named_twice_is_told_once() {
    let cis = profile::read(&profile::carried("cis").unwrap()).unwrap();
    let mut policy = Policy::default();
    policy.add(&cis);
    policy.add(&cis);
    assert_eq!(
        policy.notes(&catalogue::TOO_FEW_UPSTREAMS),
        ["cis: chrony is configured with at least one pool or three servers"]
    );
}
