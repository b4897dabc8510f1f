//! Who may ask: `allow` and `deny`, `cmdallow` and `cmddeny` (chrony.conf(5)). The most specific subnet decides;
//! where no rule fits, the answer is no.

mod gate;

use std::collections::BTreeMap;
use std::net::IpAddr;

pub use self::gate::Gate;
use crate::config::{AccessRule, Subnet};

/// A table of rules for both address families. IPv6 addresses that only wrap an IPv4 address are that IPv4 address.
#[derive(Clone, Debug)]
pub struct Access {
    v4: Prefixes,
    v6: Prefixes,
}

impl Default for Access {
    /// Nobody may ask.
    fn default() -> Self {
        Self { v4: Prefixes::new(32), v6: Prefixes::new(128) }
    }
}

impl Access {
    /// A table from rules in the order of the file: of two rules for one subnet the later one holds.
    pub fn new(rules: &[AccessRule]) -> Self {
        let mut access = Self::default();
        rules.iter().for_each(|rule| access.add(*rule));
        access
    }

    /// Adds one rule; with `all` it first takes away every narrower rule inside its subnet.
    pub fn add(&mut self, rule: AccessRule) {
        match rule.subnet {
            Subnet::Any => {
                self.v4.add(0, 0, rule);
                self.v6.add(0, 0, rule);
            }
            Subnet::Net { address: IpAddr::V4(address), length } => {
                self.v4.add(address.to_bits().into(), length, rule);
            }
            Subnet::Net { address: IpAddr::V6(address), length } => match address.to_ipv4_mapped() {
                Some(wrapped) if length >= WRAPPING => {
                    self.v4.add(wrapped.to_bits().into(), length - WRAPPING, rule);
                }
                _ => self.v6.add(address.to_bits(), length, rule),
            },
        }
    }

    /// May this host ask?
    pub fn allows(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.allows(address.to_bits().into()),
            IpAddr::V6(address) => self.v6.allows(address.to_bits()),
        }
    }

    /// The same verdicts, for many questions a second.
    pub fn gate(&self) -> Gate {
        Gate::new(&self.v4, &self.v6)
    }

    /// True when at least one rule allows somebody: otherwise there is no point in listening.
    pub fn allows_anyone(&self) -> bool {
        self.v4.rules.values().chain(self.v6.rules.values()).any(|allow| *allow)
    }
}

/// Bits before the IPv4 address in an IPv6 address that wraps one (`::ffff:0:0/96`, RFC 4291 section 2.5.5.2).
const WRAPPING: u8 = 96;

/// Subnets of one family with their verdicts, sorted by address and then by length, so that all subnets inside
/// another one follow it.
#[derive(Clone, Debug)]
struct Prefixes {
    /// Bits of an address.
    width: u8,
    rules: BTreeMap<(u128, u8), bool>,
}

impl Prefixes {
    fn new(width: u8) -> Self {
        Self { width, rules: BTreeMap::new() }
    }

    /// A prefix longer than an address means that one address.
    fn add(&mut self, address: u128, length: u8, rule: AccessRule) {
        let length = length.min(self.width);
        let first = self.head(address, length);
        if rule.all {
            let last = first | !self.mask(length);
            // A wider subnet that begins at the same address sorts before this one and stays.
            let inside: Vec<(u128, u8)> =
                self.rules.range((first, length)..=(last, self.width)).map(|(subnet, _)| *subnet).collect();
            for subnet in inside {
                self.rules.remove(&subnet);
            }
        }
        self.rules.insert((first, length), rule.allow);
    }

    /// Walks from the closest subnet at or before the address outwards. When that one does not hold the address, no
    /// subnet that shares more than their common bits can, so the next look is at those bits: one or two looks
    /// suffice for most tables.
    fn allows(&self, address: u128) -> bool {
        let mut bound = (address, self.width);
        while let Some(((subnet, length), allow)) = self.rules.range(..=bound).next_back() {
            let common = self.common_bits(*subnet, address);
            if common >= *length {
                return *allow;
            }
            bound = (self.head(address, common), common);
        }
        false
    }

    fn common_bits(&self, a: u128, b: u128) -> u8 {
        // Addresses of fewer than 128 bits have leading zeros in common that do not count.
        let unused = 128 - u32::from(self.width);
        ((a ^ b).leading_zeros().saturating_sub(unused) as u8).min(self.width)
    }

    /// The address with all but its first `length` bits cleared.
    fn head(&self, address: u128, length: u8) -> u128 {
        address & self.mask(length)
    }

    /// Ones in the first `length` of `width` bits, and in the bits above an address.
    fn mask(&self, length: u8) -> u128 {
        let host_bits = u32::from(self.width - length.min(self.width));
        u128::MAX.checked_shl(host_bits).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(words: &str) -> AccessRule {
        let mut words: Vec<&str> = words.split_whitespace().collect();
        let allow = words.remove(0) == "allow";
        let all = words.first() == Some(&"all");
        if all {
            words.remove(0);
        }
        let subnet = words.first().map_or(Subnet::Any, |text| {
            let (address, length) = text.split_once('/').unwrap();
            Subnet::Net { address: address.parse().unwrap(), length: length.parse().unwrap() }
        });
        AccessRule { allow, all, subnet }
    }

    fn access(lines: &[&str]) -> Access {
        Access::new(&lines.iter().map(|line| rule(line)).collect::<Vec<_>>())
    }

    fn allowed(access: &Access, address: &str) -> bool {
        access.allows(address.parse().unwrap())
    }

    #[test]
    fn without_rules_nobody_may_ask() {
        let access = access(&[]);
        for address in ["127.0.0.1", "::1", "192.0.2.1", "2001:db8::1"] {
            assert!(!allowed(&access, address));
        }
        assert!(!access.allows_anyone());
    }

    #[test]
    fn the_most_specific_subnet_decides_whatever_the_order() {
        for lines in [
            ["allow 10.0.0.0/8", "deny 10.1.0.0/16", "allow 10.1.2.0/24", "deny 10.1.2.3/32"],
            ["deny 10.1.2.3/32", "allow 10.1.2.0/24", "deny 10.1.0.0/16", "allow 10.0.0.0/8"],
        ] {
            let access = access(&lines);
            assert!(allowed(&access, "10.0.0.1"));
            assert!(!allowed(&access, "10.1.0.1"));
            assert!(allowed(&access, "10.1.2.2"));
            assert!(!allowed(&access, "10.1.2.3"));
            assert!(allowed(&access, "10.1.2.4"));
            assert!(!allowed(&access, "10.1.255.255"));
            assert!(allowed(&access, "10.2.0.0"));
            assert!(!allowed(&access, "11.0.0.0"));
        }
    }

    #[test]
    fn any_means_both_families_and_each_family_has_its_own_rules() {
        let access = access(&["allow", "deny 0.0.0.0/0"]);
        assert!(!allowed(&access, "192.0.2.1"));
        assert!(allowed(&access, "2001:db8::1"));
        assert!(access.allows_anyone());
    }

    #[test]
    fn a_wrapped_address_is_the_address_inside() {
        let only_four = access(&["allow 192.0.2.0/24"]);
        assert!(allowed(&only_four, "::ffff:192.0.2.7"));
        assert!(!allowed(&only_four, "::ffff:192.0.3.7"));
        assert!(!allowed(&access(&["allow ::/0"]), "::ffff:192.0.2.7"));
        assert!(allowed(&access(&["allow ::ffff:192.0.2.0/120"]), "192.0.2.7"));
    }

    #[test]
    fn all_takes_narrower_rules_away_and_leaves_wider_ones() {
        let access = access(&[
            "allow 10.0.0.0/8",
            "deny 10.0.0.0/16",
            "deny 10.0.1.0/24",
            "deny 10.3.0.0/16",
            "allow all 10.0.0.0/12",
            "deny 10.0.5.0/24",
        ]);
        assert!(allowed(&access, "10.0.1.1"), "was narrower, is gone");
        assert!(allowed(&access, "10.3.1.1"), "was narrower, is gone");
        assert!(!allowed(&access, "10.0.5.1"), "came later, stays");
        assert!(allowed(&access, "10.200.0.1"), "wider, stays");
        let closed = {
            let mut access = access.clone();
            access.add(rule("deny all"));
            access
        };
        assert!(!allowed(&closed, "10.200.0.1"));
        assert!(!closed.allows_anyone());
    }

    #[test]
    fn of_two_rules_for_one_subnet_the_later_holds() {
        assert!(!allowed(&access(&["allow 10.0.0.0/8", "deny 10.0.0.0/8"]), "10.0.0.1"));
        assert!(allowed(&access(&["deny 10.0.0.0/8", "allow 10.255.0.0/8"]), "10.0.0.1"));
    }

    /// Close together, so that subnets nest and touch.
    fn crowded_rule() -> impl Strategy<Value = (u32, u8, bool, bool)> {
        (0_u32..64, 24_u8..=32, any::<bool>(), prop::bool::weighted(0.1))
    }

    proptest! {
        #[test]
        fn agrees_with_asking_every_rule(rules in prop::collection::vec(crowded_rule(), 0..40), address in 0_u32..300) {
            let mut table = Access::default();
            let mut plain: Vec<(u32, u8, bool)> = Vec::new();
            for (bits, length, allow, all) in rules {
                let head = |bits: u32, length: u8| bits & u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                let first = head(bits, length);
                if all {
                    plain.retain(|(other, narrower, _)| *narrower < length || head(*other, length) != first);
                }
                plain.retain(|(other, same, _)| (*other, *same) != (first, length));
                plain.push((first, length, allow));
                let subnet = Subnet::Net { address: IpAddr::V4(bits.into()), length };
                table.add(AccessRule { allow, all, subnet });
            }
            let expected = plain
                .iter()
                .filter(|(first, length, _)| (address ^ first).leading_zeros() >= u32::from(*length))
                .max_by_key(|(_, length, _)| *length)
                .is_some_and(|(_, _, allow)| *allow);
            prop_assert_eq!(table.allows(IpAddr::V4(address.into())), expected);
            prop_assert_eq!(table.gate().allows(IpAddr::V4(address.into())), expected);
        }
    }
    #[test]
    fn the_gate_agrees_at_the_edges_of_every_subnet() {
        let access = access(&[
            "allow ::/0",
            "deny 2001:db8::/32",
            "allow 2001:db8:1::/48",
            "deny ffff::/16",
            "allow 0.0.0.0/0",
            "deny 255.255.255.255/32",
            "deny 0.0.0.0/8",
            "allow 0.0.0.0/32",
        ]);
        let gate = access.gate();
        for host in [
            "::",
            "2001:db7:ffff::",
            "2001:db8::",
            "2001:db8:1::",
            "2001:db8:1:ffff::1",
            "2001:db8:2::",
            "2001:db9::",
            "fffe::",
            "ffff::",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "0.0.0.0",
            "0.0.0.1",
            "0.255.255.255",
            "1.0.0.0",
            "255.255.255.254",
            "255.255.255.255",
            "::ffff:0.0.0.0",
            "::ffff:0.0.0.1",
        ] {
            assert_eq!(gate.allows(host.parse().unwrap()), allowed(&access, host), "{host}");
        }
        for host in ["0.0.0.0", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
            assert!(!Access::default().gate().allows(host.parse().unwrap()));
            assert!(Access::new(&[rule("allow")]).gate().allows(host.parse().unwrap()));
        }
    }
}
