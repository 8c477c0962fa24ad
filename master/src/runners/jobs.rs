//! `jobs.*`: what was asked of minions, and what became of it. Answered from the master's ledger and store.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::ids::Jid;
use fleet_common::proto::api::{Standing, TargetState};
use fleet_common::proto::job::Target;
use fleet_common::target::glob;
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::context::{Context, Module, reads, refuse};
use crate::api::JobView;
use crate::store::{JobSummary, StoreError};

/// Most jobs that a list shows.
const MOST: usize = 10_000;
/// What the reference says of a jid nobody knows.
const UNKNOWN: &str = "Cannot contact returner or no job with this jid";

/// The module.
pub const MODULE: Module = Module {
    name: "jobs",
    doc: "What was asked of minions, and what became of it.",
    functions: &[
        reads("active", "Jobs that some minion still has to answer.", "jobs.active", Active::ROWS, active),
        reads(
            "list_jobs",
            "All jobs that are kept.",
            "jobs.list_jobs search_function='state.*'",
            List::ROWS,
            list_jobs,
        ),
        reads(
            "list_job",
            "A job with its returns and the ledger of its targets.",
            "jobs.list_job 20261120120000123000",
            One::ROWS,
            list_job,
        ),
        reads(
            "print_job",
            "A job with its returns and the ledger of its targets, under its id.",
            "jobs.print_job 20261120120000123000",
            One::ROWS,
            print_job,
        ),
        reads(
            "lookup_jid",
            "The returns of a job.",
            "jobs.lookup_jid 20261120120000123000 missing=True",
            Lookup::ROWS,
            lookup_jid,
        ),
        reads("last_run", "The newest job, as print_job.", "jobs.last_run function=test.ping", Last::ROWS, last_run),
        reads(
            "exit_success",
            "Whether each target of a job finished without a failure.",
            "jobs.exit_success 20261120120000123000",
            One::ROWS,
            exit_success,
        ),
        Function::changes(
            "cancel",
            "Ends a job's time: targets that have not started it do not start it any more.",
            "jobs.cancel 20261120120000123000",
            Cancel::ROWS,
            cancel,
        ),
    ],
};

args! {
    /// Arguments of `jobs.active`.
    pub struct Active {
        /// Taken for the reference's sake: nobody is asked.
        display_progress: bool = false,
    }
}

args! {
    /// Arguments of `jobs.list_jobs`.
    pub struct List {
        /// Another job cache; refused.
        ext_source: String = String::new(),
        /// An outputter; refused: `--out` names it.
        outputter: String = String::new(),
        /// Metadata of jobs; refused.
        search_metadata: Value = Value::Null,
        /// Only functions of these names or globs.
        search_function: Value = Value::Null,
        /// Only targets of these texts or globs.
        search_target: Value = Value::Null,
        /// Only jobs from this time on: `2026-11-20`, `2026-11-20 14:30`.
        start_time: Option<String> = None,
        /// Only jobs up to this time.
        end_time: Option<String> = None,
        /// Taken for the reference's sake.
        display_progress: bool = false,
    }
}

args! {
    /// Arguments of those that show one job.
    pub struct One {
        /// The job's id.
        jid: Value,
        /// Another job cache; refused.
        ext_source: String = String::new(),
        /// Taken for the reference's sake.
        display_progress: bool = false,
    }
}

args! {
    /// Arguments of `jobs.lookup_jid`.
    pub struct Lookup {
        /// The job's id.
        jid: Value,
        /// Another job cache; refused.
        ext_source: String = String::new(),
        /// Show those that returned.
        returned: bool = true,
        /// Show those that did not.
        missing: bool = false,
        /// Taken for the reference's sake.
        display_progress: bool = false,
    }
}

args! {
    /// Arguments of `jobs.last_run`.
    pub struct Last {
        /// Another job cache; refused.
        ext_source: String = String::new(),
        /// An outputter; refused: `--out` names it.
        outputter: String = String::new(),
        /// Metadata of the job; refused.
        metadata: Value = Value::Null,
        /// Only this function.
        function: Value = Value::Null,
        /// Only this target.
        target: Value = Value::Null,
        /// Taken for the reference's sake.
        display_progress: bool = false,
    }
}

args! {
    /// Arguments of `jobs.cancel`.
    pub struct Cancel {
        /// The job's id.
        jid: Value,
    }
}

fn failed(error: StoreError) -> CallError {
    CallError::Failed(error.to_string())
}

/// A job's id as typed: twenty digits are a number to YAML.
fn parsed(jid: &Value) -> Result<Jid, CallError> {
    str_(jid).parse().map_err(|error| CallError::Invocation(format!("{error}")))
}

fn found(
    context: &Context,
    function: &str,
    jid: &Value,
    ext_source: &str,
) -> Result<(Jid, Option<JobView>), CallError> {
    refuse(function, "ext_source", !ext_source.is_empty())?;
    let jid = parsed(jid)?;
    let view = context.wait(context.api.view(&jid)).map_err(failed)?;
    Ok((jid, view))
}

/// `2026, Nov 20 12:00:00.123000`: when the job arrived.
fn time(created: u64) -> String {
    let time = i64::try_from(created).ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    time.map(|time| time.strftime("%Y, %b %d %H:%M:%S%.6f").to_string()).unwrap_or_default()
}

fn head(fun: &str, arg: &[Value], target: &Target, user: &str, created: u64) -> Map {
    let mut head = Map::new();
    head.insert("Function", fun);
    head.insert("Arguments", arg.iter().cloned().collect::<Value>());
    head.insert("Target", target.expr.as_str());
    head.insert("Target-type", target.kind.name());
    head.insert("User", user);
    head.insert("StartTime", time(created));
    head
}

fn summary(job: &JobSummary) -> Map {
    head(&job.fun, &job.arg, &job.target, &job.user, job.created)
}

fn described(view: &JobView) -> Map {
    let JobView { job: row, returns, targets } = view;
    let mut all = head(row.job.fun.as_str(), &row.job.arg, &row.target, &row.job.user, row.created);
    all.insert("Minions", row.expected.iter().map(|id| Value::from(id.as_str())).collect::<Value>());
    let results = returns.iter().map(|ret| {
        let mut one = Map::from_iter([("return", ret.ret.clone())]);
        one.insert("retcode", i64::from(ret.retcode));
        one.insert("success", ret.success);
        if let Some(out) = &ret.out {
            one.insert("out", out.as_str());
        }
        (ret.id.as_str().to_owned(), one)
    });
    all.insert("Result", results.collect::<Map>());
    all.insert("Ledger", targets.iter().map(|target| (target.id.as_str().to_owned(), ledger(target))).collect::<Map>());
    all
}

/// How one target stands, since when, why, and its way.
fn ledger(target: &TargetState) -> Map {
    let mut one = Map::from_iter([("state", Value::from(target.state.name()))]);
    if let Some(reason) = &target.reason {
        one.insert("reason", reason.as_str());
    }
    let steps = target.steps.iter().map(|step| Value::Map(Map::from_iter([(step.state.name(), time(step.at))])));
    one.insert("steps", steps.collect::<Value>());
    one
}

fn active(context: &Context, arguments: Arguments) -> CallResult {
    Active::bind("jobs.active", arguments)?;
    let mut all = Map::new();
    for job in context.api.desk.jobs.all() {
        let mut one = head(job.job.fun.as_str(), &job.job.arg, &job.job.target, &job.job.user, job.created);
        let mut open = job.open();
        open.sort_by(|a, b| a.0.cmp(&b.0));
        let state = |id: &str, state: Standing| Value::Map(Map::from_iter([(id, state.name())]));
        one.insert("Running", open.iter().map(|(id, open)| state(id.as_str(), open.state)).collect::<Value>());
        let returned = context.wait(context.api.store.returned(job.job.jid.clone())).map_err(failed)?;
        one.insert("Returned", returned.iter().map(|id| Value::from(id.as_str())).collect::<Value>());
        all.insert(job.job.jid.as_str(), one);
    }
    Ok(all.into())
}

/// The texts or globs of a search; none: everything is found.
fn wanted(search: &Value) -> Option<Vec<String>> {
    match search {
        Value::Null => None,
        Value::List(items) => Some(items.iter().map(str_).collect()),
        one => Some(vec![str_(one)]),
    }
}

fn matches(search: Option<&Vec<String>>, text: &str) -> bool {
    search.is_none_or(|globs| globs.iter().any(|pattern| glob::matches(pattern, text)))
}

fn list_jobs(context: &Context, arguments: Arguments) -> CallResult {
    let given = List::bind("jobs.list_jobs", arguments)?;
    refuse("jobs.list_jobs", "ext_source", !given.ext_source.is_empty())?;
    refuse("jobs.list_jobs", "outputter", !given.outputter.is_empty())?;
    refuse("jobs.list_jobs", "search_metadata", given.search_metadata != Value::Null)?;
    let (functions, targets) = (wanted(&given.search_function), wanted(&given.search_target));
    let from = given.start_time.as_deref().map(moment).transpose()?;
    let to = given.end_time.as_deref().map(moment).transpose()?;
    let mut jobs = context.wait(context.api.store.jobs(MOST)).map_err(failed)?;
    if jobs.len() == MOST {
        context.note(format!("only the newest {MOST} jobs are listed"));
    }
    jobs.retain(|job| {
        matches(functions.as_ref(), &job.fun)
            && matches(targets.as_ref(), &job.target.expr)
            && from.is_none_or(|from| job.created >= from)
            && to.is_none_or(|to| job.created <= to)
    });
    jobs.sort_by(|a, b| a.jid.cmp(&b.jid));
    Ok(jobs.iter().map(|job| (job.jid.as_str().to_owned(), summary(job))).collect::<Map>().into())
}

/// A time as typed, in milliseconds since 1970; a day alone begins at midnight.
fn moment(text: &str) -> Result<u64, CallError> {
    let time: Result<jiff::civil::DateTime, _> = text.trim().replace(", ", "-").parse();
    let zoned = time.and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC));
    let millisecond = zoned.ok().and_then(|zoned| u64::try_from(zoned.timestamp().as_millisecond()).ok());
    millisecond.ok_or_else(|| {
        CallError::Invocation(format!("'{text}' is not a time: 2026-11-20 or 2026-11-20 14:30 is expected"))
    })
}

fn list_job(context: &Context, arguments: Arguments) -> CallResult {
    let one = One::bind("jobs.list_job", arguments)?;
    let (jid, view) = found(context, "jobs.list_job", &one.jid, &one.ext_source)?;
    let mut all = Map::from_iter([("jid", jid.as_str())]);
    all.extend(view.map_or_else(|| Map::from_iter([("Error", UNKNOWN)]), |view| described(&view)));
    Ok(all.into())
}

fn print_job(context: &Context, arguments: Arguments) -> CallResult {
    let one = One::bind("jobs.print_job", arguments)?;
    let (jid, view) = found(context, "jobs.print_job", &one.jid, &one.ext_source)?;
    let described = view.map_or_else(|| Map::from_iter([("Error", UNKNOWN)]), |view| described(&view));
    Ok(Map::from_iter([(jid.as_str(), described)]).into())
}

fn lookup_jid(context: &Context, arguments: Arguments) -> CallResult {
    let wanted = Lookup::bind("jobs.lookup_jid", arguments)?;
    let (jid, view) = found(context, "jobs.lookup_jid", &wanted.jid, &wanted.ext_source)?;
    let Some(view) = view else {
        context.note(format!("there is no job {jid}"));
        return Ok(Map::new().into());
    };
    let mut all = Map::new();
    if wanted.returned {
        all.extend(view.returns.iter().map(|ret| (Value::from(ret.id.as_str()), ret.ret.clone())));
    }
    let answered = |target: &&TargetState| view.returns.binary_search_by(|ret| ret.id.cmp(&target.id)).is_ok();
    for target in view.targets.iter().filter(|target| !answered(target)) {
        if wanted.missing {
            all.insert(target.id.as_str(), "Minion did not return");
        }
        let reason = target.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        context.note(format!("{}: {}{reason}", target.id, target.state.name()));
    }
    match view.returns.first().and_then(|ret| ret.out.as_deref()) {
        Some(out) => Ok(Map::from_iter([("outputter", Value::from(out)), ("data", Value::Map(all))]).into()),
        None => Ok(all.into()),
    }
}

fn last_run(context: &Context, arguments: Arguments) -> CallResult {
    let last = Last::bind("jobs.last_run", arguments)?;
    refuse("jobs.last_run", "ext_source", !last.ext_source.is_empty())?;
    refuse("jobs.last_run", "outputter", !last.outputter.is_empty())?;
    refuse("jobs.last_run", "metadata", last.metadata != Value::Null)?;
    let (functions, targets) = (wanted(&last.function), wanted(&last.target));
    let mut jobs = context.wait(context.api.store.jobs(MOST)).map_err(failed)?;
    jobs.retain(|job| matches(functions.as_ref(), &job.fun) && matches(targets.as_ref(), &job.target.expr));
    let Some(newest) = jobs.into_iter().max_by(|a, b| a.jid.cmp(&b.jid)) else {
        context.note("no such job is kept");
        return Ok(Value::Bool(false).into());
    };
    let view = context.wait(context.api.view(&newest.jid)).map_err(failed)?;
    let described = view.map_or_else(|| summary(&newest), |view| described(&view));
    Ok(Map::from_iter([(newest.jid.as_str(), described)]).into())
}

fn exit_success(context: &Context, arguments: Arguments) -> CallResult {
    let one = One::bind("jobs.exit_success", arguments)?;
    let (jid, view) = found(context, "jobs.exit_success", &one.jid, &one.ext_source)?;
    if view.is_none() {
        context.note(format!("there is no job {jid}"));
    }
    let targets = view.into_iter().flat_map(|view| view.targets);
    let finished = targets.map(|target| (target.id.as_str().to_owned(), target.state == Standing::Finished));
    Ok(finished.collect::<Map>().into())
}

fn cancel(context: &Context, arguments: Arguments) -> CallResult {
    let jid = parsed(&Cancel::bind("jobs.cancel", arguments)?.jid)?;
    let cancelled = context.wait(context.api.desk.cancel(&jid, &context.caller)).map_err(failed)?;
    let Some(cancelled) = cancelled else { return Err(CallError::Failed(format!("there is no job {jid}"))) };
    if !cancelled.under_way.is_empty() {
        context.note(format!(
            "{} minions have it already or may have it; what runs there is ended by: saltctl TARGET saltutil.kill_job {jid}",
            cancelled.under_way.len()
        ));
    }
    let list = |ids: &[fleet_common::ids::MinionId]| ids.iter().map(|id| Value::from(id.as_str())).collect::<Value>();
    Ok(Map::from_iter([("cancelled", list(&cancelled.stopped)), ("under_way", list(&cancelled.under_way))]).into())
}
