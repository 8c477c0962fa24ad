//! What is counted at the end of a campaign.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::scene::CampaignOptions;
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

/// Waits until everything that can still happen has happened, then counts.
pub(super) fn check(fleet: &Fleet, asked: &[Asked], options: &CampaignOptions) -> Outcome {
    let none = serde_json::json!({});
    wait_until(SETTLED, || {
        std::thread::sleep(Duration::from_secs(1));
        (fleet.run(&["jobs.active", "--out", "json"]).json() == none).then_some(())
    });
    let mut outcome = Outcome { seed: options.seed, rounds: options.rounds, ..Outcome::default() };
    let starts = starts(fleet, &mut outcome, options.rounds);
    let listed = fleet.run(&["jobs.list_jobs", "--out", "json"]).json();
    let listed: Vec<String> = listed.as_object().map(|jobs| jobs.keys().cloned().collect()).unwrap_or_default();
    outcome.jobs_in_the_ledger = listed.len();
    let rounds: HashMap<&str, &Asked> =
        asked.iter().filter_map(|asked| asked.jid.as_deref().map(|jid| (jid, asked))).collect();
    outcome.accepted_jobs = rounds.len();
    outcome.forgotten_jobs = rounds.values().filter(|asked| asked.forgotten).count();
    for (jid, asked) in &rounds {
        if !asked.forgotten && !listed.iter().any(|known| known == jid) {
            outcome.lost_jobs += 1;
            outcome.faults.push(format!("round {}: job {jid} is not in the ledger", asked.round));
        }
    }
    for jid in &listed {
        let job = &fleet.run(&["jobs.print_job", jid, "--out", "json"]).json()[jid];
        targets(job, jid, rounds.get(jid.as_str()).copied(), &starts, &mut outcome);
    }
    outcome
}

/// Starts by round and minion.
fn starts(fleet: &Fleet, outcome: &mut Outcome, rounds: usize) -> HashMap<(usize, String), usize> {
    let mut starts: HashMap<(usize, String), usize> = HashMap::new();
    let text = std::fs::read_to_string(fleet.dir().join("starts")).unwrap_or_default();
    for line in text.lines() {
        outcome.starts += 1;
        let parsed = line.split_once(' ').and_then(|(round, id)| Some((round.parse::<usize>().ok()?, id.to_owned())));
        match parsed.filter(|(round, id)| *round < rounds && id.starts_with("web")) {
            Some(start) => *starts.entry(start).or_default() += 1,
            None => {
                outcome.forged_accepted += 1;
                outcome.faults.push(format!("nobody asked for this: {line}"));
            }
        }
    }
    for ((round, id), count) in starts.iter().filter(|(_, count)| **count > 1) {
        outcome.started_twice += 1;
        outcome.faults.push(format!("round {round} was started {count} times on {id}"));
    }
    starts
}

fn targets(
    job: &Value,
    jid: &str,
    asked: Option<&Asked>,
    starts: &HashMap<(usize, String), usize>,
    outcome: &mut Outcome,
) {
    for (id, target) in job["Ledger"].as_object().into_iter().flatten() {
        outcome.targets += 1;
        let state = target["state"].as_str().unwrap_or("none");
        *outcome.states.entry(state.to_owned()).or_default() += 1;
        if !FINAL.contains(&state) {
            outcome.without_final_state += 1;
            outcome.faults.push(format!("{jid} on {id}: {target}"));
        }
        let Some(asked) = asked.filter(|asked| !asked.harmless) else { continue };
        let started = starts.contains_key(&(asked.round, id.clone()));
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
