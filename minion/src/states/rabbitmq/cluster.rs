//! `rabbitmq_cluster.*`: the cluster that the node of this machine is in.

use fleet_common::args;
use fleet_common::call::CallError;

use super::report::changed;
use crate::cx::{Act, Look};
use crate::modules::rabbitmq::node::{join_cluster, tell};
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::system::rabbitmq::Rabbit;

const fn joined(name: &'static str, example: &'static str) -> StateFunction {
    StateFunction {
        name,
        doc: "The node of this machine is in the cluster of another node; joining it loses what the node held.",
        example,
        args: Wanted::ROWS,
        make: |f, a| Ok(Box::new(PlannedState(Wanted::bind(f, a)?))),
    }
}

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "rabbitmq_cluster",
    doc: "Clusters of RabbitMQ.",
    reacts: false,
    functions: &[
        joined("joined", "cluster: {rabbitmq_cluster.joined: [{host: mq1.example.com}]}"),
        joined("join", "cluster: {rabbitmq_cluster.join: [{host: mq1.example.com}]}"),
    ],
};

args! {
    /// Arguments of `rabbitmq_cluster.joined`.
    struct Wanted {
        /// What it is for; not used.
        name: String,
        /// The machine of a node of the cluster.
        host: String,
        /// What stands before the `@` in that node's name.
        user: String = "rabbit".to_owned(),
        /// Keep the definitions in memory only.
        ram_node: Option<bool> = None,
        /// The account that runs the server's program; the server's own for `root`.
        runas: String = "root".to_owned(),
    }
}

impl Wanted {
    fn rabbit(&self) -> Rabbit {
        Rabbit::new(Some(&self.runas))
    }

    fn node(&self) -> String {
        format!("{}@{}", self.user, self.host)
    }
}

impl State for Wanted {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let node = self.node();
        if self.rabbit().cluster_nodes()?.contains(&node) {
            return Ok(Plan::Nothing(Report::new("Already in cluster")));
        }
        let would = changed(format!("Node is set to join cluster {node}"), "", &node);
        Ok(Plan::Change { todo: (), did: would.clone(), would })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let rabbit = self.rabbit();
        tell(act, &rabbit, "stop_app")?;
        let joined = join_cluster(act, &rabbit, &self.node(), self.ram_node.unwrap_or(false));
        // It serves again also when it could not join.
        let started = tell(act, &rabbit, "start_app");
        match (joined, started) {
            (Ok(said), Ok(_)) => Ok(Applied::Really(changed(said, "", &self.node()))),
            (Err(why), Ok(_)) => Err(Failure::from(CallError::from(why))),
            (Ok(_), Err(why)) => Err(Failure::new(format!("the node joined but could not be started: {why}"))),
            (Err(why), Err(then)) => Err(Failure::new(format!("{why}\nand could not be started again: {then}"))),
        }
    }
}
