//! `iptables.chain_present`, `iptables.chain_absent`, `iptables.set_policy` and `iptables.flush`.

use std::path::PathBuf;

use fleet_common::args;
use fleet_common::call::{ArgError, Arguments};
use fleet_common::value::Value;

use super::rules::{keep, to_save};
use crate::cx::{Act, Look};
use crate::modules::iptables::Firewall;
use crate::states::{AnyState, Applied, Failure, Plan, PlannedState, Report, Run, State};

args! {
    /// A chain.
    pub struct InTable {
        /// The chain.
        name: String,
        /// The table.
        table: String = "filter".to_owned(),
        /// `ipv4` or `ipv6`.
        family: String = "ipv4".to_owned(),
    }
}

args! {
    /// Arguments of `iptables.set_policy`.
    pub struct Policy {
        /// What it is for; not used.
        name: String,
        /// The table.
        table: String = "filter".to_owned(),
        /// `ipv4` or `ipv6`.
        family: String = "ipv4".to_owned(),
        /// The chain, one that the table comes with.
        chain: String,
        /// `ACCEPT` or `DROP`.
        policy: String,
        /// Keep all rules for the next start: true, or the file.
        save: Value = Value::Bool(false),
    }
}

args! {
    /// Arguments of `iptables.flush`.
    pub struct Flushed {
        /// What it is for; not used.
        name: String,
        /// The table.
        table: String = "filter".to_owned(),
        /// `ipv4` or `ipv6`.
        family: String = "ipv4".to_owned(),
        /// The chain; else all chains.
        chain: String = String::new(),
    }
}

struct Present(InTable);
struct Absent(InTable);

/// Binds `iptables.chain_present`.
pub fn chain_present(function: &str, arguments: Arguments) -> Result<Box<dyn AnyState>, ArgError> {
    Ok(Box::new(PlannedState(Present(InTable::bind(function, arguments)?))))
}

/// Binds `iptables.chain_absent`.
pub fn chain_absent(function: &str, arguments: Arguments) -> Result<Box<dyn AnyState>, ArgError> {
    Ok(Box::new(PlannedState(Absent(InTable::bind(function, arguments)?))))
}

fn changed(name: &str, text: String) -> Report {
    Report::new(text).change("locale", name)
}

impl State for Present {
    type Todo = Firewall;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Firewall>, Failure> {
        let InTable { name, table, family } = &self.0;
        let firewall = Firewall::new(family, table)?;
        if firewall.policy(name)?.is_some() {
            let text = format!("iptables {name} chain is already exist in {table} table for {family}");
            return Ok(Plan::Nothing(Report::new(text)));
        }
        Ok(Plan::Change {
            todo: firewall,
            would: changed(name, format!("iptables {name} chain in {table} table needs to be set for {family}")),
            did: changed(name, format!("iptables {name} chain in {table} table create success for {family}")),
        })
    }

    fn apply(&self, act: &Act, firewall: Firewall) -> Result<Applied, Failure> {
        let InTable { name, table, family } = &self.0;
        firewall.must(act, ["-N", name]).map_err(|said| {
            Failure::new(format!("Failed to create {name} chain in {table} table: {said} for {family}"))
        })?;
        Ok(Applied::AsPlanned)
    }
}

impl State for Absent {
    type Todo = Firewall;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Firewall>, Failure> {
        let InTable { name, table, family } = &self.0;
        let firewall = Firewall::new(family, table)?;
        match firewall.policy(name)?.as_deref() {
            None => {
                let text = format!("iptables {name} chain is already absent in {table} table for {family}");
                Ok(Plan::Nothing(Report::new(text)))
            }
            Some("-") => Ok(Plan::Change {
                todo: firewall,
                would: changed(name, format!("iptables {name} chain in {table} table needs to be removed {family}")),
                did: changed(name, format!("iptables {name} chain in {table} table delete success for {family}")),
            }),
            Some(_) => Err(Failure::new(format!(
                "Failed to delete {name} chain in {table} table: the table comes with it for {family}"
            ))),
        }
    }

    fn apply(&self, act: &Act, firewall: Firewall) -> Result<Applied, Failure> {
        let InTable { name, table, family } = &self.0;
        let gone = firewall.must(act, ["-F", name]).and_then(|()| firewall.must(act, ["-X", name]));
        gone.map_err(|said| {
            Failure::new(format!("Failed to delete {name} chain in {table} table: {said} for {family}"))
        })?;
        Ok(Applied::AsPlanned)
    }
}

/// What is to be done about a policy.
pub struct Todo {
    firewall: Firewall,
    change: bool,
    save: Option<PathBuf>,
}

impl State for Policy {
    type Todo = Todo;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let Self { name, table, family, chain, policy, save } = self;
        let firewall = Firewall::new(family, table)?;
        let refused = |why: &str| Failure::new(format!("Failed to set iptables default policy: {why}"));
        if !["ACCEPT", "DROP"].contains(&policy.as_str()) {
            return Err(refused(&format!("policy is ACCEPT or DROP, not '{policy}'")));
        }
        let now = firewall.policy(chain)?.filter(|policy| policy != "-");
        let now = now.ok_or_else(|| refused(&format!("the table {table} does not come with a chain {chain}")))?;
        let change = now != *policy;
        let save = to_save(save, firewall.family, change)?;
        let about = format!("iptables default policy for chain {chain} on table {table} for {family}");
        let settled = format!("{about} already set to {policy}");
        let done = format!("default policy for {chain} to {policy} family {family}");
        let (would, did) = match (change, &save) {
            (false, None) => return Ok(Plan::Nothing(Report::new(settled))),
            (true, None) => (format!("{about} needs to be set to {policy}"), format!("Set {done}")),
            (true, Some(_)) => (format!("{about} needs to be set to {policy}"), format!("Set and saved {done}")),
            (false, Some(path)) => (
                format!("{settled}\niptables rules for {family} need to be saved to {}", path.display()),
                format!("{settled}\nSaved {done}"),
            ),
        };
        let (would, did) = (changed(name, would), changed(name, did));
        Ok(Plan::Change { todo: Todo { firewall, change, save }, would, did })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let Todo { firewall, change, save } = todo;
        if change {
            firewall
                .must(act, ["-P", &self.chain, &self.policy])
                .map_err(|said| Failure::new(format!("Failed to set iptables default policy: {said}")))?;
        }
        keep(act, firewall.family, save, &self.name, change)
    }
}

impl State for Flushed {
    type Todo = Firewall;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Firewall>, Failure> {
        let Self { name, table, family, chain } = self;
        let firewall = Firewall::new(family, table)?;
        let rules = match chain.as_str() {
            "" => firewall.lines()?.rules(),
            chain => firewall.rules(chain)?.ok_or_else(|| {
                Failure::new(format!("Failed to flush iptables rules: there is no chain {chain} in table {table}"))
            })?,
        };
        if rules == 0 {
            let text = format!("iptables rules in {table} table {chain} chain {family} family are flushed already");
            return Ok(Plan::Nothing(Report::new(text)));
        }
        let would = format!("iptables rules in a table {table} chain {family} family needs to be flushed");
        let did = format!("Flush iptables rules in {table} table {chain} chain {family} family");
        Ok(Plan::Change { todo: firewall, would: changed(name, would), did: changed(name, did) })
    }

    fn apply(&self, act: &Act, firewall: Firewall) -> Result<Applied, Failure> {
        let chain = Some(self.chain.as_str()).filter(|chain| !chain.is_empty());
        firewall
            .must(act, std::iter::once("-F").chain(chain))
            .map_err(|said| Failure::new(format!("Failed to flush iptables rules: {said}")))?;
        Ok(Applied::AsPlanned)
    }
}
