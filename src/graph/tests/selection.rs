//! `--on`: some hosts and everything their time comes from, in every face.

use super::*;
use crate::inventory::selection::Selection;

pub(super) fn part(text: &str, on: &str) -> Graph {
    let selection: Selection = on.parse().unwrap();
    Graph::new(&inventory(text), Some(&selection)).unwrap()
}

#[test]
fn a_client_and_both_tiers_above_it_without_its_neighbours() {
    assert_data_eq!(
        plain(&part(TWO_TIER, "web03,db1")),
        str![[r#"
fleet plant-7: 4 of 23 hosts (--on web03,db1)

pool ntp1.aliyun.com
|-- ntp-a  server, stratum s+1, local stratum 10 orphan  [iburst]
|   `-- web03, db1 (2)  client, stratum s+2  [iburst]
`-- ntp-b  server, stratum s+1, local stratum 10 orphan  [iburst]
    `-- web03, db1 (2)  client, stratum s+2  [iburst]
pool ntp2.aliyun.com
|-- ntp-a  server, stratum s+1, local stratum 10 orphan  [iburst]  (see above)
`-- ntp-b  server, stratum s+1, local stratum 10 orphan  [iburst]  (see above)

s: the stratum of the source outside

"#]]
    );
}

#[test]
fn a_server_stands_without_those_who_follow_it() {
    assert_data_eq!(
        plain(&part(TWO_TIER, "ntp-a")),
        str![[r#"
fleet plant-7: 1 of 23 hosts (--on ntp-a)

pool ntp1.aliyun.com
`-- ntp-a  server, stratum s+1, local stratum 10 orphan  [iburst]
pool ntp2.aliyun.com
`-- ntp-a  server, stratum s+1, local stratum 10 orphan  [iburst]

s: the stratum of the source outside

"#]]
    );
}

/// The others of the mesh are above it, since it polls them; nobody below the mesh is.
#[test]
fn one_of_an_orphan_mesh_brings_the_mesh() {
    assert_data_eq!(
        plain(&part(ISOLATED, "ntp-b")),
        str![[r#"
fleet quarry: 3 of 15 hosts (--on ntp-b)

ntp-a  server, stratum 10, local stratum 10 orphan, polls ntp-b, ntp-c
ntp-b  server, stratum 10, local stratum 10 orphan, polls ntp-a, ntp-c
ntp-c  server, stratum 10, local stratum 10 orphan, polls ntp-a, ntp-b

"#]]
    );
}

/// Of ten peers that would be one node, the selected one is a node of its own.
#[test]
fn a_peer_among_many_that_are_alike_stands_for_itself() {
    let text = "fleet: mesh
groups:
  peers:
    role: server
    time: { upstreams: [{ group: peers }], local: { orphan: true }, allow: [0/0] }
    hosts: { \"p[01:10]\": }
  clients: { role: client, time: { upstreams: [{ group: peers }] }, hosts: { \"c[1:3]\": } }
";
    assert_data_eq!(
        plain(&part(text, "p04")),
        str![[r#"
fleet mesh: 10 of 13 hosts (--on p04)

p[01:03], p[05:10] (9)  server, stratum 10, local stratum 10 orphan, polls each other, p04
p04  server, stratum 10, local stratum 10 orphan, polls p[01:03], p[05:10]

"#]]
    );
}

/// Strata and troubles are those of the whole fleet: `db` has no path to time, whoever is drawn with it.
#[test]
fn what_is_wrong_above_is_still_marked_and_everything_else_is_gone() {
    assert_data_eq!(
        plain(&part(BROKEN, "db")),
        str![[r##"
fleet broken "#7" <a&b>: 4 of 26 hosts (--on db)

r1  server, polls r2  ! loop: nobody feeds it
r2  server, polls r1  ! loop: nobody feeds it
`-- db  client  ! no path to time  ! not allowed
alone  client  ! follows nobody
`-- db  client  ! no path to time  ! serves no time

"##]]
    );
    assert_data_eq!(
        plain(&part(BROKEN, "far")),
        str![[r##"
fleet broken "#7" <a&b>: 2 of 26 hosts (--on far)

pool pool.example
`-- g1  server, stratum s+1  [minpoll 4 maxpoll 6]
    `-- far  client, stratum s+2  [iburst]  ! not allowed
server dc1.example
`-- g1  server, stratum s+1  [prefer port 1123 windows]  (see above)

s: the stratum of the source outside

"##]]
    );
}

#[test]
fn mermaid_dot_and_svg_draw_the_same_part() {
    let graph = part(BROKEN, "db");
    assert_data_eq!(
        graph.mermaid(),
        str![[r##"
---
title: "fleet broken \"#7\" <a&b>: 4 of 26 hosts (--on db)"
---
flowchart TD
    n0["r1<br/>server<br/>! loop: nobody feeds it"]:::trouble
    n1["r2<br/>server<br/>! loop: nobody feeds it"]:::trouble
    n2["db<br/>client<br/>! no path to time"]:::trouble
    n3["alone<br/>client<br/>! follows nobody"]:::trouble
    n1 -->|"iburst"| n0
    n0 --> n1
    n1 -.->|"! not allowed"| n2
    n3 -.->|"! serves no time"| n2
    classDef outside fill:#e8eefc,stroke:#4a6fb5,color:#111
    classDef server fill:#e6f4ea,stroke:#3c7d4f,color:#111
    classDef client fill:#f7f7f7,stroke:#777777,color:#111
    classDef trouble fill:#fdeaea,stroke:#c62828,color:#111
    linkStyle 2,3 stroke:#c62828

"##]]
        .raw()
    );
    assert_data_eq!(
        graph.dot(),
        str![[r##"
digraph time {
    label="fleet broken \"#7\" <a&b>: 4 of 26 hosts (--on db)"; labelloc=t; rankdir=TB; fontname="sans-serif";
    node [shape=box, style="filled,rounded", fontname="sans-serif"];
    edge [fontname="sans-serif", fontsize=10];
    n0 [label="r1\nserver\n! loop: nobody feeds it", fillcolor="#fdeaea", color="#c62828"];
    n1 [label="r2\nserver\n! loop: nobody feeds it", fillcolor="#fdeaea", color="#c62828"];
    n2 [label="db\nclient\n! no path to time", fillcolor="#fdeaea", color="#c62828"];
    n3 [label="alone\nclient\n! follows nobody", fillcolor="#fdeaea", color="#c62828"];
    { rank=same; n0; n1; n3; }
    { rank=same; n2; }
    n1 -> n0 [label="iburst", style=dashed];
    n0 -> n1 [style=dashed];
    n1 -> n2 [label="! not allowed", color="#c62828", fontcolor="#c62828"];
    n3 -> n2 [label="! serves no time", color="#c62828", fontcolor="#c62828"];
}

"##]]
        .raw()
    );
    let svg = graph.svg();
    for word in ["r1", "r2", "db", "alone", "4 of 26 hosts (--on db)"] {
        assert!(svg.contains(word), "{word}: {svg}");
    }
    for word in ["web", "far", "g1", "pool.example", "dc1.example"] {
        assert!(!svg.contains(word), "{word}: {svg}");
    }
}

#[test]
fn all_hosts_selected_are_the_whole_picture_under_another_title() {
    for text in [TWO_TIER, ISOLATED, BROKEN] {
        let (whole, all) = (graph(text), part(text, "*"));
        let body = |graph: &Graph| plain(graph).split_once('\n').unwrap().1.to_owned();
        assert_eq!(body(&whole), body(&all));
        let hosts = whole.hosts();
        assert!(all.title.ends_with(&format!(": {hosts} of {hosts} hosts (--on *)")), "{}", all.title);
    }
}

#[test]
fn an_element_that_matches_nothing_is_an_error() {
    let selection: Selection = "web1".parse().unwrap();
    let error = Graph::new(&inventory(TWO_TIER), Some(&selection)).unwrap_err();
    assert_eq!(error.to_string(), "`web1` matches no host of the inventory; did you mean `web01`?");
}
