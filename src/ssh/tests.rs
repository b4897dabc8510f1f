//! Sessions with real OpenSSH servers.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::channel::Exit;
use super::sshd::{Sshd, make_key};
use super::target::{Identity, Patience, Target};
use super::{Session, SshError};

async fn refusal(target: &Target) -> SshError {
    match Session::open(target).await {
        Ok(_) => panic!("the session opened"),
        Err(error) => error,
    }
}

/// What the host says to `echo`, over a new session.
async fn whoami(target: &Target) -> String {
    let mut session = Session::open(target).await.unwrap();
    let mut channel = session.exec("echo here; echo warned >&2; exit 7").await.unwrap();
    let line = channel.line(100).await.unwrap().unwrap();
    assert_eq!(channel.line(100).await.unwrap(), None);
    assert_eq!(channel.finish().await.unwrap(), Some(Exit::Status(7)));
    assert_eq!(channel.stderr(), "warned");
    assert_eq!((session.connections(), session.channels()), (1, 1));
    session.close().await;
    line
}

fn identity(path: PathBuf) -> Vec<Identity> {
    vec![Identity { path, required: true }]
}

#[tokio::test]
async fn a_command_runs_after_a_login_with_ed25519() {
    let Some(sshd) = Sshd::start("") else { return };
    assert_eq!(whoami(&sshd.target()).await, "here");
    assert_eq!((sshd.connections(), sshd.channels()), (1, 1));
}

#[tokio::test]
async fn rsa_and_ecdsa_log_in_too() {
    let Some(sshd) = Sshd::start("") else { return };
    for kind in ["rsa", "ecdsa"] {
        make_key(&sshd.path(kind), kind, "");
        std::fs::copy(sshd.path(&format!("{kind}.pub")), sshd.path("authorized_keys")).unwrap();
        let mut target = sshd.target();
        target.hop.identities = identity(sshd.path(kind));
        assert_eq!(whoami(&target).await, "here", "{kind}");
    }
}

#[tokio::test]
async fn a_refused_key_is_named() {
    let Some(sshd) = Sshd::start("") else { return };
    make_key(&sshd.path("stranger"), "ed25519", "");
    let mut target = sshd.target();
    target.hop.identities = identity(sshd.path("stranger"));
    let error = refusal(&target).await;
    let user = &target.hop.user;
    assert_eq!(
        error.to_string(),
        format!(
            "127.0.0.1 refused the login of {user}: offered ssh-ed25519 {} ({})",
            sshd.fingerprint("stranger"),
            sshd.path("stranger").display()
        )
    );
    assert_eq!(error.step(), "login");
    assert_eq!(
        error.hint().unwrap(),
        format!(
            "add the public key to ~{user}/.ssh/authorized_keys there, or set `ssh: {{ user, identity }}`"
        )
    );
}

#[tokio::test]
async fn a_server_that_hangs_up_is_quoted() {
    let Some(sshd) = Sshd::start("MaxAuthTries 1") else { return };
    let mut target = sshd.target();
    target.hop.identities = ["one", "two", "login"]
        .map(|name| {
            if name != "login" {
                make_key(&sshd.path(name), "ed25519", "");
            }
            Identity { path: sshd.path(name), required: false }
        })
        .into();
    let hint = refusal(&target).await.hint().unwrap();
    assert!(hint.contains("Too many authentication failures"), "{hint}");
}

#[tokio::test]
async fn an_identity_that_is_missing_or_no_key_is_an_error_before_anything_is_offered() {
    let Some(sshd) = Sshd::start("") else { return };
    let mut target = sshd.target();
    target.hop.identities = identity("/nonexistent/key".into());
    assert_eq!(
        refusal(&target).await.to_string(),
        "cannot read the identity /nonexistent/key: No such file or directory (os error 2)"
    );
    target.hop.identities = identity(sshd.path("sshd_config"));
    let text = refusal(&target).await.to_string();
    assert!(text.contains("sshd_config: not a private key: "), "{text}");
}

/// `ssh-agent` in the foreground, with one key in it.
struct KeyHolder(Child, PathBuf);

impl KeyHolder {
    fn with(directory: &Path, key: &Path, passphrase: &str) -> Self {
        let socket = directory.join("agent");
        let child =
            Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        let holder = Self(child, socket);
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while !holder.1.exists() {
            assert!(std::time::Instant::now() < deadline, "ssh-agent does not start");
            std::thread::yield_now();
        }
        // ssh-add asks a program for the passphrase.
        let ask = directory.join("ask");
        std::fs::write(&ask, format!("#!/bin/sh\necho {passphrase}\n")).unwrap();
        Command::new("chmod").arg("700").arg(&ask).status().unwrap();
        let added = Command::new("ssh-add")
            .arg(key)
            .env("SSH_AUTH_SOCK", &holder.1)
            .env("SSH_ASKPASS", &ask)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        holder
    }
}

impl Drop for KeyHolder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn an_encrypted_identity_needs_the_agent() {
    let Some(sshd) = Sshd::start("") else { return };
    let key = sshd.path("locked");
    make_key(&key, "ed25519", "sesame");
    std::fs::copy(sshd.path("locked.pub"), sshd.path("authorized_keys")).unwrap();
    let mut target = sshd.target();
    target.hop.identities = identity(key.clone());
    let error = refusal(&target).await;
    assert_eq!(
        error.to_string(),
        format!("the identity {} is encrypted and the SSH agent does not hold it", key.display())
    );
    assert_eq!(error.hint().unwrap(), format!("eval $(ssh-agent); ssh-add {}", key.display()));

    let agent = KeyHolder::with(sshd.path("").as_path(), &key, "sesame");
    target.hop.agent = Some(agent.1.clone());
    assert_eq!(whoami(&target).await, "here");
    // And without any identity file, the agent's keys are tried all the same.
    target.hop.identities.clear();
    assert_eq!(whoami(&target).await, "here");
    // Unless the user's configuration says that only the files count.
    target.hop.identities_only = true;
    let text = refusal(&target).await.to_string();
    assert!(text.ends_with("there was no key to offer"), "{text}");
}

#[tokio::test]
async fn an_rsa_key_in_the_agent_logs_in() {
    let Some(sshd) = Sshd::start("") else { return };
    make_key(&sshd.path("rsa"), "rsa", "");
    std::fs::copy(sshd.path("rsa.pub"), sshd.path("authorized_keys")).unwrap();
    let agent = KeyHolder::with(sshd.path("").as_path(), &sshd.path("rsa"), "");
    let mut target = sshd.target();
    target.hop.identities.clear();
    target.hop.agent = Some(agent.1.clone());
    assert_eq!(whoami(&target).await, "here");
}

#[tokio::test]
async fn a_host_that_nobody_knows_is_refused_before_login() {
    let Some(sshd) = Sshd::start("") else { return };
    let target = sshd.target();
    std::fs::write(sshd.path("known_hosts"), "").unwrap();
    let error = refusal(&target).await;
    let name = format!("[127.0.0.1]:{}", sshd.port());
    let fingerprint = sshd.fingerprint("host");
    assert_eq!(error.to_string(), format!("the host key of {name} is not known (ssh-ed25519 {fingerprint})"));
    assert!(!sshd.log().contains("publickey"), "{}", sshd.log());

    // The remedy in the hint cures it.
    let hint = error.hint().unwrap();
    let remedy = hint.strip_prefix("compare the fingerprint, then: ").unwrap();
    assert!(Command::new("sh").args(["-c", remedy]).status().unwrap().success());
    assert_eq!(whoami(&target).await, "here");
}

#[tokio::test]
async fn accept_new_of_the_users_own_configuration_is_honoured_once() {
    let Some(sshd) = Sshd::start("") else { return };
    let mut target = sshd.target();
    std::fs::write(sshd.path("known_hosts"), "").unwrap();
    target.hop.accept_new = true;
    assert_eq!(whoami(&target).await, "here");
    target.hop.accept_new = false;
    assert_eq!(whoami(&target).await, "here");
}

#[tokio::test]
async fn a_changed_host_key_is_refused() {
    let Some(sshd) = Sshd::start("") else { return };
    let target = sshd.target();
    make_key(&sshd.path("old"), "ed25519", "");
    let line = format!("[127.0.0.1]:{} {}", sshd.port(), sshd.public("old"));
    std::fs::write(sshd.path("known_hosts"), format!("# the plant\n{line}")).unwrap();
    let error = refusal(&target).await;
    assert_eq!(
        error.to_string(),
        format!(
            "the host key of [127.0.0.1]:{} changed: it shows ssh-ed25519 {}, {}:2 says ssh-ed25519 {}",
            sshd.port(),
            sshd.fingerprint("host"),
            sshd.path("known_hosts").display(),
            sshd.fingerprint("old")
        )
    );
    assert!(!sshd.log().contains("publickey"), "{}", sshd.log());
}

#[tokio::test]
async fn a_revoked_host_key_is_refused() {
    let Some(sshd) = Sshd::start("") else { return };
    let target = sshd.target();
    let known = std::fs::read_to_string(sshd.path("known_hosts")).unwrap();
    std::fs::write(sshd.path("known_hosts"), format!("{known}@revoked * {}", sshd.public("host"))).unwrap();
    let error = refusal(&target).await;
    let plain = format!("@revoked 127.0.0.1 {}", sshd.public("host"));
    assert!(matches!(&error, SshError::HostKeyRevoked { line: 2, .. }), "{error}");
    std::fs::write(sshd.path("known_hosts"), format!("{known}{plain}")).unwrap();
    assert!(matches!(refusal(&target).await, SshError::HostKeyRevoked { line: 2, .. }));
}

#[tokio::test]
async fn hashed_known_hosts_are_understood() {
    let Some(sshd) = Sshd::start("") else { return };
    let target = sshd.target();
    let hashed =
        Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(sshd.path("known_hosts")).output().unwrap();
    assert!(hashed.status.success());
    assert!(std::fs::read_to_string(sshd.path("known_hosts")).unwrap().starts_with("|1|"));
    assert_eq!(whoami(&target).await, "here");
}

#[tokio::test]
async fn a_host_with_two_keys_shows_the_one_that_is_known() {
    let Some(sshd) = Sshd::start("HostKey {here}/host_rsa") else { return };
    make_key(&sshd.path("host_rsa"), "rsa", "");
    let target = sshd.target();
    let line = format!("[127.0.0.1]:{} {}", sshd.port(), sshd.public("host_rsa"));
    std::fs::write(sshd.path("known_hosts"), line).unwrap();
    assert_eq!(whoami(&target).await, "here");
}

#[tokio::test]
async fn a_host_certificate_is_checked_against_its_authority() {
    let Some(sshd) = Sshd::start("HostCertificate {here}/host-cert.pub") else { return };
    let target = sshd.target();
    make_key(&sshd.path("ca"), "ed25519", "");
    let sign = |principals: &[&str]| {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-h", "-I", "ntp-a", "-s"]).arg(sshd.path("ca")).args(principals);
        assert!(command.arg(sshd.path("host.pub")).status().unwrap().success());
    };
    let authority = format!("@cert-authority [127.0.0.*]:* {}", sshd.public("ca"));
    std::fs::write(sshd.path("known_hosts"), &authority).unwrap();
    sign(&["-n", "127.0.0.1"]);
    assert_eq!(whoami(&target).await, "here");

    let name = format!("[127.0.0.1]:{}", sshd.port());
    sign(&["-n", "ntp-b"]);
    let text = refusal(&target).await.to_string();
    assert_eq!(text, format!("the host certificate of {name} is not valid: it is for ntp-b"));
    sign(&["-n", "127.0.0.1", "-V", "20200101:20200102"]);
    let text = refusal(&target).await.to_string();
    assert!(text.contains("it has expired"), "{text}");
    sign(&[]);
    let text = refusal(&target).await.to_string();
    assert!(text.ends_with("it is for no host by name"), "{text}");
    sign(&["-n", "127.0.0.1"]);
    std::fs::write(sshd.path("known_hosts"), format!("{authority}@revoked * {}", sshd.public("ca"))).unwrap();
    assert!(matches!(refusal(&target).await, SshError::HostKeyRevoked { line: 2, .. }));
}

#[tokio::test]
async fn a_jump_host_has_trust_and_keys_of_its_own() {
    let (Some(gate), Some(inner)) = (Sshd::start(""), Sshd::start("")) else { return };
    let mut target = inner.target();
    target.jumps = vec![gate.target().hop];
    assert_eq!(whoami(&target).await, "here");
    assert_eq!((gate.connections(), gate.channels()), (1, 0));
    assert_eq!((inner.connections(), inner.channels()), (1, 1));

    target.jumps[0].identities = identity(inner.path("login"));
    let error = refusal(&target).await;
    let text = error.to_string();
    assert!(text.starts_with("through jump host 127.0.0.1: 127.0.0.1 refused the login of "), "{text}");
    assert_eq!(error.step(), "login");
}

#[tokio::test]
async fn a_jump_host_that_cannot_go_on_says_so() {
    let Some(gate) = Sshd::start("") else { return };
    let mut target = gate.target();
    target.jumps = vec![target.hop.clone()];
    target.hop.port = closed_port();
    let text = refusal(&target).await.to_string();
    let place = format!("127.0.0.1 port {}", target.hop.port);
    assert_eq!(text, format!("the jump host cannot reach {place}: connect failed"));
}

/// A port on which nobody listens: it was free a moment ago.
fn closed_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn hosts_that_cannot_be_reached() {
    let Some(sshd) = Sshd::start("") else { return };
    let mut target = sshd.target();
    target.patience = Patience { connect: Duration::from_millis(300), login: Duration::from_secs(5) };
    target.hop.port = closed_port();
    let error = refusal(&target).await;
    assert_eq!(error.to_string(), format!("127.0.0.1 port {} refused the connection", target.hop.port));
    assert_eq!(error.step(), "connect");

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    target.hop.port = silent.local_addr().unwrap().port();
    let place = format!("127.0.0.1 port {}", target.hop.port);
    assert_eq!(
        refusal(&target).await.to_string(),
        format!("{place} did not complete the SSH handshake: no answer within 0.3 s")
    );

    target.hop.address = "no-such-host.invalid".into();
    let text = refusal(&target).await.to_string();
    assert!(text.starts_with("no-such-host.invalid does not resolve: "), "{text}");
}

#[tokio::test]
async fn two_megabytes_go_up_while_the_command_talks() {
    let Some(sshd) = Sshd::start("") else { return };
    let mut session = Session::open(&sshd.target()).await.unwrap();
    let mut channel =
        session.exec("for i in 1 2 3; do echo $i; done; head -c 2000000 | wc -c").await.unwrap();
    assert!(channel.send(vec![b'x'; 2_000_000]).await.unwrap());
    for line in ["1", "2", "3", "2000000"] {
        assert_eq!(channel.line(100).await.unwrap().unwrap(), line);
    }
    assert_eq!(channel.finish().await.unwrap(), Some(Exit::Status(0)));
}

#[tokio::test]
async fn a_command_that_takes_no_more_ends_the_upload() {
    let Some(sshd) = Sshd::start("") else { return };
    let mut session = Session::open(&sshd.target()).await.unwrap();
    let mut channel = session.exec("echo full; exit 3").await.unwrap();
    assert!(!channel.send(vec![b'x'; 8_000_000]).await.unwrap());
    assert_eq!(channel.line(100).await.unwrap().unwrap(), "full");
    assert_eq!(channel.finish().await.unwrap(), Some(Exit::Status(3)));
}

#[tokio::test]
async fn an_endless_line_is_not_kept() {
    let Some(sshd) = Sshd::start("") else { return };
    let mut session = Session::open(&sshd.target()).await.unwrap();
    let mut channel = session.exec("cat /dev/zero").await.unwrap();
    let text = channel.line(100_000).await.unwrap_err().to_string();
    assert_eq!(text, "127.0.0.1 sent a line of more than 100000 bytes");
}

#[tokio::test]
async fn a_connection_that_breaks_is_lost_not_ended() {
    let Some(sshd) = Sshd::start("") else { return };
    let mut session = Session::open(&sshd.target()).await.unwrap();
    let mut channel = session.exec("echo up; exec cat").await.unwrap();
    assert_eq!(channel.line(100).await.unwrap().unwrap(), "up");
    sshd.cut();
    let error = channel.line(100).await.unwrap_err();
    assert!(matches!(&error, SshError::Lost { .. }), "{error}");
}
