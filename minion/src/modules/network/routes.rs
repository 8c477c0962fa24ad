//! Routes, from the kernel's tables.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use super::arithmetic::address;
use crate::cx::{Look, Module};
use crate::modules::tool;

/// This part of the module.
pub const MODULE: Module = Module {
    name: "network",
    doc: super::DOC,
    functions: &[
        Function::reads("routes", "All routes.", "network.routes inet", Family::ROWS, |_, arguments| {
            listed(Family::bind("network.routes", arguments)?, |_| true)
        }),
        Function::reads(
            "default_route",
            "The routes to everywhere.",
            "network.default_route inet",
            Family::ROWS,
            |_, arguments| listed(Family::bind("network.default_route", arguments)?, Route::is_default),
        ),
        Function::reads(
            "get_route",
            "How an address is reached: by which gateway, link and own address.",
            "network.get_route 10.10.10.10",
            Target::ROWS,
            get_route,
        ),
    ],
};

args! {
    /// A family of addresses.
    pub struct Family {
        /// `inet` or `inet6`; else both.
        family: Option<String> = None,
    }
}

args! {
    /// Arguments of `network.get_route`.
    pub struct Target {
        /// The address.
        ip: String,
    }
}

/// A route as net-tools show it.
#[derive(Debug, PartialEq, Eq)]
struct Route {
    destination: String,
    gateway: String,
    /// Empty for IPv6, whose destination has its bits.
    netmask: String,
    flags: String,
    link: String,
}

impl Route {
    fn is_default(&self) -> bool {
        match self.netmask.as_str() {
            "" => self.destination == "::/0",
            mask => self.destination == "0.0.0.0" && mask == "0.0.0.0",
        }
    }

    fn shown(self) -> Map {
        Map::from_iter([
            ("addr_family", if self.netmask.is_empty() { "inet6" } else { "inet" }),
            ("destination", &self.destination),
            ("gateway", &self.gateway),
            ("netmask", &self.netmask),
            ("flags", &self.flags),
            ("interface", &self.link),
        ])
    }
}

/// Bits of the kernel's flags and the letters that stand for them, in the order in which they are shown.
const LETTERS: &[(u32, char)] = &[
    (0x2, 'G'),
    (0x4, 'H'),
    (0x8, 'R'),
    (0x10, 'D'),
    (0x20, 'M'),
    (0x10000, 'D'),
    (0x40000, 'A'),
    (0x0100_0000, 'C'),
    (0x20000, 'a'),
    (0x40_0000, 'e'),
    (0x20_0000, 'n'),
];
/// The flag of a route that refuses.
const REJECT: u32 = 0x200;

fn letters(flags: u32) -> String {
    let first = if flags & REJECT == 0 { 'U' } else { '!' };
    std::iter::once(first)
        .chain(LETTERS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, letter)| *letter))
        .collect()
}

/// A line of the table of IPv4: link, destination, gateway, flags, three counters, mask.
fn four(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let ip = |at: usize| {
        let raw = u32::from_str_radix(fields.get(at)?, 16).ok()?;
        Some(Ipv4Addr::from(raw.to_ne_bytes()).to_string())
    };
    let flags = u32::from_str_radix(fields.get(3)?, 16).ok()?;
    Some(Route {
        destination: ip(1)?,
        gateway: ip(2)?,
        netmask: ip(7)?,
        flags: letters(flags),
        link: (*fields.first()?).to_owned(),
    })
}

/// A line of the table of IPv6: destination and bits, source and bits, gateway, metric, two counters, flags, link.
fn six(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let ip = |at: usize| u128::from_str_radix(fields.get(at)?, 16).ok().map(Ipv6Addr::from);
    let bits = u8::from_str_radix(fields.get(1)?, 16).ok()?;
    let flags = u32::from_str_radix(fields.get(8)?, 16).ok()?;
    Some(Route {
        destination: format!("{}/{bits}", ip(0)?),
        gateway: ip(4)?.to_string(),
        netmask: String::new(),
        flags: letters(flags),
        link: (*fields.get(9)?).to_owned(),
    })
}

fn listed(args: Family, meant: impl Fn(&Route) -> bool) -> CallResult {
    let wanted = args.family.as_deref().filter(|family| !family.is_empty());
    if let Some(other) = wanted.filter(|family| !["inet", "inet6"].contains(family)) {
        return Err(CallError::Failed(format!("Invalid address family {other}: it is inet or inet6")));
    }
    let asked = |family: &str| wanted.is_none_or(|wanted| wanted == family);
    let mut routes = Vec::new();
    if asked("inet") {
        routes.extend(tool::table(Path::new("/proc/net/route"))?.lines().skip(1).filter_map(four));
    }
    if asked("inet6") {
        routes.extend(tool::table(Path::new("/proc/net/ipv6_route"))?.lines().filter_map(six));
    }
    Ok(routes.into_iter().filter(meant).map(|route| Value::Map(route.shown())).collect::<Value>().into())
}

fn get_route(_: &Look, arguments: Arguments) -> CallResult {
    let ip: IpAddr = address(&Target::bind("network.get_route", arguments)?.ip)?;
    let said = tool::output(&["ip", "-o", "route", "get", &ip.to_string()])?;
    let words: Vec<&str> = said.split_whitespace().collect();
    let after = |name: &str| {
        let at = words.iter().position(|word| *word == name)?;
        words.get(at + 1).map(|word| Value::from(*word))
    };
    Ok(Map::from_iter([
        ("destination", Value::from(ip.to_string())),
        ("gateway", after("via").unwrap_or_default()),
        ("interface", after("dev").unwrap_or_default()),
        ("source", after("src").unwrap_or_default()),
    ])
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_the_kernel_are_read_as_net_tools_show_them() {
        let route = four("eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0").unwrap();
        assert!(route.is_default());
        assert_eq!((route.gateway.as_str(), route.flags.as_str()), ("192.0.2.1", "UG"));
        let zeros = "0".repeat(32);
        let default =
            format!("{zeros} 00 {zeros} 00 fd{}1 00000400 00000003 00000000 00000003     eth0", "0".repeat(29));
        let route = six(&default).unwrap();
        assert!(route.is_default());
        assert_eq!((route.gateway.as_str(), route.flags.as_str(), route.link.as_str()), ("fd00::1", "UG", "eth0"));
        let refused =
            six(&format!("{zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200       lo")).unwrap();
        assert_eq!(refused.flags, "!n");
        assert_eq!(six("short"), None);
        assert_eq!(four("Iface Destination"), None);
    }
}
