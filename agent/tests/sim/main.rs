//! Stories in a simulated world: the production engine on virtual time, every run from a printed seed.

#[cfg(test)]
mod accuracy;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod chance;
#[cfg(test)]
mod control;
#[cfg(test)]
mod discipline;
#[cfg(test)]
mod era;
#[cfg(test)]
mod isolated;
#[cfg(test)]
mod kernel;
#[cfg(test)]
mod leaps;
#[cfg(test)]
mod link;
#[cfg(test)]
mod manual;
#[cfg(test)]
mod names;
#[cfg(test)]
mod network;
#[cfg(test)]
mod node;
#[cfg(test)]
mod oddity;
#[cfg(test)]
mod records;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod smoothing;
#[cfg(test)]
mod talks;
#[cfg(test)]
mod upsets;
#[cfg(test)]
mod world;

use link::Link;
use node::Machine;
use timefleet_agent::engine::Drift;
use timefleet_agent::time::Ppm;
use world::World;

fn rms(errors: &[f64]) -> f64 {
    (errors.iter().map(|error| error * error).sum::<f64>() / errors.len() as f64).sqrt()
}

const TRUE_TIME: &str = "local stratum 1\nallow";

#[test]
fn a_usual_client_is_within_a_millisecond_soon_and_stays_there() {
    let mut world = World::new(1);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst\nmakestep 1 3");
    world.run(30.0);
    let errors = world.errors(client, 10_000);
    let worst = errors.iter().fold(0.0f64, |worst, error| worst.max(error.abs()));
    assert!(worst < 1e-3, "worst {worst}");
    assert!(rms(&errors[2000..]) < 3e-4, "rms {}", rms(&errors[2000..]));
    assert!(world.sent(client) < 60, "{} requests", world.sent(client));
    let tracking = world.tracking(client);
    assert_eq!(tracking.stratum, 2);
    assert!((tracking.frequency.0 - 100.0).abs() < 1.0, "{tracking:?}");
}

#[test]
fn a_clock_far_off_is_stepped_once_and_then_slewed() {
    let mut world = World::new(2);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client =
        world.add(Machine { ahead: -1000.0, ..Machine::USUAL }, "server 10.0.0.1 iburst\nmakestep 1 3");
    world.run(600.0);
    assert_eq!(world.steps(client).len(), 1, "{:?}", world.steps(client));
    assert!(world.error(client).abs() < 1e-3);
    assert!(world.tracking(client).rms_offset.0 < 1e-3, "the first 1000 s are no measure of anything");
}

#[test]
fn without_makestep_the_clock_is_never_stepped() {
    let mut world = World::new(3);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine { ahead: 5.0, ..Machine::USUAL }, "server 10.0.0.1 iburst");
    world.run(600.0);
    assert!(world.steps(client).is_empty());
    assert!(world.error(client).abs() < 1e-3, "{}", world.error(client));
}

#[test]
fn makestep_ends_a_slew_at_once() {
    let mut world = World::new(18);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine { ahead: 50.0, ..Machine::USUAL }, "server 10.0.0.1 iburst");
    world.run(30.0);
    assert!(world.error(client) > 40.0, "still slewing: {}", world.error(client));
    world.make_step(client);
    world.run(1.0);
    assert_eq!(world.steps(client).len(), 1);
    assert!(world.error(client).abs() < 5e-3, "{}", world.error(client));
}

#[test]
fn a_clock_of_1970_is_brought_to_today() {
    let mut world = World::new(4);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client =
        world.add(Machine { ahead: -1.7672e9, ..Machine::USUAL }, "server 10.0.0.1 iburst\nmakestep 1 3");
    world.run(600.0);
    assert!(world.error(client).abs() < 1e-3, "{}", world.error(client));
}

#[test]
fn the_isolated_site_of_the_notebook_agrees_with_itself() {
    let mut world = World::new(5);
    let server = world.add(Machine::PERFECT, "local stratum 10 orphan distance 0.1\nallow 10.0.0.0/8");
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst\nmakestep 1 3");
    world.run(60.0);
    assert_eq!(world.tracking(server).ref_id, 0x7F7F_0101);
    assert_eq!(world.tracking(client).stratum, 11);
    assert!(world.error(client).abs() < 1e-3);
}

#[test]
fn without_local_the_server_of_the_isolated_site_serves_nobody() {
    let mut world = World::new(6);
    world.add(Machine::PERFECT, "allow");
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst");
    world.run(60.0);
    let seen = world.tracking(client);
    assert_eq!((seen.stratum, seen.leap, seen.ref_id), (0, 3, 0));
    assert_eq!(world.log(client), ["no selectable source: 10.0.0.1 is not synchronised"]);
}

#[test]
fn the_liar_of_three_is_not_followed() {
    let mut world = World::new(7);
    world.add(Machine::PERFECT, TRUE_TIME);
    world.add(Machine::PERFECT, TRUE_TIME);
    world.add(Machine { ahead: 3.0, ..Machine::PERFECT }, TRUE_TIME);
    let client =
        world.add(Machine::USUAL, "server 10.0.0.1 iburst\nserver 10.0.0.2 iburst\nserver 10.0.0.3 iburst");
    world.run(1000.0);
    assert!(world.error(client).abs() < 1e-3);
}

#[test]
fn the_first_to_answer_may_be_the_liar_and_is_not_believed_alone() {
    for seed in 20..40 {
        let mut world = World::new(seed);
        for ahead in [5.0, 0.0, 0.0] {
            world.add(Machine { ahead, ..Machine::PERFECT }, TRUE_TIME);
        }
        let client = world.add(
            Machine::USUAL,
            "server 10.0.0.1 iburst\nserver 10.0.0.2 iburst\nserver 10.0.0.3 iburst\nmakestep 1 3",
        );
        world.run(60.0);
        assert!(world.steps(client).is_empty(), "{:?}", world.steps(client));
        let error = world.error(client);
        assert!(error.abs() < 5e-3, "{error} {:?}", world.log(client));
    }
}

#[test]
fn one_address_has_one_vote() {
    let mut world = World::new(41);
    world.add(Machine { ahead: 5.0, ..Machine::PERFECT }, TRUE_TIME);
    world.add(Machine::PERFECT, TRUE_TIME);
    world.add(Machine::PERFECT, TRUE_TIME);
    let lines = [1, 1, 1, 2, 3].map(|server| format!("server 10.0.0.{server} iburst\n")).concat();
    let client = world.add(Machine::USUAL, &lines);
    world.run(600.0);
    assert_eq!(world.log(client)[0], "10.0.0.1 is listed twice: one source has one vote");
    assert!(world.error(client).abs() < 1e-3);
}

#[test]
fn a_source_that_claims_to_have_held_the_request_for_an_hour_is_not_used() {
    let mut world = World::new(42);
    let server = world.add(Machine::PERFECT, TRUE_TIME);
    // Seconds of the receive timestamp.
    world.lies(server, |reply| {
        let seconds = u32::from_be_bytes(reply[32..36].try_into().unwrap()) - 3600;
        reply[32..36].copy_from_slice(&seconds.to_be_bytes());
    });
    let client = world.add(Machine { wander: 0.0, ..Machine::USUAL }, "server 10.0.0.1 iburst\nmakestep 1 3");
    world.run(600.0);
    assert!(world.steps(client).is_empty());
    assert_eq!(world.tracking(client).stratum, 0);
}

#[test]
fn a_source_without_a_reference_time_is_as_good_as_others() {
    let mut world = World::new(43);
    let server = world.add(Machine::PERFECT, TRUE_TIME);
    world.lies(server, |reply| reply[16..24].fill(0));
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst");
    world.run(60.0);
    assert_eq!(world.tracking(client).stratum, 2);
}

#[test]
fn a_leap_second_in_the_middle_of_a_month_is_nobodys() {
    let mut world = World::new(44);
    let server = world.add(Machine::PERFECT, TRUE_TIME);
    world.lies(server, |reply| reply[0] = (reply[0] & 0x3F) | 0x40);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst");
    world.run(60.0);
    // The world begins on the first of January.
    assert_eq!((world.tracking(client).stratum, world.tracking(client).leap), (2, 0));
}

#[test]
fn a_path_longer_than_the_polling_interval_is_waited_for() {
    let mut world = World::new(45).links(Link { base: 0.06, jitter: 1e-3, ..Link::USUAL });
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 minpoll -5 maxpoll -5");
    world.run(10.0);
    assert_eq!(world.tracking(client).stratum, 2);
}

#[test]
fn fewer_samples_are_enough_where_fewer_are_kept() {
    let mut world = World::new(46);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst maxsamples 2");
    world.run(60.0);
    assert_eq!(world.tracking(client).stratum, 2);
}

#[test]
fn who_follows_stratum_15_is_not_synchronised() {
    let mut world = World::new(47);
    world.add(Machine::PERFECT, "local stratum 15\nallow");
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst");
    world.run(60.0);
    assert_eq!(world.tracking(client).stratum, 0);
}

#[test]
fn a_host_does_not_follow_itself() {
    let mut world = World::new(48);
    let server = world.add(Machine::PERFECT, "local stratum 10\nallow\nserver 10.0.0.1 iburst");
    world.run(60.0);
    assert_eq!((world.tracking(server).stratum, world.tracking(server).ref_id), (10, 0x7F7F_0101));
}

#[test]
fn a_lossy_link_delays_but_does_not_mislead() {
    let mut world = World::new(8).links(Link { base: 1e-3, jitter: 1e-3, loss: 0.3, ..Link::USUAL });
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst\nmakestep 1 3");
    world.run(2000.0);
    assert!(world.error(client).abs() < 5e-3);
}

#[test]
fn orphans_follow_the_smallest_of_them_and_go_on_when_it_is_gone() {
    let mut world = World::new(9);
    let mesh = |own: u8| {
        (1..=3)
            .filter(|peer| *peer != own)
            .map(|peer| format!("server 10.0.0.{peer} iburst minpoll 4 maxpoll 4\n"))
            .collect::<String>()
            + "local stratum 10 orphan distance 0.1\nallow"
    };
    let nodes: Vec<usize> = (1..=3)
        .map(|own| world.add(Machine { ahead: f64::from(own) * 0.01, ..Machine::USUAL }, &mesh(own)))
        .collect();
    world.run(600.0);
    let strata: Vec<u16> = nodes.iter().map(|node| world.tracking(*node).stratum).collect();
    assert_eq!(strata, [10, 11, 11]);
    let (first, second) = (world.error(nodes[0]), world.error(nodes[1]));
    assert!((first - second).abs() < 1e-3, "{first} {second}");
    world.cut(0, 1);
    world.cut(0, 2);
    // For a day the others are still within their `distance` of what they learned; then the next one takes over.
    world.run(200_000.0);
    let strata: Vec<u16> = nodes.iter().map(|node| world.tracking(*node).stratum).collect();
    assert_eq!(strata, [10, 10, 11]);
}

#[test]
fn hold_over_keeps_serving_with_a_growing_bound() {
    let mut world = World::new(10);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst");
    world.run(3000.0);
    let before = world.tracking(client).root_dispersion;
    world.cut(0, client);
    world.run(86_400.0);
    let after = world.tracking(client);
    assert_eq!(after.stratum, 2);
    assert!(after.root_dispersion.0 > before.0 + 0.08, "{before} {after:?}");
    assert!(world.error(client).abs() < after.root_dispersion.0 + after.root_delay.0 / 2.0);
}

#[test]
fn a_step_by_somebody_else_is_undone() {
    let mut world = World::new(11);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst\nmakestep 1 -1");
    world.run(1000.0);
    world.step_by_hand(client, 30.0);
    world.run(100.0);
    assert!(world.error(client).abs() < 1e-3, "{}", world.error(client));
    assert!(world.log(client).iter().any(|line| line.starts_with("the system clock jumped by ")));
}

#[test]
fn a_clock_that_is_not_ours_is_only_watched() {
    let mut world = World::new(12);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client =
        world.add(Machine { steered: false, ..Machine::USUAL }, "server 10.0.0.1 iburst\nmakestep 1 3");
    world.run(100.0);
    let error = world.error(client);
    assert!((error - 0.11).abs() < 1e-4, "the clock runs as it did: {error}");
    let seen = world.tracking(client);
    assert_eq!(seen.stratum, 2);
    assert!((seen.correction.0 + 0.11).abs() < 2e-3, "{seen:?}");
}

#[test]
fn a_clock_that_wanders_is_asked_more_often() {
    let mut world = World::new(17);
    world.add(Machine::PERFECT, TRUE_TIME);
    let steady = world.add(Machine::USUAL, "server 10.0.0.1 iburst");
    let wild = world.add(Machine { wander: 1e-7, ..Machine::USUAL }, "server 10.0.0.1 iburst");
    world.run(20_000.0);
    assert!(world.sent(wild) > 2 * world.sent(steady), "{} {}", world.sent(wild), world.sent(steady));
    let errors = world.errors(wild, 5000);
    assert!(rms(&errors) < 3e-3, "rms {}", rms(&errors));
}

#[test]
fn the_drift_file_is_used_from_the_first_second_on() {
    let mut world = World::new(13);
    let known = Drift { frequency: Ppm(100.0), skew: Ppm(0.1) };
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(
        Machine { ahead: 0.0, drift: Some(known), wander: 0.0, ..Machine::USUAL },
        "server 10.0.0.1 offline",
    );
    world.run(10_000.0);
    assert!(world.error(client).abs() < 1e-4, "{}", world.error(client));
}

#[test]
fn the_learned_frequency_is_saved() {
    let mut world = World::new(14);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst");
    world.run(5000.0);
    let saved = world.saved_drift(client).unwrap();
    assert!((saved.frequency.0 - 100.0).abs() < 2.0, "{saved:?}");
}

#[test]
fn a_pool_fills_its_places_once_its_name_resolves() {
    let mut world = World::new(15);
    for _ in 0..4 {
        world.add(Machine::PERFECT, TRUE_TIME);
    }
    world.name("pool.example", &[0, 1, 2, 3]);
    let client = world.add(Machine::USUAL, "pool pool.example iburst maxsources 3\nserver nowhere.example");
    world.run(60.0);
    let activity = world.activity(client);
    assert_eq!((activity.online, activity.unresolved), (3, 1));
    assert!(
        world.log(client)[0].contains("nowhere.example could not be resolved"),
        "{:?}",
        world.log(client)
    );
    assert!(world.error(client).abs() < 1e-2);
}

#[test]
fn no_datagram_from_anywhere_panics_or_moves_the_clock() {
    let mut world = World::new(16);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine { wander: 0.0, ..Machine::USUAL }, "server 10.0.0.1 iburst\nallow");
    world.run(1000.0);
    let mut chance = chance::Chance::new(16);
    for _ in 0..20_000 {
        let length = (chance.bits() % 100) as usize;
        let mut bytes: Vec<u8> = (0..length).map(|_| chance.bits() as u8).collect();
        if let Some(first) = bytes.first_mut().filter(|_| chance.bits().is_multiple_of(2)) {
            *first = 0x24;
        }
        world.throw(client, 0, &bytes);
    }
    assert!(world.error(client).abs() < 1e-3, "{}", world.error(client));
    assert!(world.steps(client).is_empty());
}

const SERVER_KEYS: &str = "7 SHA256 ASCII:between-these-two\n8 AES128 HEX:0123456789ABCDEF0123456789ABCDEF\n";

#[test]
fn a_source_with_a_key_is_believed_only_with_that_very_key() {
    // The client's key 7, its option, and whether that works out.
    for (keys, options, stratum) in [
        (SERVER_KEYS, "key 7", 2),
        (SERVER_KEYS, "key 7 version 4", 2),
        (SERVER_KEYS, "key 8", 2),
        ("7 SHA256 ASCII:a-guess", "key 7", 0),
        ("9 SHA256 ASCII:between-these-two", "key 9", 0),
        ("", "key 7", 0),
    ] {
        let mut world = World::new(50);
        world.add(Machine { keys: SERVER_KEYS, ..Machine::PERFECT }, TRUE_TIME);
        let client =
            world.add(Machine { keys, ..Machine::USUAL }, &format!("server 10.0.0.1 iburst {options}"));
        world.run(60.0);
        assert_eq!(world.tracking(client).stratum, stratum, "{keys} {options}");
        assert_eq!(world.sent(client) == 0, keys.is_empty(), "without the key nothing is asked");
    }
}

#[test]
fn a_changed_reply_and_one_without_its_mac_are_dropped_by_a_source_with_a_key() {
    let changes: [fn(&mut [u8]); 2] = [|reply| reply[43] ^= 1, |reply| reply[52..].fill(0)];
    for change in changes {
        let mut world = World::new(51);
        let server = world.add(Machine { keys: SERVER_KEYS, ..Machine::PERFECT }, TRUE_TIME);
        world.lies(server, change);
        let client =
            world.add(Machine { keys: SERVER_KEYS, ..Machine::USUAL }, "server 10.0.0.1 iburst key 8");
        world.run(60.0);
        assert_eq!(world.tracking(client).stratum, 0);
        let why = "reply from 10.0.0.1:123 not used: not signed with the key that the source shares with us";
        assert!(world.whole_log(client).iter().any(|line| line == why), "{:?}", world.whole_log(client));
    }
}

#[test]
fn keys_that_are_missing_or_short_are_told() {
    let mut world = World::new(52);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world
        .add(Machine { keys: "5 tulip", ..Machine::USUAL }, "server 10.0.0.1 key 4\nserver 10.0.0.2 key 5");
    assert_eq!(
        world.log(client),
        ["key 4 of 10.0.0.1 is in no key file: it is not asked", "key 5 of 10.0.0.2 is short: 40 bits"]
    );
}
