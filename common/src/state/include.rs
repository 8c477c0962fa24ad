//! Pass 3: SLS files and what they include, rendered once each and joined into high data.

use std::collections::HashSet;
use std::sync::Arc;

use super::context::{Context, Matches, Options};
use super::declaration::{Argument, Arguments, Declaration, High, Home};
use super::fault::{Fault, Problem};
use super::sls::{Part, Rendered, render, split};
use crate::diag::Place;
use crate::files::FileError;
use crate::target::glob;
use crate::value::python::str_;
use crate::value::{Map, Value};

/// Includes below each other at most; a tree deeper than this is a mistake, and recursion must end.
const MAX_DEPTH: usize = 200;

/// The number of the first declaration; smaller ones are for `order: N` in trees.
const FIRST_ORDER: i64 = 10_000;

/// Renders everything that `matches` asks for. High data holds what could be used; the faults say what could not.
pub(super) fn render_all(context: &Context, matches: &Matches) -> (High, Vec<Fault>) {
    let mut walk = Walk {
        context,
        matches,
        rendered: HashSet::new(),
        via: Vec::new(),
        next_order: FIRST_ORDER,
        faults: Vec::new(),
    };
    let mut high = High::default();
    for (env, patterns) in matches {
        for pattern in patterns {
            if let Err(error) = walk.matched(env, pattern, &mut high) {
                walk.faults.push(Fault::of_call(Problem::Files { why: error.to_string() }));
            }
        }
    }
    (high, walk.faults)
}

/// Reads high data out of a mapping that was handed in (`state.high`, `state.template_str`).
pub(super) fn from_data(options: &Options, rendered: Rendered, home: &Home) -> (High, Vec<Fault>) {
    let (mut high, mut faults) = (High::default(), Vec::new());
    match rendered.value {
        Value::Map(data) => {
            let mut part = split(data, &rendered.marks, &rendered.source, home);
            faults.append(&mut part.faults);
            let mut next = FIRST_ORDER;
            number(options, &mut part, &mut next);
            merge(&mut high, part, &mut faults);
        }
        Value::Null => {}
        other => faults.push(not_a_dictionary(&other, &home.sls_text(), &rendered.source.name)),
    }
    (high, faults)
}

struct Walk<'w, 'c> {
    context: &'w Context<'c>,
    matches: &'w Matches,
    /// `env:sls` of everything rendered so far.
    rendered: HashSet<String>,
    /// The `include:` entries that lead to what is being rendered, nearest first.
    via: Vec<Place>,
    next_order: i64,
    faults: Vec<Fault>,
}

impl Walk<'_, '_> {
    /// One entry of a top file or call.
    fn matched(&mut self, env: &str, pattern: &str, high: &mut High) -> Result<(), FileError> {
        if !self.context.tree.has_environment(env)? {
            let known = self.context.tree.environments()?;
            let fault = Fault::of_call(Problem::NoEnvironment { env: env.to_owned() });
            self.faults.push(fault.did_you_mean(env, known.iter().map(String::as_str)));
        }
        let names = match self.context.tree.expand(env, pattern) {
            Err(FileError::Environment(_)) => Vec::new(),
            names => names?,
        };
        if names.is_empty() {
            let problem = Problem::NoSls { sls: pattern.to_owned(), env: env.to_owned() };
            let fault = self.with_suggestion(Fault::of_call(problem), env, pattern);
            self.faults.push(fault);
        }
        for name in names {
            if self.rendered.contains(&format!("{env}:{name}")) {
                continue;
            }
            if let Some(part) = self.part(env, &name, 0)? {
                merge(high, part, &mut self.faults);
            }
        }
        Ok(())
    }

    /// Renders one SLS with everything it includes, declarations numbered in the order in which they apply.
    fn part(&mut self, env: &str, sls: &str, depth: usize) -> Result<Option<Part>, FileError> {
        if depth > MAX_DEPTH {
            let problem = Problem::IncludeDepth { env: env.to_owned(), sls: sls.to_owned() };
            self.faults.push(Fault::of_call(problem));
            return Ok(None);
        }
        let rendered = render(self.context, env, sls, &self.via);
        self.rendered.insert(format!("{env}:{sls}"));
        let rendered = match rendered {
            Ok(Some(rendered)) => rendered,
            Ok(None) => {
                // A file that is listed but has a dot in its name, or that went away meanwhile.
                let (sls, env) = (sls.to_owned(), env.to_owned());
                let problem =
                    if depth == 0 { Problem::NoSls { sls, env } } else { Problem::NoIncludedSls { sls, env } };
                self.faults.push(Fault::of_call(problem));
                return Ok(None);
            }
            Err(fault) => {
                self.faults.push(fault);
                return Ok(None);
            }
        };
        let Rendered { value, marks, source, is_init } = rendered;
        let data = match value {
            Value::Map(data) => data,
            value if !value.truthy() => return Ok(None),
            value => {
                self.faults.push(not_a_dictionary(&value, sls, &source.name));
                let contents = str_(&value);
                self.faults.push(Fault::of_call(Problem::Contents { contents }));
                return Ok(None);
            }
        };
        let home = Home { sls: Some(Arc::from(sls)), env: Some(Arc::from(env)) };
        let mut part = split(data, &marks, &source, &home);
        self.faults.append(&mut part.faults);
        for (item, spot) in std::mem::take(&mut part.includes) {
            match self.resolve(&item, env, sls, is_init) {
                Ok(targets) => {
                    self.via.insert(0, spot.place());
                    self.include(&mut part, targets, sls, depth)?;
                    self.via.remove(0);
                }
                Err(Unresolved::Files(error)) => return Err(error),
                Err(Unresolved::Wrong(problem)) => {
                    let fault = Fault::new(problem, &spot).about(format!("include: {}", str_(&item)));
                    let fault = self.with_suggestion(fault, env, item.as_str().unwrap_or_default());
                    self.faults.push(fault);
                }
            }
        }
        number(&self.context.options, &mut part, &mut self.next_order);
        Ok(Some(part))
    }

    fn include(
        &mut self,
        part: &mut Part,
        targets: Vec<(String, String)>,
        by: &str,
        depth: usize,
    ) -> Result<(), FileError> {
        for (env, sls) in targets {
            if self.rendered.contains(&format!("{env}:{sls}")) {
                continue;
            }
            let Some(mut included) = self.part(&env, &sls, depth + 1)? else { continue };
            for declaration in included.declarations.values_mut() {
                declaration.included_from.push(Arc::from(by));
            }
            for (id, declaration) in included.declarations {
                self.faults.extend(conflict(part.declarations.get(&id), &declaration));
                part.declarations.insert(id, declaration);
            }
            part.extensions.append(&mut included.extensions);
            part.excludes.append(&mut included.excludes);
        }
        Ok(())
    }

    /// Environment and names that one entry of `include:` stands for.
    fn resolve(&self, item: &Value, env: &str, sls: &str, is_init: bool) -> Result<Vec<(String, String)>, Unresolved> {
        let bad = |include: &Value| {
            Unresolved::Wrong(Problem::BadInclude { include: str_(include), env: env.to_owned(), sls: sls.to_owned() })
        };
        let (in_env, name) = match item {
            Value::Str(name) => (env, name.as_str()),
            // Of several keys the last one counts, as in the reference.
            Value::Map(map) => match map.get_index(map.len().saturating_sub(1)) {
                Some((Value::Str(in_env), name)) => {
                    if !self.context.tree.has_environment(in_env)? {
                        return Err(Unresolved::Wrong(Problem::IncludeEnvironment {
                            env: in_env.clone(),
                            include: str_(name),
                            in_env: env.to_owned(),
                            in_sls: sls.to_owned(),
                        }));
                    }
                    (in_env.as_str(), name.as_str().ok_or_else(|| bad(name))?)
                }
                _ => return Err(bad(item)),
            },
            other => return Err(bad(other)),
        };
        let name = match absolute(name, sls, is_init) {
            Some(name) => name,
            None => {
                return Err(Unresolved::Wrong(Problem::IncludeBeyondTop {
                    include: name.to_owned(),
                    env: env.to_owned(),
                    sls: sls.to_owned(),
                }));
            }
        };
        let names = self.context.tree.expand(in_env, &name)?;
        if names.is_empty() {
            let (include, in_env) = (name.clone(), in_env.to_owned());
            return Err(Unresolved::Wrong(if self.matches.contains_key(&in_env) {
                Problem::NoIncludedSls { sls: name, env: in_env }
            } else {
                Problem::UnknownInclude { among: in_env.clone(), env: in_env, include }
            }));
        }
        Ok(names.into_iter().map(|name| (in_env.to_owned(), name)).collect())
    }

    fn with_suggestion(&self, fault: Fault, env: &str, sls: &str) -> Fault {
        match self.context.tree.sls_names(env) {
            Ok(names) if !glob::is_pattern(sls) => fault.did_you_mean(sls, names.iter().map(String::as_str)),
            _ => fault,
        }
    }
}

/// Numbers the declarations that have no `order` of their own (included ones have got theirs already).
fn number(options: &Options, part: &mut Part, next: &mut i64) {
    if !options.state_auto_order {
        return;
    }
    for declaration in part.declarations.values_mut() {
        for state in declaration.states_mut().into_iter().flatten() {
            let Arguments::List(items) = &mut state.arguments else { continue };
            let ordered = items.iter().filter_map(Argument::option).any(|(key, _)| key == "order");
            if ordered || state.state.starts_with('_') {
                continue;
            }
            let value = Value::Map(Map::from_iter([("order", *next)]));
            items.push(Argument { value, spot: state.spot.clone() });
            *next += 1;
        }
    }
}

/// Joins a part into the high data. An ID that is there already is a fault; the later one stays.
fn merge(high: &mut High, part: Part, faults: &mut Vec<Fault>) {
    high.extensions.extend(part.extensions);
    high.excludes.extend(part.excludes);
    for (id, declaration) in part.declarations {
        faults.extend(conflict(high.declarations.get(&id), &declaration));
        high.declarations.insert(id, declaration);
    }
}

fn conflict(first: Option<&Declaration>, second: &Declaration) -> Option<Fault> {
    let first = first?;
    let name = |home: &Home| format!("{}:{}", home.env_text(), home.sls_text());
    let problem =
        Problem::ConflictingIds { id: second.id.clone(), first: name(&first.home), second: name(&second.home) };
    let fault = Fault::new(problem, &second.spot).about(second.id.clone());
    Some(fault.help(format!("the first one is at {}", first.spot.place())))
}

enum Unresolved {
    Files(FileError),
    Wrong(Problem),
}

impl From<FileError> for Unresolved {
    fn from(error: FileError) -> Self {
        Self::Files(error)
    }
}

/// A relative name counted from the SLS it stands in: `.b` is a sibling, `..b` one package up; `None` beyond the top.
fn absolute(name: &str, sls: &str, is_init: bool) -> Option<String> {
    let rest = name.trim_start_matches('.');
    let levels = name.len() - rest.len();
    if levels == 0 {
        return Some(name.to_owned());
    }
    let mut parts: Vec<&str> = sls.split('.').collect();
    // `a.init` is already spelled out.
    if is_init && parts.last() != Some(&"init") {
        parts.push("init");
    }
    parts.truncate(parts.len().checked_sub(levels)?);
    parts.push(rest);
    Some(parts.join("."))
}

fn not_a_dictionary(value: &Value, sls: &str, path: &str) -> Fault {
    let problem = Problem::NotADictionary { sls: sls.to_owned() };
    let spot = super::fault::Spot::nowhere(path);
    Fault::new(problem, &spot).help(format!("an SLS is a mapping of IDs; this one is a {}", value.kind()))
}
