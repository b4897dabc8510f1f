//! The agent under test, and what the kernel knows of it.

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use timefleet_agent::chronyc::ask;
use timefleet_agent::chronyc::wire::{Reply, Request};

use crate::house::House;
use crate::verdict::Verdict;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Agent {
    child: Child,
    place: PathBuf,
}

fn wait_for<T>(what: impl Fn() -> String, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {}", what());
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Agent {
    /// Starts one that has to run.
    pub(crate) fn start(house: &House, options: &[&str], config: &str, verdict: Verdict) -> Self {
        let agent = Self::launch(house, options, config, verdict);
        wait_for(
            || format!("running.json; log: {}", agent.log()),
            || agent.place.join("running.json").exists().then_some(()),
        );
        agent
    }

    pub(crate) fn launch(house: &House, options: &[&str], config: &str, verdict: Verdict) -> Self {
        let place = house.directory.path().join(format!("agent{}", options.concat()));
        // A second one of a story takes the first one's place.
        let _ = fs::remove_dir_all(&place);
        fs::create_dir(&place).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o700)).unwrap();
        let shown = place.display();
        let text = format!("{config}\nbindcmdaddress {shown}/chronyd.sock\npidfile {shown}/agent.pid\n");
        fs::write(place.join("agent.conf"), text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_timefleet-agent"));
        command
            .args(["-x", "-dd", "--run-dir"])
            .arg(&place)
            .args(options)
            .arg("-f")
            .arg(place.join("agent.conf"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(place.join("log")).unwrap());
        verdict.apply(&mut command);
        Self { child: command.spawn().unwrap(), place }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.place.join("log")).unwrap()
    }

    fn ask(&self, request: &Request) -> Option<Reply> {
        let mine = self.place.join("question.sock");
        // The last question's.
        let _ = fs::remove_file(&mine);
        let socket = UnixDatagram::bind(&mine).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send_to(&request.encode(7, 0), self.place.join("chronyd.sock")).ok()?;
        let mut bytes = [0; 1024];
        let length = socket.recv(&mut bytes).unwrap();
        Some(ask::parse_reply(request, 7, bytes.get(..length)?).unwrap())
    }

    /// Waits until the clock follows a source and every source has answered; their addresses.
    pub(crate) fn wait_until_synchronised(&self) -> Vec<IpAddr> {
        wait_for(
            || format!("a synchronised agent; log: {}", self.log()),
            || {
                let Some(Reply::Tracking(tracking)) = self.ask(&Request::Tracking) else { return None };
                (tracking.stratum == 2).then_some(())
            },
        );
        let mut sources: Vec<IpAddr> = (0..2)
            .filter_map(|index| match self.ask(&Request::SourceData(index)) {
                Some(Reply::SourceData(data)) => data.address.ip(),
                other => panic!("{other:?}"),
            })
            .collect();
        sources.sort();
        sources
    }

    /// How many of its open sockets the kernel lists in this table of its network.
    pub(crate) fn sockets(&self, table: &str) -> usize {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let open: Vec<String> = fs::read_dir(process.join("fd"))
            .unwrap()
            .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
            .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
            .collect();
        let listed = fs::read_to_string(process.join("net").join(table)).unwrap();
        // The tenth word of each line below the first is the socket's inode.
        let inodes = listed.lines().skip(1).filter_map(|line| line.split_whitespace().nth(9));
        inodes.filter(|inode| open.iter().any(|one| one == inode)).count()
    }

    /// Over IPv4 and loopback. The kernel itself says when nobody listens there.
    pub(crate) fn answers_time_requests(&self, port: u16) -> bool {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = [0; 48];
        request[0] = 0x23;
        socket.send(&request).unwrap();
        match socket.recv(&mut request) {
            Ok(length) => length == request.len(),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits until the first source's last eight polls went so.
    pub(crate) fn wait_for_reach(&self, what: &str, wanted: impl Fn(u16) -> bool) {
        wait_for(
            || format!("{what}; log: {}", self.log()),
            || match self.ask(&Request::SourceData(0)) {
                Some(Reply::SourceData(data)) => wanted(data.reach).then_some(()),
                other => panic!("{other:?}"),
            },
        );
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// It ends by itself, with an error.
    pub(crate) fn fails(&mut self) -> bool {
        let child = &mut self.child;
        let status = wait_for(|| "the agent's end".to_owned(), || child.try_wait().unwrap());
        status.code().is_some_and(|code| code != 0)
    }

    /// The signal that ended it.
    pub(crate) fn end_signal(&mut self) -> Option<i32> {
        let child = &mut self.child;
        wait_for(|| "the agent's end".to_owned(), || child.try_wait().unwrap()).signal()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Ended already in some stories.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
