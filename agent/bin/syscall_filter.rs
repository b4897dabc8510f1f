//! `-F`: a filter of system calls, so that whoever takes the daemon over by a hostile datagram cannot do much with it.
//!
//! A small program of our own for seccomp(2), in the kernel's classic BPF: compare the number with each entry of a
//! table, two instructions an entry. Children and the program after a reload inherit it, so the table holds what they
//! need too: name service modules, and everything of a start.

use nix::errno::Errno;

mod table;

/// What is let through, and what happens to the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    kind: Kind,
    /// SIGSYS, which can be caught and leaves a core, instead of an end without appeal.
    signals: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Only what the daemon needs.
    Needed,
    /// All but what no daemon of this kind needs.
    Harmless,
}

/// There is no filter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilterError {
    #[error("there is no table of them for this processor")]
    Processor,
    #[error("the kernel refuses the filter: {0}")]
    Kernel(#[from] Errno),
}

impl Level {
    /// chronyd's `-F`; `None` = no filter.
    pub(crate) fn of(number: i8) -> Option<Self> {
        let kind = match number.abs() {
            0 => return None,
            1 => Kind::Needed,
            _ => Kind::Harmless,
        };
        Some(Self { kind, signals: number < 0 })
    }

    /// For a call that is not let through.
    fn verdict(self) -> u32 {
        if self.signals { libc::SECCOMP_RET_TRAP } else { libc::SECCOMP_RET_KILL_PROCESS }
    }
}

/// Installs it for this thread and all that come after it.
pub(crate) fn install(level: Level) -> Result<(), FilterError> {
    let program = program(level).ok_or(FilterError::Processor)?;
    enforce(&program)?;
    Ok(())
}

fn enforce(program: &[libc::sock_filter]) -> Result<(), Errno> {
    const NONE: libc::c_ulong = 0;
    let len = program.len().try_into().map_err(|_| Errno::E2BIG)?;
    // The kernel reads the program, though the struct asks for a mutable pointer.
    let bpf = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    let (on, mode): (libc::c_ulong, libc::c_ulong) = (1, libc::SECCOMP_MODE_FILTER.into());
    // Whoever is not root must promise this first.
    // SAFETY: takes numbers only.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, on, NONE, NONE, NONE) })?;
    // SAFETY: the program lives through the call, and its length is the slice's.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &bpf) }).map(drop)
}

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

fn program(level: Level) -> Option<Vec<libc::sock_filter>> {
    let audit = table::AUDIT_ARCH?;
    let (numbers, listed, rest) = match level.kind {
        Kind::Needed => (table::NEEDED, libc::SECCOMP_RET_ALLOW, level.verdict()),
        Kind::Harmless => (table::HARMFUL, level.verdict(), libc::SECCOMP_RET_ALLOW),
    };
    let mut program =
        vec![load(ARCHITECTURE), unless(libc::BPF_JEQ, audit), end(level.verdict()), load(NUMBER)];
    // Bit 30 marks calls of x32, whose numbers mean something else; nothing here makes any.
    program.extend([if_then(libc::BPF_JGE, table::X32), end(level.verdict())]);
    for number in numbers {
        program.extend([if_then(libc::BPF_JEQ, u32::try_from(*number).ok()?), end(listed)]);
    }
    if level.kind == Kind::Needed {
        // A later libc tries later calls first and falls back when there are none.
        program.extend([
            if_then(libc::BPF_JGE, table::LATER),
            end(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
        ]);
    }
    program.push(end(rest));
    Some(program)
}

fn load(offset: u32) -> libc::sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

/// The next instruction only if the comparison holds.
fn if_then(comparison: u32, value: u32) -> libc::sock_filter {
    instruction(libc::BPF_JMP | comparison | libc::BPF_K, 0, 1, value)
}

/// The next instruction only if the comparison does not hold.
fn unless(comparison: u32, value: u32) -> libc::sock_filter {
    instruction(libc::BPF_JMP | comparison | libc::BPF_K, 1, 0, value)
}

fn end(verdict: u32) -> libc::sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, verdict)
}

fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::Signal;
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{ForkResult, fork};

    use super::*;

    /// How a child ends that installs the filter and then makes a call.
    fn ending(level: i8, call: fn() -> bool) -> WaitStatus {
        let program = program(Level::of(level).unwrap()).unwrap();
        // SAFETY: the child only makes system calls before it ends.
        match unsafe { fork() }.unwrap() {
            ForkResult::Parent { child } => waitpid(child, None).unwrap(),
            ForkResult::Child => {
                let code = match enforce(&program) {
                    Err(_) => 2,
                    Ok(()) => i32::from(!call()),
                };
                // SAFETY: ends this process at once.
                unsafe { libc::_exit(code) }
            }
        }
    }

    fn ends_well(status: WaitStatus) -> bool {
        matches!(status, WaitStatus::Exited(_, 0))
    }

    fn is_killed(status: WaitStatus) -> bool {
        matches!(status, WaitStatus::Signaled(_, Signal::SIGSYS, _))
    }

    // SAFETY of all: each takes numbers and null pointers, and is meant to be refused or to do nothing.
    fn traces_a_process() -> bool {
        // SAFETY: see above.
        unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) == 0 }
    }
    fn makes_a_link() -> bool {
        // SAFETY: see above.
        unsafe { libc::link(c"".as_ptr(), c"".as_ptr()) == -1 }
    }
    fn asks_for_its_number() -> bool {
        // SAFETY: see above.
        unsafe { libc::getppid() > 0 }
    }
    fn calls_what_came_later() -> bool {
        // SAFETY: see above; no kernel has this one.
        unsafe { libc::syscall(999) == -1 && *libc::__errno_location() == libc::ENOSYS }
    }

    #[test]
    fn only_what_is_needed_gets_through_the_first_level() {
        assert!(ends_well(ending(1, asks_for_its_number)));
        assert!(ends_well(ending(1, calls_what_came_later)));
        for level in [1, -1] {
            assert!(is_killed(ending(level, traces_a_process)), "{level}");
            assert!(is_killed(ending(level, makes_a_link)), "{level}");
        }
    }

    #[test]
    fn only_what_is_harmful_is_held_back_by_the_second() {
        assert!(ends_well(ending(2, asks_for_its_number)));
        assert!(ends_well(ending(2, makes_a_link)));
        assert!(is_killed(ending(2, traces_a_process)) && is_killed(ending(-2, traces_a_process)));
    }

    #[test]
    fn no_call_stands_in_a_table_twice_and_none_in_both() {
        for table in [table::NEEDED, table::HARMFUL] {
            let mut numbers = table.to_vec();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), table.len());
        }
        assert!(table::NEEDED.iter().all(|number| !table::HARMFUL.contains(number)));
        assert_eq!(Level::of(0), None);
    }
}
