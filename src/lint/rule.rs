//! The rules by name.

use crate::inventory::Severity;

/// A named check.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// As people write it.
    pub(crate) name: &'static str,
    /// How bad a finding is.
    pub(crate) severity: Severity,
    /// Why it matters.
    pub(crate) reason: &'static str,
}

macro_rules! rules {
    ($($rule:ident $name:literal $severity:ident $reason:literal;)*) => {
        $(pub(super) static $rule: Rule =
            Rule { name: $name, severity: Severity::$severity, reason: $reason };)*

        /// Every rule.
        pub(crate) static RULES: &[&Rule] = &[$(&$rule),*];
    };
}

rules! {
    NO_HOSTS "no-hosts" Error
        "An inventory that was cut short must not look like a fleet where all is well.";
    DUPLICATE_ADDRESS "duplicate-address" Error
        "Two hosts that are one machine write over each other's files, and neither ever finds what it wants.";
    ISOLATED_WITHOUT_LOCAL "isolated-without-local" Error
        "A server without a source and without `local` answers as unsynchronised: its clients see stratum 0 and never \
         follow it.";
    NO_PATH_TO_TIME "no-path-to-time" Error
        "A client without an upstream keeps whatever its clock says.";
    WINDOWS_WITHOUT_MAXDISTANCE "windows-without-maxdistance" Warning
        "The Windows Time service reports a root dispersion of seconds; sources with a root distance above \
         maxdistance (3 s unless set) are never selected.";
    ADDRESS_FAMILY_MISMATCH "address-family-mismatch" Error
        "A daemon that was told to use one address family cannot reach an address of the other.";
    LOCAL_ON_CLIENT "local-on-client" Error
        "A client with `local` believes its own clock when its servers are gone, and says it is synchronised.";
    CLIENT_NOT_ALLOWED "client-not-allowed" Error
        "A server answers only addresses that its allow and deny lines admit; the most specific line wins.";
    UPSTREAM_NOT_SERVING "upstream-not-serving" Error
        "A client serves no time (`port 0`), so nobody can follow it.";
    SYNC_LOOP "sync-loop" Error
        "Servers that only follow each other, none with a source outside or a local clock, never agree on a time.";
    CONTRADICTING_EXTRA "contradicting-extra" Error
        "An extra line that the agent cannot read, or that overrides a key of the inventory.";
}
