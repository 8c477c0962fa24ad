//! What the requisites of a chunk say together: run it, react, skip it, or refuse it.

use super::requisite::Keyword;
use super::result::ChunkResult;

/// What is known of the chunks that a requisite names: is there any that …
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    succeeded: bool,
    failed: bool,
    would_change: bool,
    /// Did not fail and changed something.
    changed: bool,
    /// Did not fail and changed nothing.
    unchanged: bool,
    /// Did not fail and was really called.
    ran: bool,
    /// Did not fail, changed nothing, was really called.
    ran_unchanged: bool,
    /// Did not succeed and was really called.
    ran_unsuccessful: bool,
}

impl Seen {
    pub fn add(&mut self, result: &ChunkResult) {
        let outcome = &result.outcome;
        let (failed, changed) = (outcome.result == Some(false), !outcome.changes.is_empty());
        self.join(Self {
            succeeded: outcome.result == Some(true),
            failed,
            would_change: outcome.result.is_none(),
            changed: !failed && changed,
            unchanged: !failed && !changed,
            ran: !failed && result.ran,
            ran_unchanged: !failed && !changed && result.ran,
            ran_unsuccessful: outcome.result != Some(true) && result.ran,
        });
    }

    pub fn join(&mut self, other: Self) {
        self.succeeded |= other.succeeded;
        self.failed |= other.failed;
        self.would_change |= other.would_change;
        self.changed |= other.changed;
        self.unchanged |= other.unchanged;
        self.ran |= other.ran;
        self.ran_unchanged |= other.ran_unchanged;
        self.ran_unsuccessful |= other.ran_unsuccessful;
    }
}

/// What to do with a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Run it.
    Met,
    /// Run it, and let it react to what it watches.
    Change,
    /// Refuse it: something it requires failed.
    Fail,
    /// Skip it: what it precedes would not change.
    NoPrediction,
    /// Skip it: nothing failed.
    NoFailure,
    /// Skip it: nothing changed.
    NoChange,
}

/// What one requisite keyword says about the chunks it names.
#[derive(Debug, Clone, Copy, Default)]
struct Says {
    fail: bool,
    change: bool,
    no_change: bool,
    had_change: bool,
    no_failure: bool,
    no_prediction: bool,
    prediction: bool,
}

/// Decides over all requisites of a chunk, as the reference weighs them.
pub(super) fn decide(requisites: &[(Keyword, Seen)]) -> Status {
    let mut all = Says::default();
    for (keyword, seen) in requisites {
        let says = says(*keyword, *seen);
        all.fail |= says.fail;
        all.change |= says.change;
        all.no_change |= says.no_change;
        all.had_change |= says.had_change;
        all.no_failure |= says.no_failure;
        all.no_prediction |= says.no_prediction;
        all.prediction |= says.prediction;
    }
    if all.fail {
        Status::Fail
    } else if all.no_prediction && !all.prediction {
        Status::NoPrediction
    } else if all.no_prediction {
        Status::Met
    // Asked of the reference: nothing failed, but what it waits for changed and so did what it watches.
    } else if all.no_failure && !(all.had_change && all.change) {
        Status::NoFailure
    } else if all.no_change && !all.had_change {
        Status::NoChange
    } else if all.change {
        Status::Change
    } else {
        Status::Met
    }
}

fn says(keyword: Keyword, seen: Seen) -> Says {
    let failed = Says { fail: seen.failed, ..Says::default() };
    match keyword {
        Keyword::Require | Keyword::Prerequired => failed,
        Keyword::RequireAny => Says { fail: seen.failed && !seen.ran, ..failed },
        Keyword::Watch => Says { change: seen.changed, ..failed },
        Keyword::WatchAny => {
            let any = seen.changed || seen.ran_unchanged;
            Says { fail: seen.failed && !any, change: seen.changed, ..failed }
        }
        Keyword::Prereq => Says { prediction: seen.would_change, no_prediction: seen.succeeded, ..failed },
        // One that did not succeed is enough.
        Keyword::Onfail | Keyword::OnfailAny => {
            Says { no_failure: seen.succeeded && !seen.ran_unsuccessful, ..Says::default() }
        }
        Keyword::OnfailAll => Says { no_failure: seen.succeeded, ..Says::default() },
        Keyword::Onchanges => Says { had_change: seen.changed, no_change: seen.unchanged, ..failed },
        Keyword::OnchangesAny => Says {
            fail: seen.failed && !seen.changed,
            had_change: seen.changed,
            no_change: seen.unchanged && !seen.changed,
            ..failed
        },
        _ => failed,
    }
}
