//! `address`: what SSH connects to and clients poll.

use super::host::{Place, Sourced};
use super::host_name;
use super::problem::Problem;
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

/// How a port is written beside an address.
pub(super) fn port_key(port: u16) -> String {
    format!("ssh: {{ port: {port} }}")
}

/// An address, or a range of as many addresses as there are names.
pub(super) fn of_names<'a>(
    reader: &mut Reader<'_, 'a>,
    field: Field<'_, 'a>,
    names: &Pattern,
) -> Option<Address> {
    let text = reader.name_text(field)?;
    let pattern = match Pattern::parse(&text) {
        Ok(pattern) => pattern,
        Err(error) => {
            reader.complain(field, error.to_string(), None);
            return None;
        }
    };
    let last = pattern.nth(pattern.count().saturating_sub(1));
    let wrong = [pattern.nth(0), last].into_iter().find_map(|name| Some((host_name::fault(&name)?, name)));
    if let Some((fault, address)) = wrong {
        reader.no_name(field, &address, &fault);
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
    reader.host_name(field)
}

/// What is wrong with a host that has no address when its name, which is its address then, cannot be one.
pub(super) fn of_name(name: &str, place: &Place) -> Option<Problem> {
    let fault = host_name::fault(name)?;
    let message = format!("host `{name}` has no `address`, and its name {fault}");
    Some(Problem::error(place.clone(), message).help("give it an `address`"))
}
