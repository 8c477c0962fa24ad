//! `dnsutil.*`: tables of host names given by path, and what name servers say.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look, Module};
use crate::modules::dig::{self, Host};
use crate::system::fs::{self, WriteOptions};

/// The largest table that is read.
const LIMIT: u64 = 16 << 20;

/// The module.
pub const MODULE: Module = Module {
    name: "dnsutil",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "parse_hosts",
            "The names by address of a table.",
            "dnsutil.parse_hosts /etc/hosts",
            Parse::ROWS,
            parse_hosts,
        ),
        Function::reads(
            "A",
            "The IPv4 addresses of a name.",
            "dnsutil.A www.example.org",
            Host::ROWS,
            |_, arguments| dig::addresses("dnsutil.A", "A", arguments),
        ),
        Function::reads(
            "AAAA",
            "The IPv6 addresses of a name.",
            "dnsutil.AAAA www.example.org",
            Host::ROWS,
            |_, arguments| dig::addresses("dnsutil.AAAA", "AAAA", arguments),
        ),
        Function::reads(
            "NS",
            "The name servers of a domain, as addresses.",
            "dnsutil.NS example.org",
            dig::Servers::ROWS,
            |_, arguments| dig::servers("dnsutil.NS", arguments),
        ),
        Function::reads(
            "MX",
            "The mail servers of a domain with their preferences.",
            "dnsutil.MX example.org",
            dig::Mail::ROWS,
            |_, arguments| dig::mail("dnsutil.MX", arguments),
        ),
        Function::reads(
            "SPF",
            "The IPv4 networks that may send mail of a domain.",
            "dnsutil.SPF example.org",
            dig::Policy::ROWS,
            |_, arguments| dig::policy("dnsutil.SPF", arguments),
        ),
        Function::reads(
            "check_ip",
            "True for an address, also with a mask behind a slash.",
            "dnsutil.check_ip 127.0.0.1",
            dig::Addr::ROWS,
            |_, arguments| dig::check_ip("dnsutil.check_ip", arguments),
        )
        .quick(),
        Function::changes(
            "hosts_append",
            "Adds a line for an address with the names it does not have yet.",
            "dnsutil.hosts_append /etc/hosts 127.0.0.1 ad1.yuk.co,ad2.yuk.co",
            Append::ROWS,
            hosts_append,
        ),
        Function::changes(
            "hosts_remove",
            "Takes names out of all lines; a line without names goes.",
            "dnsutil.hosts_remove /etc/hosts ad1.yuk.co",
            Remove::ROWS,
            hosts_remove,
        ),
    ],
};

args! {
    /// Arguments of `dnsutil.parse_hosts`.
    pub struct Parse {
        /// The table.
        hostsfile: String = "/etc/hosts".to_owned(),
        /// Its text, instead of reading it.
        hosts: Option<String> = None,
    }
}

args! {
    /// Arguments of `dnsutil.hosts_append`.
    pub struct Append {
        /// The table.
        hostsfile: String = "/etc/hosts".to_owned(),
        /// The address.
        ip_addr: String,
        /// Names, separated by commas.
        entries: Vec<String>,
    }
}

args! {
    /// Arguments of `dnsutil.hosts_remove`.
    pub struct Remove {
        /// The table.
        hostsfile: String = "/etc/hosts".to_owned(),
        /// Names, separated by commas.
        entries: Vec<String>,
    }
}

fn read(file: &str) -> Result<String, CallError> {
    let bytes = fs::read_bounded(Path::new(file), LIMIT).map_err(|fault| CallError::Failed(fault.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn write(file: &str, content: &str) -> Result<(), CallError> {
    fs::write_atomic(Path::new(file), content.as_bytes(), &WriteOptions::default())
        .map_err(|fault| CallError::Failed(fault.to_string()))
}

/// Address and names of the lines that have both.
fn pairs(text: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    text.lines().filter_map(|line| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        Some((words.next()?, words.collect()))
    })
}

fn parse_hosts(_: &Look, arguments: Arguments) -> CallResult {
    let args = Parse::bind("dnsutil.parse_hosts", arguments)?;
    let text = match args.hosts {
        Some(text) => text,
        None => match read(&args.hostsfile) {
            Ok(text) => text,
            Err(_) => return Ok("Error: hosts data was not found".into()),
        },
    };
    let mut found = Map::new();
    for (address, names) in pairs(&text) {
        let list = found.entry_or_insert_with(address, || Value::List(Vec::new()));
        if let Value::List(list) = list {
            list.extend(names.into_iter().map(Value::from));
        }
    }
    Ok(found.into())
}

fn hosts_append(_: &Act, arguments: Arguments) -> CallResult {
    let args = Append::bind("dnsutil.hosts_append", arguments)?;
    let mut text = read(&args.hostsfile)?;
    let known: Vec<&str> =
        pairs(&text).filter(|(address, _)| *address == args.ip_addr).flat_map(|(_, names)| names).collect();
    let new: Vec<&str> = args.entries.iter().map(String::as_str).filter(|name| !known.contains(name)).collect();
    if new.is_empty() {
        return Ok(format!("No additional hosts were added to {}", args.hostsfile).into());
    }
    let line = format!("{} {}", args.ip_addr, new.join(" "));
    text.push('\n');
    text.push_str(&line);
    write(&args.hostsfile, &text)?;
    Ok(format!("The following line was added to {}:\n{line}", args.hostsfile).into())
}

fn hosts_remove(_: &Act, arguments: Arguments) -> CallResult {
    let args = Remove::bind("dnsutil.hosts_remove", arguments)?;
    let text = read(&args.hostsfile)?;
    let mut content: String = text.split_inclusive('\n').filter_map(|line| without(line, &args.entries)).collect();
    // Lines that were added have none after them.
    if !content.is_empty() && !content.ends_with('\n') {
        content.push('\n');
    }
    write(&args.hostsfile, &content)?;
    Ok(Value::Null.into())
}

/// A line without some names, its other blanks as they were; `None` when no name is left.
fn without(line: &str, names: &[String]) -> Option<String> {
    let (host, comment) = line.split_at(line.find('#').unwrap_or(line.trim_end().len()));
    let is_named = |word: &str| names.iter().any(|name| name == word);
    if !host.split_whitespace().skip(1).any(is_named) {
        return Some(line.to_owned());
    }
    let (mut kept, mut left) = (String::new(), 0);
    for (number, piece) in host.split_inclusive(char::is_whitespace).enumerate() {
        let word = piece.trim();
        if number > 0 && is_named(word) {
            continue;
        }
        left += usize::from(number > 0 && !word.is_empty());
        kept.push_str(piece);
    }
    let end = if comment.starts_with('#') { kept.as_str() } else { kept.trim_end() };
    (left > 0).then(|| format!("{end}{comment}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_removed_and_the_rest_of_its_line_stays() {
        let names = ["web1".to_owned()];
        assert_eq!(without("10.0.0.1\tweb1 w # web1\n", &names).as_deref(), Some("10.0.0.1\tw # web1\n"));
        assert_eq!(without("10.0.0.1 w web1\n", &names).as_deref(), Some("10.0.0.1 w\n"));
        assert_eq!(without("10.0.0.1 web1\n", &names), None);
        assert_eq!(without("\n", &names).as_deref(), Some("\n"));
    }
}
