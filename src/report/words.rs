//! Steps and drift in a few words, for cells and lines of the report.

use timefleet_agent::host::plan::Step;
use timefleet_agent::report::Drift;

use super::quantity::count;

/// One difference, in a few words.
pub(crate) fn drift(drift: &Drift) -> String {
    match drift {
        Drift::Missing { path } => format!("{path} is missing"),
        Drift::Changed { path, .. } => format!("{path} was changed"),
        Drift::Mode { path, found, wanted } => format!("{path} is {found}, not {wanted}"),
        Drift::RunsOlderConfig { path } => format!("runs an older {path}"),
        Drift::RunsOtherAgent { detail } => format!("runs another agent: {detail}"),
        Drift::Stopped { service } => format!("{service} is stopped"),
        Drift::NotEnabled { service } => format!("{service} is not enabled"),
        Drift::NoUser { user } => format!("there is no user {user}"),
        Drift::Rival { unit } => format!("{unit} is there too"),
    }
}

/// The steps of one host for a table's cell: `2 writes, start`.
pub(crate) fn steps_in_short(steps: &[Step]) -> String {
    let writes = steps.iter().filter(|step| matches!(step, Step::Write { .. })).count();
    let mut words = Vec::new();
    if steps.iter().any(|step| matches!(step, Step::StopRival { .. })) {
        words.push("took over".to_owned());
    }
    if steps.iter().any(|step| matches!(step, Step::SwitchAgent { .. })) {
        words.push("agent".to_owned());
    }
    if writes > 0 {
        words.push(count(writes, "write"));
    }
    for (label, wanted) in [
        ("user", is_add_user as fn(&Step) -> bool),
        ("enable", is_enable),
        ("start", is_start),
        ("restart", is_restart),
    ] {
        if steps.iter().any(wanted) {
            words.push(label.to_owned());
        }
    }
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

/// The drift of one host for a table's cell, file names without their directories.
pub(crate) fn drift_in_short(drifts: &[Drift]) -> String {
    let mut words: Vec<String> = drifts
        .iter()
        .map(|drift| match drift {
            Drift::Missing { path } => format!("{} missing", file_name(path)),
            Drift::Changed { path, .. } => format!("{} changed", file_name(path)),
            Drift::Mode { path, .. } => format!("{} mode", file_name(path)),
            Drift::RunsOlderConfig { .. } => "runs older file".to_owned(),
            Drift::RunsOtherAgent { .. } => "runs other agent".to_owned(),
            Drift::Stopped { .. } => "stopped".to_owned(),
            Drift::NotEnabled { .. } => "not enabled".to_owned(),
            Drift::NoUser { user } => format!("no user {user}"),
            Drift::Rival { unit } => format!("rival {unit}"),
        })
        .collect();
    words.dedup();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

fn is_add_user(step: &Step) -> bool {
    matches!(step, Step::AddUser { .. })
}

fn is_enable(step: &Step) -> bool {
    matches!(step, Step::Enable { .. })
}

fn is_start(step: &Step) -> bool {
    matches!(step, Step::Start { .. })
}

fn is_restart(step: &Step) -> bool {
    matches!(step, Step::Restart { .. })
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_says_what_kind_of_change_it_was() {
        let write = |path: &str| Step::Write { path: path.into(), mode: 0o644, diff: String::new() };
        let steps = [
            Step::StopRival { unit: "chrony.service".into() },
            Step::SwitchAgent { from: None, to: "timefleet-agent-1".into() },
            write("/etc/timefleet/agent.conf"),
            write("/etc/systemd/system/timefleet-agent.service"),
            Step::AddUser { user: "timefleet".into() },
            Step::ReloadUnits,
            Step::Enable { service: "timefleet-agent.service".into() },
            Step::Start { service: "timefleet-agent.service".into() },
        ];
        assert_eq!(steps_in_short(&steps), "took over, agent, 2 writes, user, enable, start");
        assert_eq!(steps_in_short(&[]), "-");
    }

    #[test]
    fn a_cell_names_the_file_that_drifted() {
        let path = "/etc/timefleet/agent.conf".to_owned();
        let drifts =
            [Drift::Changed { path: path.clone(), diff: String::new() }, Drift::RunsOlderConfig { path }];
        assert_eq!(drift_in_short(&drifts), "agent.conf changed, runs older file");
    }
}
