//! Wish and facts in, steps and drift out: one story a file in `plan/`, and the promise that holds for all of them:
//! a host on which a plan was carried out needs nothing more.

#![expect(clippy::expect_used, reason = "a test that cannot set its story up has failed")]

mod plan_model;

use std::path::Path;

use proptest::prelude::*;
use serde::Deserialize;
use timefleet_agent::host::desired::Desired;
use timefleet_agent::host::drift::drift;
use timefleet_agent::host::facts::Facts;
use timefleet_agent::host::gap::{Impossible, sha256};
use timefleet_agent::host::plan::{Plan, Step, plan};
use timefleet_agent::report::Drift;

/// One story. `agent` is the name of the executable that should run.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    story: String,
    agent: String,
    desired: Desired,
    facts: Facts,
    plan: Expected,
    drift: Option<Vec<Drift>>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Expected {
    Steps(Vec<Step>),
    Refused(Vec<String>),
    Impossible { cause: String, hint: String },
}

impl From<Plan> for Expected {
    fn from(plan: Plan) -> Self {
        match plan {
            Plan::Steps(steps) => Self::Steps(steps),
            Plan::Refused { rivals } => Self::Refused(rivals),
            Plan::Impossible(Impossible { cause, hint }) => Self::Impossible { cause, hint },
        }
    }
}

/// `sha256:TEXT` in a case stands for the sha256 of TEXT, so that a story shows what was read and not its digest.
fn with_digests(case: &str) -> String {
    let mut parts = case.split("\"sha256:");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (content, rest) = part.split_once('"').expect("the string ends");
        let content: String = serde_json::from_str(&format!("\"{content}\"")).expect("a JSON string");
        text.push_str(&format!("\"{}\"{rest}", sha256(&content)));
    }
    text
}

#[test]
fn every_story_ends_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plan");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 10, "the stories are there: {paths:?}");
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let case: Case =
            serde_json::from_str(&with_digests(&text)).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let planned = plan(&case.desired, &case.facts, &case.agent);
        assert_eq!(Expected::from(planned), case.plan, "{path:?}: {}", case.story);
        let drifted = drift(&case.desired, &case.facts, &case.agent).ok();
        assert_eq!(drifted, case.drift, "{path:?}: {}", case.story);
    }
}

proptest! {
    #[test]
    fn a_host_on_which_a_plan_was_carried_out_needs_nothing_more(
        (desired, facts) in plan_model::wish_and_facts(),
        interrupted_after in 0_usize..12,
    ) {
        let agent = plan_model::AGENT_NAME;
        let Plan::Steps(steps) = plan(&desired, &facts, agent) else {
            prop_assert!(!desired.take_over && !facts.rivals.is_empty());
            return Ok(());
        };
        // Cut short anywhere, even before the first step: the next plan completes it.
        let kept = steps.iter().take(interrupted_after);
        let halfway = kept.fold(facts, |facts, step| plan_model::carry_out(&desired, facts, step));
        let Plan::Steps(rest) = plan(&desired, &halfway, agent) else { panic!("refused halfway") };
        let end = rest.iter().fold(halfway, |facts, step| plan_model::carry_out(&desired, facts, step));

        prop_assert_eq!(plan(&desired, &end, agent), Plan::Steps(Vec::new()));
        prop_assert_eq!(drift(&desired, &end, agent), Ok(Vec::new()));
    }

    #[test]
    fn an_audit_finds_something_exactly_when_a_plan_would_do_something((desired, facts) in plan_model::wish_and_facts()) {
        let agent = plan_model::AGENT_NAME;
        let nothing_to_do = plan(&desired, &facts, agent) == Plan::Steps(Vec::new());
        prop_assert_eq!(drift(&desired, &facts, agent).unwrap().is_empty(), nothing_to_do);
    }
}
