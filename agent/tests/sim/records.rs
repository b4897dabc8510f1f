//! Stories of log files: what is written down of a day in the life of a clock.

use timefleet_agent::record::LogFile;

use crate::TRUE_TIME;
use crate::link::Link;
use crate::node::Machine;
use crate::world::World;

const ALL: &str = "logdir /var/log/x\nlog measurements statistics tracking selection";

/// One column of all lines, as numbers.
fn column(lines: &[String], index: usize) -> Vec<f64> {
    lines.iter().map(|line| line.split_whitespace().nth(index).unwrap().parse().unwrap()).collect()
}

#[test]
fn without_log_nothing_is_written() {
    let mut world = World::new(170);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst\nlogdir /var/log/x");
    world.run(500.0);
    for file in LogFile::ALL {
        assert!(world.log_file(client, file).is_empty());
    }
}

#[test]
fn the_first_minutes_of_a_client_can_be_read_off_its_log_files() {
    let mut world = World::new(171);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(
        Machine { wander: 0.0, ..Machine::USUAL },
        &format!("server 10.0.0.1 iburst minpoll 4 maxpoll 4\n{ALL}"),
    );
    world.run(600.0);
    let measurements = world.log_file(client, LogFile::Measurements);
    assert!((38..44).contains(&measurements.len()), "{}", measurements.len());
    assert!(measurements[0].starts_with("2026-01-01 00:00:00 10.0.0.1        N  1 111 111 1111   4  "));
    // The source is behind a clock that is 0.1 s ahead, and soon not any more.
    let offsets = column(&measurements, 11);
    assert!((offsets[0] + 0.1).abs() < 1e-3, "{offsets:?}");
    assert!(offsets.last().unwrap().abs() < 1e-3, "{offsets:?}");

    let statistics = world.log_file(client, LogFile::Statistics);
    // Two samples are no statistics, nor is a reply that came too late to be used.
    let used = measurements.iter().filter(|line| line.contains(" 111 111 1111 ")).count();
    assert_eq!(statistics.len(), used - 2);
    assert!((column(&statistics, 4)[0] - 0.1).abs() < 1e-3, "the clock is ahead: {}", statistics[0]);
    assert!(column(&statistics, 9).iter().all(|samples| *samples >= 3.0));

    let tracking = world.log_file(client, LogFile::Tracking);
    assert!(
        tracking[0].contains(" 0.0.0.0          0      0.000 1000000.000  0.000e+00 ?  0 "),
        "{}",
        tracking[0]
    );
    assert!(tracking[1].contains(" 10.0.0.1         2 "), "{}", tracking[1]);
    assert!((column(&tracking, 6)[1] - 0.1).abs() < 1e-3, "{}", tracking[1]);
    let frequency = *column(&tracking, 4).last().unwrap();
    assert!((frequency - 100.0).abs() < 1.0, "{frequency}");

    let selection = world.log_file(client, LogFile::Selection);
    assert!(selection[0].contains("10.0.0.1        M -----"), "{}", selection[0]);
    assert!(selection.last().unwrap().contains("10.0.0.1        * -----  377  1.00 "), "{selection:?}");
}

#[test]
fn the_bound_in_the_tracking_file_holds() {
    let mut world = World::new(172).links(Link { base: 2e-3, jitter: 2e-3, ..Link::USUAL });
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, &format!("server 10.0.0.1 iburst maxpoll 6\n{ALL}"));
    let worst =
        world.errors(client, 5000).iter().skip(1000).fold(0.0f64, |worst, error| worst.max(error.abs()));
    let bounds = column(&world.log_file(client, LogFile::Tracking), 13);
    let largest = bounds.iter().rev().take(20).fold(0.0f64, |largest, bound| largest.max(*bound));
    assert!(worst < largest, "{worst} {largest}");
}

#[test]
fn rejected_replies_are_only_in_the_raw_log_and_say_which_test_they_failed() {
    let mut world = World::new(173);
    let server = world.add(Machine::PERFECT, TRUE_TIME);
    let source = "server 10.0.0.1 iburst minpoll 4 maxpoll 4 maxdelay 0.000001";
    let plain = world.add(Machine::USUAL, &format!("{source}\nlog measurements"));
    let raw = world.add(Machine::USUAL, &format!("{source}\nlog rawmeasurements"));
    world.run(60.0);
    for node in [plain, raw] {
        let lines = world.log_file(node, LogFile::Measurements);
        assert!(!lines.is_empty() && lines.iter().all(|line| line.contains(" 111 111 0111 ")), "{lines:?}");
    }
    let before = world.log_file(plain, LogFile::Measurements).len();
    world.lies(server, |reply| reply[0] |= 0xC0);
    world.run(60.0);
    assert_eq!(world.log_file(plain, LogFile::Measurements).len(), before);
    let lines = world.log_file(raw, LogFile::Measurements);
    assert!(lines.last().unwrap().contains("10.0.0.1        ?  1 111 101 0000 "), "{lines:?}");
}

#[test]
fn a_source_that_is_lost_and_a_time_that_is_entered_are_lines_too() {
    let mut world = World::new(174);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, &format!("server 10.0.0.1 iburst\nmakestep 1 -1\nmanual\n{ALL}"));
    world.run(100.0);
    world.cut(0, client);
    world.step_by_hand(client, 3600.0);
    world.run(100.0);
    let time = timefleet_agent::chronyc::wire::Time { seconds: world.unix() as u64, nanos: 0 };
    world.ask(client, &timefleet_agent::chronyc::wire::Request::SetTime(time));
    let tracking = world.log_file(client, LogFile::Tracking);
    let [.., lost, entered] = &tracking[..] else { panic!("{tracking:?}") };
    assert!(lost.contains(" 0.0.0.0          0 "), "{lost}");
    assert!(entered.contains(" MANU             1 ") && entered.contains(" ?  1 "), "{entered}");
}
