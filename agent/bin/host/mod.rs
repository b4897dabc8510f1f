//! The far end of the controller's conversation.

use std::process::ExitCode;

/// Speaks with the controller on standard input and output.
pub(crate) fn run(ephemeral: bool) -> ExitCode {
    let _ = ephemeral;
    ExitCode::FAILURE
}
