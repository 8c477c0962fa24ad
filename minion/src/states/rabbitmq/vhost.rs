//! `rabbitmq_vhost.*`: virtual hosts.

use fleet_common::args;

use super::report::changed;
use crate::cx::{Act, Look};
use crate::modules::rabbitmq::account::{add_vhost, delete_vhost};
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::system::rabbitmq::Rabbit;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "rabbitmq_vhost",
    doc: "Virtual hosts of RabbitMQ.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A virtual host that is there.",
            example: "/shop: {rabbitmq_vhost.present: []}",
            args: Vhost::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present(Vhost::bind(f, a)?)))),
        },
        StateFunction {
            name: "absent",
            doc: "A virtual host that is not there, nor what was in it.",
            example: "/shop: {rabbitmq_vhost.absent: []}",
            args: Vhost::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent(Vhost::bind(f, a)?)))),
        },
    ],
};

args! {
    /// A virtual host.
    struct Vhost {
        /// The virtual host.
        name: String,
    }
}

struct Present(Vhost);

impl State for Present {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = &self.0.name;
        if Rabbit::default().vhosts()?.contains(name) {
            return Ok(Plan::Nothing(Report::new(format!("Virtual Host '{name}' already exists."))));
        }
        let would = changed(format!("Virtual Host '{name}' will be created."), "", name);
        Ok(Plan::Change { todo: (), would, did: changed(format!("Adding vhost \"{name}\" ..."), "", name) })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        add_vhost(act, &Rabbit::default(), &self.0.name)?;
        Ok(Applied::AsPlanned)
    }
}

struct Absent(Vhost);

impl State for Absent {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = &self.0.name;
        if !Rabbit::default().vhosts()?.contains(name) {
            return Ok(Plan::Nothing(Report::new(format!("Virtual Host '{name}' is not present."))));
        }
        let would = changed(format!("Virtual Host '{name}' will be removed."), name, "");
        Ok(Plan::Change { todo: (), would, did: changed(format!("Deleting vhost \"{name}\" ..."), name, "") })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        delete_vhost(act, &Rabbit::default(), &self.0.name)?;
        Ok(Applied::AsPlanned)
    }
}
