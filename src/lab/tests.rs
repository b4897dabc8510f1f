use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use russh::client;
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key};
use russh::{ChannelMsg, Sig};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use std::sync::Arc;

/// Nothing here takes this long unless it hangs.
const DEADLINE: Duration = Duration::from_secs(30);

struct Client;

impl client::Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _key: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

async fn connect(address: SocketAddr, user: &str, key: &PrivateKey) -> Option<client::Handle<Client>> {
    let mut session = client::connect(Arc::default(), address, Client).await.unwrap();
    let key = PrivateKeyWithHashAlg::new(Arc::new(key.clone()), None);
    session.authenticate_publickey(user, key).await.unwrap().success().then_some(session)
}

/// How a command ended, and what it wrote.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    out: String,
    err: String,
    code: Option<u32>,
    signal: Option<String>,
    closed: bool,
}

/// Runs a command with some input, sent while its output is read.
async fn exec(session: &client::Handle<Client>, command: &str, input: Vec<u8>) -> Told {
    let channel = session.channel_open_session().await.unwrap();
    channel.exec(true, command).await.unwrap();
    let (read, write) = channel.split();
    let sender = tokio::spawn(async move {
        write.data(&input[..]).await.unwrap();
        write.eof().await.unwrap();
    });
    let told = timeout(DEADLINE, listen(read)).await.unwrap();
    // russh never tells a writer that its channel is closed while it waits for room.
    sender.abort();
    told
}

async fn listen(mut read: russh::ChannelReadHalf) -> Told {
    let mut told = Told::default();
    while let Some(message) = read.wait().await {
        match message {
            ChannelMsg::Data { data } => told.out += std::str::from_utf8(&data).unwrap(),
            ChannelMsg::ExtendedData { data, .. } => told.err += std::str::from_utf8(&data).unwrap(),
            ChannelMsg::ExitStatus { exit_status } => told.code = Some(exit_status),
            ChannelMsg::ExitSignal { signal_name, .. } => told.signal = Some(format!("{signal_name:?}")),
            ChannelMsg::Close => told.closed = true,
            _ => {}
        }
    }
    told
}

/// A server with a login of its own, and a session on it.
struct Fixture {
    home: TempDir,
    key: PrivateKey,
    server: Server,
}

impl Fixture {
    async fn new() -> Fixture {
        let home = tempfile::tempdir().unwrap();
        let key = new_key().unwrap();
        let account = Account {
            user: "lab".into(),
            key: key.public_key().clone(),
            home: home.path().into(),
            log: home.path().join("ssh.log"),
        };
        let address = "127.0.0.1:0".parse().unwrap();
        let server = Server::open(address, new_key().unwrap(), account).await.unwrap();
        Fixture { home, key, server }
    }

    async fn session(&self) -> client::Handle<Client> {
        connect(self.server.address(), "lab", &self.key).await.unwrap()
    }
}

#[tokio::test]
async fn a_command_speaks_on_both_streams_and_leaves_its_exit_status() {
    let fixture = Fixture::new().await;
    let told = exec(&fixture.session().await, "echo out; echo err >&2; exit 7", Vec::new()).await;
    let expected =
        Told { out: "out\n".into(), err: "err\n".into(), code: Some(7), signal: None, closed: true };
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_command_starts_in_the_hosts_home_and_sees_nothing_of_our_environment() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let told =
        exec(&session, "pwd; env | cut -d= -f1 | grep -vx -e _ -e PWD -e OLDPWD -e SHLVL | sort", Vec::new());
    let home = fixture.home.path().canonicalize().unwrap();
    assert_eq!(told.await.out, format!("{}\nHOME\nLOGNAME\nPATH\nSHELL\nUSER\n", home.display()));
    let told = exec(&session, "echo $USER $LOGNAME $SHELL $HOME", Vec::new()).await;
    assert_eq!(told.out, format!("lab lab /bin/sh {}\n", fixture.home.path().display()));
}

#[tokio::test]
async fn two_megabytes_of_input_arrive_whole() {
    let fixture = Fixture::new().await;
    let input: Vec<u8> = (0..2 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let sum: String = Sha256::digest(&input).iter().map(|byte| format!("{byte:02x}")).collect();
    let told = exec(&fixture.session().await, "sha256sum", input).await;
    assert_eq!(told.out, format!("{sum}  -\n"));
    assert_eq!(told.code, Some(0));
}

#[tokio::test]
async fn input_and_output_larger_than_every_buffer_do_not_wait_for_each_other() {
    let fixture = Fixture::new().await;
    let input = b"0123456789abcde\n".repeat(8 << 16);
    let told = exec(&fixture.session().await, "cat", input.clone()).await;
    assert!(told.out.as_bytes() == input, "{} bytes came back of {}", told.out.len(), input.len());
}

#[tokio::test]
async fn input_that_a_command_does_not_read_holds_nobody_up() {
    let fixture = Fixture::new().await;
    let told = exec(&fixture.session().await, "exec 0<&-; echo deaf", vec![b'x'; 4 << 20]).await;
    assert_eq!((told.out.as_str(), told.code), ("deaf\n", Some(0)));
}

#[tokio::test]
async fn a_signal_reaches_the_command_and_comes_back_as_its_end() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let channel = session.channel_open_session().await.unwrap();
    channel.exec(true, "echo ready; exec sleep 1000").await.unwrap();
    let (mut read, write) = channel.split();
    loop {
        if let ChannelMsg::Data { data } = timeout(DEADLINE, read.wait()).await.unwrap().unwrap() {
            assert_eq!(&data[..], b"ready\n");
            break;
        }
    }
    write.signal(Sig::TERM).await.unwrap();
    let told = timeout(DEADLINE, listen(read)).await.unwrap();
    assert_eq!(told, Told { signal: Some("TERM".into()), closed: true, ..Told::default() });
}

#[tokio::test]
async fn another_key_or_another_user_is_refused() {
    let fixture = Fixture::new().await;
    let address = fixture.server.address();
    assert!(connect(address, "lab", &new_key().unwrap()).await.is_none());
    assert!(connect(address, "root", &fixture.key).await.is_none());
    assert!(!fixture.home.path().join("ssh.log").exists());
}

#[tokio::test]
async fn connections_and_channels_are_counted_and_logged() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    exec(&session, "true", Vec::new()).await;
    exec(&session, "true", Vec::new()).await;
    fixture.session().await;
    let log = fs::read_to_string(fixture.home.path().join("ssh.log")).unwrap();
    assert_eq!(log, "connection 1\nchannel 1\nchannel 2\nconnection 2\n");
}

#[tokio::test]
async fn a_closed_server_ends_its_commands_and_its_connections() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let channel = session.channel_open_session().await.unwrap();
    channel.exec(true, "echo $$; exec sleep 1000").await.unwrap();
    let (mut read, _write) = channel.split();
    let pid = loop {
        if let ChannelMsg::Data { data } = timeout(DEADLINE, read.wait()).await.unwrap().unwrap() {
            break String::from_utf8(data.to_vec()).unwrap();
        }
    };
    let address = fixture.server.address();
    timeout(DEADLINE, fixture.server.close()).await.unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists());
    timeout(DEADLINE, session).await.unwrap().unwrap_or_default();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

fn resident(lab: &Path, name: &str) -> Resident {
    Resident {
        name: name.into(),
        ssh: "127.0.0.1:0".parse().unwrap(),
        user: "lab".into(),
        identity: Some(lab.join("identity")),
        known_hosts: Some(lab.join("known_hosts")),
        agent_home: "~/timefleet".into(),
        port: 0,
        cmdport: 0,
    }
}

async fn two_hosts(lab: &Path) -> Result<Lab, LabError> {
    let residents = vec![resident(lab, "ntp-a"), resident(lab, "client1")];
    start_in(lab.to_path_buf(), residents, &[SignalKind::user_defined1()]).await
}

#[tokio::test]
async fn a_lab_is_there_with_keys_for_its_owner_only_and_then_it_is_gone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().canonicalize().unwrap().join(".cache/timefleet-lab");
    let lab = two_hosts(&path).await.unwrap();
    for secret in ["identity", "known_hosts", "lab.yaml"] {
        assert_eq!(fs::metadata(path.join(secret)).unwrap().permissions().mode() & 0o7777, 0o600, "{secret}");
    }
    assert_eq!(fs::read_to_string(path.join("lab.yaml")).unwrap(), INVENTORY);

    let key = load_secret_key(path.join("identity"), None).unwrap();
    let known_hosts = fs::read_to_string(path.join("known_hosts")).unwrap();
    assert_eq!(known_hosts.lines().count(), 2);
    for (house, line) in lab.houses.iter().zip(known_hosts.lines()) {
        let address = house.server.address();
        assert!(line.starts_with(&format!("[127.0.0.1]:{} ssh-ed25519 ", address.port())), "{line}");
        let session = connect(address, "lab", &key).await.unwrap();
        let told = exec(&session, "pwd", Vec::new()).await;
        assert_eq!(told.out, format!("{}/hosts/{}\n", path.display(), house.resident.name));
    }
    for log in ["ssh/ntp-a.log", "ssh/client1.log"] {
        assert_eq!(
            fs::read_to_string(path.join(log)).unwrap(),
            "connection 1
channel 1
",
            "{log}"
        );
    }

    lab.stop().await.unwrap();
    assert!(!path.exists());
    assert!(home.path().join(".cache").exists());
}

#[tokio::test]
async fn a_second_lab_is_refused_and_disturbs_nothing() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().canonicalize().unwrap().join("lab");
    let first = two_hosts(&path).await.unwrap();
    let refused = two_hosts(&path).await.err().unwrap().to_string();
    let pid = std::process::id();
    assert_eq!(
        refused,
        format!("another lab is running (process {pid}, {}); stop it with Ctrl-C first", path.display())
    );
    assert!(path.join("hosts/client1").exists());
    first.stop().await.unwrap();
    two_hosts(&path).await.unwrap().stop().await.unwrap();
}

/// Copies what will be executed. Another process writes it: a file that this one holds open, and that a test beside
/// this one hands on to its own child, could not be executed ("text file busy").
fn copy(from: impl AsRef<std::ffi::OsStr>, to: impl AsRef<std::ffi::OsStr>) {
    assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
}

#[tokio::test]
async fn what_a_killed_lab_left_behind_is_ended_and_removed_by_the_next() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().canonicalize().unwrap().join("lab");
    let programs = path.join("hosts/old/timefleet/bin");
    fs::create_dir_all(&programs).unwrap();
    fs::write(path.join("lock"), "4194305\n").unwrap();
    copy("/bin/sleep", programs.join("timefleet-agent"));
    let mut agent = Command::new(programs.join("timefleet-agent")).arg("1000").spawn().unwrap();

    let lab = two_hosts(&path).await.unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&agent.wait().unwrap()), Some(15));
    assert!(!path.join("hosts/old").exists());
    lab.stop().await.unwrap();
}

#[test]
fn a_process_that_ignores_the_polite_signal_is_killed() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().canonicalize().unwrap();
    copy("/bin/sh", path.join("agent"));
    let mut agent = Command::new(path.join("agent"))
        .args(["-c", "trap '' TERM; echo ready; read line"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(agent.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    assert_eq!(processes::from(&path).unwrap().into_iter().collect::<Vec<_>>(), [agent.id() as i32]);
    processes::stop_all(&path, Duration::from_millis(300)).unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&agent.wait().unwrap()), Some(9));
}

#[tokio::test]
async fn a_dropped_lab_clears_itself_away() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().canonicalize().unwrap().join("lab");
    drop(two_hosts(&path).await.unwrap());
    assert!(!path.exists());
}

#[tokio::test]
async fn a_directory_that_no_lab_made_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().canonicalize().unwrap();
    fs::write(path.join("thesis.txt"), "chapter one").unwrap();
    let refused = two_hosts(&path).await.err().unwrap().to_string();
    assert_eq!(
        refused,
        format!("{} is there, but no lab made it; move it away, the lab would empty it", path.display())
    );
    assert!(path.join("thesis.txt").exists());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_and_what_was_started_is_cleared_away() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().canonicalize().unwrap().join("lab");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut second = resident(&path, "client1");
    second.ssh = address;
    let started = start_in(path.clone(), vec![resident(&path, "ntp-a"), second], &[]).await;
    assert_eq!(
        started.err().unwrap().to_string(),
        format!(
            "client1: cannot listen on {address}: Address already in use (os error 98); the lab needs Linux's \
             loopback and this port free"
        )
    );
    assert!(!path.exists());
}

#[test]
fn a_port_that_another_agent_holds_is_named() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut server = resident(Path::new("/lab"), "ntp-a");
    server.probe().unwrap();
    server.port = address.port();
    assert_eq!(
        server.probe().unwrap_err().to_string(),
        format!(
            "ntp-a: cannot listen on {address}: Address already in use (os error 98); the lab needs Linux's loopback \
             and this port free"
        )
    );
}

#[tokio::test]
async fn an_interrupted_lab_drops_its_work() {
    let home = tempfile::tempdir().unwrap();
    let mut lab = two_hosts(&home.path().canonicalize().unwrap().join("lab")).await.unwrap();
    assert_eq!(lab.unless_interrupted(async { 5 }).await, Some(5));
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGUSR1).unwrap();
    let outcome = timeout(DEADLINE, lab.unless_interrupted(std::future::pending::<()>())).await.unwrap();
    assert_eq!(outcome, None);
    lab.stop().await.unwrap();
}

#[test]
fn a_home_too_long_for_a_socket_is_refused_before_anything_starts() {
    let lab = Path::new("/home/a-user-with-a-long-name-at-a-company-with-a-long-name/.cache/timefleet-lab");
    let refused = resident(lab, "client1").check(lab).unwrap_err().to_string();
    assert_eq!(
        refused,
        "client1: a socket in /home/a-user-with-a-long-name-at-a-company-with-a-long-name/.cache/timefleet-lab/hosts/\
         client1/timefleet/run would have a path of 129 bytes, 107 are possible; set HOME to a shorter path"
    );
}

#[test]
fn a_host_that_is_not_for_the_lab_is_refused() {
    let lab = Path::new("/home/u/.cache/timefleet-lab");
    let refusal = |change: fn(&mut Resident)| {
        let mut host = resident(lab, "web1");
        change(&mut host);
        host.check(lab).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(|host| host.ssh = "10.20.0.11:22".parse().unwrap()),
        "web1: 10.20.0.11 is not a loopback address; the lab stays on this machine"
    );
    assert_eq!(
        refusal(|host| host.agent_home = "/opt/timefleet".into()),
        "web1: agent.home /opt/timefleet leaves the lab; write ~/timefleet"
    );
    assert_eq!(
        refusal(|host| host.agent_home = "~/../../x".into()),
        "web1: agent.home ~/../../x leaves the lab; write ~/timefleet"
    );
    assert_eq!(
        refusal(|host| host.identity = None),
        "web1: the lab needs ssh.identity: /home/u/.cache/timefleet-lab/identity"
    );
}

#[tokio::test]
async fn the_instructions_can_be_typed_as_they_are() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().canonicalize().unwrap().join("a lab");
    let lab = two_hosts(&path).await.unwrap();
    let text = lab.instructions(Path::new("target/release/timefleet"));
    let text = text.replace(path.to_str().unwrap(), "LAB");
    assert_eq!(
        text,
        "The lab runs until Ctrl-C. In another terminal:

  target/release/timefleet plan 'LAB/lab.yaml'
  target/release/timefleet apply 'LAB/lab.yaml'
  target/release/timefleet audit 'LAB/lab.yaml'
  ssh -F none -i 'LAB/identity' -o 'UserKnownHostsFile=\"LAB/known_hosts\"' -p 0 lab@127.0.0.1 ps
  chronyc -h 127.0.0.1 -p 0 tracking
  chronyc -h 'LAB/hosts/ntp-a/timefleet/run/chronyd.sock' clients
"
    );
    lab.stop().await.unwrap();
}
