//! Where the daemon listens and sends from.

use std::net::IpAddr;

use super::Directive;
use super::files::checked_path;
use crate::config::line::{Line, Word, Wrong};
use crate::config::{CommandSocket, Family};

pub(super) const DIRECTIVES: &[Directive] = &[
    ("port", |draft, line| {
        draft.config.port = line.integer("port", 0..=u16::MAX)?;
        Ok(())
    }),
    ("cmdport", |draft, line| {
        draft.config.command_port = line.integer("cmdport", 0..=u16::MAX)?;
        Ok(())
    }),
    ("acquisitionport", |draft, line| {
        // chronyd keeps one port for its lifetime when told 0; leaving the directive out is as random and safer.
        draft.config.acquisition_port =
            Some(line.integer("acquisitionport", 1..=u16::MAX).map_err(Wrong::for_the_agent)?);
        Ok(())
    }),
    ("bindaddress", |draft, line| add_address(&mut draft.config.bind_addresses, line)),
    ("bindacqaddress", |draft, line| add_address(&mut draft.config.bind_acquisition_addresses, line)),
    ("binddevice", |draft, line| set_device(&mut draft.config.device, line)),
    ("bindacqdevice", |draft, line| set_device(&mut draft.config.acquisition_device, line)),
    ("bindcmddevice", |draft, line| set_device(&mut draft.config.command_device, line)),
    ("dscp", |draft, line| {
        draft.config.dscp = line.integer("dscp", 0..=63)?;
        Ok(())
    }),
    ("bindcmdaddress", |draft, line| {
        let word = line.need("an address, a path, or / for no socket")?;
        if word.text == "/" {
            draft.config.command_socket = CommandSocket::Disabled;
        } else if word.text.starts_with(['/', '~']) {
            draft.config.command_socket = CommandSocket::Path(checked_path(word)?);
        } else {
            insert_address(&mut draft.config.bind_command_addresses, line.directive, word)?;
        }
        Ok(())
    }),
];

/// The kernel takes no longer names (IFNAMSIZ, less the zero at the end).
const LONGEST_DEVICE: usize = 15;

fn set_device(device: &mut Option<String>, line: &mut Line<'_>) -> Result<(), Wrong> {
    let word = line.need("the name of a network interface")?;
    let name = word.text;
    if name.len() > LONGEST_DEVICE || name.contains(['/', ':']) || matches!(name, "." | "..") {
        return Err(word.wrong(format!(
            "'{name}' cannot be the name of a network interface; 'ip link' lists those of this host"
        )));
    }
    *device = Some(name.to_owned());
    Ok(())
}

fn add_address(addresses: &mut Vec<IpAddr>, line: &mut Line<'_>) -> Result<(), Wrong> {
    let word = line.need("an address of this host")?;
    insert_address(addresses, line.directive, word)
}

/// One address of each family; writing the same one twice is harmless.
fn insert_address(addresses: &mut Vec<IpAddr>, directive: Word<'_>, word: Word<'_>) -> Result<(), Wrong> {
    let Ok(address) = word.text.parse::<IpAddr>() else {
        return Err(word.wrong(format!(
            "'{}' is not an address; '{}' takes an IPv4 or IPv6 address of this host",
            word.text,
            directive.lower()
        )));
    };
    let family = Family::of(address);
    match addresses.iter().find(|other| Family::of(**other) == family) {
        Some(other) if *other != address => Err(word
            .wrong(format!("{other} was given before; '{}' takes one {family} address", directive.lower()))
            .for_the_agent()),
        Some(_) => Ok(()),
        None => {
            addresses.push(address);
            Ok(())
        }
    }
}
