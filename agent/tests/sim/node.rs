//! One machine with its agent.

use timefleet_agent::engine::{Drift, Engine, Level};
use timefleet_agent::record::Record;
use timefleet_agent::time::Ppm;

use crate::kernel::Kernel;

/// One machine's clock, good or bad.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// Seconds the clock is ahead at the start.
    pub(crate) ahead: f64,
    /// Rate error of the oscillator at the start; positive = fast.
    pub(crate) fast: Ppm,
    /// Standard deviation of the change of the rate error in each second (relative, not ppm).
    pub(crate) wander: f64,
    /// `-x`.
    pub(crate) steered: bool,
    /// What the drift file holds.
    pub(crate) drift: Option<Drift>,
    /// What the key file holds.
    pub(crate) keys: &'static str,
}

impl Machine {
    pub(crate) const PERFECT: Self =
        Self { ahead: 0.0, fast: Ppm(0.0), wander: 0.0, steered: true, drift: None, keys: "" };
    /// 0.1 s and 100 ppm off.
    pub(crate) const USUAL: Self =
        Self { ahead: 0.1, fast: Ppm(100.0), wander: 1e-9, steered: true, drift: None, keys: "" };
}

/// A machine in the world.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) steered: bool,
    pub(crate) engine: Engine,
    pub(crate) kernel: Kernel,
    /// Number of the timer that counts; those set before it do not.
    pub(crate) timer: u64,
    /// Nothing happens to it before this world time.
    pub(crate) asleep_until: i64,
    pub(crate) steps: Vec<f64>,
    pub(crate) sent: u32,
    pub(crate) saved: Option<Drift>,
    pub(crate) log: Vec<(Level, String)>,
    pub(crate) records: Vec<Record>,
    /// Samples were to be written to files.
    pub(crate) has_dumped: bool,
    /// The agent has ended by its own will.
    pub(crate) gave_up: bool,
}
