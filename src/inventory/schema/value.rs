//! What the value of each key may be, in a schema's words.

use serde_json::{Value, json};

use super::super::keys;

/// The schema of the value of a dotted key. One that nobody has described yet takes anything.
pub(super) fn of(key: &str) -> Value {
    let value = match key.split_once('.') {
        None => of_top(key),
        Some(("ssh", _)) => of_ssh(key),
        Some(("agent", _)) => of_agent(key),
        Some(("time", rest)) if rest.starts_with("upstreams.") => of_upstream(key),
        Some(("time", rest)) if rest.contains('.') => of_inner(key),
        Some(_) => of_time(key),
    };
    match value {
        Value::Null => json!(true),
        _ if key == "fleet" || key == "include" => value,
        value => or_template(value),
    }
}

/// A template can stand for any value where layers have variables, and for any item of a list; not for a mapping whose
/// keys are laid over each other one by one, nor for what is named (groups, hosts, variables).
fn or_template(mut value: Value) -> Value {
    if !keys::LAYER.contains(&"vars") {
        return value;
    }
    let Some(fields) = value.as_object_mut() else { return value };
    let named = fields.contains_key("additionalProperties") && !fields.contains_key("properties");
    // An upstream is an item of a list, all others are mappings of layers.
    let laid = fields.get("$ref").is_some_and(|to| *to != json!("#/$defs/upstream"));
    if named || laid {
        return value;
    }
    if let Some(items) = fields.get_mut("items") {
        *items = or_template(items.take());
    }
    let description = fields.remove("description");
    let template = json!({ "type": "string", "pattern": "\\{\\{|\\{%" });
    let mut either = json!({ "anyOf": [value, template] });
    if let (Some(description), Some(fields)) = (description, either.as_object_mut()) {
        fields.insert("description".to_owned(), description);
    }
    either
}

fn of_top(key: &str) -> Value {
    match key {
        "fleet" => text("Name of the fleet. Required once in all files that are read together."),
        "defaults" => {
            reference("layer", "What holds for every host. The weakest layer: groups and hosts override it.")
        }
        "groups" | "children" => json!({
            "description": "Groups by name. Inner groups override outer ones, hosts override groups.",
            "type": ["object", "null"],
            "propertyNames": { "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]*$" },
            "additionalProperties": { "$ref": "#/$defs/group" },
        }),
        "hosts" => json!({
            "description": "Hosts by name; `web[01:20]` stands for twenty, zeros kept.",
            "type": ["object", "null"],
            "propertyNames": { "pattern": "^([A-Za-z0-9_]|\\[[0-9]+:[0-9]+\\])([A-Za-z0-9._-]|\\[[0-9]+:[0-9]+\\])*$" },
            "additionalProperties": { "$ref": "#/$defs/host" },
        }),
        "address" => json!({
            "description": "Name or address that SSH connects to and clients poll (default: the host's name). \
                            `10.20.1.[1:20]` counts along with a range of names.",
            "type": "string",
            "pattern": "^[A-Za-z0-9_:\\[][A-Za-z0-9.:_\\[\\]-]*$",
        }),
        "role" => json!({
            "description": "`server`: serves time to others. `client`: only follows.",
            "enum": ["server", "client"],
        }),
        "take_over" => boolean(
            "May other time daemons on the host be stopped and disabled? Default: false, such a host is refused.",
        ),
        "include" => {
            let file = json!({ "type": "string", "pattern": ONE_LINE });
            json!({
                "description": "Files or patterns of files that are read along with this one, relative to it.",
                "anyOf": [file, { "type": "array", "items": file }],
            })
        }
        "vars" => json!({
            "description": "Words of your own for templates: `{{ word }}` in any value.",
            "type": ["object", "null"],
            "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
            "additionalProperties": true,
        }),
        "allow_rules" => json!({
            "description": "Findings that are fine here, by the rule's name, each with the reason why.",
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "rule": { "type": "string", "pattern": ONE_LINE },
                    "reason": { "type": "string", "pattern": ONE_LINE },
                },
                "required": ["rule", "reason"],
                "additionalProperties": false,
            },
        }),
        "ssh" => {
            reference("ssh", "How to reach the host. What is not said comes from your own SSH configuration.")
        }
        "agent" => reference("agent", "How the agent is installed and run."),
        "time" => reference("time", "What the clock should follow and whom it serves."),
        _ => Value::Null,
    }
}

fn of_ssh(key: &str) -> Value {
    match key {
        "ssh.user" => text("Login name."),
        "ssh.port" => whole("TCP port.", 1, 65_535),
        "ssh.identity" => path("Private key on this machine; `~/` is your home."),
        "ssh.become" => boolean("Use sudo, without a password. Default: false."),
        "ssh.jump" => text("Jump host `[user@]host[:port]`, a comma-separated list, or `none`."),
        "ssh.known_hosts" => path("File with host keys on this machine; `~/` is your home."),
        _ => Value::Null,
    }
}

fn of_agent(key: &str) -> Value {
    match key {
        "agent.service" => json!({
            "description": "`systemd`: a unit. `process`: a background process of the login user. Default: systemd.",
            "enum": ["systemd", "process"],
        }),
        "agent.home" => json!({
            "description": "With `process`: directory on the host that holds everything. Default: `~/timefleet`.",
            "type": "string",
            "pattern": "^(~/[A-Za-z0-9/._-]*|/[A-Za-z0-9/._-]+)$",
            "not": { "pattern": "(^|/)\\.\\.(/|$)" },
        }),
        _ => Value::Null,
    }
}

fn of_time(key: &str) -> Value {
    match key {
        "time.upstreams" => json!({
            "description": "Whom the clock follows. A list of an inner layer takes the place of the outer one.",
            "type": "array",
            "items": { "$ref": "#/$defs/upstream" },
        }),
        "time.allow" => networks(
            "Addresses and networks that may ask; the most specific line wins. Short forms: `10.20`, `0/0`.",
        ),
        "time.deny" => networks("Addresses and networks that may not ask."),
        "time.local" => switchable(
            "Serve the host's own clock when there is no source. `false` takes an outer `local` away.",
            super::mapping_or_switch("time.local.", &keys::LOCAL),
        ),
        "time.maxdistance" => seconds("Largest root distance of a usable source, in seconds. Default: 3."),
        "time.bound" => {
            seconds("Largest error bound of a clock that counts as good, in seconds. Default: `maxdistance`.")
        }
        "time.ipv4_only" => boolean("Use IPv4 addresses only."),
        "time.ipv6_only" => boolean("Use IPv6 addresses only."),
        "time.makestep" => switchable(
            "When the clock may step instead of being slewed. `false`: never.",
            super::mapping_or_switch("time.makestep.", &keys::MAKESTEP),
        ),
        "time.rtcsync" => {
            boolean("The kernel copies the time to the hardware clock. Default: as `control_clock`.")
        }
        "time.minsources" => {
            whole("Sources that must agree before the clock is touched. Default: 1.", 1, 1000)
        }
        "time.port" => whole("UDP port where a server serves NTP. Default: 123.", 1, 65_535),
        "time.cmdport" => whole("UDP port of monitoring, 0 = none. Default: 323.", 0, 65_535),
        "time.control_clock" => boolean("`false`: measure and report only. Default: true."),
        "time.daemon" => json!({
            "description": "`agent`: timefleet's own. `chronyd`: the one the host has; only its file is written. Default: agent.",
            "enum": ["agent", "chronyd"],
        }),
        "time.ratelimit" => switchable(
            "How often one address is answered. `true`: chrony's own limits. Default: no limit.",
            super::mapping_or_switch("time.ratelimit.", &keys::RATELIMIT),
        ),
        "time.keyfile" => json!({
            "description": "File with keys on the host; it begins with `/` or `~/`.",
            "type": "string",
            "pattern": "^~?/[^\\s\\u0000-\\u001f]*[^/\\s\\u0000-\\u001f]$",
        }),
        "time.template" => path(
            "Template on this machine for the configuration, instead of the carried one; `~/` is your home.",
        ),
        "time.extra" => json!({
            "description": "Raw lines of chrony.conf(5); `{{ name }}`, `{{ address }}`, `{{ fleet }}`, `{{ role }}` are filled in.",
            "type": "array",
            "items": { "type": "string", "pattern": ONE_LINE },
        }),
        _ => Value::Null,
    }
}

/// The keys of `time.local`, `time.makestep` and `time.ratelimit`.
fn of_inner(key: &str) -> Value {
    match key {
        "time.local.stratum" => whole("Stratum that is served, 1 to 15. Default: 10.", 1, 15),
        "time.local.orphan" => {
            boolean("Elect one among servers with the same stratum that poll each other. Default: false.")
        }
        "time.local.distance" => seconds("Root distance in seconds above which the own clock takes over."),
        "time.ratelimit.interval" => {
            whole("Shortest mean interval that is answered, log2 seconds. Default: 3.", -19, 12)
        }
        "time.ratelimit.burst" => whole("Answers in a row above the limit. Default: 8.", 1, 255),
        "time.ratelimit.leak" => {
            whole("One of 2^N requests above the limit is answered, 1 to 4. Default: 2.", 1, 4)
        }
        "time.ratelimit.kod" => whole("One of 2^N is told to ask less, 0 = none, up to 4. Default: 0.", 0, 4),
        "time.makestep.threshold" => seconds("Step offsets above this, in seconds. Default: 1."),
        "time.makestep.limit" => {
            whole("In this many first updates; -1: always. Default: 3.", -1, i64::from(i32::MAX))
        }
        "time.local.activate" => {
            seconds_within("Not before the root distance was once below this, in seconds.", 0.0, 1e6)
        }
        "time.local.waitsynced" => {
            seconds_within("How long to wait after the last source was lost, in seconds.", 0.0, 1e9)
        }
        "time.local.waitunsynced" => {
            seconds_within("How long to wait when there never was a source, in seconds.", 0.0, 1e9)
        }
        _ => Value::Null,
    }
}

fn of_upstream(key: &str) -> Value {
    let (shortest, longest) = (i64::from(keys::POLL.0), i64::from(keys::POLL.1));
    match key {
        "time.upstreams.server" => host_name("One machine outside the inventory: name or address."),
        "time.upstreams.pool" => host_name("A name that stands for several servers outside the inventory."),
        "time.upstreams.group" => text("Every host of this group of the inventory but the host itself."),
        "time.upstreams.iburst" => boolean("Four quick requests at the start."),
        "time.upstreams.prefer" => boolean("Prefer it to others that are as good."),
        "time.upstreams.port" => {
            whole("UDP port. Default: 123, or for a group each server's own.", 1, 65_535)
        }
        "time.upstreams.minpoll" => {
            whole("Shortest polling interval, log2 seconds. Default: 6 (64 s).", shortest, longest)
        }
        "time.upstreams.maxpoll" => {
            whole("Longest polling interval, log2 seconds. Default: 10 (1024 s).", shortest, longest)
        }
        "time.upstreams.platform" => json!({
            "description": "What serves there: `windows` reports a root dispersion of seconds, and the checks know it.",
            "enum": ["windows", "other"],
        }),
        _ => of_option(key),
    }
}

/// An address, or labels of which one has more than digits: without that, an address was meant.
fn host_name(description: &str) -> Value {
    let byte = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    let label = "[A-Za-z0-9_][A-Za-z0-9_-]{0,62}";
    json!({
        "description": description,
        "type": "string",
        "maxLength": 253,
        "anyOf": [
            { "pattern": format!("^{byte}(\\.{byte}){{3}}$") },
            { "pattern": "^[0-9A-Fa-f]{0,4}:[0-9A-Fa-f.:]+$" },
            { "allOf": [
                { "pattern": format!("^{label}(\\.{label})*\\.?$") },
                { "pattern": "[A-Za-z_-]" },
            ] },
        ],
    })
}

/// What an upstream may say beyond its name, its port and its polling.
fn of_option(key: &str) -> Value {
    let (shortest, longest) = (i64::from(keys::POLL.0), i64::from(keys::POLL.1));
    match key.rsplit('.').next().unwrap_or_default() {
        "xleave" => boolean("Interleaved mode (RFC 9769): better timestamps of servers that know it."),
        "key" => whole("Number of the key that signs requests, from `keyfile`.", 1, i64::from(u32::MAX)),
        "trust" => boolean("Taken for true: only another trusted source can outvote it."),
        "require" => boolean("One of those with `require` must be selectable before the clock is touched."),
        "noselect" => boolean("Measured, never selected."),
        "maxsources" => whole("How many servers of a pool are used. Default: 4.", 1, 16),
        "offset" => seconds_within("Correction of what the source says, in seconds.", -1e6, 1e6),
        "presend" => {
            whole("From this interval on, log2 seconds, a request warms the path up.", shortest, longest)
        }
        "version" => whole("NTP version of requests. Default: 4.", 1, 4),
        "maxdelay" => {
            seconds_within("Largest round trip of a usable sample, in seconds. Default: 3.", 0.0, 1000.0)
        }
        "filter" => whole("So many samples are reduced to one, their median.", 1, 64),
        _ => Value::Null,
    }
}

/// Something that is not blank, on one line.
const ONE_LINE: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$";

fn text(description: &str) -> Value {
    json!({ "description": description, "type": "string", "pattern": ONE_LINE })
}

/// A path in which only `~/` may stand for a directory.
fn path(description: &str) -> Value {
    json!({ "description": description, "type": "string", "pattern": ONE_LINE, "not": { "pattern": "^~[^/]" } })
}

fn boolean(description: &str) -> Value {
    json!({ "description": description, "type": "boolean" })
}

fn whole(description: &str, least: i64, most: i64) -> Value {
    json!({ "description": description, "type": "integer", "minimum": least, "maximum": most })
}

/// The limits of the agent's own parser.
fn seconds(description: &str) -> Value {
    json!({ "description": description, "type": "number", "minimum": 0.000_001, "maximum": 1_000_000 })
}

fn seconds_within(description: &str, least: f64, most: f64) -> Value {
    json!({ "description": description, "type": "number", "minimum": least, "maximum": most })
}

fn networks(description: &str) -> Value {
    json!({
        "description": description,
        "type": "array",
        // `10.20` is a number to YAML.
        "items": { "type": ["string", "number"], "pattern": "^[0-9A-Fa-f:.]*[0-9:.][0-9A-Fa-f:.]*(/[0-9]+)?$" },
    })
}

fn reference(name: &str, description: &str) -> Value {
    json!({ "description": description, "$ref": format!("#/$defs/{name}") })
}

fn switchable(description: &str, mut mapping: Value) -> Value {
    if let Some(fields) = mapping.as_object_mut() {
        fields.insert("description".to_owned(), json!(description));
    }
    mapping
}
