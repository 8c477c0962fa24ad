//! The minion's [`ChunkRunner`]: binds a chunk to its state, asks the guards, retries, and shapes the outcome.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use fleet_common::call::{ArgError, CallError, Facts};
use fleet_common::diag::Diagnostic;
use fleet_common::state::{
    Chunk, ChunkResult, ChunkRunner, Invocation, Mode, Outcome, PROVISIONAL, Start, is_option, not_available,
};
use fleet_common::value::{Map, Value};

use super::aggregate::Aggregates;
use super::guards::{Guard, check_failed, guarded};
use super::retry::{Retry, result_word};
use crate::cx::{Act, Look};
use crate::pillar::Wanted;
use crate::states::{AnyState, Report, Run, RunNotes, STATES, StateFunction, StateResult, States, bind};

/// A chunk's state, ready to run.
struct Bound {
    function: &'static StateFunction,
    state: Box<dyn AnyState>,
    warnings: Vec<String>,
}

/// Runs chunks on this machine.
pub struct MinionRunner<'a> {
    act: &'a Act,
    /// Unknown arguments of states are a warning (`unknown_arguments: warn`): for trees that are being moved.
    tolerant: bool,
    aggregates: Aggregates,
    /// Paths that earlier chunks of a dry run would change.
    predicted: Mutex<BTreeSet<PathBuf>>,
    states: States,
    notes: Mutex<RunNotes>,
    done: AtomicU32,
    chunks: &'a [Chunk],
    /// The pillar of this run, for `reload_pillar`.
    pillar: Wanted,
}

impl<'a> MinionRunner<'a> {
    /// A runner for one run over these chunks, which see this pillar.
    pub fn new(act: &'a Act, chunks: &'a [Chunk], pillar: Wanted) -> Self {
        let notes = Mutex::new(RunNotes::default());
        let opts = act.opts();
        let tolerant = opts.get("unknown_arguments").and_then(Value::as_str) == Some("warn");
        let aggregates = Aggregates::of(chunks, opts.get("state_aggregate").unwrap_or(&Value::Null));
        let (states, done) = (States::new(STATES), AtomicU32::new(0));
        Self { act, tolerant, aggregates, predicted: Mutex::default(), states, notes, done, chunks, pillar }
    }

    /// The chunk's state, bound to its arguments, and what was let pass (`unknown_arguments: warn`).
    fn bound(&self, chunk: &Chunk) -> Result<Bound, Outcome> {
        let Some(function) = self.states.find(&chunk.state, &chunk.fun) else {
            return Err(self.unknown(chunk));
        };
        let mut arguments = Map::new();
        arguments.insert("name", chunk.name.as_str());
        for (key, value) in &chunk.data {
            let Some(key) = key.as_str() else { continue };
            if key != "name" && (!is_option(key) || function.args.iter().any(|row| row.name == key)) {
                arguments.insert(key, value.clone());
            }
        }
        let name = format!("{}.{}", chunk.state, chunk.fun);
        let mut warnings = Vec::new();
        loop {
            match bind(function, &name, arguments.clone()) {
                Ok(state) => return Ok(Bound { function, state, warnings }),
                Err(error @ ArgError::UnknownName { .. }) if self.tolerant => {
                    let Some(unknown) = error.argument() else {
                        return Err(self.wrong_arguments(chunk, &name, &error));
                    };
                    arguments.remove(unknown);
                    warnings.push(format!("{error}; it is ignored (unknown_arguments: warn)"));
                }
                Err(error) => return Err(self.wrong_arguments(chunk, &name, &error)),
            }
        }
    }

    fn wrong_arguments(&self, chunk: &Chunk, name: &str, error: &ArgError) -> Outcome {
        let text = error.to_string();
        let fault = chunk.spot_of(error.argument().unwrap_or_default()).diagnostic(&text).about(&*chunk.id);
        match error {
            ArgError::Missing { name: argument, .. } => {
                let hint = format!("write '- {argument}: ...' under '{name}'");
                Outcome::refused(format!("Missing parameter {argument} for state {name}\n"), fault.help(hint))
            }
            _ => Outcome::refused(self.placed(chunk, &text), fault),
        }
    }

    fn unknown(&self, chunk: &Chunk) -> Outcome {
        let (why, hint) = self.states.missing(&chunk.state, &chunk.fun);
        let fault = chunk.spot.diagnostic(why).about(&*chunk.id);
        Outcome::refused(not_available(chunk, &chunk.fun), hint.into_iter().fold(fault, Diagnostic::help))
    }

    /// A text with the place of the declaration, where there is one.
    fn placed(&self, chunk: &Chunk, text: &str) -> String {
        let place = chunk.spot.place();
        if place.line == 0 { text.to_owned() } else { format!("{text}\n({place})") }
    }

    /// The paths that file states required by this chunk put in place: `clean` leaves them.
    fn kept(&self, chunk: &Chunk) -> Vec<PathBuf> {
        if !chunk.get("clean").is_some_and(Value::truthy) {
            return Vec::new();
        }
        let required = chunk.get("require").and_then(Value::as_list).unwrap_or_default();
        let wanted: Vec<(&str, &str)> = required
            .iter()
            .filter_map(|entry| entry.as_map()?.iter().next())
            .filter_map(|(kind, name)| Some((kind.as_str()?, name.as_str()?)))
            .collect();
        let meant = |other: &&Chunk| {
            let here = other.state == "file" && !std::ptr::eq(*other, chunk);
            here && wanted.iter().any(|(kind, name)| match *kind {
                "file" => *name == other.id || *name == other.name,
                "sls" => other.sls.as_deref() == Some(*name),
                _ => false,
            })
        };
        // A directory keeps what states that require it put into it, too.
        let requires_this = |other: &&Chunk| {
            other.state == "file"
                && other.get("require").and_then(Value::as_list).unwrap_or_default().iter().any(|entry| {
                    entry.get("file").and_then(Value::as_str).is_some_and(|name| name == chunk.id || name == chunk.name)
                })
        };
        self.chunks
            .iter()
            .filter(|other| meant(other) || requires_this(other))
            .map(|other| PathBuf::from(&other.name))
            .collect()
    }

    fn turn(&self, invocation: &Invocation<'_>, state: &dyn AnyState) -> StateResult {
        let chunk = invocation.chunk;
        let dry = invocation.mode == Mode::Dry;
        if let Some(watched) = &invocation.watch {
            let changed: Vec<String> = watched.iter().map(|chunk| format!("{}: {}", chunk.state, chunk.id)).collect();
            if let Some(result) = state.watch(self.act, &changed, dry) {
                return result;
            }
        }
        let kept = self.kept(chunk);
        let run = Run::new(chunk, &kept, &self.notes);
        state.turn(self.act, &run, dry)
    }

    fn once(&self, invocation: &Invocation<'_>, function: &StateFunction, state: &dyn AnyState) -> Outcome {
        let chunk = invocation.chunk;
        match guarded(self.act, chunk) {
            Guard::Run => {}
            Guard::Skip(text) => return Outcome { skip_watch: true, ..Outcome::new(Some(true), text) },
            Guard::Failed(text) => return Outcome::failed(self.placed(chunk, &text)),
        }
        let StateResult { result, report, warnings, name } = self.turn(invocation, state);
        let Report { comment, changes, skip_watch } = report;
        let mut outcome = Outcome { changes, warnings, skip_watch, ..Outcome::new(result, comment) };
        if let Some(name) = name {
            outcome.extra.insert("name", name);
        }
        let own = function.args.iter().any(|row| row.name == "check_cmd");
        if let Some(commands) = chunk.get("check_cmd").filter(|_| !own) {
            let failed = check_failed(self.act, chunk, commands);
            outcome.result = Some(!failed);
            let end = if failed { "failed" } else { "succeeded" };
            outcome.comment = format!("check_cmd determined the state {end}");
        }
        outcome
    }

    /// Says of a prediction that it looks at a path which an earlier chunk would change, and remembers its own.
    fn doubt(&self, chunk: &Chunk, outcome: &mut Outcome) {
        let mut predicted = self.predicted.lock().unwrap_or_else(PoisonError::into_inner);
        let paths = ["name", "source", "target", "cwd", "creates"].iter().filter_map(|key| match *key {
            "name" => Some(chunk.name.as_str()),
            key => chunk.get(key).and_then(Value::as_str),
        });
        let touched = (paths.filter(|path| path.starts_with('/')))
            .find_map(|path| Path::new(path).ancestors().find(|path| predicted.contains(*path)));
        if let Some(path) = touched {
            outcome.extra.insert(PROVISIONAL, format!("{} would change before it", path.display()));
        }
        if outcome.result.is_none() && chunk.state == "file" && chunk.name.starts_with('/') {
            predicted.insert(PathBuf::from(&chunk.name));
        }
    }

    /// What a chunk asks to happen after it: new grains, a new pillar, an event.
    fn afterwards(&self, chunk: &Chunk, outcome: &mut Outcome) {
        let asked = |option: &str| chunk.get(option).is_some_and(Value::truthy);
        if asked("reload_grains") {
            match self.act.daemon().refresh_grains() {
                Ok(grains) => self.act.set_grains(grains),
                Err(error) => outcome.warnings.push(format!("reload_grains: {error}")),
            }
        }
        if asked("reload_pillar")
            && let Err(error) = renew_pillar(self.act, &self.pillar)
        {
            outcome.warnings.push(format!("reload_pillar: {error}"));
        }
        if asked("fire_event") {
            let own = chunk.get("fire_event").and_then(Value::as_str);
            let tag = own.map_or_else(|| format!("state_result/{}/{}", self.act.id(), chunk.id), str::to_owned);
            let data = Map::from_iter([
                ("id", Value::from(chunk.id.as_str())),
                ("name", Value::from(chunk.name.as_str())),
                ("result", outcome.result.map_or(Value::Null, Value::Bool)),
                ("comment", Value::from(outcome.comment.as_str())),
                ("changes", Value::Map(outcome.changes.clone())),
            ]);
            if let Err(error) = self.act.daemon().fire_event(&tag, &Value::Map(data)) {
                outcome.warnings.push(format!("fire_event: {error}"));
            }
        }
    }

    fn with_retries(&self, invocation: &Invocation<'_>, function: &StateFunction, state: &dyn AnyState) -> Outcome {
        let (retry, warnings) = invocation.chunk.get("retry").map(Retry::parse).unzip();
        let mut outcome = self.once(invocation, function, state);
        // What would change will not change by waiting: a dry run only says how it would be tried.
        if let (Some(retry), Mode::Dry) = (&retry, invocation.mode) {
            outcome.comment = format!("{}  {}", outcome.comment, retry.announcement());
        } else if let Some(retry) = retry {
            let mut told = String::new();
            let mut changes = outcome.changes.clone();
            while outcome.result != retry.until && i64::from(outcome.attempts) < retry.attempts {
                told.push_str(&attempt(outcome.attempts, &outcome));
                std::thread::sleep(
                    retry.pause(u64::from(std::process::id()).wrapping_mul(u64::from(outcome.attempts))),
                );
                let attempts = outcome.attempts + 1;
                outcome = Outcome { attempts, ..self.once(invocation, function, state) };
                changes.extend(outcome.changes.clone());
            }
            outcome.changes = changes;
            outcome.comment = told + &outcome.comment;
        }
        outcome.warnings.extend(warnings.into_iter().flatten());
        outcome
    }
}

/// Lets the run see the pillar as it is now.
pub fn renew_pillar(look: &Look, wanted: &Wanted) -> Result<(), CallError> {
    look.set_pillar(look.daemon().refresh_pillar(wanted)?);
    Ok(())
}

/// What the comment says of a call that is followed by another.
fn attempt(number: u32, outcome: &Outcome) -> String {
    let result = result_word(outcome.result);
    format!(
        "Attempt {number}: Returned a result of \"{result}\", with the following comment: \"{}\"\n",
        outcome.comment
    )
}

impl ChunkRunner for MinionRunner<'_> {
    fn beside<'s>(&'s self, walk: &mut dyn FnMut(&Start<'_, 's>)) {
        // Templates need more stack than a thread has by default; a job that can not be started reports itself failed.
        let thread = || std::thread::Builder::new().stack_size(64 << 20);
        std::thread::scope(|scope| walk(&|job| drop(thread().spawn_scoped(scope, job))));
    }

    fn run(&self, invocation: &Invocation<'_>) -> Outcome {
        let (started, clock) = (jiff::Zoned::now(), Instant::now());
        let merged = self.aggregates.merged(invocation.chunk);
        let mut outcome = match self.bound(merged.as_ref().unwrap_or(invocation.chunk)) {
            Err(outcome) => outcome,
            Ok(Bound { function, state, warnings }) => {
                let mut outcome = self.with_retries(invocation, function, state.as_ref());
                outcome.warnings.splice(0..0, warnings);
                outcome
            }
        };
        if invocation.mode == Mode::Dry {
            self.doubt(invocation.chunk, &mut outcome);
        }
        if invocation.mode == Mode::Real {
            self.afterwards(invocation.chunk, &mut outcome);
        }
        let milliseconds = (clock.elapsed().as_secs_f64() * 1_000_000.0).round() / 1000.0;
        outcome.extra.insert("start_time", started.strftime("%H:%M:%S.%6f").to_string());
        outcome.extra.insert("duration", milliseconds);
        outcome
    }

    fn has_mod_watch(&self, state: &str) -> bool {
        self.states.reacts(state)
    }

    fn finished(&self, result: &ChunkResult, total: usize) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        self.act.daemon().chunk_done(done, total, &result.tag, &result.to_value());
    }
}
