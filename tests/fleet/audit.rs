//! `timefleet audit`: what is, against what should be; nothing is changed.

use crate::Story;
use crate::apply::wait_for_stratum;
use crate::host::Host;
use crate::orchard::{CONFIG, FleetReport, HOSTS, footprint, inventory_with, managed};
use crate::site::Site;

pub(crate) const STORIES: &[Story] = &[
    ("audit: an untouched fleet has nothing to report", untouched),
    ("audit: a hand edit of the file", hand_edit),
    ("audit: an agent that runs an older file", older_file),
    ("audit: a stopped service", stopped),
    ("audit: an unsynchronised clock", unsynchronised),
];

/// Kinds of what differs on a host.
fn drift(report: &FleetReport, host: &str) -> Vec<String> {
    let drift = report.details(host).drift;
    let kind = |drift| serde_json::to_value(drift).unwrap()["what"].as_str().unwrap().to_owned();
    drift.iter().map(kind).collect()
}

/// Audits, and nothing has changed afterwards.
fn audit(site: &Site, path: &str, status: i32) -> FleetReport {
    let before: Vec<_> = site.hosts().iter().map(footprint).collect();
    let audited = site.timefleet(&["audit", path, "--output", "json"]).ends(status);
    assert_eq!(site.hosts().iter().map(footprint).collect::<Vec<_>>(), before);
    FleetReport::of(&audited)
}

fn untouched(site: &Site) {
    let path = managed(site);
    let report = audit(site, &path, 0);
    assert_eq!(HOSTS.map(|host| report.clock(host)), ["local", "synced", "synced"]);
    for host in HOSTS {
        assert!(drift(&report, host).is_empty());
    }
}

/// Adds a line to the configuration file the way a person does.
fn edit(host: &Host) {
    host.must(&format!("echo 'maxdistance 2.5' >>{CONFIG}"));
}

fn hand_edit(site: &Site) {
    let path = managed(site);
    edit(site.host("web1"));
    let report = audit(site, &path, 3);
    assert!(drift(&report, "web1").contains(&"changed".to_owned()));
    assert_eq!(["ntp-a", "web2"].map(|host| drift(&report, host).len()), [0, 0]);
    site.timefleet(&["audit", &path]).ends(3).prints("-maxdistance 2.5");
    // The agent has not read it: with the old content back, all is well.
    managed(site);
    audit(site, &path, 0);
}

fn older_file(site: &Site) {
    let path = managed(site);
    let web2 = site.host("web2");
    let wished = web2.file(CONFIG).unwrap();
    edit(web2);
    web2.must("systemctl restart timefleet-agent");
    web2.write(CONFIG, &wished);
    // A clock that is not synchronised yet would be the worse finding.
    wait_for_stratum(web2, "11");
    let report = audit(site, &path, 3);
    assert_eq!(drift(&report, "web2"), ["runs_older_config"]);
    assert_eq!(["ntp-a", "web1"].map(|host| drift(&report, host).len()), [0, 0]);
    // The next apply only has to restart it.
    let applied = site.timefleet(&["apply", &path, "--output", "json"]).ends(0);
    assert_eq!(FleetReport::of(&applied).steps("web2"), ["restart"], "{applied}");
    audit(site, &path, 0);
}

fn stopped(site: &Site) {
    let path = managed(site);
    site.host("web1").must("systemctl stop timefleet-agent");
    let report = audit(site, &path, 1);
    assert_eq!(drift(&report, "web1"), ["stopped"]);
    assert_eq!(HOSTS.map(|host| report.clock(host)), ["local", "stopped", "synced"]);
    site.timefleet(&["audit", &path]).ends(1).line_about("web1", "stopped");
    managed(site);
    audit(site, &path, 0);
}

fn unsynchronised(site: &Site) {
    managed(site);
    // Nobody has that address.
    let path =
        site.inventory(&inventory_with("web2", "time: { upstreams: [{ server: 10.20.9.9, iburst: true }] }"));
    site.timefleet(&["apply", &path, "--wait", "3s"]).ends(4).line_about("web2", "unsynchronised");
    let report = audit(site, &path, 4);
    assert_eq!(HOSTS.map(|host| report.clock(host)), ["local", "synced", "unsynchronised"]);
    for host in HOSTS {
        assert!(drift(&report, host).is_empty());
    }
}
