//! One host fails: a line says why, the others are done all the same, and nothing is left half-written.

use crate::Story;
use crate::orchard::{CONFIG, FleetReport, as_found, footprint, inventory, inventory_with, managed};
use crate::site::Site;

pub(crate) const STORIES: &[Story] = &[
    ("failure: a host that is down", down),
    ("failure: a host that hangs", hanging),
    ("failure: a wrong host key", wrong_host_key),
    ("failure: a refused key", refused_key),
    ("failure: a full disk, for the agent", full_disk_for_the_agent),
    ("failure: a full disk, for the configuration", full_disk_for_the_configuration),
    ("failure: an unwritable directory", unwritable_directory),
    ("failure: an unresolvable upstream", unresolvable_upstream),
];

/// Applies an inventory that fails for web2 alone; every word is in one line about it.
fn fails_for_web2(site: &Site, yaml: &str, words: &[&str]) {
    let path = site.inventory(yaml);
    let applied = site.timefleet(&["apply", &path, "--wait", "5s"]).ends(1);
    let line = applied.line_about("web2", words[0]);
    for word in words {
        assert!(line.contains(word), "no {word:?} in {line:?}\n{applied}");
    }
    let audited = site.timefleet(&["apply", &path, "--wait", "5s", "--output", "json"]).ends(1);
    let report = FleetReport::of(&audited);
    assert_eq!(["ntp-a", "web1"].map(|host| report.clock(host)), ["local", "synced"], "{audited}");
}

fn down(site: &Site) {
    managed(site);
    site.host("web2").pull_plug();
    fails_for_web2(site, &inventory(), &["10.20.1.2"]);
}

fn hanging(site: &Site) {
    managed(site);
    let web2 = site.host("web2");
    web2.must("kill -STOP $(systemctl show --property MainPID --value ssh)");
    fails_for_web2(site, &inventory(), &["10.20.1.2"]);
}

fn wrong_host_key(site: &Site) {
    managed(site);
    let before = footprint(site.host("web2"));
    let stranger = site.host("web1").known_hosts_line().replace("10.20.1.1", "10.20.1.2");
    let known_hosts = site.home().join(".ssh/outdated_known_hosts");
    std::fs::write(&known_hosts, stranger).unwrap();
    let keys = format!("ssh: {{ known_hosts: {} }}", known_hosts.display());
    fails_for_web2(site, &inventory_with("web2", &keys), &["host key", "outdated_known_hosts"]);
    assert_eq!(footprint(site.host("web2")), before);
    assert_eq!(site.host("web2").must("systemctl is-active timefleet-agent"), "active");
}

fn refused_key(site: &Site) {
    managed(site);
    let yaml = inventory_with("web2", "ssh: { identity: ~/.ssh/stranger }");
    fails_for_web2(site, &yaml, &["ops", "stranger"]);
}

fn full_disk_for_the_agent(site: &Site) {
    managed(site);
    let web2 = site.host("web2");
    as_found(web2);
    web2.must("mkdir -p /opt/timefleet/bin && mount -t tmpfs -o size=64k tmpfs /opt/timefleet/bin");
    fails_for_web2(site, &inventory(), &["disk is full", "/opt/timefleet/bin"]);
    assert_eq!(footprint(web2), "");
    assert_eq!(web2.must("find /opt/timefleet/bin -mindepth 1"), "");
    assert_eq!(web2.must("systemctl is-active chrony"), "active");
}

fn full_disk_for_the_configuration(site: &Site) {
    managed(site);
    let web2 = site.host("web2");
    // A disk of its own for the directory, with the same content, and not a byte left.
    web2.must(
        "cp -a /etc/timefleet /var/tmp/kept && mount -t tmpfs -o size=16k,mode=755 tmpfs /etc/timefleet \
         && cp -a /var/tmp/kept/. /etc/timefleet && rm -r /var/tmp/kept \
         && { cat /dev/zero >/etc/timefleet/filler 2>/dev/null || true; }",
    );
    let before = footprint(web2);
    let changed = inventory_with("web2", "time: { maxdistance: 3.0 }");
    fails_for_web2(site, &changed, &["disk full", CONFIG]);
    assert_eq!(footprint(web2), before);
    assert_eq!(web2.must("systemctl is-active timefleet-agent"), "active");
}

fn unwritable_directory(site: &Site) {
    managed(site);
    let web2 = site.host("web2");
    web2.must("mount --bind /etc/timefleet /etc/timefleet && mount -o remount,ro,bind /etc/timefleet");
    let before = footprint(web2);
    let changed = inventory_with("web2", "time: { maxdistance: 3.0 }");
    fails_for_web2(site, &changed, &["not writable", "/etc/timefleet", "Read-only file system"]);
    assert_eq!(footprint(web2), before);
    assert_eq!(web2.must("systemctl is-active timefleet-agent"), "active");
}

fn unresolvable_upstream(site: &Site) {
    managed(site);
    let yaml =
        inventory_with("web2", "time: { upstreams: [{ server: time.nowhere.invalid, iburst: true }] }");
    fails_for_web2(site, &yaml, &["time.nowhere.invalid"]);
}
