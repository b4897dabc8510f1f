//! How a command ended.

use super::field::codes;

codes! {
    /// The status of a reply.
    pub enum Status: u16 {
        /// Done.
        Success = 0,
        /// The action did not work.
        Failed = 1,
        /// Not over this transport.
        Unauthorised = 2,
        /// Unknown or obsolete request, or an option of it that does not exist.
        Invalid = 3,
        /// Index, address or reference ID of no source.
        NoSuchSource = 4,
        /// Not used any more.
        InvalidTimestamp = 5,
        /// The daemon does not have this turned on.
        NotEnabled = 6,
        /// Prefix too long, or not an address.
        BadSubnet = 7,
        /// Answer to an access check.
        AccessAllowed = 8,
        /// Answer to an access check.
        AccessDenied = 9,
        /// Not used any more.
        NoHostAccess = 10,
        /// The source to add is there already.
        SourceAlreadyKnown = 11,
        /// No room for another source.
        TooManySources = 12,
        /// No real-time clock driver.
        NoRtc = 13,
        /// The real-time clock's file cannot be written.
        BadRtcFile = 14,
        /// Clients are not logged.
        Inactive = 15,
        /// No such manual sample.
        BadSample = 16,
        /// An address of the wrong family.
        InvalidFamily = 17,
        /// Another version of the protocol.
        BadVersion = 18,
        /// The request is shorter than it must be.
        BadLength = 19,
        /// Not a name.
        InvalidName = 21,
    }
}

impl Status {
    /// What chronyc prints for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Success => "200 OK",
            Self::Failed => "500 Failure",
            Self::Unauthorised => "501 Not authorised",
            Self::Invalid => "502 Invalid command",
            Self::NoSuchSource => "503 No such source",
            Self::InvalidTimestamp => "504 Duplicate or stale logon detected",
            Self::NotEnabled => "505 Facility not enabled in daemon",
            Self::BadSubnet => "507 Bad subnet",
            Self::AccessAllowed => "208 Access allowed",
            Self::AccessDenied => "209 Access denied",
            Self::NoHostAccess => "510 No command access from this host",
            Self::SourceAlreadyKnown => "511 Source already present",
            Self::TooManySources => "512 Too many sources present",
            Self::NoRtc => "513 RTC driver not running",
            Self::BadRtcFile => "514 Can't write RTC parameters",
            Self::Inactive => "519 Client logging is not active in the daemon",
            Self::BadSample => "516 Sample index out of range",
            Self::InvalidFamily => "515 Invalid address family",
            Self::BadVersion => "517 Protocol version mismatch",
            Self::BadLength => "518 Packet length mismatch",
            Self::InvalidName => "521 Invalid name",
            Self::Other(_) => "520 Got unexpected error from daemon",
        }
    }

    /// True when something was answered: done, or an access check's verdict.
    pub fn is_answer(self) -> bool {
        matches!(self, Self::Success | Self::AccessAllowed | Self::AccessDenied)
    }
}
