//! The monitoring protocol of chrony, version 6: how it looks on the wire, how it is answered, how it is asked.

pub mod answer;
mod arguments;
pub mod ask;
mod body;
pub mod clients;
pub mod desk;
mod field;
pub mod float;
mod open;
mod reply;
pub mod report;
mod request;
mod status;
pub mod survey;
pub mod wire;
