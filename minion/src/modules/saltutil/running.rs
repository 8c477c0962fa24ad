//! `saltutil.*`: running jobs, refreshed data, modules of the tree.

use std::io::Write;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::ids::Jid;
use fleet_common::target::glob;
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look, Module, RunningJob};
use crate::files::below::Below;
use crate::pillar::Wanted;
use crate::system::fs;

/// The module.
pub const MODULE: Module = Module {
    name: "saltutil",
    doc: super::DOC,
    functions: &[
        Function::reads("running", "The jobs that run or wait now.", "saltutil.running", Nothing::ROWS, running)
            .quick(),
        Function::reads(
            "is_running",
            "The running jobs whose function matches a pattern.",
            "saltutil.is_running 'state.*'",
            Fun::ROWS,
            is_running,
        )
        .quick(),
        Function::reads(
            "find_job",
            "The running job of an id; empty when it does not run.",
            "saltutil.find_job 20240115103000123456",
            Job::ROWS,
            find_job,
        )
        .quick(),
        Function::changes(
            "signal_job",
            "Sends a signal to a job and all it started.",
            "saltutil.signal_job 20240115103000123456 15",
            Signal::ROWS,
            |act, arguments| {
                let args = Signal::bind("saltutil.signal_job", arguments)?;
                signal(act, &args.jid, args.sig)
            },
        )
        .quick(),
        Function::changes(
            "term_job",
            "Asks a job and all it started to end.",
            "saltutil.term_job 20240115103000123456",
            Job::ROWS,
            |act, arguments| signal(act, &Job::bind("saltutil.term_job", arguments)?.jid, 15),
        )
        .quick(),
        Function::changes(
            "kill_job",
            "Ends a job and all it started at once.",
            "saltutil.kill_job 20240115103000123456",
            Job::ROWS,
            |act, arguments| signal(act, &Job::bind("saltutil.kill_job", arguments)?.jid, 9),
        )
        .quick(),
        Function::changes(
            "term_all_jobs",
            "Asks all jobs but this one to end.",
            "saltutil.term_all_jobs",
            Nothing::ROWS,
            |act, arguments| {
                Nothing::bind("saltutil.term_all_jobs", arguments)?;
                signal_all(act, 15)
            },
        )
        .quick(),
        Function::changes(
            "kill_all_jobs",
            "Ends all jobs but this one at once.",
            "saltutil.kill_all_jobs",
            Nothing::ROWS,
            |act, arguments| {
                Nothing::bind("saltutil.kill_all_jobs", arguments)?;
                signal_all(act, 9)
            },
        )
        .quick(),
        Function::changes(
            "refresh_grains",
            "Collects the grains again.",
            "saltutil.refresh_grains",
            Refresh::ROWS,
            refresh_grains,
        ),
        Function::changes(
            "refresh_pillar",
            "Compiles the pillar again.",
            "saltutil.refresh_pillar",
            Refresh::ROWS,
            |act, arguments| refresh_pillar(act, Refresh::bind("saltutil.refresh_pillar", arguments)?),
        ),
        Function::changes(
            "pillar_refresh",
            "The same as refresh_pillar.",
            "saltutil.pillar_refresh",
            Refresh::ROWS,
            |act, arguments| refresh_pillar(act, Refresh::bind("saltutil.pillar_refresh", arguments)?),
        ),
        Function::changes(
            "refresh_modules",
            "Does nothing: modules are found when they are called.",
            "saltutil.refresh_modules",
            Refresh::ROWS,
            |_, arguments| {
                Refresh::bind("saltutil.refresh_modules", arguments)?;
                Ok(true.into())
            },
        ),
        Function::changes(
            "sync_all",
            "Fetches all kinds of modules that the tree brings; returns what changed.",
            "saltutil.sync_all",
            Sync::ROWS,
            sync_all,
        ),
        Function::changes(
            "sync_modules",
            "Fetches execution modules from _modules.",
            "saltutil.sync_modules",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "modules", arguments),
        ),
        Function::changes(
            "sync_states",
            "Fetches state modules from _states.",
            "saltutil.sync_states",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "states", arguments),
        ),
        Function::changes(
            "sync_grains",
            "Fetches grain modules from _grains.",
            "saltutil.sync_grains",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "grains", arguments),
        ),
        Function::changes(
            "sync_renderers",
            "Fetches renderers from _renderers.",
            "saltutil.sync_renderers",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "renderers", arguments),
        ),
        Function::changes(
            "sync_returners",
            "Fetches returners from _returners.",
            "saltutil.sync_returners",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "returners", arguments),
        ),
        Function::changes(
            "sync_output",
            "Fetches outputters from _output.",
            "saltutil.sync_output",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "output", arguments),
        ),
        Function::changes(
            "sync_outputters",
            "The same as sync_output.",
            "saltutil.sync_outputters",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "output", arguments),
        ),
        Function::changes(
            "sync_utils",
            "Fetches utility modules from _utils.",
            "saltutil.sync_utils",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "utils", arguments),
        ),
        Function::changes(
            "sync_beacons",
            "Fetches beacons from _beacons.",
            "saltutil.sync_beacons",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "beacons", arguments),
        ),
        Function::changes(
            "sync_matchers",
            "Fetches matchers from _matchers.",
            "saltutil.sync_matchers",
            Sync::ROWS,
            |act, arguments| sync_kind(act, "matchers", arguments),
        ),
    ],
};

/// Kinds of modules a tree may bring, in `_KIND` directories.
const KINDS: &[&str] = &[
    "beacons",
    "clouds",
    "engines",
    "executors",
    "grains",
    "log_handlers",
    "matchers",
    "modules",
    "output",
    "pillar",
    "proxymodules",
    "renderers",
    "returners",
    "sdb",
    "serializers",
    "states",
    "thorium",
    "tops",
    "utils",
    "wrapper",
];

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// Arguments of `saltutil.is_running`.
    pub struct Fun {
        /// A function, or a shell pattern.
        fun: String,
    }
}

args! {
    /// A job.
    pub struct Job {
        /// Its id.
        jid: Value,
    }
}

args! {
    /// Arguments of `saltutil.signal_job`.
    pub struct Signal {
        /// Id of the job.
        jid: Value,
        /// Number of the signal.
        sig: i64,
    }
}

args! {
    /// Arguments of the refresh functions; all are done before they answer.
    pub struct Refresh {
        /// Not used.
        saltenv: Option<String> = None,
        /// Not used: pillar is always compiled anew.
        clean_cache: bool = true,
        /// Compile the pillar, too.
        refresh_pillar: bool = true,
        /// Not used.
        async_: bool = true,
        /// Not used.
        clean_pillar_cache: bool = false,
        /// Not used.
        wait: bool = false,
        /// Not used.
        timeout: Option<f64> = None,
    }
}

args! {
    /// Arguments of the sync functions.
    pub struct Sync {
        /// Environments, separated by commas; all by default.
        saltenv: Option<String> = None,
        /// Use what was fetched at once.
        refresh: bool = true,
        /// Only these, separated by commas.
        extmod_whitelist: Option<String> = None,
        /// Not these.
        extmod_blacklist: Option<String> = None,
    }
}

fn shown(job: &RunningJob) -> Value {
    Value::Map(Map::from_iter([
        ("jid", Value::from(job.jid.as_str())),
        ("fun", Value::from(job.fun.as_str())),
        ("arg", Value::List(job.arg.clone())),
        ("pid", Value::from(job.pid)),
        ("user", Value::from(job.user.as_str())),
        ("tgt", Value::from(job.target.as_str())),
        ("queued", Value::from(job.queued)),
    ]))
}

/// The jobs but the one that asks.
fn others(look: &Look) -> Vec<RunningJob> {
    look.daemon().running().into_iter().filter(|job| Some(&job.jid) != look.jid()).collect()
}

fn running(look: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("saltutil.running", arguments)?;
    Ok(others(look).iter().map(shown).collect::<Value>().into())
}

fn is_running(look: &Look, arguments: Arguments) -> CallResult {
    let pattern = Fun::bind("saltutil.is_running", arguments)?.fun;
    let jobs = others(look);
    Ok(jobs.iter().filter(|job| glob::matches(&pattern, &job.fun)).map(shown).collect::<Value>().into())
}

fn text(jid: &Value) -> String {
    fleet_common::value::python::str_(jid)
}

fn find_job(look: &Look, arguments: Arguments) -> CallResult {
    let jid = text(&Job::bind("saltutil.find_job", arguments)?.jid);
    let found = look.daemon().running().into_iter().find(|job| job.jid.as_str() == jid);
    Ok(found.map_or(Value::Map(Map::new()), |job| shown(&job)).into())
}

fn signal(act: &Act, jid: &Value, number: i64) -> CallResult {
    let wanted = text(jid);
    let number = i32::try_from(number).ok().filter(|number| (1..=64).contains(number));
    let number = number.ok_or_else(|| CallError::Invocation("a signal is a number from 1 to 64".to_owned()))?;
    let job = act.daemon().running().into_iter().find(|job| job.jid.as_str() == wanted);
    Ok(job.map_or(Value::from(""), |job| Value::from(send(act, &job.jid, job.pid, number))).into())
}

fn send(act: &Act, jid: &Jid, pid: u32, number: i32) -> String {
    if act.daemon().signal_job(jid, number) {
        format!("Signal {number} sent to job {jid} at pid {pid}")
    } else {
        format!("Job {jid} was not running and job data has been  cleaned up")
    }
}

fn signal_all(act: &Act, number: i32) -> CallResult {
    let sent = others(act).iter().map(|job| Value::from(send(act, &job.jid, job.pid, number))).collect::<Value>();
    Ok(sent.into())
}

fn refresh_grains(act: &Act, arguments: Arguments) -> CallResult {
    let args = Refresh::bind("saltutil.refresh_grains", arguments)?;
    act.set_grains(act.daemon().refresh_grains()?);
    if args.refresh_pillar {
        act.set_pillar(act.daemon().refresh_pillar(&Wanted::default())?);
    }
    Ok(true.into())
}

fn refresh_pillar(act: &Act, _: Refresh) -> CallResult {
    act.set_pillar(act.daemon().refresh_pillar(&Wanted::default())?);
    Ok(true.into())
}

fn sync_all(act: &Act, arguments: Arguments) -> CallResult {
    let args = Sync::bind("saltutil.sync_all", arguments)?;
    let mut synced = Map::new();
    for kind in KINDS {
        synced.insert(*kind, sync(act, kind, &args)?);
    }
    Ok(synced.into())
}

/// Fetches the modules of a kind.
pub(super) fn sync_kind(act: &Act, kind: &str, arguments: Arguments) -> CallResult {
    Ok(sync(act, kind, &Sync::bind(&format!("saltutil.sync_{kind}"), arguments)?)?.into())
}

/// Copies the files of `_KIND` to the cache and removes those that are no longer there; returns the changed modules.
fn sync(act: &Act, kind: &str, args: &Sync) -> Result<Value, CallError> {
    let failed = |why: String| CallError::Failed(why);
    let source = act.file_source();
    let environments = match &args.saltenv {
        Some(list) => list.split(',').map(|env| env.trim().to_owned()).collect(),
        None => source.environments().map_err(|error| failed(error.to_string()))?,
    };
    let listed = |list: &Option<String>, name: &str| {
        list.as_deref().is_some_and(|list| list.split(',').any(|entry| entry.trim() == name))
    };
    let target = act.cache_dir().join("extmods").join(kind);
    let prefix = format!("_{kind}/");
    let (mut changed, mut kept) = (Vec::new(), Vec::new());
    for environment in &environments {
        for path in source.list(environment, &prefix).map_err(|error| failed(error.to_string()))? {
            let Some(name) = path.strip_prefix(&prefix).filter(|name| !name.contains('/')) else { continue };
            let module = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            let excluded = listed(&args.extmod_blacklist, module);
            if excluded || (args.extmod_whitelist.is_some() && !listed(&args.extmod_whitelist, module)) {
                continue;
            }
            let content = source.read(environment, &path).map_err(|error| failed(error.to_string()))?;
            let Some(content) = content else { continue };
            kept.push(name.to_owned());
            if store(&Below::new(target.clone()), name, &content)? {
                changed.push(format!("{kind}.{module}"));
            }
        }
    }
    for entry in std::fs::read_dir(&target).into_iter().flatten().flatten() {
        let is_gone = entry.file_name().to_str().is_some_and(|name| !kept.iter().any(|kept| kept == name));
        if is_gone && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            std::fs::remove_file(entry.path()).map_err(|error| failed(fs::plain(&error)))?;
        }
    }
    Ok(Value::from(changed))
}

/// True if the file was not there or was another.
fn store(directory: &Below, name: &str, content: &[u8]) -> Result<bool, CallError> {
    let former = directory.open(name).and_then(|former| former.whole(64 << 20).ok());
    if former.is_some_and(|former| former == content) {
        return Ok(false);
    }
    let written = directory.write(name, |file| file.write_all(content));
    written.map(|_| true).map_err(|error| CallError::Failed(fs::plain(&error)))
}
