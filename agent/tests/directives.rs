//! Every directive of chrony.conf(5), of Debian's 4.3 and of 4.8: which of them are honoured, which are refused, and that
//! none is skipped.

use timefleet_agent::config::{Config, Files, parse, read_lines};

/// A line for each directive that is honoured.
const HONOURED: &[&str] = &[
    "acquisitionport 1123",
    "allow 10.20.0.0/16",
    "authselectmode require",
    "bindacqaddress 192.0.2.1",
    "bindacqdevice eth0",
    "bindaddress 192.0.2.1",
    "bindcmdaddress 192.0.2.1",
    "bindcmddevice eth0",
    "binddevice eth0",
    "clientloglimit 1048576",
    "clockprecision 1e-8",
    "cmdallow 10.20.0.0/16",
    "cmddeny 10.20.0.0/16",
    "cmdport 0",
    "cmdratelimit interval -2 burst 8 leak 1",
    "combinelimit 0",
    "corrtimeratio 2",
    "deny 10.20.0.0/16",
    "driftfile /var/lib/chrony/drift",
    "driftfile /var/lib/chrony/drift interval 600",
    "dscp 46",
    "dumpdir /run/chrony",
    "fallbackdrift 16 19",
    "keyfile /etc/chrony.keys",
    "leapseclist /usr/share/zoneinfo/leap-seconds.list",
    "leapsecmode slew",
    "leapsectz right/UTC",
    "local stratum 10 orphan distance 0.1 activate 0.5 waitsynced 10 waitunsynced 300",
    "lock_all",
    "log measurements rawmeasurements statistics tracking selection",
    "logbanner 0",
    "logchange 0.1",
    "logdir /var/log/chrony",
    "makestep 0.1 3",
    "manual",
    "maxchange 1000 1 2",
    "maxclockerror 10",
    "maxdistance 16",
    "maxdrift 500",
    "maxjitter 0.1",
    "maxsamples 16",
    "maxslewrate 1000",
    "maxupdateskew 10",
    "minsamples 8",
    "minsources 2",
    "noclientlog",
    "opencommands",
    "pidfile /run/chrony/chronyd.pid",
    "pool pool.ntp.org iburst",
    "port 0",
    "ratelimit interval 2 burst 4 leak 3 kod 2",
    "reselectdist 0.1",
    "rtcsync",
    "server ntp1.example.net iburst",
    "sched_priority 1",
    "smoothtime 400 0.001024 leaponly",
    "sourcedir /etc/chrony/sources.d",
    "stratumweight 0",
    "user nobody",
];

/// They name files, which are not at hand here; `agent/src/config/inclusion_tests.rs` reads them.
const OF_FILES: &[&str] = &["confdir /etc/chrony/conf.d", "include /etc/chrony/other.conf"];

/// Stock files of distributions have them; they are read and have no effect, and a note says so.
const NOTED: &[&str] = &["ntsdumpdir /var/lib/chrony"];

const REFUSED: &[&str] = &[
    "broadcast",
    "hwclockfile",
    "hwtimestamp",
    "hwtstimeout",
    "initstepslew",
    "mailonchange",
    "maxntsconnections",
    "nocerttimecheck",
    "nosystemcert",
    "ntpsigndsocket",
    "ntsaeads",
    "ntsntpserver",
    "ntsport",
    "ntsprocesses",
    "ntsratelimit",
    "ntsrefresh",
    "ntsrotate",
    "ntsservercert",
    "ntsserverkey",
    "ntstrustedcerts",
    "peer",
    "ptpdomain",
    "ptpport",
    "refclock",
    "rtcautotrim",
    "rtcdevice",
    "rtcfile",
    "rtconutc",
    "tempcomp",
];

#[test]
fn what_is_honoured_changes_the_configuration_and_is_printed_again() {
    for line in HONOURED {
        let config = parse("x", line).unwrap_or_else(|errors| panic!("{line}: {errors:?}"));
        assert_ne!(config, Config::default(), "'{line}' is read and forgotten");
        let printed = config.to_string();
        let name = line.split(' ').next().unwrap();
        assert!(printed.starts_with(name), "{line}: {printed}");
        assert_eq!(parse("x", &printed), Ok(config), "{line}");
    }
}

#[test]
fn what_names_files_says_that_it_needs_them() {
    for line in OF_FILES {
        let errors = parse("x", line).unwrap_err();
        assert!(errors[0].to_string().contains("it is on the host and cannot be checked here"), "{errors:?}");
    }
}

/// A host without any of the directories that a configuration may name.
struct Bare;

impl Files for Bare {
    fn text(&self, _: &str) -> Result<String, String> {
        Err("there is no such file".to_owned())
    }

    fn names(&self, _: &str) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}

#[test]
fn what_has_no_effect_is_read_and_noted_with_its_place() {
    for line in NOTED {
        let text = format!("port 0\n  {line}\n");
        let reading = read_lines(&Bare, "x", text.lines()).unwrap();
        let notes: Vec<String> = reading.notes.iter().map(ToString::to_string).collect();
        assert_eq!(notes, ["x:2:3: nothing is ever kept there: NTS is not implemented"], "{line}");
        assert_eq!(reading.config, Config { port: 0, ..Config::default() }, "{line}");
        let name = line.split(' ').next().unwrap();
        assert!(parse("x", name).is_err() && parse("x", &format!("{line} more")).is_err(), "{line}");
    }
}

/// What distributions ship, without its comments.
const STOCK: [(&str, &str); 2] = [
    (
        "Debian 12",
        "confdir /etc/chrony/conf.d\npool 2.debian.pool.ntp.org iburst\nsourcedir /run/chrony-dhcp\n\
         sourcedir /etc/chrony/sources.d\nkeyfile /etc/chrony/chrony.keys\n\
         driftfile /var/lib/chrony/chrony.drift\nntsdumpdir /var/lib/chrony\nlogdir /var/log/chrony\n\
         maxupdateskew 100.0\nrtcsync\nmakestep 1 3\nleapsectz right/UTC\n",
    ),
    (
        "RHEL 9",
        "pool 2.rhel.pool.ntp.org iburst\nsourcedir /run/chrony-dhcp\ndriftfile /var/lib/chrony/drift\n\
         makestep 1.0 3\nrtcsync\nkeyfile /etc/chrony.keys\nntsdumpdir /var/lib/chrony\n\
         leapsectz right/UTC\nlogdir /var/log/chrony\n",
    ),
];

#[test]
fn the_stock_files_of_distributions_are_read_as_they_are() {
    for (name, text) in STOCK {
        let reading =
            read_lines(&Bare, "chrony.conf", text.lines()).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        assert_eq!((reading.config.upstreams.len(), reading.notes.len()), (1, 1), "{name}");
        assert!(reading.config.upstreams[0].iburst && reading.config.rtc_sync, "{name}");
    }
}

#[test]
fn what_is_refused_is_refused_with_its_place_and_the_reason() {
    for directive in REFUSED {
        let text = format!("port 0\n  {directive} some words\n");
        let errors = parse("x", &text).expect_err(directive);
        let expected = format!("x:2:3: directive '{directive}' is not supported by the agent: ");
        let said = errors.iter().map(ToString::to_string).collect::<String>();
        let reason = said.strip_prefix(&expected);
        assert!(reason.is_some_and(|reason| reason.len() > 10), "{directive}: {said}");
    }
}

#[test]
fn the_lists_hold_every_directive_once() {
    let name = |line: &&'static str| line.split(' ').next().unwrap();
    let mut names: Vec<&str> =
        HONOURED.iter().chain(OF_FILES).chain(NOTED).chain(REFUSED).map(name).collect();
    names.sort_unstable();
    names.dedup();
    // The manual page of 4.3 has 85; hwtstimeout, leapseclist, ntsaeads, opencommands and ptpdomain came later.
    assert_eq!(names.len(), 90, "{names:?}");
    assert!(parse("x", "dumponexit").is_err(), "nor is a directive of ten years ago skipped");
}
