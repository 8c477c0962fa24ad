//! Routes of a link: scripts that `ifup` and `ifdown` run.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use fleet_common::call::CallError;
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use crate::modules::tool;

/// The scripts of a link: where they stand, what they do, and the word for it.
pub const SCRIPTS: [(&str, &str); 2] = [("if-up.d", "add"), ("if-down.d", "del")];

/// Where a script of a link stands.
pub fn file(directory: &str, iface: &str) -> PathBuf {
    PathBuf::from(format!("/etc/network/{directory}/route-{iface}"))
}

/// A route as `ip route` takes it. What comes from outside is checked: it becomes a line for a shell.
fn route(iface: &str, given: &Map) -> Result<String, CallError> {
    let text = |key: &str| given.get(key).filter(|value| !value.is_null()).map(str_);
    let wrong = |key: &str, expected: &str| {
        let text = format!("Invalid option -- Route interface: {iface}, Option: {key}, Expected: [{expected}]");
        Err(CallError::Invocation(text))
    };
    if let Some(unknown) = given.keys().map(str_).find(|key| !KEYS.contains(&key.as_str())) {
        return wrong(&unknown, &KEYS.join("|"));
    }
    let Some(destination) = text("ipaddr") else { return wrong("ipaddr", "address") };
    let (address, bits) = destination.split_once('/').map_or((destination.as_str(), None), |(a, b)| (a, Some(b)));
    if destination != "default"
        && (address.parse::<IpAddr>().is_err() || bits.is_some_and(|b| b.parse::<u8>().is_err()))
    {
        return wrong("ipaddr", "address");
    }
    let mask = match text("netmask") {
        None => String::new(),
        Some(mask) if mask.parse::<u8>().is_ok() || mask.parse::<Ipv4Addr>().is_ok() => format!("/{mask}"),
        Some(_) => return wrong("netmask", "netmask"),
    };
    let via = match text("gateway") {
        None => String::new(),
        Some(gateway) if gateway.parse::<IpAddr>().is_ok() => format!("via {gateway}"),
        Some(_) => return wrong("gateway", "address"),
    };
    let metric = match text("metric") {
        None => String::new(),
        Some(metric) if metric.parse::<u32>().is_ok() => format!(" metric {metric}"),
        Some(_) => return wrong("metric", "integer"),
    };
    Ok(format!("{destination}{mask} {via} dev {iface}{metric}"))
}

/// What a route is made of.
const KEYS: [&str; 5] = ["name", "ipaddr", "netmask", "gateway", "metric"];

/// The script that does `verb` with the routes, in lines.
pub fn script(iface: &str, verb: &str, routes: &Value) -> Result<Vec<String>, CallError> {
    let wrong = || {
        let text = format!("Invalid option -- Route interface: {iface}, Option: routes, Expected: [List of routes]");
        CallError::Invocation(text)
    };
    let mut lines =
        vec!["#!/bin/sh\n".to_owned(), format!("# {verb}\n"), format!("test \"${{IFACE}}\" = \"{iface}\" || exit 0\n")];
    for given in routes.as_list().ok_or_else(wrong)? {
        let given = given.as_map().ok_or_else(wrong)?;
        let route = route(iface, given)?;
        if let Some(name) = given.get("name") {
            lines.push(format!("# {}\n", tool::one_line("name", &str_(name))?));
        }
        lines.push(format!("ip route {verb} {route}\n"));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(pairs: &[(&str, &str)]) -> Value {
        vec![Value::Map(pairs.iter().copied().collect())].into()
    }

    #[test]
    fn routes_become_lines() {
        let pairs = [("name", "n"), ("ipaddr", "10.2.0.0"), ("netmask", "255.255.255.0"), ("gateway", "10.1.0.3")];
        let head = "#!/bin/sh\n# add\ntest \"${IFACE}\" = \"eth0\" || exit 0\n";
        let wanted = format!("{head}# n\nip route add 10.2.0.0/255.255.255.0 via 10.1.0.3 dev eth0\n");
        assert_eq!(script("eth0", "add", &one(&pairs)).unwrap().concat(), wanted);
        let wanted = format!("{head}ip route add 10.2.0.0/24  dev eth0\n");
        assert_eq!(script("eth0", "add", &one(&[("ipaddr", "10.2.0.0/24")])).unwrap().concat(), wanted);
    }

    #[test]
    fn nothing_else_gets_into_a_script() {
        let bad: &[&[(&str, &str)]] = &[
            &[("gateway", "1.1.1.1")],
            &[("ipaddr", "1.1.1.0; reboot")],
            &[("ipaddr", "1.1.1.0/x")],
            &[("ipaddr", "1.1.1.0"), ("gateway", "$(x)")],
            &[("ipaddr", "1.1.1.0"), ("metric", "1 x")],
            &[("ipaddr", "1.1.1.0"), ("name", "a\nreboot")],
            &[("ipaddr", "1.1.1.0"), ("table", "x")],
        ];
        assert!(bad.iter().all(|pairs| script("eth0", "add", &one(pairs)).is_err()));
        assert!(script("eth0", "add", &"x".into()).unwrap_err().to_string().contains("[List of routes]"));
    }
}
