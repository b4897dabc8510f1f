//! The words of `opencommands` (chrony.conf(5) since 4.7): which monitoring reports are readable over UDP.

use std::fmt;

/// A report of chronyc that needs no more than looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenCommand {
    /// `activity`.
    Activity,
    /// `authdata`.
    Authdata,
    /// `clients`.
    Clients,
    /// `manual list`.
    Manual,
    /// `ntpdata`.
    Ntpdata,
    /// `rtcdata`.
    Rtcdata,
    /// `selectdata`.
    Selectdata,
    /// `serverstats`.
    Serverstats,
    /// `smoothing`.
    Smoothing,
    /// `sourcename`.
    Sourcename,
    /// `sources`.
    Sources,
    /// `sourcestats`.
    Sourcestats,
    /// `tracking`.
    Tracking,
}

impl OpenCommand {
    /// All of them, by their words.
    pub const ALL: [(&'static str, Self); 13] = [
        ("activity", Self::Activity),
        ("authdata", Self::Authdata),
        ("clients", Self::Clients),
        ("manual", Self::Manual),
        ("ntpdata", Self::Ntpdata),
        ("rtcdata", Self::Rtcdata),
        ("selectdata", Self::Selectdata),
        ("serverstats", Self::Serverstats),
        ("smoothing", Self::Smoothing),
        ("sourcename", Self::Sourcename),
        ("sources", Self::Sources),
        ("sourcestats", Self::Sourcestats),
        ("tracking", Self::Tracking),
    ];

    /// What is open when nothing is said.
    pub const USUAL: [Self; 8] = [
        Self::Activity,
        Self::Manual,
        Self::Rtcdata,
        Self::Smoothing,
        Self::Sourcename,
        Self::Sources,
        Self::Sourcestats,
        Self::Tracking,
    ];

    /// By its word, in lower case.
    pub(super) fn by_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, command)| *command)
    }
}

impl fmt::Display for OpenCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(_, command)| command == self).map_or("", |(word, _)| word);
        f.write_str(word)
    }
}
