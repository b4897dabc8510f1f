//! Precedence against a model that a child could follow: walk from the outside in, the last word counts.

use std::fmt::Write;

use proptest::prelude::*;

use super::*;

/// What one layer says: a port for SSH, and a variable.
#[derive(Clone, Debug, Default)]
struct Words {
    port: Option<u16>,
    site: Option<u16>,
    /// A template that uses the variable, with a number of the layer's own.
    line: Option<u16>,
}

impl Words {
    fn any() -> impl Strategy<Value = Self> {
        (prop::option::of(1..u16::MAX), prop::option::of(0..9u16), prop::option::of(0..9u16))
            .prop_map(|(port, site, line)| Self { port, site, line })
    }

    fn written(&self) -> String {
        let mut text = String::new();
        if let Some(port) = self.port {
            write!(text, "ssh: {{ port: {port} }}, ").unwrap();
        }
        if let Some(site) = self.site {
            write!(text, "vars: {{ site: s{site} }}, ").unwrap();
        }
        if let Some(line) = self.line {
            write!(text, "time: {{ extra: ['# {line} {{{{ site }}}}'] }}, ").unwrap();
        }
        text
    }
}

/// A chain of groups, each with or without a value, and a host at its end.
fn written(layers: &[Words], host: &Words) -> String {
    let mut text = String::from("fleet: x\n");
    let mut layers = layers.iter();
    let defaults = layers.next().map(Words::written).unwrap_or_default();
    write!(text, "defaults: {{ {defaults}role: server }}\ngroups: {{ ").unwrap();
    let mut closing = String::from(" }\n");
    let groups: Vec<_> = layers.collect();
    for (depth, layer) in groups.iter().enumerate() {
        write!(text, "g{depth}: {{ {}", layer.written()).unwrap();
        if depth + 1 < groups.len() {
            text += "children: { ";
            closing.insert_str(0, " } }");
        } else {
            write!(text, "hosts: {{ h: {{ {} }} }}", host.written()).unwrap();
            closing.insert_str(0, " }");
        }
    }
    text + &closing
}

/// The last of the layers that says something.
fn last<T: Copy>(layers: &[Words], host: &Words, of: fn(&Words) -> Option<T>) -> Option<T> {
    let mut wanted = None;
    for layer in layers.iter().chain([host]) {
        if let Some(value) = of(layer) {
            wanted = Some(value);
        }
    }
    wanted
}

/// The extra line that the host must have: `Err` where the variable is nowhere.
fn line(layers: &[Words], host: &Words) -> Result<Vec<String>, ()> {
    match (last(layers, host, |words| words.line), last(layers, host, |words| words.site)) {
        (None, _) => Ok(vec![]),
        (Some(line), Some(site)) => Ok(vec![format!("# {line} s{site}")]),
        (Some(_), None) => Err(()),
    }
}

proptest! {
    #[test]
    fn the_innermost_layer_that_speaks_has_the_last_word(
        layers in prop::collection::vec(Words::any(), 2..12),
        host in Words::any(),
    ) {
        let text = written(&layers, &host);
        match (load(&[file(&text)], None), line(&layers, &host)) {
            (Ok(inventory), Ok(extra)) => {
                let host_read = &inventory.hosts[0];
                let port = host_read.ssh.port.as_ref().map(|port| port.value);
                prop_assert_eq!(port, last(&layers, &host, |words| words.port));
                let lines: Vec<String> = host_read.time.extra.iter().map(|line| line.value.clone()).collect();
                prop_assert_eq!(lines, extra);
            }
            (Err(problems), Err(())) => {
                let headline = problems[0].headline();
                prop_assert!(headline.contains("`site` is not defined for host `h`"), "{}", headline);
            }
            (read, wanted) => prop_assert!(false, "{text}\n{:?}\nwanted {wanted:?}", read.map(|read| read.hosts)),
        }
    }

    #[test]
    fn explain_names_the_layers_that_speak_and_the_innermost_first(
        layers in prop::collection::vec(Words::any(), 2..8),
        mut host in Words::any(),
    ) {
        host.site = Some(0);
        let files: Vec<InputFile> = [file(&written(&layers, &host))].to_vec();
        let (_, explanation) = load_and_explain(&files.into(), None, Some("h")).unwrap();
        let explanation = explanation.unwrap().only("ssh.port").unwrap();
        let story = &explanation.keys[0];
        let mut told: Vec<u64> = std::iter::once(&story.word).chain(&story.shadows).filter_map(|word| word.value.as_u64()).collect();
        told.reverse();
        let said: Vec<u64> = layers.iter().chain([&host]).filter_map(|words| words.port).map(u64::from).collect();
        prop_assert_eq!(told, said);
    }

    #[test]
    fn a_fleet_cut_into_files_is_the_same_fleet(
        groups in prop::collection::vec((Words::any(), 1..5usize), 1..8),
        files in prop::collection::vec(0..4usize, 8),
        defaults in Words::any(),
    ) {
        let defaults = Words { site: Some(1), ..defaults };
        let group = |number: usize, (words, hosts): &(Words, usize)| {
            format!("  g{number}: {{ {}hosts: {{ 'h{number}-[1:{hosts}]': }} }}\n", words.written())
        };
        let head = format!("fleet: x\ndefaults: {{ {}role: client }}\n", defaults.written());
        let whole: String = groups.iter().enumerate().map(|(number, words)| group(number, words)).collect();
        let whole = load(&[file(&format!("{head}groups:\n{whole}"))], None).unwrap();

        let directory = tempfile::tempdir().unwrap();
        let mut texts = vec![String::new(); 4];
        for (number, words) in groups.iter().enumerate() {
            texts[files[number]] += &group(number, words);
        }
        let mut names = Vec::new();
        for (number, text) in texts.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            let name = format!("{number}.yaml");
            std::fs::write(directory.path().join(&name), format!("groups:\n{text}")).unwrap();
            names.push(name);
        }
        let path = directory.path().join("main.yaml");
        std::fs::write(&path, format!("{head}include: [{}]\n", names.join(", "))).unwrap();
        let cut = load_inputs(&Inputs::read(&[path]).unwrap(), None).unwrap();
        let of = |inventory: &Inventory| {
            let mut hosts: Vec<_> = inventory.hosts.iter().map(|host| {
                let extra: Vec<String> = host.time.extra.iter().map(|line| line.value.clone()).collect();
                (host.name.clone(), host.groups.to_vec(), host.ssh.port.as_ref().map(|port| port.value), extra)
            }).collect();
            hosts.sort();
            hosts
        };
        prop_assert_eq!(of(&whole), of(&cut));
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
