//! The command line, read by hand: the agent must stay small.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use timefleet_agent::config::Family;

const DEFAULT_FILE: &str = "/etc/timefleet/agent.conf";
const DEFAULT_RUN_DIR: &str = "/run/timefleet";

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// `--help`.
    Help,
    /// `--version`.
    Version,
    /// The far end of the controller's conversation.
    Host {
        /// Delete the executable and its directory at once.
        ephemeral: bool,
    },
    /// One name lookup in a process of its own.
    Resolve {
        /// What to look up.
        name: String,
        /// Only this family.
        family: Option<Family>,
    },
    /// The daemon.
    Daemon(Options),
}

/// How the daemon is run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// `-4`, `-6`.
    pub(crate) family: Option<Family>,
    /// `-f`.
    pub(crate) file: PathBuf,
    /// Lines to read instead of the file.
    pub(crate) directives: Vec<String>,
    /// `-x`, `-Q`.
    pub(crate) leave_clock: bool,
    /// `-q`, `-Q`.
    pub(crate) once: bool,
    /// `-t`.
    pub(crate) timeout: Option<Duration>,
    /// `-p`.
    pub(crate) print: bool,
    /// `-R`.
    pub(crate) restart: bool,
    /// `-r`.
    pub(crate) reload_dumps: bool,
    /// `-s`.
    pub(crate) restore_time: bool,
    /// `-l`.
    pub(crate) log_file: Option<PathBuf>,
    /// `-L`, `-dd`: nothing below this is logged.
    pub(crate) log_level: LogLevel,
    /// `-u`.
    pub(crate) user: Option<String>,
    /// `-U`, `-Q`.
    pub(crate) any_user: bool,
    /// `-m`.
    pub(crate) lock_memory: bool,
    /// `-P`.
    pub(crate) priority: Option<u8>,
    /// `-F`.
    pub(crate) filter: i8,
    /// `--run-dir`.
    pub(crate) run_dir: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            family: None,
            file: DEFAULT_FILE.into(),
            directives: Vec::new(),
            leave_clock: false,
            once: false,
            timeout: None,
            print: false,
            restart: false,
            reload_dumps: false,
            restore_time: false,
            log_file: None,
            log_level: LogLevel::Information,
            user: None,
            any_user: false,
            lock_memory: false,
            priority: None,
            filter: 0,
            run_dir: DEFAULT_RUN_DIR.into(),
        }
    }
}

/// The lowest severity that is logged (chronyd's `-L`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogLevel {
    Debug,
    Information,
    Warning,
    Error,
    Fatal,
}

/// What is wrong with a command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArgsError {
    #[error("the argument '{0}' is not UTF-8 text")]
    NotText(String),
    #[error("unknown option '{0}'")]
    Unknown(String),
    #[error("option '{option}' needs {what} after it")]
    Missing { option: String, what: &'static str },
    #[error("'-t {0}' is not a number of seconds above 0 and below a thousand million")]
    Timeout(String),
    #[error(
        "'-L {0}' is not a level: 0 information, 1 warnings, 2 errors, 3 what ends it, -1 debug messages too"
    )]
    Level(String),
    #[error("'-P {0}' is not a priority from 0 to 99")]
    Priority(String),
    #[error(
        "'-F {0}' is not a level of filtering system calls: 0 none, 1 or -1 all but those needed, 2 or -2 the harmful"
    )]
    Filter(String),
    #[error("-4 and -6 exclude each other; leave both out to use both families")]
    Families,
    #[error("directives on the command line replace the file; leave out '-f' or the directives")]
    FileAndDirectives,
    #[error("'{0}' is not understood: 'host' takes --ephemeral or nothing")]
    Host(String),
    #[error("'resolve' takes a name and then 4, 6 or nothing")]
    Resolve,
}

/// Reads the arguments behind the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, ArgsError> {
    let words = args
        .into_iter()
        .map(|arg| arg.into_string().map_err(|arg| ArgsError::NotText(arg.to_string_lossy().into_owned())))
        .collect::<Result<Vec<_>, _>>()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["host"] => Ok(Command::Host { ephemeral: false }),
        ["host", "--ephemeral"] => Ok(Command::Host { ephemeral: true }),
        ["host", rest @ ..] => Err(ArgsError::Host(rest.join(" "))),
        ["resolve", name] => Ok(Command::Resolve { name: (*name).to_owned(), family: None }),
        ["resolve", name, "4"] => Ok(Command::Resolve { name: (*name).to_owned(), family: Some(Family::V4) }),
        ["resolve", name, "6"] => Ok(Command::Resolve { name: (*name).to_owned(), family: Some(Family::V6) }),
        ["resolve", ..] => Err(ArgsError::Resolve),
        words => daemon(words),
    }
}

fn daemon(words: &[&str]) -> Result<Command, ArgsError> {
    let mut reading = Reading::default();
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "--help" => return Ok(Command::Help),
            "--version" => return Ok(Command::Version),
            "--run-dir" => {
                reading.options.run_dir = value("", &mut words, word, "a directory")?.into();
            }
            "--" => reading.options.directives.extend(words.by_ref().map(str::to_owned)),
            _ if word.starts_with("--") || word == "-" => return Err(ArgsError::Unknown(word.to_owned())),
            _ => match word.strip_prefix('-') {
                None => reading.options.directives.push(word.to_owned()),
                Some(flags) => {
                    if let Some(command) = reading.flags(flags, &mut words)? {
                        return Ok(command);
                    }
                }
            },
        }
    }
    let Reading { mut options, file, debugs } = reading;
    if file.is_some() && !options.directives.is_empty() {
        return Err(ArgsError::FileAndDirectives);
    }
    options.file = file.unwrap_or(options.file);
    if debugs > 1 {
        options.log_level = LogLevel::Debug;
    }
    Ok(Command::Daemon(options))
}

/// Options while they are being read.
#[derive(Default)]
struct Reading {
    options: Options,
    file: Option<PathBuf>,
    /// How often `-d` was given.
    debugs: usize,
}

impl Reading {
    /// One word of short options, as in `-4q`; a value may be glued to its letter.
    fn flags<'a>(
        &mut self,
        flags: &'a str,
        words: &mut impl Iterator<Item = &'a str>,
    ) -> Result<Option<Command>, ArgsError> {
        let mut letters = flags.chars();
        while let Some(letter) = letters.next() {
            match letter {
                'h' => return Ok(Some(Command::Help)),
                'v' => return Ok(Some(Command::Version)),
                '4' => self.family(Family::V4)?,
                '6' => self.family(Family::V6)?,
                _ if self.flag(letter) => {}
                _ => {
                    self.valued(letter, letters.as_str(), words)?;
                    break;
                }
            }
        }
        Ok(None)
    }

    fn family(&mut self, family: Family) -> Result<(), ArgsError> {
        if self.options.family.is_some_and(|other| other != family) {
            return Err(ArgsError::Families);
        }
        self.options.family = Some(family);
        Ok(())
    }

    /// A letter without a value; false = it is none.
    fn flag(&mut self, letter: char) -> bool {
        let options = &mut self.options;
        match letter {
            // Staying in the foreground, and with -d the messages too, is all that there is.
            'n' => {}
            'd' => self.debugs += 1,
            'x' => options.leave_clock = true,
            'q' => options.once = true,
            'Q' => (options.once, options.leave_clock, options.any_user) = (true, true, true),
            'p' => options.print = true,
            'R' => options.restart = true,
            'r' => options.reload_dumps = true,
            's' => options.restore_time = true,
            'U' => options.any_user = true,
            'm' => options.lock_memory = true,
            _ => return false,
        }
        true
    }

    /// A letter with a value: the rest of the word or the next one.
    fn valued<'a>(
        &mut self,
        letter: char,
        rest: &'a str,
        words: &mut impl Iterator<Item = &'a str>,
    ) -> Result<(), ArgsError> {
        let what = match letter {
            'f' | 'l' => "a file",
            't' => "seconds",
            'L' => "a level",
            'u' => "a user",
            'P' => "a priority",
            'F' => "a level",
            _ => return Err(ArgsError::Unknown(format!("-{letter}"))),
        };
        let value = value(rest, words, &format!("-{letter}"), what)?;
        let options = &mut self.options;
        match letter {
            'f' => self.file = Some(value.into()),
            'l' => options.log_file = Some(value.into()),
            't' => options.timeout = Some(seconds(value)?),
            'L' => options.log_level = level(value)?,
            'u' => options.user = Some(value.to_owned()),
            'F' => options.filter = filter(value)?,
            _ => options.priority = Some(priority(value)?),
        }
        Ok(())
    }
}

fn value<'a>(
    glued: &'a str,
    words: &mut impl Iterator<Item = &'a str>,
    option: &str,
    what: &'static str,
) -> Result<&'a str, ArgsError> {
    if !glued.is_empty() {
        return Ok(glued);
    }
    words.next().ok_or_else(|| ArgsError::Missing { option: option.to_owned(), what })
}

fn level(text: &str) -> Result<LogLevel, ArgsError> {
    match text {
        "-1" => Ok(LogLevel::Debug),
        "0" => Ok(LogLevel::Information),
        "1" => Ok(LogLevel::Warning),
        "2" => Ok(LogLevel::Error),
        "3" => Ok(LogLevel::Fatal),
        _ => Err(ArgsError::Level(text.to_owned())),
    }
}

fn priority(text: &str) -> Result<u8, ArgsError> {
    text.parse().ok().filter(|priority| *priority <= 99).ok_or_else(|| ArgsError::Priority(text.to_owned()))
}

fn filter(text: &str) -> Result<i8, ArgsError> {
    text.parse()
        .ok()
        .filter(|level| (-2..=2).contains(level))
        .ok_or_else(|| ArgsError::Filter(text.to_owned()))
}

fn seconds(text: &str) -> Result<Duration, ArgsError> {
    text.parse()
        .ok()
        .filter(|seconds| *seconds > 0.0 && *seconds < 1e9)
        .map(Duration::from_secs_f64)
        .ok_or_else(|| ArgsError::Timeout(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Command, ArgsError> {
        parse(words.iter().map(OsString::from))
    }

    #[test]
    fn the_notebooks_two_one_shot_commands() {
        let expected = Options {
            directives: vec!["server 172.16.11.141 iburst".to_owned()],
            once: true,
            ..Options::default()
        };
        assert_eq!(read(&["-q", "server 172.16.11.141 iburst"]), Ok(Command::Daemon(expected)));

        let expected = Options {
            family: Some(Family::V4),
            timeout: Some(Duration::from_secs(10)),
            once: true,
            file: "/etc/chrony.conf".into(),
            ..Options::default()
        };
        for words in
            [&["-4", "-t", "10", "-q", "-f", "/etc/chrony.conf"][..], &["-4qt10", "-f/etc/chrony.conf"]]
        {
            assert_eq!(read(words), Ok(Command::Daemon(expected.clone())), "{words:?}");
        }
    }

    #[test]
    fn flags_of_a_chronyd() {
        let Ok(Command::Daemon(options)) = read(&[
            "-ndU",
            "-rR",
            "-s",
            "-m",
            "-P",
            "10",
            "-L1",
            "-l/var/log/x.log",
            "-u",
            "_chrony",
            "-F-1",
        ]) else {
            panic!("refused")
        };
        let expected = Options {
            any_user: true,
            reload_dumps: true,
            restart: true,
            restore_time: true,
            lock_memory: true,
            priority: Some(10),
            log_level: LogLevel::Warning,
            log_file: Some("/var/log/x.log".into()),
            user: Some("_chrony".to_owned()),
            filter: -1,
            ..Options::default()
        };
        assert_eq!(options, expected);

        let level = |words: &[&str]| match read(words) {
            Ok(Command::Daemon(options)) => options.log_level,
            other => panic!("{other:?}"),
        };
        assert_eq!(level(&["-d"]), LogLevel::Information);
        assert_eq!(level(&["-dd"]), LogLevel::Debug);
        assert_eq!(level(&["-L", "-1"]), LogLevel::Debug);

        let look = Options { once: true, leave_clock: true, any_user: true, ..Options::default() };
        assert_eq!(read(&["-Q"]), Ok(Command::Daemon(look)));
        let print = Options { print: true, file: "/x".into(), ..Options::default() };
        assert_eq!(read(&["-pf/x"]), Ok(Command::Daemon(print)));
    }

    #[test]
    fn no_arguments_run_the_service() {
        assert_eq!(read(&[]), Ok(Command::Daemon(Options::default())));
    }

    #[test]
    fn other_commands() {
        assert_eq!(read(&["host"]), Ok(Command::Host { ephemeral: false }));
        assert_eq!(read(&["host", "--ephemeral"]), Ok(Command::Host { ephemeral: true }));
        assert_eq!(
            read(&["resolve", "ntp.example", "6"]),
            Ok(Command::Resolve { name: "ntp.example".to_owned(), family: Some(Family::V6) })
        );
        assert_eq!(read(&["-x", "--version"]), Ok(Command::Version));
        assert_eq!(read(&["-nv"]), Ok(Command::Version));
        assert_eq!(read(&["-xh"]), Ok(Command::Help));
    }

    #[test]
    fn wrong_command_lines_say_why() {
        for (words, expected) in [
            (&["-z"][..], "unknown option '-z'"),
            (&["--quick"], "unknown option '--quick'"),
            (&["-"], "unknown option '-'"),
            (&["-f"], "option '-f' needs a file after it"),
            (&["-t", "0"], "'-t 0' is not a number of seconds above 0 and below a thousand million"),
            (&["-t", "soon"], "'-t soon' is not a number of seconds above 0 and below a thousand million"),
            (
                &["-L", "4"],
                "'-L 4' is not a level: 0 information, 1 warnings, 2 errors, 3 what ends it, -1 debug messages too",
            ),
            (&["-P100"], "'-P 100' is not a priority from 0 to 99"),
            (
                &["-F", "3"],
                "'-F 3' is not a level of filtering system calls: 0 none, 1 or -1 all but those needed, 2 or -2 the harmful",
            ),
            (&["-u"], "option '-u' needs a user after it"),
            (&["-46"], "-4 and -6 exclude each other; leave both out to use both families"),
            (
                &["-f", "/x", "port 0"],
                "directives on the command line replace the file; leave out '-f' or the directives",
            ),
            (&["host", "now"], "'now' is not understood: 'host' takes --ephemeral or nothing"),
            (&["resolve"], "'resolve' takes a name and then 4, 6 or nothing"),
        ] {
            assert_eq!(read(words).expect_err("refused").to_string(), expected, "{words:?}");
        }
    }
}
