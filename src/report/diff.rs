//! A plan for a person: what would be done to each host, with the difference in every file.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use timefleet_agent::host::plan::Step;

use super::table::{closing, troubles_of};
use super::{Ending, FleetReport, HostResult};

const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const PLACE: Style = AnsiColor::Cyan.on_default();
const TITLE: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// The whole plan as styled text; write it to a stream that drops styles where they are not wanted.
pub(crate) fn render(report: &FleetReport) -> String {
    let mut text = String::new();
    for host in report.hosts.iter().filter(|host| host.ending == Ending::Done && !host.steps.is_empty()) {
        host_plan(&mut text, host);
    }
    for host in &report.hosts {
        for (cause, next) in troubles_of(report.command, host) {
            push(&mut text, format_args!("{BAD}{}{BAD:#}: {cause}", host.name));
            if let Some(next) = next {
                push(&mut text, format_args!("  next: {next}"));
            }
        }
    }
    // The closing lines bring their own blank line, and need none when nothing stands above.
    text.truncate(text.trim_end_matches('\n').len());
    if !text.is_empty() {
        text.push('\n');
    }
    closing(&mut text, report);
    text.trim_start_matches('\n').to_owned()
}

fn host_plan(text: &mut String, host: &HostResult) {
    push(text, format_args!("{TITLE}{}{TITLE:#} ({})", host.name, host.address));
    for step in &host.steps {
        push(text, format_args!("  {step}"));
        if let Step::Write { diff, .. } = step {
            coloured(text, diff);
        }
    }
    text.push('\n');
}

/// A unified diff, indented.
pub(super) fn coloured(text: &mut String, diff: &str) {
    for line in diff.lines() {
        let style = line_style(line);
        push(text, format_args!("    {style}{line}{style:#}"));
    }
}

fn line_style(line: &str) -> Style {
    match line.as_bytes() {
        [b'@', b'@', ..] => PLACE,
        [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => TITLE,
        [b'+', ..] => ADDED,
        [b'-', ..] => REMOVED,
        _ => Style::new(),
    }
}

/// A line. Writing to a string cannot fail.
fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::super::{Command, example};
    use super::*;

    fn plan(hosts: Vec<HostResult>) -> FleetReport {
        FleetReport::new("plant-7".to_owned(), Command::Plan, String::new(), String::new(), false, hosts)
    }

    #[test]
    fn every_host_shows_its_diff_and_the_sum_comes_last() {
        let report =
            plan(vec![example::synced("web1"), example::set_up("web2"), example::unreachable("web3")]);
        snapbox::assert_data_eq!(
            anstream::adapter::strip_str(&render(&report)).to_string(),
            snapbox::str![[r#"
web2 (10.20.1.1)
  write /etc/timefleet/agent.conf
    @@ -0,0 +1 @@
    +port 0
  start timefleet-agent.service

web3: unreachable (connect): no answer from 10.20.1.9 port 22 within 10 s
  next: is the host up, and does a firewall drop the port?

3 hosts: 1 to change, 1 as wished, 1 unreachable
to be done: 1 write, 1 start, 0 restarts, 2 connections, 2 channels

"#]]
        );
    }

    #[test]
    fn added_lines_are_green_and_removed_ones_red() {
        assert_eq!(line_style("+port 0"), ADDED);
        assert_eq!(line_style("-port 123"), REMOVED);
        assert_eq!(line_style("--- on the host"), TITLE);
        assert_eq!(line_style(" rtcsync"), Style::new());
    }
}
