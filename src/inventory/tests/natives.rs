//! Templates that are one expression keep what it gives; values that are not there are not written.

use super::*;

/// A server `a` whose groups say this.
fn saying(vars: &str, time: &str) -> String {
    format!(
        "fleet: x
defaults:
  vars: {{ {vars} }}
  role: server
  time: {{ {time} }}
groups: {{ g: {{ hosts: {{ a: }} }} }}
"
    )
}

fn extra(vars: &str, lines: &str) -> Vec<String> {
    let inventory = good(&saying(vars, &format!("extra: [{lines}]")));
    inventory.host("a").unwrap().time.extra.iter().map(|line| line.value.clone()).collect()
}

/// What is wrong, and the second place.
fn both_places(text: &str) -> Vec<String> {
    let problems = load(&[file(text)], None).unwrap_err();
    let second = |problem: &Problem| {
        let (place, label) = problem.second.clone()?;
        Some(format!(" | {place}: {label}"))
    };
    problems.iter().map(|problem| problem.headline() + &second(problem).unwrap_or_default()).collect()
}

#[test]
fn a_variable_that_is_one_expression_keeps_its_kind() {
    assert_eq!(
        extra(
            "site: north, isolated: \"{{ site == 'south' }}\", copy: ' {{- isolated -}} '",
            "\"{{ 'wrong' if isolated else 'right' }}\", \"{{ 'wrong' if copy else 'right' }}\", '# {{ isolated }}'"
        ),
        ["right", "right", "# false"]
    );
    assert_eq!(
        extra(
            "n: '{{ 3 }}', dc: { n: 5 }, rack: '{{ dc.n + 1 }}', lst: '{{ [1,2] }}', m: '{{ {\"k\": dc} }}'",
            "'# {{ n == 3 }} {{ rack / 2 }} {{ lst | length }} {{ lst[1] }} {{ m.k.n }}'"
        ),
        ["# true 3.0 2 2 5"]
    );
    // With anything around it, it is a text.
    assert_eq!(
        extra(
            "n: '{{ 3 }}0', two: '{{ 1 }}{{ 2 }}', no: '{{ 1 == 2 }}.'",
            "'# {{ n is string }} {{ two == \"12\" }} {{ no }}'"
        ),
        ["# true true false."]
    );
    // In lists and mappings, too.
    assert_eq!(
        extra("l: ['{{ 1 == 2 }}'], m: { k: '{{ 1 }}' }", "\"# {{ 'x' if l[0] else 'y' }} {{ m.k + 1 }}\""),
        ["# y 2"]
    );
}

#[test]
fn what_a_variable_keeps_is_held_to_the_same_limits() {
    assert_eq!(
        wrong(&saying(
            "v: '{{ [nope] }}', w: '{{ range }}', x: '{{ [''x'' * 60000, ''x'' * 60000] }}'",
            "extra: ['{{ v }}', '{{ w }}', '{{ x }}', '# {{ [nope] }}']"
        )),
        [
            "3:19: `nope` is not defined for host `a` | did you mean `name`?",
            "3:37: this template has no value on host `a`: it is nothing that can be written",
            "3:51: this stands for far more than a value, on host `a` | a value has at most 65536 characters",
            "5:59: `nope` is not defined for host `a` | did you mean `name`?",
        ]
    );
}

#[test]
fn a_variable_without_a_value_is_never_written() {
    let vars = "site: , dc: { ntp: ~, list: [1, null] }";
    let told = |line: &str| both_places(&saying(vars, &format!("extra: [\"{line}\"]")));
    let site = " | fleet.yaml:3:11: written here, without a value";
    let dc = " | fleet.yaml:3:23: written here, without a value";
    for (line, place, name, second) in [
        ("# {{ site }}", "5:25", "site", site),
        ("{{ site }}", "5:23", "site", site),
        ("{{ 'ntp.' ~ site }}", "5:32", "site", site),
        ("# {{ site | upper }}", "5:25", "site", site),
        ("# {{ dc.ntp }}", "5:25", "dc.ntp", dc),
        ("# {{ dc.ntp ~ 1 }}", "5:25", "dc.ntp", dc),
        ("# {{ dc.list | join }}", "5:20", "dc.list[1]", dc),
        ("# {{ none }}", "5:25", "none", ""),
    ] {
        assert_eq!(
            told(line),
            [format!("fleet.yaml:{place}: error: `{name}` has no value on host `a`{second}")],
            "{line}"
        );
    }
}

#[test]
fn whether_a_variable_has_a_value_can_be_asked() {
    assert_eq!(
        extra(
            "site: , dc: { ntp: }",
            "\"# {{ site or 'x' }} {{ site is none }} {{ site == none }} {{ 'a' if site else 'b' }} {{ site | default('d', true) }}\", \
             \"# {{ dc.ntp is none }} {% if dc.ntp %}1{% else %}2{% endif %}\""
        ),
        ["# x true true b d", "# true 2"]
    );
}

#[test]
fn a_number_that_would_be_printed_otherwise_is_told() {
    let help =
        |number: &str, text: &str| format!("write `{number}` for the number, or `\"{text}\"` for a text");
    for (written, printed) in [
        ("0.50", "0.5"),
        ("1.10", "1.1"),
        ("-0", "0"),
        ("+5", "5"),
        ("1e3", "1000.0"),
        (".5", "0.5"),
        ("5.", "5.0"),
    ] {
        let told = |column: &str| {
            vec![format!(
                "3:{column}: `{written}` would become {printed} in a template | {}",
                help(printed, written)
            )]
        };
        assert_eq!(wrong(&saying(&format!("v: {written}"), "")), told("14"));
        assert_eq!(wrong(&saying(&format!("v: [1, {{ k: {written} }}]"), "")), told("23"));
        assert_eq!(extra(&format!("v: '{written}'"), "'# {{ v }}'"), [format!("# {written}")]);
    }
    for written in ["0x10", "18446744073709551615", "1E400", "-1E400"] {
        assert_eq!(
            wrong(&saying(&format!("v: {written}"), "")),
            [format!(
                "3:14: `{written}` is no number that a template knows | write decimal digits, at most 9223372036854775807, \
                 or `\"{written}\"` for a text"
            )]
        );
    }
    assert_eq!(
        extra(
            "a: 1.0, b: 010, c: 1_000, d: 12:30:45, e: -7, f: 0.5, g: \"1E400\"",
            "'# {{ a }} {{ b }} {{ c }} {{ d }} {{ e }} {{ f < 1 }} {{ g }}'"
        ),
        ["# 1.0 010 1_000 12:30:45 -7 true 1E400"]
    );
}

#[test]
fn a_template_stands_for_a_whole_list_or_mapping() {
    let inventory = good(
        "fleet: x
defaults:
  role: server
  vars:
    ups: [{ server: a.example, minpoll: 4 }, { server: '{{ name }}.example', prefer: '{{ 1 == 1 }}' }]
    nets: [10.0.0.0/8, 10.5]
    loc: { stratum: 7, orphan: true }
    limited: true
    lines: ['# {{ name }}', maxupdateskew 5]
    one: { pool: p.example }
  time: { upstreams: '{{ ups }}', allow: '{{ nets }}', local: { stratum: '{{ 3 }}', distance: 0.5 }, ratelimit: '{{ limited }}', extra: '{{ lines }}' }
groups:
  g: { time: { local: '{{ loc }}' }, hosts: { a: , b: { vars: { nets: [] } }, c: , d: { time: { upstreams: ['{{ one }}', { server: s }] } } } }
",
    );
    let time = |name: &str| &inventory.host(name).unwrap().time;
    let servers = |name: &str| -> Vec<(UpstreamFrom, bool, Option<i8>)> {
        let upstreams = time(name).upstreams.iter();
        upstreams.map(|upstream| (upstream.from.clone(), upstream.prefer, upstream.minpoll)).collect()
    };
    let server = |name: &str| UpstreamFrom::Server(name.to_owned());
    assert_eq!(servers("a"), [(server("a.example"), false, Some(4)), (server("a.example"), true, None)]);
    assert_eq!(servers("b"), [(server("a.example"), false, Some(4)), (server("b.example"), true, None)]);
    assert_eq!(
        servers("d"),
        [(UpstreamFrom::Pool("p.example".to_owned()), false, None), (server("s"), false, None)]
    );
    let allowed = |name: &str| -> Vec<String> {
        time(name).allow.iter().map(|network| network.value.to_string()).collect()
    };
    assert_eq!(
        (allowed("a"), allowed("b")),
        (vec!["10.0.0.0/8".to_owned(), "10.5.0.0/16".to_owned()], vec![])
    );
    let local = time("a").local.as_ref().unwrap();
    // The keys of the mapping lie over those of outer layers.
    assert_eq!(
        (local.stratum, local.orphan, local.distance.map(|distance| distance.0)),
        (7, true, Some(0.5))
    );
    assert!(time("a").ratelimit.is_some());
    let extra: Vec<&str> = time("c").extra.iter().map(|line| line.value.as_str()).collect();
    assert_eq!(extra, ["# c", "maxupdateskew 5"]);
}

#[test]
fn a_list_where_a_single_value_belongs_is_told() {
    assert_eq!(
        wrong(&saying(
            "a: 1",
            "upstreams: '{{ a }}', allow: ['{{ [1] }}'], minsources: '{{ [1] }}', local: '{{ {\"stratun\": 1} }}'"
        )),
        [
            "5:22: `time.upstreams` must be a list | write `['{{ a }}']`",
            "5:41: an item of `time.allow` must be an address or a network | for example `10.20.0.0/16`",
            "5:67: `time.minsources` must be a whole number from 1 to 1000, not `'{{ [1] }}'`",
            "5:87: unknown key `stratun` in `time.local` | did you mean `stratum`?",
        ]
    );
}

#[test]
fn what_comes_out_is_read_as_if_it_had_been_written_there() {
    assert_eq!(
        wrong(&saying(
            "z: '010', one: '1_000', t: 12:30",
            "cmdport: '{{ z }}', maxdistance: '{{ z }}', port: '{{ one }}', minsources: '{{ t }}', bound: '+{{ 1_0 }}x'"
        )),
        [
            "5:20: `time.cmdport` must be a whole number from 0 to 65535, not `010` | write plain decimal digits",
            "5:44: `time.maxdistance` must be a number of seconds from 0.000001 to 1000000, not `010` | write plain decimal digits",
            "5:61: `time.port` must be a whole number from 1 to 65535, not `1_000` | write plain decimal digits",
            "5:86: `time.minsources` must be a whole number from 1 to 1000, not `12:30` | write plain decimal digits",
            "5:104: `time.bound` must be a number of seconds from 0.000001 to 1000000, not `+10x` | write plain decimal digits",
        ]
    );
    let inventory = good(&saying(
        "z: 10",
        "cmdport: '{{ z }}', maxdistance: ' {{ z }} ', port: '1{{ z }}', bound: '0.{{ z }}'",
    ));
    let time = &inventory.host("a").unwrap().time;
    assert_eq!((*time.cmdport, *time.port, time.bound.value.0), (10, 110, 0.1));
}

#[test]
fn what_is_sliced_is_found() {
    assert_eq!(
        extra(
            "site: north, l: [a, b, c]",
            "'{{ name[0:1] }}-{{ site[1:] }}', '{{ site[:2] }}', '{{ l[1:] | join }}', \"{% for x in l[::2] %}{{ x ~ ':' }}{% endfor %}\""
        ),
        ["a-orth", "no", "bc", "a:c:"]
    );
}

#[test]
fn what_is_not_there_is_named_whole_and_once() {
    let text = |line: &str| {
        format!(
            "fleet: x
defaults: {{ role: client, vars: {{ dc: {{ ntq: 1 }} }}, time: {{ extra: [\"{line}\"] }} }}
groups: {{ g: {{ hosts: {{ a: {{ vars: {{ dc: {{ ntq: 2 }} }} }} }} }} }}
"
        )
    };
    for (line, told) in [
        ("{{ dc.ntp[0] }}", "2:73: `dc.ntp` is not defined for host `a` | did you mean `ntq`?"),
        ("# {{ dc.ntp.x }}", "2:75: `dc.ntp` is not defined for host `a` | did you mean `ntq`?"),
        ("# {{ dc.other }}", "2:75: `dc.other` is not defined for host `a` | known are ntq"),
        (
            "# {{ missing.x[0] }}",
            "2:75: `missing` is not defined for host `a` | known are name, address, fleet, role, dc",
        ),
    ] {
        assert_eq!(wrong(&text(line)), [told], "{line}");
    }
}
