//! What requests ask for: their bodies as plain structs, fields in the order of the wire.

use super::field::{Address, Field, Name, Reader, body};
use crate::time::Seconds;

body! {
    /// Which sources: those whose address, masked, is the masked address.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct SourceMatch {
        /// Unspecified: all of them, or the one with this very address or ID.
        pub mask: Address,
        /// The masked address.
        pub address: Address,
    }
}

impl SourceMatch {
    /// Every source.
    pub const ALL: Self = Self { mask: Address::Unspecified, address: Address::Unspecified };

    /// One source.
    pub fn one(address: Address) -> Self {
        let mask = match address {
            Address::V4(_) => Address::V4(std::net::Ipv4Addr::BROADCAST),
            Address::V6(_) => Address::V6(u128::MAX.into()),
            Address::Unspecified | Address::Id(_) => Address::Unspecified,
        };
        Self { mask, address }
    }

    /// Is the source with this address meant?
    pub fn matches(&self, source: Address) -> bool {
        match (self.mask, self.address, source) {
            (Address::Unspecified, Address::Unspecified, _) => true,
            (Address::Unspecified, wanted, source) => wanted == source,
            (Address::V4(mask), Address::V4(wanted), Address::V4(source)) => source & mask == wanted & mask,
            (Address::V6(mask), Address::V6(wanted), Address::V6(source)) => source & mask == wanted & mask,
            _ => false,
        }
    }
}

body! {
    /// BURST: several requests in quick succession.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Burst {
        /// To whom.
        pub sources: SourceMatch,
        /// Good measurements wanted.
        pub good: i32,
        /// Most requests to send.
        pub total: i32,
    }
}

/// A new value of an option of one source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change<T> {
    /// The source.
    pub address: Address,
    /// The value.
    pub value: T,
}

impl<T: Field> Field for Change<T> {
    const LENGTH: usize = Address::LENGTH + T::LENGTH;

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { address: Address::take(reader)?, value: T::take(reader)? })
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.address.put(out);
        self.value.put(out);
    }
}

body! {
    /// Whom a rule of access is about.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Network {
        /// Unspecified = everybody.
        pub address: Address,
        /// Prefix length.
        pub length: i32,
    }
}

body! {
    /// MODIFY_MAKESTEP: when to step.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct MakeStepRule {
        /// During this many updates; negative = always.
        pub limit: i32,
        /// Offsets above this.
        pub threshold: Seconds,
    }
}

body! {
    /// CLIENT_ACCESSES_BY_INDEX3: a page of the client log.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ClientsPage {
        /// 0, then `next_index` of the last reply.
        pub first: u32,
        /// Up to 8.
        pub count: u32,
        /// Clients with fewer requests are left out.
        pub min_hits: u32,
        /// 1: the counters begin anew once reported.
        pub reset: u32,
    }
}

body! {
    /// LOCAL2 (chrony 4.3 to 4.5).
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Local2 {
        /// 0 off, 1 on.
        pub enable: i32,
        /// Stratum that is served.
        pub stratum: i32,
        /// Root distance from which local time is served.
        pub distance: Seconds,
        /// 1: elect one among those with the same stratum.
        pub orphan: i32,
    }
}

body! {
    /// LOCAL3 (since chrony 4.6).
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Local3 {
        /// As before.
        pub basic: Local2,
        /// Root distance that must have been reached once.
        pub activate: Seconds,
        /// Wait after having been synchronised.
        pub wait_synced: Seconds,
        /// Wait when never synchronised.
        pub wait_unsynced: Seconds,
    }
}

body! {
    /// MODIFY_SELECTOPTS: change selection options of a source.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SelectOptions {
        /// Unspecified: by reference ID.
        pub address: Address,
        /// Of a reference clock.
        pub ref_id: u32,
        /// Options to change: 1 noselect, 2 prefer, 4 trust, 8 require.
        pub mask: u32,
        /// Those of them to set: 0x10 noselect, 0x08 prefer, 0x20 trust, 0x40 require.
        pub options: u32,
    }
}

body! {
    /// MODIFY_OFFSET: correct what a source says.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct SourceOffset {
        /// Unspecified: by reference ID.
        pub address: Address,
        /// Of a reference clock.
        pub ref_id: u32,
        /// The correction.
        pub offset: Seconds,
    }
}

body! {
    /// ADD_SOURCE: a `server`, `peer` or `pool` line (chrony.conf(5)).
    #[derive(Clone, Debug, PartialEq)]
    pub struct AddSource {
        /// 1 server, 2 peer, 3 pool.
        pub kind: u32,
        /// Name or address.
        pub name: Name,
        /// `port`.
        pub port: u32,
        /// `minpoll`.
        pub min_poll: i32,
        /// `maxpoll`.
        pub max_poll: i32,
        /// `presend`.
        pub presend: i32,
        /// `minstratum`.
        pub min_stratum: u32,
        /// `polltarget`.
        pub poll_target: u32,
        /// `version`; 0 = default.
        pub version: u32,
        /// `maxsources`.
        pub max_sources: u32,
        /// `minsamples`; -1 = the daemon's.
        pub min_samples: i32,
        /// `maxsamples`; -1 = the daemon's.
        pub max_samples: i32,
        /// `key`; 0 = none.
        pub key: u32,
        /// `ntsport`.
        pub nts_port: u32,
        /// `maxdelay`.
        pub max_delay: Seconds,
        /// `maxdelayratio`; 0 = off.
        pub max_delay_ratio: f64,
        /// `maxdelaydevratio`.
        pub max_delay_dev_ratio: f64,
        /// `mindelay`.
        pub min_delay: Seconds,
        /// `asymmetry`; 1 = estimate it.
        pub asymmetry: f64,
        /// `offset`.
        pub offset: Seconds,
        /// See the `FLAG_` constants.
        pub flags: u32,
        /// `filter`.
        pub filter: i32,
        /// `certset`.
        pub cert_set: u32,
        /// `maxdelayquant`; 0 = off.
        pub max_delay_quant: f64,
        /// `maxunreach` since chrony 4.8; 0 = default.
        pub max_unreach: i32,
    }
}

impl AddSource {
    /// Not `offline`.
    pub const FLAG_ONLINE: u32 = 0x1;
    /// `auto_offline`.
    pub const FLAG_AUTO_OFFLINE: u32 = 0x2;
    /// `iburst`.
    pub const FLAG_IBURST: u32 = 0x4;
    /// `prefer`.
    pub const FLAG_PREFER: u32 = 0x8;
    /// `noselect`.
    pub const FLAG_NO_SELECT: u32 = 0x10;
    /// `trust`.
    pub const FLAG_TRUST: u32 = 0x20;
    /// `require`.
    pub const FLAG_REQUIRE: u32 = 0x40;
    /// `xleave`.
    pub const FLAG_INTERLEAVED: u32 = 0x80;
    /// `burst`.
    pub const FLAG_BURST: u32 = 0x100;
    /// `nts`.
    pub const FLAG_NTS: u32 = 0x200;
    /// `copy`.
    pub const FLAG_COPY: u32 = 0x400;
    /// `extfield F323` and `extfield F324`.
    pub const FLAGS_EXTENSION: u32 = 0x1800;
    /// `ipv4`.
    pub const FLAG_IPV4: u32 = 0x2000;
    /// `ipv6`.
    pub const FLAG_IPV6: u32 = 0x4000;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::from(text.parse::<std::net::IpAddr>().unwrap())
    }

    fn matched(mask: Address, wanted: Address) -> Vec<&'static str> {
        let sources = ["192.0.2.1", "192.0.2.200", "198.51.100.1", "2001:db8::1"];
        let matching = SourceMatch { mask, address: wanted };
        let mut names: Vec<&str> = sources.into_iter().filter(|one| matching.matches(address(one))).collect();
        names.extend(matching.matches(Address::Id(3)).then_some("ID 3"));
        names
    }

    #[test]
    fn sources_are_meant_by_mask_and_address() {
        let nobody = Address::Unspecified;
        let everybody = ["192.0.2.1", "192.0.2.200", "198.51.100.1", "2001:db8::1", "ID 3"];
        assert_eq!(matched(nobody, nobody), everybody);
        assert_eq!(matched(nobody, Address::Id(3)), ["ID 3"]);
        assert_eq!(matched(nobody, Address::Id(4)), Vec::<&str>::new());
        assert_eq!(matched(address("255.255.255.255"), address("192.0.2.1")), ["192.0.2.1"]);
        assert_eq!(matched(address("255.255.255.0"), address("192.0.2.99")), ["192.0.2.1", "192.0.2.200"]);
        assert_eq!(
            matched(address("0.0.0.0"), address("0.0.0.0")),
            ["192.0.2.1", "192.0.2.200", "198.51.100.1"]
        );
        assert_eq!(matched(address("::"), address("::")), ["2001:db8::1"]);
        let one = SourceMatch::one(address("2001:db8::1"));
        assert_eq!(matched(one.mask, one.address), ["2001:db8::1"]);
    }

    #[test]
    fn a_name_has_at_most_255_bytes() {
        assert_eq!(Name::new("ntp.example.net").unwrap().text(), Some("ntp.example.net"));
        assert_eq!(Name::new(&"a".repeat(255)).unwrap().text().map(str::len), Some(255));
        assert_eq!(Name::new(&"a".repeat(256)), None);
        assert_eq!(Name::new("a\0b"), None);
        assert_eq!(Name::new("two words").unwrap().text(), None);
    }
}
