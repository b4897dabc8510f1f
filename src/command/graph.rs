//! `graph`: who gets the time from whom.

use std::io::Write;

use super::CommandError;
use crate::cli::{GraphArgs, GraphOutput};
use crate::graph::Graph;
use crate::inventory::Inputs;
use crate::lint;
use crate::report::quantity::errors_and_warnings;

/// `timefleet graph`
pub(crate) fn run(args: &GraphArgs) -> Result<u8, CommandError> {
    let checked = lint::check(Inputs::read(&args.inventories)?, super::home().as_deref());
    let (errors, warnings) = (checked.errors(), checked.warnings());
    // Whoever closed standard error does not want to know.
    let Some(inventory) = checked.inventory.as_ref().or(checked.refused.as_ref()) else {
        let _ = checked.print(&mut anstream::stderr().lock());
        return Err(CommandError::Input { errors, warnings, files: super::names(&args.inventories) });
    };
    let graph = Graph::new(inventory, args.on.as_ref())?;
    match args.output {
        GraphOutput::Text => super::print(&graph.text())?,
        GraphOutput::Mermaid => super::print_exactly(&graph.mermaid())?,
        GraphOutput::Dot => super::print_exactly(&graph.dot())?,
        GraphOutput::Svg => super::print_exactly(&graph.svg())?,
    }
    if errors + warnings > 0 {
        let found = errors_and_warnings(errors, warnings);
        let words: Vec<String> = args.inventories.iter().map(|path| path.display().to_string()).collect();
        let hint = format!("{found}: `timefleet validate {}` tells more", words.join(" "));
        let _ = writeln!(anstream::stderr().lock(), "{hint}");
    }
    Ok(0)
}
