//! The client log as chronyc sees it.

use super::wire::{Address, ClientAccess, Clients, ClientsPage};
use crate::client_log::{ClientLog, Entry};
use crate::time::Mono;

/// Answers CLIENT_ACCESSES_BY_INDEX3 from a log; `None` when it is off. There is no NTS-KE, so nobody used it.
pub fn clients(log: &mut ClientLog, page: ClientsPage, now: Mono) -> Option<Clients> {
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
