//! `host.*`: names of addresses in the table of host names.

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::hosts::{self as tool, Entry};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "host",
    doc: "Names of addresses in the table of host names.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A name that has these addresses.",
            example: "db1: {host.present: [{ip: 10.0.0.5}]}",
            args: Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "A name that does not have these addresses.",
            example: "db1: {host.absent: [{ip: 10.0.0.5}]}",
            args: Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
        },
        StateFunction {
            name: "only",
            doc: "An address that has these names and no others.",
            example: "10.0.0.5: {host.only: [{hostnames: [db1, db1.example.org]}]}",
            args: Only::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Only::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `host.present`.
    struct Present {
        /// The name.
        name: String,
        /// Its address, or a list of them.
        ip: Vec<String>,
        /// What stands behind the names of the addresses.
        comment: String = String::new(),
        /// Take the name from all other addresses.
        clean: bool = false,
    }
}

args! {
    /// Arguments of `host.absent`.
    struct Absent {
        /// The name.
        name: String,
        /// The address, or a list of them.
        ip: Vec<String>,
    }
}

args! {
    /// Arguments of `host.only`.
    struct Only {
        /// The address.
        name: String,
        /// Its names.
        hostnames: Vec<String>,
    }
}

/// Addresses by what becomes of them.
#[derive(Default)]
struct Todo {
    add: Vec<String>,
    comment: Vec<String>,
    remove: Vec<String>,
}

/// An address's names and comment.
fn find<'t>(table: &'t [Entry], address: &str) -> Option<(&'t [String], Option<&'t str>)> {
    table.iter().find_map(|entry| match entry {
        Entry::Host { ip, aliases, comment } if ip == address => Some((aliases.as_slice(), comment.as_deref())),
        _ => None,
    })
}

/// The addresses of a name.
fn addresses<'t>(table: &'t [Entry], name: &str) -> Vec<&'t str> {
    let of = |entry: &'t Entry| match entry {
        Entry::Host { ip, aliases, .. } if aliases.iter().any(|alias| alias == name) => Some(ip.as_str()),
        _ => None,
    };
    table.iter().filter_map(of).collect()
}

impl State for Present {
    type Todo = Todo;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let (name, table) = (&self.name, tool::table(look)?);
        let now = addresses(&table, name);
        let (mut would, mut did, mut todo) = (Vec::new(), Vec::new(), Todo::default());
        let (mut added, mut remarked, mut removed) = (Map::new(), Map::new(), Map::new());
        for ip in &self.ip {
            let known = find(&table, ip).and_then(|(_, comment)| comment).unwrap_or_default();
            let remark = !self.comment.is_empty() && self.comment != known;
            if !now.contains(&ip.as_str()) {
                would.push(format!("Host {name} ({ip}) would be added"));
                did.push(format!("Added host {name} ({ip})"));
                added.insert(ip.as_str(), vec![name.as_str()]);
                todo.add.push(ip.clone());
            } else if !remark {
                would.push(format!("Host {name} ({ip}) already present"));
                did.push(format!("Host {name} ({ip}) already present"));
            }
            if remark {
                would.push(format!("Comment for {ip} ({}) would be added", self.comment));
                did.push(format!("Set comment for host {ip} ({})", self.comment));
                remarked.insert(ip.as_str(), vec![self.comment.as_str()]);
                todo.comment.push(ip.clone());
            }
        }
        for ip in now.into_iter().filter(|ip| self.clean && !self.ip.iter().any(|wanted| wanted == ip)) {
            would.push(format!("Host {name} ({ip}) would be removed"));
            did.push(format!("Removed host {name} ({ip})"));
            removed.insert(ip, vec![name.as_str()]);
            todo.remove.push(ip.to_owned());
        }
        let parts = [("added", added), ("comment_added", remarked), ("removed", removed)];
        let changes: Map = parts.into_iter().filter(|(_, part)| !part.is_empty()).collect();
        let did = Report::new(did.join("\n")).changes(changes.clone());
        if changes.is_empty() {
            return Ok(Plan::Nothing(did));
        }
        Ok(Plan::Change { todo, would: Report::new(would.join("\n")).changes(changes), did })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        for ip in &todo.add {
            tool::add(act, ip, vec![self.name.clone()])?;
        }
        for ip in &todo.comment {
            tool::comment(act, ip, self.comment.clone())?;
        }
        for ip in &todo.remove {
            tool::remove(act, ip, std::slice::from_ref(&self.name))?;
        }
        Ok(Applied::AsPlanned)
    }
}

impl State for Absent {
    /// The addresses.
    type Todo = Vec<String>;

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Vec<String>>, Failure> {
        let (name, table) = (&self.name, tool::table(look)?);
        let now = addresses(&table, name);
        let (mut would, mut did, mut todo) = (Vec::new(), Vec::new(), Vec::new());
        for ip in &self.ip {
            if now.contains(&ip.as_str()) {
                would.push(format!("Host {name} ({ip}) needs to be removed"));
                did.push(format!("Removed host {name} ({ip})"));
                todo.push(ip.clone());
            } else {
                would.push(format!("Host {name} ({ip}) already absent"));
                did.push(format!("Host {name} ({ip}) already absent"));
            }
        }
        let did = Report::new(did.join("\n"));
        if todo.is_empty() {
            return Ok(Plan::Nothing(did));
        }
        let would = Report::new(would.join("\n")).change("host", name.as_str());
        Ok(Plan::Change { todo, would, did: did.change("host", name.as_str()) })
    }

    fn apply(&self, act: &Act, todo: Vec<String>) -> Result<Applied, Failure> {
        for ip in &todo {
            tool::remove(act, ip, std::slice::from_ref(&self.name))?;
        }
        Ok(Applied::AsPlanned)
    }
}

impl State for Only {
    type Todo = ();

    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let (ip, table) = (&self.name, tool::table(look)?);
        let old = find(&table, ip).map(|(names, _)| names.join(" ")).unwrap_or_default();
        let new = self.hostnames.join(" ");
        if old == new {
            return Ok(Plan::Nothing(Report::new(format!("IP address {ip} already set to \"{new}\""))));
        }
        let change = Map::from_iter([("old", Value::from(old.as_str())), ("new", Value::from(new.as_str()))]);
        let report = |verb: &str| {
            Report::new(format!("{verb} {ip} from \"{old}\" to \"{new}\"")).change(ip.as_str(), change.clone())
        };
        Ok(Plan::Change { todo: (), would: report("Would change"), did: report("successfully changed") })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        tool::set(act, &self.name, &self.hostnames, None)?;
        Ok(Applied::AsPlanned)
    }
}
