//! `graph`: who gets the time from whom.

use std::io::Write;

use super::CommandError;
use crate::cli::{GraphArgs, GraphOutput};
use crate::graph::Graph;
use crate::lint;
use crate::report::quantity::errors_and_warnings;

/// `timefleet graph`
pub(crate) fn run(args: &GraphArgs) -> Result<u8, CommandError> {
    let files = args.inventories.iter().map(|path| super::read(path)).collect::<Result<Vec<_>, _>>()?;
    let names = files.iter().map(|file| file.name.clone()).collect::<Vec<_>>();
    let checked = lint::check(files, super::home().as_deref());
    let (errors, warnings) = (checked.errors(), checked.warnings());
    // Whoever closed standard error does not want to know.
    let Some(inventory) = checked.inventory.as_ref().or(checked.refused.as_ref()) else {
        let _ = checked.print(&mut anstream::stderr().lock());
        return Err(CommandError::Input { errors, warnings, files: names.join(", ") });
    };
    let graph = Graph::new(inventory);
    match args.output {
        GraphOutput::Text => super::print(&graph.text())?,
        GraphOutput::Mermaid => super::print_exactly(&graph.mermaid())?,
        GraphOutput::Dot => super::print_exactly(&graph.dot())?,
        GraphOutput::Svg => super::print_exactly(&graph.svg())?,
    }
    if errors + warnings > 0 {
        let found = errors_and_warnings(errors, warnings);
        let hint = format!("{found}: `timefleet validate {}` tells more", names.join(" "));
        let _ = writeln!(anstream::stderr().lock(), "{hint}");
    }
    Ok(0)
}
