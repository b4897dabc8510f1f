//! Everything a host reports of its daemon, asked question by question over any socket.

use super::ask::AskError;
use super::report::client;
use super::wire::{self, ClientsPage, Reply, Request, SourceMode, Status};
use crate::report::{Activity, Client, Source, Tracking};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chronyc::wire::{
        Address, ClientAccess, Clients, Name, NtpData, SelectData, SourceData, SourceState, Time,
    };
    use crate::time::{Ppm, Seconds};

    fn source(address: Address, mode: SourceMode, state: SourceState) -> SourceData {
        SourceData {
            address,
            poll: 6,
            stratum: 2,
            state,
            mode,
            flags: 0,
            reach: 0o377,
            last_sample_age: Some(12),
            measured_offset: Seconds(0.5),
            adjusted_offset: Seconds(0.25),
            error_bound: Seconds(0.125),
        }
    }

    fn select(state: u8) -> Reply {
        Reply::SelectData(SelectData {
            ref_id: 0,
            address: Address::Unspecified,
            state,
            authenticated: 0,
            leap: 0,
            configured: 0,
            effective: 0,
            sample_age: 0,
            score: 1.0,
            low: Seconds::ZERO,
            high: Seconds::ZERO,
        })
    }

    fn windows_server(address: Address) -> NtpData {
        NtpData {
            remote_address: address,
            local_address: Address::Unspecified,
            remote_port: 123,
            leap: 0,
            version: 3,
            mode: 4,
            stratum: 2,
            poll: 6,
            precision: -23,
            root_delay: Seconds(0.03),
            root_dispersion: Seconds(7.5),
            ref_id: 0,
            ref_time: Time::default(),
            offset: Seconds::ZERO,
            peer_delay: Seconds::ZERO,
            peer_dispersion: Seconds::ZERO,
            response_time: Seconds::ZERO,
            jitter_asymmetry: 0.0,
            flags: 0,
            tx_stamp: 0,
            rx_stamp: 0,
            tx_total: 0,
            rx_total: 0,
            rx_valid: 0,
            rx_good: 0,
            kernel_tx: None,
            kernel_rx: None,
            hw_tx: None,
            hw_rx: None,
        }
    }

    fn tracking() -> wire::Tracking {
        wire::Tracking {
            ref_id: 0x7F7F_0101,
            address: Address::Unspecified,
            stratum: 10,
            leap: 0,
            ref_time: Time { seconds: 1_700_000_000, nanos: 500_000_000 },
            correction: Seconds(-0.5),
            last_offset: Seconds::ZERO,
            rms_offset: Seconds::ZERO,
            frequency: Ppm(3.0),
            residual_frequency: Ppm::ZERO,
            skew: Ppm::ZERO,
            root_delay: Seconds(0.5),
            root_dispersion: Seconds(0.25),
            update_interval: Seconds::ZERO,
        }
    }

    fn refused(request: &Request, status: Status) -> Result<Reply, AskError> {
        Err(AskError::Refused { request: request.name(), status })
    }

    /// A Windows server by name, a name without an address, and a reference clock.
    fn over_the_socket(request: &Request) -> Result<Reply, AskError> {
        let server = Address::V4([192, 0, 2, 1].into());
        Ok(match request {
            Request::Tracking => Reply::Tracking(tracking()),
            Request::Activity => {
                Reply::Activity(wire::Activity { online: 1, unresolved: 1, ..Default::default() })
            }
            Request::SourceCount => Reply::SourceCount(3),
            Request::SourceData(0) => {
                Reply::SourceData(source(server, SourceMode::Client, SourceState::NotSelectable))
            }
            Request::SourceData(1) => {
                Reply::SourceData(source(Address::Id(1), SourceMode::Client, SourceState::NotSelectable))
            }
            Request::SourceData(_) => {
                let gps = Address::V4([b'G', b'P', b'S', 0].into());
                Reply::SourceData(source(gps, SourceMode::ReferenceClock, SourceState::Selected))
            }
            Request::SelectData(0) => select(b'd'),
            Request::SelectData(1) => select(b'M'),
            Request::SelectData(_) => select(b'*'),
            Request::NtpData(address) if *address == server => Reply::NtpData(windows_server(server)),
            Request::SourceName(Address::Id(1)) => Reply::SourceName(Name::new("ntp.example.net").unwrap()),
            Request::SourceName(_) => Reply::SourceName(Name::new("dc1.example.net").unwrap()),
            Request::Clients(page) if page.first == 0 => clients(8, 1..=8),
            Request::Clients(page) => clients(page.first + 8, 9..=10),
            other => return refused(other, Status::NoSuchSource),
        })
    }

    fn clients(next_index: u32, hosts: std::ops::RangeInclusive<u8>) -> Reply {
        let client = |host: u8| ClientAccess {
            address: Address::V4([10, 0, 0, host].into()),
            ntp_hits: u32::from(host) - 1,
            nke_hits: 0,
            cmd_hits: 1,
            ntp_drops: 0,
            nke_drops: 0,
            cmd_drops: 0,
            ntp_interval: if host == 2 { 127 } else { 6 },
            nke_interval: 127,
            cmd_interval: 127,
            ntp_limited_interval: 127,
            ntp_age: Some(3),
            nke_age: None,
            cmd_age: Some(3),
        };
        Reply::Clients(Clients { table_size: 16, next_index, clients: hosts.map(client).collect() })
    }

    #[test]
    fn a_survey_over_the_socket_brings_everything_home() {
        let survey = survey(true, over_the_socket);
        assert_eq!(survey.unanswered, Vec::<String>::new());
        let tracking = survey.tracking.unwrap();
        assert!(tracking.is_local() && tracking.is_synchronised());
        assert_eq!(tracking.error_bound(), Seconds(1.0));
        assert_eq!(tracking.ref_time_unix, 1_700_000_000.5);
        let activity = survey.activity.unwrap();
        assert_eq!((activity.online, activity.unresolved), (1, 1));

        let lines: Vec<String> = survey
            .sources
            .iter()
            .map(|source| {
                let [delay, dispersion] = [source.root_delay, source.root_dispersion]
                    .map(|it| it.map_or("?".into(), |it| it.to_string()));
                let address = source.address.map_or("none".into(), |address| address.to_string());
                let reason = source.reason.unwrap();
                format!("{}{reason} {} at {address}: {delay} {dispersion}", source.state, source.name)
            })
            .collect();
        assert_eq!(
            lines,
            [
                "?d dc1.example.net at 192.0.2.1: 0.03 s 7.5 s",
                "?M ntp.example.net at none: ? ?",
                "** GPS at none: ? ?",
            ]
        );

        let clients = survey.clients.unwrap();
        let hosts: Vec<String> = clients.iter().map(|client| client.address.to_string()).collect();
        // 10.0.0.1 only sent commands.
        assert_eq!(hosts.len(), 9);
        assert_eq!((hosts[0].as_str(), clients[0].ntp_interval), ("10.0.0.2", None));
        assert_eq!((hosts[8].as_str(), clients[8].ntp_interval), ("10.0.0.10", Some(6)));
    }

    #[test]
    fn a_survey_over_udp_says_what_it_was_not_told_and_keeps_the_rest() {
        let survey = survey(true, |request| match request {
            Request::SelectData(_) | Request::NtpData(_) | Request::Clients(_) => {
                refused(request, Status::Unauthorised)
            }
            other => over_the_socket(other),
        });
        assert_eq!(survey.unanswered, ["CLIENT_ACCESSES_BY_INDEX3: 501 Not authorised"]);
        assert_eq!(survey.clients, None);
        assert_eq!(survey.sources.len(), 3);
        assert_eq!((survey.sources[0].reason, survey.sources[0].root_dispersion), (None, None));
        assert_eq!(survey.sources[0].name, "dc1.example.net");
    }

    #[test]
    fn a_survey_of_a_daemon_that_is_silent_asks_once() {
        let mut asked = 0;
        let survey = survey(true, |request| {
            asked += 1;
            Err(AskError::Short { request: request.name() })
        });
        assert_eq!(asked, 1);
        assert_eq!(survey.unanswered, ["TRACKING: the reply was cut short; ask again"]);
        assert_eq!(survey.tracking, None);
    }
}
