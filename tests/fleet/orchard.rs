//! The fleet that the stories manage: an isolated server and two clients of it.

use serde_json::Value;
use timefleet_agent::report::HostReport;

use crate::command::Ran;
use crate::host::Host;
use crate::site::Site;

/// Nothing outside the site is needed, and the hosts' shared clock is left alone.
const INVENTORY: &str = r#"fleet: orchard
defaults:
  ssh: { user: ops, identity: ~/.ssh/id_ed25519, known_hosts: ~/.ssh/known_hosts, become: true }
  take_over: true
  time: { control_clock: false }
groups:
  servers:
    role: server
    time:
      allow: [10.20.0.0/16]
      local: { stratum: 10, orphan: true, distance: 0.1 }
    hosts:
      ntp-a: { address: 10.20.0.11 }
  clients:
    role: client
    time:
      upstreams: [{ group: servers, iburst: true }]
      maxdistance: 16.0
      ipv4_only: true
      makestep: { threshold: 1.0, limit: 3 }
    hosts:
      web1: { address: 10.20.1.1 }
      web2: { address: 10.20.1.2 }
"#;

/// Names of the hosts.
pub(crate) const HOSTS: [&str; 3] = ["ntp-a", "web1", "web2"];
/// The configuration file of a managed host.
pub(crate) const CONFIG: &str = "/etc/timefleet/agent.conf";
/// The unit of a managed host.
pub(crate) const UNIT: &str = "/etc/systemd/system/timefleet-agent.service";

/// The inventory.
pub(crate) fn inventory() -> String {
    INVENTORY.to_owned()
}

/// The inventory with more keys for one host, as `key: value, key: value`.
pub(crate) fn inventory_with(host: &str, keys: &str) -> String {
    let (plain, more) = (format!("{host}: {{ "), format!("{host}: {{ {keys}, "));
    assert!(INVENTORY.contains(&plain), "no {host} in the inventory");
    INVENTORY.replace(&plain, &more)
}

/// The inventory without one of its clients.
pub(crate) fn inventory_without(host: &str) -> String {
    let start = format!("      {host}: {{");
    let kept: Vec<&str> = INVENTORY.lines().filter(|line| !line.starts_with(&start)).collect();
    kept.join("\n")
}

/// Brings a host back to where it was when it was first met.
pub(crate) fn as_found(host: &Host) {
    host.must(&format!(
        "if [ -e {UNIT} ]; then systemctl disable --quiet --now timefleet-agent; fi
         rm -rf /opt/timefleet /etc/timefleet /var/lib/timefleet /run/timefleet {UNIT}
         systemctl daemon-reload && systemctl reset-failed
         cp /usr/share/chrony/chrony.conf /etc/chrony/chrony.conf
         systemctl enable --quiet chrony && systemctl restart chrony"
    ));
}

/// Makes every host what the inventory wants; the inventory's path.
pub(crate) fn managed(site: &Site) -> String {
    let path = site.inventory(INVENTORY);
    site.timefleet(&["apply", &path]).ends(0);
    path
}

/// Every file that timefleet has put on a host, with its content's sum.
pub(crate) fn footprint(host: &Host) -> String {
    host.must(&format!(
        "find /opt/timefleet /etc/timefleet {UNIT} -type f -exec sha256sum {{}} + 2>/dev/null | sort -k 2"
    ))
}

/// The fleet report of `--output json`.
pub(crate) struct FleetReport(Value);

impl FleetReport {
    /// Reads what a run printed.
    #[track_caller]
    pub(crate) fn of(ran: &Ran) -> Self {
        match serde_json::from_str(&ran.stdout) {
            Ok(report) => Self(report),
            Err(cause) => panic!("should have printed JSON: {cause}\n{ran}"),
        }
    }

    /// What is said of one host.
    #[track_caller]
    pub(crate) fn host(&self, name: &str) -> &Value {
        let hosts = self.0["hosts"].as_array().unwrap_or_else(|| panic!("no hosts in\n{:#}", self.0));
        match hosts.iter().find(|host| host["name"] == name) {
            Some(host) => host,
            None => panic!("no {name} in\n{:#}", self.0),
        }
    }

    /// State of a host's clock, the word for people.
    #[track_caller]
    pub(crate) fn clock(&self, name: &str) -> &str {
        self.host(name)["state"].as_str().unwrap_or_else(|| panic!("no state in\n{:#}", self.host(name)))
    }

    /// What the host said of itself.
    #[track_caller]
    pub(crate) fn details(&self, name: &str) -> HostReport {
        let report = self.host(name)["report"].clone();
        serde_json::from_value(report).unwrap_or_else(|cause| panic!("{cause} in\n{:#}", self.host(name)))
    }

    /// Kinds of the steps that were done, or are to be done.
    #[track_caller]
    pub(crate) fn steps(&self, name: &str) -> Vec<&str> {
        let steps = self.host(name)["steps"].as_array();
        let steps = steps.unwrap_or_else(|| panic!("no steps in\n{:#}", self.host(name)));
        steps.iter().map(|step| step["step"].as_str().unwrap()).collect()
    }
}
