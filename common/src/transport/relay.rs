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

use super::connection::end_of;
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

/// What was given to the package and has not come out at the relay's other end: it still counts against the link.
#[derive(Default)]
struct Inside {
    messages: Mutex<VecDeque<Queued>>,
    empty: Notify,
}

impl Inside {
    fn push(&self, queued: Queued) {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).push_back(queued);
    }

    fn pop(&self) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.pop_front();
        if messages.is_empty() {
            self.empty.notify_one();
        }
    }

    async fn drained(&self) {
        while !self.messages.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            self.empty.notified().await;
        }
    }
}

/// Carries messages until any end is gone; then all are.
pub async fn carry(end: LinkEnd, package: Package, near: Link, master: Link) {
    let LinkEnd { outgoing, incoming, closing, .. } = end;
    let Link { tx: near_tx, rx: near_rx, .. } = near;
    let Link { tx: master_tx, rx: master_rx, .. } = master;
    let inside = Inside::default();
    // Each loop ends when one of its ends does; any end is everybody's end.
    match package {
        Package::Dealer(send, receive) => tokio::select! {
            () = give(outgoing, closing.clone(), send, &inside) => {}
            () = pass_up(near_rx, master_tx, &inside) => {}
            () = pass_down(master_rx, near_tx) => {}
            () = take(receive, incoming) => {}
            () = end_of(closing.clone()) => {}
        },
        Package::Sub(socket) => tokio::select! {
            () = pass_down(master_rx, near_tx) => {}
            () = take(socket, incoming) => {}
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
    inside: &Inside,
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
async fn pass_up(mut near: LinkReceiver, master: LinkSender, inside: &Inside) {
    while let Some(message) = near.recv().await {
        if master.send(message).await.is_err() {
            return;
        }
        inside.pop();
    }
}

/// Master to relay.
async fn pass_down(mut master: LinkReceiver, near: LinkSender) {
    while let Some(message) = master.recv().await {
        if near.send(message).await.is_err() {
            return;
        }
    }
}

/// Package to link.
async fn take(mut package: impl SocketRecv, incoming: Inbox) {
    while let Ok(message) = package.recv().await {
        let Some(last) = message.into_vec().pop() else { continue };
        let message = if last.len() < COPY_BELOW { Bytes::copy_from_slice(&last) } else { last };
        if let Err(Closed) = incoming.deliver(message).await {
            return std::future::pending().await;
        }
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
