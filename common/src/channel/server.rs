//! The master's side of a session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit, watch};
use tokio::time::timeout;

use super::client::now;
use super::request::{HANDSHAKE_TIMEOUT, MAX_OPEN};
use super::session::{Reader, Session, checked, receive};
use super::turns::{Turn, Turns};
use super::{ChannelError, Fault, SessionEnd};
use crate::crypto::handshake::{HandshakeError, Responder};
use crate::crypto::keys::{MasterKeys, PublicKey};
use crate::crypto::session::{RecordOpener, RecordSealer};
use crate::ids::MinionId;
use crate::proto::request::{Enrolment, KeyState, Message, Push, Reply, Request, Role, Welcome};
use crate::transport::{Link, Peer};

/// Once the open requests of one minion weigh more than this on the wire, no further one is read: decoded they may
/// take thirty times as much.
const MAX_HELD: usize = 4 * 1024 * 1024;
/// How long a peer of another version has to read so.
const REFUSAL: Duration = Duration::from_secs(1);

/// A peer that has proved its key; not yet welcomed. Dropping it closes the connection.
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
    /// What speaks for a key that is not known yet.
    pub enrolment: Enrolment,
    /// Its keys before, newest first: each has signed for the next.
    pub predecessors: Vec<PublicKey>,
    link: Link,
    sealer: RecordSealer,
    opener: RecordOpener,
}

/// Does the handshake on a new connection, in its turn, within [`HANDSHAKE_TIMEOUT`] for each of the peer's two
/// messages.
pub async fn accept(mut link: Link, keys: &Arc<MasterKeys>, turns: &Arc<Turns>) -> Result<Incoming, ChannelError> {
    let first = receive(&mut link, HANDSHAKE_TIMEOUT).await?;
    let turn = turns.take(&link).await.ok_or(SessionEnd::Lost)?;
    let keys = keys.clone();
    let answered = turns.reckon(move || Responder::answer(&keys, &first, now())).await.ok_or(SessionEnd::Lost)?;
    let (responder, second) = match answered {
        Ok(answer) => answer,
        Err(error) => {
            if let HandshakeError::Version { .. } = error {
                refuse(link);
            }
            return Err(error.into());
        }
    };
    link.tx.send(Bytes::from(second)).await.map_err(|_| SessionEnd::Lost)?;
    let (third, turn) = third(&mut link, turn).await?;
    let finished = turns.reckon(move || responder.finish(&third)).await.ok_or(SessionEnd::Lost)?;
    let (who, sealer, opener) = finished?;
    drop(turn);
    Ok(Incoming {
        peer: link.peer.clone(),
        id: who.id,
        key: who.key,
        role: who.role,
        grains_hash: who.grains_hash,
        enrolment: who.enrolment,
        predecessors: who.predecessors,
        link,
        sealer,
        opener,
    })
}

/// The peer's second message; one that lets others wait for it loses its place, not its handshake.
async fn third(link: &mut Link, turn: Turn) -> Result<(Bytes, Option<Turn>), ChannelError> {
    match receive(link, turn.patience()).await {
        Err(ChannelError::Timeout { .. }) => {
            turn.gave_up();
            Ok((receive(link, HANDSHAKE_TIMEOUT).await?, None))
        }
        third => {
            let third = third?;
            turn.answered();
            Ok((third, Some(turn)))
        }
    }
}

/// Tells a peer of another version which one is spoken here.
fn refuse(mut link: Link) {
    tokio::spawn(async move {
        if link.tx.try_send(Responder::refusal().into()) == Ok(true) {
            let _ = timeout(REFUSAL, link.rx.recv()).await;
        }
    });
}

impl Incoming {
    /// Sends the welcome. Unless it says accepted, the session is over with it: nothing is served, and the connection
    /// closes when the peer has read it, or soon after. Both halves may then be dropped at once.
    pub fn welcome(self, welcome: Welcome) -> (ServerSender, ServerReceiver) {
        let Self { link: Link { tx, rx, .. }, sealer, opener, .. } = self;
        let state = welcome.state;
        if state == KeyState::Accepted {
            tx.trust();
        }
        let session = Session::start(tx, sealer);
        let welcome = Message::Welcome(welcome);
        if state == KeyState::Accepted {
            // The outbox is empty: there is room.
            let _ = session.send_now(&welcome);
        } else {
            session.finish(SessionEnd::Unaccepted(state), Some(&welcome));
        }
        let served = Arc::new(Served { session, open: Mutex::new(Vec::new()), answered: Notify::new() });
        let ended = served.session.watch();
        let reader = Some(Reader::new(rx, opener));
        (ServerSender { served: served.clone() }, ServerReceiver { served, reader, ended })
    }
}

struct Served {
    session: Arc<Session>,
    /// The requests that wait for an answer; few, and none in an idle session.
    open: Mutex<Vec<Open>>,
    answered: Notify,
}

struct Open {
    id: u64,
    /// What it weighed on the wire.
    size: usize,
}

impl Served {
    fn open(&self) -> MutexGuard<'_, Vec<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the open requests leave memory for another.
    async fn room(&self) {
        loop {
            let held: usize = self.open().iter().map(|open| open.size).sum();
            if held <= MAX_HELD {
                return;
            }
            self.answered.notified().await;
        }
    }
}

/// Answers a minion; cheap to clone.
#[derive(Clone)]
pub struct ServerSender {
    served: Arc<Served>,
}

impl ServerSender {
    /// Answers a request, in any order, waiting while too much waits for this peer. An answer that is too large is
    /// replaced by an error the minion sees, and reported here.
    pub async fn reply(&self, id: u64, reply: Reply) -> Result<(), ChannelError> {
        self.reply_holding(id, reply, Vec::new()).await
    }

    /// As [`ServerSender::reply`]; what is held is given back when the answer has been sent or the session has ended.
    pub async fn reply_holding(
        &self,
        id: u64,
        reply: Reply,
        held: Vec<OwnedSemaphorePermit>,
    ) -> Result<(), ChannelError> {
        let message = Message::Reply { id, body: reply };
        let mut class = message.class();
        let mut outcome = Ok(());
        let content = match checked(&message) {
            Ok(content) => content,
            Err(error) => {
                let body = Reply::Error { code: "failed".to_owned(), message: error.to_string() };
                outcome = Err(error);
                let message = Message::Reply { id, body };
                class = message.class();
                checked(&message)?
            }
        };
        let session = &self.served.session;
        let room = session.outbox.room(class, content.len()).await.map_err(|_| session.error())?;
        {
            // Freed before it is sent: the minion can't use the id again before it has the answer.
            let mut open = self.served.open();
            let at = open.iter().position(|open| open.id == id).ok_or(ChannelError::NotOpen { id })?;
            open.swap_remove(at);
            if open.is_empty() {
                *open = Vec::new();
            }
        }
        self.served.answered.notify_one();
        session.outbox.push(class, content, room.with(held)).map_err(|_| session.error())?;
        outcome
    }

    /// Says something unasked, without waiting: a peer that does not read is closed.
    pub fn push(&self, push: Push) -> Result<(), ChannelError> {
        self.served.session.send_now(&Message::Push(push))
    }

    /// Ends the session: nothing more is served from this moment, and the peer is told why.
    pub fn close(&self, reason: &str) {
        let goodbye = Message::Push(Push::Goodbye { reason: reason.to_owned() });
        self.served.session.finish(SessionEnd::Closed, Some(&goodbye));
    }

    /// Waits until the session has ended, and says how.
    pub async fn closed(&self) -> SessionEnd {
        self.served.session.closed().await
    }

    /// How the session ended, if it did.
    pub fn end(&self) -> Option<SessionEnd> {
        self.served.session.end()
    }
}

/// Requests of one minion. Dropping it ends the session.
pub struct ServerReceiver {
    served: Arc<Served>,
    reader: Option<Reader>,
    ended: watch::Receiver<Option<SessionEnd>>,
}

impl ServerReceiver {
    /// The next request with the id to answer it by; `None` when the session has ended. Safe to cancel.
    ///
    /// A peer that has more than [`MAX_OPEN`] requests open, or sends anything but requests, is closed.
    pub async fn recv(&mut self) -> Option<(u64, Request)> {
        let reader = self.reader.as_mut()?;
        let session = &self.served.session;
        let next = async {
            self.served.room().await;
            reader.next().await
        };
        let message = tokio::select! {
            biased;
            // After a loss, what arrived before is still served.
            _ = self.ended.wait_for(|end| matches!(end, Some(end) if *end != SessionEnd::Lost)) => return None,
            message = next => message,
        };
        let end = match message {
            Ok((Message::Request { id, body }, size)) => {
                let mut open = self.served.open();
                if open.len() < MAX_OPEN && open.iter().all(|open| open.id != id) {
                    open.push(Open { id, size });
                    return Some((id, body));
                }
                Fault::Requests.into()
            }
            Ok(_) => Fault::Unexpected.into(),
            Err(end) => end,
        };
        session.finish(end, None);
        None
    }
}

impl Drop for ServerReceiver {
    fn drop(&mut self) {
        self.served.session.finish(SessionEnd::Closed, None);
        if let Some(reader) = self.reader.take() {
            // A farewell may still be under way; the writing task lets go of the connection afterwards.
            self.served.session.park(reader.into_link());
        }
    }
}
