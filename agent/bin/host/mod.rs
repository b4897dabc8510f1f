//! `timefleet-agent host`: the far end of the controller's conversation. One request line on standard input, event
//! lines on standard output, exactly one `Finished`, exit status 0.

mod ask;
mod conversation;
mod facts;
mod linger;
mod own;
mod process;
mod report;
mod services;
mod steps;
mod user;
mod voice;
mod wait;

use std::io::{self, BufRead, Read};
use std::process::ExitCode;

use timefleet_agent::host::message::{Event, Outcome, Request};

use voice::Voice;

/// No wish is larger: a thousand upstreams are 100 KB.
const LONGEST_REQUEST: u64 = 16 << 20;

/// Holds one conversation. With `ephemeral` the executable and its temporary directory are removed first: a host that
/// is only looked at is left as it was.
///
/// Exit status 1 when there was no request, so that nobody takes silence for an answer.
pub(crate) fn run(ephemeral: bool) -> ExitCode {
    let mut voice = Voice::new(io::stdout().lock());
    // The name comes from the executable's bytes, so before it is removed.
    let own =
        own::file_name().and_then(|name| if ephemeral { own::vanish().map(|()| name) } else { Ok(name) });
    let mut line = String::new();
    if !matches!(io::stdin().lock().take(LONGEST_REQUEST).read_line(&mut line), Ok(1..)) {
        return ExitCode::FAILURE;
    }
    let outcome = match (own, serde_json::from_str::<Request>(&line)) {
        (Ok(agent), Ok(request)) => conversation::hold(request, &agent, &home(), &mut voice),
        (Err(error), _) => conversation::failed("facts", error.to_string(), None),
        (_, Err(error)) => broken_request(&error),
    };
    voice.say(&Event::Finished { outcome });
    if voice.is_heard() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn broken_request(error: &serde_json::Error) -> Outcome {
    let hint = "use one build for both ends".to_owned();
    conversation::failed("read the request", format!("it is not a request: {error}"), Some(hint))
}

/// The home directory of the user that the far end runs as.
fn home() -> String {
    let of_user = || nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten();
    std::env::var("HOME")
        .ok()
        .filter(|home| home.starts_with('/'))
        .or_else(|| of_user().map(|user| user.dir.display().to_string()))
        .unwrap_or_else(|| "/".to_owned())
}
