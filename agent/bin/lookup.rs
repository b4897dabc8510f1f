//! One name lookup with the system's resolver, which reads /etc/hosts, asks DNS and whatever else the host has.

use std::ffi::{CStr, CString};
use std::io::Write;
use std::net::IpAddr;
use std::process::ExitCode;

use nix::sys::socket::{SockaddrLike, SockaddrStorage};
use timefleet_agent::config::Family;

use crate::privileges;
use crate::socket::to_socket_addr;

/// `resolve NAME [4|6]`: an address a line and exit 0, or the reason and exit 1, both on standard output.
pub(crate) fn run(name: &str, family: Option<Family>) -> ExitCode {
    // The host's own modules are loaded here, and answers from the network are read: with no right to the clock.
    privileges::renounce();
    let (text, code) = match addresses(name, family) {
        Ok(found) => (found.iter().map(|address| format!("{address}\n")).collect(), ExitCode::SUCCESS),
        Err(reason) => (format!("{reason}\n"), ExitCode::FAILURE),
    };
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => code,
        Err(_) => ExitCode::FAILURE,
    }
}

/// All addresses of a name, the best first; with a family, the other one is not even asked for.
pub(crate) fn addresses(name: &str, family: Option<Family>) -> Result<Vec<IpAddr>, String> {
    let c_name = CString::new(name).map_err(|_| format!("'{name}' is not a name"))?;
    // SAFETY: addrinfo is a plain C struct; all zeros (and null pointers) is how hints are meant to begin.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_socktype = libc::SOCK_DGRAM;
    hints.ai_family = match family {
        None => libc::AF_UNSPEC,
        Some(Family::V4) => libc::AF_INET,
        Some(Family::V6) => libc::AF_INET6,
    };
    let mut list: *mut libc::addrinfo = std::ptr::null_mut();
    // SAFETY: name and hints live through the call, and `list` is only used after success.
    let code = unsafe { libc::getaddrinfo(c_name.as_ptr(), std::ptr::null(), &hints, &mut list) };
    if code != 0 {
        return Err(reason(code));
    }
    let mut found = Vec::new();
    let mut next = list;
    // SAFETY: after success `list` is a chain of valid entries that ends with a null pointer.
    while let Some(entry) = unsafe { next.as_ref() } {
        // SAFETY: the entry's address has the length that stands beside it.
        let address = unsafe { SockaddrStorage::from_raw(entry.ai_addr, Some(entry.ai_addrlen)) };
        if let Some(address) = address.as_ref().and_then(to_socket_addr)
            && !found.contains(&address.ip())
        {
            found.push(address.ip());
        }
        next = entry.ai_next;
    }
    // SAFETY: the chain came from getaddrinfo and nothing of it is used any more.
    unsafe { libc::freeaddrinfo(list) };
    if found.is_empty() { Err("the name has no address".to_owned()) } else { Ok(found) }
}

fn reason(code: libc::c_int) -> String {
    if code == libc::EAI_SYSTEM {
        return std::io::Error::last_os_error().to_string();
    }
    // SAFETY: gai_strerror returns a string that lives as long as the program.
    unsafe { CStr::from_ptr(libc::gai_strerror(code)) }.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_in_one_family_only() {
        assert_eq!(addresses("localhost", Some(Family::V4)), Ok(vec!["127.0.0.1".parse().unwrap()]));
        assert!(addresses("localhost", None).unwrap().iter().all(IpAddr::is_loopback));
    }

    #[test]
    fn what_does_not_exist_has_a_reason() {
        let reason = addresses("no-such-host.invalid", None).unwrap_err();
        assert!(!reason.is_empty());
        assert_eq!(addresses("nul\0byte", None), Err("'nul\0byte' is not a name".to_owned()));
    }
}
