//! Frames: headers out, an incremental decoder in.

use bytes::buf::Limit;
use bytes::{BufMut, Bytes, BytesMut};

use super::{Command, ZmtpError};

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// Most parts of one message.
pub const MAX_PARTS: usize = 16;
/// Memory taken for a body ahead of its bytes.
const STEP: usize = 64 * 1024;
/// Below this a body is filled by copying from the read buffer.
const DIRECT: usize = 4 * 1024;

/// The encoded header of one frame.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    bytes: [u8; 9],
    len: u8,
}

impl Header {
    /// Of a message's only part.
    pub fn message(body: usize) -> Self {
        Self::new(0, body)
    }

    /// Of a command.
    pub fn command(body: usize) -> Self {
        Self::new(COMMAND, body)
    }

    fn new(flags: u8, body: usize) -> Self {
        let mut bytes = [0; 9];
        if let Ok(short) = u8::try_from(body) {
            bytes[0] = flags;
            bytes[1] = short;
            return Self { bytes, len: 2 };
        }
        bytes[0] = flags | LONG;
        bytes[1..].copy_from_slice(&(body as u64).to_be_bytes());
        Self { bytes, len: 9 }
    }

    /// Its bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The whole frame in one piece.
    pub fn with_body(&self, body: &[u8]) -> Bytes {
        let mut frame = BytesMut::with_capacity(9 + body.len());
        frame.put_slice(self.as_slice());
        frame.put_slice(body);
        frame.freeze()
    }
}

/// What a peer sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A message. Of several parts only the last counts: what stands before it is envelope (an empty delimiter of
    /// REQ, a routing identity), counted against the limit and dropped.
    Message(Bytes),
    /// A command.
    Command(Command),
}

/// Reads frames from bytes as they arrive; the greeting is gone already.
///
/// After an error the stream can't be resynchronised: the decoder answers the same error ever after.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    header: [u8; 9],
    have: usize,
    body: Option<Body>,
    /// Parts of the current message that are complete, and their bytes.
    parts: usize,
    part_bytes: usize,
    broken: Option<ZmtpError>,
}

#[derive(Debug)]
struct Body {
    flags: u8,
    length: usize,
    bytes: BytesMut,
}

impl Decoder {
    /// A decoder that allows messages (all parts together) of `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, header: [0; 9], have: 0, body: None, parts: 0, part_bytes: 0, broken: None }
    }

    /// Changes what is allowed from the next header on.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Consumes bytes from the front of `input` until something is complete; `None` when more bytes are needed.
    pub fn feed(&mut self, input: &mut &[u8]) -> Result<Option<Item>, ZmtpError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let fed = self.advance(input);
        self.broken = fed.as_ref().err().copied();
        fed
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Option<Item>, ZmtpError> {
        loop {
            if self.body.is_none() && !self.feed_header(input)? {
                return Ok(None);
            }
            let Some(body) = &mut self.body else { return Ok(None) };
            body.take_from(input);
            if !body.complete() {
                return Ok(None);
            }
            if let Some(item) = self.finish()? {
                return Ok(Some(item));
            }
        }
    }

    /// Where a body's bytes may be read to without a copy, if what is missing is worth it; call [`Self::filled`] after.
    pub fn direct(&mut self) -> Option<Limit<&mut BytesMut>> {
        let body = self.body.as_mut()?;
        if body.length - body.bytes.len() < DIRECT {
            return None;
        }
        body.make_room();
        let room = (body.bytes.capacity() - body.bytes.len()).min(body.length - body.bytes.len());
        Some((&mut body.bytes).limit(room))
    }

    /// What became complete by reading into [`Self::direct`].
    pub fn filled(&mut self) -> Result<Option<Item>, ZmtpError> {
        self.feed(&mut &[][..])
    }

    /// True between items: nothing of a next one has arrived.
    pub fn is_idle(&self) -> bool {
        self.have == 0 && self.body.is_none() && self.parts == 0
    }

    /// True when a header is complete; the body is then set up.
    fn feed_header(&mut self, input: &mut &[u8]) -> Result<bool, ZmtpError> {
        while let Some((byte, rest)) = input.split_first() {
            *input = rest;
            self.header[self.have] = *byte;
            self.have += 1;
            let flags = self.header[0];
            if flags & !(MORE | LONG | COMMAND) != 0 || flags & COMMAND != 0 && flags & MORE != 0 {
                return Err(ZmtpError::Flags(flags));
            }
            let long = flags & LONG != 0;
            if self.have == if long { 9 } else { 2 } {
                let mut wide = [0; 8];
                wide.copy_from_slice(&self.header[1..]);
                let length = if long { u64::from_be_bytes(wide) } else { u64::from(self.header[1]) };
                self.begin_body(flags, length)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn begin_body(&mut self, flags: u8, length: u64) -> Result<(), ZmtpError> {
        // A command may stand between the parts of a message, but is a thing of its own.
        let before = if flags & COMMAND != 0 { 0 } else { self.part_bytes };
        let claimed = length.saturating_add(before as u64);
        let length = usize::try_from(length)
            .ok()
            .filter(|_| claimed <= self.limit as u64)
            .ok_or(ZmtpError::TooLong { claimed, limit: self.limit })?;
        self.have = 0;
        self.body = Some(Body { flags, length, bytes: BytesMut::new() });
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Item>, ZmtpError> {
        let Some(body) = self.body.take() else { return Ok(None) };
        let bytes = body.bytes.freeze();
        if body.flags & COMMAND != 0 {
            return Command::parse(&bytes).map(|command| Some(Item::Command(command)));
        }
        if body.flags & MORE != 0 {
            self.parts += 1;
            self.part_bytes += bytes.len();
            return if self.parts < MAX_PARTS { Ok(None) } else { Err(ZmtpError::TooManyParts) };
        }
        self.parts = 0;
        self.part_bytes = 0;
        Ok(Some(Item::Message(bytes)))
    }
}

impl Body {
    fn complete(&self) -> bool {
        self.bytes.len() == self.length
    }

    fn take_from(&mut self, input: &mut &[u8]) {
        let (taken, rest) = input.split_at(input.len().min(self.length - self.bytes.len()));
        if self.bytes.capacity() - self.bytes.len() < taken.len() {
            // Exactly the frame when it is small, never more than a step ahead of what has arrived.
            let missing = self.length - self.bytes.len();
            self.bytes.reserve(missing.min(taken.len().max(self.bytes.len()).max(STEP)));
        }
        self.bytes.put_slice(taken);
        *input = rest;
    }

    fn make_room(&mut self) {
        if self.bytes.capacity() == self.bytes.len() {
            let missing = self.length - self.bytes.len();
            self.bytes.reserve(missing.min(self.bytes.len().max(STEP)));
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn all(decoder: &mut Decoder, mut input: &[u8]) -> Result<Vec<Item>, ZmtpError> {
        let mut items = Vec::new();
        while let Some(item) = decoder.feed(&mut input)? {
            items.push(item);
        }
        assert!(input.is_empty());
        Ok(items)
    }

    fn random_message(rng: &mut SmallRng) -> Vec<u8> {
        let length = match rng.random_range(0..4) {
            0 => rng.random_range(0..4),
            1 => rng.random_range(250..260),
            2 => rng.random_range(0..5_000),
            _ => rng.random_range(60_000..200_000),
        };
        (0..length).map(|index| (index % 251) as u8).collect()
    }

    #[test]
    fn any_cut_of_the_stream_gives_the_same_messages() {
        for seed in 0..200 {
            let rng = &mut SmallRng::seed_from_u64(seed);
            let messages: Vec<Vec<u8>> = (0..rng.random_range(1..6)).map(|_| random_message(rng)).collect();
            let mut stream = Vec::new();
            for message in &messages {
                if rng.random_bool(0.3) {
                    stream.extend_from_slice(&[MORE, 0]); // REQ's delimiter
                }
                if rng.random_bool(0.3) {
                    stream.extend_from_slice(&Command::ping_frame(0, b"x"));
                }
                stream.extend_from_slice(&Header::message(message.len()).with_body(message));
            }
            let mut decoder = Decoder::new(1 << 20);
            let mut got = Vec::new();
            let mut rest = &stream[..];
            while !rest.is_empty() {
                let size = rng.random_range(1..=rest.len().min(70_000));
                let (cut, after) = rest.split_at(size);
                rest = after;
                // Either way of taking bytes, as the connection mixes them.
                let mut cut = cut;
                while !cut.is_empty() {
                    let item = if let Some(mut room) = decoder.direct() {
                        let direct = cut.len().min(room.remaining_mut());
                        room.put_slice(&cut[..direct]);
                        cut = &cut[direct..];
                        decoder.filled()
                    } else {
                        decoder.feed(&mut cut)
                    };
                    got.extend(item.expect("a good stream"));
                }
            }
            got.retain(|item| matches!(item, Item::Message(_)));
            let wanted: Vec<Item> = messages.into_iter().map(|message| Item::Message(message.into())).collect();
            assert!(got == wanted, "seed {seed}");
            assert!(decoder.is_idle());
        }
    }

    #[test]
    fn garbage_never_panics_nor_takes_memory() {
        for seed in 0..2_000 {
            let rng = &mut SmallRng::seed_from_u64(seed);
            let mut decoder = Decoder::new(4096);
            for _ in 0..20 {
                let mut garbage = vec![0; rng.random_range(1..300)];
                rng.fill(&mut garbage[..]);
                garbage[0] &= 7;
                let mut input = &garbage[..];
                while let Ok(Some(_)) = decoder.feed(&mut input) {}
                let held = decoder.body.as_ref().map_or(0, |body| body.bytes.capacity());
                assert!(held <= 4096, "{held}");
            }
        }
    }

    #[test]
    fn claimed_lengths_are_refused_at_the_header() {
        let mut header = vec![LONG];
        header.extend_from_slice(&(1u64 << 36).to_be_bytes());
        assert_eq!(all(&mut Decoder::new(4096), &header), Err(ZmtpError::TooLong { claimed: 1 << 36, limit: 4096 }));
        header[1..].fill(0xff);
        assert!(matches!(all(&mut Decoder::new(4096), &header), Err(ZmtpError::TooLong { .. })));
        // Within the limit nothing is taken ahead but a step.
        let mut decoder = Decoder::new(16 << 20);
        header[1..].copy_from_slice(&(16u64 << 20).to_be_bytes());
        header.push(7);
        assert_eq!(all(&mut decoder, &header), Ok(Vec::new()));
        assert!(decoder.body.as_ref().is_some_and(|body| body.bytes.capacity() <= 2 * STEP));
    }

    #[test]
    fn parts_are_counted_together() {
        let mut decoder = Decoder::new(10);
        assert_eq!(all(&mut decoder, b"\x01\x06abcdef"), Ok(Vec::new()));
        assert!(matches!(all(&mut decoder, b"\x00\x05ghijk"), Err(ZmtpError::TooLong { claimed: 11, .. })));
        let many = b"\x01\x00".repeat(MAX_PARTS);
        assert_eq!(all(&mut Decoder::new(10), &many), Err(ZmtpError::TooManyParts));
        assert_eq!(all(&mut Decoder::new(10), b"\x05\x00"), Err(ZmtpError::Flags(5)));
        assert_eq!(all(&mut Decoder::new(10), b"\x80"), Err(ZmtpError::Flags(0x80)));
    }
}
