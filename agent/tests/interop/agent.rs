//! The agent, as server and as client.

use std::fs;
use std::path::{Path, PathBuf};

use super::keys::{self, Key};
use super::namespace::Namespace;
use super::process::{Daemon, chronyc, value, wait_for};

/// Starts an agent with a directory of its own and these lines.
fn start(namespace: &Namespace, directory: &Path, keys: &str, lines: &str) -> Daemon {
    let place = directory.to_str().unwrap();
    fs::write(directory.join("keys"), keys).unwrap();
    let file = directory.join("conf");
    let common = format!(
        "keyfile {place}/keys\ncmdport 0\nbindcmdaddress {place}/sock\npidfile {place}/pid\ndriftfile {place}/drift\n"
    );
    fs::write(&file, format!("{lines}\n{common}")).unwrap();
    let mut command = namespace.command(Path::new(env!("CARGO_BIN_EXE_timefleet-agent")));
    command.args(["-x", "-dd", "--run-dir", place, "-f"]).arg(file);
    Daemon::start(command, &directory.join("log"))
}

/// Its own clock is its reference, as stratum 5.
pub(crate) fn server(namespace: &Namespace, directory: &Path) -> Daemon {
    start(namespace, directory, keys::CHRONY, "local stratum 5\nallow\nport 123")
}

/// An agent that has one server.
pub(crate) struct Client {
    title: String,
    stratum: u32,
    is_signed: bool,
    socket: PathBuf,
    daemon: Daemon,
}

impl Client {
    /// `source` is the server with its options; `stratum` what it says to be.
    pub(crate) fn start(
        namespace: &Namespace,
        directory: &Path,
        source: &str,
        key: Option<Key>,
        stratum: u32,
    ) -> Self {
        let line = format!("server {source} iburst minpoll 0 maxpoll 2{}\nport 0", Key::option(key));
        let keys = if key == Some(Key::Forged) { keys::of_a_forger() } else { keys::CHRONY.to_owned() };
        let daemon = start(namespace, directory, &keys, &line);
        let title = format!("the agent with {source}, key {key:?}");
        Self { title, stratum, is_signed: key.is_some(), socket: directory.join("sock"), daemon }
    }

    fn says(&self) -> String {
        ["tracking", "ntpdata", "selectdata"].map(|words| chronyc(&self.socket, words)).join("\n")
    }

    fn complaint(&self, what: &str) -> String {
        format!("{what}: {}\n{}\n{}", self.title, self.says(), self.daemon.log())
    }

    /// It is one stratum below its server, and believes it for the right reason.
    pub(crate) fn follows(&self) {
        let expected = (self.stratum + 1).to_string();
        wait_for(
            || self.complaint(&format!("stratum {expected}")),
            || {
                let says = self.says();
                (value(&says, "Stratum") == Some(expected.clone()) && says.contains("\n*")).then_some(())
            },
        );
        let (says, authenticated) = (self.says(), if self.is_signed { "Yes" } else { "No" });
        assert_eq!(value(&says, "Authenticated").as_deref(), Some(authenticated), "{}", self.complaint(""));
    }

    /// It has asked and asked, and follows nobody.
    pub(crate) fn is_left_without(&self) {
        let count = |says: &str, name: &str| value(says, name).and_then(|count| count.parse::<u32>().ok());
        wait_for(|| self.complaint("requests"), || count(&self.says(), "Total TX").filter(|sent| *sent >= 4));
        let says = self.says();
        assert_eq!(count(&says, "Total valid RX"), Some(0), "{}", self.complaint("a valid reply"));
        assert!(says.contains("Not synchronised"), "{}", self.complaint("synchronised"));
    }
}
