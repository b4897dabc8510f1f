//! `explain`: where a host's values come from.

use std::path::PathBuf;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::CommandError;
use crate::cli::{ExplainArgs, Output};
use crate::inventory::explain::{Explanation, Layer, Word};
use crate::inventory::problem::visible;
use crate::inventory::show::flow;
use crate::inventory::{self, Inputs, Inventory};

/// Version of the JSON face; new fields may appear at any time.
const VERSION: u32 = 1;
/// Blanks between columns.
const GAP: u16 = 2;

/// `timefleet explain`
pub(crate) fn run(args: &ExplainArgs) -> Result<u8, CommandError> {
    let (inventories, host, key) = arguments(args)?;
    let inputs = Inputs::read(&inventories)?;
    let home = super::home();
    // The rules are not asked: somebody who explains a value may be after the cause of a finding.
    let (inventory, explanation) = inventory::load_and_explain(&inputs, home.as_deref(), Some(host))
        .map_err(|problems| super::refused(&problems, &inputs, &inventories))?;
    let explanation = explanation.ok_or_else(|| no_host(host, &inventory))?;
    let explanation = match key {
        Some(key) => {
            let known: Vec<String> = explanation.keys.iter().map(|story| story.key.clone()).collect();
            explanation.only(key).ok_or_else(|| no_key(key, &known))?
        }
        None => explanation,
    };
    let text = match args.output {
        Output::Json => {
            serde_json::to_string_pretty(&Face { version: VERSION, explanation: &explanation })? + "\n"
        }
        // comfy-table asks the terminal, and says nothing where there is none.
        Output::Table => table(&explanation, Table::new().width()),
    };
    super::print(&text)?;
    Ok(0)
}

#[derive(Serialize)]
struct Face<'e> {
    version: u32,
    #[serde(flatten)]
    explanation: &'e Explanation,
}

/// `INVENTORY HOST [KEY]`, or with `-i`: `HOST [KEY]`.
fn arguments(args: &ExplainArgs) -> Result<(Vec<PathBuf>, &str, Option<&str>), CommandError> {
    let words: Vec<&str> = args.words.iter().map(String::as_str).collect();
    match (args.inventories.as_slice(), words.as_slice()) {
        ([], [inventory, host]) => Ok((vec![PathBuf::from(inventory)], host, None)),
        ([], [inventory, host, key]) => Ok((vec![PathBuf::from(inventory)], host, Some(key))),
        ([_, ..], [host]) => Ok((args.inventories.clone(), host, None)),
        ([_, ..], [host, key]) => Ok((args.inventories.clone(), host, Some(key))),
        _ => Err(CommandError::ExplainWhat),
    }
}

fn no_host(name: &str, inventory: &Inventory) -> CommandError {
    let names = inventory.hosts.iter().map(|host| host.name.as_str());
    let similar = inventory::near(name, names);
    CommandError::Unknown { what: "host in the inventory called", name: name.to_owned(), similar }
}

fn no_key(key: &str, known: &[String]) -> CommandError {
    let similar = inventory::near(key, known.iter().map(String::as_str));
    CommandError::Unknown { what: "key", name: key.to_owned(), similar }
}

fn table(explanation: &Explanation, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty();
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["KEY", "VALUE", "FROM", "PLACE"]);
    for story in &explanation.keys {
        table.add_row(row(&story.key, &story.word));
        for word in &story.shadows {
            table.add_row(row("  shadows", word));
        }
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    let mut text = format!("{} ({})", explanation.host, explanation.place);
    if !explanation.groups.is_empty() {
        text += &format!(", in {}", explanation.groups.join(", "));
    }
    text += "\n\n";
    for line in table.lines() {
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn row(key: &str, word: &Word) -> [String; 4] {
    let value = if word.value.is_null() { "-".to_owned() } else { visible(&flow(&word.value)).into_owned() };
    let from = match &word.layer {
        Layer::Host => "host".to_owned(),
        Layer::Group(name) => format!("group {name}"),
        Layer::Defaults => "defaults".to_owned(),
        Layer::Program if key.starts_with("ssh.") && word.value.is_null() => {
            "your SSH configuration".to_owned()
        }
        Layer::Program => "default".to_owned(),
    };
    [key.to_owned(), value, from, word.place.clone().unwrap_or_else(|| "-".to_owned())]
}
