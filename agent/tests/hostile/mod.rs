//! Everything through which strangers' bytes reach the agent's library, as functions of bytes. Each holds what it gets
//! against what has to be true of any input, and panics when it is not. The fuzz targets (`agent/fuzz`) and the seeded
//! mutations (`mutations.rs`) both drive these.

mod client;
pub(crate) mod dice;
mod monitoring;
mod server;
mod texts;

use timefleet_agent::config;
use timefleet_agent::engine::{Engine, Setup};
use timefleet_agent::keys::{self, Keys};
use timefleet_agent::report::ClockControl;
use timefleet_agent::time::{Moment, Mono, Ppm, Seconds, Wall};

pub(crate) use self::client::replies;
pub(crate) use self::monitoring::commands;
pub(crate) use self::server::requests;
pub(crate) use self::texts::{configuration, drift_file, key_file, leap_list, leap_zone};

/// Keys of every kind of length.
const KEYS: &str = "1 MD5 orchard\n2 SHA1 ASCII:orchard\n3 AES128 HEX:0123456789ABCDEF0123456789ABCDEF\n\
                    4 SHA512 ASCII:orchard\n";
/// 2026-11-19; after the agent's own build, whenever that is, dates are in doubt otherwise.
const START: Moment = Moment { mono: Mono(1_000_000_000), wall: Wall(1_795_401_400_000_000_000) };

fn known_keys() -> Keys {
    keys::parse("keys", KEYS).unwrap()
}

fn engine(configuration: &str, control: ClockControl) -> Engine {
    let setup = Setup {
        config: config::parse("hostile", configuration).unwrap(),
        family: None,
        control,
        kernel_frequency: Ppm::ZERO,
        drift: None,
        keys: known_keys(),
        seed: [7; 32],
        precision: -26,
        built: Wall(0),
    };
    Engine::new(setup, START)
}

fn later(now: Moment, span: Seconds) -> Moment {
    Moment { mono: now.mono + span, wall: now.wall + span }
}

/// Cuts one input into several: a byte says how many follow.
fn pieces(mut data: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some((length, rest)) = data.split_first() {
        let (piece, rest) = rest.split_at((*length as usize).min(rest.len()));
        pieces.push(piece);
        data = rest;
    }
    pieces
}
