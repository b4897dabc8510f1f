//! The monitoring protocol of chrony, version 6: how it looks on the wire, how it is answered, how it is asked.

// desk is wired in with wire.rs
pub mod wire;
