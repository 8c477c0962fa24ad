//! What this machine reaches: echoes, ways, ports, names, and machines to be woken.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look, Module};
use crate::modules::tool;
use crate::system::command::Finished;

/// How long a port may take to answer unless it is told.
const PATIENCE: f64 = 10.0;

/// This part of the module.
pub const MODULE: Module = Module {
    name: "network",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "ping",
            "Sends four echo requests to a host; what the program says, or only whether all came back.",
            "network.ping db1.example.com return_boolean=True timeout=3",
            Ping::ROWS,
            ping,
        ),
        Function::reads(
            "traceroute",
            "The hosts on the way to a host, with the times they took.",
            "network.traceroute db1.example.com",
            Host::ROWS,
            traceroute,
        ),
        Function::reads("dig", "What `dig` says of a name.", "network.dig example.com", Host::ROWS, |_, arguments| {
            let host = Host::bind("network.dig", arguments)?.host;
            Ok(tool::output(&["dig", name(&host)?])?.into())
        }),
        Function::reads(
            "connect",
            "Whether a port of a host can be reached.",
            "network.connect db1.example.com 5432 timeout=3",
            Connect::ROWS,
            connect,
        ),
        Function::changes(
            "wol",
            "Wakes a machine by its hardware address.",
            "network.wol 08:00:27:13:69:77",
            Wake::ROWS,
            wake,
        ),
    ],
};

args! {
    /// Arguments of `network.ping`.
    pub struct Ping {
        /// Name or address.
        host: String,
        /// Seconds to wait for an answer.
        timeout: Value = Value::Bool(false),
        /// True or false instead of what the program says.
        return_boolean: bool = false,
    }
}

args! {
    /// A host.
    pub struct Host {
        /// Name or address.
        host: String,
    }
}

args! {
    /// Arguments of `network.connect`.
    pub struct Connect {
        /// Name or address.
        host: String,
        /// The port.
        port: i64,
        /// `tcp`, or `udp`, for which only an answer counts.
        proto: String = "tcp".to_owned(),
        /// `ipv4` or `ipv6`; else what the host has.
        family: Option<String> = None,
        /// Seconds.
        timeout: f64 = PATIENCE,
    }
}

args! {
    /// Arguments of `network.wol`.
    pub struct Wake {
        /// Six pairs of hexadecimal digits, with or without a sign between them.
        mac: String,
        /// Where it is sent.
        bcast: String = "255.255.255.255".to_owned(),
        /// The port.
        destport: i64 = 9,
    }
}

/// A name that cannot be an option of a program.
fn name(host: &str) -> Result<&str, CallError> {
    if host.is_empty()
        || host.starts_with(['-', '@', '+'])
        || host.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        return Err(CallError::Invocation(format!("{host:?} cannot be the name of a host")));
    }
    Ok(host)
}

/// What a program said, also of a host that does not answer; nothing at all is a failure.
fn told(program: &str, finished: &Finished) -> Result<String, CallError> {
    match finished.out() {
        said if !said.is_empty() => Ok(said),
        _ => tool::succeeded(program, finished),
    }
}

fn ping(_: &Look, arguments: Arguments) -> CallResult {
    let args = Ping::bind("network.ping", arguments)?;
    let mut words = vec!["ping".to_owned(), "-c".to_owned(), "4".to_owned()];
    match &args.timeout {
        Value::Null | Value::Bool(false) => {}
        Value::Int(seconds) if (1..=3600).contains(seconds) => words.extend(["-W".to_owned(), seconds.to_string()]),
        other => {
            return Err(CallError::Invocation(format!("timeout is a number of seconds, 1 to 3600, not {other:?}")));
        }
    }
    words.extend(["--".to_owned(), name(&args.host)?.to_owned()]);
    let finished = tool::run(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
    match args.return_boolean {
        true => Ok((finished.status == 0).into()),
        false => Ok(told("ping", &finished)?.into()),
    }
}

fn traceroute(_: &Look, arguments: Arguments) -> CallResult {
    let host = Host::bind("network.traceroute", arguments)?.host;
    let said = told("traceroute", &tool::run(&["traceroute", "--", name(&host)?])?)?;
    Ok(said.lines().filter_map(hop).collect::<Value>().into())
}

/// A line of the way: number, name, address and the times of three tries. One that does not answer is `*`.
fn hop(line: &str) -> Option<Value> {
    let mut words = line.split_whitespace();
    let mut map = Map::from_iter([("count", Value::from(words.next()?.parse::<i64>().ok()?))]);
    let words: Vec<&str> = words.collect();
    map.insert("hostname", *words.first()?);
    if let Some(ip) = words.get(1).and_then(|word| word.strip_prefix('(')?.strip_suffix(')')) {
        map.insert("ip", ip);
    }
    let times = words.windows(2).filter(|pair| pair[1] == "ms").filter_map(|pair| pair[0].parse::<f64>().ok());
    for (number, time) in (1..).zip(times) {
        map.insert(format!("ms{number}"), time);
    }
    Some(map.into())
}

fn connect(_: &Look, arguments: Arguments) -> CallResult {
    Ok(probe(arguments)?.into())
}

fn probe(arguments: Arguments) -> Result<Map, CallError> {
    let Connect { host, port, proto, family, timeout } = Connect::bind("network.connect", arguments)?;
    let number = u16::try_from(port).ok().filter(|port| *port > 0);
    let number = number.ok_or_else(|| CallError::Invocation(format!("a port is 1 to 65535, not {port}")))?;
    let patience = Duration::try_from_secs_f64(timeout).ok().filter(|time| !time.is_zero() && time.as_secs() <= 3600);
    let patience =
        patience.ok_or_else(|| CallError::Invocation("timeout is more than 0 and at most 3600".to_owned()))?;
    let six = match family.as_deref() {
        None | Some("") => None,
        Some("ipv4") => Some(false),
        Some("ipv6") => Some(true),
        Some(other) => return Err(CallError::Invocation(format!("family is ipv4 or ipv6, not '{other}'"))),
    };
    let try_one = match proto.as_str() {
        "tcp" => |at: &SocketAddr, patience| TcpStream::connect_timeout(at, patience).map(drop),
        "udp" => answers,
        other => return Err(CallError::Invocation(format!("proto is tcp or udp, not '{other}'"))),
    };
    let answer = |reached: bool, comment: String| {
        Ok(Map::from_iter([("result", Value::from(reached)), ("comment", comment.into())]))
    };
    // A name that cannot be looked up has no addresses.
    let found = (host.as_str(), number).to_socket_addrs().into_iter().flatten();
    let found: Vec<SocketAddr> = found.filter(|at| six.is_none_or(|six| at.is_ipv6() == six)).collect();
    let Some(first) = found.first() else {
        return answer(false, format!("Unable to resolve host {host} on {proto} port {port}"));
    };
    match found.iter().find(|at| try_one(at, patience).is_ok()) {
        Some(at) => answer(true, format!("Successfully connected to {host} ({}) on {proto} port {port}", at.ip())),
        None => answer(false, format!("Unable to connect to {host} ({}) on {proto} port {port}", first.ip())),
    }
}

/// Sends an empty message and waits for any answer.
fn answers(at: &SocketAddr, patience: Duration) -> std::io::Result<()> {
    let socket = UdpSocket::bind(if at.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" })?;
    socket.set_read_timeout(Some(patience))?;
    socket.connect(at)?;
    socket.send(&[])?;
    socket.recv(&mut [0; 1]).map(drop)
}

/// The message that wakes a machine: six bytes of ones, then sixteen times its address.
fn magic(mac: &str) -> Result<Vec<u8>, CallError> {
    let wrong =
        || CallError::Invocation(format!("Invalid MAC address: {mac:?} is not six pairs of hexadecimal digits"));
    let digits: Vec<u8> = mac
        .chars()
        .filter(|c| !matches!(c, ':' | '-' | '.'))
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()
        .ok_or_else(wrong)?;
    if digits.len() != 12 {
        return Err(wrong());
    }
    let address: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    Ok([vec![0xff; 6], address.repeat(16)].concat())
}

fn wake(_: &Act, arguments: Arguments) -> CallResult {
    let Wake { mac, bcast, destport } = Wake::bind("network.wol", arguments)?;
    let message = magic(&mac)?;
    let port =
        u16::try_from(destport).map_err(|_| CallError::Invocation(format!("a port is 1 to 65535, not {destport}")))?;
    let send = || -> std::io::Result<()> {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.set_broadcast(true)?;
        socket.send_to(&message, (bcast.as_str(), port)).map(drop)
    };
    send().map_err(|error| CallError::Failed(format!("{bcast} port {port}: {error}")))?;
    Ok(true.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn reached(arguments: Arguments) -> bool {
        probe(arguments).unwrap().get("result") == Some(&Value::Bool(true))
    }

    #[test]
    fn ports_that_listen_are_reached() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = |port: u16, proto: &str| {
            Arguments::default()
                .with("host", "127.0.0.1")
                .with("port", i64::from(port))
                .with("proto", proto)
                .with("timeout", 5.0)
        };
        let port = listener.local_addr().unwrap().port();
        assert!(reached(at(port, "tcp")));
        drop(listener);
        assert!(!reached(at(port, "tcp")));
        let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = echo.local_addr().unwrap().port();
        let answering = std::thread::spawn(move || {
            let (_, from) = echo.recv_from(&mut [0; 8]).unwrap();
            echo.send_to(b"x", from).unwrap();
        });
        assert!(reached(at(port, "udp")));
        answering.join().unwrap();
    }

    #[test]
    fn the_way_is_read() {
        let read = hop(" 2  gw.example (192.0.2.1)  0.528 ms  0.434 ms *").unwrap();
        assert_eq!((read.get("hostname"), read.get("ip")), (Some(&"gw.example".into()), Some(&"192.0.2.1".into())));
        assert_eq!(
            (read.get("ms1"), read.get("ms2"), read.get("ms3")),
            (Some(&0.528.into()), Some(&0.434.into()), None)
        );
        assert_eq!(hop(" 3  * * *").unwrap().get("hostname"), Some(&"*".into()));
        assert_eq!(hop("traceroute to x (1.2.3.4), 30 hops max"), None);
    }

    #[test]
    fn a_machine_is_woken_by_its_address_sixteen_times() {
        let message = magic("08-00-27-13-69-77").unwrap();
        assert_eq!((message.len(), &message[..9]), (102, &[255, 255, 255, 255, 255, 255, 8, 0, 0x27][..]));
        assert_eq!(magic("080027136977").unwrap(), message);
        assert!(["", "bad", "08:00:27:13:69", "é8:00:27:13:69:77"].iter().all(|mac| magic(mac).is_err()));
    }

    #[test]
    fn names_are_no_options() {
        assert!(["-f", "", "a b", "@8.8.8.8", "a\nb"].iter().all(|host| name(host).is_err()));
    }
}
