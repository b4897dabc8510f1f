//! The log files of the agent and of Debian's chronyd side by side: the same banners, the same columns, field by field.
//! Where there is no chronyd only the agent's own are looked at. None touches the clock (`-x`).

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests are not recognised as ones")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use timefleet_agent::record::LogFile;

const PATIENCE: Duration = Duration::from_secs(60);
const PORT: u16 = 21_801;
/// Records in each file before it is looked at.
const ENOUGH: usize = 12;

/// Loopback addresses of this test process alone, so that two runs at a time do not meet.
fn address(host: u8) -> String {
    let [.., high, low] = std::process::id().to_be_bytes();
    format!("127.{}.{high}.{low}", 140 + host)
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn chronyd() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    directories.push("/usr/sbin".into());
    directories.into_iter().map(|directory| directory.join("chronyd")).find(|file| file.is_file())
}

/// A daemon that logs everything, and its directory.
struct Daemon {
    child: Child,
    directory: TempDir,
}

impl Daemon {
    fn start(mut command: Command, host: u8) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let place = directory.path().to_str().unwrap();
        let configuration = format!(
            "server {} port {PORT} iburst minpoll -2 maxpoll -2
server {} port {PORT} minpoll -1 maxpoll -1 prefer
port 0
bindacqaddress {}
cmdport 0
bindcmdaddress /
pidfile {place}/pid
logdir {place}/log
log rawmeasurements measurements statistics tracking selection
logbanner 5
",
            address(1),
            address(2),
            address(host)
        );
        let file = directory.path().join("conf");
        fs::write(&file, configuration).unwrap();
        let child = command
            .args(["-x", "-4", "-f"])
            .arg(&file)
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the daemon starts");
        Self { child, directory }
    }

    /// The lines of a file once there are enough of them; with each, whether it is one of a banner.
    fn lines(&self, file: LogFile) -> Vec<String> {
        let path = self.directory.path().join("log").join(file.name());
        wait_for(&format!("lines in {}", path.display()), || {
            let text = fs::read_to_string(&path).ok()?;
            let whole = text.get(..=text.rfind('\n')?)?;
            let records = whole.lines().filter(|line| line.starts_with("20")).count();
            (records >= ENOUGH).then(|| whole.lines().map(str::to_owned).collect())
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Gone already if it could not start, which the lines will have shown.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn agent() -> Command {
    Command::new(env!("CARGO_BIN_EXE_timefleet-agent"))
}

/// Fields of a line: where each ends (the address: where it begins), and its form. Digits are 0, letters A; a sign has a
/// place of its own.
fn form(line: &str) -> Vec<(usize, String)> {
    let mut fields = Vec::new();
    let mut end = 0;
    for (index, field) in line.split(' ').enumerate() {
        let start = if index == 0 { 0 } else { end + 1 };
        end = start + field.len();
        if field.is_empty() {
            continue;
        }
        let is_address = field.matches('.').count() == 3;
        let bare = field.strip_prefix('-').filter(|rest| rest.starts_with(|it: char| it.is_ascii_digit()));
        fields.push(if is_address {
            (start, "address".to_owned())
        } else {
            (end, masked(bare.unwrap_or(field)))
        });
    }
    fields
}

fn masked(field: &str) -> String {
    let is_reference_id = field.len() == 8 && field.chars().all(|it| it.is_ascii_hexdigit());
    let is_state = field.len() == 1 && !field.starts_with(|it: char| it.is_ascii_digit());
    let is_options = field.len() == 5 && field.chars().all(|it| "NPTR-".contains(it));
    if is_reference_id || is_state || is_options {
        return "A".repeat(field.len());
    }
    // How many digits a count has is no matter of form.
    let digits = |text: &str| text.chars().all(|it| it.is_ascii_digit());
    if digits(field) && field.len() < 5 && !field.chars().all(|it| "01".contains(it)) {
        return "0".to_owned();
    }
    if let Some((whole, rest)) = field.split_once('.').filter(|(whole, _)| digits(whole) && !whole.is_empty())
    {
        return format!("0.{}", masked_digits(rest).trim_start_matches(|_| whole.is_empty()));
    }
    masked_digits(field)
}

fn masked_digits(text: &str) -> String {
    // The sign of an exponent is one of two.
    text.replace('-', "+").chars().map(|it| if it.is_ascii_digit() { '0' } else { it }).collect()
}

/// The forms of all records of a file, each once; the first ones may hold what is not known yet.
fn forms(lines: &[String]) -> Vec<Vec<(usize, String)>> {
    // A score below zero needs one place more than its column has, whoever writes it.
    let is_regular = |line: &&String| line.starts_with("20") && !line.split(' ').any(is_negative_score);
    let records = lines.iter().filter(is_regular);
    let mut forms: Vec<_> = records.skip(ENOUGH / 2).map(|line| normal(form(line))).collect();
    forms.sort();
    forms.dedup();
    forms
}

fn is_negative_score(word: &str) -> bool {
    word.len() == 5 && word.starts_with("-0.") && !word.contains('e')
}

/// Counts and test bits look alike: `0`, `1`, `00`.
fn normal(mut form: Vec<(usize, String)>) -> Vec<(usize, String)> {
    for (_, text) in &mut form {
        if text.chars().all(|it| it == '0') && text.len() < 3 {
            *text = "0".to_owned();
        }
    }
    form
}

#[test]
fn every_field_of_every_log_file_stands_where_chronyd_puts_it() {
    let mut server = agent();
    server.args(["-x", "-4", "local stratum 3", "allow", "cmdport 0", "bindcmdaddress /", "--run-dir"]);
    let server_place = tempfile::tempdir().unwrap();
    server.arg(server_place.path());
    let bind = format!("bindaddress {}", address(1));
    let server = server.args([&format!("port {PORT}"), &bind]).stderr(Stdio::null()).spawn().unwrap();
    let server = Daemon { child: server, directory: server_place };

    let run_dir = tempfile::tempdir().unwrap();
    let mut command = agent();
    command.arg("--run-dir").arg(run_dir.path());
    let ours = Daemon::start(command, 3);
    let theirs = chronyd().filter(|_| nix::unistd::geteuid().is_root()).map(|program| {
        let mut command = Command::new(program);
        command.args(["-u", "root", "-d"]);
        Daemon::start(command, 4)
    });
    for file in LogFile::ALL {
        let lines = ours.lines(file);
        assert_eq!(format!("{}\n", lines[..3].join("\n")), file.banner());
        let after: Vec<bool> = lines.iter().skip(3).take(6).map(|line| line.starts_with("20")).collect();
        assert_eq!(
            after,
            [true, true, true, true, true, false],
            "a banner above every five lines: {lines:#?}"
        );
        let Some(theirs) = &theirs else { continue };
        let their_lines = theirs.lines(file);
        assert_eq!(their_lines[..3], lines[..3], "the banner of {}", file.name());
        assert_eq!(forms(&lines), forms(&their_lines), "{}\n{}", lines.join("\n"), their_lines.join("\n"));
    }
    if theirs.is_none() {
        println!("left out: no chronyd beside it (it needs to be installed, and root)");
    }
    drop(server);
}
