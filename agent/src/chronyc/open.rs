//! Which requests the words of `opencommands` open over UDP.

use crate::config::OpenCommand;

/// May a host that is allowed to ask read this over UDP?
pub(super) fn is_open(open: &[OpenCommand], request: u16) -> bool {
    open.iter().any(|command| requests(*command).contains(&request))
}

/// Reports about sources begin with the number of sources (14).
fn requests(command: OpenCommand) -> &'static [u16] {
    match command {
        OpenCommand::Activity => &[44],
        OpenCommand::Authdata => &[14, 67],
        OpenCommand::Clients => &[68],
        OpenCommand::Manual => &[41],
        OpenCommand::Ntpdata => &[14, 57],
        OpenCommand::Rtcdata => &[35],
        OpenCommand::Selectdata => &[14, 69],
        OpenCommand::Serverstats => &[54],
        OpenCommand::Smoothing => &[51],
        OpenCommand::Sourcename => &[65],
        OpenCommand::Sources => &[14, 15],
        OpenCommand::Sourcestats => &[14, 34],
        OpenCommand::Tracking => &[33],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chronyc::wire::{Class, Request};

    #[test]
    fn what_is_usual_is_what_chrony_opens_by_default() {
        for number in 0..75 {
            let by_class = Request::rule(number).is_some_and(|rule| rule.class == Class::Open);
            assert_eq!(is_open(&OpenCommand::USUAL, number), by_class, "request {number}");
        }
    }
}
