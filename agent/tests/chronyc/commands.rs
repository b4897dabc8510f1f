//! Every command of chronyc(1) that talks to a daemon, what it ends with, and where the two daemons differ.

/// Which way the question goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Udp,
    Unix,
}

/// One command line.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) words: &'static str,
    /// What it is worth waiting for: without it two daemons would be asked in two situations.
    pub(crate) until: &'static [&'static str],
    unix: i32,
    udp: i32,
}

impl Command {
    /// The exit code that chronyc ends with.
    pub(crate) fn exit(&self, over: Over) -> i32 {
        match over {
            Over::Udp => self.udp,
            Over::Unix => self.unix,
        }
    }
}

/// Everybody may read it.
const fn open(words: &'static str) -> Command {
    Command { words, until: &[], unix: 0, udp: 0 }
}

/// Only the Unix socket's owner may.
const fn closed(words: &'static str) -> Command {
    Command { words, until: &[], unix: 0, udp: 1 }
}

/// Everybody may read it, once a source is selected (again).
const fn open_when(words: &'static str, until: &'static [&'static str]) -> Command {
    Command { words, until, unix: 0, udp: 0 }
}

/// Only the Unix socket's owner may, once a source is selected (again).
const fn closed_when(words: &'static str, until: &'static [&'static str]) -> Command {
    Command { words, until, unix: 0, udp: 1 }
}

/// Nobody gets it, for one reason or another.
const fn refused(words: &'static str) -> Command {
    Command { words, until: &[], unix: 1, udp: 1 }
}

pub(crate) const COMMANDS: &[Command] = &[
    // System clock.
    open("tracking"),
    open("-c tracking"),
    refused("makestep"),
    closed("makestep 0.1 3"),
    closed("maxupdateskew 1000"),
    open("waitsync 2 0 0 0.1"),
    // Time sources.
    open("sources"),
    open("sources -a"),
    open("sources -v"),
    open("-c sources -a"),
    open("-N sources -a"),
    open("sourcestats"),
    open("sourcestats -a"),
    open("sourcestats -v"),
    open("-c sourcestats"),
    closed("selectdata"),
    closed("selectdata -a"),
    closed("selectdata -v"),
    closed("-c selectdata -a"),
    closed("reselect"),
    closed("reselectdist 0.0001"),
    // NTP sources.
    open("activity"),
    closed("authdata"),
    closed("authdata -a"),
    closed("authdata -v"),
    closed("ntpdata"),
    closed("ntpdata UPSTREAM"),
    closed("-c ntpdata UPSTREAM"),
    closed("ntpdata SILENT"),
    refused("ntpdata ADDED"),
    closed("add server ADDED port PORT minpoll 3 maxpoll 4 offline prefer"),
    refused("add server ADDED port PORT"),
    refused("add pool ADDED port PORT"),
    closed("minpoll ADDED 4"),
    closed("maxpoll ADDED 5"),
    closed("maxpoll ADDED 3"),
    closed("minpoll ADDED 100"),
    closed("maxdelay ADDED 0.5"),
    closed("maxdelayratio ADDED 3"),
    closed("maxdelaydevratio ADDED 5"),
    closed("minstratum ADDED 2"),
    closed("polltarget ADDED 10"),
    refused("minpoll 192.0.2.1 4"),
    refused("maxdelay 192.0.2.1 1"),
    open_when("sources", &["^* UPSTREAM"]),
    // chronyd gives a new source its letter when it selects the next time.
    closed_when("selectdata", &["* UPSTREAM", "s ADDED"]),
    closed("burst 1/2 ADDED"),
    refused("burst 1/2 192.0.2.1"),
    closed("offline ADDED"),
    closed("online 255.255.255.255/ADDED"),
    refused("offline 192.0.2.0/24"),
    closed("delete ADDED"),
    refused("delete ADDED"),
    closed("delete ID#0000000001"),
    refused("delete ID#0000000001"),
    open_when("sources -a", &["^* UPSTREAM"]),
    closed("onoffline"),
    closed("offline SILENT"),
    open("activity"),
    closed("refresh"),
    closed("reload sources"),
    open("sourcename UPSTREAM"),
    refused("sourcename 192.0.2.1"),
    // Manual time input.
    open("manual list"),
    refused("settime 12:00:00"),
    // NTP access.
    closed("accheck 127.0.0.1"),
    closed("accheck 192.0.2.1"),
    closed("clients"),
    closed("clients -p 2"),
    closed("clients -k"),
    closed("-c clients"),
    closed("clients -r"),
    closed("serverstats"),
    closed("-c serverstats"),
    closed("allow 192.0.2.0/24"),
    closed("accheck 192.0.2.1"),
    closed("deny 192.0.2.1"),
    closed("accheck 192.0.2.1"),
    closed("allow all 192.0.2"),
    closed("accheck 192.0.2.1"),
    closed("deny all"),
    closed("accheck 127.0.0.1"),
    closed("allow"),
    closed("accheck 2001:db8::1"),
    closed("deny"),
    closed("allow all"),
    closed("local stratum 12 distance 0.5 orphan"),
    closed("local"),
    closed("local off"),
    open("tracking"),
    closed("smoothtime activate"),
    open("smoothing"),
    open("-c smoothing"),
    closed("smoothtime reset"),
    // Monitoring access.
    closed("cmdaccheck 127.0.0.1"),
    closed("cmdallow 192.0.2.0/24"),
    closed("cmdaccheck 192.0.2.1"),
    closed("cmddeny all 192.0.2.1"),
    closed("cmdaccheck 192.0.2.1"),
    closed("cmdallow all"),
    closed("cmdaccheck 192.0.2.1"),
    closed("cmddeny"),
    closed("cmddeny all"),
    // Real-time clock.
    refused("rtcdata"),
    refused("trimrtc"),
    refused("writertc"),
    // Other daemon commands.
    closed("cyclelogs"),
    closed("dump"),
    closed("rekey"),
    closed("reset sources"),
    open_when("tracking", &["Not synchronised"]),
    open_when("tracking", &["Leap status : Normal"]),
    // Manual time input, last: it makes the clock wrong until the source says better.
    closed("manual on"),
    closed("settime 12:00:00"),
    open("manual list"),
    refused("manual delete 9"),
    closed("manual delete 0"),
    refused("manual delete 0"),
    closed("manual reset"),
    closed("manual off"),
    refused("settime 12:00:00"),
    // Commands of chrony's own tests.
    refused("dfreq 0"),
    refused("doffset 0"),
    refused("add peer ADDED port PORT"),
    closed("shutdown"),
];

/// A difference that is meant: what chronyd 4.3 says, what the agent says instead, and why.
pub(crate) struct Difference {
    /// Commands whose line contains this.
    pub(crate) command: &'static str,
    pub(crate) chronyd: &'static str,
    pub(crate) agent: &'static str,
    pub(crate) why: &'static str,
}

const fn silent(chronyd: &'static str, agent: &'static str) -> Difference {
    let why = "who never said anything has too few measurements, as newer versions of chronyd have it";
    Difference { command: "selectdata", chronyd, agent, why }
}

pub(crate) const DIFFERENCES: &[Difference] = &[
    silent("s SILENT", "M SILENT"),
    silent("s,SILENT", "M,SILENT"),
    silent("s ADDED", "M ADDED"),
    silent("s ID#0000000001", "M ID#0000000001"),
    silent("s,ID#0000000001", "M,ID#0000000001"),
    Difference {
        command: "add peer",
        chronyd: "200 OK",
        agent: "500 Failure",
        why: "there are no symmetric associations; the log says so",
    },
    Difference {
        command: "dfreq",
        chronyd: "200 OK",
        agent: "500 Failure",
        why: "not in chronyc(1): it makes the clock wrong, for chrony's own tests",
    },
    Difference {
        command: "doffset",
        chronyd: "200 OK",
        agent: "500 Failure",
        why: "not in chronyc(1): it makes the clock wrong, for chrony's own tests",
    },
];
