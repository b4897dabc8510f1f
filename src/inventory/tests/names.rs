//! Names that could never be looked up are refused where they are written, with what to write instead.

use super::*;

#[test]
fn a_source_that_cannot_be_is_refused_under_its_name() {
    assert_eq!(
        wrong(
            "fleet: x
groups:
  g:
    role: server
    time:
      upstreams:
        - { server: 10.0.0.777 }
        - { server: 'ntp.example:123' }
        - { server: '10.0.0.1:124' }
        - { server: '2001:db8::zz' }
        - { pool: n..m }
        - { pool: 999 }
        - { server: 10.1 }
        - { server: 'fe80::1%eth0' }
        - { server: 10.0.0.01 }
        - { server: '[fd00::1]' }
        - { server: 7 }
        - { server: '{{ name }}..example' }
    hosts: { h: { address: 999 } }
"
        ),
        [
            "7:21: `time.upstreams.server` `10.0.0.777` is no IPv4 address: four numbers from 0 to 255",
            "8:21: `time.upstreams.server` `ntp.example:123` has a port at its end | the port goes into `port: 123`, and `ntp.example` stays here",
            "9:21: `time.upstreams.server` `10.0.0.1:124` has a port at its end | the port goes into `port: 124`, and `10.0.0.1` stays here",
            "10:21: `time.upstreams.server` `2001:db8::zz` is no IPv6 address",
            "11:19: `time.upstreams.pool` `n..m` has an empty label: two dots in a row, or one at its beginning",
            "12:19: `time.upstreams.pool` `999` is no IPv4 address: four numbers from 0 to 255",
            "13:21: `time.upstreams.server` `10.1` is no IPv4 address: four numbers from 0 to 255",
            "14:21: `time.upstreams.server` `fe80::1%eth0` has a zone, which means something on one machine only | write an address that others can reach, or a name",
            "15:21: `time.upstreams.server` `10.0.0.01` is no IPv4 address: four numbers from 0 to 255 without zeros in front | write `10.0.0.1`",
            "16:21: `time.upstreams.server` `[fd00::1]` is no IPv6 address | write \"fd00::1\": brackets are for addresses with a port",
            "17:21: `time.upstreams.server` `7` is no IPv4 address: four numbers from 0 to 255",
            "18:21: `time.upstreams.server` `h..example` has an empty label: two dots in a row, or one at its beginning",
            "19:28: `address` `999` is no IPv4 address: four numbers from 0 to 255",
        ]
    );
}

#[test]
fn a_host_whose_name_cannot_be_an_address_needs_one() {
    let named = |hosts: &str| format!("fleet: x\ngroups:\n  g:\n    role: server\n    hosts:\n{hosts}");
    assert_eq!(
        wrong(&named(
            "      10.20.300.4:\n      256.1.1.1: {}\n      10.0.0: { ssh: { port: 22 } }\n      n..m:\n      'a.-b[1:3]':\n      '[1:300]': { time: { port: 124 } }\n"
        )),
        [
            "6:7: host `10.20.300.4` has no `address`, and its name is no IPv4 address: four numbers from 0 to 255 | give it an `address`",
            "7:7: host `256.1.1.1` has no `address`, and its name is no IPv4 address: four numbers from 0 to 255 | give it an `address`",
            "8:7: host `10.0.0` has no `address`, and its name is no IPv4 address: four numbers from 0 to 255 | give it an `address`",
            "9:7: host `n..m` has no `address`, and its name has an empty label: two dots in a row, or one at its beginning | give it an `address`",
            "10:7: host `a.-b1` has no `address`, and its name has a label that begins with `-` | give it an `address`",
            "11:7: host `1` has no `address`, and its name is no IPv4 address: four numbers from 0 to 255 | give it an `address`",
        ]
    );
    let hosts = "      10.20.300.4: { address: ntp1 }\n      n..m: { address: '{{ role }}.example' }\n      10.0.0.1:\n      '[1:3]': { address: '10.0.1.[1:3]' }\n";
    assert_eq!(good(&named(hosts)).hosts.len(), 6);
}
