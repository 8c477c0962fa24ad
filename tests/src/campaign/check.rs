//! What is counted at the end of a campaign.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::harness::{Fleet, wait_until};

/// The longest time to live of a round, the master's grace, a beat and a moment.
const SETTLED: Duration = Duration::from_secs(90 + 35 + 10 + 15);
/// Final states of the ledger.
const FINAL: &[&str] = &["finished", "failed", "refused", "expired", "offline", "interrupted"];

/// What was asked in a round.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) round: usize,
    /// The job's id, when the command was told.
    pub(super) jid: Option<String>,
    pub(super) harmless: bool,
    /// The store that knew it was deleted, or replaced by an older one.
    pub(super) forgotten: bool,
    /// All its targets were final and are counted.
    pub(super) counted: bool,
}

/// The counts.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Outcome {
    /// What all that was drawn came from.
    pub seed: u64,
    /// Rounds.
    pub rounds: usize,
    /// Jobs whose id was told.
    pub accepted_jobs: usize,
    /// Of them, those the master was made to forget.
    pub forgotten_jobs: usize,
    /// Of these, those that were over and counted before.
    pub forgotten_after_their_end: usize,
    /// Jobs found in the ledger at the end.
    pub jobs_in_the_ledger: usize,
    /// Accepted, not forgotten, and not in the ledger.
    pub lost_jobs: usize,
    /// Targets in the ledger.
    pub targets: usize,
    /// Targets by their state.
    pub states: BTreeMap<String, usize>,
    /// Targets that are in no final state.
    pub without_final_state: usize,
    /// Starts counted on the minions.
    pub starts: usize,
    /// Rounds and minions with more than one start.
    pub started_twice: usize,
    /// Starts that no round asked for.
    pub forged_accepted: usize,
    /// Started, and the ledger ended with what was concluded from silence, although nothing was forgotten.
    pub started_without_word: usize,
    /// Finished in the ledger and never started.
    pub finished_without_start: usize,
    /// What is wrong, in words.
    pub faults: Vec<String>,
}

impl Outcome {
    /// True when nothing was lost, run twice or forged.
    pub fn is_good(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Counts the jobs that are over: all targets final, in a store that was not made to forget.
pub(super) fn harvest(fleet: &Fleet, asked: &mut [Asked], outcome: &mut Outcome) {
    let mut over = Vec::new();
    for asked in asked.iter_mut().filter(|asked| !asked.forgotten && !asked.counted) {
        let Some(jid) = asked.jid.clone() else { continue };
        let answer = fleet.run(&["jobs.print_job", &jid, "--out", "json"]);
        let Ok(mut job) = serde_json::from_str::<Value>(&answer.stdout) else { continue };
        let job = job[&jid].take();
        let ledger = job["Ledger"].as_object();
        let is_final = |target: &Value| target["state"].as_str().is_some_and(|state| FINAL.contains(&state));
        if ledger.is_some_and(|ledger| ledger.values().all(is_final)) {
            asked.counted = true;
            over.push((asked.clone(), jid, job));
        }
    }
    // Looked at last: whatever ended had started before.
    let starts = starts(fleet);
    for (asked, jid, job) in over {
        targets(&job, &jid, Some(&asked), &starts, outcome);
    }
}

/// Waits until everything that can still happen has happened, then counts the rest.
pub(super) fn check(fleet: &Fleet, asked: &mut [Asked], outcome: &mut Outcome) {
    let none = serde_json::json!({});
    wait_until(SETTLED, || {
        std::thread::sleep(Duration::from_secs(1));
        (fleet.run(&["jobs.active", "--out", "json"]).json() == none).then_some(())
    });
    harvest(fleet, asked, outcome);
    let starts = starts(fleet);
    count_starts(&starts, outcome);
    let listed = fleet.run(&["jobs.list_jobs", "--out", "json"]).json();
    let listed: Vec<String> = listed.as_object().map(|jobs| jobs.keys().cloned().collect()).unwrap_or_default();
    outcome.jobs_in_the_ledger = listed.len();
    let rounds: HashMap<&str, &Asked> =
        asked.iter().filter_map(|asked| asked.jid.as_deref().map(|jid| (jid, asked))).collect();
    outcome.accepted_jobs = rounds.len();
    outcome.forgotten_jobs = rounds.values().filter(|asked| asked.forgotten).count();
    outcome.forgotten_after_their_end = rounds.values().filter(|asked| asked.forgotten && asked.counted).count();
    for (jid, asked) in &rounds {
        if !asked.forgotten && !listed.iter().any(|known| known == jid) {
            outcome.lost_jobs += 1;
            outcome.faults.push(format!("round {}: job {jid} is not in the ledger", asked.round));
        }
    }
    for jid in &listed {
        let asked = rounds.get(jid.as_str()).copied();
        if asked.is_none_or(|asked| !asked.counted) {
            let job = &fleet.run(&["jobs.print_job", jid, "--out", "json"]).json()[jid];
            targets(job, jid, asked, &starts, outcome);
        }
    }
}

/// Starts by line: round and minion, as the jobs write them.
fn starts(fleet: &Fleet) -> HashMap<String, usize> {
    let text = std::fs::read_to_string(fleet.dir().join("starts")).unwrap_or_default();
    let mut starts = HashMap::new();
    for line in text.lines() {
        *starts.entry(line.to_owned()).or_default() += 1;
    }
    starts
}

fn count_starts(starts: &HashMap<String, usize>, outcome: &mut Outcome) {
    for (line, count) in starts {
        outcome.starts += count;
        let round = line.split_once(" web").and_then(|(round, _)| round.parse::<usize>().ok());
        if round.is_none_or(|round| round >= outcome.rounds) {
            outcome.forged_accepted += 1;
            outcome.faults.push(format!("nobody asked for this: {line}"));
        } else if *count > 1 {
            outcome.started_twice += 1;
            outcome.faults.push(format!("started {count} times (round, minion): {line}"));
        }
    }
}

fn targets(job: &Value, jid: &str, asked: Option<&Asked>, starts: &HashMap<String, usize>, outcome: &mut Outcome) {
    for (id, target) in job["Ledger"].as_object().into_iter().flatten() {
        outcome.targets += 1;
        let state = target["state"].as_str().unwrap_or("none");
        *outcome.states.entry(state.to_owned()).or_default() += 1;
        if !FINAL.contains(&state) {
            outcome.without_final_state += 1;
            outcome.faults.push(format!("{jid} on {id}: {target}"));
        }
        let Some(asked) = asked.filter(|asked| !asked.harmless) else { continue };
        let started = starts.contains_key(&format!("{} {id}", asked.round));
        let by_silence = target["reason"].is_string();
        if started && by_silence && !asked.forgotten {
            outcome.started_without_word += 1;
            outcome.faults.push(format!("round {}: {jid} was started on {id} and never told: {target}", asked.round));
        }
        if !started && state == "finished" {
            outcome.finished_without_start += 1;
            outcome.faults.push(format!("round {}: {jid} is finished on {id} and never started", asked.round));
        }
    }
}
