//! A peer on the network: whatever it captured comes again, older versions, words that break off, changed bits.

use std::time::Duration;

use fleet_common::crypto::handshake::{Initiator, Responder};
use fleet_common::crypto::keys::Identity;
use fleet_common::proto::request::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::between::{Between, Hostile, forged, lured, point_at, rewritten, written};
use super::flood::{Ports, first_words};
use super::tally::Tried;
use crate::harness::proxy::Proxy;
use crate::harness::raw::{good, greet, greeting, opened, read_frame, ready};
use crate::harness::{Fleet, wait_until};

/// How long an answer is waited for that must not come.
const NEVER: Duration = Duration::from_millis(300);
/// The mechanisms of ZMTP, none of which may be agreed on but NULL: what is secret is told in sessions.
const MECHANISMS: [&[u8]; 4] = [b"PLAIN", b"CURVE", b"GSSAPI", b"NULLX"];

/// How many sessions a fleet's master has opened.
fn sessions(fleet: &Fleet) -> usize {
    fleet.log("master").matches("session opened").count()
}

/// All that a minion wrote comes to a master again, by somebody else.
pub fn captured_sessions(fleet: &Fleet, captured: &[u8]) -> Tried {
    let mut tried = Tried::default();
    let before = sessions(fleet);
    for bytes in rewritten(captured) {
        let answer = written(fleet.request_port, &bytes);
        tried.add((answer.len() >= 4096).then(|| format!("{} bytes of answer", answer.len())));
    }
    tried.but((sessions(fleet) != before).then(|| "a session was opened".to_owned()))
}

/// Publications that were captured, and what can be made of them, come to the minions behind a proxy; `word` is what then
/// runs on `id`, and nothing else may.
pub fn captured_publications(recorded: &[Vec<u8>], to: &Between, publish: &Proxy, id: &str, word: &str) -> Tried {
    let mut expected = to.ran();
    let attacks = forged(recorded);
    for attack in &attacks {
        publish.inject(attack);
    }
    let asked = to.append(id, word);
    expected.push(word.to_owned());
    let ran = wait_until(Duration::from_secs(10), || (to.ran() == expected).then_some(()));
    let wrong = ran.is_none().then(|| format!("ran {:?}, expected {expected:?}; {asked:?}", to.ran()));
    Tried::in_vain(attacks.len()).but(wrong)
}

/// All that a master wrote comes to a minion again, by somebody in the master's place; afterwards it finds back.
pub fn captured_master(sessions: &[Vec<u8>], publications: &[Vec<u8>], victim: &mut Between, id: &str) -> Tried {
    let before = victim.ran();
    let mut tried = Tried::default();
    for answers in [sessions.concat(), sessions.iter().rev().flatten().copied().collect(), publications.concat()] {
        let request = Hostile::new(Some("ROUTER"), answers);
        let publish = Hostile::new(Some("PUB"), publications.concat());
        let came = lured(&mut victim.fleet, id, &request, &publish);
        let wrong = if came { None } else { Some(format!("{id} gave up: {}", victim.fleet.tail(id))) };
        tried.add(wrong.or_else(|| (victim.ran() != before).then(|| format!("ran {:?}", victim.ran()))));
    }
    victim.fleet.stop(id, rustix::process::Signal::TERM);
    point_at(&victim.fleet, id, victim.request.port, victim.publish.port);
    victim.fleet.restart_minion(id);
    victim.fleet.wait_for(&[id]);
    let panicked = victim.fleet.log(id).contains("panicked");
    tried.but(panicked.then(|| format!("{id} panicked: {}", victim.fleet.tail(id))))
}

/// Writes bytes on a connection; what comes back, without the greeting, until the master hangs up or says no more.
async fn told(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    // Bounded by the time: a master that waits for more says nothing.
    let _ = timeout(NEVER, stream.read_to_end(&mut answer)).await;
    answer
}

/// Older versions of the transport and other mechanisms, on both ports: none gets past the greeting.
pub async fn older_transports(ports: Ports) -> Tried {
    let mut tried = Tried::default();
    let mut greetings = Vec::new();
    for major in 0..3 {
        let mut old = greeting();
        old[10] = major;
        greetings.push((format!("version {major}"), old));
    }
    for mechanism in MECHANISMS {
        let mut other = greeting();
        other[12..12 + mechanism.len()].copy_from_slice(mechanism);
        greetings.push((String::from_utf8_lossy(mechanism).into_owned(), other));
    }
    for (address, socket) in ports.both() {
        for (what, bytes) in &greetings {
            let mut stream = TcpStream::connect(address).await.expect("the master listens");
            let answer = told(&mut stream, &[bytes.clone(), ready(socket, b"")].concat()).await;
            tried.add((answer.len() > 64).then(|| format!("{what}: {} bytes of answer", answer.len())));
        }
    }
    tried
}

/// Sends one message of a handshake; true if the answer is more than a refusal.
async fn goes_on(ports: Ports, message: &[u8]) -> bool {
    let mut stream = opened(ports.request, "DEALER", b"").await;
    let answer = told(&mut stream, &good(0, message)).await;
    let refusal = Responder::refusal();
    !answer.is_empty() && !answer.windows(refusal.len()).any(|window| window == refusal)
}

/// What is wrong when a good first message is not answered: then the attacks with others show nothing.
async fn unanswered(ports: Ports) -> Option<String> {
    let mut stream = opened(ports.request, "DEALER", b"").await;
    let _ = stream.write_all(&good(0, &first_words())).await;
    let answer = timeout(Duration::from_secs(10), read_frame(&mut stream)).await;
    answer.map_or(true, |answer| answer == Responder::refusal()).then(|| "a good first message is refused".to_owned())
}

/// Every other version of our protocol in the first message.
pub async fn other_versions(ports: Ports, step: usize) -> Tried {
    let mut tried = Tried::default().but(unanswered(ports).await);
    let first = first_words();
    for version in (0..=255).step_by(step).filter(|version| *version != first[4]) {
        let mut other = first.clone();
        other[4] = version;
        tried.add(goes_on(ports, &other).await.then(|| format!("version {version}")));
    }
    tried
}

/// The first words of a connection, broken off after every byte.
pub async fn broken_off(ports: Ports, step: usize) -> Tried {
    let mut tried = Tried::default();
    for (address, socket) in ports.both() {
        let words = [greeting(), ready(socket, b"web1"), good(0, &first_words())].concat();
        let most = if socket == "SUB" { 64 + ready(socket, b"web1").len() } else { words.len() };
        for length in (0..most).step_by(step) {
            let mut stream = TcpStream::connect(address).await.expect("the master listens");
            let _ = stream.write_all(&words[..length]).await;
            let _ = stream.shutdown().await;
            let mut answer = Vec::new();
            let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
            tried.add((answer.len() > 200).then(|| format!("{length} bytes: {} of answer", answer.len())));
        }
    }
    tried
}

/// The first message of a handshake, whole frames around it, cut after every byte.
pub async fn shortened(ports: Ports, step: usize) -> Tried {
    let mut tried = Tried::default();
    let first = first_words();
    for length in (0..first.len()).step_by(step) {
        tried.add(goes_on(ports, &first[..length]).await.then(|| format!("{length} bytes")));
    }
    tried
}

/// The last message of a handshake with the key of an accepted minion, one bit changed, or cut: it is nobody's then.
pub async fn changed_last_words(fleet: &Fleet, identity: &Identity, id: &str, step: usize) -> Tried {
    let mut tried = Tried::default();
    let id = id.parse().expect("it is an id");
    // First as it is: that one is answered, or the others show nothing.
    let (mut at, mut waits) = (None, 0);
    loop {
        let mut stream = opened(Ports::of(fleet).request, "DEALER", b"").await;
        let (mut initiator, first) = Initiator::start(identity);
        stream.write_all(&good(0, &first)).await.expect("open");
        let second = read_frame(&mut stream).await;
        if initiator.read(&second, now()).is_err() {
            // It is told that others come first: again.
            waits += 1;
            assert!(waits < 1000, "the master lets nobody finish a handshake");
            continue;
        }
        let (mut third, ..) = initiator.finish(&id, Role::Call, &[0; 32]);
        let Some(number) = at else {
            let _ = stream.write_all(&good(0, &third)).await;
            let answer = timeout(Duration::from_secs(10), read_frame(&mut stream)).await;
            tried = tried.but(answer.is_err().then(|| "a good last message is not answered".to_owned()));
            at = Some(0);
            continue;
        };
        if number >= 2 * third.len() {
            return tried;
        }
        if (number / step).is_multiple_of(2) {
            third[number / 2] ^= 1 << (number % 8);
        } else {
            third.truncate(number / 2);
        }
        let answer = told(&mut stream, &good(0, &third)).await;
        tried.add((!answer.is_empty()).then(|| format!("byte {}: {} of answer", number / 2, answer.len())));
        at = Some(number + step);
    }
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What hostile masters answer: no ZMTP, messages without end, words that are no handshake, frames of any length.
pub fn hostile_answers() -> Vec<Vec<u8>> {
    let mut answers = vec![b"HTTP/1.1 400 Bad Request\r\n".to_vec(), good(1, b"part").repeat(20), vec![0x80; 100]];
    answers.push(good(0, &[0; 96]));
    answers.push(good(0, b"salt\x01 and then nothing that makes sense"));
    for claim in [u64::MAX, 1 << 40, 1 << 34, 1 << 20] {
        answers.extend([crate::harness::raw::frame(0, claim, b"x"), crate::harness::raw::frame(4, claim, b"x")]);
    }
    answers
}

/// Half handshakes: a good first message each, and nothing more; all at once.
pub async fn half_handshakes(ports: Ports, count: usize) -> Tried {
    let mut kept = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(ports.request).await.expect("the master listens");
        greet(&mut stream).await;
        let _ = stream.write_all(&[ready("DEALER", b""), good(0, &first_words())].concat()).await;
        kept.push(stream);
    }
    Tried::in_vain(count)
}
