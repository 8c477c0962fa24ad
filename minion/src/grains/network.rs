//! Names and addresses of this machine, without DNS: from the kernel, `/etc/hosts` and `/etc/resolv.conf`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use fleet_common::value::{Map, Value};

use crate::system::fs::read_line;
use crate::system::netlink;

/// Names, interfaces, addresses, gateways, resolver.
pub(super) fn fill(grains: &mut Map) {
    let hosts = read_line("/etc/hosts").unwrap_or_default();
    let nodename = node_name();
    let fqdn = fqdn(&nodename, &hosts);
    let (host, domain) = fqdn.split_once('.').unwrap_or((&fqdn, ""));
    grains.insert("host", host);
    grains.insert("domain", domain);
    grains.insert("localhost", nodename.as_str());
    grains.insert("nodename", nodename);
    let mut own: Vec<IpAddr> = addresses_of(&fqdn, &hosts).collect();
    own.dedup();
    grains.insert("fqdn_ip4", own.iter().filter(|ip| ip.is_ipv4()).map(ToString::to_string).collect::<Value>());
    grains.insert("fqdn_ip6", own.iter().filter(|ip| ip.is_ipv6()).map(ToString::to_string).collect::<Value>());
    grains.insert("fqdns", Value::List(Vec::new()));
    grains.insert("fqdn", fqdn);
    interfaces(grains);
    gateways(grains);
    grains.insert("dns", resolver(&read_line("/etc/resolv.conf").unwrap_or_default()));
}

/// The machine's full name as the grain `fqdn` has it: the id of a minion that is not told another.
pub fn full_name() -> String {
    fqdn(&node_name(), &read_line("/etc/hosts").unwrap_or_default())
}

fn node_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The full name that `/etc/hosts` gives to the node name; the node name itself when it has none.
fn fqdn(nodename: &str, hosts: &str) -> String {
    if nodename.contains('.') {
        return nodename.to_owned();
    }
    let canonical = host_lines(hosts).find_map(|(_, mut names)| {
        let first = names.next()?;
        (first == nodename || names.any(|name| name == nodename)).then_some(first)
    });
    canonical.unwrap_or(nodename).to_owned()
}

fn addresses_of<'a>(name: &'a str, hosts: &'a str) -> impl Iterator<Item = IpAddr> + 'a {
    host_lines(hosts).filter(move |(_, names)| names.clone().any(|known| known == name)).map(|(ip, _)| ip)
}

fn host_lines(text: &str) -> impl Iterator<Item = (IpAddr, impl Iterator<Item = &str> + Clone)> {
    text.lines().filter_map(|line| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        Some((words.next()?.parse().ok()?, words))
    })
}

fn interfaces(grains: &mut Map) {
    let links = netlink::links().unwrap_or_default();
    let addresses = netlink::addresses().unwrap_or_default();
    let (mut both, mut four, mut six, mut hardware) = (Map::new(), Map::new(), Map::new(), Map::new());
    for link in &links {
        let of_link = || addresses.iter().filter(|known| known.index == link.index).map(|known| known.address);
        let texts = |ips: &mut dyn Iterator<Item = IpAddr>| ips.map(|ip| ip.to_string()).collect::<Value>();
        four.insert(link.name.as_str(), texts(&mut of_link().filter(IpAddr::is_ipv4)));
        six.insert(link.name.as_str(), texts(&mut of_link().filter(IpAddr::is_ipv6)));
        both.insert(
            link.name.as_str(),
            texts(&mut of_link().filter(IpAddr::is_ipv4).chain(of_link().filter(IpAddr::is_ipv6))),
        );
        if !link.hardware.is_empty() {
            hardware.insert(link.name.as_str(), link.hardware.as_str());
        }
    }
    let mut all: Vec<IpAddr> = addresses.iter().map(|known| known.address).collect();
    all.sort();
    all.dedup();
    grains.insert("ip_interfaces", both);
    grains.insert("ip4_interfaces", four);
    grains.insert("ip6_interfaces", six);
    grains.insert("hwaddr_interfaces", hardware);
    grains.insert("ipv4", all.iter().filter(|ip| ip.is_ipv4()).map(ToString::to_string).collect::<Value>());
    grains.insert("ipv6", all.iter().filter(|ip| ip.is_ipv6()).map(ToString::to_string).collect::<Value>());
}

/// `ip4_gw` and `ip6_gw` are the default gateway, `true` when the default route has none, `false` without one.
fn gateways(grains: &mut Map) {
    let four = read_line("/proc/net/route").and_then(|text| gateway4(&text));
    let six = read_line("/proc/net/ipv6_route").and_then(|text| gateway6(&text));
    grains.insert("ip_gw", four.is_some() || six.is_some());
    grains.insert("ip4_gw", four.unwrap_or(Value::Bool(false)));
    grains.insert("ip6_gw", six.unwrap_or(Value::Bool(false)));
}

fn gateway4(text: &str) -> Option<Value> {
    text.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (destination, gateway, mask) = (fields.get(1)?, fields.get(2)?, fields.get(7)?);
        let is_default = *destination == "00000000" && *mask == "00000000";
        let raw = u32::from_str_radix(gateway, 16).ok().filter(|_| is_default)?;
        let address = std::net::Ipv4Addr::from(raw.to_ne_bytes());
        Some(if raw == 0 { Value::Bool(true) } else { Value::from(address.to_string()) })
    })
}

fn gateway6(text: &str) -> Option<Value> {
    text.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_default = fields.first()?.bytes().all(|byte| byte == b'0') && *fields.get(1)? == "00";
        let raw =
            u128::from_str_radix(fields.get(4)?, 16).ok().filter(|_| is_default && fields.last() != Some(&"lo"))?;
        let address = std::net::Ipv6Addr::from(raw);
        Some(if raw == 0 { Value::Bool(true) } else { Value::from(address.to_string()) })
    })
}

fn resolver(text: &str) -> Map {
    let mut lists: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut domain = String::new();
    for line in text.lines() {
        let mut words = line.split(['#', ';']).next().unwrap_or_default().split_whitespace();
        let rest = |words: std::str::SplitWhitespace<'_>| words.map(str::to_owned).collect::<Vec<_>>();
        match words.next() {
            Some("nameserver") => lists.entry("nameserver").or_default().extend(words.next().map(str::to_owned)),
            Some("domain") => domain = words.next().unwrap_or_default().to_owned(),
            // The last line of a kind counts, as in the resolver.
            Some(kind @ ("search" | "options" | "sortlist")) => drop(lists.insert(kind, rest(words))),
            _ => {}
        }
    }
    let mut take = |kind: &str| lists.remove(kind).unwrap_or_default();
    let servers = take("nameserver");
    let of = |four: bool| servers.iter().filter(|server| server.contains(':') != four).collect::<Value>();
    Map::from_iter([
        ("nameservers", servers.iter().collect::<Value>()),
        ("ip4_nameservers", of(true)),
        ("ip6_nameservers", of(false)),
        ("sortlist", take("sortlist").into()),
        ("domain", domain.into()),
        ("search", take("search").into()),
        ("options", take("options").into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_name_is_the_first_name_of_its_line() {
        let hosts = "127.0.0.1 localhost # web1\n::1 ip6-localhost\n10.1.2.3 web1.example.test web1\n";
        assert_eq!(fqdn("web1", hosts), "web1.example.test");
        assert_eq!(fqdn("db", hosts), "db");
        assert_eq!(fqdn("a.b", hosts), "a.b");
        assert_eq!(addresses_of("web1", hosts).map(|ip| ip.to_string()).collect::<Vec<_>>(), ["10.1.2.3"]);
    }

    #[test]
    fn default_routes_are_read_from_proc() {
        let four = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n\
                    eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\neth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\n";
        assert_eq!(gateway4(four), Some(Value::from("192.0.2.1")));
        assert_eq!(gateway4("Iface\n"), None);
        let zero = "0".repeat(32);
        let six = format!("{zero} 00 {zero} 00 fd000000000000000000000000000001 00000400 1 0 3 eth0\n");
        assert_eq!(gateway6(&six), Some(Value::from("fd00::1")));
        assert_eq!(gateway6(&six.replace("eth0", "lo")), None);
    }

    #[test]
    fn the_resolvers_file_becomes_lists() {
        let dns = resolver("nameserver 10.0.0.1\nnameserver fd00::1\nsearch a.test b.test\noptions ndots:2 # x\n");
        assert_eq!(dns.get("ip6_nameservers"), Some(&Value::from(vec!["fd00::1"])));
        assert_eq!(dns.get("search"), Some(&Value::from(vec!["a.test", "b.test"])));
        assert_eq!(dns.get("options"), Some(&Value::from(vec!["ndots:2"])));
    }
}
