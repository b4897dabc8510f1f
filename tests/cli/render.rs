//! `timefleet render` as a user meets it: to standard output, to a directory, through a template of one's own, and
//! beside a real chronyd where there is one.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use snapbox::{assert_data_eq, str};

fn render(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_timefleet"))
        .arg("render")
        .args(arguments)
        .current_dir(directory)
        .env("HOME", "/home/me")
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Ends with `code`; what is on standard output and on standard error.
fn ends(directory: &Path, arguments: &[&str], code: i32) -> (String, String) {
    let output = render(directory, arguments);
    let said = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said:?}");
    said
}

const FLEET: &str = "\
fleet: plant
groups:
  servers:
    role: server
    time: { local: true, allow: [10/8], keyfile: /etc/keys }
    hosts: { ntp-a: }
  clients:
    role: client
    time: { upstreams: [{ group: servers, iburst: true, key: 7 }], keyfile: /etc/keys, maxdistance: 0.5 }
    hosts: { web1:, web2: { agent: { service: process } }, web3: { time: { daemon: chronyd } } }
";

fn tree(directory: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push(path.strip_prefix(directory).unwrap().display().to_string());
            }
        }
    }
    files.sort();
    files
}

#[test]
fn to_a_directory_and_again_and_without_a_host() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::write(here.join("fleet.yaml"), FLEET).unwrap();
    let said = ends(here, &["fleet.yaml", "--to", "out"], 0);
    assert_eq!(said, ("out: 6 files written, 0 unchanged\n".to_owned(), String::new()));
    let unit = "etc/systemd/system/timefleet-agent.service";
    let all = [
        "ntp-a/etc/systemd/system/timefleet-agent.service",
        "ntp-a/etc/timefleet/agent.conf",
        "web1/etc/systemd/system/timefleet-agent.service",
        "web1/etc/timefleet/agent.conf",
        "web2/HOME/timefleet/agent.conf",
        "web3/chrony.conf",
    ];
    assert_eq!(tree(&here.join("out")), all);
    assert_data_eq!(
        fs::read_to_string(here.join("out/web1/etc/timefleet/agent.conf")).unwrap(),
        str![[r#"
# Managed by timefleet, do not edit: changes are found by audit.
# Fleet plant, host web1.

server ntp-a key 7 iburst
driftfile /var/lib/timefleet/drift
makestep 1 3
rtcsync
maxdistance 0.5
port 0
keyfile /etc/keys
bindcmdaddress /run/chrony/chronyd.sock

"#]]
    );
    assert_eq!(ends(here, &["fleet.yaml", "--to", "out"], 0).0, "out: 0 files written, 6 unchanged\n");

    // One host is gone, another has another service: nothing is deleted, both are named.
    let fewer = FLEET.replace("ntp-a:", "ntp-b:").replace("web1:,", "web1: { agent: { service: process } },");
    fs::write(here.join("fleet.yaml"), fewer).unwrap();
    let (stdout, stderr) = ends(here, &["fleet.yaml", "--to", "out"], 0);
    assert_data_eq!(stdout, "out: 5 files written, 0 unchanged\n");
    assert_data_eq!(
        stderr,
        str![[r#"
note: out/ntp-a belongs to no host any more; it is left there
note: out/web1/etc/systemd/system/timefleet-agent.service belongs to no host any more; it is left there
note: out/web1/etc/timefleet/agent.conf belongs to no host any more; it is left there

"#]]
    );
    assert!(here.join("out/ntp-a").join(unit).is_file());
}

#[test]
fn one_host_to_a_directory_writes_only_its_files() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("fleet.yaml"), FLEET).unwrap();
    ends(directory.path(), &["fleet.yaml", "--on", "web3", "--to", "out"], 0);
    assert_eq!(tree(&directory.path().join("out")), ["web3/chrony.conf"]);
}

#[test]
fn a_directory_that_cannot_be_written_ends_1() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("fleet.yaml"), FLEET).unwrap();
    fs::write(directory.path().join("out"), "a file").unwrap();
    let (_, stderr) = ends(directory.path(), &["fleet.yaml", "--to", "out"], 1);
    assert_data_eq!(stderr, "error: cannot write out: File exists (os error 17)\n");
}

#[test]
fn a_template_for_all_hosts_is_told_its_mistake_once() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::write(here.join("fleet.yaml"), FLEET).unwrap();
    fs::write(here.join("own.j2"), "# {{ host }}\n\nmaxdistance {{ max_distance }}\n").unwrap();
    let (stdout, stderr) = ends(here, &["fleet.yaml", "--template", "own.j2"], 2);
    assert_eq!(stdout, "");
    assert_data_eq!(
        stderr,
        str![[r#"
error: own.j2:3:16: ntp-a: `max_distance` is not defined; did you mean `maxdistance`? (there are fleet, host, address, role, groups, upstreams, driftfile, makestep, rtcsync, maxdistance, minsources, port, allow, deny, local, ratelimit, keyfile, cmdport, command_socket, pidfile)

"#]]
    );
    fs::write(here.join("own.yaml"), FLEET.replace("allow:", "template: sub/none.j2, allow:")).unwrap();
    let (_, stderr) = ends(here, &["own.yaml"], 2);
    assert_data_eq!(
        stderr,
        "error: own.yaml:5:36: cannot read the template sub/none.j2: No such file or directory (os error 2)\n"
    );
    let (_, stderr) = ends(here, &["fleet.yaml", "--template", "nowhere.j2"], 2);
    assert_data_eq!(
        stderr,
        "error: --template: cannot read the template nowhere.j2: No such file or directory (os error 2)\n"
    );
}

/// Every value that an inventory can say and a chronyd of 4.3 knows.
const COMMON: &str = "\
fleet: plant
groups:
  servers:
    role: server
    time:
      daemon: chronyd
      upstreams:
        - { server: 192.0.2.1, iburst: true, xleave: true, key: 3, minpoll: 4, maxpoll: 8, port: 1123, maxdelay: 0.1 }
        - { server: \"2001:db8::1\", prefer: true, trust: true, require: true, offset: -0.0005, version: 4, presend: 9 }
        - { pool: pool.example, maxsources: 6, noselect: true, filter: 5 }
      allow: [10/8, \"2001:db8::/32\", 0/0]
      deny: [10.1, \"::0/0\"]
      local: { stratum: 8, orphan: true, distance: 0.30000000000000004 }
      makestep: { threshold: 0.1, limit: -1 }
      maxdistance: 0.5
      minsources: 2
      keyfile: /etc/chrony/chrony.keys
      ratelimit: { interval: 1, burst: 16 }
      port: 11123
      cmdport: 11323
      extra: [hwtimestamp *, maxupdateskew 100.0]
    hosts: { ntp-a: }
";

#[test]
fn chronyd_reads_the_same_lines() {
    let Some(chronyd) =
        ["/usr/sbin/chronyd", "/usr/bin/chronyd"].iter().find(|path| Path::new(path).is_file())
    else {
        println!("no chronyd here: not compared");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    for (name, fleet) in [("fleet.yaml", FLEET), ("common.yaml", COMMON)] {
        fs::write(here.join(name), fleet).unwrap();
        let out = format!("{name}.out");
        ends(here, &[name, "--to", &out], 0);
        // A process's paths begin with `~/`, which a chronyd does not know.
        let files = tree(&here.join(&out));
        for file in files.iter().filter(|file| file.ends_with(".conf") && !file.contains("HOME")) {
            let path = here.join(&out).join(file);
            let output = Command::new(chronyd).args(["-p", "-f"]).arg(&path).output().unwrap();
            let written = fs::read_to_string(&path).unwrap();
            let wanted: Vec<&str> =
                written.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
            let printed = text(&output.stdout);
            assert_eq!(printed.lines().collect::<Vec<_>>(), wanted, "{file}: {}", text(&output.stderr));
            assert_eq!(output.status.code(), Some(0), "{file}");
        }
    }
}

/// Templates that are one long chain, by what it is made of.
fn chains(length: usize) -> Vec<(&'static str, String)> {
    let chain = |begin: &str, link: &str, end: &str| {
        let links = (length - begin.len() - end.len()) / link.len();
        format!("{begin}{}{end}", link.repeat(links))
    };
    vec![
        ("sums", chain("{{ 1", "+1", " }}")),
        ("joined texts", chain("{{ name", "~name", " }}")),
        ("filters", chain("{{ 'a'", "|e", " }}")),
        ("long filters", chain("{{ 'a'", "|upper", " }}")),
        ("tests", chain("{{ 1", " is odd", " }}")),
        ("not", chain("{{ ", "not ", "1 }}")),
        ("minus", chain("{{ 1", "-", "1 }}")),
        ("powers", chain("{{ 1", "**1", " }}")),
        ("or", chain("{{ 0", " or 0", " }}")),
        ("comparisons", chain("{{ 1", "<2", " }}")),
        ("conditions", chain("{{ 1", " if 1 else 1", " }}")),
        ("elif", chain("{% if 0 %}", "{% elif 0 %}", "{% endif %}")),
        ("parts", chain("{{ name", ".a", " }}")),
        ("items", chain("{{ name", "[0]", " }}")),
        ("slices", chain("{{ name", "[:]", " }}")),
        ("calls", chain("{{ name", "()", " }}")),
        ("brackets", chain("{{ ", "[", " }}")),
        ("parentheses", chain("{{ ", "(", " }}")),
        ("blocks", chain("", "{% if 1 %}", "")),
        ("comments", chain("", "{##}", "")),
    ]
}

#[test]
fn a_template_of_one_long_chain_has_a_value_or_a_mistake() {
    let directory = tempfile::tempdir().unwrap();
    for (what, chain) in chains(8 * 1024) {
        let fleet = format!(
            "fleet: x\ngroups: {{ g: {{ role: client, time: {{ upstreams: [{{ server: s }}], extra: [\"{chain}\"] }}, hosts: {{ a: }} }} }}\n"
        );
        fs::write(directory.path().join("value.yaml"), fleet).unwrap();
        let output = render(directory.path(), &["value.yaml"]);
        let said = text(&output.stderr);
        assert!(matches!(output.status.code(), Some(0..=2)), "{what}: {:?} {said:.300}", output.status);
        assert!(!said.contains("longer than"), "{what}: {said:.300}");
    }
    for (what, chain) in chains(64 * 1024) {
        let fleet = "fleet: x\ngroups: { g: { role: client, time: { template: own.j2, upstreams: [{ server: s }] }, hosts: { a: } } }\n";
        fs::write(directory.path().join("file.yaml"), fleet).unwrap();
        fs::write(directory.path().join("own.j2"), chain).unwrap();
        let output = render(directory.path(), &["file.yaml"]);
        let said = text(&output.stderr);
        assert!(matches!(output.status.code(), Some(1..=2)), "{what}: {:?} {said:.300}", output.status);
        assert!(said.contains("own.j2"), "{what}: {said:.300}");
    }
}

#[test]
fn a_template_that_is_longer_than_any_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let fleet = "fleet: x\ngroups: { g: { role: client, time: { template: own.j2, upstreams: [{ server: s }] }, hosts: { a: } } }\n";
    fs::write(directory.path().join("fleet.yaml"), fleet).unwrap();
    fs::write(directory.path().join("own.j2"), "#".repeat(64 * 1024 + 1)).unwrap();
    let error = |file: &str| {
        let (_, said) = ends(directory.path(), &[file], 2);
        said.lines().find(|line| line.contains("error: ")).map(str::to_owned).unwrap_or_default()
    };
    assert_eq!(
        error("fleet.yaml"),
        "error: fleet.yaml:2:48: cannot read the template own.j2: it has more than 65536 characters"
    );
    let fleet = format!(
        "fleet: x\ngroups: {{ g: {{ role: client, time: {{ extra: ['{}{{{{ name }}}}'] }}, hosts: {{ a: }} }} }}\n",
        "#".repeat(8 * 1024)
    );
    fs::write(directory.path().join("long.yaml"), fleet).unwrap();
    assert_eq!(error("long.yaml"), "long.yaml:2:47: error: this template is longer than 8192 characters");
}
