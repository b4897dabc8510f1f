use std::fs;

use tempfile::TempDir;

use super::*;

/// A 64-bit ELF header with one program header of the given type: all that is looked at.
fn elf(machine: u16, program_header: u32) -> Vec<u8> {
    let mut bytes = vec![0u8; 64 + 56];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[32..40].copy_from_slice(&64u64.to_le_bytes());
    bytes[54..56].copy_from_slice(&56u16.to_le_bytes());
    bytes[56..58].copy_from_slice(&1u16.to_le_bytes());
    bytes[64..68].copy_from_slice(&program_header.to_le_bytes());
    bytes
}

const LOAD: u32 = 1;
const INTERP: u32 = 3;

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn directory(files: &[(&str, &[u8])]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut manifest = String::new();
    for (name, bytes) in files {
        fs::write(directory.path().join(name), bytes).unwrap();
        manifest += &format!("{}  {name}\n", hex(bytes));
    }
    fs::write(directory.path().join("SHA256SUMS"), manifest).unwrap();
    directory
}

/// The error's words, with the directory called DIR.
fn refusal(directory: &TempDir) -> String {
    let error = Agents::load(Some(directory.path())).unwrap_err();
    error.to_string().replace(directory.path().to_str().unwrap(), "DIR")
}

#[test]
fn the_carried_agent_is_static_and_what_its_name_says() {
    let agents = Agents::carried();
    let known: Vec<_> = agents.known().collect();
    let [carried] = known[..] else { panic!("{} agents", known.len()) };
    assert_eq!(carried.arch, std::env::consts::ARCH);
    assert_eq!(carried.sha256, hex(&carried.bytes));
    assert_eq!(
        Elf::parse(&carried.bytes),
        Some(Elf { machine: Elf::machine_of(&carried.arch).unwrap(), is_static: true })
    );
    assert!(carried.bytes.len() > 100_000, "{} bytes", carried.bytes.len());
}

#[test]
#[cfg(not(target_feature = "crt-static"))]
fn this_test_itself_is_dynamic_and_would_be_refused() {
    let itself = fs::read(std::env::current_exe().unwrap()).unwrap();
    let cause = unfit(&itself, std::env::consts::ARCH).unwrap();
    assert_eq!(
        cause,
        "it is a dynamic build and needs the host's own libraries; build it with -C target-feature=+crt-static"
    );
}

#[test]
fn a_directory_adds_machines_and_replaces_the_carried_agent() {
    let arm = elf(183, LOAD);
    let intel = elf(62, LOAD);
    let directory = directory(&[("timefleet-agent-arm64", &arm), ("timefleet-agent-x86_64", &intel)]);
    let agents = Agents::load(Some(directory.path())).unwrap();
    assert_eq!(agents.known().map(|agent| &*agent.arch).collect::<Vec<_>>(), ["aarch64", "x86_64"]);
    assert_eq!(agents.for_arch("aarch64").unwrap().bytes, arm);
    assert_eq!(agents.for_arch("arm64"), agents.for_arch("aarch64"));
    assert_eq!(agents.for_arch("amd64").unwrap().sha256, hex(&intel));
    assert_eq!(agents.for_arch("sparc64"), None);
}

#[test]
fn other_bytes_than_listed_are_refused_by_name() {
    let directory = directory(&[("timefleet-agent-aarch64", &elf(183, LOAD))]);
    fs::write(directory.path().join("timefleet-agent-aarch64"), b"tampered").unwrap();
    assert_eq!(
        refusal(&directory),
        format!(
            "DIR/timefleet-agent-aarch64 is not what SHA256SUMS says: its sha256 is {}, listed is {}; copy it again",
            hex(b"tampered"),
            hex(&elf(183, LOAD))
        )
    );
}

#[test]
fn a_dynamic_build_is_refused() {
    let directory = directory(&[("timefleet-agent-aarch64", &elf(183, INTERP))]);
    assert_eq!(
        refusal(&directory),
        "DIR/timefleet-agent-aarch64 cannot be used: it is a dynamic build and needs the host's own libraries; build \
         it with -C target-feature=+crt-static"
    );
}

#[test]
fn an_agent_for_another_machine_is_refused() {
    let directory = directory(&[("timefleet-agent-aarch64", &elf(62, LOAD))]);
    assert_eq!(
        refusal(&directory),
        "DIR/timefleet-agent-aarch64 cannot be used: it is built for ELF machine 62, while aarch64 is 183"
    );
}

#[test]
fn what_is_no_executable_or_has_no_known_machine_is_refused() {
    let script = directory(&[("timefleet-agent-x86_64", b"#!/bin/sh\n")]);
    assert_eq!(refusal(&script), "DIR/timefleet-agent-x86_64 cannot be used: it is not an ELF executable");
    let pdp = directory(&[("timefleet-agent-pdp11", &elf(65, LOAD))]);
    assert_eq!(
        refusal(&pdp),
        "DIR/timefleet-agent-pdp11 cannot be used: pdp11 is not a machine name that this program knows; name it by \
         uname -m"
    );
}

#[test]
fn an_agent_that_the_manifest_does_not_list_is_refused() {
    let directory = directory(&[("timefleet-agent-aarch64", &elf(183, LOAD))]);
    fs::write(directory.path().join("timefleet-agent-x86_64"), elf(62, LOAD)).unwrap();
    assert_eq!(
        refusal(&directory),
        "DIR/timefleet-agent-x86_64 is not listed in SHA256SUMS beside it; run: sha256sum timefleet-agent-* \
         >SHA256SUMS"
    );
}

#[test]
fn a_manifest_that_names_nothing_or_a_missing_file_or_is_absent_is_refused() {
    let other = directory(&[("README", b"agents")]);
    assert_eq!(refusal(&other), "no timefleet-agent-<uname -m> file in DIR");

    let gone = directory(&[("timefleet-agent-aarch64", &elf(183, LOAD))]);
    fs::remove_file(gone.path().join("timefleet-agent-aarch64")).unwrap();
    assert_eq!(
        refusal(&gone),
        "cannot read DIR/timefleet-agent-aarch64: No such file or directory (os error 2); the directory of agents \
         needs timefleet-agent-<uname -m> files and SHA256SUMS"
    );
    let bare = tempfile::tempdir().unwrap();
    assert_eq!(
        refusal(&bare),
        "cannot read DIR/SHA256SUMS: No such file or directory (os error 2); the directory of agents needs \
         timefleet-agent-<uname -m> files and SHA256SUMS"
    );
}

#[test]
fn a_line_that_sha256sum_would_not_write_is_shown_by_number() {
    let directory = directory(&[("timefleet-agent-aarch64", &elf(183, LOAD))]);
    let good = fs::read_to_string(directory.path().join("SHA256SUMS")).unwrap();
    fs::write(directory.path().join("SHA256SUMS"), good + "\nd41d8cd98f00b204e9800998ecf8427e  short\n")
        .unwrap();
    assert_eq!(
        refusal(&directory),
        "DIR/SHA256SUMS:3: expected 64 hex digits, two spaces and a file name, as sha256sum(1) writes them"
    );
}

#[test]
fn headers_cut_off_anywhere_are_no_executable() {
    let whole = elf(62, LOAD);
    for length in 0..68 {
        assert_eq!(Elf::parse(&whole[..length]), None, "{length} bytes");
    }
    assert_eq!(Elf::parse(&whole), Some(Elf { machine: 62, is_static: true }));
}
