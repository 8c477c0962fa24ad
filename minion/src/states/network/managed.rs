//! `network.managed`: how one link is configured.

use fleet_common::args;
use fleet_common::call::CallError;
use fleet_common::value::{Map, Value};

use super::differences::differences;
use crate::cx::{Act, Look};
use crate::modules::ip::link::{self, Wanted};
use crate::modules::ip::{bond, keep};
use crate::modules::tool as program;
use crate::states::{Applied, Failure, Plan, Report, Run, State};

args! {
    /// Arguments of `network.managed`.
    pub struct Managed {
        /// The link.
        name: String,
        /// Configure it at the start, and now.
        enabled: bool = true,
        /// Its type: `eth`, `bond`, `bridge`, `slave`, `vlan`.
        type_: String = "eth".to_owned(),
        /// Only keep its configuration; neither begin nor end it now.
        noifupdown: bool = false,
        /// Its options: `proto`, `ipaddr`, `netmask`, `gateway`, `dns`, `mtu`, `up_cmds`, `ports`, `slaves`, `mode`, ...;
        /// those of IPv6 with `ipv6` before their names.
        **options: Map,
    }
}

/// What is to be done.
pub struct Todo {
    /// The new lines of the table, when they differ.
    table: Option<Vec<String>>,
    /// The new lines for the kernel's module, when they differ.
    module: Option<Vec<String>>,
    /// End the link with the configuration that it has.
    down: bool,
    /// Begin it with the one that is asked for.
    up: bool,
    /// What has changed when the link then does not begin.
    kept: Map,
}

impl Managed {
    fn module(&self) -> Result<Option<Vec<String>>, Failure> {
        if self.type_ != "bond" {
            return Ok(None);
        }
        let new = bond::module(&self.name, &self.options)?;
        Ok((keep::bond_now(&self.name)? != new).then_some(new))
    }

    fn report(&self, todo: &Todo, old: &[String]) -> (Report, Report) {
        let name = &self.name;
        let mut changes = Map::new();
        if todo.table.is_some()
            && let Some(package) = link::missing_package(&self.type_)
        {
            changes.insert("package", format!("Package {package} installed"));
        }
        if todo.module.is_some() {
            changes.insert("bond", format!("Settings of bond {name} written"));
        }
        let (would, did) = match &todo.table {
            None => (format!("Interface {name} is up to date."), format!("Interface {name} is up to date.")),
            Some(_) if old.is_empty() => {
                changes.insert("interface", "Added network interface.");
                (format!("Interface {name} is set to be added."), format!("Interface {name} added."))
            }
            Some(new) => {
                let shown = differences(&hidden(old), &hidden(new));
                changes.insert("interface", shown.as_str());
                (format!("Interface {name} is set to be updated:\n{shown}"), format!("Interface {name} updated."))
            }
        };
        match (todo.up, todo.down) {
            (true, _) => changes.insert("status", format!("Interface {name} is up")),
            (false, true) => changes.insert("status", format!("Interface {name} is down")),
            (false, false) => None::<Value>,
        };
        (Report::new(would).changes(changes.clone()), Report::new(did).changes(changes))
    }
}

/// Lines without the keys of wireless networks.
fn hidden(lines: &[String]) -> Vec<String> {
    let hide = |line: &String| match line.trim_start().starts_with("wpa-psk") {
        true => "    wpa-psk (hidden)\n".to_owned(),
        false => line.clone(),
    };
    lines.iter().map(hide).collect()
}

impl State for Managed {
    type Todo = Todo;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        keep::debian(look, "network.managed")?;
        let Self { name, type_, enabled, options, .. } = self;
        let new = Wanted { iface: name, kind: type_, enabled: *enabled, options }.lines()?;
        let old = link::now(&link::load()?, name);
        let table = (old != new).then_some(new);
        // A bond begins and ends its links itself.
        let moves = !self.noifupdown && type_ != "slave";
        let runs = moves && keep::is_configured(name)?;
        let mut todo = Todo {
            kept: Map::new(),
            down: runs && (table.is_some() || !enabled),
            up: moves && *enabled && (table.is_some() || !runs),
            module: self.module()?,
            table,
        };
        if todo.up || todo.down {
            // A link that cannot be configured here fails before anything is written.
            program::command(&["ifup"])?;
        }
        let (would, did) = self.report(&todo, &old);
        todo.kept = did.changes.iter().filter(|(key, _)| key.as_str() != Some("status")).collect();
        if did.changes.is_empty() && todo.table.is_none() {
            return Ok(Plan::Nothing(did));
        }
        Ok(Plan::Change { todo, would, did })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        if todo.down {
            // With the configuration that it was begun with.
            keep::switch(act, "ifdown", &self.name)?;
        }
        if let Some(lines) = &todo.module {
            keep::store_bond(act, &self.name, lines)?;
        }
        if let Some(lines) = &todo.table {
            keep::install_helper(act, &self.type_)?;
            keep::store_link(act, &self.name, lines)?;
        }
        if todo.up {
            // What is written stays: the next run begins the link with it, when what stood in its way is gone.
            let failed = |why: CallError| Failure(Report::new(why.to_string()).changes(todo.kept));
            keep::switch(act, "ifup", &self.name).map_err(failed)?;
        }
        Ok(Applied::AsPlanned)
    }
}
