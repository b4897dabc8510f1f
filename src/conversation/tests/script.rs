//! The bootstrap script under every shell that is installed, without SSH around it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::super::bootstrap::{Answer, COMMAND, COMMAND_WITH_SUDO, Greeting, SCRIPT};
use super::{EPHEMERAL, FINISHED, agent, names};

/// Shells that may run the script, and login shells that may run the command that starts it.
const LOGIN_SHELLS: [&[&str]; 7] =
    [&["dash"], &["bash"], &["busybox", "sh"], &["csh"], &["tcsh"], &["fish"], &["zsh"]];

struct Shell {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Shell {
    /// Hands the command to a login shell, as sshd does; `None` where that shell is not installed.
    fn login(shell: &[&str], command: &str, path: &Path, home: &Path) -> Option<Self> {
        let (program, arguments) = shell.split_first()?;
        let found = ["/bin", "/usr/bin"].map(|directory| Path::new(directory).join(program));
        let Some(program) = found.iter().find(|program| program.exists()) else {
            eprintln!("left out: {program} is not installed");
            return None;
        };
        let mut child = Command::new(program)
            .args(arguments)
            .args(["-c", command])
            .env("PATH", path)
            .env("HOME", home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Some(Self { child, input, output })
    }

    fn say(&mut self, bytes: &[u8]) {
        self.input.write_all(bytes).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Closes the input; the rest of the output and the exit status.
    fn end(mut self) -> (String, i32) {
        drop(self.input);
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap().code().unwrap())
    }
}

/// Tools from this machine, or every one of them from busybox.
fn tools(busybox: bool, directory: &Path) {
    let tools = "sh env id uname head wc tr mkdir mv rm rmdir chmod sync sha256sum mktemp";
    for tool in tools.split(' ') {
        let program = if busybox { "/bin/busybox".to_owned() } else { format!("/usr/bin/{tool}") };
        std::os::unix::fs::symlink(program, directory.join(tool)).unwrap();
    }
}

/// The whole way, twice: uploaded, then present.
fn install_twice(shell: &[&str], command: &str, busybox: bool) {
    let (path, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    tools(busybox, path.path());
    let agent = agent(FINISHED);
    for round in ["timefleet-absent", "timefleet-present"] {
        let Some(mut host) = Shell::login(shell, command, path.path(), home.path()) else { return };
        host.say(format!("{SCRIPT}\n").as_bytes());
        let greeting = Greeting::read(&host.line()).unwrap();
        assert_eq!((greeting.arch, greeting.system.as_str()), (super::machine(), "Linux"));
        host.say(format!("install {} ~/time fleet/bin\n", agent.sha256).as_bytes());
        assert_eq!(host.line(), round, "{shell:?}");
        if round == "timefleet-absent" {
            host.say(format!("upload {}\n", agent.bytes.len()).as_bytes());
            host.say(&agent.bytes);
            assert_eq!(host.line(), "timefleet-uploaded", "{shell:?}");
        }
        host.say(b"{}\n");
        let (rest, status) = host.end();
        assert_eq!(status, 0, "{shell:?}");
        assert!(rest.starts_with(r#"{"event":"finished""#), "{shell:?}: {rest}");
    }
    let name = format!("timefleet-agent-{}", agent.sha256);
    assert_eq!(names(&home.path().join("time fleet/bin")), [name], "{shell:?}");
}

#[test]
fn every_login_shell_starts_the_script() {
    for shell in LOGIN_SHELLS {
        install_twice(shell, COMMAND, false);
        if nix::unistd::geteuid().is_root() {
            install_twice(shell, COMMAND_WITH_SUDO, false);
        }
    }
}

/// `sh` is whatever the host has: here each of them in turn, first with this machine's tools and then with busybox's.
#[test]
fn every_sh_runs_the_script() {
    for shell in [&["dash"][..], &["bash", "--posix"], &["busybox", "sh"]] {
        install_twice(shell, r#"IFS= read -r s; eval "$s""#, false);
        if Path::new("/bin/busybox").exists() {
            install_twice(shell, r#"IFS= read -r s; eval "$s""#, true);
        }
    }
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    for shell in [&["dash"][..], &["bash"], &["busybox", "sh"]] {
        for verb in ["install", "stage"] {
            let (path, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            tools(shell == ["busybox", "sh"], path.path());
            let agent = agent(EPHEMERAL);
            let command = r#"IFS= read -r s; eval "$s""#;
            let Some(mut host) = Shell::login(shell, command, path.path(), home.path()) else { continue };
            // The pseudo-random name of a staging directory cannot be asked for, so the script tells where it is.
            let script = SCRIPT.replace("echo timefleet-absent;", r#"echo "$t"; echo timefleet-absent;"#);
            host.say(format!("{script}\n").as_bytes());
            assert!(Greeting::read(&host.line()).is_some());
            host.say(format!("{verb} {} ~/bin\n", agent.sha256).as_bytes());
            let temporary = host.line();
            let temporary = Path::new(&temporary);
            assert!(temporary.is_file(), "{shell:?} {verb} {temporary:?}");
            assert_eq!(host.line(), "timefleet-absent");
            host.say(b"upload 2000000\nonly this much");
            let (rest, status) = host.end();
            let answer = Answer::read(rest.trim_end());
            let expected = Answer::Error { word: "damaged".into(), text: "14".into() };
            assert_eq!((answer, status), (Some(expected), 3), "{shell:?} {verb}");
            assert!(!temporary.exists(), "{shell:?} {verb}");
            match verb {
                "install" => assert_eq!(names(&home.path().join("bin")), Vec::<String>::new()),
                _ => assert!(!temporary.parent().unwrap().exists(), "{shell:?}"),
            }
        }
    }
}

#[test]
fn a_controller_that_goes_away_before_the_upload_leaves_nothing() {
    for shell in [&["dash"][..], &["bash"], &["busybox", "sh"]] {
        let (path, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        tools(false, path.path());
        let command = r#"IFS= read -r s; eval "$s""#;
        let Some(mut host) = Shell::login(shell, command, path.path(), home.path()) else { continue };
        host.say(format!("{SCRIPT}\n").as_bytes());
        assert!(Greeting::read(&host.line()).is_some());
        host.say(b"install 00 ~/bin\n");
        assert_eq!(host.line(), "timefleet-absent");
        assert_eq!(host.end(), (String::new(), 3), "{shell:?}");
        assert_eq!(names(&home.path().join("bin")), Vec::<String>::new(), "{shell:?}");
    }
}

#[test]
fn the_command_is_one_line_that_no_login_shell_reads_differently() {
    for command in [COMMAND, COMMAND_WITH_SUDO] {
        assert!(!command.contains(['\n', '!', '\\']), "{command}");
        assert!(command.len() < 200, "csh's words are short");
    }
    assert!(!SCRIPT.contains('\n'));
}

#[test]
fn noise_is_no_greeting() {
    let greeting = Greeting { arch: "aarch64".into(), system: "Linux".into() };
    assert_eq!(Greeting::read("timefleet-bootstrap 1 1000 aarch64 Linux"), Some(greeting));
    for noise in
        ["", "Last login: today", "timefleet-bootstrap 2 0 x86_64 Linux", "timefleet-bootstrap 1 x y z"]
    {
        assert_eq!(Greeting::read(noise), None, "{noise}");
    }
    assert_eq!(Answer::read("timefleetish"), None);
}
