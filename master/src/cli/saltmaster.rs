//! `saltmaster`: the daemon in the foreground.

use std::path::PathBuf;

use clap::Parser;
use fleet_common::diag::Diagnostic;
use fleet_common::exit::Exit;
use fleet_common::log::{self, LogOptions};
use fleet_common::notify::notify;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use crate::Master;
use crate::config::Config;

/// Run the master of a fleet in the foreground.
#[derive(Debug, Parser)]
#[command(
    name = "saltmaster",
    version,
    after_help = "Examples:\n  saltmaster\n  saltmaster -c /srv/test/etc -l debug\n  saltmaster --check"
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
}

/// Runs the daemon until a signal ends it.
pub fn run(options: &Options) -> Exit {
    let loaded = Config::load(&options.config_dir).and_then(|(config, warnings)| {
        let level = options.log_level.clone().unwrap_or_else(|| config.log_level.clone());
        log::start(&LogOptions { level, file: config.log_file.clone(), json: config.log_json })?;
        Ok((config, warnings))
    });
    let (config, warnings) = match loaded {
        Ok(loaded) => loaded,
        Err(fault) => return failed(&fault),
    };
    if options.check {
        for warning in &warnings {
            eprintln!("warning: {warning}");
        }
        println!("the configuration can be used: {} warning(s)", warnings.len());
        return Exit::Success;
    }
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    raise_open_files();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = config.worker_threads {
        runtime.worker_threads(threads.clamp(1, 1024));
    }
    match runtime.enable_all().build() {
        Ok(runtime) => runtime.block_on(serve(&config, options)),
        Err(error) => failed(&Diagnostic::new(fleet_common::diag::Kind::Internal, error.to_string())),
    }
}

/// Every minion needs two open files: all that this process may have are taken.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

async fn serve(config: &Config, options: &Options) -> Exit {
    let master = match Master::bind(config).await {
        Ok(master) => master,
        Err(error) => {
            eprintln!("saltmaster: {error}");
            tracing::error!(%error, "not started");
            return Exit::Unavailable;
        }
    };
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
    else {
        eprintln!("saltmaster: signals cannot be received");
        return Exit::Internal;
    };
    if let Some((publications, sessions)) = master.addresses() {
        tracing::info!(%publications, %sessions, key = %master.root().fingerprint(), "master ready");
    }
    notify("READY=1");
    let directory = options.config_dir.clone();
    master
        .run(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => break,
                    _ = interrupt.recv() => break,
                    _ = hangup.recv() => reload(&directory),
                }
            }
            notify("STOPPING=1");
            tracing::info!("stopping");
        })
        .await;
    Exit::Success
}

/// Reads the configuration again and says what it would say at a start. Settings themselves change at the next start.
fn reload(directory: &std::path::Path) {
    match Config::load(directory) {
        Ok((_, warnings)) => {
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            tracing::info!("the configuration was read again; changed settings count from the next start");
        }
        Err(fault) => tracing::error!("{fault}"),
    }
}

fn failed(fault: &Diagnostic) -> Exit {
    eprintln!("saltmaster: {fault}");
    fault.kind.into()
}
