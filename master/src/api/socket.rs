//! The unix socket: open to all, peers known by their credentials, connections capped per user.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};

use crate::acl::Caller;
use crate::health::Drops;

/// Most connections of root, and of every other user.
const MOST: (usize, usize) = (1024, 64);
/// How often is told that connections are not taken.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Why the socket can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another master answers there.
    #[error("{}: another master is running", .0.display())]
    Taken(PathBuf),
    /// It could not be made.
    #[error("{}: {source}", path.display())]
    Io {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The listening socket; its file is removed when dropped.
pub struct ApiSocket {
    path: PathBuf,
    listener: UnixListener,
    counts: Counts,
    drops: Arc<Drops>,
    /// When was told that a connection was not taken.
    told: Option<Instant>,
}

/// What the kernel says of a peer.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    uid: u32,
    gid: u32,
    pid: i32,
}

type Counts = Arc<Mutex<HashMap<u32, usize>>>;

impl ApiSocket {
    /// Binds the socket; a file left behind by a master that is gone is replaced.
    pub fn bind(path: &Path, drops: Arc<Drops>) -> Result<Self, SocketError> {
        let failed = |source| SocketError::Io { path: path.to_owned(), source };
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(SocketError::Taken(path.to_owned()));
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        // Bound under another name first: the rename is the moment from which it is there, with its mode.
        let new = path.with_extension("new");
        let _ = std::fs::remove_file(&new);
        let listener = UnixListener::bind(&new).map_err(failed)?;
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o666)).map_err(failed)?;
        std::fs::rename(&new, path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), listener, counts: Counts::default(), drops, told: None })
    }
}

impl ApiSocket {
    /// True now and then: any account can cause these lines, and they must not fill the disk.
    fn may_tell(&mut self) -> bool {
        let may = self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY);
        if may {
            self.told = Some(Instant::now());
        }
        may
    }
}

impl Drop for ApiSocket {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Listener for ApiSocket {
    type Io = Counted;
    type Addr = Peer;

    async fn accept(&mut self) -> (Counted, Peer) {
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    if self.may_tell() {
                        tracing::warn!(%error, "a connection to the API was not accepted; more may follow");
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Ok(peer) = stream.peer_cred() else { continue };
            let uid = peer.uid();
            if let Some(place) = Place::take(&self.counts, uid) {
                return (
                    Counted { stream, _place: place },
                    Peer { uid, gid: peer.gid(), pid: peer.pid().unwrap_or(0) },
                );
            }
            self.drops.api_refused.add();
            if self.may_tell() {
                tracing::warn!(uid, "too many connections to the API; more may follow");
            }
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        Ok(Peer { uid, gid, pid: 0 })
    }
}

/// One of a user's connections.
struct Place {
    counts: Counts,
    uid: u32,
}

impl Place {
    fn take(counts: &Counts, uid: u32) -> Option<Self> {
        let most = if uid == 0 { MOST.0 } else { MOST.1 };
        let mut map = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = map.entry(uid).or_insert(0);
        (*count < most).then(|| {
            *count += 1;
            Self { counts: counts.clone(), uid }
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut map = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = map.get_mut(&self.uid) {
            *count -= 1;
            if *count == 0 {
                map.remove(&self.uid);
            }
        }
    }
}

/// A connection that counts.
pub struct Counted {
    stream: UnixStream,
    _place: Place,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl Connected<IncomingStream<'_, ApiSocket>> for Caller {
    fn connect_info(stream: IncomingStream<'_, ApiSocket>) -> Self {
        let peer = stream.remote_addr();
        Self::of(peer.uid, peer.gid, peer.pid)
    }
}
