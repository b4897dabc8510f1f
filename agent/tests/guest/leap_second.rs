//! A leap second at new year, made by the kernel because the agent told it to.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use sha1::{Digest, Sha1};

use super::agent::{Agent, wait_for};
use super::init::{Guest, say};
use super::server::new_year;
use super::sntp::NTP_TO_UNIX;
use super::{clock, sntp};

const LIST: &str = "/etc/leap-seconds.list";

/// The server's leap bits say so; there is no list.
pub(crate) fn announced(guest: &Guest) {
    inserted(guest, "");
}

/// The server says nothing; the list says so, and what TAI is.
pub(crate) fn listed(guest: &Guest) {
    // The guest's own clock comes from the host: its new year is the story's.
    fs::write(LIST, list(new_year() + NTP_TO_UNIX)).unwrap();
    inserted(guest, &format!("leapseclist {LIST}"));
    let tai = clock::status().tai;
    assert_eq!(tai, 38, "TAI-UTC");
    say("TAI-UTC is 38 s");
}

fn inserted(guest: &Guest, line: &str) {
    clock::step(-sntp::ahead(&guest.server()));
    let agent = Agent::start(&[], &format!("{}\n{line}", guest.line()));
    wait_for(
        || format!("the leap second to be ordered; {:?}", Agent::tracking()),
        || clock::status().is_leap_near.then_some(()),
    );
    assert_eq!(Agent::tracking().map(|tracking| tracking.leap), Some(1));
    let before = clock::steps();
    // 23:59:60 in the kernel's words; after it the clock is a second back.
    wait_for(|| "23:59:60".to_owned(), || (clock::status().state == libc::TIME_OOP).then_some(()));
    let begin = Instant::now();
    wait_for(|| "the second's end".to_owned(), || (clock::status().state != libc::TIME_OOP).then_some(()));
    let lasted = begin.elapsed();
    assert!((0.6..1.6).contains(&lasted.as_secs_f64()), "{lasted:?}");
    let stepped = clock::steps() - before;
    say(&format!("23:59:60 lasted {:.2} s and set the clock by {stepped:+.6} s", lasted.as_secs_f64()));
    assert!((stepped + 1.0).abs() < 1e-3, "{stepped}");

    // The agent goes on as if nothing had happened.
    let quiet = Instant::now();
    while quiet.elapsed() < Duration::from_secs(10) {
        let ahead = sntp::ahead(&guest.server());
        assert!(ahead.abs() < 0.02, "{ahead} s ahead after the leap second");
        std::thread::sleep(Duration::from_millis(500));
    }
    let (stepped, status) = (clock::steps() - before, clock::status());
    assert!((stepped + 1.0).abs() < 1e-3, "stepped again: {stepped}");
    assert!(!status.is_leap_near, "the kernel would make another one tonight");
    let tracking = Agent::tracking().unwrap();
    assert_eq!((tracking.stratum, tracking.leap), (2, 0));
    say(&format!("10 s later the clock is {:+.6} s ahead", sntp::ahead(&guest.server())));
    agent.stop();
}

/// A list as the IERS writes it, with one leap second to come.
fn list(leap: u64) -> String {
    let lines = [("2272060800".to_owned(), 36), ("3692217600".to_owned(), 37), (leap.to_string(), 38)];
    let (updated, expires) = ((leap - 100 * 86_400).to_string(), (leap + 100 * 86_400).to_string());
    let mut text = format!("#$ {updated}\n#@ {expires}\n");
    let mut hash = Sha1::new();
    hash.update(&updated);
    hash.update(&expires);
    for (from, tai) in &lines {
        writeln!(text, "{from} {tai}").unwrap();
        hash.update(from);
        hash.update(tai.to_string());
    }
    let words: Vec<String> = hash
        .finalize()
        .chunks_exact(4)
        .map(|word| format!("{:08x}", u32::from_be_bytes(word.try_into().unwrap())))
        .collect();
    writeln!(text, "#h {}", words.join(" ")).unwrap();
    text
}
