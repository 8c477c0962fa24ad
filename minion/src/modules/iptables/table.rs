//! The functions of `iptables.*`.

use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::listing::{listed, saved_file};
use super::{Family, Firewall, Place, Rule};
use crate::cx::{Act, Look, Module};
use crate::modules::tool;
use crate::system::fs;

/// The module.
pub const MODULE: Module = Module {
    name: "iptables",
    doc: "Packet filters.",
    functions: &[
        Function::reads("version", "The version of the programs.", "iptables.version", Only::ROWS, version),
        Function::reads(
            "build_rule",
            "The rule that arguments describe; with full=True as the order of the program.",
            "iptables.build_rule proto=tcp dport=22 jump=ACCEPT",
            Build::ROWS,
            build,
        ),
        Function::reads(
            "get_rules",
            "All rules by table and chain.",
            "iptables.get_rules",
            Only::ROWS,
            |_, arguments| {
                let family = Family::named(&Only::bind("iptables.get_rules", arguments)?.family)?;
                Ok(listed(&Firewall::save(family)?)?.into())
            },
        ),
        Function::reads(
            "get_saved_rules",
            "The rules that a file keeps, by table and chain.",
            "iptables.get_saved_rules",
            Saved::ROWS,
            |_, arguments| {
                let args = Saved::bind("iptables.get_saved_rules", arguments)?;
                Ok(listed(&kept(args.conf_file, &args.family)?)?.into())
            },
        ),
        Function::reads(
            "get_policy",
            "The policy of a chain; null when there is none.",
            "iptables.get_policy filter INPUT",
            Chain::ROWS,
            |_, arguments| {
                let (firewall, chain) = chain("iptables.get_policy", arguments)?;
                Ok(firewall.policy(&chain)?.map_or(Value::Null, Value::from).into())
            },
        ),
        Function::reads(
            "get_saved_policy",
            "The policy of a chain in the file that keeps rules.",
            "iptables.get_saved_policy filter INPUT",
            SavedPolicy::ROWS,
            |_, arguments| {
                let args = SavedPolicy::bind("iptables.get_saved_policy", arguments)?;
                let rules = listed(&kept(args.conf_file, &args.family)?)?;
                let chain = rules.get(&args.table).and_then(|table| table.get(&args.chain));
                Ok(chain.and_then(|chain| chain.get("policy")).cloned().unwrap_or_default().into())
            },
        ),
        Function::reads(
            "check",
            "True if a chain has a rule.",
            "iptables.check filter INPUT rule='-p tcp --dport 22 -j ACCEPT'",
            InChain::ROWS,
            |_, arguments| {
                let args = InChain::bind("iptables.check", arguments)?;
                let firewall = Firewall::new(&args.family, &args.table)?;
                Ok(firewall.has(&args.chain, &Rule::typed(&args.rule)?)?.into())
            },
        ),
        Function::reads(
            "check_chain",
            "True if a table has a chain.",
            "iptables.check_chain filter INPUT",
            Chain::ROWS,
            |_, arguments| {
                let (firewall, chain) = chain("iptables.check_chain", arguments)?;
                Ok(firewall.policy(&chain)?.is_some().into())
            },
        ),
        Function::changes(
            "save",
            "Keeps the rules for the next start.",
            "iptables.save",
            Save::ROWS,
            |act, arguments| {
                let args = Save::bind("iptables.save", arguments)?;
                let family = Family::named(&args.family)?;
                Ok(save(act, family, args.filename.map(PathBuf::from))?.into())
            },
        ),
        Function::changes(
            "append",
            "Adds a rule to the end of a chain; false when it is there already.",
            "iptables.append filter INPUT rule='-p tcp --dport 22 -j ACCEPT'",
            InChain::ROWS,
            |act, arguments| {
                let args = InChain::bind("iptables.append", arguments)?;
                add(act, &args.family, &args.table, &args.chain, &args.rule, Place::End)
            },
        ),
        Function::changes(
            "insert",
            "Adds a rule at a place of a chain; false when it is there already.",
            "iptables.insert filter INPUT position=3 rule='-p tcp --dport 22 -j ACCEPT'",
            Insert::ROWS,
            |act, arguments| {
                let args = Insert::bind("iptables.insert", arguments)?;
                add(act, &args.family, &args.table, &args.chain, &args.rule, Place::At(args.position))
            },
        ),
        Function::changes(
            "delete",
            "Removes a rule, by its place or as it is.",
            "iptables.delete filter INPUT position=3",
            Delete::ROWS,
            delete,
        ),
        Function::changes(
            "new_chain",
            "Makes a chain.",
            "iptables.new_chain filter WEB",
            Chain::ROWS,
            |act, arguments| {
                let (firewall, chain) = chain("iptables.new_chain", arguments)?;
                firewall.must(act, ["-N", &chain])?;
                Ok(true.into())
            },
        ),
        Function::changes(
            "delete_chain",
            "Removes a chain without rules.",
            "iptables.delete_chain filter WEB",
            Chain::ROWS,
            |act, arguments| {
                let (firewall, chain) = chain("iptables.delete_chain", arguments)?;
                firewall.must(act, ["-X", &chain])?;
                Ok(true.into())
            },
        ),
        Function::changes(
            "flush",
            "Removes all rules of a chain or of a table.",
            "iptables.flush filter INPUT",
            Flush::ROWS,
            |act, arguments| {
                let args = Flush::bind("iptables.flush", arguments)?;
                let firewall = Firewall::new(&args.family, &args.table)?;
                firewall
                    .must(act, std::iter::once("-F").chain(args.chain.as_deref().filter(|chain| !chain.is_empty())))?;
                Ok("".into())
            },
        ),
        Function::changes(
            "set_policy",
            "Sets what becomes of packets that no rule of a chain decides on.",
            "iptables.set_policy filter INPUT ACCEPT",
            Policy::ROWS,
            |act, arguments| {
                let args = Policy::bind("iptables.set_policy", arguments)?;
                Firewall::new(&args.family, &args.table)?.must(act, ["-P", &args.chain, &args.policy])?;
                Ok("".into())
            },
        ),
    ],
};

args! {
    /// A family only.
    pub struct Only {
        /// `ipv4` or `ipv6`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// Arguments of `iptables.build_rule`.
    pub struct Build {
        /// The table.
        table: String = "filter".to_owned(),
        /// The chain.
        chain: Option<String> = None,
        /// What is done with the rule: `A`, `I`, `D`.
        command: Option<String> = None,
        /// Its place.
        position: Value = Value::Null,
        /// The whole order instead of the rule.
        full: bool = false,
        /// `ipv4` or `ipv6`.
        family: String = "ipv4".to_owned(),
        /// Options of the rule by name: `proto`, `dport`, `match`, `connstate`, `source`, `jump`, ...
        **options: Map,
    }
}

args! {
    /// Rules that are kept.
    pub struct Saved {
        /// The file, if it is not the usual one.
        conf_file: Option<String> = None,
        /// `ipv4` or `ipv6`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// A chain of rules that are kept.
    pub struct SavedPolicy {
        /// The table.
        table: String = "filter".to_owned(),
        /// The chain.
        chain: String,
        /// The file, if it is not the usual one.
        conf_file: Option<String> = None,
        /// `ipv4` or `ipv6`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// Arguments of `iptables.save`.
    pub struct Save {
        /// The file, if it is not the usual one.
        filename: Option<String> = None,
        /// `ipv4` or `ipv6`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// A chain.
    pub struct Chain {
        /// The table.
        table: String = "filter".to_owned(),
        /// The chain.
        chain: String,
        /// `ipv4` or `ipv6`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// A rule in a chain.
    pub struct InChain {
        /// The table.
        table: String = "filter".to_owned(),
        /// The chain.
        chain: String,
        /// The rule in the words of the program.
        rule: String,
        /// `ipv4` or `ipv6`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// Arguments of `iptables.insert`.
    pub struct Insert {
        /// The table.
        table: String = "filter".to_owned(),
        /// The chain.
        chain: String,
        /// The number it gets, from 1; negative ones count from the end.
        position: i64,
        /// The rule in the words of the program.
        rule: String,
        /// `ipv4` or `ipv6`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// Arguments of `iptables.delete`.
    pub struct Delete {
        /// The table.
        table: String,
        /// The chain.
        chain: String,
        /// Its number, from 1.
        position: Option<i64> = None,
        /// The rule in the words of the program.
        rule: Option<String> = None,
        /// `ipv4` or `ipv6`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// Arguments of `iptables.flush`.
    pub struct Flush {
        /// The table.
        table: String = "filter".to_owned(),
        /// The chain; else all chains.
        chain: Option<String> = None,
        /// `ipv4` or `ipv6`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// Arguments of `iptables.set_policy`.
    pub struct Policy {
        /// The table.
        table: String = "filter".to_owned(),
        /// The chain.
        chain: String,
        /// `ACCEPT` or `DROP`.
        policy: String,
        /// `ipv4` or `ipv6`.
        family: String = "ipv4".to_owned(),
    }
}

fn version(_look: &Look, arguments: Arguments) -> CallResult {
    let family = Only::bind("iptables.version", arguments)?.family;
    let finished = Firewall::new(&family, "filter")?.order(["--version"])?;
    Ok(finished.out().split_whitespace().nth(1).unwrap_or_default().into())
}

fn build(_look: &Look, arguments: Arguments) -> CallResult {
    let args = Build::bind("iptables.build_rule", arguments)?;
    let rule = Rule::build(&args.options)?.shown();
    if !args.full {
        return Ok(rule.into());
    }
    let needed = |what: &str, value: Option<String>| {
        value
            .filter(|value| !value.is_empty())
            .ok_or_else(|| CallError::Invocation(format!("{what} needs to be specified")))
    };
    let (chain, command) = (needed("Chain", args.chain)?, needed("Command", args.command)?);
    let place = if args.position.truthy() { str_(&args.position) } else { String::new() };
    let letter = format!("-{}", command.trim_start_matches('-'));
    Ok(Firewall::new(&args.family, &args.table)?.shown(&letter, &chain, &place, &rule).into())
}

fn chain(function: &str, arguments: Arguments) -> Result<(Firewall, String), CallError> {
    let args = Chain::bind(function, arguments)?;
    Ok((Firewall::new(&args.family, &args.table)?, args.chain))
}

fn add(act: &Act, family: &str, table: &str, chain: &str, rule: &str, place: Place) -> CallResult {
    let (firewall, rule) = (Firewall::new(family, table)?, Rule::typed(rule)?);
    if firewall.has(chain, &rule)? {
        return Ok(false.into());
    }
    firewall.put(act, chain, place, &rule)?;
    Ok(true.into())
}

fn delete(act: &Act, arguments: Arguments) -> CallResult {
    let args = Delete::bind("iptables.delete", arguments)?;
    let firewall = Firewall::new(&args.family, &args.table)?;
    match (args.position, args.rule) {
        (Some(number), None) => firewall.delete_at(act, &args.chain, number)?,
        (None, Some(rule)) => firewall.put(act, &args.chain, Place::Alike, &Rule::typed(&rule)?)?,
        (Some(_), Some(_)) => {
            return Err(CallError::Invocation("Only specify a position or a rule, not both".to_owned()));
        }
        (None, None) => return Err(CallError::Invocation("a position or a rule is needed".to_owned())),
    }
    Ok("".into())
}

fn kept(file: Option<String>, family: &str) -> Result<String, CallError> {
    let path = file.map_or(saved_file(Family::named(family)?), PathBuf::from);
    let failed = |fault: fs::FileFault| CallError::Failed(fault.to_string());
    Ok(String::from_utf8_lossy(&fs::read_bounded(&path, 16 << 20).map_err(failed)?).into_owned())
}

/// Keeps the rules of a family for the next start; says where.
pub fn save(_act: &Act, family: Family, file: Option<PathBuf>) -> Result<String, CallError> {
    let path = file.unwrap_or_else(|| saved_file(family));
    let text = Firewall::save(family)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let failed = |error: std::io::Error| CallError::Failed(format!("{}: {}", folder.display(), fs::plain(&error)));
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    tool::store(&path, &text)?;
    Ok(wrote(&path))
}

/// What saving says.
pub fn wrote(path: &Path) -> String {
    format!("Wrote 1 lines to \"{}\"", path.display())
}
