//! Whole sessions over links in memory, with somebody between who can do harm.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_bytes::ByteBuf;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

use super::request::{Client, ClientConfig, Incoming, MAX_OPEN, ServerReceiver, ServerSender, accept, open};
use super::{ChannelError, Fault, SessionEnd};
use crate::crypto::certificate::CertificateError;
use crate::crypto::handshake::HandshakeError;
use crate::crypto::keys::{Identity, MasterKeys, PublicKey};
use crate::crypto::trust::{Trust, TrustError};
use crate::proto::request::{KeyState, Message, Push, Reply, Request, Role, Welcome};
use crate::transport::link::{Closing, Inbox, LinkEnd, Queued};
use crate::transport::{Link, Peer};

/// What somebody between does with the `n`th message of one direction: what is passed on instead.
type Tamper = Box<dyn FnMut(usize, Bytes) -> Vec<Bytes> + Send>;

fn honest() -> Tamper {
    Box::new(|_, message| vec![message])
}

/// One direction of a connection, until either side lets go.
async fn carry(mut from: End, to: Inbox, limit: Arc<AtomicUsize>, mut tamper: Tamper) {
    let mut number = 0;
    loop {
        let queued = tokio::select! {
            _ = from.closing.wait_for(|closing| *closing != Closing::No) => return,
            queued = from.outgoing.recv() => queued,
        };
        let Some(queued) = queued else { return };
        for message in tamper(number, queued.message) {
            if message.len() > limit.load(Ordering::Relaxed) || to.deliver(message).await.is_err() {
                return;
            }
        }
        number += 1;
    }
}

struct End {
    outgoing: mpsc::UnboundedReceiver<Queued>,
    closing: watch::Receiver<Closing>,
}

fn end(end: LinkEnd) -> (End, Inbox, Arc<AtomicUsize>) {
    (End { outgoing: end.outgoing, closing: end.closing }, end.incoming, end.limit)
}

/// Two ends of one connection: the minion's and the master's. The connection ends when either side closes it.
fn pair_with(outbox: usize, to_master: Tamper, to_minion: Tamper) -> (Link, Link) {
    let (minion, minion_end) = Link::new(Peer::Memory("master".into()), outbox);
    let (master, master_end) = Link::new(Peer::Memory("minion".into()), outbox);
    let (minion_end, minion_inbox, minion_limit) = end(minion_end);
    let (master_end, master_inbox, master_limit) = end(master_end);
    tokio::spawn(async move {
        tokio::select! {
            () = carry(minion_end, master_inbox, master_limit, to_master) => {}
            () = carry(master_end, minion_inbox, minion_limit, to_minion) => {}
        }
    });
    (minion, master)
}

fn pair() -> (Link, Link) {
    pair_with(256 * 1024, honest(), honest())
}

struct World {
    dir: TempDir,
    keys: Arc<MasterKeys>,
    config: ClientConfig,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = ClientConfig {
            identity: Arc::new(Identity::generate()),
            id: "web1".parse().unwrap(),
            role: Role::Minion,
            trust: Trust::new(dir.path().join("pki/minion_master.pub"), None),
            enrolment: Default::default(),
            grains_hash: [3; 32],
        };
        Self { dir, keys: Arc::new(MasterKeys::generate()), config }
    }

    fn pinned(&self) -> Option<PublicKey> {
        PublicKey::load(self.config.trust.file()).unwrap()
    }

    /// Both sides' outcome of a connection; the master says accepted.
    async fn connect(&self, links: (Link, Link)) -> (Result<(), ChannelError>, Result<Incoming, ChannelError>) {
        let (done, finished) = tokio::sync::oneshot::channel::<()>();
        let minion = async {
            let outcome = open(links.0, &self.config).await.map(|_| ());
            let _ = done.send(());
            outcome
        };
        let master = async {
            let incoming = accept(links.1, &self.keys).await;
            // Nobody welcomes: the minion's side ends by what it finds in the handshake, or is given up.
            let _ = tokio::time::timeout(Duration::from_millis(200), finished).await;
            incoming
        };
        let (minion, master) = tokio::join!(tokio::time::timeout(Duration::from_secs(1), minion), master);
        (minion.unwrap_or(Err(ChannelError::Timeout { seconds: 1.0 })), master)
    }

    async fn session(&self, links: (Link, Link), state: KeyState) -> (Welcome, Client, ServerSender, ServerReceiver) {
        let keys = self.keys.clone();
        let master = tokio::spawn(async move {
            let incoming = accept(links.1, &keys).await.unwrap();
            incoming.welcome(welcome(state))
        });
        let (welcome, client) = open(links.0, &self.config).await.unwrap();
        let (sender, receiver) = master.await.unwrap();
        (welcome, client, sender, receiver)
    }

    async fn accepted(&self) -> (Client, ServerSender, ServerReceiver) {
        let (_, client, sender, receiver) = self.session(pair(), KeyState::Accepted).await;
        (client, sender, receiver)
    }
}

fn welcome(state: KeyState) -> Welcome {
    Welcome { state, stream: None, now: 5, retry_after: 7, grains_known: false, reason: None }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("it happens soon")
}

fn read(length: u32) -> Request {
    Request::Read { env: "base".into(), path: "a".into(), offset: 0, length, sha256: ByteBuf::new() }
}

/// Answers every request at once: a read with as many bytes as asked, all else with `Done`.
async fn serve(sender: ServerSender, mut receiver: ServerReceiver) {
    while let Some((id, request)) = receiver.recv().await {
        let reply = match request {
            Request::Read { length, .. } => {
                Reply::Part { bytes: Some(ByteBuf::from(vec![7; length as usize])), size: length.into() }
            }
            _ => Reply::Done {},
        };
        let _ = sender.reply(id, reply).await;
    }
}

#[tokio::test]
async fn a_session_introduces_and_answers() {
    let world = World::new();
    let links = pair();
    let (client, incoming) = tokio::join!(open(links.0, &world.config), async {
        let incoming = accept(links.1, &world.keys).await.unwrap();
        let facts = (incoming.id.clone(), incoming.key, incoming.role, incoming.grains_hash);
        let (sender, receiver) = incoming.welcome(welcome(KeyState::Accepted));
        tokio::spawn(serve(sender, receiver));
        facts
    });
    assert_eq!(incoming, ("web1".parse().unwrap(), world.config.identity.public(), Role::Minion, [3; 32]));
    let (welcome, client) = client.unwrap();
    assert_eq!((welcome.now, client.root()), (5, world.keys.root()));
    assert_eq!(client.publication_key(), world.keys.publication());
    assert_eq!(client.call(Request::Options {}).await.unwrap(), Reply::Done {});
    let Reply::Part { bytes, .. } = client.call(read(1 << 20)).await.unwrap() else { panic!("a part") };
    assert_eq!(bytes.unwrap().len(), 1 << 20);
}

#[tokio::test]
async fn the_first_master_is_pinned_and_another_is_refused_by_name() {
    let mut world = World::new();
    assert_eq!(world.pinned(), None);
    drop(world.session(pair(), KeyState::Pending).await);
    let first = world.keys.root();
    assert_eq!(world.pinned(), Some(first));
    world.keys = Arc::new(MasterKeys::generate());
    let (minion, master) = world.connect(pair()).await;
    let Err(ChannelError::Handshake(HandshakeError::Trust(TrustError::Mismatch(why)))) = minion else {
        panic!("{minion:?}")
    };
    let text = why.to_string();
    for part in [first.fingerprint().to_string(), world.keys.root().fingerprint().to_string(), "--replace-root".into()]
    {
        assert!(text.contains(&part), "{text}");
    }
    assert!(master.is_err(), "the minion said nothing of itself");
    assert_eq!(world.pinned(), Some(first));
}

#[tokio::test]
async fn master_finger_decides_before_anything_is_pinned() {
    let mut world = World::new();
    let file = world.dir.path().join("other.pub");
    world.config.trust = Trust::new(&file, Some(MasterKeys::generate().root().fingerprint()));
    let (minion, _) = world.connect(pair()).await;
    assert!(matches!(minion, Err(ChannelError::Handshake(HandshakeError::Trust(TrustError::Mismatch(_))))));
    assert!(!file.exists());
    world.config.trust = Trust::new(&file, Some(world.keys.root().fingerprint()));
    drop(world.session(pair(), KeyState::Accepted).await);
    assert_eq!(world.pinned(), Some(world.keys.root()));
}

#[tokio::test]
async fn a_forged_handshake_changes_nothing() {
    let world = World::new();
    for at in [5, 40, 60, 120, 300] {
        let flip: Tamper = Box::new(move |number, message| {
            let mut bytes = message.to_vec();
            if number == 0 {
                bytes[at] ^= 1;
            }
            vec![bytes.into()]
        });
        let (minion, _) = world.connect(pair_with(1 << 16, honest(), flip)).await;
        assert!(matches!(minion, Err(ChannelError::Handshake(HandshakeError::Forged))), "{at}: {minion:?}");
        assert_eq!(world.pinned(), None);
    }
}

#[tokio::test]
async fn an_expired_certificate_is_named() {
    let error = HandshakeError::from(CertificateError::Expired { not_after: 1, now: 2 });
    assert!(error.to_string().contains("is the clock right?"));
}

#[tokio::test]
async fn another_version_is_told_to_both() {
    let world = World::new();
    let older: Tamper = Box::new(|number, message| {
        let mut bytes = message.to_vec();
        if number == 0 {
            bytes[4] = 0;
        }
        vec![bytes.into()]
    });
    let (_, master) = world.connect(pair_with(1 << 16, older, honest())).await;
    assert!(matches!(master, Err(ChannelError::Handshake(HandshakeError::Version { theirs: 0 }))));
}

#[tokio::test]
async fn a_pending_key_gets_the_welcome_and_nothing_else() {
    let world = World::new();
    for state in [KeyState::Pending, KeyState::Rejected, KeyState::Denied] {
        let (welcome, client, sender, mut receiver) = world.session(pair(), state).await;
        assert_eq!((welcome.state, welcome.retry_after), (state, 7));
        let refused = soon(client.call(Request::Options {})).await;
        assert!(matches!(refused, Err(ChannelError::Ended(SessionEnd::Unaccepted(found))) if found == state));
        assert_eq!(soon(receiver.recv()).await, None);
        assert!(sender.push(Push::Probe {}).is_err());
    }
}

#[tokio::test]
async fn a_welcome_arrives_though_the_master_lets_go_at_once() {
    let world = World::new();
    let links = pair();
    let (minion, ()) = tokio::join!(open(links.0, &world.config), async {
        drop(accept(links.1, &world.keys).await.unwrap().welcome(welcome(KeyState::Pending)));
    });
    assert_eq!(minion.unwrap().0.state, KeyState::Pending);
}

#[tokio::test]
async fn answers_come_in_any_order_and_pushes_between_them() {
    let world = World::new();
    let (client, sender, mut receiver) = world.accepted().await;
    let mut pushes = client.pushes().unwrap();
    assert!(client.pushes().is_none());
    let (one, two) = (client.clone(), client.clone());
    let first = tokio::spawn(async move { one.call(read(1)).await });
    let (first_id, _) = soon(receiver.recv()).await.unwrap();
    let second = tokio::spawn(async move { two.call(Request::Options {}).await });
    let (second_id, request) = soon(receiver.recv()).await.unwrap();
    assert_eq!(request, Request::Options {});
    sender.reply(second_id, Reply::Done {}).await.unwrap();
    assert_eq!(soon(second).await.unwrap().unwrap(), Reply::Done {});
    sender.push(Push::Probe {}).unwrap();
    assert_eq!(soon(pushes.recv()).await, Some(Push::Probe {}));
    sender.reply(first_id, Reply::Stored {}).await.unwrap();
    assert_eq!(soon(first).await.unwrap().unwrap(), Reply::Stored {});
    let twice = sender.reply(first_id, Reply::Stored {}).await;
    assert!(matches!(twice, Err(ChannelError::NotOpen { .. })));
}

#[tokio::test]
async fn no_more_than_the_allowed_requests_are_open() {
    let world = World::new();
    let (client, sender, mut receiver) = world.accepted().await;
    let calls: Vec<_> = (0..MAX_OPEN + 8)
        .map(|_| {
            tokio::spawn({
                let client = client.clone();
                async move { client.call(Request::Options {}).await }
            })
        })
        .collect();
    let mut ids = Vec::new();
    for _ in 0..MAX_OPEN {
        ids.push(soon(receiver.recv()).await.unwrap().0);
    }
    let more = tokio::time::timeout(Duration::from_millis(50), receiver.recv()).await;
    assert!(more.is_err(), "the client waits for a slot");
    sender.reply(ids[0], Reply::Done {}).await.unwrap();
    assert!(soon(receiver.recv()).await.is_some());
    drop(receiver);
    for call in calls.into_iter().skip(MAX_OPEN) {
        let _ = soon(call).await.unwrap();
    }
}

#[tokio::test]
async fn a_peer_that_asks_too_much_at_once_is_closed() {
    let world = World::new();
    let links = pair();
    let (client, (sender, mut receiver)) =
        tokio::join!(async { open(links.0, &world.config).await.unwrap().1 }, async {
            accept(links.1, &world.keys).await.unwrap().welcome(welcome(KeyState::Accepted))
        });
    client.flood(MAX_OPEN + 1).await;
    while soon(receiver.recv()).await.is_some() {}
    assert_eq!(soon(sender.closed()).await, SessionEnd::Fault(Fault::Requests));
}

#[tokio::test]
async fn large_requests_are_read_only_as_they_are_answered() {
    let world = World::new();
    let (client, sender, mut receiver) = world.accepted().await;
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let client = client.clone();
            let data = crate::value::Value::Bytes(vec![0; 3 << 20]);
            tokio::spawn(async move { client.call(Request::Event { tag: "a".into(), data }).await })
        })
        .collect();
    let one = soon(receiver.recv()).await.unwrap().0;
    let two = soon(receiver.recv()).await.unwrap().0;
    assert!(tokio::time::timeout(Duration::from_millis(50), receiver.recv()).await.is_err(), "enough is held");
    for id in [one, two] {
        sender.reply(id, Reply::Done {}).await.unwrap();
    }
    tokio::spawn(serve(sender, receiver));
    for call in calls {
        assert_eq!(soon(call).await.unwrap().unwrap(), Reply::Done {});
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_does_not_confuse_later_ones() {
    let world = World::new();
    let (client, sender, mut receiver) = world.accepted().await;
    let late = client.call_within(read(1), Duration::from_millis(30)).await;
    assert!(matches!(late, Err(ChannelError::Timeout { .. })));
    let (id, _) = soon(receiver.recv()).await.unwrap();
    sender.reply(id, Reply::Stored {}).await.unwrap();
    tokio::spawn(serve(sender, receiver));
    assert_eq!(soon(client.call(Request::Options {})).await.unwrap(), Reply::Done {});
}

#[tokio::test]
async fn harm_to_records_ends_the_session_and_reaches_nobody() {
    type Harm = fn(usize, Bytes) -> Vec<Bytes>;
    let harms: [(&str, Harm); 4] = [
        ("changed", |_, message| {
            let mut bytes = message.to_vec();
            bytes[3] ^= 1;
            vec![bytes.into()]
        }),
        ("dropped", |number, message| if number == 3 { vec![] } else { vec![message] }),
        ("repeated", |_, message| vec![message.clone(), message]),
        ("cut", |_, message| vec![message.slice(..message.len() / 2)]),
    ];
    for (name, harm) in harms {
        let world = World::new();
        // The handshake's two messages pass.
        let tamper: Tamper =
            Box::new(move |number, message| if number < 3 { vec![message] } else { harm(number, message) });
        let (_, client, sender, receiver) =
            world.session(pair_with(1 << 16, tamper, honest()), KeyState::Accepted).await;
        let ended = sender.clone();
        tokio::spawn(serve(sender, receiver));
        for _ in 0..4 {
            let _ = client.call_within(Request::Options {}, Duration::from_millis(200)).await;
        }
        let end = soon(ended.closed()).await;
        assert!(matches!(end, SessionEnd::Fault(Fault::Record(_))), "{name}: {end:?}");
        assert!(soon(client.call(Request::Options {})).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_cut_connection_ends_all_calls() {
    let world = World::new();
    let cut: Tamper =
        Box::new(|number, message| if number < 5 { vec![message] } else { vec![vec![0; 1 << 25].into()] });
    let (_, client, sender, receiver) = world.session(pair_with(1 << 16, honest(), cut), KeyState::Accepted).await;
    tokio::spawn(serve(sender, receiver));
    let lost = soon(client.call(read(1 << 20))).await;
    assert!(matches!(lost, Err(ChannelError::Ended(SessionEnd::Lost))), "{lost:?}");
    assert_eq!(soon(client.closed()).await, SessionEnd::Lost);
}

#[tokio::test]
async fn closing_tells_the_minion_why_and_serves_nothing_more() {
    let world = World::new();
    let (client, sender, mut receiver) = world.accepted().await;
    let mut pushes = client.pushes().unwrap();
    sender.close("the key was removed");
    assert_eq!(soon(receiver.recv()).await, None);
    drop((sender, receiver));
    let reason = "the key was removed".to_owned();
    assert_eq!(soon(client.closed()).await, SessionEnd::Goodbye { reason: reason.clone() });
    assert_eq!(pushes.recv().await, Some(Push::Goodbye { reason }));
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_let_go_soon_after_the_end() {
    // Nobody takes anything from this link's outbox.
    let (link, mut end) = Link::new(Peer::Memory("stuck".into()), 100);
    let (sealer, _) = crate::crypto::session::tests::pair();
    let session = super::session::Session::start(link.tx, sealer);
    for _ in 0..3 {
        session.send_now(&Message::Push(Push::Probe {})).unwrap();
    }
    tokio::task::yield_now().await;
    session.finish(SessionEnd::Closed, Some(&Message::Push(Push::Goodbye { reason: "enough".into() })));
    assert_eq!(soon(session.closed()).await, SessionEnd::Closed);
    soon(end.closing.wait_for(|closing| *closing == Closing::Now)).await.unwrap();
}

#[tokio::test]
async fn dropping_either_side_ends_both() {
    let world = World::new();
    let (client, sender, mut receiver) = world.accepted().await;
    drop(client);
    assert_eq!(soon(receiver.recv()).await, None);
    assert_eq!(soon(sender.closed()).await, SessionEnd::Lost);
    let (client, _sender, receiver) = world.accepted().await;
    drop(receiver);
    assert_eq!(soon(client.closed()).await, SessionEnd::Lost);
}

#[tokio::test]
async fn the_largest_messages_pass_and_larger_ones_are_refused_with_an_error() {
    let world = World::new();
    let (client, sender, mut receiver) = world.accepted().await;
    let call = |client: Client| tokio::spawn(async move { client.call(read(0)).await });
    let part = |size| Reply::Part { bytes: Some(ByteBuf::from(vec![1; size])), size: 0 };
    let fits = call(client.clone());
    let (id, _) = soon(receiver.recv()).await.unwrap();
    soon(sender.reply(id, part((16 << 20) - 100))).await.unwrap();
    assert_eq!(soon(fits).await.unwrap().unwrap(), part((16 << 20) - 100));
    let large = call(client.clone());
    let (id, _) = soon(receiver.recv()).await.unwrap();
    let refused = soon(sender.reply(id, part(16 << 20))).await;
    assert!(matches!(refused, Err(ChannelError::TooLarge { .. })));
    assert!(matches!(soon(large).await.unwrap().unwrap(), Reply::Error { code, .. } if code == "failed"));
    let data = crate::value::Value::Bytes(vec![0; 17 << 20]);
    let own = soon(client.call(Request::Event { tag: "a".into(), data })).await;
    assert!(matches!(own, Err(ChannelError::TooLarge { .. })));
}

#[tokio::test]
async fn a_push_overtakes_ten_mebibytes_of_files() {
    const OUTBOX: usize = 128 * 1024;
    let world = World::new();
    let (passed, ahead) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let meter: Tamper = {
        let (passed, ahead) = (passed.clone(), ahead.clone());
        Box::new(move |_, message| {
            let before = passed.fetch_add(message.len(), Ordering::Relaxed);
            // No other record of this test is as small, but the welcome.
            if message.len() < 100 {
                ahead.store(before, Ordering::Relaxed);
            }
            vec![message]
        })
    };
    let links = pair_with(OUTBOX, honest(), meter);
    let (_, client, sender, mut receiver) = world.session(links, KeyState::Accepted).await;
    let mut pushes = client.pushes().unwrap();
    let (mut tasks, mut ids) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        let client = client.clone();
        tasks.push(tokio::spawn(async move { drop(client.call(read(1 << 20)).await.unwrap()) }));
        ids.push(soon(receiver.recv()).await.unwrap().0);
    }
    for id in ids {
        let sender = sender.clone();
        let part = Reply::Part { bytes: Some(ByteBuf::from(vec![1; 1 << 20])), size: 0 };
        tasks.push(tokio::spawn(async move { sender.reply(id, part).await.unwrap() }));
    }
    tokio::task::yield_now().await;
    let when_pushed = passed.load(Ordering::Relaxed);
    sender.push(Push::Probe {}).unwrap();
    assert_eq!(soon(pushes.recv()).await, Some(Push::Probe {}));
    // Only what was sealed already went before it.
    let overtaken = ahead.load(Ordering::Relaxed) - when_pushed;
    assert!(overtaken <= OUTBOX + 60 * 1024, "{overtaken} bytes went first");
    assert!(when_pushed < 9 << 20, "files were still waiting");
    for task in tasks {
        soon(task).await.unwrap();
    }
}

#[tokio::test]
async fn junk_instead_of_a_handshake_is_refused() {
    let world = World::new();
    for size in [0, 1, 5, 37, 200, 4096] {
        let (minion, master) = pair();
        minion.tx.send(Bytes::from(vec![b's'; size])).await.unwrap();
        let outcome = soon(accept(master, &world.keys)).await.map(|_| ());
        assert!(matches!(outcome, Err(ChannelError::Handshake(HandshakeError::Malformed))), "{size}");
    }
    let (minion, master) = pair();
    minion.tx.send(Bytes::from(vec![0; 5000])).await.unwrap();
    assert!(soon(accept(master, &world.keys)).await.is_err(), "over the limit before a peer is known");
}

#[tokio::test]
async fn a_silent_peer_is_given_up() {
    let (_minion, mut master) = pair();
    let silence = soon(super::session::receive(&mut master, Duration::from_millis(20))).await;
    assert!(matches!(silence, Err(ChannelError::Timeout { .. })));
}
