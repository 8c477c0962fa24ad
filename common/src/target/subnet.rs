//! IPv4 and IPv6 addresses and networks, matched against the grains `ipv4` and `ipv6`.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::value::{Map, Value};

/// An address or a network without host bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    net: IpNet,
    /// Typed without a prefix: an interface behind a minion's address makes it another one.
    single: bool,
}

impl Subnet {
    /// Reads `10.0.0.1`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `2001:db8::/32`; `None` for anything else, a network
    /// with host bits included.
    pub fn parse(expr: &str) -> Option<Self> {
        let net = match expr.split_once('/') {
            None => IpNet::from(expr.parse::<IpAddr>().ok()?),
            Some((address, suffix)) if address.contains(':') => {
                Ipv6Net::new(without_scope(address)?.parse::<Ipv6Addr>().ok()?, prefix(suffix)?).ok()?.into()
            }
            Some((address, suffix)) => {
                let address = address.parse::<Ipv4Addr>().ok()?;
                let prefix = prefix(suffix).or_else(|| mask(suffix))?;
                Ipv4Net::new(address, prefix).ok()?.into()
            }
        };
        (net.trunc() == net).then_some(Self { net, single: !expr.contains('/') })
    }

    /// The grain it asks.
    pub fn key(&self) -> &'static str {
        if matches!(self.net, IpNet::V4(_)) { "ipv4" } else { "ipv6" }
    }

    /// True if one of the addresses in the grains lies in it.
    pub fn contains_any(&self, grains: &Map) -> bool {
        let inside = |value: &Value| {
            let text = value.as_str().and_then(|text| if self.single { Some(text) } else { without_scope(text) });
            let address = text.and_then(|text| text.parse::<IpAddr>().ok());
            address.is_some_and(|address| self.net.contains(&address))
        };
        match grains.get(self.key()) {
            Some(Value::List(addresses)) => addresses.iter().any(inside),
            Some(address) => inside(address),
            None => false,
        }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.single { self.net.addr().fmt(f) } else { self.net.fmt(f) }
    }
}

/// `fe80::1%eth0` without the interface, which a network does not ask.
fn without_scope(address: &str) -> Option<&str> {
    match address.split_once('%') {
        None => Some(address),
        Some((address, scope)) => (!scope.is_empty() && !scope.contains('%')).then_some(address),
    }
}

fn prefix(suffix: &str) -> Option<u8> {
    suffix.bytes().all(|byte| byte.is_ascii_digit()).then(|| suffix.parse().ok()).flatten()
}

/// A netmask (`255.255.0.0`) or its complement.
fn mask(suffix: &str) -> Option<u8> {
    let mask = u32::from(suffix.parse::<Ipv4Addr>().ok()?);
    let mask = if mask.leading_ones() + mask.trailing_zeros() >= 32 { mask } else { !mask };
    (mask.leading_ones() + mask.trailing_zeros() >= 32).then(|| mask.leading_ones() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_of_addresses() {
        let grains = crate::yaml::load("ipv6: ['fe80::1%eth0', '2001:DB8::7']", "t").expect("good").value;
        let grains = grains.as_map().expect("a mapping");
        for (expr, wanted) in [("fe80::/64", true), ("fe80::1/128", true), ("fe80::1", false), ("2001:db8::7", true)] {
            let subnet = Subnet::parse(expr).expect("a subnet");
            assert_eq!((subnet.contains_any(grains), subnet.to_string().as_str()), (wanted, expr));
        }
    }

    #[test]
    fn addresses_and_networks_as_python_reads_them() {
        let prefix = |text: &str| Subnet::parse(text).map(|subnet| subnet.net.prefix_len());
        for (text, wanted) in [
            ("10.0.1.11", 32),
            ("10.0.0.0/8", 8),
            ("10.0.0.0/255.0.0.0", 8),
            ("10.0.0.0/0.255.255.255", 8),
            ("0.0.0.0/0", 0),
            ("0.0.0.0/0.0.0.0", 0),
            ("10.0.0.0/08", 8),
            ("2001:0db8::/32", 32),
            ("::1", 128),
            ("fe80::%eth0/64", 64),
        ] {
            assert_eq!(prefix(text), Some(wanted), "{text}");
        }
        for bad in [
            "",
            "10.0.1.11/24",
            "10.0.0.0/33",
            "10.0.1.*",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "010.0.0.1",
            "10.0.0.0/255.0.255.0",
            "::/129",
            "fd00::1/8",
            " 10.0.0.1",
            "::/ffff::",
            "fe80::%/64",
            "fe80::1%eth0",
        ] {
            assert_eq!(Subnet::parse(bad), None, "{bad}");
        }
    }
}
