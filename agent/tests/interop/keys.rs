//! The keys of this run, in the words of each side. ntpsec cuts long digests elsewhere than chronyd and the agent do, so
//! its part is the kinds whose digests need no cutting.

/// A key that one of these daemons has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Md5 = 1,
    Sha1 = 2,
    Sha256 = 3,
    Aes128 = 4,
    /// Its number is everybody's, its secret differs from side to side.
    Forged = 5,
}

impl Key {
    /// `key N` on a line of a source.
    pub(crate) fn option(key: Option<Self>) -> String {
        key.map_or_else(String::new, |key| format!(" key {}", key as u32))
    }
}

/// chrony.keys(5), for the agent and for chronyd.
pub(crate) const CHRONY: &str = "1 MD5 orchard
2 SHA1 HEX:00112233445566778899AABBCCDDEEFF00112233
3 SHA256 HEX:00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF
4 AES128 HEX:00112233445566778899AABBCCDDEEFF
5 SHA256 ASCII:ours
";

/// The same with another secret behind number 5.
pub(crate) fn of_a_forger() -> String {
    CHRONY.replace("ASCII:ours", "ASCII:theirs")
}

/// ntp.keys(5), for ntpd.
pub(crate) const NTP: &str = "1 MD5 orchard
2 SHA1 00112233445566778899aabbccddeeff00112233
4 AES 00112233445566778899aabbccddeeff
";
