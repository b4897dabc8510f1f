//! `list`: who is in an inventory.

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::CommandError;
use crate::cli::{ListArgs, ListOutput};
use crate::inventory::problem::visible;
use crate::inventory::selection::Selection;
use crate::inventory::{Host, Inventory};
use crate::report::quantity::count;

/// Version of the JSON face; new fields may appear at any time.
const VERSION: u32 = 1;
/// Blanks between columns.
const GAP: u16 = 2;

/// `timefleet list`
pub(crate) fn run(args: &ListArgs) -> Result<u8, CommandError> {
    let inventory = super::loaded(&args.inventories)?;
    let hosts = Selection::hosts(args.on.as_ref(), &inventory)?;
    let text = match args.output {
        // comfy-table asks the terminal, and says nothing where there is none.
        ListOutput::Table => table(&inventory, &hosts, Table::new().width()),
        ListOutput::Json => serde_json::to_string_pretty(&List::of(&inventory, &hosts))? + "\n",
        ListOutput::Names => hosts.iter().map(|host| format!("{}\n", host.name)).collect(),
    };
    super::print(&text)?;
    Ok(0)
}

#[derive(Serialize)]
struct List<'i> {
    version: u32,
    fleet: &'i str,
    hosts: Vec<Row<'i>>,
    groups: Vec<Members<'i>>,
}

#[derive(Serialize)]
struct Row<'i> {
    name: &'i str,
    role: &'static str,
    address: &'i str,
    /// Outermost first.
    groups: Vec<&'i str>,
    /// `file:line:column` of its own line.
    place: String,
}

/// A group and those of its hosts that are listed.
#[derive(Serialize)]
struct Members<'i> {
    name: &'i str,
    hosts: Vec<&'i str>,
}

impl<'i> List<'i> {
    fn of(inventory: &'i Inventory, hosts: &[&'i Host]) -> Self {
        let listed: std::collections::HashSet<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
        let members = |group: &'i crate::inventory::Group| Members {
            name: &group.name,
            hosts: inventory
                .members(&group.name)
                .map(|host| host.name.as_str())
                .filter(|name| listed.contains(name))
                .collect(),
        };
        Self {
            version: VERSION,
            fleet: &inventory.fleet.value,
            hosts: hosts.iter().map(|host| row(host)).collect(),
            groups: inventory.groups.iter().map(members).filter(|group| !group.hosts.is_empty()).collect(),
        }
    }
}

fn row(host: &Host) -> Row<'_> {
    Row {
        name: &host.name,
        role: host.role.word(),
        address: &host.address.value,
        groups: host.groups.iter().map(String::as_str).collect(),
        place: host.place.to_string(),
    }
}

fn table(inventory: &Inventory, hosts: &[&Host], width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty();
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["HOST", "ROLE", "ADDRESS", "GROUPS"]);
    for row in hosts.iter().map(|host| row(host)) {
        table.add_row([row.name, row.role, row.address, &row.groups.join(", ")]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let groups = inventory.groups.len();
    let of = if hosts.len() == inventory.hosts.len() {
        count(hosts.len(), "host")
    } else {
        format!("{} of {}", hosts.len(), count(inventory.hosts.len(), "host"))
    };
    text + &format!("\nfleet {}: {of} in {}\n", visible(&inventory.fleet.value), count(groups, "group"))
}
