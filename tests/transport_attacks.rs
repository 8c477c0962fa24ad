//! Hostile peers against the master's ports and a hostile master against the minion's sockets: everything stays up,
//! bounded and counted, and the others are served. The naive endpoint aborts or takes gigabytes in most of these.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use fleet_common::transport::{
    Carrier, ConnectOptions, Connector, Listener, ListenerOptions, Publisher, bind_publisher, bind_request,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use fleet_tests::harness::links::{Ports, connector, loopback, next, ports, until};
use fleet_tests::harness::raw::{closed, frame, good, greet, greeting, opened, read_frame, ready, resident};

/// Held by each test: what one takes is not counted against another.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Lengths that make the naive decoder abort, and some that merely hurt.
const CLAIMS: [u64; 6] = [u64::MAX, 1 << 63, 1 << 40, 1 << 36, 1 << 34, 1 << 20];

/// A good minion is still served on both ports.
async fn served(ports: &mut Ports) {
    let mut minion = ports.connector.request().await.expect("connected");
    let mut master = loop {
        let mut link = ports.request.accept().await.expect("a link");
        // The attackers' links come first; they are silent or gone.
        let first = tokio::time::timeout(Duration::from_millis(300), async {
            minion.tx.send(Bytes::from_static(b"hi")).await.expect("open");
            link.rx.recv().await
        });
        if let Ok(Some(message)) = first.await {
            assert_eq!(&message[..], b"hi");
            break link;
        }
    };
    while master.tx.send(Bytes::from_static(b"yes")).await.is_err() {
        master = ports.request.accept().await.expect("a link");
    }
    assert_eq!(next(&mut minion).await.as_deref(), Some(&b"yes"[..]));
    let mut subscriber = ports.connector.subscribe().await.expect("connected");
    let before = ports.publish.subscribers();
    until("subscribed", || ports.publish.subscribers() > 0).await;
    for _ in 0..50 {
        ports.publish.publish(Bytes::from_static(b"job"));
        if let Ok(Some(message)) = tokio::time::timeout(Duration::from_millis(100), subscriber.rx.recv()).await {
            assert_eq!(&message[..], b"job");
            return;
        }
    }
    panic!("nothing published to the good one; {before} subscribers");
}

#[tokio::test(flavor = "multi_thread")]
async fn giant_frames_end_their_connection_only() {
    let _alone = ALONE.lock().await;
    let mut ports = ports(Carrier::Package, ListenerOptions::default()).await;
    let before = resident();
    for claim in CLAIMS {
        for (address, socket) in [(ports.request.local_addr(), "DEALER"), (ports.publish.local_addr(), "SUB")] {
            for flags in [0, 1, 4] {
                let mut early = TcpStream::connect(address).await.expect("connected");
                greet(&mut early).await;
                early.write_all(&frame(flags, claim, b"x")).await.expect("open");
                closed(&mut early).await;
                let mut late = opened(address, socket, b"").await;
                late.write_all(&frame(flags, claim, b"x")).await.expect("open");
                closed(&mut late).await;
            }
        }
    }
    for stats in [ports.request.stats(), ports.publish.stats()] {
        assert_eq!((stats.handshake_failed, stats.closed_protocol), (18, 18), "{stats:?}");
    }
    assert!(resident() < before + 100, "{} -> {} MiB", before, resident());
    served(&mut ports).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_handshakes_are_ended_in_time() {
    let _alone = ALONE.lock().await;
    let options = ListenerOptions { handshake_timeout: Duration::from_secs(1), ..ListenerOptions::default() };
    let mut ports = ports(Carrier::Package, options).await;
    let before = resident();
    let mut silent = Vec::new();
    for number in 0..400usize {
        let address = if number % 2 == 0 { ports.request.local_addr() } else { ports.publish.local_addr() };
        let mut stream = TcpStream::connect(address).await.expect("connected");
        // Silent, halfway through the greeting, or waiting with READY.
        stream.write_all(&greeting()[..[0, 30, 64][number % 3]]).await.expect("open");
        silent.push(stream);
    }
    served(&mut ports).await;
    for stream in &mut silent {
        closed(stream).await;
    }
    let timeouts = || ports.request.stats().handshake_timeout + ports.publish.stats().handshake_timeout;
    until("all are counted", || timeouts() == 400).await;
    assert!(resident() < before + 50, "{before} -> {} MiB", resident());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_takes_nothing_over() {
    let _alone = ALONE.lock().await;
    let mut request = bind_request(loopback(), ListenerOptions::default()).await.expect("bound");
    let mut victim = opened(request.local_addr(), "DEALER", b"web1").await;
    victim.write_all(&good(0, b"victim")).await.expect("open");
    let mut first = request.accept().await.expect("a link");
    let mut thief = opened(request.local_addr(), "DEALER", b"web1").await;
    thief.write_all(&good(0, b"thief")).await.expect("open");
    let mut second = request.accept().await.expect("a link");
    assert_eq!(next(&mut first).await.as_deref(), Some(&b"victim"[..]));
    assert_eq!(next(&mut second).await.as_deref(), Some(&b"thief"[..]));
    first.tx.send(Bytes::from_static(b"for the victim")).await.expect("open");
    assert_eq!(read_frame(&mut victim).await, b"for the victim");
    let publish = bind_publisher(loopback(), ListenerOptions::default()).await.expect("bound");
    let mut subscribers = Vec::new();
    for _ in 0..2 {
        let mut stream = opened(publish.local_addr(), "SUB", b"web1").await;
        stream.write_all(&good(4, b"\x09SUBSCRIBEjob")).await.expect("open");
        subscribers.push(stream);
    }
    until("both subscribed, by the 3.1 command", || publish.subscribers() == 2).await;
    publish.publish(Bytes::from_static(b"job 1"));
    for stream in &mut subscribers {
        assert_eq!(read_frame(stream).await, b"job 1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_does_not_read_is_closed_and_costs_nothing() {
    let _alone = ALONE.lock().await;
    let ports = ports(Carrier::Package, ListenerOptions::default()).await;
    let mut stuck = Vec::new();
    for _ in 0..20 {
        let mut stream = opened(ports.publish.local_addr(), "SUB", b"").await;
        stream.write_all(&good(0, b"\x01")).await.expect("open");
        stuck.push(stream);
    }
    let mut healthy = ports.connector.subscribe().await.expect("connected");
    healthy.tx.trust();
    until("all subscribed", || ports.publish.subscribers() == 21).await;
    let before = resident();
    let mut highest = 0;
    let message = Bytes::from(vec![7; 64 * 1024]);
    for number in 0..3000 {
        ports.publish.publish(message.clone());
        assert_eq!(next(&mut healthy).await.map(|message| message.len()), Some(message.len()), "{number}");
        highest = highest.max(resident());
    }
    let stats = ports.publish.stats();
    assert_eq!(stats.closed_slow, 20, "{stats:?}");
    assert_eq!(ports.publish.subscribers(), 1);
    assert!(highest < before + 100, "{before} -> {highest} MiB while 190 MiB went out to 20 that did not read");
    drop(stuck);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_peer_holds_up_nobody() {
    let _alone = ALONE.lock().await;
    let options = ListenerOptions { stall_timeout: Duration::from_millis(500), ..ListenerOptions::default() };
    let mut ports = ports(Carrier::Package, options).await;
    let mut stuck = opened(ports.request.local_addr(), "DEALER", b"").await;
    stuck.write_all(&good(0, b"give me all")).await.expect("open");
    let mut link = ports.request.accept().await.expect("a link");
    assert!(next(&mut link).await.is_some());
    let before = resident();
    let flood = tokio::spawn(async move {
        let mut sent = 0u64;
        while link.tx.send(Bytes::from(vec![1; 64 * 1024])).await.is_ok() {
            sent += 64;
        }
        sent
    });
    served(&mut ports).await;
    let sent = tokio::time::timeout(Duration::from_secs(10), flood).await.expect("closed").expect("ran");
    assert!(sent < 50 * 1024, "{sent} KiB were taken for one that does not read");
    assert!(resident() < before + 100);
    assert_eq!(ports.request.stats().closed_stalled, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_refused_and_counted() {
    let _alone = ALONE.lock().await;
    let mut ports = ports(Carrier::Package, ListenerOptions::default()).await;
    let rng = &mut SmallRng::seed_from_u64(11);
    let before = resident();
    for number in 0..120 {
        let request = number % 2 == 0;
        let (address, socket) =
            if request { (ports.request.local_addr(), "DEALER") } else { (ports.publish.local_addr(), "SUB") };
        let mut garbage = vec![0; rng.random_range(64..20_000)];
        rng.fill(&mut garbage[..]);
        let mut stream = if number % 3 == 0 {
            garbage[0] = 0;
            TcpStream::connect(address).await.expect("connected")
        } else {
            garbage[0] |= 0x80;
            opened(address, socket, b"").await
        };
        // It may be closed while we still write.
        let _ = stream.write_all(&garbage).await;
        closed(&mut stream).await;
    }
    for stats in [ports.request.stats(), ports.publish.stats()] {
        assert_eq!(stats.handshake_failed + stats.closed_protocol, 60, "{stats:?}");
    }
    // The wrong kind of socket, an old protocol, a web browser, READY twice as long as any.
    let mut old = greeting();
    old[10] = 1;
    for (bytes, close) in [
        ([greeting(), ready("PUSH", b"")].concat(), true),
        (old, true),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), true),
        ([greeting(), ready("DEALER", &[1; 3000])].concat(), true),
    ] {
        let mut stream = TcpStream::connect(ports.request.local_addr()).await.expect("connected");
        stream.write_all(&bytes).await.expect("open");
        assert!(close);
        closed(&mut stream).await;
    }
    // Truncated: the connection ends in the middle of a frame.
    let mut cut = opened(ports.request.local_addr(), "DEALER", b"").await;
    cut.write_all(&frame(0, 4000, b"only this")).await.expect("open");
    drop(cut);
    assert!(resident() < before + 50, "{before} -> {} MiB", resident());
    served(&mut ports).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_and_subscriptions_are_bounded() {
    let _alone = ALONE.lock().await;
    let ports = ports(Carrier::Package, ListenerOptions::default()).await;
    let mut polite = opened(ports.request.local_addr(), "DEALER", b"").await;
    polite.write_all(&good(4, b"\x04PING\x00\x00ctx")).await.expect("open");
    assert_eq!(read_frame(&mut polite).await, b"\x04PONGctx");
    // Silence after a PING with a time to live of 300 ms ends it.
    polite.write_all(&good(4, b"\x04PING\x00\x03")).await.expect("open");
    closed(&mut polite).await;

    let before = resident();
    let mut flood = opened(ports.publish.local_addr(), "SUB", b"").await;
    let pings = good(4, b"\x04PING\x00\x000123456789abcdef").repeat(1000);
    for _ in 0..500 {
        if flood.write_all(&pings).await.is_err() {
            break;
        }
    }
    assert!(resident() < before + 50, "half a million PINGs nobody reads the answers of");

    let mut greedy = opened(ports.publish.local_addr(), "SUB", b"").await;
    for number in 0..100u8 {
        let _ = greedy.write_all(&good(0, &[1, number])).await;
    }
    closed(&mut greedy).await;
    assert_eq!(ports.publish.stats().closed_subscriptions, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_capped() {
    let _alone = ALONE.lock().await;
    let options = ListenerOptions { max_connections: 5, max_per_address: 3, ..ListenerOptions::default() };
    let request = bind_request(loopback(), options).await.expect("bound");
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(opened(request.local_addr(), "DEALER", b"").await);
    }
    let mut fourth = TcpStream::connect(request.local_addr()).await.expect("the kernel accepts");
    closed(&mut fourth).await;
    assert_eq!((request.stats().refused_address, request.open()), (1, 3));
    kept.pop();
    until("its place is free again", || request.open() == 2).await;
    kept.push(opened(request.local_addr(), "DEALER", b"").await);
    until("those that were opened", || request.stats().accepted == 4).await;
    assert_eq!(request.stats().closed, 1);

    let options = ListenerOptions { max_connections: 2, max_per_address: 3, ..ListenerOptions::default() };
    let request = bind_request(loopback(), options).await.expect("bound");
    let _kept = [opened(request.local_addr(), "DEALER", b"").await, opened(request.local_addr(), "DEALER", b"").await];
    let mut third = TcpStream::connect(request.local_addr()).await.expect("the kernel accepts");
    closed(&mut third).await;
    assert_eq!((request.stats().refused_total, request.open()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_nobody_takes_are_capped() {
    let _alone = ALONE.lock().await;
    let request = bind_request(loopback(), ListenerOptions::default()).await.expect("bound");
    let mut kept = Vec::new();
    for _ in 0..1024 {
        kept.push(opened(request.local_addr(), "DEALER", b"").await);
    }
    let mut late = opened(request.local_addr(), "DEALER", b"").await;
    closed(&mut late).await;
    assert_eq!((request.stats().refused_busy, request.stats().accepted), (1, 1024));
}

/// A master that answers every connection with these bytes, after as much of the handshake as asked.
async fn hostile(open_as: Option<&'static str>, bytes: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind(loopback()).await.expect("bound");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                if let Some(socket) = open_as {
                    greet(&mut stream).await;
                    stream.write_all(&ready(socket, b"")).await.expect("open");
                }
                for _ in 0..100 {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                let _ = stream.read_to_end(&mut Vec::new()).await;
            });
        }
    });
    address
}

async fn a_hostile_master(carrier: Carrier) {
    let quick = ConnectOptions { handshake_timeout: Duration::from_millis(500), ..ConnectOptions::default() };
    let before = resident();
    let endless_parts = good(1, b"part").repeat(20);
    let mut attacks = vec![b"HTTP/1.1 400 Bad Request\r\n".to_vec(), endless_parts, vec![0x80; 100], Vec::new()];
    attacks.extend(CLAIMS.iter().flat_map(|claim| [frame(0, *claim, b"x"), frame(4, *claim, b"x")]));
    for attack in attacks {
        for (open_as, request) in [(None, true), (Some("ROUTER"), true), (None, false), (Some("PUB"), false)] {
            if open_as.is_some() && attack.is_empty() {
                continue;
            }
            let master = hostile(open_as, attack.clone()).await;
            let (connector, _relay) = connector(master, master, carrier, quick.clone());
            let link = if request { connector.request().await } else { connector.subscribe().await };
            // Either the connection fails or it ends; both in time, with an error and not with the process.
            if let Ok(mut link) = link {
                assert_eq!(next(&mut link).await, None);
            } else {
                assert!(open_as.is_none(), "a good handshake makes a link");
            }
        }
    }
    assert!(resident() < before + 100, "{} -> {} MiB", before, resident());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_master_does_not_end_the_package() {
    let _alone = ALONE.lock().await;
    a_hostile_master(Carrier::Package).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_master_does_not_end_our_codec() {
    let _alone = ALONE.lock().await;
    a_hostile_master(Carrier::Own).await;
}
