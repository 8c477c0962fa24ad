//! Links and their addresses, asked of the kernel over a route netlink socket (`/proc` has no IPv4 address per link).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

/// A network link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Number in the kernel.
    pub index: u32,
    /// Name (`eth0`).
    pub name: String,
    /// Hardware address as `02:fc:00:00:00:01`; empty when the link has none.
    pub hardware: String,
    /// True when it is up.
    pub up: bool,
}

/// An address of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The link's number.
    pub index: u32,
    /// The address.
    pub address: IpAddr,
    /// Bits of the network part.
    pub prefix: u8,
    /// Broadcast address, of IPv4 links that have one.
    pub broadcast: Option<Ipv4Addr>,
    /// The label, which differs from the link's name for aliases (`eth0:1`).
    pub label: Option<String>,
}

/// A neighbour on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Its address.
    pub address: IpAddr,
    /// Its hardware address as `02:fc:00:00:00:01`.
    pub hardware: String,
}

const LINKS: Dump = Dump { request: 18, answer: 16 };
const ADDRESSES: Dump = Dump { request: 22, answer: 20 };
const NEIGHBOURS: Dump = Dump { request: 30, answer: 28 };
/// NUD_INCOMPLETE | NUD_FAILED | NUD_NOARP: entries that no neighbour stands behind.
const NO_NEIGHBOUR: u16 = 0x01 | 0x20 | 0x40;
const DONE: u16 = 3;
const FAILED: u16 = 2;
/// NLM_F_REQUEST | NLM_F_DUMP.
const DUMP_FLAGS: u16 = 0x301;
/// More answers than any machine has; bounds a kernel that never says "done".
const MOST_ANSWERS: usize = 100_000;

struct Dump {
    request: u16,
    answer: u16,
}

/// All links, by number.
pub fn links() -> io::Result<Vec<Link>> {
    let mut links: Vec<Link> = ask(&LINKS)?.iter().filter_map(|message| link(message)).collect();
    links.sort_by_key(|link| link.index);
    Ok(links)
}

/// All addresses of all links, in the kernel's order.
pub fn addresses() -> io::Result<Vec<Address>> {
    Ok(ask(&ADDRESSES)?.iter().filter_map(|message| address(message)).collect())
}

/// All neighbours that have a hardware address, in the kernel's order.
pub fn neighbours() -> io::Result<Vec<Neighbour>> {
    Ok(ask(&NEIGHBOURS)?.iter().filter_map(|message| neighbour(message)).collect())
}

fn ask(dump: &Dump) -> io::Result<Vec<Vec<u8>>> {
    // Protocol zero of this family is NETLINK_ROUTE.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    let mut request = Vec::with_capacity(20);
    request.extend_from_slice(&20u32.to_ne_bytes());
    request.extend_from_slice(&dump.request.to_ne_bytes());
    request.extend_from_slice(&DUMP_FLAGS.to_ne_bytes());
    // Sequence, port, and a family of zero (all) with its padding.
    request.extend_from_slice(&[0; 12]);
    send(&socket, &request, SendFlags::empty())?;
    let mut answers = Vec::new();
    let mut buffer = vec![0u8; 64 << 10];
    loop {
        let (_, count) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
        let mut rest = &buffer[..count.min(buffer.len())];
        while let Some((kind, body, next)) = message(rest) {
            match kind {
                DONE => return Ok(answers),
                FAILED => return Err(io::Error::other("the kernel refused a netlink request")),
                kind if kind == dump.answer => answers.push(body.to_vec()),
                _ => {}
            }
            rest = next;
        }
        if count == 0 || answers.len() > MOST_ANSWERS {
            return Err(io::Error::other("a netlink answer has no end"));
        }
    }
}

/// The first message: its kind, its body and what follows.
fn message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = number32(bytes, 0)? as usize;
    let kind = number16(bytes, 4)?;
    let body = bytes.get(16..length)?;
    Some((kind, body, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// The attributes of a message body after its fixed part.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(number16(bytes, 0)?);
        let kind = number16(bytes, 2)?;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn link(body: &[u8]) -> Option<Link> {
    let mut link = Link {
        index: number32(body, 4)?,
        name: String::new(),
        hardware: String::new(),
        up: number32(body, 8)? & 1 != 0,
    };
    for (kind, value) in attributes(body.get(16..)?) {
        match kind {
            1 => link.hardware = hex(value),
            3 => link.name = text(value),
            _ => {}
        }
    }
    (!link.name.is_empty()).then_some(link)
}

fn address(body: &[u8]) -> Option<Address> {
    let (prefix, index) = (*body.get(1)?, number32(body, 4)?);
    let (mut local, mut peer, mut broadcast, mut label) = (None, None, None, None);
    for (kind, value) in attributes(body.get(8..)?) {
        match kind {
            1 => peer = ip(value),
            2 => local = ip(value),
            3 => label = Some(text(value)),
            4 => broadcast = <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from),
            _ => {}
        }
    }
    // On point-to-point links the first is the other end's.
    Some(Address { index, address: local.or(peer)?, prefix, broadcast, label })
}

fn neighbour(body: &[u8]) -> Option<Neighbour> {
    let state = number16(body, 8)?;
    let (mut address, mut hardware) = (None, None);
    for (kind, value) in attributes(body.get(12..)?) {
        match kind {
            1 => address = ip(value),
            2 => hardware = Some(hex(value)),
            _ => {}
        }
    }
    if state & NO_NEIGHBOUR != 0 {
        return None;
    }
    Some(Neighbour { address: address?, hardware: hardware? })
}

/// A hardware address.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|octets| Ipv4Addr::from(octets).into()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
}

fn number16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_link_is_found() {
        let links = links().unwrap();
        let loopback = links.iter().find(|link| link.name == "lo").unwrap();
        assert_eq!(loopback.hardware, "00:00:00:00:00:00");
        let addresses = addresses().unwrap();
        assert!(addresses.iter().all(|address| address.prefix <= 128));
    }

    #[test]
    fn broken_messages_end_the_reading() {
        assert!(message(&[1, 0, 0]).is_none());
        assert!(message(&[200, 0, 0, 0, 16, 0, 0, 0]).is_none());
        assert_eq!(attributes(&[3, 0, 1, 0, 9]).count(), 0);
        assert!(link(&[0; 7]).is_none() && address(&[0; 3]).is_none());
    }
}
