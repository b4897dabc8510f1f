//! [`Host`] to [`Desired`] through `templates/`, read back by the same parser that the host uses.
//!
//! What a template makes is not believed but parsed again, and every value is compared with the inventory: a number
//! that lost a digit or an extra line that overrides a key is found here, not on the host.

mod read_back;

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use timefleet_agent::host::desired::{AGENT_USER, Daemon, Desired, Layout};

use crate::inventory::host::{DaemonKind, Role, Service, Upstream, UpstreamFrom};
use crate::inventory::{Host, Inventory, Place};

/// Why a host's files could not be made.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum RenderError {
    /// A template is wrong.
    #[error("{host}: {template} line {line}: {message}")]
    Template {
        /// Whose files.
        host: String,
        /// File name of the template.
        template: &'static str,
        /// 1 is the first line.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The agent's own parser does not accept the rendered configuration, or reads something else than what the
    /// inventory says.
    #[error(
        "{host}: line {line} of the rendered configuration: {message}: the template chrony.conf.j2 is wrong"
    )]
    ReadBack {
        /// Whose files.
        host: String,
        /// Line of the rendered text (0: not one line).
        line: usize,
        /// What is wrong.
        message: String,
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

const CONFIG: &str = "chrony.conf.j2";
const UNIT: &str = "timefleet-agent.service.j2";
const UNIT_FILE: &str = "/etc/systemd/system/timefleet-agent.service";
/// Where distributions let their chronyd write: its AppArmor and SELinux profiles know this directory.
const CHRONYD_DRIFT_FILE: &str = "/var/lib/chrony/chrony.drift";

static TEMPLATES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?,
    );
    environment.add_template(CONFIG, include_str!("../templates/chrony.conf.j2"))?;
    environment.add_template(UNIT, include_str!("../templates/timefleet-agent.service.j2"))?;
    Ok(environment)
});

/// Renders everything that should be true of `host`.
///
/// # Errors
/// The template, an `extra` line, or a value that did not survive; each names its place.
pub(crate) fn render(inventory: &Inventory, host: &Host) -> Result<Desired, RenderError> {
    let layout = layout(host);
    let flags = flags(host);
    let sources = sources(inventory, host);
    let text = config_text(inventory, host, &layout, &sources)?;
    let config = read_back::checked(host, text, &sources, &layout)?;
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
            let unit = fill(host, UNIT, values)?;
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

/// One `server` or `pool` line: a group is spread out into its hosts.
#[derive(Debug)]
struct SourceLine<'i> {
    pool: bool,
    name: &'i str,
    port: u16,
    options: &'i Upstream,
}

fn sources<'i>(inventory: &'i Inventory, host: &'i Host) -> Vec<SourceLine<'i>> {
    use crate::inventory::NTP_PORT;
    let mut lines = Vec::new();
    for upstream in &host.time.upstreams {
        let options = &upstream.value;
        let line =
            |pool, name, port: u16| SourceLine { pool, name, port: options.port.unwrap_or(port), options };
        match &upstream.from {
            UpstreamFrom::Server(name) => lines.push(line(false, name, NTP_PORT)),
            UpstreamFrom::Pool(name) => lines.push(line(true, name, NTP_PORT)),
            UpstreamFrom::Group(group) => {
                let servers = inventory.upstream_hosts(host, group);
                lines.extend(servers.map(|server| line(false, &server.address, *server.time.port)));
            }
        }
    }
    lines
}

fn source_text(line: &SourceLine<'_>) -> String {
    let kind = if line.pool { "pool" } else { "server" };
    let mut text = format!("{kind} {}", line.name);
    if line.port != crate::inventory::NTP_PORT {
        text += &format!(" port {}", line.port);
    }
    for (name, poll) in [("minpoll", line.options.minpoll), ("maxpoll", line.options.maxpoll)] {
        if let Some(poll) = poll {
            text += &format!(" {name} {poll}");
        }
    }
    for (name, given) in [("iburst", line.options.iburst), ("prefer", line.options.prefer)] {
        if given {
            text += &format!(" {name}");
        }
    }
    text
}

/// The configuration without the `extra` lines. Numbers go in as text: Rust prints the shortest decimal that reads
/// back as the same number, never an exponent.
fn config_text(
    inventory: &Inventory,
    host: &Host,
    layout: &Layout,
    sources: &[SourceLine<'_>],
) -> Result<String, RenderError> {
    let time = &host.time;
    let ours = *time.daemon == DaemonKind::Agent;
    let process = ours && *host.agent.service == Service::Process;
    let networks = |list: &[crate::inventory::Sourced<ipnet::IpNet>]| -> Vec<String> {
        list.iter().map(|network| network.value.to_string()).collect()
    };
    let values = context! {
        fleet => &inventory.fleet.value,
        host => &host.name,
        upstreams => sources.iter().map(source_text).collect::<Vec<_>>(),
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
        }),
        cmdport => *time.cmdport,
        command_socket => ours.then_some(&layout.command_socket),
        pidfile => process.then(|| format!("{}/agent.pid", layout.run_dir)),
    };
    fill(host, CONFIG, values)
}

fn drift_file(host: &Host, layout: &Layout) -> String {
    match *host.time.daemon {
        DaemonKind::Agent => format!("{}/drift", layout.state_dir),
        DaemonKind::Chronyd => CHRONYD_DRIFT_FILE.to_owned(),
    }
}

fn fill(host: &Host, template: &'static str, values: Value) -> Result<String, RenderError> {
    let wrong = |error: &minijinja::Error| RenderError::Template {
        host: host.name.clone(),
        template,
        line: error.line().unwrap_or(0),
        message: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
    };
    let environment = TEMPLATES.as_ref().map_err(wrong)?;
    environment
        .get_template(template)
        .and_then(|template| template.render(values))
        .map_err(|error| wrong(&error))
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
