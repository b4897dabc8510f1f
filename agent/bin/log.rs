//! The log: lines on standard error, or in a file. Under systemd they carry the priorities of sd-daemon(3), elsewhere the time.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use timefleet_agent::engine::Level;

use crate::args::LogLevel;

/// Where the program's words go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    lowest: LogLevel,
    journal: bool,
    /// Instead of standard error. One for the life of the program.
    file: Option<&'static Mutex<File>>,
}

impl Log {
    /// To standard error, without what is less important.
    pub(crate) fn new(lowest: LogLevel) -> Self {
        Self { lowest, journal: std::env::var_os("JOURNAL_STREAM").is_some(), file: None }
    }

    /// To a file from now on, at its end.
    pub(crate) fn to_file(self, path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Self { journal: false, file: Some(Box::leak(Box::new(Mutex::new(file)))), ..self })
    }

    pub(crate) fn debug(self, text: &str) {
        self.write(Level::Debug, text);
    }

    pub(crate) fn info(self, text: &str) {
        self.write(Level::Info, text);
    }

    pub(crate) fn warning(self, text: &str) {
        self.write(Level::Warning, text);
    }

    pub(crate) fn error(self, text: &str) {
        self.write(Level::Error, text);
    }

    /// The last words of the program.
    pub(crate) fn fatal(self, text: &str) {
        self.put(Level::Error, text);
    }

    /// One line, if it is important enough.
    pub(crate) fn write(self, level: Level, text: &str) {
        if LogLevel::from(level) >= self.lowest {
            self.put(level, text);
        }
    }

    fn put(self, level: Level, text: &str) {
        let line = if self.journal {
            format!("<{}>{text}\n", priority(level))
        } else {
            let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            format!("{} {}{text}\n", utc(unix), word(level))
        };
        // A log on a full disk must not stop the clock.
        let _ = match self.file.map(Mutex::lock) {
            Some(Ok(mut file)) => file.write_all(line.as_bytes()),
            Some(Err(_)) | None => io::stderr().lock().write_all(line.as_bytes()),
        };
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Information,
            Level::Warning => Self::Warning,
            Level::Error => Self::Error,
        }
    }
}

/// syslog(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warning => 4,
        Level::Info => 6,
        Level::Debug => 7,
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error: ",
        Level::Warning => "warning: ",
        Level::Info => "",
        Level::Debug => "debug: ",
    }
}

/// RFC 3339, whole seconds.
fn utc(unix: u64) -> String {
    let (mut days, second) = (unix / 86_400, unix % 86_400);
    let mut year = 1970;
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gets_what_is_important_enough() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.log");
        std::fs::write(&path, "of an earlier run\n").unwrap();
        let log = Log::new(LogLevel::Warning).to_file(&path).unwrap();
        log.info("no");
        log.debug("no");
        log.warning("first");
        log.error("second");
        Log::new(LogLevel::Fatal).to_file(&path).unwrap().error("no");
        let text = std::fs::read_to_string(&path).unwrap();
        let words: Vec<_> = text.lines().map(|line| line.split_once("Z ").map_or(line, |it| it.1)).collect();
        assert_eq!(words, ["of an earlier run", "warning: first", "error: second"]);
        assert!(Log::new(LogLevel::Debug).to_file(directory.path()).is_err());
    }

    #[test]
    fn dates_around_leap_days() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(utc(4_107_542_400), "2100-03-01T00:00:00Z");
    }
}
