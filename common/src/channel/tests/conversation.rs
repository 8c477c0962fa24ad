//! What is said once a session is open: order, limits, cuts and ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_bytes::ByteBuf;

use super::super::request::{Client, MAX_OPEN, accept, open};
use super::super::{ChannelError, Fault, SessionEnd, Turns};
use super::world::*;
use crate::proto::request::{KeyState, Message, Push, Reply, Request};
use crate::transport::link::Closing;
use crate::transport::{Link, Peer};

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
            accept(links.1, &world.keys, &Turns::new()).await.unwrap().welcome(welcome(KeyState::Accepted))
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
    let session = super::super::session::Session::start(link.tx, sealer);
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
