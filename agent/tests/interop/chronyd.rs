//! Debian's chronyd, as server and as client.

use std::fs;
use std::path::{Path, PathBuf};

use super::keys::{self, Key};
use super::namespace::Namespace;
use super::process::{Daemon, chronyc, program, value, wait_for};

/// Beside ntpd, which takes the usual port of every address.
pub(crate) const PORT: u16 = 1123;

fn start(namespace: &Namespace, directory: &Path, keys: &str, lines: &str) -> Daemon {
    let place = directory.to_str().unwrap();
    fs::write(directory.join("keys"), keys).unwrap();
    let file = directory.join("conf");
    let common =
        format!("keyfile {place}/keys\ncmdport 0\nbindcmdaddress {place}/sock\npidfile {place}/pid\n");
    fs::write(&file, format!("{lines}\n{common}")).unwrap();
    let mut command = namespace.command(&program("chronyd").unwrap());
    command.args(["-x", "-d", "-u", "root", "-f"]).arg(file);
    Daemon::start(command, &directory.join("log"))
}

/// Its own clock is its reference, as stratum 7.
pub(crate) fn server(namespace: &Namespace, directory: &Path) -> Daemon {
    start(namespace, directory, keys::CHRONY, &format!("local stratum 7\nallow\nport {PORT}"))
}

/// A chronyd whose server is an agent.
pub(crate) struct Client {
    title: String,
    is_signed: bool,
    socket: PathBuf,
    daemon: Daemon,
}

impl Client {
    pub(crate) fn start(namespace: &Namespace, directory: &Path, agent: &str, key: Option<Key>) -> Self {
        let line = format!("server {agent} iburst minpoll 0 maxpoll 2{}\nport 0", Key::option(key));
        let keys = if key == Some(Key::Forged) { keys::of_a_forger() } else { keys::CHRONY.to_owned() };
        let daemon = start(namespace, directory, &keys, &line);
        let title = format!("chronyd with {agent}, key {key:?}");
        Self { title, is_signed: key.is_some(), socket: directory.join("sock"), daemon }
    }

    fn says(&self) -> String {
        ["tracking", "ntpdata", "sources"].map(|words| chronyc(&self.socket, words)).join("\n")
    }

    fn complaint(&self, what: &str) -> String {
        format!("{what}: {}\n{}\n{}", self.title, self.says(), self.daemon.log())
    }

    /// It is one stratum below the agent.
    pub(crate) fn follows(&self) {
        wait_for(
            || self.complaint("stratum 6"),
            || {
                let says = self.says();
                (value(&says, "Stratum").as_deref() == Some("6") && says.contains("\n^*")).then_some(())
            },
        );
        let (says, authenticated) = (self.says(), if self.is_signed { "Yes" } else { "No" });
        assert_eq!(value(&says, "Authenticated").as_deref(), Some(authenticated), "{}", self.complaint(""));
    }

    /// It has asked and asked, and nobody answered.
    pub(crate) fn is_left_without(&self) {
        let count = |says: &str, name: &str| value(says, name).and_then(|count| count.parse::<u32>().ok());
        wait_for(|| self.complaint("requests"), || count(&self.says(), "Total TX").filter(|sent| *sent >= 4));
        assert_eq!(count(&self.says(), "Total RX"), Some(0), "{}", self.complaint("a reply"));
    }
}
