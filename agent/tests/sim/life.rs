//! How agents begin and end, and what they leave behind.

use timefleet_agent::config;
use timefleet_agent::engine::{Drift, DumpRefusal, Engine, Setup};
use timefleet_agent::keys;
use timefleet_agent::leap_list::LeapList;
use timefleet_agent::record::LogFile;
use timefleet_agent::report::ClockControl;
use timefleet_agent::time::{Moment, Ppm, Wall};

use super::World;
use crate::node::Machine;

impl World {
    /// An agent that starts on a machine.
    pub(super) fn agent(
        &mut self,
        machine: Machine,
        configuration: &str,
        kernel_frequency: Ppm,
        now: Moment,
    ) -> Engine {
        let config = config::parse("story", configuration).unwrap();
        let seed = self.chance.seed();
        let control = if machine.steered {
            ClockControl::Steered
        } else {
            ClockControl::LeftAlone { reason: "told so by -x".to_owned() }
        };
        let knows_leaps = config.leap_source.is_some();
        let setup = Setup {
            config,
            family: None,
            control,
            kernel_frequency,
            drift: machine.drift,
            keys: keys::parse("keys", machine.keys).unwrap(),
            seed,
            precision: -25,
            built: Wall(super::BUILT * 1_000_000_000),
        };
        let mut engine = Engine::new(setup, now);
        if knows_leaps {
            let list = LeapList::parse(include_str!("../leap/fiction.list")).unwrap();
            engine.handle_leap_list(now, list);
        }
        engine
    }

    /// The node's agent ends, something happens, and another starts with what the first has left, if that is
    /// wanted. Returns what came of each dump.
    pub(crate) fn restart(
        &mut self,
        node: usize,
        machine: Machine,
        configuration: &str,
        meanwhile: impl FnOnce(&mut Self),
        takes_dumps: bool,
    ) -> Vec<Result<usize, DumpRefusal>> {
        let moment = self.advance(node);
        self.nodes[node].engine.handle_shutdown(moment);
        self.settle(node);
        let moment = self.advance(node);
        let dumps = self.nodes[node].engine.dumps(moment, moment.mono.0);
        // Nobody is there to hear what comes meanwhile.
        self.nodes[node].gave_up = true;
        meanwhile(self);
        let moment = self.advance(node);
        let frequency = self.nodes[node].kernel.frequency();
        let mut engine = self.agent(machine, configuration, frequency, moment);
        let take = |dump| engine.handle_dump(moment, moment.mono.0, dump);
        let taken = if takes_dumps { dumps.iter().map(take).collect() } else { Vec::new() };
        self.nodes[node].engine = engine;
        self.nodes[node].gave_up = false;
        self.settle(node);
        taken
    }

    /// The lines of one of the node's log files.
    pub(crate) fn log_file(&self, node: usize, file: LogFile) -> Vec<String> {
        let records = self.nodes[node].records.iter().filter(|record| record.file() == file);
        records.map(ToString::to_string).collect()
    }

    /// The node's agent wanted samples to be written to files.
    pub(crate) fn has_dumped(&self, node: usize) -> bool {
        self.nodes[node].has_dumped
    }

    /// What the drift file holds.
    pub(crate) fn saved_drift(&self, node: usize) -> Option<Drift> {
        self.nodes[node].saved
    }
}
