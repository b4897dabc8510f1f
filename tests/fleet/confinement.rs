//! What the agent's service may do on a host, and that it does its work all the same.

use std::time::Duration;

use crate::Story;
use crate::apply::wait_for_stratum;
use crate::command::wait_for;
use crate::host::Host;
use crate::orchard::{CONFIG, FleetReport, as_found, inventory, inventory_with, managed};
use crate::site::Site;

pub(crate) const STORIES: &[Story] = &[
    ("confinement: the service runs as a user of its own with no more rights than it needs", own_user),
    ("confinement: reload, restart and old files of root's", over_time),
    ("confinement: keys for root's eyes only", secret_keys),
];

/// chronyd as Debian 12 runs it has 3.7.
const MOST_EXPOSED: f64 = 2.5;
/// CAP_NET_BIND_SERVICE. A host of the site has no CAP_SYS_TIME to give.
const ONLY_PORTS: &str = "0000000000000400";

/// A line of the agent's /proc/PID/status.
fn status(host: &Host, key: &str) -> String {
    host.must(&format!(
        "sed -n 's/^{key}:[[:space:]]*//p' /proc/$(systemctl show --property MainPID --value timefleet-agent)/status"
    ))
}

fn is_confined(host: &Host) {
    let (uid, gid) = (host.must("id -u timefleet"), host.must("id -g timefleet"));
    assert_ne!(uid, "0");
    assert_eq!(status(host, "Uid"), [uid.as_str(); 4].join("\t"));
    assert_eq!(status(host, "Gid"), [gid.as_str(); 4].join("\t"));
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status(host, set), ONLY_PORTS, "{}: {set}", host.name);
    }
    assert_eq!([status(host, "NoNewPrivs"), status(host, "Seccomp")], ["1", "2"]);
}

fn is_hardly_exposed(host: &Host) {
    let analysed = host.must("systemd-analyze security --no-pager timefleet-agent.service");
    let verdict = analysed.lines().last().unwrap();
    let words = verdict.split("timefleet-agent.service: ").nth(1).unwrap_or_else(|| panic!("{analysed}"));
    let exposure: f64 = words.split_whitespace().next().unwrap().parse().unwrap();
    println!("{}: exposure {exposure} of less than {MOST_EXPOSED}", host.name);
    assert!(exposure < MOST_EXPOSED, "{analysed}");
}

fn own_user(site: &Site) {
    site.hosts().iter().for_each(as_found);
    site.hosts().iter().for_each(|host| {
        host.run("userdel timefleet");
    });
    let applied = site.timefleet(&["apply", &site.inventory(&inventory()), "--output", "json"]).ends(0);
    for host in site.hosts() {
        assert!(FleetReport::of(&applied).steps(host.name).contains(&"add_user"), "{applied}");
        is_confined(host);
        is_hardly_exposed(host);
        assert_eq!(
            host.must("stat -c %U:%G:%a /run/chrony /run/timefleet"),
            "timefleet:timefleet:750\n".repeat(2).trim()
        );
        assert_eq!(host.must("stat -c %U:%a /var/lib/timefleet"), "timefleet:755");
    }
    // The clock is to be steered, and cannot be here: that is told, and no reason not to start.
    let steered = inventory_with("web1", "time: { control_clock: true }");
    site.timefleet(&["apply", &site.inventory(&steered)]).prints("no CAP_SYS_TIME");
    let web1 = site.host("web1");
    is_confined(web1);
    is_hardly_exposed(web1);
    web1.run("systemctl cat timefleet-agent").prints("\nCapabilityBoundingSet=CAP_SYS_TIME ");
    wait_for_stratum(web1, "11");
}

fn over_time(site: &Site) {
    site.hosts().iter().for_each(as_found);
    let web1 = site.host("web1");
    // An agent of before ran as root.
    web1.must("mkdir -p /var/lib/timefleet && echo '1.5 0.1' >/var/lib/timefleet/drift && chmod 600 /var/lib/timefleet/drift");
    let path = managed(site);
    for turn in ["reload", "restart"] {
        web1.must(&format!("systemctl {turn} timefleet-agent"));
        wait_for_stratum(web1, "11");
        is_confined(web1);
        site.ssh(web1, "sudo chronyc -n sources").ends(0).prints("\n^* 10.20.0.11 ");
    }
    assert_eq!(web1.must("stat -c %U:%G /var/lib/timefleet/drift"), "timefleet:timefleet");
    site.timefleet(&["audit", &path]).ends(0);
    web1.must("systemctl stop timefleet-agent && test ! -e /run/chrony && test ! -e /run/timefleet");
    managed(site);
}

fn secret_keys(site: &Site) {
    managed(site);
    let (ntp_a, web1) = (site.host("ntp-a"), site.host("web1"));
    for host in [ntp_a, web1] {
        host.write("/etc/timefleet/keys", "7 SHA1 HEX:0011223344556677889900112233445566778899\n");
        host.must("chown root: /etc/timefleet/keys && chmod 600 /etc/timefleet/keys");
    }
    let keyed = inventory()
        .replace("control_clock: false }", "control_clock: false, extra: [keyfile /etc/timefleet/keys] }");
    site.timefleet(&["apply", &site.inventory(&keyed)]).ends(0);
    let read = |how: &str| {
        web1.must(&format!("sed -i 's/^server 10.20.0.11.*/server 10.20.0.11 iburst key 7/' {CONFIG} && systemctl {how} timefleet-agent"));
    };
    read("restart");
    wait_for_stratum(web1, "11");
    is_confined(web1);
    site.ssh(web1, "sudo chronyc -n authdata").ends(0).prints("SK     7 ");
    // The user may not read them again, and so keeps what it has; the group may let it.
    read("reload");
    let journal = |words: &str| {
        wait_for(words, Duration::from_secs(30), || {
            let journal = web1.run("journalctl --unit timefleet-agent --output cat");
            if journal.stdout.contains(words) { Ok(()) } else { Err(journal.to_string()) }
        });
    };
    journal("keeping the keys and the configuration that were read before");
    site.ssh(web1, "sudo chronyc -n authdata").ends(0).prints("SK     7 ");
    web1.must("chgrp timefleet /etc/timefleet/keys && chmod 640 /etc/timefleet/keys");
    site.ssh(web1, "sudo chronyc rekey").ends(0).prints("200 OK");
    journal("the key file was read: 1 keys");
    read("reload");
    wait_for_stratum(web1, "11");
    is_confined(web1);
    for host in [ntp_a, web1] {
        host.must("rm /etc/timefleet/keys");
    }
    managed(site);
}
