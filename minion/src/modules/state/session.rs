//! What all `state.*` functions do before and after their own part: lock, pillar, compile, run.

use std::sync::Arc;

use fleet_common::call::{Arguments, CallError, CallResult, Facts, FromValue, Outcome};
use fleet_common::files::{FileError, FileSource};
use fleet_common::state::show::sls_names;
use fleet_common::state::{Chunk, Context, Exclude, Fault, High, Options, RunOptions, first_texts, low, run};
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look};
use crate::highstate::{MinionRunner, MockRunner, Queue, RunLock, renew_pillar};
use crate::pillar::Wanted;

/// How a call wants its run.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The function, for the lock.
    pub function: &'static str,
    /// Dry run; `None`: as configured.
    pub test: Option<bool>,
    /// Whether to wait for another run; `None`: as configured (`state_queue`).
    pub queue: Option<Queue>,
    /// Do not mind another run.
    pub concurrent: bool,
    /// Environment of states.
    pub saltenv: Option<String>,
    /// Environment of pillar.
    pub pillarenv: Option<String>,
    /// Pillar data over that of the master.
    pub pillar: Map,
    /// SLS files and IDs to leave out.
    pub exclude: Value,
    /// Only this ID and what it requires.
    pub only: Option<String>,
    /// Call no state.
    pub mock: bool,
    /// Kinds of modules to fetch before the run.
    pub sync_mods: Value,
}

impl Wish {
    /// The pillar that the run is to see.
    pub(super) fn pillar(&self, look: &Look) -> Wanted {
        let follows = look.opts().get("pillarenv_from_saltenv").is_some_and(Value::truthy);
        let pillarenv = self.pillarenv.clone().or_else(|| self.saltenv.clone().filter(|_| follows));
        Wanted { saltenv: self.saltenv.clone(), pillarenv, overrides: self.pillar.clone() }
    }
}

/// A refusal before anything ran: texts, as the reference returns them.
pub fn refused(lines: impl IntoIterator<Item = impl Into<Value>>, retcode: i32) -> Outcome {
    Outcome { value: lines.into_iter().collect(), retcode, ..Outcome::default() }
}

/// Takes the lock, fetches the pillar, lets `compile` make high data, and runs it.
pub fn run_states(
    act: &Act,
    wish: &Wish,
    compile: impl FnOnce(&Context<'_>) -> Result<(High, Vec<Fault>), Outcome>,
) -> CallResult {
    let jid = act.jid().map(|jid| jid.as_str().to_owned());
    let queue = match wish.queue {
        Some(queue) => queue,
        None if wish.concurrent => Queue::Refuse,
        None => configured_queue(act)?,
    };
    let lock = match RunLock::take(act.cache_dir(), wish.function, jid.as_deref(), queue) {
        Ok(lock) => Some(lock),
        Err(_) if wish.concurrent => None,
        Err(error) => return Ok(refused([error.to_string()], 1)),
    };
    sync_modules(act, &wish.sync_mods)?;
    if let Err(refusal) = fetch_pillar(act, wish) {
        return Ok(refusal);
    }
    let outcome = with_context(act.look(), wish.saltenv.as_deref(), |context| {
        let (mut high, faults) = match compile(context) {
            Ok(compiled) => compiled,
            Err(outcome) => return outcome,
        };
        high.excludes.extend(excludes(&wish.exclude));
        match low(&context.options, high, faults) {
            Err(faults) => failed(&faults),
            Ok(chunks) => run_chunks(act, wish, &chunks),
        }
    });
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => refused([format!("The master's settings of the state tree are not known: {error}")], 1),
    };
    drop(lock);
    Ok(outcome)
}

/// `state_queue` of the configuration.
fn configured_queue(act: &Act) -> Result<Queue, CallError> {
    let opts = act.opts();
    let Some(value) = opts.get("state_queue") else { return Ok(Queue::Refuse) };
    Queue::from_value(value.clone())
        .map_err(|_| CallError::Failed(format!("state_queue of the configuration must be {}", Queue::KIND)))
}

/// `sync_mods=`: fetches modules that the tree brings.
fn sync_modules(act: &Act, kinds: &Value) -> Result<(), CallError> {
    let kinds = match kinds {
        Value::Bool(true) => vec!["all".to_owned()],
        other => sls_names(other),
    };
    for kind in kinds {
        let function = format!("saltutil.sync_{kind}");
        if act.functions().find(&function).is_err() {
            return Err(CallError::Failed(format!("sync_mods: there is no kind of modules '{kind}'")));
        }
        act.run(&function, Arguments::default())?;
    }
    Ok(())
}

/// The texts of faults as the return, the faults themselves as diagnostics.
pub fn failed(faults: &[Fault]) -> Outcome {
    let diagnostics = faults.iter().map(|fault| fault.diagnostic.clone()).collect();
    Outcome { value: first_texts(faults), retcode: 1, diagnostics }
}

/// Runs chunks and shapes the return.
pub fn run_chunks(act: &Act, wish: &Wish, chunks: &[Chunk]) -> Outcome {
    let opts = act.opts();
    let flag = |key: &str| opts.get(key).is_some_and(Value::truthy);
    let options = RunOptions {
        test: wish.test.unwrap_or_else(|| flag("test")),
        failhard: flag("failhard"),
        only: wish.only.clone(),
        ..RunOptions::default()
    };
    let mut report = if wish.mock {
        run(&MockRunner, chunks, &options)
    } else {
        run(&MinionRunner::new(act, chunks, wish.pillar(act)), chunks, &options)
    };
    // Where nothing changed there is nothing to wait for: a sync takes along what all others wrote.
    if !options.test && report.results.iter().any(|result| !result.outcome.changes.is_empty()) {
        sync_files(act);
    }
    // Chunks that were refused or skipped are told with a time, too: outputs and tools expect one on every chunk.
    for result in report.results.iter_mut().filter(|result| !result.outcome.extra.contains("duration")) {
        result.outcome.extra.insert("start_time", jiff::Zoned::now().strftime("%H:%M:%S.%6f").to_string());
        result.outcome.extra.insert("duration", 0.0);
    }
    Outcome { value: report.to_value(), retcode: report.retcode(), diagnostics: report.faults() }
}

/// Lets `with` compile: with the tree, facts and settings of this minion. How the tree is laid out, its master says.
pub fn with_context<T>(
    look: &Look,
    saltenv: Option<&str>,
    with: impl FnOnce(&Context<'_>) -> T,
) -> Result<T, FileError> {
    let files: Arc<dyn FileSource> = look.file_source();
    let mut opts = (*look.opts()).clone();
    opts.extend(files.options()?);
    let mut options = Options::from_opts(&opts);
    if let Some(saltenv) = saltenv {
        options.saltenv = Some(saltenv.to_owned());
    }
    let renderer = look.renderer().clone();
    let context = Context::new(&renderer, &*files, Arc::new(look.clone()) as Arc<dyn Facts>, options);
    Ok(with(&context))
}

/// The pillar of this run. Without a valid one nothing may run.
fn fetch_pillar(act: &Act, wish: &Wish) -> Result<(), Outcome> {
    match renew_pillar(act, &wish.pillar(act)) {
        Ok(()) => Ok(()),
        Err(error) => {
            let error = error.to_string();
            let lines = ["Pillar failed to render with the following messages:"].into_iter().chain(error.lines());
            Err(refused(lines, 1))
        }
    }
}

/// `exclude=`: SLS names by text, or a list of `{sls: …}` and `{id: …}`.
fn excludes(exclude: &Value) -> Vec<Exclude> {
    match exclude {
        Value::Str(_) => sls_names(exclude).into_iter().map(Exclude::Sls).collect(),
        Value::List(items) => items
            .iter()
            .flat_map(|item| match item {
                Value::Map(map) => map
                    .iter()
                    .filter_map(|(kind, name)| match (kind.as_str()?, name.as_str()?) {
                        ("id", name) => Some(Exclude::Id(name.to_owned())),
                        ("sls", name) => Some(Exclude::Sls(name.to_owned())),
                        _ => None,
                    })
                    .collect::<Vec<_>>(),
                other => excludes(other),
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// What states wrote is on disk before the run is reported: one sync of the root file system.
fn sync_files(act: &Act) {
    if let Ok(folder) = std::fs::File::open("/")
        && let Err(error) = rustix::fs::syncfs(&folder)
    {
        tracing::warn!(minion = act.id(), %error, "file system could not be synced after a state run");
    }
}
