//! Foreign configurations to an inventory: what Ansible knows of a fleet, and chrony.conf files.
//!
//! Every host gets a [`Layer`] of its own; what hosts have in common is lifted to their groups afterwards, so that a
//! host never ends up with a value that it did not have. What cannot be said in an inventory is a [`Note`]: a comment
//! beside the host or the group, and a line on standard error.

mod ansible;
mod chrony_conf;
mod draft;
mod jump;
mod layer;
mod machines;
mod text;
mod timesync;
mod upstream;
mod variables;

#[cfg(test)]
mod tests;

pub(crate) use ansible::read as ansible;
pub(crate) use chrony_conf::{ConfFile, read as chrony_conf};

/// What both kinds of import are told.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    /// Name of the fleet.
    pub(crate) fleet: String,
    /// A pool for hosts that name no source of time.
    pub(crate) pool: String,
}

/// An inventory, and what did not get into it.
#[derive(Debug, PartialEq)]
pub(crate) struct Imported {
    /// The YAML.
    pub(crate) text: String,
    /// One line each: place, what, and why.
    pub(crate) remarks: Vec<String>,
}

/// Why nothing could be imported.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum ImportError {
    /// Not JSON at all.
    #[error(
        "{file}:{line}:{column}: this is no JSON ({message}): it takes what `ansible-inventory --list` prints"
    )]
    Json {
        /// As the user named it.
        file: String,
        /// 1 is the first line.
        line: usize,
        /// 1 is the first character.
        column: usize,
        /// The parser's words.
        message: String,
    },
    /// JSON, but no inventory.
    #[error("{file}: {message}: it takes what `ansible-inventory --list` prints")]
    Shape {
        /// As the user named it.
        file: String,
        /// What is missing.
        message: String,
    },
    /// There is not one host in it.
    #[error("{file}: there are no hosts in it")]
    NoHosts {
        /// As the user named it.
        file: String,
    },
    /// The inventory would take the place of what it is made from.
    #[error("-o {output}: this is {file}, which is imported: write the inventory to another file")]
    Output {
        /// As typed.
        output: String,
        /// The file, as typed.
        file: String,
    },
    /// Two files for one host.
    #[error(
        "{file}: this would be host `{name}` again: name the hosts with `--host NAME`, in the order of the files"
    )]
    SameName {
        /// The second file.
        file: String,
        /// The name.
        name: String,
    },
    /// `--host` says something that cannot be.
    #[error("--host {given}: {message}")]
    Host {
        /// As typed.
        given: String,
        /// What is wrong.
        message: String,
    },
}
