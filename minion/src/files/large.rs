//! One large file, brought in parts of which several are under way: a connection that is cut costs no more than they.

use std::collections::HashMap;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::Arc;

use fleet_common::digest::Digest;
use fleet_common::proto::files::{FileFacts, PART};
use serde_bytes::ByteBuf;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::ask;
use super::store::{Partial, Store};
use crate::uplink::{AskError, Uplink};

/// Parts of one file that are under way or wait to be written.
const WINDOW: usize = 16;
/// Parts that the disk may be behind.
const BEHIND: usize = 4;

/// A part with the offset it was asked for at; `None` when the master no longer has the file.
type Fetched = (u64, Result<Option<Vec<u8>>, AskError>);

/// Why a file did not come.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("{0}")]
    Disk(#[from] io::Error),
}

/// Brings the content with the checksum of `facts`; false when the master's file changed meanwhile.
pub(super) async fn bring(
    uplink: &Uplink,
    store: &Arc<Store>,
    (env, path): (&str, &str),
    facts: &FileFacts,
) -> Result<bool, Failure> {
    let Ok(sum) = <[u8; 32]>::try_from(facts.sha256.as_slice()) else {
        return Err(io::Error::other("the master told no checksum").into());
    };
    let Begun { at, partial, digest } = begin(store, sum, facts.size).await?;
    let (parts, waiting) = mpsc::channel(BEHIND);
    let writer = write(partial, digest, waiting);
    let asked = fetch(uplink, (env, path), facts, at, &parts).await;
    drop(parts);
    let Written { partial, digest, outcome } = writer.await.map_err(|_| io::Error::other("the writer failed"))?;
    if let Err(error) = outcome {
        // A full disk is not helped by keeping what filled it.
        store.discard(&partial);
        return Err(error.into());
    }
    // What came stays for the next attempt when the connection failed.
    let is_whole = asked?;
    let is_right = is_whole && digest.finish().as_slice() == sum;
    if !is_right {
        store.discard(&partial);
        return Ok(false);
    }
    store.complete(env, path, &partial, sum)?;
    Ok(true)
}

/// A file and how much of it is there.
struct Begun {
    partial: Partial,
    digest: Digest,
    at: u64,
}

/// Finds what an earlier attempt left, sums it, and sees whether there is room for the rest.
async fn begin(store: &Arc<Store>, sum: [u8; 32], size: u64) -> io::Result<Begun> {
    let store = store.clone();
    let begin = move || {
        let mut partial = store.partial(&sum)?;
        let mut digest = Digest::new("sha256").ok_or(io::ErrorKind::Unsupported)?;
        let mut at = partial.file.metadata()?.len();
        if at > size {
            partial.file.set_len(0)?;
            at = 0;
        }
        let mut left = at;
        let mut piece = vec![0; 128 * 1024];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            let count = io::Read::read(&mut partial.file, &mut piece[..most])?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            digest.update(&piece[..count]);
            left -= count as u64;
        }
        partial.file.seek(SeekFrom::Start(at))?;
        if let Some(room) = store.room()
            && room < size - at
        {
            store.discard(&partial);
            let text = format!("No space left on device: {} bytes are missing in the cache", size - at - room);
            return Err(io::Error::new(io::ErrorKind::StorageFull, text));
        }
        Ok(Begun { partial, digest, at })
    };
    tokio::task::spawn_blocking(begin).await.map_err(|_| io::Error::other("the minion stops"))?
}

/// Asks for all parts from `at` on and hands them over in order; false when the file is gone.
async fn fetch(
    uplink: &Uplink,
    (env, path): (&str, &str),
    facts: &FileFacts,
    at: u64,
    to: &mpsc::Sender<Vec<u8>>,
) -> Result<bool, Failure> {
    let (mut at, mut asked) = (at, at);
    let mut parts: JoinSet<Fetched> = JoinSet::new();
    let mut early: HashMap<u64, Vec<u8>> = HashMap::new();
    while at < facts.size {
        while asked < facts.size && parts.len() + early.len() < WINDOW {
            let (uplink, env, path, offset) = (uplink.clone(), env.to_owned(), path.to_owned(), asked);
            let sum: ByteBuf = facts.sha256.clone();
            parts.spawn(async move { (offset, ask::part(&uplink, (&env, &path), (offset, PART), sum).await) });
            asked += u64::from(PART);
        }
        if let Some(bytes) = early.remove(&at) {
            at += bytes.len() as u64;
            if to.send(bytes).await.is_err() {
                // The writer says why it stopped.
                return Ok(false);
            }
            continue;
        }
        let Some(Ok((offset, part))) = parts.join_next().await else { return Ok(false) };
        match part? {
            Some(bytes) if bytes.len() as u64 == (facts.size - offset).min(u64::from(PART)) => {
                early.insert(offset, bytes);
            }
            // Gone, changed, or shorter than it said.
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// What the writer leaves behind.
struct Written {
    partial: Partial,
    digest: Digest,
    outcome: io::Result<()>,
}

/// Writes and sums on a thread of its own while further parts come.
fn write(mut partial: Partial, mut digest: Digest, mut parts: mpsc::Receiver<Vec<u8>>) -> JoinHandle<Written> {
    tokio::task::spawn_blocking(move || {
        while let Some(part) = parts.blocking_recv() {
            digest.update(&part);
            if let Err(error) = partial.file.write_all(&part) {
                return Written { partial, digest, outcome: Err(error) };
            }
        }
        Written { partial, digest, outcome: Ok(()) }
    })
}
