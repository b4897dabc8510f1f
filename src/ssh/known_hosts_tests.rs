use super::*;

const ED: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9dG4kjRhQTtWTVzd2t27+t0DEHBPW7iOD23TUiYLio";
const ED_FINGERPRINT: &str = "SHA256:T7SvZ2cslqpPj6nKzitCBHHlpVF3r3MvLwmFL0fk0IE";

fn hop(address: &str, port: u16, files: Vec<PathBuf>) -> Hop {
    Hop {
        address: address.into(),
        port,
        user: "ops".into(),
        host_key_alias: None,
        identities: vec![],
        identities_only: false,
        agent: None,
        known_hosts: files,
        accept_new: false,
    }
}

async fn trust(text: &str, address: &str, port: u16) -> Trust {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("known_hosts");
    std::fs::write(&file, text).unwrap();
    Trust::of(&hop(address, port, vec![file])).await.unwrap()
}

fn shown(line: &str) -> PublicKeyOrCertificate {
    PublicKey::from_openssh(line).unwrap().into()
}

async fn knows(text: &str, address: &str, port: u16) -> bool {
    matches!(trust(text, address, port).await.check(&shown(ED), SystemTime::now()), Ok(Verdict::Known))
}

#[tokio::test]
async fn names_ports_lists_patterns_and_tabs() {
    assert!(knows(&format!("ntp-a {ED}\n"), "NTP-A", 22).await);
    assert!(knows(&format!("# plant 7\n\n web1,10.20.0.11 {ED} web1's key\n"), "10.20.0.11", 22).await);
    assert!(knows(&format!("ntp-a\t{}\n", ED.replace(' ', "\t")), "ntp-a", 22).await);
    assert!(knows(&format!("[ntp-a]:2222 {ED}\n"), "ntp-a", 2222).await);
    assert!(!knows(&format!("[ntp-a]:2222 {ED}\n"), "ntp-a", 22).await);
    assert!(!knows(&format!("[ntp-a]:2222 {ED}\n"), "ntp-a", 2223).await);
    assert!(knows(&format!("*.plant7,!db?.plant7 {ED}\n"), "web1.plant7", 22).await);
    assert!(!knows(&format!("*.plant7,!db?.plant7 {ED}\n"), "db1.plant7", 22).await);
    assert!(knows(&format!("*.plant7,!db?.plant7 {ED}\n"), "db10.plant7", 22).await);
    assert!(knows(&format!("[10.20.1.*]:2222 {ED}\n"), "10.20.1.7", 2222).await);
    assert!(knows(&format!("2001:db8::1 {ED}\n"), "2001:DB8::1", 22).await);
}

#[tokio::test]
async fn a_port_that_is_not_listed_falls_back_to_the_plain_name() {
    assert!(knows(&format!("ntp-a {ED}\n"), "ntp-a", 2222).await);
    assert!(!knows(&format!("ntp-a {ED}\n[ntp-a]:2222 {OTHER}\n"), "ntp-a", 2222).await);
    let other_server = trust(&format!("ntp-a {OTHER}\n"), "ntp-a", 2222).await;
    let error = other_server.check(&shown(ED), SystemTime::now()).unwrap_err();
    assert!(matches!(error, SshError::HostKeyUnknown { .. }), "{error}");
}

#[tokio::test]
async fn hashed_names_match_as_ssh_keygen_hashes_them() {
    // printf 'ntp-a …' > f; ssh-keygen -H -f f
    let text = format!("|1|lcY/In3lsGnkJikLENb0DM70B/I=|Qs4e9Nr7mM6avuEv02fw2uFnwQo= {ED}\n");
    assert!(!knows(&text, "ntp-a", 22).await);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("known_hosts");
    std::fs::write(&file, format!("ntp-a {ED}\n[ntp-a]:2222 {OTHER}\n")).unwrap();
    let Ok(status) = std::process::Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(&file).output()
    else {
        eprintln!("left out: ssh-keygen is not installed");
        return;
    };
    assert!(status.status.success());
    let hashed = std::fs::read_to_string(&file).unwrap();
    assert!(!hashed.contains("ntp-a") && hashed.contains("|1|"));
    assert!(knows(&hashed, "ntp-a", 22).await);
    assert!(!knows(&hashed, "ntp-b", 22).await);
    assert!(!knows(&hashed, "ntp-a", 2222).await);
}

#[tokio::test]
async fn an_unknown_host_is_refused_with_the_line_that_would_make_it_known() {
    let trust = Trust::of(&hop("ntp-a", 2222, vec!["/nonexistent/known_hosts".into()])).await.unwrap();
    let error = trust.check(&shown(&format!("{ED} ops@desk")), SystemTime::now()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the host key of [ntp-a]:2222 is not known (ssh-ed25519 {ED_FINGERPRINT})")
    );
    assert_eq!(
        error.hint().unwrap(),
        format!("compare the fingerprint, then: echo '[ntp-a]:2222 {ED}' >> /nonexistent/known_hosts")
    );
    assert_eq!(error.step(), "host key");
}

#[tokio::test]
async fn a_changed_key_names_the_file_and_the_line() {
    let trust = trust(&format!("# first\nntp-a {OTHER}\n"), "ntp-a", 22).await;
    match trust.check(&shown(ED), SystemTime::now()).unwrap_err() {
        SshError::HostKeyChanged { host, shown, known, line, .. } => {
            assert_eq!((host.as_str(), line), ("ntp-a", 2));
            assert_eq!(shown, format!("ssh-ed25519 {ED_FINGERPRINT}"));
            assert_ne!(known, shown);
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused_even_when_another_line_trusts_it() {
    let trust = trust(&format!("ntp-a {ED}\n@revoked * {ED}\n"), "ntp-a", 22).await;
    match trust.check(&shown(ED), SystemTime::now()).unwrap_err() {
        SshError::HostKeyRevoked { line, fingerprint, .. } => {
            assert_eq!((line, fingerprint.as_str()), (2, ED_FINGERPRINT));
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_key_revoked_for_the_plain_name_is_revoked_on_every_port() {
    let trust = trust(&format!("[ntp-a]:2222 {ED}\n@revoked ntp-a {ED}\n"), "ntp-a", 2222).await;
    assert!(matches!(trust.check(&shown(ED), SystemTime::now()), Err(SshError::HostKeyRevoked { .. })));
}

#[tokio::test]
async fn only_known_key_types_are_asked_for() {
    let ecdsa = Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 };
    assert_eq!(trust(&format!("ntp-a {ED}\n"), "ntp-a", 22).await.algorithms(), [Algorithm::Ed25519]);
    let nobody = trust(&format!("ntp-b {ED}\n"), "ntp-a", 22).await.algorithms();
    assert_eq!(nobody.len(), 6);
    assert!(nobody.contains(&ecdsa));
}

#[tokio::test]
async fn two_files_are_one_list() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (directory.path().join("1"), directory.path().join("2"));
    std::fs::write(&first, format!("ntp-b {OTHER}\n")).unwrap();
    std::fs::write(&second, format!("ntp-a {ED}\n")).unwrap();
    let trust = Trust::of(&hop("ntp-a", 22, vec![first, second])).await.unwrap();
    assert!(matches!(trust.check(&shown(ED), SystemTime::now()), Ok(Verdict::Known)));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_an_error() {
    let error = Trust::of(&hop("ntp-a", 22, vec!["/proc/self".into()])).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot read /proc/self: "), "{error}");
}

#[test]
fn globs() {
    for (pattern, text, fits) in [
        ("*", "", true),
        ("a*b*c", "aXbYbZc", true),
        ("a*b", "ac", false),
        ("?", "", false),
        ("a?c", "abc", true),
        ("a**", "a", true),
        ("", "a", false),
    ] {
        assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
    }
}
