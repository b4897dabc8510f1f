//! The user's own SSH settings for one host, asked of OpenSSH itself (`ssh -G`, see ssh(1) and ssh_config(5)).

use std::path::{Path, PathBuf};

use tokio::process::Command;
use tokio::sync::Semaphore;

use super::error::SshError;

/// `ssh -G` takes some milliseconds of processor time; more at once only heat the machine.
static ASKING: Semaphore = Semaphore::const_new(4);

/// What to ask about: a host, and what the inventory has already decided (a `Match user` block wants to know).
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// As on ssh's command line.
    pub(super) host: &'a str,
    /// Login name, when decided.
    pub(super) user: Option<&'a str>,
    /// Port, when decided.
    pub(super) port: Option<u16>,
    /// Another configuration file instead of the user's.
    pub(super) config: Option<&'a Path>,
}

/// What OpenSSH would do for one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// Name or address to connect to.
    pub(super) hostname: String,
    /// Login name.
    pub(super) user: String,
    /// TCP port.
    pub(super) port: u16,
    /// Private keys, in the order in which they are tried; some may not exist.
    pub(super) identities: Vec<PathBuf>,
    /// Only these, not everything that the agent holds.
    pub(super) identities_only: bool,
    /// The agent's socket.
    pub(super) agent: Option<PathBuf>,
    /// The user's files first, then the machine's.
    pub(super) known_hosts: Vec<PathBuf>,
    /// Look the host up under this name.
    pub(super) host_key_alias: Option<String>,
    /// `StrictHostKeyChecking accept-new`.
    pub(super) accept_new: bool,
    /// `ProxyJump`, as written.
    pub(super) jump: Option<String>,
    /// There is a `ProxyCommand`.
    pub(super) proxy_command: bool,
}

impl Settings {
    /// Asks OpenSSH's `ssh`; where it is not installed, OpenSSH's defaults.
    ///
    /// # Errors
    /// [`SshError::Settings`] when ssh does not accept the user's configuration.
    pub(super) async fn ask(question: Question<'_>) -> Result<Self, SshError> {
        let failed = |cause: String| SshError::Settings { host: question.host.to_owned(), cause };
        let mut command = Command::new("ssh");
        command.arg("-G");
        if let Some(config) = question.config {
            command.arg("-F").arg(config);
        }
        if let Some(user) = question.user {
            command.args(["-l", user]);
        }
        if let Some(port) = question.port {
            command.args(["-p", &port.to_string()]);
        }
        command.args(["--", question.host]).stdin(std::process::Stdio::null()).kill_on_drop(true);
        let _permit = ASKING.acquire().await.map_err(|closed| failed(closed.to_string()))?;
        let output = match command.output().await {
            Ok(output) => output,
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::defaults(question));
            }
            Err(source) => return Err(failed(source.to_string())),
        };
        if output.status.success() {
            return Ok(Self::parse(question, &String::from_utf8_lossy(&output.stdout)));
        }
        let words = String::from_utf8_lossy(&output.stderr);
        Err(failed(words.lines().last().unwrap_or("no reason given").trim().to_owned()))
    }

    /// What OpenSSH does without any configuration.
    pub(super) fn defaults(question: Question<'_>) -> Self {
        Self {
            hostname: question.host.to_owned(),
            user: question.user.map_or_else(local_user, str::to_owned),
            port: question.port.unwrap_or(22),
            identities: ["id_ed25519", "id_ecdsa", "id_rsa"]
                .map(|name| expand_home(&format!("~/.ssh/{name}")))
                .into(),
            identities_only: false,
            agent: std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from),
            known_hosts: vec![expand_home("~/.ssh/known_hosts"), PathBuf::from("/etc/ssh/ssh_known_hosts")],
            host_key_alias: None,
            accept_new: false,
            jump: None,
            proxy_command: false,
        }
    }

    /// Reads `ssh -G`'s output: one `keyword value` a line, keywords in lower case.
    pub(super) fn parse(question: Question<'_>, text: &str) -> Self {
        let mut settings =
            Self { identities: Vec::new(), known_hosts: Vec::new(), ..Self::defaults(question) };
        let mut identities = Vec::new();
        let mut machine_known_hosts = Vec::new();
        for (keyword, value) in text.lines().filter_map(|line| line.split_once(' ')) {
            let value = value.trim();
            match keyword {
                "hostname" => value.clone_into(&mut settings.hostname),
                "user" => value.clone_into(&mut settings.user),
                "port" => settings.port = value.parse().unwrap_or(settings.port),
                "identityfile" => identities.push(value),
                "identitiesonly" => settings.identities_only = value == "yes",
                "identityagent" => match value {
                    "none" => settings.agent = None,
                    "SSH_AUTH_SOCK" => {}
                    path => settings.agent = Some(socket(path)),
                },
                "userknownhostsfile" => settings.known_hosts.extend(files(value)),
                "globalknownhostsfile" => machine_known_hosts.extend(files(value)),
                "hostkeyalias" => settings.host_key_alias = Some(value.to_owned()),
                "stricthostkeychecking" => settings.accept_new = value == "accept-new",
                "proxyjump" if value != "none" => settings.jump = Some(value.to_owned()),
                "proxycommand" => settings.proxy_command = value != "none",
                _ => {}
            }
        }
        settings.known_hosts.extend(machine_known_hosts);
        settings.identities = identities.into_iter().map(|path| settings.expand(question, path)).collect();
        settings
    }

    /// `~` and the percent tokens that ssh -G leaves in file names (ssh_config(5), TOKENS).
    fn expand(&self, question: Question<'_>, path: &str) -> PathBuf {
        let mut expanded = String::with_capacity(path.len());
        let mut rest = path.chars();
        while let Some(character) = rest.next() {
            if character != '%' {
                expanded.push(character);
                continue;
            }
            match rest.next() {
                Some('d') => expanded.push_str(&expand_home("~").to_string_lossy()),
                Some('h') => expanded.push_str(&self.hostname),
                Some('n') => expanded.push_str(question.host),
                Some('p') => expanded.push_str(&self.port.to_string()),
                Some('r') => expanded.push_str(&self.user),
                Some('u') => expanded.push_str(&local_user()),
                Some('%') => expanded.push('%'),
                Some(other) => expanded.extend(['%', other]),
                None => expanded.push('%'),
            }
        }
        expand_home(&expanded)
    }
}

/// ssh -G prints several files with blanks between and no quotes, so a blank inside a name cannot be told apart.
fn files(value: &str) -> impl Iterator<Item = PathBuf> + '_ {
    value.split_whitespace().filter(|name| *name != "none").map(expand_home)
}

/// `IdentityAgent` is a path, or a variable that holds one.
fn socket(path: &str) -> PathBuf {
    match path.strip_prefix('$').map(|name| name.trim_matches(['{', '}'])) {
        Some(variable) => std::env::var_os(variable).map(PathBuf::from).unwrap_or_default(),
        None => expand_home(path),
    }
}

fn expand_home(path: &str) -> PathBuf {
    let home = || std::env::home_dir().unwrap_or_else(|| PathBuf::from("/"));
    match path.strip_prefix('~') {
        Some("") => home(),
        Some(rest) if rest.starts_with('/') => home().join(rest.trim_start_matches('/')),
        _ => PathBuf::from(path),
    }
}

pub(super) fn local_user() -> String {
    nix::unistd::User::from_uid(nix::unistd::getuid())
        .ok()
        .flatten()
        .map(|user| user.name)
        .or_else(|| std::env::var("USER").ok())
        .unwrap_or_else(|| "root".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(host: &str) -> Question<'_> {
        Question { host, user: None, port: None, config: None }
    }

    #[test]
    fn what_ssh_prints_is_what_we_do() {
        let home = std::env::home_dir().unwrap();
        let settings = Settings::parse(
            about("web1"),
            "user ops\nhostname 10.0.0.7\nport 2222\nidentitiesonly yes\nstricthostkeychecking accept-new\n\
             identityfile ~/.ssh/%r-%h\nidentityfile /keys/100%%\nglobalknownhostsfile /etc/ssh/ssh_known_hosts\n\
             userknownhostsfile /home/o/known /home/o/known2\nproxyjump a@b:33,c\nidentityagent none\n\
             hostkeyalias the-web\n",
        );
        let expected = Settings {
            hostname: "10.0.0.7".into(),
            user: "ops".into(),
            port: 2222,
            identities: vec![home.join(".ssh/ops-10.0.0.7"), "/keys/100%".into()],
            identities_only: true,
            agent: None,
            known_hosts: vec![
                "/home/o/known".into(),
                "/home/o/known2".into(),
                "/etc/ssh/ssh_known_hosts".into(),
            ],
            host_key_alias: Some("the-web".into()),
            accept_new: true,
            jump: Some("a@b:33,c".into()),
            proxy_command: false,
        };
        assert_eq!(settings, expected);
    }

    #[tokio::test]
    async fn openssh_itself_is_asked_with_its_match_blocks() {
        if std::process::Command::new("ssh").arg("-V").output().is_err() {
            eprintln!("skipped: OpenSSH's ssh is not installed");
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("config");
        std::fs::write(
            &config,
            "Match user ops\n Port 2200\n ProxyJump gate\nHost web1\n HostName 192.0.2.7\n",
        )
        .unwrap();
        let question = Question { user: Some("ops"), config: Some(&config), ..about("web1") };
        let settings = Settings::ask(question).await.unwrap();
        assert_eq!((settings.hostname.as_str(), settings.port), ("192.0.2.7", 2200));
        assert_eq!((settings.user.as_str(), settings.jump.as_deref()), ("ops", Some("gate")));

        std::fs::write(&config, "Prot 22\n").unwrap();
        let error = Settings::ask(Question { config: Some(&config), ..about("web1") }).await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("`ssh -G web1` failed: ") && text.contains("terminating"), "{text}");
    }
}
