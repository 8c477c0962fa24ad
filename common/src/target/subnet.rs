//! IPv4 and IPv6 addresses and networks, matched against the grains `ipv4` and `ipv6`.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::value::{Map, Value};

/// An address or a network without host bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    net: IpNet,
}

impl Subnet {
    /// Reads `10.0.0.1`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `2001:db8::/32`; `None` for anything else, a network
    /// with host bits included.
    pub fn parse(expr: &str) -> Option<Self> {
        let net = match expr.split_once('/') {
            None => IpNet::from(expr.parse::<IpAddr>().ok()?),
            Some((address, suffix)) if address.contains(':') => {
                Ipv6Net::new(address.parse::<Ipv6Addr>().ok()?, prefix(suffix)?).ok()?.into()
            }
            Some((address, suffix)) => {
                let address = address.parse::<Ipv4Addr>().ok()?;
                let prefix = prefix(suffix).or_else(|| mask(suffix))?;
                Ipv4Net::new(address, prefix).ok()?.into()
            }
        };
        (net.trunc() == net).then_some(Self { net })
    }

    /// The grain it asks.
    pub fn key(&self) -> &'static str {
        if matches!(self.net, IpNet::V4(_)) { "ipv4" } else { "ipv6" }
    }

    /// True if one of the addresses in the grains lies in it.
    pub fn contains_any(&self, grains: &Map) -> bool {
        let inside = |value: &Value| {
            let address = value.as_str().and_then(|text| text.parse::<IpAddr>().ok());
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
        self.net.fmt(f)
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
        ] {
            assert_eq!(Subnet::parse(bad), None, "{bad}");
        }
    }
}
