//! What programs and editors get: findings in every format, the graph, the schema, and the workflows that use them.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use std::path::Path;
use std::process::{Command, Output};

use snapbox::{assert_data_eq, str};

fn timefleet(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_timefleet"))
        .args(arguments)
        .current_dir(directory)
        .env("HOME", "/home/me")
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A good inventory, one with a misspelt key, one with a client that follows nobody.
fn site() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    std::fs::create_dir(directory.path().join("sites")).unwrap();
    write("good.yaml", include_str!("../../inventories/lab.yaml"));
    write("sites/misspelt.yaml", "fleet: x\ngroups: { g: { role: client, tme: {}, hosts: { a: } } }\n");
    write("lost.yaml", include_str!("lost.yaml"));
    directory
}

const ALL: [&str; 4] = ["good.yaml", "sites/misspelt.yaml", "lost.yaml", "nowhere.yaml"];

#[test]
fn people_get_all_findings_of_all_files_and_the_sum_of_them() {
    let site = site();
    let output = timefleet(site.path(), &[&["validate"], &ALL[..]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert_data_eq!(text(&output.stdout), "good.yaml: fleet lab, 5 hosts in 2 groups, no problems\n");
    assert_data_eq!(
        text(&output.stderr),
        str![[r#"
sites/misspelt.yaml:2:30: error: unknown key `tme` in group `g`
  |
2 | groups: { g: { role: client, tme: {}, hosts: { a: } } }
  |                              ^^^
  |
  = help: did you mean `time`?

lost.yaml:2:39: error[no-path-to-time]: client `a` follows nobody
  |
2 | groups: { g: { role: client, hosts: { a: } } }
  |                                       ^
  |
  = note: A client without an upstream keeps whatever its clock says.
  = help: give it `time: { upstreams: [{ group: GROUP }] }`

error: cannot read nowhere.yaml: No such file or directory (os error 2)
error: 3 errors in sites/misspelt.yaml, lost.yaml, nowhere.yaml; nothing was touched

"#]]
    );
}

#[test]
fn one_document_on_standard_output_in_every_format_and_the_same_exit_code() {
    let site = site();
    for format in ["json", "github", "gitlab", "sarif", "junit"] {
        let output = timefleet(site.path(), &[&["validate", "--output", format], &ALL[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{format}");
        assert_eq!(text(&output.stderr), "", "{format}");
        let document = text(&output.stdout);
        for name in ["sites/misspelt.yaml", "lost.yaml", "nowhere.yaml"] {
            assert!(document.contains(name), "{format}: {document}");
        }
        assert!(!document.contains('\u{1b}'), "{format}");
        if ["json", "gitlab", "sarif"].contains(&format) {
            serde_json::from_str::<serde_json::Value>(&document).unwrap();
        }
        let good = timefleet(site.path(), &["validate", "--format", format, "good.yaml"]);
        assert_eq!(good.status.code(), Some(0), "{format}");
    }
}

#[test]
fn json_counts_what_it_lists() {
    let site = site();
    let output = timefleet(site.path(), &[&["validate", "--output", "json"], &ALL[..]].concat());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["version"], 1);
    assert_eq!(report["exit_code"], 2);
    assert_eq!(report["summary"], serde_json::json!({ "errors": 3, "warnings": 0, "allowed": 0 }));
    assert_eq!(report["inventories"][0]["fleet"]["hosts"], 5);
    assert_eq!(
        report["inventories"][3]["findings"][0]["place"],
        serde_json::json!({ "file": "nowhere.yaml" })
    );
}

#[test]
fn an_absolute_path_becomes_one_of_the_repository() {
    let site = site();
    let path = site.path().canonicalize().unwrap().join("sites/misspelt.yaml");
    let output = timefleet(
        &site.path().canonicalize().unwrap(),
        &["validate", "--output=github", path.to_str().unwrap()],
    );
    assert_data_eq!(
        text(&output.stdout),
        "::error file=sites/misspelt.yaml,line=2,endLine=2,col=30,endColumn=33,title=timefleet%3A inventory::unknown key \
         `tme` in group `g`%0Ahelp: did you mean `time`?\n"
    );
}

#[test]
fn long_reasons_and_cures_fit_a_terminal_of_80_columns_and_a_reason_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let windows = "fleet: x
groups:
  a: { role: client, hosts: { a1: }, time: { upstreams: [{ server: dc1, platform: windows }] } }
  b: { role: client, hosts: { b1: }, time: { upstreams: [{ server: dc2, platform: windows }] } }
";
    std::fs::write(directory.path().join("f.yaml"), windows).unwrap();
    let said = text(&timefleet(directory.path(), &["validate", "f.yaml"]).stderr);
    let beside_headlines = said.lines().filter(|line| !line.starts_with("f.yaml:"));
    for line in beside_headlines {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let told = "The Windows Time service reports";
    assert_eq!(said.matches(told).count(), 1, "{said}");
    assert_eq!(said.matches("[windows-without-maxdistance]").count(), 2, "{said}");
}

#[test]
fn the_graph_is_drawn_in_every_format_whatever_the_findings() {
    let site = site();
    for (format, begins) in
        [("text", "fleet y: 1 host"), ("mermaid", "---\n"), ("dot", "digraph"), ("svg", "<svg ")]
    {
        let output = timefleet(site.path(), &["graph", "--output", format, "lost.yaml"]);
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert!(text(&output.stdout).starts_with(begins), "{format}");
        assert_eq!(text(&output.stderr), "1 error: `timefleet validate lost.yaml` tells more\n", "{format}");
    }
    let output = timefleet(site.path(), &["graph", "lost.yaml"]);
    assert_data_eq!(text(&output.stdout), "fleet y: 1 host in 1 group\n\na  client  ! follows nobody\n");
}

#[test]
fn a_selection_is_drawn_with_everything_its_time_comes_from() {
    let site = site();
    let output = timefleet(site.path(), &["graph", "good.yaml", "--on", "client3"]);
    assert_eq!(output.status.code(), Some(0));
    assert_data_eq!(text(&output.stderr), "");
    assert_data_eq!(
        text(&output.stdout),
        str![[r#"
fleet lab: 2 of 5 hosts (--on client3)

ntp-a  server, stratum 10, local stratum 10 orphan
`-- client3  client, stratum 11  [iburst]

"#]]
    );
    for (format, written) in [
        ("mermaid", "title: \"fleet lab: 2 of 5 hosts (--on client3)\"\n"),
        ("dot", "label=\"fleet lab: 2 of 5 hosts (--on client3)\""),
        ("svg", ">fleet lab: 2 of 5 hosts (--on client3)</text>"),
    ] {
        let output = timefleet(site.path(), &["graph", "--output", format, "good.yaml", "--on", "client3"]);
        let drawn = text(&output.stdout);
        assert!(drawn.contains(written) && drawn.contains("ntp-a"), "{drawn}");
        assert!(!drawn.contains("client1"), "{drawn}");
    }
    let output = timefleet(site.path(), &["graph", "good.yaml", "--on", "client3,clients"]);
    assert_eq!(output.status.code(), Some(2));
    assert_data_eq!(text(&output.stdout), "");
    assert_data_eq!(
        text(&output.stderr),
        "error: --on: `clients` matches no host of the inventory; did you mean `@clients`?\n"
    );
}

#[test]
fn what_cannot_be_read_cannot_be_drawn() {
    let site = site();
    let output = timefleet(site.path(), &["graph", "sites/misspelt.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).ends_with("error: 1 error in sites/misspelt.yaml; nothing was touched\n"));
}

#[test]
fn the_schema_is_printed_for_an_editor() {
    let output = timefleet(root(), &["schema"]);
    assert_eq!(output.status.code(), Some(0));
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let lab: serde_json::Value = serde_yaml::from_str(include_str!("../../inventories/lab.yaml")).unwrap();
    assert!(validator.is_valid(&lab));
}

/// Every file below `examples/ci`, hidden ones too.
fn examples() -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![root().join("examples/ci")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { directories.push(path) } else { found.push(path) }
        }
    }
    found
}

#[test]
fn the_workflows_in_the_examples_are_yaml_and_call_what_there_is() {
    let (mut workflows, mut calls) = (0, 0);
    for path in examples() {
        let content = std::fs::read_to_string(&path).unwrap();
        if path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
            let workflow: serde_json::Value = serde_yaml::from_str(&content).unwrap();
            assert!(workflow.is_object(), "{}", path.display());
            workflows += 1;
        } else if path.extension().is_some_and(|extension| extension == "sh") {
            let checked = Command::new("sh").arg("-n").arg(&path).status().unwrap();
            assert!(checked.success(), "{}", path.display());
        }
        for word in content.split("--output").skip(1) {
            let format = word.split_whitespace().next().unwrap();
            let output = timefleet(root(), &["validate", "--output", format, "inventories/lab.yaml"]);
            assert_eq!(output.status.code(), Some(0), "{}: {format}", path.display());
            calls += 1;
        }
    }
    assert!(workflows >= 3 && calls >= 4, "{workflows} workflows, {calls} calls");
}

/// A repository with the hook of the examples, or with a hook that runs an entry of the framework's configuration.
struct Repository {
    directory: tempfile::TempDir,
}

impl Repository {
    /// One inventory, with a part beside it and one elsewhere.
    fn new(hook: &str) -> Self {
        let repository = Self { directory: tempfile::tempdir().unwrap() };
        assert!(repository.git(&["init", "-q"]).status.success());
        repository.write(".git/hooks/pre-commit", hook);
        let hook = repository.directory.path().join(".git/hooks/pre-commit");
        std::fs::set_permissions(hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        repository
            .write("inventories/plant.yml", "fleet: plant\ninclude: [part.yaml, ../shared/servers.yaml]\n");
        repository.write("inventories/part.yaml", "groups: { clients: { role: client, hosts: { c: } } }\n");
        repository.write(
            "shared/servers.yaml",
            "defaults: { time: { upstreams: [{ pool: ntp.example }] } }\ngroups: { servers: { role: server, hosts: { s: }, time: { allow: [10] } } }\n",
        );
        repository.accepts("an inventory and its parts");
        repository
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn git(&self, arguments: &[&str]) -> Output {
        let bin = Path::new(env!("CARGO_BIN_EXE_timefleet")).parent().unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let quiet = ["-c", "user.name=me", "-c", "user.email=me@example", "-c", "commit.gpgsign=false"];
        let mut command = Command::new("git");
        command.args(quiet).args(arguments).current_dir(self.directory.path()).env("PATH", &path);
        command.output().unwrap()
    }

    fn commit(&self, what: &str) -> Output {
        assert!(self.git(&["add", "--all"]).status.success());
        self.git(&["commit", "-qm", what])
    }

    fn accepts(&self, what: &str) {
        let committed = self.commit(what);
        assert!(committed.status.success(), "{what}: {}", text(&committed.stderr));
    }

    /// The commit fails with these words; afterwards everything is as before.
    fn refuses(&self, what: &str, words: &str) {
        let refused = self.commit(what);
        assert!(!refused.status.success(), "{what} is accepted");
        assert!(text(&refused.stderr).contains(words), "{what}: {}", text(&refused.stderr));
        assert!(self.git(&["reset", "-q", "--hard"]).status.success());
    }
}

fn commits_that_break_an_inventory_are_refused(repository: &Repository) {
    repository.write("inventories/lost one.yaml", include_str!("lost.yaml"));
    repository.refuses("an inventory with an error", "error[no-path-to-time]: client `a` follows nobody");
    repository.write("inventories/lost.yml", include_str!("lost.yaml"));
    repository.refuses("one that ends with .yml", "error[no-path-to-time]: client `a` follows nobody");
    repository.write("shared/servers.yaml", "tme: 1\n");
    repository.refuses("a part elsewhere", "shared/servers.yaml:1:1: error: unknown key `tme`");
    for part in ["inventories/part.yaml", "shared/servers.yaml"] {
        std::fs::remove_file(repository.directory.path().join(part)).unwrap();
        repository.refuses(part, "No such file or directory");
    }
    repository.write("README", "about\n");
    repository.accepts("something else");
}

#[test]
fn the_shell_hook_stops_a_commit_that_would_break_an_inventory() {
    let repository = Repository::new(include_str!("../../examples/ci/pre-commit.sh"));
    commits_that_break_an_inventory_are_refused(&repository);
    repository.write("inventories/part.yaml", "tme: 1\n");
    assert!(repository.git(&["add", "--all"]).status.success());
    repository.write("inventories/part.yaml", "groups: {}\n");
    let refused = repository.git(&["commit", "-qm", "mended, but not staged"]);
    assert!(!refused.status.success(), "what is staged counts, not what lies there");
}

#[test]
fn the_entry_for_the_framework_stops_it_as_well() {
    let configuration = include_str!("../../examples/ci/pre-commit-config.yaml");
    let configuration: serde_json::Value = serde_yaml::from_str(configuration).unwrap();
    let hook = &configuration["repos"][0]["hooks"][0];
    assert_eq!((&hook["pass_filenames"], &hook["always_run"]), (&false.into(), &true.into()));
    let entry = hook["entry"].as_str().unwrap();
    commits_that_break_an_inventory_are_refused(&Repository::new(&format!("#!/bin/sh\n{entry}\n")));
}

#[test]
fn a_file_that_another_one_includes_is_checked_as_a_part_of_it() {
    let site = site();
    let write = |name: &str, text: &str| std::fs::write(site.path().join(name), text).unwrap();
    write("part.yaml", "groups: { c: { role: client, hosts: { a: } } }\n");
    write(
        "whole.yaml",
        "fleet: whole\ninclude: part.yaml\ndefaults: { time: { upstreams: [{ pool: p }] } }\n",
    );
    let alone = timefleet(site.path(), &["validate", "part.yaml"]);
    assert!(text(&alone.stderr).contains("the fleet has no name"), "{}", text(&alone.stderr));
    let both = timefleet(site.path(), &["validate", "./part.yaml", "whole.yaml"]);
    assert_data_eq!(text(&both.stderr), "");
    assert_data_eq!(text(&both.stdout), "whole.yaml: fleet whole, 1 host in 1 group, no problems\n");
    // Of a ring one is left, or nobody would tell of it.
    write("part.yaml", "include: whole.yaml\n");
    let ring = timefleet(site.path(), &["validate", "part.yaml", "whole.yaml"]);
    let told = text(&ring.stderr);
    assert!(told.contains("`part.yaml` includes itself: part.yaml -> whole.yaml -> part.yaml"), "{told}");
    assert!(told.contains("error: 1 error in part.yaml; nothing was touched"), "{told}");
}
