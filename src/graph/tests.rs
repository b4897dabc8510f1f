//! Pictures of small fleets, literally; and what other programs say of them.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use snapbox::{IntoData, assert_data_eq, str};

mod selection;

use super::*;
use crate::inventory::{self, InputFile};

fn graph(text: &str) -> Graph {
    Graph::new(&inventory(text), None).unwrap()
}

fn inventory(text: &str) -> Inventory {
    let file = InputFile { name: "f.yaml".to_owned(), text: text.to_owned() };
    inventory::load(&[file], Some(Path::new("/home/me"))).unwrap()
}

fn plain(graph: &Graph) -> String {
    String::from_utf8(anstream::adapter::strip_bytes(graph.text().as_bytes()).into_vec()).unwrap()
}

const TWO_TIER: &str = include_str!("../../inventories/two-tier.yaml");
const ISOLATED: &str = include_str!("../../inventories/isolated.yaml");
/// A ring that nobody feeds, a client behind it, one that follows a client, one that is not let in.
const BROKEN: &str = r##"
fleet: broken "#7" <a&b>
groups:
  ring:
    role: server
    time: { upstreams: [{ group: turn, iburst: true }], allow: [10.1.0.0/16] }
    hosts: { r1: { address: 10.1.0.1 } }
  turn:
    role: server
    time: { upstreams: [{ group: ring }], allow: [10.1.0.0/16] }
    hosts: { r2: { address: 10.1.0.2 } }
  good:
    role: server
    time:
      upstreams: [{ pool: pool.example, minpoll: 4, maxpoll: 6 }, { server: dc1.example, prefer: true, port: 1123, platform: windows }]
      allow: [10.2.0.0/16]
    hosts: { g1: { address: 10.2.0.1 } }
  clients:
    role: client
    time: { upstreams: [{ group: good, iburst: true }] }
    hosts:
      "web[01:20]": { address: "10.2.1.[1:20]" }
      far: { address: 10.9.0.1 }
      db: { address: 10.2.2.1, time: { upstreams: [{ group: turn }, { group: lost }] } }
  lost:
    role: client
    hosts: { alone: { address: 10.2.3.1 } }
"##;

#[test]
fn two_tiers_are_a_tree_and_what_is_below_a_server_is_shown_once() {
    assert_data_eq!(
        plain(&graph(TWO_TIER)),
        str![[r#"
fleet plant-7: 23 hosts in 2 groups

pool ntp1.aliyun.com
|-- ntp-a  server, stratum s+1, local stratum 10 orphan  [iburst]
|   `-- web[01:20], db1 (21)  client, stratum s+2  [iburst]
`-- ntp-b  server, stratum s+1, local stratum 10 orphan  [iburst]
    `-- web[01:20], db1 (21)  client, stratum s+2  [iburst]
pool ntp2.aliyun.com
|-- ntp-a  server, stratum s+1, local stratum 10 orphan  [iburst]  (see above)
`-- ntp-b  server, stratum s+1, local stratum 10 orphan  [iburst]  (see above)

s: the stratum of the source outside

"#]]
    );
}

#[test]
fn an_orphan_mesh_has_no_up_and_down_and_known_strata() {
    assert_data_eq!(
        plain(&graph(ISOLATED)),
        str![[r#"
fleet quarry: 15 hosts in 4 groups

ntp-a  server, stratum 10, local stratum 10 orphan, polls ntp-b, ntp-c
|-- crusher[01:08] (8)  client, stratum 11  [iburst]
`-- scale[1:4] (4)  client, stratum 11  [iburst]
ntp-b  server, stratum 10, local stratum 10 orphan, polls ntp-a, ntp-c
|-- crusher[01:08] (8)  client, stratum 11  [iburst]
`-- scale[1:4] (4)  client, stratum 11  [iburst]
ntp-c  server, stratum 10, local stratum 10 orphan, polls ntp-a, ntp-b
|-- crusher[01:08] (8)  client, stratum 11  [iburst]
`-- scale[1:4] (4)  client, stratum 11  [iburst]

"#]]
    );
}

#[test]
fn what_leads_nowhere_is_marked() {
    assert_data_eq!(
        plain(&graph(BROKEN)),
        str![[r##"
fleet broken "#7" <a&b>: 26 hosts in 5 groups

pool pool.example
`-- g1  server, stratum s+1  [minpoll 4 maxpoll 6]
    `-- web[01:20], far (21)  client, stratum s+2  [iburst]  ! 1 of 21 not allowed
server dc1.example
`-- g1  server, stratum s+1  [prefer port 1123 windows]  (see above)
r1  server, polls r2  ! loop: nobody feeds it
r2  server, polls r1  ! loop: nobody feeds it
`-- db  client  ! no path to time  ! not allowed
alone  client  ! follows nobody
`-- db  client  ! no path to time  ! serves no time

s: the stratum of the source outside

"##]]
    );
}

/// What is only measured is drawn, and brings nobody the time.
#[test]
fn no_time_comes_from_a_source_with_noselect() {
    let text = "fleet: watch
groups:
  servers: { role: server, time: { upstreams: [{ pool: p.example, require: true }], allow: [0/0] }, hosts: { s: } }
  clients: { role: client, time: { upstreams: [{ group: servers, iburst: true, noselect: true }] }, hosts: { \"c[1:3]\": } }
";
    assert_data_eq!(
        plain(&graph(text)),
        str![[r#"
fleet watch: 4 hosts in 2 groups

pool p.example
`-- s  server, stratum s+1  [require]
    `-- c[1:3] (3)  client  [iburst noselect]  ! no path to time

s: the stratum of the source outside

"#]]
    );
}

#[test]
fn mermaid_as_it_is_read() {
    assert_data_eq!(
        graph(BROKEN).mermaid(),
        str![[r##"
---
title: "fleet broken \"#7\" <a&b>: 26 hosts in 5 groups"
---
flowchart TD
    n0(["pool pool.example"]):::outside
    n1(["server dc1.example"]):::outside
    n2["r1<br/>server<br/>! loop: nobody feeds it"]:::trouble
    n3["r2<br/>server<br/>! loop: nobody feeds it"]:::trouble
    n4["g1<br/>server, stratum s+1"]:::server
    n5["web[01:20], far (21)<br/>client, stratum s+2"]:::client
    n6["db<br/>client<br/>! no path to time"]:::trouble
    n7["alone<br/>client<br/>! follows nobody"]:::trouble
    n3 -->|"iburst"| n2
    n2 --> n3
    n0 -->|"minpoll 4 maxpoll 6"| n4
    n1 -->|"prefer port 1123 windows"| n4
    n4 -.->|"iburst<br/>! 1 of 21 not allowed"| n5
    n3 -.->|"! not allowed"| n6
    n7 -.->|"! serves no time"| n6
    classDef outside fill:#e8eefc,stroke:#4a6fb5,color:#111
    classDef server fill:#e6f4ea,stroke:#3c7d4f,color:#111
    classDef client fill:#f7f7f7,stroke:#777777,color:#111
    classDef trouble fill:#fdeaea,stroke:#c62828,color:#111
    linkStyle 4,5,6 stroke:#c62828

"##]]
        .raw()
    );
}

/// Mermaid's grammar as far as these pictures need it, and not a letter further.
fn reads_as_mermaid(text: &str) -> Result<(), String> {
    let mut lines = text.lines();
    let mut expect = |what: &str| {
        let line = lines.next().unwrap_or_default();
        (line == what).then_some(()).ok_or_else(|| format!("`{line}` is not `{what}`"))
    };
    expect("---")?;
    let title = text.lines().nth(1).unwrap_or_default();
    let title: Result<Value, _> = serde_yaml::from_str(title);
    title.map_err(|error| error.to_string())?;
    let body = text.splitn(3, "---\n").nth(2).ok_or("no end of the title")?;
    let mut lines = body.lines();
    if lines.next() != Some("flowchart TD") {
        return Err("no flowchart".to_owned());
    }
    let mut nodes = std::collections::HashSet::new();
    let mut links = 0;
    for line in lines {
        let line = line.strip_prefix("    ").ok_or(format!("`{line}` is not indented"))?;
        if let Some(rest) = line.strip_prefix("linkStyle ") {
            let (numbers, style) = rest.split_once(' ').ok_or("no style")?;
            let known =
                numbers.split(',').all(|number| number.parse::<usize>().is_ok_and(|number| number < links));
            (known && style.starts_with("stroke:#")).then_some(()).ok_or(format!("bad linkStyle: {rest}"))?;
        } else if let Some(rest) = line.strip_prefix("classDef ") {
            (rest.split(' ').count() == 2).then_some(()).ok_or(format!("bad classDef: {rest}"))?;
        } else if line.contains(":::") {
            nodes.insert(node_statement(line)?);
        } else {
            link_statement(line, &nodes)?;
            links += 1;
        }
    }
    Ok(())
}

type Value = serde_json::Value;

fn node_statement(line: &str) -> Result<String, String> {
    let (id, rest) = line.split_at(line.find(['(', '[']).ok_or(format!("no shape: {line}"))?);
    let (label, class) = rest.rsplit_once(":::").ok_or("no class")?;
    let label = label
        .strip_prefix("([\"")
        .and_then(|label| label.strip_suffix("\"])"))
        .or_else(|| label.strip_prefix("[\"").and_then(|label| label.strip_suffix("\"]")))
        .ok_or(format!("bad shape: {line}"))?;
    quoted(label)?;
    ["outside", "server", "client", "trouble"]
        .contains(&class)
        .then_some(())
        .ok_or(format!("class {class}"))?;
    let numbered = id.strip_prefix('n').is_some_and(|number| number.parse::<usize>().is_ok());
    numbered.then(|| id.to_owned()).ok_or(format!("id {id}"))
}

fn link_statement(line: &str, nodes: &std::collections::HashSet<String>) -> Result<(), String> {
    let (from, rest) = line.split_once(' ').ok_or(format!("no link: {line}"))?;
    let (link, to) = rest.rsplit_once(' ').ok_or(format!("no end: {line}"))?;
    let arrow = match link.split_once('|') {
        None => link,
        Some((arrow, label)) => {
            let label = label.strip_prefix('"').and_then(|label| label.strip_suffix("\"|"));
            quoted(label.ok_or(format!("bad label: {line}"))?)?;
            arrow
        }
    };
    let known = ["-->", "-.->", "<-.->"].contains(&arrow) && nodes.contains(from) && nodes.contains(to);
    known.then_some(()).ok_or(format!("bad link: {line}"))
}

/// Inside quotes: breaks and entity codes are the only markup.
fn quoted(label: &str) -> Result<(), String> {
    let label = label.replace("<br/>", "");
    let mut rest = label.as_str();
    while let Some((before, after)) = rest.split_once('#') {
        let (code, after) = after.split_once(';').ok_or(format!("`#` in {label}"))?;
        code.parse::<u32>().map_err(|_| format!("entity {code}"))?;
        plain_letters(before)?;
        rest = after;
    }
    plain_letters(rest)
}

fn plain_letters(text: &str) -> Result<(), String> {
    text.find(['"', '<', '>', '&', '`', '\\']).map_or(Ok(()), |at| Err(format!("letter {at} of {text}")))
}

fn all() -> Vec<Graph> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories");
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut texts: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    texts.push(BROKEN.to_owned());
    texts.push("fleet: empty\ngroups: {}\n".to_owned());
    let parts = [(BROKEN, "db,web03"), (BROKEN, "r?"), (TWO_TIER, "!ntp-a,!web*"), (ISOLATED, "ntp-b")];
    let parts = parts.map(|(text, on)| selection::part(text, on));
    texts.iter().map(|text| graph(text)).chain(parts).collect()
}

#[test]
fn every_mermaid_is_one_by_the_grammar() {
    for graph in all() {
        assert_eq!(reads_as_mermaid(&graph.mermaid()), Ok(()), "{}", graph.mermaid());
    }
    let odd = Graph {
        title: "t".to_owned(),
        nodes: vec![Node {
            kind: Kind::Server,
            name: "a\"b#c<d>&`\\".to_owned(),
            count: 1,
            notes: Vec::new(),
            troubles: Vec::new(),
            level: 0,
            stratum: None,
        }],
        edges: Vec::new(),
        into: vec![Vec::new()],
    };
    assert_eq!(reads_as_mermaid(&odd.mermaid()), Ok(()));
    assert!(reads_as_mermaid(&graph(TWO_TIER).mermaid().replace("-->", "->")).is_err());
    assert!(reads_as_mermaid(&graph(TWO_TIER).mermaid().replace("ntp-a", "ntp\"a")).is_err());
}

/// What a program says of a text on its standard input; it has to be there.
fn fed_to(program: &str, arguments: &[&str], package: &str, text: &str) -> Result<String, String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|_| panic!("{program} is needed for this test: install {package}"));
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() && said.is_empty() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(said)
    }
}

#[test]
fn graphviz_draws_every_dot() {
    for graph in all() {
        let drawn = fed_to("dot", &["-Tsvg"], "graphviz", &graph.dot()).unwrap();
        assert_eq!(drawn.matches("class=\"node\"").count(), graph.nodes.len());
        assert_eq!(drawn.matches("class=\"edge\"").count(), graph.lines().count());
    }
    assert!(fed_to("dot", &["-Tsvg"], "graphviz", "digraph { a -> ; }").is_err());
}

#[test]
fn every_svg_is_well_formed_and_its_boxes_do_not_overlap() {
    for graph in all() {
        let svg = graph.svg();
        fed_to("xmllint", &["--noout", "--nonet", "-"], "libxml2-utils", &svg).unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("href") && !svg.contains("url(http"), "{svg}");
        assert_eq!(svg.matches("class=\"edge").count(), graph.lines().count());
        let layout = layout::layout(&graph);
        for (index, one) in layout.spots.iter().enumerate() {
            assert!(one.x >= 0.0 && one.x + one.width <= layout.width && one.bottom() <= layout.height);
            for other in &layout.spots[index + 1..] {
                let beside = one.x + one.width <= other.x || other.x + other.width <= one.x;
                assert!(beside || one.bottom() <= other.y || other.bottom() <= one.y, "{one:?} {other:?}");
            }
        }
        for edge in graph.edges.iter().filter(|edge| !edge.mutual) {
            assert!(layout.spots[edge.source].bottom() < layout.spots[edge.follower].y, "time flows down");
        }
    }
}

#[test]
fn a_large_fleet_is_a_small_picture() {
    let mut text = String::from(
        "fleet: large\ngroups:\n  s: { role: server, time: { upstreams: [{ pool: p }], allow: [0/0] }, hosts: { \"ntp[1:3]\": { address: \"192.0.2.[1:3]\" } } }\n",
    );
    for group in 0..200 {
        text += &format!(
            "  g{group}: {{ role: client, time: {{ upstreams: [{{ group: s }}] }}, hosts: {{ \"g{group}-[001:250]\": {{ address: \"10.{group}.0.[1:250]\" }} }} }}\n"
        );
    }
    let graph = graph(&text);
    assert_eq!((graph.nodes.len(), graph.edges.len()), (1 + 3 + 200, 3 + 600));
    assert_eq!(graph.nodes[4].title(), "g0-[001:250] (250)");
    assert!(layout::layout(&graph).width < 1600.0);
    let text = plain(&graph);
    assert!(text.lines().count() < 220, "{text}");
    assert_eq!(text.matches("`-- the same 200 as below ntp1\n").count(), 2, "{text}");
    assert!(graph.svg().len() < 300_000, "{}", graph.svg().len());
}

#[test]
fn whoever_is_named_by_name_or_in_an_extra_line_is_followed_too() {
    let drawn = graph(
        r#"fleet: names
groups:
  servers:
    role: server
    hosts:
      ntp1: { address: 10.0.0.1, time: { extra: ["refclock PPS /dev/pps0", "allow 10.0.0.0/8"], daemon: chronyd } }
      ntp2: { address: 10.0.0.2, time: { upstreams: [{ server: ntp1 }], extra: ["pool pool.example iburst"], allow: [10.1.0.0/16] } }
      ntp3: { address: 10.0.0.3, time: { extra: ["sourcedir /etc/ntp.d", "server ntp1 noselect"] } }
  clients:
    role: client
    time: { upstreams: [{ server: ntp1 }, { server: 10.0.0.2 }] }
    hosts: { "web[1:3]": { address: "10.2.0.[1:3]" } }
  named:
    role: client
    time: { upstreams: [{ server: ntp3 }] }
    hosts: { "db[1:2]": }
"#,
    );
    assert_data_eq!(
        plain(&drawn),
        str![[r#"
fleet names: 8 hosts in 3 groups

reference clock
`-- ntp1  server, stratum 1  [extra line]
    |-- ntp2  server, stratum 2
    |   `-- web[1:3] (3)  client, stratum 2  ! all 3 not allowed
    |-- ntp3  server, stratum s+1  [extra line, noselect]
    |   `-- db[1:2] (2)  client, stratum s+2  ! all 2 not allowed
    `-- web[1:3] (3)  client, stratum 2
pool pool.example
`-- ntp2  server, stratum 2  [extra line]  (see above)
sources in other files
`-- ntp3  server, stratum s+1  [extra line]  (see above)

s: the stratum of the source outside

"#]]
    );
}
