//! The opening of a ZMTP connection over a socket: greeting, then READY, each side the same.

use std::io;
use std::time::Duration;

use bytes::Bytes;

use super::socket::Stream;
use super::zmtp::{Command, Decoder, GREETING_LEN, Greeting, Item, Ready, SocketType, ZmtpError};

/// Largest READY that is read; its longest honest form is under 400 bytes.
const MAX_READY: usize = 2 * 1024;

/// What we are and whom we talk to.
#[derive(Debug, Clone)]
pub struct Side {
    /// Our socket type.
    pub ours: SocketType,
    /// The peer's must be one of these.
    pub theirs: &'static [SocketType],
    /// The identity we ask for; usually none.
    pub identity: Bytes,
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The socket failed or ended.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The peer broke the protocol.
    #[error("{0}")]
    Zmtp(#[from] ZmtpError),
    /// It took too long.
    #[error("the handshake took longer than {0:?}")]
    Timeout(Duration),
}

/// An opened connection.
pub struct Opened {
    /// The socket.
    pub stream: Stream,
    /// Its decoder.
    pub decoder: Decoder,
    /// Bytes that came with the end of the handshake.
    pub early: Vec<u8>,
}

/// Opens a connection within `timeout`; messages are limited to `limit` afterwards.
pub async fn open(stream: Stream, side: &Side, limit: usize, timeout: Duration) -> Result<Opened, HandshakeError> {
    match tokio::time::timeout(timeout, exchange(stream, side, limit)).await {
        Ok(result) => result,
        Err(_) => Err(HandshakeError::Timeout(timeout)),
    }
}

async fn exchange(stream: Stream, side: &Side, limit: usize) -> Result<Opened, HandshakeError> {
    write(&stream, &Greeting::ours()).await?;
    let mut received = Vec::new();
    while Greeting::parse(&received[..received.len().min(GREETING_LEN)])?.is_none() {
        // Not one byte more than the greeting, so that what follows goes through the decoder's limits.
        let missing = GREETING_LEN - received.len();
        read(&stream, &mut received, missing).await?;
    }
    // READY may only be sent once the peer's greeting is there: libzmq closes the connection otherwise.
    write(&stream, &Ready::frame(side.ours, &side.identity)).await?;
    let mut decoder = Decoder::new(MAX_READY);
    received.clear();
    loop {
        read(&stream, &mut received, 512).await?;
        let mut input = &received[..];
        let item = decoder.feed(&mut input)?;
        let rest = input.len();
        received.drain(..received.len() - rest);
        match item {
            Some(Item::Command(Command::Ready(ready))) if side.theirs.contains(&ready.socket) => break,
            Some(Item::Command(Command::Ready(_))) => return Err(ZmtpError::SocketType.into()),
            Some(Item::Command(Command::Error)) => return Err(ZmtpError::Refused.into()),
            Some(_) => return Err(ZmtpError::OutOfTurn.into()),
            None => {}
        }
    }
    decoder.set_limit(limit);
    Ok(Opened { stream, decoder, early: received })
}

async fn write(stream: &Stream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.try_write_vectored(&[io::IoSlice::new(bytes)]) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Appends at most `most` (up to 512) bytes.
async fn read(stream: &Stream, received: &mut Vec<u8>, most: usize) -> io::Result<()> {
    loop {
        stream.readable().await?;
        match read_some(stream, received, most) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

fn read_some(stream: &Stream, received: &mut Vec<u8>, most: usize) -> io::Result<usize> {
    let mut chunk = [0; 512];
    let read = stream.try_read(&mut chunk[..most.min(512)])?;
    received.extend_from_slice(&chunk[..read]);
    Ok(read)
}
