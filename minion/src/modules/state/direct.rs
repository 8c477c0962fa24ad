//! `state.single`, `state.low`, `state.high`, `state.template` and `state.template_str`: states that are no tree.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Outcome};
use fleet_common::diag::Diagnostic;
use fleet_common::render::{Scope, Template as Text};
use fleet_common::state::{Keyword, read, why_not_rendered};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};
use fleet_common::yaml::Marks;

use super::run_args::{refuse_unsupported, run_args};
use super::session::{Wish, refused, run_states};
use crate::cx::Act;
use crate::highstate::Queue;
use crate::states::{STATES, States};
use crate::system::fs::read_bounded;

args! {
    /// Arguments of `state.single`.
    pub struct Single {
        /// `module.function`.
        fun: String,
        /// The name.
        name: String,
        /// Dry run.
        test: Option<bool> = None,
        /// Wait for a state run that is under way; a number: unless so many wait already.
        queue: Option<Queue> = None,
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
        let fault = Diagnostic::user(format!("'{}' is no 'state.function'", args.fun));
        let value = Value::from("Invalid function passed");
        return Ok(Outcome { value, retcode: 1, diagnostics: vec![fault] });
    };
    if let Some(refusal) = refuse_unknown(module, function) {
        return Ok(refusal);
    }
    let data = declared(&args.name, module, function, args.arguments);
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
    let wish = args.wish("state.low")?;
    let mut data = args.data;
    let mut take = |key: &str| match data.remove(key) {
        Some(Value::Str(text)) => Some(text),
        _ => None,
    };
    let (state, fun, id) = (take("state"), take("fun"), take("__id__"));
    let missing = [("state", state.is_none()), ("fun", fun.is_none()), ("name", !data.contains("name"))];
    let missing: Vec<String> =
        missing.iter().filter(|(_, missing)| *missing).map(|(key, _)| format!("Missing \"{key}\" data")).collect();
    let (Some(state), Some(fun), []) = (state, fun, &*missing) else { return Ok(refused(missing, 1)) };
    if let Some(refusal) = refuse_unknown(&state, &fun) {
        return Ok(refusal);
    }
    let id = id.or_else(|| data.get("name").map(str_)).unwrap_or_default();
    let data = declared(&id, &state, &fun, data);
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
    run_data(act, &args.wish("state.high")?, Value::Map(args.data))
}

pub(super) fn template(act: &Act, arguments: Arguments) -> CallResult {
    let args = Template::bind("state.template", arguments)?;
    let text = read_bounded(Path::new(&args.tem), 16 << 20).map_err(|fault| CallError::Failed(fault.to_string()))?;
    let text = String::from_utf8(text).map_err(|_| CallError::Failed(format!("{}: not UTF-8 text", args.tem)))?;
    run_text(act, &args.wish("state.template")?, &text, &args.tem)
}

pub(super) fn template_str(act: &Act, arguments: Arguments) -> CallResult {
    let args = Template::bind("state.template_str", arguments)?;
    run_text(act, &args.wish("state.template_str")?, &args.tem, "<template-str>")
}

/// High data of one chunk. Alone in its run, it has nothing to require.
fn declared(id: &str, state: &str, function: &str, arguments: Map) -> Value {
    let mut items = vec![Value::from(function)];
    let requires = |key: &str| Keyword::parse(key.strip_suffix("_in").unwrap_or(key)).is_some();
    let arguments = arguments.into_iter().filter(|(key, _)| !key.as_str().is_some_and(requires));
    items.extend(arguments.map(|(key, value)| Value::Map(Map::from_iter([(key, value)]))));
    let body = Map::from_iter([(state, Value::List(items))]);
    Value::Map(Map::from_iter([(id, body)]))
}

/// The refusal of a state function that does not exist.
fn refuse_unknown(state: &str, function: &str) -> Option<Outcome> {
    let (states, name) = (States::new(STATES), format!("{state}.{function}"));
    if states.find(state, function).is_some() {
        return None;
    }
    let (why, hint) = states.missing(state, function);
    let fault = hint.into_iter().fold(Diagnostic::user(why), Diagnostic::help);
    let lines = [format!("Specified state '{name}' was not found")];
    Some(Outcome { diagnostics: vec![fault], ..refused(lines, 1) })
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
            Ok(sls) if sls.value.get("include").is_some() => Err(refused(
                [format!("The 'include' declaration found on '{name}' is invalid when rendering single templates")],
                1,
            )),
            Ok(sls) => Ok(read(&context.options, sls.value, &sls.marks, name)),
            Err(diagnostic) => Err(Outcome {
                value: Value::List(vec![Value::from(format!(
                    "Rendering SLS '{name}' failed: {}",
                    why_not_rendered(&diagnostic, Some(&template))
                ))]),
                retcode: 1,
                diagnostics: vec![*diagnostic],
            }),
        }
    })
}
