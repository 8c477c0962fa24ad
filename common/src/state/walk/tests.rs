//! The order of a run: what waits for what, what runs beside what.

use std::sync::Barrier;

use super::super::run::{Start, run};
use super::super::{Options, low, read};
use super::*;

/// Functions: `same`, `change`, `fail`, `fail_changed`, `meet` (waits for a second one at the barrier).
struct Fake(Barrier);

impl Fake {
    fn new() -> Self {
        Self(Barrier::new(2))
    }
}

impl ChunkRunner for Fake {
    fn has_mod_watch(&self, state: &str) -> bool {
        state == "test"
    }
    fn beside<'s>(&'s self, walk: &mut dyn FnMut(&Start<'_, 's>)) {
        std::thread::scope(|scope| walk(&|job| drop(scope.spawn(job))));
    }
    fn run(&self, invocation: &Invocation<'_>) -> Outcome {
        let changes = Map::from_iter([("changed", true)]);
        if let Some(changed) = &invocation.watch {
            let names: Vec<&str> = changed.iter().map(|chunk| chunk.id.as_str()).collect();
            return Outcome { changes, ..Outcome::new(Some(true), format!("watched {}", names.join(","))) };
        }
        let (result, changes) = match (invocation.chunk.fun.as_str(), invocation.mode) {
            ("change" | "fail_changed", Mode::Dry) => (None, changes),
            ("change", Mode::Real) => (Some(true), changes),
            ("fail", _) => (Some(false), Map::new()),
            ("fail_changed", Mode::Real) => (Some(false), changes),
            ("meet", _) => {
                self.0.wait();
                (Some(true), Map::new())
            }
            _ => (Some(true), Map::new()),
        };
        Outcome { changes, ..Outcome::new(result, "ran") }
    }
}

fn chunks(text: &str) -> Vec<Chunk> {
    let document = crate::yaml::load(text, "t.sls").unwrap();
    let (high, faults) = read(&Options::default(), document.value, &document.marks, "t.sls");
    low(&Options::default(), high, faults).unwrap()
}

/// `number id result comment`, one a line.
fn walked(text: &str, options: &RunOptions) -> Vec<String> {
    let report = run(&Fake::new(), &chunks(text), options);
    let line = |result: &ChunkResult| {
        let word = match result.outcome.result {
            Some(true) => "yes",
            Some(false) => "no",
            None => "would",
        };
        format!("{} {} {word} {}", result.run_num, result.id, result.outcome.comment.trim_end())
    };
    report.results.iter().map(line).collect()
}

fn real(text: &str) -> Vec<String> {
    walked(text, &RunOptions::default())
}

#[test]
fn what_is_required_runs_first_and_failures_are_named() {
    let text = "c: {test.same: [require: [test: b]]}\nb: {test.same: [require: [test: a]]}\na: {test.fail: []}\n";
    let refused = "One or more requisite failed: None";
    assert_eq!(real(text), ["0 a no ran", &format!("1 b no {refused}.a"), &format!("2 c no {refused}.b")]);
}

#[test]
fn missing_requisites_are_told_by_keyword() {
    let lines = real("a: {test.same: [require: [test: x, b], onfail: [sls: y]]}\n");
    let told = "The following requisites were not found:\n                   require:\n                       test: x\n                       id: b\n                   onfail:\n                       sls: y";
    assert_eq!(lines, [format!("0 a no {told}")]);
}

#[test]
fn circles_end() {
    let text = "a: {test.same: [require: [test: b]]}\nb: {test.same: [require: [test: c]]}\nc: {test.same: [require: [test: a]]}\n";
    let lines = real(text);
    assert_eq!(lines[0], "0 c no Recursive requisite found");
    assert_eq!(lines.len(), 3);
}

#[test]
fn a_prereq_runs_before_and_only_if_something_would_change() {
    let text = |function: &str| format!("p: {{test.{function}: []}}\nc: {{test.change: [prereq: [test: p]]}}\n");
    assert_eq!(real(&text("change")), ["0 c yes ran", "1 p yes ran"]);
    assert_eq!(real(&text("same")), ["0 c yes No changes detected", "1 p yes ran"]);
    assert_eq!(real(&text("fail")), ["0 c no One or more requisite failed: None.p", "1 p no ran"]);
}

#[test]
fn a_prereq_of_several_looks_at_each_alone() {
    let text = |function: &str, keyword: &str| {
        format!(
            "a: {{test.{function}: []}}\nb: {{test.same: [{keyword}: [test: a]]}}\np: {{test.same: [prereq: [test: b, test: a]]}}\n"
        )
    };
    assert_eq!(real(&text("change", "require")), ["0 p yes ran", "1 a yes ran", "2 b yes ran"]);
    assert_eq!(real(&text("change", "watch")), ["0 p yes ran", "1 a yes ran", "3 b yes watched a"]);
    assert_eq!(real(&text("same", "require")), ["0 p yes No changes detected", "1 a yes ran", "2 b yes ran"]);
    let refused = "0 p no One or more requisite failed: None.a";
    assert_eq!(real(&text("fail", "require")), [refused, "1 a no ran", "2 b yes ran"]);
}

#[test]
fn a_change_that_is_waited_for_and_watched_outweighs_that_nothing_failed() {
    let text = |more: &str| {
        format!("a: {{test.change: []}}\nb: {{test.same: [onfail: [test: a], onchanges: [test: a]{more}]}}\n")
    };
    assert_eq!(real(&text("")), ["0 a yes ran", "1 b yes State was not run because onfail req did not change"]);
    assert_eq!(real(&text(", watch: [test: a]")), ["0 a yes ran", "2 b yes watched a"]);
}

#[test]
fn watches_fire_once_and_take_a_number() {
    let text = "a: {test.change: []}\nb: {test.same: [watch: [test: a]]}\nc: {test.change: [watch: [test: a]]}\nd: {other.same: [watch: [test: a]]}\n";
    assert_eq!(real(text), ["0 a yes ran", "2 b yes watched a", "3 c yes ran", "4 d yes ran"]);
}

#[test]
fn onfail_and_onchanges_skip_with_reasons() {
    let text = "a: {test.same: []}\nb: {test.same: [onchanges: [test: a]]}\nc: {test.same: [onfail: [test: a]]}\nd: {test.same: [require: [test: b, test: c]]}\n";
    let lines = real(text);
    assert_eq!(lines[1], "1 b yes State was not run because none of the onchanges reqs changed");
    assert_eq!(lines[2], "2 c yes State was not run because onfail req did not change");
    assert_eq!(lines[3], "3 d yes ran");
}

#[test]
fn listeners_run_last_and_once() {
    let text = "a: {test.change: []}\nb: {test.change: []}\nl: {test.same: [listen: [test: a, test: b, test: x]]}\nz: {test.same: []}\n";
    let lines = real(text);
    assert_eq!(lines[2..4], ["2 l yes ran", "3 z yes ran"]);
    assert_eq!(lines[4..], ["4 listener_l yes watched", "5 listen_x no Referenced state test: x does not exist"]);
}

#[test]
fn failhard_stops_real_runs_only() {
    let text = "a: {test.fail: [failhard: true]}\nb: {test.same: []}\n";
    assert_eq!(real(text), ["0 a no ran"]);
    assert_eq!(walked(text, &RunOptions { test: true, ..RunOptions::default() }).len(), 2);
}

#[test]
fn only_one_id_takes_its_requisites_along() {
    let text = "a: {test.same: []}\nb: {test.same: [require: [test: a]]}\nc: {test.same: []}\n";
    let options = RunOptions { only: Some("b".to_owned()), ..RunOptions::default() };
    assert_eq!(walked(text, &options), ["0 a yes ran", "1 b yes ran"]);
}

#[test]
fn parallel_chunks_meet_and_are_waited_for() {
    let text = "a: {test.meet: [parallel: true]}\nb: {test.meet: [parallel: true]}\nc: {test.same: [require: [test: a, test: b]]}\n";
    assert_eq!(real(text), ["0 a yes ran", "1 b yes ran", "2 c yes ran"]);
}

#[test]
fn long_chains_need_no_stack() {
    let text: String =
        (0..5000).map(|number| format!("s{number}: {{test.same: [require: [test: s{}]]}}\n", number + 1)).collect();
    assert_eq!(real(&(text + "s5000: {test.same: []}\n")).len(), 5001);
}
