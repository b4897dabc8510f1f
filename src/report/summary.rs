//! A run in numbers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use timefleet_agent::host::plan::Step;

use super::quantity::count;
use super::verdict::ClockState;
use super::{Command, Ending, HostResult};

/// A run in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// Hosts that were asked for.
    pub(crate) hosts: usize,
    /// Of those that were done: how many in which state.
    pub(crate) states: BTreeMap<ClockState, usize>,
    /// Hosts where a step failed.
    pub(crate) failed: usize,
    /// Hosts that could not be reached.
    pub(crate) unreachable: usize,
    /// Hosts that another daemon keeps.
    pub(crate) refused: usize,
    /// Hosts whose turn did not come.
    pub(crate) not_started: usize,
    /// Hosts that differ from the inventory (steps of a plan, drift of an audit).
    pub(crate) differing: usize,
    /// Steps of every kind.
    pub(crate) steps: usize,
    /// Files written, or to be written.
    pub(crate) writes: usize,
    /// Services started, or to be started.
    pub(crate) starts: usize,
    /// Services restarted, or to be restarted.
    pub(crate) restarts: usize,
    /// Other time daemons stopped and disabled, or to be so.
    pub(crate) take_overs: usize,
    /// Hosts that the agent's bytes were sent to.
    pub(crate) uploads: usize,
    /// SSH connections.
    pub(crate) connections: u32,
    /// Channels on them.
    pub(crate) channels: u32,
}

impl Summary {
    /// Counts.
    pub(crate) fn of(hosts: &[HostResult]) -> Self {
        let mut sum = Self { hosts: hosts.len(), ..Self::default() };
        for host in hosts {
            match &host.ending {
                Ending::Done => *sum.states.entry(host.state).or_default() += 1,
                Ending::Failed { .. } => sum.failed += 1,
                Ending::Unreachable { .. } => sum.unreachable += 1,
                Ending::Refused { .. } => sum.refused += 1,
                Ending::NotStarted => sum.not_started += 1,
            }
            let drifted = host.report.as_ref().is_some_and(|report| !report.drift.is_empty());
            sum.differing += usize::from(drifted || !host.steps.is_empty());
            sum.steps += host.steps.len();
            for step in &host.steps {
                match step {
                    Step::Write { .. } => sum.writes += 1,
                    Step::Start { .. } => sum.starts += 1,
                    Step::Restart { .. } => sum.restarts += 1,
                    Step::StopRival { .. } => sum.take_overs += 1,
                    Step::SwitchAgent { .. }
                    | Step::AddUser { .. }
                    | Step::ReloadUnits
                    | Step::Enable { .. } => {}
                }
            }
            sum.uploads += usize::from(host.uploaded_bytes > 0);
            sum.connections += host.connections;
            sum.channels += host.channels;
        }
        sum
    }

    /// The last lines of the report: the fleet, then what was done to it.
    pub(crate) fn lines(&self, command: Command) -> [String; 2] {
        [format!("{}: {}", count(self.hosts, "host"), self.fleet(command)), self.work(command)]
    }

    /// `1 local, 4 synced, 1 unreachable`, the good first; for a plan: how many would change.
    fn fleet(&self, command: Command) -> String {
        let mut parts = Vec::new();
        let done: usize = self.states.values().sum();
        if command == Command::Plan {
            parts.push(format!(
                "{} to change, {} as wished",
                self.differing,
                done.saturating_sub(self.differing)
            ));
        } else {
            parts.extend(self.states.iter().rev().filter(|(s, _)| s.is_good()).map(state_count));
            parts.extend(self.states.iter().filter(|(s, _)| !s.is_good()).map(state_count));
        }
        for (number, word) in [
            (self.refused, "refused"),
            (self.failed, "failed"),
            (self.unreachable, "unreachable"),
            (self.not_started, "not started"),
        ] {
            if number > 0 {
                parts.push(format!("{number} {word}"));
            }
        }
        let mut text = if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") };
        if command == Command::Audit && self.differing > 0 {
            // Not one more state: a clock that drifted from the inventory may well be synchronised.
            let _ = write!(text, "; {} drifted", self.differing);
        }
        text
    }

    /// `12 writes, 5 restarts, …`; nothing may be missing here when nothing was to be done: the zeros are the news.
    fn work(&self, command: Command) -> String {
        let mut parts = Vec::new();
        if command != Command::Audit {
            for (number, noun) in [(self.take_overs, "take-over"), (self.starts, "start")] {
                if number > 0 {
                    parts.push(count(number, noun));
                }
            }
            parts.insert(0, count(self.writes, "write"));
            parts.push(count(self.restarts, "restart"));
            // A plan's agent is only there while it looks around.
            if self.uploads > 0 && command == Command::Apply {
                parts.push(format!("agent pushed to {}", count(self.uploads, "host")));
            }
        }
        parts.push(count(self.connections as usize, "connection"));
        parts.push(count(self.channels as usize, "channel"));
        // Of a host that did not answer nobody knows whether there is something to change.
        let idle = self.steps == 0 && self.states.values().sum::<usize>() == self.hosts;
        let prefix = match command {
            Command::Audit => "nothing was changed: ",
            Command::Apply if idle && self.uploads == 0 => "nothing to change: ",
            Command::Plan if idle => "nothing to change: ",
            Command::Plan => "to be done: ",
            Command::Apply => "done: ",
        };
        format!("{prefix}{}", parts.join(", "))
    }
}

fn state_count((state, number): (&ClockState, &usize)) -> String {
    format!("{number} {}", state.word())
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn a_second_apply_says_that_there_was_nothing_to_do() {
        let hosts = [example::local("ntp-a"), example::synced("web1"), example::synced("web2")];
        let [fleet, work] = Summary::of(&hosts).lines(Command::Apply);
        assert_eq!(fleet, "3 hosts: 1 local, 2 synced");
        assert_eq!(work, "nothing to change: 0 writes, 0 restarts, 3 connections, 3 channels");
    }

    #[test]
    fn a_first_apply_counts_what_it_did() {
        let write =
            Step::Write { path: "/etc/timefleet/agent.conf".into(), mode: 0o644, diff: String::new() };
        let start = Step::Start { service: "timefleet-agent.service".into() };
        let first = |name| HostResult {
            steps: vec![write.clone(), start.clone()],
            uploaded_bytes: 1_400_000,
            ..example::synced(name)
        };
        let [fleet, work] = Summary::of(&[first("web1"), first("web2")]).lines(Command::Apply);
        assert_eq!(fleet, "2 hosts: 2 synced");
        assert_eq!(
            work,
            "done: 2 writes, 2 starts, 0 restarts, agent pushed to 2 hosts, 2 connections, 2 channels"
        );
    }

    #[test]
    fn a_plan_counts_hosts_to_change_and_an_audit_those_that_drifted() {
        let pending = HostResult { steps: vec![Step::ReloadUnits], ..example::synced("web1") };
        let [fleet, work] = Summary::of(&[pending, example::synced("web2")]).lines(Command::Plan);
        assert_eq!(fleet, "2 hosts: 1 to change, 1 as wished");
        assert_eq!(work, "to be done: 0 writes, 0 restarts, 2 connections, 2 channels");
        let [fleet, work] =
            Summary::of(&[example::edited("web1"), example::unreachable("web2")]).lines(Command::Audit);
        assert_eq!(fleet, "2 hosts: 1 synced, 1 unreachable; 1 drifted");
        assert_eq!(work, "nothing was changed: 1 connection, 1 channel");
    }
}
