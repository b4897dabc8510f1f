//! What a clock is worth, and what the whole run ends with.

use serde::{Deserialize, Serialize};
use timefleet_agent::report::HostReport;
use timefleet_agent::time::Seconds;

use super::{Command, Ending, HostResult};

/// What a clock is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClockState {
    /// It follows a source, and its error bound is good.
    Synced,
    /// It serves its own time, as its `local` directive says.
    Local,
    /// It follows a source, but its error bound is larger than `time.bound`.
    OutOfBounds,
    /// It follows nothing.
    Unsynchronised,
    /// The service that should keep it does not run.
    Stopped,
    /// Nothing is known: the host was not asked, or its daemon does not answer.
    Unknown,
}

impl ClockState {
    /// What a host's own words say of its clock. `bound`: the largest error bound that counts as good.
    pub(crate) fn of(report: &HostReport, bound: Seconds) -> Self {
        let Some(tracking) = &report.tracking else {
            return if report.service.active { Self::Unknown } else { Self::Stopped };
        };
        // Something answered, but not the service that should: a rival, or an agent that was started by hand.
        if !report.service.active {
            Self::Stopped
        } else if !tracking.is_synchronised() {
            Self::Unsynchronised
        } else if tracking.is_local() {
            Self::Local
        } else if tracking.error_bound() <= bound {
            Self::Synced
        } else {
            Self::OutOfBounds
        }
    }

    /// As it is spelt in the table and in JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Local => "local",
            Self::OutOfBounds => "out-of-bounds",
            Self::Unsynchronised => "unsynchronised",
            Self::Stopped => "stopped",
            Self::Unknown => "unknown",
        }
    }

    /// The clock can be relied on.
    pub(crate) fn is_good(self) -> bool {
        matches!(self, Self::Synced | Self::Local)
    }
}

/// How bad one host is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// It failed, was not reached, was refused or not started; or its service does not run or answer.
    Failed,
    /// It answered, but its clock is out of bounds or follows nothing.
    ClockOff,
    /// Changes are pending, or it drifted from the inventory.
    Differs,
    /// All well.
    Good,
}

impl Verdict {
    /// The program's exit code if this is the worst of all hosts.
    fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::ClockOff => 4,
            Self::Differs => 3,
            Self::Good => 0,
        }
    }
}

/// How bad one host is.
pub(crate) fn verdict(command: Command, host: &HostResult) -> Verdict {
    if host.ending != Ending::Done {
        return Verdict::Failed;
    }
    if command == Command::Plan {
        return if host.steps.is_empty() { Verdict::Good } else { Verdict::Differs };
    }
    match host.state {
        ClockState::Stopped | ClockState::Unknown => Verdict::Failed,
        ClockState::Unsynchronised if is_without_addresses(host) => Verdict::Failed,
        ClockState::Unsynchronised | ClockState::OutOfBounds => Verdict::ClockOff,
        ClockState::Synced | ClockState::Local if drifted(host) => Verdict::Differs,
        ClockState::Synced | ClockState::Local => Verdict::Good,
    }
}

/// An upstream that does not resolve is a failure of the host or of the inventory, not of the clock.
fn is_without_addresses(host: &HostResult) -> bool {
    host.report.as_ref().is_some_and(|report| {
        let told =
            !report.sources.is_empty() || report.activity.is_some_and(|activity| activity.unresolved > 0);
        told && report.sources.iter().all(|source| source.address.is_none())
    })
}

fn drifted(host: &HostResult) -> bool {
    host.report.as_ref().is_some_and(|report| !report.drift.is_empty())
}

/// What the program ends with: 0 all well, 1 a host failed, 3 changes pending or drift, 4 a clock is off.
///
/// The worst host decides, in the order 1, 4, 3, 0. (2, a wrong input or command line, never gets as far as a report.)
pub(crate) fn exit_code(command: Command, interrupted: bool, hosts: &[HostResult]) -> u8 {
    if interrupted {
        return Verdict::Failed.exit_code();
    }
    hosts.iter().map(|host| verdict(command, host)).min().unwrap_or(Verdict::Good).exit_code()
}

#[cfg(test)]
mod tests {
    use timefleet_agent::host::plan::Step;
    use timefleet_agent::report::Drift;

    use super::super::example;
    use super::*;

    fn refused() -> HostResult {
        HostResult {
            ending: Ending::Refused {
                rivals: vec!["chrony.service".into()],
                cause: "chrony.service is active".into(),
            },
            state: ClockState::Unknown,
            report: None,
            ..example::synced("web1")
        }
    }

    fn unreachable() -> HostResult {
        HostResult {
            ending: Ending::Unreachable { step: "connect".into(), cause: "no answer".into(), hint: None },
            ..refused()
        }
    }

    fn drifting(drift: Drift) -> HostResult {
        let mut host = example::synced("web1");
        host.report.as_mut().unwrap().drift.push(drift);
        host
    }

    fn clock(state: ClockState) -> HostResult {
        HostResult { state, ..example::synced("web1") }
    }

    fn pending() -> HostResult {
        HostResult { steps: vec![Step::ReloadUnits], ..example::synced("web1") }
    }

    fn unresolved() -> HostResult {
        let mut host = clock(ClockState::Unsynchronised);
        for source in &mut host.report.as_mut().unwrap().sources {
            source.address = None;
        }
        host
    }

    fn edited() -> HostResult {
        drifting(Drift::Changed { path: "/etc/timefleet/agent.conf".into(), diff: "-a\n+b\n".into() })
    }

    fn runs_older() -> HostResult {
        drifting(Drift::RunsOlderConfig { path: "/etc/timefleet/agent.conf".into() })
    }

    #[test]
    fn the_exit_code_follows_the_worst_host() {
        use ClockState::{Local, OutOfBounds, Stopped, Unknown, Unsynchronised};
        use Command::{Apply, Audit, Plan};
        let good = || example::synced("web2");
        let table = [
            ("apply: all synchronised", Apply, vec![good(), clock(Local)], 0),
            ("apply: the steps that were done are no drift", Apply, vec![pending()], 0),
            ("apply: refused because of a rival", Apply, vec![good(), refused()], 1),
            ("apply: a host is down", Apply, vec![unreachable(), good()], 1),
            ("apply: the deadline passed without synchronisation", Apply, vec![clock(Unsynchronised)], 4),
            ("apply: no upstream resolves", Apply, vec![unresolved()], 1),
            ("apply: down beats unsynchronised", Apply, vec![clock(Unsynchronised), unreachable()], 1),
            ("plan: nothing to do", Plan, vec![clock(Unknown)], 0),
            ("plan: changes pending", Plan, vec![good(), pending()], 3),
            ("plan: a host is down beside pending changes", Plan, vec![pending(), unreachable()], 1),
            ("audit: clean", Audit, vec![good(), clock(Local)], 0),
            ("audit: somebody edited the file", Audit, vec![edited(), good()], 3),
            ("audit: the agent runs an older file", Audit, vec![runs_older()], 3),
            ("audit: the service is stopped", Audit, vec![clock(Stopped), edited()], 1),
            ("audit: the daemon does not answer", Audit, vec![clock(Unknown)], 1),
            ("audit: a clock follows nothing", Audit, vec![clock(Unsynchronised), edited()], 4),
            ("audit: an error bound is too large", Audit, vec![clock(OutOfBounds)], 4),
            ("no hosts", Audit, vec![], 0),
        ];
        for (story, command, hosts, code) in table {
            assert_eq!(exit_code(command, false, &hosts), code, "{story}");
        }
    }

    #[test]
    fn an_interrupted_run_never_ends_well() {
        assert_eq!(exit_code(Command::Apply, true, &[example::synced("web1")]), 1);
    }

    #[test]
    fn a_clock_is_judged_by_its_error_bound_not_by_its_offset() {
        let mut report = example::synced("web1").report.unwrap();
        assert_eq!(ClockState::of(&report, Seconds(3.0)), ClockState::Synced);
        let tracking = report.tracking.as_mut().unwrap();
        tracking.root_dispersion = Seconds(3.5);
        assert_eq!(ClockState::of(&report, Seconds(3.0)), ClockState::OutOfBounds);
    }

    #[test]
    fn a_clock_that_serves_itself_is_local_and_one_that_follows_nothing_is_not() {
        let report = example::local("ntp-a").report.unwrap();
        assert_eq!(ClockState::of(&report, Seconds(3.0)), ClockState::Local);
        let report = example::unsynchronised("web1").report.unwrap();
        assert_eq!(ClockState::of(&report, Seconds(3.0)), ClockState::Unsynchronised);
    }

    #[test]
    fn a_stopped_service_counts_even_when_something_else_answers() {
        let mut report = example::synced("web1").report.unwrap();
        report.service.active = false;
        assert_eq!(ClockState::of(&report, Seconds(3.0)), ClockState::Stopped);
        report.tracking = None;
        assert_eq!(ClockState::of(&report, Seconds(3.0)), ClockState::Stopped);
        report.service.active = true;
        assert_eq!(ClockState::of(&report, Seconds(3.0)), ClockState::Unknown);
    }
}
