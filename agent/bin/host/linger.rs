//! Before the report of an apply: waiting for the controller's word that the rest of the fleet has had its turn.

use std::io;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A controller that neither speaks nor hangs up is not waited for any longer: one hour in milliseconds.
const PATIENCE: i32 = 3_600_000;

/// Returns when the controller said something or hung up. What it said is not read: the only thing it can mean is
/// "go on", and nothing comes after it.
pub(crate) fn until_told() {
    let stdin = io::stdin();
    let mut waits = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::NONE);
    while poll(&mut waits, timeout) == Err(Errno::EINTR) {}
}
