//! Three namespaces: the agents in the middle, strangers who serve them on one side, strangers whom they serve on the other.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::keys::Key;
use super::namespace::Namespace;
use super::process::{Daemon, program};
use super::{agent, chronyd, ntpd};

/// The agent's addresses on its clients' side, and the keys that ntpd asks with there.
pub(crate) const ADDRESSES: [(&str, Option<Key>); 4] = [
    ("10.77.2.1", None),
    ("10.77.2.2", Some(Key::Sha1)),
    ("fd77:2::1", Some(Key::Md5)),
    ("fd77:2::2", Some(Key::Aes128)),
];
const V4: &str = "10.77.1.2";
const V6: &str = "fd77:1::2";

/// Why nothing can be shown here; `None` when it can.
pub(crate) fn obstacle() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("not root".to_owned());
    }
    if let Some(missing) =
        ["chronyd", "chronyc", "ip", "setpriv"].into_iter().find(|name| program(name).is_none())
    {
        return Some(format!("no {missing} here; tests/run installs it"));
    }
    if ntpd::binary().is_none() {
        return Some("no ntpsec here; 'tests/unpacked ntpsec ntpsec libbsd0' brings it".to_owned());
    }
    Namespace::new("probe").err().map(|why| format!("no network namespaces: {why}"))
}

/// Everybody, running. Fields are dropped in order: the daemons before the namespaces that they live in.
pub(crate) struct Site {
    pub(crate) agents_of_chronyd: Vec<agent::Client>,
    pub(crate) agents_of_ntpd: Vec<agent::Client>,
    pub(crate) deceived: agent::Client,
    pub(crate) chronyds: Vec<chronyd::Client>,
    pub(crate) forger: chronyd::Client,
    pub(crate) ntpd: ntpd::Client,
    _servers: [Daemon; 3],
    _namespaces: [Namespace; 3],
    _directory: TempDir,
}

impl Site {
    pub(crate) fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut places = 0;
        let mut place = || -> PathBuf {
            places += 1;
            let place = directory.path().join(places.to_string());
            fs::create_dir(&place).unwrap();
            fs::set_permissions(&place, fs::Permissions::from_mode(0o700)).unwrap();
            place
        };
        let [agents, servers, clients] =
            ["agents", "servers", "clients"].map(|role| Namespace::new(role).unwrap());
        agents
            .connect(&["10.77.1.1/24", "fd77:1::1/64"], &servers, &["10.77.1.2/24", "fd77:1::2/64"])
            .unwrap();
        agents
            .connect(
                &["10.77.2.1/24", "10.77.2.2/24", "fd77:2::1/64", "fd77:2::2/64"],
                &clients,
                &["10.77.2.9/24", "fd77:2::9/64"],
            )
            .unwrap();

        let running = [
            agent::server(&agents, &place()),
            chronyd::server(&servers, &place()),
            ntpd::server(&servers, &place()),
        ];
        let of_chronyd = |host: &str| format!("{host} port {}", chronyd::PORT);
        let agents_of_chronyd =
            [(V4, None), (V6, None), (V4, Some(Key::Sha256)), (V6, Some(Key::Aes128)), (V4, Some(Key::Md5))]
                .map(|(host, key)| agent::Client::start(&agents, &place(), &of_chronyd(host), key, 7));
        let agents_of_ntpd =
            [(V4, None), (V6, None), (V4, Some(Key::Md5)), (V6, Some(Key::Sha1)), (V6, Some(Key::Aes128))]
                .map(|(host, key)| agent::Client::start(&agents, &place(), host, key, 8));
        let [v4, _, v6, _] = ADDRESSES.map(|(address, _)| address);
        let chronyds =
            [(v4, None), (v6, None), (v4, Some(Key::Sha256)), (v6, Some(Key::Aes128)), (v6, Some(Key::Sha1))]
                .map(|(address, key)| chronyd::Client::start(&clients, &place(), address, key));
        Self {
            agents_of_chronyd: agents_of_chronyd.into(),
            agents_of_ntpd: agents_of_ntpd.into(),
            deceived: agent::Client::start(&agents, &place(), &of_chronyd(V4), Some(Key::Forged), 7),
            chronyds: chronyds.into(),
            forger: chronyd::Client::start(&clients, &place(), v4, Some(Key::Forged)),
            ntpd: ntpd::Client::start(&clients, &place(), &ADDRESSES),
            _servers: running,
            _namespaces: [agents, servers, clients],
            _directory: directory,
        }
    }
}
