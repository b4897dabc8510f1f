//! Users' own templates: what they make is not believed either.

use std::fs;

use super::*;

/// A fleet of one server whose template is `template`, in a directory of its own.
fn with_template(time: &str, template: &str) -> (tempfile::TempDir, Result<String, String>) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("own.j2"), template).unwrap();
    let name = directory.path().join("fleet.yaml").display().to_string();
    let text = with_time(&format!("{{ template: own.j2, {time} }}"));
    let inventory = load(&[InputFile { name, text }], None).unwrap();
    let rendered = Templates::read(&inventory.hosts.iter().collect::<Vec<_>>(), None)
        .map_err(|errors| errors[0].to_string())
        .and_then(|own| {
            let host = inventory.host("a").unwrap();
            render_with(&inventory, host, &own).map(|wish| wish.config).map_err(|error| error.to_string())
        });
    let home = format!("{}/", directory.path().display());
    (directory, rendered.map_err(|error| error.replace(&home, "")))
}

fn text(time: &str, template: &str) -> String {
    with_template(time, template).1.unwrap()
}

fn error(time: &str, template: &str) -> String {
    with_template(time, template).1.unwrap_err()
}

/// The rest of what a server's configuration has to say.
const REST: &str = "driftfile {{ driftfile }}\nbindcmdaddress {{ command_socket }}\nmakestep 1 3\nrtcsync\n";

#[test]
fn a_template_beside_the_inventory_is_used_and_extra_lines_follow() {
    let template = format!(
        "# {{{{ host }}}} at {{{{ address }}}} is a {{{{ role }}}} of {{{{ groups | join('/') }}}}\n{REST}maxdistance {{{{ maxdistance }}}}"
    );
    assert_eq!(
        text("maxdistance: 0.5, extra: [maxupdateskew 100]", &template),
        "\
# a at a is a server of g
driftfile /var/lib/timefleet/drift
bindcmdaddress /run/chrony/chronyd.sock
makestep 1 3
rtcsync
maxdistance 0.5
maxupdateskew 100
"
    );
}

#[test]
fn a_template_may_add_what_has_no_key() {
    let template = format!(
        "{REST}{{% for line in upstreams %}}\n{{{{ line }}}} polltarget 20\n{{% endfor %}}\nmaxslewrate 500\n"
    );
    let made = text("upstreams: [{ server: s, xleave: true }]", &template);
    assert!(made.ends_with("server s xleave polltarget 20\nmaxslewrate 500\n"), "{made}");
}

#[test]
fn a_misspelt_variable_is_shown_with_its_place_and_what_there_is() {
    assert_eq!(
        error("maxdistance: 0.5", "rtcsync\nmaxdistance {{ maxdistanse }}\n"),
        "own.j2:2:16: a: `maxdistanse` is not defined; did you mean `maxdistance`? (there are fleet, host, address, role, \
         groups, upstreams, driftfile, makestep, rtcsync, maxdistance, minsources, port, allow, deny, local, ratelimit, keyfile, \
         cmdport, command_socket, pidfile)"
    );
    assert_eq!(
        error("maxdistance: 0.5", "makestep {{ makestep.treshold }} 3\n"),
        "own.j2:1:13: a: `makestep.treshold` is not defined; did you mean `threshold`? (there are threshold, limit)"
    );
}

#[test]
fn a_template_that_cannot_be_read_is_told_once_with_its_place() {
    assert_eq!(
        error("maxdistance: 0.5", "rtcsync\n{% if port %}\nport 1\n"),
        "own.j2:3:1: unexpected end of input, expected end of block, at `port 1`"
    );
}

#[test]
fn a_template_that_says_something_else_than_the_inventory_is_an_error() {
    assert_eq!(
        error("maxdistance: 0.5", REST),
        "own.j2: a: `time.maxdistance` is `0.5` in the inventory (fleet.yaml:6:40), and `3` in what the template makes"
    );
    assert_eq!(
        error("maxdistance: 0.5", &format!("{REST}maxdistance 1{{{{ maxdistance }}}}\n")),
        "own.j2: a: `time.maxdistance` is `0.5` in the inventory (fleet.yaml:6:40), and `10.5` in what the template makes"
    );
    assert_eq!(
        error("upstreams: [{ server: s, key: 7 }]", &format!("server s iburst\n{REST}")),
        "own.j2: a: `time.upstreams` is `server s key 7` in the inventory (fleet.yaml:6:41), and `server s iburst minpoll \
         6 maxpoll 10 minsamples 6 maxsamples 64` in what the template makes"
    );
    assert_eq!(
        error("allow: [10/8]", &format!("{REST}allow 10.0.0.0/9\n")),
        "own.j2: a: `time.allow` is `allow 10.0.0.0/8` in the inventory (fleet.yaml:6:35), and `allow 10.0.0.0/9` in what \
         the template makes"
    );
    assert_eq!(
        error("local: true", REST),
        "own.j2: a: `time.local` is `stratum 10 distance 1` in the inventory (fleet.yaml:6:34), and `nothing` in what the \
         template makes"
    );
}

#[test]
fn a_template_brings_no_sources_and_lets_nobody_in() {
    let told = |time: &str, line: &str| {
        let all = "{% for line in upstreams %}\n{{ line }}\n{% endfor %}\n{% for net in allow %}\nallow {{ net }}\n{% endfor %}\n";
        let told = error(time, &format!("{REST}{all}{line}\n"));
        told.strip_prefix("own.j2: a: ").unwrap().to_owned()
    };
    for (time, line, wanted) in [
        (
            "upstreams: [{ server: s }]",
            "server evil.example",
            "`time.upstreams` is `nothing more` in the inventory (fleet.yaml:6:41), and `server evil.example minpoll 6 maxpoll 10 \
             minsamples 6 maxsamples 64` in what the template makes",
        ),
        (
            "allow: [10/8]",
            "allow",
            "`time.allow` is `nothing more` in the inventory, and `allow` in what the template makes",
        ),
        (
            "allow: [10/8]",
            "deny 10.9",
            "`time.allow` is `nothing more` in the inventory, and `deny 10.9.0.0/16` in what the template makes",
        ),
        (
            "local: false",
            "ratelimit interval 4",
            "`time.ratelimit` is `nothing` in the inventory, and `interval 4 burst 8 leak 2` in what the template makes",
        ),
        (
            "local: false",
            "keyfile /etc/keys",
            "`time.keyfile` is `nothing` in the inventory, and `/etc/keys` in what the template makes",
        ),
    ] {
        assert_eq!(told(time, line), wanted);
    }
}

#[test]
fn what_the_agent_cannot_read_is_shown_with_its_line() {
    assert_eq!(
        error("makestep: false", "\nmaxdistance {{ maxdistance }}\n"),
        "own.j2: a: line 2 of what it makes, `maxdistance None`: maxdistance must be a number from 0.000001 to \
         1000000 seconds, not 'None'"
    );
    let chronyd = "hwtimestamp *\ndriftfile {{ driftfile }}\nmakestep 1 3\nrtcsync\n";
    assert_eq!(
        text("daemon: chronyd", chronyd).lines().next(),
        Some("hwtimestamp *"),
        "a chronyd knows more"
    );
}
