//! The clock is wrong in every way, and the agent mends it.

use std::fs;
use std::time::{Duration, Instant};

use super::agent::{Agent, DRIFT_FILE, wait_for};
use super::init::{Guest, HOST, say};
use super::{clock, sntp};

/// The noise of an emulated network on a busy machine.
const CLOSE: f64 = 0.01;

pub(crate) fn told(guest: &Guest) {
    let learned = stepped_and_learned(guest);
    kept_over_a_restart(learned);
    slewed(guest, learned);
}

/// 20 s ahead and 200 ppm too fast: one step, and a frequency that holds without the agent.
fn stepped_and_learned(guest: &Guest) -> f64 {
    clock::set_frequency(200.0);
    clock::step(20.0 - sntp::ahead(&guest.server()));
    let (before, wrong) = (clock::steps(), sntp::ahead(&guest.server()));
    assert!((wrong - 20.0).abs() < CLOSE, "{wrong}");
    let begin = Instant::now();
    let agent = Agent::start(&[], &format!("{}\nmakestep 1 3", guest.line()));
    wait_for(
        || format!("the step; {} s ahead", sntp::ahead(&guest.server())),
        || (sntp::ahead(&guest.server()).abs() < CLOSE).then_some(()),
    );
    let stepped = clock::steps() - before;
    let left = sntp::ahead(&guest.server());
    say(&format!(
        "20 s ahead: stepped by {stepped:+.6} s, {left:+.6} s ahead after {:.1} s",
        begin.elapsed().as_secs_f64()
    ));
    assert!((stepped + 20.0).abs() < 0.1, "{stepped}");

    let sure = wait_for(
        || format!("the frequency; {:?}", Agent::tracking()),
        || Agent::tracking().filter(|tracking| tracking.skew.0 < 10.0 && tracking.correction.0.abs() < 1e-3),
    );
    say(&format!(
        "after {:.0} s: frequency {:+.3} ppm, skew {:.3} ppm, system time {:+.6} s off",
        begin.elapsed().as_secs_f64(),
        sure.frequency.0,
        sure.skew.0,
        sure.correction.0
    ));
    assert!(!clock::status().is_unsynchronised, "rtcsync");
    let stepped = clock::steps() - before;
    assert!((stepped + 20.0).abs() < 0.1, "a second step: {stepped}");
    agent.stop();

    let learned = clock::frequency();
    let drift: f64 =
        fs::read_to_string(DRIFT_FILE).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    assert!((learned + drift).abs() < 0.01, "left running at {learned} ppm, the drift file says {drift}");
    let (begin, from) = (Instant::now(), sntp::ahead(&guest.server()));
    std::thread::sleep(Duration::from_secs(12));
    let rate = (sntp::ahead(&guest.server()) - from) / begin.elapsed().as_secs_f64() * 1e6;
    say(&format!(
        "without the agent: corrected by {learned:+.3} ppm, gains {rate:+.2} ppm (200 at the start)"
    ));
    assert!(rate.abs() < 40.0, "{rate}");
    learned
}

/// What the drift file says is in force at once, though no server answers; and it stays.
fn kept_over_a_restart(learned: f64) {
    clock::set_frequency(200.0);
    let agent = Agent::start(&[], &format!("server {HOST} port 9 iburst minpoll 0 maxpoll 0"));
    let begin = Instant::now();
    wait_for(
        || format!("{learned} ppm again; {} ppm", clock::frequency()),
        || ((clock::frequency() - learned).abs() < 0.01).then_some(()),
    );
    say(&format!(
        "restarted without a server: {:+.3} ppm after {:.1} s",
        clock::frequency(),
        begin.elapsed().as_secs_f64()
    ));
    agent.stop();
    assert!((clock::frequency() - learned).abs() < 0.01, "{} ppm", clock::frequency());
}

/// Without `makestep` 0.2 s go by slewing; the frequency at the end is the old one.
fn slewed(guest: &Guest, learned: f64) {
    clock::step(0.2 - sntp::ahead(&guest.server()));
    let (before, begin) = (clock::steps(), Instant::now());
    let agent = Agent::start(&[], &guest.line());
    wait_for(
        || format!("the slew; {} s ahead", sntp::ahead(&guest.server())),
        || (sntp::ahead(&guest.server()).abs() < CLOSE / 2.0).then_some(()),
    );
    let (stepped, left) = (clock::steps() - before, sntp::ahead(&guest.server()));
    say(&format!(
        "0.2 s ahead: slewed to {left:+.6} s in {:.1} s, stepped by {stepped:+.6} s",
        begin.elapsed().as_secs_f64()
    ));
    assert!(stepped.abs() < 1e-3, "{stepped}");
    agent.stop();
    let frequency = clock::frequency();
    say(&format!("left alone: corrected by {frequency:+.3} ppm"));
    assert!((frequency - learned).abs() < 100.0, "still slewing: {frequency} ppm");
}
