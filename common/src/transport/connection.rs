//! Moves messages between an opened ZMTP connection and its [`LinkEnd`]: one task a connection, no buffer while idle.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::handshake::Opened;
use super::link::{Closed, Closing, Inbox, LinkEnd, Queued};
use super::reader::{Pongs, Reader};
use super::writer::{Batch, WriteError};
use super::zmtp::{Item, ZmtpError};

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The peer closed it or the network failed.
    #[error("the peer is gone: {0}")]
    Gone(#[from] io::Error),
    /// The layer above closed it.
    #[error("closed from above")]
    Closed,
    /// The peer broke the protocol.
    #[error("{0}")]
    Protocol(#[from] ZmtpError),
    /// The peer did not take what was written.
    #[error("the peer takes nothing")]
    Stalled,
    /// The peer asked to be dropped after silence, and was silent.
    #[error("the peer was silent for its own time to live")]
    Silent,
}

impl From<WriteError> for Ended {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Io(error) => Self::Gone(error),
            WriteError::Stalled => Self::Stalled,
        }
    }
}

/// What is written after the link was closed from above may take this long.
pub const LINGER: Duration = Duration::from_secs(2);

/// Runs the connection to its end. `first` is a frame to write before all else; `stall` is how long the peer may take
/// nothing of what waits for it.
pub async fn run(opened: Opened, end: LinkEnd, first: Option<Bytes>, stall: Duration) -> Ended {
    let LinkEnd { mut outgoing, incoming, closing, limit } = end;
    let Opened { stream, decoder, early } = opened;
    let pongs = Pongs::default();
    let mut reader = Reader::new(&stream, decoder, early, &pongs);
    let read = async {
        let mut items = Vec::new();
        loop {
            let more = reader.read(&mut items, || limit.load(Ordering::Relaxed)).await;
            if deliver(&incoming, &mut items).await.is_err() {
                // Nobody listens any more; what is queued may still be written.
                return std::future::pending().await;
            }
            if let Err(ended) = more {
                return ended;
            }
        }
    };
    let mut flush = closing.clone();
    let write = async {
        let mut batch = Batch::default();
        if let Some(first) = first {
            batch.frame(first);
        }
        loop {
            if let Err(error) = batch.write(&stream, stall).await {
                return error.into();
            }
            // What is written gives its share of the outbox back before anything is waited for.
            drop(batch);
            batch = match next(&mut outgoing, &pongs, &mut flush).await {
                Some(batch) => batch,
                None => return Ended::Closed,
            };
        }
    };
    let ended = tokio::select! {
        ended = read => ended,
        ended = write => ended,
        () = end_of(closing) => Ended::Closed,
    };
    stream.finish();
    ended
}

/// Waits until a link is closed and nothing may be written any more.
pub async fn end_of(mut closing: watch::Receiver<Closing>) {
    let flushing = match closing.wait_for(|closing| *closing != Closing::No).await {
        Ok(state) => *state == Closing::Flush,
        Err(_) => true,
    };
    if flushing {
        let aborted = async {
            if closing.wait_for(|closing| *closing == Closing::Now).await.is_err() {
                // Both halves are gone: nobody is left to abort.
                std::future::pending::<()>().await;
            }
        };
        let _ = tokio::time::timeout(LINGER, aborted).await;
    }
}

async fn deliver(incoming: &Inbox, items: &mut Vec<Item>) -> Result<(), Closed> {
    for item in std::mem::take(items) {
        // Subscriptions and the like mean nothing here and were answered or ignored below.
        if let Item::Message(message) = item {
            incoming.deliver(message).await?;
        }
    }
    Ok(())
}

/// What is to be written next; `None` when nothing will come any more.
async fn next(
    outgoing: &mut mpsc::UnboundedReceiver<Queued>,
    pongs: &Pongs,
    flush: &mut watch::Receiver<Closing>,
) -> Option<Batch> {
    let mut batch = Batch::default();
    tokio::select! {
        biased;
        () = pongs.due() => {}
        first = outgoing.recv() => batch.message(first?),
        _ = flush.wait_for(|closing| *closing != Closing::No) => batch.message(outgoing.try_recv().ok()?),
    }
    if let Some(pong) = pongs.take() {
        batch.frame(pong);
    }
    while batch.has_room() {
        match outgoing.try_recv() {
            Ok(queued) => batch.message(queued),
            Err(_) => break,
        }
    }
    Some(batch)
}
