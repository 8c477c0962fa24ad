//! Records and their frames.

use fleet_common::frames::{self, HEADER, MARK};
use fleet_common::ids::{FunctionName, Jid};
use fleet_common::proto::decode::{Limits, decode, encode};
use fleet_common::proto::ret::Return;
use fleet_common::value::Value;
use serde::{Deserialize, Serialize};

/// Largest payload: a return of the wire's largest message with its envelope.
pub(super) const MAX_PAYLOAD: usize = 17 * 1024 * 1024;

/// A job is about to start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    /// The publishing master's stream.
    pub stream: u64,
    /// The publication's counter in it; 0 when the job came by `Sync`.
    pub serial: u64,
    /// The job.
    pub jid: Jid,
    /// When it must not start any more, milliseconds since 1970 in the master's clock.
    pub expires: u64,
    /// The function.
    pub fun: FunctionName,
    /// Its arguments for the return; empty when they are secret.
    #[serde(default)]
    pub fun_args: Vec<Value>,
    /// True when it may change the machine.
    pub changes: bool,
    /// Start, milliseconds since 1970 in the minion's clock.
    pub started: u64,
}

/// One chunk of a state run has finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// The job.
    pub jid: Jid,
    /// The chunk's key in the run's return.
    pub key: String,
    /// Its result, as it stands in the run's return.
    pub result: Value,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Record {
    Begun(Begun),
    Chunk(Chunk),
    Done(Box<Return>),
    Acked {
        jid: Jid,
    },
    /// What a rewritten file keeps of a job that was begun, done and acknowledged.
    Spent {
        jid: Jid,
        expires: u64,
        changes: bool,
    },
}

/// A record as it stands in the file.
pub(super) fn frame(record: &Record) -> Vec<u8> {
    frames::frame(&encode(record))
}

/// The payload of the frame that starts `bytes`, if a whole and undamaged one does.
fn payload(bytes: &[u8]) -> Option<&[u8]> {
    frames::payload(bytes, MAX_PAYLOAD)
}

/// The record of a whole frame.
pub(super) fn read(bytes: &[u8]) -> Option<Record> {
    decode(payload(bytes)?, Limits { bytes: MAX_PAYLOAD, ..Limits::SESSION }).ok()
}

/// The frames of a file in order: their place, size and record. Damaged bytes are stepped over.
pub(super) struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Bytes that belong to no frame so far, a torn end included.
    pub(super) damaged: usize,
}

impl<'a> Frames<'a> {
    /// Walks over a file's content.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, damaged: 0 }
    }
}

impl Iterator for Frames<'_> {
    type Item = (usize, usize, Record);

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.bytes.len() {
            let rest = &self.bytes[self.at..];
            if let Some(payload) = payload(rest) {
                let (at, size) = (self.at, HEADER + payload.len());
                self.at += size;
                match read(rest) {
                    Some(record) => return Some((at, size, record)),
                    None => self.damaged += size,
                }
                continue;
            }
            // To the next place that could start a frame.
            let skip = rest[1..].windows(2).position(|pair| pair == MARK).map_or(rest.len(), |found| found + 1);
            self.damaged += skip;
            self.at += skip;
        }
        None
    }
}
