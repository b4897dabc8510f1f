//! A daemon for tests: it says what it was told to say and notes what it was told to do.

use std::net::IpAddr;

use timefleet_agent::access::Access;
use timefleet_agent::chronyc::clients::clients;
use timefleet_agent::chronyc::desk::{Asker, Desk, SourceOption, Table};
use timefleet_agent::chronyc::wire::{self, Address, Reply, SourceMatch, Status};
use timefleet_agent::client_log::Outcome;
use timefleet_agent::clients::Clients;
use timefleet_agent::config::{self, AccessRule, OpenCommand};
use timefleet_agent::time::{Mono, Seconds};

/// Answers every question with `says`, if that fits the question; else with "no such source".
pub(crate) struct TestDesk {
    pub says: Reply,
    pub tracking: wire::Tracking,
    pub ntp_access: Access,
    pub command_access: Access,
    pub log: Clients,
    pub open: Vec<OpenCommand>,
    pub done: Vec<String>,
}

impl TestDesk {
    pub(crate) fn new() -> Self {
        Self {
            says: Reply::Null,
            tracking: unsynchronised(),
            ntp_access: Access::default(),
            command_access: Access::default(),
            log: Clients::new(config::ClientLog::Limit { bytes: 524_288 }, 1),
            open: OpenCommand::USUAL.to_vec(),
            done: Vec::new(),
        }
    }

    pub(crate) fn saying(says: Reply) -> Self {
        Self { says, ..Self::new() }
    }

    fn did(&mut self, what: String) -> u32 {
        self.done.push(what);
        1
    }
}

/// TRACKING of a daemon that never heard of anybody.
pub(crate) fn unsynchronised() -> wire::Tracking {
    use timefleet_agent::time::Ppm;
    wire::Tracking {
        ref_id: 0,
        address: Address::Unspecified,
        stratum: 0,
        leap: 3,
        ref_time: wire::Time::default(),
        correction: Seconds::ZERO,
        last_offset: Seconds::ZERO,
        rms_offset: Seconds::ZERO,
        frequency: Ppm::ZERO,
        residual_frequency: Ppm::ZERO,
        skew: Ppm::ZERO,
        root_delay: Seconds(1.0),
        root_dispersion: Seconds(1.0),
        update_interval: Seconds::ZERO,
    }
}

macro_rules! says {
    ($desk:ident, $($pattern:pat_param)|+ => $value:expr) => {
        match &$desk.says {
            $($pattern)|+ => Some($value),
            _ => None,
        }
    };
}

impl Desk for TestDesk {
    fn open_commands(&self) -> &[OpenCommand] {
        &self.open
    }
    fn tracking(&self) -> wire::Tracking {
        says!(self, Reply::Tracking(body) => body.clone()).unwrap_or_else(|| self.tracking.clone())
    }
    fn source_count(&self) -> u32 {
        says!(self, Reply::SourceCount(count) => *count).unwrap_or(0)
    }
    fn source(&self, _index: u32) -> Option<wire::SourceData> {
        says!(self, Reply::SourceData(body) => body.clone())
    }
    fn source_stats(&self, _index: u32) -> Option<wire::SourceStats> {
        says!(self, Reply::SourceStats(body) => body.clone())
    }
    fn select_data(&self, _index: u32) -> Option<wire::SelectData> {
        says!(self, Reply::SelectData(body) => body.clone())
    }
    fn ntp_data(&self, _address: Address) -> Option<wire::NtpData> {
        says!(self, Reply::NtpData(body) | Reply::ShortNtpData(body) => body.clone())
    }
    fn source_name(&self, _address: Address) -> Option<String> {
        says!(self, Reply::SourceName(name) => String::from_utf8(name.bytes().to_vec()).unwrap())
    }
    fn auth_data(&self, _address: Address) -> Option<wire::AuthData> {
        says!(self, Reply::AuthData(body) => body.clone())
    }
    fn activity(&self) -> wire::Activity {
        says!(self, Reply::Activity(body) => *body).unwrap_or_default()
    }
    fn server_stats(&self) -> wire::ServerStats {
        says!(self, Reply::ServerStats(body) | Reply::ShortServerStats(body) => body.clone())
            .unwrap_or_default()
    }
    fn clients(&mut self, page: wire::ClientsPage) -> Option<wire::Clients> {
        let said = says!(self, Reply::Clients(body) => body.clone());
        said.or_else(|| clients(&self.log, page, Mono(0)))
    }
    fn access(&self, table: Table, address: IpAddr) -> bool {
        match table {
            Table::Ntp => self.ntp_access.allows(address),
            Table::Commands => self.command_access.allows(address),
        }
    }
    fn admit_command(&mut self, asker: Asker) -> bool {
        match asker {
            Asker::Udp(host) => self.log.ask_command(host, Mono(0), None) == Outcome::Answered,
            Asker::Unix => {
                self.log.count_local_command();
                true
            }
        }
    }

    fn make_step(&mut self) -> bool {
        self.did("makestep".into());
        true
    }
    fn set_make_step(&mut self, threshold: Seconds, limit: Option<u32>) {
        self.did(format!("makestep {} {limit:?}", threshold.0));
    }
    fn set_online(&mut self, online: bool, sources: SourceMatch) -> u32 {
        self.did(format!("online {online} {}", sources.address))
    }
    fn burst(&mut self, sources: SourceMatch, good: u32, total: u32) -> u32 {
        self.did(format!("burst {good}/{total} {}", sources.address))
    }
    fn refresh(&mut self) {
        self.did("refresh".into());
    }
    fn reselect(&mut self) {
        self.did("reselect".into());
    }
    fn shutdown(&mut self) {
        self.did("shutdown".into());
    }
    fn add_access_rule(&mut self, table: Table, rule: AccessRule) -> Status {
        match table {
            Table::Ntp => self.ntp_access.add(rule),
            Table::Commands => self.command_access.add(rule),
        }
        Status::Success
    }
    fn set_source_option(&mut self, source: Address, option: SourceOption) -> Status {
        self.did(format!("{source} {option:?}"));
        Status::Success
    }
}
