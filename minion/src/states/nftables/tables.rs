//! Tables and chains: `nftables.table_present` and its like, `nftables.set_policy`, `nftables.flush`.

use std::path::PathBuf;

use fleet_common::args;
use fleet_common::call::{ArgError, Arguments};
use fleet_common::value::Value;

use super::rules::{keep, to_save};
use crate::cx::{Act, Look};
use crate::modules::nftables::{Base, Chain, Table};
use crate::states::{AnyState, Applied, Failure, Plan, PlannedState, Report, Run, State};

args! {
    /// A table.
    pub struct OfFamily {
        /// The table.
        name: String,
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// A chain.
    pub struct InTable {
        /// The chain.
        name: String,
        /// The table.
        table: String = "filter".to_owned(),
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// Arguments of `nftables.chain_present`.
    pub struct NewChain {
        /// The chain.
        name: String,
        /// The table.
        table: String = "filter".to_owned(),
        /// `filter`, `nat` or `route`.
        table_type: Option<String> = None,
        /// `input`, `output`, `forward`, ...
        hook: Option<String> = None,
        /// A number, or a name.
        priority: Option<String> = None,
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// Arguments of `nftables.set_policy`.
    pub struct Policy {
        /// What it is for; not used.
        name: String,
        /// The table.
        table: String = "filter".to_owned(),
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
        /// The chain, one at a hook.
        chain: String,
        /// `accept` or `drop`.
        policy: String,
        /// Keep all rules of the family for the next start: true, or the file.
        save: Value = Value::Bool(false),
    }
}

args! {
    /// Arguments of `nftables.flush`.
    pub struct Flushed {
        /// What it is for; not used.
        name: String,
        /// `ipv4`, `ipv6`, `inet`, `arp`, `bridge` or `netdev`.
        family: String = "ipv4".to_owned(),
        /// A table or chain that is not there is without rules, too.
        ignore_absence: bool = false,
        /// The table.
        table: String = "filter".to_owned(),
        /// The chain; else all chains.
        chain: String = String::new(),
    }
}

struct TablePresent(OfFamily);
struct TableAbsent(OfFamily);
struct ChainAbsent(InTable);

/// Binds `nftables.table_present`.
pub fn table_present(function: &str, arguments: Arguments) -> Result<Box<dyn AnyState>, ArgError> {
    Ok(Box::new(PlannedState(TablePresent(OfFamily::bind(function, arguments)?))))
}

/// Binds `nftables.table_absent`.
pub fn table_absent(function: &str, arguments: Arguments) -> Result<Box<dyn AnyState>, ArgError> {
    Ok(Box::new(PlannedState(TableAbsent(OfFamily::bind(function, arguments)?))))
}

/// Binds `nftables.chain_absent`.
pub fn chain_absent(function: &str, arguments: Arguments) -> Result<Box<dyn AnyState>, ArgError> {
    Ok(Box::new(PlannedState(ChainAbsent(InTable::bind(function, arguments)?))))
}

fn nothing<T>(text: String) -> Result<Plan<T>, Failure> {
    Ok(Plan::Nothing(Report::new(text)))
}

fn change<T>(name: &str, todo: T, would: String, did: String) -> Result<Plan<T>, Failure> {
    let report = |text: String| Report::new(text).change("locale", name);
    Ok(Plan::Change { todo, would: report(would), did: report(did) })
}

impl State for TablePresent {
    type Todo = Table;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Table>, Failure> {
        let OfFamily { name, family } = &self.0;
        let table = Table::named(family, name)?;
        if table.is_there()? {
            return nothing(format!("nftables table {name} already exists in family {family}"));
        }
        let would = format!("nftables table {name} would be created in family {family}");
        change(name, table, would, format!("nftables table {name} successfully created in family {family}"))
    }

    fn apply(&self, act: &Act, table: Table) -> Result<Applied, Failure> {
        let OfFamily { name, family } = &self.0;
        let failed = |why| Failure::new(format!("Failed to create table {name} for family {family}: {why}"));
        table.order(act, "add table").map_err(failed)?;
        Ok(Applied::AsPlanned)
    }
}

impl State for TableAbsent {
    type Todo = Table;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Table>, Failure> {
        let OfFamily { name, family } = &self.0;
        let table = Table::named(family, name)?;
        if !table.is_there()? {
            return nothing(format!("nftables table {name} is already absent from family {family}"));
        }
        let would = format!("nftables table {name} would be deleted from family {family}");
        change(name, table, would, format!("nftables table {name} successfully deleted from family {family}"))
    }

    fn apply(&self, act: &Act, table: Table) -> Result<Applied, Failure> {
        let OfFamily { name, family } = &self.0;
        let failed = |why| Failure::new(format!("Failed to delete table {name} from family {family}: {why}"));
        table.order(act, "delete table").map_err(failed)?;
        Ok(Applied::AsPlanned)
    }
}

impl State for NewChain {
    type Todo = (Chain, Option<Base>);

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Self::Todo>, Failure> {
        let Self { name, table, family, .. } = self;
        let base = Base::of(self.table_type.clone(), self.hook.clone(), self.priority.clone())?;
        let chain = Chain::named(family, table, name)?;
        if chain.known()?.is_some() {
            return nothing(format!("nftables {name} chain is already exist in {table} table for {family}"));
        }
        let would = format!("nftables chain {name} would be created in table {table} for family {family}");
        change(
            name,
            (chain, base),
            would,
            format!("nftables {name} chain in {table} table create success for {family}"),
        )
    }

    fn apply(&self, act: &Act, (chain, base): Self::Todo) -> Result<Applied, Failure> {
        let Self { name, table, family, .. } = self;
        let failed = |why| Failure::new(format!("Failed to create {name} chain in {table} table: {why} for {family}"));
        chain.add(act, base.as_ref()).map_err(failed)?;
        Ok(Applied::AsPlanned)
    }
}

impl State for ChainAbsent {
    type Todo = Chain;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Chain>, Failure> {
        let InTable { name, table, family } = &self.0;
        let chain = Chain::named(family, table, name)?;
        if chain.known()?.is_none() {
            return nothing(format!("nftables {name} chain is already absent in {table} table for {family}"));
        }
        let would = format!("nftables chain {name} would be removed from table {table} for family {family}");
        change(name, chain, would, format!("nftables {name} chain in {table} table delete success for {family}"))
    }

    fn apply(&self, act: &Act, chain: Chain) -> Result<Applied, Failure> {
        let InTable { name, table, family } = &self.0;
        let gone = chain.order(act, "flush chain").and_then(|()| chain.order(act, "delete chain"));
        gone.map_err(|why| {
            Failure::new(format!("Failed to delete {name} chain in {table} table: {why} for {family}"))
        })?;
        Ok(Applied::AsPlanned)
    }
}

/// What is to be done about a policy.
pub struct Todo {
    chain: Chain,
    change: bool,
    save: Option<PathBuf>,
}

impl State for Policy {
    type Todo = Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let Self { name, table, family, chain: chain_name, policy, save } = self;
        let refused = |why: String| Failure::new(format!("Failed to set nftables default policy: {why}"));
        let chain = Chain::named(family, table, chain_name)?;
        let policy = policy.to_lowercase();
        if !["accept", "drop"].contains(&policy.as_str()) {
            return Err(refused(format!("policy is accept or drop, not '{policy}'")));
        }
        // A chain that is not there may be made by a state before this one.
        let now = match chain.known()? {
            Some(known) => Some(known.policy.ok_or_else(|| refused(format!("Chain {} is at no hook", chain.shown())))?),
            None => None,
        };
        let differs = now.as_ref() != Some(&policy);
        let save = to_save(save, &chain.table.family, differs)?;
        let about = format!("nftables default policy for chain {chain_name} on table {table} for {family}");
        let settled = format!("{about} already set to {policy}");
        let done = format!("default policy for {chain_name} to {policy} family {family}");
        let (would, did) = match (differs, &save) {
            (false, None) => return nothing(settled),
            (true, None) => (format!("{about} needs to be set to {policy}"), format!("Set {done}")),
            (true, Some(_)) => (format!("{about} needs to be set to {policy}"), format!("Set and saved {done}")),
            (false, Some(path)) => (
                format!("{settled}\nnftables rules for {family} need to be saved to {}", path.display()),
                format!("{settled}\nSaved nftables rules for {family} to {}", path.display()),
            ),
        };
        change(name, Todo { chain, change: differs, save }, would, did)
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let Todo { chain, change, save } = todo;
        if change {
            let set = chain.must_be().and_then(|_| chain.set_policy(act, &self.policy.to_lowercase()));
            set.map_err(|why| Failure::new(format!("Failed to set nftables default policy: {why}")))?;
        }
        keep(act, &chain.table.family, save, &self.name, change)
    }
}

impl State for Flushed {
    type Todo = Chain;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Chain>, Failure> {
        let Self { name, family, ignore_absence, table, chain } = self;
        // A table without a named chain stands for all its chains.
        let all = chain.is_empty();
        let meant = Chain::named(family, table, if all { "_" } else { chain })?;
        let chains = meant.table.chains()?;
        let absent = match &chains {
            None => Some(format!("table {} does not exist", meant.table.shown())),
            Some(chains) if !all && !chains.iter().any(|(known, _)| known == chain) => {
                Some(format!("chain {} does not exist", meant.shown()))
            }
            Some(_) => None,
        };
        if let Some(absent) = absent {
            if *ignore_absence {
                return nothing(format!("nftables: nothing to flush, {absent}"));
            }
            return Err(Failure::new(format!("Failed to flush nftables rules: {absent}.")));
        }
        let about = format!("nftables rules in {table} table {chain} chain {family} family");
        let known = chains.unwrap_or_default();
        if known.iter().filter(|(known, _)| all || known == chain).all(|(_, known)| known.rules.is_empty()) {
            return nothing(format!("{about} are flushed already"));
        }
        change(name, meant, format!("{about} need to be flushed"), format!("Flush {about}"))
    }

    fn apply(&self, act: &Act, meant: Chain) -> Result<Applied, Failure> {
        let done = match self.chain.is_empty() {
            true => meant.table.order(act, "flush table"),
            false => meant.order(act, "flush chain"),
        };
        done.map_err(|why| Failure::new(format!("Failed to flush nftables rules: {why}")))?;
        Ok(Applied::AsPlanned)
    }
}
