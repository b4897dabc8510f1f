//! The rules by name: what each finds, why, and what to do about it. `docs/rules.md` says the same.

use super::rule::{Numbers, Parameter, Rule, Scope, Stricter};
use crate::inventory::Severity;

macro_rules! rules {
    ($($rule:ident = $name:literal $severity:ident $scope:ident
        what $what:literal why $reason:literal cure $cure:literal example $example:literal
        $(number $parameter:literal $default:literal $stricter:ident $numbers:ident $least:literal $most:literal
            $limits:literal)*;)*) => {
        $(pub(super) static $rule: Rule = Rule {
            name: $name,
            severity: Severity::$severity,
            scope: Scope::$scope,
            what: $what,
            reason: $reason,
            cure: $cure,
            example: $example,
            parameters: &[$(Parameter {
                name: $parameter, default: $default, what: $limits, stricter: Stricter::$stricter,
                numbers: Numbers::$numbers, limits: ($least, $most),
            }),*],
        };)*

        /// Every rule.
        pub(crate) static RULES: &[&Rule] = &[$(&$rule),*];
    };
}

rules! {
    NO_HOSTS = "no-hosts" Error Strict
        what "an inventory without a single host"
        why "An inventory that was cut short must not look like a fleet where all is well."
        cure "list hosts under `groups: NAME: hosts:`"
        example "fleet: plant\ngroups:\n  servers: { role: server }";
    DUPLICATE_ADDRESS = "duplicate-address" Error Strict
        what "two hosts with the same address, SSH port and jump host"
        why "Two hosts that are one machine write over each other's files, and neither ever finds what it wants."
        cure "make them one host, or tell them apart by `ssh: { port }` or `ssh: { jump }`"
        example "groups:\n  g:\n    role: server\n    hosts:\n      a: { address: 10.0.0.1 }\n      b: { address: 10.0.0.1 }";
    HOSTNAME_IN_ALLOW = "hostname-in-allow" Error Strict
        what "a host name in `time.allow`, `time.deny`, or an extra line like them"
        why "A name that does not resolve when the daemon starts keeps it from starting, and at boot names often do not resolve."
        cure "write the address or the network"
        example "time: { allow: [web1.example] }";
    VALUE_OUT_OF_RANGE = "value-out-of-range" Error Strict
        what "a number that the daemon would not take"
        why "A daemon that refuses its configuration does not start, and one that takes a senseless number keeps no time."
        cure "write a number within the limits that the message names"
        example "time: { maxdistance: -3 }";
    POLL_ORDER = "poll-order" Error Strict
        what "`minpoll` above `maxpoll`"
        why "There is no polling interval that is longer than one and shorter than the other."
        cure "swap them; an interval that is given alone takes the other one along"
        example "time: { upstreams: [{ server: ntp.example, minpoll: 10, maxpoll: 6 }] }";
    CONTRADICTING_EXTRA = "contradicting-extra" Error Strict
        what "a line of `time.extra` that cannot be read or that changes what a key says (with `daemon: chronyd` a line that the agent does not know is left to chronyd)"
        why "An extra line that the agent cannot read, or that overrides a key of the inventory."
        cure "use the key instead of the line, or correct the line"
        example "time: { extra: [maxdistance 5] }";
    ISOLATED_WITHOUT_LOCAL = "isolated-without-local" Error Always
        what "a server without `local` and without a source that it may follow (`noselect` is only measured)"
        why "A server without a source and without `local` answers as unsynchronised: its clients see stratum 0 and never follow it."
        cure "give it upstreams, or `local: { stratum: 10, orphan: true, distance: 0.1 }`"
        example "groups:\n  servers:\n    role: server\n    time: { allow: [10.0.0.0/8] }\n    hosts: { ntp-a: }";
    NO_PATH_TO_TIME = "no-path-to-time" Error Always
        what "a client that follows nobody, or only measures its sources (`noselect`)"
        why "A client without an upstream keeps whatever its clock says."
        cure "give it `time: { upstreams: [{ group: GROUP }] }`"
        example "groups:\n  clients:\n    role: client\n    hosts: { web1: }";
    SYNC_LOOP = "sync-loop" Error Always
        what "hosts that follow only each other"
        why "Servers that only follow each other, none with a source outside or a local clock, never agree on a time."
        cure "give one of them a source outside, or all of them `local` with `orphan: true`: an orphan mesh elects one"
        example "groups:\n  left: { role: server, time: { upstreams: [{ group: right }] }, hosts: { l: } }\n  right: { role: server, time: { upstreams: [{ group: left }] }, hosts: { r: } }";
    CLIENT_NOT_ALLOWED = "client-not-allowed" Error Always
        what "a host whose address its server would not answer, or that is known by name and follows a server that allows nobody"
        why "A server answers only addresses that its allow and deny lines admit; the most specific line wins."
        cure "add the client's network to `time.allow` of the server"
        example "groups:\n  servers: { role: server, time: { allow: [10.1.0.0/16], upstreams: [{ pool: pool.example }] }, hosts: { s: } }\n  clients: { role: client, time: { upstreams: [{ group: servers }] }, hosts: { c: { address: 10.2.0.1 } } }";
    UPSTREAM_NOT_SERVING = "upstream-not-serving" Error Always
        what "a client that is named as an upstream"
        why "A client serves no time (`port 0`), so nobody can follow it."
        cure "name a group of servers, or give that host `role: server`"
        example "groups:\n  clients: { role: client, time: { upstreams: [{ group: clients }] }, hosts: { \"c[1:3]\": } }";
    ADDRESS_FAMILY_MISMATCH = "address-family-mismatch" Error Always
        what "`ipv4_only` or `ipv6_only` on a host or on its server, and an address of the other family"
        why "A daemon that was told to use one address family neither reaches an address of the other nor answers at one."
        cure "take `ipv4_only` or `ipv6_only` away, or name an address of the other family"
        example "time: { ipv4_only: true, upstreams: [{ server: \"2001:db8::1\" }] }";
    WRONG_PORT = "wrong-port" Error Always
        what "a server of the inventory that is asked on a port on which it does not serve"
        why "A server that is named by its address or name is asked on port 123 unless `port` says otherwise; where no daemon listens nobody answers."
        cure "write the server's port, or name its group: every server of it is asked on its own port"
        example "groups:\n  servers: { role: server, time: { port: 11123, allow: [10.0.0.0/8], upstreams: [{ pool: pool.example }] }, hosts: { s: { address: 10.0.0.1 } } }\n  clients: { role: client, time: { upstreams: [{ server: 10.0.0.1 }] }, hosts: { c: } }";
    SOURCE_IS_NO_SERVER = "source-is-no-server" Error Always
        what "loopback, `0.0.0.0`, multicast or broadcast as an upstream"
        why "At such an address answers nobody, or the host itself, and nobody learns the time from himself."
        cure "name the address of a server"
        example "time: { upstreams: [{ server: 127.0.0.1 }] }";
    KEY_UNKNOWN_TO_SERVER = "key-unknown-to-server" Error Always
        what "an upstream with a key, and a server of the inventory without a file of keys"
        why "A server does not answer requests that are signed with a key it does not have."
        cure "set `time.keyfile` of the server to a file there that holds the key, or take `key` away"
        example "groups:\n  servers: { role: server, time: { allow: [10.0.0.0/8], upstreams: [{ pool: pool.example }] }, hosts: { s: } }\n  clients: { role: client, time: { keyfile: /etc/chrony.keys, upstreams: [{ group: servers, key: 7 }] }, hosts: { c: } }";
    LOCAL_ON_CLIENT = "local-on-client" Error Always
        what "`local` on a client"
        why "A client with `local` believes its own clock when its servers are gone, and says it is synchronised."
        cure "take `local` away, or give the host `role: server`"
        example "groups:\n  clients: { role: client, time: { local: true, upstreams: [{ pool: pool.example }] }, hosts: { c: } }";
    ORPHAN_MISMATCH = "orphan-mismatch" Error Always
        what "servers with `orphan: true` that could not elect one of themselves, or whose clients would leave before they do"
        why "Orphans agree on one of them only if all serve the same stratum and each polls every other; clients that reject the distance at which they begin have left by then."
        cure "give all of them `upstreams: [{ group: THEIR-GROUP }]`, the same `local.stratum`, and a `local.distance` below every client's `maxdistance`"
        example "groups:\n  servers:\n    role: server\n    time: { upstreams: [{ group: servers }], local: { orphan: true } }\n    hosts:\n      a: { time: { local: { stratum: 9 } } }\n      b:";
    LOCAL_STRATUM_TOO_LOW = "local-stratum-too-low" Error Always
        what "a `local` stratum as good as that of real time"
        why "A clock that nobody set must not look as good as one that follows real time: clients prefer the lower stratum."
        cure "set `local: { stratum: 10 }`: far from the strata of real time, with room for tiers below"
        example "time: { local: { stratum: 1 } }"
        number "least" 5.0 Larger Whole 1.0 15.0 "lowest stratum that `local` may serve";
    MINSOURCES_ABOVE_SOURCES = "minsources-above-sources" Error Always
        what "`minsources` above the number of sources that the host can have"
        why "The clock is not touched before `minsources` sources can be selected, and there will never be so many."
        cure "name more upstreams, or lower `minsources`"
        example "time: { minsources: 3, upstreams: [{ server: a.example }, { server: b.example }] }";
    REQUIRED_NEVER_SELECTED = "required-never-selected" Error Always
        what "`require` only on sources that have `noselect` as well"
        why "With `require` the clock is not touched before one of those sources can be selected, and `noselect` never lets it be."
        cure "take `noselect` away from a source that has `require`, or give `require` to one without it"
        example "time: { upstreams: [{ pool: pool.example }, { server: ntp.example, require: true, noselect: true }] }";
    WINDOWS_WITHOUT_MAXDISTANCE = "windows-without-maxdistance" Warning Always
        what "a Windows server as an upstream, and a `maxdistance` that it exceeds"
        why "The Windows Time service reports a root dispersion of seconds; sources with a root distance above maxdistance (3 s unless set) are never selected."
        cure "set `maxdistance: 16.0` on the hosts that follow it"
        example "time: { upstreams: [{ server: dc1.example, platform: windows }] }";
    SINGLE_UPSTREAM = "single-upstream" Warning Always
        what "a host with one source, however often it is named"
        why "When the only source stops or lies, nothing shows it and nothing takes its place."
        cure "name at least three sources, better four; a pool counts as four"
        example "time: { upstreams: [{ server: ntp.example }] }";
    TWO_UPSTREAMS = "two-upstreams" Warning Always
        what "a host with two sources, however often each is named"
        why "Of two sources that disagree nobody can tell which one is right: the host follows neither, or the wrong one."
        cure "name a third source, better a fourth"
        example "time: { upstreams: [{ server: a.example }, { server: b.example }] }";
    OPEN_SERVER = "open-server" Warning Always
        what "a server that answers the whole Internet"
        why "Whoever can reach it can ask it: strangers depend on it, and floods and scans find it."
        cure "allow the networks of your own clients only"
        example "time: { allow: [0/0] }";
    STEP_ANYTIME = "step-anytime" Warning Always
        what "`makestep` without a limit"
        why "A clock that may jump at any time jumps under running databases, schedulers and logs, also because of one lying source."
        cure "set `makestep: { threshold: 1, limit: 3 }`: step at the start, slew afterwards"
        example "time: { makestep: { threshold: 1, limit: -1 } }";
    UNUSED_SERVER = "unused-server" Warning Always
        what "a server that no host of the inventory follows, or only servers that it follows itself"
        why "Either its clients forgot it, or it costs care for nothing."
        cure "name its group as an upstream of the clients, or take it away"
        example "groups:\n  servers: { role: server, time: { upstreams: [{ pool: pool.example }], allow: [10.0.0.0/8] }, hosts: { s: } }\n  clients: { role: client, time: { upstreams: [{ pool: pool.example }] }, hosts: { c: } }";
    PUBLIC_POOL_IN_ISOLATED_SITE = "public-pool-in-isolated-site" Warning Always
        what "a host that follows public servers beside a server that has only its own clock"
        why "Where the Internet cannot be reached the names never resolve; where it can, true time and the isolated server's clock disagree."
        cure "take the public servers away, or let the site's servers follow them"
        example "groups:\n  servers: { role: server, time: { local: true, allow: [10.0.0.0/8] }, hosts: { s: } }\n  clients: { role: client, time: { upstreams: [{ group: servers }, { pool: pool.ntp.org }] }, hosts: { c: } }";
    STRATUM_TOO_DEEP = "stratum-too-deep" Warning Always
        what "a host that would be at stratum 16"
        why "Stratum 16 means unsynchronised: nobody believes such a host, and it believes none of its servers at 15."
        cure "take tiers away, or lower `local.stratum` at the top"
        example "groups:\n  top: { role: server, time: { local: { stratum: 15 }, allow: [10.0.0.0/8] }, hosts: { t: } }\n  clients: { role: client, time: { upstreams: [{ group: top }] }, hosts: { c: } }";
    BOOT_CLOCK_SERVED = "boot-clock-served" Warning Always
        what "a server with sources whose `local` begins before any of them was heard"
        why "After a power failure it serves whatever its clock says, until its sources answer: whole racks have lived in the wrong year."
        cure "set `local: { activate: 0.5 }`: not before the clock was once within half a second (the agent, and chronyd from 4.6)"
        example "time: { upstreams: [{ pool: pool.example }], local: { stratum: 10 } }";
    ORPHANS_APART = "orphans-apart" Warning Always
        what "orphans with sources of their own, none of which polls another"
        why "When their sources are gone each serves its own clock, they drift apart, and their clients follow now one, now the other."
        cure "add their own group to their upstreams: then they elect one"
        example "groups:\n  servers:\n    role: server\n    time: { upstreams: [{ pool: pool.example }], local: { orphan: true } }\n    hosts: { a: , b: }\n  clients: { role: client, time: { upstreams: [{ group: servers }] }, hosts: { c: } }";
    LOCAL_BEYOND_MAXDISTANCE = "local-beyond-maxdistance" Warning Always
        what "a `local` that begins at a root distance that clients reject"
        why "Clients leave the server while its distance grows to that of `local`, and come back when it begins: a gap without time."
        cure "set `local.distance` below the clients' `maxdistance`"
        example "groups:\n  servers: { role: server, time: { upstreams: [{ pool: pool.example }], local: { distance: 5 } }, hosts: { s: } }\n  clients: { role: client, time: { upstreams: [{ group: servers }] }, hosts: { c: } }";
    SMEARED_AND_UNSMEARED = "smeared-and-unsmeared" Warning Always
        what "servers that smear leap seconds beside servers that do not, or that do it in another way"
        why "Around a leap second they disagree by up to a second, and who is in the minority is called a liar."
        cure "use sources of one kind"
        example "time: { upstreams: [{ server: time.google.com }, { pool: pool.ntp.org }] }";
    PUBLIC_POOL_AT_SCALE = "public-pool-at-scale" Warning Always
        what "a large fleet whose every host asks pool.ntp.org"
        why "The pool is run by volunteers for small users; a fleet's requests belong to servers of its own, and one address behind NAT is soon refused."
        cure "let a few servers of the fleet follow the pool, and the rest follow them"
        example "groups:\n  clients: { role: client, time: { upstreams: [{ pool: pool.ntp.org }] }, hosts: { \"c[1:500]\": } }"
        number "hosts" 100.0 Smaller Whole 0.0 1000000.0 "hosts that may ask the pool themselves";
    OPEN_COMMAND_PORT = "open-command-port" Warning Always
        what "the monitoring port open to everybody"
        why "`cmdallow` for everyone on an address that others reach tells strangers your sources and clients, and amplifies floods."
        cure "name the monitoring hosts after `cmdallow`, or set `cmdport: 0`"
        example "time: { extra: [cmdallow all, bindcmdaddress 0.0.0.0] }";
    KEY_WITHOUT_KEYFILE = "key-without-keyfile" Warning Always
        what "a source with a key, and no file of keys"
        why "Without the file there is no such key, and a source whose key is missing is never used."
        cure "set `time.keyfile` to the path of the file on the host"
        example "time: { upstreams: [{ server: ntp.example, key: 7 }] }";
    FOLLOWS_ITSELF = "follows-itself" Warning Always
        what "a host that names its own address as an upstream"
        why "Nobody learns the time from himself: such a source is never selected, and looks like one that is missing."
        cure "name a group instead: a host of the group leaves itself out"
        example "groups:\n  g: { role: server, time: { upstreams: [{ server: 10.0.0.1 }] }, hosts: { a: { address: 10.0.0.1 } } }";
    NO_COMMON_FAMILY = "no-common-family" Warning Always
        what "a host with an IPv4 address whose servers in the inventory have IPv6 addresses only, or the reverse"
        why "Where a host has no address of its servers' family nothing reaches them: `chronyc activity` counts sources with unknown address, or they stay at reach 0."
        cure "give it servers with an address of its own family; where it uses both, allow the rule and say so"
        example "groups:\n  servers: { role: server, time: { allow: [\"fd00::/8\"], upstreams: [{ pool: pool.example }] }, hosts: { \"s[1:3]\": { address: \"fd00::[1:3]\" } } }\n  clients: { role: client, time: { upstreams: [{ group: servers }] }, hosts: { c: { address: 10.0.0.9 } } }";
    DUPLICATE_SOURCE = "duplicate-source" Warning Always
        what "a source that stands twice in one host's configuration: among the upstreams, in a group, in an extra line"
        why "A daemon takes an address once, whatever its port: the second line is dropped (`Could not add source`), and with it its options and the redundancy that it seems to bring."
        cure "take one of the two away; for several addresses of one name write one `pool`"
        example "time: { upstreams: [{ server: ntp.example }, { server: NTP.example, prefer: true }] }";
    UNNEEDED_ALLOWANCE = "unneeded-allowance" Warning Allowances
        what "an allowed rule that finds nothing"
        why "An exception that is not needed any more hides the next mistake."
        cure "take the allowance away"
        example "allow_rules: [{ rule: two-upstreams, reason: \"only two are there\" }]\ntime: { upstreams: [{ pool: pool.example }] }";
    EXTERNAL_SOURCE_ON_CLIENT = "external-source-on-client" Error Asked
        what "a client that follows a server outside the inventory"
        why "Only designated servers should take time from outside; everybody else follows them."
        cure "let the client follow a group of servers"
        example "groups:\n  clients: { role: client, time: { upstreams: [{ pool: pool.example }] }, hosts: { c: } }";
    TOO_FEW_UPSTREAMS = "too-few-upstreams" Error Asked
        what "fewer servers, and fewer pools, than asked for"
        why "One lying or silent server must not decide."
        cure "name more upstreams"
        example "time: { upstreams: [{ server: a.example }] }"
        number "servers" 3.0 Larger Whole 0.0 64.0 "servers that are enough without a pool"
        number "pools" 1.0 Larger Whole 0.0 64.0 "pools that are enough without servers (0: pools do not count)";
    POLL_TOO_SLOW = "poll-too-slow" Error Asked
        what "a `maxpoll` above what is asked for"
        why "A clock that is compared too seldom is wrong for too long."
        cure "lower `maxpoll`"
        example "time: { upstreams: [{ server: ntp.example, maxpoll: 17 }] }"
        number "largest" 16.0 Smaller Whole 0.0 24.0 "largest `maxpoll`, log2 seconds";
    MAXPOLL_NOT_WRITTEN = "maxpoll-not-written" Error Asked
        what "an upstream without `maxpoll`"
        why "Some checks search the text of the configuration: there a default does not count."
        cure "write `maxpoll`, for example `maxpoll: 10`"
        example "time: { upstreams: [{ server: ntp.example }] }";
    PORT_ON_CLIENT = "port-on-client" Error Asked
        what "an extra line that opens the NTP port of a client"
        why "A client that answers is one more server that nobody looks after."
        cure "take the line away: clients are rendered with `port 0`"
        example "groups:\n  clients: { role: client, time: { daemon: chronyd, extra: [port 123] }, hosts: { c: } }";
    COMMAND_PORT_ON_CLIENT = "command-port-on-client" Error Asked
        what "a client whose monitoring port is open"
        why "A port that nobody needs is one more way in."
        cure "set `cmdport: 0`: `timefleet audit` and local `chronyc` use the Unix socket"
        example "groups:\n  clients: { role: client, time: { cmdport: 323 }, hosts: { c: } }";
    BOUND_TOO_WIDE = "bound-too-wide" Error Asked
        what "a `time.bound` above what is asked for"
        why "`timefleet audit` calls a clock good as long as its error bound is below `time.bound`: a wider one proves nothing."
        cure "lower `time.bound`"
        example "time: { bound: 5 }"
        number "largest" 1.0 Smaller Any 0.0 1000000.0 "largest `time.bound`, seconds";
    DAEMON_AS_ROOT = "daemon-as-root" Error Asked
        what "a time daemon that runs as root"
        why "Whoever finds a hole in it has the whole machine."
        cure "use `agent: { service: systemd }`, or another login user"
        example "agent: { service: process }\nssh: { user: root }";
    LOCAL_CLOCK_SERVED = "local-clock-served" Error Asked
        what "a server that may serve its own clock"
        why "Time from a clock that follows nothing cannot be traced to UTC."
        cure "take `local` away"
        example "time: { upstreams: [{ pool: pool.example }], local: true }";
    NO_CLOCK_LOG = "no-clock-log" Error Asked
        what "a host that keeps no log of its clock (`log` writes nothing without `logdir`)"
        why "Without a log nobody can show afterwards how good a clock was."
        cure "add `log tracking` and `logdir PATH` to the extra lines"
        example "time: { extra: [] }";
}
