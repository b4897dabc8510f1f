//! The words of the protocol, as [`Desk`](super::desk::Desk), answers and questions share them.

pub use super::body::{
    Activity, AuthData, CLIENTS_PER_PAGE, ClientAccess, Clients, ManualSample, ManualSamples,
    ManualTimestamp, NtpData, Rtc, SelectData, ServerStats, Smoothing, SourceData, SourceMode, SourceState,
    SourceStats, Tracking,
};
pub use super::field::{Address, Name, Time};
pub use super::reply::{BodyError, REPLY_HEADER, Reply, ReplyHeader};
pub use super::request::{
    AddSource, Burst, Change, Class, ClientsPage, LONGEST_REQUEST, Local2, Local3, MakeStepRule, Network,
    REQUEST_HEADER, Request, RequestHeader, Rule, SelectOptions, SourceMatch, SourceOffset,
};
pub use super::status::Status;
