//! Commands: READY, ERROR, SUBSCRIBE, CANCEL, PING, PONG. A command's bytes here are the body of its frame.

use bytes::{BufMut, Bytes, BytesMut};

use super::frame::Header;
use super::{SocketType, ZmtpError};

/// Longest context a PING may carry.
const MAX_PING_CONTEXT: usize = 16;
/// Longest identity.
const MAX_IDENTITY: usize = 255;

/// A command of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Its side of the handshake.
    Ready(Ready),
    /// It refuses the handshake.
    Error,
    /// It wants messages that begin so (ZMTP 3.1).
    Subscribe(Bytes),
    /// It no longer wants them (ZMTP 3.1).
    Cancel(Bytes),
    /// It wants a PONG with the context; it may be considered gone after `ttl` tenths of a second of silence (0: never).
    Ping {
        /// Tenths of a second.
        ttl: u16,
        /// To be sent back.
        context: Bytes,
    },
    /// The answer to our PING.
    Pong,
    /// A command of a later version; ignored.
    Unknown,
}

/// What READY says. The identity is no authority and nothing may be derived from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The peer's socket type.
    pub socket: SocketType,
    /// The identity it asks for.
    pub identity: Bytes,
}

impl Command {
    /// Reads the body of a command frame.
    pub fn parse(body: &Bytes) -> Result<Self, ZmtpError> {
        let (name, rest) = split_short(body).ok_or(ZmtpError::BrokenCommand)?;
        let tail = || body.slice(body.len() - rest.len()..);
        Ok(match name {
            b"READY" => Self::Ready(Ready::parse(body, rest)?),
            b"ERROR" => Self::Error,
            b"SUBSCRIBE" => Self::Subscribe(tail()),
            b"CANCEL" => Self::Cancel(tail()),
            b"PING" => {
                let ([high, low], context) = rest.split_first_chunk::<2>().ok_or(ZmtpError::BrokenCommand)?;
                if context.len() > MAX_PING_CONTEXT {
                    return Err(ZmtpError::BrokenCommand);
                }
                Self::Ping { ttl: u16::from_be_bytes([*high, *low]), context: tail().slice(2..) }
            }
            b"PONG" => Self::Pong,
            _ => Self::Unknown,
        })
    }

    /// The whole frame of a PONG.
    pub fn pong_frame(context: &[u8]) -> Bytes {
        frame(b"PONG", &[context])
    }

    /// The whole frame of a PING.
    pub fn ping_frame(ttl: u16, context: &[u8]) -> Bytes {
        frame(b"PING", &[&ttl.to_be_bytes(), context])
    }

    /// The whole frame of a SUBSCRIBE in the 3.0 form: a message.
    pub fn subscribe_frame(prefix: &[u8]) -> Bytes {
        let mut message = BytesMut::with_capacity(prefix.len() + 1);
        message.put_u8(1);
        message.put_slice(prefix);
        Header::message(message.len()).with_body(&message)
    }
}

impl Ready {
    fn parse(body: &Bytes, mut rest: &[u8]) -> Result<Self, ZmtpError> {
        let mut socket = None;
        let mut identity = Bytes::new();
        while !rest.is_empty() {
            let (name, after) = split_short(rest).ok_or(ZmtpError::BrokenCommand)?;
            let (length, after) = after.split_first_chunk::<4>().ok_or(ZmtpError::BrokenCommand)?;
            let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| ZmtpError::BrokenCommand)?;
            let (value, after) = after.split_at_checked(length).ok_or(ZmtpError::BrokenCommand)?;
            if name.eq_ignore_ascii_case(b"Socket-Type") {
                socket = SocketType::from_name(value);
            } else if name.eq_ignore_ascii_case(b"Identity") {
                if value.len() > MAX_IDENTITY {
                    return Err(ZmtpError::BrokenCommand);
                }
                identity = body.slice_ref(value);
            }
            rest = after;
        }
        Ok(Self { socket: socket.ok_or(ZmtpError::SocketType)?, identity })
    }

    /// The whole frame of our READY; without an identity the property is left out.
    pub fn frame(socket: SocketType, identity: &[u8]) -> Bytes {
        let mut body = BytesMut::new();
        for (name, value) in [(&b"Socket-Type"[..], socket.name()), (b"Identity", identity)] {
            if !value.is_empty() {
                body.put_u8(name.len() as u8);
                body.put_slice(name);
                body.put_u32(value.len() as u32);
                body.put_slice(value);
            }
        }
        frame(b"READY", &[&body])
    }
}

fn frame(name: &[u8], rest: &[&[u8]]) -> Bytes {
    let mut body = BytesMut::new();
    body.put_u8(name.len() as u8);
    body.put_slice(name);
    for part in rest {
        body.put_slice(part);
    }
    Header::command(body.len()).with_body(&body)
}

/// A string with its length in one byte before it, and what follows.
fn split_short(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(frame: &Bytes) -> Bytes {
        assert_eq!(frame[0], 4, "a short command frame");
        assert_eq!(usize::from(frame[1]), frame.len() - 2);
        frame.slice(2..)
    }

    #[test]
    fn own_commands_read_back() {
        let ready = Ready { socket: SocketType::Dealer, identity: Bytes::from_static(b"me") };
        assert_eq!(Command::parse(&body(&Ready::frame(SocketType::Dealer, b"me"))), Ok(Command::Ready(ready)));
        let ping = Command::Ping { ttl: 300, context: Bytes::from_static(b"ctx") };
        assert_eq!(Command::parse(&body(&Command::ping_frame(300, b"ctx"))), Ok(ping));
        assert_eq!(Command::parse(&body(&Command::pong_frame(b"ctx"))), Ok(Command::Pong));
        let subscribe = Bytes::from_static(b"\x09SUBSCRIBEabc");
        assert_eq!(Command::parse(&subscribe), Ok(Command::Subscribe(Bytes::from_static(b"abc"))));
        let cancel = Bytes::from_static(b"\x06CANCEL");
        assert_eq!(Command::parse(&cancel), Ok(Command::Cancel(Bytes::new())));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for bad in [
            &b""[..],
            b"\x05REA",
            b"\x05READY\x0bSocket-Type\xff\xff\xff\xffDEALER",
            b"\x05READY\x0bSocket-Type\x00\x00",
            b"\x05READY\xffSocket-Type",
            b"\x04PING\x00",
            b"\x04PING\x00\x0012345678901234567",
        ] {
            assert_eq!(Command::parse(&Bytes::from_static(bad)), Err(ZmtpError::BrokenCommand), "{bad:?}");
        }
        let stream = Bytes::from_static(b"\x05READY\x0bSocket-Type\x00\x00\x00\x06STREAM");
        assert_eq!(Command::parse(&stream), Err(ZmtpError::SocketType));
    }
}
