//! The far end before there is an agent: a few lines of shell that say what machine this is, take the agent's bytes when
//! they are not there yet, check them, and become the agent.
//!
//! What is said, line by line (`<` host, `>` controller):
//!
//! ```text
//! > the script
//! < timefleet-error no-tool <name>       (instead of the next line)
//! < timefleet-bootstrap 1 <uid> <uname -m> <uname -s>
//! > install|stage <sha256> <directory>
//! < timefleet-present                     (the agent follows at once)
//! < timefleet-absent
//! > upload <bytes>, then exactly the bytes
//! < timefleet-uploaded                    (the agent follows at once)
//! < timefleet-error <word> <text>         (instead of any of the above; nothing is left behind)
//! ```
//!
//! `install` keeps the agent in the directory, under a name that holds its digest. `stage` changes nothing: where the
//! directory does not have the agent, it goes to a fresh temporary directory and removes itself when it has started.

use timefleet_agent::host::desired::Daemon;
use timefleet_agent::host::message::{Mode, Request};

/// What the login's shell is asked to run. The shell may be sh, bash, dash, fish or csh, so this is one short line
/// without anything that one of them reads differently inside single quotes; the script itself comes on standard input,
/// where no login shell sees it.
pub(super) const COMMAND: &str = r#"exec sh -c 'IFS= read -r s; eval "$s"'"#;

/// The same under sudo, unless the login is root's. `-n`: a password is never asked for.
pub(super) const COMMAND_WITH_SUDO: &str = concat!(
    r#"exec sh -c '[ "$(id -u)" = 0 ] && exec sh -c "$0"; exec env LC_ALL=C sudo -n sh -c "$0"' "#,
    r#"'IFS= read -r s; eval "$s"'"#
);

/// One line of POSIX shell, for dash, bash and busybox. `t` is the unfinished file, `d` the temporary directory; both
/// are gone whenever the script ends before the agent has taken over.
pub(super) const SCRIPT: &str = concat!(
    r#"export LC_ALL=C; umask 022; t=; d=; "#,
    r#"gone() { [ -z "$t" ] || rm -f -- "$t"; [ -z "$d" ] || rmdir -- "$d"; t=; d=; }; "#,
    r#"fail() { gone; echo "timefleet-error $*" | tr "\n" " "; echo; exit 3; }; "#,
    r#"trap gone EXIT; trap "exit 3" HUP INT TERM PIPE; "#,
    r#"whole() { set -- $(sha256sum < "$1"); [ "${1-}" = "$sha" ]; }; "#,
    // Two questions with different answers: may this file be written, and may a program start from there?
    r##"writable() { { echo "#!/bin/sh" > "$t" && chmod 755 "$t"; } 2>&1; }; "##,
    r#"startable() { "$t" 2>&1 < /dev/null; }; "#,
    r#"for c in id uname tr sha256sum head wc chmod mkdir mktemp mv rm rmdir; do "#,
    r#"command -v $c > /dev/null || { echo "timefleet-error no-tool $c"; exit 3; }; done; "#,
    r#"echo "timefleet-bootstrap 1 $(id -u) $(uname -m) $(uname -s)"; "#,
    r#"IFS=" " read -r verb sha dir || exit 3; "#,
    r#"case $dir in "~") dir=$HOME;; "~/"*) dir=$HOME/${dir#??};; esac; "#,
    r#"f=$dir/timefleet-agent-$sha; "#,
    r#"if [ -n "$dir" ] && [ -x "$f" ] && whole "$f"; then echo timefleet-present; exec "$f" host; fi; "#,
    r#"case $verb in "#,
    r#"install) e=$(mkdir -p -- "$dir" 2>&1) || fail directory "$e"; t=$dir/.timefleet-agent-$sha.$$; "#,
    r#"e=$(writable) || fail write "$e"; e=$(startable) || fail noexec "$e";; "#,
    r#"stage) for p in /run /tmp /var/tmp "$HOME"; do "#,
    r#"d=$(mktemp -d "$p/timefleet-XXXXXXXX" 2> /dev/null) || continue; t=$d/timefleet-agent-$sha; "#,
    r#"e=$(writable && startable) && break; gone; done; [ -n "$d" ] || fail no-place;; "#,
    r#"*) exit 3;; esac; "#,
    r#"echo timefleet-absent; IFS=" " read -r verb n || exit 3; "#,
    r#"e=$( { head -c "$n" > "$t"; } 2>&1) || fail store "$e"; "#,
    r#"whole "$t" || fail damaged "$(wc -c < "$t")"; "#,
    r#"e=$("$t" --version 2>&1 < /dev/null) || fail unfit "$e"; "#,
    r#"[ -z "$d" ] || { echo timefleet-uploaded; exec "$t" host --ephemeral; }; "#,
    // A power cut after the rename must not leave an empty file under a good name.
    r#"sync "$t" 2> /dev/null; e=$(mv -f -- "$t" "$f" 2>&1) || fail write "$e"; t=; "#,
    r#"echo timefleet-uploaded; exec "$f" host"#,
);

/// What the host says of itself in its first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    /// `uname -m`.
    pub(super) arch: String,
    /// `uname -s`.
    pub(super) system: String,
}

impl Greeting {
    /// Reads the greeting; `None` for any other line, since a login's start-up files may print what they like.
    pub(super) fn read(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("timefleet-bootstrap 1 ")?.split(' ');
        let _uid: u32 = words.next()?.parse().ok()?;
        let (arch, system) = (words.next()?.to_owned(), words.next()?.to_owned());
        Some(Self { arch, system })
    }
}

/// The script's answers after the greeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The agent is there and starts.
    Present,
    /// The agent's bytes are wanted.
    Absent,
    /// The bytes have arrived whole, and the agent starts.
    Uploaded,
    /// It could not be done.
    Error {
        /// One of the words in the script.
        word: String,
        /// The tool's own words, or empty.
        text: String,
    },
}

impl Answer {
    /// Reads an answer; `None` for any other line.
    pub(super) fn read(line: &str) -> Option<Self> {
        let mut words = line.splitn(3, ' ');
        Some(match words.next()? {
            "timefleet-present" => Self::Present,
            "timefleet-absent" => Self::Absent,
            "timefleet-uploaded" => Self::Uploaded,
            "timefleet-error" => Self::Error {
                word: words.next().unwrap_or_default().to_owned(),
                text: words.next().unwrap_or_default().trim().to_owned(),
            },
            _ => return None,
        })
    }
}

/// Where the agent's executable is looked for, and whether it may be put there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    verb: &'static str,
    /// Empty when the host has no place of its own for agents.
    pub(super) directory: &'a str,
}

impl<'a> Place<'a> {
    /// Only an apply may leave something on the host.
    pub(super) fn of(request: &'a Request) -> Self {
        let directory = match &request.desired.daemon {
            Daemon::AgentSystemd { layout, .. } | Daemon::AgentProcess { layout, .. } => {
                layout.bin_dir.as_str()
            }
            Daemon::Chronyd => "",
        };
        let installs = request.mode == Mode::Apply && !directory.is_empty();
        Self { verb: if installs { "install" } else { "stage" }, directory }
    }

    /// The line that asks for an agent.
    pub(super) fn ask(&self, sha256: &str) -> String {
        format!("{} {sha256} {}\n", self.verb, self.directory)
    }
}
