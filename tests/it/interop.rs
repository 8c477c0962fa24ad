//! libzmq (by pyzmq) on one side, ours on the other, both ways, up to 4 MiB, with libzmq's heartbeats on.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use fleet_common::transport::{
    Carrier, ConnectOptions, Connector, Link, Listener, ListenerOptions, Publisher, bind_publisher, bind_request,
};

use fleet_tests::harness::links::{connector, loopback, next, until};
use fleet_tests::harness::skip;

/// A python that has pyzmq: the machine's, or one made under `target/` the first time.
fn python() -> Result<PathBuf, String> {
    let has_zmq = |python: &Path| {
        let status = Command::new(python).args(["-c", "import zmq"]).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let system = PathBuf::from("python3");
    if has_zmq(&system) {
        return Ok(system);
    }
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/interop-venv");
    let python = venv.join("bin/python");
    if has_zmq(&python) {
        return Ok(python);
    }
    let run = |command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    run(Command::new(&python).args(["-m", "pip", "install", "-q", "pyzmq"]))?;
    Ok(python)
}

fn script(arguments: &[String]) -> Option<Child> {
    // One at a time makes the environment.
    static MAKING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _making = MAKING.lock().expect("not poisoned");
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            skip("interop", &format!("no pyzmq: {why}"));
            return None;
        }
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/interop.py");
    let child = Command::new(python).arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    Some(child.expect("python starts"))
}

fn pattern(size: usize) -> Bytes {
    (0..size).map(|index| (index % 251) as u8).collect::<Vec<u8>>().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn libzmq_speaks_to_our_listener() {
    let mut request = bind_request(loopback(), ListenerOptions::default()).await.expect("bound");
    let options = ListenerOptions { outbox_bytes: 8 << 20, ..ListenerOptions::default() };
    let publish = bind_publisher(loopback(), options).await.expect("bound");
    let at = |address: SocketAddr| format!("tcp://{address}");
    let Some(mut child) = script(&["client".into(), at(request.local_addr()), at(publish.local_addr())]) else {
        return;
    };
    let mut dealer = request.accept().await.expect("a link");
    dealer.tx.trust();
    until("subscribed", || publish.subscribers() == 1).await;
    let echo = {
        let publish = publish.clone();
        tokio::spawn(async move {
            while let Some(message) = dealer.rx.recv().await {
                dealer.tx.send(message.clone()).await.expect("open");
                if &message[..] != b"hello" {
                    publish.publish([&b"job "[..], &message].concat().into());
                    publish.publish(Bytes::from_static(b"gone: nobody wants it any more"));
                }
            }
        })
    };
    let output = child.stdout.take().expect("piped");
    let lines = tokio::task::spawn_blocking(move || {
        BufReader::new(output).lines().map_while(Result::ok).take(3).collect::<Vec<_>>()
    });
    assert_eq!(lines.await.expect("read"), ["sizes", "heartbeats", "req"]);
    let mut req: Link = request.accept().await.expect("a link");
    assert_eq!(next(&mut req).await.as_deref(), Some(&b"from req"[..]));
    assert_eq!((request.stats().accepted, publish.stats().accepted), (2, 1), "heartbeats must not cost connections");
    drop(child.stdin.take());
    assert!(child.wait().expect("ended").success());
    echo.await.expect("echoed");
}

async fn against_libzmq(carrier: Carrier) {
    let Some(mut child) = script(&["server".into()]) else { return };
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut first).expect("ports");
    let ports: Vec<u16> = first.split_whitespace().map(|port| port.parse().expect("a port")).collect();
    let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let (connector, _relay) = connector(at(ports[0]), at(ports[1]), carrier, ConnectOptions::default());
    let mut dealer = connector.request().await.expect("connected");
    let mut subscriber = connector.subscribe().await.expect("connected");
    dealer.tx.trust();
    subscriber.tx.trust();
    // The subscription travels beside; libzmq's PUB drops what comes before it.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    for size in [0, 1, 255, 256, 4000, 61_440, 1 << 20, 4 << 20] {
        let message = pattern(size);
        dealer.tx.send(message.clone()).await.expect("open");
        assert!(next(&mut dealer).await == Some(message.clone()), "{size}");
        let publication = next(&mut subscriber).await.expect("published");
        assert!(publication.strip_prefix(b"job ") == Some(&message[..]), "{size}");
    }
    // libzmq pings ten times a second; the links live on.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    dealer.tx.send(Bytes::from_static(b"still there")).await.expect("open");
    assert_eq!(next(&mut dealer).await.as_deref(), Some(&b"still there"[..]));
    assert!(!subscriber.tx.is_closed());
    dealer.tx.send(Bytes::from_static(b"stop")).await.expect("open");
    assert_eq!(next(&mut dealer).await, None, "the end is noticed");
    assert!(child.wait().expect("ended").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_package_speaks_to_libzmq() {
    against_libzmq(Carrier::Package).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_codec_speaks_to_libzmq() {
    against_libzmq(Carrier::Own).await;
}
