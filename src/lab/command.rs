//! One session channel: one command, run by `sh` in the host's home with its three streams on the channel.
//!
//! It behaves as OpenSSH's sshd does without a terminal: the channel ends when the command has ended and nobody
//! holds its output any more; a client that hangs up closes the command's streams and does not kill it.

use std::convert::Infallible;
use std::env;
use std::ffi::OsString;
use std::future::pending;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::str::FromStr as _;
use std::sync::Arc;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use russh::server::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, copy};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::server::{Account, Closing};

/// Bytes of input that may wait for the command. Input must be taken off the connection while the command is busy
/// writing, or the two would wait for each other: russh reads and writes a connection in one loop.
const WAITING_INPUT: usize = 16 << 20;

/// Standard error's number as extended data (RFC 4254, 5.2).
const STDERR: u32 = 1;

/// Where programs are looked for when this program itself was not told.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Waits for the channel's command and runs it to its end.
pub(super) async fn serve(
    channel: Channel<Msg>,
    session: Handle,
    account: Arc<Account>,
    mut closing: Closing,
) {
    let (mut read, write) = channel.split();
    let line = tokio::select! {
        line = requested(&mut read) => line,
        () = closing.wait() => None,
    };
    let Some(line) = line else { return };
    let mut child = match start(line, &account) {
        Ok(child) => child,
        Err(error) => {
            tracing::warn!("cannot start sh in {}: {error}", account.home.display());
            // The client may be gone: then nobody wants to know.
            let _ = session.channel_failure(write.id()).await;
            let _ = write.close().await;
            return;
        }
    };
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    let _ = session.channel_success(write.id()).await;
    let stdin = child.stdin.take();
    let status = tokio::select! {
        status = finish(&mut child, &write) => status,
        () = receive(read, stdin, group) => None,
        () = closing.wait() => None,
    };
    match status {
        Some(status) => say_farewell(&session, &write, status).await,
        None => abandon(child, group, closing).await,
    }
}

/// The command line that the client asks for; `None` = it closed the channel instead.
async fn requested(read: &mut ChannelReadHalf) -> Option<Vec<u8>> {
    loop {
        match read.wait().await? {
            ChannelMsg::Exec { command, .. } => return Some(command),
            ChannelMsg::RequestShell { .. } => return Some(b"exec sh".to_vec()),
            ChannelMsg::Close => return None,
            // Refused or noted by the connection's handler.
            _ => {}
        }
    }
}

fn start(line: Vec<u8>, account: &Account) -> std::io::Result<Child> {
    Command::new("sh")
        .arg("-c")
        .arg(OsString::from_vec(line))
        .env_clear()
        .env("HOME", &account.home)
        .env("USER", &account.user)
        .env("LOGNAME", &account.user)
        .env("SHELL", "/bin/sh")
        .env("PATH", env::var_os("PATH").unwrap_or_else(|| PATH.into()))
        .current_dir(&account.home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// Everything the command wrote is on the channel, and it has ended; `None` = the client is gone.
async fn finish(child: &mut Child, write: &ChannelWriteHalf<Msg>) -> Option<ExitStatus> {
    let stdout = forward(child.stdout.take(), write.make_writer());
    let stderr = forward(child.stderr.take(), write.make_writer_ext(Some(STDERR)));
    let (stdout, stderr) = tokio::join!(stdout, stderr);
    stdout.and(stderr).ok()?;
    child.wait().await.ok()
}

async fn forward<R: AsyncRead + Unpin>(
    from: Option<R>,
    mut to: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    if let Some(mut from) = from {
        copy(&mut from, &mut to).await?;
    }
    Ok(())
}

/// Passes on what comes from the client; ends when the client closes the channel or the connection.
async fn receive(mut read: ChannelReadHalf, stdin: Option<ChildStdin>, group: Option<Pid>) {
    let room = Arc::new(Semaphore::new(WAITING_INPUT));
    let (queue, waiting) = mpsc::unbounded_channel();
    let listen = async {
        let mut queue = Some(queue);
        loop {
            match read.wait().await {
                Some(ChannelMsg::Data { data }) => {
                    let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
                    let permit = Arc::clone(&room).acquire_many_owned(size).await;
                    if let (Some(queue), Ok(permit)) = (&queue, permit) {
                        // Nobody takes it once the command has closed its input: then it is dropped here.
                        let _ = queue.send((data, permit));
                    }
                }
                Some(ChannelMsg::Eof) => queue = None,
                Some(ChannelMsg::Signal { signal }) => pass_on(&signal, group),
                Some(ChannelMsg::Close) | None => return,
                Some(_) => {}
            }
        }
    };
    tokio::select! {
        () = listen => {}
        never = feed(stdin, waiting) => match never {},
    }
}

fn pass_on(signal: &Sig, group: Option<Pid>) {
    let number = Signal::from_str(&format!("SIG{}", name_of(signal)));
    if let (Some(group), Ok(number)) = (group, number) {
        // It may have ended just now.
        let _ = killpg(group, number);
    }
}

async fn feed<D: AsRef<[u8]>>(
    stdin: Option<ChildStdin>,
    mut waiting: mpsc::UnboundedReceiver<(D, OwnedSemaphorePermit)>,
) -> Infallible {
    if let Some(mut stdin) = stdin {
        while let Some((data, _permit)) = waiting.recv().await {
            if stdin.write_all(data.as_ref()).await.is_err() {
                break;
            }
        }
    }
    drop(waiting);
    pending().await
}

async fn say_farewell(session: &Handle, write: &ChannelWriteHalf<Msg>, status: ExitStatus) {
    // Each of these fails only when the client is gone.
    let _ = write.eof().await;
    if let Some(number) = status.signal() {
        let name =
            Signal::try_from(number).map_or("KILL", |signal| signal.as_str().trim_start_matches("SIG"));
        let signal = Sig::Custom(name.to_owned());
        let (id, core) = (write.id(), status.core_dumped());
        let _ = session.exit_signal_request(id, signal, core, String::new(), String::new()).await;
    } else {
        let code = status.code().and_then(|code| u32::try_from(code).ok()).unwrap_or(255);
        let _ = write.exit_status(code).await;
    }
    let _ = write.close().await;
}

/// The client is gone or the lab is closing: a command may finish, but not outlive the lab.
async fn abandon(mut child: Child, group: Option<Pid>, mut closing: Closing) {
    tokio::select! {
        _ = child.wait() => {}
        () = closing.wait() => {
            if let Some(group) = group {
                let _ = killpg(group, Signal::SIGKILL);
            }
            let _ = child.wait().await;
        }
    }
}

fn name_of(signal: &Sig) -> &str {
    match signal {
        Sig::ABRT => "ABRT",
        Sig::ALRM => "ALRM",
        Sig::FPE => "FPE",
        Sig::HUP => "HUP",
        Sig::ILL => "ILL",
        Sig::INT => "INT",
        Sig::KILL => "KILL",
        Sig::PIPE => "PIPE",
        Sig::QUIT => "QUIT",
        Sig::SEGV => "SEGV",
        Sig::TERM => "TERM",
        Sig::USR1 => "USR1",
        Sig::Custom(name) => name,
    }
}
