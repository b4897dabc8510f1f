//! What is simulated: hosts, links, and what happens to them.

use super::link::Link;
use super::world::Upset;

/// Who serves time to whom. The client is the last host.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Topology {
    /// So many perfect servers, all asked by the client.
    Servers(usize),
    /// Layers of so many servers, each asking all of the layer above; so many at the top are wrong by a second.
    Strata { layers: usize, width: usize, liars: usize },
}

/// One story.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) seconds: i64,
    /// From when on its errors count.
    pub(crate) settle: usize,
    /// Converged: from when on the error stays below this for a minute.
    pub(crate) good: f64,
    pub(crate) topology: Topology,
    pub(crate) link: Link,
    /// The client's clock at the start: seconds ahead, and how much too fast.
    pub(crate) ahead: f64,
    pub(crate) fast: f64,
    /// Of all clocks but those at the top.
    pub(crate) wander: f64,
    /// Are servers configured by name?
    pub(crate) by_name: bool,
    /// Options of the client's `server` lines, and its other lines.
    pub(crate) options: &'static str,
    pub(crate) lines: &'static str,
    /// When, in seconds, and what.
    pub(crate) upsets: &'static [(i64, Upset)],
    /// What chronyd's development version of June 2026 gave under another simulator.
    pub(crate) reference: Option<Reference>,
}

/// A row of figures that were measured elsewhere: converged, time RMS, time maximum, frequency RMS, requests.
pub(crate) type Reference = [f64; 5];

impl Scenario {
    const USUAL: Self = Self {
        name: "default",
        seconds: 10_000,
        settle: 2_000,
        good: 1e-3,
        topology: Topology::Servers(1),
        link: Link::USUAL,
        ahead: 0.1,
        fast: 1e-4,
        wander: 1e-9,
        by_name: false,
        options: "",
        lines: "",
        upsets: &[],
        reference: None,
    };

    fn usual(name: &'static str) -> Self {
        Self { name, ..Self::USUAL }
    }

    fn long(name: &'static str, settle: usize) -> Self {
        Self { seconds: 20_000, settle, ..Self::usual(name) }
    }

    fn measured(self, reference: Reference) -> Self {
        Self { reference: Some(reference), ..self }
    }
}

/// The scenarios that chronyd's figures are known of.
pub(crate) fn known() -> Vec<Scenario> {
    let step = "makestep 1 3\n";
    vec![
        Scenario::usual("default").measured([131.0, 7.6e-5, 1.6e-4, 4.6e-8, 36.0]),
        Scenario { options: "iburst", lines: step, ..Scenario::usual("iburst") }
            .measured([6.0, 7.5e-5, 1.6e-4, 4.7e-8, 36.0]),
        Scenario {
            link: Link { jitter: 1e-2, ..Link::USUAL },
            good: 1e-2,
            ..Scenario::long("jitter-1e-2", 5_000)
        }
        .measured([131.0, 1.7e-3, 2.9e-3, 5.3e-7, 49.0]),
        Scenario { wander: 1e-7, ..Scenario::long("wander-1e-7", 2_000) }
            .measured([131.0, 1.4e-4, 5.5e-4, 2.9e-6, 309.0]),
        Scenario { ahead: 1000.0, lines: step, ..Scenario::usual("step") }
            .measured([130.0, 7.7e-5, 1.6e-4, 4.6e-8, 36.0]),
        Scenario {
            link: Link { jitter: 5e-4, up: 0.06, down: 1.94, ..Link::USUAL },
            ..Scenario::long("asymmetric", 5_000)
        }
        .measured([163.0, 8.5e-5, 2.0e-4, 1.7e-7, 58.0]),
        Scenario {
            topology: Topology::Strata { layers: 3, width: 3, liars: 1 },
            link: Link { base: 1e-3, ..Link::USUAL },
            ..Scenario::long("strata", 5_000)
        }
        .measured([456.0, 1.9e-4, 3.3e-4, 6.5e-8, 153.0]),
        Scenario { options: "minpoll 6 maxpoll 6", ..Scenario::long("poll-6", 2_000) }
            .measured([131.0, 2.5e-5, 6.3e-5, 9.4e-8, 310.0]),
        Scenario {
            link: Link { base: 5e-5, jitter: 1e-5, ..Link::USUAL },
            options: "minpoll 4 maxpoll 4 iburst",
            good: 1e-4,
            ..Scenario::long("lan", 2_000)
        }
        .measured([6.0, 2.5e-6, 8.9e-6, 5.8e-8, 1241.0]),
    ]
}

/// Others, so that nothing is made for the known ones alone.
pub(crate) fn further() -> Vec<Scenario> {
    let link = Link::USUAL;
    vec![
        Scenario { wander: 1e-8, ..Scenario::long("wander-1e-8", 2_000) },
        Scenario { wander: 0.0, ..Scenario::long("wander-0", 2_000) },
        Scenario { link: Link { jitter: 1e-3, ..link }, good: 3e-3, ..Scenario::long("jitter-1e-3", 5_000) },
        Scenario {
            link: Link { jitter: 1e-3, ..link },
            wander: 1e-8,
            good: 3e-3,
            ..Scenario::long("jitter-and-wander", 5_000)
        },
        Scenario { link: Link { jitter: 1e-5, ..link }, ..Scenario::long("jitter-1e-5", 2_000) },
        Scenario { link: Link { loss: 0.2, ..link }, ..Scenario::long("loss", 2_000) },
        Scenario { topology: Topology::Servers(3), by_name: true, ..Scenario::long("three-servers", 2_000) },
        Scenario {
            topology: Topology::Servers(5),
            link: Link { jitter: 1e-3, ..link },
            good: 3e-3,
            ..Scenario::long("five-servers-jitter", 5_000)
        },
        Scenario { upsets: &[(8_000, Upset::Frequency(1e-5))], ..Scenario::long("frequency-jump", 2_000) },
        Scenario { upsets: &[(8_000, Upset::Step(0.01))], ..Scenario::long("time-jump", 2_000) },
        Scenario {
            link: Link { turns: Some((600.0, 3_000.0)), ..link },
            ..Scenario::long("intermittent", 5_000)
        },
        Scenario {
            link: Link { jitter: 1e-3, up: 0.0, down: 2.0, ..link },
            good: 3e-3,
            ..Scenario::long("very-asymmetric", 5_000)
        },
        Scenario {
            link: Link { base: 1e-2, jitter: 2e-3, ..link },
            options: "iburst minpoll 6 maxpoll 6",
            lines: "makestep 1 3\n",
            good: 1e-2,
            ..Scenario::long("wan-poll-6", 5_000)
        },
        Scenario {
            link: Link { base: 5e-5, jitter: 1e-5, ..link },
            options: "minpoll 0 maxpoll 0 iburst",
            good: 1e-4,
            ..Scenario::usual("lan-poll-0")
        },
        Scenario { options: "minpoll 10 maxpoll 10 iburst", ..Scenario::long("poll-10", 8_000) },
        Scenario { fast: 4e-4, ahead: -0.3, ..Scenario::usual("far-off") },
        Scenario { options: "minpoll 6 maxpoll 6 xleave", ..Scenario::long("interleaved", 2_000) },
        Scenario { options: "minpoll 3 maxpoll 3 filter 8", ..Scenario::long("filter", 2_000) },
        Scenario {
            topology: Topology::Strata { layers: 1, width: 4, liars: 1 },
            options: "iburst",
            lines: "makestep 1 3\n",
            ..Scenario::long("one-liar-of-four", 2_000)
        },
        Scenario {
            link: Link { base: 2e-2, jitter: 5e-3, up: 1.5, down: 0.5, loss: 0.05, ..link },
            topology: Topology::Servers(4),
            options: "iburst",
            lines: "makestep 1 3\n",
            wander: 1e-8,
            good: 1e-2,
            ..Scenario::long("internet", 5_000)
        },
    ]
}
