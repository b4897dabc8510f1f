//! The conversation between controller and host: one JSON value a line, the request down, events up.
//!
//! The host ends the conversation with exactly one [`Event::Finished`] and exit status 0; anything else is a broken
//! conversation.

use serde::{Deserialize, Serialize};

use super::desired::Desired;
use super::plan::Step;
use crate::report::{HostReport, Tracking};
use crate::time::Seconds;

/// Version of this conversation; the two ends come from one build, so a mismatch is an error, never negotiated.
pub const PROTOCOL: u32 = 1;

/// What the controller wants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// How far to go.
    pub mode: Mode,
    /// What should be true.
    pub desired: Desired,
    /// How long to wait for the clock to be synchronised after an apply.
    pub wait: Seconds,
    /// After an apply say [`Event::Settled`] and wait for [`GO_ON`] before the report is made.
    pub linger: bool,
}

/// The controller's only other line: the rest of the fleet has had its turn, report now.
pub const GO_ON: &[u8] = b"go on\n";

/// How far a conversation goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Facts and plan; nothing is changed.
    Plan,
    /// Facts, plan, steps, waiting, report.
    Apply,
    /// Facts, drift, report; nothing is changed.
    Audit,
}

/// What the host says while it works.
#[expect(
    clippy::large_enum_variant,
    reason = "one event exists at a time, and it is on its way to or from a line"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A step begins.
    Step {
        /// Which.
        step: Step,
    },
    /// The daemon runs, its clock is not synchronised yet.
    Waiting {
        /// Seconds waited so far.
        waited: Seconds,
        /// The last answer.
        tracking: Option<Tracking>,
    },
    /// The clock has settled, or had its time; the report waits for [`GO_ON`].
    Settled,
    /// The end.
    Finished {
        /// How it ended.
        outcome: Outcome,
    },
}

/// How a conversation ended on the host's side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Everything that was asked was done.
    Done {
        /// Steps of the plan: to be done ([`Mode::Plan`]) or done ([`Mode::Apply`]); empty in an audit.
        steps: Vec<Step>,
        /// What is; `None` for [`Mode::Plan`].
        report: Option<HostReport>,
    },
    /// The host is not ours to change: another daemon keeps its time and `take_over` was not given.
    Refused {
        /// The other daemons' units.
        rivals: Vec<String>,
        /// One line.
        message: String,
    },
    /// A step failed; what came before it is done, the file it was about is as before.
    Failed {
        /// Name of the step, for people: "write /etc/timefleet/agent.conf".
        step: String,
        /// One line.
        cause: String,
        /// What to do about it, when known.
        hint: Option<String>,
        /// Steps that were done before.
        done: Vec<Step>,
        /// What is now, as far as it could be found out.
        report: Option<HostReport>,
    },
}
