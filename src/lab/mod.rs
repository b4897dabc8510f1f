//! Which agent binary for which machine.

use std::borrow::Cow;

/// One agent executable.
#[derive(Clone, Debug)]
pub(crate) struct AgentBinary {
    /// The executable itself.
    pub(crate) bytes: Cow<'static, [u8]>,
    /// Of the bytes, 64 lower-case hexadecimal digits.
    pub(crate) sha256: String,
    /// As `uname -m` says it.
    pub(crate) arch: String,
}

/// Every agent executable at hand, one for each kind of machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agents {
    by_arch: std::collections::BTreeMap<String, AgentBinary>,
}

impl Agents {
    /// The agent for a machine whose `uname -m` is this.
    pub(crate) fn for_arch(&self, uname_m: &str) -> Option<&AgentBinary> {
        self.by_arch.get(uname_m)
    }

    /// Every agent at hand.
    pub(crate) fn known(&self) -> impl Iterator<Item = &AgentBinary> {
        self.by_arch.values()
    }
}
