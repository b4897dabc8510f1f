//! Sets of addresses as `allow` and its relatives write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::line::{Line, Word, Wrong};
use super::{AccessRule, Subnet};

/// `[all] [subnet]`, the words after `allow`, `deny`, `cmdallow` and `cmddeny`.
pub(super) fn rule(line: &mut Line<'_>, allow: bool) -> Result<AccessRule, Wrong> {
    let mut word = line.next();
    let all = word.is_some_and(|word| word.lower() == "all");
    if all {
        word = line.next();
    }
    let subnet = word.map_or(Ok(Subnet::Any), subnet)?;
    line.end()?;
    Ok(AccessRule { allow, all, subnet })
}

/// `1.2.3.4`, `10.20`, `10.20/16`, `0/0`, `2001:db8::/32`, `::0/0`.
fn subnet(word: Word<'_>) -> Result<Subnet, Wrong> {
    let (address, length) = match word.text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (word.text, None),
    };
    let (address, whole) = network(address).ok_or_else(|| {
        word.wrong(format!(
            "'{}' is not an address or a prefix like 10.20.0.0/16 or 2001:db8::/32; host names are not taken, \
             because one that does not resolve would stop the daemon",
            word.text
        ))
    })?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => whole,
        Some(text) => text.parse().ok().filter(|length| *length <= bits).ok_or_else(|| {
            word.wrong(format!(
                "the prefix length of '{}' must be a whole number from 0 to {bits}, not '{text}'",
                word.text
            ))
        })?,
    };
    Ok(Subnet::Net { address: masked(address, length), length })
}

/// An address, and the prefix length that it has when none is written: by its dots for IPv4.
fn network(text: &str) -> Option<(IpAddr, u8)> {
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Some((address.into(), 128));
    }
    let mut octets = [0; 4];
    let mut length = 0;
    let mut parts = text.split('.');
    for (octet, part) in octets.iter_mut().zip(&mut parts) {
        if !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *octet = part.parse().ok()?;
        length += 8;
    }
    parts.next().is_none().then(|| (Ipv4Addr::from(octets).into(), length))
}

/// The address with the bits behind the prefix cleared.
fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
            Ipv4Addr::from(u32::from(address) & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0);
            Ipv6Addr::from(u128::from(address) & mask).into()
        }
    }
}
