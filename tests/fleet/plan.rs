//! `timefleet plan`: what an apply would change, and nothing is changed.

use crate::Story;
use crate::orchard::{CONFIG, HOSTS, UNIT, as_found, footprint, inventory, managed};
use crate::site::Site;

pub(crate) const STORIES: &[Story] = &[
    ("plan: before the first apply, a diff for each host", before_the_first_apply),
    ("plan: after an apply, nothing to do", after_an_apply),
];

fn before_the_first_apply(site: &Site) {
    site.hosts().iter().for_each(as_found);
    let path = site.inventory(&inventory());
    let plan = site.timefleet(&["plan", &path]).ends(3);
    let wanted = [
        "+local stratum 10 orphan distance 0.1",
        "+allow 10.20.0.0/16",
        "+server 10.20.0.11 iburst",
        "+maxdistance 16",
        "+makestep 1",
        "chrony.service",
        CONFIG,
        UNIT,
    ];
    let plan = wanted.into_iter().fold(plan, |plan, text| plan.prints(text));
    HOSTS.into_iter().fold(plan, |plan, host| plan.prints(host));
    for host in site.hosts() {
        assert_eq!(footprint(host), "");
        assert_eq!(host.must("systemctl is-active chrony"), "active");
        // The agent that looked around there left nothing of itself.
        assert_eq!(host.must("find / -xdev -name '*timefleet*' -not -path '/proc/*'"), "");
        assert_eq!(host.must("find /run /tmp -name '*timefleet*'"), "");
    }
}

fn after_an_apply(site: &Site) {
    let path = managed(site);
    site.timefleet(&["plan", &path]).ends(0).omits(CONFIG);
}
