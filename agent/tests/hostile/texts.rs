//! Files: whoever may write them can write anything.

use timefleet_agent::config;
use timefleet_agent::engine::Drift;
use timefleet_agent::keys;
use timefleet_agent::leap_list::LeapList;
use timefleet_agent::time::Wall;

/// Read, written and read again it is the same; a complaint has a place in the text and a reason.
pub(crate) fn configuration(text: &str) {
    match config::parse("fuzz.conf", text) {
        Ok(config) => {
            let printed = config.to_string();
            let again = config::parse("fuzz.conf", &printed);
            assert_eq!(again.as_ref(), Ok(&config), "{printed}");
            assert_eq!(again.unwrap().to_string(), printed);
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                let lines = text.lines().count().max(1);
                assert!((1..=lines).contains(&error.line) && error.column >= 1, "{error}");
                assert!(!error.message.is_empty() && !error.message.contains('\n'), "{error}");
            }
        }
    }
}

/// Every key signs what it then verifies; a complaint has a place.
pub(crate) fn key_file(text: &str) {
    match keys::parse("fuzz.keys", text) {
        Ok(keys) => {
            for number in text.split_whitespace().filter_map(|word| word.parse().ok()) {
                let mut packet = [0x23; 128];
                let signed = keys.sign(number, 4, &mut packet, 48);
                assert_eq!(signed.is_some(), keys.get(number).is_some(), "{number}");
                assert!(signed.is_none_or(|length| (64..=112).contains(&length)), "{signed:?}");
            }
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                let lines = text.lines().count().max(1);
                assert!((1..=lines).contains(&error.line) && error.column >= 1, "{error}");
            }
        }
    }
}

/// What is believed are two plausible numbers, the same to six digits when they are written and read again.
pub(crate) fn drift_file(text: &str) {
    let Some(drift) = Drift::parse(text) else { return };
    assert!(drift.frequency.0.abs() <= 500_000.0 && (0.0..=1e6).contains(&drift.skew.0), "{drift:?}");
    let again = Drift::parse(&drift.to_line()).unwrap();
    assert!((again.frequency.0 - drift.frequency.0).abs() < 1e-6, "{drift:?} {again:?}");
    assert!((again.skew.0 - drift.skew.0).abs() < 1e-6, "{drift:?} {again:?}");
}

/// Lists as the IERS writes them.
pub(crate) fn leap_list(text: &str) {
    if let Ok(list) = LeapList::parse(text) {
        ask(&list);
    }
}

/// Compiled time zones.
pub(crate) fn leap_zone(bytes: &[u8]) {
    if let Ok(list) = LeapList::parse_zone(bytes) {
        ask(&list);
    }
}

fn ask(list: &LeapList) {
    for now in [i64::MIN, -1, 0, 63_072_000_000_000_000, 1_795_401_400_000_000_000, i64::MAX] {
        let now = Wall(now);
        let _ = (list.is_expired(now), list.leap_of_day(now), list.tai_offset(now));
    }
}
