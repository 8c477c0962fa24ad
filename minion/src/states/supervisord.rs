//! `supervisord.*`: processes that Supervisor runs.

use std::sync::atomic::{AtomicBool, Ordering};

use fleet_common::args;
use fleet_common::call::{ArgError, Arguments};

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::supervisord::{Tool, plain};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "supervisord",
    doc: "Processes that Supervisor runs.",
    reacts: true,
    functions: &[
        StateFunction {
            name: "running",
            doc: "A process or group that runs; it is restarted when something it watches changed.",
            example: "web: {supervisord.running: [{update: true}]}",
            args: Wanted::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Running::bind(f, a)?))),
        },
        StateFunction {
            name: "dead",
            doc: "A process or group that does not run.",
            example: "web: {supervisord.dead: []}",
            args: Unwanted::ROWS,
            make: |f, a| {
                let Unwanted { name, user, conf_file, bin_env } = Unwanted::bind(f, a)?;
                Ok(Box::new(PlannedState(Dead { name, tool: Tool { user, conf_file, bin_env } })))
            },
        },
    ],
};

args! {
    /// Arguments of `supervisord.running`.
    struct Wanted {
        /// The process, or the group (`group:` or `group:*`).
        name: String,
        /// Restart it even when it runs.
        restart: bool = false,
        /// Have the daemon read its configuration first, and restart what changed in it.
        update: bool = false,
        /// The account that runs `supervisorctl`.
        user: Option<String> = None,
        /// The configuration of Supervisor.
        conf_file: Option<String> = None,
        /// `supervisorctl`, or the virtual environment it is in.
        bin_env: Option<String> = None,
    }
}

args! {
    /// Arguments of `supervisord.dead`.
    struct Unwanted {
        /// The process, or the group (`group:` or `group:*`).
        name: String,
        /// The account that runs `supervisorctl`.
        user: Option<String> = None,
        /// The configuration of Supervisor.
        conf_file: Option<String> = None,
        /// `supervisorctl`, or the virtual environment it is in.
        bin_env: Option<String> = None,
    }
}

struct Running {
    name: String,
    restart: bool,
    update: bool,
    tool: Tool,
    /// `prepare` had the daemon start or restart it just now.
    fresh: AtomicBool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Start,
    Restart,
    /// The daemon does not know it yet.
    AddAndStart,
}

/// How a process or group is.
struct Found {
    is_group: bool,
    /// Processes in all, and those that do not run.
    all: usize,
    down: Vec<String>,
}

fn find(tool: &Tool, name: &str) -> Result<Option<Found>, Failure> {
    let processes = tool.status(None)?;
    let is_group = name.ends_with(':');
    let is_meant = |process: &str| if is_group { process.starts_with(name) } else { process == name };
    let meant: Vec<_> = processes.into_iter().filter(|(process, _)| is_meant(process)).collect();
    let down = meant.iter().filter(|(_, process)| !process.is_up()).map(|(name, _)| name.clone()).collect();
    Ok((!meant.is_empty()).then_some(Found { is_group, all: meant.len(), down }))
}

/// The tool's answer, unless it says that things were so already.
fn checked(said: &str) -> Result<(), Failure> {
    let harmless = ["already started", "not running", "process group already active"];
    let wrong = said.lines().find(|line| line.contains("ERROR") && !harmless.iter().any(|known| line.contains(known)));
    wrong.map_or(Ok(()), |_| Err(Failure::new(said)))
}

impl Running {
    fn bind(function: &str, arguments: Arguments) -> Result<Self, ArgError> {
        let Wanted { name, restart, update, user, conf_file, bin_env } = Wanted::bind(function, arguments)?;
        let (name, tool) = (plain(&name).to_owned(), Tool { user, conf_file, bin_env });
        Ok(Self { name, restart, update, tool, fresh: AtomicBool::new(false) })
    }

    fn planned(&self, restart: bool) -> Result<Plan<Order>, Failure> {
        let name = &self.name;
        let Some(found) = find(&self.tool, name)? else {
            let what = if name.ends_with(':') { format!("Group '{name}'") } else { format!("Service {name}") };
            return Ok(self.change(
                Order::AddAndStart,
                format!("{what} will be added and started"),
                &format!("Starting: {name}"),
                format!("Adding service: {name} Starting: {name}"),
            ));
        };
        let kind = if found.is_group { "group" } else { "service" };
        if !found.down.is_empty() {
            let would = match (found.is_group, found.down.len() == found.all) {
                (true, true) => format!("All services in group '{name}' will be started"),
                (true, false) => format!("The following services will be started: {}", found.down.join(" ")),
                (false, _) => format!("Service {name} will be started"),
            };
            let did = format!("Starting {kind}: {name}");
            return Ok(self.change(Order::Start, would, &did, did.clone()));
        }
        let fresh = self.fresh.load(Ordering::Relaxed);
        if restart && !fresh {
            let would = format!("{} {name} will be restarted", if found.is_group { "Group" } else { "Service" });
            let did = format!("Restarting {kind}: {name}");
            return Ok(self.change(Order::Restart, would, &did, did.clone()));
        }
        let would = if found.is_group {
            format!("All services in group '{name}' are already running")
        } else {
            format!("Service {name} is already running")
        };
        let which = if fresh { "updated" } else { "already running" };
        let did = Report::new(format!("Not starting {which} {kind}: {name}"));
        Ok(Plan::Same { would: Report::new(would), did })
    }

    fn change(&self, todo: Order, would: String, did: &str, change: String) -> Plan<Order> {
        let name = self.name.as_str();
        let (would, did) = (Report::new(would), Report::new(did));
        Plan::Change { todo, would: would.change(name, change.as_str()), did: did.change(name, change) }
    }
}

impl State for Running {
    type Todo = Order;

    fn prepare(&self, act: &Act, _run: &Run<'_>) -> Result<(), Failure> {
        if self.update {
            let said = self.tool.change(act, &["update"])?;
            checked(&said)?;
            let group = self.name.split(':').next().unwrap_or_default();
            let touched = |line: &str| {
                line.starts_with(&format!("{group}: updated")) || line.starts_with(&format!("{group}: added"))
            };
            self.fresh.store(said.lines().any(touched), Ordering::Relaxed);
        }
        Ok(())
    }

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Order>, Failure> {
        self.planned(self.restart)
    }

    fn apply(&self, act: &Act, todo: Order) -> Result<Applied, Failure> {
        let name = self.name.as_str();
        if todo == Order::AddAndStart {
            self.tool.change(act, &["reread"])?;
            let added = self.tool.change(act, &["add", name.trim_end_matches(':')])?;
            checked(&added)?;
        }
        let word = if todo == Order::Restart { "restart" } else { "start" };
        checked(&self.tool.change(act, &[word, name])?)?;
        Ok(Applied::AsPlanned)
    }

    fn on_watch(&self, _look: &Look) -> Option<Result<Plan<Order>, Failure>> {
        Some(self.planned(true))
    }
}

struct Dead {
    name: String,
    tool: Tool,
}

impl State for Dead {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = plain(&self.name);
        let Some(found) = find(&self.tool, name)? else {
            return Ok(Plan::Nothing(Report::new(format!("Service {name} doesn't exist"))));
        };
        if found.down.len() == found.all {
            return Ok(Plan::Nothing(Report::new(format!("Service {name} is not running"))));
        }
        let did = format!("Stopping service: {name}");
        Ok(Plan::Change {
            todo: (),
            would: Report::new(format!("Service {name} is set to be stopped")).change(name, did.as_str()),
            did: Report::new(did.as_str()).change(name, did),
        })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        checked(&self.tool.change(act, &["stop", plain(&self.name)])?)?;
        Ok(Applied::AsPlanned)
    }
}
