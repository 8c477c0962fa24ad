//! One process of the swarm: its members, until its standard input is closed.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use fleet_common::crypto::keys::Identity;
use fleet_common::ids::MinionId;
use fleet_common::transport::{Address, Carrier, ConnectOptions, ConnectorOptions, ZmqConnector};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::member::{Shared, live, name};

/// Shortest and longest time, in milliseconds, that a member which comes and goes is there or away.
const PRESENT: std::ops::Range<u64> = 5_000..40_000;
const AWAY: std::ops::Range<u64> = 1_000..15_000;

/// What a process of the swarm is told.
#[derive(Debug, Clone, Args)]
pub struct ChildOptions {
    /// The first member's number.
    #[arg(long, default_value_t = 0, hide = true)]
    pub first: usize,
    /// How many members.
    #[arg(long, default_value_t = 0, hide = true)]
    pub count: usize,
    /// Where journals and pinned keys are kept.
    #[arg(long, default_value = ".", hide = true)]
    pub dir: PathBuf,
    /// The master's directory of accepted keys.
    #[arg(long, default_value = ".", hide = true)]
    pub keys: PathBuf,
    /// The master's publish port.
    #[arg(long, default_value_t = 0, hide = true)]
    pub publish: u16,
    /// The master's request port.
    #[arg(long, default_value_t = 0, hide = true)]
    pub request: u16,
    /// Of a hundred members, how many come and go.
    #[arg(long, default_value_t = 0)]
    pub restless: usize,
    /// The master is not told their keys: they ask to be accepted.
    #[arg(long, hide = true)]
    pub unknown: bool,
}

/// Runs a process of the swarm. Says `ready` when its keys are in place.
pub fn run_child(options: &ChildOptions) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build().map_err(text)?;
    runtime.block_on(async {
        std::fs::create_dir_all(&options.dir).map_err(text)?;
        let address = |port| Address { host: "127.0.0.1".to_owned(), port };
        let connector = ZmqConnector::new(ConnectorOptions {
            request: address(options.request),
            publish: address(options.publish),
            relay_dir: options.dir.join("relay"),
            connect: ConnectOptions::default(),
            request_carrier: Carrier::Own,
            publish_carrier: Carrier::Own,
        });
        let shared = Shared::new(options.dir.clone(), Arc::new(connector), Duration::from_secs(10)).map_err(text)?;
        let shared = Arc::new(shared);
        for number in options.first..options.first + options.count {
            let (id, identity) = (name(number), Arc::new(Identity::generate()));
            if !options.unknown {
                std::fs::write(options.keys.join(id.as_str()), identity.public().to_pem()).map_err(text)?;
            }
            let restless = number % 100 < options.restless;
            tokio::spawn(member(shared.clone(), id, identity, restless.then_some(number as u64)));
        }
        println!("ready");
        std::io::stdout().flush().map_err(text)?;
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        // Whatever ended it, nobody is there any more.
        let _ = ended.await;
        Ok(())
    })
}

async fn member(shared: Arc<Shared>, id: MinionId, identity: Arc<Identity>, restless: Option<u64>) {
    let Some(seed) = restless else {
        match live(&shared, &id, identity) {
            Ok(life) => life.await,
            Err(why) => eprintln!("{id}: {why}"),
        }
        return;
    };
    let mut random = StdRng::seed_from_u64(seed);
    loop {
        match live(&shared, &id, identity.clone()) {
            Ok(life) => drop(tokio::time::timeout(Duration::from_millis(random.random_range(PRESENT)), life).await),
            Err(why) => eprintln!("{id}: {why}"),
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(AWAY))).await;
    }
}
