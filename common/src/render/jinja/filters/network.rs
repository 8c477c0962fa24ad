//! Filters on addresses and networks.

use std::net::IpAddr;

use ipnet::IpNet;

use super::super::fault::{Fault, Res};
use super::super::interpret::{Arguments, Run};
use super::super::object::Val;
use super::Table;

/// The filters.
pub(super) const FILTERS: Table = &[
    ("filter_by_networks", filter_by_networks),
    ("ip_host", |_, value, arguments| {
        let wanted = Wanted::take(arguments, None)?;
        each(&value, &|text| wanted.address(text).map(|net| net.interface()))
    }),
    ("ipaddr", |_, value, arguments| {
        let wanted = Wanted::take(arguments, None)?;
        each(&value, &|text| wanted.address(text).map(|found| found.shown()))
    }),
    ("ipv4", |_, value, arguments| {
        let wanted = Wanted::take(arguments, Some(4))?;
        each(&value, &|text| wanted.address(text).map(|found| found.shown()))
    }),
    ("ipv6", |_, value, arguments| {
        let wanted = Wanted::take(arguments, Some(6))?;
        each(&value, &|text| wanted.address(text).map(|found| found.shown()))
    }),
    ("ipwrap", |_, value, _| {
        let wrap = |text: &str| match plain_address(text) {
            Some(IpAddr::V6(_)) => format!("[{text}]"),
            _ => text.to_owned(),
        };
        match &value {
            Val::Str(text) => Ok(Val::str(wrap(text))),
            scalar @ (Val::None | Val::Bool(_) | Val::Int(_) | Val::Float(_)) => Ok(scalar.clone()),
            other => {
                let items = other.items()?;
                Ok(Val::list(
                    items.iter().map(|item| item.text().map(|text| Val::str(wrap(&text)))).collect::<Res<_>>()?,
                ))
            }
        }
    }),
    ("is_ip", |_, value, _| is_address(&value, None)),
    ("is_ipv4", |_, value, _| is_address(&value, Some(4))),
    ("is_ipv6", |_, value, _| is_address(&value, Some(6))),
    ("network_hosts", |_, value, arguments| {
        let wanted = Wanted::take(arguments, None)?;
        let Some(found) = wanted.address(&value.text()?) else { return Ok(Val::None) };
        if found.net.prefix_len() + 16 < found.net.max_prefix_len() {
            return Err(Fault::limit("the network has more than 65536 hosts"));
        }
        // The first address of an IPv6 network stands for its routers.
        let routers = usize::from(found.net.addr().is_ipv6() && found.net.prefix_len() < 127);
        Ok(Val::list(found.net.hosts().skip(routers).map(|host| Val::str(host.to_string())).collect()))
    }),
    ("network_size", |_, value, arguments| {
        let wanted = Wanted::take(arguments, None)?;
        let Some(found) = wanted.address(&value.text()?) else { return Ok(Val::None) };
        let bits = found.net.max_prefix_len() - found.net.prefix_len();
        Ok(Val::integer(num_bigint::BigInt::from(1) << bits))
    }),
];

/// Which addresses a filter lets through.
struct Wanted {
    version: Option<u8>,
    options: Vec<String>,
}

/// An address with the prefix that was written behind it.
struct Found {
    net: IpNet,
    zone: Option<String>,
    prefix: bool,
}

impl Found {
    fn shown(&self) -> String {
        let zone = self.zone.as_deref().map(|zone| format!("%{zone}")).unwrap_or_default();
        if self.prefix {
            format!("{}{zone}/{}", self.net.addr(), self.net.prefix_len())
        } else {
            format!("{}{zone}", self.net.addr())
        }
    }
    fn interface(&self) -> String {
        format!("{}/{}", self.net.addr(), self.net.prefix_len())
    }
}

impl Wanted {
    fn take(arguments: &mut Arguments, version: Option<u8>) -> Res<Self> {
        let options = match arguments.take("options") {
            None | Some(Val::None) => Vec::new(),
            Some(Val::Str(text)) => text.split(',').map(|option| option.trim().to_owned()).collect(),
            Some(other) => other.items()?.iter().map(Val::text).collect::<Res<_>>()?,
        };
        arguments.finish()?;
        Ok(Self { version, options })
    }

    fn address(&self, text: &str) -> Option<Found> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let (address, zone) = match address.split_once('%') {
            Some((address, zone)) if !zone.is_empty() => (address, Some(zone.to_owned())),
            _ => (address, None),
        };
        let ip = plain_address(address)?;
        let full = if ip.is_ipv4() { 32 } else { 128 };
        let net = IpNet::new(ip, prefix.unwrap_or(full)).ok()?;
        let version = if ip.is_ipv4() { 4 } else { 6 };
        let fits = self.version.is_none_or(|wanted| wanted == version)
            && (self.options.is_empty() || self.options.iter().any(|option| is(ip, option)));
        fits.then(|| Found { net, zone, prefix: prefix.is_some() })
    }
}

/// An address without zone; octets with leading zeros are refused, as Python refuses them.
fn plain_address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

fn is_address(value: &Val, version: Option<u8>) -> Res {
    let text = match value {
        Val::Str(text) => text,
        Val::Undefined(missing) => return Err(Fault::missing(missing)),
        _ => return Ok(Val::Bool(false)),
    };
    let wanted = Wanted { version, options: Vec::new() };
    Ok(Val::Bool(wanted.address(text).is_some()))
}

/// Whether an address has a property; an unknown one is true, as in the reference.
fn is(ip: IpAddr, option: &str) -> bool {
    match (ip, option) {
        (_, "loopback" | "lo") => ip.is_loopback(),
        (_, "multicast") => ip.is_multicast(),
        (_, "unspecified") => ip.is_unspecified(),
        (IpAddr::V4(v4), "private") => v4_private(v4),
        (IpAddr::V6(v6), "private") => {
            v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_loopback()
                || v6.is_unspecified()
                || documentation(v6)
        }
        (IpAddr::V4(v4), "public" | "global") => {
            !(v4_private(v4) || v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64)
        }
        (IpAddr::V6(_), "public" | "global") => !is(ip, "private"),
        (IpAddr::V4(v4), "link-local") => v4.is_link_local(),
        (IpAddr::V6(v6), "link-local") => v6.is_unicast_link_local(),
        (IpAddr::V4(v4), "reserved") => v4.octets()[0] >= 240,
        (IpAddr::V6(v6), "reserved") => {
            let first = v6.segments()[0];
            first < 0x2000 || (0x4000..0xfc00).contains(&first) || (0xfe00..0xfe80).contains(&first)
        }
        (IpAddr::V6(v6), "site-local") => v6.segments()[0] & 0xffc0 == 0xfec0,
        _ => true,
    }
}

fn documentation(v6: std::net::Ipv6Addr) -> bool {
    v6.segments()[0] == 0x2001 && v6.segments()[1] == 0xdb8
}

fn v4_private(v4: std::net::Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_documentation()
        || a == 0
        || a >= 240
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
}

/// One address, or those of a list that fit; `None` when there is none.
fn each(value: &Val, pick: &dyn Fn(&str) -> Option<String>) -> Res {
    match value {
        Val::Str(text) => Ok(pick(text).map_or(Val::None, Val::str)),
        Val::List(_) | Val::Tuple(_) | Val::Set(_) => {
            let items = value.items()?;
            let found = items.iter().filter_map(|item| item.as_str().and_then(pick));
            Ok(Val::list(found.map(Val::str).collect()))
        }
        Val::Object(_) => {
            let items = value.items()?;
            Ok(Val::list(items.iter().filter_map(|item| item.as_str().and_then(pick)).map(Val::str).collect()))
        }
        Val::Undefined(missing) => Err(Fault::missing(missing)),
        _ => Ok(Val::None),
    }
}

fn filter_by_networks(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let networks = arguments.need("networks")?;
    let networks = match &networks {
        Val::None => return Ok(value),
        Val::Str(text) => vec![text.to_string()],
        other => other.items()?.iter().map(Val::text).collect::<Res<_>>()?,
    };
    let networks: Vec<IpNet> = networks
        .iter()
        .map(|text| {
            text.parse().map_err(|_| Fault::error(format!("'{text}' does not appear to be an IPv4 or IPv6 network")))
        })
        .collect::<Res<_>>()?;
    let inside = |text: &str| plain_address(text).is_some_and(|ip| networks.iter().any(|net| net.contains(&ip)));
    match &value {
        Val::Str(text) => Ok(if inside(text) { value.clone() } else { Val::None }),
        Val::None => Ok(Val::None),
        other => {
            let items = other.items()?;
            Ok(Val::list(items.into_iter().filter(|item| item.as_str().is_some_and(inside)).collect()))
        }
    }
}
