//! A configuration as text again: one canonical line for everything that is not a default. Reading it gives the same
//! configuration.

use std::fmt;

use super::{
    AccessRule, AuthSelectMode, ClientLog, CommandSocket, Config, FallbackDrift, Family, LeapMode, Local,
    MakeStep, MaxChange, OpenCommand, RateLimit, Subnet, Upstream, UpstreamKind,
};
use crate::time::Seconds;

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = Self::default();
        for upstream in &self.upstreams {
            writeln!(f, "{upstream}")?;
        }
        for (name, samples) in [("minsamples", self.min_samples), ("maxsamples", self.max_samples)] {
            if let Some(samples) = samples {
                writeln!(f, "{name} {samples}")?;
            }
        }
        for (rules, allow, deny) in
            [(&self.access, "allow", "deny"), (&self.command_access, "cmdallow", "cmddeny")]
        {
            for rule in rules {
                writeln!(f, "{}{rule}", if rule.allow { allow } else { deny })?;
            }
        }
        if let Some(local) = self.local {
            writeln!(f, "local{local}")?;
        }
        if self.manual {
            writeln!(f, "manual")?;
        }
        for (name, value, usual) in [
            ("maxdistance", self.max_distance.0, usual.max_distance.0),
            ("maxjitter", self.max_jitter.0, usual.max_jitter.0),
            ("minsources", f64::from(self.min_sources), f64::from(usual.min_sources)),
            ("reselectdist", self.reselect_distance.0, usual.reselect_distance.0),
            ("stratumweight", self.stratum_weight.0, usual.stratum_weight.0),
            ("maxslewrate", self.max_slew_rate.0, usual.max_slew_rate.0),
            ("corrtimeratio", self.correction_time_ratio, usual.correction_time_ratio),
            ("maxupdateskew", self.max_update_skew.0, usual.max_update_skew.0),
            ("maxclockerror", self.max_clock_error.0, usual.max_clock_error.0),
            ("maxdrift", self.max_drift.0, usual.max_drift.0),
            ("combinelimit", self.combine_limit, usual.combine_limit),
            ("logbanner", f64::from(self.log_banner), f64::from(usual.log_banner)),
            ("logchange", self.log_change.0, usual.log_change.0),
            ("port", f64::from(self.port), f64::from(usual.port)),
            ("cmdport", f64::from(self.command_port), f64::from(usual.command_port)),
            ("dscp", f64::from(self.dscp), f64::from(usual.dscp)),
            ("clockprecision", self.clock_precision.map_or(0.0, |precision| precision.0), 0.0),
        ] {
            directive(f, name, value, usual)?;
        }
        self.write_clock(f)?;
        self.write_places(f)?;
        self.write_askers(f)
    }
}

impl Config {
    fn write_clock(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unlimited = |limit: Option<u32>| limit.map_or(-1, i64::from);
        if let Some(MakeStep { threshold, limit }) = self.make_step {
            writeln!(f, "makestep {} {}", threshold.0, unlimited(limit))?;
        }
        if let Some(MaxChange { offset, start, ignore }) = self.max_change {
            writeln!(f, "maxchange {} {start} {}", offset.0, unlimited(ignore))?;
        }
        if let Some(FallbackDrift { shortest, longest }) = self.fallback_drift {
            writeln!(f, "fallbackdrift {shortest} {longest}")?;
        }
        if self.auth_select_mode != AuthSelectMode::default() {
            writeln!(f, "authselectmode {}", self.auth_select_mode)?;
        }
        if self.leap_mode != LeapMode::default() {
            writeln!(f, "leapsecmode {}", self.leap_mode)?;
        }
        if let Some(source) = &self.leap_source {
            writeln!(f, "{source}")?;
        }
        if let Some(smooth_time) = self.smooth_time {
            writeln!(f, "smoothtime {smooth_time}")?;
        }
        if self.rtc_sync {
            writeln!(f, "rtcsync")?;
        }
        Ok(())
    }

    fn write_places(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(port) = self.acquisition_port {
            writeln!(f, "acquisitionport {port}")?;
        }
        for (name, addresses) in [
            ("bindaddress", &self.bind_addresses),
            ("bindacqaddress", &self.bind_acquisition_addresses),
            ("bindcmdaddress", &self.bind_command_addresses),
        ] {
            for address in addresses {
                writeln!(f, "{name} {address}")?;
            }
        }
        for (name, device) in [
            ("binddevice", &self.device),
            ("bindacqdevice", &self.acquisition_device),
            ("bindcmddevice", &self.command_device),
        ] {
            if let Some(device) = device {
                writeln!(f, "{name} {device}")?;
            }
        }
        match &self.command_socket {
            CommandSocket::Default => {}
            CommandSocket::Path(path) => writeln!(f, "bindcmdaddress {}", path.display())?,
            CommandSocket::Disabled => writeln!(f, "bindcmdaddress /")?,
        }
        for directories in &self.source_dirs {
            writeln!(f, "sourcedir {}", directories.join(" "))?;
        }
        if self.logs.is_any() {
            writeln!(f, "log{}", self.logs)?;
        }
        if let Some(path) = &self.drift_file {
            write!(f, "driftfile {}", path.display())?;
            if self.drift_interval != Self::default().drift_interval {
                write!(f, " interval {}", self.drift_interval.0)?;
            }
            writeln!(f)?;
        }
        for (name, path) in [
            ("logdir", &self.log_dir),
            ("dumpdir", &self.dump_dir),
            ("pidfile", &self.pid_file),
            ("keyfile", &self.key_file),
        ] {
            if let Some(path) = path {
                writeln!(f, "{name} {}", path.display())?;
            }
        }
        if let Some(user) = &self.user {
            writeln!(f, "user {user}")?;
        }
        if self.lock_all {
            writeln!(f, "lock_all")?;
        }
        directive(f, "sched_priority", f64::from(self.sched_priority), 0.0)
    }

    fn write_askers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.open_commands != OpenCommand::USUAL {
            let words: Vec<String> = self.open_commands.iter().map(|command| format!(" {command}")).collect();
            writeln!(f, "opencommands{}", words.concat())?;
        }
        for (name, limit) in [("ratelimit", self.rate_limit), ("cmdratelimit", self.command_rate_limit)] {
            if let Some(RateLimit { interval, burst, leak, kod }) = limit {
                let kod = if kod == 0 { String::new() } else { format!(" kod {kod}") };
                writeln!(f, "{name} interval {interval} burst {burst} leak {leak}{kod}")?;
            }
        }
        match self.client_log {
            ClientLog::Off => writeln!(f, "noclientlog"),
            limit if limit == ClientLog::default() => Ok(()),
            ClientLog::Limit { bytes } => writeln!(f, "clientloglimit {bytes}"),
        }
    }
}

fn directive(f: &mut fmt::Formatter<'_>, name: &str, value: f64, usual: f64) -> fmt::Result {
    if value == usual { Ok(()) } else { writeln!(f, "{name} {value}") }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = Self::new("", UpstreamKind::Server);
        match self.kind {
            UpstreamKind::Server => write!(f, "server {}", self.name)?,
            UpstreamKind::Pool { max_sources } => write!(f, "pool {} maxsources {max_sources}", self.name)?,
        }
        for (name, given) in [
            ("iburst", self.iburst),
            ("prefer", self.prefer),
            ("trust", self.trust),
            ("require", self.require),
            ("noselect", self.no_select),
            ("offline", self.offline),
            ("auto_offline", self.auto_offline),
            ("burst", self.burst),
            ("xleave", self.interleaved),
            ("copy", self.copy),
            ("ipv4", self.family == Some(Family::V4)),
            ("ipv6", self.family == Some(Family::V6)),
        ] {
            if given {
                write!(f, " {name}")?;
            }
        }
        for (name, value, usual) in [
            ("port", f64::from(self.port), f64::from(usual.port)),
            // Written even when usual: one of them alone may pull the other along.
            ("minpoll", f64::from(self.min_poll), f64::NAN),
            ("maxpoll", f64::from(self.max_poll), f64::NAN),
            ("maxdelay", self.max_delay.0, usual.max_delay.0),
            ("maxdelayratio", self.max_delay_ratio, usual.max_delay_ratio),
            ("maxdelaydevratio", self.max_delay_dev_ratio, usual.max_delay_dev_ratio),
            ("mindelay", self.min_delay.0, usual.min_delay.0),
            ("minstratum", f64::from(self.min_stratum), f64::from(usual.min_stratum)),
            ("polltarget", f64::from(self.poll_target), f64::from(usual.poll_target)),
            // These too: the directives of the same names hold where a line is silent.
            ("minsamples", f64::from(self.min_samples), f64::NAN),
            ("maxsamples", f64::from(self.max_samples), f64::NAN),
            ("offset", self.offset.0, usual.offset.0),
        ] {
            if value != usual {
                write!(f, " {name} {value}")?;
            }
        }
        for (name, value) in [
            ("version", self.version.map(f64::from)),
            ("key", self.key.map(f64::from)),
            ("filter", self.filter.map(f64::from)),
            ("presend", self.presend.map(f64::from)),
            ("maxdelayquant", self.max_delay_quantile),
            ("asymmetry", self.asymmetry),
            ("maxunreach", self.max_unreach.map(f64::from)),
        ] {
            if let Some(value) = value {
                write!(f, " {name} {value}")?;
            }
        }
        Ok(())
    }
}

/// The words after `local`, with the blank before them.
impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " stratum {} distance {}", self.stratum, self.distance.0)?;
        if self.orphan {
            write!(f, " orphan")?;
        }
        for (name, value) in [
            ("activate", self.activate),
            ("waitsynced", self.wait_synced),
            ("waitunsynced", self.wait_unsynced),
        ] {
            if value != Seconds::ZERO {
                write!(f, " {name} {}", value.0)?;
            }
        }
        Ok(())
    }
}

/// The words after `allow` or `deny`, with the blank before them.
impl fmt::Display for AccessRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.all {
            write!(f, " all")?;
        }
        match self.subnet {
            Subnet::Any => Ok(()),
            Subnet::Net { address, length } => write!(f, " {address}/{length}"),
        }
    }
}
