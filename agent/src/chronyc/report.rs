//! From what a daemon answers to what a host reports: the wire's numbers become the report's words.

use super::ask::AskError;
use super::wire::{self, Address, ClientsPage, Reply, Request, SourceMode, SourceState, Status};
use crate::report::{Activity, Client, Leap, Source, Tracking};

/// What one daemon told, question by question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    /// TRACKING.
    pub tracking: Option<Tracking>,
    /// ACTIVITY.
    pub activity: Option<Activity>,
    /// SOURCE_DATA of every source, with name, reason and root distance where the daemon tells them.
    pub sources: Vec<Source>,
    /// Who asked the daemon for the time; `None` when it was not asked or keeps no log.
    pub clients: Option<Vec<Client>>,
    /// Questions without an answer, a line each.
    pub unanswered: Vec<String>,
}

/// Asks a daemon everything that a host reports. `ask` sends one request and waits for its reply; after an error of
/// its own that is not about the question (nobody there), every further question fails the same way, so the survey
/// ends with the first one unanswered.
pub fn survey<E>(with_clients: bool, mut ask: impl FnMut(&Request) -> Result<Reply, E>) -> Survey
where
    E: std::fmt::Display + RefusalOf,
{
    let mut survey = Survey::default();
    match ask(&Request::Tracking) {
        Ok(Reply::Tracking(tracking)) => survey.tracking = Some(Tracking::from(&tracking)),
        Ok(_) => survey.unanswered.push("TRACKING: another reply came".into()),
        Err(error) => {
            let silent = error.refusal().is_none();
            survey.unanswered.push(error.to_string());
            if silent {
                return survey;
            }
        }
    }
    match ask(&Request::Activity) {
        Ok(Reply::Activity(activity)) => survey.activity = Some(Activity::from(activity)),
        Ok(_) => survey.unanswered.push("ACTIVITY: another reply came".into()),
        Err(error) => survey.unanswered.push(error.to_string()),
    }
    survey_sources(&mut survey, &mut ask);
    if with_clients {
        survey_clients(&mut survey, &mut ask);
    }
    survey
}

/// What a daemon said no with, if that is why there is no answer.
pub trait RefusalOf {
    /// `None` when nothing was said at all.
    fn refusal(&self) -> Option<Status>;
}

impl RefusalOf for AskError {
    fn refusal(&self) -> Option<Status> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

fn survey_sources<E>(survey: &mut Survey, ask: &mut impl FnMut(&Request) -> Result<Reply, E>)
where
    E: std::fmt::Display + RefusalOf,
{
    let count = match ask(&Request::SourceCount) {
        Ok(Reply::SourceCount(count)) => count,
        Ok(_) => return survey.unanswered.push("N_SOURCES: another reply came".into()),
        Err(error) => return survey.unanswered.push(error.to_string()),
    };
    for index in 0..count {
        let data = match ask(&Request::SourceData(index as i32)) {
            Ok(Reply::SourceData(data)) => data,
            // The list became shorter while it was read.
            Err(error) if error.refusal() == Some(Status::NoSuchSource) => break,
            Ok(_) => return survey.unanswered.push("SOURCE_DATA: another reply came".into()),
            Err(error) => return survey.unanswered.push(error.to_string()),
        };
        let mut source = Source::from(&data);
        // The rest is told over the Unix socket only, and not by every daemon: its absence is no news.
        if let Ok(Reply::SelectData(select)) = ask(&Request::SelectData(index)) {
            source.reason = Some(char::from(select.state));
        }
        if data.mode != SourceMode::ReferenceClock {
            if let Ok(Reply::SourceName(name)) = ask(&Request::SourceName(data.address))
                && let Some(text) = name.text().filter(|text| !text.is_empty())
            {
                source.name = text.to_owned();
            }
            if let Ok(Reply::NtpData(ntp) | Reply::ShortNtpData(ntp)) = ask(&Request::NtpData(data.address))
                && ntp.mode != 0
            {
                source.root_delay = Some(ntp.root_delay);
                source.root_dispersion = Some(ntp.root_dispersion);
            }
        }
        survey.sources.push(source);
    }
}

fn survey_clients<E>(survey: &mut Survey, ask: &mut impl FnMut(&Request) -> Result<Reply, E>)
where
    E: std::fmt::Display + RefusalOf,
{
    let count = wire::CLIENTS_PER_PAGE as u32;
    let mut found = Vec::new();
    let mut first = 0;
    loop {
        let page = match ask(&Request::Clients(ClientsPage { first, count, min_hits: 0, reset: 0 })) {
            Ok(Reply::Clients(page)) => page,
            Ok(_) => return survey.unanswered.push("CLIENT_ACCESSES_BY_INDEX3: another reply came".into()),
            Err(error) => return survey.unanswered.push(error.to_string()),
        };
        let last = page.next_index >= page.table_size || page.next_index <= first;
        found.extend(page.clients.iter().filter_map(client));
        if last || page.clients.len() < wire::CLIENTS_PER_PAGE {
            survey.clients = Some(found);
            return;
        }
        first = page.next_index;
    }
}

/// A client that asked for the time; hosts that only sent commands are left out.
fn client(access: &wire::ClientAccess) -> Option<Client> {
    let address = access.address.ip()?;
    (access.ntp_hits > 0).then(|| Client {
        address,
        ntp_hits: access.ntp_hits,
        ntp_drops: access.ntp_drops,
        ntp_interval: (access.ntp_interval != wire::ClientAccess::NO_INTERVAL).then_some(access.ntp_interval),
        last_ntp_age: access.ntp_age,
    })
}

/// Anything but the three good codes is read as "not synchronised": a doubtful clock must not look like a good one.
fn leap(code: u16) -> Leap {
    match code {
        0 => Leap::Normal,
        1 => Leap::InsertSecond,
        2 => Leap::DeleteSecond,
        _ => Leap::NotSynchronised,
    }
}

/// The number that stands for a leap status in replies.
pub fn leap_code(leap: Leap) -> u8 {
    match leap {
        Leap::Normal => 0,
        Leap::InsertSecond => 1,
        Leap::DeleteSecond => 2,
        Leap::NotSynchronised => 3,
    }
}

impl From<&wire::Tracking> for Tracking {
    fn from(wire: &wire::Tracking) -> Self {
        Self {
            ref_id: format!("{:08X}", wire.ref_id),
            address: wire.address.ip(),
            stratum: wire.stratum,
            leap: leap(wire.leap),
            ref_time_unix: wire.ref_time.unix(),
            correction: wire.correction,
            last_offset: wire.last_offset,
            rms_offset: wire.rms_offset,
            frequency: wire.frequency,
            residual_frequency: wire.residual_frequency,
            skew: wire.skew,
            root_delay: wire.root_delay,
            root_dispersion: wire.root_dispersion,
            update_interval: wire.update_interval,
        }
    }
}

impl From<wire::Activity> for Activity {
    fn from(wire: wire::Activity) -> Self {
        let [online, offline, burst_online, burst_offline, unresolved] =
            [wire.online, wire.offline, wire.burst_online, wire.burst_offline, wire.unresolved]
                .map(|count| u32::try_from(count).unwrap_or(0));
        Self { online, offline, burst_online, burst_offline, unresolved }
    }
}

impl From<&wire::SourceData> for Source {
    /// Name, reason and the source's own root delay and dispersion are not in SOURCE_DATA: the name is the address,
    /// the others unknown.
    fn from(wire: &wire::SourceData) -> Self {
        let clock = wire.mode == SourceMode::ReferenceClock;
        let name = match wire.address {
            Address::V4(bytes) if clock => bytes
                .octets()
                .into_iter()
                .filter(|byte| (0x20..0x7F).contains(byte))
                .map(char::from)
                .collect(),
            address => address.to_string(),
        };
        Self {
            name,
            address: wire.address.ip().filter(|_| !clock),
            state: symbol(wire.state),
            reason: None,
            stratum: wire.stratum,
            poll: wire.poll,
            reach: wire.reach as u8,
            last_sample_age: wire.last_sample_age,
            offset: wire.adjusted_offset,
            error_bound: wire.error_bound,
            root_delay: None,
            root_dispersion: None,
        }
    }
}

fn symbol(state: SourceState) -> char {
    match state {
        SourceState::Selected => '*',
        SourceState::NotSelectable => '?',
        SourceState::Falseticker => 'x',
        SourceState::TooVariable => '~',
        SourceState::Combined => '+',
        SourceState::Unused => '-',
        SourceState::Other(_) => ' ',
    }
}
