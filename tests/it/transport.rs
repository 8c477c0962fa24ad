//! Links over real sockets: the minion's sockets against the master's endpoint, with either codec on the minion's side.

use std::time::Duration;

use bytes::Bytes;
use fleet_common::transport::{Carrier, ConnectOptions, Connector, Listener, ListenerOptions, Publisher};
use fleet_tests::harness::links::{connector, loopback, next, ports, until};

fn numbered(number: usize, length: usize) -> Bytes {
    let mut message = number.to_be_bytes().to_vec();
    message.resize(length.max(8), number as u8);
    message.into()
}

async fn conversation(carrier: Carrier) {
    let mut ports = ports(carrier, ListenerOptions::default()).await;
    let mut minion = ports.connector.request().await.expect("connected");
    let mut master = ports.request.accept().await.expect("a link");
    assert!(minion.tx.send(Bytes::from_static(b"hello")).await.is_ok());
    assert_eq!(next(&mut master).await.as_deref(), Some(&b"hello"[..]));
    minion.tx.trust();
    master.tx.trust();
    // Both ways at once, more than the outboxes hold, in order.
    let lengths = [10, 255, 256, 60 * 1024, 1024 * 1024, 4 * 1024 * 1024];
    let up = {
        let tx = minion.tx.clone();
        tokio::spawn(async move {
            for (number, length) in lengths.into_iter().cycle().take(30).enumerate() {
                tx.send(numbered(number, length)).await.expect("open");
            }
        })
    };
    let down = {
        let tx = master.tx.clone();
        tokio::spawn(async move {
            for (number, length) in lengths.into_iter().cycle().take(30).enumerate() {
                tx.send(numbered(number, length)).await.expect("open");
            }
        })
    };
    for (number, length) in lengths.into_iter().cycle().take(30).enumerate() {
        assert!(next(&mut master).await == Some(numbered(number, length)), "up {number}");
        assert!(next(&mut minion).await == Some(numbered(number, length)), "down {number}");
    }
    up.await.expect("sent");
    down.await.expect("sent");

    // What is queued when a side lets go still arrives; then both know.
    assert!(minion.tx.send(numbered(7, 1024 * 1024)).await.is_ok());
    assert!(minion.tx.send(Bytes::from_static(b"bye")).await.is_ok());
    drop(minion);
    assert_eq!(next(&mut master).await.map(|message| message.len()), Some(1024 * 1024));
    assert_eq!(next(&mut master).await.as_deref(), Some(&b"bye"[..]));
    assert_eq!(next(&mut master).await, None);
    tokio::time::timeout(Duration::from_secs(10), master.tx.closed()).await.expect("known");

    // And the other way about.
    let mut minion = ports.connector.request().await.expect("connected");
    let master = ports.request.accept().await.expect("a link");
    assert!(master.tx.send(Bytes::from_static(b"bye")).await.is_ok());
    drop(master);
    assert_eq!(next(&mut minion).await.as_deref(), Some(&b"bye"[..]));
    assert_eq!(next(&mut minion).await, None);
    tokio::time::timeout(Duration::from_secs(10), minion.tx.closed()).await.expect("known");
    assert!(minion.tx.is_closed());
    until("places are given back", || ports.request.open() == 0).await;
}

async fn publications(carrier: Carrier) {
    let ports = ports(carrier, ListenerOptions::default()).await;
    let mut first = ports.connector.subscribe().await.expect("connected");
    let mut second = ports.connector.subscribe().await.expect("connected");
    until("both subscribed", || ports.publish.subscribers() == 2).await;
    first.tx.trust();
    for number in 0..200 {
        ports.publish.publish(numbered(number, 3000));
    }
    for number in 0..200 {
        assert!(next(&mut first).await == Some(numbered(number, 3000)));
        assert!(next(&mut second).await == Some(numbered(number, 3000)));
    }
    // The second did not trust its master: a large message is the end of it.
    ports.publish.publish(numbered(0, 1024 * 1024));
    assert!(next(&mut first).await == Some(numbered(0, 1024 * 1024)));
    assert_eq!(next(&mut second).await, None);
    drop(first);
    until("subscribers are forgotten", || ports.publish.subscribers() == 0 && ports.publish.open() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conversation_through_the_package() {
    conversation(Carrier::Package).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conversation_through_our_codec() {
    conversation(Carrier::Own).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publications_through_the_package() {
    publications(Carrier::Package).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publications_through_our_codec() {
    publications(Carrier::Own).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_master_is_an_error_in_time() {
    let listener = std::net::TcpListener::bind(loopback()).expect("bound");
    let silent = listener.local_addr().expect("bound");
    let quick = ConnectOptions { handshake_timeout: Duration::from_millis(300), ..ConnectOptions::default() };
    let (connector, _relay) = connector(silent, loopback(), Carrier::Package, quick);
    let error = connector.request().await.err().expect("no handshake");
    assert!(error.to_string().contains("longer than 300ms"), "{error}");
    let error = connector.subscribe().await.err().expect("port 0");
    assert!(error.to_string().starts_with("127.0.0.1:0: "), "{error}");
}
