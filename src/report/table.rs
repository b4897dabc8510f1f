//! The fleet report for a person: the worst first, one row a host, then what to do, then the numbers.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use timefleet_agent::host::plan::Step;
use timefleet_agent::report::{ClockControl, Drift};

use super::quantity::{count, signed, span};
use super::verdict::{ClockState, Verdict, verdict};
use super::words::{drift_in_short, steps_in_short};
use super::{Command, Ending, FleetReport, HostResult, Subset};

/// Names of clients shown for a server; the JSON face has all.
const CLIENTS_SHOWN: usize = 8;
/// Hosts named in a remark that holds for many.
const HOSTS_SHOWN: usize = 5;

const BAD: Style = AnsiColor::Red.on_default().bold();
const TITLE: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The whole report as styled text; write it to a stream that drops styles where they are not wanted.
///
/// `width`: columns of the terminal; `None` = as wide as it gets (files and pipes).
pub(crate) fn render(report: &FleetReport, width: Option<u16>) -> String {
    let mut hosts: Vec<&HostResult> = report.hosts.iter().collect();
    hosts.sort_by_key(|host| (verdict(report.command, host), Reverse(badness(host)), host.wave));
    let mut text = table(report.command, &hosts, width);
    troubles(&mut text, report.command, &hosts);
    remarks(&mut text, report.command, &report.hosts);
    closing(&mut text, report);
    text
}

/// The last lines of every face for people: what came of the fleet, and what was done to it.
pub(super) fn closing(text: &mut String, report: &FleetReport) {
    if report.interrupted {
        push(text, format_args!("{BAD}interrupted{BAD:#}: hosts that are `not started` were not touched"));
    }
    if let Some(Subset { on, left_out: left_out @ 1.. }) = &report.subset {
        let verb = if *left_out == 1 { "was" } else { "were" };
        push(text, format_args!("\n{} outside `--on {on}` {verb} not touched", count(*left_out, "host")));
    }
    let [fleet, work] = report.summary.lines(report.command);
    push(text, format_args!("\n{fleet}\n{work}"));
}

/// Within one verdict: no conversation before a failed step, an unsynchronised clock before one out of bounds.
fn badness(host: &HostResult) -> (u8, ClockState) {
    let ending = match host.ending {
        Ending::Done => 0,
        Ending::NotStarted => 1,
        Ending::Refused { .. } => 2,
        Ending::Failed { .. } => 3,
        Ending::Unreachable { .. } => 4,
    };
    (ending, host.state)
}

/// Columns that give way on a narrow terminal, the first to go first: what a host is called, how its clock stands and
/// what was done to it stay.
const DISPENSABLE: [&str; 6] = ["REACH", "ROLE", "STRATUM", "OFFSET", "SOURCE", "BOUND"];
/// Blanks between columns.
const GAP: u16 = 2;

fn table(command: Command, hosts: &[&HostResult], width: Option<u16>) -> String {
    let change = if command == Command::Audit { "DRIFT" } else { "CHANGED" };
    let titles = ["HOST", "ROLE", "STATE", "STRATUM", "SOURCE", "OFFSET", "BOUND", "REACH", change];
    let rows: Vec<[Cell; 9]> = hosts.iter().map(|host| row(command, host)).collect();
    let mut dropped = 0;
    let mut table = loop {
        let (gone, _) = DISPENSABLE.split_at_checked(dropped).unwrap_or((&DISPENSABLE, &[]));
        let table = lay_out(&titles, &rows, gone);
        let fits = width.is_none_or(|width| natural_width(&table) <= usize::from(width));
        if fits || dropped >= DISPENSABLE.len() {
            break table;
        }
        dropped += 1;
    };
    if let Some(width) = width.filter(|&width| natural_width(&table) > usize::from(width)) {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    let mut lines = table.lines();
    let titles = lines.next().unwrap_or_default();
    let mut text = format!("{TITLE}{}{TITLE:#}\n", titles.trim_end());
    for line in lines {
        push(&mut text, format_args!("{}", line.trim_end()));
    }
    text
}

fn lay_out(titles: &[&str], rows: &[[Cell; 9]], gone: &[&str]) -> Table {
    let stays = |column: usize| titles.get(column).is_some_and(|title| !gone.contains(title));
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty().enforce_styling();
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(titles.iter().filter(|title| !gone.contains(title)));
    for row in rows {
        table.add_row(
            row.iter().enumerate().filter(|(column, _)| stays(*column)).map(|(_, cell)| cell.clone()),
        );
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    table
}

fn natural_width(table: &Table) -> usize {
    let columns = table.column_max_content_widths();
    let gaps = columns.len().saturating_sub(1) * usize::from(GAP);
    columns.iter().map(|&column| usize::from(column)).sum::<usize>() + gaps
}

fn row(command: Command, host: &HostResult) -> [Cell; 9] {
    let tracking = host.report.as_ref().and_then(|report| report.tracking.as_ref());
    let dash = || "-".to_owned();
    let known = tracking.filter(|tracking| tracking.is_synchronised());
    // Positive = the clock is ahead, as in chronyc's `sources`; `correction` counts the other way.
    let offset = known.filter(|tracking| !tracking.is_local()).map_or_else(dash, |t| signed(-t.correction));
    let source = match host.state {
        ClockState::Local => "own clock".to_owned(),
        _ => host.source.clone().unwrap_or_else(dash),
    };
    let bound = host.error_bound.map_or_else(dash, |error| format!("{}/{}", span(error), span(host.bound)));
    let change = match (command, &host.report) {
        (Command::Audit, report) => report.as_ref().map_or_else(dash, |report| drift_in_short(&report.drift)),
        _ => steps_in_short(&host.steps),
    };
    [
        Cell::new(&host.name),
        Cell::new(&host.role),
        state_cell(command, host),
        Cell::new(tracking.map_or_else(dash, |tracking| tracking.stratum.to_string())),
        Cell::new(source),
        Cell::new(offset),
        Cell::new(bound),
        Cell::new(reach(host).unwrap_or_else(dash)),
        Cell::new(change),
    ]
}

fn state_cell(command: Command, host: &HostResult) -> Cell {
    let cell = Cell::new(state_word(host));
    match verdict(command, host) {
        Verdict::Failed => cell.fg(Color::DarkRed).add_attribute(Attribute::Bold),
        Verdict::ClockOff => cell.fg(Color::DarkRed),
        Verdict::Differs => cell.fg(Color::DarkYellow),
        Verdict::Good => cell.fg(Color::DarkGreen),
    }
}

fn state_word(host: &HostResult) -> &'static str {
    match &host.ending {
        Ending::Done => host.state.word(),
        Ending::Refused { .. } => "refused",
        Ending::Failed { .. } => "failed",
        Ending::Unreachable { .. } => "unreachable",
        Ending::NotStarted => "not started",
    }
}

/// The last eight polls of the followed source (else of the one that answers most), octal as in chronyc.
fn reach(host: &HostResult) -> Option<String> {
    let sources = &host.report.as_ref()?.sources;
    let best = sources.iter().max_by_key(|source| (source.state == '*', source.reach.count_ones()))?;
    Some(format!("{:o}", best.reach))
}

/// For each troubled host its cause and the next step, the worst first.
fn troubles(text: &mut String, command: Command, hosts: &[&HostResult]) {
    let mut first = true;
    for host in hosts {
        let lines = troubles_of(command, host);
        if lines.is_empty() {
            continue;
        }
        if std::mem::take(&mut first) {
            text.push('\n');
        }
        let style = if verdict(command, host) == Verdict::Good { Style::new() } else { BAD };
        for (cause, next) in lines {
            push(text, format_args!("{style}{}{style:#}: {cause}", host.name));
            if let Some(next) = next {
                push(text, format_args!("  {DIM}next:{DIM:#} {next}"));
            }
        }
        edits(text, host);
    }
}

/// What is different in files that somebody changed.
fn edits(text: &mut String, host: &HostResult) {
    for drift in host.report.iter().flat_map(|report| &report.drift) {
        if let Drift::Changed { diff, .. } = drift {
            super::diff::coloured(text, diff);
        }
    }
}

/// Causes, each with what to do about it. The cause of the ending comes first; the doctor knows the rest.
pub(super) fn troubles_of(command: Command, host: &HostResult) -> Vec<(String, Option<String>)> {
    let mut lines = Vec::new();
    match &host.ending {
        Ending::Done | Ending::NotStarted => {}
        Ending::Refused { cause, .. } => lines.push((format!("refused: {cause}"), None)),
        Ending::Failed { step, cause, hint } => {
            lines.push((format!("failed at `{step}`: {cause}"), hint.clone()));
        }
        Ending::Unreachable { step, cause, hint } => {
            lines.push((format!("unreachable ({step}): {cause}"), hint.clone()));
        }
    }
    let refused = matches!(host.ending, Ending::Refused { .. });
    for diagnosis in &host.diagnoses {
        let next = match &diagnosis.place {
            Some(place) => format!("{} ({place})", diagnosis.cure),
            None => diagnosis.cure.clone(),
        };
        match lines.first_mut() {
            // The refusal has named the rival already: only the cure is news.
            Some((_, missing @ None)) if refused && diagnosis.rule == "rival" => *missing = Some(next),
            _ => lines.push((format!("{}: {}", state_word(host), diagnosis.cause), Some(next))),
        }
    }
    if lines.is_empty() && host.ending == Ending::Done {
        lines.extend(undiagnosed(command, host));
    }
    lines.dedup();
    lines
}

/// Even what the doctor does not recognise is told.
fn undiagnosed(command: Command, host: &HostResult) -> Option<(String, Option<String>)> {
    let drifts = || {
        let drift = &host.report.as_ref()?.drift;
        let words: Vec<_> = drift.iter().map(super::words::drift).collect();
        (!words.is_empty()).then(|| words.join("; "))
    };
    match verdict(command, host) {
        Verdict::Good => None,
        Verdict::Differs if command == Command::Plan => None,
        Verdict::Differs => {
            Some((format!("drifted: {}", drifts()?), Some("`timefleet apply` makes it so again".to_owned())))
        }
        Verdict::Failed | Verdict::ClockOff => {
            let unanswered = host.report.as_ref().and_then(|report| report.unanswered.first().cloned());
            Some((
                format!(
                    "{}: {}",
                    state_word(host),
                    unanswered.unwrap_or_else(|| "no cause is known".to_owned())
                ),
                None,
            ))
        }
    }
}

/// What holds beside the table: who asks each server, whose clock nobody steers, what was taken over.
fn remarks(text: &mut String, command: Command, hosts: &[HostResult]) {
    let mut lines = Vec::new();
    for host in hosts {
        match &host.asked_by {
            // A server's turn was before its clients': that nobody has asked yet is no news.
            Some(asked_by) if !(asked_by.is_empty() && command == Command::Apply) => {
                lines.push(asked(&host.name, asked_by));
            }
            _ => {}
        }
    }
    let mut alone: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for host in hosts {
        let running = host.report.as_ref().and_then(|report| report.running.as_ref());
        if let Some(ClockControl::LeftAlone { reason }) = running.map(|running| &running.clock) {
            alone.entry(reason).or_default().push(&host.name);
        }
    }
    for (reason, names) in alone {
        lines.push(format!("clock left alone on {}: {reason}", named(&names, HOSTS_SHOWN)));
    }
    for host in hosts {
        for step in &host.steps {
            if let Step::StopRival { unit } = step {
                lines.push(format!("{}: {unit} was stopped and disabled (take_over)", host.name));
            }
        }
    }
    if !lines.is_empty() {
        push(text, format_args!("\n{}", lines.join("\n")));
    }
}

fn asked(server: &str, clients: &[String]) -> String {
    match clients {
        [] => format!("{server} was asked by nobody yet"),
        clients => {
            let names: Vec<&str> = clients.iter().map(String::as_str).collect();
            format!(
                "{server} was asked by {}: {}",
                count(clients.len(), "client"),
                named(&names, CLIENTS_SHOWN)
            )
        }
    }
}

/// `a, b, c and 12 more`
fn named(names: &[&str], shown: usize) -> String {
    let rest = names.len().saturating_sub(shown);
    let head: Vec<&str> = names.iter().copied().take(shown).collect();
    if rest == 0 { head.join(", ") } else { format!("{} and {rest} more", head.join(", ")) }
}

/// A line. Writing to a string cannot fail.
fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    fn plain(report: &FleetReport, width: Option<u16>) -> String {
        anstream::adapter::strip_str(&render(report, width)).to_string()
    }

    fn fleet(command: Command, hosts: Vec<HostResult>) -> FleetReport {
        FleetReport::new("plant-7".to_owned(), command, String::new(), String::new(), false, hosts)
    }

    #[test]
    fn a_troubled_fleet_is_read_in_one_look() {
        snapbox::assert_data_eq!(
            plain(&example::troubled_fleet(), None),
            snapbox::str![[r#"
HOST   ROLE    STATE           STRATUM  SOURCE     OFFSET   BOUND       REACH  CHANGED
web4   client  unreachable     -        -          -        -           -      -
db1    client  failed          -        -          -        -           -      -
web3   client  unsynchronised  0        -          -        -           0      -
web2   client  synced          11       ntp-a      +1.5 us  402 us/3 s  377    -
ntp-a  server  local           10       own clock  -        0 ns/3 s    -      -
web1   client  synced          11       ntp-a      +1.5 us  402 us/3 s  377    -
db2    client  synced          11       ntp-a      +1.5 us  402 us/3 s  377    1 write, start

web4: unreachable (connect): no answer from 10.20.1.9 port 22 within 10 s
  next: is the host up, and does a firewall drop the port?
db1: failed at `write /etc/timefleet/agent.conf`: no space left on device
  next: free some space in /etc; the file there is as before
web3: unsynchronised: ntp-b answers as not synchronised (stratum 0), so it cannot be followed
  next: give the `time` of ntp-b `local: { stratum: 10, orphan: true, distance: 0.1 }` (plant.yaml:12:7)
web2: drifted: /etc/timefleet/agent.conf was changed
  next: `timefleet apply` makes it so again
    --- on the host
    +++ in the inventory
    @@ -1 +1 @@
    -maxdistance 3
    +maxdistance 16

ntp-a was asked by 2 clients: web1, 10.20.9.9

7 hosts: 1 local, 3 synced, 1 unsynchronised, 1 failed, 1 unreachable
done: 1 write, 1 start, 0 restarts, agent pushed to 1 host, 5 connections, 5 channels

"#]]
        );
    }

    #[test]
    fn a_narrow_terminal_gets_fewer_columns_and_no_broken_words() {
        let head = |width: u16| {
            let text = plain(&example::troubled_fleet(), Some(width));
            text.lines().take(3).collect::<Vec<_>>().join("\n")
        };
        snapbox::assert_data_eq!(
            [80, 60, 40].map(head).join("\n\n"),
            snapbox::str![[r#"
HOST   STATE           STRATUM  SOURCE     OFFSET   BOUND       CHANGED
web4   unreachable     -        -          -        -           -
db1    failed          -        -          -        -           -

HOST   STATE           SOURCE     BOUND       CHANGED
web4   unreachable     -          -           -
db1    failed          -          -           -

HOST   STATE           CHANGED
web4   unreachable     -
db1    failed          -
"#]]
        );
    }

    #[test]
    fn an_untouched_fleet_is_all_good_news() {
        let hosts = vec![example::local("ntp-a"), example::synced("web1")];
        snapbox::assert_data_eq!(
            plain(&fleet(Command::Audit, hosts), None),
            snapbox::str![[r#"
HOST   ROLE    STATE   STRATUM  SOURCE     OFFSET   BOUND       REACH  DRIFT
ntp-a  server  local   10       own clock  -        0 ns/3 s    -      -
web1   client  synced  11       ntp-a      +1.5 us  402 us/3 s  377    -

ntp-a was asked by 2 clients: web1, 10.20.9.9

2 hosts: 1 local, 1 synced
nothing was changed: 2 connections, 2 channels

"#]]
        );
    }

    #[test]
    fn a_terminal_s_width_is_kept() {
        let text = plain(&example::troubled_fleet(), Some(72));
        let table = text.split("\n\n").next().unwrap();
        let widest = table.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 72, "{widest} columns:\n{table}");
    }

    #[test]
    fn a_refusal_is_one_line_with_its_cure() {
        let refused = HostResult {
            ending: Ending::Refused {
                rivals: vec!["chrony.service".into()],
                cause: "chrony.service keeps the time here".into(),
            },
            diagnoses: vec![crate::doctor::Diagnosis {
                rule: "rival".into(),
                cause: "chrony.service keeps the time of this host".into(),
                cure: "set `take_over: true`".into(),
                place: Some("plant.yaml:4:9".into()),
            }],
            report: None,
            ..example::synced("web1")
        };
        assert_eq!(
            troubles_of(Command::Apply, &refused),
            [(
                "refused: chrony.service keeps the time here".to_owned(),
                Some("set `take_over: true` (plant.yaml:4:9)".to_owned())
            )]
        );
    }
}
