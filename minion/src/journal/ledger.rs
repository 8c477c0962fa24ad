//! What the records add up to: how each job stands. Pure; places in the file are numbers here.

use std::collections::{HashMap, VecDeque};

use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::ret::{End, Return};
use fleet_common::value::{Map, Value};

use super::record::{Begun, Chunk, Record};

/// `begun` records live until their job's expiry plus this.
const KEPT_AFTER_EXPIRY_MS: u64 = 10 * 60 * 1000;
/// Acknowledged jobs without effect that are remembered: running one again is harmless, so older ones are forgotten.
const HARMLESS_KEPT: usize = 4096;

/// A frame's place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub at: u64,
    pub size: u32,
}

/// How a begun job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Begun and not done.
    Running,
    /// Done; the master has not said that it keeps the return.
    Unacknowledged,
    /// The master has the return.
    Acknowledged,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub expires: u64,
    pub changes: bool,
    pub standing: Standing,
    /// The `begun` (or `spent`) frame.
    pub begun: Span,
    /// Chunks while running; afterwards empty.
    pub chunks: Vec<Span>,
    /// The `done` frame, unless acknowledged.
    pub done: Option<Span>,
}

impl Entry {
    fn live_bytes(&self) -> u64 {
        let spans = self.chunks.iter().chain(&self.done);
        u64::from(self.begun.size) + spans.map(|span| u64::from(span.size)).sum::<u64>()
    }
}

/// All jobs the file knows.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub entries: HashMap<Jid, Entry>,
    harmless: VecDeque<Jid>,
    /// Bytes that a rewritten file would still hold.
    pub live: u64,
}

impl Ledger {
    /// Takes one more record into account. Records of unknown jobs (their `begun` was damaged) are ignored.
    pub(super) fn apply(&mut self, record: &Record, span: Span) {
        match record {
            Record::Begun(Begun { jid, expires, changes, .. }) => {
                self.insert(jid, *expires, *changes, Standing::Running, span);
            }
            Record::Spent { jid, expires, changes } => {
                self.insert(jid, *expires, *changes, Standing::Acknowledged, span);
                self.remember(jid);
            }
            Record::Chunk(Chunk { jid, .. }) => {
                if let Some(entry) = self.entries.get_mut(jid).filter(|entry| entry.standing == Standing::Running) {
                    entry.chunks.push(span);
                    self.live += u64::from(span.size);
                }
            }
            Record::Done(ret) => {
                let Some(entry) = self.entries.get_mut(&ret.jid).filter(|e| e.standing == Standing::Running) else {
                    return;
                };
                self.live -= entry.live_bytes();
                entry.standing = Standing::Unacknowledged;
                entry.chunks = Vec::new();
                entry.done = Some(span);
                self.live += entry.live_bytes();
            }
            Record::Acked { jid } => {
                let Some(entry) = self.entries.get_mut(jid) else { return };
                if entry.standing == Standing::Acknowledged {
                    return;
                }
                self.live -= entry.live_bytes();
                entry.standing = Standing::Acknowledged;
                entry.chunks = Vec::new();
                entry.done = None;
                self.live += entry.live_bytes();
                self.remember(jid);
            }
        }
    }

    fn insert(&mut self, jid: &Jid, expires: u64, changes: bool, standing: Standing, begun: Span) {
        if !self.entries.contains_key(jid) {
            self.live += u64::from(begun.size);
            let entry = Entry { expires, changes, standing, begun, chunks: Vec::new(), done: None };
            self.entries.insert(jid.clone(), entry);
        }
    }

    fn remember(&mut self, jid: &Jid) {
        if self.entries.get(jid).is_some_and(|entry| !entry.changes) {
            self.harmless.push_back(jid.clone());
            if self.harmless.len() > HARMLESS_KEPT
                && let Some(oldest) = self.harmless.pop_front()
            {
                self.forget(&oldest);
            }
        }
    }

    fn forget(&mut self, jid: &Jid) {
        if let Some(entry) = self.entries.remove(jid) {
            self.live -= entry.live_bytes();
        }
    }

    /// Forgets acknowledged jobs that expired long enough ago; `now` is the master's time.
    pub(super) fn sweep(&mut self, now: u64) {
        let over = |entry: &Entry| {
            entry.standing == Standing::Acknowledged && entry.expires.saturating_add(KEPT_AFTER_EXPIRY_MS) < now
        };
        let gone: Vec<Jid> = self.entries.iter().filter(|(_, e)| over(e)).map(|(jid, _)| jid.clone()).collect();
        for jid in &gone {
            self.forget(jid);
        }
        let entries = &self.entries;
        self.harmless.retain(|jid| entries.contains_key(jid));
    }

    /// Jobs that stand so, by job id.
    pub(super) fn standing(&self, standing: Standing) -> Vec<Jid> {
        let mut jids: Vec<Jid> =
            self.entries.iter().filter(|(_, e)| e.standing == standing).map(|(jid, _)| jid.clone()).collect();
        jids.sort_unstable();
        jids
    }
}

/// The return of a job that was begun and never done: what of it is known.
///
/// A state run answers with the chunks finished so far; anything else with a text.
pub fn interrupted(id: &MinionId, begun: &Begun, chunks: Vec<Chunk>) -> Return {
    let states: Map = chunks.into_iter().map(|chunk| (Value::from(chunk.key), chunk.result)).collect();
    let (ret, out) = if states.is_empty() {
        (Value::from(format!("{} was interrupted: the minion stopped while it ran", begun.fun)), None)
    } else {
        (Value::Map(states), Some("highstate".to_owned()))
    };
    Return {
        jid: begun.jid.clone(),
        id: id.clone(),
        fun: begun.fun.clone(),
        fun_args: begun.fun_args.clone(),
        end: End::Interrupted,
        ret,
        retcode: 1,
        success: false,
        out,
        diagnostics: Vec::new(),
        started: begun.started,
        duration: 0.0,
        more: Map::new(),
    }
}
