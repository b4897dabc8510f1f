//! `lab`: the main job on a fleet on this machine. The same path as any apply, with an inventory of our own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::CommandError;
use super::fleet::{Options, run as roll_out, show};
use crate::agents::Agents;
use crate::cli::LabArgs;
use crate::inventory::{InputFile, Inventory};
use crate::lab::{self, Lab};
use crate::lint;
use crate::report::{Command, FleetReport};
use crate::rollout::Stop;

/// What problems call the inventory that the program carries.
const NAME: &str = "inventories/lab.yaml";

/// `timefleet lab`
pub(crate) fn run(args: &LabArgs) -> Result<u8, CommandError> {
    let inventory = inventory()?;
    let runtime = tokio::runtime::Runtime::new().map_err(CommandError::Runtime)?;
    runtime.block_on(async {
        let mut lab = lab::start(&inventory.hosts).await?;
        let shown = visit(&mut lab, inventory, args).await;
        // Whatever came of it: nothing stays behind.
        lab.stop().await?;
        shown
    })
}

async fn visit(lab: &mut Lab, inventory: Inventory, args: &LabArgs) -> Result<u8, CommandError> {
    let report = lab.unless_interrupted(apply(inventory)).await.ok_or(CommandError::Interrupted)??;
    show(&report, args.output)?;
    if args.keep {
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("timefleet"));
        super::print(&format!("\n{}", lab.instructions(&program)))?;
        lab.interrupted().await;
    }
    Ok(report.exit_code)
}

async fn apply(inventory: Inventory) -> Result<FleetReport, CommandError> {
    let (_nobody, stop) = watch::channel(Stop::Not);
    let options = Options {
        command: Command::Apply,
        forks: 64,
        connect: Duration::from_secs(10),
        wait: Duration::from_secs(60),
        agents: Arc::new(Agents::carried()),
        on: None,
    };
    roll_out(inventory, &options, stop).await
}

fn inventory() -> Result<Inventory, CommandError> {
    let file = InputFile { name: NAME.to_owned(), text: lab::INVENTORY.to_owned() };
    let checked = lint::check(vec![file], super::home().as_deref());
    let _ = checked.print(&mut anstream::stderr().lock());
    let (errors, warnings) = (checked.errors(), checked.warnings());
    checked.inventory.ok_or(CommandError::Input { errors, warnings, files: NAME.to_owned() })
}
