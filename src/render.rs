//! [`Host`] to [`Desired`] through `templates/`, read back by the same parser that the host uses.
//!
//! What a template makes is not believed but parsed again, and every value is compared with the inventory: a number
//! that lost a digit or an extra line that overrides a key is found here, not on the host.

pub(crate) mod directory;
pub(crate) mod extra_line;
mod read_back;
mod source_line;
mod template;

use std::path::PathBuf;

use minijinja::context;
use timefleet_agent::config::RateLimit;
use timefleet_agent::host::desired::{AGENT_USER, Daemon, Desired, Layout};

use crate::inventory::host::{DaemonKind, Role, Service};
use crate::inventory::{Host, Inventory, Place};

pub(crate) use read_back::wrong_extra_lines;
use source_line::SourceLine;
pub(crate) use template::Templates;

/// Why a host's files could not be made.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum RenderError {
    /// A template is wrong.
    #[error("{template}:{line}:{column}: {host}{message}")]
    Template {
        /// File name of the template.
        template: String,
        /// 1 is the first line.
        line: usize,
        /// 1 is the first character.
        column: usize,
        /// Whose files, with a colon behind the name; nothing: the template cannot be read at all.
        host: String,
        /// What is wrong.
        message: String,
    },
    /// A user's template is not there.
    #[error("{named_at}: cannot read the template {template}: {why}")]
    TemplateFile {
        /// The place that names it.
        named_at: String,
        /// Its path.
        template: String,
        /// The kernel's words.
        why: String,
    },
    /// The agent's own parser does not accept what the template makes.
    #[error("{template}: {host}: line {line} of what it makes, `{text}`: {message}")]
    ReadBack {
        /// File name of the template.
        template: String,
        /// Whose files.
        host: String,
        /// Line of the rendered text.
        line: usize,
        /// That line.
        text: String,
        /// What is wrong.
        message: String,
    },
    /// What the template makes says something else than the inventory.
    #[error(transparent)]
    Contradiction(#[from] Box<Contradiction>),
    /// A file could not be written.
    #[error("cannot write {}: {why}", .path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// The kernel's words.
        why: String,
    },
    /// One of the host's `extra` lines.
    #[error("{place}: {host}: {message}")]
    Extra {
        /// Whose files.
        host: String,
        /// Where the line stands in the inventory.
        place: Place,
        /// What is wrong.
        message: String,
    },
}

/// A value that the template made another one of.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error(
    "{template}: {host}: `{key}` is `{wanted}` in the inventory{}, and `{read}` in what the template makes",
    .place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default()
)]
pub(crate) struct Contradiction {
    /// File name of the template.
    template: String,
    /// Whose files.
    host: String,
    /// The key of the inventory.
    key: &'static str,
    /// Its value.
    wanted: String,
    /// What the agent would read.
    read: String,
    /// Where the value is written.
    place: Option<Place>,
}

const UNIT_FILE: &str = "/etc/systemd/system/timefleet-agent.service";
/// Where distributions let their chronyd write: its AppArmor and SELinux profiles know this directory.
const CHRONYD_DRIFT_FILE: &str = "/var/lib/chrony/chrony.drift";

/// Renders everything that should be true of `host` with the templates that timefleet carries.
///
/// # Errors
/// An `extra` line, or a value that did not survive; each names its place.
pub(crate) fn render(inventory: &Inventory, host: &Host) -> Result<Desired, RenderError> {
    render_with(inventory, host, &Templates::default())
}

/// Renders everything that should be true of `host`, with the user's own template where there is one.
///
/// # Errors
/// The template, an `extra` line, or a value that did not survive; each names its place.
pub(crate) fn render_with(
    inventory: &Inventory,
    host: &Host,
    templates: &Templates,
) -> Result<Desired, RenderError> {
    let layout = layout(host);
    let flags = flags(host);
    let sources = source_line::of(inventory, host);
    let (template, text) = config_text(inventory, host, &layout, &sources, templates)?;
    let config = read_back::checked(host, &template, text, &sources, &layout)?;
    let daemon = match (*host.time.daemon, *host.agent.service) {
        (DaemonKind::Chronyd, _) => Daemon::Chronyd,
        (DaemonKind::Agent, Service::Process) => Daemon::AgentProcess { layout, flags },
        (DaemonKind::Agent, Service::Systemd) => {
            let values = context! {
                fleet => &inventory.fleet.value,
                host => &host.name,
                program => format!("{}/timefleet-agent", layout.bin_dir),
                user => AGENT_USER,
                config => &layout.config,
                flags => &flags,
                sets_clock => *host.time.control_clock,
            };
            let unit = template::carried(host, template::UNIT, values)?;
            Daemon::AgentSystemd { layout, unit_file: UNIT_FILE.to_owned(), unit, flags }
        }
    };
    Ok(Desired {
        host: host.name.clone(),
        fleet: inventory.fleet.value.clone(),
        daemon,
        config,
        take_over: *host.take_over,
        serves: *host.role == Role::Server,
        bound: *host.time.bound,
    })
}

/// The name of the template, and the configuration without the `extra` lines. Numbers go in as text: Rust prints the shortest decimal that reads
/// back as the same number, never an exponent.
fn config_text(
    inventory: &Inventory,
    host: &Host,
    layout: &Layout,
    sources: &[SourceLine<'_>],
    templates: &Templates,
) -> Result<(String, String), RenderError> {
    let time = &host.time;
    let ours = *time.daemon == DaemonKind::Agent;
    let process = ours && *host.agent.service == Service::Process;
    let networks = |list: &[crate::inventory::Sourced<ipnet::IpNet>]| -> Vec<String> {
        list.iter().map(|network| network.value.to_string()).collect()
    };
    let values = context! {
        fleet => &inventory.fleet.value,
        host => &host.name,
        address => &host.address.value,
        role => if *host.role == Role::Server { "server" } else { "client" },
        groups => host.groups.to_vec(),
        upstreams => sources.iter().map(SourceLine::text).collect::<Vec<_>>(),
        driftfile => drift_file(host, layout),
        makestep => time.makestep.as_ref().map(|step| context! {
            threshold => step.threshold.0.to_string(),
            limit => step.limit,
        }),
        rtcsync => *time.rtcsync,
        maxdistance => time.maxdistance.as_ref().map(|distance| distance.0.to_string()),
        minsources => time.minsources.as_ref().map(|count| count.value),
        port => *time.port,
        allow => networks(&time.allow),
        deny => networks(&time.deny),
        local => time.local.as_ref().map(|local| context! {
            stratum => local.stratum,
            orphan => local.orphan,
            distance => local.distance.map(|distance| distance.0.to_string()),
            activate => local.activate.map(|distance| distance.0.to_string()),
            waitsynced => local.waitsynced.map(|time| time.0.to_string()),
            waitunsynced => local.waitunsynced.map(|time| time.0.to_string()),
        }),
        ratelimit => time.ratelimit.as_ref().map(|limit| ratelimit(limit.value)),
        keyfile => time.keyfile.as_ref().map(|path| &path.value),
        cmdport => *time.cmdport,
        command_socket => ours.then_some(&layout.command_socket),
        pidfile => process.then(|| format!("{}/agent.pid", layout.run_dir)),
    };
    templates.config(host, values)
}

/// The words behind `ratelimit`. Older versions of chronyd do not know `kod`.
fn ratelimit(limit: RateLimit) -> String {
    let RateLimit { interval, burst, leak, kod } = limit;
    let kod = if kod == RateLimit::TIME.kod { String::new() } else { format!(" kod {kod}") };
    format!("interval {interval} burst {burst} leak {leak}{kod}")
}

fn drift_file(host: &Host, layout: &Layout) -> String {
    match *host.time.daemon {
        DaemonKind::Agent => format!("{}/drift", layout.state_dir),
        DaemonKind::Chronyd => CHRONYD_DRIFT_FILE.to_owned(),
    }
}

fn layout(host: &Host) -> Layout {
    match *host.agent.service {
        Service::Systemd => Layout {
            bin_dir: "/opt/timefleet/bin".to_owned(),
            config: "/etc/timefleet/agent.conf".to_owned(),
            state_dir: "/var/lib/timefleet".to_owned(),
            run_dir: "/run/timefleet".to_owned(),
            command_socket: "/run/chrony/chronyd.sock".to_owned(),
        },
        Service::Process => {
            let home = &host.agent.home.value;
            Layout {
                bin_dir: format!("{home}/bin"),
                config: format!("{home}/agent.conf"),
                state_dir: format!("{home}/state"),
                run_dir: format!("{home}/run"),
                command_socket: format!("{home}/run/chronyd.sock"),
            }
        }
    }
}

/// Flags of the agent, in their fixed order.
fn flags(host: &Host) -> Vec<String> {
    let time = &host.time;
    [("-4", *time.ipv4_only), ("-6", *time.ipv6_only), ("-x", !*time.control_clock)]
        .into_iter()
        .filter(|(_, given)| *given)
        .map(|(flag, _)| flag.to_owned())
        .collect()
}

#[cfg(test)]
mod tests;
