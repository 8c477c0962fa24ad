//! The minion's side of a session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::request::{CALL_TIMEOUT, ClientConfig, HANDSHAKE_TIMEOUT, MAX_OPEN};
use super::session::{Reader, Session, checked, receive};
use super::{ChannelError, Fault, SessionEnd};
use crate::crypto::certificate::MasterProof;
use crate::crypto::handshake::{HandshakeError, Initiator};
use crate::crypto::keys::PublicKey;
use crate::crypto::trust::{Believed, Trust};
use crate::proto::decode::{Limits, decode};
use crate::proto::request::{KeyState, Message, Push, Reply, Request, Role, Welcome};
use crate::transport::Link;

/// Pushes that may wait to be read.
const PUSHES: usize = 32;
/// How often a master may say in a handshake that others come first.
const MOST_WAITS: usize = 100;

/// Asks a master; cheap to clone. The session ends when all clones are dropped.
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
}

struct Handle {
    calls: Arc<Calls>,
    pushes: Mutex<Option<mpsc::Receiver<Push>>>,
    publication: PublicKey,
    root: PublicKey,
    trust: Trust,
}

struct Calls {
    session: Arc<Session>,
    slots: Arc<Semaphore>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last: u64,
    /// No answer will come any more.
    over: bool,
    waiting: HashMap<u64, Waiting>,
}

/// A request keeps its slot until it is answered, even when nobody waits for the answer any more.
struct Waiting {
    answer: oneshot::Sender<Reply>,
    _slot: OwnedSemaphorePermit,
}

/// Opens a session on a new connection: handshake, trust, welcome. Takes twice [`HANDSHAKE_TIMEOUT`] at most, and as
/// long as a busy master says that others come first.
///
/// The root is pinned when none was and the master has proved it and answered. Unless the welcome says accepted, the
/// session is over: every call fails with [`SessionEnd::Unaccepted`].
pub async fn open(mut link: Link, config: &ClientConfig) -> Result<(Welcome, Client), ChannelError> {
    let (initiator, first) = Initiator::start(&config.identity);
    let mut initiator = initiator.enrolling(&config.enrolment);
    send(&link, first).await?;
    let second = second(&mut link).await?;
    let (proof, certificate) = initiator.read(&second, now())?;
    // Nothing of this minion is told to a master it does not believe.
    let believed = config.trust.check(&proof).map_err(HandshakeError::from)?;
    if believed != Believed::FirstContact {
        config.trust.accept_serial(certificate.serial).map_err(HandshakeError::from)?;
    }
    let (third, sealer, opener) = initiator.finish(&config.id, config.role, &config.grains_hash);
    // Before the last word: the master's first may be large and come at once.
    link.tx.trust();
    send(&link, third).await?;

    let Link { tx, rx, .. } = link;
    let mut reader = Reader::new(rx, opener);
    let welcome = match timeout(HANDSHAKE_TIMEOUT, reader.next()).await {
        Ok(Ok((Message::Welcome(welcome), _))) => welcome,
        Ok(Ok(_)) => return Err(SessionEnd::from(Fault::Unexpected).into()),
        Ok(Err(end)) => return Err(end.into()),
        Err(_) => return Err(ChannelError::Timeout { seconds: HANDSHAKE_TIMEOUT.as_secs_f64() }),
    };
    config.trust.remember(&proof, believed).map_err(HandshakeError::from)?;
    config.trust.accept_serial(certificate.serial).map_err(HandshakeError::from)?;

    let session = Session::start(tx, sealer);
    if welcome.state != KeyState::Accepted {
        session.finish(SessionEnd::Unaccepted(welcome.state), None);
    }
    let (pushes, receiver) = mpsc::channel(PUSHES);
    let calls =
        Arc::new(Calls { session: session.clone(), slots: Arc::new(Semaphore::new(MAX_OPEN)), open: Mutex::default() });
    tokio::spawn(read(calls.clone(), reader, pushes, config.role));
    let handle = Handle {
        calls,
        pushes: Mutex::new(Some(receiver)),
        publication: certificate.publication,
        root: proof.root,
        trust: config.trust.clone(),
    };
    Ok((welcome, Client { handle: Arc::new(handle) }))
}

impl Client {
    /// Takes what the master told of its replaced keys, under the same rules as in a handshake; gives the key that
    /// will sign publications.
    pub fn renewed(&self, proof: &[u8]) -> Result<PublicKey, HandshakeError> {
        let proof: MasterProof = decode(proof, Limits::UNKNOWN_PEER).map_err(|_| HandshakeError::Malformed)?;
        let certificate = proof.renewed(now())?;
        let trust = &self.handle.trust;
        let believed = trust.check(&proof)?;
        trust.accept_serial(certificate.serial)?;
        trust.remember(&proof, believed)?;
        Ok(certificate.publication)
    }

    /// Asks and waits for the answer, at most [`CALL_TIMEOUT`].
    pub async fn call(&self, request: Request) -> Result<Reply, ChannelError> {
        self.call_within(request, CALL_TIMEOUT).await
    }

    /// Asks and waits for the answer, at most `limit`. Waits too while [`MAX_OPEN`] requests are open or much is
    /// queued in the request's class.
    pub async fn call_within(&self, request: Request, limit: Duration) -> Result<Reply, ChannelError> {
        match timeout(limit, self.handle.calls.ask(request)).await {
            Ok(result) => result,
            Err(_) => Err(ChannelError::Timeout { seconds: limit.as_secs_f64() }),
        }
    }

    /// What the master says unasked, handed out once. A session in the role of a minion ends when it is not read.
    pub fn pushes(&self) -> Option<mpsc::Receiver<Push>> {
        self.handle.pushes.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The key that signs the master's publications.
    pub fn publication_key(&self) -> PublicKey {
        self.handle.publication
    }

    /// The master's root key.
    pub fn root(&self) -> PublicKey {
        self.handle.root
    }

    /// Ends the session now; what waits to be sent is dropped.
    pub fn close(&self) {
        self.handle.calls.session.finish(SessionEnd::Closed, None);
    }

    /// Waits until the session has ended, and says how.
    pub async fn closed(&self) -> SessionEnd {
        self.handle.calls.session.closed().await
    }
}

#[cfg(test)]
impl Client {
    /// Sends so many requests without regard to how many are allowed.
    pub(super) async fn flood(&self, count: usize) {
        let session = &self.handle.calls.session;
        for id in 0..count as u64 {
            session.send_now(&Message::Request { id: 1000 + id, body: Request::Options {} }).unwrap();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.calls.session.finish(SessionEnd::Closed, None);
    }
}

impl Calls {
    async fn ask(&self, request: Request) -> Result<Reply, ChannelError> {
        let slot = self.slots.clone().acquire_owned().await.map_err(|_| self.session.error())?;
        let id = {
            let mut open = self.lock();
            open.last += 1;
            open.last
        };
        let message = Message::Request { id, body: request };
        let (class, content) = (message.class(), checked(&message)?);
        drop(message);
        let outbox = &self.session.outbox;
        let room = outbox.room(class, content.len()).await.map_err(|_| self.session.error())?;
        let (answer, answered) = oneshot::channel();
        {
            // No await between entering the request and queueing it: a cancelled call leaves nothing behind.
            let mut open = self.lock();
            if open.over {
                return Err(self.session.error());
            }
            open.waiting.insert(id, Waiting { answer, _slot: slot });
            if outbox.push(class, content, room).is_err() {
                open.waiting.remove(&id);
                return Err(self.session.error());
            }
        }
        answered.await.map_err(|_| self.session.error())
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes what the master sends, until the session ends.
async fn read(calls: Arc<Calls>, mut reader: Reader, pushes: mpsc::Sender<Push>, role: Role) {
    let session = calls.session.clone();
    let mut ended = session.watch();
    let end = loop {
        let message = tokio::select! {
            biased;
            _ = ended.wait_for(|end| matches!(end, Some(end) if *end != SessionEnd::Lost)) => break SessionEnd::Closed,
            message = reader.next() => message.map(|(message, _)| message),
        };
        match message {
            Ok(Message::Reply { id, body }) => match calls.lock().waiting.remove(&id) {
                // Nobody may wait for it any more.
                Some(waiting) => drop(waiting.answer.send(body)),
                None => break Fault::Requests.into(),
            },
            Ok(Message::Push(push)) => {
                let goodbye = match &push {
                    Push::Goodbye { reason } => Some(SessionEnd::Goodbye { reason: reason.clone() }),
                    _ => None,
                };
                let unread = pushes.try_send(push).is_err();
                if let Some(end) = goodbye {
                    break end;
                }
                if unread && role == Role::Minion {
                    break Fault::Slow.into();
                }
            }
            Ok(_) => break Fault::Unexpected.into(),
            Err(end) => break end,
        }
    };
    session.finish(end, None);
    calls.slots.close();
    let mut open = calls.lock();
    open.over = true;
    // Whoever waits learns the end.
    open.waiting.clear();
}

/// The master's answer, which may be long in coming while it tells that it will.
async fn second(link: &mut Link) -> Result<Bytes, ChannelError> {
    for _ in 0..MOST_WAITS {
        let message = receive(link, HANDSHAKE_TIMEOUT).await?;
        if !Initiator::is_wait(&message) {
            return Ok(message);
        }
    }
    Err(ChannelError::Busy)
}

async fn send(link: &Link, message: Vec<u8>) -> Result<(), ChannelError> {
    match timeout(HANDSHAKE_TIMEOUT, link.tx.send(Bytes::from(message))).await {
        Ok(sent) => sent.map_err(|_| SessionEnd::Lost.into()),
        Err(_) => Err(ChannelError::Timeout { seconds: HANDSHAKE_TIMEOUT.as_secs_f64() }),
    }
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
