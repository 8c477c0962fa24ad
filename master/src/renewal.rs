//! Replacing the master's own keys while it runs: told to all sessions first, used a second later.

use std::sync::Arc;
use std::time::Duration;

use fleet_common::crypto::keys::MasterKeys;
use fleet_common::diag::{Diagnostic, Kind};
use fleet_common::proto::api::{OwnKey, Replaced};
use fleet_common::proto::request::Push;
use serde_bytes::ByteBuf;
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::minions::{Minions, Session};
use crate::publish::Stream;

/// How long sessions may take to learn of new keys before they are used.
pub const SWITCH_AFTER: Duration = Duration::from_secs(1);

/// The master's own keys and who must learn of new ones.
pub struct Renewal {
    own: Arc<MasterKeys>,
    minions: Arc<Minions>,
    stream: Arc<Stream>,
    clock: Clock,
    one: Mutex<()>,
}

impl Renewal {
    /// Nothing is replaced yet.
    pub fn new(own: Arc<MasterKeys>, minions: Arc<Minions>, stream: Arc<Stream>, clock: Clock) -> Self {
        Self { own, minions, stream, clock, one: Mutex::new(()) }
    }

    /// The fingerprint of the root that is used now.
    pub fn root(&self) -> String {
        self.own.root().fingerprint().to_string()
    }

    /// Puts a new key in the place of an old one, on disk and in use; returns when it is used.
    pub async fn replace(&self, which: OwnKey) -> Result<Replaced, Diagnostic> {
        let _one = self.one.lock().await;
        let (own, now) = (self.own.clone(), self.clock.wall());
        let written = tokio::task::spawn_blocking(move || {
            let memory = || Diagnostic::user("the keys of this master live in memory only");
            let directory = own.directory().ok_or_else(memory)?;
            let before = own.root();
            replace(directory, which, now)?;
            Ok::<_, Diagnostic>((before, own.staged(now)?))
        });
        let written = written.await.map_err(|error| Diagnostic::new(Kind::Internal, error.to_string()))?;
        let (before, staged) = written?;
        if let Some(staged) = staged {
            self.tell(staged.renewal(now));
            tokio::time::sleep(SWITCH_AFTER).await;
            self.own.install(staged);
            self.stream.renew(&self.own);
            // Some were welcomed with the old keys meanwhile.
            self.tell(self.own.renewal(now));
        }
        let (before, after) = (before.fingerprint().to_string(), self.root());
        tracing::warn!(which = which.name(), root = after, "the master's own key was replaced");
        Ok(Replaced { before, after, told: self.minions.count() })
    }

    /// Tells a session that began with other keys than are used now.
    pub fn catch_up(&self, session: &Session) {
        let proof = ByteBuf::from(self.own.renewal(self.clock.wall()));
        // A session that cannot take it is closing.
        let _ = session.sender.push(Push::Renewed { proof });
    }

    fn tell(&self, proof: Vec<u8>) {
        let proof = ByteBuf::from(proof);
        for session in self.minions.sessions() {
            let _ = session.sender.push(Push::Renewed { proof: proof.clone() });
        }
    }
}

/// Puts a new key in the place of an old one, on disk: a master that is down uses it at its next start.
pub fn replace(directory: &std::path::Path, which: OwnKey, now: u64) -> Result<(), Diagnostic> {
    match which {
        OwnKey::Root => MasterKeys::replace_root(directory).map(|_| ()),
        OwnKey::Online => MasterKeys::replace_online(directory, now),
    }
}
