//! One host: Debian with systemd in a container of its own, with its own address and its own SSH host key.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::command::{Ran, here, wait_for};
use crate::network::Network;

/// `systemd-nspawn` ends with this status when the machine in it asked for a reboot.
const REBOOT: i32 = 133;
/// A boot takes two seconds; a machine under load gets more.
const BOOT_LIMIT: Duration = Duration::from_secs(90);

/// A host of a site. What it writes outlives its reboots and ends with the site.
pub(crate) struct Host {
    /// Name, in the inventory too.
    pub(crate) name: &'static str,
    /// IPv4 address.
    pub(crate) address: &'static str,
    directory: PathBuf,
    container: RefCell<Option<Child>>,
}

impl Host {
    /// Lays out a host's files over the Debian root directory `rootfs`, which stays as it is.
    pub(crate) fn prepare(
        name: &'static str,
        address: &'static str,
        site: &Path,
        rootfs: &Path,
        authorized_key: &str,
    ) -> Self {
        let directory = site.join("hosts").join(name);
        for part in ["upper", "work", "root"] {
            fs::create_dir_all(directory.join(part)).unwrap();
        }
        let host = Self { name, address, directory, container: RefCell::new(None) };
        let (upper, work) = (host.directory.join("upper"), host.directory.join("work"));
        let layers =
            format!("lowerdir={},upperdir={},workdir={}", rootfs.display(), upper.display(), work.display());
        here("mount", &["-t", "overlay", "overlay", "-o", &layers, host.root().to_str().unwrap()]);
        host.write("/etc/hostname", &format!("{name}\n"));
        host.write("/etc/hosts", &format!("127.0.0.1 localhost\n::1 localhost\n{address} {name}\n"));
        host.write("/etc/resolv.conf", "# no name server here\n");
        host.write("/home/ops/.ssh/authorized_keys", authorized_key);
        host.write("/etc/systemd/system/address.service", &address_unit(address));
        symlink(
            "../address.service",
            host.path("/etc/systemd/system/multi-user.target.wants/address.service"),
        )
        .unwrap();
        let key = host.path("/etc/ssh/ssh_host_ed25519_key");
        here("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key.to_str().unwrap()]);
        host
    }

    fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    /// Where a path of the host is on this machine.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    /// Content of a file; `None` where there is none.
    pub(crate) fn file(&self, path: &str) -> Option<String> {
        // Through the host's own eyes: stories mount things over its directories.
        let shown = self.run(&format!("cat {path}"));
        (shown.status == Some(0)).then_some(shown.stdout)
    }

    /// Writes a file as the host's root, before or after it has booted.
    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The line of a known_hosts file that trusts this host.
    pub(crate) fn known_hosts_line(&self) -> String {
        let key = fs::read_to_string(self.path("/etc/ssh/ssh_host_ed25519_key.pub")).unwrap();
        format!("{} {}", self.address, key)
    }

    /// Powers the host on; [`Host::wait_until_up`] waits for it.
    pub(crate) fn boot(&self, network: &Network) {
        let console = fs::File::options().create(true).append(true).open(self.console()).unwrap();
        let mut nspawn = network.command("systemd-nspawn", Some(self.name));
        nspawn
            .arg("--directory")
            .arg(self.root())
            .arg(format!("--machine={}", network.machine(self.name)))
            .arg(format!("--network-bridge={}", network.bridge()))
            // CAP_SYS_TIME is not among nspawn's capabilities: nothing in there can set this machine's clock.
            .args(["--boot", "--register=no", "--keep-unit", "--console=pipe", "--resolv-conf=off"])
            .stdin(Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console);
        let child = nspawn.spawn().unwrap();
        *self.container.borrow_mut() = Some(child);
    }

    /// Waits until everything that starts at boot has started.
    pub(crate) fn wait_until_up(&self) {
        wait_for(&format!("{}: boot", self.name), BOOT_LIMIT, || {
            if let Some(status) = self.container.borrow_mut().as_mut().unwrap().try_wait().unwrap() {
                panic!("{}: its container ended with {status}\n{}", self.name, self.last_words());
            }
            if self.first_process().is_none() {
                return Err(self.last_words());
            }
            match self.run("systemctl is-system-running") {
                up if up.stdout.trim() == "running" => Ok(()),
                bad if bad.stdout.trim() == "degraded" => {
                    panic!("{}: {}", self.name, self.run("systemctl --failed"))
                }
                early => Err(format!("{early}\n{}", self.last_words())),
            }
        });
    }

    /// Reboots the host the way an operator does and waits until it is up again.
    pub(crate) fn reboot(&self, network: &Network) {
        // The command's own end is not interesting: the host goes down under it.
        self.run("systemctl reboot");
        let status = self.container.borrow_mut().take().unwrap().wait().unwrap();
        assert!(status.code() == Some(REBOOT), "{}: {status} instead of a reboot", self.name);
        self.boot(network);
        self.wait_until_up();
    }

    /// Pulls the plug.
    pub(crate) fn pull_plug(&self) {
        let first = self.first_process().unwrap();
        here("kill", &["-KILL", &first]);
        self.container.borrow_mut().take().unwrap().wait().unwrap();
    }

    /// Takes back what a story did to the host from outside, up to a mount over a directory.
    pub(crate) fn settle(&self) {
        self.must(
            "kill -CONT $(systemctl show --property MainPID --value ssh)
             for place in /opt/timefleet/bin /etc/timefleet; do
                 while mountpoint --quiet $place; do umount $place; done
             done",
        );
    }

    /// It is powered on.
    pub(crate) fn is_up(&self) -> bool {
        self.first_process().is_some()
    }

    /// Runs a shell command on the host as root, not through SSH.
    pub(crate) fn run(&self, command: &str) -> Ran {
        let what = format!("{}: {command}", self.name);
        let Some(first) = self.first_process() else { panic!("{what}: the host is down") };
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        Ran::of(
            what,
            Command::new("nsenter")
                .args(["--target", &first, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--"])
                .args(["env", "-i", path, "LC_ALL=C.UTF-8", "sh", "-c", command]),
        )
    }

    /// Runs a shell command on the host that has to succeed; its standard output.
    #[track_caller]
    pub(crate) fn must(&self, command: &str) -> String {
        self.run(command).line()
    }

    /// Number of the host's first process, as this machine counts; `None` while there is none.
    fn first_process(&self) -> Option<String> {
        let nspawn = self.container.borrow().as_ref()?.id();
        let children = fs::read_to_string(format!("/proc/{nspawn}/task/{nspawn}/children")).ok()?;
        let first = children.split_whitespace().next()?.to_owned();
        let name = fs::read_to_string(format!("/proc/{first}/comm")).ok()?;
        // Before that it is nspawn's own helper, still in this machine's namespaces.
        (name.trim() == "systemd").then_some(first)
    }

    fn console(&self) -> PathBuf {
        self.directory.join("console")
    }

    fn last_words(&self) -> String {
        let console = fs::read_to_string(self.console()).unwrap_or_default();
        let lines: Vec<&str> = console.lines().collect();
        lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
    }
}

/// Gives the host its address at every boot.
fn address_unit(address: &str) -> String {
    format!(
        "[Unit]\nDefaultDependencies=no\nBefore=network.target\nWants=network.target\n\n\
         [Service]\nType=oneshot\nRemainAfterExit=yes\n\
         ExecStart=/bin/ip address add {address}/16 dev host0\n\
         ExecStart=/bin/ip link set host0 up\n"
    )
}
