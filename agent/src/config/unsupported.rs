//! Directives of chrony.conf(5) that the agent does not have, and why. None is ever skipped silently: whoever wrote it
//! wanted something from it.

/// Why a directive is not supported; `None` when chrony.conf(5) does not know it either.
pub(super) fn reason(directive: &str) -> Option<&'static str> {
    REASONS.iter().find(|(name, _)| *name == directive).map(|(_, reason)| *reason)
}

const HARDWARE_TIMESTAMPS: &str = "only the kernel's timestamps are used";
const NTS: &str = "NTS is not implemented";
const PTP: &str = "NTP over PTP is not implemented";
const REAL_TIME_CLOCK: &str = "the real-time clock is left to the kernel; write 'rtcsync'";

const REASONS: &[(&str, &str)] = &[
    ("broadcast", "it does not broadcast; clients poll it"),
    ("hwclockfile", REAL_TIME_CLOCK),
    ("hwtimestamp", HARDWARE_TIMESTAMPS),
    ("hwtstimeout", HARDWARE_TIMESTAMPS),
    (
        "initstepslew",
        "chrony.conf(5) deprecates it; 'makestep THRESHOLD 1' with 'server … iburst' for each of its servers steps at the \
         start in the same way",
    ),
    ("mailonchange", "it sends no mail; 'timefleet audit' watches the clock"),
    ("maxntsconnections", NTS),
    ("nocerttimecheck", NTS),
    ("nosystemcert", NTS),
    ("ntpsigndsocket", "replies are not signed for Samba"),
    ("ntsaeads", NTS),
    ("ntsntpserver", NTS),
    ("ntsport", NTS),
    ("ntsprocesses", NTS),
    ("ntsratelimit", NTS),
    ("ntsrefresh", NTS),
    ("ntsrotate", NTS),
    ("ntsservercert", NTS),
    ("ntsserverkey", NTS),
    ("ntstrustedcerts", NTS),
    ("peer", "there are no symmetric associations; write 'server' on both hosts"),
    ("ptpdomain", PTP),
    ("ptpport", PTP),
    ("refclock", "it has no drivers for hardware clocks; get their time over NTP"),
    ("rtcautotrim", REAL_TIME_CLOCK),
    ("rtcdevice", REAL_TIME_CLOCK),
    ("rtcfile", REAL_TIME_CLOCK),
    ("rtconutc", REAL_TIME_CLOCK),
    ("tempcomp", "temperatures are not read; the frequency is learned from the sources alone"),
];
