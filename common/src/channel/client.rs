//! The minion's side of a session.

use std::time::Duration;

use tokio::sync::mpsc;

use super::request::{CALL_TIMEOUT, ClientConfig};
use super::{ChannelError, SessionEnd};
use crate::crypto::keys::PublicKey;
use crate::proto::request::{Push, Reply, Request, Welcome};
use crate::transport::Link;

/// Asks a master; cheap to clone. The session ends when all clones are dropped.
#[derive(Clone)]
pub struct Client {
    publication: PublicKey,
    root: PublicKey,
}

/// Opens a session on a new connection: handshake, trust, welcome.
///
/// The root is pinned when it was not and the handshake is complete. Unless the welcome says accepted, the client
/// answers every call with the session's end.
pub async fn open(link: Link, config: &ClientConfig) -> Result<(Welcome, Client), ChannelError> {
    let _ = (link, config);
    Err(ChannelError::Ended(SessionEnd::Lost))
}

impl Client {
    /// Asks and waits for the answer, at most [`CALL_TIMEOUT`].
    pub async fn call(&self, request: Request) -> Result<Reply, ChannelError> {
        self.call_within(request, CALL_TIMEOUT).await
    }

    /// Asks and waits for the answer, at most `timeout`.
    pub async fn call_within(&self, request: Request, timeout: Duration) -> Result<Reply, ChannelError> {
        let _ = (request, timeout);
        Err(ChannelError::Ended(SessionEnd::Lost))
    }

    /// What the master says unasked. Handed out once; a session in the role of a minion ends when nobody reads it.
    pub fn pushes(&self) -> Option<mpsc::Receiver<Push>> {
        None
    }

    /// The key that signs the master's publications.
    pub fn publication_key(&self) -> PublicKey {
        self.publication
    }

    /// The master's root key.
    pub fn root(&self) -> PublicKey {
        self.root
    }

    /// Ends the session.
    pub fn close(&self) {}

    /// Waits until the session has ended, and says how.
    pub async fn closed(&self) -> SessionEnd {
        SessionEnd::Lost
    }
}
