//! The agent in networks on a real kernel: what `-4` opens and asks for, hosts that have IPv6 switched off or have none, a
//! network that goes down and comes back, servers that keep to one interface.
//!
//! Each story runs in a network of its own (namespaces, made with unshare), with a DNS server of this test that remembers
//! what it was asked and an NTP server that is there over IPv4 and over IPv6. An agent that must not open a socket for IPv6
//! runs under a system call filter that kills it when it tries: nothing has to be watched for, and nothing is missed.
//! Needs root; tells otherwise what it leaves out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests are not recognised as ones"
)]

#[path = "families/agent.rs"]
mod agent;
#[path = "families/house.rs"]
mod house;
#[path = "families/name_server.rs"]
mod name_server;
#[path = "families/verdict.rs"]
mod verdict;

use agent::Agent;
use house::House;
use name_server::{A, AAAA};
use verdict::Verdict;

/// The sources of the agents: one name, an address of each family.
const SOURCES: &str = "pool ntp.example iburst maxsources 2 minpoll 0 maxpoll 0";

#[test]
fn with_dash_4_no_socket_is_opened_for_ipv6_and_no_aaaa_is_asked_for() {
    let Some(house) = House::enter("with_dash_4_no_socket_is_opened_for_ipv6_and_no_aaaa_is_asked_for")
    else {
        return;
    };
    let mut agent = Agent::start(&house, &["-4"], &format!("{SOURCES}\nallow\nport 1123\n"), Verdict::Kill);
    assert_eq!(agent.wait_until_synchronised(), [House::V4]);
    assert_eq!(agent.sockets("udp6"), 0);
    assert_eq!(agent.sockets("tcp6") + agent.sockets("raw6"), 0);
    assert!(agent.sockets("udp") >= 2, "the server's socket and chronyc's are there");
    assert_eq!(house.questions(), [("ntp.example".to_owned(), A)]);
    assert!(agent.is_alive());
}

#[test]
fn without_it_both_families_are_used_and_the_filter_bites() {
    let Some(house) = House::enter("without_it_both_families_are_used_and_the_filter_bites") else { return };
    let config = format!("{SOURCES}\nallow\nport 1123\n");
    let agent = Agent::start(&house, &[], &config, Verdict::Allow);
    assert_eq!(agent.wait_until_synchronised(), [House::V4, House::V6]);
    assert!(agent.sockets("udp6") >= 2);
    let mut questions = house.questions();
    questions.sort();
    assert_eq!(questions, [("ntp.example".to_owned(), A), ("ntp.example".to_owned(), AAAA)]);
    drop(agent);
    let mut killed = Agent::launch(&house, &[], &config, Verdict::Kill);
    assert_eq!(killed.end_signal(), Some(nix::libc::SIGSYS), "{}", killed.log());
}

#[test]
fn with_dash_6_no_a_is_asked_for_and_ipv4_is_left_alone() {
    let Some(house) = House::enter("with_dash_6_no_a_is_asked_for_and_ipv4_is_left_alone") else { return };
    let agent = Agent::start(&house, &["-6"], &format!("{SOURCES}\nallow\nport 1123\n"), Verdict::Allow);
    assert_eq!(agent.wait_until_synchronised(), [House::V6]);
    assert_eq!(house.questions(), [("ntp.example".to_owned(), AAAA)]);
    assert_eq!(agent.sockets("udp"), 0);
}

#[test]
fn with_ipv6_switched_off_by_sysctl_the_agent_works_over_ipv4() {
    let Some(house) = House::enter("with_ipv6_switched_off_by_sysctl_the_agent_works_over_ipv4") else {
        return;
    };
    house.switch_ipv6_off();
    let mut agent = Agent::start(&house, &[], &format!("{SOURCES}\nallow\nport 1123\n"), Verdict::Allow);
    assert_eq!(agent.wait_until_synchronised(), [House::V4]);
    assert!(agent.answers_time_requests(1123));
    assert!(agent.is_alive());
}

#[test]
fn on_a_kernel_without_ipv6_the_agent_works_and_asks_for_no_aaaa() {
    let Some(house) = House::enter("on_a_kernel_without_ipv6_the_agent_works_and_asks_for_no_aaaa") else {
        return;
    };
    let mut agent = Agent::start(&house, &[], &format!("{SOURCES}\nallow\nport 1123\n"), Verdict::Refuse);
    assert_eq!(agent.wait_until_synchronised(), [House::V4]);
    assert!(agent.answers_time_requests(1123));
    assert_eq!(house.questions(), [("ntp.example".to_owned(), A)]);
    assert!(agent.log().contains("this host has no IPv6, using IPv4 only (as with -4)"), "{}", agent.log());
    assert!(agent.is_alive());
}

#[test]
fn a_network_that_is_gone_makes_its_sources_unreachable_until_it_is_back() {
    let Some(house) = House::enter("a_network_that_is_gone_makes_its_sources_unreachable_until_it_is_back")
    else {
        return;
    };
    let mut agent = Agent::start(&house, &["-4"], SOURCES, Verdict::Kill);
    agent.wait_until_synchronised();
    house.switch_route(false);
    agent.wait_for_reach("0", |reach| reach == 0);
    assert!(agent.log().contains("possible: Network is unreachable"), "{}", agent.log());
    house.switch_route(true);
    agent.wait_for_reach("eight answers", |reach| reach == 0xFF);
    assert!(agent.is_alive());
}

#[test]
fn a_server_that_is_bound_to_an_interface_answers_there_only() {
    let Some(house) = House::enter("a_server_that_is_bound_to_an_interface_answers_there_only") else {
        return;
    };
    for (device, answers) in [("lo", true), (House::EMPTY_DEVICE, false)] {
        let agent = Agent::start(
            &house,
            &["-4"],
            &format!("local\nallow\nport 1123\nbinddevice {device}\nbindcmddevice lo\n"),
            Verdict::Kill,
        );
        assert_eq!(agent.answers_time_requests(1123), answers, "{device}");
    }
    let mut lost =
        Agent::launch(&house, &["-4"], "allow\nport 1123\nbinddevice no-such-device\n", Verdict::Kill);
    assert!(lost.fails());
    let complaint =
        "cannot serve NTP on the interface no-such-device: ENODEV: No such device; 'binddevice' takes one of";
    assert!(lost.log().contains(complaint), "{}", lost.log());
}
