//! Who tells the guest the time, on the host's loopback: an agent, or somebody whose new year comes in half a minute.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use super::sntp::NTP_TO_UNIX;

/// Which.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Upstream {
    /// An agent with this line, which serves the host's time.
    Agent(&'static str),
    /// A year that ends with a leap second soon after the first request.
    Fiction {
        /// In its leap bits, too.
        announces: bool,
    },
}

/// From the first request to the fiction's leap second.
const UNTIL_LEAP: Duration = Duration::from_secs(30);

/// The new year after this one, in seconds since 1970: later than every agent that can be built today.
pub(crate) fn new_year() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let days_of = |year: u64| {
        if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) {
            366
        } else {
            365
        }
    };
    let (mut year, mut end) = (1970, 365 * 86_400);
    while end <= now {
        year += 1;
        end += days_of(year) * 86_400;
    }
    end
}

pub(crate) enum Server {
    Agent { child: Child, directory: TempDir, port: u16 },
    Fiction { port: u16, ends: Arc<AtomicBool>, thread: Option<JoinHandle<()>> },
}

impl Server {
    pub(crate) fn start(upstream: Upstream) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        match upstream {
            Upstream::Agent(line) => {
                drop(socket);
                Self::agent(line, port)
            }
            Upstream::Fiction { announces } => {
                let ends = Arc::new(AtomicBool::new(false));
                let thread = {
                    let ends = Arc::clone(&ends);
                    thread::spawn(move || tell_fiction(&socket, announces, &ends))
                };
                Self::Fiction { port, ends, thread: Some(thread) }
            }
        }
    }

    fn agent(line: &str, port: u16) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let place = directory.path().to_str().unwrap();
        let log = File::create(directory.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_timefleet-agent"))
            .args(["-x", "-4", "--run-dir", place, line, "allow 127.0.0.1", "bindaddress 127.0.0.1"])
            .args(["cmdport 0", "bindcmdaddress /", &format!("port {port}")])
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self::Agent { child, directory, port }
    }

    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Agent { port, .. } | Self::Fiction { port, .. } => *port,
        }
    }

    pub(crate) fn log(&self) -> String {
        match self {
            Self::Agent { directory, .. } => {
                fs::read_to_string(directory.path().join("log")).unwrap_or_default()
            }
            Self::Fiction { .. } => String::new(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match self {
            Self::Agent { child, .. } => {
                // It ends with us, however it stands.
                let _ = child.kill();
                let _ = child.wait();
            }
            Self::Fiction { ends, thread, .. } => {
                ends.store(true, Ordering::Relaxed);
                let _ = thread.take().map(JoinHandle::join);
            }
        }
    }
}

/// Answers as a server of stratum 1 would that knows of a leap second at new year.
fn tell_fiction(socket: &UdpSocket, announces: bool, ends: &AtomicBool) {
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let leap = Duration::from_secs(new_year());
    let mut first = None;
    let mut request = [0; 512];
    while !ends.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut request) else { continue };
        let arrival = Instant::now();
        if length < 48 {
            continue;
        }
        let first = *first.get_or_insert(arrival);
        let is_over = arrival - first >= UNTIL_LEAP;
        let wall = |at: Instant| {
            let straight = leap - UNTIL_LEAP + (at - first);
            if at - first >= UNTIL_LEAP { straight - Duration::from_secs(1) } else { straight }
        };
        let mut reply = [0; 48];
        reply[0] = 0x24 | if announces && !is_over { 0x40 } else { 0 };
        reply[1..4].copy_from_slice(&[1, request[2], 0xE8]);
        reply[12..16].copy_from_slice(b"STRY");
        reply[16..24].copy_from_slice(&stamp(wall(arrival)));
        reply[24..32].copy_from_slice(&request[40..48]);
        reply[32..40].copy_from_slice(&stamp(wall(arrival)));
        reply[40..48].copy_from_slice(&stamp(wall(Instant::now())));
        // A guest that has gone asks again or does not care.
        let _ = socket.send_to(&reply, from);
    }
}

fn stamp(unix: Duration) -> [u8; 8] {
    let fraction = (u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000;
    ((unix.as_secs() + NTP_TO_UNIX) << 32 | fraction).to_be_bytes()
}
