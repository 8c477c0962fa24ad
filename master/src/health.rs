//! What the master counts of its load: whatever it refused or dropped, since it was started.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fleet_common::channel::Turns;
use fleet_common::transport::Meter;

/// Something that is counted.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// It happened.
    pub fn add(&self) {
        self.more(1);
    }

    /// It happened several times.
    pub fn more(&self, times: u64) {
        self.0.fetch_add(times, Ordering::Relaxed);
    }

    /// How often it happened.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything that is refused or dropped behind the sockets.
#[derive(Debug, Default)]
pub struct Drops {
    /// New keys not taken: as many wait as may.
    pub keys_full: Counter,
    /// New keys not looked at: too many came at once.
    pub keys_busy: Counter,
    /// Returns that nobody asked for; kept.
    pub unsolicited: Counter,
    /// Returns that nobody asked for, over the quota; dropped.
    pub unsolicited_over_quota: Counter,
    /// Returns not stored: the minion keeps them and sends them again.
    pub returns_failed: Counter,
    /// Connections to the API refused: one user has too many.
    pub api_refused: Counter,
    /// Requests to the API that were too large, broke off, or did not come to their end in time.
    pub api_unread: Counter,
    /// Operators' requests that the rules do not allow.
    pub operators_refused: Counter,
    /// Sessions that did not come about: forged, replayed, cut off or not understood.
    pub handshakes_refused: Counter,
    /// Keys that are rejected or denied and came nevertheless.
    pub keys_refused: Counter,
    /// One-time tokens that let nobody in: guessed, used up, too old, for other ids.
    pub tokens_refused: Counter,
    /// Second daemons with the key of one that answers.
    pub twins_refused: Counter,
    /// Minions' requests for what is not theirs or not there.
    pub requests_refused: Counter,
    /// Runners that minions asked for while as many of theirs as may ran already.
    pub runs_busy: Counter,
    /// Returns under the name of another minion; taken as the sender's own.
    pub returns_forged: Counter,
}

/// The counters, for whoever reports them.
pub struct Health {
    /// What was refused or dropped behind the sockets.
    pub drops: Arc<Drops>,
    /// Handshakes.
    pub turns: Arc<Turns>,
    /// What each endpoint counts, with its name; none when minions are reached without sockets.
    pub endpoints: Vec<(&'static str, Meter)>,
}
