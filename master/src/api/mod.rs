//! The HTTP API on the master's unix socket: the one door for operators, for our own commands too.
//!
//! Everybody may connect (the socket is 0666); who it is says the kernel, and rights are decided per request.
//! Bodies are msgpack for those who ask for it, JSON for others.

mod body;
mod job;
mod jobs;
mod keys;
mod minions;
mod router;
mod runners;
mod shares;
mod socket;
mod targets;

use std::sync::Arc;

use fleet_common::value::Map;

use crate::acl::{Acl, Audit};
use crate::fileserver::FileServer;
use crate::health::Health;
use crate::keys::Keys;
use crate::mine::Mine;
use crate::minions::Minions;
use crate::publish::Desk;
use crate::renewal::Renewal;
use crate::store::Store;

pub use job::JobView;
pub use minions::Presence;
pub use router::serve;
pub use shares::Shares;
pub use socket::{ApiSocket, SocketError};

/// What requests reach.
pub struct Api {
    /// Makes jobs.
    pub desk: Desk,
    /// Who may do what.
    pub acl: Arc<Acl>,
    /// Who did what.
    pub audit: Arc<Audit>,
    /// Keys of minions.
    pub keys: Arc<Keys>,
    /// Replaces the master's own keys.
    pub renewal: Arc<Renewal>,
    /// Who is connected.
    pub minions: Arc<Minions>,
    /// What minions give to each other.
    pub mine: Arc<Mine>,
    /// What is kept.
    pub store: Store,
    /// State trees.
    pub files: Arc<FileServer>,
    /// What each user may have at once. Places for runners are among it: each takes a thread, and those of the store
    /// and the keys must find some left.
    pub shares: Shares,
    /// What is counted.
    pub health: Health,
    /// The configuration as written, without its secrets.
    pub options: Map,
}
