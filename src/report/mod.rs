//! What a run found and did, for the whole fleet: [`FleetReport`], and its faces [`table`], [`diff`] and JSON.
//!
//! The JSON face is this type, serialised. Its `version` grows when a field changes its meaning or goes away; new
//! fields may appear at any time, so readers must ignore those they do not know. Spans are seconds (numbers with
//! fractions), moments are RFC 3339 in UTC.

pub(crate) mod diff;
#[cfg(test)]
pub(crate) mod example;
pub(crate) mod quantity;
pub(crate) mod summary;
pub(crate) mod table;
pub(crate) mod verdict;
pub(crate) mod words;

use serde::{Deserialize, Serialize};
use timefleet_agent::host::plan::Step;
use timefleet_agent::report::HostReport;
use timefleet_agent::time::Seconds;

use crate::doctor::Diagnosis;
use summary::Summary;
use verdict::ClockState;

/// Version of the JSON face.
pub(crate) const VERSION: u32 = 1;

/// What one run found and did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FleetReport {
    /// [`VERSION`].
    pub(crate) version: u32,
    /// Name and version of the program that wrote it: `timefleet 0.1.0`.
    pub(crate) program: String,
    /// The fleet's name in the inventory.
    pub(crate) fleet: String,
    /// What was asked for.
    pub(crate) command: Command,
    /// When the first connection was tried, RFC 3339, UTC.
    pub(crate) started: String,
    /// When the last host was done, RFC 3339, UTC.
    pub(crate) ended: String,
    /// Somebody stopped it (Ctrl-C) before every host was done.
    pub(crate) interrupted: bool,
    /// Every host that was asked for, in the inventory's order.
    pub(crate) hosts: Vec<HostResult>,
    /// The same in numbers.
    pub(crate) summary: Summary,
    /// What the program ends with: see [`verdict::exit_code`].
    pub(crate) exit_code: u8,
    /// Only a part of the fleet was asked for (`--on`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subset: Option<Subset>,
}

/// The part of a fleet that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subset {
    /// As written after `--on`.
    pub(crate) on: String,
    /// Hosts of the inventory that were not touched.
    pub(crate) left_out: usize,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Command {
    /// Make it so.
    Apply,
    /// What would change?
    Plan,
    /// What is?
    Audit,
}

/// One host's part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HostResult {
    /// Name in the inventory.
    pub(crate) name: String,
    /// Name or address that was connected to.
    pub(crate) address: String,
    /// `server` or `client`.
    pub(crate) role: String,
    /// 1 = the first wave.
    pub(crate) wave: usize,
    /// How it ended.
    pub(crate) ending: Ending,
    /// Steps that are to be done (plan) or were done (apply), each with its diff.
    pub(crate) steps: Vec<Step>,
    /// Bytes of the agent that were pushed; 0 = they were there.
    pub(crate) uploaded_bytes: u64,
    /// SSH connections that were opened to this host.
    pub(crate) connections: u32,
    /// Channels that were opened on them.
    pub(crate) channels: u32,
    /// How long the conversation took.
    pub(crate) elapsed: Seconds,
    /// What the clock is worth.
    pub(crate) state: ClockState,
    /// Name of the source that the clock follows, the fleet's own name for it where it is one of the fleet.
    pub(crate) source: Option<String>,
    /// The largest error that the clock can have: |offset| + root dispersion + root delay / 2.
    pub(crate) error_bound: Option<Seconds>,
    /// The largest error bound that counts as good (`time.bound`).
    pub(crate) bound: Seconds,
    /// Hosts that asked this server for the time: the fleet's own names where they are of the fleet, else addresses.
    pub(crate) asked_by: Option<Vec<String>>,
    /// What is wrong, why, and what to do about it.
    pub(crate) diagnoses: Vec<Diagnosis>,
    /// All that the host said of itself.
    pub(crate) report: Option<HostReport>,
}

/// How the conversation with a host ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub(crate) enum Ending {
    /// Everything that was asked was done.
    Done,
    /// Another daemon keeps the time there, and the inventory does not say `take_over: true`.
    Refused {
        /// The other daemons' units.
        rivals: Vec<String>,
        /// One line.
        cause: String,
    },
    /// A step failed; those before it were done.
    Failed {
        /// The step, in words.
        step: String,
        /// One line.
        cause: String,
        /// What to do about it, when known.
        hint: Option<String>,
    },
    /// There was no conversation: no connection, no trust or no login.
    Unreachable {
        /// `connect`, `host key` or `login`.
        step: String,
        /// One line.
        cause: String,
        /// What to do about it, when known.
        hint: Option<String>,
    },
    /// The run was stopped before this host's turn came; nothing was done to it.
    NotStarted,
}

impl FleetReport {
    /// Puts a report together: summary and exit code follow from the hosts.
    pub(crate) fn new(
        fleet: String,
        command: Command,
        started: String,
        ended: String,
        interrupted: bool,
        hosts: Vec<HostResult>,
    ) -> Self {
        Self {
            version: VERSION,
            program: concat!("timefleet ", env!("CARGO_PKG_VERSION")).to_owned(),
            fleet,
            command,
            started,
            ended,
            interrupted,
            summary: Summary::of(&hosts),
            exit_code: verdict::exit_code(command, interrupted, &hosts),
            hosts,
            subset: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_face_keeps_its_shape() {
        let report = example::troubled_fleet();
        let written = serde_json::to_string_pretty(&report).unwrap() + "\n";
        // When this file changes otherwise than by new fields, readers break: raise `VERSION` and start a new file.
        snapbox::assert_data_eq!(written, snapbox::file!["../../tests/cli/fleet_report.v1.json"].raw());
    }

    #[test]
    fn the_json_face_reads_back() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/fleet_report.v1.json");
        let read: FleetReport = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(read, example::troubled_fleet());
    }
}
