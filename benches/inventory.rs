//! How long the whole process takes for fleets of a thousand, ten thousand and a hundred thousand hosts, and what
//! `ansible-inventory --list` takes for the same hosts.
//!
//! `cargo bench -p timefleet --bench inventory`. Times are the best of several runs: everything else only adds.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark stops at the first thing that is not as it should be, and prints a table"
)]

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

/// Groups that the clients are in, beside the group of servers.
const GROUPS: usize = 200;
/// The word that makes this program the inner half of a measurement.
const MEASURE: &str = "--measure";
/// What is promised for a hundred thousand hosts.
const LARGEST: (f64, f64) = (2.0, 300.0);
/// How much faster than Ansible, at ten thousand hosts.
const FASTER: f64 = 50.0;

fn name(host: usize) -> String {
    format!("host{host:06}")
}

fn address(host: usize) -> String {
    format!("10.{}.{}.{}", host >> 16, (host >> 8) & 255, host & 255)
}

/// Every host with a line of its own, every tenth with a variable that a template uses.
fn ours(hosts: usize) -> String {
    let mut text = String::from(
        "fleet: large
defaults:
  ssh: { user: ops }
  vars: { rack: none }
groups:
  servers:
    role: server
    time:
      upstreams: [{ pool: 0.pool.example, iburst: true }, { pool: 1.pool.example, iburst: true }, { pool: 2.pool.example }]
      allow: [10.0.0.0/8]
      makestep: { threshold: 1, limit: 3 }
    hosts: { \"ntp-[1:4]\": { address: \"10.255.0.[1:4]\" } }
  clients:
    role: client
    time: { upstreams: [{ group: servers, iburst: true }], extra: [\"# rack {{ rack }}\"] }
    children:
",
    );
    for group in 0..GROUPS {
        writeln!(text, "      site{group:03}:").unwrap();
        writeln!(text, "        time: {{ maxdistance: {}.5 }}\n        hosts:", 1 + group % 5).unwrap();
        for host in (group..hosts).step_by(GROUPS) {
            let vars = if host % 10 == 0 { format!(", vars: {{ rack: r{host} }}") } else { String::new() };
            writeln!(text, "          {}: {{ address: {}{vars} }}", name(host), address(host)).unwrap();
        }
    }
    text
}

/// Each host says its site itself, every template of its group uses it.
fn templated(hosts: usize) -> String {
    let mut text = String::from(
        "fleet: large
groups:
  clients:
    role: client
    ssh: { user: \"{{ site }}-ops\" }
    time:
      upstreams: [{ pool: \"0.{{ site }}.example\" }, { pool: \"1.{{ site }}.example\" }, { pool: \"2.{{ site }}.example\" }]
    hosts:
",
    );
    for host in 0..hosts {
        let site = host % GROUPS;
        writeln!(text, "      {}: {{ address: {}, vars: {{ site: s{site} }} }}", name(host), address(host))
            .unwrap();
    }
    text
}

/// Where hosts times hosts would show: a third are orphans in one mesh, a third servers each with a line of its own, and
/// a third clients that follow all of those.
fn everybody(hosts: usize) -> String {
    let mut text = String::from("fleet: large\ngroups:\n");
    let third = hosts / 3;
    for (network, (group, time)) in [
        ("mesh", "role: server, time: { upstreams: [{ group: mesh }], allow: [10.0.0.0/8], local: { orphan: true } }"),
        ("servers", "role: server, time: { upstreams: [{ pool: 0.pool.example }] }"),
        ("clients", "role: client, time: { upstreams: [{ group: servers }] }"),
    ]
    .into_iter()
    .enumerate()
    {
        writeln!(text, "  {group}:\n    {}\n    hosts:", time.replacen(", ", "\n    ", 1)).unwrap();
        for host in 0..third {
            let (own, address) = (address(host), address(host + (network << 16)));
            let allow = match group {
                "servers" => {
                    format!(", time: {{ allow: [10.0.0.0/8, 172{}/32] }}", own.trim_start_matches("10"))
                }
                _ => String::new(),
            };
            writeln!(text, "      {group}-{host}: {{ address: {address}{allow} }}").unwrap();
        }
    }
    text
}

/// What a program of a cloud prints: JSON, all in one line.
fn one_line(hosts: usize) -> String {
    let group = |group: usize| {
        let host = |host| format!("\"{}\": {{\"address\": \"{}\"}}", name(host), address(host));
        let hosts: Vec<String> = (group..hosts).step_by(GROUPS).map(host).collect();
        format!("\"site{group:03}\": {{\"hosts\": {{{}}}}}", hosts.join(", "))
    };
    let groups: Vec<String> = (0..GROUPS).map(group).collect();
    let pools = ["0", "1", "2"].map(|pool| format!("{{\"pool\": \"{pool}.pool.example\"}}")).join(", ");
    format!(
        "{{\"fleet\": \"large\", \"defaults\": {{\"role\": \"client\", \"time\": {{\"upstreams\": [{pools}]}}}}, \"groups\": {{{}}}}}\n",
        groups.join(", ")
    )
}

/// The same hosts and groups for Ansible.
fn theirs(hosts: usize) -> String {
    let mut text = String::from("all:\n  vars: { ansible_user: ops }\n  children:\n");
    for group in 0..GROUPS {
        writeln!(
            text,
            "    site{group:03}:\n      vars: {{ maxdistance: {}.5 }}\n      hosts:",
            1 + group % 5
        )
        .unwrap();
        for host in (group..hosts).step_by(GROUPS) {
            writeln!(text, "        {}: {{ ansible_host: {} }}", name(host), address(host)).unwrap();
        }
    }
    text
}

/// Wall seconds, CPU seconds, peak megabytes.
#[derive(Clone, Copy)]
struct Cost {
    wall: f64,
    cpu: f64,
    peak: f64,
}

/// Runs a program several times, from a process of its own: only there the kernel's account of ended children is that of
/// this program alone.
fn cost(program: &str, arguments: &[&str], runs: usize) -> Cost {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([MEASURE, &runs.to_string(), program])
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", output.status);
    let figures = String::from_utf8(output.stdout).unwrap();
    let mut figures = figures.split_whitespace().map(|figure| figure.parse::<f64>().unwrap());
    let mut next = || figures.next().unwrap();
    Cost { wall: next(), cpu: next(), peak: next() }
}

/// The inner half of [`cost`]: prints three figures.
fn measure(runs: usize, program: &str, arguments: &[String]) {
    let (mut wall, mut cpu_time) = (f64::MAX, f64::MAX);
    for _ in 0..runs {
        let before = cpu();
        let begun = Instant::now();
        let status = Command::new(program)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        wall = wall.min(begun.elapsed().as_secs_f64());
        assert!(status.success(), "{program} {arguments:?}: {status}");
        cpu_time = cpu_time.min(cpu() - before);
    }
    // Kilobytes on Linux.
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() as f64 / 1000.0;
    println!("{wall} {cpu_time} {peak}");
}

fn cpu() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

fn row(what: &str, hosts: usize, cost: Cost) {
    let each = cost.wall / hosts as f64 * 1e6;
    println!("{what:<28} {hosts:>7} {:>9.3} {:>9.3} {:>8.0} {each:>8.1}", cost.wall, cost.cpu, cost.peak);
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, runs, program, rest @ ..] = arguments.as_slice()
        && word == MEASURE
    {
        return measure(runs.parse().unwrap(), program, rest);
    }
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let program = env!("CARGO_BIN_EXE_timefleet");
    println!("{:<28} {:>7} {:>9} {:>9} {:>8} {:>8}", "", "hosts", "wall s", "CPU s", "peak MB", "us/host");
    let mut of_ten_thousand = None;
    let mut of_largest = None;
    for (hosts, runs) in [(1_000, 10), (10_000, 10), (100_000, 5)] {
        let path = write(&format!("ours-{hosts}.yaml"), ours(hosts));
        let cost = cost(program, &["validate", &path], runs);
        row("timefleet validate", hosts, cost);
        if hosts == 10_000 {
            of_ten_thousand = Some(cost);
        }
        of_largest = Some(cost);
    }
    for (what, text) in
        [("  site of each host in vars", templated(100_000)), ("  one line of JSON", one_line(100_000))]
    {
        let path = write("other.yaml", text);
        row(what, 100_000, cost(program, &["validate", &path], 3));
    }
    for hosts in [1_000, 10_000, 100_000] {
        let path = write("other.yaml", everybody(hosts));
        row("  all follow all, mesh and own", hosts, cost(program, &["validate", &path], 3));
    }
    let (mine, largest) = (of_ten_thousand.unwrap(), of_largest.unwrap());
    let ansible = "ansible-inventory";
    let installed = Command::new(ansible).arg("--version").stdout(Stdio::null()).status().is_ok();
    let mut kept = largest.wall <= LARGEST.0 && largest.peak <= LARGEST.1;
    println!();
    if installed {
        let path = write("theirs.yaml", theirs(10_000));
        let theirs = cost(ansible, &["--inventory", &path, "--list"], 2);
        row("ansible-inventory --list", 10_000, theirs);
        let times = theirs.wall / mine.wall;
        println!("at 10,000 hosts timefleet is {times:.0} times as fast (required: {FASTER})");
        kept &= times >= FASTER;
    } else {
        println!("{ansible} is not installed here: nothing to compare with");
    }
    println!(
        "100,000 hosts: {:.2} s and {:.0} MB (required: at most {} s and {} MB)",
        largest.wall, largest.peak, LARGEST.0, LARGEST.1
    );
    if !kept {
        panic!("not kept");
    }
}
