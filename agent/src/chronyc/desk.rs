//! What a daemon must know and do so that chronyc can be answered: the engine's side of the monitoring protocol.

use std::net::IpAddr;

use super::wire;
use crate::time::Seconds;

/// The daemon as chronyc sees it. Values go out as [`wire`] bodies, so that asking and answering share one set of
/// types; `None` from a numbered question means "no such source" (status 4).
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
    fn ntp_data(&self, address: wire::Address) -> Option<wire::NtpData>;
    /// NTP_SOURCE_NAME, by address or ID.
    fn source_name(&self, address: wire::Address) -> Option<String>;
    /// AUTH_DATA, by address or ID.
    fn auth_data(&self, address: wire::Address) -> Option<wire::AuthData>;
    /// ACTIVITY.
    fn activity(&self) -> wire::Activity;
    /// SERVER_STATS.
    fn server_stats(&self) -> wire::ServerStats;
    /// CLIENT_ACCESSES_BY_INDEX3; `None` = the client log is off (status 15).
    fn clients(&mut self, first: u32, count: u32, min_hits: u32, reset: bool) -> Option<wire::Clients>;
    /// ACCHECK: may this host ask for the time?
    fn ntp_access(&self, address: IpAddr) -> bool;
    /// CMDACCHECK, by the rules alone.
    fn command_access(&self, address: IpAddr) -> bool;
    /// A monitoring request from this host passed the access check (it is logged as a command hit).
    fn count_command(&mut self, from: IpAddr);

    /// MAKESTEP; false = the clock cannot be stepped (status 1).
    fn make_step(&mut self) -> bool;
    /// MODIFY_MAKESTEP.
    fn set_make_step(&mut self, threshold: Seconds, limit: Option<u32>);
    /// ONLINE, OFFLINE, for sources with `address & mask == masked`; both unspecified = all. Returns how many matched.
    fn set_online(&mut self, online: bool, mask: wire::Address, masked: wire::Address) -> u32;
    /// BURST; returns how many sources matched.
    fn burst(&mut self, good: u32, total: u32, mask: wire::Address, masked: wire::Address) -> u32;
    /// REFRESH: look all names up again.
    fn refresh(&mut self);
    /// RESELECT.
    fn reselect(&mut self);
    /// SHUTDOWN, after the reply.
    fn shutdown(&mut self);
}
