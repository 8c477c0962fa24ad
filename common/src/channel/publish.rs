//! Publications: sealed and signed once by the master, opened by every minion that has the group key.

use std::time::Instant;

use bytes::Bytes;

use crate::crypto::keys::{MasterKeys, PublicKey};
use crate::proto::job::Publication;
use crate::proto::request::StreamKeys;

/// Seals publications. One owner: frames must reach the publisher in the order they were sealed.
pub struct Sealer {}

impl Sealer {
    /// A new epoch with a new group key.
    pub fn new(keys: &MasterKeys, stream: u64) -> Self {
        let _ = (keys, stream);
        Self {}
    }

    /// Seals and signs one publication.
    pub fn seal(&mut self, publication: &Publication) -> Bytes {
        let _ = publication;
        Bytes::new()
    }

    /// What a session's welcome tells: the current group key, the next one when a rotation is under way, the newest
    /// counter.
    pub fn keys(&self) -> StreamKeys {
        StreamKeys { stream: 0, epoch: 0, key_id: 0, key: serde_bytes::ByteBuf::new(), counter: 0 }
    }

    /// The newest counter.
    pub fn counter(&self) -> u64 {
        0
    }

    /// Makes the next group key, to be pushed over all standing sessions. It is used after [`Sealer::switch`], or a
    /// second later.
    pub fn rotate(&mut self) -> StreamKeys {
        self.keys()
    }

    /// All sessions have the next key: use it.
    pub fn switch(&mut self) {}
}

/// A publication that is authentic, new and readable.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// Its place in the stream.
    pub counter: u64,
    /// How many publications before it never arrived.
    pub missed: u64,
    /// What it says.
    pub publication: Publication,
}

/// Why a frame was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Dropped {
    /// Not a frame.
    #[error("malformed")]
    Malformed,
    /// Another version of the protocol.
    #[error("another version")]
    Version,
    /// Another master's stream.
    #[error("another stream")]
    Stream,
    /// Before or after a restart of the master.
    #[error("another epoch")]
    Epoch,
    /// Not newer than what was opened before: a replay, or out of order.
    #[error("replayed or reordered")]
    Old,
    /// Sealed with a key that is not known.
    #[error("unknown group key")]
    Key,
    /// Sealed with a key that was replaced more than five seconds ago.
    #[error("retired group key")]
    Retired,
    /// Not signed by the master.
    #[error("wrong signature")]
    Signature,
    /// Signed, but the group key does not open it.
    #[error("not sealed with the group key")]
    Sealed,
    /// Opened, but its content is no publication.
    #[error("unreadable content")]
    Content,
}

/// Opens publications of one stream and epoch, in order.
pub struct Opener {}

impl Opener {
    /// Opens what `publication_key` has signed, from the counter in `keys` on.
    pub fn new(publication_key: PublicKey, keys: StreamKeys) -> Self {
        let _ = (publication_key, keys);
        Self {}
    }

    /// Opens one frame.
    pub fn open(&mut self, frame: &[u8]) -> Result<Opened, Dropped> {
        let _ = frame;
        Err(Dropped::Malformed)
    }

    /// Learns the keys of a rotation. The old key opens frames for five seconds after the new one is in use.
    pub fn add_keys(&mut self, keys: StreamKeys) {
        let _ = (keys, Instant::now());
    }

    /// The newest counter that was opened or told.
    pub fn counter(&self) -> u64 {
        0
    }

    /// How many frames were dropped, by reason.
    pub fn dropped(&self) -> &std::collections::BTreeMap<Dropped, u64> {
        const { &std::collections::BTreeMap::new() }
    }
}
