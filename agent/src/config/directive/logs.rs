//! What is written down besides the messages.

use std::fmt;

use super::files::directory;
use super::{Directive, unless_a_slip};
use crate::config::draft::Draft;
use crate::config::line::{Line, Wrong};
use crate::config::suggestion;
use crate::time::Seconds;

pub(super) const DIRECTIVES: &[Directive] = &[
    ("log", log),
    ("logdir", |draft, line| {
        draft.config.log_dir = Some(directory(line.need("a directory")?)?.into());
        Ok(())
    }),
    ("logbanner", |draft, line| {
        draft.config.log_banner = line.integer("logbanner", 0..=1_000_000_000)?;
        Ok(())
    }),
    ("logchange", |draft, line| {
        draft.config.log_change = Seconds(line.number("logchange", "seconds", 0.0..=1e9)?);
        Ok(())
    }),
];

/// `log`: which records are written to files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    /// Every reply.
    pub raw_measurements: bool,
    /// Replies of synchronised sources that pass the tests of RFC 5905.
    pub measurements: bool,
    /// What the samples of a source say together.
    pub statistics: bool,
    /// Updates of the clock.
    pub tracking: bool,
    /// What the selection made of each source.
    pub selection: bool,
}

const OPTIONS: [&str; 5] = ["rawmeasurements", "measurements", "statistics", "tracking", "selection"];

impl Logs {
    fn option(&mut self, name: &str) -> Option<&mut bool> {
        match name {
            "rawmeasurements" => Some(&mut self.raw_measurements),
            "measurements" => Some(&mut self.measurements),
            "statistics" => Some(&mut self.statistics),
            "tracking" => Some(&mut self.tracking),
            "selection" => Some(&mut self.selection),
            _ => None,
        }
    }

    /// True when anything is to be written.
    pub fn is_any(self) -> bool {
        self != Self::default()
    }
}

/// The options, each with a blank before it.
impl fmt::Display for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut wanted = *self;
        OPTIONS.iter().try_for_each(|name| match wanted.option(name) {
            Some(true) => write!(f, " {name}"),
            _ => Ok(()),
        })
    }
}

fn log(draft: &mut Draft, line: &mut Line<'_>) -> Result<(), Wrong> {
    while let Some(word) = line.next() {
        let name = word.lower();
        if let Some(wanted) = draft.config.logs.option(&name) {
            *wanted = true;
            continue;
        }
        let reason = match name.as_str() {
            "rtc" => "the real-time clock is not measured",
            "refclocks" => "there are no reference clocks",
            "tempcomp" => "there is no compensation by temperature",
            _ => {
                let hint = suggestion::hint(&name, OPTIONS);
                let text =
                    format!("unknown option '{}'{hint} ('log' takes {})", word.text, OPTIONS.join(", "));
                return Err(unless_a_slip(word.wrong(text), &hint));
            }
        };
        let text = format!("'log {name}' is not supported by the agent: {reason}");
        return Err(word.wrong(text).for_the_agent());
    }
    draft.log_at.get_or_insert((draft.place.clone(), line.directive.column));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::config::files::Elsewhere;
    use crate::config::{parse, read_lines};

    fn complaint(text: &str) -> String {
        parse("agent.conf", text).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_logged_adds_up_over_the_lines() {
        let config =
            parse("agent.conf", "log Tracking\nlog measurements statistics tracking\nlogdir /var/log/x")
                .unwrap();
        assert_eq!(config.to_string(), "log measurements statistics tracking\nlogdir /var/log/x\n");
        assert_eq!(parse("agent.conf", "log").unwrap(), parse("agent.conf", "").unwrap());
    }

    #[test]
    fn what_cannot_be_logged_is_refused_and_says_why() {
        assert_eq!(
            complaint("log tracking refclocks"),
            "agent.conf:1:14: 'log refclocks' is not supported by the agent: there are no reference clocks"
        );
        assert_eq!(
            complaint("log traking"),
            "agent.conf:1:5: unknown option 'traking'; did you mean 'tracking'? ('log' takes rawmeasurements, \
             measurements, statistics, tracking, selection)"
        );
        assert_eq!(
            complaint("logdir log"),
            "agent.conf:1:8: 'log' must be the path of a directory that begins with / or ~/"
        );
    }

    #[test]
    fn log_without_a_directory_is_a_note() {
        let notes = |text: &str| read_lines(&Elsewhere, "agent.conf", text.lines()).unwrap().notes;
        let note = notes("port 0\nlog tracking").iter().map(ToString::to_string).collect::<String>();
        assert_eq!(note, "agent.conf:2:1: nothing is logged to files without 'logdir'");
        assert_eq!(notes("log tracking\nlogdir /var/log/x"), []);
        assert_eq!(notes("logdir /var/log/x"), []);
    }
}
