//! Plugins, policies, and upstreams of federation.

use fleet_common::call::Function;
use fleet_common::value::json_dump::{JsonOptions, dumps};
use fleet_common::value::{Map, Value};

use super::account::User;
use super::arguments::{Any, done, on_rabbit};
use crate::cx::{Act, Module};
use crate::system::rabbitmq::{Rabbit, RabbitError, Upstream};

/// Plugins, policies and upstreams.
pub const MODULE: Module = Module {
    name: "rabbitmq",
    doc: "The RabbitMQ server of this machine.",
    functions: &[
        Function::reads(
            "list_available_plugins",
            "Plugins that are there, enabled or not.",
            "rabbitmq.list_available_plugins",
            Any::ROWS,
            |_, arguments| {
                let rabbit = Any::bind("rabbitmq.list_available_plugins", arguments)?.rabbit();
                Ok(rabbit.available_plugins()?.into_iter().map(Value::from).collect::<Value>().into())
            },
        ),
        Function::reads(
            "list_enabled_plugins",
            "Plugins that are enabled, by themselves or because another needs them.",
            "rabbitmq.list_enabled_plugins",
            Any::ROWS,
            |_, arguments| {
                let rabbit = Any::bind("rabbitmq.list_enabled_plugins", arguments)?.rabbit();
                Ok(rabbit.enabled_plugins()?.into_iter().map(Value::from).collect::<Value>().into())
            },
        ),
        Function::reads(
            "plugin_is_enabled",
            "True if a plugin is enabled.",
            "rabbitmq.plugin_is_enabled rabbitmq_management",
            User::ROWS,
            |_, arguments| {
                let named = User::bind("rabbitmq.plugin_is_enabled", arguments)?;
                Ok(named.rabbit().enabled_plugins()?.contains(&named.name).into())
            },
        ),
        Function::changes(
            "enable_plugin",
            "Enables a plugin, and those that it needs.",
            "rabbitmq.enable_plugin rabbitmq_management",
            User::ROWS,
            |act, arguments| {
                let named = User::bind("rabbitmq.enable_plugin", arguments)?;
                done("Enabled", switch_plugin(act, &named.rabbit(), &named.name, true)?)
            },
        ),
        Function::changes(
            "disable_plugin",
            "Disables a plugin, and those that need it.",
            "rabbitmq.disable_plugin rabbitmq_management",
            User::ROWS,
            |act, arguments| {
                let named = User::bind("rabbitmq.disable_plugin", arguments)?;
                done("Disabled", switch_plugin(act, &named.rabbit(), &named.name, false)?)
            },
        ),
        Function::reads(
            "list_policies",
            "Policies of a virtual host, by the virtual host and their names.",
            "rabbitmq.list_policies /shop",
            Policies::ROWS,
            |_, arguments| {
                let args = Policies::bind("rabbitmq.list_policies", arguments)?;
                let found = args.rabbit().policies(&args.vhost)?;
                Ok(if found.is_empty() { Map::new() } else { Map::from_iter([(args.vhost, found)]) }.into())
            },
        ),
        Function::reads(
            "policy_exists",
            "True if there is a policy.",
            "rabbitmq.policy_exists / expire",
            Named::ROWS,
            |_, arguments| {
                let args = Named::bind("rabbitmq.policy_exists", arguments)?;
                Ok(args.rabbit().policies(&args.vhost)?.contains(&args.name).into())
            },
        ),
        Function::changes(
            "set_policy",
            "Makes a policy, or says it anew.",
            "rabbitmq.set_policy / expire '^tmp' '{\"expires\": 1800000}'",
            SetPolicy::ROWS,
            |act, arguments| {
                let args = SetPolicy::bind("rabbitmq.set_policy", arguments)?;
                let policy = Policy {
                    pattern: args.pattern.clone(),
                    definition: definition(&args.definition),
                    priority: args.priority.unwrap_or(0),
                    apply_to: args.apply_to.clone(),
                };
                done("Set", set_policy(act, &args.rabbit(), &args.vhost, &args.name, &policy)?)
            },
        ),
        Function::changes(
            "delete_policy",
            "Removes a policy.",
            "rabbitmq.delete_policy / expire",
            Named::ROWS,
            |act, arguments| {
                let args = Named::bind("rabbitmq.delete_policy", arguments)?;
                done("Deleted", delete_policy(act, &args.rabbit(), &args.vhost, &args.name)?)
            },
        ),
        Function::reads(
            "list_upstreams",
            "Upstreams of federation, as JSON by name, with the passwords in their addresses.",
            "rabbitmq.list_upstreams",
            Any::ROWS,
            |_, arguments| {
                let rabbit = Any::bind("rabbitmq.list_upstreams", arguments)?.rabbit();
                Ok(rabbit.upstreams()?.into_iter().collect::<Map>().into())
            },
        ),
        Function::reads(
            "upstream_exists",
            "True if there is an upstream.",
            "rabbitmq.upstream_exists north",
            User::ROWS,
            |_, arguments| {
                let named = User::bind("rabbitmq.upstream_exists", arguments)?;
                Ok(named.rabbit().upstreams()?.iter().any(|(known, _)| *known == named.name).into())
            },
        ),
        Function::changes(
            "set_upstream",
            "Makes an upstream of federation, or says it anew; what is not given is the server's default.",
            "rabbitmq.set_upstream north amqp://north.example ack_mode=on-confirm max_hops=1",
            SetUpstream::ROWS,
            |act, arguments| {
                let args = SetUpstream::bind("rabbitmq.set_upstream", arguments)?;
                set_upstream(act, &args.rabbit(), &args.name, &args.upstream())?;
                Ok(true.into())
            },
        ),
        Function::changes(
            "delete_upstream",
            "Removes an upstream.",
            "rabbitmq.delete_upstream north",
            User::ROWS,
            |act, arguments| {
                let named = User::bind("rabbitmq.delete_upstream", arguments)?;
                delete_upstream(act, &named.rabbit(), &named.name)?;
                Ok(true.into())
            },
        ),
    ],
};

on_rabbit! {
    /// Arguments of `rabbitmq.list_policies`.
    pub struct Policies {
        /// The virtual host.
        vhost: String = "/".to_owned(),
    }
}

on_rabbit! {
    /// A policy.
    pub struct Named {
        /// The virtual host.
        vhost: String,
        /// The policy.
        name: String,
    }
}

fleet_common::args! {
    /// Arguments of `rabbitmq.set_policy`.
    pub struct SetPolicy {
        /// The virtual host.
        vhost: String,
        /// The policy.
        name: String,
        /// The names that it is for.
        pattern: String,
        /// What it says: JSON, or a mapping.
        definition: Value,
        /// The one with the highest counts.
        priority: Option<i64> = None,
        /// The account that runs the server's program; the server's own by default.
        runas: Option<String> = None,
        /// `queues`, `exchanges` or `all`.
        apply_to: Option<String> = None,
    }
}

impl SetPolicy {
    fn rabbit(&self) -> Rabbit {
        Rabbit::new(self.runas.as_deref())
    }
}

on_rabbit! {
    /// An upstream of federation.
    pub struct SetUpstream {
        /// The upstream.
        name: String,
        /// Where it is; several addresses with blanks between them.
        uri: String,
        /// Messages under way that are not confirmed yet.
        prefetch_count: Option<i64> = None,
        /// Seconds until a lost connection is made anew.
        reconnect_delay: Option<i64> = None,
        /// When messages are confirmed: `on-confirm`, `on-publish` or `no-ack`.
        ack_mode: Option<String> = None,
        /// Believe the upstream who a message is from.
        trust_user_id: Option<bool> = None,
        /// The exchange there; of the same name by default.
        exchange: Option<String> = None,
        /// How many links a message may go over.
        max_hops: Option<i64> = None,
        /// Milliseconds until the upstream forgets this server.
        expires: Option<i64> = None,
        /// Milliseconds that messages wait there.
        message_ttl: Option<i64> = None,
        /// How the queue there is kept on several nodes.
        ha_policy: Option<String> = None,
        /// The queue there; of the same name by default.
        queue: Option<String> = None,
    }
}

impl SetUpstream {
    /// What is said of it, as the server names it.
    pub fn upstream(&self) -> Upstream {
        let addresses: Vec<Value> = self.uri.split_whitespace().map(Value::from).collect();
        let uri = if addresses.len() > 1 { Value::List(addresses) } else { self.uri.trim().into() };
        let number = |given: Option<i64>| given.map(Value::from);
        let text = |given: &Option<String>| given.as_deref().map(Value::from);
        let parts = [
            ("uri", Some(uri)),
            ("prefetch-count", number(self.prefetch_count)),
            ("reconnect-delay", number(self.reconnect_delay)),
            ("ack-mode", text(&self.ack_mode)),
            ("trust-user-id", self.trust_user_id.map(Value::from)),
            ("exchange", text(&self.exchange)),
            ("max-hops", number(self.max_hops)),
            ("expires", number(self.expires)),
            ("message-ttl", number(self.message_ttl)),
            ("ha-policy", text(&self.ha_policy)),
            ("queue", text(&self.queue)),
        ];
        Upstream(parts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
    }
}

/// A policy as the server is told it.
pub struct Policy {
    /// The names that it is for.
    pub pattern: String,
    /// What it says, as JSON.
    pub definition: String,
    /// The one with the highest counts.
    pub priority: i64,
    /// What it is for; all by default.
    pub apply_to: Option<String>,
}

/// What a policy says as JSON: text is that already.
pub fn definition(given: &Value) -> String {
    match given {
        Value::Str(text) => text.clone(),
        given => dumps(given, &JsonOptions::default()),
    }
}

/// Enables or disables a plugin; what the program said.
pub fn switch_plugin(_act: &Act, rabbit: &Rabbit, name: &str, on: bool) -> Result<String, RabbitError> {
    rabbit.plugins(&[if on { "enable" } else { "disable" }, "--", name])
}

/// Makes a policy, or says it anew; what the program said.
pub fn set_policy(
    _act: &Act,
    rabbit: &Rabbit,
    vhost: &str,
    name: &str,
    policy: &Policy,
) -> Result<String, RabbitError> {
    let priority = policy.priority.to_string();
    let mut words = vec!["set_policy", "--vhost", vhost, "--priority", &priority];
    words.extend(policy.apply_to.iter().flat_map(|kind| ["--apply-to", kind]));
    words.extend(["--", name, &policy.pattern, &policy.definition]);
    rabbit.ctl(&words)
}

/// Removes a policy; what the program said.
pub fn delete_policy(_act: &Act, rabbit: &Rabbit, vhost: &str, name: &str) -> Result<String, RabbitError> {
    rabbit.ctl(&["clear_policy", "--vhost", vhost, "--", name])
}

/// Makes an upstream, or gives one other settings.
pub fn set_upstream(_act: &Act, rabbit: &Rabbit, name: &str, upstream: &Upstream) -> Result<(), RabbitError> {
    rabbit.set_upstream(name, upstream)
}

/// Removes an upstream.
pub fn delete_upstream(_act: &Act, rabbit: &Rabbit, name: &str) -> Result<String, RabbitError> {
    rabbit.ctl(&["clear_parameter", "--", "federation-upstream", name])
}
