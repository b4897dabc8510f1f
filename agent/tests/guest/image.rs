//! The guest's first file system: this program, the agent, the libraries of both, a few kernel modules and busybox.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::NamedTempFile;

use super::machine::Kernel;

/// In the order in which they need each other.
pub(crate) const MODULES: [&str; 8] = [
    "virtio_ring",
    "virtio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "failover",
    "net_failover",
    "virtio_net",
];
const DIRECTORIES: [&str; 6] = ["dev", "proc", "sys", "run", "tmp", "etc"];
pub(crate) const AGENT: &str = "bin/timefleet-agent";

/// A cpio archive as the kernel unpacks it.
pub(crate) struct Image(NamedTempFile);

impl Image {
    pub(crate) fn build(kernel: &Kernel) -> Self {
        let own = std::env::current_exe().unwrap();
        let agent = PathBuf::from(env!("CARGO_BIN_EXE_timefleet-agent"));
        let mut archive = Archive::default();
        for name in DIRECTORIES {
            archive.directory(name);
        }
        archive.file("init", &own);
        archive.file(AGENT, &agent);
        archive.file("bin/busybox", Path::new("/bin/busybox"));
        let libraries: BTreeSet<PathBuf> = [own, agent].iter().flat_map(|file| libraries(file)).collect();
        for library in libraries {
            archive.file(library.to_str().unwrap().trim_start_matches('/'), &library);
        }
        for (name, module) in MODULES.iter().zip(kernel.modules(&MODULES)) {
            archive.file(&format!("modules/{name}.ko"), &module);
        }
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), archive.finish()).unwrap();
        Self(file)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// The shared libraries that a program loads, and the loader.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

/// cpio's "newc" form: a header of hexadecimal words, the name, the content, each filled up to four bytes.
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    made: BTreeSet<PathBuf>,
    entries: u32,
}

impl Archive {
    fn directory(&mut self, name: &str) {
        if self.made.insert(name.into()) {
            self.entry(name, 0o040_755, &[]);
        }
    }

    fn file(&mut self, name: &str, content: &Path) {
        let parents: Vec<PathBuf> = Path::new(name).ancestors().skip(1).map(Path::to_owned).collect();
        for parent in parents.iter().rev().filter(|parent| !parent.as_os_str().is_empty()) {
            self.directory(parent.to_str().unwrap());
        }
        let mode = fs::metadata(content).unwrap_or_else(|error| panic!("{}: {error}", content.display()));
        let content = fs::read(content).unwrap();
        self.entry(name, 0o100_000 | mode.permissions().mode() & 0o777, &content);
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let words =
            [self.entries, mode, 0, 0, 1, 0, content.len() as u32, 0, 0, 0, 0, name.len() as u32 + 1, 0];
        self.bytes.extend_from_slice(b"070701");
        self.bytes.extend(words.iter().flat_map(|word| format!("{word:08X}").into_bytes()));
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.fill();
        self.bytes.extend_from_slice(content);
        self.fill();
    }

    fn fill(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }
}
