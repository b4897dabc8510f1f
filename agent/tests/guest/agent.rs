//! The agent in the guest.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use timefleet_agent::chronyc::ask;
use timefleet_agent::chronyc::wire::{Reply, Request, Tracking};

use super::image;

pub(crate) const DRIFT_FILE: &str = "/run/drift";
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until something is there.
pub(crate) fn wait_for<T>(what: impl Fn() -> String, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {}", what());
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub(crate) struct Agent {
    child: Child,
}

impl Agent {
    /// Starts it as the guest's clock daemon.
    pub(crate) fn start(options: &[&str], lines: &str) -> Self {
        let common = format!(
            "driftfile {DRIFT_FILE}\nrtcsync\ncmdport 0\nbindcmdaddress /run/timefleet/sock\npidfile /run/timefleet/pid\n"
        );
        fs::create_dir_all("/run/timefleet").unwrap();
        fs::set_permissions("/run/timefleet", fs::Permissions::from_mode(0o700)).unwrap();
        fs::write("/etc/agent.conf", format!("{lines}\n{common}")).unwrap();
        let child = Command::new(format!("/{}", image::AGENT))
            .args(options)
            .args(["-f", "/etc/agent.conf"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self { child }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What chronyc's `tracking` shows; `None` while it does not answer.
    pub(crate) fn tracking() -> Option<Tracking> {
        let mine = "/run/timefleet/question.sock";
        // There is none the first time.
        let _ = fs::remove_file(mine);
        let socket = UnixDatagram::bind(mine).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        socket.send_to(&Request::Tracking.encode(7, 0), "/run/timefleet/sock").ok()?;
        let mut bytes = [0; 1024];
        let length = socket.recv(&mut bytes).ok()?;
        match ask::parse_reply(&Request::Tracking, 7, &bytes[..length]) {
            Ok(Reply::Tracking(tracking)) => Some(tracking),
            other => panic!("{other:?}"),
        }
    }

    /// Ends it as systemd would.
    pub(crate) fn stop(mut self) {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM).unwrap();
        let status = wait_for(|| "the agent's end".to_owned(), || self.child.try_wait().unwrap());
        assert!(status.success(), "the agent ended with {status}");
    }
}
