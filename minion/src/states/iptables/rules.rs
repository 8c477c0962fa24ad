//! `iptables.append`, `iptables.insert` and `iptables.delete`, and keeping rules for the next start.

use std::path::PathBuf;

use fleet_common::args;
use fleet_common::call::{ArgError, Arguments, CallError};
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look};
use crate::modules::iptables::{Family, Firewall, Place, Rule, same_rules, save, saved_file, wrote};
use crate::modules::tool;
use crate::states::firewall;
use crate::states::{AnyState, Applied, Failure, Plan, PlannedState, Report, Run, State};

args! {
    /// Arguments of `iptables.append`, `iptables.insert` and `iptables.delete`.
    pub struct Wanted {
        /// What it is for; not used.
        name: String,
        /// The table.
        table: String = "filter".to_owned(),
        /// `ipv4` or `ipv6`.
        family: String = "ipv4".to_owned(),
        /// The chain.
        chain: String,
        /// Its number: where it is inserted, or what is deleted.
        position: Option<i64> = None,
        /// Keep all rules for the next start: true, or the file.
        save: Value = Value::Bool(false),
        /// Several rules: not supported, declare one state each.
        rules: Value = Value::Null,
        /// Options of the rule by name: `proto`, `dport`, `match`, `connstate`, `source`, `jump`, ...
        **options: Map,
    }
}

/// What is to be with the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// At the end of the chain.
    Append,
    /// At a place of the chain.
    Insert,
    /// Not in the chain.
    Delete,
}

struct Ruled(Wanted, Verb);

/// Binds a state of a rule.
pub fn bind(function: &str, arguments: Arguments, verb: Verb) -> Result<Box<dyn AnyState>, ArgError> {
    Ok(Box::new(PlannedState(Ruled(Wanted::bind(function, arguments)?, verb))))
}

/// The file that rules are to be kept in when it holds others than the kernel; `changing` when that will be so.
pub fn to_save(asked: &Value, family: Family, changing: bool) -> Result<Option<PathBuf>, Failure> {
    firewall::to_save(asked, saved_file(family), changing, |path| {
        Ok(same_rules(&tool::table(path)?, &Firewall::save(family)?))
    })
}

/// What is to be done.
pub struct Todo {
    change: bool,
    save: Option<PathBuf>,
}

impl Ruled {
    /// The rule, where it goes, and the order as people read it.
    fn order(&self, firewall: &Firewall) -> Result<(Rule, Place, String), Failure> {
        let Self(wanted, verb) = self;
        if !wanted.rules.is_null() {
            return Err(
                CallError::Unsupported("'rules' of iptables states: declare one state for each".to_owned()).into()
            );
        }
        let rule = Rule::build(&wanted.options)?;
        let place = match (verb, wanted.position) {
            (Verb::Append, _) => Place::End,
            (Verb::Insert, Some(number)) => Place::At(number),
            (Verb::Insert, None) => return Err(Failure::new("position is needed: the number the rule gets, from 1")),
            (Verb::Delete, _) => Place::Alike,
        };
        let order = match (verb, wanted.position) {
            (Verb::Delete, Some(number)) => firewall.shown("-D", &wanted.chain, &number.to_string(), ""),
            _ => firewall.shown_rule(&wanted.chain, place, &rule),
        };
        Ok((rule, place, order))
    }

    fn refused(&self, order: &str, why: &CallError) -> Failure {
        let Self(Wanted { name, family, .. }, verb) = self;
        let doing = if *verb == Verb::Delete { "delete" } else { "set" };
        let text =
            format!("Failed to {doing} iptables rule for {name}.\nAttempted rule was {order} for {family}\n{why}");
        Failure::new(text)
    }

    /// Comments: all is so; a dry run; a real run.
    fn words(&self, order: &str) -> (String, String, String) {
        let Self(Wanted { name, family, .. }, verb) = self;
        let did = format!("Set iptables rule for {name} to: {order} for {family}");
        match verb {
            Verb::Append => (
                format!("iptables rule for {name} already set ({order}) for {family}"),
                format!("iptables rule for {name} needs to be set ({order}) for {family}"),
                did,
            ),
            Verb::Insert => (
                format!("iptables rule for {name} already set for {family} ({order})"),
                format!("iptables rule for {name} needs to be set for {family} ({order})"),
                did,
            ),
            Verb::Delete => (
                format!("iptables rule for {name} already absent for {family} ({order})"),
                format!("iptables rule for {name} needs to be deleted for {family} ({order})"),
                format!("Delete iptables rule for {name} {order}"),
            ),
        }
    }
}

impl State for Ruled {
    type Todo = Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let Self(wanted, verb) = self;
        let firewall = Firewall::new(&wanted.family, &wanted.table)?;
        let (rule, _, order) = self.order(&firewall)?;
        let there = match (verb, wanted.position) {
            (Verb::Delete, Some(number)) => {
                Ok(firewall.rules(&wanted.chain)?.is_some_and(|rules| rules as i64 >= number))
            }
            _ => firewall.has(&wanted.chain, &rule),
        };
        let there = there.map_err(|error| self.refused(&order, &error))?;
        let change = there == (*verb == Verb::Delete);
        let save = to_save(&wanted.save, firewall.family, change)?;
        let (name, family) = (wanted.name.as_str(), firewall.family.name());
        let (settled, would, did) = self.words(&order);
        let (would, did) = match (change, &save) {
            (false, None) => return Ok(Plan::Nothing(Report::new(settled))),
            (true, None) => (would, did),
            (true, Some(path)) => {
                let done = if *verb == Verb::Delete { "Deleted" } else { "Set" };
                let did = format!("{done} and saved iptables rule {name} for {family}\n{order}\n{}", wrote(path));
                (would, did)
            }
            (false, Some(path)) => (
                format!("{settled}\niptables rules for {family} need to be saved to {}", path.display()),
                format!("{settled}\nSaved iptables rule {name} for {family}\n{order}\n{}", wrote(path)),
            ),
        };
        let report = |text: String| Report::new(text).change("locale", name);
        Ok(Plan::Change { todo: Todo { change, save }, would: report(would), did: report(did) })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let Self(wanted, verb) = self;
        let firewall = Firewall::new(&wanted.family, &wanted.table)?;
        let (rule, place, order) = self.order(&firewall)?;
        if todo.change {
            let done = match (verb, wanted.position) {
                (Verb::Delete, Some(number)) => firewall.delete_at(act, &wanted.chain, number),
                _ => firewall.put(act, &wanted.chain, place, &rule),
            };
            done.map_err(|error| self.refused(&order, &error))?;
        }
        keep(act, firewall.family, todo.save, &wanted.name, todo.change)
    }
}

/// Keeps the rules; a failure says that they are in use all the same.
pub fn keep(act: &Act, family: Family, file: Option<PathBuf>, name: &str, changed: bool) -> Result<Applied, Failure> {
    file.map_or(Ok(Applied::AsPlanned), |file| firewall::kept(save(act, family, Some(file)), name, changed))
}
