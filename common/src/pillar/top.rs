//! Which SLS files a minion's pillar is made of.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::compile::{Believed, Compiler};
use super::fault::{Fault, Problem};
use crate::target::top::{Minion, read};
use crate::value::merge::Strategy;
use crate::value::python::str_;
use crate::value::{Map, Value};

/// SLS names per environment, and those that may be missing.
#[derive(Default)]
pub(super) struct Matched {
    pub names: IndexMap<String, Vec<String>>,
    pub optional: HashSet<(String, String)>,
}

/// Targets of one environment: the list under each, and where it is put in the order.
type Section = IndexMap<String, (i64, Vec<Value>)>;

impl Compiler<'_> {
    /// The merged top files of all environments, not matched: targets and their lists by environment.
    pub fn merged_top(&mut self) -> Map {
        let section = |(env, section): (String, Section)| {
            let targets: Map = section.into_iter().map(|(target, (_, list))| (target, Value::List(list))).collect();
            (env, targets)
        };
        self.sections().into_iter().map(section).collect()
    }

    /// Reads the top files of all environments and matches them.
    pub fn top(&mut self) -> Matched {
        let sections = self.sections();
        let minion = Minion::of(&*self.facts);
        let mut matched = Matched::default();
        for (env, mut section) in sections {
            if self.options.pillarenv.as_ref().is_some_and(|only| *only != env) {
                continue;
            }
            section.sort_by(|_, a, _, b| a.0.cmp(&b.0));
            for (target, (_, list)) in section {
                match read(&target, &list, &self.options.nodegroups) {
                    Ok(matcher) => {
                        let grains = matcher.untrusted_grains(&self.options.trusted_grains);
                        if !grains.is_empty() {
                            self.believed.push(Believed { target: target.clone(), grains });
                        }
                        if matcher.matches(&minion) {
                            matched.take(&env, &list);
                        }
                    }
                    Err(diagnostic) => {
                        let why = diagnostic.message.clone();
                        let problem = Problem::TopTarget { target: target.clone(), why };
                        self.faults.push(Fault::explained(problem, diagnostic.about(target)));
                    }
                }
            }
        }
        matched
    }

    fn sections(&mut self) -> IndexMap<String, Section> {
        let mut sections: IndexMap<String, Section> = IndexMap::new();
        for top in self.top_files() {
            for (env, targets) in top {
                let Value::Map(targets) = targets else {
                    self.faults.push(Fault::new(Problem::TopShape));
                    return IndexMap::new();
                };
                let section = sections.entry(str_(&env)).or_default();
                for (target, list) in targets {
                    let Some(entry) = entry(list) else {
                        self.faults.push(Fault::new(Problem::TopShape));
                        return IndexMap::new();
                    };
                    section.insert(str_(&target), entry);
                }
            }
        }
        sections
    }

    /// The top files, with what they include.
    fn top_files(&mut self) -> Vec<Map> {
        // Without merging, environments are kept apart: `base` stands where none is named.
        let kept_apart = (self.options.strategy == Strategy::None).then_some("base");
        let envs = match (self.options.pillarenv.as_deref().or(kept_apart), self.tree.environments()) {
            (Some(only), _) => vec![only.to_owned()],
            (None, Ok(envs)) => envs.to_vec(),
            (None, Err(error)) => {
                self.faults.push(Fault::new(Problem::Files { why: error.to_string() }));
                return Vec::new();
            }
        };
        let mut tops = Vec::new();
        for env in envs {
            let mut waiting = Vec::new();
            match self.render(&env, None, &self.options.state_top) {
                Ok(top) => waiting.extend(top),
                Err(diagnostic) => {
                    let problem = Problem::Top { why: diagnostic.message.clone() };
                    self.faults.push(Fault::explained(problem, *diagnostic));
                }
            }
            let mut seen = HashSet::new();
            while let Some(top) = waiting.pop() {
                let Value::Map(mut top) = top else {
                    if top.truthy() {
                        self.faults.push(Fault::new(Problem::TopShape));
                    }
                    continue;
                };
                if let Some(Value::List(includes)) = top.remove("include") {
                    waiting.extend(self.included_tops(&env, &includes, &mut seen));
                }
                tops.push(top);
            }
        }
        tops
    }

    fn included_tops(&mut self, env: &str, includes: &[Value], seen: &mut HashSet<String>) -> Vec<Value> {
        let mut found = Vec::new();
        for pattern in includes.iter().filter_map(Value::as_str) {
            for sls in self.tree.expand(env, pattern).unwrap_or_default() {
                let Ok(Some(path)) = self.tree.find(env, &sls) else { continue };
                if !seen.insert(sls.clone()) {
                    continue;
                }
                match self.render(env, Some(&sls), &path) {
                    Ok(top) => found.extend(top),
                    Err(diagnostic) => {
                        let problem = Problem::Top { why: diagnostic.message.clone() };
                        self.faults.push(Fault::explained(problem, *diagnostic));
                    }
                }
            }
        }
        found.reverse();
        found
    }
}

/// Order and list of one target; a single name stands for a list of one, and of a mapping the keys count. `None` when it
/// names nothing.
fn entry(list: Value) -> Option<(i64, Vec<Value>)> {
    let list = match list {
        Value::List(items) => items,
        Value::Str(_) => vec![list],
        Value::Map(names) => names.into_iter().map(|(name, _)| name).collect(),
        _ => return None,
    };
    let order = list.iter().filter_map(|item| item.get("order")).next_back().map_or(0, |order| match order {
        Value::Int(number) => *number,
        Value::Str(text) => text.trim().parse().unwrap_or(0),
        _ => 0,
    });
    Some((order, list))
}

impl Matched {
    fn take(&mut self, env: &str, list: &[Value]) {
        let is_optional = list.iter().filter_map(|item| item.get("ignore_missing")).any(Value::truthy);
        let names = self.names.entry(env.to_owned()).or_default();
        for sls in list.iter().filter_map(Value::as_str) {
            if is_optional {
                self.optional.insert((env.to_owned(), sls.to_owned()));
            }
            if !names.iter().any(|known| known == sls) {
                names.push(sls.to_owned());
            }
        }
    }
}
