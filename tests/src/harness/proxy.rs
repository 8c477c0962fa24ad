//! Somebody between a minion and its master: records, drops, corrupts, delays and replays what passes, and writes
//! words of its own. It knows where ZMTP frames begin and end, and no key.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Length of a ZMTP greeting.
const GREETING: usize = 64;
/// Longest frame that is passed on.
const LONGEST: u64 = 64 * 1024 * 1024;

/// What becomes of frames from the master to the minion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// They pass.
    #[default]
    Pass,
    /// They are gone; the connection stays.
    Drop,
    /// One bit of each is changed.
    Corrupt,
    /// Each comes twice.
    Twice,
    /// Each is kept until the next came, and follows it.
    Swap,
    /// Nothing passes, in both directions; what comes is read later.
    Stall,
}

#[derive(Default)]
struct State {
    policy: Policy,
    recorded: Vec<Vec<u8>>,
    sent: Vec<u8>,
    held: Option<Vec<u8>>,
    /// Both ends of each connection, minion first.
    open: Vec<(TcpStream, TcpStream)>,
}

/// A listening port whose connections lead to another port.
pub struct Proxy {
    /// Where it listens, on the loopback interface.
    pub port: u16,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// Listens on a free port; connections lead to `target` on the loopback interface.
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        // Ends with the process that runs the tests.
        thread::spawn(move || {
            for minion in listener.incoming().flatten() {
                let Ok(master) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                let copy = |stream: &TcpStream| stream.try_clone().expect("a socket can be shared");
                lock(&shared).open.push((copy(&minion), copy(&master)));
                let (up, down) = ((copy(&minion), copy(&master)), (master, minion));
                let (one, two) = (shared.clone(), shared.clone());
                thread::spawn(move || pump_up(up.0, up.1, &one));
                thread::spawn(move || pump_down(down.0, down.1, &two));
            }
        });
        Self { port, state }
    }

    /// Changes what becomes of the frames from now on; a frame that was held back is forgotten.
    pub fn set(&self, policy: Policy) {
        let mut state = lock(&self.state);
        state.policy = policy;
        state.held = None;
    }

    /// Frames that came from the master since the handshakes, header included, those that did not pass too.
    pub fn recorded(&self) -> Vec<Vec<u8>> {
        lock(&self.state).recorded.clone()
    }

    /// All that came from minions, greetings and handshakes included, in the order it came.
    pub fn sent(&self) -> Vec<u8> {
        lock(&self.state).sent.clone()
    }

    /// Writes bytes to every minion that is connected, between two frames.
    pub fn inject(&self, bytes: &[u8]) {
        for (minion, _) in &lock(&self.state).open {
            // Some are closed already.
            let _ = (&*minion).write_all(bytes);
        }
    }

    /// Closes all connections.
    pub fn cut(&self) {
        for (minion, master) in lock(&self.state).open.drain(..) {
            let _ = minion.shutdown(Shutdown::Both);
            let _ = master.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait_while_stalled(state: &Mutex<State>) {
    while lock(state).policy == Policy::Stall {
        thread::sleep(Duration::from_millis(5));
    }
}

/// From the minion to the master: as it comes.
fn pump_up(mut minion: TcpStream, mut master: TcpStream, state: &Mutex<State>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = minion.read(&mut bytes) {
        wait_while_stalled(state);
        lock(state).sent.extend_from_slice(&bytes[..count]);
        if master.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = master.shutdown(Shutdown::Both);
    let _ = minion.shutdown(Shutdown::Both);
}

/// From the master to the minion: frame by frame.
fn pump_down(mut master: TcpStream, mut minion: TcpStream, state: &Mutex<State>) {
    let mut greeting = [0; GREETING];
    if master.read_exact(&mut greeting).is_ok() && minion.write_all(&greeting).is_ok() {
        while let Some(frame) = read_frame(&mut master) {
            wait_while_stalled(state);
            // The lock is held while writing: nothing is injected in the middle of a frame.
            let mut state = lock(state);
            if !passed_on(&mut state, &mut minion, frame) {
                break;
            }
        }
    }
    let _ = master.shutdown(Shutdown::Both);
    let _ = minion.shutdown(Shutdown::Both);
}

fn passed_on(state: &mut State, minion: &mut TcpStream, mut frame: Vec<u8>) -> bool {
    let is_command = frame[0] & 4 != 0;
    if is_command {
        return minion.write_all(&frame).is_ok();
    }
    state.recorded.push(frame.clone());
    let written = match state.policy {
        Policy::Pass | Policy::Stall => minion.write_all(&frame),
        Policy::Drop => Ok(()),
        Policy::Corrupt => {
            let middle = frame.len() - 1 - frame.len() / 3;
            frame[middle] ^= 0x10;
            minion.write_all(&frame)
        }
        Policy::Twice => minion.write_all(&frame).and_then(|()| minion.write_all(&frame)),
        Policy::Swap => match state.held.take() {
            None => {
                state.held = Some(frame);
                Ok(())
            }
            Some(held) => minion.write_all(&frame).and_then(|()| minion.write_all(&held)),
        },
    };
    written.is_ok()
}

/// One frame with its header.
fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut frame = vec![0; 2];
    stream.read_exact(&mut frame).ok()?;
    let mut length = u64::from(frame[1]);
    if frame[0] & 2 != 0 {
        frame.resize(9, 0);
        stream.read_exact(&mut frame[2..]).ok()?;
        length = u64::from_be_bytes(frame[1..9].try_into().ok()?);
    }
    if length > LONGEST {
        return None;
    }
    let start = frame.len();
    frame.resize(start + usize::try_from(length).ok()?, 0);
    stream.read_exact(&mut frame[start..]).ok()?;
    Some(frame)
}
