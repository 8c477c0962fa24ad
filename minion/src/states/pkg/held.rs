//! `pkg.held` and `pkg.unheld`.

use fleet_common::args;
use fleet_common::call::CallError;
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look};
use crate::modules::pkg::{Selections, held, packages, plan_hold, wanted};
use crate::states::{Applied, Failure, Plan, Report, Run, State};

args! {
    /// Arguments of `pkg.held` and `pkg.unheld`.
    pub struct Holding {
        /// The package.
        name: String,
        /// Its version; not used, the version that is there is held.
        version: Option<String> = None,
        /// Several packages instead of the name.
        pkgs: Value = Value::Null,
        /// Let all other held packages go.
        replace: bool = false,
        /// Let all held packages go, whatever the names.
        all: bool = false,
    }
}

/// `pkg.held`.
pub struct Held(pub Holding);
/// `pkg.unheld`.
pub struct Unheld(pub Holding);

impl Holding {
    fn plan(&self, look: &Look, hold: bool) -> Result<Plan<Selections>, Failure> {
        let manager = packages(look, if hold { "pkg.held" } else { "pkg.unheld" })?;
        let all = wanted(Some(&self.name), None, &self.pkgs, &manager.own_endings())?;
        let names: Vec<String> =
            if self.all && !hold { held(&*manager)? } else { all.into_iter().map(|one| one.name).collect() };
        let (answers, mut todo) = plan_hold(look, &names, hold, false)?;
        let mut changes: Map = Map::new();
        let word = if hold { "held" } else { "unheld" };
        let (mut would, mut did) = (Vec::new(), Vec::new());
        let mut take = |answers: Map, word: &str, plain: bool| {
            for (name, answer) in answers {
                if !answer.get("changes").is_some_and(Value::truthy) {
                    continue;
                }
                would.push(format!("The following package would be {word}: {}", name.as_str().unwrap_or_default()));
                let comment = answer.get("comment").and_then(Value::as_str).unwrap_or_default();
                did.push(if plain { comment.trim_end_matches('.').to_owned() } else { comment.to_owned() });
                changes.insert(name, answer);
            }
        };
        take(answers, word, hold);
        if hold && self.replace {
            let others: Vec<String> = held(&*manager)?.into_iter().filter(|name| !names.contains(name)).collect();
            let (answers, more) = plan_hold(look, &others, false, false)?;
            take(answers, "unheld", false);
            todo.extend(more);
        }
        if todo.is_empty() {
            return Ok(Plan::Nothing(Report::new("No changes made")));
        }
        let would = Report::new(would.join("\n")).changes(changes.clone());
        Ok(Plan::Change { todo, would, did: Report::new(did.join("\n")).changes(changes) })
    }

    fn apply(act: &Act, todo: &Selections) -> Result<Applied, Failure> {
        packages(act, "pkg.held")?.select(todo).map_err(CallError::from)?;
        Ok(Applied::AsPlanned)
    }
}

impl State for Held {
    type Todo = Selections;
    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Selections>, Failure> {
        self.0.plan(look, true)
    }
    fn apply(&self, act: &Act, todo: Selections) -> Result<Applied, Failure> {
        Holding::apply(act, &todo)
    }
}

impl State for Unheld {
    type Todo = Selections;
    fn plan(&self, look: &Look, _run: &Run<'_>) -> Result<Plan<Selections>, Failure> {
        self.0.plan(look, false)
    }
    fn apply(&self, act: &Act, todo: Selections) -> Result<Applied, Failure> {
        Holding::apply(act, &todo)
    }
}
