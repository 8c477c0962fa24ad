//! `dig.*`, and what `dnsutil.*` shares with it: asking name servers by the program dig.

use std::net::IpAddr;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function, Outcome};
use fleet_common::value::Value;

use crate::cx::Module;
use crate::system::command::Command;

/// How many policies may refer to another.
const SPF_DEPTH: usize = 10;

/// The module.
pub const MODULE: Module = Module {
    name: "dig",
    doc: "What name servers say, by the program dig.",
    functions: &[
        Function::reads("A", "The IPv4 addresses of a name.", "dig.A www.example.org", Host::ROWS, |_, arguments| {
            addresses("dig.A", "A", arguments)
        }),
        Function::reads(
            "AAAA",
            "The IPv6 addresses of a name.",
            "dig.AAAA www.example.org",
            Host::ROWS,
            |_, arguments| addresses("dig.AAAA", "AAAA", arguments),
        ),
        Function::reads(
            "CNAME",
            "The name that a name stands for.",
            "dig.CNAME www.example.org",
            Host::ROWS,
            |_, arguments| canonical("dig.CNAME", arguments),
        ),
        Function::reads("PTR", "The names of an address.", "dig.PTR 192.0.2.1", Ip::ROWS, |_, arguments| {
            names("dig.PTR", arguments)
        }),
        Function::reads("TXT", "The texts of a name.", "dig.TXT example.org", Host::ROWS, |_, arguments| {
            let Host { host, nameserver } = Host::bind("dig.TXT", arguments)?;
            Ok(answered(ask(&host, "TXT", nameserver.as_deref())?))
        }),
        Function::reads(
            "NS",
            "The name servers of a domain, as addresses.",
            "dig.NS example.org",
            Servers::ROWS,
            |_, arguments| servers("dig.NS", arguments),
        ),
        Function::reads(
            "MX",
            "The mail servers of a domain with their preferences.",
            "dig.MX example.org",
            Mail::ROWS,
            |_, arguments| mail("dig.MX", arguments),
        ),
        Function::reads(
            "SPF",
            "The IPv4 networks that may send mail of a domain.",
            "dig.SPF example.org",
            Policy::ROWS,
            |_, arguments| policy("dig.SPF", arguments),
        ),
        // Names as older trees write them.
        Function::reads("a", "Another name of dig.A.", "dig.a www.example.org", Host::ROWS, |_, arguments| {
            addresses("dig.a", "A", arguments)
        }),
        Function::reads("aaaa", "Another name of dig.AAAA.", "dig.aaaa www.example.org", Host::ROWS, |_, arguments| {
            addresses("dig.aaaa", "AAAA", arguments)
        }),
        Function::reads(
            "cname",
            "Another name of dig.CNAME.",
            "dig.cname www.example.org",
            Host::ROWS,
            |_, arguments| canonical("dig.cname", arguments),
        ),
        Function::reads("ptr", "Another name of dig.PTR.", "dig.ptr 192.0.2.1", Ip::ROWS, |_, arguments| {
            names("dig.ptr", arguments)
        }),
        Function::reads("ns", "Another name of dig.NS.", "dig.ns example.org", Servers::ROWS, |_, arguments| {
            servers("dig.ns", arguments)
        }),
        Function::reads("mx", "Another name of dig.MX.", "dig.mx example.org", Mail::ROWS, |_, arguments| {
            mail("dig.mx", arguments)
        }),
        Function::reads("spf", "Another name of dig.SPF.", "dig.spf example.org", Policy::ROWS, |_, arguments| {
            policy("dig.spf", arguments)
        }),
        Function::reads(
            "check_ip",
            "True for an address, also with a mask behind a slash.",
            "dig.check_ip 127.0.0.1",
            Addr::ROWS,
            |_, arguments| check_ip("dig.check_ip", arguments),
        )
        .quick(),
    ],
};

args! {
    /// Arguments of functions about a name.
    pub struct Host {
        /// The name.
        host: String,
        /// Whom to ask.
        nameserver: Option<String> = None,
    }
}

args! {
    /// Arguments of `dig.PTR`.
    pub struct Ip {
        /// The address.
        ip: String,
        /// Whom to ask.
        nameserver: Option<String> = None,
    }
}

args! {
    /// Arguments of `dig.NS` and `dnsutil.NS`.
    pub struct Servers {
        /// The domain.
        domain: String,
        /// Addresses instead of names.
        resolve: bool = true,
        /// Whom to ask.
        nameserver: Option<String> = None,
    }
}

args! {
    /// Arguments of `dig.MX` and `dnsutil.MX`.
    pub struct Mail {
        /// The domain.
        domain: String,
        /// Addresses instead of names.
        resolve: bool = false,
        /// Whom to ask.
        nameserver: Option<String> = None,
    }
}

args! {
    /// Arguments of `dig.SPF` and `dnsutil.SPF`.
    pub struct Policy {
        /// The domain.
        domain: String,
        /// Kind of the record, `SPF` or `TXT`; texts are looked at where there are none of the first.
        record: String = "SPF".to_owned(),
        /// Whom to ask.
        nameserver: Option<String> = None,
    }
}

args! {
    /// Arguments of `dig.check_ip` and `dnsutil.check_ip`.
    pub struct Addr {
        /// What may be an address.
        addr: String,
    }
}

/// What dig said: lines, and how it ended. A name without such a record has none, and that is no failure.
struct Answer {
    lines: Vec<String>,
    status: i32,
}

/// A word that dig reads neither as an option nor as a server.
fn plain(word: &str) -> Result<&str, CallError> {
    if word.is_empty() || word.starts_with(['-', '+', '@']) || word.contains(char::is_whitespace) {
        return Err(CallError::Invocation(format!("'{word}' is neither a name nor an address")));
    }
    Ok(word)
}

/// The name that a name stands for.
fn canonical(function: &str, arguments: Arguments) -> CallResult {
    let Host { host, nameserver } = Host::bind(function, arguments)?;
    let answer = ask(&host, "CNAME", nameserver.as_deref())?;
    Ok(Outcome::with_status(answer.lines.join("\n"), answer.status))
}

/// The names of an address.
fn names(function: &str, arguments: Arguments) -> CallResult {
    let Ip { ip, nameserver } = Ip::bind(function, arguments)?;
    Ok(answered(run(&["-x", plain(&ip)?], nameserver.as_deref())?))
}

fn run(question: &[&str], nameserver: Option<&str>) -> Result<Answer, CallError> {
    let server = nameserver.map(|server| plain(server).map(|server| format!("@{server}"))).transpose()?;
    let mut words = vec!["dig", "+short"];
    words.extend(server.as_deref());
    words.extend(question);
    let finished = Command::argv(&words).c_locale().run().map_err(|error| CallError::Failed(error.to_string()))?;
    // What goes wrong is told on standard output, in comments.
    let lines = match finished.status {
        0 => finished.out().lines().filter(|line| !line.starts_with(';')).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    Ok(Answer { lines, status: finished.status })
}

fn ask(name: &str, record: &str, nameserver: Option<&str>) -> Result<Answer, CallError> {
    run(&[plain(name)?, record], nameserver)
}

fn answered(answer: Answer) -> Outcome {
    Outcome::with_status(answer.lines.into_iter().collect::<Value>(), answer.status)
}

/// The addresses of a name. On the way to them there may be other names, which are left out.
fn resolve(name: &str, record: &str, nameserver: Option<&str>) -> Result<Answer, CallError> {
    let mut answer = ask(name, record, nameserver)?;
    answer.lines.retain(|line| line.parse::<IpAddr>().is_ok());
    Ok(answer)
}

pub(super) fn addresses(function: &str, record: &str, arguments: Arguments) -> CallResult {
    let Host { host, nameserver } = Host::bind(function, arguments)?;
    Ok(answered(resolve(&host, record, nameserver.as_deref())?))
}

pub(super) fn servers(function: &str, arguments: Arguments) -> CallResult {
    let args = Servers::bind(function, arguments)?;
    let nameserver = args.nameserver.as_deref();
    let mut answer = ask(&args.domain, "NS", nameserver)?;
    if args.resolve {
        let names = std::mem::take(&mut answer.lines);
        for name in names {
            answer.lines.extend(resolve(&name, "A", nameserver)?.lines);
        }
    }
    Ok(answered(answer))
}

pub(super) fn mail(function: &str, arguments: Arguments) -> CallResult {
    let args = Mail::bind(function, arguments)?;
    let nameserver = args.nameserver.as_deref();
    let answer = ask(&args.domain, "MX", nameserver)?;
    let mut found = Vec::new();
    for line in &answer.lines {
        let Some((preference, name)) = line.split_once(' ') else { continue };
        let server = match args.resolve {
            // One whose name has no address keeps the name.
            true => resolve(name, "A", nameserver)?.lines.into_iter().next().unwrap_or_else(|| name.to_owned()),
            false => name.to_owned(),
        };
        found.push(Value::from(vec![Value::from(preference), Value::from(server)]));
    }
    Ok(Outcome::with_status(Value::List(found), answer.status))
}

pub(super) fn policy(function: &str, arguments: Arguments) -> CallResult {
    let args = Policy::bind(function, arguments)?;
    let mut networks = Vec::new();
    let status = networks_of(&args.domain, &args.record, args.nameserver.as_deref(), SPF_DEPTH, &mut networks)?;
    Ok(Outcome::with_status(networks.into_iter().collect::<Value>(), status))
}

fn networks_of(
    domain: &str,
    record: &str,
    nameserver: Option<&str>,
    depth: usize,
    networks: &mut Vec<String>,
) -> Result<i32, CallError> {
    let mut answer = ask(domain, record, nameserver)?;
    if answer.lines.is_empty() && record == "SPF" && answer.status == 0 {
        answer = ask(domain, "TXT", nameserver)?;
    }
    let policies = answer.lines.iter().map(|line| line.replace("\" \"", "").replace('"', ""));
    for policy in policies.filter(|text| text.starts_with("v=spf1")).collect::<Vec<_>>() {
        for part in policy.split_whitespace().skip(1) {
            match part.trim_start_matches('+').split_once(':') {
                Some(("ip4", network)) => networks.push(network.to_owned()),
                Some(("include", other)) if depth > 0 => {
                    networks_of(other, record, nameserver, depth - 1, networks)?;
                }
                _ => {}
            }
        }
    }
    Ok(answer.status)
}

pub(super) fn check_ip(function: &str, arguments: Arguments) -> CallResult {
    let Addr { addr } = Addr::bind(function, arguments)?;
    Ok(is_address(&addr).into())
}

/// An address, of IPv6 with or without a zone, and after a slash perhaps how much of it is the network's: 1 to 32
/// bits, of IPv6 8 to 128, as the reference draws it.
fn is_address(text: &str) -> bool {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.trim().parse::<u8>())),
        None => (text, None),
    };
    let parsed = match address.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => address.parse().map(IpAddr::V6).ok(),
        _ => address.parse::<IpAddr>().ok(),
    };
    match (parsed, bits) {
        (None, _) | (_, Some(Err(_))) => false,
        (Some(_), None) => true,
        (Some(IpAddr::V4(_)), Some(Ok(bits))) => (1..=32).contains(&bits),
        (Some(IpAddr::V6(_)), Some(Ok(bits))) => (8..=128).contains(&bits),
    }
}
