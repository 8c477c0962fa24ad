//! Records and their frames: `mark, length, crc, payload`.

use fleet_common::ids::{FunctionName, Jid};
use fleet_common::proto::decode::{Limits, decode, encode};
use fleet_common::proto::ret::Return;
use fleet_common::value::Value;
use serde::{Deserialize, Serialize};

/// Two bytes that start every frame, so that the next good one can be found after damage.
const MARK: [u8; 2] = [0xf1, 0x5a];
/// Bytes before the payload: mark, length (u32), crc32 of length and payload (u32), both little-endian.
pub(super) const HEADER: usize = 10;
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
    let payload = encode(record);
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut out = Vec::with_capacity(HEADER + payload.len());
    out.extend(MARK);
    out.extend(length);
    out.extend(checksum(length, &payload).to_le_bytes());
    out.extend(payload);
    out
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&length);
    crc.update(payload);
    crc.finalize()
}

/// The payload of the frame that starts `bytes`, if a whole and undamaged one does.
fn payload(bytes: &[u8]) -> Option<&[u8]> {
    let header = bytes.get(..HEADER)?;
    if header[..2] != MARK {
        return None;
    }
    let length = [header[2], header[3], header[4], header[5]];
    let size = u32::from_le_bytes(length) as usize;
    if size > MAX_PAYLOAD {
        return None;
    }
    let payload = bytes.get(HEADER..HEADER + size)?;
    let expected = u32::from_le_bytes([header[6], header[7], header[8], header[9]]);
    (checksum(length, payload) == expected).then_some(payload)
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
