//! Texts that nobody writes by accident: a clear error with a place, soon, and no panic.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::*;

/// Not the limit that is promised (a second, in a release build), but far from what an explosion takes.
const SOON: Duration = Duration::from_secs(20);

fn told_soon(text: &str) -> Vec<String> {
    let begun = Instant::now();
    let told = wrong(text);
    assert!(begun.elapsed() < SOON, "{:?} for {:?}", begun.elapsed(), text.get(..60));
    told
}

#[test]
fn whatever_is_wrong_with_a_text_is_told_with_its_place() {
    let no_fleet = "1:1: the fleet has no name | write `fleet: NAME` at the top of the file";
    let cases: &[(&str, &[&str])] = &[
        ("", &[no_fleet]),
        ("\u{feff}", &[no_fleet]),
        ("# nothing\n", &[no_fleet]),
        ("---\n", &[no_fleet]),
        ("~\n", &[no_fleet]),
        ("fleet: x\nfleet: y\n", &["2:1: `fleet` is written twice here | keep one of them"]),
        (
            "\u{feff}fleet: x\nflet: y\n",
            &["2:1: unknown key `flet` in the inventory | did you mean `fleet`?"],
        ),
        (
            "\u{feff}flet: x\n",
            &[
                "1:1: the fleet has no name | write `fleet: NAME` at the top of the file",
                "1:1: unknown key `flet` in the inventory | did you mean `fleet`?",
            ],
        ),
        (
            "fleet: x\ngroups:\n\tg: { }\n",
            &["3:2: not YAML: tabs disallowed within this context (block indentation) | indent with spaces"],
        ),
        (
            "fleet: x\ngroups: { g: { hosts: { a: { address: 10.0.0.[1:3] } } } }\n",
            &[
                "2:46: not YAML: while parsing a flow mapping, did not find expected ',' or '}' | between braces a text with brackets needs quotes",
            ],
        ),
        ("fleet: x\0\n", &["1:9: not YAML: unexpected character: `\\u{0}'"]),
        ("\0", &["1:1: not YAML: unexpected character: `\\u{0}'"]),
        ("fleet: &a [*a]\n", &["1:12: this alias stands inside what it stands for"]),
        ("fleet: *nobody\n", &["1:8: not YAML: alias references unknown anchor"]),
        (
            "fleet: x\ngroups: { g: { role: client, hosts: { 'h[1:1000000000]': } } }\n",
            &["2:39: this range stands for more than 1000000 hosts"],
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(told_soon(text), *wanted, "{text:?}");
    }
}

#[test]
fn what_is_only_like_a_number_is_told_what_it_lacks() {
    let told = |value: &str| {
        let text = format!("fleet: x\ndefaults: {{ time: {{ cmdport: {value} }} }}\n");
        let told = wrong(&text).remove(0);
        told.split_once(" | ").map_or(String::new(), |(_, help)| help.to_owned())
    };
    for value in ["010", "1_000", "0x1F", "5.0", "+5", "1e2"] {
        assert_eq!(told(value), "write plain decimal digits", "{value}");
    }
    assert_eq!(told("\"123\""), "write it without quotes");
    assert_eq!(told("many"), "");
    assert_eq!(told("70000"), "");
}

#[test]
fn nesting_without_end_ends() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
        for depth in [200, 5_000] {
            let text = format!("fleet: {}{}\n", open.repeat(depth), close.repeat(depth));
            let told = told_soon(&text);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with("1:"), "{told:?}");
            let by_depth = told[0].contains(": nested deeper than 150 levels");
            assert!(by_depth || open == "- " || open == "? ", "{told:?}");
        }
        let block: String = (0..200).map(|depth| format!("{}a:\n", "  ".repeat(depth))).collect();
        assert_eq!(
            told_soon(&block),
            ["151:301: nested deeper than 150 levels | each group inside another takes two levels"]
        );
    }
}

#[test]
fn aliases_that_multiply_are_stopped() {
    let mut laughs = String::from("fleet: x\ndefaults:\n  vars:\n    l0: &l0 ha\n");
    for n in 1..40 {
        writeln!(laughs, "    l{n}: &l{n} [{}]", vec![format!("*l{}", n - 1); 10].join(", ")).unwrap();
    }
    let told = told_soon(&laughs);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].ends_with(
            "the aliases of this file stand for far more than the file itself says | write it out"
        ),
        "{told:?}"
    );
    let mut merges = String::from("fleet: x\ndefaults:\n  vars:\n    m0: &m0 { a: 1 }\n");
    for n in 1..60 {
        writeln!(merges, "    m{n}: &m{n} {{ <<: [*m{}, *m{}], k{n}: 1 }}", n - 1, n - 1).unwrap();
    }
    assert_eq!(told_soon(&merges).len(), 1);
}

#[test]
fn long_words_and_many_mistakes_are_told_all_the_same() {
    let name = "n".repeat(1_000);
    let told = told_soon(&format!("fleet: x\ngroups: {{ {name}: {{ }} }}\n"));
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("2:11: `nnn"), "{:?}", told[0].get(..40));
    let mut many = String::from("fleet: x\ngroups:\n  g:\n    role: client\n    hosts:\n");
    for n in 0..5_000 {
        writeln!(many, "      h{n}: {{ addres: 10.0.0.1 }}").unwrap();
    }
    assert_eq!(told_soon(&many).len(), 5_000);
}

/// A generator of pseudo-random numbers: the same bytes every time, whatever machine it is.
struct Luck(u64);

impl Luck {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// Inventories with everything in them, to be damaged.
const SEEDS: [&str; 4] = [
    include_str!("../../../inventories/two-tier.yaml"),
    include_str!("../../../inventories/isolated.yaml"),
    include_str!("../../../inventories/windows-upstream.yaml"),
    "fleet: x\ninclude: []\ndefaults: &d { vars: { a: '{{ b }}', b: [1, {c: d}] }, time: { extra: ['# {{ a }}'] } }\ngroups: { g: { <<: *d, role: '{{ a }}', children: { k: { hosts: { 'h[01:03]': { address: '10.0.0.[1:3]' } } } } } }\n",
];

/// Pieces that mean something to somebody.
const PIECES: [&str; 24] = [
    "{{", "}}", "{%", "[", "]", "{", "}", ":", "- ", "\n", "\t", "&a ", "*a", "<<: ", "'", "\"", "#", "\0",
    "\u{feff}", "| ", "!!int ", "[1:9]", "\r", "é",
];

#[test]
fn three_thousand_damaged_inventories_are_read_or_refused() {
    let mut luck = Luck(0x5eed_f1ee_7000_0001);
    for round in 0..3_000 {
        let mut bytes = SEEDS[luck.below(SEEDS.len())].as_bytes().to_vec();
        for _ in 0..=luck.below(6) {
            let at = luck.below(bytes.len());
            let end = (at + luck.below(40)).min(bytes.len());
            match luck.below(4) {
                0 => drop(bytes.drain(at..end)),
                1 => drop(bytes.splice(at..at, PIECES[luck.below(PIECES.len())].bytes())),
                2 => bytes[at] = luck.below(256) as u8,
                _ => {
                    let piece = bytes[at..end].to_vec();
                    let to = luck.below(bytes.len());
                    drop(bytes.splice(to..to, piece));
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let files = [file(&text)];
        let checked = crate::lint::check(files.to_vec(), Some(Path::new("/home/me")));
        let lines = text.strip_prefix('\u{feff}').unwrap_or(&text).lines().count().max(1) as u32 + 1;
        for problem in &checked.problems {
            assert!(problem.place.line <= lines, "round {round}: {} of {text:?}", problem.headline());
        }
        checked.print(&mut std::io::sink()).unwrap();
    }
}
