//! Options of a link: by which names they are given, what they take, and the line they become, in the order of the lines.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fleet_common::call::CallError;
use fleet_common::value::Value;
use fleet_common::value::python::str_;

use crate::modules::tool;

/// What an option takes.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Text; several give a line each.
    Text,
    /// Words of one line.
    Words,
    /// A number between these.
    Number(i64, i64),
    /// A number that may have a fraction.
    Decimal,
    /// On or off.
    Switch,
    /// An address of the stanza's family, with its bits or without; several give a line each.
    Address,
    /// An address of any family.
    AnyAddress,
    /// Bits, or the mask of an IPv4 network.
    Netmask,
    /// A hardware address.
    Hardware,
    /// One of these.
    One(&'static [&'static str]),
}

use Kind::{Address, AnyAddress, Decimal, Hardware, Netmask, Number, One, Switch, Text, Words};

/// Where the stanza of IPv6 has an option from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Six {
    /// It has none.
    Never,
    /// From the name with `ipv6` before it.
    Own,
    /// From that, else from the plain name.
    Shared,
}

use Six::{Never, Own, Shared};

/// An option.
pub struct Row {
    /// The names it is given by.
    pub keys: &'static [&'static str],
    /// The word its line begins with.
    pub line: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Stanzas of IPv4 have it.
    pub four: bool,
    /// Stanzas of IPv6 have it.
    pub six: Six,
}

const fn row(keys: &'static [&'static str], line: &'static str, kind: Kind, four: bool, six: Six) -> Row {
    Row { keys, line, kind, four, six }
}

/// Numbers from 0 and from 1 on.
const COUNT: Kind = Number(0, i32::MAX as i64);
const SIZE: Kind = Number(1, i32::MAX as i64);

/// All options that links of every type have.
pub const ROWS: &[Row] = &[
    row(&["autoconf"], "autoconf", Number(0, 1), false, Shared),
    row(&["privext"], "privext", Number(0, 2), false, Shared),
    row(&["preferred-lifetime", "preferred_lifetime"], "preferred-lifetime", COUNT, false, Shared),
    row(&["dad-attempts", "dad_attempts"], "dad-attempts", COUNT, false, Shared),
    row(&["dad-interval", "dad_interval"], "dad-interval", Decimal, false, Shared),
    row(&["hwaddress", "hwaddr"], "hwaddress", Hardware, true, Shared),
    row(&["vlan-raw-device", "vlan_raw_device"], "vlan-raw-device", Text, true, Shared),
    row(&["ipaddr", "address", "addr"], "address", Address, true, Own),
    row(&["ipaddrs", "addresses", "addrs"], "address", Address, true, Own),
    row(&["netmask"], "netmask", Netmask, true, Own),
    row(&["broadcast"], "broadcast", Address, true, Never),
    row(&["metric"], "metric", COUNT, true, Own),
    row(&["gateway"], "gateway", Address, true, Own),
    row(&["pointopoint"], "pointopoint", Address, true, Never),
    row(&["scope"], "scope", One(&["global", "link", "host", "site"]), true, Shared),
    row(&["media"], "media", Text, false, Shared),
    row(&["hostname"], "hostname", Text, true, Never),
    row(&["leasehours"], "leasehours", SIZE, true, Never),
    row(&["leasetime"], "leasetime", SIZE, true, Never),
    row(&["vendor"], "vendor", Text, true, Never),
    row(&["client"], "client", Text, true, Never),
    row(&["bootfile"], "bootfile", Text, true, Never),
    row(&["server"], "server", Address, true, Never),
    row(&["endpoint"], "endpoint", AnyAddress, true, Shared),
    row(&["dstaddr"], "dstaddr", Address, true, Never),
    row(&["local"], "local", AnyAddress, true, Shared),
    row(&["ttl"], "ttl", Number(1, 255), true, Shared),
    row(&["mtu"], "mtu", SIZE, true, Shared),
    row(&["provider"], "provider", Text, true, Never),
    row(&["unit"], "unit", COUNT, true, Never),
    row(&["options"], "options", Text, true, Never),
    row(&["dns", "dns-nameservers", "dns_nameservers"], "dns-nameservers", Words, true, Shared),
    row(&["dns-search", "dns_search"], "dns-search", Words, true, Shared),
    row(&["wpa-conf"], "wpa-conf", Text, true, Shared),
    row(&["wpa-driver"], "wpa-driver", Text, true, Shared),
    row(&["wpa-key-mgmt"], "wpa-key-mgmt", Text, true, Shared),
    row(&["wpa-psk"], "wpa-psk", Text, true, Shared),
    row(&["wpa-roam"], "wpa-roam", Text, true, Shared),
    row(&["wpa-ssid"], "wpa-ssid", Text, true, Shared),
    row(&["accept_ra"], "accept_ra", Number(0, 2), false, Shared),
    row(&["up_cmds"], "up", Text, true, Shared),
    row(&["down_cmds"], "down", Text, true, Shared),
    row(&["pre_up_cmds"], "pre-up", Text, true, Shared),
    row(&["post_up_cmds"], "post-up", Text, true, Shared),
    row(&["pre_down_cmds"], "pre-down", Text, true, Shared),
    row(&["post_down_cmds"], "post-down", Text, true, Shared),
    row(&["master"], "bond-master", Text, true, Shared),
    row(&["autoneg"], "ethernet-autoneg", Switch, true, Shared),
    row(&["duplex"], "link-duplex", One(&["full", "half"]), true, Shared),
    row(&["speed"], "link-speed", One(&["10", "100", "1000", "10000"]), true, Shared),
    row(&["gro"], "offload-gro", Switch, true, Shared),
    row(&["gso"], "offload-gso", Switch, true, Shared),
    row(&["lro"], "offload-lro", Switch, true, Shared),
    row(&["rx"], "offload-rx", Switch, true, Shared),
    row(&["sg"], "offload-sg", Switch, true, Shared),
    row(&["tso"], "offload-tso", Switch, true, Shared),
    row(&["tx"], "offload-tx", Switch, true, Shared),
    row(&["ufo"], "offload-ufo", Switch, true, Shared),
];

/// Options of a bridge, after those.
pub const BRIDGE: &[Row] = &[
    row(&["ageing"], "bridge_ageing", Decimal, true, Shared),
    row(&["bridgeprio"], "bridge_bridgeprio", COUNT, true, Shared),
    row(&["fd"], "bridge_fd", Decimal, true, Shared),
    row(&["gcint"], "bridge_gcint", Decimal, true, Shared),
    row(&["hello"], "bridge_hello", Decimal, true, Shared),
    row(&["hw"], "bridge_hw", Hardware, true, Shared),
    row(&["maxage"], "bridge_maxage", Decimal, true, Shared),
    row(&["maxwait"], "bridge_maxwait", COUNT, true, Shared),
    row(&["pathcost"], "bridge_pathcost", Text, true, Shared),
    row(&["portprio"], "bridge_portprio", Text, true, Shared),
    row(&["ports"], "bridge_ports", Words, true, Shared),
    row(&["stp"], "bridge_stp", Switch, true, Shared),
    row(&["waitport"], "bridge_waitport", Text, true, Shared),
];

/// The place of a line's first word among the lines of a stanza; words that are not ours come last.
pub fn rank(word: &str) -> usize {
    let bond = word.starts_with("bond-");
    let mut rows = ROWS.iter().chain(BRIDGE).map(|row| row.line);
    match rows.position(|line| line == word) {
        Some(at) if at >= ROWS.len() => at + 1,
        Some(at) => at,
        None if bond => ROWS.len(),
        None => usize::MAX,
    }
}

/// The error for a value that an option does not take.
pub fn invalid(iface: &str, key: &str, expected: &str) -> CallError {
    CallError::Invocation(format!("Invalid option -- Interface: {iface}, Option: {key}, Expected: [{expected}]"))
}

/// What stands for on and off.
pub fn switch(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(on) => Some(*on),
        Value::Int(1) => Some(true),
        Value::Int(0) => Some(false),
        Value::Str(text) => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" | "1" => Some(true),
            "no" | "off" | "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// What is expected of a switch, as the reference words it.
pub const SWITCH: &str = "yes|on|true|1|True|no|off|false|0|False";

fn address(text: &str, six: bool) -> bool {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let (fits, most) = match six {
        true => (address.parse::<Ipv6Addr>().is_ok(), 128),
        false => (address.parse::<Ipv4Addr>().is_ok(), 32),
    };
    fits && bits.is_none_or(|bits| bits.parse::<u8>().is_ok_and(|bits| bits <= most))
}

fn netmask(text: &str, six: bool) -> bool {
    let bits = text.parse::<u8>().is_ok_and(|bits| bits <= if six { 128 } else { 32 });
    let mask = text.parse::<Ipv4Addr>().is_ok_and(|mask| mask.to_bits().leading_ones() == mask.to_bits().count_ones());
    bits || (mask && !six)
}

fn hardware(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    parts.len() == 6 && parts.iter().all(|part| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit()))
}

/// The items of a value: those of a list, or the value.
pub fn items(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) => items.iter().map(str_).collect(),
        other => vec![str_(other)],
    }
}

/// What stands behind the option's word, a line each.
pub fn values(row: &Row, iface: &str, key: &str, value: &Value, six: bool) -> Result<Vec<String>, CallError> {
    let text = str_(value);
    let check = |fits: bool, expected: &str| if fits { Ok(()) } else { Err(invalid(iface, key, expected)) };
    let lines = match row.kind {
        Text => items(value),
        Words => vec![items(value).join(" ")],
        Switch => {
            let on = switch(value).ok_or_else(|| invalid(iface, key, SWITCH))?;
            vec![if on { "on" } else { "off" }.to_owned()]
        }
        Number(least, most) => {
            let number = match value {
                Value::Bool(on) => Some(i64::from(*on)),
                _ => text.parse().ok(),
            };
            let number = number.filter(|number| (least..=most).contains(number));
            let expected = || invalid(iface, key, &format!("integer from {least} to {most}"));
            vec![number.ok_or_else(expected)?.to_string()]
        }
        Decimal => {
            let fits = text.parse::<f64>().is_ok_and(|number| number.is_finite() && number >= 0.0);
            check(fits, "float")?;
            vec![text]
        }
        Address => items(value),
        AnyAddress => {
            check(text.parse::<IpAddr>().is_ok(), "IP address")?;
            vec![text]
        }
        Netmask => {
            check(netmask(&text, six), "netmask")?;
            vec![text]
        }
        Hardware => {
            check(hardware(&text), "valid MAC address")?;
            vec![text]
        }
        One(known) => {
            check(known.contains(&text.as_str()), &known.join("|"))?;
            vec![text]
        }
    };
    for line in &lines {
        tool::one_line(key, line)?;
        if matches!(row.kind, Address) {
            check(address(line, six), if six { "IPv6 address" } else { "IPv4 address" })?;
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked() {
        assert!(address("10.0.0.1/24", false) && address("2001:db8::1/64", true));
        assert!(!address("10.0.0.1/33", false) && !address("2001::1", false) && !address("10.0.0.1", true));
        assert!(netmask("255.255.255.0", false) && netmask("24", false) && netmask("64", true));
        assert!(!netmask("255.0.255.0", false) && !netmask("255.255.255.0", true) && !netmask("64", false));
        assert!(hardware("00:11:22:33:44:55") && !hardware("00:11:22:33:44") && !hardware("0g:11:22:33:44:55"));
        assert_eq!((switch(&"True".into()), switch(&0.into()), switch(&"x".into())), (Some(true), Some(false), None));
    }

    #[test]
    fn lines_have_an_order() {
        assert!(rank("address") < rank("netmask") && rank("bond-master") < rank("ethernet-autoneg"));
        assert!(rank("offload-ufo") < rank("bond-mode"));
        assert!(rank("bond-mode") < rank("bridge_ports") && rank("bridge_stp") < rank("else"));
    }
}
