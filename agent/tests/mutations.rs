//! Valid input, changed at random in seeded ways, through everything that reads strangers' bytes: a short run of what the
//! fuzz targets do for hours (`agent/fuzz`). A failure names the seed; the same seed gives the same bytes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests are not recognised as ones"
)]

mod hostile;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hostile::dice::Dice;

/// The committed seeds of a fuzz target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let directory = format!("{}/fuzz/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{directory} is empty");
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

fn try_all(target: &str, rounds: u64, check: impl Fn(&[u8])) {
    let seeds = corpus(target);
    seeds.iter().for_each(|seed| check(seed));
    for seed in 0..rounds {
        let bytes = Dice(seed).mutate(&seeds);
        if catch_unwind(AssertUnwindSafe(|| check(&bytes))).is_err() {
            panic!("{target}, seed {seed}: {}", bytes.escape_ascii());
        }
    }
}

fn text(check: impl Fn(&str)) -> impl Fn(&[u8]) {
    move |bytes| check(&String::from_utf8_lossy(bytes))
}

#[test]
fn requests_for_the_time() {
    try_all("requests", 2_000, hostile::requests);
}

#[test]
fn replies_with_the_time() {
    try_all("replies", 1_000, hostile::replies);
}

#[test]
fn monitoring_requests() {
    try_all("commands", 2_000, hostile::commands);
}

#[test]
fn configurations() {
    try_all("configuration", 10_000, text(hostile::configuration));
}

#[test]
fn key_files() {
    try_all("key_file", 10_000, text(hostile::key_file));
}

#[test]
fn drift_files() {
    try_all("drift_file", 10_000, text(hostile::drift_file));
}

#[test]
fn leap_second_lists() {
    try_all("leap_list", 10_000, text(hostile::leap_list));
}

#[test]
fn leap_second_zones() {
    try_all("leap_zone", 10_000, hostile::leap_zone);
}
