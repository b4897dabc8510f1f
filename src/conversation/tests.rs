//! Conversations with real OpenSSH servers. The agent is a shell script that speaks the protocol: what is tested here
//! is everything before the agent, and that its words arrive.

mod script;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use timefleet_agent::host::desired::{Daemon, Desired, Layout};
use timefleet_agent::host::message::{Event, Mode, Outcome, PROTOCOL, Request};
use timefleet_agent::time::Seconds;
use tokio::sync::{Semaphore, oneshot, watch};

use super::{AgentSource, Conversation, ConversationError, Progress, converse};
use crate::agents::AgentBinary;
use crate::curtain::{Curtain, Place};
use crate::ssh::Target;
use crate::ssh::sshd::Sshd;

const DEADLINE: Duration = Duration::from_secs(60);

/// Two megabytes that run: a script, and nothing behind its end.
pub(super) fn agent(body: &str) -> AgentBinary {
    let mut text = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && {{ echo timefleet-agent 0; exit 0; }}\n\
         [ \"$1\" = host ] || exit 8\nIFS= read -r request\n{body}\nexit 0\n"
    )
    .into_bytes();
    text.resize(2_000_000, b'#');
    let sha256 = sha256(&text);
    AgentBinary { bytes: Cow::Owned(text), sha256, arch: machine() }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn machine() -> String {
    let output = Command::new("uname").arg("-m").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

const FINISHED: &str = r#"echo '{"event":"finished","outcome":{"outcome":"done","steps":[],"report":null}}'"#;
/// As `timefleet-agent host --ephemeral` does: its own executable and directory go at once.
const EPHEMERAL: &str = r#"[ "$2" = --ephemeral ] && rm -f "$0" && rmdir "${0%/*}""#;

fn good_agent() -> AgentBinary {
    agent(&format!("{EPHEMERAL}\ncase $request in *'\"host\":\"ntp-a\"'*) {FINISHED};; esac"))
}

struct One(AgentBinary);

impl AgentSource for One {
    fn for_arch(&self, uname_m: &str) -> Option<&AgentBinary> {
        Some(&self.0).filter(|agent| agent.arch == uname_m)
    }
    fn arches(&self) -> Vec<String> {
        vec![self.0.arch.clone()]
    }
}

/// Nobody else to wait for.
fn curtain() -> Curtain {
    let (_, up) = watch::channel(true);
    let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    Curtain::new(up, Place::new(permit, oneshot::channel().0))
}

fn request(mode: Mode, bin_dir: &Path) -> Request {
    let layout = Layout {
        bin_dir: bin_dir.display().to_string(),
        config: "~/timefleet/agent.conf".into(),
        state_dir: "~/timefleet/state".into(),
        run_dir: "~/timefleet/run".into(),
        command_socket: "~/timefleet/run/chronyd.sock".into(),
    };
    let desired = Desired {
        host: "ntp-a".into(),
        fleet: "plant-7".into(),
        daemon: Daemon::AgentProcess { layout, flags: vec![] },
        config: "local stratum 10\n".into(),
        take_over: false,
        serves: true,
        bound: Seconds(3.0),
    };
    Request { protocol: PROTOCOL, mode, desired, wait: Seconds(5.0), linger: false }
}

async fn apply(
    target: &Target,
    agent: AgentBinary,
    bin_dir: &Path,
) -> Result<Conversation, ConversationError> {
    converse(target, &One(agent), request(Mode::Apply, bin_dir), DEADLINE, curtain(), |_| {}).await
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn done() -> Outcome {
    Outcome::Done { steps: vec![], report: None }
}

#[tokio::test]
async fn the_first_apply_uploads_and_the_second_does_not_over_one_connection_and_one_channel_each() {
    let Some(sshd) = Sshd::start("") else { return };
    let (target, bin_dir) = (sshd.target(), sshd.path("opt/bin dir"));
    let agent = good_agent();
    let mut seen = Vec::new();
    let one = One(agent.clone());
    let first =
        converse(&target, &one, request(Mode::Apply, &bin_dir), DEADLINE, curtain(), |step| seen.push(step))
            .await;
    assert_eq!(
        first.unwrap(),
        Conversation { outcome: done(), uploaded: Some(2_000_000), connections: 1, channels: 1 }
    );
    assert_eq!(seen, [Progress::Connecting, Progress::LoggedIn, Progress::Uploading]);
    let name = format!("timefleet-agent-{}", agent.sha256);
    assert_eq!(names(&bin_dir), [name.as_str()]);
    assert_eq!(std::fs::read(bin_dir.join(&name)).unwrap(), agent.bytes.as_ref());

    let second = apply(&target, agent.clone(), &bin_dir).await.unwrap();
    assert_eq!(second, Conversation { outcome: done(), uploaded: None, connections: 1, channels: 1 });
    assert_eq!((sshd.connections(), sshd.channels()), (2, 2));

    // A name alone proves nothing: bytes that were tampered with are replaced.
    std::fs::write(bin_dir.join(&name), "#!/bin/sh\nexit 1\n").unwrap();
    assert_eq!(apply(&target, agent.clone(), &bin_dir).await.unwrap().uploaded, Some(2_000_000));
    assert_eq!(std::fs::read(bin_dir.join(&name)).unwrap(), agent.bytes.as_ref());
    assert_eq!(names(&bin_dir), [name.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_hosts_are_talked_to_at_once() {
    let Some(sshd) = Sshd::start("") else { return };
    let target = std::sync::Arc::new(sshd.target());
    let mut conversations = tokio::task::JoinSet::new();
    for host in 0..6 {
        let (target, bin_dir) = (target.clone(), sshd.path(&format!("host{host}")));
        conversations.spawn(async move { apply(&target, good_agent(), &bin_dir).await });
    }
    while let Some(conversation) = conversations.join_next().await {
        assert_eq!(conversation.unwrap().unwrap().uploaded, Some(2_000_000));
    }
    assert_eq!((sshd.connections(), sshd.channels()), (6, 6));
}

#[tokio::test]
async fn plan_and_audit_leave_nothing_on_the_host() {
    let Some(sshd) = Sshd::start("") else { return };
    let (target, bin_dir) = (sshd.target(), sshd.path("bin"));
    // This agent says where it was started from.
    let agent = agent(&format!("echo \"$0\" > {}\n{EPHEMERAL}\n{FINISHED}", sshd.path("started").display()));
    for mode in [Mode::Plan, Mode::Audit] {
        let one = One(agent.clone());
        let conversation =
            converse(&target, &one, request(mode, &bin_dir), DEADLINE, curtain(), |_| {}).await.unwrap();
        assert_eq!(conversation.uploaded, Some(2_000_000), "{mode:?}");
        let started = PathBuf::from(std::fs::read_to_string(sshd.path("started")).unwrap().trim());
        assert!(!started.starts_with(sshd.path("")), "{started:?}");
        assert!(!started.parent().unwrap().exists(), "{started:?} is still there");
        assert!(!bin_dir.exists());
    }
    // An installed agent is used where it is.
    apply(&target, agent.clone(), &bin_dir).await.unwrap();
    let plan = converse(&target, &One(agent), request(Mode::Plan, &bin_dir), DEADLINE, curtain(), |_| {})
        .await
        .unwrap();
    assert_eq!(plan.uploaded, None);
    assert!(std::fs::read_to_string(sshd.path("started")).unwrap().starts_with(&*bin_dir.to_string_lossy()));
}

#[tokio::test]
async fn events_are_told_as_they_come() {
    let Some(sshd) = Sshd::start("") else { return };
    let waiting = r#"echo '{"event":"waiting","waited":1.5,"tracking":null}'"#;
    let mut events = Vec::new();
    let one = One(agent(&format!("{waiting}\n{FINISHED}")));
    let request = request(Mode::Apply, &sshd.path("bin"));
    converse(&sshd.target(), &one, request, DEADLINE, curtain(), |step| {
        if let Progress::Event(event) = step {
            events.push(event);
        }
    })
    .await
    .unwrap();
    assert_eq!(events, [Event::Waiting { waited: Seconds(1.5), tracking: None }]);
}

#[tokio::test]
async fn an_agent_that_dies_is_quoted() {
    let Some(sshd) = Sshd::start("") else { return };
    let (target, bin_dir) = (sshd.target(), sshd.path("bin"));
    let error =
        apply(&target, agent("echo first >&2; echo no clock >&2; exit 4"), &bin_dir).await.unwrap_err();
    assert_eq!(error.to_string(), "the agent ended with status 4 before it had finished: no clock");
    assert_eq!(error.step(), "agent");

    let error = apply(&target, agent("kill -KILL $$"), &bin_dir).await.unwrap_err();
    assert_eq!(error.to_string(), "the agent ended by signal KILL before it had finished");

    let error = apply(&target, agent("echo good morning"), &bin_dir).await.unwrap_err();
    assert_eq!(error.to_string(), "the agent speaks another language: good morning");

    let error = apply(&target, agent(&format!("{FINISHED}; exit 5")), &bin_dir).await.unwrap_err();
    assert_eq!(error.to_string(), "the agent ended with status 5 before it had finished");
}

#[tokio::test]
async fn a_host_that_falls_silent_is_given_up() {
    let Some(sshd) = Sshd::start("") else { return };
    // It would wait for ever, unless its input ends.
    let patient = agent("while read -r line; do :; done");
    let bin_dir = sshd.path("bin");
    // It is there already, so that the time is spent with it and not on its upload.
    let file = bin_dir.join(format!("timefleet-agent-{}", patient.sha256));
    std::fs::create_dir(&bin_dir).unwrap();
    std::fs::write(&file, &patient.bytes).unwrap();
    assert!(Command::new("chmod").arg("755").arg(&file).status().unwrap().success());
    let (one, request) = (One(patient), request(Mode::Apply, &bin_dir));
    let deadline = Duration::from_secs(5);
    let error = converse(&sshd.target(), &one, request, deadline, curtain(), |_| {}).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.step()), ("no end after 5 s", "agent"));
    assert!(tokio::task::spawn_blocking(move || sshd.falls_idle()).await.unwrap());
}

#[tokio::test]
async fn a_machine_without_an_agent_of_its_kind() {
    let Some(sshd) = Sshd::start("") else { return };
    let alpha = AgentBinary { arch: "alpha".into(), ..good_agent() };
    let error = apply(&sshd.target(), alpha, &sshd.path("bin")).await.unwrap_err();
    assert_eq!(error.to_string(), format!("there is no agent for Linux on {}", machine()));
    assert_eq!(error.hint().unwrap(), "there are agents for Linux on alpha");
    assert_eq!(error.step(), "bootstrap");
}

#[tokio::test]
async fn an_agent_that_does_not_run_there_is_not_installed() {
    let Some(sshd) = Sshd::start("") else { return };
    let bytes = b"\x7fELF this is not".to_vec();
    let foreign = AgentBinary { sha256: sha256(&bytes), bytes: Cow::Owned(bytes), arch: machine() };
    let error = apply(&sshd.target(), foreign, &sshd.path("bin")).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("the agent does not run on this machine: "), "{text}");
    assert_eq!(error.step(), "upload");
    assert_eq!(names(&sshd.path("bin")), Vec::<String>::new());
}

#[tokio::test]
async fn errors_of_the_session_keep_their_step() {
    let Some(sshd) = Sshd::start("") else { return };
    let target = sshd.target();
    std::fs::write(sshd.path("known_hosts"), "").unwrap();
    let error = apply(&target, good_agent(), &sshd.path("bin")).await.unwrap_err();
    assert_eq!(error.step(), "host key");
    assert!(error.hint().unwrap().starts_with("compare the fingerprint, then: echo "));
}

#[tokio::test]
async fn an_account_that_runs_something_else_is_quoted() {
    let Some(sshd) = Sshd::start("ForceCommand echo This account is not available.; exit 1") else { return };
    let error = apply(&sshd.target(), good_agent(), &sshd.path("bin")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the login's shell did not run the bootstrap script: This account is not available."
    );
    assert_eq!(error.step(), "bootstrap");
}

/// A small file system of its own.
struct Mount(PathBuf);

impl Mount {
    fn tmpfs(at: PathBuf, options: &str) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let output =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&at).output().unwrap();
        if !output.status.success() {
            eprintln!("left out: mount: {}", String::from_utf8_lossy(&output.stderr).trim());
            return None;
        }
        Some(Self(at))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk() {
    let Some(sshd) = Sshd::start("") else { return };
    let Some(mount) = Mount::tmpfs(sshd.path("small"), "size=1m") else { return };
    let bin_dir = mount.0.join("bin");
    let error = apply(&sshd.target(), good_agent(), &bin_dir).await.unwrap_err();
    let place = bin_dir.display();
    assert_eq!(error.to_string(), format!("the disk is full: the agent could not be written to {place}"));
    assert_eq!((error.step(), error.hint()), ("upload", Some(format!("make room there: df -h {place}"))));
    assert_eq!(names(&bin_dir), Vec::<String>::new());
}

#[tokio::test]
async fn a_directory_that_cannot_be_written() {
    let Some(sshd) = Sshd::start("") else { return };
    let Some(mount) = Mount::tmpfs(sshd.path("locked"), "size=4m,ro") else { return };
    let error = apply(&sshd.target(), good_agent(), &mount.0.join("bin")).await.unwrap_err();
    let place = mount.0.join("bin").display().to_string();
    let text = error.to_string();
    assert!(text.starts_with(&format!("{place} is not writable: mkdir: ")), "{text}");
    assert!(text.ends_with("Read-only file system"), "{text}");
    let error = apply(&sshd.target(), good_agent(), &mount.0).await.unwrap_err();
    assert!(error.to_string().ends_with("Read-only file system"), "{error}");
    assert_eq!(error.step(), "upload");
}

#[tokio::test]
async fn a_directory_where_nothing_starts() {
    let Some(sshd) = Sshd::start("") else { return };
    let Some(mount) = Mount::tmpfs(sshd.path("noexec"), "size=4m,noexec") else { return };
    let error = apply(&sshd.target(), good_agent(), &mount.0).await.unwrap_err();
    let place = mount.0.display();
    assert_eq!(error.to_string(), format!("{place} does not allow programs to start (mounted noexec?)"));
    assert_eq!(names(&mount.0), Vec::<String>::new());
}

/// A host whose login is not root and whose sudo is ours.
fn with_sudo(sudo: Option<&str>) -> Option<(Sshd, Target)> {
    let sshd = Sshd::start("SetEnv PATH={here}/path")?;
    let path = sshd.path("path");
    std::fs::create_dir(&path).unwrap();
    let tools = [
        "sh",
        "env",
        "uname",
        "head",
        "wc",
        "tr",
        "mkdir",
        "mv",
        "rm",
        "rmdir",
        "chmod",
        "sync",
        "sha256sum",
        "mktemp",
    ];
    for tool in tools {
        let found = ["/usr/bin", "/bin"].map(|directory| Path::new(directory).join(tool));
        let found = found.iter().find(|tool| tool.exists()).unwrap();
        std::os::unix::fs::symlink(found, path.join(tool)).unwrap();
    }
    let program = |name: &str, body: &str| {
        std::fs::write(path.join(name), format!("#!/bin/sh\n{body}\n")).unwrap();
        assert!(Command::new("chmod").arg("755").arg(path.join(name)).status().unwrap().success());
    };
    program("id", "echo ${FAKE_UID-1000}");
    if let Some(body) = sudo {
        program("sudo", body);
    }
    let mut target = sshd.target();
    target.r#become = true;
    Some((sshd, target))
}

#[tokio::test]
async fn sudo_runs_the_same_conversation() {
    let body = "[ \"$1\" = -n ] || exit 9; shift; echo lecture >&2; FAKE_UID=0 exec \"$@\"";
    let Some((sshd, target)) = with_sudo(Some(body)) else { return };
    let conversation = apply(&target, good_agent(), &sshd.path("bin")).await.unwrap();
    assert_eq!(
        conversation,
        Conversation { outcome: done(), uploaded: Some(2_000_000), connections: 1, channels: 1 }
    );
}

#[tokio::test]
async fn sudo_that_does_not_let_us_is_told_apart() {
    let cases = [
        (Some("echo 'sudo: a password is required' >&2; exit 1"), "sudo asks USER for a password"),
        (
            Some("echo 'sudo: USER is not in the sudoers file.' >&2; exit 1"),
            "sudo refuses USER: sudo: USER is not in the sudoers file.",
        ),
        (
            Some("echo 'sudo: sorry, you must have a tty to run sudo' >&2; exit 1"),
            "sudo refuses USER: sudo: sorry, you must have a tty to run sudo",
        ),
        (None, "sudo is not installed"),
    ];
    for (sudo, expected) in cases {
        let user = std::env::var("USER").unwrap_or_else(|_| "root".into());
        let Some((sshd, mut target)) = with_sudo(sudo.map(|body| body.replace("USER", &user)).as_deref())
        else {
            return;
        };
        target.hop.user.clone_from(&user);
        let error = apply(&target, good_agent(), &sshd.path("bin")).await.unwrap_err();
        assert_eq!(error.to_string(), expected.replace("USER", &user));
        assert_eq!(error.step(), "sudo");
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn a_host_without_sha256sum() {
    let Some((sshd, mut target)) = with_sudo(None) else { return };
    target.r#become = false;
    std::fs::remove_file(sshd.path("path/sha256sum")).unwrap();
    let error = apply(&target, good_agent(), &sshd.path("bin")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "sha256sum is not installed, and without it the agent cannot be brought there and checked"
    );
}

#[tokio::test]
async fn a_directory_with_a_line_end_in_its_name_is_refused() {
    let Some(sshd) = Sshd::start("") else { return };
    let error = apply(&sshd.target(), good_agent(), Path::new("/opt/a\nb")).await.unwrap_err();
    assert_eq!(error.to_string(), r#"the agent's directory "/opt/a\nb" holds a control character"#);
}
