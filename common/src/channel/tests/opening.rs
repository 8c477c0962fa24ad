//! Who is let in, who is told what, and who is given up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::super::request::{accept, open};
use super::super::{ChannelError, SessionEnd, Turns};
use super::world::*;
use crate::crypto::certificate::CertificateError;
use crate::crypto::handshake::HandshakeError;
use crate::crypto::keys::MasterKeys;
use crate::crypto::trust::{Trust, TrustError};
use crate::proto::request::{KeyState, Push, Reply, Request, Role};

#[tokio::test]
async fn a_session_introduces_and_answers() {
    let world = World::new();
    let links = pair();
    let (client, incoming) = tokio::join!(open(links.0, &world.config), async {
        let incoming = accept(links.1, &world.keys, &Turns::new()).await.unwrap();
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
        drop(accept(links.1, &world.keys, &Turns::new()).await.unwrap().welcome(welcome(KeyState::Pending)));
    });
    assert_eq!(minion.unwrap().0.state, KeyState::Pending);
}

#[tokio::test]
async fn junk_instead_of_a_handshake_is_refused() {
    let world = World::new();
    for size in [0, 1, 5, 37, 200, 4096] {
        let (minion, master) = pair();
        minion.tx.send(Bytes::from(vec![b's'; size])).await.unwrap();
        let outcome = soon(accept(master, &world.keys, &Turns::new())).await.map(|_| ());
        assert!(matches!(outcome, Err(ChannelError::Handshake(HandshakeError::Malformed))), "{size}");
    }
    let (minion, master) = pair();
    minion.tx.send(Bytes::from(vec![0; 5000])).await.unwrap();
    assert!(soon(accept(master, &world.keys, &Turns::new())).await.is_err(), "over the limit before a peer is known");
}

#[tokio::test]
async fn a_silent_peer_is_given_up() {
    let (_minion, mut master) = pair();
    let silence = soon(super::super::session::receive(&mut master, Duration::from_millis(20))).await;
    assert!(matches!(silence, Err(ChannelError::Timeout { .. })));
}
