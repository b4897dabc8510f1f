//! Two network namespaces and a veth pair between them: a server on one side, all of its clients on the other.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::Command;

/// The first of the clients' addresses, which are all the generator's own.
pub(crate) const FIRST_CLIENT: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 1);
/// Where the server is asked.
pub(crate) const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 63, 0, 1), 123);
const CLIENTS: &str = "10.64.0.0/10";
/// The server's processor, and the generator's.
pub(crate) const SERVING_CPU: &str = "0";
pub(crate) const ASKING_CPU: &str = "1";

/// The namespaces, as long as this lives.
pub(crate) struct Site {
    serving: String,
    asking: String,
}

impl Site {
    pub(crate) fn build() -> Result<Self, String> {
        let id = std::process::id();
        let site = Self { serving: format!("tfbench-s{id}"), asking: format!("tfbench-c{id}") };
        let (serving, asking) = (&site.serving, &site.asking);
        let (ours, theirs) = (format!("tfs{id}"), format!("tfc{id}"));
        for line in [
            format!("netns add {serving}"),
            format!("netns add {asking}"),
            format!("link add {ours} netns {serving} type veth peer name {theirs} netns {asking}"),
            format!("-n {serving} address add 10.63.0.1/30 dev {ours}"),
            format!("-n {asking} address add 10.63.0.2/30 dev {theirs}"),
            format!("-n {serving} link set lo up"),
            format!("-n {asking} link set lo up"),
            format!("-n {serving} link set {ours} up"),
            format!("-n {asking} link set {theirs} up"),
            format!("-n {serving} route add {CLIENTS} via 10.63.0.2"),
            // Every address of the network is this host's own: it may ask from it and gets the answer.
            format!("-n {asking} route add local {CLIENTS} dev lo"),
        ] {
            ip(&line)?;
        }
        Ok(site)
    }

    /// A command on the server's side and processor.
    pub(crate) fn serving(&self, program: &str) -> Command {
        inside(&self.serving, SERVING_CPU, program)
    }

    /// A command on the clients' side and processor.
    pub(crate) fn asking(&self, program: &str) -> Command {
        inside(&self.asking, ASKING_CPU, program)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for name in [&self.serving, &self.asking] {
            if let Err(error) = ip(&format!("netns delete {name}")) {
                eprintln!("{error}");
            }
        }
    }
}

fn inside(namespace: &str, cpu: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    // Nothing else that this machine does comes between.
    command.args(["netns", "exec", namespace, "chrt", "--fifo", "1", "taskset", "-c", cpu, program]);
    command
}

fn ip(line: &str) -> Result<(), String> {
    let done = Command::new("ip").args(line.split(' ')).output().map_err(|error| format!("ip: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("ip {line}: {}", String::from_utf8_lossy(&done.stderr).trim()))
}
