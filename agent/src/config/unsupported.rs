//! Directives of chrony.conf(5) that the agent does not have, and why. None is ever skipped silently: whoever wrote it
//! wanted something from it.

/// Why a directive is not supported; `None` when chrony.conf(5) does not know it either.
pub(super) fn reason(directive: &str) -> Option<&'static str> {
    REASONS.iter().find(|(name, _)| *name == directive).map(|(_, reason)| *reason)
}

const HARDWARE_TIMESTAMPS: &str = "only the kernel's timestamps are used";
const LOG_FILES: &str =
    "it writes no log files of its own; what it has to say goes to standard error and so to the journal";
const NTS: &str = "NTS is not implemented";
const PTP: &str = "NTP over PTP is not implemented";
const REAL_TIME_CLOCK: &str = "the real-time clock is left to the kernel; write 'rtcsync'";

const REASONS: &[(&str, &str)] = &[
    ("authselectmode", "all sources are equal; write 'trust', 'require' or 'noselect' on their lines"),
    ("broadcast", "it does not broadcast; clients poll it"),
    ("combinelimit", "how sources are combined is fixed"),
    ("dumpdir", "sample histories are not kept over restarts; only the drift file is"),
    ("fallbackdrift", "without updates the clock keeps its last frequency"),
    ("hwclockfile", REAL_TIME_CLOCK),
    ("hwtimestamp", HARDWARE_TIMESTAMPS),
    ("hwtstimeout", HARDWARE_TIMESTAMPS),
    (
        "initstepslew",
        "chrony.conf(5) deprecates it; 'makestep THRESHOLD 1' with 'server … iburst' for each of its servers steps at the \
         start in the same way",
    ),
    ("log", LOG_FILES),
    ("logbanner", LOG_FILES),
    ("logchange", LOG_FILES),
    ("logdir", LOG_FILES),
    ("mailonchange", "it sends no mail; 'timefleet audit' watches the clock"),
    ("manual", "time cannot be entered by hand; write 'local' on an isolated server"),
    ("maxdrift", "only the kernel's own limit of 100000 ppm holds"),
    ("maxntsconnections", NTS),
    ("nocerttimecheck", NTS),
    ("nosystemcert", NTS),
    ("ntpsigndsocket", "replies are not signed for Samba"),
    ("ntsaeads", NTS),
    ("ntsdumpdir", NTS),
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
    ("smoothtime", "served time is the host's own time"),
    ("tempcomp", "there is no compensation by temperature"),
];
