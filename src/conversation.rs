//! One host, one SSH connection, one channel: bootstrap, request, events, outcome.

mod bootstrap;
mod error;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::time::Duration;

use timefleet_agent::host::message::{Event, GO_ON, Outcome, Request};

use crate::agents::{AgentBinary, Agents};
use crate::curtain::Curtain;
use crate::ssh::{Channel, Exit, Session, SshError, Target};
use bootstrap::{Answer, COMMAND, COMMAND_WITH_SUDO, Greeting, Place, SCRIPT};
pub(crate) use error::ConversationError;

/// A line of the bootstrap script, or of a login's start-up files.
const MAX_WORDS: usize = 64 * 1024;
/// An event: the report of a server that remembers many clients is a few megabytes.
const MAX_EVENT: usize = 32 * 1024 * 1024;
/// How long the script may take for a line: sudo may ask a directory service, a login's start-up files may be slow.
const SCRIPT_PATIENCE: Duration = Duration::from_secs(30);
/// Lines that a login's start-up files may print before the greeting.
const MAX_NOISE: usize = 200;

/// Where agents come from.
pub(crate) trait AgentSource: Sync {
    /// The agent for a machine whose `uname -m` is this.
    fn for_arch(&self, uname_m: &str) -> Option<&AgentBinary>;
    /// `uname -m` of every machine that there is an agent for.
    fn arches(&self) -> Vec<String>;
}

impl AgentSource for Agents {
    fn for_arch(&self, uname_m: &str) -> Option<&AgentBinary> {
        Agents::for_arch(self, uname_m)
    }

    fn arches(&self) -> Vec<String> {
        self.known().map(|agent| agent.arch.clone()).collect()
    }
}

/// How a conversation went that came to its end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Conversation {
    /// How it ended on the host's side.
    pub(crate) outcome: Outcome,
    /// Bytes of the agent that were sent; `None` = it was there already.
    pub(crate) uploaded: Option<u64>,
    /// SSH connections to the host.
    pub(crate) connections: u32,
    /// Channels on them.
    pub(crate) channels: u32,
}

/// What a conversation is about to do, or has heard.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is handed on at once")]
pub(crate) enum Progress {
    /// Connecting and logging in.
    Connecting,
    /// Logged in; the bootstrap script runs.
    LoggedIn,
    /// The agent is not there yet and is sent.
    Uploading,
    /// The agent says something; never the last event, which is the conversation's outcome.
    Event(Event),
}

/// Leads the conversation with one host to its end, within `deadline` for all of it but the time that it lingers behind
/// the curtain. Whatever happens, the session is closed afterwards, and the host cleans up behind a conversation that
/// broke.
///
/// # Errors
/// [`ConversationError`]. A step that failed on the host is no error but an [`Outcome::Failed`].
pub(crate) async fn converse(
    target: &Target,
    agents: &dyn AgentSource,
    request: Request,
    deadline: Duration,
    curtain: Curtain,
    watch: impl FnMut(Progress) + Send,
) -> Result<Conversation, ConversationError> {
    let mut step = "connect";
    let patience = curtain.patience();
    let talk = Talk { target, agents, request, curtain, watch, step: &mut step };
    match patience.limit(deadline, talk.lead()).await {
        Some(Ok(conversation)) => Ok(conversation),
        // An error that SSH itself cannot place happened in the step that was under way.
        Some(Err(ConversationError::Ssh { source, .. })) => {
            let step = if step == "connect" { source.step() } else { step };
            Err(ConversationError::Ssh { step, source })
        }
        Some(Err(error)) => Err(error),
        None => Err(ConversationError::Deadline { step, after: deadline }),
    }
}

impl From<SshError> for ConversationError {
    fn from(source: SshError) -> Self {
        Self::Ssh { step: source.step(), source: Box::new(source) }
    }
}

/// A conversation under way.
struct Talk<'a, W> {
    target: &'a Target,
    agents: &'a dyn AgentSource,
    request: Request,
    curtain: Curtain,
    watch: W,
    step: &'a mut &'static str,
}

impl<'a, W: FnMut(Progress) + Send> Talk<'a, W> {
    async fn lead(mut self) -> Result<Conversation, ConversationError> {
        (self.watch)(Progress::Connecting);
        let mut session = Session::open(self.target).await?;
        (self.watch)(Progress::LoggedIn);
        *self.step = "bootstrap";
        let mut channel =
            session.exec(if self.target.r#become { COMMAND_WITH_SUDO } else { COMMAND }).await?;
        let uploaded = self.bootstrap(&mut channel).await?;
        *self.step = "agent";
        let outcome = self.listen(&mut channel).await?;
        let (connections, channels) = (session.connections(), session.channels());
        session.close().await;
        Ok(Conversation { outcome, uploaded, connections, channels })
    }

    /// Brings the agent to life on the host; says how many bytes that took.
    async fn bootstrap(&mut self, channel: &mut Channel) -> Result<Option<u64>, ConversationError> {
        let place = Place::of(&self.request);
        if place.directory.chars().any(char::is_control) {
            return Err(ConversationError::Directory { directory: place.directory.to_owned() });
        }
        let greeting = in_time(self.greet(channel)).await?;
        let agent = self.choose(&greeting)?;
        channel.send(place.ask(&agent.sha256).into_bytes()).await?;
        match in_time(self.answer(channel)).await? {
            Answer::Present => Ok(None),
            Answer::Absent => {
                *self.step = "upload";
                (self.watch)(Progress::Uploading);
                let size = agent.bytes.len();
                let mut upload = format!("upload {size}\n").into_bytes();
                upload.extend_from_slice(&agent.bytes);
                // When the script takes no more, its answer says why.
                channel.send(upload).await?;
                match self.answer(channel).await? {
                    Answer::Uploaded => Ok(Some(size as u64)),
                    other => Err(out_of_turn(&other)),
                }
            }
            other => Err(out_of_turn(&other)),
        }
    }

    /// Sends the script and waits for its greeting.
    async fn greet(&self, channel: &mut Channel) -> Result<Greeting, ConversationError> {
        let mut last = String::new();
        // A login that is not let through ends without reading; its words follow.
        channel.send(format!("{SCRIPT}\n").into_bytes()).await?;
        for _ in 0..MAX_NOISE {
            match channel.line(MAX_WORDS).await? {
                Some(line) => match (Greeting::read(&line), Answer::read(&line)) {
                    (Some(greeting), _) => return Ok(greeting),
                    (None, Some(Answer::Error { word, text })) => return Err(self.refused(&word, text)),
                    (None, _) => last = line,
                },
                None => {
                    let exit = channel.finish().await?;
                    let stderr = channel.stderr();
                    return Err(self.no_greeting(exit.as_ref(), &stderr, last));
                }
            }
        }
        Err(ConversationError::NoGreeting { words: last })
    }

    /// sudo and the shell speak on standard error; an account that is switched off on standard output.
    fn no_greeting(&self, exit: Option<&Exit>, stderr: &str, last: String) -> ConversationError {
        let user = self.target.hop.user.clone();
        let words = last_line(stderr).map_or(last, str::to_owned);
        let says = |part: &str| stderr.contains(part);
        if self.target.r#become && says("sudo") {
            if exit == Some(&Exit::Status(127)) {
                return ConversationError::SudoMissing;
            }
            if says("password is required") || says("terminal is required") {
                return ConversationError::SudoPassword { user };
            }
            return ConversationError::SudoRefused { user, words };
        }
        let words = match (words.as_str(), exit) {
            ("", Some(exit)) => format!("it ended {}", ended(exit)),
            ("", None) => "it said nothing".to_owned(),
            _ => words,
        };
        ConversationError::NoGreeting { words }
    }

    fn choose(&self, greeting: &Greeting) -> Result<&'a AgentBinary, ConversationError> {
        let agents: &'a dyn AgentSource = self.agents;
        let agent = agents.for_arch(&greeting.arch).filter(|_| greeting.system == "Linux");
        agent.ok_or_else(|| ConversationError::NoAgent {
            system: greeting.system.clone(),
            arch: greeting.arch.clone(),
            known: self.agents.arches(),
        })
    }

    /// The script's next answer; its errors become ours.
    async fn answer(&self, channel: &mut Channel) -> Result<Answer, ConversationError> {
        while let Some(line) = channel.line(MAX_WORDS).await? {
            match Answer::read(&line) {
                Some(Answer::Error { word, text }) => return Err(self.refused(&word, text)),
                Some(answer) => return Ok(answer),
                None => tracing::debug!("{}: {line}", self.target.name),
            }
        }
        let exit = channel.finish().await?;
        let how = exit.as_ref().map_or_else(|| "without a status".to_owned(), ended);
        let words = last_line(&channel.stderr()).unwrap_or_default().to_owned();
        Err(ConversationError::AgentEnded { how, words })
    }

    fn refused(&self, word: &str, words: String) -> ConversationError {
        let place = match Place::of(&self.request).directory {
            "" => "a temporary directory".to_owned(),
            directory => directory.to_owned(),
        };
        let full = ["No space left", "quota exceeded"].iter().any(|part| words.contains(part));
        match word {
            "no-tool" => ConversationError::NoTool { tool: words },
            "no-place" => {
                ConversationError::NoExec { place: "none of /run, /tmp, /var/tmp and the home".to_owned() }
            }
            "noexec" => ConversationError::NoExec { place },
            "unfit" => ConversationError::Unfit { words },
            _ if full => ConversationError::DiskFull { place },
            "directory" | "write" => ConversationError::NotWritable { place, words },
            "damaged" => {
                let words = format!("it arrived damaged ({words} bytes of it are there)");
                ConversationError::Upload { place, words }
            }
            // busybox calls a full disk an I/O error.
            "store" => ConversationError::Upload { place, words: format!("{words} (is the disk full?)") },
            _ => ConversationError::Upload { place, words: format!("{word} {words}") },
        }
    }

    /// Sends the request and hears the agent out.
    async fn listen(&mut self, channel: &mut Channel) -> Result<Outcome, ConversationError> {
        let garbled = |line: &str| ConversationError::Garbled { line: line.chars().take(120).collect() };
        let mut request =
            serde_json::to_string(&self.request).map_err(|error| garbled(&error.to_string()))?.into_bytes();
        request.push(b'\n');
        // An agent that ends without reading has its reasons on standard error.
        channel.send(request).await?;
        let mut outcome = None;
        while let Some(line) = channel.line(MAX_EVENT).await? {
            match serde_json::from_str(&line).map_err(|_| garbled(&line))? {
                _ if outcome.is_some() => return Err(garbled(&line)),
                Event::Finished { outcome: last } => outcome = Some(last),
                Event::Settled => {
                    (self.watch)(Progress::Event(Event::Settled));
                    self.curtain.raised().await;
                    channel.send(GO_ON.to_vec()).await?;
                }
                event => (self.watch)(Progress::Event(event)),
            }
        }
        let exit = channel.finish().await?;
        match (outcome, exit) {
            (Some(outcome), Some(Exit::Status(0))) => Ok(outcome),
            (_, exit) => {
                let how = exit.as_ref().map_or_else(|| "without a status".to_owned(), ended);
                let words = last_line(&channel.stderr()).unwrap_or_default().to_owned();
                Err(ConversationError::AgentEnded { how, words })
            }
        }
    }
}

/// The script has nothing to do but to look: a host that stays silent now hangs.
async fn in_time<T>(
    words: impl Future<Output = Result<T, ConversationError>>,
) -> Result<T, ConversationError> {
    let late = ConversationError::Deadline { step: "bootstrap", after: SCRIPT_PATIENCE };
    tokio::time::timeout(SCRIPT_PATIENCE, words).await.unwrap_or(Err(late))
}

fn out_of_turn(answer: &Answer) -> ConversationError {
    ConversationError::Garbled { line: format!("{answer:?} out of turn") }
}

fn ended(exit: &Exit) -> String {
    match exit {
        Exit::Status(status) => format!("with status {status}"),
        Exit::Signal(name) => format!("by signal {name}"),
    }
}

fn last_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).rfind(|line| !line.is_empty())
}
