//! From a connection to a session: handshake, judgement of the key, welcome, requests until the end.

use std::sync::Arc;
use std::time::Duration;

use fleet_common::channel::request::{Incoming, ServerReceiver, accept};
use fleet_common::crypto::keys::PublicKey;
use fleet_common::proto::request::{KeyState, Push, Role, Welcome};
use fleet_common::transport::{Link, Listener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Parts, request};
use crate::jobs::Sign;
use crate::keys::{Accepted, Claim, Judgement, Shown};
use crate::minions::Session;
use crate::renewal::SWITCH_AFTER;

/// Keys looked up at the same time, each on a thread of its own.
const LOOKUPS: usize = 16;
/// The same for ids that are not accepted: a flood of them keeps no accepted minion waiting. The disk takes several new
/// keys in the time of one.
const STRANGERS: usize = 16;
/// Strangers who may wait for that; more are told to come back later.
const STRANGERS_WAITING: usize = 244;
/// How often a second minions whose keys wait may ask whether they are accepted, all together.
const ASKING: usize = 100;
/// Three missed beats: the peer is gone.
const SILENCE: Duration = Duration::from_secs(32);

/// Serves connections until `stop`.
pub async fn serve(parts: Arc<Parts>, mut listener: Box<dyn Listener>, stop: CancellationToken) {
    let lookups = Arc::new(Lookups::default());
    let sessions = TaskTracker::new();
    loop {
        let link = tokio::select! {
            () = stop.cancelled() => break,
            link = listener.accept() => link,
        };
        let Some(link) = link else { break };
        let (parts, stop, lookups) = (parts.clone(), stop.clone(), lookups.clone());
        sessions.spawn(async move {
            let opened = tokio::select! {
                () = stop.cancelled() => None,
                opened = open(&parts, &lookups, link) => opened,
            };
            if let Some((session, receiver)) = opened {
                tokio::select! {
                    () = stop.cancelled() => session.sender.close("the master stops"),
                    () = run(&parts, &session, receiver) => {}
                }
                close(&parts, &session);
            }
        });
    }
    drop(listener);
    sessions.close();
    // Peers are told; those that do not read are not waited for.
    let _ = tokio::time::timeout(Duration::from_secs(1), sessions.wait()).await;
}

/// Cuts the sessions of keys that are no longer accepted, or were replaced, and changes the group key for the others.
pub async fn cut_removed(parts: Arc<Parts>, stop: CancellationToken) {
    let mut watch = parts.keys.watch();
    let mut before: Arc<Accepted> = watch.borrow_and_update().clone();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = watch.changed() => if changed.is_err() { return },
        }
        let now = watch.borrow_and_update().clone();
        let gone: Vec<_> = before.iter().filter(|(id, stamp)| now.get(*id) != Some(stamp)).map(|(id, _)| id).collect();
        if !gone.is_empty() {
            for session in parts.minions.sessions() {
                if gone.contains(&&session.id) && !still_accepted(&parts, &session).await {
                    tracing::info!(minion = %session.id, "session cut: its key is no longer accepted");
                    session.sender.close("the key is no longer accepted");
                }
            }
            for id in gone.into_iter().filter(|id| !now.contains_key(*id)) {
                if let Err(error) = parts.minions.forget(id).await {
                    tracing::warn!(minion = %id, %error, "what was known of a minion could not be forgotten");
                }
            }
            rotate(&parts).await;
        }
        before = now;
    }
}

/// Whoever was removed knows the group key: the others get a new one.
async fn rotate(parts: &Parts) {
    let keys = parts.stream.rotate();
    for session in parts.minions.sessions() {
        if session.role == Role::Minion {
            // A session that can't take it is closing and gets the key with its next welcome.
            let _ = session.sender.push(Push::Keys(keys.clone()));
        }
    }
    tokio::time::sleep(SWITCH_AFTER).await;
    parts.stream.switch();
    tracing::info!(key_id = keys.key_id, "the group key was changed");
}

/// Handshake, judgement, welcome. `None` unless the key is accepted.
async fn open(parts: &Arc<Parts>, lookups: &Lookups, link: Link) -> Option<(Arc<Session>, ServerReceiver)> {
    let address = link.peer.to_string();
    let proved = (parts.master_keys.root(), parts.master_keys.publication());
    let incoming = match accept(link, &parts.master_keys, &parts.turns).await {
        Ok(incoming) => incoming,
        Err(error) => {
            parts.drops.handshakes_refused.add();
            tracing::debug!(peer = address, %error, "no session");
            return None;
        }
    };
    let accepted = parts.keys.accepted();
    let judgement = judge(parts, lookups, &incoming).await?;
    let (id, role) = (incoming.id.clone(), incoming.role);
    let mut welcome = Welcome {
        state: state_of(judgement),
        stream: None,
        now: parts.clock.steady(),
        retry_after: retry_after(judgement, parts.keys.waiting()),
        grains_known: parts.minions.knows_grains(&id, &incoming.grains_hash),
        reason: None,
    };
    tell(judgement, &incoming);
    if judgement == (Judgement::Pending { new: true })
        && let Some(other) = parts.minions.with_key(&incoming.key, &id)
    {
        tracing::warn!(minion = %id, peer = address, %other, "the same key is in use by another: a copied image? Remove minion.pem there");
    }
    if judgement != Judgement::Accepted {
        if incoming.enrolment.token.is_some() {
            parts.drops.tokens_refused.add();
        }
        if matches!(judgement, Judgement::Rejected | Judgement::Denied { .. }) {
            parts.drops.keys_refused.add();
        }
        incoming.welcome(welcome);
        return None;
    }
    if let Some(older) = parts.minions.older_answers(&id, role, &incoming.key).await {
        parts.drops.twins_refused.add();
        tracing::warn!(minion = %id, peer = address, older, "refused: another daemon with this key answers");
        welcome.state = KeyState::Denied;
        welcome.retry_after = 10;
        welcome.reason = Some(format!("another daemon with this key is connected from {older}"));
        incoming.welcome(welcome);
        return None;
    }
    let told = parts.stream.keys();
    if role == Role::Minion {
        welcome.stream = Some(told.clone());
    }
    let (key, grains_hash, peer) = (incoming.key, incoming.grains_hash, incoming.peer.to_string());
    let (sender, receiver) = incoming.welcome(welcome);
    let session = Session::new(parts.minions.token(), (id, key, role), peer, grains_hash, sender);
    let session = Arc::new(session);
    parts.minions.enter(session.clone());
    // Keys that changed since they were looked at were changed for the sessions that were here then, not for this one.
    if !Arc::ptr_eq(&accepted, &parts.keys.accepted()) && !still_accepted(parts, &session).await {
        session.sender.close("the key is no longer accepted");
        parts.minions.leave(&session);
        return None;
    }
    if proved != (parts.master_keys.root(), parts.master_keys.publication()) {
        parts.renewal.catch_up(&session);
    }
    if role == Role::Minion {
        let keys = parts.stream.keys();
        if (keys.key_id, &keys.next) != (told.key_id, &told.next) {
            let _ = session.sender.push(Push::Keys(keys));
        }
        parts.jobs.sign(&Sign::Up(session.id.clone()));
        tracing::info!(minion = %session.id, peer = session.peer, "session opened");
    }
    Some((session, receiver))
}

/// The peer's key, and those that have signed for it.
fn shown(incoming: &Incoming) -> Shown {
    let predecessors = incoming.predecessors.iter().map(PublicKey::to_pem).collect();
    Shown { pem: incoming.key.to_pem(), predecessors }
}

/// False when the session's key was removed, or gave its place to another.
async fn still_accepted(parts: &Parts, session: &Session) -> bool {
    let (keys, id, pem) = (parts.keys.clone(), session.id.clone(), session.key.to_pem());
    let asked = tokio::task::spawn_blocking(move || keys.accepts(&id, &pem)).await;
    matches!(asked, Ok(Ok(true)))
}

/// Where keys wait to be looked up.
struct Lookups {
    accepted: Semaphore,
    strangers: Semaphore,
    /// A place for each stranger who is looked up or waits.
    admitted: Semaphore,
}

impl Default for Lookups {
    fn default() -> Self {
        Self {
            accepted: Semaphore::new(LOOKUPS),
            strangers: Semaphore::new(STRANGERS),
            admitted: Semaphore::new(STRANGERS + STRANGERS_WAITING),
        }
    }
}

async fn judge(parts: &Arc<Parts>, lookups: &Lookups, incoming: &Incoming) -> Option<Judgement> {
    let id = &incoming.id;
    let is_stranger = !parts.keys.accepted().contains_key(id);
    let admitted = if is_stranger { lookups.admitted.try_acquire().ok() } else { None };
    if is_stranger && admitted.is_none() {
        parts.drops.keys_busy.add();
        return Some(Judgement::Full { tell: false });
    }
    let pool = if is_stranger { &lookups.strangers } else { &lookups.accepted };
    let _place = pool.acquire().await.ok()?;
    let (keys, id, shown) = (parts.keys.clone(), id.clone(), shown(incoming));
    let claim = Claim { enrolment: incoming.enrolment.clone(), now: parts.clock.wall() };
    let judged = tokio::task::spawn_blocking(move || keys.judge(&id, &shown, &claim)).await;
    match judged {
        Ok(Ok(judgement)) => {
            if let Judgement::Full { .. } = judgement {
                parts.drops.keys_full.add();
            }
            Some(judgement)
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "the key could not be looked up");
            None
        }
        Err(_) => None,
    }
}

fn state_of(judgement: Judgement) -> KeyState {
    match judgement {
        Judgement::Accepted => KeyState::Accepted,
        Judgement::Pending { .. } | Judgement::Full { .. } => KeyState::Pending,
        Judgement::Rejected => KeyState::Rejected,
        Judgement::Denied { .. } => KeyState::Denied,
    }
}

/// Seconds. Somebody probably accepts a new key soon; a full house empties slowly. However many wait, they ask no more
/// often together than [`ASKING`] times a second.
fn retry_after(judgement: Judgement, waiting: usize) -> u32 {
    match judgement {
        Judgement::Accepted => 0,
        Judgement::Pending { .. } => u32::try_from(waiting / ASKING).unwrap_or(u32::MAX).clamp(2, 120),
        Judgement::Full { .. } => 60,
        Judgement::Rejected | Judgement::Denied { .. } => 30,
    }
}

fn tell(judgement: Judgement, incoming: &Incoming) {
    let (minion, peer, key) = (&incoming.id, &incoming.peer, incoming.key.fingerprint());
    match judgement {
        Judgement::Pending { new: true } => tracing::info!(%minion, %peer, %key, "a new key waits to be accepted"),
        Judgement::Denied { new: true } => {
            tracing::warn!(%minion, %peer, %key, "denied: another key is known for this id")
        }
        Judgement::Full { tell: true } => {
            tracing::warn!(%minion, %peer, "too many keys wait; a new one was not taken, and more may follow")
        }
        _ => tracing::debug!(%minion, %peer, ?judgement, "key judged"),
    }
}

/// Serves requests until the peer is gone or silent.
async fn run(parts: &Arc<Parts>, session: &Arc<Session>, mut receiver: ServerReceiver) {
    loop {
        match tokio::time::timeout(SILENCE, receiver.recv()).await {
            Ok(Some((number, body))) => {
                session.contact();
                request::handle(parts, session, number, body).await;
            }
            Ok(None) => return,
            Err(_) => {
                tracing::info!(minion = %session.id, "three beats missed");
                session.sender.close("three beats missed");
                return;
            }
        }
    }
}

fn close(parts: &Parts, session: &Session) {
    let was_current = parts.minions.leave(session);
    if was_current && session.role == Role::Minion {
        parts.jobs.sign(&Sign::Down(session.id.clone()));
        tracing::info!(minion = %session.id, "session ended");
    }
}
