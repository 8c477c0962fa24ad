//! Bonds: what their modes take, and the file that tells the kernel's module.

use std::path::PathBuf;

use fleet_common::call::CallError;
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::options::{SWITCH, invalid, items, switch};
use crate::modules::tool;

/// The modes by number.
const MODES: [&str; 7] =
    ["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"];
/// How frames are spread over the links.
const HASHES: &[&str] = &["layer2", "layer2+3", "layer3+4"];
/// The most addresses that are asked whether a link is alive.
const TARGETS: usize = 16;

/// Options that bonds have, whatever their mode makes of them.
pub const KEYS: &[&str] = &[
    "mode",
    "slaves",
    "miimon",
    "downdelay",
    "updelay",
    "use_carrier",
    "arp_interval",
    "arp_ip_target",
    "lacp_rate",
    "ad_select",
    "hashing-algorithm",
    "primary",
    "max_bonds",
];

fn mode(iface: &str, options: &Map) -> Result<usize, CallError> {
    let expected = || invalid(iface, "mode", &format!("0|1|2|3|4|5|6|{}", MODES.join("|")));
    let given = str_(options.get("mode").ok_or_else(expected)?);
    let number = given.parse::<usize>().ok().filter(|number| *number < MODES.len());
    number.or_else(|| MODES.iter().position(|mode| *mode == given)).ok_or_else(expected)
}

fn number(iface: &str, key: &str, options: &Map, default: &str) -> Result<String, CallError> {
    let given = options.get(key).map_or(default.to_owned(), str_);
    match given.parse::<u32>() {
        Ok(number) => Ok(number.to_string()),
        Err(_) => Err(invalid(iface, key, "integer")),
    }
}

fn targets(iface: &str, options: &Map) -> Result<String, CallError> {
    let expected = || invalid(iface, "arp_ip_target", "list of ips (up to 16)");
    let Some(Value::List(_)) = options.get("arp_ip_target") else { return Err(expected()) };
    let targets = options.get("arp_ip_target").map(items).unwrap_or_default();
    let fits = targets.iter().all(|target| target.parse::<std::net::Ipv4Addr>().is_ok());
    if targets.is_empty() || targets.len() > TARGETS || !fits {
        return Err(expected());
    }
    Ok(targets.join(","))
}

/// What a bond is told, without its links, in the order of the words for the kernel's module.
pub fn settings(iface: &str, options: &Map) -> Result<Vec<(&'static str, String)>, CallError> {
    let mode = mode(iface, options)?;
    let mut out = vec![("mode", mode.to_string())];
    if matches!(mode, 0 | 2) {
        out.push(("arp_interval", number(iface, "arp_interval", options, "250")?));
        out.push(("arp_ip_target", targets(iface, options)?));
    } else {
        out.push(("miimon", number(iface, "miimon", options, "100")?));
        out.push(("downdelay", number(iface, "downdelay", options, "200")?));
        out.push(("updelay", number(iface, "updelay", options, "0")?));
        let carrier = match options.get("use_carrier") {
            None => "on",
            Some(value) => match switch(value) {
                Some(true) => "1",
                Some(false) => "0",
                None => return Err(invalid(iface, "use_carrier", SWITCH)),
            },
        };
        out.push(("use_carrier", carrier.to_owned()));
    }
    if mode == 4 {
        let rate = options.get("lacp_rate").map_or("slow".to_owned(), str_);
        out.push(match rate.as_str() {
            "fast" | "1" => ("lacp_rate", "1".to_owned()),
            "slow" | "0" => ("lacp_rate", "0".to_owned()),
            _ => return Err(invalid(iface, "lacp_rate", "fast|1|slow|0")),
        });
        out.push(("ad_select", number(iface, "ad_select", options, "0")?));
    }
    if let Some(hash) = options.get("hashing-algorithm").filter(|_| matches!(mode, 2 | 4)) {
        let hash = str_(hash);
        if !HASHES.contains(&hash.as_str()) {
            return Err(invalid(iface, "hashing-algorithm", &HASHES.join("|")));
        }
        out.push(("xmit_hash_policy", hash));
    }
    if let Some(primary) = options.get("primary").filter(|_| matches!(mode, 1 | 5 | 6)) {
        out.push(("primary", tool::one_line("primary", &str_(primary))?.to_owned()));
    }
    Ok(out)
}

/// The lines of a bond in the table of links, by their words, in their order.
pub fn lines(iface: &str, options: &Map) -> Result<Vec<(String, String)>, CallError> {
    let missing = || CallError::Invocation("slaves is a required setting for bond interfaces".to_owned());
    let slaves = items(options.get("slaves").ok_or_else(missing)?).join(" ");
    let slaves = tool::one_line("slaves", &slaves)?.to_owned();
    let settings = settings(iface, options)?.into_iter();
    let mut lines: Vec<(String, String)> = settings.map(|(key, value)| (format!("bond-{key}"), value)).collect();
    lines.push(("bond-slaves".to_owned(), slaves));
    lines.sort();
    Ok(lines)
}

/// Where the kernel's module is told of a bond.
pub fn file(iface: &str) -> PathBuf {
    PathBuf::from(format!("/etc/modprobe.d/{iface}.conf"))
}

/// The text of that file, in lines.
pub fn module(iface: &str, options: &Map) -> Result<Vec<String>, CallError> {
    let words: String = settings(iface, options)?.iter().map(|(key, value)| format!("{key}={value} ")).collect();
    Ok(vec![format!("alias {iface} bonding\n"), format!("options {iface} {words}")])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, Value)]) -> Map {
        pairs.iter().cloned().collect()
    }

    #[test]
    fn a_mode_says_what_is_told() {
        let given = options(&[("mode", "active-backup".into()), ("slaves", "a b".into()), ("miimon", 50.into())]);
        let lines: Vec<String> = lines("bond0", &given).unwrap().iter().map(|(k, v)| format!("{k} {v}")).collect();
        let wanted = ["downdelay 200", "miimon 50", "mode 1", "slaves a b", "updelay 0", "use_carrier on"]
            .map(|l| format!("bond-{l}"));
        assert_eq!(lines, wanted);
        let told = module("bond0", &options(&[("mode", "balance-alb".into())])).unwrap().concat();
        let wanted = "alias bond0 bonding\noptions bond0 mode=6 miimon=100 downdelay=200 updelay=0 use_carrier=on ";
        assert_eq!(told, wanted);
    }

    #[test]
    fn what_a_mode_does_not_take_is_refused() {
        let refused = |pairs: &[(&str, Value)]| settings("bond0", &options(pairs)).unwrap_err().to_string();
        assert!(refused(&[("mode", "gre".into())]).contains("Option: mode, Expected: [0|1|"));
        assert!(refused(&[("mode", 0.into())]).contains("list of ips"));
        assert!(refused(&[("mode", 4.into()), ("lacp_rate", "x".into())]).contains("fast|1|slow|0"));
        assert!(refused(&[("mode", 1.into()), ("miimon", "x".into())]).contains("[integer]"));
    }
}
