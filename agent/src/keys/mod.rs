//! Symmetric keys (chrony.conf(5), `keyfile`; chrony.keys(5)): what signs packets and holds signatures against them.

mod file;
mod kind;

use std::collections::BTreeMap;
use std::fmt;

use subtle::ConstantTimeEq;

pub use self::file::{KeyFileError, parse};
pub use self::kind::KeyKind;
use crate::packet::{MAX_MAC, MAX_V4_MAC, Trailer};

/// Number of the key, ahead of the digest.
const NUMBER: usize = 4;
/// chrony.conf(5): a source's key that is shorter is worth a warning.
const SHORT: usize = 80;

/// One key. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    kind: KeyKind,
    secret: Vec<u8>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, {} bits)", self.kind.name(), self.bits())
    }
}

impl Key {
    /// What it signs with.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Length of the key.
    pub fn bits(&self) -> usize {
        self.secret.len() * 8
    }

    /// Could it be guessed?
    pub fn is_short(&self) -> bool {
        self.bits() < SHORT
    }

    /// The digest as it travels in packets of this version: in version 4 no more of it than a MAC may hold (RFC 7822).
    fn digest(&self, version: u8, message: &[u8]) -> Vec<u8> {
        let longest = if version == 4 { MAX_V4_MAC } else { MAX_MAC };
        let mut digest = self.kind.digest(&self.secret, message);
        digest.truncate(longest - NUMBER);
        digest
    }
}

/// All keys, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(BTreeMap<u32, Key>);

/// Why a packet's MAC is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MacError {
    /// There is none.
    #[error("no message authentication code")]
    Missing,
    /// Made with a key that is not known here.
    #[error("key {0} is not known")]
    UnknownKey(u32),
    /// Not what the key makes of the packet.
    #[error("the digest of key {0} does not fit the packet")]
    WrongDigest(u32),
}

impl Keys {
    /// The key with this number.
    pub fn get(&self, number: u32) -> Option<&Key> {
        self.0.get(&number)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a MAC behind the first `length` bytes of a packet of this version, and returns how long it is now; `None` =
    /// there is no such key, or no room.
    #[must_use]
    pub fn sign(&self, number: u32, version: u8, packet: &mut [u8], length: usize) -> Option<usize> {
        let key = self.get(number)?;
        let (message, room) = packet.split_at_mut_checked(length)?;
        let digest = key.digest(version, message);
        let (head, tail) = room.split_at_mut_checked(NUMBER)?;
        head.copy_from_slice(&number.to_be_bytes());
        tail.get_mut(..digest.len())?.copy_from_slice(&digest);
        Some(length + NUMBER + digest.len())
    }

    /// Holds a packet's MAC against the key it names; returns that key's number.
    pub fn verify(&self, version: u8, packet: &[u8], trailer: Trailer) -> Result<u32, MacError> {
        let Trailer::Mac { key: number, at } = trailer else { return Err(MacError::Missing) };
        let key = self.get(number).ok_or(MacError::UnknownKey(number))?;
        let wrong = MacError::WrongDigest(number);
        let (message, mac) = packet.split_at_checked(at).ok_or(wrong)?;
        let claimed = mac.get(NUMBER..).ok_or(wrong)?;
        // How long it takes must not tell how much of a forged digest is right.
        if bool::from(key.digest(version, message).ct_eq(claimed)) { Ok(number) } else { Err(wrong) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{LONGEST_PACKET, Packet};

    fn keys() -> Keys {
        parse("keys", "1 MD5 HEX:00112233445566778899AABBCCDDEEFF\n2 SHA512 ASCII:crocus\n").unwrap()
    }

    #[test]
    fn a_key_never_prints() {
        let shown = format!("{:?}", keys());
        assert_eq!(shown, "Keys({1: Key(MD5, 128 bits), 2: Key(SHA512, 48 bits)})");
    }

    #[test]
    fn one_changed_bit_or_another_number_spoils_a_signature() {
        let keys = keys();
        for (number, version, length) in [(1, 4, 68), (2, 4, 72), (2, 3, 116)] {
            let mut packet = vec![0; LONGEST_PACKET];
            packet[0] = version << 3 | 3;
            assert_eq!(keys.sign(number, version, &mut packet, 48), Some(length));
            packet.truncate(length);
            let check = |packet: &[u8]| keys.verify(version, packet, Packet::parse(packet).unwrap().trailer);
            assert_eq!(check(&packet), Ok(number));
            for byte in [1, 47, 52, length - 1] {
                let mut changed = packet.clone();
                changed[byte] ^= 1;
                assert_eq!(check(&changed), Err(MacError::WrongDigest(number)), "byte {byte}");
            }
            packet[51] = 3;
            assert_eq!(check(&packet), Err(MacError::UnknownKey(3)));
        }
        assert_eq!(keys.verify(4, &[0; 48], Trailer::Plain), Err(MacError::Missing));
        assert_eq!(keys.sign(3, 4, &mut [0; LONGEST_PACKET], 48), None);
        assert_eq!(keys.sign(1, 4, &mut [0; 67], 48), None);
    }
}
