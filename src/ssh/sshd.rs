//! A real OpenSSH sshd for tests: on a loopback port, with keys and configuration of its own, gone with the test.

use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tempfile::TempDir;

use super::target::{Hop, Identity, Patience, Target};

const PROGRAM: &str = "/usr/sbin/sshd";

/// A server. Every connection is one `sshd -i`, so connections are counted where they are accepted.
pub(crate) struct Sshd {
    directory: TempDir,
    port: u16,
    connections: Arc<Mutex<Vec<Child>>>,
    over: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl Sshd {
    /// Starts a server that knows the key `login` and shows the host key `host`; `None`, with the reason printed, where
    /// that is not possible.
    pub(crate) fn start(more_configuration: &str) -> Option<Sshd> {
        if !Path::new(PROGRAM).exists() {
            eprintln!("left out: {PROGRAM} is not installed");
            return None;
        }
        // Debian's package makes it at boot; sshd as root insists on it.
        if nix::unistd::geteuid().is_root() {
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_owned();
        make_key(&path.join("host"), "ed25519", "");
        make_key(&path.join("login"), "ed25519", "");
        std::fs::copy(path.join("login.pub"), path.join("authorized_keys")).unwrap();
        let here = path.display().to_string();
        let configuration = format!(
            "HostKey {here}/host\nAuthorizedKeysFile {here}/authorized_keys\nStrictModes no\nUsePAM no\n\
             PidFile none\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             LogLevel VERBOSE\n{}\n",
            more_configuration.replace("{here}", &here)
        );
        std::fs::write(path.join("sshd_config"), configuration).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let acceptor = accept(listener, path, Arc::clone(&connections), Arc::clone(&over));
        Some(Sshd { directory, port, connections, over, acceptor: Some(acceptor) })
    }

    /// A file of the server's own directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A way in that works: the right key, the right host key.
    pub(crate) fn target(&self) -> Target {
        let known_hosts = self.path("known_hosts");
        std::fs::write(&known_hosts, format!("[127.0.0.1]:{} {}", self.port, self.public("host"))).unwrap();
        let hop = Hop {
            address: "127.0.0.1".into(),
            port: self.port,
            user: super::settings::local_user(),
            host_key_alias: None,
            identities: vec![Identity { path: self.path("login"), required: true }],
            identities_only: false,
            agent: None,
            known_hosts: vec![known_hosts],
            accept_new: false,
        };
        let patience = Patience::default();
        Target { name: "ntp-a".into(), hop, jumps: vec![], r#become: false, patience }
    }

    /// `type base64 comment` of a key pair in the server's directory.
    pub(crate) fn public(&self, key: &str) -> String {
        std::fs::read_to_string(self.path(&format!("{key}.pub"))).unwrap()
    }

    /// `SHA256:…` of a key pair, as ssh-keygen says it.
    pub(crate) fn fingerprint(&self, key: &str) -> String {
        let output =
            Command::new("ssh-keygen").arg("-lf").arg(self.path(&format!("{key}.pub"))).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
    }

    /// How many connections were accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.lock().unwrap().len()
    }

    /// How many commands, shells and subsystems were started so far.
    pub(crate) fn channels(&self) -> usize {
        self.log().matches("Starting session:").count()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Whether every connection has ended by itself; waits some seconds for it.
    pub(crate) fn falls_idle(&self) -> bool {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let idle = |child: &mut Child| child.try_wait().unwrap().is_some();
        while std::time::Instant::now() < deadline {
            if self.connections.lock().unwrap().iter_mut().all(idle) {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    /// Ends every connection, as a power cut would.
    pub(crate) fn cut(&self) {
        for child in self.connections.lock().unwrap().iter_mut() {
            end(child);
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the acceptor, which then sees that it is over.
        let _ = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        self.cut();
    }
}

/// The session's own process is a child of the connection's: it goes with it, since they share a process group.
fn end(child: &mut Child) {
    let group = nix::unistd::Pid::from_raw(-i32::try_from(child.id()).unwrap());
    let _ = nix::sys::signal::kill(group, nix::sys::signal::Signal::SIGKILL);
    let _ = child.wait();
}

fn accept(
    listener: TcpListener,
    directory: PathBuf,
    connections: Arc<Mutex<Vec<Child>>>,
    over: Arc<AtomicBool>,
) -> JoinHandle<()> {
    use std::os::unix::process::CommandExt;
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            if over.load(Ordering::Relaxed) {
                return;
            }
            let output = stream.try_clone().unwrap();
            let child = Command::new(PROGRAM)
                .args(["-i", "-f"])
                .arg(directory.join("sshd_config"))
                .arg("-E")
                .arg(directory.join("log"))
                .stdin(Stdio::from(OwnedFd::from(stream)))
                .stdout(Stdio::from(OwnedFd::from(output)))
                .process_group(0)
                .spawn()
                .unwrap();
            connections.lock().unwrap().push(child);
        }
    })
}

/// Makes a key pair as users do.
pub(crate) fn make_key(path: &Path, kind: &str, passphrase: &str) {
    let output = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f"])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
