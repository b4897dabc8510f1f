//! A site: three hosts on a network of their own, an operator's home directory, and the program under test.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::command::{Ran, here};
use crate::host::Host;
use crate::network::Network;

/// Every site has a directory here, named after the process that made it.
const SITES: &str = "/run/timefleet-tests";
const REAPER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fleet/reaper");
const ROOTFS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fleet/rootfs");
/// Nothing that timefleet does with three hosts takes longer, seconds.
const LONGEST_RUN: &str = "180";

/// A site. Its processes, mounts and networks end with it, also when the test program is killed.
pub(crate) struct Site {
    directory: PathBuf,
    network: Network,
    hosts: Vec<Host>,
    inventories: Cell<u32>,
    reaper: Child,
}

impl Site {
    /// Boots the hosts, all at once, and waits until an operator could log in to each.
    pub(crate) fn open() -> Self {
        sweep();
        let rootfs = PathBuf::from(here(ROOTFS, &[]));
        let name = format!("timefleet-{}", std::process::id());
        let directory = Path::new(SITES).join(owner());
        fs::create_dir_all(&directory).unwrap();
        let reaper = start_reaper(&directory, &name, Stdio::piped());
        here("mount", &["-t", "tmpfs", "-o", "size=2g,mode=755", &name, directory.to_str().unwrap()]);
        let network = Network::lay(&name, "10.20.0.1/16");
        let public_key = make_home(&directory.join("operator"));
        let names = [("ntp-a", "10.20.0.11"), ("web1", "10.20.1.1"), ("web2", "10.20.1.2")];
        let hosts = names.map(|(name, address)| {
            let host = Host::prepare(name, address, &directory, &rootfs, &public_key);
            host.boot(&network);
            host
        });
        let site = Self { directory, network, hosts: hosts.into(), inventories: Cell::new(0), reaper };
        let trusted: String = site.hosts.iter().map(Host::known_hosts_line).collect();
        fs::write(site.home().join(".ssh/known_hosts"), trusted).unwrap();
        for host in &site.hosts {
            host.wait_until_up();
            host.must("chown -R ops:ops /home/ops");
            site.ssh(host, "sudo -n true").ends(0);
        }
        site
    }

    /// A host by its name.
    pub(crate) fn host(&self, name: &str) -> &Host {
        match self.hosts.iter().find(|host| host.name == name) {
            Some(host) => host,
            None => panic!("no host {name} at this site"),
        }
    }

    /// All hosts.
    pub(crate) fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Reboots a host and waits until it is up again.
    pub(crate) fn reboot(&self, name: &str) {
        self.host(name).reboot(&self.network);
    }

    /// Powers a host on again after [`Host::pull_plug`].
    pub(crate) fn power_on(&self, name: &str) {
        self.host(name).boot(&self.network);
        self.host(name).wait_until_up();
    }

    /// Takes back what a story did to the hosts from outside: power, mounts, stopped processes.
    pub(crate) fn settle(&self) {
        for host in &self.hosts {
            if !host.is_up() {
                self.power_on(host.name);
            }
            host.settle();
        }
    }

    /// The operator's home directory.
    pub(crate) fn home(&self) -> PathBuf {
        self.directory.join("operator")
    }

    /// Writes an inventory file; its path.
    pub(crate) fn inventory(&self, yaml: &str) -> String {
        let number = self.inventories.replace(self.inventories.get() + 1);
        let path = self.directory.join(format!("inventory-{number}.yaml"));
        fs::write(&path, yaml).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs the program under test as the operator.
    pub(crate) fn timefleet(&self, arguments: &[&str]) -> Ran {
        let mut command = self.operators("timeout");
        command.args(["--signal=KILL", LONGEST_RUN, env!("CARGO_BIN_EXE_timefleet")]).args(arguments);
        Ran::of(format!("timefleet {}", arguments.join(" ")), &mut command)
    }

    /// Runs a command on a host through OpenSSH, as the operator `ops`.
    pub(crate) fn ssh(&self, host: &Host, command: &str) -> Ran {
        let mut ssh = self.operators("ssh");
        // OpenSSH looks up the home directory in passwd, not in $HOME.
        let home = self.home();
        ssh.arg("-F/dev/null").arg("-i").arg(home.join(".ssh/id_ed25519"));
        ssh.arg("-o").arg(format!("UserKnownHostsFile={}", home.join(".ssh/known_hosts").display()));
        ssh.args(["-oBatchMode=yes", "-oConnectTimeout=10"])
            .arg(format!("ops@{}", host.address))
            .arg(command);
        Ran::of(format!("ssh {} {command}", host.name), &mut ssh)
    }

    fn operators(&self, program: &str) -> Command {
        let mut command = self.network.command(program, None);
        command.env_clear().env("HOME", self.home()).env("LC_ALL", "C.UTF-8");
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.reaper.stdin.take());
        let reaped = self.reaper.wait().is_ok_and(|status| status.success());
        if !reaped {
            eprintln!("fleet: something is left over under {}", self.directory.display());
        }
    }
}

/// Makes the operator's home directory with a key pair; the public key.
fn make_home(home: &Path) -> String {
    let ssh = home.join(".ssh");
    fs::create_dir_all(&ssh).unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o700)).unwrap();
    for name in ["id_ed25519", "stranger"] {
        let key = ssh.join(name);
        here("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key.to_str().unwrap()]);
    }
    fs::read_to_string(ssh.join("id_ed25519.pub")).unwrap()
}

/// Starts the program that takes a site down as soon as its standard input ends.
fn start_reaper(directory: &Path, name: &str, input: Stdio) -> Child {
    let mut reaper = Command::new(REAPER);
    // A process group of its own: an interrupt from the terminal must not end it together with the tests.
    reaper.arg(directory).arg(name).stdin(input).process_group(0).spawn().unwrap()
}

/// Takes down what killed runs left behind.
fn sweep() {
    let Ok(sites) = fs::read_dir(SITES) else { return };
    for site in sites.flatten() {
        let owner = site.file_name().into_string().unwrap();
        let pid = owner.split('-').next().unwrap();
        if started(pid).is_some_and(|start| owner == format!("{pid}-{start}")) {
            continue;
        }
        start_reaper(&site.path(), &format!("timefleet-{pid}"), Stdio::null()).wait().unwrap();
    }
}

/// This process, unmistakable even after its number was given to another one.
fn owner() -> String {
    let pid = std::process::id().to_string();
    format!("{pid}-{}", started(&pid).unwrap())
}

/// When a process was started, in clock ticks since boot (proc(5), field 22 of stat).
fn started(pid: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19).map(str::to_owned)
}
