//! NTP datagrams (RFC 5905 section 7.3, RFC 7822): bytes to meaning and back, with checked parsing.

use std::net::IpAddr;

use md5::{Digest, Md5};

use crate::report::Leap;
use crate::time::{NtpShort, NtpTimestamp};

/// Length of the header, and of every packet without extension fields and authentication.
pub const HEADER_LENGTH: usize = 48;
/// Extension fields without a MAC behind them are at least this long (RFC 7822 section 3).
const MIN_LAST_FIELD: usize = 28;
/// Longest MAC behind a version 4 packet: key number and 20 bytes.
pub const MAX_V4_MAC: usize = 24;
/// Shortest MAC: key number and 16 bytes.
const MIN_MAC: usize = 20;
/// Longest MAC: key number and 64 bytes.
pub const MAX_MAC: usize = 68;
/// The longest packet that the agent sends.
pub const LONGEST_PACKET: usize = HEADER_LENGTH + MAX_MAC;

/// What a packet is for (RFC 5905 figure 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 0 in version 1, where the field did not exist.
    Reserved,
    /// 1: request of a peer.
    SymmetricActive,
    /// 2: answer to a peer.
    SymmetricPassive,
    /// 3.
    Client,
    /// 4.
    Server,
    /// 5.
    Broadcast,
    /// 6: ntpq.
    Control,
    /// 7: ntpdc.
    Private,
}

impl Mode {
    fn from_bits(bits: u8) -> Self {
        match bits & 7 {
            0 => Self::Reserved,
            1 => Self::SymmetricActive,
            2 => Self::SymmetricPassive,
            3 => Self::Client,
            4 => Self::Server,
            5 => Self::Broadcast,
            6 => Self::Control,
            _ => Self::Private,
        }
    }

    /// The number on the wire.
    pub fn bits(self) -> u8 {
        match self {
            Self::Reserved => 0,
            Self::SymmetricActive => 1,
            Self::SymmetricPassive => 2,
            Self::Client => 3,
            Self::Server => 4,
            Self::Broadcast => 5,
            Self::Control => 6,
            Self::Private => 7,
        }
    }
}

/// Leap indicator on the wire.
pub fn leap_bits(leap: Leap) -> u8 {
    match leap {
        Leap::Normal => 0,
        Leap::InsertSecond => 1,
        Leap::DeleteSecond => 2,
        Leap::NotSynchronised => 3,
    }
}

fn leap_from_bits(bits: u8) -> Leap {
    match bits & 3 {
        0 => Leap::Normal,
        1 => Leap::InsertSecond,
        2 => Leap::DeleteSecond,
        _ => Leap::NotSynchronised,
    }
}

/// Names the source of a server's time: an address, a clock's name, or a kiss code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefId(pub u32);

impl RefId {
    /// A server that follows its own clock (`local`).
    pub const LOCAL: Self = Self(0x7F7F_0101);
    /// Kiss code: slow down.
    pub const RATE: Self = Self(u32::from_be_bytes(*b"RATE"));
    /// Kiss code: access denied.
    pub const DENY: Self = Self(u32::from_be_bytes(*b"DENY"));
    /// Kiss code: access restricted.
    pub const RESTRICT: Self = Self(u32::from_be_bytes(*b"RSTR"));

    /// IPv4: the address; IPv6: the first four bytes of its MD5 (RFC 5905 section 7.3).
    pub fn of_address(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self(u32::from(v4)),
            IpAddr::V6(v6) => {
                let digest = Md5::digest(v6.octets());
                let first: [u8; 4] = digest.first_chunk().copied().unwrap_or_default();
                Self(u32::from_be_bytes(first))
            }
        }
    }
}

/// The 48 bytes that every NTP packet begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Leap indicator.
    pub leap: Leap,
    /// Protocol version, 1 to 4.
    pub version: u8,
    /// What the packet is for.
    pub mode: Mode,
    /// 0 = unspecified or kiss code, 16 and above = unsynchronised.
    pub stratum: u8,
    /// Polling interval, log2 seconds.
    pub poll: i8,
    /// Precision of the sender's clock, log2 seconds.
    pub precision: i8,
    /// Round trip to the primary server.
    pub root_delay: NtpShort,
    /// Error bound against the primary server.
    pub root_dispersion: NtpShort,
    /// The sender's own source.
    pub ref_id: RefId,
    /// When the sender's clock was last corrected.
    pub reference: NtpTimestamp,
    /// Copy of the request's transmit timestamp.
    pub origin: NtpTimestamp,
    /// When the request came.
    pub receive: NtpTimestamp,
    /// When this packet went out.
    pub transmit: NtpTimestamp,
}

/// What stands behind the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trailer {
    /// Nothing, or only extension fields.
    Plain,
    /// A message authentication code.
    Mac {
        /// Number of the key it was made with.
        key: u32,
        /// Where it begins: the number, then the digest of all that stands before.
        at: usize,
    },
}

/// A datagram that follows the rules of the wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The header.
    pub header: Header,
    /// What stands behind it.
    pub trailer: Trailer,
}

/// Why a datagram is not NTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// Shorter than the header.
    #[error("{0} bytes are too few for an NTP packet")]
    Short(usize),
    /// Version 0 or above 4.
    #[error("NTP version {0} is not known")]
    Version(u8),
    /// What stands behind the header is neither extension fields nor a MAC.
    #[error("{0} bytes behind the header are neither extension fields nor a MAC")]
    Trailer(usize),
}

impl Packet {
    /// Reads a datagram.
    pub fn parse(bytes: &[u8]) -> Result<Self, PacketError> {
        let Some((head, rest)) = bytes.split_first_chunk::<HEADER_LENGTH>() else {
            return Err(PacketError::Short(bytes.len()));
        };
        let header = Header::read(head);
        if !(1..=4).contains(&header.version) {
            return Err(PacketError::Version(header.version));
        }
        let trailer = read_trailer(header.version, rest)?;
        Ok(Self { header, trailer })
    }
}

fn read_trailer(version: u8, mut rest: &[u8]) -> Result<Trailer, PacketError> {
    let length = rest.len();
    let longest_mac = if version == 4 { MAX_V4_MAC } else { MAX_MAC };
    loop {
        match rest.len() {
            0 => return Ok(Trailer::Plain),
            n if (MIN_MAC..=longest_mac).contains(&n) && n % 4 == 0 => {
                let (key, at) = (u32_at(rest, 0), HEADER_LENGTH + length - n);
                return Ok(Trailer::Mac { key, at });
            }
            n if version == 4 && n >= MIN_LAST_FIELD => {
                // Type and length, then the value; the length counts all of it.
                let field = (u32_at(rest, 0) & 0xFFFF) as usize;
                if field < 16 || !field.is_multiple_of(4) || (field == n && field < MIN_LAST_FIELD) {
                    return Err(PacketError::Trailer(length));
                }
                rest = rest.get(field..).ok_or(PacketError::Trailer(length))?;
            }
            _ => return Err(PacketError::Trailer(length)),
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|tail| tail.first_chunk()).map_or(0, |chunk| u32::from_be_bytes(*chunk))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|tail| tail.first_chunk()).map_or(0, |chunk| u64::from_be_bytes(*chunk))
}

impl Header {
    fn read(bytes: &[u8; HEADER_LENGTH]) -> Self {
        let [first, stratum, poll, precision, ..] = *bytes;
        Self {
            leap: leap_from_bits(first >> 6),
            version: (first >> 3) & 7,
            mode: Mode::from_bits(first),
            stratum,
            poll: poll.cast_signed(),
            precision: precision.cast_signed(),
            root_delay: NtpShort(u32_at(bytes, 4)),
            root_dispersion: NtpShort(u32_at(bytes, 8)),
            ref_id: RefId(u32_at(bytes, 12)),
            reference: NtpTimestamp(u64_at(bytes, 16)),
            origin: NtpTimestamp(u64_at(bytes, 24)),
            receive: NtpTimestamp(u64_at(bytes, 32)),
            transmit: NtpTimestamp(u64_at(bytes, 40)),
        }
    }

    /// The 48 bytes.
    pub fn to_bytes(&self) -> [u8; HEADER_LENGTH] {
        let first = (leap_bits(self.leap) << 6) | ((self.version & 7) << 3) | self.mode.bits();
        let mut words = [0u64; 6];
        let top = u64::from(u32::from_be_bytes([
            first,
            self.stratum,
            self.poll.cast_unsigned(),
            self.precision.cast_unsigned(),
        ]));
        words[0] = (top << 32) | u64::from(self.root_delay.0);
        words[1] = (u64::from(self.root_dispersion.0) << 32) | u64::from(self.ref_id.0);
        words[2] = self.reference.0;
        words[3] = self.origin.0;
        words[4] = self.receive.0;
        words[5] = self.transmit.0;
        let mut bytes = [0; HEADER_LENGTH];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// A client's request: nothing of the clock's state is given away, the transmit timestamp is random.
    pub fn request(version: u8, poll: i8, nonce: NtpTimestamp) -> Self {
        Self {
            leap: Leap::Normal,
            version,
            mode: Mode::Client,
            stratum: 0,
            poll,
            precision: 32,
            root_delay: NtpShort(0),
            root_dispersion: NtpShort(0),
            ref_id: RefId(0),
            reference: NtpTimestamp::ZERO,
            origin: NtpTimestamp::ZERO,
            receive: NtpTimestamp::ZERO,
            transmit: nonce,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reference_id_of_ipv6_is_the_start_of_its_md5() {
        assert_eq!(RefId::of_address("::1".parse().unwrap()), RefId(0xCF40_4DC8));
        assert_eq!(RefId::of_address("192.0.2.7".parse().unwrap()), RefId(0xC000_0207));
    }

    #[test]
    fn lengths_are_judged_as_chronyd_judges_them() {
        let with = |version: u8, tail: &[u8]| {
            let mut bytes = Header::request(version, 6, NtpTimestamp(1)).to_bytes().to_vec();
            bytes.extend_from_slice(tail);
            Packet::parse(&bytes).map(|packet| packet.trailer)
        };
        let field = |length: u16, size: usize| {
            let mut bytes = vec![0x20, 0x30];
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.resize(size, 0);
            bytes
        };
        assert_eq!(with(4, &[]), Ok(Trailer::Plain));
        assert_eq!(with(4, &[0]), Err(PacketError::Trailer(1)));
        assert_eq!(with(4, &[0; 4]), Err(PacketError::Trailer(4)));
        assert_eq!(
            with(4, &[0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
            Ok(Trailer::Mac { key: 9, at: 48 })
        );
        let mut behind_a_field = field(16, 16);
        behind_a_field.extend([0, 0, 0, 9].into_iter().chain([1; 20]));
        assert_eq!(with(4, &behind_a_field), Ok(Trailer::Mac { key: 9, at: 64 }));
        assert_eq!(with(3, &[1; 36]), Ok(Trailer::Mac { key: 0x0101_0101, at: 48 }));
        assert_eq!(with(4, &field(28, 28)), Ok(Trailer::Plain));
        assert_eq!(with(4, &field(16, 16)), Err(PacketError::Trailer(16)));
        assert_eq!(with(4, &field(30, 30)), Err(PacketError::Trailer(30)));
        assert_eq!(with(4, &field(64, 28)), Err(PacketError::Trailer(28)));
        assert_eq!(Packet::parse(&[0x23; 47]), Err(PacketError::Short(47)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic_and_any_header_survives(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(packet) = Packet::parse(&bytes) {
                prop_assert_eq!(&packet.header.to_bytes()[..], &bytes[..HEADER_LENGTH]);
            }
        }
    }
}
