//! This machine's own clock: whatever the stories start, none of it may ever be able to set it.
//!
//! Containers have no clock of their own (time namespaces do not cover CLOCK_REALTIME), and `nsenter` takes the
//! capabilities of its caller along into a container. So the test program itself gives CAP_SYS_TIME up, for good.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Bit number of CAP_SYS_TIME (capabilities(7)).
const CAP_SYS_TIME: u32 = 25;

/// Starts this program again without CAP_SYS_TIME unless it is already without.
pub(crate) fn give_up_control() {
    if !can_be_set() {
        return;
    }
    let cause = Command::new("setpriv")
        .args(["--bounding-set=-sys_time", "--inh-caps=-sys_time", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(std::env::args_os().skip(1))
        .exec();
    panic!("setpriv, to give CAP_SYS_TIME up: {cause}");
}

/// True when this process, or one that it starts, could set the clock.
fn can_be_set() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    ["CapBnd:", "CapPrm:", "CapEff:", "CapInh:", "CapAmb:"].iter().any(|set| has_sys_time(&status, set))
}

/// Is CAP_SYS_TIME in this capability set of a /proc/PID/status text?
pub(crate) fn has_sys_time(status: &str, set: &str) -> bool {
    let Some(bits) = status.lines().find_map(|line| line.strip_prefix(set)) else {
        panic!("no {set} in\n{status}")
    };
    u64::from_str_radix(bits.trim(), 16).unwrap() >> CAP_SYS_TIME & 1 == 1
}
