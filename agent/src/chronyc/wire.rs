//! The words of the protocol, as [`Desk`](super::desk::Desk), answers and questions share them.

pub use super::arguments::{
    AddSource, Burst, Change, ClientsPage, Local2, Local3, MakeStepRule, Network, SelectOptions, SourceMatch,
    SourceOffset,
};
pub use super::body::{
    Activity, AuthData, CLIENTS_PER_PAGE, ClientAccess, Clients, ManualSample, ManualSamples,
    ManualTimestamp, NtpData, Rtc, SelectData, ServerStats, Smoothing, SourceData, SourceMode, SourceState,
    SourceStats, Tracking,
};
pub use super::field::{Address, Name, Time};
pub use super::reply::{BodyError, REPLY_HEADER, Reply, ReplyHeader};
pub use super::request::{Class, LONGEST_REQUEST, REQUEST_HEADER, Request, RequestHeader, Rule};
pub use super::status::Status;
