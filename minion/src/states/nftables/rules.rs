//! `nftables.append`, `nftables.insert` and `nftables.delete`, and keeping rules for the next start.

use std::path::PathBuf;

use fleet_common::args;
use fleet_common::call::{ArgError, Arguments, CallError};
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look};
use crate::modules::nftables::{Chain, Family, SAVED, build, save, saved};
use crate::modules::tool;
use crate::states::firewall;
use crate::states::{AnyState, Applied, Failure, Plan, PlannedState, Report, Run, State};

args! {
    /// Arguments of `nftables.append`, `nftables.insert` and `nftables.delete`.
    pub struct Wanted {
        /// What it is for; not used.
        name: String,
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
        /// The table.
        table: String = "filter".to_owned(),
        /// The chain.
        chain: String,
        /// A handle: of the rule that it comes before, or that is deleted.
        position: Option<i64> = None,
        /// Keep all rules of the family for the next start: true, or the file.
        save: Value = Value::Bool(false),
        /// Options of the rule by name: `proto`, `dport`, `connstate`, `source`, `jump`, ...
        **options: Map,
    }
}

/// What is to be with the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// At the end of the chain.
    Append,
    /// Before another rule, or before all.
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
pub fn to_save(asked: &Value, family: &Family, changing: bool) -> Result<Option<PathBuf>, Failure> {
    firewall::to_save(asked, PathBuf::from(SAVED), changing, |path| Ok(tool::table(path)? == saved(family)?))
}

/// Keeps the rules; a failure says that they are in use all the same.
pub fn keep(act: &Act, family: &Family, file: Option<PathBuf>, name: &str, changed: bool) -> Result<Applied, Failure> {
    file.map_or(Ok(Applied::AsPlanned), |file| firewall::kept(save(act, family, &file), name, changed))
}

/// What is to be done.
pub struct Todo {
    /// The rule that goes, by its handle.
    handle: Option<i64>,
    change: bool,
    save: Option<PathBuf>,
}

impl Ruled {
    fn chain(&self) -> Result<Chain, CallError> {
        Chain::named(&self.0.family, &self.0.table, &self.0.chain)
    }

    fn refused(&self, rule: &str, why: &CallError) -> Failure {
        let Self(Wanted { name, family, .. }, verb) = self;
        let doing = if *verb == Verb::Delete { "delete" } else { "set" };
        Failure::new(format!(
            "Failed to {doing} nftables rule for {name}.\nAttempted rule was {rule} for {family}.\n{why}"
        ))
    }

    /// The handle of the rule, if it is there; the number alone names a rule that is to go.
    fn found(&self, chain: &Chain, rule: &str) -> Result<Option<i64>, CallError> {
        if let (Verb::Delete, Some(number)) = (self.1, self.0.position) {
            let known = chain.known()?.unwrap_or_default();
            return Ok(known.rules.iter().map(|(handle, _)| *handle).find(|handle| *handle == number));
        }
        if rule.is_empty() {
            return Err(CallError::Invocation("the rule is empty: what it is about and jump are needed".to_owned()));
        }
        match chain.find(rule) {
            // A chain or a set that it leads to is not there yet, so the rule is not there.
            Err(error) if error.to_string().contains("No such file or directory") => Ok(None),
            found => found,
        }
    }

    /// Comments: all is so; a dry run; a real run without and with keeping.
    fn words(&self, rule: &str) -> [String; 4] {
        let Self(Wanted { name, family, .. }, verb) = self;
        let set = |kept: &str| format!("Set {kept}nftables rule for {name} to: {rule} for {family}");
        match verb {
            Verb::Append => [
                format!("nftables rule for {name} already set ({rule}) for {family}"),
                format!("nftables rule for {name} needs to be set ({rule}) for {family}"),
                set(""),
                set("and Saved "),
            ],
            Verb::Insert => [
                format!("nftables rule for {name} already set for {family} ({rule})"),
                format!("nftables rule for {name} needs to be set for {family} ({rule})"),
                set(""),
                set("and Saved "),
            ],
            Verb::Delete => [
                format!("nftables rule for {name} already absent for {family} ({rule})"),
                format!("nftables rule for {name} needs to be deleted for {family} ({rule})"),
                format!("Delete nftables rule for {name} {rule}"),
                format!("Deleted and Saved nftables rule for {name} for {family} {rule}"),
            ],
        }
    }
}

impl State for Ruled {
    type Todo = Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let Self(wanted, verb) = self;
        let chain = self.chain()?;
        let rule = build(&chain.table.family, &wanted.options)?;
        let handle = self.found(&chain, &rule).map_err(|error| self.refused(&rule, &error))?;
        let change = handle.is_some() == (*verb == Verb::Delete);
        let save = to_save(&wanted.save, &chain.table.family, change)?;
        let [settled, would, did, did_keep] = self.words(&rule);
        let (would, did) = match (change, &save) {
            (false, None) => return Ok(Plan::Nothing(Report::new(settled))),
            (true, None) => (would, did),
            (true, Some(_)) => (would, did_keep),
            (false, Some(path)) => (
                format!("{settled}\nnftables rules for {} need to be saved to {}", wanted.family, path.display()),
                format!("{settled}\nSaved nftables rules for {} to {}", wanted.family, path.display()),
            ),
        };
        let report = |text: String| Report::new(text).change("locale", wanted.name.as_str());
        Ok(Plan::Change { todo: Todo { handle, change, save }, would: report(would), did: report(did) })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let Self(wanted, verb) = self;
        let chain = self.chain()?;
        let rule = build(&chain.table.family, &wanted.options)?;
        if todo.change {
            let done = chain.must_be().and_then(|_| match (verb, todo.handle) {
                (Verb::Append, _) => chain.append(act, &rule),
                (Verb::Insert, _) => chain.insert(act, wanted.position, &rule),
                (Verb::Delete, handle) => handle.map_or(Ok(()), |handle| chain.delete(act, handle)),
            });
            done.map_err(|error| self.refused(&rule, &error))?;
        }
        keep(act, &chain.table.family, todo.save, &wanted.name, todo.change)
    }
}
