//! `network.*`: addresses of this machine as the kernel has them, and arithmetic on addresses.

use std::net::IpAddr;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Facts, Function};
use fleet_common::value::{Map, Value};
use ipnet::IpNet;

use crate::cx::{Look, Module};
use crate::system::netlink::{self, Address, Link};

/// The module.
pub const MODULE: Module = Module {
    name: "network",
    doc: "Addresses of this machine, and arithmetic on addresses.",
    functions: &[
        Function::reads(
            "ip_addrs",
            "The IPv4 addresses of this machine.",
            "network.ip_addrs",
            Addrs::ROWS,
            |_, arguments| own_addresses(Addrs::bind("network.ip_addrs", arguments)?, false),
        ),
        Function::reads(
            "ipaddrs",
            "The IPv4 addresses of this machine.",
            "network.ipaddrs",
            Addrs::ROWS,
            |_, arguments| own_addresses(Addrs::bind("network.ipaddrs", arguments)?, false),
        ),
        Function::reads(
            "ip_addrs6",
            "The IPv6 addresses of this machine.",
            "network.ip_addrs6",
            Addrs::ROWS,
            |_, arguments| own_addresses(Addrs::bind("network.ip_addrs6", arguments)?, true),
        ),
        Function::reads(
            "ipaddrs6",
            "The IPv6 addresses of this machine.",
            "network.ipaddrs6",
            Addrs::ROWS,
            |_, arguments| own_addresses(Addrs::bind("network.ipaddrs6", arguments)?, true),
        ),
        Function::reads(
            "interfaces",
            "State, hardware address and addresses by name of the link.",
            "network.interfaces",
            Nothing::ROWS,
            interfaces,
        ),
        Function::reads(
            "interface_ip",
            "The first IPv4 address of a link, or an empty text.",
            "network.interface_ip lo",
            Iface::ROWS,
            interface_ip,
        ),
        Function::reads(
            "hw_addr",
            "The hardware address of a link.",
            "network.hw_addr eth0",
            Iface::ROWS,
            |_, arguments| hardware(&Iface::bind("network.hw_addr", arguments)?.iface),
        ),
        Function::reads(
            "hwaddr",
            "The hardware address of a link.",
            "network.hwaddr eth0",
            Iface::ROWS,
            |_, arguments| hardware(&Iface::bind("network.hwaddr", arguments)?.iface),
        ),
        Function::reads(
            "subnets",
            "The IPv4 networks of this machine.",
            "network.subnets",
            Subnets::ROWS,
            |_, arguments| subnets(Subnets::bind("network.subnets", arguments)?, false),
        ),
        Function::reads(
            "subnets6",
            "The IPv6 networks of this machine.",
            "network.subnets6",
            Subnets::ROWS,
            |_, arguments| subnets(Subnets::bind("network.subnets6", arguments)?, true),
        ),
        Function::reads(
            "in_subnet",
            "True if an address of this machine, loopback left out, is in a network.",
            "network.in_subnet 10.0.0.0/16",
            Cidr::ROWS,
            in_subnet,
        ),
        Function::reads(
            "ip_in_subnet",
            "True if an address is in a network.",
            "network.ip_in_subnet 172.17.0.4 172.16.0.0/12",
            InSubnet::ROWS,
            ip_in_subnet,
        )
        .quick(),
        Function::reads(
            "is_loopback",
            "True for addresses of the machine itself.",
            "network.is_loopback 127.0.0.1",
            Addr::ROWS,
            |_, arguments| Ok(address(&Addr::bind("network.is_loopback", arguments)?.ip_addr)?.is_loopback().into()),
        )
        .quick(),
        Function::reads(
            "is_private",
            "True for addresses that are not of the internet.",
            "network.is_private 10.0.0.3",
            Addr::ROWS,
            |_, arguments| Ok(is_private(address(&Addr::bind("network.is_private", arguments)?.ip_addr)?).into()),
        )
        .quick(),
        Function::reads(
            "reverse_ip",
            "The name of an address for reverse look-ups.",
            "network.reverse_ip 172.17.0.4",
            Addr::ROWS,
            |_, arguments| Ok(reverse(address(&Addr::bind("network.reverse_ip", arguments)?.ip_addr)?).into()),
        )
        .quick(),
        Function::reads(
            "convert_cidr",
            "Network, mask and broadcast address of a network.",
            "network.convert_cidr 172.31.0.0/16",
            Cidr::ROWS,
            convert_cidr,
        )
        .quick(),
        Function::reads(
            "calc_net",
            "The network of an address and a mask.",
            "network.calc_net 172.17.0.5 255.255.255.240",
            CalcNet::ROWS,
            calc_net,
        )
        .quick(),
        Function::reads(
            "get_hostname",
            "The name of this machine.",
            "network.get_hostname",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("network.get_hostname", arguments)?;
                Ok(rustix::system::uname().nodename().to_string_lossy().into_owned().into())
            },
        )
        .quick(),
        Function::reads(
            "get_fqdn",
            "The full name of this machine.",
            "network.get_fqdn",
            Nothing::ROWS,
            |look: &Look, arguments| {
                Nothing::bind("network.get_fqdn", arguments)?;
                Ok(look.grains().get("fqdn").cloned().unwrap_or_default().into())
            },
        )
        .quick(),
    ],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// Which addresses of this machine.
    pub struct Addrs {
        /// Only of this link.
        interface: Option<String> = None,
        /// Also those of the machine itself.
        include_loopback: bool = false,
        /// Only those in this network.
        cidr: Option<String> = None,
        /// Only `public` or `private` ones.
        type_: Option<String> = None,
    }
}

args! {
    /// A link.
    pub struct Iface {
        /// Its name.
        iface: String,
    }
}

args! {
    /// Which networks of this machine.
    pub struct Subnets {
        /// Only of these links.
        interfaces: Vec<String> = Vec::new(),
    }
}

args! {
    /// A network.
    pub struct Cidr {
        /// Address and bits: `10.0.0.0/8`.
        cidr: String,
    }
}

args! {
    /// An address and a network.
    pub struct InSubnet {
        /// The address.
        ip_addr: String,
        /// Address and bits of the network.
        cidr: String,
    }
}

args! {
    /// An address.
    pub struct Addr {
        /// The address.
        ip_addr: String,
    }
}

args! {
    /// Arguments of `network.calc_net`.
    pub struct CalcNet {
        /// The address, with or without bits.
        ip_addr: String,
        /// The mask, when the address has no bits.
        netmask: Option<String> = None,
    }
}

fn address(text: &str) -> Result<IpAddr, CallError> {
    text.parse().map_err(|_| CallError::Failed(format!("'{text}' does not appear to be an IPv4 or IPv6 address")))
}

/// A network as typed: bits or a mask after the slash, one address without; bits of the host part are dropped.
fn network(text: &str) -> Result<IpNet, CallError> {
    let wrong = || CallError::Failed(format!("'{text}' does not appear to be an IPv4 or IPv6 network"));
    let (ip, bits) = text.split_once('/').map_or((text, None), |(ip, bits)| (ip, Some(bits)));
    let ip: IpAddr = ip.parse().map_err(|_| wrong())?;
    let net = match bits.map(|bits| (bits, bits.parse::<u8>())) {
        None => Ok(IpNet::from(ip)),
        Some((_, Ok(bits))) => IpNet::new(ip, bits).map_err(|_| wrong()),
        Some((mask, Err(_))) => mask
            .parse::<IpAddr>()
            .map_err(|_| wrong())
            .and_then(|mask| IpNet::with_netmask(ip, mask).map_err(|_| wrong())),
    };
    net.map(|net| net.trunc())
}

/// Not globally reachable by the registries of special addresses, as Python's `ipaddress` has it.
fn is_private(ip: IpAddr) -> bool {
    const NETS: &[&str] = &[
        "0.0.0.0/8",
        "10.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/29",
        "192.0.0.170/31",
        "192.0.2.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
        "255.255.255.255/32",
        "::1/128",
        "::/128",
        "::ffff:0:0/96",
        "100::/64",
        "2001::/23",
        "2001:2::/48",
        "2001:db8::/32",
        "2001:10::/28",
        "fc00::/7",
        "fe80::/10",
    ];
    NETS.iter().filter_map(|net| net.parse::<IpNet>().ok()).any(|net| net.contains(&ip))
}

fn reverse(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let digits = ip.octets().into_iter().rev().map(|octet| format!("{:x}.{:x}.", octet & 15, octet >> 4));
            digits.collect::<String>() + "ip6.arpa"
        }
    }
}

fn convert_cidr(_: &Look, arguments: Arguments) -> CallResult {
    let net = network(&Cidr::bind("network.convert_cidr", arguments)?.cidr)?;
    let text = |ip: IpAddr| ip.to_string();
    let answer = [("network", net.network()), ("netmask", net.netmask()), ("broadcast", net.broadcast())];
    Ok(answer.map(|(name, ip)| (name, text(ip))).into_iter().collect::<Map>().into())
}

fn calc_net(_: &Look, arguments: Arguments) -> CallResult {
    let args = CalcNet::bind("network.calc_net", arguments)?;
    let text = args.netmask.map_or(args.ip_addr.clone(), |mask| format!("{}/{mask}", args.ip_addr));
    Ok(network(&text)?.to_string().into())
}

fn ip_in_subnet(_: &Look, arguments: Arguments) -> CallResult {
    let args = InSubnet::bind("network.ip_in_subnet", arguments)?;
    Ok(network(&args.cidr)?.contains(&address(&args.ip_addr)?).into())
}

fn asked<T>(answer: std::io::Result<T>) -> Result<T, CallError> {
    answer.map_err(|error| CallError::Failed(format!("the kernel did not tell its addresses: {error}")))
}

fn kernel() -> Result<(Vec<Link>, Vec<Address>), CallError> {
    Ok((asked(netlink::links())?, asked(netlink::addresses())?))
}

fn in_subnet(_: &Look, arguments: Arguments) -> CallResult {
    let net = network(&Cidr::bind("network.in_subnet", arguments)?.cidr)?;
    let known = asked(netlink::addresses())?;
    Ok(known.iter().any(|known| !known.address.is_loopback() && net.contains(&known.address)).into())
}

fn own_addresses(args: Addrs, six: bool) -> CallResult {
    let net = args.cidr.as_deref().map(network).transpose()?;
    let (links, known) = kernel()?;
    let index = |name: &String| links.iter().find(|link| link.name == *name).map(|link| link.index);
    let only = args.interface.as_ref().map(index);
    let mut found: Vec<IpAddr> = known
        .iter()
        .filter(|known| known.address.is_ipv6() == six)
        .filter(|known| only.is_none_or(|index| index == Some(known.index)))
        .map(|known| known.address)
        .filter(|ip| args.include_loopback || !ip.is_loopback())
        .filter(|ip| net.is_none_or(|net| net.contains(ip)))
        .filter(|ip| match args.type_.as_deref() {
            Some("public") => !is_private(*ip),
            Some("private") => is_private(*ip),
            _ => true,
        })
        .collect();
    found.sort();
    found.dedup();
    Ok(found.into_iter().map(|ip| ip.to_string()).collect::<Value>().into())
}

fn interfaces(_: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("network.interfaces", arguments)?;
    let (links, known) = kernel()?;
    Ok(links.iter().map(|link| (link.name.as_str(), described(link, &known))).collect::<Map>().into())
}

fn described(link: &Link, known: &[Address]) -> Map {
    let mut about = Map::from_iter([("up", link.up)]);
    if !link.hardware.is_empty() {
        about.insert("hwaddr", link.hardware.as_str());
    }
    let (mut four, mut six) = (Vec::new(), Vec::new());
    for own in known.iter().filter(|known| known.index == link.index) {
        let mut entry = Map::from_iter([("address", own.address.to_string())]);
        if own.address.is_ipv6() {
            entry.insert("prefixlen", own.prefix.to_string());
            six.push(entry);
            continue;
        }
        let mask = IpNet::new(own.address, own.prefix).map(|net| net.netmask().to_string());
        entry.insert("netmask", mask.unwrap_or_default());
        entry.insert("broadcast", own.broadcast.map(|ip| ip.to_string()));
        entry.insert("label", own.label.as_deref().unwrap_or(&link.name));
        four.push(entry);
    }
    if !four.is_empty() {
        about.insert("inet", four);
    }
    if !six.is_empty() {
        about.insert("inet6", six);
    }
    about
}

fn no_link(name: &str) -> CallError {
    CallError::Failed(format!("Interface {name} not in available interfaces"))
}

fn interface_ip(_: &Look, arguments: Arguments) -> CallResult {
    let name = Iface::bind("network.interface_ip", arguments)?.iface;
    let (links, known) = kernel()?;
    let link = links.iter().find(|link| link.name == name).ok_or_else(|| no_link(&name))?;
    let own = known.iter().find(|known| known.index == link.index && known.address.is_ipv4());
    Ok(own.map(|own| own.address.to_string()).unwrap_or_default().into())
}

fn hardware(name: &str) -> CallResult {
    let links = asked(netlink::links())?;
    let link = links.into_iter().find(|link| link.name == name).ok_or_else(|| no_link(name))?;
    Ok(link.hardware.into())
}

fn subnets(args: Subnets, six: bool) -> CallResult {
    let (links, known) = kernel()?;
    let is_wanted = |index| {
        args.interfaces.is_empty()
            || links.iter().any(|link| link.index == index && args.interfaces.contains(&link.name))
    };
    let mut nets: Vec<IpNet> = known
        .iter()
        .filter(|known| known.address.is_ipv6() == six && !known.address.is_loopback() && is_wanted(known.index))
        .filter_map(|known| IpNet::new(known.address, known.prefix).ok())
        .map(|net| net.trunc())
        .collect();
    nets.sort();
    nets.dedup();
    Ok(nets.into_iter().map(|net| net.to_string()).collect::<Value>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_with_bits_and_masks() {
        assert_eq!(network("172.17.0.5/255.255.255.240").unwrap().to_string(), "172.17.0.0/28");
        assert_eq!(network("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
        assert!(network("10.0.0.0/33").is_err());
        assert!(network("10.0.0.0/255.0.255.0").is_err());
    }

    #[test]
    fn private_addresses_are_those_of_the_registries() {
        assert!(["10.0.0.1", "fd00::1", "203.0.113.9"].iter().all(|ip| is_private(ip.parse().unwrap())));
        assert!(["8.8.8.8", "100.64.0.1", "2a00::1"].iter().all(|ip| !is_private(ip.parse().unwrap())));
    }
}
