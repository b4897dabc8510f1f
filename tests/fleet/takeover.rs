//! Another time daemon is there first.

use crate::Story;
use crate::orchard::{HOSTS, as_found, footprint, inventory};
use crate::site::Site;

pub(crate) const STORIES: &[Story] = &[
    ("takeover: without leave, chronyd is left alone and the apply refused", without_leave),
    ("takeover: with leave, chronyd is stopped, disabled, and that is said", with_leave),
];

fn without_leave(site: &Site) {
    site.hosts().iter().for_each(as_found);
    let path = site.inventory(&inventory().replace("take_over: true", "take_over: false"));
    let refused = site.timefleet(&["apply", &path]).ends(1);
    for host in HOSTS {
        let said = refused.line_about(host, "chrony.service");
        assert!(said.contains("take_over"), "{said:?} does not say how to go on");
    }
    for host in site.hosts() {
        assert_eq!(host.must("systemctl is-active chrony"), "active");
        assert_eq!(host.must("systemctl is-enabled chrony"), "enabled");
        assert_eq!(footprint(host).lines().filter(|line| !line.contains("/bin/timefleet-agent-")).count(), 0);
    }
}

fn with_leave(site: &Site) {
    site.hosts().iter().for_each(as_found);
    let path = site.inventory(&inventory());
    let applied = site.timefleet(&["apply", &path]).ends(0);
    for host in site.hosts() {
        host.run("systemctl is-active chrony").prints("inactive");
        host.run("systemctl is-enabled chrony").prints("disabled");
        assert_eq!(host.must("systemctl is-active timefleet-agent"), "active");
        applied.line_about(host.name, "stop and disable chrony.service");
    }
}
