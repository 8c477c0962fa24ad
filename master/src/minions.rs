//! What is known of each minion now: its session, its last contact, its grains.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fleet_common::channel::request::ServerSender;
use fleet_common::crypto::keys::PublicKey;
use fleet_common::digest;
use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::decode::encode;
use fleet_common::proto::request::{Push, Role};
use fleet_common::value::Map;
use serde_bytes::ByteBuf;
use tokio::sync::watch;

use crate::fileserver::Share;
use crate::grains::{Grains, Packer};
use crate::store::{GrainsRow, Store, StoreError};

/// How long an older session may take to answer a probe before a newer one takes its place.
const PROBE_WAIT: Duration = Duration::from_secs(2);

/// One accepted minion's session.
pub struct Session {
    /// Tells this session from later ones of the same minion.
    pub token: u64,
    /// Who it is; the only identity that requests in it have.
    pub id: MinionId,
    /// The key it proved.
    pub key: PublicKey,
    /// What it is for.
    pub role: Role,
    /// Where it comes from, for logs.
    pub peer: String,
    /// Digest of the grains the minion has.
    pub grains_hash: [u8; 32],
    /// To the minion.
    pub sender: ServerSender,
    /// What it may have of the file server at once.
    pub files: Share,
    /// Counts what arrives: whoever probes waits for a change.
    contacts: watch::Sender<u64>,
}

impl Session {
    /// A session that was just accepted.
    pub fn new(
        token: u64,
        (id, key, role): (MinionId, PublicKey, Role),
        peer: String,
        grains_hash: [u8; 32],
        sender: ServerSender,
    ) -> Self {
        Self { token, id, key, role, peer, grains_hash, sender, files: Share::default(), contacts: watch::channel(0).0 }
    }

    /// Something arrived.
    pub fn contact(&self) {
        self.contacts.send_modify(|count| *count += 1);
    }

    /// True when the minion says anything within `wait` of being asked.
    async fn answers(&self, wait: Duration) -> bool {
        let mut contacts = self.contacts.subscribe();
        contacts.mark_unchanged();
        if self.sender.push(Push::Probe {}).is_err() {
            return false;
        }
        tokio::select! {
            _ = self.sender.closed() => false,
            changed = tokio::time::timeout(wait, contacts.changed()) => matches!(changed, Ok(Ok(()))),
        }
    }
}

/// The grains of all minions that told them.
pub type AllGrains = HashMap<MinionId, Arc<Grains>>;

#[derive(Default)]
struct Inner {
    sessions: HashMap<MinionId, Arc<Session>>,
    calls: HashMap<MinionId, Arc<Session>>,
    /// Shared with those who resolve a target right now.
    grains: Arc<AllGrains>,
    /// Digests of the grains.
    hashes: HashMap<MinionId, [u8; 32]>,
    packer: Packer,
}

/// All minions. One owner of every map keyed by minion: entries go with the session or with the key.
pub struct Minions {
    inner: Mutex<Inner>,
    tokens: AtomicU64,
    store: Store,
}

impl Minions {
    /// Reads what minions told before.
    pub async fn load(store: Store) -> Result<Self, StoreError> {
        let load = |mut inner: Inner, id: MinionId, row: GrainsRow| {
            let Ok(grains) = rmp_serde::from_slice::<Map>(&row.grains) else { return inner };
            inner.put(id, row.hash.as_slice().try_into().unwrap_or([0; 32]), &grains);
            inner
        };
        let inner = store.fold_grains(Inner::default(), load).await?;
        Ok(Self { inner: Mutex::new(inner), tokens: AtomicU64::new(1), store })
    }

    /// A number for a new session.
    pub fn token(&self) -> u64 {
        self.tokens.fetch_add(1, Ordering::Relaxed)
    }

    /// Refuses a second daemon with the same key: `Some` says where the older one is, which just answered a probe.
    /// One with a key that was replaced since is no second daemon: it will be cut.
    pub async fn older_answers(&self, id: &MinionId, role: Role, key: &PublicKey) -> Option<String> {
        let older = self.lock().map(role).get(id).filter(|older| older.key == *key).cloned()?;
        if older.answers(PROBE_WAIT).await { Some(older.peer.clone()) } else { None }
    }

    /// Enters a session; one that it replaces is closed.
    pub fn enter(&self, session: Arc<Session>) {
        let before = self.lock().map(session.role).insert(session.id.clone(), session);
        if let Some(before) = before {
            before.sender.close("a newer session took its place");
        }
    }

    /// Takes a session out, unless a newer one has its place already. Tells whether it did.
    pub fn leave(&self, session: &Session) -> bool {
        let mut inner = self.lock();
        let sessions = inner.map(session.role);
        let current = sessions.get(&session.id).is_some_and(|current| current.token == session.token);
        if current {
            sessions.remove(&session.id);
        }
        current
    }

    /// The daemon's session of a minion.
    pub fn session(&self, id: &MinionId) -> Option<Arc<Session>> {
        self.lock().sessions.get(id).cloned()
    }

    /// True when the minion's daemon is connected.
    pub fn is_up(&self, id: &MinionId) -> bool {
        self.lock().sessions.contains_key(id)
    }

    /// Those of `ids` that are not connected.
    pub fn down(&self, ids: &[MinionId]) -> Vec<MinionId> {
        let inner = self.lock();
        ids.iter().filter(|id| !inner.sessions.contains_key(*id)).cloned().collect()
    }

    /// Another connected minion that proved the same key.
    pub fn with_key(&self, key: &PublicKey, but: &MinionId) -> Option<MinionId> {
        self.lock().sessions.values().find(|session| session.key == *key && session.id != *but).map(|s| s.id.clone())
    }

    /// All sessions, of daemons and of calls.
    pub fn sessions(&self) -> Vec<Arc<Session>> {
        let inner = self.lock();
        inner.sessions.values().chain(inner.calls.values()).cloned().collect()
    }

    /// How many daemons are connected.
    pub fn count(&self) -> usize {
        self.lock().sessions.len()
    }

    /// Asks a minion for a sign; the answer arrives as a beat.
    pub fn probe(&self, id: &MinionId) {
        if let Some(session) = self.session(id) {
            // A session that cannot take it is closing: its end is the sign.
            let _ = session.sender.push(Push::Probe {});
        }
    }

    /// What a minion told of itself.
    pub fn grains(&self, id: &MinionId) -> Option<Map> {
        let packed = self.lock().grains.get(id).cloned()?;
        Some(packed.all())
    }

    /// What all minions told of themselves.
    pub fn all_grains(&self) -> Arc<AllGrains> {
        self.lock().grains.clone()
    }

    /// True when the minion told anything of itself.
    pub fn has_grains(&self, id: &MinionId) -> bool {
        self.lock().grains.contains_key(id)
    }

    /// True when what the minion told last has this digest.
    pub fn knows_grains(&self, id: &MinionId, hash: &[u8; 32]) -> bool {
        self.lock().hashes.get(id).is_some_and(|known| known == hash)
    }

    /// Keeps what a minion told of itself, under its digest: grains may change while a session lasts.
    pub async fn put_grains(&self, session: &Session, grains: &Map, now: u64) -> Result<(), StoreError> {
        let bytes = Bytes::from(encode(grains));
        let sum = digest::of_bytes("sha256", &bytes).unwrap_or_default();
        let hash: [u8; 32] = sum.try_into().unwrap_or_default();
        if self.lock().put(session.id.clone(), hash, grains) == Some(hash) {
            return Ok(());
        }
        let row = GrainsRow { hash: ByteBuf::from(hash), at: now, grains: bytes };
        self.store.put_grains(session.id.clone(), row).await
    }

    /// Forgets a minion whose key is gone.
    pub async fn forget(&self, id: &MinionId) -> Result<(), StoreError> {
        self.lock().forget(id);
        self.store.forget(id.clone()).await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Keeps grains; gives the digest of those before.
    fn put(&mut self, id: MinionId, hash: [u8; 32], grains: &Map) -> Option<[u8; 32]> {
        let packed = Arc::new(self.packer.pack(grains));
        Arc::make_mut(&mut self.grains).insert(id.clone(), packed);
        self.hashes.insert(id, hash)
    }

    fn forget(&mut self, id: &MinionId) {
        Arc::make_mut(&mut self.grains).remove(id);
        self.hashes.remove(id);
    }

    fn map(&mut self, role: Role) -> &mut HashMap<MinionId, Arc<Session>> {
        match role {
            Role::Minion => &mut self.sessions,
            Role::Call => &mut self.calls,
        }
    }
}

/// Makes job ids: the time in twenty digits, always larger than any before, whatever the clock does.
pub struct JidMaker(Mutex<u128>);

impl JidMaker {
    /// Continues after the newest id in use.
    pub fn after(newest: Option<&Jid>) -> Self {
        Self(Mutex::new(newest.and_then(|jid| jid.as_str().parse().ok()).unwrap_or(0)))
    }

    /// The next id for a job made at `now` (milliseconds since 1970, UTC).
    pub fn next(&self, now: u64) -> Jid {
        let wanted = digits(now);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = wanted.max(*last + 1);
        format!("{last:020}").parse().expect("twenty digits are a job id")
    }
}

fn digits(now: u64) -> u128 {
    let time = i64::try_from(now).ok().and_then(|now| jiff::Timestamp::from_millisecond(now).ok());
    let text = time.map(|time| time.strftime("%Y%m%d%H%M%S%6f").to_string()).unwrap_or_default();
    text.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jids_are_dates_and_only_grow() {
        let maker = JidMaker::after(None);
        assert_eq!(maker.next(1_795_176_000_123).as_str(), "20261120120000123000");
        assert_eq!(maker.next(1_795_176_000_123).as_str(), "20261120120000123001");
        assert_eq!(maker.next(0).as_str(), "20261120120000123002");
        let later: Jid = "20991231235959999999".parse().unwrap();
        assert_eq!(JidMaker::after(Some(&later)).next(1_795_176_000_123).as_str(), "20991231235960000000");
    }
}
