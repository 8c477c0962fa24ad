//! The state compiler and pillar.

use std::collections::BTreeMap;
use std::sync::Arc;

use fleet_common::call::{Facts, Outcome};
use fleet_common::files::{FileSource, Roots};
use fleet_common::pillar;
use fleet_common::state::show::{self, Shown};
use fleet_common::state::{Context, Options};
use fleet_common::value::{Map, Value};
use fleet_minion::cx::Look;

use super::{Case, Scratch, Verdict, compare, minion};

/// Runs one case: the value (mappings in any order) and the exit status.
pub(super) fn run(case: &Case) -> Verdict {
    let answer = Scratch::new(&case.input).and_then(|scratch| answer(case, &scratch));
    let shown = match answer {
        Ok(Some(shown)) => shown,
        Ok(None) => return Verdict::Unsupported(case.text("fun").unwrap_or("?").to_owned()),
        Err(why) => return Verdict::Fail(why),
    };
    // Faults of the reference itself: refusing the input is what counts.
    if case.expected.get("error").is_some() {
        let refused = !shown.faults.is_empty() || shown.outcome.value.get("_errors").is_some();
        return Verdict::of(if refused { Ok(()) } else { Err("a refusal was expected".to_owned()) });
    }
    let retcode = case.expected.get("retcode").and_then(Value::as_int).unwrap_or(0);
    let expected = case.expected.get("return").unwrap_or(&Value::Null);
    let actual = after_failed(expected, &shown.outcome.value);
    Verdict::of(compare(expected, &actual).and_then(|()| {
        let given = i64::from(shown.outcome.retcode);
        if given == retcode { Ok(()) } else { Err(format!("exit status {retcode} expected, {given} came")) }
    }))
}

fn answer(case: &Case, scratch: &Scratch) -> Result<Option<Shown>, String> {
    let look = minion::context(case, scratch)?.look().clone();
    if case.text("fun") == Some("pillar.items") {
        return Ok(Some(pillar_items(case, scratch, &look)));
    }
    let files = look.file_source();
    let mut options = Options::from_opts(&look.opts());
    if let Some(env) = argument(case, 2, "saltenv").and_then(Value::as_str) {
        options.saltenv = Some(env.to_owned());
    }
    let context = Context::new(look.renderer(), &*files, Arc::new(look.clone()), options);
    let names = |index, key| argument(case, index, key).map(show::sls_names).unwrap_or_default();
    let mods = names(0, "mods");
    Ok(Some(match case.text("fun").unwrap_or_default() {
        "show_top" => show::show_top(&context),
        "show_highstate" => show::show_highstate(&context),
        "show_lowstate" => show::show_lowstate(&context),
        "show_states" => show::show_states(&context, true),
        "show_sls" => show::show_sls(&context, &mods),
        "show_low_sls" => show::show_low_sls(&context, &mods),
        "sls_exists" => show::sls_exists(&context, &mods),
        "id_exists" => show::id_exists(&context, &names(0, "ids"), &names(1, "mods")),
        _ => return Ok(None),
    }))
}

fn argument<'c>(case: &'c Case, index: usize, key: &str) -> Option<&'c Value> {
    let named = case.input.get("kwargs").and_then(|kwargs| kwargs.get(key));
    named.or_else(|| case.input.get("args").and_then(Value::as_list)?.get(index))
}

fn pillar_items(case: &Case, scratch: &Scratch, look: &Look) -> Shown {
    let roots = scratch.roots(&case.input, "pillar_envs").into_iter().map(|(env, dir)| (env, vec![dir]));
    let files: Arc<dyn FileSource> = Arc::new(Roots::new(roots.collect::<BTreeMap<_, _>>()));
    let mut options = pillar::Options::from_opts(&look.opts());
    if let Some(env) = argument(case, 0, "pillarenv").and_then(Value::as_str) {
        options.pillarenv = Some(env.to_owned());
    }
    options.overrides = argument(case, usize::MAX, "pillar").and_then(Value::as_map).cloned().unwrap_or_default();
    let compiled = pillar::compile(look.renderer(), &files, Arc::new(look.clone()), &options);
    let value: Map = compiled.into_map();
    Shown { outcome: Outcome::from(value), faults: Vec::new() }
}

/// Reasons after `failed:` and what quotes the reference's own types need not be the same.
fn after_failed(expected: &Value, actual: &Value) -> Value {
    match (expected, actual) {
        (Value::List(expected), Value::List(actual)) if expected.len() == actual.len() => {
            expected.iter().zip(actual).map(|(expected, actual)| after_failed(expected, actual)).collect()
        }
        (Value::Map(expected), Value::Map(actual)) if expected.contains("_errors") => {
            let mut actual = actual.clone();
            if let (Some(expected), Some(errors)) = (expected.get("_errors"), actual.get_mut("_errors")) {
                *errors = after_failed(expected, errors);
            }
            Value::Map(actual)
        }
        (Value::Str(expected), Value::Str(actual)) => {
            let same_until = |mark: &str| {
                let end = expected.find(mark)? + mark.len();
                (actual.get(..end) == expected.get(..end)).then(|| Value::from(expected.as_str()))
            };
            let quoted = expected.find("OrderedDict(").filter(|end| actual.get(..*end) == expected.get(..*end));
            let same = ["' failed:", "failed, render error:"].iter().find_map(|mark| same_until(mark));
            same.or_else(|| quoted.map(|_| Value::from(expected.as_str())))
                .unwrap_or_else(|| Value::from(actual.as_str()))
        }
        _ => actual.clone(),
    }
}
