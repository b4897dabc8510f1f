//! The agent and a real chronyd, each as the other's server.

use crate::Story;
use crate::apply::wait_for_stratum;
use crate::orchard::{FleetReport, as_found, inventory_without};
use crate::site::Site;

pub(crate) const STORIES: &[Story] = &[
    ("chronyd: as a client it follows the agent", follows_the_agent),
    ("chronyd: as a server it is followed by the agent", is_followed),
];

fn follows_the_agent(site: &Site) {
    let path = site.inventory(&inventory_without("web2"));
    site.timefleet(&["apply", &path]).ends(0);
    let web2 = site.host("web2");
    as_found(web2);
    web2.write(
        "/etc/chrony/chrony.conf",
        "server 10.20.0.11 iburst\ndriftfile /var/lib/chrony/chrony.drift\n",
    );
    web2.must("systemctl restart chrony");
    wait_for_stratum(web2, "11");
    web2.run("chronyc -n sources").ends(0).prints("\n^* 10.20.0.11 ");
    web2.run("chronyc -n ntpdata").ends(0).prints("Reference ID    : 7F7F0101 ()\n");
    site.ssh(site.host("ntp-a"), "sudo chronyc -n clients").ends(0).prints("\n10.20.1.2 ");
}

fn is_followed(site: &Site) {
    let ntp_a = site.host("ntp-a");
    as_found(ntp_a);
    ntp_a.write("/etc/chrony/chrony.conf", "local stratum 8\nallow 10.20.0.0/16\n");
    ntp_a.must("systemctl restart chrony");
    let path = site.inventory(
        "fleet: orchard\n\
         defaults:\n  \
           ssh: { user: ops, identity: ~/.ssh/id_ed25519, known_hosts: ~/.ssh/known_hosts, become: true }\n  \
           take_over: true\n  \
           time: { control_clock: false, upstreams: [{ server: 10.20.0.11, iburst: true }] }\n\
         groups:\n  \
           clients:\n    \
             role: client\n    \
             hosts:\n      \
               web1: { address: 10.20.1.1 }\n",
    );
    let applied = site.timefleet(&["apply", &path, "--output", "json"]).ends(0);
    let report = FleetReport::of(&applied);
    assert_eq!(report.clock("web1"), "synced", "{applied}");
    let tracking = report.details("web1").tracking.unwrap();
    assert_eq!((tracking.stratum, tracking.address.unwrap().to_string()), (9, "10.20.0.11".to_owned()));
    ntp_a.run("chronyc -n clients").ends(0).prints("\n10.20.1.1 ");
}
