//! Somebody between a minion and its master, or in the master's place.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::proxy::Proxy;
use crate::harness::raw::{good, greeting, ready};
use crate::harness::{Finished, Fleet, FleetOptions};

/// A master and an accepted minion with somebody between them on each port.
pub struct Between {
    /// The fleet.
    pub fleet: Fleet,
    /// On the way of sessions.
    pub request: Proxy,
    /// On the way of publications.
    pub publish: Proxy,
}

impl Between {
    /// With one minion, `web1`.
    pub fn new() -> Self {
        let mut fleet = Fleet::new(&FleetOptions::default());
        fleet.start_master();
        let (request, publish) = joined(&mut fleet, "web1");
        Self { fleet, request, publish }
    }

    /// Appends a line to a file on a minion; how often it ran can be counted.
    pub fn append(&self, id: &str, word: &str) -> Finished {
        let line = format!("echo {word} >> {}", self.ran_file().display());
        self.fleet.ctl(&[id, "cmd.run", &line, "-t", "20", "--out", "json", "--static"])
    }

    /// Where what ran leaves a line.
    pub fn ran_file(&self) -> PathBuf {
        self.fleet.dir().join("ran")
    }

    /// What ran.
    pub fn ran(&self) -> Vec<String> {
        std::fs::read_to_string(self.ran_file()).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

impl Default for Between {
    fn default() -> Self {
        Self::new()
    }
}

/// One more minion, accepted, with somebody between on both ports: of sessions and of publications.
pub fn joined(fleet: &mut Fleet, id: &str) -> (Proxy, Proxy) {
    let (request, publish) = (Proxy::to(fleet.request_port), Proxy::to(fleet.publish_port));
    fleet.configure_minion(id, request.port, publish.port, "");
    fleet.restart_minion(id);
    fleet.accept(&[id]);
    fleet.wait_for(&[id]);
    (request, publish)
}

/// Rewrites a minion's configuration so that it finds its master on other ports.
pub fn point_at(fleet: &Fleet, id: &str, request: u16, publish: u16) {
    let path = fleet.minion_config_dir(id).join("minion");
    let text = std::fs::read_to_string(&path).expect("the minion is configured");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for line in &mut lines {
        if line.starts_with("master_port:") {
            *line = format!("master_port: {request}");
        }
        if line.starts_with("publish_port:") {
            *line = format!("publish_port: {publish}");
        }
    }
    std::fs::write(path, lines.join("\n")).expect("the configuration is ours");
}

/// Frames that somebody makes of captured publications: as they were, backwards, all at once, changed in every part, cut,
/// with another length, and parts of two.
pub fn forged(recorded: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut attacks: Vec<Vec<u8>> = recorded.to_vec();
    attacks.extend(recorded.iter().rev().cloned());
    attacks.push(recorded.concat());
    let body = |whole: &Vec<u8>| whole[if whole[0] & 2 == 0 { 2 } else { 9 }..].to_vec();
    let Some(first) = recorded.first().map(body) else { return attacks };
    for body in recorded.iter().map(body) {
        for at in (0..body.len()).step_by(7) {
            let mut changed = body.clone();
            changed[at] ^= 1;
            attacks.push(good(0, &changed));
        }
        // A counter that was never used, so that only the signature stands between.
        let mut newer = body.clone();
        newer[18..26].copy_from_slice(&u64::MAX.to_be_bytes());
        attacks.push(good(0, &newer));
        attacks.push(good(0, &body[..body.len() / 2]));
        attacks.push(good(0, &[&body[..], b"trailing"].concat()));
        attacks.push(good(0, &[&body[..30], &first[30..]].concat()));
    }
    attacks
}

/// What somebody makes of all that a minion wrote: as it was; without the greeting; cut in the middle; the second half
/// first; every thirtieth byte changed.
pub fn rewritten(captured: &[u8]) -> [Vec<u8>; 5] {
    let half = captured.len() / 2;
    let changed = |(at, byte): (usize, &u8)| byte ^ u8::from(at > 64 && at % 30 == 0);
    [
        captured.to_vec(),
        captured[64..].to_vec(),
        captured[..half].to_vec(),
        [&captured[half..], &captured[..half]].concat(),
        captured.iter().enumerate().map(changed).collect(),
    ]
}

/// Writes bytes to a port and hangs up; what came back.
pub fn written(port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the master listens");
    stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a time can be set");
    // The master may have hung up in the middle.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.take(1 << 16).read_to_end(&mut answer);
    answer
}

/// Accepts connections, does as much of the handshake as asked, and answers with these bytes, again and again.
pub struct Hostile {
    /// Where it listens.
    pub port: u16,
    connections: Arc<AtomicUsize>,
}

impl Hostile {
    /// In the master's place; a handshake is made as the socket that is named.
    pub fn new(open_as: Option<&'static str>, bytes: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::Relaxed);
                let bytes = bytes.clone();
                thread::spawn(move || answer(stream, open_as, &bytes));
            }
        });
        Self { port, connections }
    }

    /// How many came.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn answer(mut stream: TcpStream, open_as: Option<&str>, bytes: &[u8]) {
    if let Some(socket) = open_as {
        let shaken = stream.write_all(&greeting()).and_then(|()| {
            stream.read_exact(&mut [0; 64])?;
            stream.write_all(&ready(socket, b""))
        });
        if shaken.is_err() {
            return;
        }
    }
    for _ in 0..50 {
        if bytes.is_empty() || stream.write_all(bytes).is_err() {
            break;
        }
    }
    // Silent until the minion gives up, or the end of the test.
    let _ = stream.read(&mut [0; 16]);
    thread::sleep(Duration::from_secs(1));
    let _ = stream.shutdown(Shutdown::Both);
}

/// Starts a minion anew against other ports and waits until it has come there twice; true if it did.
pub fn lured(fleet: &mut Fleet, id: &str, request: &Hostile, publish: &Hostile) -> bool {
    fleet.stop(id, Signal::TERM);
    point_at(fleet, id, request.port, publish.port);
    let before = request.connections();
    fleet.restart_minion(id);
    let came = || (request.connections() >= before + 2).then_some(());
    crate::harness::wait_until(Duration::from_secs(15), came).is_some()
}

/// The file of this name somewhere below a directory.
pub fn find(dir: &Path, name: &str) -> PathBuf {
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            if entry.file_name() == name {
                return entry.path();
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            }
        }
    }
    panic!("{name} was not found below {}", dir.display());
}
