//! The guest's first process: brings the guest up, lets a story happen, switches it off.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};

use super::Story;
use super::image::MODULES;
use super::machine::{SAYS, WELL};

/// The host, as slirp shows it.
pub(crate) const HOST: &str = "10.0.2.2";

/// Where the story's server is.
pub(crate) struct Guest {
    pub(crate) port: u16,
}

impl Guest {
    /// The server for [`super::sntp`].
    pub(crate) fn server(&self) -> String {
        format!("{HOST}:{}", self.port)
    }

    /// The server on a line of the configuration, asked every second or two.
    pub(crate) fn line(&self) -> String {
        format!("server {HOST} port {} iburst minpoll 0 maxpoll 1", self.port)
    }
}

/// A line for people: what was measured.
pub(crate) fn say(text: &str) {
    println!("{SAYS}{text}");
}

/// Never returns: the machine is off at the end.
pub(crate) fn run(stories: &[Story]) -> ! {
    let told = catch_unwind(AssertUnwindSafe(|| {
        let guest = bring_up();
        let name = std::env::var("TF_STORY").unwrap();
        let story = stories.iter().find(|story| story.name == name).unwrap();
        (story.inside)(&guest);
    }));
    if told.is_ok() {
        println!("{WELL}");
    }
    let error = reboot(RebootMode::RB_POWER_OFF);
    panic!("the machine stays on: {error:?}");
}

fn bring_up() -> Guest {
    for (kind, place) in
        [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/run"), ("tmpfs", "/tmp")]
    {
        mount(Some(kind), place, Some(kind), MsFlags::empty(), None::<&str>).expect(place);
    }
    fs::write("/etc/nsswitch.conf", "hosts: dns\n").unwrap();
    fs::write("/etc/resolv.conf", "nameserver 127.0.0.1\n").unwrap();
    for module in MODULES {
        busybox(&format!("insmod /modules/{module}.ko"));
    }
    busybox("ip link set lo up");
    busybox("ip link set eth0 up");
    busybox("ip address add 10.0.2.15/24 dev eth0");
    Guest { port: std::env::var("TF_PORT").unwrap().parse().unwrap() }
}

fn busybox(words: &str) {
    let status = Command::new("/bin/busybox").args(words.split(' ')).status().unwrap();
    assert!(status.success(), "{words}: {status}");
}
