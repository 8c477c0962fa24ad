//! A peer of bytes: speaks as much ZMTP as a test wants it to, and then something else.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A frame with any header.
pub fn frame(flags: u8, claimed: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![flags | 2];
    bytes.extend_from_slice(&claimed.to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// A good frame.
pub fn good(flags: u8, body: &[u8]) -> Vec<u8> {
    frame(flags, body.len() as u64, body)
}

/// A greeting.
pub fn greeting() -> Vec<u8> {
    let mut bytes = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0];
    bytes.extend_from_slice(b"NULL");
    bytes.resize(64, 0);
    bytes
}

/// A READY.
pub fn ready(socket: &str, identity: &[u8]) -> Vec<u8> {
    let mut body = b"\x05READY".to_vec();
    for (name, value) in [("Socket-Type", socket.as_bytes()), ("Identity", identity)] {
        body.push(name.len() as u8);
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(&(value.len() as u32).to_be_bytes());
        body.extend_from_slice(value);
    }
    good(4, &body)
}

/// Sends a greeting and waits for the other's.
pub async fn greet(stream: &mut TcpStream) {
    stream.write_all(&greeting()).await.expect("open");
    stream.read_exact(&mut [0; 64]).await.expect("a greeting");
}

/// Reads one frame's body.
pub async fn read_frame(stream: &mut TcpStream) -> Vec<u8> {
    let mut short = [0; 2];
    stream.read_exact(&mut short).await.expect("a header");
    let length = if short[0] & 2 == 0 {
        u64::from(short[1])
    } else {
        let mut rest = [0; 7];
        stream.read_exact(&mut rest).await.expect("a header");
        rest.iter().fold(u64::from(short[1]), |length, byte| length << 8 | u64::from(*byte))
    };
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body).await.expect("a body");
    body
}

/// A connection that is past READY.
pub async fn opened(address: SocketAddr, socket: &str, identity: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    greet(&mut stream).await;
    stream.write_all(&ready(socket, identity)).await.expect("open");
    read_frame(&mut stream).await;
    stream
}

/// Waits for the other side to close, 10 s at most; what it still sends is read and dropped.
pub async fn closed(stream: &mut TcpStream) {
    let end = async {
        let mut rest = [0; 4096];
        while !matches!(stream.read(&mut rest).await, Ok(0) | Err(_)) {}
    };
    tokio::time::timeout(Duration::from_secs(10), end).await.expect("closed in time");
}

/// This process's resident memory in MiB.
pub fn resident() -> u64 {
    resident_of(std::process::id())
}

/// A process's resident memory in MiB.
pub fn resident_of(pid: u32) -> u64 {
    let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).expect("the process lives");
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("a number") * 4096 / (1 << 20)
}
