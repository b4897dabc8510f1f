//! Address families: a kernel that has no IPv6, and an agent that was told to use none.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use super::agent::{Agent, wait_for};
use super::init::{Guest, HOST, say};

const A: u16 = 1;
const AAAA: u16 = 28;
const NAME: &str = "time.story";

/// Follows a server known by its name, serves others, with and without `-4`.
pub(crate) fn without_ipv6(guest: &Guest) {
    assert!(!Path::new("/proc/net/udp6").exists(), "this kernel has IPv6");
    let _names = NameServer::start();
    for options in [&[][..], &["-4"]] {
        let agent = Agent::start(options, &lines(guest));
        follows();
        assert_eq!(served(), 6, "the stratum that it serves");
        agent.stop();
        say(&format!("no IPv6 in the kernel, options {options:?}: follows stratum 5, serves stratum 6"));
    }
}

/// Every socket is looked at all the time, and every question about a name is heard.
pub(crate) fn dash_4(guest: &Guest) {
    let names = NameServer::start();
    let agent = Agent::start(&["-4"], &lines(guest));
    let mut looks = 0;
    wait_for(
        || format!("a client with -4; {:?}", Agent::tracking()),
        || {
            let sockets = ipv6_sockets(agent.pid());
            assert!(sockets.is_empty(), "{sockets:?}");
            looks += 1;
            Agent::tracking().filter(|tracking| tracking.stratum == 6)
        },
    );
    agent.stop();
    let asked = names.take();
    assert!(asked.contains(&A) && !asked.contains(&AAAA), "{asked:?}");
    say(&format!("-4: no IPv6 socket in {looks} looks, asked for the types {asked:?}"));

    // The looks can fail: without -4 there are such sockets and such questions.
    let agent = Agent::start(&[], &lines(guest));
    follows();
    assert!(!ipv6_sockets(agent.pid()).is_empty());
    agent.stop();
    let asked = names.take();
    assert!(asked.contains(&A) && asked.contains(&AAAA), "{asked:?}");
    say(&format!("without -4: IPv6 sockets are there, asked for the types {asked:?}"));
}

fn lines(guest: &Guest) -> String {
    format!("{}\nallow\nmakestep 0.1 3", guest.line().replace(HOST, NAME))
}

fn follows() {
    wait_for(
        || format!("a client; {:?}", Agent::tracking()),
        || Agent::tracking().filter(|tracking| tracking.stratum == 6),
    );
}

/// The stratum in its answer to a client.
fn served() -> u8 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut packet = [0; 48];
    packet[0] = 0x23;
    socket.send_to(&packet, "127.0.0.1:123").unwrap();
    socket.recv(&mut packet).unwrap();
    packet[1]
}

/// The lines of the process's sockets in the kernel's table of IPv6 ones.
fn ipv6_sockets(pid: u32) -> Vec<String> {
    let own: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter_map(|target| Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let table = fs::read_to_string("/proc/net/udp6").unwrap();
    let of_its = |line: &&str| line.split_whitespace().any(|word| own.iter().any(|inode| inode == word));
    table.lines().skip(1).filter(of_its).map(str::to_owned).collect()
}

/// The guest's own name server: every name is the host, and has no other address.
struct NameServer(Arc<Mutex<Vec<u16>>>);

impl NameServer {
    fn start() -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
        let heard = Arc::clone(&asked);
        // It ends with the guest.
        thread::spawn(move || {
            let mut packet = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                let Some((kind, answer)) = answer(&packet[..length]) else { continue };
                heard.lock().unwrap().push(kind);
                let _ = socket.send_to(&answer, from);
            }
        });
        Self(asked)
    }

    /// The types that were asked for since the last time.
    fn take(&self) -> Vec<u16> {
        let mut kinds = std::mem::take(&mut *self.0.lock().unwrap());
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}

/// RFC 1035: the question comes back, with one address behind it when it asked for one.
fn answer(query: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = 12 + query.get(12..)?.iter().position(|byte| *byte == 0)? + 1;
    let kind = u16::from_be_bytes(query.get(end..end + 2)?.try_into().ok()?);
    let mut reply = query.get(..end + 4)?.to_vec();
    reply[2..4].copy_from_slice(&[0x81, 0x80]);
    reply[4..12].copy_from_slice(&[0, 1, 0, u8::from(kind == A), 0, 0, 0, 0]);
    if kind == A {
        reply.extend_from_slice(&[0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 2, 2]);
    }
    Some((kind, reply))
}
