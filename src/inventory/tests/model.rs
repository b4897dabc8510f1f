//! Precedence against a model that a child could follow: walk from the outside in, the last word counts.

use std::fmt::Write;

use proptest::prelude::*;

use super::*;

/// A chain of groups, each with or without a value, and a host at its end.
fn written(layers: &[Option<u16>], host: Option<u16>) -> String {
    let value =
        |value: &Option<u16>| value.map(|port| format!("ssh: {{ port: {port} }}, ")).unwrap_or_default();
    let mut text = String::from("fleet: x\n");
    let mut layers = layers.iter();
    let defaults = layers.next().map(value).unwrap_or_default();
    write!(text, "defaults: {{ {defaults}role: server }}\ngroups: {{ ").unwrap();
    let mut closing = String::from(" }\n");
    let groups: Vec<_> = layers.collect();
    for (depth, layer) in groups.iter().enumerate() {
        write!(text, "g{depth}: {{ {}", value(layer)).unwrap();
        if depth + 1 < groups.len() {
            text += "children: { ";
            closing.insert_str(0, " } }");
        } else {
            write!(text, "hosts: {{ h: {{ {} }} }}", value(&host)).unwrap();
            closing.insert_str(0, " }");
        }
    }
    text + &closing
}

proptest! {
    #[test]
    fn the_innermost_layer_that_speaks_has_the_last_word(
        layers in prop::collection::vec(prop::option::of(1..u16::MAX), 2..12),
        host in prop::option::of(1..u16::MAX),
    ) {
        let inventory = good(&written(&layers, host));
        let mut wanted = None;
        for layer in layers.iter().chain([&host]) {
            if layer.is_some() { wanted = *layer; }
        }
        let resolved = inventory.hosts[0].ssh.port.as_ref().map(|port| port.value);
        prop_assert_eq!(resolved, wanted);
    }

    #[test]
    fn no_text_makes_the_loader_panic(text in "(fleet: x\n)?(groups:\n)?( {0,4}[a-z\\[\\]{}:,&*!|>'\"%@`0-9~-]{0,12}[:\n ]{0,2}){0,12}") {
        if let Err(problems) = load(&[file(&text)], None) {
            let mut printed = Vec::new();
            problem::print(&problems, &[file(&text)], &mut printed).unwrap();
            prop_assert!(!problems.is_empty() && !printed.is_empty());
        }
    }
}
