//! Wish and facts in, steps out. Pure: the same two always give the same plan.

use serde::{Deserialize, Serialize};

/// One thing to do, in words that a person and a program both read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Stop and disable another time daemon.
    StopRival {
        /// Its unit.
        unit: String,
    },
    /// Write a file: temporary name, fsync, rename.
    Write {
        /// Its path.
        path: String,
        /// Permission bits.
        mode: u32,
        /// Unified diff from what is there (nothing, if the file is new) to what should be.
        diff: String,
    },
    /// Point the link at another agent executable.
    SwitchAgent {
        /// Name of the executable in use so far.
        from: Option<String>,
        /// Name of the executable from now on.
        to: String,
    },
    /// `systemctl daemon-reload`.
    ReloadUnits,
    /// `systemctl enable`.
    Enable {
        /// The unit.
        service: String,
    },
    /// Start the service.
    Start {
        /// The unit, or the plain process' name.
        service: String,
    },
    /// Restart the service.
    Restart {
        /// The unit, or the plain process' name.
        service: String,
        /// Why.
        reason: String,
    },
}
