//! A million datagrams, random ones and valid ones with random changes, against a running agent: at its NTP port, at its
//! command port and, from the address of one of its own servers, at its client's sockets. It neither ends nor grows nor
//! believes anything, and none of them is lost on the way to it. It leaves the clock alone (`-x`); what it would do to it is
//! what `tracking` shows.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests are not recognised as ones"
)]

#[path = "hostile/dice.rs"]
mod dice;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dice::Dice;
use tempfile::TempDir;
use timefleet_agent::chronyc::ask;
use timefleet_agent::chronyc::wire::{Reply, Request, Tracking};

const AT_EACH_PORT: usize = 500_000;
/// How often the client has to be answered madly.
const FEWEST: usize = 50;
/// What surely fits into a socket's queue.
const BATCH: usize = 100;
const LONGEST: usize = 400;
const PATIENCE: Duration = Duration::from_secs(60);
/// Growth that is noise: pages touched for the first time.
const NOISE_KB: u64 = 1_000;

/// Loopback addresses of this test process alone.
fn address(host: u8) -> String {
    let [.., high, low] = std::process::id().to_be_bytes();
    format!("127.{}.{high}.{low}", 120 + host)
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A running agent.
struct Agent {
    child: Child,
    _directory: TempDir,
}

impl Agent {
    fn start(lines: &[String]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_timefleet-agent"))
            .args(["-x", "-4", "-L", "1", "--run-dir", directory.path().to_str().unwrap()])
            .args(lines)
            .args(["bindcmdaddress /", "bindcmdaddress 127.0.0.1"])
            .env_remove("NOTIFY_SOCKET")
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the agent starts");
        Self { child, _directory: directory }
    }

    fn resident_kb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it still runs");
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It runs until it is told otherwise, if the test goes well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of the agent, and a question that it always answers.
struct Port {
    at: SocketAddr,
    question: Vec<u8>,
    socket: UdpSocket,
}

impl Port {
    fn new(at: SocketAddr, question: Vec<u8>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(at).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { at, question, socket }
    }

    /// Everything that was sent before has been read when the answer is there.
    fn answer(&self) -> Vec<u8> {
        self.socket.send(&self.question).unwrap();
        let mut answer = vec![0; 2048];
        let length = self.socket.recv(&mut answer).expect("an answer after what came before");
        answer.truncate(length);
        answer
    }

    /// Sends that many, never more than the agent's queue holds.
    fn flood(&self, count: usize, seeds: &[Vec<u8>], mut dice: Dice) {
        // Its answers are read by nobody.
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for number in 1..=count {
            socket.send_to(&hostile(&mut dice, seeds), self.at).unwrap();
            if number % BATCH == 0 {
                self.answer();
            }
        }
    }

    fn tracking(&self) -> Tracking {
        match ask::parse_reply(&Request::Tracking, 1, &self.answer()) {
            Ok(Reply::Tracking(tracking)) => tracking,
            other => panic!("{other:?}"),
        }
    }
}

/// One in four is nothing but luck.
fn hostile(dice: &mut Dice, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = if dice.below(4) == 0 {
        (0..dice.below(LONGEST)).map(|_| dice.roll() as u8).collect()
    } else {
        dice.mutate(seeds)
    };
    bytes.truncate(LONGEST);
    bytes
}

fn time_requests() -> Vec<Vec<u8>> {
    let mut plain = vec![0; 48];
    plain[0] = 0x23;
    plain[40..].copy_from_slice(b"orchard!");
    let mut signed = plain.clone();
    signed.extend_from_slice(&[0, 0, 0, 1]);
    signed.extend_from_slice(&[7; 16]);
    let old = [&[0x1B][..], &plain[1..]].concat();
    let field = [&plain[..], &[1, 4, 0, 28], &[0; 24]].concat();
    vec![plain, signed, old, field]
}

fn commands() -> Vec<Vec<u8>> {
    (0..=90).filter_map(|number| Some(Request::decode(number, &[])?.encode(1, 0))).collect()
}

/// A server of the agent that has gone mad: many answers to each request, all from the right place, all with the right
/// origin before they are changed. Returns to how many requests; the agent closes its socket after the first few answers.
fn answer_madly(socket: &UdpSocket, is_over: &AtomicBool) -> usize {
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let (begin, mut dice, mut answered, mut request) = (Instant::now(), Dice(3), 0, [0; 512]);
    while !is_over.load(Ordering::Relaxed) || answered < FEWEST {
        let Ok((length, client)) = socket.recv_from(&mut request) else {
            let is_slow = answered < FEWEST && begin.elapsed() > PATIENCE;
            assert!(!is_slow, "the client asked only {answered} times");
            continue;
        };
        if length < 48 {
            continue;
        }
        let mut reply = request[..48].to_vec();
        reply[..4].copy_from_slice(&[0x24, 1, 0, 0xE8]);
        reply[24..32].copy_from_slice(&request[40..48]);
        let seeds = [reply];
        for _ in 0..BATCH {
            socket.send_to(&hostile(&mut dice, &seeds), client).unwrap();
        }
        answered += 1;
    }
    answered
}

/// The kernel's clock: tick, frequency and status.
fn kernel_clock() -> (i64, i64, i32) {
    // SAFETY: timex is a plain C struct of numbers, and modes 0 only reads.
    unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        assert!(libc::adjtimex(&raw mut timex) >= 0);
        (timex.tick, timex.freq, timex.status)
    }
}

/// The kernel's lines about sockets that are bound to this port.
fn sockets(port: u16) -> Vec<String> {
    let table = fs::read_to_string("/proc/net/udp").unwrap();
    let is_local = |line: &&str| {
        let local = line.split_whitespace().nth(1).unwrap_or_default();
        local.ends_with(&format!(":{port:04X}"))
    };
    table.lines().skip(1).filter(is_local).map(str::to_owned).collect()
}

/// Datagrams that the kernel threw away because a socket's queue was full.
fn lost(port: u16) -> u64 {
    let drops = |line: &String| line.split_whitespace().last().and_then(|word| word.parse::<u64>().ok());
    sockets(port).iter().filter_map(drops).sum()
}

#[test]
fn a_million_hostile_datagrams_change_nothing() {
    let (good, mad) = (free_port(), UdpSocket::bind((address(3), 0)).unwrap());
    let _upstream = Agent::start(&[
        "local stratum 8".to_owned(),
        "allow".to_owned(),
        "cmdport 0".to_owned(),
        format!("port {good}"),
        format!("bindaddress {}", address(1)),
    ]);
    let (time, command) = (free_port(), free_port());
    let agent = Agent::start(&[
        format!("server {} port {good} iburst minpoll 0 maxpoll 0 trust", address(1)),
        format!("server {} port {} minpoll -4 maxpoll -4", address(3), mad.local_addr().unwrap().port()),
        format!("port {time}"),
        format!("bindaddress {}", address(2)),
        "allow".to_owned(),
        format!("cmdport {command}"),
    ]);
    let time_port = Port::new(format!("{}:{time}", address(2)).parse().unwrap(), time_requests().remove(0));
    let command_port = Port::new(SocketAddr::from(([127, 0, 0, 1], command)), Request::Tracking.encode(1, 0));
    wait_for("the agent's sockets", || {
        [time, command].iter().all(|port| !sockets(*port).is_empty()).then_some(())
    });
    wait_for("the agent to be synchronised", || (command_port.tracking().stratum == 9).then_some(()));
    let kernel = kernel_clock();
    // What it needs at all, it needs from here on.
    time_port.flood(AT_EACH_PORT / 10, &time_requests(), Dice(10));
    command_port.flood(AT_EACH_PORT / 10, &commands(), Dice(20));
    let (resident, begin) = (agent.resident_kb(), Instant::now());

    let is_over = AtomicBool::new(false);
    let answered = thread::scope(|scope| {
        let mad = scope.spawn(|| answer_madly(&mad, &is_over));
        let floods = [
            scope.spawn(|| time_port.flood(AT_EACH_PORT, &time_requests(), Dice(1))),
            scope.spawn(|| command_port.flood(AT_EACH_PORT, &commands(), Dice(2))),
        ];
        floods.into_iter().for_each(|flood| flood.join().unwrap());
        is_over.store(true, Ordering::Relaxed);
        mad.join().unwrap()
    });

    let (now, tracking) = (agent.resident_kb(), command_port.tracking());
    println!(
        "{} datagrams, and {} to the client's sockets, in {:.1} s; {resident} kB before, {now} kB after",
        2 * AT_EACH_PORT,
        answered * BATCH,
        begin.elapsed().as_secs_f64()
    );
    assert!(now <= resident + NOISE_KB, "{resident} kB before, {now} kB after");
    assert_eq!((lost(time), lost(command)), (0, 0), "datagrams that never reached the agent");
    assert_eq!(tracking.stratum, 9, "{tracking:?}");
    assert!(tracking.correction.0.abs() < 1e-3 && tracking.last_offset.0.abs() < 1e-3, "{tracking:?}");
    assert!(tracking.frequency.0.abs() < 10.0, "{tracking:?}");
    assert_eq!(kernel_clock(), kernel, "somebody touched this machine's clock");
    assert_eq!(time_port.answer().len(), 48);
}
