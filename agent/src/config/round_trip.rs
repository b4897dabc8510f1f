//! Whatever a configuration holds: written and read it is the same again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

fn family() -> impl Strategy<Value = Option<Family>> {
    prop::sample::select(vec![None, Some(Family::V4), Some(Family::V6)])
}

prop_compose! {
    fn upstream()(
        (name, pool, port, version, family) in
            ("[a-z][a-z0-9-]{0,8}[a-z](\\.[a-z]{2,5}){0,2}", prop::option::of(1..=16_u32), 1..=u16::MAX, prop::option::of(1..=4_u8), family()),
        key in prop::option::of(1..=u32::MAX),
        flags in prop::array::uniform6(any::<bool>()),
        (low, high) in (-7..=24_i8, -7..=24_i8),
        (max_delay, max_delay_ratio, max_delay_dev_ratio, offset) in
            (0.0..=1000.0_f64, 0.0..=1e6_f64, 0.0..=1e6_f64, -1e6..=1e6_f64),
        (min_stratum, poll_target, one, other) in (0..=15_u8, 1..=1000_u32, 1..=64_u32, 1..=64_u32),
        [auto_offline, burst, interleaved, copy] in prop::array::uniform4(any::<bool>()),
        (filter, presend, max_unreach) in
            (prop::option::of(1..=64_u32), prop::option::of(-7..=24_i8), prop::option::of(0..=1_000_000_000_u32)),
        (max_delay_quantile, min_delay, asymmetry) in
            (prop::option::of(0.05..=0.95_f64), 0.0..=1000.0_f64, prop::option::of(-0.5..=0.5_f64)),
    ) -> Upstream {
        let [iburst, prefer, trust, require, no_select, offline] = flags;
        let kind = pool.map_or(UpstreamKind::Server, |max_sources| UpstreamKind::Pool { max_sources });
        Upstream {
            name, kind, port, min_poll: low.min(high), max_poll: low.max(high),
            iburst, prefer, trust, require, no_select, offline,
            max_delay: Seconds(max_delay), max_delay_ratio, max_delay_dev_ratio, min_stratum, poll_target,
            auto_offline, burst, interleaved, copy, filter, presend, max_unreach, max_delay_quantile, asymmetry,
            min_delay: Seconds(min_delay),
            min_samples: one.min(other), max_samples: one.max(other), offset: Seconds(offset), version, key, family,
        }
    }
}

fn rule() -> impl Strategy<Value = AccessRule> {
    let v4 = (any::<u32>(), 0..=32_u8).prop_map(|(bits, length)| {
        let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
        Subnet::Net { address: Ipv4Addr::from(bits & mask).into(), length }
    });
    let v6 = (any::<u128>(), 0..=128_u8).prop_map(|(bits, length)| {
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        Subnet::Net { address: Ipv6Addr::from(bits & mask).into(), length }
    });
    let subnet = prop_oneof![Just(Subnet::Any), v4, v6];
    (any::<bool>(), any::<bool>(), subnet).prop_map(|(allow, all, subnet)| AccessRule { allow, all, subnet })
}

fn addresses() -> impl Strategy<Value = Vec<IpAddr>> {
    (prop::option::of(any::<u32>()), prop::option::of(any::<u128>())).prop_map(|(v4, v6)| {
        let v4 = v4.map(|bits| IpAddr::from(Ipv4Addr::from(bits)));
        v4.into_iter().chain(v6.map(|bits| IpAddr::from(Ipv6Addr::from(bits)))).collect()
    })
}

fn path() -> impl Strategy<Value = PathBuf> {
    "(~)?(/[a-z0-9._-]{1,8}){1,3}".prop_map(PathBuf::from)
}

fn directories() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(path().prop_map(|path| path.display().to_string()), 1..=10)
}

fn device() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[a-z]{2,4}[0-9]{1,3}(\\.[0-9]{1,4})?")
}

fn command_socket() -> impl Strategy<Value = CommandSocket> {
    prop_oneof![
        Just(CommandSocket::Default),
        Just(CommandSocket::Disabled),
        path().prop_map(CommandSocket::Path)
    ]
}

fn client_log() -> impl Strategy<Value = ClientLog> {
    prop_oneof![Just(ClientLog::Off), (1..=2_147_483_648_u64).prop_map(|bytes| ClientLog::Limit { bytes })]
}

fn rate_limit(kods: std::ops::RangeInclusive<u8>) -> impl Strategy<Value = Option<RateLimit>> {
    prop::option::of((-19..=12_i8, 1..=255_u8, 1..=4_u8, kods))
        .prop_map(|limit| limit.map(|(interval, burst, leak, kod)| RateLimit { interval, burst, leak, kod }))
}

fn limit() -> impl Strategy<Value = Option<u32>> {
    prop::option::of(0..=2_147_483_647_u32)
}

fn open_commands() -> impl Strategy<Value = Vec<OpenCommand>> {
    prop::sample::subsequence(OpenCommand::ALL.map(|(_, command)| command).to_vec(), 0..=13)
}

prop_compose! {
    fn logs()(wanted in prop::array::uniform5(any::<bool>())) -> Logs {
        let [raw_measurements, measurements, statistics, tracking, selection] = wanted;
        Logs { raw_measurements, measurements, statistics, tracking, selection }
    }
}

prop_compose! {
    fn local()(
        (stratum, distance, orphan) in (1..=15_u8, 0.0..=1e6_f64, any::<bool>()),
        waits in prop::array::uniform3(prop_oneof![Just(0.0), 0.0..=1e6_f64]),
    ) -> Local {
        let [activate, wait_synced, wait_unsynced] = waits.map(Seconds);
        Local { stratum, distance: Seconds(distance), orphan, activate, wait_synced, wait_unsynced }
    }
}

prop_compose! {
    fn thinking()(
        upstreams in prop::collection::vec(upstream(), 0..4),
        (local, manual) in (prop::option::of(local()), any::<bool>()),
        (distance, jitter, sources, reselect, weight) in
            (1e-6..=1e6_f64, 1e-6..=1e6_f64, 1..=1000_u32, 0.0..=1e6_f64, 0.0..=1e6_f64),
        (slew, ratio, skew, error, rtc_sync) in
            (0.001..=1e5_f64, 0.01..=1e3_f64, 0.001..=1e6_f64, 0.0..=1e5_f64, any::<bool>()),
        make_step in prop::option::of((0.0..=1e9_f64, limit())),
        (max_drift, combine_limit, log_change, auth_select_mode) in
            (0.0..=1e6_f64, 0.0..=1e6_f64, 0.0..=1e9_f64, prop::sample::select(AuthSelectMode::ALL.to_vec())),
        smooth_time in prop::option::of((0.001..=5e5_f64, 1e-6..=1e5_f64, any::<bool>())),
        fallback in prop::option::of((1..=30_i8, 1..=30_i8)),
        max_change in prop::option::of((0.0..=1e9_f64, 0..=1_000_000_000_u32, limit())),
    ) -> Config {
        Config {
            upstreams,
            local, manual,
            max_distance: Seconds(distance), max_jitter: Seconds(jitter), min_sources: sources,
            reselect_distance: Seconds(reselect), stratum_weight: Seconds(weight),
            make_step: make_step.map(|(threshold, limit)| MakeStep { threshold: Seconds(threshold), limit }),
            max_change: max_change
                .map(|(offset, start, ignore)| MaxChange { offset: Seconds(offset), start, ignore }),
            max_slew_rate: Ppm(slew), correction_time_ratio: ratio, max_update_skew: Ppm(skew),
            max_clock_error: Ppm(error), rtc_sync,
            smooth_time: smooth_time.map(|(rate, wander, leap_only)| SmoothTime {
                max_rate: Ppm(rate), max_wander: Ppm(wander), leap_only,
            }),
            max_drift: Ppm(max_drift), combine_limit, log_change: Seconds(log_change),
            auth_select_mode: auth_select_mode.1,
            fallback_drift: fallback
                .map(|(one, other)| FallbackDrift { shortest: one.min(other), longest: one.max(other) }),
            ..Config::default()
        }
    }
}

prop_compose! {
    fn config()(
        thinking in thinking(),
        (access, command_access) in
            (prop::collection::vec(rule(), 0..5), prop::collection::vec(rule(), 0..3)),
        (port, command_port, acquisition_port) in
            (any::<u16>(), any::<u16>(), prop::option::of(1..=u16::MAX)),
        (bind_addresses, bind_acquisition_addresses, bind_command_addresses) in
            (addresses(), addresses(), addresses()),
        (command_socket, drift_file, pid_file, client_log, open_commands) in
            (command_socket(), prop::option::of(path()), prop::option::of(path()), client_log(), open_commands()),
        (key_file, dump_dir, drift_interval) in
            (prop::option::of(path()), prop::option::of(path()), 0.0..=1e9_f64),
        (logs, log_dir, log_banner) in (logs(), prop::option::of(path()), 0..=1_000_000_000_u32),
        (rate_limit, command_rate_limit) in (rate_limit(0..=4), rate_limit(0..=0)),
        source_dirs in prop::collection::vec(directories(), 0..3),
        (min_samples, max_samples) in (prop::option::of(1..=64_u32), prop::option::of(1..=64_u32)),
        (user, lock_all, sched_priority) in (prop::option::of("[a-z_][a-z0-9_-]{0,10}"), any::<bool>(), 0..=99_u8),
        (device, acquisition_device, command_device) in (device(), device(), device()),
        (dscp, clock_precision) in (0..=63_u8, prop::option::of(1e-9..=1.0_f64)),
    ) -> Config {
        Config {
            device, acquisition_device, command_device, dscp,
            clock_precision: clock_precision.map(Seconds),
            access,
            command_access,
            port,
            command_port,
            acquisition_port,
            bind_addresses,
            bind_acquisition_addresses,
            bind_command_addresses,
            command_socket,
            drift_interval: if drift_file.is_some() { Seconds(drift_interval) } else { Config::default().drift_interval },
            drift_file,
            pid_file,
            client_log,
            open_commands,
            key_file,
            rate_limit,
            command_rate_limit,
            dump_dir,
            logs, log_dir, log_banner,
            source_dirs,
            min_samples,
            max_samples,
            user,
            lock_all,
            sched_priority,
            ..thinking
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(config in config()) {
        let text = config.to_string();
        prop_assert_eq!(parse("written", &text), Ok(config), "{}", text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,60}\n?(server|pool|allow|local|port|bindcmdaddress) \\PC{0,60}") {
        if let Err(errors) = parse("any", &text) {
            for error in errors {
                prop_assert!(error.line >= 1 && error.column >= 1);
            }
        }
    }
}
