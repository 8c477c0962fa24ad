//! What both sides of a session share: the outbox, the one task that seals and writes, and how it ended.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::outbox::Outbox;
use super::parts::Joiner;
use super::{ChannelError, Fault, SessionEnd};
use crate::crypto::session::{RecordOpener, RecordSealer};
use crate::proto::decode::{Limits, decode, encode};
use crate::proto::request::Message;
use crate::transport::{Link, LinkReceiver, LinkSender};

/// How long a peer may leave a full connection unread.
const STALL: Duration = Duration::from_secs(60);
/// How long a peer has to read a last message.
const LINGER: Duration = Duration::from_secs(2);

/// One session.
pub(super) struct Session {
    pub(super) outbox: Outbox,
    link: LinkSender,
    ended: watch::Sender<Option<SessionEnd>>,
    /// A receiving half that must outlive its owner until the last message is read.
    parked: Mutex<Option<LinkReceiver>>,
}

impl Session {
    /// Starts the task that writes.
    pub(super) fn start(link: LinkSender, sealer: RecordSealer) -> Arc<Self> {
        let session =
            Arc::new(Self { outbox: Outbox::new(), link, ended: watch::Sender::new(None), parked: Mutex::new(None) });
        tokio::spawn(write(session.clone(), sealer));
        session
    }

    /// Ends the session; the first reason counts. With a farewell the peer is given a moment to read it; without, the
    /// connection is closed at once.
    pub(super) fn finish(&self, end: SessionEnd, farewell: Option<&Message>) {
        let first = self.ended.send_if_modified(|slot| {
            let first = slot.is_none();
            if first {
                tracing::debug!(%end, "session ended");
                *slot = Some(end);
            }
            first
        });
        if !first {
            return;
        }
        self.outbox.shut(farewell.map(|message| Bytes::from(encode(message))));
        if farewell.is_none() {
            self.link.close();
        }
    }

    /// How it ended, if it did.
    pub(super) fn end(&self) -> Option<SessionEnd> {
        self.ended.borrow().clone()
    }

    /// The error of whoever finds it ended.
    pub(super) fn error(&self) -> ChannelError {
        ChannelError::Ended(self.end().unwrap_or(SessionEnd::Lost))
    }

    /// Tells of the end.
    pub(super) fn watch(&self) -> watch::Receiver<Option<SessionEnd>> {
        self.ended.subscribe()
    }

    /// Waits for the end.
    pub(super) async fn closed(&self) -> SessionEnd {
        let mut ended = self.watch();
        let end = ended.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        end.unwrap_or(SessionEnd::Lost)
    }

    /// Queues a message without waiting; a peer that left no room is closed.
    pub(super) fn send_now(&self, message: &Message) -> Result<(), ChannelError> {
        let (class, content) = (message.class(), checked(message)?);
        let Some(room) = self.outbox.room_now(class, content.len()) else {
            self.finish(Fault::Slow.into(), None);
            return Err(self.error());
        };
        self.outbox.push(class, content, room).map_err(|_| self.error())
    }

    /// The connection is gone. Whoever reads may still find messages that arrived before, and a better reason.
    async fn finish_after_loss(&self) {
        let _ = timeout(LINGER, self.closed()).await;
        self.finish(SessionEnd::Lost, None);
    }

    /// Keeps a receiving half until the last message is read.
    pub(super) fn park(&self, receiver: LinkReceiver) {
        *self.parked.lock().unwrap_or_else(PoisonError::into_inner) = Some(receiver);
    }
}

/// The encoded message, if it is not too large.
pub(super) fn checked(message: &Message) -> Result<Bytes, ChannelError> {
    let content = encode(message);
    let limit = Limits::SESSION.bytes;
    if content.len() > limit {
        return Err(ChannelError::TooLarge { size: content.len(), limit });
    }
    Ok(content.into())
}

/// The only place where records are sealed: in the order in which they are written.
async fn write(session: Arc<Session>, mut sealer: RecordSealer) {
    let gone = session.link.closed();
    tokio::pin!(gone);
    loop {
        let piece = tokio::select! {
            biased;
            () = &mut gone => break,
            piece = session.outbox.next() => piece,
        };
        let Some(piece) = piece else {
            let _ = timeout(LINGER, &mut gone).await;
            break;
        };
        let record = match sealer.seal(&piece.head, &piece.content) {
            Ok(record) => Bytes::from(record),
            Err(error) => {
                session.finish(Fault::from(error).into(), None);
                break;
            }
        };
        let written = match session.link.try_send(record.clone()) {
            Ok(true) => true,
            Ok(false) => tokio::select! {
                written = session.link.send(record) => written.is_ok(),
                () = patience(&session) => {
                    session.finish(Fault::Slow.into(), None);
                    false
                }
            },
            Err(_) => false,
        };
        if !written {
            break;
        }
    }
    session.link.close();
    drop(session.parked.lock().unwrap_or_else(PoisonError::into_inner).take());
    session.finish_after_loss().await;
}

/// How long a full connection is waited for; a session that has ended is not worth much of it.
async fn patience(session: &Session) {
    tokio::select! {
        () = sleep(STALL) => {}
        _ = session.closed() => sleep(LINGER).await,
    }
}

/// Reads messages of one direction.
pub(super) struct Reader {
    link: LinkReceiver,
    opener: RecordOpener,
    joiner: Joiner,
}

impl Reader {
    pub(super) fn new(link: LinkReceiver, opener: RecordOpener) -> Self {
        Self { link, opener, joiner: Joiner::new(Limits::SESSION.bytes) }
    }

    /// The next message with its size on the wire; `Lost` when the connection is gone. Safe to cancel.
    pub(super) async fn next(&mut self) -> Result<(Message, usize), SessionEnd> {
        loop {
            let record = self.link.recv().await.ok_or(SessionEnd::Lost)?;
            let plain = self.opener.open(&record).map_err(Fault::from)?;
            if let Some(content) = self.joiner.push(plain)? {
                let message = decode(&content, Limits::SESSION).map_err(Fault::from)?;
                return Ok((message, content.len()));
            }
        }
    }

    pub(super) fn into_link(self) -> LinkReceiver {
        self.link
    }
}

/// Reads one message of the handshake.
pub(super) async fn receive(link: &mut Link, deadline: Duration) -> Result<Bytes, ChannelError> {
    match timeout(deadline, link.rx.recv()).await {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err(SessionEnd::Lost.into()),
        Err(_) => Err(ChannelError::Timeout { seconds: deadline.as_secs_f64() }),
    }
}
