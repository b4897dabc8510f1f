//! The emulated machine, from outside.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::Story;
use super::image::Image;
use super::server::Server;

/// A guest that has not ended after this never will.
const PATIENCE: Duration = Duration::from_secs(240);
const QEMU: &str = "qemu-system-x86_64";
/// The guest's last words when all is well.
pub(crate) const WELL: &str = "guest: the story holds";
/// Before every line that is for people.
pub(crate) const SAYS: &str = "guest: ";

/// A kernel to boot, and its modules.
pub(crate) struct Kernel {
    image: PathBuf,
    modules: PathBuf,
}

/// The kernel that `tests/unpacked` put down, or why no guest can run here.
pub(crate) fn kernel() -> Result<Kernel, String> {
    if !nix::unistd::geteuid().is_root() {
        return Err("not root".to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|directory| directory.join(QEMU).is_file()) {
        return Err(format!("no {QEMU} here; tests/run installs it"));
    }
    if !cfg!(target_arch = "x86_64") {
        return Err("the guest is an x86-64 machine, this one is not".to_owned());
    }
    if !Path::new("/bin/busybox").is_file() {
        return Err("no /bin/busybox here; tests/run installs busybox-static".to_owned());
    }
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let root = cache.map(|cache| cache.join("timefleet-tests/kernel")).unwrap_or_default();
    let image = named(&root.join("boot"), "vmlinuz-");
    let modules = named(&root.join("lib/modules"), "");
    image
        .zip(modules)
        .map(|(image, modules)| Kernel { image, modules })
        .ok_or_else(|| "no kernel here; 'tests/unpacked kernel linux-image-cloud-amd64' brings it".to_owned())
}

fn named(directory: &Path, prefix: &str) -> Option<PathBuf> {
    let mut entries = std::fs::read_dir(directory).ok()?.flatten();
    entries.find(|entry| entry.file_name().to_string_lossy().starts_with(prefix)).map(|entry| entry.path())
}

impl Kernel {
    /// Where these modules are, in the same order.
    pub(crate) fn modules(&self, names: &[&str]) -> Vec<PathBuf> {
        let mut directories = vec![self.modules.join("kernel/net"), self.modules.join("kernel/drivers")];
        let mut found = vec![PathBuf::new(); names.len()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    directories.push(path);
                } else if let Some(place) = names.iter().position(|name| path.ends_with(format!("{name}.ko")))
                {
                    found[place] = path;
                }
            }
        }
        found
    }
}

/// Kills the machine when nobody waits for it any more.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        // It has usually switched itself off.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Boots a guest and lets the story happen in it; true when it holds.
pub(crate) fn told(kernel: &Kernel, image: &Image, story: &Story) -> bool {
    let start = Instant::now();
    let server = Server::start(story.upstream);
    // Where the host is busy, the kernel's tests of its timers say nothing: it is told that they work, and how fast the
    // counter is that it gets from the host.
    let words = format!(
        "console=ttyS0 quiet panic=-1 hpet=disable no_timer_check clocksource=tsc tsc=reliable tsc_early_khz={} \
         TF_STORY={} TF_PORT={} {}",
        counter_khz(),
        story.name,
        server.port(),
        story.kernel
    );
    let child = Command::new(QEMU)
        .args(["-accel", "tcg", "-M", "pc", "-m", "256", "-nodefaults", "-display", "none", "-no-reboot"])
        .args([
            "-serial",
            "stdio",
            "-netdev",
            "user,id=host",
            "-device",
            "virtio-net-pci,netdev=host,romfile=",
        ])
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(image.path())
        .args(["-append", &words])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut machine = Machine(child);
    let output = machine.0.stdout.take().unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let reader = {
        let lines = Arc::clone(&lines);
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                lines.lock().unwrap().push(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
        })
    };
    while machine.0.try_wait().unwrap().is_none() && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(100));
    }
    drop(machine);
    reader.join().unwrap();
    let lines = lines.lock().unwrap().clone();
    let holds = lines.iter().any(|line| line == WELL);
    let kept: Vec<&String> = lines.iter().filter(|line| !holds || line.starts_with(SAYS)).collect();
    let text: String = kept.iter().map(|line| format!("    {line}\n")).collect();
    let word = if holds { "ok" } else { "FAILED" };
    let complaint = if holds { String::new() } else { server.log() };
    println!("test {} ... {word} ({:.1} s)\n{text}{complaint}", story.name, start.elapsed().as_secs_f64());
    holds
}

/// How fast the processor counts.
#[cfg(target_arch = "x86_64")]
fn counter_khz() -> u64 {
    // SAFETY: reading the counter changes nothing; Linux leaves it open to everybody unless told otherwise.
    let read = || (unsafe { core::arch::x86_64::_rdtsc() }, Instant::now());
    let (first, begin) = read();
    thread::sleep(Duration::from_millis(200));
    let (last, end) = read();
    (last - first) * 1_000_000 / u64::try_from((end - begin).as_nanos()).unwrap()
}

/// Never asked: no guest runs here.
#[cfg(not(target_arch = "x86_64"))]
fn counter_khz() -> u64 {
    0
}
