//! Arithmetic on addresses: nothing of this machine is asked.

use std::net::{IpAddr, Ipv4Addr};

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::Map;
use ipnet::IpNet;

use super::Cidr;
use crate::cx::{Look, Module};

/// This part of the module.
pub const MODULE: Module = Module {
    name: "network",
    doc: super::DOC,
    functions: &[
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
            "iphexval",
            "An IPv4 address as eight hexadecimal digits.",
            "network.iphexval 10.0.0.1",
            Ipv4::ROWS,
            |_, arguments| {
                let ip = Ipv4::bind("network.iphexval", arguments)?.ip;
                let wrong = |_| CallError::Failed(format!("'{ip}' does not appear to be an IPv4 address"));
                Ok(format!("{:08X}", ip.parse::<Ipv4Addr>().map_err(wrong)?.to_bits()).into())
            },
        )
        .quick(),
    ],
};

args! {
    /// Arguments of `network.iphexval`.
    pub struct Ipv4 {
        /// The address.
        ip: String,
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

pub(super) fn address(text: &str) -> Result<IpAddr, CallError> {
    text.parse().map_err(|_| CallError::Failed(format!("'{text}' does not appear to be an IPv4 or IPv6 address")))
}

/// A network as typed: bits or a mask after the slash, one address without; bits of the host part are dropped.
pub(super) fn network(text: &str) -> Result<IpNet, CallError> {
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
pub(super) fn is_private(ip: IpAddr) -> bool {
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
