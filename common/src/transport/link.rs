//! One connection as the layers above see it: whole messages both ways, in order, with a byte-bounded outbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::{MAX_MESSAGE, MAX_UNKNOWN_MESSAGE, Peer};

/// Bytes read from a peer that may wait for the layer above.
const INBOX_BYTES: usize = 1024 * 1024;
/// What a message costs beside its bytes.
const MESSAGE_OVERHEAD: usize = 64;

/// The connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection is closed")]
pub struct Closed;

/// A message on its way, holding its share of the byte budget until it is written.
pub struct Queued {
    /// The message.
    pub message: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

/// How far the end of a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// It lives.
    No,
    /// What waits in the outbox is still written, for a short while; nothing is read any more.
    Flush,
    /// At once.
    Now,
}

/// A connection. Dropping either half closes it after what was queued is written (or a short while passed).
pub struct Link {
    /// Who is at the other end.
    pub peer: Peer,
    /// To the peer.
    pub tx: LinkSender,
    /// From the peer.
    pub rx: LinkReceiver,
}

/// The sending half; cheap to clone.
#[derive(Clone)]
pub struct LinkSender {
    queue: mpsc::UnboundedSender<Queued>,
    budget: Arc<Semaphore>,
    budget_bytes: usize,
    limit: Arc<AtomicUsize>,
    close: Arc<watch::Sender<Closing>>,
}

/// The receiving half.
pub struct LinkReceiver {
    queue: mpsc::Receiver<Queued>,
    _close: CloseOnDrop,
}

struct CloseOnDrop(Arc<watch::Sender<Closing>>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.send_if_modified(|closing| {
            std::mem::replace(closing, if *closing == Closing::Now { Closing::Now } else { Closing::Flush })
                == Closing::No
        });
    }
}

/// The socket's end of a link: what a transport task reads from and writes to.
pub struct LinkEnd {
    /// Messages to write to the socket, in order.
    pub outgoing: mpsc::UnboundedReceiver<Queued>,
    /// Messages read from the socket go here; waiting here is the back pressure on the peer.
    pub incoming: Inbox,
    /// Tells when the link was closed from above.
    pub closing: watch::Receiver<Closing>,
    /// The largest message that may be read now.
    pub limit: Arc<AtomicUsize>,
}

/// Where messages read from the socket wait, bounded in number and bytes.
pub struct Inbox {
    queue: mpsc::Sender<Queued>,
    budget: Arc<Semaphore>,
}

impl Inbox {
    /// Hands a message up, waiting while too much waits already.
    pub async fn deliver(&self, message: Bytes) -> Result<(), Closed> {
        // A message larger than the budget takes all of it.
        let share = share(&message, INBOX_BYTES);
        let share = match self.budget.clone().try_acquire_many_owned(share) {
            Ok(share) => share,
            Err(_) => tokio::select! {
                biased;
                () = self.queue.closed() => return Err(Closed),
                share = self.budget.clone().acquire_many_owned(share) => share.map_err(|_| Closed)?,
            },
        };
        self.queue.send(Queued { message, _share: Some(share) }).await.map_err(|_| Closed)
    }
}

fn share(message: &Bytes, budget: usize) -> u32 {
    u32::try_from((message.len() + MESSAGE_OVERHEAD).min(budget)).unwrap_or(u32::MAX)
}

impl Link {
    /// A link and its socket's end. `outbox_bytes` bounds what may wait for the socket; messages read are limited to
    /// [`MAX_UNKNOWN_MESSAGE`] until [`LinkSender::trust`].
    pub fn new(peer: Peer, outbox_bytes: usize) -> (Self, LinkEnd) {
        Self::with_limit(peer, outbox_bytes, Arc::new(AtomicUsize::new(MAX_UNKNOWN_MESSAGE)))
    }

    /// A link in front of another: trusting this one's peer lets the other read large messages too.
    pub(super) fn in_front_of(behind: &Self, outbox_bytes: usize) -> (Self, LinkEnd) {
        Self::with_limit(behind.peer.clone(), outbox_bytes, behind.tx.limit.clone())
    }

    fn with_limit(peer: Peer, outbox_bytes: usize, limit: Arc<AtomicUsize>) -> (Self, LinkEnd) {
        // The number of queued messages is bounded by the byte budget: every message takes at least one permit.
        let (out_tx, outgoing) = mpsc::unbounded_channel();
        let (incoming, in_rx) = mpsc::channel(16);
        let (close, closing) = watch::channel(Closing::No);
        let close = Arc::new(close);
        let tx = LinkSender {
            queue: out_tx,
            budget: Arc::new(Semaphore::new(outbox_bytes)),
            budget_bytes: outbox_bytes,
            limit: limit.clone(),
            close: close.clone(),
        };
        let rx = LinkReceiver { queue: in_rx, _close: CloseOnDrop(close) };
        let incoming = Inbox { queue: incoming, budget: Arc::new(Semaphore::new(INBOX_BYTES)) };
        (Self { peer, tx, rx }, LinkEnd { outgoing, incoming, closing, limit })
    }
}

impl LinkSender {
    fn share(&self, message: &Bytes) -> u32 {
        // A message larger than the whole budget takes all of it.
        share(message, self.budget_bytes)
    }

    /// Queues a message, waiting while the outbox is full.
    pub async fn send(&self, message: Bytes) -> Result<(), Closed> {
        let mut closing = self.close.subscribe();
        let share = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing != Closing::No) => return Err(Closed),
            share = self.budget.clone().acquire_many_owned(self.share(&message)) => share.map_err(|_| Closed)?,
        };
        self.queue.send(Queued { message, _share: Some(share) }).map_err(|_| Closed)
    }

    /// Queues a message if there is room at once; `Ok(false)` when there is none.
    pub fn try_send(&self, message: Bytes) -> Result<bool, Closed> {
        if self.is_closed() {
            return Err(Closed);
        }
        match self.budget.clone().try_acquire_many_owned(self.share(&message)) {
            Ok(share) => self.queue.send(Queued { message, _share: Some(share) }).map(|()| true).map_err(|_| Closed),
            Err(_) => Ok(false),
        }
    }

    /// The peer is known: messages up to [`MAX_MESSAGE`] are read from now on.
    ///
    /// The side that answers last in a handshake must call this before it sends that answer: what the peer sends in
    /// return may be large and may be decoded at once.
    pub fn trust(&self) {
        self.limit.store(MAX_MESSAGE, Ordering::Relaxed);
    }

    /// Ends the connection; what waits in the outbox is dropped.
    pub fn close(&self) {
        self.close.send_replace(Closing::Now);
    }

    /// True once either side ended it.
    pub fn is_closed(&self) -> bool {
        *self.close.borrow() != Closing::No || self.queue.is_closed()
    }

    /// Waits until the connection ended, whoever ended it.
    pub async fn closed(&self) {
        let mut closing = self.close.subscribe();
        tokio::select! {
            _ = closing.wait_for(|closing| *closing != Closing::No) => {}
            () = self.queue.closed() => {}
        }
    }
}

impl LinkReceiver {
    /// The next message; `None` when the connection ended. Safe to cancel.
    pub async fn recv(&mut self) -> Option<Bytes> {
        self.queue.recv().await.map(|queued| queued.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_outbox_is_bounded_in_bytes() {
        let (link, mut end) = Link::new(Peer::Memory("t".into()), 1000);
        assert_eq!(link.tx.try_send(Bytes::from(vec![0; 800])), Ok(true));
        assert_eq!(link.tx.try_send(Bytes::from(vec![0; 800])), Ok(false));
        drop(end.outgoing.recv().await);
        assert_eq!(link.tx.try_send(Bytes::from(vec![0; 800])), Ok(true));
        drop(link.rx);
        assert_eq!(link.tx.send(Bytes::new()).await, Err(Closed));
        assert_eq!(*end.closing.borrow_and_update(), Closing::Flush);
    }

    #[tokio::test]
    async fn the_inbox_is_bounded_in_bytes() {
        let (mut link, end) = Link::new(Peer::Memory("t".into()), 1000);
        let half = Bytes::from(vec![0; INBOX_BYTES / 2 + 1]);
        assert_eq!(end.incoming.deliver(half.clone()).await, Ok(()));
        let mut second = std::pin::pin!(end.incoming.deliver(half.clone()));
        tokio::select! {
            biased;
            _ = &mut second => panic!("the second half must wait"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(link.rx.recv().await, Some(half));
        assert_eq!(second.await, Ok(()));
    }
}
