//! Builds the agent that the controller carries inside itself: one static binary, in a target directory of its own.
//!
//! The nested build sees nothing of the outer one's flags, wrappers and profile, so `cargo build`, `cargo clippy`,
//! `cargo test` and `cargo build --release` all share it: the first of them builds, the others find it done.
//! The directory of its own also keeps it clear of the lock that the outer cargo holds on its build directory.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use sha2::{Digest, Sha256};

#[path = "src/agents/elf.rs"]
mod elf;

/// Names the agent's target triple instead of the choice made here.
const TARGET_OVERRIDE: &str = "TIMEFLEET_AGENT_TARGET";

fn main() -> ExitCode {
    for input in ["agent", "Cargo.toml", "Cargo.lock", "src/agents/elf.rs"] {
        println!("cargo::rerun-if-changed={input}");
    }
    println!("cargo::rerun-if-env-changed={TARGET_OVERRIDE}");
    match carry_agent() {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            println!("cargo::error=the agent inside timefleet: {cause}");
            ExitCode::FAILURE
        }
    }
}

fn carry_agent() -> Result<(), String> {
    let workspace = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let target = agent_target()?;
    let built = build(&workspace, &shared_directory(&out), &target)?;
    let bytes = fs::read(&built).map_err(|error| format!("cannot read {}: {error}", built.display()))?;

    let arch = uname_machine(&target);
    let elf =
        elf::Elf::parse(&bytes).ok_or_else(|| format!("{} is not an ELF executable", built.display()))?;
    if !elf.is_static {
        return Err(format!("{} needs a loader: a build for {target} is not static", built.display()));
    }
    if elf::Elf::machine_of(arch) != Some(elf.machine) {
        return Err(format!("{} is for ELF machine {}, not for {arch}", built.display(), elf.machine));
    }

    let carried = out.join("timefleet-agent");
    fs::write(&carried, &bytes).map_err(|error| format!("cannot write {}: {error}", carried.display()))?;
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    println!("cargo::rustc-env=TIMEFLEET_AGENT_SHA256={sha256}");
    println!("cargo::rustc-env=TIMEFLEET_AGENT_ARCH={arch}");
    println!("agent for {target}: {} bytes, sha256 {sha256}", bytes.len());
    Ok(())
}

/// musl where its standard library is installed (static by nature, carries its own resolver), else static glibc.
fn agent_target() -> Result<String, String> {
    if let Ok(wish) = env::var(TARGET_OVERRIDE) {
        return Ok(wish);
    }
    let target = variable("TARGET")?;
    let arch = target.split('-').next().unwrap_or_default();
    let environment = if arch.starts_with("arm") { "musleabihf" } else { "musl" };
    let musl = format!("{arch}-unknown-linux-{environment}");
    if has_standard_library(&musl)? {
        return Ok(musl);
    }
    if variable("CARGO_CFG_TARGET_OS")? == "linux" {
        return Ok(target);
    }
    Err(format!(
        "the agent runs on Linux, this build is for {target}; install its target: rustup target add {musl}"
    ))
}

fn has_standard_library(target: &str) -> Result<bool, String> {
    let rustc = variable("RUSTC")?;
    let answer = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", target])
        .output()
        .map_err(|error| format!("cannot run {rustc}: {error}"))?;
    // A rustc that does not know the target answers with an error: then it has no library for it either.
    Ok(answer.status.success() && Path::new(String::from_utf8_lossy(&answer.stdout).trim()).is_dir())
}

/// `<target directory>/agent`, found from `<target directory>/[triple/]<profile>/build/<package>/out`: the same for
/// every profile, wherever the user keeps the target directory.
fn shared_directory(out: &Path) -> PathBuf {
    let profile = out.ancestors().find(|path| path.ends_with("build")).and_then(Path::parent);
    let mut root = profile.and_then(Path::parent).unwrap_or(out);
    if let (Ok(target), Some(parent)) = (env::var("TARGET"), root.parent())
        && root.ends_with(&target)
    {
        root = parent;
    }
    root.join("agent")
}

fn build(workspace: &Path, directory: &Path, target: &str) -> Result<PathBuf, String> {
    let mut cargo = Command::new(variable("CARGO")?);
    cargo.args(["build", "--package", "timefleet-agent", "--bin", "timefleet-agent", "--profile", "agent"]);
    cargo.args(["--target", target, "--target-dir"]).arg(directory);
    cargo.arg("--manifest-path").arg(workspace.join("Cargo.toml"));
    if workspace.join("Cargo.lock").exists() {
        cargo.arg("--locked");
    }
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(belongs_to_outer_build) {
            cargo.env_remove(name);
        }
    }
    // Set, not only removed: a user's own cargo configuration must not bring the outer build's directory back.
    cargo.env("CARGO_BUILD_BUILD_DIR", directory);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(workspace).join("\x1f"));
    let status = cargo.status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if !status.success() {
        return Err(format!(
            "its build for {target} failed ({status}); see cargo's messages above, or build for another target \
             by setting {TARGET_OVERRIDE}"
        ));
    }
    Ok(directory.join(target).join("agent").join("timefleet-agent"))
}

/// What the outer cargo, clippy or the user set for the outer build. Settings of registries, network, linkers and the
/// job server stay.
fn belongs_to_outer_build(name: &str) -> bool {
    const KEPT: [&str; 1] = ["CARGO_BUILD_JOBS"];
    const DROPPED: [&str; 12] = [
        "CARGO_BUILD_",
        "CARGO_CFG_",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_FEATURE_",
        "CARGO_INCREMENTAL",
        "CARGO_MANIFEST_",
        "CARGO_PKG_",
        "CARGO_PROFILE_",
        "CARGO_TARGET_DIR",
        "CLIPPY_",
        "RUSTC_W",
        "RUSTFLAGS",
    ];
    let flags_of_a_target = name.starts_with("CARGO_TARGET_") && name.ends_with("_RUSTFLAGS");
    !KEPT.contains(&name) && (flags_of_a_target || DROPPED.iter().any(|prefix| name.starts_with(prefix)))
}

/// Static, and without the builder's own directories in panic messages: the binary travels to every host.
fn flags(workspace: &Path) -> Vec<String> {
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned()];
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let prefixes = [(Some(workspace.to_path_buf()), "timefleet"), (home, "cargo")];
    for (from, to) in prefixes {
        if let Some(from) = from {
            flags.push(format!("--remap-path-prefix={}={to}", from.display()));
        }
    }
    flags
}

/// `uname -m` of the machines that a target triple is for.
fn uname_machine(target: &str) -> &str {
    match target.split('-').next().unwrap_or_default() {
        "armv7" => "armv7l",
        "arm" => "armv6l",
        "powerpc64le" => "ppc64le",
        "riscv64gc" => "riscv64",
        arch => arch,
    }
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("cargo's variable {name}: {error}"))
}
