//! The agent: the only place with system calls.

fn main() {}
