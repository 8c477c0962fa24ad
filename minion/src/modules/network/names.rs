//! Names of this machine.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Facts, Function};
use fleet_common::value::{Map, Value};

use super::Nothing;
use super::addresses::asked;
use crate::cx::{Act, Look, Module};
use crate::modules::tool;
use crate::system::hostname;
use crate::system::netlink;

/// This part of the module.
pub const MODULE: Module = Module {
    name: "network",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "get_hostname",
            "The name of this machine.",
            "network.get_hostname",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("network.get_hostname", arguments)?;
                Ok(hostname::now().into())
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
        Function::reads(
            "fqdns",
            "The full names of all addresses of this machine that have one.",
            "network.fqdns",
            Nothing::ROWS,
            fqdns,
        ),
        Function::changes(
            "mod_hostname",
            "Gives this machine another name, now and for the next start.",
            "network.mod_hostname web1.example.com",
            Name::ROWS,
            |act, arguments| {
                rename(act, &Name::bind("network.mod_hostname", arguments)?.hostname)?;
                Ok(true.into())
            },
        ),
    ],
};

args! {
    /// A name for this machine.
    pub struct Name {
        /// The name.
        hostname: String,
    }
}

fn fqdns(_: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("network.fqdns", arguments)?;
    let mut names = Vec::new();
    for known in asked(netlink::addresses())?.iter().filter(|known| !known.address.is_loopback()) {
        // An address without a name is no failure; the system's own sources of names are asked.
        let told = tool::command(&["getent", "hosts", &known.address.to_string()])?.timeout_seconds(5.0);
        let told = tool::finish(&told)?.out();
        let full = told.split_whitespace().skip(1).filter(|name| name.contains('.')).map(str::to_owned);
        names.extend(full);
    }
    names.sort();
    names.dedup();
    Ok(Map::from_iter([("fqdns", names.into_iter().collect::<Value>())]).into())
}

/// The table with one name in the place of another.
fn renamed(hosts: &str, old: &str, new: &str) -> String {
    let line = |line: &str| -> String {
        let (entry, comment) = line.find('#').map_or((line, ""), |at| line.split_at(at));
        // What stands between the words stays as it is.
        let words = entry.split_inclusive(char::is_whitespace).enumerate().map(|(at, word)| {
            let (name, blank) = word.split_at(word.trim_end().len());
            if at > 0 && name == old { format!("{new}{blank}") } else { word.to_owned() }
        });
        words.collect::<String>() + comment
    };
    hosts.split_inclusive('\n').map(line).collect()
}

/// Gives this machine another name, now and for the next start, also in the table of hosts.
pub fn rename(act: &Act, name: &str) -> Result<(), CallError> {
    hostname::check(name).map_err(|fault| CallError::Invocation(fault.to_string()))?;
    let old = hostname::now();
    let table = Path::new("/etc/hosts");
    let hosts = tool::table(table)?;
    let new = renamed(&hosts, &old, name);
    if new != hosts {
        tool::store(table, &new)?;
    }
    hostname::set(act, name).map_err(|fault| CallError::Failed(fault.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_is_replaced() {
        let hosts = "127.0.0.1\tlocalhost\n127.0.1.1  old.example old # old\n10.0.0.1 older\nold x\n10.0.0.2 a old";
        let wanted = "127.0.0.1\tlocalhost\n127.0.1.1  old.example new # old\n10.0.0.1 older\nold x\n10.0.0.2 a new";
        assert_eq!(renamed(hosts, "old", "new"), wanted);
    }
}
