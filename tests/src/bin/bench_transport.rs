//! Measures the transport on loopback, all ends in one process: throughput and latency of a link by carrier beside a
//! bare TCP connection, and the fan-out of a publication with its answers. Usage: `bench_transport [PEERS]`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fleet_common::transport::{
    Address, Carrier, ConnectOptions, Connector, ConnectorOptions, Link, Listener, ListenerOptions, PublishListener,
    Publisher, RequestListener, ZmqConnector, bind_publisher, bind_request,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const RUNS: usize = 5;
const MESSAGE: usize = 60 * 1024;
const MESSAGES: usize = 8_000;
const PINGS: usize = 5_000;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let peers = std::env::args().nth(1).map_or(Ok(1_000), |peers| peers.parse())?;
    let bare = bare().await?;
    println!("{:<28} {:>8.0} MiB/s            {:>7.1} us round trip", "bare TCP", bare.0, bare.1);
    for carrier in [Carrier::Own, Carrier::Package] {
        let (rate, latency) = carried(carrier).await?;
        let name = format!("link, {carrier:?}");
        println!(
            "{name:<28} {rate:>8.0} MiB/s ({:>4.2} x)   {latency:>7.1} us round trip ({:.2} x)",
            rate / bare.0,
            latency / bare.1
        );
    }
    fan_out(peers).await
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn mebibytes_a_second(start: Instant) -> f64 {
    (MESSAGE * MESSAGES) as f64 / 1048576.0 / start.elapsed().as_secs_f64()
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// 60 KiB writes one way, and 100 byte round trips.
async fn bare() -> Result<(f64, f64), Failure> {
    let listener = TcpListener::bind(loopback()).await?;
    let mut near = TcpStream::connect(listener.local_addr()?).await?;
    let (mut far, _) = listener.accept().await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let mut rates = Vec::new();
    let mut buffer = vec![0; MESSAGE];
    for _ in 0..RUNS {
        let start = Instant::now();
        let writer = tokio::spawn(async move {
            let message = vec![1; MESSAGE];
            for _ in 0..MESSAGES {
                far.write_all(&message).await?;
            }
            Ok::<_, std::io::Error>(far)
        });
        for _ in 0..MESSAGES {
            near.read_exact(&mut buffer).await?;
        }
        far = writer.await??;
        rates.push(mebibytes_a_second(start));
    }
    tokio::spawn(async move {
        let mut buffer = [0; 100];
        while far.read_exact(&mut buffer).await.is_ok() && far.write_all(&buffer).await.is_ok() {}
    });
    let mut times = Vec::new();
    for _ in 0..PINGS {
        let start = Instant::now();
        near.write_all(&[1; 100]).await?;
        near.read_exact(&mut buffer[..100]).await?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok((median(rates), median(times)))
}

async fn ports() -> Result<(RequestListener, Arc<PublishListener>), Failure> {
    let options = ListenerOptions { max_per_address: 100_000, ..ListenerOptions::default() };
    Ok((bind_request(loopback(), options.clone()).await?, bind_publisher(loopback(), options).await?))
}

/// The same through a link: master to minion one way, and round trips.
async fn carried(carrier: Carrier) -> Result<(f64, f64), Failure> {
    let (mut request, publish) = ports().await?;
    let relay = tempfile::tempdir()?;
    let at = |address: SocketAddr| Address { host: address.ip().to_string(), port: address.port() };
    let connector = ZmqConnector::new(ConnectorOptions {
        request: at(request.local_addr()),
        publish: at(publish.local_addr()),
        relay_dir: relay.path().join("relay"),
        connect: ConnectOptions::default(),
        request_carrier: carrier,
        publish_carrier: carrier,
    });
    let mut minion = connector.request().await?;
    let mut master: Link = request.accept().await.ok_or("no link")?;
    minion.tx.trust();
    master.tx.trust();
    let mut rates = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        let tx = master.tx.clone();
        let writer = tokio::spawn(async move {
            let message = Bytes::from(vec![1; MESSAGE]);
            for _ in 0..MESSAGES {
                tx.send(message.clone()).await?;
            }
            Ok::<_, fleet_common::transport::Closed>(())
        });
        for _ in 0..MESSAGES {
            minion.rx.recv().await.ok_or("cut")?;
        }
        writer.await??;
        rates.push(mebibytes_a_second(start));
    }
    tokio::spawn(async move {
        while let Some(message) = master.rx.recv().await {
            if master.tx.send(message).await.is_err() {
                return;
            }
        }
    });
    let mut times = Vec::new();
    let message = Bytes::from(vec![1; 100]);
    for _ in 0..PINGS {
        let start = Instant::now();
        minion.tx.send(message.clone()).await?;
        minion.rx.recv().await.ok_or("cut")?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok((median(rates), median(times)))
}

/// A light peer: bytes of the handshake, then fixed frames counted by length.
async fn peer(address: SocketAddr, socket: &str) -> Result<TcpStream, std::io::Error> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut greeting = [0; 64];
    greeting[..16].copy_from_slice(&[0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0, b'N', b'U', b'L', b'L']);
    stream.write_all(&greeting).await?;
    stream.read_exact(&mut greeting).await?;
    let mut ready = b"\x04\x00\x05READY\x0bSocket-Type\x00\x00\x00".to_vec();
    ready.push(socket.len() as u8);
    ready.extend_from_slice(socket.as_bytes());
    ready[1] = (ready.len() - 2) as u8;
    stream.write_all(&ready).await?;
    let mut header = [0; 2];
    stream.read_exact(&mut header).await?;
    stream.read_exact(&mut vec![0; usize::from(header[1])]).await?;
    Ok(stream)
}

fn resident_kib() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4
}

async fn reached(counter: &AtomicUsize, wanted: usize) {
    while counter.load(Ordering::Relaxed) < wanted {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

async fn fan_out(peers: usize) -> Result<(), Failure> {
    let (mut request, publish) = ports().await?;
    let (received, returned) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let before = resident_kib();
    let start = Instant::now();
    let mut opening = tokio::task::JoinSet::new();
    let (publish_at, request_at) = (publish.local_addr(), request.local_addr());
    for _ in 0..peers {
        let received = received.clone();
        opening.spawn(async move {
            let mut subscriber = peer(publish_at, "SUB").await?;
            let mut dealer = peer(request_at, "DEALER").await?;
            subscriber.write_all(b"\x00\x01\x01").await?;
            tokio::spawn(async move {
                let mut answer = vec![2, 0, 0, 0, 0, 0, 0, 4, 0];
                answer.resize(9 + 1024, 7);
                loop {
                    // A long header; a body of 301 asks for an answer.
                    let mut header = [0; 9];
                    subscriber.read_exact(&mut header).await?;
                    let length = u64::from_be_bytes(header[1..].try_into().unwrap_or_default());
                    subscriber.read_exact(&mut vec![0; length as usize]).await?;
                    received.fetch_add(1, Ordering::Relaxed);
                    if length == 301 {
                        dealer.write_all(&answer).await?;
                    }
                }
                #[allow(unreachable_code, reason = "names the error type")]
                Ok::<_, std::io::Error>(())
            });
            Ok::<_, std::io::Error>(())
        });
    }
    for _ in 0..peers {
        let link = request.accept().await.ok_or("no link")?;
        let returned = returned.clone();
        tokio::spawn(async move {
            // Both halves live as long as the connection is wanted.
            let Link { tx: _tx, mut rx, .. } = link;
            while rx.recv().await.is_some() {
                returned.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while let Some(opened) = opening.join_next().await {
        opened??;
    }
    while publish.subscribers() < peers {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    println!(
        "{peers} peers: connected in {:.0} ms, {:.1} KiB each for both connections and both ends",
        start.elapsed().as_secs_f64() * 1e3,
        (resident_kib() - before) as f64 / peers as f64
    );
    for (name, count, length) in
        [("1 x 300 B", 1, 300), ("100 x 1 KiB", 100, 1024), ("ping: 301 B, 1 KiB back", 1, 301)]
    {
        let mut times = Vec::new();
        for _ in 0..RUNS {
            received.store(0, Ordering::Relaxed);
            returned.store(0, Ordering::Relaxed);
            let start = Instant::now();
            for number in 0..count {
                publish.publish(Bytes::from(vec![number as u8; length]));
            }
            reached(&received, peers * count).await;
            if length == 301 {
                reached(&returned, peers).await;
            }
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        println!("{peers} peers: {name:<24} {:>8.1} ms", median(times));
    }
    println!("{peers} peers: resident {} MiB in all afterwards; {:?}", resident_kib() / 1024, publish.stats());
    Ok(())
}
