//! The reading half of an opened ZMTP connection: batches of items, PINGs answered, nothing held while idle.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::MAX_UNKNOWN_MESSAGE;
use super::connection::Ended;
use super::socket::Stream;
use super::zmtp::{Command, Decoder, Item};

/// Read at once from a peer that may send large messages.
const CHUNK: usize = 16 * 1024;
/// Reads of one batch, so that one busy peer does not hold its thread.
const READS: usize = 16;

/// The PONG that is owed; a flood of PINGs owes one.
#[derive(Default)]
pub struct Pongs {
    frame: Mutex<Option<Bytes>>,
    due: Notify,
}

impl Pongs {
    /// Waits until a PONG is owed.
    pub async fn due(&self) {
        self.due.notified().await;
    }

    /// Takes it.
    pub fn take(&self) -> Option<Bytes> {
        self.frame.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn owe(&self, context: &[u8]) {
        *self.frame.lock().unwrap_or_else(PoisonError::into_inner) = Some(Command::pong_frame(context));
        self.due.notify_one();
    }
}

/// Reads one connection.
pub struct Reader<'a> {
    stream: &'a Stream,
    decoder: Decoder,
    early: Vec<u8>,
    pongs: &'a Pongs,
    /// The peer asked to be dropped when silent for so long.
    silence: Option<Duration>,
}

impl<'a> Reader<'a> {
    /// A reader; `early` bytes come before the socket's.
    pub fn new(stream: &'a Stream, decoder: Decoder, early: Vec<u8>, pongs: &'a Pongs) -> Self {
        Self { stream, decoder, early, pongs, silence: None }
    }

    /// Appends what arrived, waiting for at least some bytes. On an error `items` still holds what came before it.
    pub async fn read(&mut self, items: &mut Vec<Item>, limit: impl Fn() -> usize) -> Result<(), Ended> {
        if !self.early.is_empty() {
            let early = std::mem::take(&mut self.early);
            self.decoder.set_limit(limit());
            return self.decode(&early, items);
        }
        match self.silence {
            None => self.stream.readable().await?,
            Some(silence) => match tokio::time::timeout(silence, self.stream.readable()).await {
                Ok(result) => result?,
                Err(_) => return Err(Ended::Silent),
            },
        }
        for _ in 0..READS {
            let limit = limit();
            self.decoder.set_limit(limit);
            let full = match self.read_once(items, limit) {
                Ok(full) => full,
                Err(Ended::Gone(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(ended) => return Err(ended),
            };
            if !full {
                return Ok(());
            }
        }
        Ok(())
    }

    /// One read from the socket; true if there may be more.
    fn read_once(&mut self, items: &mut Vec<Item>, limit: usize) -> Result<bool, Ended> {
        if let Some(mut room) = self.decoder.direct() {
            let wanted = bytes::BufMut::remaining_mut(&room);
            let read = self.stream.try_read_buf(&mut room)?;
            if read == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            if let Some(item) = self.decoder.filled()? {
                self.take(item, items);
            }
            return Ok(read == wanted);
        }
        let mut chunk = [0; CHUNK];
        // A peer nobody knows yet gets less of our attention at a time.
        let size = if limit <= MAX_UNKNOWN_MESSAGE { CHUNK / 4 } else { CHUNK };
        let read = self.stream.try_read(&mut chunk[..size])?;
        if read == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        self.decode(&chunk[..read], items)?;
        Ok(read == size)
    }

    fn decode(&mut self, mut input: &[u8], items: &mut Vec<Item>) -> Result<(), Ended> {
        while let Some(item) = self.decoder.feed(&mut input)? {
            self.take(item, items);
        }
        Ok(())
    }

    fn take(&mut self, item: Item, items: &mut Vec<Item>) {
        match item {
            Item::Command(Command::Ping { ttl, context }) => {
                self.pongs.owe(&context);
                self.silence = (ttl > 0).then(|| Duration::from_millis(u64::from(ttl) * 100));
            }
            Item::Command(Command::Pong | Command::Unknown) => {}
            item => items.push(item),
        }
    }
}
