//! timefleet: what should be true of a fleet's clocks, and making it so over SSH.

mod agents;
mod cli;
mod conversation;
mod doctor;
mod inventory;
mod lab;
mod lint;
mod render;
mod report;
mod rollout;
mod ssh;

fn main() {}
