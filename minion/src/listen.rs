//! A frame of the publish socket becomes a job to take, a sign of life, or a drop with its reason.

use std::sync::Arc;

use fleet_common::channel::publish::{Dropped, Opener};
use fleet_common::crypto::keys::PublicKey;
use fleet_common::proto::job::{Job, Publication};
use fleet_common::proto::request::StreamKeys;
use fleet_common::target::Matcher;
use fleet_common::value::Map;

use crate::known::Known;

/// What a frame was.
#[derive(Debug)]
pub enum Heard {
    /// A job that this minion is meant to run.
    Job {
        /// The job.
        job: Box<Job>,
        /// The publication's counter.
        serial: u64,
    },
    /// A job on which the minion's pillar decides, which it does not have yet.
    Unclear {
        /// The job.
        job: Box<Job>,
        /// The publication's counter.
        serial: u64,
    },
    /// A job for others.
    Others,
    /// A sign of life.
    Beat {
        /// The master's time, milliseconds since 1970.
        now: u64,
    },
    /// Not from the master, not new, or not readable.
    Dropped(Dropped),
}

/// Listens to one stream.
pub struct Listener {
    opener: Opener,
    known: Arc<Known>,
    missed: bool,
}

impl Listener {
    /// Listens with what a session's welcome told.
    pub fn new(opener: Opener, known: Arc<Known>) -> Self {
        Self { opener, known, missed: false }
    }

    /// Hears one frame.
    pub fn frame(&mut self, frame: &[u8]) -> Heard {
        let opened = match self.opener.open(frame) {
            Ok(opened) => opened,
            Err(reason) => {
                tracing::debug!(%reason, "a publication was dropped");
                return Heard::Dropped(reason);
            }
        };
        self.missed |= opened.missed > 0;
        match opened.publication {
            Publication::Beat { now } => Heard::Beat { now },
            Publication::Job(job) => match is_meant(&job, &self.known) {
                Some(true) => Heard::Job { job: Box::new(job), serial: opened.counter },
                Some(false) => Heard::Others,
                None => Heard::Unclear { job: Box::new(job), serial: opened.counter },
            },
        }
    }

    /// True once after publications went missing.
    pub fn take_missed(&mut self) -> bool {
        std::mem::take(&mut self.missed)
    }

    /// Learns the keys of a rotation.
    pub fn add_keys(&mut self, keys: StreamKeys) {
        self.opener.add_keys(keys);
    }

    /// Learns which key will sign publications.
    pub fn expect_signer(&mut self, key: PublicKey) {
        self.opener.expect_signer(key);
    }

    /// The newest counter heard of.
    pub fn counter(&self) -> u64 {
        self.opener.counter()
    }
}

/// True if the minion is among the ids, where there are any, and matches the target itself; `None` when its pillar would
/// decide and was not fetched yet.
pub fn is_meant(job: &Job, known: &Known) -> Option<bool> {
    if job.ids.as_ref().is_some_and(|ids| !ids.contains(known.id())) {
        return Some(false);
    }
    match Matcher::parse(&job.target, &Map::new()) {
        Ok(matcher) => matcher.decide(&known.subject()),
        Err(fault) => {
            tracing::warn!(jid = %job.jid, %fault, "a target can not be read here");
            Some(false)
        }
    }
}
