//! Links and addresses of this machine, as the kernel has them.

use std::net::IpAddr;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::target::glob;
use fleet_common::value::{Map, Value};
use ipnet::IpNet;

use super::arithmetic::{is_private, network};
use super::{Cidr, Nothing};
use crate::cx::{Look, Module};
use crate::system::netlink::{self, Address, Link};

/// This part of the module.
pub const MODULE: Module = Module {
    name: "network",
    doc: super::DOC,
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
            "ip_networks",
            "The IPv4 networks of this machine; with verbose=True their figures, too.",
            "network.ip_networks interface='eth*'",
            Networks::ROWS,
            |_, arguments| networks(&Networks::bind("network.ip_networks", arguments)?, false),
        ),
        Function::reads(
            "ip_networks6",
            "The IPv6 networks of this machine; with verbose=True their figures, too.",
            "network.ip_networks6 interface='eth*'",
            Networks::ROWS,
            |_, arguments| networks(&Networks::bind("network.ip_networks6", arguments)?, true),
        ),
        Function::reads(
            "interface",
            "The IPv4 addresses of a link, with masks and labels; an empty text when it has none.",
            "network.interface eth0",
            Iface::ROWS,
            |_, arguments| {
                let name = Iface::bind("network.interface", arguments)?.iface;
                let (links, known) = kernel()?;
                let link = links.iter().find(|link| link.name == name).ok_or_else(|| no_link(&name))?;
                Ok(described(link, &known).get("inet").cloned().unwrap_or_else(|| Value::from("")).into())
            },
        ),
        Function::reads(
            "ifacestartswith",
            "The links that have an IPv4 address which starts so.",
            "network.ifacestartswith 10.0",
            Start::ROWS,
            |_, arguments| {
                let start = Start::bind("network.ifacestartswith", arguments)?.cidr;
                let (links, known) = kernel()?;
                let own = |link: &&Link| {
                    let mut own = known.iter().filter(|known| known.index == link.index && known.address.is_ipv4());
                    own.any(|known| known.address.to_string().starts_with(&start))
                };
                Ok(links.iter().filter(own).map(|link| Value::from(link.name.as_str())).collect::<Value>().into())
            },
        ),
    ],
};

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
    /// Which networks of this machine.
    pub struct Networks {
        /// Only of these links: names, or patterns such as `eth*`.
        interface: Vec<String> = Vec::new(),
        /// Also those of the machine itself.
        include_loopback: bool = false,
        /// By network, with address, mask and size.
        verbose: bool = false,
    }
}

args! {
    /// How an address starts.
    pub struct Start {
        /// The start of its text (`10.0`).
        cidr: String,
    }
}

pub(super) fn asked<T>(answer: std::io::Result<T>) -> Result<T, CallError> {
    answer.map_err(|error| CallError::Failed(format!("the kernel did not tell its addresses: {error}")))
}

pub(super) fn kernel() -> Result<(Vec<Link>, Vec<Address>), CallError> {
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

pub(super) fn no_link(name: &str) -> CallError {
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

fn networks(args: &Networks, six: bool) -> CallResult {
    let (links, known) = kernel()?;
    let meant = |index: u32| {
        args.interface.is_empty()
            || links
                .iter()
                .any(|link| link.index == index && args.interface.iter().any(|name| glob::matches(name, &link.name)))
    };
    let own = known.iter().filter(|own| own.address.is_ipv6() == six && meant(own.index));
    let shown = own.filter(|own| args.include_loopback || !own.address.is_loopback());
    let mut nets: Vec<IpNet> = shown.filter_map(|own| IpNet::new(own.address, own.prefix).ok()).collect();
    nets.iter_mut().for_each(|net| *net = net.trunc());
    nets.sort();
    nets.dedup();
    if !args.verbose {
        return Ok(nets.into_iter().map(|net| net.to_string()).collect::<Value>().into());
    }
    Ok(nets.iter().map(|net| (net.to_string(), figures(net))).collect::<Map>().into())
}

fn figures(net: &IpNet) -> Map {
    let host_bits = u32::from(net.max_prefix_len() - net.prefix_len());
    let size = 1u128
        .checked_shl(host_bits)
        .map(|size| i64::try_from(size).map_or_else(|_| size.to_string().into(), Value::from));
    Map::from_iter([
        ("address", Value::from(net.network().to_string())),
        ("netmask", net.netmask().to_string().into()),
        ("num_addresses", size.unwrap_or_default()),
        ("prefixlen", i64::from(net.prefix_len()).into()),
    ])
}
