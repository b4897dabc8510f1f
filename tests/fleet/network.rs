//! A site's own network: a namespace with a bridge in it, which nothing outside can see, and control groups by which
//! every process of the site is found again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::here;

/// A network namespace and the control groups of the processes in it.
pub(crate) struct Network {
    name: String,
}

impl Network {
    /// Makes the network; `gateway` is this machine's own address in it.
    pub(crate) fn lay(name: &str, gateway: &str) -> Self {
        let network = Self { name: name.to_owned() };
        here("ip", &["netns", "add", name]);
        let ip = |arguments: &[&str]| here("ip", &[&["-n", name], arguments].concat());
        let bridge = network.bridge();
        ip(&["link", "set", "lo", "up"]);
        ip(&["link", "add", bridge, "type", "bridge"]);
        ip(&["address", "add", gateway, "dev", bridge]);
        ip(&["link", "set", bridge, "up"]);
        network
    }

    /// The bridge that hosts are plugged into.
    pub(crate) fn bridge(&self) -> &'static str {
        "orchard0"
    }

    /// The name under which a host's container is known on this machine.
    pub(crate) fn machine(&self, host: &str) -> String {
        format!("{}-{host}", self.name)
    }

    /// A command that runs in this network and in one of its control groups: without `group` in the site's own.
    pub(crate) fn command(&self, program: &str, group: Option<&str>) -> Command {
        let group = group.unwrap_or("control");
        let groups: Vec<PathBuf> =
            hierarchies().iter().map(|root| root.join(&self.name).join(group)).collect();
        // The shell moves itself, then becomes nsenter, then the program: one process number from start to end.
        let mut shell = Command::new("sh");
        shell.args([
            "-c",
            "while [ \"$1\" != -- ]; do echo $$ >\"$1/cgroup.procs\"; shift; done; shift; exec \"$@\"",
        ]);
        shell.arg("sh");
        for group in groups {
            fs::create_dir_all(&group).unwrap();
            shell.arg(group);
        }
        shell.arg("--").arg("nsenter").arg(format!("--net=/run/netns/{}", self.name)).arg(program);
        shell
    }
}

/// Where systemd keeps its control groups on this machine: version 2, version 1, or both side by side.
fn hierarchies() -> Vec<PathBuf> {
    let known = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];
    known.iter().filter(|root| Path::new(root).join("cgroup.procs").exists()).map(PathBuf::from).collect()
}
