//! From what a daemon answers to what a host reports: the wire's numbers become the report's words.

use super::wire::{self, Address, SourceMode, SourceState};
use crate::report::{Activity, Client, Leap, Source, Tracking};

/// A client that asked for the time; hosts that only sent commands are left out.
pub(super) fn client(access: &wire::ClientAccess) -> Option<Client> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_status_nobody_knows_is_no_synchronised_clock() {
        for (code, expected) in [(0, Leap::Normal), (1, Leap::InsertSecond), (2, Leap::DeleteSecond)] {
            assert_eq!(leap(code), expected);
            assert_eq!(u16::from(leap_code(expected)), code);
        }
        assert_eq!(leap(3), Leap::NotSynchronised);
        assert_eq!(leap(4), Leap::NotSynchronised);
    }
}
