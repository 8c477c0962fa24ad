//! The functions of `nftables.*`.

use std::path::{Path, PathBuf};

use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::arguments::{
    Build, Delete, Flush, InChain, Insert, NewChain, Nothing, OfChain, OfTable, Only, Policy, Save, Saved,
};
use super::kernel::answer;
use super::{Base, Chain, Family, SAVED, Table, build, saved, typed};
use crate::cx::{Act, Look, Module};
use crate::modules::tool;

/// The module.
pub const MODULE: Module = Module {
    name: "nftables",
    doc: "Packet filters of nftables.",
    functions: &[
        Function::reads("version", "The version of the program.", "nftables.version", Nothing::ROWS, |_, arguments| {
            Nothing::bind("nftables.version", arguments)?;
            let said = tool::output(&["nft", "--version"])?;
            Ok(said.split_whitespace().nth(1).unwrap_or_default().into())
        }),
        Function::reads(
            "build_rule",
            "The rule that arguments describe; with full=True as the order of the program.",
            "nftables.build_rule connstate=new proto=tcp dport=22 jump=accept",
            Build::ROWS,
            built,
        ),
        Function::reads(
            "list_tables",
            "The tables of a family.",
            "nftables.list_tables",
            Only::ROWS,
            |_, arguments| {
                let family = Family::named(&Only::bind("nftables.list_tables", arguments)?.family)?;
                let described = family.described()?;
                Ok(described.iter().filter_map(|item| item.get("table").cloned()).collect::<Value>().into())
            },
        ),
        Function::reads("get_rules", "All tables in the words of nft.", "nftables.get_rules", Only::ROWS, get_rules),
        Function::reads(
            "get_rules_json",
            "All that a family has, as nft describes it.",
            "nftables.get_rules_json",
            Only::ROWS,
            |_, arguments| {
                let family = Family::named(&Only::bind("nftables.get_rules_json", arguments)?.family)?;
                Ok(Value::from(family.described()?).into())
            },
        ),
        Function::reads(
            "get_saved_rules",
            "The lines of a file that keeps rules.",
            "nftables.get_saved_rules",
            Saved::ROWS,
            |_, arguments| {
                let file = Saved::bind("nftables.get_saved_rules", arguments)?.conf_file;
                let text = tool::table(Path::new(file.as_deref().unwrap_or(SAVED)))?;
                let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
                Ok(lines.map(|line| Value::from(format!("{line}\n"))).collect::<Value>().into())
            },
        ),
        Function::reads(
            "get_rule_handle",
            "The number by which a rule is removed; an answer that says so when there is none.",
            "nftables.get_rule_handle filter input rule='tcp dport 22 accept'",
            InChain::ROWS,
            |_, arguments| {
                let (chain, rule) = ruled("nftables.get_rule_handle", arguments)?;
                chain.must_be()?;
                match chain.find(&rule)? {
                    Some(handle) => {
                        Ok(Map::from_iter([("result", Value::from(true)), ("handle", handle.into())]).into())
                    }
                    None => Ok(answer(false, format!("Could not find rule {rule}")).into()),
                }
            },
        ),
        Function::reads(
            "check",
            "Whether a chain has a rule.",
            "nftables.check filter input rule='tcp dport 22 accept'",
            InChain::ROWS,
            |_, arguments| {
                let (chain, rule) = ruled("nftables.check", arguments)?;
                let there = chain.find(&rule)?.is_some();
                let about = format!("Rule {rule} in chain {}", chain.shown());
                Ok(answer(there, format!("{about} {}", exists(there))).into())
            },
        ),
        Function::reads(
            "check_chain",
            "Whether a table has a chain.",
            "nftables.check_chain filter input",
            OfChain::ROWS,
            |_, arguments| {
                let chain = of_chain("nftables.check_chain", arguments)?;
                let there = chain.known()?.is_some();
                Ok(answer(there, format!("Chain {} {}", chain.shown(), exists(there))).into())
            },
        ),
        Function::reads(
            "check_table",
            "Whether a family has a table.",
            "nftables.check_table filter",
            OfTable::ROWS,
            |_, arguments| {
                let table = of_table("nftables.check_table", arguments)?;
                let there = table.is_there()?;
                Ok(answer(there, format!("Table {} {}", table.shown(), exists(there))).into())
            },
        ),
        Function::reads(
            "get_policy",
            "What becomes of packets that no rule of a chain decides on; null for a chain at no hook.",
            "nftables.get_policy filter input",
            OfChain::ROWS,
            |_, arguments| {
                let chain = of_chain("nftables.get_policy", arguments)?;
                Ok(chain.known()?.and_then(|known| known.policy).map_or(Value::Null, Value::from).into())
            },
        ),
        Function::changes(
            "save",
            "Keeps the rules of a family in a file.",
            "nftables.save",
            Save::ROWS,
            |act, arguments| {
                let args = Save::bind("nftables.save", arguments)?;
                let path = PathBuf::from(args.filename.as_deref().unwrap_or(SAVED));
                Ok(save(act, &Family::named(&args.family)?, &path)?.into())
            },
        ),
        Function::changes(
            "new_table",
            "Makes a table.",
            "nftables.new_table filter",
            OfTable::ROWS,
            |act, arguments| {
                let table = of_table("nftables.new_table", arguments)?;
                if table.is_there()? {
                    return Ok(answer(true, format!("Table {} exists", table.shown())).into());
                }
                table.order(act, "add table")?;
                Ok(answer(true, format!("Table {} created", table.shown())).into())
            },
        ),
        Function::changes(
            "delete_table",
            "Removes a table with all that it has.",
            "nftables.delete_table filter",
            OfTable::ROWS,
            |act, arguments| {
                let table = of_table("nftables.delete_table", arguments)?;
                if !table.is_there()? {
                    return Err(CallError::Failed(format!("Table {} does not exist", table.shown())));
                }
                table.order(act, "delete table")?;
                Ok(answer(true, format!("Table {} deleted", table.shown())).into())
            },
        ),
        Function::changes(
            "new_chain",
            "Makes a chain; with table_type, hook and priority one that packets come to first.",
            "nftables.new_chain filter input table_type=filter hook=input priority=0",
            NewChain::ROWS,
            new_chain,
        ),
        Function::changes(
            "delete_chain",
            "Removes a chain without rules.",
            "nftables.delete_chain filter web",
            OfChain::ROWS,
            |act, arguments| {
                let chain = of_chain("nftables.delete_chain", arguments)?;
                chain.must_be()?;
                chain.order(act, "delete chain")?;
                Ok(answer(true, format!("Chain {} deleted", chain.shown())).into())
            },
        ),
        Function::changes(
            "append",
            "Adds a rule to the end of a chain that does not have it.",
            "nftables.append filter input rule='tcp dport 22 accept'",
            InChain::ROWS,
            |act, arguments| {
                let (chain, rule) = ruled("nftables.append", arguments)?;
                add(&chain, &rule, || chain.append(act, &rule))
            },
        ),
        Function::changes(
            "insert",
            "Adds a rule to a chain that does not have it: before the rule with a handle, or before all.",
            "nftables.insert filter input rule='tcp dport 22 accept' position=3",
            Insert::ROWS,
            |act, arguments| {
                let args = Insert::bind("nftables.insert", arguments)?;
                let (chain, rule) = (Chain::named(&args.family, &args.table, &args.chain)?, typed(&args.rule)?);
                add(&chain, rule, || chain.insert(act, args.position, rule))
            },
        ),
        Function::changes(
            "delete",
            "Removes a rule, by its handle or as it is.",
            "nftables.delete filter input rule='tcp dport 22 accept'",
            Delete::ROWS,
            delete,
        ),
        Function::changes(
            "flush",
            "Removes all rules of a chain or of a table.",
            "nftables.flush filter input",
            Flush::ROWS,
            flush,
        ),
        Function::changes(
            "set_policy",
            "Sets what becomes of packets that no rule of a chain decides on.",
            "nftables.set_policy filter input drop",
            Policy::ROWS,
            |act, arguments| {
                let args = Policy::bind("nftables.set_policy", arguments)?;
                let chain = Chain::named(&args.family, &args.table, &args.chain)?;
                chain.must_be()?;
                chain.set_policy(act, &args.policy.to_lowercase())?;
                Ok(true.into())
            },
        ),
    ],
};

fn exists(there: bool) -> &'static str {
    if there { "exists" } else { "does not exist" }
}

fn of_table(function: &str, arguments: Arguments) -> Result<Table, CallError> {
    let args = OfTable::bind(function, arguments)?;
    Table::named(&args.family, &args.table)
}

fn of_chain(function: &str, arguments: Arguments) -> Result<Chain, CallError> {
    let args = OfChain::bind(function, arguments)?;
    Chain::named(&args.family, &args.table, &args.chain)
}

fn ruled(function: &str, arguments: Arguments) -> Result<(Chain, String), CallError> {
    let args = InChain::bind(function, arguments)?;
    Ok((Chain::named(&args.family, &args.table, &args.chain)?, typed(&args.rule)?.to_owned()))
}

fn built(_: &Look, arguments: Arguments) -> CallResult {
    let args = Build::bind("nftables.build_rule", arguments)?;
    let family = Family::named(&args.family)?;
    let mut rule = build(&family, &args.options)?;
    if args.full {
        let needed = |what: &str, value: Option<String>| {
            value.ok_or_else(|| CallError::Invocation(format!("{what} needs to be specified")))
        };
        let (table, chain) = (needed("Table", args.table)?, needed("Chain", args.chain)?);
        let place = match &args.position {
            Value::Null => String::new(),
            position => format!(" position {}", str_(position)),
        };
        let command = needed("Command", args.command)?;
        let command = if command == "append" { "add" } else { command.as_str() };
        rule = format!("nft {command} rule {} {table} {chain}{place} {rule}", family.word());
    }
    let mut answer = answer(true, if rule.is_empty() { "" } else { "Successfully built rule" });
    answer.insert("rule", rule);
    Ok(answer.into())
}

fn get_rules(_: &Look, arguments: Arguments) -> CallResult {
    let args = Only::bind("nftables.get_rules", arguments)?;
    let tables = Family::named(&args.family)?.tables()?;
    let text = |name: &String| Table::named(&args.family, name)?.text();
    Ok(tables
        .iter()
        .map(|name| text(name).map(Value::from))
        .collect::<Result<Vec<_>, CallError>>()
        .map(Value::from)?
        .into())
}

fn new_chain(act: &Act, arguments: Arguments) -> CallResult {
    let args = NewChain::bind("nftables.new_chain", arguments)?;
    let chain = Chain::named(&args.family, &args.table, &args.chain)?;
    let base = Base::of(args.table_type, args.hook, args.priority)?;
    if !chain.table.is_there()? {
        return Err(CallError::Failed(format!("Table {} does not exist", chain.table.shown())));
    }
    if chain.known()?.is_some() {
        return Err(CallError::Failed(format!("Chain {} already exists", chain.shown())));
    }
    chain.add(act, base.as_ref())?;
    Ok(answer(true, format!("Chain {} created", chain.shown())).into())
}

fn add(chain: &Chain, rule: &str, doing: impl FnOnce() -> Result<(), CallError>) -> CallResult {
    chain.must_be()?;
    let about = format!("ule \"{rule}\" chain {}", chain.shown());
    if chain.find(rule)?.is_some() {
        return Ok(answer(true, format!("R{about} already exists")).into());
    }
    doing()?;
    Ok(answer(true, format!("Added r{about}.")).into())
}

fn delete(act: &Act, arguments: Arguments) -> CallResult {
    let args = Delete::bind("nftables.delete", arguments)?;
    let chain = Chain::named(&args.family, &args.table, &args.chain)?;
    let known = chain.must_be()?;
    let (handle, shown) = match (args.position, args.rule) {
        (Some(handle), None) => {
            (known.rules.iter().map(|(own, _)| *own).find(|own| *own == handle), handle.to_string())
        }
        (None, Some(rule)) => (chain.find(typed(&rule)?)?, rule),
        (Some(_), Some(_)) => {
            return Err(CallError::Invocation("Only specify a position or a rule, not both".to_owned()));
        }
        (None, None) => return Err(CallError::Invocation("a position or a rule is needed".to_owned())),
    };
    let about = format!("ule \"{shown}\" in chain {}", chain.shown());
    let handle = handle.ok_or_else(|| CallError::Failed(format!("R{about} does not exist")))?;
    chain.delete(act, handle)?;
    Ok(answer(true, format!("Deleted r{about}.")).into())
}

fn flush(act: &Act, arguments: Arguments) -> CallResult {
    let args = Flush::bind("nftables.flush", arguments)?;
    if args.chain.is_empty() {
        let table = Table::named(&args.family, &args.table)?;
        table.order(act, "flush table")?;
        return Ok(answer(true, format!("Flushed rules from table {}.", table.shown())).into());
    }
    let chain = Chain::named(&args.family, &args.table, &args.chain)?;
    chain.must_be()?;
    chain.order(act, "flush chain")?;
    Ok(answer(true, format!("Flushed rules from chain {}.", chain.shown())).into())
}

/// Keeps the rules of a family in a file; what was written.
pub fn save(_act: &Act, family: &Family, path: &Path) -> Result<String, CallError> {
    let text = saved(family)?;
    tool::store(path, &text)?;
    Ok(text)
}
