//! What an operator finds on the hosts before timefleet has ever been there.

use crate::Story;
use crate::clock::has_sys_time;
use crate::site::Site;

pub(crate) const STORIES: &[Story] = &[
    ("arrival: Debian's chronyd keeps the time", chronyd_keeps_the_time),
    ("arrival: nothing on a host can set this machine's clock", nothing_can_set_the_clock),
    ("arrival: a host keeps its files when it reboots or loses power", files_outlive_a_boot),
];

fn chronyd_keeps_the_time(site: &Site) {
    for host in site.hosts() {
        assert_eq!(host.must("systemctl is-active chrony"), "active");
        assert_eq!(host.must("systemctl is-enabled chrony"), "enabled");
        assert_eq!(
            site.ssh(host, "whoami; sudo whoami; hostname").line(),
            format!("ops\nroot\n{}", host.name)
        );
    }
}

fn nothing_can_set_the_clock(site: &Site) {
    for host in site.hosts() {
        // First what is allowed, only then the attempt, and that with the time it is anyway.
        for status in [host.must("cat /proc/1/status"), host.must("cat /proc/self/status")] {
            for set in ["CapBnd:", "CapPrm:", "CapEff:"] {
                assert!(!has_sys_time(&status, set), "{}: CAP_SYS_TIME in {set}\n{status}", host.name);
            }
        }
        let set = r#"date --set "$(date)""#;
        for refused in [host.run(set), site.ssh(host, &format!("sudo {set}"))] {
            assert_eq!(refused.ends(1).stderr, "date: cannot set date: Operation not permitted\n");
        }
    }
}

fn files_outlive_a_boot(site: &Site) {
    let web1 = site.host("web1");
    web1.must("echo kept >/var/lib/kept && sync");
    let boot = || {
        web1.must(
            "cat /proc/sys/kernel/random/boot_id; systemctl show --property UserspaceTimestampMonotonic",
        )
    };
    let first = boot();
    site.reboot("web1");
    assert_eq!(web1.must("cat /var/lib/kept"), "kept");
    let second = boot();
    assert_ne!(second, first);
    web1.pull_plug();
    assert!(site.ssh(web1, "true").status == Some(255));
    site.power_on("web1");
    assert_eq!(web1.must("cat /var/lib/kept && rm /var/lib/kept"), "kept");
    site.ssh(web1, "true").ends(0);
    assert_ne!(boot(), second);
}
