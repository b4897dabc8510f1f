//! `leapsecmode`, `leapseclist` and `leapsectz`.

use std::fmt;
use std::path::PathBuf;

use super::Directive;
use super::files::path;
use crate::config::line::{Line, Wrong};
use crate::config::{Config, suggestion};

pub(super) const DIRECTIVES: &[Directive] = &[
    ("leapsecmode", |draft, line| mode(&mut draft.config, line)),
    ("leapseclist", |draft, line| {
        let source = LeapSource::List(path(line)?);
        keep(&mut draft.config, line, source)
    }),
    ("leapsectz", |draft, line| {
        let source = zone(line)?;
        keep(&mut draft.config, line, source)
    }),
];

/// What is done when a leap second comes (`leapsecmode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeapMode {
    /// The kernel makes it.
    #[default]
    System,
    /// The clock is stepped by a second.
    Step,
    /// The clock is slewed by a second, beginning at the leap second; what is served to others is right at once.
    Slew,
    /// Nothing: the next measurements find the clock a second off.
    Ignore,
}

impl LeapMode {
    const ALL: [(&str, Self); 4] =
        [("system", Self::System), ("step", Self::Step), ("slew", Self::Slew), ("ignore", Self::Ignore)];
}

/// Where leap seconds are known from besides the sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeapSource {
    /// `leapseclist`: a file in the form of the list of the IERS.
    List(PathBuf),
    /// `leapsectz`: a time zone of the system with leap seconds, such as `right/UTC`.
    Zone(String),
}

impl fmt::Display for LeapMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(_, mode)| mode == self).map_or("system", |(word, _)| word);
        f.write_str(word)
    }
}

impl fmt::Display for LeapSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(path) => write!(f, "leapseclist {}", path.display()),
            Self::Zone(zone) => write!(f, "leapsectz {zone}"),
        }
    }
}

fn mode(config: &mut Config, line: &mut Line<'_>) -> Result<(), Wrong> {
    let word = line.need("'system', 'step', 'slew' or 'ignore'")?;
    let lower = word.lower();
    let known = LeapMode::ALL.iter().find(|(known, _)| *known == lower);
    config.leap_mode = known.map(|(_, mode)| *mode).ok_or_else(|| {
        let hint = suggestion::hint(&lower, LeapMode::ALL.map(|(known, _)| known));
        word.wrong(format!("unknown mode '{}'{hint} (there are system, step, slew, ignore)", word.text))
    })?;
    Ok(())
}

fn zone(line: &mut Line<'_>) -> Result<LeapSource, Wrong> {
    let word = line.need("a time zone with leap seconds, such as right/UTC")?;
    // It becomes part of a path below the system's zones.
    let stays_inside = !word.text.starts_with('/') && word.text.split('/').all(|part| part != "..");
    if stays_inside {
        Ok(LeapSource::Zone(word.text.to_owned()))
    } else {
        Err(word.wrong(format!("'{}' is not the name of a time zone", word.text)))
    }
}

fn keep(config: &mut Config, line: &Line<'_>, source: LeapSource) -> Result<(), Wrong> {
    if let Some(other) = config.leap_source.as_ref().filter(|other| **other != source) {
        let text = format!("'{other}' says already where leap seconds are known from; keep one of them");
        return Err(line.directive.wrong(text).for_the_agent());
    }
    config.leap_source = Some(source);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn complaint(text: &str) -> String {
        parse("agent.conf", text).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn modes_and_sources_are_read_and_written() {
        for text in [
            "leapsecmode step\n",
            "leapsecmode slew\nleapseclist /usr/share/zoneinfo/leap-seconds.list\n",
            "leapsecmode ignore\nleapsectz right/UTC\n",
        ] {
            assert_eq!(parse("agent.conf", text).unwrap().to_string(), text);
        }
        assert_eq!(parse("agent.conf", "leapsecmode System").unwrap(), Config::default());
    }

    #[test]
    fn what_is_wrong_is_refused_with_the_place() {
        assert_eq!(
            complaint("leapsecmode smear"),
            "agent.conf:1:13: unknown mode 'smear' (there are system, step, slew, ignore)"
        );
        assert_eq!(
            complaint("leapseclist list"),
            "agent.conf:1:13: 'list' must be the path of a file that begins with / or ~/"
        );
        assert_eq!(
            complaint("leapsectz ../../etc"),
            "agent.conf:1:11: '../../etc' is not the name of a time zone"
        );
        assert_eq!(
            complaint("leapsectz right/UTC\nleapseclist /leaps"),
            "agent.conf:2:1: 'leapsectz right/UTC' says already where leap seconds are known from; keep one of them"
        );
    }
}
