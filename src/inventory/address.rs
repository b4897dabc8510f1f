//! `address`: what SSH connects to and clients poll.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::host::{Place, Sourced};
use super::range::Pattern;
use super::reader::{Field, Reader};
use super::settings::Template;

/// A host's address as its own line gives it.
pub(super) enum Address {
    /// As many as there are names.
    Pattern(Pattern, Place),
    /// Filled in for each name.
    Template(Template),
}

/// Why nothing can ever be reached at such an address, and what to write instead.
fn impossible(address: &str) -> Option<(String, Option<String>)> {
    if !super::reader::is_host_name(address) {
        return Some((format!("must be a host name or an address, not `{address}`"), None));
    }
    if address.contains('%') {
        return Some((format!("`{address}` has a zone, which means something on one machine only"), None));
    }
    let looks_like_v4 = address.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if looks_like_v4 && address.parse::<Ipv4Addr>().is_err() {
        return Some((format!("`{address}` is no IPv4 address: four numbers from 0 to 255"), None));
    }
    if !address.contains(':') || address.parse::<Ipv6Addr>().is_ok() {
        return None;
    }
    let help = match address.split_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => {
            Some(format!("the port goes into `ssh: {{ port: {port} }}`, and `{host}` stays here"))
        }
        _ => None,
    };
    Some((format!("`{address}` is no IPv6 address"), help))
}

/// An address, or a range of as many addresses as there are names.
pub(super) fn of_names<'a>(
    reader: &mut Reader<'_, 'a>,
    field: Field<'_, 'a>,
    names: &Pattern,
) -> Option<Address> {
    let text = reader.text(field)?;
    let pattern = match Pattern::parse(&text) {
        Ok(pattern) => pattern,
        Err(error) => {
            reader.complain(field, error.to_string(), None);
            return None;
        }
    };
    let last = pattern.nth(pattern.count().saturating_sub(1));
    if let Some((cause, help)) = [pattern.nth(0), last].iter().find_map(|address| impossible(address)) {
        reader.complain(field, format!("{field} {cause}"), help);
        return None;
    }
    if pattern.count() != names.count() {
        let count =
            |n: usize, one: &str, more: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {more}") };
        let (names, addresses) =
            (count(names.count(), "host", "hosts"), count(pattern.count(), "address", "addresses"));
        let help = "give both ranges the same length, as in `web[01:20]` and `10.20.1.[1:20]`".to_owned();
        reader.complain(field, format!("{addresses} for {names}"), Some(help));
        return None;
    }
    Some(Address::Pattern(pattern, text.place?))
}

/// One host's address, filled in.
pub(super) fn of_one<'a>(reader: &mut Reader<'_, 'a>, field: Field<'_, 'a>) -> Option<Sourced<String>> {
    let text = reader.text(field)?;
    if let Some((cause, help)) = impossible(&text) {
        reader.complain(field, format!("{field} {cause}"), help);
        return None;
    }
    Some(text)
}
