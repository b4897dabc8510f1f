//! `render`: the files of every host, as apply would write them.

use timefleet_agent::host::desired::{Daemon, Desired};

use super::CommandError;
use crate::cli::RenderArgs;
use crate::inventory::selection::Selection;

/// `timefleet render`
pub(crate) fn run(args: &RenderArgs) -> Result<u8, CommandError> {
    let inventory = super::checked(&args.inventories)?;
    let wanted = Selection::hosts(args.on.as_ref(), &inventory)?;
    let wishes = super::wishes(&inventory, &wanted)?;
    super::print(&wishes.iter().map(files).collect::<Vec<_>>().join("\n"))?;
    Ok(0)
}

/// Each file under a line that says whose it is; that line is a comment in both kinds of files.
fn files(wish: &Desired) -> String {
    let host = &wish.host;
    match &wish.daemon {
        Daemon::AgentSystemd { layout, unit_file, unit, .. } => {
            format!("# {host}: {}\n{}\n# {host}: {unit_file}\n{unit}", layout.config, wish.config)
        }
        Daemon::AgentProcess { layout, .. } => format!("# {host}: {}\n{}", layout.config, wish.config),
        Daemon::Chronyd => format!("# {host}: chronyd's own configuration file\n{}", wish.config),
    }
}
