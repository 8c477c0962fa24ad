//! The queue of `at`: what waits in it, what is added and removed.

use std::ffi::OsStr;
use std::path::Path;

use fleet_common::call::CallError;
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};
use jiff::civil::DateTime;

use crate::cx::Act;
use crate::modules::tool;
use crate::system::command::{Command, CommandError, RunAs};

/// What names a job, in its first line. It is the reference's, so jobs it made are found by their tags.
const TAG: &str = "### SALT: ";

/// A job that waits or runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub number: u64,
    /// When it runs.
    pub when: DateTime,
    /// The letter of its queue; `=` while it runs.
    pub queue: String,
    /// Whose it is.
    pub user: String,
    /// What it is found by, or empty.
    pub tag: String,
}

impl Job {
    /// The job as answers and changes show it; one that is only planned has no number.
    pub fn shown(&self, numbered: bool) -> Map {
        let mut map = Map::new();
        if numbered {
            map.insert("job", i64::try_from(self.number).unwrap_or(i64::MAX));
        }
        map.insert("date", self.when.strftime("%Y-%m-%d").to_string());
        map.insert("time", self.when.strftime("%H:%M:%S").to_string());
        map.insert("queue", self.queue.as_str());
        map.insert("user", self.user.as_str());
        map.insert("tag", self.tag.as_str());
        map
    }

    /// A line of the queue: number, date, queue and user.
    fn read(line: &str) -> Option<Self> {
        let (number, rest) = line.split_once('\t')?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        let [_, month, day, clock, year, queue, user] = words[..] else { return None };
        let when = moment(&format!("{month} {day} {clock} {year}"))?;
        let number = number.trim().parse().ok()?;
        Some(Self { number, when, queue: queue.to_owned(), user: user.to_owned(), tag: String::new() })
    }
}

/// A date as the program prints it, without the day of the week.
fn moment(text: &str) -> Option<DateTime> {
    DateTime::strptime("%b %d %H:%M:%S %Y", text).ok()
}

/// All jobs that we may see, by number.
pub fn jobs() -> Result<Vec<Job>, CallError> {
    let listed = tool::output(&["at", "-l"])?;
    let mut jobs: Vec<Job> = listed.lines().filter_map(Job::read).collect();
    for job in &mut jobs {
        // A job that ended meanwhile has no script any more.
        let script = tool::run(&["at", "-c", &job.number.to_string()])?;
        job.tag = script.out().lines().find_map(|line| line.strip_prefix(TAG)).unwrap_or_default().to_owned();
    }
    jobs.sort_by_key(|job| job.number);
    Ok(jobs)
}

/// Removes jobs; each number is a word of its own for the program.
pub fn remove(_act: &Act, jobs: &[Job]) -> Result<(), CallError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let numbers: Vec<String> = jobs.iter().map(|job| job.number.to_string()).collect();
    let words: Vec<&str> = ["at", "-d"].into_iter().chain(numbers.iter().map(String::as_str)).collect();
    tool::output(&words).map(drop)
}

/// A job to be added.
#[derive(Debug, Clone)]
pub struct Order {
    /// When it is to run, in the words of the program.
    pub timespec: String,
    /// The lines for `/bin/sh`.
    pub command: String,
    /// What it is found by.
    pub tag: Option<String>,
    /// Whose job it is; none is our own.
    pub user: Option<String>,
}

impl Order {
    /// An order whose time and tag are as typed.
    pub fn new(
        timespec: &Value,
        command: String,
        tag: Option<String>,
        user: Option<String>,
    ) -> Result<Self, CallError> {
        if matches!(timespec, Value::Int(_) | Value::Float(_)) {
            // YAML reads 22:02 as the number 1322, which is a time of day as well, but another one.
            let text = "timespec is a text, and a time such as 22:02 is a number unless it stands in quotes";
            return Err(CallError::Invocation(format!("{text}: not {}", str_(timespec))));
        }
        let timespec = tool::one_line("timespec", &str_(timespec))?.to_owned();
        if let Some(tag) = tag.as_deref() {
            tool::one_line("tag", tag)?;
        }
        Ok(Self { timespec, command, tag: tag.map(|tag| tag.trim().to_owned()), user })
    }

    /// A command of the program's, as whose job it is to be, with what a login sets and nothing else of ours:
    /// `at` writes the whole environment into the job.
    fn program(&self, words: &[&str]) -> Result<Command, CallError> {
        let root = rustix::process::geteuid().is_root().then_some("root");
        let command = tool::command(words)?.umask(0o022);
        let Some(name) = self.user.as_deref().or(root) else { return Ok(command) };
        let identity = RunAs::account(name).map_err(|error| CallError::Failed(error.to_string()))?;
        let home = if identity.home.is_dir() { identity.home.clone() } else { Path::new("/").to_owned() };
        // The program's own messages are not translated: the job need not speak the C locale.
        let path = std::env::var_os("PATH");
        let command = ["LC_ALL", "LANG", "LANGUAGE"].iter().fold(command, |command, name| command.env(name, None));
        let command = command.clean_env().env("PATH", path.as_deref().map(OsStr::new));
        Ok(command.cwd(home).run_as(identity))
    }

    /// The job that will be there, or why there can be none: the program reads the time, and may write no file while it
    /// does.
    pub fn planned(&self) -> Result<Job, CallError> {
        tool::command(&["at"])?;
        let words = ["prlimit", "--fsize=0", "at", "-v", "--", &self.timespec];
        let failed = |error: CommandError| CallError::Failed(error.to_string());
        let finished = self.program(&words)?.run_to_any_end().map_err(failed)?;
        // It ends by the signal of its first write, after it has told the time.
        let signal = -finished.status;
        if signal > 0 && signal != Signal::XFSZ.as_raw() {
            return Err(failed(CommandError::Killed { program: "at".to_owned(), signal }));
        }
        let said = finished.err();
        let first = said.lines().next().unwrap_or_default();
        let when = first.split_once(' ').and_then(|(_, date)| moment(date)).ok_or_else(|| self.refused(&said))?;
        Ok(self.job(0, when))
    }

    fn job(&self, number: u64, when: DateTime) -> Job {
        let own = || std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
        let tag = self.tag.clone().unwrap_or_default();
        Job { number, when, queue: "a".to_owned(), user: self.user.clone().unwrap_or_else(own), tag }
    }

    fn refused(&self, said: &str) -> CallError {
        let why = said.trim_end().replace('\n', "; ");
        match why.contains("Garbled time") || why.contains("syntax error") {
            true => CallError::Failed(format!("invalid timespec '{}': {why}", self.timespec)),
            false => CallError::Failed(format!("at: {why}")),
        }
    }
}

/// Adds a job.
pub fn add(_act: &Act, order: &Order) -> Result<Job, CallError> {
    let named = order.tag.as_ref().map(|tag| format!("{TAG}{tag}\n")).unwrap_or_default();
    let command = order.program(&["at", "--", &order.timespec])?.stdin(format!("{named}{}", order.command));
    let finished = tool::finish(&command)?;
    let said = finished.err();
    let added = said.lines().find_map(|line| {
        let (number, date) = line.strip_prefix("job ")?.split_once(" at ")?;
        Some((number.parse().ok()?, moment(date.split_once(' ')?.1)?))
    });
    match added {
        Some((number, when)) if finished.status == 0 => Ok(order.job(number, when)),
        _ => Err(order.refused(&said)),
    }
}
use rustix::process::Signal;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_queue_are_read() {
        let job = Job::read("15\tThu Dec  3 01:05:00 2026 = uucp").unwrap();
        assert_eq!((job.number, job.queue.as_str(), job.user.as_str()), (15, "=", "uucp"));
        assert_eq!(job.when.to_string(), "2026-12-03T01:05:00");
        assert_eq!(job.shown(false).get("time").unwrap().as_str(), Some("01:05:00"));
        assert_eq!(Job::read("15 Thu Dec  3 01:05:00 2026 a root"), None);
        assert_eq!(Job::read("x\tThu Dec  3 01:05:00 2026 a root"), None);
    }

    #[test]
    fn times_that_are_numbers_are_refused() {
        let order = |time: Value, tag: &str| Order::new(&time, "true".to_owned(), Some(tag.to_owned()), None);
        assert!(order(1322.into(), "t").unwrap_err().to_string().contains("stands in quotes: not 1322"));
        assert!(order("now".into(), "a\nrm").unwrap_err().to_string().contains("tag is one line"));
        assert_eq!(order("now".into(), " two words ").unwrap().tag.as_deref(), Some("two words"));
    }
}
