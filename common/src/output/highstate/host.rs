//! One minion's run.

use super::changes::Changes;
use super::state::{Outcome, State};
use super::summary::Summary;
use super::terse::terse;
use crate::output::OutputOptions;
use crate::output::color::{Color, Paint, mask_escapes};
use crate::value::{Map, Value, pprint, python};

/// What printing needs everywhere below.
#[derive(Clone, Copy)]
pub(super) struct Printer<'o> {
    pub options: &'o OutputOptions,
    pub paint: Paint,
    /// 1 for the run itself, more for runs inside of runs.
    pub level: usize,
}

/// How one state is shown.
enum Layout {
    Full,
    Terse,
    Hidden,
}

impl Printer<'_> {
    /// The lines of one minion, and whether anything changed there.
    pub fn host(&self, host: &Value, run: &Value) -> Option<(String, bool)> {
        let host = python::str_(host);
        let (mut lines, mut color, mut changed) = (Vec::new(), Color::Green, false);
        let mut plain =
            |text: &str| lines.push(format!("{}    {text}{}", self.paint.start(Color::Green), self.paint.end()));
        match run {
            Value::Bool(_) | Value::Int(_) | Value::BigInt(_) => {
                plain(&python::str_(run));
                (color, changed) = (Color::Cyan, true);
            }
            Value::Str(text) => {
                python::lines(text).into_iter().for_each(plain);
                (color, changed) = (Color::Cyan, true);
            }
            Value::List(errors) => {
                color = Color::LightRed;
                lines = self.errors(errors);
            }
            Value::Map(states) => (lines, color, changed) = self.states(&host, states)?,
            _ => {}
        }
        let shown = if self.options.strip_colors { mask_escapes(&host) } else { host };
        lines.insert(0, self.paint.text(color, format_args!("{shown}:")));
        Some((lines.join("\n"), changed))
    }

    /// What a tree that did not compile is answered with.
    fn errors(&self, errors: &[Value]) -> Vec<String> {
        let (start, end) = (self.paint.start(Color::LightRed), self.paint.end());
        let shown = |error: &Value| match error {
            Value::Str(text) if self.options.strip_colors => mask_escapes(text),
            other => python::str_(other),
        };
        let mut lines = vec![format!("    {start}Data failed to compile:{end}")];
        lines.extend(errors.iter().map(|error| format!("{start}----------\n    {}{end}", shown(error))));
        lines
    }

    fn states(&self, host: &str, run: &Map) -> Option<(Vec<String>, Color, bool)> {
        let mut lines = Vec::new();
        for (key, info) in run {
            let is_state = key.as_str() != Some("changes") && info.as_map().is_some_and(|info| !info.is_empty());
            if is_state && info.get("__run_num__").is_none() {
                let missing = "The State execution failed to record the order in which all states were executed. \
                               The state return missing data is:";
                lines.splice(0..0, [missing.to_owned(), pprint::format(info, 1)]);
            }
        }
        let mut states: Vec<State<'_>> = Vec::with_capacity(run.len());
        for (key, info) in run {
            if let Some(info) = info.as_map().filter(|info| info.contains("result")) {
                states.push(State::read(&python::str_(key), info, self.options)?);
            }
        }
        states.sort_by(|a, b| a.order.total_cmp(&b.order));
        let mut summary = Summary::default();
        let mut color = Color::Green;
        for state in &states {
            let changes = Changes::of(self, state)?;
            summary.count(state, &changes);
            let unremarkable = state.outcome.is_good() && !changes.changed;
            if unremarkable && (self.options.state_output_diff || !self.options.state_verbose) {
                continue;
            }
            let state_color = match state.outcome {
                Outcome::Failed => Color::Red,
                Outcome::NotRun => Color::LightYellow,
                _ if changes.changed => Color::Cyan,
                _ => Color::Green,
            };
            if matches!(state.outcome, Outcome::Failed | Outcome::NotRun) {
                color = state_color;
            }
            match self.layout(state, &changes) {
                Layout::Full => {
                    lines.extend(state.lines(self, state_color, &changes));
                    summary.warnings += usize::from(state.warnings.is_some());
                }
                Layout::Terse => lines.push(terse(self, state_color, state)?),
                Layout::Hidden => {}
            }
        }
        summary.lines(self, host, &mut lines);
        Some((lines, color, summary.changed > 0))
    }

    /// How the option `state_output` wants this state shown.
    fn layout(&self, state: &State<'_>, changes: &Changes) -> Layout {
        let mode = self.options.state_output.as_deref().unwrap_or("full");
        let listed = |list: &[String]| list.contains(&state.result);
        let terse = if mode.starts_with("filter") {
            if !listed(&self.options.state_output_terse) && listed(&self.options.state_output_exclude) {
                return Layout::Hidden;
            }
            listed(&self.options.state_output_terse)
        } else {
            mode.starts_with("terse")
                || (mode.starts_with("mixed") && state.outcome != Outcome::Failed)
                || (mode.starts_with("changes") && state.outcome.is_good() && !changes.changed)
        };
        if terse { Layout::Terse } else { Layout::Full }
    }
}
