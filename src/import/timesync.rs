//! The variables of the role linux-system-roles.timesync.

use serde_json::{Map, Value};
use timefleet_agent::config::{Upstream, UpstreamKind};

use super::chrony_conf::Lines;
use super::layer::{Layer, Note};
use super::upstream::{self, Source};
use super::variables::{self, Why};
use crate::inventory::{NameFault, name_fault};
use crate::lint::nobody_at;

/// What every variable of the role begins with.
pub(super) const PREFIX: &str = "timesync_";

/// Reads the role's variables of one host. `at` is the place of its variables.
pub(super) fn read(variables: &Map<String, Value>, at: &str, layer: &mut Layer) -> Vec<Source> {
    let mut sources = Vec::new();
    for (name, value) in variables.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
        let place = format!("{at}.{name}");
        let read = match name.as_str() {
            "timesync_ntp_servers" => servers(value, &place, layer).map(|read| sources = read),
            name => variable(name, value, layer),
        };
        if let Err(why) = read {
            layer.notes.push(Note::left_out(place, &variables::shown(name, value), &why));
        }
    }
    if let Some(lines) = variables.get("timesync_chrony_custom_settings") {
        let place = format!("{at}.timesync_chrony_custom_settings");
        sources.extend(custom(lines, &place, layer));
    }
    sources
}

/// Everything but the servers.
fn variable(name: &str, value: &Value, layer: &mut Layer) -> Result<(), Why> {
    let seconds = |value: &Value| {
        let (text, number) = variables::number(value)?;
        if number == 0.0 || (1e-6..=1e6).contains(&number) {
            Ok((text, number))
        } else {
            Err("it must be from 0.000001 to 1000000 seconds".to_owned())
        }
    };
    match name {
        "timesync_step_threshold" => {
            // The role: below zero stands for the daemon's own, zero for no steps.
            if variables::number(value)?.1 < 0.0 {
                return Ok(());
            }
            match seconds(value)? {
                (_, 0.0) => layer.set("time.makestep", "false"),
                (text, _) => layer.set("time.makestep", format!("{{ threshold: {text} }}")),
            }
        }
        "timesync_max_distance" => {
            let (text, number) = seconds(value)?;
            if number > 0.0 {
                layer.set("time.maxdistance", text);
            }
        }
        "timesync_min_sources" => {
            let count = variables::whole(value, (1, 1000))?;
            layer.set("time.minsources", count.to_string());
        }
        "timesync_dhcp_ntp_servers" => {
            if variables::truth(value)? {
                layer.extra("sourcedir /run/chrony-dhcp");
            }
        }
        "timesync_ntp_ip_family" => match variables::text(value)?.to_ascii_lowercase().as_str() {
            "ipv4" => layer.set("time.ipv4_only", "true"),
            "ipv6" => layer.set("time.ipv6_only", "true"),
            "all" => {}
            _ => return Err("it must be `all`, `IPv4` or `IPv6`".to_owned()),
        },
        "timesync_ntp_provider" => {
            if variables::text(value)? != "chrony" {
                return Err("timefleet brings its own agent".to_owned());
            }
        }
        "timesync_chrony_custom_settings" => {}
        "timesync_ntp_hwts_interfaces" => {
            if !matches!(value, Value::Array(list) if list.is_empty()) {
                return Err("the agent uses the kernel's timestamps only".to_owned());
            }
        }
        "timesync_ptp_domains" => {
            if !matches!(value, Value::Array(list) if list.is_empty()) {
                return Err("PTP is not spoken".to_owned());
            }
        }
        _ => return Err("an inventory has no key for it".to_owned()),
    }
    Ok(())
}

fn servers(value: &Value, place: &str, layer: &mut Layer) -> Result<Vec<Source>, Why> {
    // An INI file of Ansible makes a text of what is JSON and not Python.
    let written = match variables::plain(value)? {
        Value::String(text) => serde_json::from_str(text).unwrap_or(Value::Null),
        other => other.clone(),
    };
    let Value::Array(list) = written else {
        return Err("it must be a list".to_owned());
    };
    let mut sources = Vec::new();
    for (index, server) in list.iter().enumerate() {
        let place = format!("{place}[{index}]");
        let read = match server {
            Value::Object(server) => source(server, &place, layer),
            _ => Err("it must be a mapping with `hostname`".to_owned()),
        };
        match read {
            Ok(source) => sources.push(source),
            Err(why) => layer.notes.push(Note::left_out(place, &variables::shown("server", server), &why)),
        }
    }
    Ok(sources)
}

fn source(server: &Map<String, Value>, place: &str, layer: &mut Layer) -> Result<Source, Why> {
    let name = variables::text(server.get("hostname").ok_or("it has no `hostname`")?)?;
    let (name, port) = match name_fault(&name) {
        None => (name, None),
        Some(NameFault::Port { host, port }) => {
            let text = format!("`{name}` has a port at its end: it becomes `port: {port}` of `{host}`");
            layer.notes.push(Note::changed(format!("{place}.hostname"), text));
            (host, Some(port))
        }
        Some(fault) => return Err(format!("`{name}` {fault}")),
    };
    if let Some(why) = nobody_at(&name) {
        return Err(format!("`{name}`: {why}"));
    }
    let mut upstream = Upstream::new(name.clone(), UpstreamKind::Server);
    upstream.port = port.unwrap_or(upstream.port);
    let (mut shortest, mut longest) = (None, None);
    for (option, value) in server {
        let read = match option.as_str() {
            "hostname" => Ok(()),
            "pool" => variables::truth(value).map(|pool| {
                if pool {
                    upstream.kind = UpstreamKind::Pool { max_sources: 4 };
                }
            }),
            "iburst" => variables::truth(value).map(|given| upstream.iburst = given),
            "prefer" => variables::truth(value).map(|given| upstream.prefer = given),
            "trust" => variables::truth(value).map(|given| upstream.trust = given),
            "xleave" => variables::truth(value).map(|given| upstream.interleaved = given),
            "minpoll" => variables::whole(value, (-7, 24)).map(|poll| shortest = i8::try_from(poll).ok()),
            "maxpoll" => variables::whole(value, (-7, 24)).map(|poll| longest = i8::try_from(poll).ok()),
            "key" => variables::whole(value, (1, u32::MAX.into()))
                .map(|key| upstream.key = u32::try_from(key).ok()),
            "filter" => {
                // The role has 0 or 1 for none.
                let polls = variables::whole(value, (0, 64)).map(|polls| u32::try_from(polls).ok());
                polls.map(|polls| upstream.filter = polls.filter(|polls| *polls > 1))
            }
            "nts" => match variables::truth(value) {
                Ok(false) => Ok(()),
                Ok(true) => Err(format!("NTS is not implemented: time from {name} is not authenticated")),
                Err(why) => Err(why),
            },
            _ => Err("an upstream has no key for it".to_owned()),
        };
        if let Err(why) = read {
            let what = format!("{} of {name}", variables::shown(option, value));
            layer.notes.push(Note::left_out(format!("{place}.{option}"), &what, &why));
        }
    }
    if let (Some(min), Some(max)) = (shortest, longest)
        && min > max
    {
        return Err(format!("`minpoll` {min} is above `maxpoll` {max}"));
    }
    upstream.min_poll = shortest.unwrap_or(upstream.min_poll.min(longest.unwrap_or(i8::MAX)));
    upstream.max_poll = longest.unwrap_or(upstream.max_poll.max(upstream.min_poll));
    let item = upstream::item(&upstream).ok_or("an upstream has no key for one of its options")?;
    Ok(Source { name, item })
}

/// Raw lines of chrony.conf.
fn custom(value: &Value, place: &str, layer: &mut Layer) -> Vec<Source> {
    let lines: Vec<&Value> = match value {
        Value::Array(lines) => lines.iter().collect(),
        value => vec![value],
    };
    let mut reader = Lines::default();
    for (index, line) in lines.into_iter().enumerate() {
        let place = format!("{place}[{index}]");
        match variables::text(line) {
            Ok(line) => reader.line(&place, &line, layer),
            Err(why) => {
                let what = variables::shown("line", line);
                layer.notes.push(Note::left_out(place, &what, &why));
            }
        }
    }
    reader.finish(layer)
}
