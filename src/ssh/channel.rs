//! One command on a host: lines out of it, bytes into it, and how it ended.

use std::sync::{Arc, Mutex};

use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};

use super::error::SshError;

/// Of what a command says on standard error, only the end is kept.
const STDERR_KEPT: usize = 8 * 1024;
/// A command that is being sent something has little to say.
const UNREAD_MAX: usize = 1024 * 1024;

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// With this status.
    Status(u32),
    /// By this signal, named without SIG.
    Signal(String),
}

/// The last words of a server that hung up, shared by a session and its channels.
pub(super) type LastWords = Arc<Mutex<Option<String>>>;

/// How far the other side's output has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Ended {
    #[default]
    No,
    /// Nothing more on standard output.
    Output,
    /// The channel is closed in good order.
    Closed,
    /// The connection is gone.
    Lost,
}

/// What has come from the other side and is not yet asked for.
#[derive(Debug, Default)]
struct Heard {
    stdout: Vec<u8>,
    /// The part of `stdout` that is known to hold no line end.
    searched: usize,
    stderr: Vec<u8>,
    exit: Option<Exit>,
    ended: Ended,
}

impl Heard {
    fn take(&mut self, message: Option<ChannelMsg>) {
        match message {
            Some(ChannelMsg::Data { data }) => self.stdout.extend_from_slice(&data),
            Some(ChannelMsg::ExtendedData { data, ext: 1 }) => {
                self.stderr.extend_from_slice(&data);
                let surplus = self.stderr.len().saturating_sub(STDERR_KEPT);
                self.stderr.drain(..surplus);
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => self.exit = Some(Exit::Status(exit_status)),
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                self.exit = Some(Exit::Signal(format!("{signal_name:?}")));
            }
            Some(ChannelMsg::Eof) => self.ended = self.ended.max(Ended::Output),
            Some(ChannelMsg::Close) => self.ended = Ended::Closed,
            Some(_) => {}
            None if self.ended == Ended::Closed => {}
            None => self.ended = Ended::Lost,
        }
    }

    fn line(&mut self) -> Option<String> {
        let unsearched = self.stdout.get(self.searched..).unwrap_or_default();
        let Some(length) = unsearched.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.stdout.len();
            return None;
        };
        let line: Vec<u8> = self.stdout.drain(..=self.searched + length).collect();
        self.searched = 0;
        Some(text(&line))
    }

    fn rest(&mut self) -> Option<String> {
        self.searched = 0;
        let rest = std::mem::take(&mut self.stdout);
        (!rest.is_empty()).then(|| text(&rest))
    }
}

/// One command that runs on a host.
pub(crate) struct Channel {
    host: String,
    read: ChannelReadHalf,
    write: ChannelWriteHalf<Msg>,
    last_words: LastWords,
    heard: Heard,
}

impl Channel {
    pub(super) fn new(
        host: String,
        (read, write): (ChannelReadHalf, ChannelWriteHalf<Msg>),
        last_words: LastWords,
    ) -> Self {
        Self { host, read, write, last_words, heard: Heard::default() }
    }

    /// Runs the command and waits until the server has accepted it.
    pub(super) async fn exec(&mut self, command: &str) -> Result<(), SshError> {
        let refused = |cause: String| SshError::NoExec { host: self.host.clone(), cause };
        self.write.exec(true, command).await.map_err(|error| refused(error.to_string()))?;
        loop {
            match self.read.wait().await {
                Some(ChannelMsg::Success) => return Ok(()),
                Some(ChannelMsg::Failure) => return Err(refused("it refused the exec request".to_owned())),
                message => self.heard.take(message),
            }
            match self.heard.ended {
                Ended::No | Ended::Output => {}
                Ended::Closed => return Err(refused("it closed the channel".to_owned())),
                Ended::Lost => return Err(self.lost()),
            }
        }
    }

    /// The next line, without its end; `None` when there is no more. A last line without an end is a line.
    ///
    /// # Errors
    /// [`SshError::LineTooLong`] above `limit` bytes; [`SshError::Lost`].
    pub(crate) async fn line(&mut self, limit: usize) -> Result<Option<String>, SshError> {
        loop {
            if let Some(line) = self.heard.line() {
                return Ok(Some(line));
            }
            if self.heard.stdout.len() > limit {
                return Err(SshError::LineTooLong { host: self.host.clone(), limit });
            }
            match self.heard.ended {
                Ended::No => {}
                Ended::Output | Ended::Closed => return Ok(self.heard.rest()),
                Ended::Lost => return Err(self.lost()),
            }
            self.heard.take(self.read.wait().await);
        }
    }

    /// Sends everything, at the pace that the other side's window allows; `false` when the command ended before it
    /// had taken everything.
    ///
    /// # Errors
    /// [`SshError::Lost`].
    pub(crate) async fn send(&mut self, bytes: Vec<u8>) -> Result<bool, SshError> {
        let sending = self.write.data_bytes(bytes);
        tokio::pin!(sending);
        loop {
            // What the command says meanwhile has to be read, or both sides wait for each other for ever.
            let message = tokio::select! {
                sent = &mut sending => return if sent.is_ok() { Ok(true) } else { Err(self.lost()) },
                message = self.read.wait() => message,
            };
            self.heard.take(message);
            match self.heard.ended {
                Ended::No if self.heard.stdout.len() > UNREAD_MAX => {
                    return Err(SshError::LineTooLong { host: self.host.clone(), limit: UNREAD_MAX });
                }
                Ended::No => {}
                Ended::Output | Ended::Closed => return Ok(false),
                Ended::Lost => return Err(self.lost()),
            }
        }
    }

    /// Lets the command end, and says how it did; `None` when the server did not tell.
    ///
    /// # Errors
    /// [`SshError::Lost`].
    pub(crate) async fn finish(&mut self) -> Result<Option<Exit>, SshError> {
        // After its end of input the command may already be gone, and then nobody takes this message.
        if let Err(error) = self.write.eof().await {
            tracing::debug!("{}: end of input not sent: {error}", self.host);
        }
        loop {
            match self.heard.ended {
                Ended::No | Ended::Output => {
                    self.heard.take(self.read.wait().await);
                    self.heard.stdout.clear();
                }
                Ended::Closed => return Ok(self.heard.exit.clone()),
                Ended::Lost => return Err(self.lost()),
            }
        }
    }

    /// The end of what the command said on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        text(&self.heard.stderr)
    }

    fn lost(&self) -> SshError {
        SshError::Lost { host: self.host.clone(), cause: lost_because(&self.last_words) }
    }
}

/// Text as it is shown: other bytes replaced, the line end cut off.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches(['\r', '\n']).to_owned()
}

/// What a server said when it hung up.
pub(super) fn lost_because(last_words: &LastWords) -> String {
    let words = last_words.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    words.unwrap_or_else(|| "the other side closed it".to_owned())
}
