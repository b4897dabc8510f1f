//! How many requests a second the agent answers, beside other servers in the same run: `cargo bench -p timefleet-agent
//! --bench serving` as root. Numbers in a name (`-- 1 10000`) choose how many clients ask; `-- --rounds 1` is quick.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a program of its own that prints, over arrays of one length"
)]

mod gauge;
mod generator;
mod least;
mod measure;
mod peer;
mod site;
mod table;

use std::process::ExitCode;

use generator::Load;
use measure::{Figures, Measuring};
use peer::Peer;
use site::{SERVER, Site};

/// Distinct clients that ask.
const CLIENTS: [u32; 3] = [1, 10_000, 100_000];
/// Each figure is the median of so many.
const ROUNDS: usize = 3;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match *words.as_slice() {
        ["generate", clients, rate, requests, window] => generate(clients, rate, requests, window),
        ["least-one-by-one"] => least::one_by_one(SERVER).map_err(|error| error.to_string()),
        ["least-in-batches"] => least::in_batches(SERVER).map_err(|error| error.to_string()),
        _ => compare(&words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("serving: {error}");
            ExitCode::FAILURE
        }
    }
}

fn generate(clients: &str, rate: &str, requests: &str, window: &str) -> Result<(), String> {
    let wrong = |word: &str| format!("'{word}' is no number");
    generator::run(Load {
        server: SERVER,
        clients: clients.parse().map_err(|_| wrong(clients))?,
        rate: rate.parse().map_err(|_| wrong(rate))?,
        requests: requests.parse().map_err(|_| wrong(requests))?,
        window: window.parse().map_err(|_| wrong(window))?,
    })
}

fn compare(words: &[&str]) -> Result<(), String> {
    let mut rounds = ROUNDS;
    let mut clients: Vec<u32> = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let number = if *word == "--rounds" { words.next().copied().unwrap_or_default() } else { word };
        let number: u32 = number.parse().map_err(|_| format!("'{number}' is no number"))?;
        if *word == "--rounds" { rounds = number.max(1) as usize } else { clients.push(number.max(1)) }
    }
    if clients.is_empty() {
        clients = CLIENTS.to_vec();
    }
    if !nix::unistd::geteuid().is_root() {
        println!("not measured: network namespaces need root");
        return Ok(());
    }
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        println!("not measured: the server and its clients need a processor each, and there is one");
        return Ok(());
    }
    let site = Site::build()?;
    let measuring = Measuring { site: &site };
    let mut peers = Vec::new();
    for peer in Peer::ALL {
        match measuring.greet(peer) {
            Ok(()) => peers.push(peer),
            Err(why) => println!("{} is not measured: {why}", peer.name()),
        }
    }
    println!("the agent is {}", Peer::Agent.program()?.display());
    let instructions: Vec<Option<f64>> =
        peers.iter().map(|peer| told(measuring.instructions(*peer))).collect();
    for clients in clients {
        let mut figures: Vec<Vec<Figures>> = vec![Vec::new(); peers.len()];
        // Side by side: whatever else this machine does meets all of them.
        for _ in 0..rounds {
            for (peer, figures) in peers.iter().zip(&mut figures) {
                figures.extend(told(measuring.figures(*peer, clients)));
            }
        }
        println!("\n{}", table::of(clients, &peers, &figures, &instructions));
    }
    Ok(())
}

/// What could not be measured is said.
fn told<T>(measured: Result<T, String>) -> Option<T> {
    measured.map_err(|why| println!("not measured: {why}")).ok()
}
