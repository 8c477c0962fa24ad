//! Port 4506: connections become sessions, sessions ask, and each kind of request has one handler.
//!
//! Who asks is the session's identity, proved in the handshake; no field of a message is believed. Until its key is
//! accepted a peer gets its welcome and nothing else.

mod request;
mod session;

use std::sync::Arc;

use fleet_common::channel::Turns;
use fleet_common::crypto::keys::MasterKeys;
use fleet_common::value::Map;

use crate::clock::Clock;
use crate::fileserver::FileServer;
use crate::health::Drops;
use crate::jobs::Jobs;
use crate::keys::Keys;
use crate::mine::Mine;
use crate::minions::Minions;
use crate::peers::Peers;
use crate::pillar::Pillars;
use crate::publish::Stream;
use crate::renewal::Renewal;
use crate::returns::Returns;

pub use session::{cut_removed, serve};

/// What sessions reach.
pub struct Parts {
    /// The master's own keys.
    pub master_keys: Arc<MasterKeys>,
    /// Handshakes under way, and those that wait for their turn.
    pub turns: Arc<Turns>,
    /// Replaces them.
    pub renewal: Arc<Renewal>,
    /// Who is accepted.
    pub keys: Arc<Keys>,
    /// Who is connected.
    pub minions: Arc<Minions>,
    /// Jobs that are not over.
    pub jobs: Arc<Jobs>,
    /// Takes returns in.
    pub returns: Returns,
    /// The publication stream.
    pub stream: Arc<Stream>,
    /// Compiles pillar.
    pub pillars: Arc<Pillars>,
    /// Serves files.
    pub files: Arc<FileServer>,
    /// What minions give to each other.
    pub mine: Arc<Mine>,
    /// Runners that minions may ask for.
    pub peers: Arc<Peers>,
    /// The options a minion may see.
    pub options: Map,
    /// What is refused or dropped.
    pub drops: Arc<Drops>,
    /// The clocks.
    pub clock: Clock,
}
