//! `mine.*`: values that this minion gives to others, and theirs.
//!
//! The master keeps them. A call without a master keeps them in the cache directory, for itself.

use std::collections::BTreeMap;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Facts, Function};
use fleet_common::functions::config::everywhere;
use fleet_common::mine::{names, shaped};
use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::proto::mine::{Mine, MineEntry};
use fleet_common::proto::request::{Reply, Request};
use fleet_common::value::{Map, Value, python};

use crate::cx::{Act, Look, Module};
use crate::own_mine;

/// The module.
pub const MODULE: Module = Module {
    name: "mine",
    doc: "Values that minions give to each other.",
    functions: &[
        Function::reads(
            "get",
            "A value of the minions that a target means, by minion; of several names, that by name.",
            "mine.get 'web*' network.ip_addrs",
            Get::ROWS,
            get,
        ),
        Function::reads(
            "valid",
            "The configured functions of the mine that there are, with their arguments.",
            "mine.valid",
            Nothing::ROWS,
            |look, arguments| {
                Nothing::bind("mine.valid", arguments)?;
                let valid =
                    configured(look)?.into_iter().filter(|wanted| look.functions().find(&wanted.function).is_ok());
                Ok(valid.map(|wanted| (wanted.name.clone(), wanted.shown())).collect::<Map>().into())
            },
        ),
        Function::changes(
            "update",
            "Calls the functions of `mine_functions` and gives what they return; one that fails is left out.",
            "mine.update clear=True",
            Update::ROWS,
            update,
        ),
        Function::changes(
            "send",
            "Calls a function and gives what it returns.",
            "mine.send eth0_ips mine_function=network.ip_addrs interface=eth0",
            Send::ROWS,
            send,
        ),
        Function::changes(
            "delete",
            "Forgets a value of this minion.",
            "mine.delete eth0_ips",
            Name::ROWS,
            |act, arguments| {
                let name = Name::bind("mine.delete", arguments)?.fun;
                Ok(ask(act, Mine::Delete { name: Some(name) })?.into())
            },
        ),
        Function::changes(
            "flush",
            "Forgets all values of this minion.",
            "mine.flush",
            Nothing::ROWS,
            |act, arguments| {
                Nothing::bind("mine.flush", arguments)?;
                Ok(ask(act, Mine::Delete { name: None })?.into())
            },
        ),
        Function::reads(
            "get_docker",
            "Refused: there are no functions for containers whose values it could read.",
            "mine.get_docker",
            Docker::ROWS,
            |_, arguments| {
                Docker::bind("mine.get_docker", arguments)?;
                Err(CallError::Unsupported("'mine.get_docker' (it reads values of docker.ps, which)".to_owned()))
            },
        ),
    ],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// Arguments of `mine.get`.
    pub struct Get {
        /// The minions.
        tgt: String,
        /// The name, or several: a list, or separated by commas.
        fun: Value,
        /// How the target is read; pillar is matched exactly.
        tgt_type: String = "glob".to_owned(),
        /// Leave this minion out.
        exclude_minion: bool = false,
    }
}

args! {
    /// Arguments of `mine.update`.
    pub struct Update {
        /// Forget all other values of this minion.
        clear: bool = false,
        /// What to call instead of what is configured.
        mine_functions: Option<Value> = None,
    }
}

args! {
    /// Arguments of `mine.send`.
    pub struct Send {
        /// The name of the value; the function, unless another is named.
        name: String,
        /// Arguments of the function by position.
        *arg: Vec<Value>,
        /// Arguments of the function by name, and `mine_function`, `allow_tgt`, `allow_tgt_type`.
        **kwarg: Map,
    }
}

args! {
    /// A value of the mine.
    pub struct Name {
        /// Its name.
        fun: String,
    }
}

args! {
    /// Arguments of `mine.get_docker`.
    pub struct Docker {
        /// Interfaces whose addresses count.
        interfaces: Option<Vec<String>> = None,
        /// Subnets whose addresses count.
        cidrs: Option<Vec<String>> = None,
        /// Add the ids of containers.
        with_container_id: bool = false,
    }
}

/// A value that is to be made: what is called, and who may read it.
struct Wanted {
    name: String,
    function: String,
    /// True when the name is not the function's.
    is_alias: bool,
    arguments: Arguments,
    allowed: Option<Target>,
}

impl Wanted {
    /// From its name and what is written under it: a list of arguments, or a mapping of them.
    fn parse(name: &str, written: &Value) -> Result<Self, CallError> {
        let mut arguments = Arguments::default();
        match written {
            Value::Null => {}
            Value::Map(map) => arguments.keyword = map.clone(),
            Value::List(items) => {
                for item in items {
                    match item {
                        Value::Map(map) if map.len() == 1 => arguments.keyword.extend(map.clone()),
                        other => arguments.positional.push(other.clone()),
                    }
                }
            }
            _ => {
                let text = format!("mine_functions: '{name}' must be a list or a mapping of arguments");
                return Err(CallError::Invocation(text));
            }
        }
        Self::of(name, arguments)
    }

    fn of(name: &str, mut arguments: Arguments) -> Result<Self, CallError> {
        let named = arguments.keyword.remove("mine_function").map(|name| python::str_(&name));
        let kind = arguments.keyword.remove("allow_tgt_type");
        let kind = TargetKind::named(&kind.map_or_else(|| "glob".to_owned(), |kind| python::str_(&kind)))?;
        let allowed = arguments.keyword.remove("allow_tgt").filter(Value::truthy).map(|target| match target {
            Value::List(ids) => Target::new(kind, ids.iter().map(python::str_).collect::<Vec<_>>().join(",")),
            text => Target::new(kind, python::str_(&text)),
        });
        let is_alias = named.is_some();
        let function = named.unwrap_or_else(|| name.to_owned());
        Ok(Self { name: name.to_owned(), function, is_alias, arguments, allowed })
    }

    /// As `mine.valid` shows it.
    fn shown(&self) -> Value {
        let mut arguments = self.arguments.positional.clone();
        arguments.extend(
            self.arguments
                .keyword
                .iter()
                .map(|(name, value)| Value::Map(Map::from_iter([(name.clone(), value.clone())]))),
        );
        let arguments = Value::List(arguments);
        if self.is_alias { Value::Map(Map::from_iter([(self.function.as_str(), arguments)])) } else { arguments }
    }

    fn make(self, act: &Act) -> Result<(String, MineEntry), CallError> {
        let data = act.run(&self.function, self.arguments)?.value;
        Ok((self.name, MineEntry { data, allowed: self.allowed }))
    }
}

/// `mine_functions` of configuration and pillar together.
fn configured(facts: &dyn Facts) -> Result<Vec<Wanted>, CallError> {
    parse(&everywhere(facts, "mine_functions").unwrap_or_default())
}

fn parse(written: &Value) -> Result<Vec<Wanted>, CallError> {
    match written {
        Value::Null => Ok(Vec::new()),
        Value::List(names) => names.iter().map(|name| Wanted::parse(&python::str_(name), &Value::Null)).collect(),
        Value::Map(map) => map.iter().map(|(name, args)| Wanted::parse(&python::str_(name), args)).collect(),
        _ => Err(CallError::Invocation("mine_functions must be a mapping of functions to arguments".to_owned())),
    }
}

/// Asks whoever keeps the mine.
fn ask(look: &Look, ask: Mine) -> Result<Value, CallError> {
    if !look.daemon().has_master() {
        return own_mine::answer(look, ask);
    }
    match look.daemon().ask_master(Request::Mine(ask))? {
        Reply::Data { value } => Ok(value),
        other => Err(CallError::Failed(format!("the master answered another question ({})", other.name()))),
    }
}

fn get(look: &Look, arguments: Arguments) -> CallResult {
    let wanted = Get::bind("mine.get", arguments)?;
    let names = names(&wanted.fun);
    let target = Target::new(TargetKind::named(&wanted.tgt_type)?, wanted.tgt);
    let Value::Map(mut found) = ask(look, Mine::Get { target, names: names.clone() })? else {
        return Err(CallError::Failed("the values of the mine are no mapping".to_owned()));
    };
    if wanted.exclude_minion {
        for (_, values) in found.iter_mut() {
            if let Value::Map(values) = values {
                values.remove(look.id());
            }
        }
    }
    Ok(shaped(found, &names).into())
}

fn update(act: &Act, arguments: Arguments) -> CallResult {
    let Update { clear, mine_functions } = Update::bind("mine.update", arguments)?;
    let wanted = match &mine_functions {
        Some(written) => parse(written)?,
        None => configured(act.look())?,
    };
    if wanted.is_empty() {
        return Ok(Value::Null.into());
    }
    let mut entries = BTreeMap::new();
    for wanted in wanted {
        let (name, function) = (wanted.name.clone(), wanted.function.clone());
        match wanted.make(act) {
            Ok((name, entry)) => drop(entries.insert(name, entry)),
            Err(error) => tracing::error!(name, function, %error, "a value for the mine could not be made"),
        }
    }
    Ok(ask(act, Mine::Send { entries, clear })?.into())
}

fn send(act: &Act, arguments: Arguments) -> CallResult {
    let Send { name, arg, kwarg } = Send::bind("mine.send", arguments)?;
    let wanted = Wanted::of(&name, Arguments { positional: arg, keyword: kwarg })?;
    let function = wanted.function.clone();
    match wanted.make(act) {
        Ok(entry) => Ok(ask(act, Mine::Send { entries: BTreeMap::from([entry]), clear: false })?.into()),
        Err(error) => {
            tracing::error!(name, function, %error, "a value for the mine could not be made");
            Ok(false.into())
        }
    }
}
