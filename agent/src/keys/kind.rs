//! What makes a digest of a key and a packet.

use aes::{Aes128, Aes256};
use cmac::{Cmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// A hash function or a cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RFC 5905: MD5 of key and packet.
    Md5,
    /// SHA-1 of key and packet.
    Sha1,
    /// SHA-256 of key and packet.
    Sha256,
    /// SHA-384 of key and packet.
    Sha384,
    /// SHA-512 of key and packet.
    Sha512,
    /// RFC 8573: CMAC with AES-128.
    Aes128,
    /// CMAC with AES-256.
    Aes256,
}

impl KeyKind {
    /// All there are.
    pub const ALL: [Self; 7] =
        [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512, Self::Aes128, Self::Aes256];

    /// As key files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha384 => "SHA384",
            Self::Sha512 => "SHA512",
            Self::Aes128 => "AES128",
            Self::Aes256 => "AES256",
        }
    }

    /// As the monitoring protocol writes it (AUTH_DATA).
    pub fn number(self) -> u16 {
        match self {
            Self::Md5 => 1,
            Self::Sha1 => 2,
            Self::Sha256 => 3,
            Self::Sha384 => 4,
            Self::Sha512 => 5,
            Self::Aes128 => 13,
            Self::Aes256 => 14,
        }
    }

    /// Length that a key must have; a hash function takes any.
    pub(super) fn key_length(self) -> Option<usize> {
        match self {
            Self::Aes128 => Some(16),
            Self::Aes256 => Some(32),
            _ => None,
        }
    }

    /// Bytes of the whole digest.
    pub fn digest_length(self) -> usize {
        match self {
            Self::Md5 | Self::Aes128 | Self::Aes256 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The whole digest.
    pub(super) fn digest(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => hash::<Md5>(key, message),
            Self::Sha1 => hash::<Sha1>(key, message),
            Self::Sha256 => hash::<Sha256>(key, message),
            Self::Sha384 => hash::<Sha384>(key, message),
            Self::Sha512 => hash::<Sha512>(key, message),
            Self::Aes128 => code::<Cmac<Aes128>>(key, message),
            Self::Aes256 => code::<Cmac<Aes256>>(key, message),
        }
    }
}

fn hash<D: Digest>(key: &[u8], message: &[u8]) -> Vec<u8> {
    D::new().chain_update(key).chain_update(message).finalize().to_vec()
}

/// Nothing for a key of the wrong length, which no packet's digest equals; the key file's reader lets none pass.
fn code<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let Ok(mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    #[test]
    fn ciphers_make_the_codes_of_their_standards() {
        // RFC 4493 section 4 and NIST SP 800-38B appendix D.3, examples 2.
        let message = bytes("6bc1bee22e409f96e93d7e117393172a");
        let key = bytes("2b7e151628aed2a6abf7158809cf4f3c");
        assert_eq!(KeyKind::Aes128.digest(&key, &message), bytes("070a16b46b4d4144f79bdd9dd04a287c"));
        let key = bytes("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
        assert_eq!(KeyKind::Aes256.digest(&key, &message), bytes("28a7023f452e8f82bd4bf28d8c37c35c"));
    }

    #[test]
    fn every_digest_is_as_long_as_its_kind_says() {
        for kind in KeyKind::ALL {
            let key = vec![7; kind.key_length().unwrap_or(10)];
            assert_eq!(kind.digest(&key, b"message").len(), kind.digest_length(), "{}", kind.name());
        }
    }
}
