//! What the daemon may do: started by root, it becomes its own user and keeps the right to set the clock and to bind
//! ports below 1024; nothing else.
//!
//! All of it happens once, before the first socket and before the first thread: capabilities, the scheduler and the
//! filter of system calls belong to a thread, and only threads that are started later inherit them. Root makes the
//! directories; everything in them the daemon opens as its user, so that it can do so again after HUP. What it is left
//! with are ambient capabilities, which the same program keeps when it starts itself again.
//!
//! Without `user`, `-m`, `-P` and `-F` no system call is made here.

use nix::errno::Errno;
use nix::unistd::{geteuid, setgroups, setresgid, setresuid};
use timefleet_agent::config::Config;

use crate::account::{Account, AccountError};
use crate::args::Options;
use crate::paths::NoHome;
use crate::places::Places;
use crate::syscall_filter::{self, Level};

/// Numbers of capabilities(7).
const CAP_NET_BIND_SERVICE: u32 = 10;
const CAP_SYS_TIME: u32 = 25;
/// More than any kernel knows.
const MOST_CAPABILITIES: libc::c_ulong = 64;
/// `_LINUX_CAPABILITY_VERSION_3` of linux/capability.h: two words of 32 capabilities.
const CAPABILITY_VERSION: u32 = 0x2008_0522;

/// The daemon cannot run as it was told to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrivilegesError {
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error("only root can become the user '{0}'; start it as root, or with -U to stay who you are")]
    NotRoot(String),
    #[error("cannot become the user '{user}': {doing}: {source}")]
    Drop { user: String, doing: &'static str, source: Errno },
    #[error(transparent)]
    Home(#[from] NoHome),
}

/// Settles what this process may do; returns what could not be had and is not worth an end.
pub(crate) fn settle(options: &Options, config: &Config) -> Result<Vec<String>, PrivilegesError> {
    let mut warnings = Vec::new();
    let priority = options.priority.unwrap_or(config.sched_priority);
    if priority > 0
        && let Err(error) = run_before_others(priority)
    {
        warnings.push(format!(
            "cannot run with the real-time priority {priority}: {error}; it needs CAP_SYS_NICE or LimitRTPRIO"
        ));
    }
    let account = match options.user.as_ref().or(config.user.as_ref()) {
        Some(name) => other_user(name, options.any_user)?,
        None => None,
    };
    if (options.lock_memory || config.lock_all)
        && let Err(error) = lock_memory(account.is_none() && geteuid().is_root())
    {
        warnings.push(format!(
            "cannot lock memory: {error}; it needs LimitMEMLOCK=infinity, or CAP_SYS_RESOURCE and CAP_IPC_LOCK"
        ));
    }
    if let Some(account) = account {
        if !options.once {
            Places::of(options, config)?.make(&account);
        }
        become_user(&account, !options.leave_clock)?;
    }
    if let Some(level) = Level::of(options.filter)
        && let Err(error) = syscall_filter::install(level)
    {
        warnings.push(format!("system calls are not filtered: {error}"));
    }
    Ok(warnings)
}

/// Gives up every capability: for short-lived children that need none. What cannot be given up was not there.
pub(crate) fn renounce() {
    let _ = prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong);
    let _ = set_capabilities(0);
}

/// Whom to become; `None` when we are that already, or are to stay who we are.
fn other_user(name: &str, any_user: bool) -> Result<Option<Account>, PrivilegesError> {
    let (account, own) = (Account::find(name)?, geteuid());
    match (account.uid == own, own.is_root()) {
        (true, _) => Ok(None),
        (false, true) => Ok(Some(account)),
        (false, false) if any_user => Ok(None),
        (false, false) => Err(PrivilegesError::NotRoot(name.to_owned())),
    }
}

/// From root to the user. The order is the kernel's: the bounding set and the groups while we may still change them,
/// capabilities over the change of the user by PR_SET_KEEPCAPS, ambient ones last.
fn become_user(account: &Account, sets_clock: bool) -> Result<(), PrivilegesError> {
    let failed = |doing| {
        let user = account.name.clone();
        move |source| PrivilegesError::Drop { user, doing, source }
    };
    let wanted = 1 << CAP_NET_BIND_SERVICE | if sets_clock { 1 << CAP_SYS_TIME } else { 0 };
    // Containers often leave root without the clock; that is told when the clock is looked at.
    let kept = wanted & permitted_capabilities().map_err(failed("reading the capabilities"))?;
    shrink_bounding_set(kept);
    prctl(libc::PR_SET_KEEPCAPS, 1).map_err(failed("keeping capabilities"))?;
    setgroups(&account.groups).map_err(failed("setting the groups"))?;
    setresgid(account.gid, account.gid, account.gid).map_err(failed("setting the group"))?;
    setresuid(account.uid, account.uid, account.uid).map_err(failed("setting the user"))?;
    set_capabilities(kept).map_err(failed("setting the capabilities"))?;
    for capability in members(kept) {
        raise_ambient(capability).map_err(failed("keeping capabilities over a reload"))?;
    }
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1).map_err(failed("renouncing new privileges"))
}

fn members(set: u64) -> impl Iterator<Item = libc::c_ulong> {
    (0..MOST_CAPABILITIES).filter(move |capability| set >> capability & 1 == 1)
}

/// What is not in it can never come back. Without CAP_SETPCAP it stays as it is, and so does what others set up for us.
fn shrink_bounding_set(kept: u64) {
    for capability in members(!kept) {
        if prctl(libc::PR_CAPBSET_DROP, capability).is_err() {
            // EINVAL: beyond the kernel's last one. EPERM: not for us.
            break;
        }
    }
}

fn raise_ambient(capability: libc::c_ulong) -> Result<(), Errno> {
    let (raise, none): (libc::c_ulong, libc::c_ulong) = (libc::PR_CAP_AMBIENT_RAISE as libc::c_ulong, 0);
    // SAFETY: takes numbers only.
    let result = unsafe { libc::prctl(libc::PR_CAP_AMBIENT, raise, capability, none, none) };
    Errno::result(result).map(drop)
}

/// An operation of prctl(2) with one number; the others must be zero.
fn prctl(operation: libc::c_int, value: libc::c_ulong) -> Result<(), Errno> {
    const NONE: libc::c_ulong = 0;
    // SAFETY: takes numbers only.
    let result = unsafe { libc::prctl(operation, value, NONE, NONE, NONE) };
    Errno::result(result).map(drop)
}

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: libc::c_int,
}

/// Thirty-two capabilities in each set.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityWord {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

unsafe extern "C" {
    // In every libc of Linux, though not in the crate libc.
    fn capset(header: *mut CapabilityHeader, words: *const CapabilityWord) -> libc::c_int;
    fn capget(header: *mut CapabilityHeader, words: *mut CapabilityWord) -> libc::c_int;
}

/// Effective, permitted and inheritable alike.
fn set_capabilities(set: u64) -> Result<(), Errno> {
    let mut header = CapabilityHeader { version: CAPABILITY_VERSION, pid: 0 };
    let words = [set as u32, (set >> 32) as u32];
    let words = words.map(|word| CapabilityWord { effective: word, permitted: word, inheritable: word });
    // SAFETY: a header of version 3 takes two words, which live through the call.
    Errno::result(unsafe { capset(&mut header, words.as_ptr()) }).map(drop)
}

fn permitted_capabilities() -> Result<u64, Errno> {
    let mut header = CapabilityHeader { version: CAPABILITY_VERSION, pid: 0 };
    let mut words = [CapabilityWord::default(); 2];
    // SAFETY: a header of version 3 gives two words, which live through the call.
    Errno::result(unsafe { capget(&mut header, words.as_mut_ptr()) })?;
    let [low, high] = words;
    Ok(u64::from(low.permitted) | u64::from(high.permitted) << 32)
}

/// `-P`: SCHED_FIFO for this thread and those that it starts.
fn run_before_others(priority: u8) -> Result<(), Errno> {
    // SAFETY: sched_param is a plain C struct of numbers; all zeros is a valid value of each.
    let mut parameter: libc::sched_param = unsafe { std::mem::zeroed() };
    parameter.sched_priority = priority.into();
    // Of the thread: musl has no sched_setscheduler(2).
    // SAFETY: the pointer lives through the call.
    match unsafe { libc::pthread_setschedparam(libc::pthread_self(), libc::SCHED_FIFO, &parameter) } {
        0 => Ok(()),
        error => Err(Errno::from_raw(error)),
    }
}

/// `-m`: what is in memory stays there, and so does what comes later. The limit goes first: below one, who is not root
/// would be refused the memory that is needed later.
fn lock_memory(stays_root: bool) -> Result<(), Errno> {
    let limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the pointer lives through the call.
    let raised = Errno::result(unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) });
    if !stays_root {
        raised?;
    }
    // SAFETY: takes numbers only.
    Errno::result(unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) }).map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{ForkResult, fork};

    use super::*;

    #[test]
    fn sets_are_bits() {
        assert_eq!(members(1 << CAP_SYS_TIME | 1 << CAP_NET_BIND_SERVICE).collect::<Vec<_>>(), [10, 25]);
        assert_eq!(members(!0).count(), 64);
    }

    #[test]
    fn the_clock_and_low_ports_are_kept_and_nothing_else() {
        let could = permitted_capabilities().unwrap();
        if !geteuid().is_root() || could >> CAP_NET_BIND_SERVICE & 1 == 0 {
            eprintln!("left out: only root becomes somebody else");
            return;
        }
        let place = tempfile::tempdir().unwrap();
        let account = Account::find("nobody").unwrap();
        for (name, sets_clock) in [("steers", true), ("watches", false)] {
            let path = place.path().join(name);
            let mut file = std::fs::File::create(&path).unwrap();
            // SAFETY: of the parent's threads the child needs none; what it allocates glibc has made ready for it.
            match unsafe { fork() }.unwrap() {
                ForkResult::Parent { child } => {
                    assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0)))
                }
                ForkResult::Child => {
                    let done = become_user(&account, sets_clock).is_ok()
                        && std::fs::read("/proc/self/status")
                            .is_ok_and(|status| file.write_all(&status).is_ok());
                    // SAFETY: ends this process at once.
                    unsafe { libc::_exit(i32::from(!done)) }
                }
            }
            let clock = if sets_clock { could & 1 << CAP_SYS_TIME } else { 0 };
            let kept = format!("{:016x}", clock | 1 << CAP_NET_BIND_SERVICE);
            let status = std::fs::read_to_string(&path).unwrap();
            for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
                assert!(
                    status.contains(&format!("{set}:\t{kept}\n")),
                    "{name}: {set} is not {kept}\n{status}"
                );
            }
        }
    }

    #[test]
    fn who_is_root_already_stays_root_and_who_is_not_is_told() {
        if geteuid().is_root() {
            assert_eq!(other_user("root", false).unwrap(), None);
            assert_eq!(
                other_user("nobody", false).unwrap().map(|account| account.name),
                Some("nobody".to_owned())
            );
        } else {
            assert_eq!(
                other_user("root", false).unwrap_err().to_string(),
                "only root can become the user 'root'; start it as root, or with -U to stay who you are"
            );
            assert_eq!(other_user("root", true).unwrap(), None);
        }
    }
}
