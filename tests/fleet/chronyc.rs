//! Debian's own chronyc against the running agents, over the Unix socket (root) and over UDP (anybody on the host).

use std::time::Duration;

use crate::Story;
use crate::command::wait_for;
use crate::orchard::{inventory, managed};
use crate::site::Site;

pub(crate) const STORIES: &[Story] = &[
    ("chronyc: tracking, sources, sourcestats and activity over both sockets", open_to_all),
    ("chronyc: clients, ntpdata and makestep over the Unix socket only", for_root),
    ("chronyc: clients and ntpdata over both sockets where opencommands says so", where_opened),
];

fn open_to_all(site: &Site) {
    managed(site);
    let web1 = site.host("web1");
    for chronyc in ["sudo chronyc -n -h /run/chrony/chronyd.sock", "chronyc -n -h 127.0.0.1"] {
        let ask = |question: &str| site.ssh(web1, &format!("{chronyc} {question}")).ends(0);
        ask("tracking")
            .prints("Reference ID    : 0A14000B (10.20.0.11)\n")
            .prints("Stratum         : 11\n")
            .prints("Leap status     : Normal\n");
        ask("sources -v").prints("MS Name/IP address").prints("\n^* 10.20.0.11 ");
        ask("sourcestats").prints("\n10.20.0.11 ");
        // The burst at the start ends soon.
        wait_for("web1: one source online", Duration::from_secs(30), || {
            let activity = ask("activity");
            if activity.stdout.contains("\n1 sources online\n") { Ok(()) } else { Err(activity.to_string()) }
        });
        ask("activity").prints("0 sources with unknown address\n");
        let server = site.ssh(site.host("ntp-a"), &format!("{chronyc} tracking")).ends(0);
        server.prints("Reference ID    : 7F7F0101 ()\n").prints("Stratum         : 10\n");
    }
    // Without being told where: Debian's default socket is the agent's.
    site.ssh(web1, "sudo chronyc tracking").ends(0).prints("Leap status     : Normal\n");
}

fn for_root(site: &Site) {
    managed(site);
    let (ntp_a, web1) = (site.host("ntp-a"), site.host("web1"));
    site.ssh(ntp_a, "sudo chronyc -n clients").ends(0).prints("\n10.20.1.1 ").prints("\n10.20.1.2 ");
    site.ssh(web1, "sudo chronyc -n ntpdata")
        .ends(0)
        .prints("Remote address  : 10.20.0.11 (0A14000B)\n")
        .prints("Remote port     : 123\n")
        .prints("Stratum         : 10\n")
        .prints("Reference ID    : 7F7F0101 ()\n");
    // What chronyd answers when it must not touch the clock either.
    site.ssh(web1, "sudo chronyc makestep").ends(1).prints("500 Failure\n");
    for closed in ["clients", "ntpdata 10.20.0.11", "makestep"] {
        site.ssh(ntp_a, &format!("chronyc -n -h 127.0.0.1 {closed}")).ends(1).prints("501 Not authorised\n");
    }
}

fn where_opened(site: &Site) {
    // The site's own inventory with one more raw line for every host.
    let opened = inventory().replace(
        "  time: { control_clock: false }",
        "  time: { control_clock: false, extra: [opencommands tracking sources activity clients ntpdata] }",
    );
    site.timefleet(&["apply", &site.inventory(&opened)]).ends(0);
    let (ntp_a, web1) = (site.host("ntp-a"), site.host("web1"));
    for chronyc in ["sudo chronyc -n -h /run/chrony/chronyd.sock", "chronyc -n -h 127.0.0.1"] {
        site.ssh(ntp_a, &format!("{chronyc} clients")).ends(0).prints("\n10.20.1.1 ").prints("\n10.20.1.2 ");
        site.ssh(web1, &format!("{chronyc} ntpdata"))
            .ends(0)
            .prints("Remote address  : 10.20.0.11 (0A14000B)\n");
        site.ssh(web1, &format!("{chronyc} sources -v")).ends(0).prints("\n^* 10.20.0.11 ");
        site.ssh(web1, &format!("{chronyc} activity")).ends(0).prints("0 sources with unknown address\n");
        site.ssh(web1, &format!("{chronyc} tracking")).ends(0).prints("Stratum         : 11\n");
    }
    // Looking is all that can be opened.
    site.ssh(web1, "chronyc -n -h 127.0.0.1 makestep").ends(1).prints("501 Not authorised\n");
}
