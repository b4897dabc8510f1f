//! Directives of chrony.conf(5) that the agent does not have, and why. None is ever skipped silently: whoever wrote it
//! wanted something from it.

/// Why a directive is not supported; `None` when chrony.conf(5) does not know it either.
pub(super) fn reason(directive: &str) -> Option<&'static str> {
    REASONS.iter().find(|(names, _)| names.contains(&directive)).map(|(_, reason)| *reason)
}

const REASONS: &[(&[&str], &str)] = &[
    (&["peer"], "there are no symmetric associations; write 'server' on both hosts"),
    (&["initstepslew"], "it is deprecated; write 'makestep' and 'server … iburst'"),
    (&["refclock"], "it has no drivers for hardware clocks; get their time over NTP"),
    (&["manual"], "time cannot be entered by hand; write 'local' on an isolated server"),
    (&["bindacqdevice", "bindcmddevice", "binddevice"], "sockets are bound to addresses, not to interfaces"),
    (&["dscp"], "packets are sent without a service class"),
    (&["dumpdir"], "sample histories are not kept over restarts; only the drift file is"),
    (
        &[
            "maxntsconnections",
            "nocerttimecheck",
            "nosystemcert",
            "ntsaeads",
            "ntsdumpdir",
            "ntsntpserver",
            "ntsport",
            "ntsprocesses",
            "ntsratelimit",
            "ntsrefresh",
            "ntsrotate",
            "ntsservercert",
            "ntsserverkey",
            "ntstrustedcerts",
        ],
        "NTS is not implemented",
    ),
    (&["authselectmode", "keyfile"], "authenticated NTP is not implemented"),
    (&["combinelimit"], "how sources are combined is fixed"),
    (&["clockprecision"], "the clock's precision is measured at the start"),
    (&["fallbackdrift"], "without updates the clock keeps its last frequency"),
    (&["leapsecmode"], "leap seconds are left to the kernel"),
    (&["leapsectz", "leapseclist"], "leap seconds are learned from the sources"),
    (&["maxdrift"], "only the kernel's own limit of 100000 ppm holds"),
    (&["tempcomp"], "there is no compensation by temperature"),
    (&["broadcast"], "it does not broadcast; clients poll it"),
    (&["ntpsigndsocket"], "replies are not signed for Samba"),
    (&["cmdratelimit", "ratelimit"], "replies are not rate-limited; narrow 'allow' instead"),
    (&["smoothtime"], "served time is the host's own time"),
    (
        &["hwclockfile", "rtcautotrim", "rtcdevice", "rtcfile", "rtconutc"],
        "the real-time clock is left to the kernel; write 'rtcsync'",
    ),
    (
        &["log", "logbanner", "logchange", "logdir"],
        "it writes no log files of its own; what it has to say goes to standard error and so to the journal",
    ),
    (&["mailonchange"], "it sends no mail; 'timefleet audit' watches the clock"),
    (
        &["confdir", "include", "sourcedir"],
        "a configuration is one file, so that what is checked is what runs",
    ),
    (&["hwtimestamp", "hwtstimeout"], "only the kernel's timestamps are used"),
    (&["lock_all", "sched_priority"], "memory and priority are set in its systemd unit"),
    (&["ptpdomain", "ptpport"], "NTP over PTP is not implemented"),
    (&["user"], "it runs as the user that started it; the user is set in its systemd unit"),
];
