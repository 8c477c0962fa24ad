//! Sockets of this machine, from the kernel's tables.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use super::Nothing;
use crate::cx::{Look, Module};
use crate::modules::tool;
use crate::system::processes;

/// This part of the module.
pub const MODULE: Module = Module {
    name: "network",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "netstat",
            "Sockets of TCP and UDP with their states, owners and programs.",
            "network.netstat",
            Nothing::ROWS,
            netstat,
        ),
        Function::reads(
            "active_tcp",
            "TCP connections that are up, over IPv4.",
            "network.active_tcp",
            Nothing::ROWS,
            active_tcp,
        ),
    ],
};

/// Names of the states of TCP by the kernel's numbers, from one.
const STATES: [&str; 12] = [
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
    "NEW_SYN_RECV",
];

/// A line of one of the tables.
#[derive(Debug, PartialEq, Eq)]
struct Socket {
    number: i64,
    local: SocketAddr,
    remote: SocketAddr,
    state: &'static str,
    /// Bytes to be sent, and to be read.
    queues: (u64, u64),
    user: String,
    inode: String,
}

impl Socket {
    fn read(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (send, receive) = fields.get(4)?.split_once(':')?;
        let bytes = |text| u64::from_str_radix(text, 16).ok();
        let state = usize::from_str_radix(fields.get(3)?, 16).ok()?;
        Some(Self {
            number: fields.first()?.trim_end_matches(':').parse().ok()?,
            local: socket(fields.get(1)?)?,
            remote: socket(fields.get(2)?)?,
            state: STATES.get(state.checked_sub(1)?)?,
            queues: (bytes(send)?, bytes(receive)?),
            user: (*fields.get(7)?).to_owned(),
            inode: (*fields.get(9)?).to_owned(),
        })
    }

    fn shown(&self, protocol: &str, programs: &BTreeMap<String, String>) -> Map {
        let mut map = Map::from_iter([
            ("proto", protocol.to_owned()),
            ("recv-q", self.queues.1.to_string()),
            ("send-q", self.queues.0.to_string()),
            ("local-address", typed(&self.local)),
            ("remote-address", typed(&self.remote)),
        ]);
        // UDP has no states but that of a socket with one partner.
        if protocol.starts_with("tcp") || self.state == "ESTABLISHED" {
            map.insert("state", self.state);
        }
        map.insert("user", self.user.as_str());
        map.insert("inode", self.inode.as_str());
        map.insert("program", programs.get(&self.inode).map_or("-", String::as_str));
        map
    }
}

/// Address and port in the digits of the kernel's tables.
fn socket(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    // Words of four bytes, each in the order of this machine.
    let word = |at: usize| u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match ip.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut octets = [0; 16];
            for (at, part) in octets.chunks_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            IpAddr::from(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Address and port as net-tools show them: no brackets, `*` for no port.
fn typed(socket: &SocketAddr) -> String {
    let port = if socket.port() == 0 { "*".to_owned() } else { socket.port().to_string() };
    format!("{}:{port}", socket.ip())
}

fn sockets(table: &str) -> Result<Vec<Socket>, CallError> {
    // A kernel without IPv6 has no such table.
    Ok(tool::table(&Path::new("/proc/net").join(table))?.lines().skip(1).filter_map(Socket::read).collect())
}

/// `pid/name` of a process by the inode of a socket it has open.
fn programs() -> Result<BTreeMap<String, String>, CallError> {
    let ids = processes::ids().map_err(|fault| CallError::Failed(fault.to_string()))?;
    let mut found = BTreeMap::new();
    for pid in ids {
        let process = Path::new("/proc").join(pid.to_string());
        // Processes come and go, and those of others show nothing to us.
        let open = std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        let targets = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        let inode =
            |target: std::path::PathBuf| Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
        let inodes: Vec<String> = targets.filter_map(inode).collect();
        if inodes.is_empty() {
            continue;
        }
        let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
        for inode in inodes {
            found.entry(inode).or_insert_with(|| format!("{pid}/{}", name.trim_end()));
        }
    }
    Ok(found)
}

fn netstat(_: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("network.netstat", arguments)?;
    let programs = programs()?;
    let mut shown = Vec::new();
    for protocol in ["tcp", "tcp6", "udp", "udp6"] {
        shown.extend(sockets(protocol)?.iter().map(|socket| Value::Map(socket.shown(protocol, &programs))));
    }
    Ok(Value::from(shown).into())
}

fn active_tcp(_: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("network.active_tcp", arguments)?;
    let up = sockets("tcp")?.into_iter().filter(|socket| socket.state == STATES[0]);
    let ends = |socket: &Socket| {
        Map::from_iter([
            ("local_addr", Value::from(socket.local.ip().to_string())),
            ("local_port", i64::from(socket.local.port()).into()),
            ("remote_addr", socket.remote.ip().to_string().into()),
            ("remote_port", i64::from(socket.remote.port()).into()),
        ])
    };
    Ok(up.map(|socket| (Value::from(socket.number), Value::Map(ends(&socket)))).collect::<Map>().into())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn own_sockets_are_found_with_their_program() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let programs = programs().unwrap();
        let of = |table: &str, local: SocketAddr| {
            let found = sockets(table).unwrap().into_iter().find(|socket| socket.local == local).unwrap();
            found.shown(table, &programs)
        };
        let own = format!("{}/", std::process::id());
        let shown = of("tcp", listener.local_addr().unwrap());
        assert_eq!(
            (shown.get("state"), shown.get("remote-address")),
            (Some(&"LISTEN".into()), Some(&"0.0.0.0:*".into()))
        );
        assert!(shown.get("program").and_then(Value::as_str).unwrap().starts_with(&own));
        assert_eq!(of("tcp", stream.local_addr().unwrap()).get("state"), Some(&"ESTABLISHED".into()));
        let shown = of("udp", udp.local_addr().unwrap());
        assert_eq!((shown.get("state"), shown.get("recv-q")), (None, Some(&"0".into())));
    }

    #[test]
    fn addresses_of_both_families_are_read() {
        let six = socket("00000000000000000000000001000000:2240").unwrap();
        assert_eq!(typed(&six), "::1:8768");
        assert_eq!(typed(&socket("00000000000000000000000000000000:0000").unwrap()), ":::*");
        assert!(["", "0100007F", "0100007F:zz", "é100007F:0000", "01:00"].iter().all(|text| socket(text).is_none()));
        assert_eq!(Socket::read("0: 0100007F:0016 00000000:0000 0D 0:0 0:0 0 0 0 1"), None);
    }
}
