//! Pass 1: top files of all environments, merged, and matched against the minion.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::context::{Context, Matches, TopMerging};
use super::fault::{Fault, Problem, Spot};
use super::sls::{Rendered, render, render_file};
use crate::target::top::Minion;
use crate::value::python::str_;
use crate::value::{Map, Value};

/// Which SLS files a minion gets, and what was wrong with the top files.
#[derive(Debug, Default)]
pub struct Top {
    /// SLS names per environment.
    pub matches: Matches,
    /// Faults that refuse the run, in the reference's words.
    pub faults: Vec<Fault>,
    /// Top files that did not render. The reference goes on without them; so does this, but it can be told.
    pub warnings: Vec<Fault>,
}

/// Top files per environment; several where one includes others.
type Tops = IndexMap<String, Vec<Map>>;
/// Targets and their SLS lists per environment.
type Sections = IndexMap<String, Map>;

/// Reads, merges and matches the top files.
pub fn top(context: &Context) -> Top {
    let mut result = Top::default();
    let options = &context.options;
    if options.top_merging == TopMerging::Same && options.saltenv.is_none() && options.default_top.is_empty() {
        result.faults.push(Fault::of_call(Problem::NoDefaultTop));
        return result;
    }
    let tops = read(context, &mut result);
    if !result.faults.is_empty() {
        return result;
    }
    let sections = match merge(tops, options.top_merging, &options.default_top) {
        Ok(sections) => sections,
        Err(problem) => {
            result.faults.push(Fault::of_call(problem));
            return result;
        }
    };
    verify(&sections, &mut result.faults);
    if result.faults.is_empty() {
        matched(context, sections, &mut result);
    }
    result
}

/// The top files of all environments that are asked, with what they include.
fn read(context: &Context, result: &mut Top) -> Tops {
    let options = &context.options;
    let Top { faults, warnings, .. } = result;
    let envs: Vec<String> = match options.saltenv.as_ref().or(options.state_top_saltenv.as_ref()) {
        Some(only) => vec![only.clone()],
        None => match context.tree.environments() {
            // `env_order` names the environments whose top files count, if it names any.
            Ok(envs) => {
                let counts = |env: &&String| options.env_order.is_empty() || options.env_order.contains(*env);
                envs.iter().filter(counts).cloned().collect()
            }
            Err(error) => {
                warnings.push(Fault::of_call(Problem::Files { why: error.to_string() }));
                Vec::new()
            }
        },
    };
    let mut tops = Tops::new();
    for env in envs {
        let mut files = Vec::new();
        match render_file(context, &env, None, &options.state_top, &[]) {
            Ok(Some(Rendered { value: Value::Map(top), .. })) => files.push(top),
            Ok(Some(Rendered { value, source, .. })) if value.truthy() => {
                let problem = Problem::TopNotMapping { env: env.clone(), kind: value.kind() };
                faults.push(Fault::new(problem, &Spot::nowhere(&source.name)));
            }
            Ok(_) => {}
            Err(fault) => warnings.push(fault),
        }
        let mut seen = HashSet::new();
        let mut next = 0;
        while next < files.len() {
            let included = includes(context, &env, &mut files[next], &mut seen, warnings);
            files.extend(included);
            next += 1;
        }
        tops.insert(env, files);
    }
    tops
}

fn as_top(value: Value) -> Option<Map> {
    if let Value::Map(top) = value { Some(top) } else { None }
}

/// Takes `include:` out of a top file and reads what it names.
fn includes(
    context: &Context,
    env: &str,
    top: &mut Map,
    seen: &mut HashSet<String>,
    warnings: &mut Vec<Fault>,
) -> Vec<Map> {
    let Some(Value::List(items)) = top.remove("include") else { return Vec::new() };
    let mut found = Vec::new();
    for pattern in items.iter().filter_map(Value::as_str) {
        for sls in context.tree.expand(env, pattern).unwrap_or_default() {
            if !seen.insert(sls.clone()) {
                continue;
            }
            match render(context, env, &sls, &[]) {
                Ok(rendered) => found.extend(rendered.and_then(|rendered| as_top(rendered.value))),
                Err(fault) => warnings.push(fault),
            }
        }
    }
    found
}

fn merge(mut tops: Tops, strategy: TopMerging, default_top: &str) -> Result<Sections, Problem> {
    let mut sections = Sections::new();
    match strategy {
        TopMerging::Merge => {
            let base = tops.shift_remove("base").unwrap_or_default();
            for (env, targets) in base.into_iter().flatten() {
                add(&mut sections, env, targets)?;
            }
            let decided: HashSet<String> = sections.keys().cloned().collect();
            for (own, files) in tops {
                for (env, targets) in files.into_iter().flatten() {
                    if env.as_str() == Some(own.as_str()) && !decided.contains(&own) {
                        add(&mut sections, env, targets)?;
                    }
                }
            }
        }
        TopMerging::Same => {
            let fallback = tops.get(default_top).cloned().unwrap_or_default();
            for (own, files) in tops {
                let is_empty = files.iter().all(Map::is_empty);
                let files = if is_empty { fallback.clone() } else { files };
                for (env, targets) in files.into_iter().flatten() {
                    if env.as_str() == Some(own.as_str()) {
                        add(&mut sections, env, targets)?;
                    }
                }
            }
        }
        TopMerging::MergeAll => {
            for (env, targets) in tops.into_values().flatten().flatten() {
                join(&mut sections, env, targets)?;
            }
        }
    }
    Ok(sections)
}

/// Sets the targets of a section; a later file replaces the same target.
fn add(sections: &mut Sections, env: Value, targets: Value) -> Result<(), Problem> {
    let Value::Map(targets) = targets else { return Err(Problem::NoTargets) };
    let section = sections.entry(section_name(&env)?).or_default();
    for (target, list) in targets {
        section.insert(target, list);
    }
    Ok(())
}

/// Joins the SLS lists of the same target.
fn join(sections: &mut Sections, env: Value, targets: Value) -> Result<(), Problem> {
    let Value::Map(targets) = targets else { return Err(Problem::NoTargets) };
    let section = sections.entry(section_name(&env)?).or_default();
    for (target, list) in targets {
        let joined = match (section.get_value(&target), list) {
            (Some(Value::List(known)), Value::List(added)) => {
                let option = added.iter().rev().chain(known.iter().rev()).find(|item| item.as_map().is_some());
                let mut joined: Vec<Value> = option.cloned().into_iter().collect();
                joined.extend(known.iter().filter(|item| item.as_str().is_some()).cloned());
                for item in added {
                    if item.as_str().is_some() && !joined.contains(&item) {
                        joined.push(item);
                    }
                }
                Value::List(joined)
            }
            (_, list) => list,
        };
        section.insert(target, joined);
    }
    Ok(())
}

fn section_name(env: &Value) -> Result<String, Problem> {
    match env {
        Value::Str(env) => Ok(env.clone()),
        other => Err(Problem::TopEnvironment { env: str_(other) }),
    }
}

fn verify(sections: &Sections, faults: &mut Vec<Fault>) {
    for (env, targets) in sections {
        if env.is_empty() {
            faults.push(Fault::of_call(Problem::TopEmptyEnvironment));
        }
        for list in targets.values() {
            let Value::List(items) = list else {
                faults.push(Fault::of_call(Problem::TopNotList));
                continue;
            };
            for item in items {
                match item {
                    Value::Map(options) => {
                        for option in options.values().filter(|option| !option.truthy()) {
                            let problem = Problem::TopMatcher { env: env.clone(), item: str_(option) };
                            faults.push(Fault::of_call(problem));
                        }
                    }
                    Value::Str(sls) if sls.is_empty() => {
                        faults.push(Fault::of_call(Problem::TopEmptySls { env: env.clone() }));
                    }
                    Value::Str(_) => {}
                    other => {
                        faults.push(Fault::of_call(Problem::TopNoName { env: env.clone(), item: str_(other) }));
                    }
                }
            }
        }
    }
}

fn matched(context: &Context, sections: Sections, result: &mut Top) {
    let minion = Minion::of(&*context.facts);
    for (env, targets) in sections {
        if context.options.saltenv.as_ref().is_some_and(|only| *only != env) {
            continue;
        }
        for (target, list) in targets {
            let Value::List(items) = list else { continue };
            match minion.is_meant(&str_(&target), &items, &context.options.nodegroups) {
                Ok(true) => take(context, &mut result.matches, &env, items),
                Ok(false) => {}
                Err(diagnostic) => {
                    let problem = Problem::TopTarget { target: str_(&target), why: diagnostic.message.clone() };
                    result.faults.push(Fault::explained(problem, diagnostic.about(str_(&target))));
                }
            }
        }
    }
}

/// Takes the SLS names of a matching target; `{env: sls}` names one of another environment.
fn take(context: &Context, matches: &mut Matches, env: &str, items: Vec<Value>) {
    matches.entry(env.to_owned()).or_default();
    for item in items {
        match item {
            Value::Str(sls) => matches.entry(env.to_owned()).or_default().push(sls),
            Value::Map(mut options) => {
                let Some((Value::Str(other), Value::Str(sls))) = options.pop() else { continue };
                if context.tree.environments().is_ok_and(|envs| envs.contains(&other)) {
                    matches.entry(other).or_default().push(sls);
                }
            }
            _ => {}
        }
    }
}
