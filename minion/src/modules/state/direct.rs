//! `state.single`, `state.low`, `state.high`, `state.template` and `state.template_str`: states that are no tree.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Outcome};
use fleet_common::render::{Scope, Template as Text};
use fleet_common::state::read;
use fleet_common::value::{Map, Value};
use fleet_common::yaml::Marks;

use super::run_args::run_args;
use super::session::{Wish, run_states};
use crate::cx::Act;
use crate::system::fs::read_bounded;

args! {
    /// Arguments of `state.single`.
    pub struct Single {
        /// `module.function`.
        fun: String,
        /// The name.
        name: Option<String> = None,
        /// Dry run.
        test: Option<bool> = None,
        /// Wait for a state run that is under way.
        queue: Option<bool> = None,
        /// Run beside another state run. Dangerous.
        concurrent: bool = false,
        /// Environment of the states.
        saltenv: Option<String> = None,
        /// Environment of the pillar.
        pillarenv: Option<String> = None,
        /// Pillar data over that of the master.
        pillar: Option<Map> = None,
        /// Arguments of the state function.
        **arguments: Map,
    }
}

run_args! {
    /// Arguments of `state.low` and `state.high`.
    Data {
        /// The data.
        data: Map,
    }
}
run_args! {
    /// Arguments of `state.template` and `state.template_str`.
    Template {
        /// A path, or the text itself.
        tem: String,
    }
}

pub(super) fn single(act: &Act, arguments: Arguments) -> CallResult {
    let args = Single::bind("state.single", arguments)?;
    let Some((module, function)) = args.fun.split_once('.') else {
        return Ok(super::session::refused([format!("Invalid function passed: '{}'", args.fun)], 1));
    };
    let id = args.name.clone().unwrap_or_else(|| args.fun.clone());
    let mut items = vec![Value::from(function)];
    items.extend(args.arguments.into_iter().map(|(key, value)| Value::Map(Map::from_iter([(key, value)]))));
    let body = Map::from_iter([(module, Value::List(items))]);
    let data = Value::Map(Map::from_iter([(id.as_str(), body)]));
    let wish = Wish {
        function: "state.single",
        test: args.test,
        queue: args.queue,
        concurrent: args.concurrent,
        saltenv: args.saltenv,
        pillarenv: args.pillarenv,
        pillar: args.pillar.unwrap_or_default(),
        ..Wish::default()
    };
    run_data(act, &wish, data)
}

pub(super) fn low(act: &Act, arguments: Arguments) -> CallResult {
    let args = Data::bind("state.low", arguments)?;
    let wish = args.wish("state.low");
    let mut data = args.data;
    let mut take = |key: &str| match data.remove(key) {
        Some(Value::Str(text)) => Some(text),
        _ => None,
    };
    let (Some(state), Some(fun)) = (take("state"), take("fun")) else {
        return Ok(super::session::refused(["Missing \"state\" or \"fun\" data"], 1));
    };
    let name = take("name");
    let id = take("__id__").or_else(|| name.clone()).unwrap_or_else(|| format!("{state}.{fun}"));
    let mut items = vec![Value::from(fun)];
    items.extend(name.map(|name| Value::Map(Map::from_iter([("name", name)]))));
    items.extend(data.into_iter().map(|(key, value)| Value::Map(Map::from_iter([(key, value)]))));
    let body = Map::from_iter([(state.as_str(), Value::List(items))]);
    let data = Value::Map(Map::from_iter([(id.as_str(), body)]));
    let outcome = run_data(act, &wish, data)?;
    // One chunk: its result alone is the return.
    let only = outcome.value.as_map().and_then(|map| map.values().next().cloned());
    Ok(match only {
        Some(value) => Outcome { value, ..outcome },
        None => outcome,
    })
}

pub(super) fn high(act: &Act, arguments: Arguments) -> CallResult {
    let args = Data::bind("state.high", arguments)?;
    run_data(act, &args.wish("state.high"), Value::Map(args.data))
}

pub(super) fn template(act: &Act, arguments: Arguments) -> CallResult {
    let args = Template::bind("state.template", arguments)?;
    let text = read_bounded(Path::new(&args.tem), 16 << 20).map_err(|fault| CallError::Failed(fault.to_string()))?;
    let text = String::from_utf8(text).map_err(|_| CallError::Failed(format!("{}: not UTF-8 text", args.tem)))?;
    run_text(act, &args.wish("state.template"), &text, &args.tem)
}

pub(super) fn template_str(act: &Act, arguments: Arguments) -> CallResult {
    let args = Template::bind("state.template_str", arguments)?;
    run_text(act, &args.wish("state.template_str"), &args.tem, "<template_str>")
}

fn run_data(act: &Act, wish: &Wish, data: Value) -> CallResult {
    run_states(act, wish, |context| Ok(read(&context.options, data, &Marks::default(), "<call>")))
}

fn run_text(act: &Act, wish: &Wish, text: &str, name: &str) -> CallResult {
    run_states(act, wish, |context| {
        let saltenv = context.options.saltenv.clone().unwrap_or_else(|| "base".to_owned());
        let scope = Scope { saltenv, facts: context.facts.clone(), context: Map::new() };
        let template = Text { text, path: name, sls: None };
        match context.renderer.sls(&scope, &template) {
            Ok(sls) => Ok(read(&context.options, sls.value, &sls.marks, name)),
            Err(diagnostic) => Err(Outcome {
                value: Value::List(vec![Value::from(format!("Rendering {name} failed: {}", diagnostic.message))]),
                retcode: 1,
                diagnostics: vec![*diagnostic],
            }),
        }
    })
}
