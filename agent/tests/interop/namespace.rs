//! Network namespaces of this process alone.

use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread;

/// Runs `ip`; what it complains of, or nothing.
fn ip(words: &str) -> Result<(), String> {
    let output =
        Command::new("ip").args(words.split(' ')).output().map_err(|error| format!("ip: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("ip {words}: {said}")) }
}

/// A namespace; it goes with its owner, and with it all that is in it.
pub(crate) struct Namespace(String);

impl Namespace {
    /// Makes one, with loopback up.
    pub(crate) fn new(role: &str) -> Result<Self, String> {
        let name = format!("tf-interop-{}-{role}", std::process::id());
        ip(&format!("netns add {name}"))?;
        let namespace = Self(name);
        ip(&format!("-n {} link set lo up", namespace.0))?;
        Ok(namespace)
    }

    /// A cable to another one; each end gets its addresses, in CIDR notation.
    pub(crate) fn connect(&self, ours: &[&str], other: &Self, theirs: &[&str]) -> Result<(), String> {
        // An interface is known by the role at its other end; names have at most 15 characters.
        let role = |namespace: &Self| namespace.0.rsplit('-').next().unwrap_or_default().to_owned();
        let (near, far) = (role(other), role(self));
        ip(&format!("-n {} link add {near} type veth peer name {far} netns {}", self.0, other.0))?;
        for (namespace, interface, addresses) in [(self, near, ours), (other, far, theirs)] {
            for address in addresses {
                // Without waiting whether somebody else has the address.
                let nodad = if address.contains(':') { " nodad" } else { "" };
                ip(&format!("-n {} address add {address} dev {interface}{nodad}", namespace.0))?;
            }
            ip(&format!("-n {} link set {interface} up", namespace.0))?;
        }
        Ok(())
    }

    /// A command that will run in it.
    pub(crate) fn command(&self, program: &std::path::Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0]).arg(program);
        command
    }

    /// A socket in it, for this process.
    pub(crate) fn socket(&self) -> UdpSocket {
        let file = File::open(format!("/run/netns/{}", self.0)).unwrap();
        // Of a thread of its own: the others stay where they are.
        thread::spawn(move || {
            // SAFETY: setns takes two numbers; the descriptor is open as long as `file` lives.
            let entered = unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) };
            assert_eq!(entered, 0, "setns: {}", std::io::Error::last_os_error());
            UdpSocket::bind("127.0.0.1:0").unwrap()
        })
        .join()
        .unwrap()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(complaint) = ip(&format!("netns delete {}", self.0)) {
            println!("{complaint}");
        }
    }
}
