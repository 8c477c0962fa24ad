//! `http.*`: what a web server must answer.

use std::time::{Duration, Instant};

use fleet_common::args;
use fleet_common::call::{Arguments, CallError};
use fleet_common::value::{Map, Value, python::str_};
use regex::Regex;

use super::{Failure, OpaqueRun, OpaqueState, Report, StateFunction, StateModule, StateResult, Trigger};
use crate::cx::{Act, Look};
use crate::modules::http::{Query, patient, query};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "http",
    doc: "What a web server must answer.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "query",
            doc: "A request whose answer has this text or status.",
            example: "http://localhost/: {http.query: [{status: 200}]}",
            args: Asked::ROWS,
            make: |f, a| Ok(Box::new(OpaqueRun(Asked::bind(f, a)?))),
        },
        StateFunction {
            name: "wait_for_successful_query",
            doc: "A request, sent again until its answer has this text or status.",
            example: "http://localhost/: {http.wait_for_successful_query: [{wait_for: 60}, {status: 200}]}",
            args: Awaited::ROWS,
            make: |f, a| Ok(Box::new(OpaqueRun(Awaited::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `http.query`; the others are those of the function.
    pub struct Asked {
        /// The address.
        name: String,
        /// What the answer must contain.
        match_: Option<Value> = None,
        /// How `match` is meant: `string` or `pcre`.
        match_type: String = "string".to_owned(),
        /// The status: a number, a pattern, or a list.
        status: Option<Value> = None,
        /// How `status` is meant: `string`, `pcre` or `list`.
        status_type: String = "string".to_owned(),
        /// Seconds for which the request is sent again until it succeeds.
        wait_for: Option<f64> = None,
        /// Arguments of the function `http.query`.
        **others: Map,
    }
}

args! {
    /// Arguments of `http.wait_for_successful_query`; the others are those of `http.query`.
    pub struct Awaited {
        /// The address.
        name: String,
        /// Seconds until it is given up.
        wait_for: f64 = 300.0,
        /// Seconds between the requests.
        request_interval: f64 = 0.0,
        /// Arguments of the state `http.query`.
        **others: Map,
    }
}

impl Asked {
    fn check(&self, look: &Look, dry: bool) -> Result<StateResult, Failure> {
        if self.match_.is_none() && self.status.is_none() {
            return Err(Failure::new("Either match text (match) or a status code (status) is required."));
        }
        let mut keyword = self.others.clone();
        for (name, value) in [("url", Value::from(self.name.as_str())), ("text", true.into()), ("status", true.into())]
        {
            keyword.insert(name, value);
        }
        if dry {
            keyword.insert("test", true);
        }
        let interval = keyword.remove("request_interval").and_then(|seconds| seconds.as_float()).unwrap_or(0.0);
        let args = Query::bind("http.query", Arguments { positional: Vec::new(), keyword }).map_err(CallError::from)?;
        let answer = match self.wait_for.filter(|_| !dry) {
            Some(seconds) => patient(look, &args, seconds, interval)?,
            None => query(look, &args)?,
        };
        let (fits, mut comment) = self.compare(&answer)?;
        if let Some(error) = answer.get("error").filter(|_| !fits) {
            comment.push(format!("The request failed: {}", str_(error)));
        }
        if dry {
            comment.push("(TEST MODE)".to_owned());
        }
        Ok(StateResult::new((!dry).then_some(fits), Report::new(comment.join(" "))))
    }

    /// Whether the answer is as wanted, and sentences about it.
    fn compare(&self, answer: &Map) -> Result<(bool, Vec<String>), Failure> {
        let pattern = |text: &str| {
            let pattern = Regex::new(text);
            pattern.map_err(|error| Failure::from(CallError::Invocation(format!("'{text}' is not a pattern: {error}"))))
        };
        let said = |found: bool| if found { "was found." } else { "was not found." };
        let (mut fits, mut comment) = (true, Vec::new());
        if let Some(wanted) = self.match_.as_ref().map(str_) {
            let text = answer.get("text").or_else(|| answer.get("body")).map(str_).unwrap_or_default();
            let (found, kind) = match self.match_type.as_str() {
                "string" => (text.contains(&wanted), "text"),
                "pcre" => (pattern(&wanted)?.is_match(&text), "pattern"),
                other => return Err(Failure::new(format!("match_type '{other}' is neither 'string' nor 'pcre'"))),
            };
            comment.push(format!("Match {kind} \"{wanted}\" {}", said(found)));
            fits &= found;
        }
        if let Some(wanted) = &self.status {
            let status = answer.get("status").map(str_).unwrap_or_default();
            match self.status_type.as_str() {
                "list" => {
                    let hits = wanted.as_list().unwrap_or_default().iter().map(str_).filter(|one| *one == status);
                    let hits: Vec<String> = hits.map(|one| format!("Status {one} was found.")).collect();
                    fits &= !hits.is_empty();
                    if hits.is_empty() {
                        comment.push(format!("Statuses {} were not found.", str_(wanted)));
                    }
                    comment.extend(hits);
                }
                "pcre" => {
                    let found = pattern(&format!("^(?:{})", str_(wanted)))?.is_match(&status);
                    comment.push(format!("Status pattern \"{}\" {}", str_(wanted), said(found)));
                    fits &= found;
                }
                "string" => {
                    let found = str_(wanted) == status;
                    comment.push(format!("Status {} {}", str_(wanted), said(found)));
                    fits &= found;
                }
                other => {
                    return Err(Failure::new(format!("status_type '{other}' is none of 'string', 'pcre' and 'list'")));
                }
            }
        }
        Ok((fits, comment))
    }
}

impl OpaqueState for Asked {
    fn would(&self, act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        self.check(act, true)
    }
    fn run(&self, act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        self.check(act, false)
    }
    fn watches(&self) -> bool {
        false
    }
}

impl Awaited {
    fn asked(&self) -> Result<Asked, Failure> {
        let mut keyword = self.others.clone();
        keyword.insert("name", self.name.as_str());
        let asked = Asked::bind("http.wait_for_successful_query", Arguments { positional: Vec::new(), keyword });
        Ok(asked.map_err(CallError::from)?)
    }
}

impl OpaqueState for Awaited {
    fn would(&self, act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        self.asked()?.check(act, true)
    }
    fn run(&self, act: &Act, _trigger: Trigger<'_>) -> Result<StateResult, Failure> {
        let seconds = |number: f64| Duration::try_from_secs_f64(number.clamp(0.0, 1e9)).unwrap_or_default();
        let (asked, start) = (self.asked()?, Instant::now());
        loop {
            let answer = asked.check(act, false)?;
            if answer.result == Some(true) || start.elapsed() > seconds(self.wait_for) {
                return Ok(answer);
            }
            std::thread::sleep(seconds(self.request_interval).max(Duration::from_millis(50)));
        }
    }
    fn watches(&self) -> bool {
        false
    }
}
