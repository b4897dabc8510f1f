//! What becomes of a program that asks the kernel for an IPv6 socket: a system call filter of a few instructions.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc;

/// Answer to `socket(AF_INET6, …)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As without a filter.
    Allow,
    /// EAFNOSUPPORT, as on a kernel that was booted with `ipv6.disable=1`.
    Refuse,
    /// SIGSYS to the whole process, whichever of its threads asked.
    Kill,
}

/// Where the number of the system call and its first argument stand in `struct seccomp_data` (the lower half of it).
const NUMBER: u32 = 0;
const FIRST_ARGUMENT: u32 = if cfg!(target_endian = "little") { 16 } else { 20 };

fn instruction(code: u32, jump_true: u8, jump_false: u8, value: u32) -> libc::sock_filter {
    libc::sock_filter { code: u16::try_from(code).unwrap(), jt: jump_true, jf: jump_false, k: value }
}

impl Verdict {
    fn action(self) -> u32 {
        match self {
            Self::Allow => libc::SECCOMP_RET_ALLOW,
            Self::Refuse => libc::SECCOMP_RET_ERRNO | u32::try_from(libc::EAFNOSUPPORT).unwrap(),
            Self::Kill => libc::SECCOMP_RET_KILL_PROCESS,
        }
    }

    /// The command's program, and all that it starts, get this verdict.
    pub(crate) fn apply(self, command: &mut Command) {
        let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
        let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        let answer = libc::BPF_RET | libc::BPF_K;
        let mut program = [
            instruction(load, 0, 0, NUMBER),
            instruction(equal, 0, 3, u32::try_from(libc::SYS_socket).unwrap()),
            instruction(load, 0, 0, FIRST_ARGUMENT),
            instruction(equal, 0, 1, u32::try_from(libc::AF_INET6).unwrap()),
            instruction(answer, 0, 0, self.action()),
            instruction(answer, 0, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let install = move || {
            let filter =
                libc::sock_fprog { len: u16::try_from(program.len()).unwrap(), filter: program.as_mut_ptr() };
            // SAFETY: both calls only read their arguments, which live through them.
            let results = unsafe {
                [
                    libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
                    libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter),
                ]
            };
            if results == [0, 0] { Ok(()) } else { Err(io::Error::last_os_error()) }
        };
        // SAFETY: between fork and exec nothing is called but prctl, and nothing is allocated.
        unsafe { command.pre_exec(install) };
    }
}
