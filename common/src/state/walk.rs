//! The walk itself: a stack of frames instead of recursion, results by position, parallel chunks joined when needed.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::chunk::{Chunk, tag};
use super::circle::recursive;
use super::graph::{Edge, Graph};
use super::listen::listeners;
use super::missing::not_found;
use super::provisional::Doubts;
use super::requisite::Keyword;
use super::result::{ChunkResult, Outcome, Report, not_available};
use super::run::{ChunkRunner, Invocation, Job, Mode, RunOptions};
use super::status::{Seen, Status, decide};
use crate::value::{Map, Value};

/// What a frame of the walk is about: running a chunk, or predicting it for a `prereq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Run,
    Predict,
}

struct Frame {
    position: usize,
    job: Task,
    /// What has to happen before, in order.
    waits: Vec<(usize, Task)>,
    next: usize,
}

/// One run.
pub(super) struct Walk<'s, 'w> {
    runner: &'s dyn ChunkRunner,
    chunks: &'s [Chunk],
    options: &'w RunOptions,
    graph: &'w Graph,
    /// Starts a job beside the walk.
    start: &'w dyn Fn(Job<'s>),
    /// Results of chunks that ran.
    done: Vec<Option<ChunkResult>>,
    /// Results of chunks that were predicted.
    predicted: Vec<Option<ChunkResult>>,
    /// Frames on the stack: running, predicting.
    open: [Vec<bool>; 2],
    /// Chunks that still run in parallel, with their run numbers.
    running: Vec<(usize, u32)>,
    is_running: Vec<bool>,
    answers: SyncSender<(usize, Outcome)>,
    answered: Receiver<(usize, Outcome)>,
    /// What is known of a group once all its members are done.
    seen: Vec<Option<Seen>>,
    /// What predictions rest on; used by dry runs.
    doubts: Doubts,
    /// Results of listeners.
    extra: Vec<ChunkResult>,
    next_num: u32,
    stopped: bool,
}

/// The answer of a parallel chunk; told when dropped, so that a crash does not leave the walk waiting.
struct Answer {
    to: SyncSender<(usize, Outcome)>,
    position: usize,
    outcome: Option<Outcome>,
}

impl Answer {
    fn give(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| Outcome::failed("The state function crashed"));
        // A walk that ended early does not listen any more.
        let _ = self.to.send((self.position, outcome));
    }
}

impl<'s, 'w> Walk<'s, 'w> {
    /// A run that has done nothing yet.
    pub fn new(
        runner: &'s dyn ChunkRunner,
        chunks: &'s [Chunk],
        options: &'w RunOptions,
        graph: &'w Graph,
        start: &'w dyn Fn(Job<'s>),
    ) -> Self {
        let count = chunks.len();
        // There is room for all that run at once: a job never waits for the walk.
        let (answers, answered) = sync_channel(options.parallel.max(1));
        Self {
            runner,
            chunks,
            options,
            graph,
            start,
            done: vec![None; count],
            predicted: vec![None; count],
            open: [vec![false; count], vec![false; count]],
            running: Vec::new(),
            is_running: vec![false; count],
            answers,
            answered,
            seen: vec![None; graph.groups.len()],
            doubts: Doubts::new(graph.groups.len()),
            extra: Vec::new(),
            next_num: 0,
            stopped: false,
        }
    }

    /// Runs all chunks that the options ask for, then the listeners.
    pub fn run(mut self) -> Report {
        let only = self.options.only.as_deref();
        for (position, chunk) in self.chunks.iter().enumerate() {
            if !self.stopped && only.is_none_or(|id| id == chunk.id) {
                self.visit(position);
            }
        }
        self.join_all();
        self.listen();
        let repaired = self.repaired();
        let counts = |position: usize, result: &ChunkResult| {
            result.outcome.result == Some(false) && !repaired.contains(&position)
        };
        let failed = self
            .done
            .iter()
            .enumerate()
            .any(|(position, done)| done.as_ref().is_some_and(|done| counts(position, done)));
        let failed = failed || self.extra.iter().any(|result| result.outcome.result == Some(false));
        let mut results: Vec<ChunkResult> = self.done.into_iter().flatten().chain(self.extra).collect();
        results.sort_by_key(|result| result.run_num);
        Report { results, failed }
    }

    /// Failed chunks that were put right: by one that waits for their failure, succeeded, and says `onfail_stop: False`.
    fn repaired(&self) -> HashSet<usize> {
        let succeeded =
            |position: usize| self.done[position].as_ref().is_some_and(|done| done.outcome.result == Some(true));
        let repairs = |position: &usize| {
            self.chunks[*position].get("onfail_stop").is_some_and(|stop| !stop.truthy()) && succeeded(*position)
        };
        let edges = (0..self.chunks.len()).filter(repairs).flat_map(|position| &self.graph.edges[position]);
        let groups = edges.filter(|edge| edge.keyword == Keyword::Onfail).map(|edge| &self.graph.groups[edge.group]);
        groups.flatten().copied().collect()
    }

    /// Runs one chunk and everything it waits for.
    fn visit(&mut self, position: usize) {
        if self.done[position].is_some() || self.is_running[position] {
            return;
        }
        let mut stack = vec![self.open_frame(position, Task::Run)];
        while let Some(frame) = stack.last_mut() {
            if self.stopped {
                break;
            }
            let Some(&(position, job)) = frame.waits.get(frame.next) else {
                let frame = stack.pop().expect("the loop condition saw a frame");
                self.close(&frame);
                continue;
            };
            frame.next += 1;
            if self.is_settled(position, job) {
                continue;
            }
            if self.open[job as usize][position] {
                let start = stack.iter().position(|frame| (frame.position, frame.job) == (position, job));
                let circle: Vec<usize> =
                    stack.iter().skip(start.unwrap_or_default()).map(|frame| frame.position).collect();
                let frame = stack.pop().expect("the loop condition saw a frame");
                self.open[frame.job as usize][frame.position] = false;
                self.set(frame.position, frame.job, recursive(self.chunks, &circle), true);
                continue;
            }
            let frame = self.open_frame(position, job);
            stack.push(frame);
        }
    }

    fn is_settled(&self, position: usize, job: Task) -> bool {
        let done = self.done[position].is_some() || self.is_running[position];
        match job {
            Task::Run => done,
            Task::Predict => done || self.predicted[position].is_some(),
        }
    }

    fn open_frame(&mut self, position: usize, task: Task) -> Frame {
        self.open[task as usize][position] = true;
        let mut waits = Vec::new();
        if !self.graph.missing.contains_key(&position) {
            for edge in self.edges(position, task) {
                let job = if edge.keyword == Keyword::Prereq { Task::Predict } else { Task::Run };
                let members = self.graph.groups[edge.group].iter().map(|member| (*member, job));
                waits.extend(members.filter(|wait| !self.is_settled(wait.0, wait.1) && !self.is_due(task, *wait)));
            }
        }
        Frame { position, job: task, waits, next: 0 }
    }

    /// True where a prediction has nothing to wait for: of what runs only after a chunk that is being decided, in
    /// `prereq: [package, file that requires the package]` the package, it does not know the end.
    fn is_due(&self, task: Task, wait: (usize, Task)) -> bool {
        let is_open = |position: &usize| self.open.iter().any(|open| open[*position]);
        let mut before = self.graph.edges[wait.0].iter().filter(|edge| edge.keyword == Keyword::Prerequired);
        (task, wait.1) == (Task::Predict, Task::Run)
            && before.any(|edge| self.graph.groups[edge.group].iter().any(is_open))
    }

    /// The requisites that count: a prediction does not wait for those that wait for it.
    fn edges(&self, position: usize, job: Task) -> impl Iterator<Item = Edge> + use<'s, 'w> {
        let edges = self.graph.edges[position].iter().copied();
        edges.filter(move |edge| job == Task::Run || edge.keyword != Keyword::Prerequired)
    }

    /// All that a frame waited for has happened: decides and runs.
    fn close(&mut self, frame: &Frame) {
        let (position, job) = (frame.position, frame.job);
        self.open[job as usize][position] = false;
        // What it waited for may have asked for its prediction, and a refusal there is final.
        if self.done[position].is_some() {
            return;
        }
        if let Some(missing) = self.graph.missing.get(&position) {
            self.set(position, job, not_found(self.chunks, position, missing), job == Task::Run);
            return;
        }
        let status = self.status(position, job);
        match (status, job) {
            // Whether it would change something is asked of its function alone: of a chain of prereqs, the first
            // runs even if the middle one later finds that nothing is left to precede.
            (Status::Met | Status::Change | Status::NoPrediction, Task::Predict) => {
                self.predict(position, status, !frame.waits.is_empty());
            }
            (Status::Met, Task::Run) => self.call(position),
            (Status::Change, Task::Run) => self.call_watching(position),
            (Status::Fail, _) => self.refuse(position, job),
            (Status::NoPrediction, _) => self.skip(position, "No changes detected", true),
            (Status::NoFailure, _) => {
                self.skip(position, "State was not run because onfail req did not change", false);
            }
            (Status::NoChange, _) => {
                self.skip(position, "State was not run because none of the onchanges reqs changed", false);
            }
        }
        if self.done[position].is_some() {
            self.check_failhard(position);
        }
    }

    fn mode(&self) -> Mode {
        if self.options.test { Mode::Dry } else { Mode::Real }
    }

    /// Runs the function, beside the walk where the chunk asks for it.
    fn call(&mut self, position: usize) {
        let chunk = &self.chunks[position];
        let (runner, mode) = (self.runner, self.mode());
        let invocation = Invocation { chunk, mode, watch: None };
        if !chunk.get("parallel").is_some_and(Value::truthy) || self.options.parallel < 2 {
            let outcome = runner.run(&invocation);
            self.finish(position, outcome);
            return;
        }
        if self.running.len() >= self.options.parallel {
            self.receive();
        }
        self.running.push((position, self.next_num));
        self.is_running[position] = true;
        self.next_num += 1;
        let answer = Answer { to: self.answers.clone(), position, outcome: None };
        (self.start)(Box::new(move || answer.give(runner.run(&invocation))));
    }

    /// Runs the function, and `mod_watch` when it changed nothing itself.
    fn call_watching(&mut self, position: usize) {
        let chunk = &self.chunks[position];
        let mode = self.mode();
        let mut outcome = self.runner.run(&Invocation { chunk, mode, watch: None });
        if outcome.changes.is_empty() && !outcome.skip_watch {
            let calls = outcome.attempts;
            let changed = self.changed(position);
            outcome = self.runner.run(&Invocation { chunk, mode, watch: Some(changed) });
            outcome.attempts += calls;
        }
        self.finish(position, outcome);
    }

    /// The watched chunks that changed.
    fn changed(&self, position: usize) -> Vec<&'s Chunk> {
        let watched = self.graph.edges[position].iter().filter(|edge| edge.keyword == Keyword::Watch);
        let members = watched.flat_map(|edge| self.graph.groups[edge.group].iter().copied());
        let changed =
            |member: &usize| self.done[*member].as_ref().is_some_and(|result| !result.outcome.changes.is_empty());
        members.filter(changed).map(|member| &self.chunks[member]).collect()
    }

    /// Says what a chunk would do. Takes no run number: only what it leads to is returned.
    fn predict(&mut self, position: usize, status: Status, waited: bool) {
        let chunk = &self.chunks[position];
        let mut outcome = self.runner.run(&Invocation { chunk, mode: Mode::Dry, watch: None });
        // A watch that is about to fire counts as a change, as far as the reference sees it coming.
        if outcome.changes.is_empty() && status == Status::Change && waited {
            outcome.result = None;
        }
        outcome.changes = Map::new();
        self.predicted[position] = Some(ChunkResult::of(chunk, 0, outcome));
    }

    /// A requisite failed. What was predicted stands in for a result, else the failed ones are named.
    fn refuse(&mut self, position: usize, job: Task) {
        let chunk = &self.chunks[position];
        if let Some(mut result) = self.predicted[position].clone() {
            result.run_num = self.next_num;
            self.next_num += 1;
            self.record(position, result);
            return;
        }
        let mut failed: Vec<String> = Vec::new();
        for edge in self.edges(position, job) {
            for &member in &self.graph.groups[edge.group] {
                let result = self.predicted[member].as_ref().or(self.done[member].as_ref());
                if result.is_some_and(|result| result.outcome.result == Some(false)) {
                    failed.push(self.chunks[member].label());
                }
            }
        }
        failed.sort_unstable();
        failed.dedup();
        let outcome = Outcome::failed(format!("One or more requisite failed: {}", failed.join(", ")));
        let result = ChunkResult::of(chunk, self.next_num, outcome);
        self.next_num += 1;
        self.predicted[position] = Some(result.clone());
        self.record(position, result);
    }

    fn skip(&mut self, position: usize, comment: &str, ran: bool) {
        let outcome = Outcome::new(Some(true), comment);
        let result = ChunkResult { ran, ..ChunkResult::of(&self.chunks[position], self.next_num, outcome) };
        self.next_num += 1;
        self.predicted[position] = Some(result.clone());
        self.record(position, result);
    }

    /// Sets a result that no function gave.
    fn set(&mut self, position: usize, job: Task, outcome: Outcome, is_final: bool) {
        let result = ChunkResult::of(&self.chunks[position], self.next_num, outcome);
        self.next_num += 1;
        if job == Task::Predict {
            self.predicted[position] = Some(result.clone());
        }
        if is_final {
            self.record(position, result);
            self.check_failhard(position);
        }
    }

    fn finish(&mut self, position: usize, outcome: Outcome) {
        let run_num = self.next_num + outcome.attempts.max(1) - 1;
        self.next_num = run_num + 1;
        self.record(position, ChunkResult::of(&self.chunks[position], run_num, outcome));
    }

    fn record(&mut self, position: usize, mut result: ChunkResult) {
        if self.options.test && result.ran {
            self.doubts.mark(&mut result, position, self.chunks, self.graph, &self.done);
        }
        self.runner.finished(&result, self.chunks.len());
        self.done[position] = Some(result);
    }

    fn check_failhard(&mut self, position: usize) {
        let failed = self.done[position].as_ref().is_some_and(|result| result.outcome.result == Some(false));
        self.stopped |= failed && self.fails_hard(&self.chunks[position]);
    }

    fn fails_hard(&self, chunk: &Chunk) -> bool {
        !self.options.test && chunk.get("failhard").map_or(self.options.failhard, Value::truthy)
    }

    /// Waits for one of the chunks that run in parallel.
    fn receive(&mut self) {
        let (position, outcome) = self.answered.recv().expect("the walk itself holds a sender");
        self.is_running[position] = false;
        if let Some(index) = self.running.iter().position(|(known, _)| *known == position) {
            let (_, run_num) = self.running.swap_remove(index);
            self.record(position, ChunkResult::of(&self.chunks[position], run_num, outcome));
            self.check_failhard(position);
        }
    }

    fn join_all(&mut self) {
        while !self.running.is_empty() {
            self.receive();
        }
    }

    /// Waits for the members of a group that still run.
    fn settle(&mut self, group: usize) {
        let members = &self.graph.groups[group];
        while !self.running.is_empty() && members.iter().any(|member| self.is_running[*member]) {
            self.receive();
        }
    }

    fn status(&mut self, position: usize, job: Task) -> Status {
        let mut seen: Vec<(Keyword, Seen)> = Vec::new();
        for edge in self.edges(position, job) {
            let of_group = match edge.keyword {
                Keyword::Prereq => self.seen_predicted(edge.group),
                _ => self.seen_done(edge.group),
            };
            match seen.last_mut().filter(|(keyword, _)| *keyword == edge.keyword) {
                Some((_, seen)) => seen.join(of_group),
                None => seen.push((edge.keyword, of_group)),
            }
        }
        decide(&seen)
    }

    fn seen_predicted(&self, group: usize) -> Seen {
        let mut seen = Seen::default();
        for &member in &self.graph.groups[group] {
            if let Some(result) = self.predicted[member].as_ref().or(self.done[member].as_ref()) {
                seen.add(result);
            }
        }
        seen
    }

    /// Looks at a group once; later askers get the same answer without walking its members again.
    fn seen_done(&mut self, group: usize) -> Seen {
        if let Some(seen) = self.seen[group] {
            return seen;
        }
        self.settle(group);
        let mut seen = Seen::default();
        let members = &self.graph.groups[group];
        for result in members.iter().filter_map(|member| self.done[*member].as_ref()) {
            seen.add(result);
        }
        // A prediction may ask before all members ran.
        if members.iter().all(|member| self.done[*member].is_some()) {
            self.seen[group] = Some(seen);
        }
        seen
    }

    /// Fires listeners whose states changed, each once, at the end of the run.
    fn listen(&mut self) {
        let (fired, errors) = listeners(self.chunks, &self.done);
        let mut ran = HashSet::new();
        for position in fired {
            if !ran.insert(position) {
                continue;
            }
            let chunk = &self.chunks[position];
            let outcome = if self.runner.has_mod_watch(&chunk.state) {
                self.runner.run(&Invocation { chunk, mode: self.mode(), watch: Some(Vec::new()) })
            } else {
                Outcome::failed(not_available(chunk, "mod_watch"))
            };
            let run_num = self.next_num + outcome.attempts.max(1) - 1;
            self.next_num = run_num + 1;
            let id = format!("listener_{}", chunk.id);
            let tag = tag(&chunk.state, &id, &chunk.name, "mod_watch");
            let result = ChunkResult { tag, id, ..ChunkResult::of(chunk, run_num, outcome) };
            self.runner.finished(&result, self.chunks.len());
            let stop = result.outcome.result == Some(false) && self.fails_hard(chunk);
            self.extra.push(result);
            if stop {
                break;
            }
        }
        for mut error in errors {
            error.run_num = self.next_num;
            self.next_num += 1;
            self.extra.push(error);
        }
    }
}

#[cfg(test)]
mod tests;
