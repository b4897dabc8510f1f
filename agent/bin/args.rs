//! The command line, read by hand: the agent must stay small.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use timefleet_agent::config::Family;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
timefleet-agent keeps this machine's clock right and serves its time to others.

Usage:
  timefleet-agent [options]                 run with a configuration file
  timefleet-agent [options] 'directive'...  run with these lines instead of a file
  timefleet-agent host                      answer a timefleet controller (it starts this itself)

The configuration is chrony's: see chrony.conf(5). The program stays in the foreground and logs to
standard error. Ask it with chrony's own chronyc.

Options:
  -f FILE         read this configuration file (default: /etc/timefleet/agent.conf)
  -4              use IPv4 only: no other sockets, no other lookups
  -6              use IPv6 only
  -x              leave the clock alone; measure and serve as usual
  -q              measure, correct the clock once, print what it was off by, and exit;
                  serves nobody and writes no files meanwhile
  -t SECONDS      exit after this time, with 1 if the clock is not synchronised by then
                  (default with -q: 30)
  -d              log debug messages too
  --run-dir DIR   where running.json is written (default: /run/timefleet)
  --version       print the version
  -h, --help      print this

Examples:
  timefleet-agent -q 'server 172.16.11.141 iburst'    set the clock once, as ntpdate did
  timefleet-agent -x -q 'pool pool.ntp.org'           only look how far off it is
  timefleet-agent -4 -f /etc/timefleet/agent.conf     as the service runs

Signals: TERM and INT end it cleanly, HUP makes it read its configuration again.

Exit codes: 0 ended as it should; 1 it could not do its work, or the clock was not synchronised in
time; 2 the command line or the configuration is wrong.
";

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
    /// `-x`.
    pub(crate) leave_clock: bool,
    /// `-d`.
    pub(crate) debug: bool,
    /// `-q`.
    pub(crate) once: bool,
    /// `-t`.
    pub(crate) timeout: Option<Duration>,
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
            debug: false,
            once: false,
            timeout: None,
            run_dir: DEFAULT_RUN_DIR.into(),
        }
    }
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
    let mut options = Options::default();
    let mut file = None;
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "--help" => return Ok(Command::Help),
            "--version" => return Ok(Command::Version),
            "--run-dir" => {
                options.run_dir = value(None, &mut words, word, "a directory")?.into();
            }
            "--" => options.directives.extend(words.by_ref().map(str::to_owned)),
            _ if word.starts_with("--") || word == "-" => return Err(ArgsError::Unknown(word.to_owned())),
            _ => match word.strip_prefix('-') {
                None => options.directives.push(word.to_owned()),
                Some(flags) => {
                    if let Some(command) = short(&mut options, &mut file, flags, &mut words)? {
                        return Ok(command);
                    }
                }
            },
        }
    }
    if file.is_some() && !options.directives.is_empty() {
        return Err(ArgsError::FileAndDirectives);
    }
    options.file = file.unwrap_or(options.file);
    Ok(Command::Daemon(options))
}

/// One word of short options, as in `-4q`; the value of `-f` and `-t` may be glued to the letter.
fn short<'a>(
    options: &mut Options,
    file: &mut Option<PathBuf>,
    flags: &'a str,
    words: &mut impl Iterator<Item = &'a str>,
) -> Result<Option<Command>, ArgsError> {
    let mut letters = flags.chars();
    while let Some(letter) = letters.next() {
        let family = match letter {
            '4' => Family::V4,
            '6' => Family::V6,
            'x' => {
                options.leave_clock = true;
                continue;
            }
            'd' => {
                options.debug = true;
                continue;
            }
            'q' => {
                options.once = true;
                continue;
            }
            'h' => return Ok(Some(Command::Help)),
            'f' => {
                *file = Some(value(Some(letters.as_str()), words, "-f", "a file")?.into());
                return Ok(None);
            }
            't' => {
                options.timeout = Some(seconds(&value(Some(letters.as_str()), words, "-t", "seconds")?)?);
                return Ok(None);
            }
            _ => return Err(ArgsError::Unknown(format!("-{letter}"))),
        };
        if options.family.is_some_and(|other| other != family) {
            return Err(ArgsError::Families);
        }
        options.family = Some(family);
    }
    Ok(None)
}

fn value<'a>(
    glued: Option<&str>,
    words: &mut impl Iterator<Item = &'a str>,
    option: &str,
    what: &'static str,
) -> Result<String, ArgsError> {
    match glued {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => words
            .next()
            .map(str::to_owned)
            .ok_or_else(|| ArgsError::Missing { option: option.to_owned(), what }),
    }
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
