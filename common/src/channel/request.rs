//! Sessions on the request socket: a minion opens one, a master accepts it.

use std::sync::Arc;
use std::time::Duration;

use crate::crypto::keys::Identity;
use crate::crypto::trust::Trust;
use crate::ids::MinionId;
use crate::proto::request::{Enrolment, Role};

pub use super::client::{Client, open};
pub use super::server::{Incoming, ServerReceiver, ServerSender, accept};

/// Longest time from a new connection to a finished handshake, and from there to the welcome.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long [`Client::call`] waits for an answer.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Most requests of one session that may wait for their answer.
pub const MAX_OPEN: usize = 32;

/// What a minion needs for a session.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Its keys.
    pub identity: Arc<Identity>,
    /// Its name.
    pub id: MinionId,
    /// What the session is for.
    pub role: Role,
    /// Which master it believes.
    pub trust: Trust,
    /// What speaks for its key until it is known.
    pub enrolment: Enrolment,
    /// Digest of its grains; the master asks for them when it knows others.
    pub grains_hash: [u8; 32],
}
