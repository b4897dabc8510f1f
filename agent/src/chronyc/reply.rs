//! A reply: its number, its body and the datagram around them.

use super::body::{
    Activity, AuthData, Clients, ManualSamples, ManualTimestamp, NtpData, Rtc, SelectData, ServerStats,
    Smoothing, SourceData, SourceStats, Tracking,
};
use super::field::{Field, Name, Reader};
use super::status::Status;

/// The version of the protocol spoken here.
pub(super) const VERSION: u8 = 6;
/// Packet type of replies.
pub(super) const REPLY: u8 = 2;
/// Bytes before the body of a reply.
pub const REPLY_HEADER: usize = 28;

/// How a body lies in its reply, where it is not just its fields.
trait Layout<T> {
    /// Bytes of the body.
    const LENGTH: usize;

    fn take(reader: &mut Reader<'_>) -> Option<T>;
    fn put(body: &T, out: &mut Vec<u8>);
}

/// Just the fields.
struct Plain;

impl<T: Field> Layout<T> for Plain {
    const LENGTH: usize = T::LENGTH;

    fn take(reader: &mut Reader<'_>) -> Option<T> {
        T::take(reader)
    }

    fn put(body: &T, out: &mut Vec<u8>) {
        body.put(out);
    }
}

/// The fields, then room for more to come, filled with ones.
struct Reserving<const BYTES: usize>;

impl<T: Field, const BYTES: usize> Layout<T> for Reserving<BYTES> {
    const LENGTH: usize = T::LENGTH + BYTES;

    fn take(reader: &mut Reader<'_>) -> Option<T> {
        let body = T::take(reader)?;
        let _reserved: [u8; BYTES] = reader.array()?;
        Some(body)
    }

    fn put(body: &T, out: &mut Vec<u8>) {
        body.put(out);
        out.extend([0xFF; BYTES]);
    }
}

/// SERVER_STATS3, before chrony 4.4: the first eleven values in 32 bits, which wrap.
struct ShortServerStats;

impl ShortServerStats {
    const COUNTERS: usize = 11;
}

impl Layout<ServerStats> for ShortServerStats {
    const LENGTH: usize = Self::COUNTERS * 4;

    fn take(reader: &mut Reader<'_>) -> Option<ServerStats> {
        let mut wide = Vec::with_capacity(ServerStats::LENGTH);
        for _ in 0..Self::COUNTERS {
            u64::from(u32::take(reader)?).put(&mut wide);
        }
        wide.resize(ServerStats::LENGTH, 0xFF);
        ServerStats::take(&mut Reader::new(&wide))
    }

    fn put(stats: &ServerStats, out: &mut Vec<u8>) {
        let mut wide = Vec::with_capacity(ServerStats::LENGTH);
        stats.put(&mut wide);
        let (counters, _) = wide.as_chunks::<8>();
        for [_, _, _, _, low @ ..] in counters.iter().take(Self::COUNTERS) {
            out.extend(low);
        }
    }
}

/// NTP_DATA, before chrony 4.6: three reserved words instead of the counts at the end.
struct ShortNtpData;

impl ShortNtpData {
    const COUNTS: usize = 16;
    const RESERVED: usize = 12;
}

impl Layout<NtpData> for ShortNtpData {
    const LENGTH: usize = NtpData::LENGTH - Self::COUNTS + Self::RESERVED;

    fn take(reader: &mut Reader<'_>) -> Option<NtpData> {
        let known: [u8; NtpData::LENGTH - Self::COUNTS] = reader.array()?;
        let mut whole = known.to_vec();
        whole.resize(NtpData::LENGTH, 0xFF);
        NtpData::take(&mut Reader::new(&whole))
    }

    fn put(data: &NtpData, out: &mut Vec<u8>) {
        data.put(out);
        out.truncate(out.len() - Self::COUNTS);
        out.extend([0xFF; Self::RESERVED]);
    }
}

macro_rules! replies {
    ($( $(#[$about:meta])* $number:literal $variant:ident($body:ty) $layout:ty, )*) => {
        /// The body of a reply.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Reply {
            /// NULL: only a status.
            Null,
            $( $(#[$about])* $variant($body), )*
        }

        impl Reply {
            /// The reply number.
            pub fn number(&self) -> u16 {
                match self {
                    Self::Null => 1,
                    $( Self::$variant(_) => $number, )*
                }
            }

            /// Bytes of a reply's body; `None` for numbers that are not known.
            fn body_length(number: u16) -> Option<usize> {
                match number {
                    1 => Some(0),
                    $( $number => Some(<$layout as Layout<$body>>::LENGTH), )*
                    _ => None,
                }
            }

            fn take(number: u16, reader: &mut Reader<'_>) -> Option<Self> {
                match number {
                    1 => Some(Self::Null),
                    $( $number => <$layout as Layout<$body>>::take(reader).map(Self::$variant), )*
                    _ => None,
                }
            }

            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    Self::Null => {}
                    $( Self::$variant(body) => <$layout as Layout<$body>>::put(body, out), )*
                }
            }
        }
    };
}

replies! {
    /// N_SOURCES: entries in the list of sources.
    2 SourceCount(u32) Plain,
    /// SOURCE_DATA.
    3 SourceData(SourceData) Plain,
    /// TRACKING.
    5 Tracking(Tracking) Plain,
    /// SOURCESTATS.
    6 SourceStats(SourceStats) Plain,
    /// RTC.
    7 Rtc(Rtc) Plain,
    /// ACTIVITY.
    12 Activity(Activity) Plain,
    /// SMOOTHING.
    13 Smoothing(Smoothing) Plain,
    /// NTP_DATA of chrony 4.3 to 4.5.
    16 ShortNtpData(NtpData) ShortNtpData,
    /// MANUAL_TIMESTAMP2.
    17 ManualTimestamp(ManualTimestamp) Plain,
    /// MANUAL_LIST2.
    18 ManualSamples(ManualSamples) Plain,
    /// NTP_SOURCE_NAME.
    19 SourceName(Name) Plain,
    /// AUTH_DATA.
    20 AuthData(AuthData) Plain,
    /// CLIENT_ACCESSES_BY_INDEX3.
    21 Clients(Clients) Plain,
    /// SELECT_DATA.
    23 SelectData(SelectData) Plain,
    /// SERVER_STATS3 of chrony 4.2 and 4.3.
    24 ShortServerStats(ServerStats) ShortServerStats,
    /// SERVER_STATS4 since chrony 4.4.
    25 ServerStats(ServerStats) Reserving<32>,
    /// NTP_DATA2 since chrony 4.6.
    26 NtpData(NtpData) Reserving<16>,
}

/// What stands before the body of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyHeader {
    /// Version of the protocol.
    pub version: u8,
    /// 2, or it is not a reply.
    pub packet_type: u8,
    /// 0, or it is not a reply.
    pub reserved: u16,
    /// Number of the request.
    pub request: u16,
    /// Number of the reply.
    pub number: u16,
    /// How the command ended.
    pub status: Status,
    /// Of the request.
    pub sequence: u32,
}

impl ReplyHeader {
    /// `None` when the datagram is too short for one.
    pub fn take(bytes: &[u8]) -> Option<Self> {
        let (header, _) = bytes.split_first_chunk::<REPLY_HEADER>()?;
        let reader = &mut Reader::new(header);
        let version = u8::take(reader)?;
        let packet_type = u8::take(reader)?;
        let reserved = u16::take(reader)?;
        let request = u16::take(reader)?;
        let number = u16::take(reader)?;
        let status = Status::take(reader)?;
        let _pad: [u8; 6] = reader.array()?;
        let sequence = u32::take(reader)?;
        Some(Self { version, packet_type, reserved, request, number, status, sequence })
    }
}

/// Why the body of a reply cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// A number without a meaning.
    UnknownNumber,
    /// The datagram ends too early.
    Short,
}

impl Reply {
    /// The whole datagram that answers request number `request`.
    pub fn encode(&self, request: u16, sequence: u32, status: Status) -> Vec<u8> {
        let length = REPLY_HEADER + Self::body_length(self.number()).unwrap_or(0);
        let mut out = Vec::with_capacity(length);
        out.extend([VERSION, REPLY, 0, 0]);
        request.put(&mut out);
        self.number().put(&mut out);
        status.put(&mut out);
        out.extend([0; 6]);
        sequence.put(&mut out);
        out.extend([0; 8]);
        self.put(&mut out);
        out
    }

    /// The body of a datagram with this reply number; bytes behind it are ignored.
    pub fn decode(number: u16, datagram: &[u8]) -> Result<Self, BodyError> {
        let length = Self::body_length(number).ok_or(BodyError::UnknownNumber)?;
        let body = datagram.get(REPLY_HEADER..REPLY_HEADER + length).ok_or(BodyError::Short)?;
        Self::take(number, &mut Reader::new(body)).ok_or(BodyError::Short)
    }
}
