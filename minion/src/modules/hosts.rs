//! `hosts.*`: the table of host names, `/etc/hosts` unless the option `hosts.file` names another.

use std::path::PathBuf;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Facts, FromValue, Function};
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look, Module};
use crate::system::fs::{self, WriteOptions};

/// The largest table that is read.
const LIMIT: u64 = 16 << 20;

/// The module.
pub const MODULE: Module = Module {
    name: "hosts",
    doc: "The table of host names.",
    functions: &[
        Function::reads(
            "list_hosts",
            "Aliases and comments by address; lines of comment under comment-0, comment-1, ...",
            "hosts.list_hosts",
            Nothing::ROWS,
            list_hosts,
        ),
        Function::reads("get_ip", "The address of a name, or an empty text.", "hosts.get_ip web1", Host::ROWS, get_ip),
        Function::reads("get_alias", "The names of an address.", "hosts.get_alias 127.0.0.1", Ip::ROWS, get_alias),
        Function::reads(
            "has_pair",
            "True if an address has a name, or all names of a list.",
            "hosts.has_pair 127.0.0.1 localhost",
            Pair::ROWS,
            |look, arguments| {
                let args = Pair::bind("hosts.has_pair", arguments)?;
                Ok(has_all(&entries(&text(look)?), &args.ip, &names(args.alias)?).into())
            },
        ),
        Function::changes(
            "set_host",
            "Gives an address these names and no others; no names remove it.",
            "hosts.set_host 10.0.0.1 web1",
            SetHost::ROWS,
            set_host,
        ),
        Function::changes(
            "rm_host",
            "Takes a name from an address.",
            "hosts.rm_host 10.0.0.1 web1",
            Pair::ROWS,
            rm_host,
        ),
        Function::changes(
            "add_host",
            "Adds a name to an address.",
            "hosts.add_host 10.0.0.1 web1",
            Pair::ROWS,
            add_host,
        ),
        Function::changes(
            "set_comment",
            "Sets the comment of an address; false when the table does not have it.",
            "hosts.set_comment 10.0.0.1 'the web server'",
            Comment::ROWS,
            set_comment,
        ),
    ],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// A name.
    pub struct Host {
        /// The name.
        host: String,
    }
}

args! {
    /// An address.
    pub struct Ip {
        /// The address.
        ip: String,
    }
}

args! {
    /// An address and a name of it.
    pub struct Pair {
        /// The address.
        ip: String,
        /// The name, or a list of names.
        alias: Value,
    }
}

args! {
    /// Arguments of `hosts.set_host`.
    pub struct SetHost {
        /// The address.
        ip: String,
        /// Its names, separated by blanks, or a list of them.
        alias: Value,
        /// Its comment.
        comment: Option<String> = None,
    }
}

args! {
    /// Arguments of `hosts.set_comment`.
    pub struct Comment {
        /// The address.
        ip: String,
        /// The comment.
        comment: String,
    }
}

/// What the table says, in its order; several lines of one address are one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A line that is only a comment, as written.
    Remark(String),
    /// An address.
    Host {
        /// The address.
        ip: String,
        /// Its names.
        aliases: Vec<String>,
        /// What stands behind the names.
        comment: Option<String>,
    },
}

/// The table.
pub fn table(look: &Look) -> Result<Vec<Entry>, CallError> {
    Ok(entries(&text(look)?))
}

fn entries(text: &str) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with('#') {
            found.push(Entry::Remark(line.to_owned()));
            continue;
        }
        let (host, remark) = line.split_once('#').map_or((line, None), |(host, remark)| (host, Some(remark.trim())));
        let mut words = host.split_whitespace().map(str::to_owned);
        let Some(address) = words.next() else { continue };
        let known = found.iter_mut().find_map(|entry| match entry {
            Entry::Host { ip, aliases, comment } if *ip == address => Some((aliases, comment)),
            _ => None,
        });
        let remark = remark.map(str::to_owned);
        match known {
            Some((aliases, comment)) => {
                aliases.extend(words);
                *comment = remark.or(comment.take());
            }
            None => found.push(Entry::Host { ip: address, aliases: words.collect(), comment: remark }),
        }
    }
    found
}

fn written(entries: &[Entry]) -> String {
    let line = |entry: &Entry| match entry {
        Entry::Remark(line) => format!("{line}\n"),
        Entry::Host { ip, aliases, comment: None } => format!("{ip}\t\t{}\n", aliases.join(" ")),
        Entry::Host { ip, aliases, comment: Some(comment) } => {
            format!("{ip}\t\t{}\t\t# {comment}\n", aliases.join(" "))
        }
    };
    entries.iter().map(line).collect()
}

fn has_all(entries: &[Entry], address: &str, names: &[String]) -> bool {
    entries.iter().any(|entry| match entry {
        Entry::Host { ip, aliases, .. } => ip == address && names.iter().all(|name| aliases.contains(name)),
        Entry::Remark(_) => false,
    })
}

fn names(given: Value) -> Result<Vec<String>, CallError> {
    Vec::<String>::from_value(given)
        .map_err(|other| CallError::Invocation(format!("a name is a text, not {}", other.kind())))
}

fn file(look: &Look) -> PathBuf {
    let opts = look.opts();
    PathBuf::from(opts.get("hosts.file").and_then(Value::as_str).unwrap_or("/etc/hosts"))
}

/// The table; one that is not there is empty.
fn text(look: &Look) -> Result<String, CallError> {
    match fs::read_bounded(&file(look), LIMIT) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(fault) if fault.is_missing() => Ok(String::new()),
        Err(fault) => Err(CallError::Failed(fault.to_string())),
    }
}

fn store(act: &Act, content: &str) -> CallResult {
    fs::write_atomic(&file(act), content.as_bytes(), &WriteOptions::default())
        .map_err(|fault| CallError::Failed(fault.to_string()))?;
    Ok(true.into())
}

fn list_hosts(look: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("hosts.list_hosts", arguments)?;
    let (mut listed, mut remarks) = (Map::new(), 0);
    for entry in entries(&text(look)?) {
        match entry {
            Entry::Remark(line) => {
                listed.insert(format!("comment-{remarks}"), vec![line]);
                remarks += 1;
            }
            Entry::Host { ip, aliases, comment } => {
                let mut host = Map::from_iter([("aliases", aliases)]);
                if let Some(comment) = comment {
                    host.insert("comment", comment);
                }
                listed.insert(ip, host);
            }
        }
    }
    Ok(listed.into())
}

fn get_ip(look: &Look, arguments: Arguments) -> CallResult {
    let wanted = Host::bind("hosts.get_ip", arguments)?.host;
    let found = entries(&text(look)?).into_iter().find_map(|entry| match entry {
        Entry::Host { ip, aliases, .. } if aliases.contains(&wanted) => Some(ip),
        _ => None,
    });
    Ok(found.unwrap_or_default().into())
}

fn get_alias(look: &Look, arguments: Arguments) -> CallResult {
    let wanted = Ip::bind("hosts.get_alias", arguments)?.ip;
    let found = entries(&text(look)?).into_iter().find_map(|entry| match entry {
        Entry::Host { ip, aliases, .. } if ip == wanted => Some(aliases),
        _ => None,
    });
    Ok(found.unwrap_or_default().into())
}

fn set_host(act: &Act, arguments: Arguments) -> CallResult {
    let args = SetHost::bind("hosts.set_host", arguments)?;
    set(act, &args.ip, &names(args.alias)?, args.comment)
}

/// Gives an address these names and no others; no names remove it.
pub fn set(act: &Act, ip: &str, aliases: &[String], comment: Option<String>) -> CallResult {
    let aliases = aliases.join(" ");
    let comment = comment.map(|comment| format!("\t\t# {comment}")).unwrap_or_default();
    let mut line = (!aliases.trim().is_empty()).then(|| format!("{ip}\t\t{aliases}{comment}\n"));
    let mut content = String::new();
    for old in text(act)?.split_inclusive('\n') {
        if old.split_whitespace().next() == Some(ip) {
            content.push_str(&line.take().unwrap_or_default());
        } else {
            content.push_str(old);
        }
    }
    if let Some(line) = line {
        end_line(&mut content);
        content.push_str(&line);
    }
    store(act, &content)
}

fn end_line(content: &mut String) {
    if !content.is_empty() && !content.ends_with('\n') {
        content.push('\n');
    }
}

fn rm_host(act: &Act, arguments: Arguments) -> CallResult {
    let args = Pair::bind("hosts.rm_host", arguments)?;
    remove(act, &args.ip, &names(args.alias)?)
}

/// Takes names from an address that has all of them.
pub fn remove(act: &Act, ip: &str, names: &[String]) -> CallResult {
    let old = text(act)?;
    if !has_all(&entries(&old), ip, names) {
        return Ok(true.into());
    }
    let mut content = String::new();
    for line in old.split_inclusive('\n') {
        let (host, comment) = line.trim_end().split_once('#').map_or((line, None), |(host, rest)| (host, Some(rest)));
        let mut words = host.split_whitespace();
        if words.next() != Some(ip) {
            content.push_str(line);
            continue;
        }
        let rest: Vec<&str> = words.filter(|word| !names.iter().any(|name| name == word)).collect();
        if !rest.is_empty() {
            let comment = comment.map(|comment| format!(" #{comment}")).unwrap_or_default();
            content.push_str(&format!("{ip}\t\t{}{comment}\n", rest.join(" ")));
        }
    }
    store(act, &content)
}

fn add_host(act: &Act, arguments: Arguments) -> CallResult {
    let args = Pair::bind("hosts.add_host", arguments)?;
    add(act, &args.ip, names(args.alias)?)
}

/// Adds names to an address.
pub fn add(act: &Act, address: &str, names: Vec<String>) -> CallResult {
    let mut table = table(act)?;
    if has_all(&table, address, &names) {
        return Ok(true.into());
    }
    let known = table.iter_mut().find_map(|entry| match entry {
        Entry::Host { ip, aliases, .. } if ip == address => Some(aliases),
        _ => None,
    });
    match known {
        Some(aliases) => {
            for name in names {
                if !aliases.contains(&name) {
                    aliases.push(name);
                }
            }
        }
        None => table.push(Entry::Host { ip: address.to_owned(), aliases: names, comment: None }),
    }
    store(act, &written(&table))
}

fn set_comment(act: &Act, arguments: Arguments) -> CallResult {
    let args = Comment::bind("hosts.set_comment", arguments)?;
    comment(act, &args.ip, args.comment)
}

/// Sets the comment of an address; false when the table does not have it.
pub fn comment(act: &Act, address: &str, wanted: String) -> CallResult {
    let mut table = table(act)?;
    let known = table.iter_mut().find_map(|entry| match entry {
        Entry::Host { ip, comment, .. } if ip == address => Some(comment),
        _ => None,
    });
    let Some(comment) = known else { return Ok(false.into()) };
    if comment.as_deref() == Some(wanted.as_str()) {
        return Ok(true.into());
    }
    *comment = Some(wanted);
    store(act, &written(&table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_address_are_one_entry() {
        let table = entries("# top\n10.0.0.1 a # one\n\n10.0.0.1\tb\n10.0.0.2 c");
        assert_eq!(written(&table), "# top\n10.0.0.1\t\ta b\t\t# one\n10.0.0.2\t\tc\n");
        assert!(has_all(&table, "10.0.0.1", &["a".to_owned(), "b".to_owned()]));
        assert!(!has_all(&table, "10.0.0.2", &["a".to_owned()]));
    }
}
