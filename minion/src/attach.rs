//! A foreground call with a master: through the daemon of this minion when it runs, else on a session of its own.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use fleet_common::call::CallError;
use fleet_common::channel::request::{ClientConfig, open};
use fleet_common::crypto::keys::Identity;
use fleet_common::crypto::trust::Trust;
use fleet_common::diag::{Diagnostic, Kind};
use fleet_common::proto::request::{Enrolment, KeyState, Role};
use fleet_common::proto::worker::{Answer, Ask, Start};
use fleet_common::transport::Connector;
use fleet_common::value::{Map, Value};
use tokio::runtime::Runtime;

use crate::config::Config;
use crate::cx::{Act, Functions};
use crate::files::cache::FileCache;
use crate::known::Known;
use crate::service::Service;
use crate::uplink::{Slot, uplink};
use crate::worker::Questions;
use crate::worker::child::context;
use crate::worker::line::{self, Line};
use crate::{collector, connector, pillar};

/// The context of a call through the running daemon; `None` when none runs.
pub fn through_daemon(config: &Config, functions: Arc<Functions>) -> Result<Option<Act>, Diagnostic> {
    let path = config.socket();
    let fault = |error: &dyn std::fmt::Display| {
        Diagnostic::new(Kind::Remote, format!("{}: the minion daemon does not answer: {error}", path.display()))
    };
    let mut socket = match UnixStream::connect(&path) {
        Ok(socket) => socket,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(fault(&error)),
    };
    let start = line::start(&mut socket).map_err(|error| fault(&error))?;
    let Some(start) = start else { return Err(fault(&"it closed the connection")) };
    let line = Arc::new(Line::new(&socket).map_err(|error| fault(&error))?);
    let act = context(&line, *start, functions);
    // Ends with the process; a daemon that goes away fails the questions that are open.
    std::thread::spawn(move || line.listen(&mut socket, None));
    Ok(Some(act))
}

/// The context of a call on a session of its own, which ends with the context.
pub fn through_session(config: &Config, functions: Arc<Functions>) -> Result<Act, Diagnostic> {
    let internal = |error: io::Error| Diagnostic::new(Kind::Internal, error.to_string());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(internal)?;
    std::fs::create_dir_all(&config.cache_dir)
        .map_err(|error| Diagnostic::config(format!("{}: {error}", config.cache_dir.display())))?;
    let known = Arc::new(Known::new(config.id.clone(), config.opts.clone(), collector(config)));
    let (slot, uplink) = uplink();
    let files = FileCache::new(&config.cache_dir);
    let service = Arc::new(Service { known, uplink, files, running: Arc::default() });
    let session = ClientConfig {
        identity: Arc::new(Identity::load_or_create(&config.pki_dir)?),
        id: config.id.clone(),
        role: Role::Call,
        trust: Trust::new(config.pki_dir.join("minion_master.pub"), config.master_finger),
        // A call is no way in for a key.
        enrolment: Enrolment::default(),
        grains_hash: service.known.grains_hash(),
    };
    let connector = connector(config)?;
    runtime.block_on(connect(&connector, &session, &slot))?;
    let pillar = runtime.block_on(pillar::at_hand(&service.known, &service.uplink));
    runtime.spawn(async move {
        let wait = Duration::from_millis(300);
        loop {
            slot.closed().await;
            slot.put(None);
            while connect(&connector, &session, &slot).await.is_err() {
                tokio::time::sleep(wait).await;
            }
        }
    });
    let start = Start {
        id: config.id.clone(),
        jid: None,
        fun: String::new(),
        arg: Vec::new(),
        kwarg: Map::new(),
        grains: (*service.known.grains()).clone(),
        pillar: (*pillar).clone(),
        opts: config.opts.clone(),
        cache_dir: config.cache_dir.to_string_lossy().into_owned(),
        config_dir: Some(config.config_dir.to_string_lossy().into_owned()),
        memory_limit: 0,
    };
    Ok(context(&Arc::new(Own { service, runtime }), start, functions))
}

/// Opens one session.
async fn connect(connector: &dyn Connector, session: &ClientConfig, slot: &Slot) -> Result<(), Diagnostic> {
    let remote = |error: &dyn std::fmt::Display| Diagnostic::new(Kind::Remote, error.to_string());
    let link = connector.request().await.map_err(|error| remote(&error))?;
    let (welcome, client) = open(link, session).await.map_err(|error| remote(&error))?;
    slot.learn(welcome.now);
    if welcome.state == KeyState::Accepted {
        slot.put(Some(client));
        return Ok(());
    }
    let finger = session.identity.fingerprint();
    let why = match (welcome.reason, welcome.state) {
        (Some(reason), _) => reason,
        (None, KeyState::Pending) => format!("the key {finger} waits to be accepted on the master"),
        (None, _) => format!("the master does not take the key {finger}"),
    };
    Err(Diagnostic::new(Kind::Remote, why).help(format!("on the master: keyctl -a {}", session.id)))
}

/// Questions answered in this process.
struct Own {
    service: Arc<Service>,
    runtime: Runtime,
}

impl Questions for Own {
    fn question(&self, ask: Ask) -> Result<Answer, CallError> {
        match self.runtime.block_on(self.service.answer(ask)) {
            Answer::Failed { why } => Err(CallError::Failed(why)),
            answer => Ok(answer),
        }
    }
    fn chunk_done(&self, _: u32, _: u32, _: &str, _: &Value) {}
}
