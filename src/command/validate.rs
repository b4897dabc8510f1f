//! `validate`: everything that can be said of inventories without touching a host.

use std::path::PathBuf;

use super::CommandError;
use crate::cli::ValidateArgs;
use crate::inventory::Inventory;
use crate::report::quantity::count;

/// `timefleet validate`
pub(crate) fn run(args: &ValidateArgs) -> Result<u8, CommandError> {
    if args.together {
        return one(&args.inventories).map(|()| 0);
    }
    let mut worst = Ok(0);
    for path in &args.inventories {
        if let Err(error) = one(std::slice::from_ref(path)) {
            // Every file is checked; the last error is the command's, the others are said here.
            if let Err(before) = std::mem::replace(&mut worst, Err(error)) {
                super::complain(&before);
            }
        }
    }
    worst
}

/// Checks files as one inventory, rendering included: what the agent's own parser would refuse is found here.
fn one(paths: &[PathBuf]) -> Result<(), CommandError> {
    let (inventory, warnings) = super::checked_with_warnings(paths)?;
    super::renders(&inventory)?;
    let names = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    super::print(&format!("{names}: {}\n", good(&inventory, warnings)))
}

fn good(inventory: &Inventory, warnings: usize) -> String {
    let hosts = count(inventory.hosts.len(), "host");
    let groups = count(inventory.groups.len(), "group");
    let verdict = if warnings == 0 { "no problems".to_owned() } else { count(warnings, "warning") };
    format!("fleet {}, {hosts} in {groups}, {verdict}", inventory.fleet.value)
}
