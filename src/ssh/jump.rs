//! Jump hosts: `[user@]host[:port]`, a comma-separated list of them, nearest first (ssh(1), `-J`).

use super::error::SshError;

/// One stop of a route, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) user: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

/// Reads a route; `none` is the empty one.
///
/// # Errors
/// [`SshError::JumpSyntax`].
pub(super) fn route(text: &str) -> Result<Vec<Stop>, SshError> {
    if text.trim().eq_ignore_ascii_case("none") {
        return Ok(Vec::new());
    }
    text.split(',').map(|stop| read(stop.trim())).collect()
}

fn read(text: &str) -> Result<Stop, SshError> {
    let wrong = |cause| SshError::JumpSyntax { text: text.to_owned(), cause };
    let rest = text.strip_prefix("ssh://").unwrap_or(text);
    let (user, rest) = match rest.rsplit_once('@') {
        Some(("", _)) => return Err(wrong("no user before the @")),
        Some((user, rest)) => (Some(user.to_owned()), rest),
        None => (None, rest),
    };
    let (host, port) = match rest.strip_prefix('[') {
        Some(bracketed) => {
            let (host, after) = bracketed.split_once(']').ok_or_else(|| wrong("a [ without its ]"))?;
            match after {
                "" => (host, None),
                after => (host, Some(after.strip_prefix(':').ok_or_else(|| wrong("no : after the ]"))?)),
            }
        }
        // Two colons or more are an IPv6 address without a port.
        None => match rest.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (rest, None),
        },
    };
    if host.is_empty() {
        return Err(wrong("no host"));
    }
    let port = port
        .map(|port| {
            port.parse().ok().filter(|port| *port != 0).ok_or_else(|| wrong("the port is not 1 to 65535"))
        })
        .transpose()?;
    Ok(Stop { user, host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(user: Option<&str>, host: &str, port: Option<u16>) -> Stop {
        Stop { user: user.map(str::to_owned), host: host.into(), port }
    }

    #[test]
    fn a_route_is_read_nearest_first() {
        let stops = route("ops@gate:2222, inner,[2001:db8::1]:22,2001:db8::2,ssh://a@b").unwrap();
        let expected = [
            stop(Some("ops"), "gate", Some(2222)),
            stop(None, "inner", None),
            stop(None, "2001:db8::1", Some(22)),
            stop(None, "2001:db8::2", None),
            stop(Some("a"), "b", None),
        ];
        assert_eq!(stops, expected);
        assert_eq!(route("none").unwrap(), []);
    }

    #[test]
    fn a_wrong_route_says_what_is_wrong() {
        let cause = |text: &str| route(text).unwrap_err().to_string();
        assert_eq!(cause("gate:99999"), "jump host `gate:99999`: the port is not 1 to 65535");
        assert_eq!(cause("a,,b"), "jump host ``: no host");
        assert_eq!(cause("@gate"), "jump host `@gate`: no user before the @");
        assert_eq!(cause("[::1"), "jump host `[::1`: a [ without its ]");
    }
}
