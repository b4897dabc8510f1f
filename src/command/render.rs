//! `render`: the files of every host, as apply would write them.

use timefleet_agent::host::desired::{Daemon, Desired};

use super::CommandError;
use crate::cli::RenderArgs;
use crate::render::directory;
use crate::report::quantity::count;

/// `timefleet render`
pub(crate) fn run(args: &RenderArgs) -> Result<u8, CommandError> {
    let inventory = super::checked(&args.inventories)?;
    if let Some(name) = &args.on
        && inventory.host(name).is_none()
    {
        let names = inventory.hosts.iter().map(|host| host.name.as_str());
        return Err(CommandError::NoSuchHost { name: name.clone(), similar: similar(name, names) });
    }
    let wishes = super::wishes_by(&inventory, args.template.as_deref())?;
    let wanted = wishes.iter().filter(|wish| args.on.as_ref().is_none_or(|name| *name == wish.host));
    if let Some(to) = &args.to {
        let hosts = inventory.hosts.iter().map(|host| host.name.as_str()).collect();
        let written = directory::write(to, wanted, &hosts).map_err(CommandError::Write)?;
        for path in &written.left {
            super::remark(&format!("{} belongs to no host any more; it is left there", path.display()));
        }
        let (files, unchanged) = (count(written.written, "file"), written.unchanged);
        super::print(&format!("{}: {files} written, {unchanged} unchanged\n", to.display()))?;
        return Ok(0);
    }
    super::print(&wanted.map(files).collect::<Vec<_>>().join("\n"))?;
    Ok(0)
}

fn similar<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let scored = names.map(|known| (strsim::jaro_winkler(name, known), known));
    let best = scored.filter(|(score, _)| *score > 0.8).max_by(|one, other| one.0.total_cmp(&other.0));
    best.map(|(_, known)| known.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_host_gets_a_suggestion() {
        assert_eq!(similar("wbe01", ["ntp-a", "web01", "db1"].into_iter()), Some("web01".to_owned()));
        assert_eq!(similar("router", ["ntp-a", "web01"].into_iter()), None);
    }
}
