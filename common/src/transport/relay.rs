//! The package's sockets and the loops that carry messages between them, the guarded connection and a [`Link`].

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc, watch};
use zeromq::{
    DealerRecvHalf, DealerSendHalf, DealerSocket, Socket, SocketRecv, SocketSend, SubSocket, ZmqError, ZmqMessage,
};

use super::connection::{LINGER, end_of};
use super::guard::Purpose;
use super::handshake::HandshakeError;
use super::link::{Closed, Closing, Inbox, Link, LinkEnd, LinkReceiver, LinkSender, Queued};

/// Messages shorter than this are copied out of the package's read buffer, which they would keep alive.
const COPY_BELOW: usize = 16 * 1024;

/// Why a relay could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The file system or the socket.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The package.
    #[error("{0}")]
    Package(#[from] ZmqError),
    /// The two ends did not understand each other.
    #[error("{0}")]
    Handshake(#[from] HandshakeError),
    /// Another user could enter the directory.
    #[error("the directory must belong to this user alone (mode 0700)")]
    NotPrivate,
    /// Another user connected.
    #[error("another user connected")]
    Stranger,
    /// The two ends did not find each other.
    #[error("timed out")]
    Timeout,
}

/// A socket of the package, connected to its relay.
pub enum Package {
    /// To the request port.
    Dealer(DealerSendHalf, DealerRecvHalf),
    /// To the publish port.
    Sub(SubSocket),
}

impl Package {
    /// Connects a socket of the package to a unix socket.
    pub async fn connect(purpose: Purpose, path: &Path) -> Result<Self, RelayError> {
        let endpoint = path.to_str().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
        let endpoint = format!("ipc://{endpoint}");
        match purpose {
            Purpose::Request => {
                let mut socket = DealerSocket::new();
                socket.connect(&endpoint).await?;
                let (send, receive) = socket.split();
                Ok(Self::Dealer(send, receive))
            }
            Purpose::Subscribe => {
                let mut socket = SubSocket::new();
                socket.connect(&endpoint).await?;
                socket.subscribe("").await?;
                Ok(Self::Sub(socket))
            }
        }
    }
}

/// What was given to the package on one side and has not come out on the other.
struct Inside<T> {
    messages: Mutex<VecDeque<T>>,
    empty: Notify,
}

impl<T> Inside<T> {
    fn new() -> Self {
        Self { messages: Mutex::default(), empty: Notify::new() }
    }

    fn push(&self, message: T) {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).push_back(message);
    }

    fn pop(&self) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.pop_front();
        if messages.is_empty() {
            self.empty.notify_one();
        }
    }

    /// Waits until everything came out; not for ever, because the package drops what it can't deliver.
    async fn drained(&self) {
        let empty = async {
            while !self.messages.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
                self.empty.notified().await;
            }
        };
        let _ = tokio::time::timeout(LINGER, empty).await;
    }
}

/// Carries messages until any end is gone; then all are.
pub async fn carry(end: LinkEnd, package: Package, near: Link, master: Link) {
    let LinkEnd { outgoing, incoming, closing, .. } = end;
    let Link { tx: near_tx, rx: near_rx, .. } = near;
    let Link { tx: master_tx, rx: master_rx, .. } = master;
    // On the way up a message keeps its share of the link's outbox; on the way down it is only counted.
    let up = Inside::<Queued>::new();
    let down = Inside::<()>::new();
    // Each loop ends when one of its ends does; any end is everybody's end.
    match package {
        Package::Dealer(send, receive) => tokio::select! {
            () = give(outgoing, closing.clone(), send, &up) => {}
            () = pass_up(near_rx, master_tx, &up) => {}
            () = pass_down(master_rx, near_tx, &down) => {}
            () = take(receive, incoming, &down) => {}
            () = end_of(closing.clone()) => {}
        },
        Package::Sub(socket) => tokio::select! {
            () = pass_down(master_rx, near_tx, &down) => {}
            () = take(socket, incoming, &down) => {}
            () = discard(near_rx) => {}
            () = nothing_to_send(outgoing) => {}
            () = end_of(closing) => {}
        },
    }
}

/// Link to package.
async fn give(
    mut outgoing: mpsc::UnboundedReceiver<Queued>,
    mut closing: watch::Receiver<Closing>,
    mut package: DealerSendHalf,
    inside: &Inside<Queued>,
) {
    loop {
        let queued = tokio::select! {
            biased;
            queued = outgoing.recv() => queued,
            _ = closing.wait_for(|closing| *closing != Closing::No) => outgoing.try_recv().ok(),
        };
        let Some(queued) = queued else { return inside.drained().await };
        let message = queued.message.clone();
        inside.push(queued);
        if package.send(ZmqMessage::from(message)).await.is_err() {
            return;
        }
    }
}

/// Relay to master.
async fn pass_up(mut near: LinkReceiver, master: LinkSender, inside: &Inside<Queued>) {
    while let Some(message) = near.recv().await {
        if master.send(message).await.is_err() {
            return;
        }
        inside.pop();
    }
}

/// Master to relay.
async fn pass_down(mut master: LinkReceiver, near: LinkSender, inside: &Inside<()>) {
    while let Some(message) = master.recv().await {
        inside.push(());
        if near.send(message).await.is_err() {
            return;
        }
    }
    inside.drained().await;
}

/// Package to link.
async fn take(mut package: impl SocketRecv, incoming: Inbox, inside: &Inside<()>) {
    while let Ok(message) = package.recv().await {
        if let Some(last) = message.into_vec().pop() {
            let last = if last.len() < COPY_BELOW { Bytes::copy_from_slice(&last) } else { last };
            if let Err(Closed) = incoming.deliver(last).await {
                // Nobody listens any more; what is queued may still be written.
                return std::future::pending().await;
            }
        }
        inside.pop();
    }
}

/// A subscriber's link has nothing to send; waits for its sending half to be dropped.
async fn nothing_to_send(mut outgoing: mpsc::UnboundedReceiver<Queued>) {
    while outgoing.recv().await.is_some() {}
}

/// What the package's SUB says (its subscription) ends here: the guard subscribed for it.
async fn discard(mut near: LinkReceiver) {
    while near.recv().await.is_some() {}
}
