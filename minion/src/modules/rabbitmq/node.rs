//! The node itself: its state, its cluster, its queues.

use fleet_common::call::{CallResult, Function};
use fleet_common::value::json_dump::{JsonOptions, dumps};
use fleet_common::value::{Map, Value};

use super::arguments::{Any, on_rabbit};
use crate::cx::{Act, Module};
use crate::system::rabbitmq::{Rabbit, RabbitError};

/// What is listed of queues unless more is asked for.
const COLUMNS: [&str; 2] = ["name", "messages"];

/// The node.
pub const MODULE: Module = Module {
    name: "rabbitmq",
    doc: "The RabbitMQ server of this machine.",
    functions: &[
        Function::reads("status", "What the server says of itself.", "rabbitmq.status", Any::ROWS, |_, arguments| {
            let rabbit = Any::bind("rabbitmq.status", arguments)?.rabbit();
            Ok(rabbit.ctl(&["status"])?.into())
        }),
        Function::reads(
            "cluster_status",
            "What the server says of its cluster.",
            "rabbitmq.cluster_status",
            Any::ROWS,
            |_, arguments| {
                let rabbit = Any::bind("rabbitmq.cluster_status", arguments)?.rabbit();
                Ok(rabbit.ctl(&["cluster_status"])?.into())
            },
        ),
        Function::changes(
            "join_cluster",
            "Has this node, stopped by `stop_app`, join the cluster of another; it loses what it holds.",
            "rabbitmq.join_cluster rabbit.example.com",
            Join::ROWS,
            |act, arguments| {
                let args = Join::bind("rabbitmq.join_cluster", arguments)?;
                let node = format!("{}@{}", args.user, args.host);
                Ok(join_cluster(act, &args.rabbit(), &node, args.ram_node.unwrap_or(false))?.into())
            },
        ),
        Function::changes(
            "stop_app",
            "Stops the server but not the machine of Erlang that it runs in.",
            "rabbitmq.stop_app",
            Any::ROWS,
            |act, arguments| order(act, "stop_app", &Any::bind("rabbitmq.stop_app", arguments)?),
        ),
        Function::changes(
            "start_app",
            "Starts the server again.",
            "rabbitmq.start_app",
            Any::ROWS,
            |act, arguments| order(act, "start_app", &Any::bind("rabbitmq.start_app", arguments)?),
        ),
        Function::changes(
            "reset",
            "Takes the stopped node out of its cluster and removes all that it holds.",
            "rabbitmq.reset",
            Any::ROWS,
            |act, arguments| order(act, "reset", &Any::bind("rabbitmq.reset", arguments)?),
        ),
        Function::changes(
            "force_reset",
            "Removes all that the stopped node holds, whatever its cluster says.",
            "rabbitmq.force_reset",
            Any::ROWS,
            |act, arguments| order(act, "force_reset", &Any::bind("rabbitmq.force_reset", arguments)?),
        ),
        Function::reads(
            "list_queues",
            "Queues of the virtual host `/`: by the first column that is asked for, the others as texts.",
            "rabbitmq.list_queues null name messages consumers",
            Queues::ROWS,
            |_, arguments| {
                let Queues { runas, columns } = Queues::bind("rabbitmq.list_queues", arguments)?;
                Ok(queues(&Rabbit::new(runas.as_deref()), "/", &columns)?.into())
            },
        ),
        Function::reads(
            "list_queues_vhost",
            "Queues of a virtual host: by the first column that is asked for, the others as texts.",
            "rabbitmq.list_queues_vhost /shop null name messages consumers",
            QueuesOf::ROWS,
            |_, arguments| {
                let QueuesOf { vhost, runas, columns } = QueuesOf::bind("rabbitmq.list_queues_vhost", arguments)?;
                Ok(queues(&Rabbit::new(runas.as_deref()), &vhost, &columns)?.into())
            },
        ),
    ],
};

on_rabbit! {
    /// Arguments of `rabbitmq.join_cluster`.
    pub struct Join {
        /// The machine of a node of the cluster.
        host: String,
        /// What stands before the `@` in that node's name.
        user: String = "rabbit".to_owned(),
        /// Keep the definitions in memory only.
        ram_node: Option<bool> = None,
    }
}

fleet_common::args! {
    /// Arguments of `rabbitmq.list_queues`.
    pub struct Queues {
        /// The account that runs the server's program; the server's own by default.
        runas: Option<String> = None,
        /// What is listed; `name` and `messages` by default.
        *columns: Vec<String>,
    }
}

fleet_common::args! {
    /// Arguments of `rabbitmq.list_queues_vhost`.
    pub struct QueuesOf {
        /// The virtual host.
        vhost: String,
        /// The account that runs the server's program; the server's own by default.
        runas: Option<String> = None,
        /// What is listed; `name` and `messages` by default.
        *columns: Vec<String>,
    }
}

/// Gives the node an order that takes no words; what the program said.
fn order(act: &Act, order: &str, any: &Any) -> CallResult {
    Ok(tell(act, &any.rabbit(), order)?.into())
}

/// Gives the node an order that takes no words; what the program said.
pub fn tell(_act: &Act, rabbit: &Rabbit, order: &str) -> Result<String, RabbitError> {
    rabbit.ctl(&[order])
}

/// Has this node, which must be stopped, join the cluster of another; what the program said.
pub fn join_cluster(_act: &Act, rabbit: &Rabbit, node: &str, in_memory: bool) -> Result<String, RabbitError> {
    let kind = if in_memory { "--ram" } else { "--disc" };
    rabbit.ctl(&["join_cluster", kind, "--", node]).map_err(|error| match error {
        // Of a node that can't be reached the program says where in itself it noticed, not which.
        RabbitError::Said(why) => {
            RabbitError::Said(format!("can't join the cluster of {node}: is its name known here, and is it up? {why}"))
        }
        error => error,
    })
}

fn queues(rabbit: &Rabbit, vhost: &str, columns: &[String]) -> Result<Map, RabbitError> {
    let columns: Vec<&str> =
        if columns.is_empty() { COLUMNS.to_vec() } else { columns.iter().map(String::as_str).collect() };
    let words = ["list_queues", "--vhost", vhost, "--"].into_iter().chain(columns.iter().copied());
    let rows = rabbit.rows(&words.collect::<Vec<_>>())?;
    let shown = |row: &Map, column: &str| match row.get(column) {
        Some(Value::Str(text)) => text.clone(),
        Some(value) => dumps(value, &JsonOptions::default()),
        None => String::new(),
    };
    let rest = |row: &Map| columns.iter().skip(1).map(|column| Value::from(shown(row, column))).collect::<Value>();
    Ok(rows.iter().map(|row| (shown(row, columns[0]), rest(row))).collect())
}
