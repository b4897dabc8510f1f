//! How well a client keeps the time in simulation: the table of all scenarios, with chronyd's figures where known.
//!
//! `cargo bench -p timefleet-agent --bench accuracy [-- PART OF A NAME]`

#![expect(dead_code, reason = "stories need more of the simulator than the table does")]

#[path = "../tests/sim/accuracy.rs"]
mod accuracy;
#[path = "../tests/sim/chance.rs"]
mod chance;
#[path = "../tests/sim/kernel.rs"]
mod kernel;
#[path = "../tests/sim/link.rs"]
mod link;
#[path = "../tests/sim/node.rs"]
mod node;
#[path = "../tests/sim/world.rs"]
mod world;

fn rms(errors: &[f64]) -> f64 {
    (errors.iter().map(|error| error * error).sum::<f64>() / errors.len() as f64).sqrt()
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    println!("{:30} {:>6} {:>9} {:>9} {:>9} {:>5} | ratio: rms conv packets freq", "", "conv", "rms", "max", "freq", "pkts");
    for scenario in accuracy::SCENARIOS {
        if !wanted.is_empty() && !wanted.iter().any(|part| scenario.name.contains(part.as_str())) {
            continue;
        }
        let f = scenario.median(1..=20);
        print!("{:30} {:6.0} {:9.2e} {:9.2e} {:9.2e} {:5.0}", scenario.name, f.converged, f.time_rms, f.time_max, f.frequency_rms, f.packets);
        match scenario.chronyd {
            Some(c) => println!(" | {:.2} {:.2} {:.2} {:.2}", f.time_rms / c.time_rms, f.converged / c.converged, f.packets / c.packets, f.frequency_rms / c.frequency_rms),
            None => println!(),
        }
    }
}
