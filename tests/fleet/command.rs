//! Commands that stories run, and what came of them.

use std::fmt;
use std::process::Command;
use std::time::{Duration, Instant};

/// What came of a command.
pub(crate) struct Ran {
    what: String,
    /// Exit status; `None` when a signal ended it.
    pub(crate) status: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Ran {
    /// Runs `command` to its end; `what` names it in complaints.
    pub(crate) fn of(what: impl Into<String>, command: &mut Command) -> Self {
        let what = what.into();
        let output = match command.stdin(std::process::Stdio::null()).output() {
            Ok(output) => output,
            Err(cause) => panic!("{what}: cannot be started: {cause}"),
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            what,
            status: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Ends the story unless the command ended with `status`.
    #[track_caller]
    pub(crate) fn ends(self, status: i32) -> Self {
        assert!(self.status == Some(status), "should have ended with {status}\n{self}");
        self
    }

    /// Standard output without the last line end, of a command that has to succeed.
    #[track_caller]
    pub(crate) fn line(self) -> String {
        self.ends(0).stdout.trim_end().to_owned()
    }

    /// Ends the story unless standard output holds `text`.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "should have printed {text:?}\n{self}");
        self
    }

    /// Ends the story if standard output or standard error holds `text`.
    #[track_caller]
    pub(crate) fn omits(self, text: &str) -> Self {
        let silent = !self.stdout.contains(text) && !self.stderr.contains(text);
        assert!(silent, "should not have printed {text:?}\n{self}");
        self
    }

    /// The first line of standard output or standard error that is about `host` and holds `word`.
    #[track_caller]
    pub(crate) fn line_about(&self, host: &str, word: &str) -> String {
        let about = |line: &&str| line.contains(host) && line.contains(word);
        let lines: Vec<&str> = self.stdout.lines().chain(self.stderr.lines()).filter(about).collect();
        assert!(!lines.is_empty(), "should have printed a line about {host} with {word:?}\n{self}");
        lines[0].to_owned()
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.map_or("a signal".to_owned(), |status| status.to_string());
        writeln!(f, "--- {} ended with {status}; its output:", self.what)?;
        write!(f, "{}--- its errors:\n{}---", self.stdout, self.stderr)
    }
}

/// Runs a command of this machine that has to succeed.
#[track_caller]
pub(crate) fn here(program: &str, arguments: &[&str]) -> String {
    Ran::of(format!("{program} {}", arguments.join(" ")), Command::new(program).args(arguments)).line()
}

/// Asks again until there is an answer; ends the story when there is none in time. `Err` tells how it still is.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(state) if start.elapsed() > limit => panic!("{what}: not within {limit:?}\n{state}"),
            // Only a breath between two questions; what is waited for is the answer.
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}
