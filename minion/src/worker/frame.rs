//! Frames of the socket pair, for the blocking worker and the asynchronous daemon.

use std::io::{self, Read};

use fleet_common::proto::decode::{DecodeError, Limits, decode, encode};
use fleet_common::proto::worker::MAX_FRAME;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A frame could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Io(#[from] io::Error),
    /// A frame is over the limit.
    #[error("a frame of {0} bytes exceeds the limit of {MAX_FRAME}")]
    TooLarge(usize),
    /// A frame holds no message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// A message with its length in front.
pub fn pack<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let body = encode(message);
    if body.len() > MAX_FRAME {
        return Err(FrameError::TooLarge(body.len()));
    }
    let mut out = Vec::with_capacity(4 + body.len());
    out.extend((body.len() as u32).to_be_bytes());
    out.extend(body);
    Ok(out)
}

fn unpack<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    Ok(decode(body, Limits { bytes: MAX_FRAME, ..Limits::SESSION })?)
}

fn size(head: [u8; 4]) -> Result<usize, FrameError> {
    let size = u32::from_be_bytes(head) as usize;
    if size > MAX_FRAME { Err(FrameError::TooLarge(size)) } else { Ok(size) }
}

/// Reads one frame; `None` at the end of the stream.
pub fn read<T: DeserializeOwned>(stream: &mut impl Read) -> Result<Option<T>, FrameError> {
    let mut head = [0; 4];
    match stream.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut body = vec![0; size(head)?];
    stream.read_exact(&mut body)?;
    unpack(&body).map(Some)
}

/// Reads one frame; `None` at the end of the stream. Not safe to cancel.
pub async fn read_async<T: DeserializeOwned>(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<T>, FrameError> {
    let mut head = [0; 4];
    match stream.read_exact(&mut head).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    };
    let mut body = vec![0; size(head)?];
    stream.read_exact(&mut body).await?;
    unpack(&body).map(Some)
}

/// Writes one frame. Not safe to cancel.
pub async fn write_async<T: Serialize>(stream: &mut (impl AsyncWrite + Unpin), message: &T) -> Result<(), FrameError> {
    Ok(stream.write_all(&pack(message)?).await?)
}
