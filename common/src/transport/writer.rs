//! The writing half of an opened ZMTP connection: batches of frames, written with few system calls and no copies.

use std::io::{self, IoSlice};
use std::time::Duration;

use bytes::Bytes;

use super::link::Queued;
use super::socket::Stream;
use super::zmtp::Header;

/// Frames of one batch.
const MAX_FRAMES: usize = 32;
/// Bytes after which a batch takes no further frame.
const MAX_BYTES: usize = 256 * 1024;

/// Why a batch could not be written.
#[derive(Debug)]
pub enum WriteError {
    /// The socket failed.
    Io(io::Error),
    /// The peer took nothing for too long.
    Stalled,
}

/// Frames on their way to the socket.
#[derive(Default)]
pub struct Batch {
    frames: Vec<Frame>,
    bytes: usize,
}

enum Frame {
    /// Header and message.
    Message(Header, Queued),
    /// Encoded already.
    Whole(Bytes),
}

impl Frame {
    fn slices(&self) -> [&[u8]; 2] {
        match self {
            Self::Message(header, queued) => [header.as_slice(), &queued.message],
            Self::Whole(bytes) => [bytes, &[]],
        }
    }
}

impl Batch {
    /// Adds a message.
    pub fn message(&mut self, queued: Queued) {
        let header = Header::message(queued.message.len());
        self.bytes += header.as_slice().len() + queued.message.len();
        self.frames.push(Frame::Message(header, queued));
    }

    /// Adds an encoded frame.
    pub fn frame(&mut self, frame: Bytes) {
        self.bytes += frame.len();
        self.frames.push(Frame::Whole(frame));
    }

    /// True while more may be added.
    pub fn has_room(&self) -> bool {
        self.frames.len() < MAX_FRAMES && self.bytes < MAX_BYTES
    }

    /// Bytes in all.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes everything; every step forward gives the peer `stall` again.
    pub async fn write(&mut self, stream: &Stream, stall: Duration) -> Result<(), WriteError> {
        let mut written = 0;
        while written < self.bytes {
            match self.write_from(stream, written) {
                Ok(0) => return Err(WriteError::Io(io::ErrorKind::WriteZero.into())),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match tokio::time::timeout(stall, stream.writable()).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => return Err(WriteError::Io(error)),
                        Err(_) => return Err(WriteError::Stalled),
                    }
                }
                Err(error) => return Err(WriteError::Io(error)),
            }
        }
        Ok(())
    }

    fn write_from(&self, stream: &Stream, mut skip: usize) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); 2 * MAX_FRAMES + 2];
        let mut count = 0;
        for slice in self.frames.iter().flat_map(Frame::slices) {
            if skip >= slice.len() {
                skip -= slice.len();
            } else if let Some(place) = slices.get_mut(count) {
                *place = IoSlice::new(&slice[skip..]);
                skip = 0;
                count += 1;
            }
        }
        stream.try_write_vectored(&slices[..count])
    }
}
