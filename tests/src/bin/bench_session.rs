//! What sessions cost on one core: handshakes, MiB/s of 1 MiB answers, small calls, publications.
//!
//! Minion and master run in one thread over a link in memory, so every figure is the sum of both sides. Time is the
//! processor time of this process: a busy machine changes little.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use fleet_common::channel::publish::{Opener, Sealer};
use fleet_common::channel::request::{Client, ClientConfig, ServerReceiver, ServerSender, accept, open};
use fleet_common::channel::{ChannelError, Turns};
use fleet_common::crypto::keys::{Identity, MasterKeys};
use fleet_common::crypto::trust::Trust;
use fleet_common::proto::job::Publication;
use fleet_common::proto::request::{KeyState, Reply, Request, Role, Welcome};
use fleet_common::transport::link::{Closing, Inbox, LinkEnd, Queued};
use fleet_common::transport::{Link, Peer};
use fleet_tests::bench::processor;
use tokio::sync::{mpsc, watch};

const OUTBOX: usize = 1024 * 1024;
const PART: u32 = 1024 * 1024;
/// Each figure is the median of so many runs.
const RUNS: usize = 5;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("bench_session: cannot start a runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(measure()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_session: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<(), ChannelError> {
    let world = World::new();
    let mut figures: [Vec<f64>; 4] = Default::default();
    for _ in 0..RUNS {
        figures[0].push(handshakes(&world, 200).await?);
        figures[1].push(large_answers(&world, 400).await?);
        figures[2].push(small_calls(&world, 20_000).await?);
        figures[3].push(publications(&world, 5_000)?);
    }
    let names =
        ["handshakes/s", "MiB/s of 1 MiB answers, 4 open", "small calls/s, 1 open", "beats sealed and opened/s"];
    for (name, mut values) in names.into_iter().zip(figures) {
        values.sort_by(f64::total_cmp);
        println!("{name:32} {:10.0}   (of {:.0} to {:.0})", values[RUNS / 2], values[0], values[RUNS - 1]);
    }
    println!("{:32} {:10.1}", "KiB of an idle session, both sides", idle(&world, 2_000).await?);
    Ok(())
}

/// Memory of sessions that have asked once and wait: growth of the resident set, in KiB for each.
async fn idle(world: &World, count: u32) -> Result<f64, ChannelError> {
    let before = resident();
    let mut clients = Vec::new();
    for _ in 0..count {
        let (client, sender, receiver) = world.session().await?;
        tokio::spawn(serve(sender, receiver));
        client.call(Request::Options {}).await?;
        clients.push(client);
    }
    Ok((resident() - before) / f64::from(count))
}

/// The resident set of this process, in KiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0.0)
}

struct World {
    keys: Arc<MasterKeys>,
    turns: Arc<Turns>,
    config: ClientConfig,
    _directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let config = ClientConfig {
            identity: Arc::new(Identity::generate()),
            id: "bench".parse().expect("it is an id"),
            role: Role::Minion,
            trust: Trust::new(directory.path().join("minion_master.pub"), None),
            enrolment: Default::default(),
            grains_hash: [0; 32],
        };
        Self { keys: Arc::new(MasterKeys::generate()), turns: Turns::new(), config, _directory: directory }
    }

    async fn session(&self) -> Result<(Client, ServerSender, ServerReceiver), ChannelError> {
        let (minion, master) = pair();
        let (client, server) = tokio::join!(open(minion, &self.config), async {
            let state = KeyState::Accepted;
            let welcome = Welcome { state, stream: None, now: 0, retry_after: 0, grains_known: true, reason: None };
            Ok::<_, ChannelError>(accept(master, &self.keys, &self.turns).await?.welcome(welcome))
        });
        let (sender, receiver) = server?;
        Ok((client?.1, sender, receiver))
    }
}

async fn handshakes(world: &World, count: u32) -> Result<f64, ChannelError> {
    let start = processor();
    for _ in 0..count {
        world.session().await?;
    }
    Ok(rate(count, processor() - start))
}

async fn large_answers(world: &World, count: u32) -> Result<f64, ChannelError> {
    let (client, sender, receiver) = world.session().await?;
    tokio::spawn(serve(sender, receiver));
    let start = processor();
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                for _ in 0..count / 4 {
                    let request = Request::Read {
                        env: "base".into(),
                        path: "a".into(),
                        offset: 0,
                        length: PART,
                        sha256: Default::default(),
                    };
                    client.call(request).await?;
                }
                Ok::<_, ChannelError>(())
            })
        })
        .collect();
    for caller in callers {
        caller.await.expect("no caller panics")?;
    }
    Ok(rate(count, processor() - start))
}

async fn small_calls(world: &World, count: u32) -> Result<f64, ChannelError> {
    let (client, sender, receiver) = world.session().await?;
    tokio::spawn(serve(sender, receiver));
    let start = processor();
    for _ in 0..count {
        client.call(Request::Options {}).await?;
    }
    Ok(rate(count, processor() - start))
}

fn publications(world: &World, count: u32) -> Result<f64, ChannelError> {
    let mut sealer = Sealer::new(&world.keys, 1);
    let mut opener = Opener::new(world.keys.publication(), sealer.keys());
    let start = processor();
    for _ in 0..count {
        let frame = sealer.seal(&Publication::Beat { now: 0 })?;
        opener.open(&frame).expect("the master's own frame opens");
    }
    Ok(rate(count, processor() - start))
}

async fn serve(sender: ServerSender, mut receiver: ServerReceiver) {
    while let Some((id, request)) = receiver.recv().await {
        let reply = match request {
            Request::Read { length, .. } => {
                Reply::Part { bytes: Some(serde_bytes::ByteBuf::from(vec![7; length as usize])), size: length.into() }
            }
            _ => Reply::Done {},
        };
        if sender.reply(id, reply).await.is_err() {
            return;
        }
    }
}

fn rate(count: u32, time: Duration) -> f64 {
    f64::from(count) / time.as_secs_f64()
}

/// Two ends of one connection in memory.
fn pair() -> (Link, Link) {
    let (minion, minion_end) = Link::new(Peer::Memory("master".into()), OUTBOX);
    let (master, master_end) = Link::new(Peer::Memory("minion".into()), OUTBOX);
    let LinkEnd { outgoing: up, incoming: minion_inbox, closing: minion_closing, .. } = minion_end;
    let LinkEnd { outgoing: down, incoming: master_inbox, closing: master_closing, .. } = master_end;
    tokio::spawn(async move {
        tokio::select! {
            () = carry(up, minion_closing, master_inbox) => {}
            () = carry(down, master_closing, minion_inbox) => {}
        }
    });
    (minion, master)
}

async fn carry(mut from: mpsc::UnboundedReceiver<Queued>, mut closing: watch::Receiver<Closing>, to: Inbox) {
    loop {
        let queued = tokio::select! {
            _ = closing.wait_for(|closing| *closing != Closing::No) => return,
            queued = from.recv() => queued,
        };
        let Some(queued) = queued else { return };
        if to.deliver(queued.message).await.is_err() {
            return;
        }
    }
}
