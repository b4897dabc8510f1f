//! Names outside that are known by everybody: what the rules may take for granted of them.

use std::net::IpAddr;

use super::catalogue::{PUBLIC_POOL_AT_SCALE, PUBLIC_POOL_IN_ISOLATED_SITE, SMEARED_AND_UNSMEARED};
use super::gathered::{Finding, Gathered};
use super::place_or_host;
use super::site::{Leads, Site, at};
use crate::inventory::Host;

/// How a server tells a leap second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leap {
    /// Smeared evenly from noon to noon: Google's public NTP and Amazon's time service document the same.
    NoonToNoon,
    /// Smeared in Meta's own way.
    Meta,
    /// Announced and inserted, as the pool asks of its servers and national laboratories do.
    Inserted,
}

fn leap(name: &str) -> Option<Leap> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let within = |zone: &str| name == zone || name.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.'));
    let is_nth = |prefix: &str, suffix: &str| {
        let middle = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix));
        middle.is_some_and(|digits| digits.len() <= 1 && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let smeared = is_nth("time", ".google.com")
        || within("time.aws.com")
        || ["metadata.google.internal", "169.254.169.123", "fd00:ec2::123"].contains(&name.as_str());
    if smeared {
        Some(Leap::NoonToNoon)
    } else if is_nth("time", ".facebook.com") {
        Some(Leap::Meta)
    } else if within("pool.ntp.org") || within("nist.gov") || within("ptb.de") {
        Some(Leap::Inserted)
    } else {
        None
    }
}

fn is_volunteers(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "pool.ntp.org" || name.ends_with(".pool.ntp.org")
}

/// Whether a name is surely one of the Internet's: well known, or an address that is no private one.
fn is_public(name: &str) -> bool {
    const WELL_KNOWN: [&str; 4] =
        ["time.cloudflare.com", "time.windows.com", "time.apple.com", "ntp.ubuntu.com"];
    let lower = name.to_ascii_lowercase();
    let aliyun = lower.starts_with("ntp") && lower.ends_with(".aliyun.com");
    match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(four)) => {
            let reserved = four.is_private() || four.is_loopback() || four.is_link_local();
            let shared = four.octets().first() == Some(&100); // 100.64.0.0/10 among others: not sure
            !(reserved || shared || four.is_documentation() || four.is_multicast() || four.is_unspecified())
        }
        Ok(IpAddr::V6(six)) => {
            six.segments().first().is_some_and(|first| (0x2000..0x4000).contains(first))
                && !six.to_string().starts_with("2001:db8")
        }
        Err(_) => {
            let link_local = lower == "metadata.google.internal";
            aliyun || WELL_KNOWN.contains(&lower.as_str()) || (leap(name).is_some() && !link_local)
        }
    }
}

pub(super) fn check<'i>(site: &Site<'i>, findings: &mut Gathered<'i>) {
    let mut volunteers: Vec<&'i Host> = Vec::new();
    for (index, host) in site.hosts() {
        let mut first: Option<(Leap, &'i str)> = None;
        let mut asks = false;
        for (upstream, leads) in site.upstreams(host) {
            let Leads::Outside(name, _) = leads else { continue };
            asks |= is_volunteers(name);
            if upstream.options.noselect {
                continue;
            }
            match (leap(name), first) {
                (Some(kind), None) => first = Some((kind, name)),
                (Some(kind), Some((other, other_name))) if kind != other => {
                    let after =
                        format!(" follows `{name}` and `{other_name}`, which tell leap seconds differently");
                    let place = at(upstream, host);
                    let help = SMEARED_AND_UNSMEARED.cure;
                    findings.add(host, Finding::new(&SMEARED_AND_UNSMEARED, place, "host ", after, help));
                }
                _ => {}
            }
        }
        if asks {
            volunteers.push(host);
        }
        isolated(site, index, host, findings);
    }
    at_scale(site, &volunteers, findings);
}

fn at_scale<'i>(site: &Site<'i>, hosts: &[&'i Host], findings: &mut Gathered<'i>) {
    let limit = findings.number(&PUBLIC_POOL_AT_SCALE, "hosts");
    let count = f64::from(u32::try_from(hosts.len()).unwrap_or(u32::MAX));
    let Some(first) = hosts.first().filter(|_| count > limit) else { return };
    let asks = |leads| matches!(leads, Leads::Outside(name, _) if is_volunteers(name));
    let place = site
        .upstreams(first)
        .find(|(_, leads)| asks(*leads))
        .map_or_else(|| first.place.clone(), |(upstream, _)| at(upstream, first));
    let message = format!("{} hosts ask pool.ntp.org themselves", hosts.len());
    let help = PUBLIC_POOL_AT_SCALE.cure;
    findings.add_whole(hosts, Finding::new(&PUBLIC_POOL_AT_SCALE, place, message, "", help));
}

/// Public servers beside a server that has nothing but its own clock.
fn isolated<'i>(site: &Site<'i>, index: usize, host: &'i Host, findings: &mut Gathered<'i>) {
    let alone = |server: usize| {
        server != index
            && site.reached.get(server) == Some(&false)
            && site.host(server).is_some_and(|server| site.local(server).is_some())
    };
    let server = site.sources(host).find_map(|(_, leads)| match leads {
        Leads::Host(server) if alone(server) => site.host(server),
        Leads::Group(group) => {
            let made_of = site.made_of.get(group).filter(|made_of| made_of.reached == 0)?;
            made_of.latest_local.filter(|&server| alone(server)).and_then(|server| site.host(server))
        }
        _ => None,
    });
    let Some(server) = server else { return };
    for (upstream, leads) in site.sources(host) {
        if let Leads::Outside(name, _) = leads
            && is_public(name)
        {
            let after = format!(" follows `{name}` beside `{}`, which has only its own clock", server.name);
            let local = site.local(server).map(|local| place_or_host(local, server));
            let help = PUBLIC_POOL_IN_ISOLATED_SITE.cure;
            let finding =
                Finding::new(&PUBLIC_POOL_IN_ISOLATED_SITE, at(upstream, host), "host ", after, help);
            findings.add(host, finding.and(local.as_ref(), "its own clock"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_surely_known_are_judged() {
        for (name, kind) in [
            ("time.google.com", Some(Leap::NoonToNoon)),
            ("time3.google.com", Some(Leap::NoonToNoon)),
            ("time.aws.com", Some(Leap::NoonToNoon)),
            ("169.254.169.123", Some(Leap::NoonToNoon)),
            ("time5.facebook.com", Some(Leap::Meta)),
            ("2.debian.pool.ntp.org", Some(Leap::Inserted)),
            ("Time-A-g.NIST.gov.", Some(Leap::Inserted)),
            ("ptbtime1.ptb.de", Some(Leap::Inserted)),
            ("ntp.corp.example", None),
            ("notpool.ntp.org.example", None),
            ("xpool.ntp.org", None),
            ("timex.google.com", None),
        ] {
            assert_eq!(leap(name), kind, "{name}");
        }
        for (name, public) in [
            ("ntp1.aliyun.com", true),
            ("pool.ntp.org", true),
            ("8.8.8.8", true),
            ("2606:4700:f1::1", true),
            ("10.0.0.1", false),
            ("100.64.0.1", false),
            ("192.0.2.1", false),
            ("2001:db8::1", false),
            ("fd00::1", false),
            ("169.254.169.123", false),
            ("metadata.google.internal", false),
            ("pool.example", false),
            ("ntp.corp", false),
        ] {
            assert_eq!(is_public(name), public, "{name}");
        }
    }
}
