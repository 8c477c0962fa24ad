//! The functions of `at.*`.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use super::{Job, Order, add, jobs, remove};
use crate::cx::{Act, Look, Module};
use crate::modules::tool;

/// The module.
pub const MODULE: Module = Module {
    name: "at",
    doc: "Commands that run once, at a time.",
    functions: &[
        Function::changes(
            "at",
            "Adds a job; the time is in the words of at(1).",
            "at.at '3:05am +3 days' /usr/local/bin/report tag=nightly runas=jim",
            Add::ROWS,
            |act, arguments| {
                let args = Add::bind("at.at", arguments)?;
                let order = Order::new(&args.timespec, args.cmd, args.tag, args.runas)?;
                Ok(shown(&[add(act, &order)?]).into())
            },
        ),
        Function::reads(
            "atq",
            "The jobs, or those with a tag or number.",
            "at.atq nightly",
            Tag::ROWS,
            |_, arguments| {
                let tag = Tag::bind("at.atq", arguments)?.tag;
                let meant =
                    |job: &Job| tag.as_ref().is_none_or(|tag| job.tag == *tag || job.number.to_string() == *tag);
                Ok(shown(&jobs()?.into_iter().filter(meant).collect::<Vec<_>>()).into())
            },
        ),
        Function::reads("atc", "The script of a job.", "at.atc 7", Number::ROWS, atc),
        Function::changes(
            "atrm",
            "Removes jobs by their numbers, all jobs, or all with a tag.",
            "at.atrm all nightly",
            Remove::ROWS,
            atrm,
        ),
        Function::reads(
            "jobcheck",
            "The jobs at a time, of a user, with a tag.",
            "at.jobcheck runas=jim day=13 tag=nightly",
            Filter::ROWS,
            |_, arguments| {
                let filter = Filter::bind("at.jobcheck", arguments)?;
                let found: Vec<Job> = jobs()?.into_iter().filter(|job| filter.fits(job)).collect();
                let mut answer = shown(&found);
                if found.is_empty() {
                    answer.insert("note", "No match jobs or time format error");
                }
                Ok(answer.into())
            },
        ),
    ],
};

args! {
    /// Arguments of `at.at`.
    pub struct Add {
        /// When: `now + 3 days`, `'22:02'`, `9:09 11/09/30`.
        timespec: Value,
        /// The lines for `/bin/sh`.
        cmd: String,
        /// What the job is found by.
        tag: Option<String> = None,
        /// Whose job it is.
        runas: Option<String> = None,
    }
}

args! {
    /// Arguments of `at.atq`.
    pub struct Tag {
        /// A tag, or the number of a job.
        tag: Option<String> = None,
    }
}

args! {
    /// Arguments of `at.atc`.
    pub struct Number {
        /// The number of a job.
        jobid: i64,
    }
}

args! {
    /// Arguments of `at.atrm`.
    pub struct Remove {
        /// Numbers of jobs, or `all`, or `all` and a tag.
        *jobs: Vec<String>,
    }
}

args! {
    /// Which jobs: those that fit all that is given.
    pub struct Filter {
        /// Hour of the day.
        hour: Option<i64> = None,
        /// Minute.
        minute: Option<i64> = None,
        /// Day of the month.
        day: Option<i64> = None,
        /// Month, 1 to 12.
        month: Option<i64> = None,
        /// Year: 26 or 2026.
        year: Option<i64> = None,
        /// What they are found by.
        tag: Option<String> = None,
        /// Whose they are.
        runas: Option<String> = None,
    }
}

impl Filter {
    /// True for a job that is meant.
    pub fn fits(&self, job: &Job) -> bool {
        let when = job.when;
        let year = i64::from(when.year());
        let same = |asked: Option<i64>, is: i8| asked.is_none_or(|asked| asked == i64::from(is));
        same(self.hour, when.hour())
            && same(self.minute, when.minute())
            && same(self.day, when.day())
            && same(self.month, when.month())
            && self.year.is_none_or(|asked| asked == year || asked == year % 100)
            && self.tag.as_ref().is_none_or(|tag| *tag == job.tag)
            && self.runas.as_ref().is_none_or(|user| *user == job.user)
    }
}

fn shown(jobs: &[Job]) -> Map {
    Map::from_iter([("jobs", jobs.iter().map(|job| Value::Map(job.shown(true))).collect::<Value>())])
}

fn atc(_: &Look, arguments: Arguments) -> CallResult {
    let number = Number::bind("at.atc", arguments)?.jobid;
    let finished = tool::run(&["at", "-c", "--", &number.to_string()])?;
    if finished.status != 0 {
        return Err(CallError::Failed(format!("invalid job id '{number}': {}", finished.said())));
    }
    Ok(finished.out().into())
}

fn atrm(act: &Act, arguments: Arguments) -> CallResult {
    let words = Remove::bind("at.atrm", arguments)?.jobs;
    let all = jobs()?;
    let (meant, tag): (Vec<Job>, Option<&str>) = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["all"] => (all, None),
        ["all", tag] => (all.into_iter().filter(|job| job.tag == tag).collect(), Some(tag)),
        ref numbers => {
            let read = |word: &&str| {
                let told =
                    || CallError::Invocation(format!("numbers of jobs, 'all', or 'all' and a tag: not '{word}'"));
                word.parse::<u64>().map_err(|_| told())
            };
            let numbers = numbers.iter().map(read).collect::<Result<Vec<u64>, _>>()?;
            (all.into_iter().filter(|job| numbers.contains(&job.number)).collect(), None)
        }
    };
    remove(act, &meant)?;
    let removed: Value = meant.iter().map(|job| job.number.to_string()).collect();
    let told = Map::from_iter([("removed", removed), ("tag", tag.map_or(Value::Null, Value::from))]);
    Ok(Map::from_iter([("jobs", told)]).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_takes_years_of_two_digits() {
        let when = jiff::civil::date(2026, 12, 3).at(1, 5, 0, 0);
        let job = Job { number: 1, when, queue: "a".to_owned(), user: "root".to_owned(), tag: "rose".to_owned() };
        let fits =
            |name: &str, value: Value| Filter::bind("f", Arguments::default().with(name, value)).unwrap().fits(&job);
        assert!(fits("year", 26.into()) && fits("year", 2026.into()) && fits("day", "03".into()));
        assert!(fits("tag", "rose".into()) && fits("minute", 5.into()));
        assert!(!fits("year", 20.into()) && !fits("runas", "jim".into()) && !fits("month", 1.into()));
        assert_eq!(job.shown(true).get("job"), Some(&Value::from(1)));
    }
}
