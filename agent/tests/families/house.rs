//! A network that nobody else is in: namespaces with a name server and an NTP server over both families.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::name_server::{NameServer, Question};

/// Set inside the namespaces.
const INSIDE: &str = "TIMEFLEET_TEST_INSIDE";

/// Everything that an agent finds around it.
pub(crate) struct House {
    pub(crate) directory: TempDir,
    names: NameServer,
    server: Child,
}

impl House {
    const V4_ONLY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const V6_ONLY: Ipv6Addr = Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 1);
    const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);
    /// An interface without an address.
    pub(crate) const EMPTY_DEVICE: &str = "empty0";
    /// The NTP server's addresses.
    pub(crate) const V4: IpAddr = IpAddr::V4(Self::V4_ONLY);
    pub(crate) const V6: IpAddr = IpAddr::V6(Self::V6_ONLY);

    /// Runs the story of this name once more, inside new namespaces; `None` = that was done, or cannot be done here.
    pub(crate) fn enter(story: &str) -> Option<Self> {
        if std::env::var_os(INSIDE).is_some() {
            return Some(Self::build());
        }
        if !nix::unistd::geteuid().is_root() {
            println!("left out: {story}: not root");
            return None;
        }
        const NAMESPACES: [&str; 6] = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
        let possible =
            Command::new("unshare").args(NAMESPACES).args(["ip", "link", "set", "lo", "up"]).output();
        if !possible.is_ok_and(|output| output.status.success()) {
            println!("left out: {story}: no right to make networks, or no unshare and ip");
            return None;
        }
        let status = Command::new("unshare")
            .args(NAMESPACES)
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", story, "--nocapture", "--test-threads", "1"])
            .env(INSIDE, "1")
            .status()
            .unwrap();
        assert!(status.success(), "{story}: {status}");
        None
    }

    fn build() -> Self {
        let directory = tempfile::tempdir().unwrap();
        run("ip link set lo up");
        for address in [Self::V4_ONLY, Self::NAME_SERVER] {
            run(&format!("ip address add {address}/32 dev lo"));
        }
        run(&format!("ip address add {}/128 dev lo", Self::V6_ONLY));
        // Routes to a host's own addresses come first everywhere; here, something else can come before them.
        run("ip rule add pref 100 lookup local");
        run("ip rule del pref 0");
        run(&format!("ip link add {} type veth peer name empty1", Self::EMPTY_DEVICE));
        for (file, text) in [
            ("/etc/resolv.conf", format!("nameserver {}\n", Self::NAME_SERVER)),
            ("/etc/nsswitch.conf", "hosts: files dns\n".to_owned()),
        ] {
            let own = directory.path().join(file.rsplit('/').next().unwrap());
            fs::write(&own, text).unwrap();
            run(&format!("mount --bind {} {file}", own.display()));
        }
        let socket = UdpSocket::bind((Self::NAME_SERVER, 53)).unwrap();
        let names = NameServer::start(socket, Self::V4_ONLY, Self::V6_ONLY);
        let place = directory.path().join("server");
        fs::create_dir(&place).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o700)).unwrap();
        let server = Command::new(env!("CARGO_BIN_EXE_timefleet-agent"))
            .arg("--run-dir")
            .arg(&place)
            .args(["-x", "local stratum 1", "allow", "cmdport 0", "bindcmdaddress /"])
            .args([format!("bindaddress {}", Self::V4), format!("bindaddress {}", Self::V6)])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { directory, names, server }
    }

    /// What the name server was asked so far.
    pub(crate) fn questions(&self) -> Vec<Question> {
        self.names.questions()
    }

    /// There is no way to the NTP server over IPv4 any more, or there is one again.
    pub(crate) fn switch_route(&self, on: bool) {
        let change = if on { "del" } else { "add" };
        run(&format!("ip rule {change} pref 50 to {} unreachable", Self::V4));
    }

    /// As on many hosts: the kernel has IPv6, and no interface has an address.
    pub(crate) fn switch_ipv6_off(&self) {
        fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1").unwrap();
        assert_eq!(fs::read_to_string("/proc/net/if_inet6").unwrap(), "");
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // Gone already if it could not start, which the agents will have noticed.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn run(words: &str) {
    let mut words = words.split(' ');
    let status = Command::new(words.next().unwrap()).args(words.clone()).status().unwrap();
    assert!(status.success(), "{:?}", words.collect::<Vec<_>>());
}
