//! A request: its number, its body, how long it must be, and who may send it.

use super::arguments::{
    AddSource, Burst, Change, ClientsPage, Local2, Local3, MakeStepRule, Network, SelectOptions, SourceMatch,
    SourceOffset,
};
use super::body::{
    Activity, AuthData, Clients, ManualSamples, ManualTimestamp, Rtc, SelectData, Smoothing, SourceData,
    SourceStats, Tracking,
};
use super::field::{Address, Field, Name, Reader, Time};
use super::reply::{REPLY_HEADER, VERSION};
use crate::time::{Ppm, Seconds};

/// Packet type of requests.
pub(super) const REQUEST: u8 = 1;
/// Bytes before the body of a request.
pub const REQUEST_HEADER: usize = 20;
/// Longest request that is accepted.
pub const LONGEST_REQUEST: usize = 860;
/// A SERVER_STATS request at least this long asks for the reply of chrony 4.4 and later.
pub(super) const LONG_SERVER_STATS: usize = 196;
/// An NTP_DATA request at least this long asks for the reply of chrony 4.6 and later.
pub(super) const LONG_NTP_DATA: usize = 172;

/// Who may send a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Everybody who may talk to the monitoring port.
    Open,
    /// The Unix socket; others only if the daemon opens it to them.
    Optional,
    /// Only the Unix socket.
    Full,
}

/// What is fixed for each request number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Name in the protocol.
    pub name: &'static str,
    /// Who may send it.
    pub class: Class,
    /// Bytes a datagram must have: its own fields, and never less than the reply it can get.
    pub required_length: usize,
}

const fn required(request: usize, reply: usize) -> usize {
    let (request, reply) = (REQUEST_HEADER + request, REPLY_HEADER + reply);
    if request > reply { request } else { reply }
}

macro_rules! requests {
    ($( $number:literal $name:literal $variant:ident $(($body_name:ident: $body:ty))? $class:ident $reply:expr; )*) => {
        /// A request with its body. The names are those of the protocol.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Request {
            $(
                #[doc = $name]
                $variant $(($body))?,
            )*
        }

        impl Request {
            /// The request number.
            pub fn number(&self) -> u16 {
                match self { $( Self::$variant { .. } => $number, )* }
            }

            /// The name in the protocol.
            pub fn name(&self) -> &'static str {
                match self { $( Self::$variant { .. } => $name, )* }
            }

            /// What is fixed for a request number; `None` for unknown and obsolete ones.
            pub fn rule(number: u16) -> Option<Rule> {
                match number {
                    $( $number => Some(Rule {
                        name: $name,
                        class: Class::$class,
                        required_length: required(0 $( + <$body>::LENGTH )?, $reply),
                    }), )*
                    _ => None,
                }
            }

            fn take(number: u16, _reader: &mut Reader<'_>) -> Option<Self> {
                match number {
                    $( $number => Some(Self::$variant $((<$body>::take(_reader)?))?), )*
                    _ => None,
                }
            }

            fn put(&self, _out: &mut Vec<u8>) {
                match self {
                    $( Self::$variant $(($body_name))? => { $( $body_name.put(_out); )? } )*
                }
            }
        }
    };
}

/// Body of a reply without data.
const NULL: usize = 0;
/// The shorter form, which a client of chrony 4.3 asks for.
const SHORT_SERVER_STATS: usize = 44;
/// The shorter form, which a client of chrony 4.3 asks for.
const SHORT_NTP_DATA: usize = 124;

requests! {
    1 "ONLINE" Online(sources: SourceMatch) Full NULL;
    2 "OFFLINE" Offline(sources: SourceMatch) Full NULL;
    3 "BURST" Burst(burst: Burst) Full NULL;
    4 "MODIFY_MINPOLL" ModifyMinPoll(change: Change<i32>) Full NULL;
    5 "MODIFY_MAXPOLL" ModifyMaxPoll(change: Change<i32>) Full NULL;
    6 "DUMP" Dump(zero: u32) Full NULL;
    7 "MODIFY_MAXDELAY" ModifyMaxDelay(change: Change<Seconds>) Full NULL;
    8 "MODIFY_MAXDELAYRATIO" ModifyMaxDelayRatio(change: Change<f64>) Full NULL;
    9 "MODIFY_MAXUPDATESKEW" ModifyMaxUpdateSkew(skew: Ppm) Full NULL;
    11 "SETTIME" SetTime(time: Time) Full ManualTimestamp::LENGTH;
    13 "MANUAL" Manual(option: i32) Full NULL;
    14 "N_SOURCES" SourceCount Open u32::LENGTH;
    15 "SOURCE_DATA" SourceData(index: i32) Open SourceData::LENGTH;
    16 "REKEY" Rekey Full NULL;
    17 "ALLOW" Allow(network: Network) Full NULL;
    18 "ALLOWALL" AllowAll(network: Network) Full NULL;
    19 "DENY" Deny(network: Network) Full NULL;
    20 "DENYALL" DenyAll(network: Network) Full NULL;
    21 "CMDALLOW" CommandAllow(network: Network) Full NULL;
    22 "CMDALLOWALL" CommandAllowAll(network: Network) Full NULL;
    23 "CMDDENY" CommandDeny(network: Network) Full NULL;
    24 "CMDDENYALL" CommandDenyAll(network: Network) Full NULL;
    25 "ACCHECK" AccessCheck(address: Address) Full NULL;
    26 "CMDACCHECK" CommandAccessCheck(address: Address) Full NULL;
    29 "DEL_SOURCE" DeleteSource(address: Address) Full NULL;
    30 "WRITERTC" WriteRtc Full NULL;
    31 "DFREQ" AdjustFrequency(change: Ppm) Full NULL;
    33 "TRACKING" Tracking Open Tracking::LENGTH;
    34 "SOURCESTATS" SourceStats(index: u32) Open SourceStats::LENGTH;
    35 "RTCREPORT" RtcReport Open Rtc::LENGTH;
    36 "TRIMRTC" TrimRtc Full NULL;
    37 "CYCLELOGS" CycleLogs Full NULL;
    41 "MANUAL_LIST" ManualList Open ManualSamples::LENGTH;
    42 "MANUAL_DELETE" ManualDelete(index: i32) Full NULL;
    43 "MAKESTEP" MakeStep Full NULL;
    44 "ACTIVITY" Activity Open Activity::LENGTH;
    45 "MODIFY_MINSTRATUM" ModifyMinStratum(change: Change<i32>) Full NULL;
    46 "MODIFY_POLLTARGET" ModifyPollTarget(change: Change<i32>) Full NULL;
    47 "MODIFY_MAXDELAYDEVRATIO" ModifyMaxDelayDevRatio(change: Change<f64>) Full NULL;
    48 "RESELECT" Reselect Full NULL;
    49 "RESELECTDISTANCE" ReselectDistance(distance: Seconds) Full NULL;
    50 "MODIFY_MAKESTEP" ModifyMakeStep(rule: MakeStepRule) Full NULL;
    51 "SMOOTHING" Smoothing Open Smoothing::LENGTH;
    52 "SMOOTHTIME" SmoothTime(option: i32) Full NULL;
    53 "REFRESH" Refresh Full NULL;
    54 "SERVER_STATS" ServerStats Optional SHORT_SERVER_STATS;
    56 "LOCAL2" Local2(local: Local2) Full NULL;
    57 "NTP_DATA" NtpData(address: Address) Optional SHORT_NTP_DATA;
    62 "SHUTDOWN" Shutdown Full NULL;
    63 "ONOFFLINE" OnOffline Full NULL;
    64 "ADD_SOURCE" AddSource(source: AddSource) Full NULL;
    65 "NTP_SOURCE_NAME" SourceName(address: Address) Open Name::LENGTH;
    66 "RESET_SOURCES" ResetSources Full NULL;
    67 "AUTH_DATA" AuthData(address: Address) Optional AuthData::LENGTH;
    68 "CLIENT_ACCESSES_BY_INDEX3" Clients(page: ClientsPage) Optional Clients::LENGTH;
    69 "SELECT_DATA" SelectData(index: u32) Optional SelectData::LENGTH;
    70 "RELOAD_SOURCES" ReloadSources Full NULL;
    71 "DOFFSET2" AdjustOffset(fast_by: Seconds) Full NULL;
    72 "MODIFY_SELECTOPTS" ModifySelectOptions(options: SelectOptions) Full NULL;
    73 "MODIFY_OFFSET" ModifyOffset(offset: SourceOffset) Full NULL;
    74 "LOCAL3" Local3(local: Local3) Full NULL;
}

/// What stands before the body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// Version of the protocol.
    pub version: u8,
    /// 1, or it is not a request.
    pub packet_type: u8,
    /// 0, or it is not a request.
    pub reserved: u16,
    /// Number of the request.
    pub number: u16,
    /// 0 for the first try.
    pub attempt: u16,
    /// Random; a reply repeats it.
    pub sequence: u32,
}

impl RequestHeader {
    /// `None` when the datagram is too short for one.
    pub fn take(bytes: &[u8]) -> Option<Self> {
        let (header, _) = bytes.split_first_chunk::<REQUEST_HEADER>()?;
        let reader = &mut Reader::new(header);
        Some(Self {
            version: u8::take(reader)?,
            packet_type: u8::take(reader)?,
            reserved: u16::take(reader)?,
            number: u16::take(reader)?,
            attempt: u16::take(reader)?,
            sequence: u32::take(reader)?,
        })
    }
}

impl Request {
    /// Number of LOCAL3.
    const LOCAL3: u16 = 74;
    /// LOCAL3 without the wait times: what chrony 4.6 sent is not known, so these may be missing.
    const SHORTEST_LOCAL3: usize = 40;

    /// How long a datagram with this number must be; `None` for unknown and obsolete numbers.
    pub fn required_length(number: u16) -> Option<usize> {
        match number {
            Self::LOCAL3 => Some(Self::SHORTEST_LOCAL3),
            _ => Self::rule(number).map(|rule| rule.required_length),
        }
    }

    /// The body of a datagram with this request number; bytes that are missing at its end count as zeros.
    /// `None` for unknown and obsolete numbers.
    pub fn decode(number: u16, datagram: &[u8]) -> Option<Self> {
        let mut body = datagram.get(REQUEST_HEADER..).unwrap_or_default().to_vec();
        body.resize(body.len().max(LONGEST_REQUEST), 0);
        Self::take(number, &mut Reader::new(&body))
    }

    /// The whole datagram, padded for the longest reply that any chrony daemon gives.
    pub fn encode(&self, sequence: u32, attempt: u16) -> Vec<u8> {
        let mut out = vec![VERSION, REQUEST, 0, 0];
        self.number().put(&mut out);
        attempt.put(&mut out);
        sequence.put(&mut out);
        out.extend([0; 8]);
        self.put(&mut out);
        let length = match self {
            Self::ServerStats => LONG_SERVER_STATS,
            Self::NtpData(_) => LONG_NTP_DATA,
            _ => Self::rule(self.number()).map_or(0, |rule| rule.required_length),
        };
        out.resize(out.len().max(length), 0);
        out
    }
}
