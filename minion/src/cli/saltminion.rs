//! `saltminion`: the daemon in the foreground.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use fleet_common::crypto::fingerprint::Fingerprint;
use fleet_common::crypto::keys::Identity;
use fleet_common::crypto::trust::Trust;
use fleet_common::diag::{Diagnostic, Kind};
use fleet_common::exit::Exit;
use fleet_common::log::{self, LogOptions};
use fleet_common::notify::notify;
use tokio::signal::unix::{SignalKind, signal};

use super::idle;
use crate::config::Config;
use crate::worker::host::Program;
use crate::{Minion, Reloader, connector, registry};

/// Stack of the runtime's blocking threads; only touched pages count.
const STACK: usize = 1 << 20;
/// Blocking threads at once: disk writes and grains.
const BLOCKING: usize = 8;

/// Run a minion in the foreground.
#[derive(Debug, Parser)]
#[command(
    name = "saltminion",
    version,
    after_help = "Examples:
  saltminion                              the minion of this host, configured in /etc/salt/minion
  saltminion -c /srv/second -l info       another one beside it, with its own id and root_dir in /srv/second/minion
  saltminion --check                      is the configuration right"
)]
pub struct Options {
    /// Directory of the configuration.
    #[arg(short, long, value_name = "DIR", default_value = "/etc/salt")]
    config_dir: PathBuf,
    /// From which level is logged: quiet, critical, error, warning, info, debug, trace, all.
    #[arg(short, long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Check the configuration, print what is wrong or suspicious, and end.
    #[arg(long)]
    check: bool,
    /// Put a new key in the place of this minion's, which signs for it, and end. A running daemon shows it at the next
    /// reload (`systemctl reload saltminion`, SIGHUP).
    #[arg(long)]
    rotate_key: bool,
    /// Forget the master's key and expect the one with this fingerprint instead, and end.
    #[arg(long, value_name = "FINGERPRINT")]
    replace_root: Option<Fingerprint>,
}

/// Runs the daemon until a signal ends it.
pub fn run(options: &Options) -> Exit {
    match start(options) {
        Ok(exit) => exit,
        Err(fault) => {
            eprintln!("saltminion: {fault}");
            fault.kind.into()
        }
    }
}

fn start(options: &Options) -> Result<Exit, Diagnostic> {
    let (config, warnings) = Config::load(&options.config_dir)?;
    if options.check {
        for warning in &warnings {
            eprintln!("warning: {warning}");
        }
        println!("the configuration can be used: {} warning(s)", warnings.len());
        return Ok(Exit::Success);
    }
    if options.rotate_key {
        let (old, new) = Identity::rotate(&config.pki_dir)?;
        println!("before: {}\nnow:    {}", old.fingerprint(), new.fingerprint());
        println!("a running minion shows it after 'systemctl reload saltminion' (SIGHUP)");
        return Ok(Exit::Success);
    }
    if let Some(finger) = options.replace_root {
        replace_root(&config, finger)?;
        println!("from its next session on this minion believes a master with the key {finger} only");
        return Ok(Exit::Success);
    }
    let level = options.log_level.clone().unwrap_or_else(|| config.log_level.clone());
    log::start(&LogOptions { level, file: config.log_file.clone(), json: config.log_json })?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    // One thread is enough for everything that waits, and costs the least memory.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING)
        .thread_stack_size(STACK)
        .build()
        .map_err(|error| Diagnostic::new(Kind::Internal, error.to_string()))?;
    runtime.block_on(serve(&config))
}

/// What the configuration says would go against it is refused: it would hold the minion up for ever.
fn replace_root(config: &Config, finger: Fingerprint) -> Result<(), Diagnostic> {
    if let Some(configured) = config.master_finger.filter(|configured| *configured != finger) {
        return Err(Diagnostic::user(format!("the configuration expects the key {configured}"))
            .help("correct master_finger, or the join string, in the minion's configuration first"));
    }
    Trust::new(config.pki_dir.join("minion_master.pub"), None).replace(finger)
}

async fn serve(config: &Config) -> Result<Exit, Diagnostic> {
    let fault = |error: std::io::Error| Diagnostic::new(Kind::Internal, format!("signals cannot be received: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(fault)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(fault)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(fault)?;
    let minion = Minion::new(config, registry::functions(), Program::own())?;
    let connector = Arc::new(connector(config)?);
    let (reloader, leaver) = (minion.reloader(), minion.leaver());
    tracing::info!(id = %config.id, master = %config.request, key = minion.finger(), "minion ready");
    notify("READY=1");
    let directory = config.config_dir.clone();
    minion
        .run(connector, async move {
            let mut resting = std::pin::pin!(idle::run());
            let ends_jobs = loop {
                tokio::select! {
                    () = &mut resting => {}
                    _ = terminate.recv() => break false,
                    _ = interrupt.recv() => break true,
                    _ = hangup.recv() => reload(&directory, &reloader).await,
                }
            };
            notify("STOPPING=1");
            tracing::info!("stopping");
            // A service manager restarts the minion, perhaps because a job asked it to; a person at a terminal ends it all.
            if !ends_jobs {
                leaver.leave().await;
            }
        })
        .await;
    Ok(Exit::Success)
}

/// Reads the configuration again and says what it would say at a start; a replaced key is shown to the master, grains are
/// collected and told again. Settings themselves change at the next start.
async fn reload(directory: &std::path::Path, reloader: &Reloader) {
    match Config::load(directory) {
        Ok((_, warnings)) => {
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            tracing::info!("the configuration was read again; changed settings count from the next start");
        }
        Err(fault) => tracing::error!("{fault}"),
    }
    let reloader = reloader.clone();
    tokio::spawn(async move { reloader.reload().await });
}
