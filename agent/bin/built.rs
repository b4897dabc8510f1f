//! When this program was built: the earliest time that a clock can rightly say.

use timefleet_agent::time::{Seconds, Wall};

/// 2026-01-01: no release is older. A constant, so that the same source gives the same bytes.
const RELEASED: i64 = 1_767_225_600;
/// 2010-01-01, where clock simulators begin.
const SIMULATED: i64 = 1_262_304_000;

/// `SOURCE_DATE_EPOCH` of the build, where that was set (reproducible-builds.org), else a date of the release.
const BUILT: Option<&str> = option_env!("SOURCE_DATE_EPOCH");

/// The earliest time that is believed.
pub(crate) fn built() -> Wall {
    earliest(BUILT, std::env::var_os("LD_PRELOAD").is_some())
}

/// What is preloaded may be a simulator, whose world is older than this program.
fn earliest(source_date: Option<&str>, is_preloaded: bool) -> Wall {
    let built = source_date.and_then(|text| text.trim().parse().ok()).unwrap_or(RELEASED);
    Wall(0) + Seconds(if is_preloaded { built.min(SIMULATED) } else { built } as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_says_when_it_was_or_else_the_release_does() {
        let unix = |source_date, is_preloaded| earliest(source_date, is_preloaded).parts().0;
        assert_eq!(unix(Some("1795600000"), false), 1_795_600_000);
        assert_eq!(unix(Some("yesterday"), false), RELEASED);
        assert_eq!(unix(None, false), RELEASED);
        assert_eq!(unix(Some("1795600000"), true), SIMULATED);
    }
}
