//! `render`: the files of every host, as apply would write them.

use timefleet_agent::host::desired::{Daemon, Desired};

use super::CommandError;
use crate::cli::RenderArgs;
use crate::inventory::selection::Selection;
use crate::render::directory;
use crate::report::quantity::count;

/// `timefleet render`
pub(crate) fn run(args: &RenderArgs) -> Result<u8, CommandError> {
    let inventory = super::checked(&args.inventories)?;
    let wanted = Selection::hosts(args.on.as_ref(), &inventory)?;
    let wishes = super::wishes_by(&inventory, &wanted, args.template.as_deref())?;
    if let Some(to) = &args.to {
        let hosts = inventory.hosts.iter().map(|host| host.name.as_str()).collect();
        let written = directory::write(to, wishes.iter(), &hosts).map_err(CommandError::Write)?;
        for path in &written.left {
            super::remark(&format!("{} belongs to no host any more; it is left there", path.display()));
        }
        let (files, unchanged) = (count(written.written, "file"), written.unchanged);
        super::print(&format!("{}: {files} written, {unchanged} unchanged\n", to.display()))?;
        return Ok(0);
    }
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
