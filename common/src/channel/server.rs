//! The master's side of a session.

use super::{ChannelError, SessionEnd};
use crate::crypto::keys::{MasterKeys, PublicKey};
use crate::ids::MinionId;
use crate::proto::request::{Push, Reply, Request, Role, Welcome};
use crate::transport::{Link, Peer};

/// A peer that has proved its key; not yet welcomed.
pub struct Incoming {
    /// Where it is.
    pub peer: Peer,
    /// The name it claims. Whether the key may bear it is the master's to say.
    pub id: MinionId,
    /// Its identity key; possession is proved.
    pub key: PublicKey,
    /// What the session is for.
    pub role: Role,
    /// Digest of its grains.
    pub grains_hash: [u8; 32],
}

/// Does the handshake on a new connection.
pub async fn accept(link: Link, keys: &MasterKeys) -> Result<Incoming, ChannelError> {
    let _ = (link, keys);
    Err(ChannelError::Ended(SessionEnd::Lost))
}

impl Incoming {
    /// Sends the welcome. Unless it says accepted, the session serves nothing and ends when the peer has read it.
    pub fn welcome(self, welcome: Welcome) -> (ServerSender, ServerReceiver) {
        let _ = welcome;
        (ServerSender {}, ServerReceiver {})
    }
}

/// Answers a minion; cheap to clone.
#[derive(Clone)]
pub struct ServerSender {}

impl ServerSender {
    /// Answers a request, waiting while too much waits for this peer.
    pub async fn reply(&self, id: u64, reply: Reply) -> Result<(), ChannelError> {
        let _ = (id, reply);
        Err(ChannelError::Ended(SessionEnd::Lost))
    }

    /// Says something unasked, without waiting: a peer that does not read is closed.
    pub fn push(&self, push: Push) -> Result<(), ChannelError> {
        let _ = push;
        Err(ChannelError::Ended(SessionEnd::Lost))
    }

    /// Ends the session: nothing more is served from this moment, and the peer is told why.
    pub fn close(&self, reason: &str) {
        let _ = reason;
    }

    /// Waits until the session has ended, and says how.
    pub async fn closed(&self) -> SessionEnd {
        SessionEnd::Lost
    }
}

/// Requests of one minion.
pub struct ServerReceiver {}

impl ServerReceiver {
    /// The next request with the id to answer it by; `None` when the session has ended. Safe to cancel.
    pub async fn recv(&mut self) -> Option<(u64, Request)> {
        None
    }
}
