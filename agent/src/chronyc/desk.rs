//! What a daemon must know and do so that chronyc can be answered: the engine's side of the monitoring protocol.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::wire::{self, Address, SourceMatch, Status};
use crate::config::{AccessRule, Local, OpenCommand};
use crate::time::{Ppm, Seconds};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A host, over UDP: it may look, not touch.
    Udp(IpAddr),
    /// Somebody who could enter the Unix socket's directory: everything is permitted.
    Unix,
}

impl Asker {
    /// Exactly the two addresses that need no `cmdallow` and have no `cmdratelimit`: 127.0.0.2 is a stranger.
    pub fn is_loopback(self) -> bool {
        let Self::Udp(host) = self else { return false };
        let host = host.to_canonical();
        host == IpAddr::V4(Ipv4Addr::LOCALHOST) || host == IpAddr::V6(Ipv6Addr::LOCALHOST)
    }
}

/// Which table of access rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Who may ask for the time.
    Ntp,
    /// Who besides loopback may ask the monitoring port.
    Commands,
}

/// A new value of one option of one source. Values come as they were typed: what is out of range is the daemon's to
/// ignore.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SourceOption {
    /// `minpoll`.
    MinPoll(i32),
    /// `maxpoll`.
    MaxPoll(i32),
    /// `maxdelay`.
    MaxDelay(Seconds),
    /// `maxdelayratio`.
    MaxDelayRatio(f64),
    /// `maxdelaydevratio`.
    MaxDelayDevRatio(f64),
    /// `minstratum`.
    MinStratum(i32),
    /// `polltarget`.
    PollTarget(i32),
    /// `offset`.
    Offset(Seconds),
    /// Selection options; `None` = as it is.
    Selection {
        /// `noselect`.
        no_select: Option<bool>,
        /// `prefer`.
        prefer: Option<bool>,
        /// `trust`.
        trust: Option<bool>,
        /// `require`.
        require: Option<bool>,
    },
}

/// MANUAL: what becomes of times that are typed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manual {
    /// They are refused.
    Off,
    /// They are taken.
    On,
    /// Those taken so far are forgotten.
    Reset,
}

/// The daemon as chronyc sees it. Values go out as [`wire`] bodies, so that asking and answering share one set of
/// types; `None` from a numbered question means "no such source" (status 4). Commands that a daemon does not have
/// keep their default, which tells so.
pub trait Desk {
    /// TRACKING.
    fn tracking(&self) -> wire::Tracking;
    /// N_SOURCES.
    fn source_count(&self) -> u32;
    /// SOURCE_DATA.
    fn source(&self, index: u32) -> Option<wire::SourceData>;
    /// SOURCESTATS.
    fn source_stats(&self, index: u32) -> Option<wire::SourceStats>;
    /// SELECT_DATA.
    fn select_data(&self, index: u32) -> Option<wire::SelectData>;
    /// NTP_DATA, by address or ID.
    fn ntp_data(&self, address: Address) -> Option<wire::NtpData>;
    /// NTP_SOURCE_NAME, by address or ID: as configured.
    fn source_name(&self, address: Address) -> Option<String>;
    /// AUTH_DATA, by address or ID.
    fn auth_data(&self, address: Address) -> Option<wire::AuthData>;
    /// ACTIVITY.
    fn activity(&self) -> wire::Activity;
    /// SERVER_STATS.
    fn server_stats(&self) -> wire::ServerStats;
    /// CLIENT_ACCESSES_BY_INDEX3 (`page.count` is at most 8); `None` = the client log is off (status 15).
    fn clients(&mut self, page: wire::ClientsPage) -> Option<wire::Clients>;
    /// ACCHECK and CMDACCHECK, by the rules alone; the latter also decides who is answered over UDP.
    fn access(&self, table: Table, address: IpAddr) -> bool;
    /// A monitoring request came from somebody who may ask: a command hit, logged by address if it came over UDP. False
    /// = that address asks too often (`cmdratelimit`), and gets no answer.
    fn admit_command(&mut self, asker: Asker) -> bool;

    /// The reports that may be read over UDP (`opencommands`).
    fn open_commands(&self) -> &[OpenCommand];

    /// MAKESTEP; false = the clock cannot be stepped (status 1).
    fn make_step(&mut self) -> bool;
    /// MODIFY_MAKESTEP; a limit of `None` = always.
    fn set_make_step(&mut self, threshold: Seconds, limit: Option<u32>);
    /// ONLINE, OFFLINE. Returns how many sources matched.
    fn set_online(&mut self, online: bool, sources: SourceMatch) -> u32;
    /// BURST; returns how many sources matched.
    fn burst(&mut self, sources: SourceMatch, good: u32, total: u32) -> u32;
    /// REFRESH: look all names up again.
    fn refresh(&mut self);
    /// RESELECT.
    fn reselect(&mut self);
    /// SHUTDOWN, after the reply.
    fn shutdown(&mut self);

    /// ALLOW, DENY, CMDALLOW, CMDDENY, with and without ALL.
    fn add_access_rule(&mut self, _table: Table, _rule: AccessRule) -> Status {
        Status::Failed
    }
    /// MODIFY_MINPOLL and its kind.
    fn set_source_option(&mut self, _source: Address, _option: SourceOption) -> Status {
        Status::Failed
    }
    /// ADD_SOURCE, whose kind and name are checked.
    fn add_source(&mut self, _source: &wire::AddSource) -> Status {
        Status::Failed
    }
    /// DEL_SOURCE.
    fn delete_source(&mut self, _source: Address) -> Status {
        Status::Failed
    }
    /// LOCAL2, LOCAL3; `None` = off.
    fn set_local(&mut self, _local: Option<Local>) -> Status {
        Status::Failed
    }
    /// MODIFY_MAXUPDATESKEW.
    fn set_max_update_skew(&mut self, _skew: Ppm) -> Status {
        Status::Failed
    }
    /// RESELECTDISTANCE.
    fn set_reselect_distance(&mut self, _distance: Seconds) -> Status {
        Status::Failed
    }
    /// ONOFFLINE: switch sources by whether they can be reached.
    fn switch_by_reachability(&mut self) -> Status {
        Status::Failed
    }
    /// RESET_SOURCES: forget all measurements.
    fn reset_sources(&mut self) -> Status {
        Status::Failed
    }
    /// RELOAD_SOURCES: read the files of sources again.
    fn reload_sources(&mut self) -> Status {
        Status::Failed
    }
    /// DUMP: write the measurements to files.
    fn dump(&mut self) -> Status {
        Status::Failed
    }
    /// CYCLELOGS: open the measurement logs anew.
    fn cycle_logs(&mut self) -> Status {
        Status::Failed
    }
    /// REKEY: read the keys again.
    fn rekey(&mut self) -> Status {
        Status::Failed
    }
    /// SMOOTHING; `None` = served time is not smoothed (status 6).
    fn smoothing(&self) -> Option<wire::Smoothing> {
        None
    }
    /// SMOOTHTIME: begin, or forget what there is to be smoothed.
    fn order_smoothing(&mut self, _activate: bool) -> Status {
        Status::NotEnabled
    }
    /// MANUAL.
    fn set_manual(&mut self, _manual: Manual) -> Status {
        Status::NotEnabled
    }
    /// SETTIME: the true time is typed in.
    fn set_time(&mut self, _time: wire::Time) -> Result<wire::ManualTimestamp, Status> {
        Err(Status::NotEnabled)
    }
    /// MANUAL_LIST: the times that were typed in.
    fn manual_samples(&self) -> wire::ManualSamples {
        wire::ManualSamples::default()
    }
    /// MANUAL_DELETE: forget one of them.
    fn delete_manual_sample(&mut self, _index: u32) -> Status {
        Status::BadSample
    }
}
