//! One connection as the layers above see it: whole messages both ways, in order, with a byte-bounded outbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::{MAX_MESSAGE, MAX_UNKNOWN_MESSAGE, Peer};

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

/// A connection. Dropping either half closes it.
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
    close: Arc<watch::Sender<bool>>,
}

/// The receiving half.
pub struct LinkReceiver {
    queue: mpsc::Receiver<Bytes>,
    _close: CloseOnDrop,
}

struct CloseOnDrop(Arc<watch::Sender<bool>>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

/// The socket's end of a link: what a transport task reads from and writes to.
pub struct LinkEnd {
    /// Messages to write to the socket, in order.
    pub outgoing: mpsc::UnboundedReceiver<Queued>,
    /// Messages read from the socket go here; waiting here is the back pressure on the peer.
    pub incoming: mpsc::Sender<Bytes>,
    /// Turns true when the link was closed from above.
    pub closed: watch::Receiver<bool>,
    /// The largest message that may be read now.
    pub limit: Arc<AtomicUsize>,
}

impl Link {
    /// A link and its socket's end. `outbox_bytes` bounds what may wait for the socket; messages read are limited to
    /// [`MAX_UNKNOWN_MESSAGE`] until [`LinkSender::trust`].
    pub fn new(peer: Peer, outbox_bytes: usize) -> (Self, LinkEnd) {
        // The number of queued messages is bounded by the byte budget: every message takes at least one permit.
        let (out_tx, outgoing) = mpsc::unbounded_channel();
        let (incoming, in_rx) = mpsc::channel(16);
        let (close, closed) = watch::channel(false);
        let close = Arc::new(close);
        let limit = Arc::new(AtomicUsize::new(MAX_UNKNOWN_MESSAGE));
        let tx = LinkSender {
            queue: out_tx,
            budget: Arc::new(Semaphore::new(outbox_bytes)),
            budget_bytes: outbox_bytes,
            limit: limit.clone(),
            close: close.clone(),
        };
        let rx = LinkReceiver { queue: in_rx, _close: CloseOnDrop(close) };
        (Self { peer, tx, rx }, LinkEnd { outgoing, incoming, closed, limit })
    }
}

impl LinkSender {
    fn share(&self, message: &Bytes) -> u32 {
        // A message larger than the whole budget takes all of it.
        u32::try_from((message.len() + 64).min(self.budget_bytes)).unwrap_or(u32::MAX)
    }

    /// Queues a message, waiting while the outbox is full.
    pub async fn send(&self, message: Bytes) -> Result<(), Closed> {
        let mut closed = self.close.subscribe();
        let share = tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => return Err(Closed),
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
    pub fn trust(&self) {
        self.limit.store(MAX_MESSAGE, Ordering::Relaxed);
    }

    /// Ends the connection; what waits in the outbox is dropped.
    pub fn close(&self) {
        self.close.send_replace(true);
    }

    /// True once either side ended it.
    pub fn is_closed(&self) -> bool {
        *self.close.borrow() || self.queue.is_closed()
    }

    /// Waits until the connection ended, whoever ended it.
    pub async fn closed(&self) {
        let mut closed = self.close.subscribe();
        tokio::select! {
            _ = closed.wait_for(|closed| *closed) => {}
            () = self.queue.closed() => {}
        }
    }
}

impl LinkReceiver {
    /// The next message; `None` when the connection ended. Safe to cancel.
    pub async fn recv(&mut self) -> Option<Bytes> {
        self.queue.recv().await
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
        assert!(*end.closed.borrow_and_update());
    }
}
