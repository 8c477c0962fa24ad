//! `at.*`: commands that run once, at a time.

use fleet_common::args;
use fleet_common::call::{ArgError, Arguments};
use fleet_common::value::{Map, Value};

use super::{AnyState, Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::at::{Filter, Job, Order, add, jobs, remove};
use crate::system::user::Accounts;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "at",
    doc: "Commands that run once, at a time.",
    reacts: true,
    functions: &[
        StateFunction {
            name: "present",
            doc: "A job.\n\nIt is added each time, unless `unique_tag` says that one with the tag is enough.",
            example: "report: {at.present: [{job: /usr/local/bin/report}, {timespec: now + 1 day}, {tag: report}, {unique_tag: true}]}",
            args: Wanted::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present(Wanted::bind(f, a)?)))),
        },
        StateFunction {
            name: "watch",
            doc: "A job that is added when something it watches changed.",
            example: "restart: {at.watch: [{job: systemctl restart app}, {timespec: now + 1 min}, {tag: restart}, {unique_tag: true}]}",
            args: Wanted::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(OnWatch(Present(Wanted::bind(f, a)?))))),
        },
        StateFunction {
            name: "absent",
            doc: "No job with a number, or none that fits all that is given.\n\nWith nothing given no job at all.",
            example: "report: {at.absent: [{tag: report}, {day: 13}]}",
            args: Gone::ROWS,
            make: absent,
        },
    ],
};

args! {
    /// Arguments of `at.present` and `at.watch`.
    pub struct Wanted {
        /// The command, unless `job` is given.
        name: String,
        /// When, in the words of at(1).
        timespec: Value,
        /// What the job is found by.
        tag: Option<String> = None,
        /// Whose job it is.
        user: Option<String> = None,
        /// The command.
        job: Option<String> = None,
        /// Nothing is added when there is a job with the tag.
        unique_tag: bool = false,
    }
}

args! {
    /// Arguments of `at.absent`.
    pub struct Gone {
        /// What it is for; not used.
        name: String,
        /// The number of a job; all others are ignored then.
        jobid: Option<i64> = None,
        /// What jobs are found by.
        tag: Value = Value::Null,
        /// Whose they are.
        runas: Value = Value::Null,
        /// Hour of the day.
        hour: Value = Value::Null,
        /// Minute.
        minute: Value = Value::Null,
        /// Day of the month.
        day: Value = Value::Null,
        /// Month, 1 to 12.
        month: Value = Value::Null,
        /// Year: 26 or 2026.
        year: Value = Value::Null,
        /// Refused: jobs are chosen by what is given here.
        limit: Value = Value::Null,
    }
}

struct Present(Wanted);
struct OnWatch(Present);

struct Absent {
    jobid: Option<i64>,
    filter: Filter,
    refused: Option<String>,
}

fn absent(function: &str, arguments: Arguments) -> Result<Box<dyn AnyState>, ArgError> {
    let Gone { name, jobid, tag, runas, hour, minute, day, month, year, limit } = Gone::bind(function, arguments)?;
    let given = [
        ("tag", tag),
        ("runas", runas),
        ("hour", hour),
        ("minute", minute),
        ("day", day),
        ("month", month),
        ("year", year),
    ];
    let keyword: Map = given.into_iter().filter(|(_, value)| !value.is_null()).collect();
    let filter = Filter::bind(function, Arguments { keyword, ..Arguments::default() })?;
    let refused = (!limit.is_null()).then(|| format!("limit parameter not supported {name}"));
    Ok(Box::new(PlannedState(Absent { jobid, filter, refused })))
}

impl Present {
    fn added(&self, comment: &str, job: &Job, numbered: bool) -> Report {
        Report::new(comment).changes(job.shown(numbered))
    }

    fn comment(&self) -> String {
        let Wanted { name, timespec, user, job, .. } = &self.0;
        let user = user.as_ref().map(|user| format!("as {user} ")).unwrap_or_default();
        let timespec = fleet_common::value::python::str_(timespec);
        format!("job {} added and will run {user}on {timespec}", job.as_ref().unwrap_or(name))
    }

    fn planned(&self) -> Result<Plan<Order>, Failure> {
        let Wanted { name, timespec, tag, user, job, unique_tag } = &self.0;
        if let (true, None) = (unique_tag, tag) {
            return Err(Failure::new("no tag provided and unique_tag is set to True"));
        }
        let order = Order::new(timespec, job.as_ref().unwrap_or(name).clone(), tag.clone(), user.clone())?;
        if let Some(user) = user.as_ref().filter(|user| Accounts::system().account(user).is_none()) {
            return Err(Failure::new(format!("user {user} does not exists")));
        }
        let there = |tag: &String| jobs().map(|jobs| jobs.iter().any(|job| job.tag == *tag));
        if let (true, Some(tag)) = (unique_tag, &order.tag)
            && there(tag)?
        {
            return Ok(Plan::Nothing(Report::new(format!("atleast one job with tag {tag} exists."))));
        }
        let report = self.added(&self.comment(), &order.planned()?, false);
        Ok(Plan::Change { todo: order, would: report.clone(), did: report })
    }

    fn added_now(&self, act: &Act, order: &Order) -> Result<Applied, Failure> {
        // Only now the job has its number.
        Ok(Applied::Really(self.added(&self.comment(), &add(act, order)?, true)))
    }
}

impl State for Present {
    type Todo = Order;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Order>, Failure> {
        self.planned()
    }

    fn apply(&self, act: &Act, order: Order) -> Result<Applied, Failure> {
        self.added_now(act, &order)
    }
}

impl State for OnWatch {
    type Todo = Order;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Order>, Failure> {
        Ok(Plan::Nothing(Report::default()))
    }

    fn apply(&self, act: &Act, order: Order) -> Result<Applied, Failure> {
        self.0.added_now(act, &order)
    }

    fn on_watch(&self, _look: &Look) -> Option<Result<Plan<Order>, Failure>> {
        Some(self.0.planned())
    }
}

impl State for Absent {
    type Todo = Vec<Job>;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Vec<Job>>, Failure> {
        if let Some(refused) = &self.refused {
            return Err(Failure::new(refused.as_str()));
        }
        let meant = |job: &Job| match self.jobid {
            Some(number) => i64::try_from(job.number) == Ok(number),
            None => self.filter.fits(job),
        };
        let meant: Vec<Job> = jobs()?.into_iter().filter(meant).collect();
        let text = format!("removed {} job(s)", meant.len());
        match (meant.is_empty(), self.jobid) {
            (true, Some(number)) => Ok(Plan::Nothing(Report::new(format!("job with id {number} not present")))),
            (true, None) => Ok(Plan::Nothing(Report::new(text))),
            (false, _) => {
                let numbers: Value = meant.iter().map(|job| job.number.to_string()).collect();
                let report = Report::new(text).change("removed", numbers);
                Ok(Plan::Change { todo: meant, would: report.clone(), did: report })
            }
        }
    }

    fn apply(&self, act: &Act, meant: Vec<Job>) -> Result<Applied, Failure> {
        remove(act, &meant)?;
        Ok(Applied::AsPlanned)
    }
}
