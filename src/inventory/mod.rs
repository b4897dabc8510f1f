//! YAML text to [`Inventory`]: every value remembers where it was written and which layer it came from.

pub(crate) mod host;
