//! The guest's clock, by system calls of our own.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

fn adjust(change: impl FnOnce(&mut libc::timex)) -> (libc::c_int, libc::timex) {
    // SAFETY: a plain C struct of numbers; all zeros is a valid value of each.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    change(&mut timex);
    // Whatever goes wrong: nothing here may ever reach the clock of a host.
    assert_eq!(std::process::id(), 1, "only a guest's first process may touch the clock");
    // SAFETY: timex is a valid struct for the length of the call.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    assert!(state >= 0, "adjtimex: {}", std::io::Error::last_os_error());
    (state, timex)
}

/// The correction in force, in ppm.
pub(crate) fn frequency() -> f64 {
    let (_, timex) = adjust(|_| {});
    (timex.tick - 10_000) as f64 * 100.0 + timex.freq as f64 / 65_536.0
}

pub(crate) fn set_frequency(ppm: f64) {
    adjust(|timex| {
        timex.modes = libc::ADJ_FREQUENCY | libc::ADJ_TICK;
        timex.tick = 10_000;
        timex.freq = (ppm * 65_536.0) as libc::c_long;
    });
}

/// Adds seconds to the clock.
pub(crate) fn step(by: f64) {
    let nanos = (by * 1e9) as i64;
    adjust(|timex| {
        timex.modes = libc::ADJ_SETOFFSET | libc::ADJ_NANO;
        timex.time.tv_sec = nanos.div_euclid(1_000_000_000);
        timex.time.tv_usec = nanos.rem_euclid(1_000_000_000);
    });
}

/// What the kernel says of itself.
pub(crate) struct Status {
    /// TIME_OK, TIME_INS, TIME_OOP and so on.
    pub(crate) state: libc::c_int,
    /// A leap second is ordered.
    pub(crate) is_leap_near: bool,
    /// STA_UNSYNC.
    pub(crate) is_unsynchronised: bool,
    /// TAI-UTC.
    pub(crate) tai: i32,
}

pub(crate) fn status() -> Status {
    let (state, timex) = adjust(|_| {});
    Status {
        state,
        is_leap_near: timex.status & (libc::STA_INS | libc::STA_DEL) != 0,
        is_unsynchronised: timex.status & libc::STA_UNSYNC != 0,
        tai: timex.tai,
    }
}

/// CLOCK_REALTIME minus CLOCK_MONOTONIC in seconds: steps change it, slewing and frequency do not.
pub(crate) fn steps() -> f64 {
    let read = |clock| Duration::from(clock_gettime(clock).unwrap()).as_nanos() as i64;
    // The narrowest of a few, since something may come between the two readings.
    let looks = (0..20).map(|_| {
        let before = read(ClockId::CLOCK_MONOTONIC);
        let wall = read(ClockId::CLOCK_REALTIME);
        let after = read(ClockId::CLOCK_MONOTONIC);
        (after - before, wall - before - (after - before) / 2)
    });
    looks.min().map(|(_, difference)| difference as f64 * 1e-9).unwrap()
}
