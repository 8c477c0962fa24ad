//! What the table of links is to say of one link.

use fleet_common::call::CallError;
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::options::{self, BRIDGE, ROWS, Row, Six};
use super::{bond, table};
use crate::modules::tool;

/// Types that are built here.
const TYPES: &[&str] = &["eth", "bond", "bridge", "slave", "vlan"];
/// Types that the reference knows beside them.
const FOREIGN_TYPES: &[&str] = &["alias", "clone", "ipsec", "dialup", "pppoe", "source", "team", "teamport"];
/// How links get addresses; `none` gives no stanza.
const FOUR: &[&str] = &["static", "dhcp", "manual", "loopback", "bootp", "ppp", "none"];
const SIX: &[&str] = &["static", "dhcp", "manual", "loopback", "auto", "v4tunnel", "6to4", "none"];
/// Options that only other systems have, or that say nothing of the link itself: trees for several systems give them.
const PASSED_OVER: &[&str] = &[
    "proto",
    "enable_ipv6",
    "hotplug",
    "noifupdown",
    "test",
    "bridge",
    "delay",
    "bypassfirewall",
    "channels",
    "userctl",
    "onboot",
    "peerdns",
    "peerroutes",
    "defroute",
    "nickname",
    "zone",
    "uuid",
    "arpcheck",
    "nm_controlled",
    "require_reboot",
    "ipv6_autoconf",
    "ipv6proto",
    "ipv6init",
    "ipv6_defroute",
    "ipv6_peerdns",
];

/// Programs that types need beside `ifup`: the type, what shows that it is there, and its package.
const HELPERS: &[(&str, &str, &str)] = &[
    ("bond", "/etc/network/if-pre-up.d/ifenslave", "ifenslave"),
    ("slave", "/etc/network/if-pre-up.d/ifenslave", "ifenslave"),
    ("bridge", "/etc/network/if-pre-up.d/bridge", "bridge-utils"),
    ("vlan", "/etc/network/if-pre-up.d/vlan", "vlan"),
];

/// The package that links of a type need and that is not there.
pub fn missing_package(kind: &str) -> Option<&'static str> {
    let of_type = HELPERS.iter().find(|(needs, _, _)| *needs == kind);
    of_type.filter(|(_, shows, _)| !std::path::Path::new(shows).exists()).map(|(_, _, package)| *package)
}

/// A name of a link that cannot break a table, a path or a script.
pub fn checked(iface: &str) -> Result<&str, CallError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._:-@".contains(c);
    if iface.is_empty() || iface.starts_with(['-', '.']) || !iface.chars().all(fits) {
        return Err(CallError::Invocation(format!("{iface:?} cannot be the name of a link")));
    }
    Ok(iface)
}

/// What is asked of a link.
pub struct Wanted<'o> {
    /// Its name.
    pub iface: &'o str,
    /// Its type: `eth`, `bond`, `bridge`, `slave`, `vlan`.
    pub kind: &'o str,
    /// Configure it at the start.
    pub enabled: bool,
    /// Its options by name.
    pub options: &'o Map,
}

impl Wanted<'_> {
    /// The lines, each with its end, and a blank one behind them.
    pub fn lines(&self) -> Result<Vec<String>, CallError> {
        let iface = checked(self.iface)?;
        self.check_type()?;
        self.check_names()?;
        let mut lines = Vec::new();
        if self.enabled {
            lines.push(format!("auto {iface}\n"));
        }
        if self.on("hotplug")? == Some(true) {
            lines.push(format!("allow-hotplug {iface}\n"));
        }
        let asked = self.method("proto", FOUR, "none")?;
        // Its bond has the addresses.
        let four = if self.kind == "slave" { "manual".to_owned() } else { asked };
        if four != "none" {
            lines.push(format!("iface {iface} inet {four}\n"));
            lines.extend(self.stanza(false)?);
        }
        let six = self.method("ipv6proto", SIX, "none")?;
        if six != "none" && self.on("enable_ipv6")? != Some(false) {
            lines.push(format!("iface {iface} inet6 {six}\n"));
            lines.extend(self.stanza(true)?);
        }
        lines.push("\n".to_owned());
        Ok(lines)
    }

    fn check_type(&self) -> Result<(), CallError> {
        if FOREIGN_TYPES.contains(&self.kind) {
            return Err(CallError::Unsupported(format!("type '{}' of a link", self.kind)));
        }
        if !TYPES.contains(&self.kind) {
            return Err(options::invalid(self.iface, self.kind, &TYPES.join("|")));
        }
        if self.kind == "slave" && !self.options.contains("master") {
            return Err(options::invalid(self.iface, "master", "name of the bond"));
        }
        if self.kind == "bridge" && !self.options.contains("ports") {
            let text = "ports is a required setting for bridge interfaces on Debian or Ubuntu based systems";
            return Err(CallError::Invocation(text.to_owned()));
        }
        Ok(())
    }

    /// Options of the type, beside those of all links.
    fn own_rows(&self) -> &'static [Row] {
        if self.kind == "bridge" { BRIDGE } else { &[] }
    }

    fn check_names(&self) -> Result<(), CallError> {
        let rows = || ROWS.iter().chain(self.own_rows());
        for (key, _) in self.options {
            let key = str_(key);
            let plain = key.strip_prefix("ipv6").unwrap_or(&key);
            let row = rows().any(|row| row.keys.contains(&plain) && (plain == key || row.six != Six::Never));
            let bond = self.kind == "bond" && bond::KEYS.contains(&key.as_str());
            if !(row || bond || PASSED_OVER.contains(&key.as_str())) {
                let text = format!("'{key}' is no option of {} {}", self.kind, self.iface);
                return Err(CallError::Invocation(text + ": see 'sys.doc ip.build_interface'"));
            }
        }
        Ok(())
    }

    fn on(&self, key: &str) -> Result<Option<bool>, CallError> {
        let on = |value| options::switch(value).ok_or_else(|| options::invalid(self.iface, key, options::SWITCH));
        self.options.get(key).map(on).transpose()
    }

    fn method(&self, key: &str, known: &[&str], default: &str) -> Result<String, CallError> {
        let method = self.options.get(key).map_or(default.to_owned(), str_);
        if known.contains(&method.as_str()) {
            return Ok(method);
        }
        Err(options::invalid(self.iface, key, &known.join("|")))
    }

    /// The value of an option for a family, and the name it was given by.
    fn given(&self, row: &Row, six: bool) -> Option<(String, &Value)> {
        let find = |prefix: &str| {
            row.keys.iter().map(|key| format!("{prefix}{key}")).find_map(|key| {
                let value = self.options.get(&key).filter(|value| !value.is_null())?;
                Some((key, value))
            })
        };
        match (six, row.six) {
            (false, _) => row.four.then(|| find("")).flatten(),
            (true, Six::Never) => None,
            (true, Six::Own) => find("ipv6"),
            (true, Six::Shared) => find("ipv6").or_else(|| find("")),
        }
    }

    fn rows(&self, rows: &[Row], six: bool) -> Result<Vec<String>, CallError> {
        let mut lines = Vec::new();
        // A bridge has no wire of its own: what `use` brings it from one of its links does not concern it.
        let wire = |row: &Row| ["ethernet-", "link-", "offload-"].iter().any(|start| row.line.starts_with(start));
        let bond = |row: &Row| row.line == "bond-master";
        let passed_over = |row: &&Row| self.kind == "bridge" && wire(row) || self.kind != "slave" && bond(row);
        for row in rows.iter().filter(|row| !passed_over(row)) {
            if let Some((key, value)) = self.given(row, six) {
                for value in options::values(row, self.iface, &key, value, six)? {
                    lines.push(format!("    {} {value}\n", row.line));
                }
            } else if row.line == "vlan-raw-device" && self.kind == "vlan" {
                let (raw, _) = self.iface.rsplit_once('.').ok_or_else(|| {
                    let text = format!("vlan {} needs the link it is on: vlan-raw-device", self.iface);
                    CallError::Invocation(text)
                })?;
                lines.push(format!("    {} {raw}\n", row.line));
            }
        }
        Ok(lines)
    }

    fn stanza(&self, six: bool) -> Result<Vec<String>, CallError> {
        let mut lines = self.rows(ROWS, six)?;
        if self.kind == "bond" {
            let told = bond::lines(self.iface, self.options)?;
            lines.extend(told.into_iter().map(|(key, value)| format!("    {key} {value}\n")));
        }
        lines.extend(self.rows(self.own_rows(), six)?);
        Ok(lines)
    }
}

/// What the table says of a link now, as [`Wanted::lines`] would write it; nothing when it does not know it.
pub fn now(text: &str, iface: &str) -> Vec<String> {
    let entry = table::entry(text, iface);
    let mut lines: Vec<String> = entry.marks.iter().map(|mark| format!("{mark}\n")).collect();
    for (head, mut told) in entry.stanzas {
        lines.push(format!("{head}\n"));
        let rank = |line: &String| options::rank(line.split_whitespace().next().unwrap_or_default());
        told.sort_by_key(rank);
        lines.extend(told.iter().map(|line| format!("    {line}\n")));
    }
    if !lines.is_empty() {
        lines.push("\n".to_owned());
    }
    lines
}

/// A table's new text, with these lines for a link.
pub fn replaced(text: &str, iface: &str, lines: &[String]) -> String {
    let lines = lines.concat();
    table::replaced(text, iface, lines.strip_suffix('\n').unwrap_or(&lines))
}

/// Writes the table; one that holds the key of a wireless network is for its owner only.
pub fn store(text: &str) -> Result<(), CallError> {
    use crate::system::fs::{WriteOptions, write_atomic};
    let mode = text.contains("wpa-psk").then_some(0o600);
    let options = WriteOptions { mode, ..WriteOptions::default() };
    write_atomic(std::path::Path::new(table::FILE), text.as_bytes(), &options)
        .map_err(|fault| CallError::Failed(fault.to_string()))
}

/// The table of links.
pub fn load() -> Result<String, CallError> {
    tool::table(std::path::Path::new(table::FILE))
}
