//! Rules that only compliance profiles ask for.

use super::catalogue::{
    BOUND_TOO_WIDE, COMMAND_PORT_ON_CLIENT, DAEMON_AS_ROOT, EXTERNAL_SOURCE_ON_CLIENT, LOCAL_CLOCK_SERVED,
    MAXPOLL_NOT_WRITTEN, NO_CLOCK_LOG, POLL_TOO_SLOW, PORT_ON_CLIENT,
};
use super::gathered::{Finding, Gathered};
use super::place_or_host;
use super::rule::Rule;
use super::site::{Leads, Site, at};
use crate::inventory::host::{DaemonKind, Role, Service};
use crate::inventory::{Host, Place};

/// chrony.conf(5) `maxpoll`.
const MAX_POLL: i8 = 10;

pub(super) fn check<'i>(site: &Site<'i>, findings: &mut Gathered<'i>) {
    let rules = [
        &BOUND_TOO_WIDE,
        &COMMAND_PORT_ON_CLIENT,
        &DAEMON_AS_ROOT,
        &EXTERNAL_SOURCE_ON_CLIENT,
        &LOCAL_CLOCK_SERVED,
        &MAXPOLL_NOT_WRITTEN,
        &NO_CLOCK_LOG,
        &POLL_TOO_SLOW,
        &PORT_ON_CLIENT,
    ];
    if !rules.iter().any(|rule| findings.wants(rule)) {
        return;
    }
    for (index, host) in site.hosts() {
        host_itself(site, index, host, findings);
        polls(site, host, findings);
        if *host.role == Role::Client {
            client(site, index, host, findings);
        }
    }
}

fn add<'i>(
    findings: &mut Gathered<'i>,
    host: &'i Host,
    rule: &'static Rule,
    place: Option<&Place>,
    after: String,
) {
    let finding = Finding::new(rule, place.unwrap_or(&host.place).clone(), "host ", after, rule.cure);
    // What nobody wrote is the same for all that became what they are by the same line.
    let together = place.cloned().unwrap_or_else(|| place_or_host(&host.role, host));
    findings.add(host, finding.together(together));
}

fn host_itself<'i>(site: &Site<'i>, index: usize, host: &'i Host, findings: &mut Gathered<'i>) {
    let largest = findings.number(&BOUND_TOO_WIDE, "largest");
    if host.time.bound.0 > largest {
        let after = format!(
            " counts as good with an error bound of {} s, and {largest} s is asked for",
            host.time.bound.0
        );
        add(findings, host, &BOUND_TOO_WIDE, host.time.bound.place.as_ref(), after);
    }
    if let (Role::Server, Some(local)) = (*host.role, site.local(host)) {
        let after = " may serve its own clock".to_owned();
        add(findings, host, &LOCAL_CLOCK_SERVED, local.place.as_ref(), after);
    }
    let extra = site.extra.get(&index);
    if !extra.is_some_and(|extra| extra.keep_a_log()) {
        add(findings, host, &NO_CLOCK_LOG, None, " keeps no log of its clock".to_owned());
    }
    let user = host.ssh.user.as_ref();
    let process = *host.time.daemon == DaemonKind::Agent && *host.agent.service == Service::Process;
    let as_root = user.filter(|user| process && user.value == "root").and_then(|user| user.place.as_ref());
    if let Some(place) = as_root.or_else(|| extra.and_then(|extra| extra.root)) {
        add(findings, host, &DAEMON_AS_ROOT, Some(place), " runs its time daemon as root".to_owned());
    }
}

fn polls<'i>(site: &Site<'i>, host: &'i Host, findings: &mut Gathered<'i>) {
    let largest = findings.number(&POLL_TOO_SLOW, "largest");
    for (upstream, _) in site.upstreams(host) {
        // `minpoll` alone takes `maxpoll` along.
        let longest = upstream.maxpoll.unwrap_or_else(|| upstream.minpoll.unwrap_or(MAX_POLL).max(MAX_POLL));
        let (written, place) = (upstream.maxpoll.is_some(), at(upstream, host));
        if f64::from(longest) > largest {
            let after = format!(" may wait 2^{longest} s between polls, and 2^{largest} s is asked for");
            add(findings, host, &POLL_TOO_SLOW, Some(&place), after);
        }
        if !written {
            add(findings, host, &MAXPOLL_NOT_WRITTEN, Some(&place), " has no `maxpoll` here".to_owned());
        }
    }
}

fn client<'i>(site: &Site<'i>, index: usize, host: &'i Host, findings: &mut Gathered<'i>) {
    let port = site.command_port(host);
    if **port != 0 {
        let after = format!(" is a client and has its monitoring port {} open", **port);
        add(findings, host, &COMMAND_PORT_ON_CLIENT, port.place.as_ref(), after);
    }
    for (upstream, leads) in site.upstreams(host) {
        if let Leads::Outside(name, _) = leads {
            let after = format!(" is a client and follows `{name}` outside the inventory");
            add(findings, host, &EXTERNAL_SOURCE_ON_CLIENT, Some(&at(upstream, host)), after);
        }
    }
    let Some(extra) = site.extra.get(&index) else { return };
    for line in &extra.unseen {
        let after =
            format!(" is a client, and `{}` may let it follow others outside the inventory", line.value);
        add(findings, host, &EXTERNAL_SOURCE_ON_CLIENT, line.place.as_ref(), after);
    }
    if let Some(place) = extra.port {
        add(findings, host, &PORT_ON_CLIENT, Some(place), " is a client and opens an NTP port".to_owned());
    }
}
