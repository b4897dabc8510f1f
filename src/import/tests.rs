//! Imports by chance: whatever is lifted, every host keeps the values that it had.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::inventory::{Host, InputFile, kinds, load};
use crate::lint;
use crate::render::{Templates, render_with};

fn wishes() -> Wishes {
    Wishes { fleet: "x".to_owned(), pool: "pool.example".to_owned() }
}

/// What one host's variables say: distance (in thousandths), port, servers, sudo.
type Said = (Option<u16>, Option<u16>, Vec<u8>, Option<bool>);

fn variables(said: &Said) -> Value {
    let (distance, port, servers, sudo) = said;
    let mut variables = serde_json::Map::new();
    if let Some(distance) = distance {
        variables.insert("timesync_max_distance".to_owned(), json!(f64::from(*distance) / 1000.0));
    }
    if let Some(port) = port {
        variables.insert("ansible_port".to_owned(), json!(port));
    }
    if let Some(sudo) = sudo {
        variables.insert("ansible_become".to_owned(), json!(if *sudo { "yes" } else { "no" }));
    }
    let server = |number: &u8| json!({ "hostname": format!("s{number}.example"), "iburst": true });
    variables.insert("timesync_ntp_servers".to_owned(), servers.iter().map(server).collect());
    Value::Object(variables)
}

/// The same, of a host of the imported inventory.
fn said_of(host: &Host) -> Said {
    let distance = host.time.maxdistance.as_ref().map(|distance| (distance.value.0 * 1000.0).round());
    let name = |upstream: &crate::inventory::host::Upstream| match &upstream.from {
        crate::inventory::host::UpstreamFrom::Server(name) => {
            name.trim_start_matches('s').trim_end_matches(".example").parse().ok()
        }
        _ => None,
    };
    let servers = host.time.upstreams.iter().filter_map(|upstream| name(&upstream.value)).collect();
    let sudo = host.ssh.r#become.place.is_some().then_some(host.ssh.r#become.value);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was a u16")]
    (distance.map(|distance| distance as u16), host.ssh.port.as_ref().map(|port| port.value), servers, sudo)
}

/// Few values, so that groups often agree.
fn said() -> impl Strategy<Value = Said> {
    (
        prop::option::weighted(0.9, 500..503_u16),
        prop::option::weighted(0.8, 22..24_u16),
        prop::collection::vec(0..2_u8, 0..3),
        prop::option::weighted(0.9, any::<bool>()),
    )
}

/// Names as people mistype them, few enough to meet each other.
fn name() -> impl Strategy<Value = String> {
    let known = [
        "a",
        "A",
        "b.example",
        "B.example.",
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.888",
        "10.0.0",
        "999",
        "10.0.0.01",
        "ntp.example:123",
        "ntp.example:124",
        "10.0.0.1:123",
        "fe80::1%eth0",
        "fd00::5",
        "FD00:0::5",
        "[fd00::5]",
        "[fd00::5]:123",
        "2001:db8::zz",
        "::",
        "127.0.0.1",
        "localhost",
        "224.0.1.1",
        "n..m",
        ".n",
        "n.",
        "-n",
        "a.-b",
        "a b",
        "a-b",
        "_x",
        "é",
        "...",
        "",
    ];
    prop_oneof![
        8 => prop::sample::select(known.map(str::to_owned).to_vec()),
        1 => "[a-c0-1.:%-]{1,6}",
        1 => "[a-z]{62,66}(\\.[a-z]{60,64}){0,4}",
    ]
}

/// Nothing is refused, neither by the language nor by a rule, and every host's files can be made.
fn validates(imported: &Imported) -> Result<(), TestCaseError> {
    let file = InputFile { name: "fleet.yaml".to_owned(), text: imported.text.clone() };
    let checked = lint::check(vec![file], Some(Path::new("/home/me")));
    let shown = || format!("{:?}\n{}", checked.problems, imported.text);
    prop_assert_eq!(checked.errors(), 0, "{}", shown());
    let inventory = checked.inventory.as_ref().ok_or_else(|| TestCaseError::fail(shown()))?;
    let hosts: Vec<&Host> = inventory.hosts.iter().collect();
    let templates = Templates::read(&hosts, None).unwrap();
    for host in kinds(hosts.iter().copied()) {
        let rendered = render_with(inventory, host, &templates);
        prop_assert!(rendered.is_ok(), "{:?}\n{}", rendered.err(), imported.text);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn every_host_keeps_what_it_had(
        hosts in prop::collection::vec(said(), 1..9),
        members in prop::collection::vec((0..6_usize, 0..9_usize), 0..14),
        // A group is only ever inside one with a lower number: no rings.
        inside in prop::collection::vec((0..6_usize, 0..6_usize), 0..6),
    ) {
        let mut root = serde_json::Map::new();
        let vars: serde_json::Map<_, _> =
            hosts.iter().enumerate().map(|(index, said)| (format!("h{index}"), variables(said))).collect();
        root.insert("_meta".to_owned(), json!({ "hostvars": vars }));
        for group in 0..6 {
            let listed: Vec<String> = members
                .iter()
                .filter(|(of, host)| *of == group && *host < hosts.len())
                .map(|(_, host)| format!("h{host}"))
                .collect();
            let children: Vec<String> =
                inside.iter().filter(|(outer, inner)| *outer == group && inner > outer).map(|(_, inner)| format!("g{inner}")).collect();
            root.insert(format!("g{group}"), json!({ "hosts": listed, "children": children }));
        }
        let imported = ansible("fleet.json", Value::Object(root).to_string().as_bytes(), &wishes()).unwrap();
        let file = InputFile { name: "fleet.yaml".to_owned(), text: imported.text.clone() };
        let inventory = load(&[file], Some(Path::new("/home/me")))
            .map_err(|problems| TestCaseError::fail(format!("{problems:?}\n{}", imported.text)))?;
        prop_assert_eq!(inventory.hosts.len(), hosts.len());
        for (index, said) in hosts.iter().enumerate() {
            let host = inventory.host(&format!("h{index}")).unwrap();
            prop_assert_eq!(&said_of(host), said, "h{} in\n{}", index, imported.text);
        }
    }

    #[test]
    fn whatever_hosts_and_servers_are_called_the_inventory_validates(
        hosts in prop::collection::vec(
            (name(), prop::option::of(name()), prop::collection::vec(name(), 0..3), prop::option::of(22..24_u16)),
            1..7,
        ),
        groups in prop::collection::vec(prop::collection::vec(0..7_usize, 0..4), 0..3),
    ) {
        let mut root = serde_json::Map::new();
        let mut vars = serde_json::Map::new();
        for (host, address, servers, port) in &hosts {
            // Time from outside, so that nobody waits for his own.
            let mut servers: Vec<Value> = servers.iter().map(|server| json!({ "hostname": server })).collect();
            servers.push(json!({ "hostname": "pool.far.example", "pool": true }));
            let mut said = json!({ "timesync_ntp_servers": servers });
            said["ansible_host"] = address.as_ref().map_or(json!("{{ later }}"), |address| json!(address));
            said["ansible_port"] = json!(port.unwrap_or(22));
            said["ansible_ssh_common_args"] = json!("-o ForwardAgent=no -J gate");
            vars.insert(host.clone(), said);
        }
        root.insert("_meta".to_owned(), json!({ "hostvars": vars }));
        for (index, members) in groups.iter().enumerate() {
            let listed: Vec<&str> = members.iter().filter_map(|member| Some(hosts.get(*member)?.0.as_str())).collect();
            root.insert(hosts.get(index).map_or("g".to_owned(), |host| host.0.clone()), json!({ "hosts": listed }));
        }
        let imported = ansible("fleet.json", Value::Object(root).to_string().as_bytes(), &wishes()).unwrap();
        validates(&imported)?;
    }

    #[test]
    fn files_and_servers_of_any_name_become_an_inventory_that_validates(
        files in prop::collection::vec((name(), prop::collection::vec(name(), 0..3)), 1..5),
    ) {
        let file = |(name, servers): &(String, Vec<String>)| ConfFile {
            name: format!("{name}.conf"),
            // Whoever serves, so that nobody names a client.
            bytes: servers.iter().map(|server| format!("server {server}\n")).collect::<String>().into_bytes()
                .into_iter().chain(*b"allow\npool pool.far.example\n").collect(),
            host: None,
        };
        match chrony_conf(&files.iter().map(file).collect::<Vec<_>>(), &wishes()) {
            Ok(imported) => validates(&imported)?,
            Err(error) => prop_assert!(matches!(error, ImportError::SameName { .. }), "{error}"),
        }
    }

    #[test]
    fn any_json_is_an_inventory_or_an_error(text in "[ \\[\\]{}\":,a-z0-9_]{0,60}") {
        let _ = ansible("x", text.as_bytes(), &wishes());
        let nested = format!("{{\"all\": {{\"children\": [\"g\"]}}, \"g\": {{\"children\": [\"g\"], \"hosts\": [\"{}\"]}}}}", text.replace(['"', '\\'], ""));
        let _ = ansible("x", nested.as_bytes(), &wishes());
    }

    #[test]
    fn any_lines_are_an_inventory_that_can_be_read(lines in prop::collection::vec("(server|pool|allow|deny|local|makestep|maxdistance|port|log|keyfile|minsources) [a-z0-9./: -]{0,30}", 0..8)) {
        let file = ConfFile { name: "web1.conf".to_owned(), bytes: lines.join("\n").into(), host: None };
        let imported = chrony_conf(&[file], &wishes()).unwrap();
        let file = InputFile { name: "fleet.yaml".to_owned(), text: imported.text.clone() };
        let loaded = load(&[file], None);
        prop_assert!(loaded.is_ok(), "{:?}\n{}", loaded.err(), imported.text);
    }
}
