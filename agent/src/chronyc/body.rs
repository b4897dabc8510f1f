//! What replies say: their bodies as plain structs, fields in the order of the wire.

use super::field::{Address, Field, Reader, Time, body, codes};
use crate::time::{Ppm, Seconds};

/// Entries in one page of [`Clients`].
pub const CLIENTS_PER_PAGE: usize = 8;
/// Samples in a [`ManualSamples`].
const MANUAL_SAMPLES: usize = 16;

body! {
    /// TRACKING: how the clock stands.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Tracking {
        /// Reference ID of the current reference; 0 unsynchronised, 0x7F7F0101 local.
        pub ref_id: u32,
        /// The selected NTP source; unspecified for a reference clock, in local mode and when there is none.
        pub address: Address,
        /// 0 when unsynchronised.
        pub stratum: u16,
        /// 0 normal, 1 insert second, 2 delete second, 3 not synchronised.
        pub leap: u16,
        /// Last update of the reference; zero when unsynchronised.
        pub ref_time: Time,
        /// Still to be corrected; positive = system clock slow of NTP time.
        pub correction: Seconds,
        /// Offset at the last update; positive = the clock was ahead.
        pub last_offset: Seconds,
        /// Slow-moving mean of the offsets.
        pub rms_offset: Seconds,
        /// Positive = the uncorrected clock runs fast.
        pub frequency: Ppm,
        /// Of the selected source.
        pub residual_frequency: Ppm,
        /// Error bound of the frequency.
        pub skew: Ppm,
        /// 1 when unsynchronised.
        pub root_delay: Seconds,
        /// Extrapolated to now; 1 when unsynchronised.
        pub root_dispersion: Seconds,
        /// Spacing of the two newest updates.
        pub update_interval: Seconds,
    }
}

codes! {
    /// The symbol before a source in `sources`.
    pub enum SourceState: u16 {
        /// `*`
        Selected = 0,
        /// `?`
        NotSelectable = 1,
        /// `x`
        Falseticker = 2,
        /// `~`
        TooVariable = 3,
        /// `+`
        Combined = 4,
        /// `-`: selectable, not used.
        Unused = 5,
    }
}

codes! {
    /// What kind of source.
    pub enum SourceMode: u16 {
        /// A server is asked.
        Client = 0,
        /// A peer.
        Peer = 1,
        /// A reference clock.
        ReferenceClock = 2,
    }
}

body! {
    /// SOURCE_DATA: a line of `sources`.
    #[derive(Clone, Debug, PartialEq)]
    pub struct SourceData {
        /// ID while the name has no address; the four bytes of the reference ID as IPv4 for a reference clock.
        pub address: Address,
        /// Current polling interval, log2 seconds.
        pub poll: i16,
        /// Of the last sample; 0 when there is none.
        pub stratum: u16,
        /// The symbol.
        pub state: SourceState,
        /// The kind.
        pub mode: SourceMode,
        /// Always 0.
        pub flags: u16,
        /// The last eight polls, newest in the lowest bit.
        pub reach: u16,
        /// Whole seconds since the last good sample; `None` = never.
        pub last_sample_age: Option<u32>,
        /// As measured; positive = local clock ahead of the source.
        pub measured_offset: Seconds,
        /// The same after later corrections of the clock.
        pub adjusted_offset: Seconds,
        /// Root distance of the sample.
        pub error_bound: Seconds,
    }
}

body! {
    /// SOURCESTATS: a line of `sourcestats`.
    #[derive(Clone, Debug, PartialEq)]
    pub struct SourceStats {
        /// 0 for an unresolved source.
        pub ref_id: u32,
        /// Unspecified for a reference clock.
        pub address: Address,
        /// Samples kept.
        pub samples: u32,
        /// Runs of residuals with the same sign.
        pub runs: u32,
        /// Seconds from oldest to newest sample.
        pub span: u32,
        /// 4 s when unknown.
        pub std_dev: Seconds,
        /// Negative = local clock slow against the source.
        pub residual_frequency: Ppm,
        /// Error bound of it; 2000 when unknown.
        pub skew: Ppm,
        /// Estimated; positive = local clock ahead.
        pub offset: Seconds,
        /// Error of the estimated offset.
        pub offset_error: Seconds,
    }
}

body! {
    /// SELECT_DATA: a line of `selectdata`.
    #[derive(Clone, Debug, PartialEq)]
    pub struct SelectData {
        /// As in [`SourceStats`].
        pub ref_id: u32,
        /// As in [`SourceStats`].
        pub address: Address,
        /// ASCII letter: why the source is used or not (chronyc(1), `selectdata`).
        pub state: u8,
        /// 1 when the source is authenticated.
        pub authenticated: u8,
        /// 0 normal, 1 insert, 2 delete, 3 unknown.
        pub leap: u8 [1 zero],
        /// Options as configured: 1 noselect, 2 prefer, 4 trust, 8 require.
        pub configured: u16,
        /// Options in effect, same bits.
        pub effective: u16,
        /// Seconds from the last sample to the last selection.
        pub sample_age: u32,
        /// Against the selected source; 1 at the start.
        pub score: f64,
        /// Lower end of the offset's interval; sign as in [`SourceData`].
        pub low: Seconds,
        /// Upper end.
        pub high: Seconds,
    }
}

body! {
    /// NTP_DATA: what a source last said. The counts by who took the timestamps exist since chrony 4.6.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct NtpData {
        /// The source.
        pub remote_address: Address,
        /// Where the last reply came to; unspecified when none came.
        pub local_address: Address,
        /// UDP port of the source.
        pub remote_port: u16,
        /// Of the last valid reply, as are the fields below.
        pub leap: u8,
        /// NTP version; 0 when no reply came yet.
        pub version: u8,
        /// NTP mode: 4 server, 1 and 2 symmetric; 0 when no reply came yet.
        pub mode: u8,
        /// As received.
        pub stratum: u8,
        /// log2 seconds.
        pub poll: i8,
        /// log2 seconds.
        pub precision: i8,
        /// That the source reports.
        pub root_delay: Seconds,
        /// That the source reports.
        pub root_dispersion: Seconds,
        /// That the source reports.
        pub ref_id: u32,
        /// That the source reports.
        pub ref_time: Time,
        /// Positive = the source is ahead of the local clock: opposite to all other reports.
        pub offset: Seconds,
        /// Round trip without the time the source held the request.
        pub peer_delay: Seconds,
        /// Dispersion of the measurement.
        pub peer_dispersion: Seconds,
        /// Time the source held the request.
        pub response_time: Seconds,
        /// -0.5 to 0.5; negative = the way to the source varies more.
        pub jitter_asymmetry: f64,
        /// Bits 9 to 0: the tests passed; 0x4000 interleaved; 0x8000 authenticated.
        pub flags: u16,
        /// Who took the transmit time: `D` daemon, `K` kernel, `H` hardware; 0 when none.
        pub tx_stamp: u8,
        /// Who took the receive time.
        pub rx_stamp: u8,
        /// Packets sent.
        pub tx_total: u32,
        /// Packets received.
        pub rx_total: u32,
        /// Received, first two groups of tests passed.
        pub rx_valid: u32,
        /// Received, all tests passed.
        pub rx_good: u32,
        /// Sent with a kernel timestamp.
        pub kernel_tx: Option<u32>,
        /// Received with a kernel timestamp.
        pub kernel_rx: Option<u32>,
        /// Sent with a hardware timestamp.
        pub hw_tx: Option<u32>,
        /// Received with a hardware timestamp.
        pub hw_rx: Option<u32>,
    }
}

body! {
    /// AUTH_DATA: a line of `authdata`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct AuthData {
        /// 0 none, 1 symmetric key, 2 NTS.
        pub mode: u16,
        /// Algorithm.
        pub key_type: u16,
        /// Key number; for NTS how many keys were established.
        pub key_id: u32,
        /// Key length in bits.
        pub key_bits: u16,
        /// Key establishments tried since the last success.
        pub ke_attempts: u16,
        /// Seconds since the last key establishment; `None` = never.
        pub ke_age: Option<u32>,
        /// Cookies held.
        pub cookies: u16,
        /// Bytes of the next cookie.
        pub cookie_length: u16,
        /// 1 when a NAK came since the last request.
        pub nak: u16 [2 zero],
    }
}

body! {
    /// ACTIVITY: how many sources are in which state. Reference clocks are not counted.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Activity {
        /// Online.
        pub online: i32,
        /// Offline.
        pub offline: i32,
        /// In a burst, will return to online.
        pub burst_online: i32,
        /// In a burst, will return to offline.
        pub burst_offline: i32,
        /// Without an address.
        pub unresolved: i32,
    }
}

body! {
    /// SERVER_STATS: counters since the start. The last six exist since chrony 4.4.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct ServerStats {
        /// Valid NTP requests from allowed hosts, dropped ones included.
        pub ntp_hits: u64,
        /// NTS-KE connections accepted.
        pub nke_hits: u64,
        /// Command requests, all transports.
        pub cmd_hits: u64,
        /// NTP requests dropped by rate limiting.
        pub ntp_drops: u64,
        /// NTS-KE connections dropped.
        pub nke_drops: u64,
        /// Command requests dropped.
        pub cmd_drops: u64,
        /// Client records lost for lack of memory.
        pub log_drops: u64,
        /// Authenticated NTP requests.
        pub ntp_auth_hits: u64,
        /// Interleaved NTP requests.
        pub ntp_interleaved_hits: u64,
        /// Pairs of timestamps held for the interleaved mode.
        pub timestamps_held: u64,
        /// Seconds covered by them.
        pub timestamp_span: u64,
        /// Replies whose receive time was taken by the daemon.
        pub daemon_rx: Option<u64>,
        /// Replies whose transmit time was taken by the daemon.
        pub daemon_tx: Option<u64>,
        /// The same by the kernel.
        pub kernel_rx: Option<u64>,
        /// The same by the kernel.
        pub kernel_tx: Option<u64>,
        /// The same by the network card.
        pub hw_rx: Option<u64>,
        /// The same by the network card.
        pub hw_tx: Option<u64>,
    }
}

body! {
    /// One client of CLIENT_ACCESSES_BY_INDEX3. Intervals are log2 seconds, 127 when unknown.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ClientAccess {
        /// Who; unspecified = an empty entry.
        pub address: Address,
        /// NTP requests, dropped ones included.
        pub ntp_hits: u32,
        /// NTS-KE connections.
        pub nke_hits: u32,
        /// Command requests over UDP.
        pub cmd_hits: u32,
        /// NTP requests not answered because of rate limiting.
        pub ntp_drops: u32,
        /// NTS-KE connections dropped.
        pub nke_drops: u32,
        /// Command requests not answered.
        pub cmd_drops: u32,
        /// Average spacing of NTP requests.
        pub ntp_interval: i8,
        /// Of NTS-KE connections.
        pub nke_interval: i8,
        /// Of commands.
        pub cmd_interval: i8,
        /// Of NTP requests, after rate limiting set in.
        pub ntp_limited_interval: i8,
        /// Seconds since the last NTP request; `None` = never.
        pub ntp_age: Option<u32>,
        /// Of NTS-KE.
        pub nke_age: Option<u32>,
        /// Of commands.
        pub cmd_age: Option<u32>,
    }
}

impl ClientAccess {
    /// An interval that is not known.
    pub const NO_INTERVAL: i8 = 127;
}

/// A page of CLIENT_ACCESSES_BY_INDEX3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clients {
    /// Indices in the daemon's table.
    pub table_size: u32,
    /// First index not looked at yet.
    pub next_index: u32,
    /// Up to [`CLIENTS_PER_PAGE`].
    pub clients: Vec<ClientAccess>,
}

impl Field for Clients {
    const LENGTH: usize = 12 + CLIENTS_PER_PAGE * ClientAccess::LENGTH;

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        let table_size = u32::take(reader)?;
        let next_index = u32::take(reader)?;
        Some(Self { table_size, next_index, clients: take_list(reader, CLIENTS_PER_PAGE)? })
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.table_size.put(out);
        self.next_index.put(out);
        put_list(&self.clients, CLIENTS_PER_PAGE, out);
    }
}

body! {
    /// RTC: the real-time clock.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Rtc {
        /// Its reading at the last measurement.
        pub ref_time: Time,
        /// Samples used.
        pub samples: u16,
        /// Runs of residuals with the same sign.
        pub runs: u16,
        /// Seconds spanned by the samples.
        pub span: u32,
        /// How far it was ahead.
        pub fast_by: Seconds,
        /// Positive = it gains.
        pub gain: Ppm,
    }
}

body! {
    /// SMOOTHING: the smoothing of served time.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Smoothing {
        /// Bit 0 active, bit 1 leap seconds only.
        pub flags: u32,
        /// Added to served time.
        pub offset: Seconds,
        /// Negative = served time runs slow.
        pub frequency: Ppm,
        /// Per second.
        pub wander: Ppm,
        /// Since the last update.
        pub update_age: Seconds,
        /// Until offset and frequency would be zero.
        pub remaining: Seconds,
    }
}

body! {
    /// MANUAL_TIMESTAMP2: what a time typed in by a person told.
    #[derive(Clone, Debug, PartialEq)]
    pub struct ManualTimestamp {
        /// Positive = the local clock was fast.
        pub offset: Seconds,
        /// Change made.
        pub frequency_change: Ppm,
        /// Frequency after it.
        pub new_frequency: Ppm,
    }
}

body! {
    /// One entry of MANUAL_LIST2.
    #[derive(Clone, Debug, PartialEq)]
    pub struct ManualSample {
        /// When it was entered.
        pub time: Time,
        /// Error, adjusted for corrections since.
        pub slewed_offset: Seconds,
        /// Error as it was; positive = local clock fast.
        pub original_offset: Seconds,
        /// Regression residual.
        pub residual: Seconds,
    }
}

/// MANUAL_LIST2: up to 16 times typed in by a person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ManualSamples(pub Vec<ManualSample>);

impl Field for ManualSamples {
    const LENGTH: usize = 4 + MANUAL_SAMPLES * ManualSample::LENGTH;

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        take_list(reader, MANUAL_SAMPLES).map(Self)
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_list(&self.0, MANUAL_SAMPLES, out);
    }
}

/// A count, then that many of `most` entries; the unused ones are jumped over.
fn take_list<T: Field>(reader: &mut Reader<'_>, most: usize) -> Option<Vec<T>> {
    let count = usize::try_from(u32::take(reader)?).map_or(most, |count| count.min(most));
    let all = (0..most).map(|_| T::take(reader)).collect::<Option<Vec<T>>>()?;
    Some(all.into_iter().take(count).collect())
}

fn put_list<T: Field>(list: &[T], most: usize, out: &mut Vec<u8>) {
    let list = list.iter().take(most);
    let end = out.len() + 4 + most * T::LENGTH;
    (list.len() as u32).put(out);
    list.for_each(|entry| entry.put(out));
    out.resize(end, 0);
}
