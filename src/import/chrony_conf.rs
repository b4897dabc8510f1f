//! chrony.conf files: each is a host.
//!
//! Every line is read by the agent's own parser. What has a key becomes that key, what the agent knows besides becomes
//! an extra line, and what it refuses is noted with its reason.

use std::collections::HashSet;
use std::path::Path;

use ipnet::IpNet;
use timefleet_agent::config::{self, AccessRule, Config, Subnet};
use timefleet_agent::time::Seconds;

use super::draft::{Draft, DraftGroup, DraftHost, Named};
use super::layer::{Layer, Note};
use super::text::quoted;
use super::upstream::{self, Source};
use super::{ImportError, Imported, Wishes};
use crate::inventory::{HostName, name_fault};
use crate::lint::nobody_at;

/// What some editors write at the beginning of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// chronyd takes any bytes, and what is no UTF-8 is old: every byte is a character then.
fn latin_1(line: &[u8]) -> String {
    line.iter().map(|byte| char::from(*byte)).collect()
}

/// A file, and what the user said of its host.
#[derive(Clone, Debug)]
pub(crate) struct ConfFile {
    /// As the user named it (`-` for standard input).
    pub(crate) name: String,
    /// Its content, in whatever encoding its comments are.
    pub(crate) bytes: Vec<u8>,
    /// `--host NAME` or `--host NAME=ADDRESS`.
    pub(crate) host: Option<String>,
}

/// Reads files, each of one host.
///
/// # Errors
/// Two files of one host, or a host that cannot be.
pub(crate) fn read(files: &[ConfFile], wishes: &Wishes) -> Result<Imported, ImportError> {
    let mut draft = Draft::new(&wishes.fleet);
    let mut known: HashSet<HostName<'static>> = HashSet::new();
    let mut read: Vec<(bool, DraftHost)> = Vec::new();
    for file in files {
        let (original, address) = identity(file)?;
        let machine = address.as_ref().unwrap_or(&original);
        if !known.insert(HostName::of(machine).into_owned()) {
            return Err(ImportError::SameName { file: file.name.clone(), name: machine.clone() });
        }
        let name = draft.name(Named::Host, &original);
        let mut layer = Layer::default();
        if name != original {
            let text = format!("`{original}` cannot be the name of a host: it is called `{name}`");
            layer.notes.push(Note::changed(&file.name, text));
        }
        if let Some(address) =
            address.or_else(|| (name != original && name_fault(&original).is_none()).then_some(original))
        {
            layer.set("address", quoted(&address));
        }
        let own = HostName::of(layer.flow("address").map_or(name.as_str(), |own| own.trim_matches('"')));
        let own = [own.into_owned(), HostName::of(&name).into_owned()];
        let serves = read_file(file, &own, &mut layer);
        read.push((serves, DraftHost { name, original: file.name.clone(), groups: Vec::new(), layer }));
    }
    for (wanted, group) in [(true, "servers"), (false, "clients")] {
        let hosts: Vec<_> = read.extract_if(.., |(serves, _)| *serves == wanted).collect();
        if hosts.is_empty() {
            continue;
        }
        let index = draft.groups.len();
        let name = draft.name(Named::Group, group);
        draft.groups.push(DraftGroup { name, parent: None, layer: Layer::default() });
        draft.hosts.extend(hosts.into_iter().map(|(_, host)| DraftHost { groups: vec![index], ..host }));
    }
    draft.give_everybody_a_source(wishes);
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    Ok(draft.finish(&format!("Imported by timefleet from {}.", names.join(", "))))
}

/// The host's name and its address: as the user said, or by the file's path.
fn identity(file: &ConfFile) -> Result<(String, Option<String>), ImportError> {
    let Some(given) = &file.host else { return Ok((by_path(&file.name), None)) };
    let (name, address) = match given.split_once('=') {
        Some((name, address)) => (name, Some(address)),
        None => (given.as_str(), None),
    };
    for part in [Some(name), address].into_iter().flatten() {
        if let Some(fault) = name_fault(part) {
            let message = format!("`{part}` {fault}");
            return Err(ImportError::Host { given: given.clone(), message });
        }
    }
    Ok((name.to_owned(), address.map(str::to_owned)))
}

/// `web1.conf` and `web1/etc/chrony/chrony.conf` are of web1; `/etc/chrony.conf` is this machine's.
fn by_path(name: &str) -> String {
    let path = Path::new(name);
    let words = path.iter().rev().filter_map(|word| word.to_str());
    let general = ["chrony.conf", "chrony", "etc", "/", ".", "..", "-"];
    let specific = words.into_iter().find(|word| !general.contains(word));
    let specific = specific.map(|word| word.strip_suffix(".conf").unwrap_or(word));
    specific.filter(|word| !word.is_empty()).unwrap_or("localhost").to_owned()
}

/// Whether the host serves others. `own` are its names and addresses.
fn read_file(file: &ConfFile, own: &[HostName<'_>], layer: &mut Layer) -> bool {
    let mut lines = Lines::default();
    let bytes = file.bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&file.bytes);
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let place = format!("{}:{}", file.name, index + 1);
        match str::from_utf8(line) {
            Ok(line) => lines.line(&place, line, layer),
            Err(_) => lines.line(&place, &latin_1(line), layer),
        }
    }
    // What a file does not say is off, whatever an inventory's defaults are.
    if !lines.makestep {
        layer.set("time.makestep", "false");
    }
    if !lines.rtcsync {
        layer.set("time.rtcsync", "false");
    }
    if lines.logs {
        let text = "the agent's service may write below /var/lib/timefleet only: choose a `logdir` there";
        layer.notes.push(Note::changed(&file.name, text));
    }
    let serves = lines.serves();
    let mut sources = lines.finish(layer);
    let before = sources.len();
    sources.retain(|source| !own.contains(&HostName::of(&source.name)));
    if sources.len() < before {
        layer.notes.push(Note::left_out(&file.name, upstream::ITSELF, upstream::WHY_NOT_ITSELF));
    }
    layer.set_items("time.upstreams", sources.into_iter().map(|source| source.item).collect());
    serves
}

/// The lines of one host while they are read.
#[derive(Debug, Default)]
pub(super) struct Lines {
    sources: Vec<Source>,
    /// Networks, and whether they may ask; later lines take the place of earlier ones.
    access: Vec<(IpNet, bool)>,
    /// The same as they are written, with their places.
    access_lines: Vec<(String, String)>,
    /// The `local` line, with its place.
    local: Option<(config::Local, String)>,
    port: Option<(u16, String)>,
    makestep: bool,
    rtcsync: bool,
    logs: bool,
}

impl Lines {
    /// Reads one line: keys and notes go to `layer`.
    pub(super) fn line(&mut self, place: &str, text: &str, layer: &mut Layer) {
        let words: Vec<&str> = text.split_whitespace().collect();
        let Some(first) = words.first().filter(|first| !first.starts_with(['!', ';', '#', '%'])) else {
            return;
        };
        let directive = first.to_ascii_lowercase();
        let text = words.join(" ");
        let read = match directive.as_str() {
            "include" | "confdir" => Err("its files are on the host: import them, too".to_owned()),
            _ if text.contains("{{") || text.contains("{%") || text.contains("{#") => {
                Err("it would be taken for a template".to_owned())
            }
            _ => match config::parse("chrony.conf", &text) {
                Ok(config) => self.known(&directive, &words, &config, place, layer),
                Err(errors) => Err(errors.into_iter().next().map(|error| error.message).unwrap_or_default()),
            },
        };
        if let Err(why) = read {
            layer.notes.push(Note::left_out(place, &text, &why));
        }
    }

    /// A line that the agent can read.
    fn known(
        &mut self,
        directive: &str,
        words: &[&str],
        config: &Config,
        place: &str,
        layer: &mut Layer,
    ) -> Result<(), String> {
        let line = words.join(" ");
        match directive {
            "server" | "pool" => {
                if let Some(why) = config.upstreams.first().and_then(|source| nobody_at(&source.name)) {
                    return Err(why.to_owned());
                }
                let item =
                    config.upstreams.first().and_then(|source| Some((source, upstream::item(source)?)));
                match item {
                    Some((source, item)) => self.sources.push(Source { name: source.name.clone(), item }),
                    // Some of its options have no key.
                    None => layer.extra(&line),
                }
            }
            "allow" | "deny" => {
                config.access.iter().for_each(|rule| self.rule(*rule));
                self.access_lines.push((line, place.to_owned()));
            }
            "local" => self.local = config.local.map(|local| (local, place.to_owned())),
            "makestep" => {
                self.makestep = true;
                makestep(config, &spelled(words, config.make_step.map(|step| step.threshold)), layer)?;
            }
            "maxdistance" => {
                let distance = config.max_distance.0;
                if !(1e-6..=1e6).contains(&distance) {
                    return Err("an inventory takes 0.000001 to 1000000 seconds".to_owned());
                }
                layer.set("time.maxdistance", spelled(words, Some(config.max_distance)));
            }
            "minsources" => {
                if !(1..=1000).contains(&config.min_sources) {
                    return Err("an inventory takes 1 to 1000".to_owned());
                }
                layer.set("time.minsources", config.min_sources.to_string());
            }
            "rtcsync" => self.rtcsync = true,
            "port" => self.port = Some((config.port, place.to_owned())),
            "cmdport" => layer.set("time.cmdport", config.command_port.to_string()),
            "ratelimit" => {
                let limit = config.rate_limit.unwrap_or(config::RateLimit::TIME);
                let config::RateLimit { interval, burst, leak, kod } = limit;
                let kod = if kod == 0 { String::new() } else { format!(", kod: {kod}") };
                layer.set(
                    "time.ratelimit",
                    format!("{{ interval: {interval}, burst: {burst}, leak: {leak}{kod} }}"),
                );
            }
            "keyfile" => {
                let path = config.key_file.as_ref().map(|path| path.display().to_string());
                layer.set("time.keyfile", quoted(&path.unwrap_or_default()));
            }
            "driftfile" | "pidfile" | "user" => return Err("timefleet has its own".to_owned()),
            "bindcmdaddress" if !matches!(config.command_socket, config::CommandSocket::Default) => {
                return Err("timefleet has its own socket".to_owned());
            }
            "ntsdumpdir" => return Err("NTS is not implemented, nothing is ever kept there".to_owned()),
            "logdir" if !self.logs => {
                return Err("nothing is logged to files without a `log` line above it".to_owned());
            }
            _ => {
                self.logs |= directive == "log";
                layer.extra(&line);
            }
        }
        Ok(())
    }

    fn rule(&mut self, rule: AccessRule) {
        let networks = match rule.subnet {
            Subnet::Net { address, length } => IpNet::new(address, length).into_iter().collect(),
            Subnet::Any => vec![everybody_v4(), everybody_v6()],
        };
        for network in networks {
            self.access.retain(|(known, _)| *known != network && !(rule.all && network.contains(known)));
            self.access.push((network, rule.allow));
        }
    }

    /// Somebody may ask, or it has a clock of its own for others.
    pub(super) fn serves(&self) -> bool {
        let closed = self.port.as_ref().is_some_and(|(port, _)| *port == 0);
        !closed && (self.local.is_some() || self.access.iter().any(|(_, allow)| *allow))
    }

    /// After the last line: the role, and what only a server has. The sources are the caller's.
    pub(super) fn finish(self, layer: &mut Layer) -> Vec<Source> {
        let serves = self.serves();
        layer.set("role", if serves { "server" } else { "client" });
        if self.rtcsync {
            layer.set("time.rtcsync", "true");
        }
        let list = |allowed: bool| -> Vec<String> {
            let some = self.access.iter().filter(|(_, allow)| *allow == allowed);
            some.map(|(network, _)| quoted(&network.to_string())).collect()
        };
        if !serves {
            for (line, place) in &self.access_lines {
                layer.notes.push(Note::left_out(place, line, "a client serves nobody"));
            }
            if let Some((_, place)) = &self.local {
                layer.notes.push(Note::left_out(place, "local", "a client serves nobody"));
            }
            if let Some((port, place)) = self.port.filter(|(port, _)| *port != 0) {
                layer.notes.push(Note::left_out(place, &format!("port {port}"), "a client serves nobody"));
            }
            return self.sources;
        }
        layer.set_items("time.allow", list(true));
        layer.set_items("time.deny", list(false));
        if let Some((port, _)) = self.port.filter(|(port, _)| *port != 123) {
            layer.set("time.port", port.to_string());
        }
        if let Some((local, place)) = self.local {
            let value = local_value(local, &place, layer);
            layer.set("time.local", value);
        }
        self.sources
    }
}

fn everybody_v4() -> IpNet {
    IpNet::V4(ipnet::Ipv4Net::default())
}

fn everybody_v6() -> IpNet {
    IpNet::V6(ipnet::Ipv6Net::default())
}

/// The number behind the directive as it is written, where YAML would read it in the same way.
fn spelled(words: &[&str], value: Option<Seconds>) -> String {
    let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let plain = |word: &&&str| {
        let bytes = word.as_bytes();
        let decimal = bytes.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
        let zeros = bytes.len() > 1 && bytes.starts_with(b"0") && !bytes.starts_with(b"0.");
        decimal && !zeros && digit(bytes.first()) && digit(bytes.last())
    };
    let own = words.get(1).filter(plain).map(|word| (*word).to_owned());
    own.unwrap_or_else(|| value.map_or(0.0, |value| value.0).to_string())
}

fn makestep(config: &Config, threshold: &str, layer: &mut Layer) -> Result<(), String> {
    let Some(step) = config.make_step else { return Ok(()) };
    let limit = step.limit.map_or(-1, i64::from);
    if limit == 0 {
        layer.set("time.makestep", "false");
        return Ok(());
    }
    if !(1e-6..=1e6).contains(&step.threshold.0) {
        return Err("an inventory takes thresholds from 0.000001 to 1000000 seconds".to_owned());
    }
    layer.set("time.makestep", format!("{{ threshold: {threshold}, limit: {limit} }}"));
    Ok(())
}

fn local_value(local: config::Local, place: &str, layer: &mut Layer) -> String {
    let usual = config::Local::default();
    let mut fields = vec![format!("stratum: {}", local.stratum)];
    if local.orphan {
        fields.push("orphan: true".to_owned());
    }
    if local.distance == Seconds::ZERO {
        let why = "an inventory takes 0.000001 to 1000000 seconds";
        layer.notes.push(Note::left_out(place, "local … distance 0", why));
    } else if local.distance != usual.distance {
        fields.push(format!("distance: {}", local.distance.0));
    }
    for (name, value) in [
        ("activate", local.activate),
        ("waitsynced", local.wait_synced),
        ("waitunsynced", local.wait_unsynced),
    ] {
        if value != Seconds::ZERO {
            fields.push(format!("{name}: {}", value.0));
        }
    }
    format!("{{ {} }}", fields.join(", "))
}
