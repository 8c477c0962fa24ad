//! `debconf.*`: answers to what Debian packages ask.

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::file::{Check, fetched_text};
use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::debconf::{self as tool, Answer};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "debconf",
    doc: "Answers to what Debian packages ask.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "set",
            doc: "Answers for one package.",
            example: "tzdata: {debconf.set: [{data: {tzdata/Areas: {type: select, value: Europe}}}]}",
            args: Set::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Set::bind(f, a)?))),
        },
        StateFunction {
            name: "set_file",
            doc: "The answers of a file.",
            example: "answers: {debconf.set_file: [{source: 'salt://pkg.selections'}]}",
            args: SetFile::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(SetFile::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `debconf.set`.
    struct Set {
        /// The package that asks.
        name: String,
        /// By question: a mapping of `type` and `value`.
        data: Map,
    }
}

args! {
    /// Arguments of `debconf.set_file`.
    struct SetFile {
        /// What it is for; not used.
        name: String,
        /// Lines of package, question, kind and answer: `salt://...` or a path.
        source: String,
        /// Template engine to render it with.
        template: Option<String> = None,
        /// Names for the template.
        context: Option<Map> = None,
        /// Names for the template that `context` overrides.
        defaults: Option<Map> = None,
    }
}

fn report(text: &str, todo: &[Answer]) -> Report {
    let changes = todo.iter().map(|answer| (answer.question.as_str(), answer.visible())).collect();
    Report::new(text).changes(changes)
}

fn plan(answers: Vec<Answer>, would: &str, did: &str) -> Result<Plan<Vec<Answer>>, Failure> {
    let todo = tool::missing(answers)?;
    if todo.is_empty() {
        return Ok(Plan::Nothing(Report::new("All specified answers are already set")));
    }
    Ok(Plan::Change { would: report(would, &todo), did: report(did, &todo), todo })
}

impl State for Set {
    type Todo = Vec<Answer>;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Vec<Answer>>, Failure> {
        let mut answers = Vec::new();
        for (question, answer) in &self.data {
            let question = question.as_str().unwrap_or_default();
            let (Some(kind), Some(value)) = (answer.get("type").and_then(Value::as_str), answer.get("value")) else {
                let text = format!("{question}: an answer is a mapping of type and value ({{type: string, value: x}})");
                return Err(Failure::new(text));
            };
            answers.push(Answer::new(&self.name, question, kind, value)?);
        }
        plan(answers, "", "")
    }

    fn apply(&self, act: &Act, todo: Vec<Answer>) -> Result<Applied, Failure> {
        tool::set(act, &todo)?;
        Ok(Applied::AsPlanned)
    }
}

impl State for SetFile {
    type Todo = Vec<Answer>;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Vec<Answer>>, Failure> {
        let mut names = self.defaults.clone().unwrap_or_default();
        names.extend(self.context.clone().unwrap_or_default());
        let check = Check { name: &self.source, skip: true, ..Check::default() };
        let text = fetched_text(look, run, &self.source, &check, self.template.as_deref(), names)?;
        let answers = tool::parse_file(&text)?;
        plan(answers, "Debconf selections would have been set.", "Debconf selections were set.")
    }

    fn apply(&self, act: &Act, todo: Vec<Answer>) -> Result<Applied, Failure> {
        tool::set(act, &todo)?;
        Ok(Applied::AsPlanned)
    }
}
