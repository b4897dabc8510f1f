//! The client log as chronyc sees it.

use super::wire::{Address, ClientAccess, Clients, ClientsPage};
use crate::client_log::Entry;
use crate::clients::Clients as Everybody;
use crate::time::Mono;

/// Answers CLIENT_ACCESSES_BY_INDEX3 from a log; `None` when it is off. There is no NTS-KE, so nobody used it.
pub fn clients(log: &Everybody, page: ClientsPage, now: Mono) -> Option<Clients> {
    let page = log.page(page.first, page.count, page.min_hits, page.reset != 0, now)?;
    Some(Clients {
        table_size: page.table_size,
        next_index: page.next_index,
        clients: page.entries.iter().map(access).collect(),
    })
}

fn access(entry: &Entry) -> ClientAccess {
    let interval = |known: Option<i8>| known.unwrap_or(ClientAccess::NO_INTERVAL);
    ClientAccess {
        address: Address::from(entry.address),
        ntp_hits: entry.ntp.hits,
        nke_hits: 0,
        cmd_hits: entry.command.hits,
        ntp_drops: entry.ntp.drops,
        nke_drops: 0,
        cmd_drops: entry.command.drops,
        ntp_interval: interval(entry.ntp.interval),
        nke_interval: ClientAccess::NO_INTERVAL,
        cmd_interval: interval(entry.command.interval),
        ntp_limited_interval: interval(entry.ntp_limited_interval),
        ntp_age: entry.ntp.age,
        nke_age: None,
        cmd_age: entry.command.age,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client_log::{Outcome, Service};
    use crate::config;

    #[test]
    fn a_client_that_asked_twice_is_a_line_of_the_page() {
        let second = |seconds: u64| Mono(seconds * 1_000_000_000);
        let log = Everybody::new(config::ClientLog::Limit { bytes: 2_048 }, 1);
        let host = "192.0.2.1".parse().unwrap();
        log.part_of(host).unwrap().log.hit(Service::Ntp, host, second(100), Outcome::Answered);
        log.part_of(host).unwrap().log.hit(Service::Ntp, host, second(164), Outcome::Dropped);
        let page = ClientsPage { first: 0, count: 8, min_hits: 0, reset: 0 };
        let line = ClientAccess {
            address: Address::V4([192, 0, 2, 1].into()),
            ntp_hits: 2,
            nke_hits: 0,
            cmd_hits: 0,
            ntp_drops: 1,
            nke_drops: 0,
            cmd_drops: 0,
            ntp_interval: 6,
            nke_interval: 127,
            cmd_interval: 127,
            ntp_limited_interval: 127,
            ntp_age: Some(6),
            nke_age: None,
            cmd_age: None,
        };
        let expected = Clients { table_size: 16, next_index: 16, clients: vec![line] };
        assert_eq!(clients(&log, page, second(170)), Some(expected));
        assert_eq!(clients(&Everybody::new(config::ClientLog::Off, 1), page, second(170)), None);
    }
}
