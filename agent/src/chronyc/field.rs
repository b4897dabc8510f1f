//! One field of a body: how a number, an address or a time lies on the wire (big-endian, no alignment).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::float;
use crate::time::{Ppm, Seconds, Wall};

/// Something of fixed length on the wire.
pub(super) trait Field: Sized {
    /// Bytes it takes.
    const LENGTH: usize;

    /// Reads it; `None` when the bytes have run out.
    fn take(reader: &mut Reader<'_>) -> Option<Self>;

    /// Appends exactly [`Field::LENGTH`] bytes.
    fn put(&self, out: &mut Vec<u8>);
}

/// The bytes of a body that are not read yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Field for $integer {
            const LENGTH: usize = size_of::<$integer>();

            fn take(reader: &mut Reader<'_>) -> Option<Self> {
                reader.array().map(Self::from_be_bytes)
            }

            fn put(&self, out: &mut Vec<u8>) {
                out.extend(self.to_be_bytes());
            }
        }
    )*};
}

integers!(u8, i8, u16, i16, u32, i32, u64);

/// All ones stand for "not known" or "never": ages, and counters that a server of an older version does not have.
macro_rules! all_ones_is_none {
    ($($integer:ty),*) => {$(
        impl Field for Option<$integer> {
            const LENGTH: usize = size_of::<$integer>();

            fn take(reader: &mut Reader<'_>) -> Option<Self> {
                <$integer>::take(reader).map(|value| (value != <$integer>::MAX).then_some(value))
            }

            fn put(&self, out: &mut Vec<u8>) {
                self.unwrap_or(<$integer>::MAX).put(out);
            }
        }
    )*};
}

all_ones_is_none!(u32, u64);

impl Field for f64 {
    const LENGTH: usize = 4;

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        u32::take(reader).map(float::decode)
    }

    fn put(&self, out: &mut Vec<u8>) {
        float::encode(*self).put(out);
    }
}

impl Field for Seconds {
    const LENGTH: usize = f64::LENGTH;

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        f64::take(reader).map(Self)
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
}

impl Field for Ppm {
    const LENGTH: usize = f64::LENGTH;

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        f64::take(reader).map(Self)
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
}

/// Whom a source or a client is known by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Address {
    /// Nobody in particular: no source, a reference clock, or "all".
    #[default]
    Unspecified,
    /// IPv4.
    V4(Ipv4Addr),
    /// IPv6.
    V6(Ipv6Addr),
    /// A source whose name has no address yet; numbered by the daemon from 1 (chronyc prints `ID#0000000001`).
    Id(u32),
}

impl Address {
    /// The address, if it is one.
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Self::V4(address) => Some(IpAddr::V4(address)),
            Self::V6(address) => Some(IpAddr::V6(address)),
            Self::Unspecified | Self::Id(_) => None,
        }
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unspecified => f.write_str("[UNSPEC]"),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => address.fmt(f),
            Self::Id(id) => write!(f, "ID#{id:010}"),
        }
    }
}

impl Field for Address {
    const LENGTH: usize = 20;

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        let bytes: [u8; 16] = reader.array()?;
        let kind = u16::take(reader)?;
        let _zero = u16::take(reader)?;
        let [a, b, c, d, ..] = bytes;
        Some(match kind {
            1 => Self::V4(Ipv4Addr::new(a, b, c, d)),
            2 => Self::V6(Ipv6Addr::from(bytes)),
            3 => Self::Id(u32::from_be_bytes([a, b, c, d])),
            _ => Self::Unspecified,
        })
    }

    fn put(&self, out: &mut Vec<u8>) {
        let end = out.len() + Self::LENGTH;
        let kind: u16 = match self {
            Self::Unspecified => 0,
            Self::V4(address) => {
                out.extend(address.octets());
                1
            }
            Self::V6(address) => {
                out.extend(address.octets());
                2
            }
            Self::Id(id) => {
                id.put(out);
                3
            }
        };
        out.resize(end - 4, 0);
        kind.put(out);
        out.resize(end, 0);
    }
}

/// A moment in UTC, leap seconds not counted. Zero means "never".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    /// Since 1970.
    pub seconds: u64,
    /// 0 to 999,999,999.
    pub nanos: u32,
}

impl Time {
    /// As f64, for reports.
    pub fn unix(self) -> f64 {
        self.seconds as f64 + f64::from(self.nanos) * 1e-9
    }
}

impl From<Wall> for Time {
    /// A moment before 1970 becomes "never".
    fn from(wall: Wall) -> Self {
        let (seconds, nanos) = wall.parts();
        u64::try_from(seconds).map_or_else(|_| Self::default(), |seconds| Self { seconds, nanos })
    }
}

impl Field for Time {
    const LENGTH: usize = 12;

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        /// What systems with 32 bits of time send as the high word.
        const NO_HIGH_WORD: u32 = 0x7FFF_FFFF;
        let high = u32::take(reader)?;
        let low = u32::take(reader)?;
        let nanos = u32::take(reader)?.min(999_999_999);
        let high = if high == NO_HIGH_WORD { 0 } else { high };
        Some(Self { seconds: u64::from(high) << 32 | u64::from(low), nanos })
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.seconds.put(out);
        self.nanos.put(out);
    }
}

/// A name in 256 bytes. What comes from the wire may be anything: [`Name::text`] tells what can be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Name(Box<[u8; Name::SIZE]>);

impl Name {
    const SIZE: usize = 256;

    /// `None` when it has more than 255 bytes or one of them is zero.
    pub fn new(text: &str) -> Option<Self> {
        if text.len() >= Self::SIZE || text.contains('\0') {
            return None;
        }
        let mut bytes = Box::new([0; Self::SIZE]);
        bytes.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = byte);
        Some(Self(bytes))
    }

    /// All that is there, up to the terminator if there is one.
    pub fn bytes(&self) -> &[u8] {
        self.0.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// The name, if it is terminated and holds printable ASCII without blanks only.
    pub fn text(&self) -> Option<&str> {
        let text = std::str::from_utf8(self.bytes()).ok()?;
        let terminated = text.len() < Self::SIZE;
        (terminated && text.bytes().all(|byte| byte.is_ascii_graphic())).then_some(text)
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Name({:?})", self.text())
    }
}

impl Field for Name {
    const LENGTH: usize = Self::SIZE;

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        reader.array().map(|bytes| Self(Box::new(bytes)))
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.0.iter());
    }
}

/// A struct whose fields lie on the wire one after the other, as they are written down. `[n zero]` behind a field
/// leaves `n` zero bytes after it.
macro_rules! body {
    (
        $(#[$about:meta])*
        pub struct $name:ident {
            $( $(#[$field_about:meta])* pub $field:ident: $kind:ty $([$zeros:literal zero])?, )*
        }
    ) => {
        $(#[$about])*
        pub struct $name {
            $( $(#[$field_about])* pub $field: $kind, )*
        }

        impl $crate::chronyc::field::Field for $name {
            const LENGTH: usize =
                0 $( + <$kind as $crate::chronyc::field::Field>::LENGTH $( + $zeros )? )*;

            fn take(reader: &mut $crate::chronyc::field::Reader<'_>) -> Option<Self> {
                $(
                    let $field = <$kind as $crate::chronyc::field::Field>::take(reader)?;
                    $( let _: [u8; $zeros] = reader.array()?; )?
                )*
                Some(Self { $( $field, )* })
            }

            fn put(&self, out: &mut Vec<u8>) {
                $(
                    $crate::chronyc::field::Field::put(&self.$field, out);
                    $( out.extend([0; $zeros]); )?
                )*
            }
        }
    };
}

/// An enum of numbers on the wire that keeps numbers it has no name for.
macro_rules! codes {
    (
        $(#[$about:meta])*
        pub enum $name:ident: $integer:ty {
            $( $(#[$code_about:meta])* $variant:ident = $code:literal, )*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[$code_about])* $variant, )*
            /// A number without a meaning.
            Other($integer),
        }

        impl $name {
            /// The number on the wire.
            pub fn code(self) -> $integer {
                match self {
                    $( Self::$variant => $code, )*
                    Self::Other(code) => code,
                }
            }
        }

        impl From<$integer> for $name {
            fn from(code: $integer) -> Self {
                match code {
                    $( $code => Self::$variant, )*
                    other => Self::Other(other),
                }
            }
        }

        impl $crate::chronyc::field::Field for $name {
            const LENGTH: usize = size_of::<$integer>();

            fn take(reader: &mut $crate::chronyc::field::Reader<'_>) -> Option<Self> {
                <$integer as $crate::chronyc::field::Field>::take(reader).map(Self::from)
            }

            fn put(&self, out: &mut Vec<u8>) {
                $crate::chronyc::field::Field::put(&self.code(), out);
            }
        }
    };
}

pub(super) use {body, codes};
