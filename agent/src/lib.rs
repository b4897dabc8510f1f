//! The thinking half of the timefleet agent: no clock, no socket, no file and no randomness of its own.
//!
//! Everything here is stepped from outside: time and luck are arguments, what should happen comes back as data. The
//! binary beside this library owns every system call. The controller uses the same library for the configuration
//! dialect, the desired state and the report, so both ends of a conversation speak through one set of types.

#![forbid(unsafe_code)]

pub mod access;
pub mod association;
pub mod chronyc;
pub mod client_log;
pub mod clients;
pub mod config;
pub mod discipline;
pub mod engine;
mod estimator;
pub mod filter;
pub mod history;
pub mod host;
pub mod keys;
pub mod leap;
pub mod leap_list;
pub mod luck;
pub mod oscillator;
pub mod packet;
pub mod record;
pub mod reference;
pub mod regression;
pub mod report;
pub mod select;
pub mod server;
pub mod smoothing;
pub mod time;
