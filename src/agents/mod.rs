//! Which agent binary for which machine: the one carried inside this program, and those of a directory.
//!
//! A directory of agents (`--agents DIR`, or the variable [`VARIABLE`]) holds one static binary for each kind of
//! machine, named `timefleet-agent-<uname -m>`, and `SHA256SUMS` as sha256sum(1) writes it. A machine that both know
//! gets the directory's binary.

mod elf;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use thiserror::Error;

use elf::Elf;

/// Environment variable that stands for `--agents DIR` where the option is not given.
pub(crate) const VARIABLE: &str = "TIMEFLEET_AGENTS";

const MANIFEST: &str = "SHA256SUMS";
const PREFIX: &str = "timefleet-agent-";

static CARRIED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/timefleet-agent"));

/// One static agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AgentBinary {
    /// The whole file.
    pub(crate) bytes: Cow<'static, [u8]>,
    /// sha256 of the bytes, 64 lower-case hex digits.
    pub(crate) sha256: String,
    /// `uname -m` of the machines it runs on.
    pub(crate) arch: String,
}

/// All agents at hand, one for each kind of machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agents {
    by_arch: BTreeMap<String, AgentBinary>,
}

/// Why a directory of agents cannot be used. The whole directory is refused: a half-good one is a mistake to be seen.
#[derive(Debug, Error)]
pub(crate) enum AgentsError {
    /// A file or the directory cannot be read.
    #[error("cannot read {}: {source}; the directory of agents needs {PREFIX}<uname -m> files and {MANIFEST}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of the manifest is not sha256sum's.
    #[error("{}:{line}: expected 64 hex digits, two spaces and a file name, as sha256sum(1) writes them", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// 1 is the first.
        line: usize,
    },
    /// An agent that the manifest does not vouch for.
    #[error("{} is not listed in {MANIFEST} beside it; run: sha256sum {PREFIX}* >{MANIFEST}", path.display())]
    Unlisted {
        /// The agent.
        path: PathBuf,
    },
    /// Other bytes than the manifest vouches for.
    #[error("{} is not what {MANIFEST} says: its sha256 is {found}, listed is {listed}; copy it again", path.display())]
    Mismatch {
        /// The agent.
        path: PathBuf,
        /// Of the file.
        found: String,
        /// Of the manifest.
        listed: String,
    },
    /// Not an agent for the machine that its name promises.
    #[error("{} cannot be used: {cause}", path.display())]
    Unfit {
        /// The agent.
        path: PathBuf,
        /// What is wrong and what to do.
        cause: String,
    },
    /// No agents.
    #[error("no {PREFIX}<uname -m> file in {}", path.display())]
    Empty {
        /// The directory.
        path: PathBuf,
    },
}

impl Agents {
    /// The agent inside this program only.
    pub(crate) fn carried() -> Agents {
        let arch = env!("TIMEFLEET_AGENT_ARCH").to_owned();
        let sha256 = env!("TIMEFLEET_AGENT_SHA256").to_owned();
        let binary = AgentBinary { bytes: Cow::Borrowed(CARRIED), sha256, arch: arch.clone() };
        Agents { by_arch: BTreeMap::from([(arch, binary)]) }
    }

    /// The agent inside this program and those of a directory, each checked against the manifest and its own headers.
    ///
    /// # Errors
    /// The first file of the directory that is not as it should be, by name.
    pub(crate) fn load(directory: Option<&Path>) -> Result<Agents, AgentsError> {
        let mut agents = Agents::carried();
        if let Some(directory) = directory {
            for binary in read_directory(directory)? {
                agents.by_arch.insert(binary.arch.clone(), binary);
            }
        }
        Ok(agents)
    }

    /// The agent for a machine whose `uname -m` is this.
    pub(crate) fn for_arch(&self, uname_m: &str) -> Option<&AgentBinary> {
        self.by_arch.get(canonical(uname_m))
    }

    /// Every agent at hand, in the order of their `uname -m`.
    pub(crate) fn known(&self) -> impl Iterator<Item = &AgentBinary> {
        self.by_arch.values()
    }
}

/// Systems that are not Linux call the same machines by other names.
fn canonical(uname_m: &str) -> &str {
    match uname_m {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    }
}

fn read_directory(directory: &Path) -> Result<Vec<AgentBinary>, AgentsError> {
    let listed = read_manifest(&directory.join(MANIFEST))?;
    let mut names: BTreeSet<String> =
        listed.keys().filter(|name| name.starts_with(PREFIX)).cloned().collect();
    for name in file_names(directory)? {
        if name.starts_with(PREFIX) && names.insert(name.clone()) {
            return Err(AgentsError::Unlisted { path: directory.join(name) });
        }
    }
    if names.is_empty() {
        return Err(AgentsError::Empty { path: directory.to_path_buf() });
    }
    names
        .iter()
        .filter_map(|name| Some((name, listed.get(name)?)))
        .map(|(name, sha256)| read_agent(directory.join(name), name, sha256))
        .collect()
}

fn file_names(directory: &Path) -> Result<Vec<String>, AgentsError> {
    let unreadable = |source| AgentsError::Unreadable { path: directory.to_path_buf(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        // A name that is not UTF-8 cannot be an agent's.
        names.extend(entry.map_err(unreadable)?.file_name().into_string());
    }
    Ok(names)
}

/// File name to sha256, in lower case.
fn read_manifest(path: &Path) -> Result<BTreeMap<String, String>, AgentsError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| AgentsError::Unreadable { path: path.to_path_buf(), source })?;
    let mut listed = BTreeMap::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let parsed = line.split_once(' ').and_then(|(sum, rest)| {
            // The second separator is a blank for text, an asterisk for binary mode: the same on Linux.
            let name = rest.strip_prefix([' ', '*'])?;
            let is_sum = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
            (is_sum && !name.is_empty()).then(|| (name.to_owned(), sum.to_ascii_lowercase()))
        });
        let Some((name, sum)) = parsed else {
            return Err(AgentsError::Manifest { path: path.to_path_buf(), line: index + 1 });
        };
        listed.insert(name, sum);
    }
    Ok(listed)
}

fn read_agent(path: PathBuf, name: &str, listed: &str) -> Result<AgentBinary, AgentsError> {
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(AgentsError::Unreadable { path, source }),
    };
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if sha256 != listed {
        return Err(AgentsError::Mismatch { path, found: sha256, listed: listed.to_owned() });
    }
    let arch = canonical(name.strip_prefix(PREFIX).unwrap_or(name)).to_owned();
    match unfit(&bytes, &arch) {
        Some(cause) => Err(AgentsError::Unfit { path, cause }),
        None => Ok(AgentBinary { bytes: Cow::Owned(bytes), sha256, arch }),
    }
}

/// Why these bytes must not be pushed to a machine of this kind.
fn unfit(bytes: &[u8], arch: &str) -> Option<String> {
    let Some(machine) = Elf::machine_of(arch) else {
        return Some(format!("{arch} is not a machine name that this program knows; name it by uname -m"));
    };
    let Some(elf) = Elf::parse(bytes) else {
        return Some("it is not an ELF executable".to_owned());
    };
    if elf.machine != machine {
        return Some(format!("it is built for ELF machine {}, while {arch} is {machine}", elf.machine));
    }
    if !elf.is_static {
        return Some(
            "it is a dynamic build and needs the host's own libraries; build it with -C target-feature=+crt-static"
                .to_owned(),
        );
    }
    None
}

#[cfg(test)]
mod tests;
