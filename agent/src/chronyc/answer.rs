//! A request's datagram in, a reply's datagram out: who may ask, in which order things are checked, what is said.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::desk::{Asker, Desk, Manual, SourceOption, Table};
use super::open;
use super::reply::VERSION;
use super::request::{LONG_NTP_DATA, LONG_SERVER_STATS, REQUEST};
use super::wire::{
    AddSource, Address, CLIENTS_PER_PAGE, Class, ClientsPage, LONGEST_REQUEST, Local2, Local3, MakeStepRule,
    Name, Network, REPLY_HEADER, Reply, Request, RequestHeader, SelectOptions, Status,
};
use crate::config::{AccessRule, Local, Subnet};

/// The oldest version that is told which one to speak.
const OLDEST_ANSWERED_VERSION: u8 = 5;

/// Answers one datagram; `None` = say nothing. An answer is never longer than the request was.
pub fn answer(desk: &mut impl Desk, asker: Asker, datagram: &[u8]) -> Option<Vec<u8>> {
    if let Asker::Udp(host) = asker
        && !asker.is_loopback()
        && !desk.access(Table::Commands, host.to_canonical())
    {
        return None;
    }
    if !(REPLY_HEADER..=LONGEST_REQUEST).contains(&datagram.len()) {
        return None;
    }
    let header = RequestHeader::take(datagram)?;
    if header.packet_type != REQUEST || header.reserved != 0 {
        return None;
    }
    if !desk.admit_command(asker) {
        return None;
    }
    if header.version != VERSION && header.version < OLDEST_ANSWERED_VERSION {
        return None;
    }
    let (status, reply) = match admit(desk, asker, &header, datagram) {
        Ok(request) => carry_out(desk, request, datagram.len()),
        Err(status) => (status, Reply::Null),
    };
    Some(reply.encode(header.number, header.sequence, status))
}

/// Version before number, number before length, length before permission: chronyc can tell from the status which
/// version it talks to.
fn admit(desk: &impl Desk, asker: Asker, header: &RequestHeader, datagram: &[u8]) -> Result<Request, Status> {
    if header.version != VERSION {
        return Err(Status::BadVersion);
    }
    let rule = Request::rule(header.number).ok_or(Status::Invalid)?;
    let required = Request::required_length(header.number).ok_or(Status::Invalid)?;
    if datagram.len() < required {
        return Err(Status::BadLength);
    }
    let permitted = match asker {
        Asker::Unix => true,
        Asker::Udp(_) => rule.class != Class::Full && open::is_open(desk.open_commands(), header.number),
    };
    if !permitted {
        return Err(Status::Unauthorised);
    }
    Request::decode(header.number, datagram).ok_or(Status::Invalid)
}

/// What a question is answered with; everything that changes something is [`command`]'s.
fn carry_out(desk: &mut impl Desk, request: Request, length: usize) -> (Status, Reply) {
    let reply = match request {
        Request::Tracking => Some(Reply::Tracking(desk.tracking())),
        Request::SourceCount => Some(Reply::SourceCount(desk.source_count())),
        Request::SourceData(index) => {
            u32::try_from(index).ok().and_then(|index| desk.source(index)).map(Reply::SourceData)
        }
        Request::SourceStats(index) => desk.source_stats(index).map(Reply::SourceStats),
        Request::SelectData(index) => desk.select_data(index).map(Reply::SelectData),
        Request::NtpData(address) => desk.ntp_data(address).map(match length {
            LONG_NTP_DATA.. => Reply::NtpData,
            _ => Reply::ShortNtpData,
        }),
        Request::AuthData(address) => desk.auth_data(address).map(Reply::AuthData),
        Request::SourceName(address) => match desk.source_name(address).map(|name| Name::new(&name)) {
            Some(None) => return (Status::InvalidName, Reply::Null),
            known => known.flatten().map(Reply::SourceName),
        },
        Request::Activity => Some(Reply::Activity(desk.activity())),
        Request::ServerStats => Some(match length {
            LONG_SERVER_STATS.. => Reply::ServerStats(desk.server_stats()),
            _ => Reply::ShortServerStats(desk.server_stats()),
        }),
        Request::Clients(page) => {
            let page = ClientsPage { count: page.count.min(CLIENTS_PER_PAGE as u32), ..page };
            match desk.clients(page) {
                Some(clients) => Some(Reply::Clients(clients)),
                None => return (Status::Inactive, Reply::Null),
            }
        }
        Request::Smoothing => match desk.smoothing() {
            Some(smoothing) => Some(Reply::Smoothing(smoothing)),
            None => return (Status::NotEnabled, Reply::Null),
        },
        Request::ManualList => Some(Reply::ManualSamples(desk.manual_samples())),
        Request::SetTime(time) => match desk.set_time(time) {
            Ok(found) => Some(Reply::ManualTimestamp(found)),
            Err(status) => return (status, Reply::Null),
        },
        other => return (command(desk, other), Reply::Null),
    };
    reply.map_or((Status::NoSuchSource, Reply::Null), |reply| (Status::Success, reply))
}

/// Requests that are answered with a status alone.
fn command(desk: &mut impl Desk, request: Request) -> Status {
    match request {
        Request::MakeStep if desk.make_step() => Status::Success,
        Request::MakeStep => Status::Failed,
        Request::ModifyMakeStep(MakeStepRule { limit, threshold }) => {
            desk.set_make_step(threshold, u32::try_from(limit).ok());
            Status::Success
        }
        Request::Online(sources) => matched(desk.set_online(true, sources)),
        Request::Offline(sources) => matched(desk.set_online(false, sources)),
        Request::Burst(burst) => {
            let [good, total] = [burst.good, burst.total].map(|count| u32::try_from(count).unwrap_or(0));
            matched(desk.burst(burst.sources, good, total))
        }
        Request::Refresh => {
            desk.refresh();
            Status::Success
        }
        Request::Reselect => {
            desk.reselect();
            Status::Success
        }
        Request::Shutdown => {
            desk.shutdown();
            Status::Success
        }
        Request::AddSource(source) => add_source(desk, &source),
        Request::DeleteSource(address) => desk.delete_source(address),
        Request::Local2(local) => desk.set_local(local_of(&local)),
        Request::Local3(Local3 { basic, activate, wait_synced, wait_unsynced }) => desk
            .set_local(local_of(&basic).map(|local| Local { activate, wait_synced, wait_unsynced, ..local })),
        Request::ModifyMaxUpdateSkew(skew) => desk.set_max_update_skew(skew),
        Request::ReselectDistance(distance) => desk.set_reselect_distance(distance),
        Request::OnOffline => desk.switch_by_reachability(),
        Request::ResetSources => desk.reset_sources(),
        Request::ReloadSources => desk.reload_sources(),
        Request::Dump(_) => desk.dump(),
        Request::CycleLogs => desk.cycle_logs(),
        Request::Rekey => desk.rekey(),
        other => access_command(desk, other),
    }
}

/// The tables of who may ask.
fn access_command(desk: &mut impl Desk, request: Request) -> Status {
    let (table, allow, all, network) = match request {
        Request::Allow(network) => (Table::Ntp, true, false, network),
        Request::AllowAll(network) => (Table::Ntp, true, true, network),
        Request::Deny(network) => (Table::Ntp, false, false, network),
        Request::DenyAll(network) => (Table::Ntp, false, true, network),
        Request::CommandAllow(network) => (Table::Commands, true, false, network),
        Request::CommandAllowAll(network) => (Table::Commands, true, true, network),
        Request::CommandDeny(network) => (Table::Commands, false, false, network),
        Request::CommandDenyAll(network) => (Table::Commands, false, true, network),
        Request::AccessCheck(address) => return verdict(desk, Table::Ntp, address),
        Request::CommandAccessCheck(address) => return verdict(desk, Table::Commands, address),
        other => return source_command(desk, other),
    };
    match subnet_of(network) {
        Some(subnet) => desk.add_access_rule(table, AccessRule { allow, all, subnet }),
        None => Status::BadSubnet,
    }
}

/// Options of one source, and what this daemon has not.
fn source_command(desk: &mut impl Desk, request: Request) -> Status {
    let (address, option) = match request {
        Request::ModifyMinPoll(change) => (change.address, SourceOption::MinPoll(change.value)),
        Request::ModifyMaxPoll(change) => (change.address, SourceOption::MaxPoll(change.value)),
        Request::ModifyMaxDelay(change) => (change.address, SourceOption::MaxDelay(change.value)),
        Request::ModifyMaxDelayRatio(change) => (change.address, SourceOption::MaxDelayRatio(change.value)),
        Request::ModifyMaxDelayDevRatio(change) => {
            (change.address, SourceOption::MaxDelayDevRatio(change.value))
        }
        Request::ModifyMinStratum(change) => (change.address, SourceOption::MinStratum(change.value)),
        Request::ModifyPollTarget(change) => (change.address, SourceOption::PollTarget(change.value)),
        Request::ModifyOffset(change) => (change.address, SourceOption::Offset(change.offset)),
        Request::ModifySelectOptions(options) => (options.address, selection_of(options)),
        other => return manual_command(desk, &other),
    };
    // Unspecified means "the reference clock with this reference ID", and there are none.
    if address == Address::Unspecified {
        return Status::NoSuchSource;
    }
    desk.set_source_option(address, option)
}

/// Times that are typed in.
fn manual_command(desk: &mut impl Desk, request: &Request) -> Status {
    match request {
        Request::Manual(0) => desk.set_manual(Manual::Off),
        Request::Manual(1) => desk.set_manual(Manual::On),
        Request::SmoothTime(0) => desk.order_smoothing(false),
        Request::SmoothTime(1) => desk.order_smoothing(true),
        Request::Manual(2) => desk.set_manual(Manual::Reset),
        Request::ManualDelete(index) => match u32::try_from(*index) {
            Ok(index) => desk.delete_manual_sample(index),
            Err(_) => Status::BadSample,
        },
        other => without(other),
    }
}

/// Facilities of chronyd that this daemon has not.
fn without(request: &Request) -> Status {
    match request {
        Request::RtcReport | Request::WriteRtc | Request::TrimRtc => Status::NoRtc,
        Request::Manual(_) | Request::SmoothTime(_) => Status::Invalid,
        _ => Status::Failed,
    }
}

fn add_source(desk: &mut impl Desk, source: &AddSource) -> Status {
    if !(1..=3).contains(&source.kind) {
        return Status::Invalid;
    }
    match source.name.text() {
        Some(name) if !name.is_empty() => desk.add_source(source),
        _ => Status::InvalidName,
    }
}

fn matched(sources: u32) -> Status {
    if sources == 0 { Status::NoSuchSource } else { Status::Success }
}

fn verdict(desk: &impl Desk, table: Table, address: Address) -> Status {
    match address.ip() {
        Some(address) if desk.access(table, address.to_canonical()) => Status::AccessAllowed,
        _ => Status::AccessDenied,
    }
}

/// `None` for what is no subnet. Everybody has no prefix, so one that comes with nobody's address is an error.
fn subnet_of(network: Network) -> Option<Subnet> {
    let length = u8::try_from(network.length).ok()?;
    match network.address {
        Address::Unspecified if length == 0 => Some(Subnet::Any),
        Address::V4(address) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            Some(Subnet::Net { address: Ipv4Addr::from_bits(address.to_bits() & mask).into(), length })
        }
        Address::V6(address) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            Some(Subnet::Net { address: Ipv6Addr::from_bits(address.to_bits() & mask).into(), length })
        }
        _ => None,
    }
}

fn local_of(local: &Local2) -> Option<Local> {
    (local.enable != 0).then(|| Local {
        stratum: local.stratum.clamp(1, 15) as u8,
        distance: local.distance,
        orphan: local.orphan != 0,
        ..Local::default()
    })
}

fn selection_of(options: SelectOptions) -> SourceOption {
    // The two words number the options differently.
    let wish = |in_mask: u32, in_options: u32| {
        (options.mask & in_mask != 0).then_some(options.options & in_options != 0)
    };
    SourceOption::Selection {
        no_select: wish(0x1, 0x10),
        prefer: wish(0x2, 0x08),
        trust: wish(0x4, 0x20),
        require: wish(0x8, 0x40),
    }
}
