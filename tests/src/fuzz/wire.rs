//! What comes from the network: frames, handshakes, records, publications, messages.

use std::sync::{Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use fleet_common::channel::publish::{Opener, Sealer};
use fleet_common::crypto::certificate::{MasterProof, Signed};
use fleet_common::crypto::handshake::{Initiator, Responder};
use fleet_common::crypto::keys::{Identity, MasterKeys};
use fleet_common::crypto::session::RecordSealer;
use fleet_common::ids::MinionId;
use fleet_common::proto::decode::{Limits, decode, encode};
use fleet_common::proto::job::{Job, Publication, Target as Meant, TargetKind};
use fleet_common::proto::mine::{Mine, MineEntry, RunnerAsk};
use fleet_common::proto::request::{Enrolment, Message, Push, Reply, Request, Role, Welcome};
use fleet_common::proto::ret::Return;
use fleet_common::transport::zmtp::{Command, Decoder, Greeting};
use fleet_common::value::{Map, Value};

use super::targets::{Target, plain};
use crate::harness::raw;

pub(super) const TARGETS: &[Target] = &[
    Target { name: "zmtp", inputs: 240_000, seeds: zmtp_seeds, start: || plain(zmtp) },
    Target { name: "handshake", inputs: 4_600, seeds: handshake_seeds, start: || plain(handshake) },
    Target { name: "records", inputs: 240_000, seeds: record_seeds, start: || plain(records) },
    Target { name: "publications", inputs: 220_000, seeds: publication_seeds, start: || plain(publications) },
    Target { name: "messages", inputs: 160_000, seeds: message_seeds, start: || plain(messages) },
];

fn zmtp_seeds() -> Vec<Vec<u8>> {
    let hello = [raw::greeting(), raw::ready("DEALER", b"web1")].concat();
    let subscribe = [raw::greeting(), raw::ready("SUB", b""), raw::good(4, b"\x09SUBSCRIBEsalt")].concat();
    let ping = raw::good(4, b"\x04PING\x00\x10context");
    let parts = [raw::good(1, b"one"), raw::good(1, &[7; 300]), raw::good(0, b"three")].concat();
    vec![hello.clone(), subscribe, [hello, parts.clone()].concat(), parts, ping, raw::frame(2, 1 << 40, b"long")]
}

/// The stream in pieces of any size gives the same items or the same error.
fn zmtp(bytes: &[u8]) {
    let _ = Greeting::parse(&bytes[..bytes.len().min(64)]);
    let read = |piece: usize| {
        let (mut decoder, mut items) = (Decoder::new(4096), 0);
        for part in bytes.chunks(piece) {
            let mut input = part;
            loop {
                match decoder.feed(&mut input) {
                    Ok(Some(_)) => items += 1,
                    Ok(None) => break,
                    Err(error) => return (items, Some(error)),
                }
            }
        }
        (items, None)
    };
    assert_eq!(read(bytes.len().max(1)), read(3), "pieces change what is read");
    let _ = Command::parse(&Bytes::copy_from_slice(bytes));
}

/// Keys that last for the run.
struct World {
    keys: MasterKeys,
    identity: Identity,
    id: MinionId,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World {
        keys: MasterKeys::generate(),
        identity: Identity::generate(),
        id: "web1".parse().expect("it is an id"),
    })
}

fn handshake_seeds() -> Vec<Vec<u8>> {
    let world = world();
    let (mut initiator, first) = Initiator::start(&world.identity);
    let (_, second) = Responder::answer(&world.keys, &first, 0).expect("a good first message");
    initiator.read(&second, 0).expect("a good second message");
    let (third, ..) = initiator.finish(&world.id, Role::Minion, &[3; 32]);
    vec![first, second, third, Responder::refusal()]
}

/// Every message at every stage; none of them opens a session, for none belongs to this handshake.
fn handshake(bytes: &[u8]) {
    let world = world();
    let (mut initiator, first) = Initiator::start(&world.identity);
    if let Ok((responder, _)) = Responder::answer(&world.keys, bytes, 0) {
        assert!(responder.finish(bytes).is_err());
    }
    assert!(initiator.read(bytes, 0).is_err(), "a foreign second message is believed");
    let (responder, _) = Responder::answer(&world.keys, &first, 0).expect("a good first message");
    assert!(responder.finish(bytes).is_err(), "a foreign third message is believed");
    let _: Result<Signed, _> = decode(bytes, Limits::UNKNOWN_PEER);
    let _: Result<MasterProof, _> = decode(bytes, Limits::UNKNOWN_PEER);
    let _: Result<Enrolment, _> = decode(bytes, Limits::UNKNOWN_PEER);
}

/// A session whose records nobody else can write: its sealer seals what the targets may damage.
fn session() -> (RecordSealer, fleet_common::crypto::session::RecordOpener) {
    let world = world();
    let (mut initiator, first) = Initiator::start(&world.identity);
    let (responder, second) = Responder::answer(&world.keys, &first, 0).expect("a good first message");
    initiator.read(&second, 0).expect("a good second message");
    let (third, sealer, _) = initiator.finish(&world.id, Role::Minion, &[3; 32]);
    let (_, _, opener) = responder.finish(&third).expect("a good third message");
    (sealer, opener)
}

fn record_seeds() -> Vec<Vec<u8>> {
    let (mut sealer, _) = session();
    [&b"beat"[..], &[0; 2000], b""].iter().map(|body| sealer.seal(b"head", body).expect("it is small")).collect()
}

/// Records of another session: none opens.
fn records(bytes: &[u8]) {
    type Opener = Mutex<fleet_common::crypto::session::RecordOpener>;
    static OPENER: OnceLock<Opener> = OnceLock::new();
    let opener = OPENER.get_or_init(|| Mutex::new(session().1));
    let opened = opener.lock().unwrap_or_else(PoisonError::into_inner).open(bytes);
    assert!(opened.is_err(), "a foreign record opens");
}

fn job() -> Job {
    Job {
        jid: "20261120113836123456".parse().expect("twenty digits"),
        fun: "test.arg".parse().expect("it is a name"),
        arg: vec![Value::from(1), Value::from("two"), Value::List(vec![Value::Null])],
        kwarg: [("k", "v")].into_iter().collect(),
        by_reference: false,
        target: Meant::new(TargetKind::Compound, "web* and not G@os:Debian"),
        ids: Some(vec!["web1".parse().expect("it is an id")]),
        changes: true,
        user: "root".to_owned(),
        expires: 1,
        follow: false,
    }
}

struct Stream {
    frames: Vec<Vec<u8>>,
    opener: Mutex<Opener>,
}

fn stream() -> &'static Stream {
    static STREAM: OnceLock<Stream> = OnceLock::new();
    STREAM.get_or_init(|| {
        let keys = MasterKeys::generate();
        let mut sealer = Sealer::new(&keys, 7);
        let opener = Mutex::new(Opener::new(keys.publication(), sealer.keys()));
        let all = [Publication::Job(job()), Publication::Beat { now: 5 }, Publication::Job(job())];
        let frames = all.iter().map(|one| sealer.seal(one).expect("it is small").to_vec()).collect();
        Stream { frames, opener }
    })
}

fn publication_seeds() -> Vec<Vec<u8>> {
    stream().frames.clone()
}

/// Only the frames themselves open, each once.
fn publications(bytes: &[u8]) {
    let stream = stream();
    let opened = stream.opener.lock().unwrap_or_else(PoisonError::into_inner).open(bytes);
    assert!(opened.is_err() || stream.frames.iter().any(|frame| frame == bytes), "a forged publication opens");
}

fn message_seeds() -> Vec<Vec<u8>> {
    let deep = (0..40).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    let grains: Map = [("os", Value::from("Debian")), ("deep", deep)].into_iter().collect();
    let (env, path) = (String::from("base"), String::from("a/b"));
    let messages = [
        Message::Request { id: 1, body: Request::Sync { begun: vec![job().jid] } },
        Message::Request { id: 2, body: Request::Grains { grains: grains.clone() } },
        Message::Request {
            id: 3,
            body: Request::Read {
                env: env.clone(),
                path: path.clone(),
                offset: 1,
                length: 2,
                sha256: Default::default(),
            },
        },
        Message::Request { id: 4, body: Request::Stat { env, path } },
        Message::Request { id: 5, body: Request::Pillar { saltenv: None, pillarenv: None, overrides: grains } },
        Message::Request {
            id: 6,
            body: Request::Mine(Mine::Send {
                entries: [("a".to_owned(), MineEntry { data: Value::from(1), allowed: Some(job().target) })].into(),
                clear: true,
            }),
        },
        Message::Request {
            id: 7,
            body: Request::Runner(RunnerAsk { fun: "mine.get".to_owned(), arg: vec![Value::Null], kwarg: Map::new() }),
        },
        Message::Reply { id: 5, body: Reply::Owed { jobs: vec![job()] } },
        Message::Push(Push::Probe {}),
    ];
    let mut seeds: Vec<Vec<u8>> = messages.iter().map(encode).collect();
    seeds.push(encode(&Publication::Job(job())));
    seeds
}

/// What decodes can be written and read again.
fn messages(bytes: &[u8]) {
    for limits in [Limits::UNKNOWN_PEER, Limits::SESSION] {
        if let Ok(message) = decode::<Message>(bytes, limits) {
            let again = encode(&message);
            assert!(decode::<Message>(&again, Limits::SESSION).is_ok(), "what was read cannot be read again");
        }
        let _: Result<Request, _> = decode(bytes, limits);
        let _: Result<Reply, _> = decode(bytes, limits);
        let _: Result<Push, _> = decode(bytes, limits);
        let _: Result<Welcome, _> = decode(bytes, limits);
        let _: Result<Return, _> = decode(bytes, limits);
        let _: Result<Publication, _> = decode(bytes, limits);
        let _: Result<Value, _> = decode(bytes, limits);
    }
}
