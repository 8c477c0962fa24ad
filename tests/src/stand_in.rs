//! Stand-ins for minions: real sessions and publications over real sockets, with functions that a test gives.

use std::borrow::Cow;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fleet_common::channel::publish::Opener;
use fleet_common::channel::request::{Client, ClientConfig, open};
use fleet_common::crypto::keys::Identity;
use fleet_common::crypto::trust::Trust;
use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::job::{Job, Publication};
use fleet_common::proto::request::{KeyState, Push, Reply, Request, Role};
use fleet_common::proto::ret::{End, Return};
use fleet_common::target::{Matcher, Subject};
use fleet_common::transport::{Address, Carrier, ConnectOptions, Connector, ConnectorOptions, ZmqConnector};
use fleet_common::value::{Map, Value};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a stand-in does with a job: the value it answers, or `None` to say nothing.
pub type Act = Arc<dyn Fn(&Job) -> Option<Value> + Send + Sync>;

/// A running stand-in; it is gone when dropped.
pub struct StandIn {
    state: watch::Receiver<Option<KeyState>>,
    task: JoinHandle<()>,
}

/// Who a stand-in is.
#[derive(Clone)]
pub struct Figure {
    /// Its name.
    pub id: MinionId,
    /// Its keys.
    pub identity: Arc<Identity>,
    /// What it tells of itself.
    pub grains: Map,
    /// What it does.
    pub act: Act,
}

impl Figure {
    /// A minion with new keys that answers `true` to everything.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.parse().expect("a test's minion has a good id"),
            identity: Arc::new(Identity::generate()),
            grains: Map::new(),
            act: Arc::new(|_| Some(Value::Bool(true))),
        }
    }
}

impl StandIn {
    /// Starts it against a master's ports (publications, sessions); `dir` holds what it pins.
    pub fn start(who: Figure, (publish, request): (SocketAddr, SocketAddr), dir: &Path) -> Self {
        let address = |address: SocketAddr| Address { host: address.ip().to_string(), port: address.port() };
        let connector = ZmqConnector::new(ConnectorOptions {
            request: address(request),
            publish: address(publish),
            relay_dir: dir.join("relay"),
            connect: ConnectOptions::default(),
            request_carrier: Carrier::Own,
            publish_carrier: Carrier::Own,
        });
        let (tell, state) = watch::channel(None);
        let trust = Trust::new(dir.join(format!("{}-master.pub", who.id)), None);
        let task = tokio::spawn(async move {
            let mut begun = HashSet::new();
            loop {
                // An end of any kind is followed by a new session, as a minion does.
                let _ = live(&who, &connector, &trust, &tell, &mut begun).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        Self { state, task }
    }

    /// Waits until the master sees its key so.
    pub async fn wait_for(&mut self, wanted: KeyState) {
        let reached = self.state.wait_for(|state| *state == Some(wanted));
        let reached = tokio::time::timeout(Duration::from_secs(10), reached).await;
        assert!(matches!(reached, Ok(Ok(_))), "the key did not become {wanted:?}");
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn live(
    who: &Figure,
    connector: &ZmqConnector,
    trust: &Trust,
    tell: &watch::Sender<Option<KeyState>>,
    begun: &mut HashSet<Jid>,
) -> Option<()> {
    let mut frames = connector.subscribe().await.ok()?;
    frames.tx.trust();
    let config = ClientConfig {
        identity: who.identity.clone(),
        id: who.id.clone(),
        role: Role::Minion,
        trust: trust.clone(),
        enrolment: Default::default(),
        grains_hash: [1; 32],
    };
    let (welcome, client) = open(connector.request().await.ok()?, &config).await.ok()?;
    if welcome.state != KeyState::Accepted {
        tell.send_replace(Some(welcome.state));
        return None;
    }
    let mut pushes = client.pushes()?;
    let mut opener = Opener::new(client.publication_key(), welcome.stream?);
    client.call(Request::Grains { grains: who.grains.clone() }).await.ok()?;
    let owed = client.call(Request::Sync { begun: begun.iter().cloned().collect() }).await.ok()?;
    tell.send_replace(Some(welcome.state));
    if let Reply::Owed { jobs } = owed {
        for job in jobs {
            run(who, &client, &job, begun);
        }
    }
    loop {
        tokio::select! {
            _ = client.closed() => return None,
            push = pushes.recv() => match push? {
                Push::Probe {} => drop(client.call(Request::Beat { running: Vec::new(), queued: Vec::new() }).await),
                Push::Keys(keys) => opener.add_keys(keys),
                Push::Renewed { proof } => opener.expect_signer(client.renewed(&proof).ok()?),
                Push::Goodbye { .. } => return None,
            },
            frame = frames.rx.recv() => {
                if let Ok(opened) = opener.open(&frame?)
                    && let Publication::Job(job) = opened.publication
                {
                    run(who, &client, &job, begun);
                }
            }
        }
    }
}

fn run(who: &Figure, client: &Client, job: &Job, begun: &mut HashSet<Jid>) {
    let matches = Matcher::parse(&job.target, &Map::new()).is_ok_and(|matcher| matcher.matches(who));
    if !matches || !begun.insert(job.jid.clone()) {
        return;
    }
    let Some(value) = (who.act)(job) else { return };
    let ret =
        Return { fun: job.fun.clone(), fun_args: job.arg.clone(), ..answer(job.jid.clone(), who.id.clone(), value) };
    let client = client.clone();
    tokio::spawn(async move {
        // A stand-in keeps no journal: a return that is not stored is lost with its session.
        let _ = client.call(Request::Return(Box::new(ret))).await;
    });
}

/// The return of a `test.arg` without arguments that went well.
pub fn answer(jid: Jid, id: MinionId, value: Value) -> Return {
    Return {
        jid,
        id,
        fun: "test.arg".parse().expect("a function's name"),
        fun_args: Vec::new(),
        end: End::Returned,
        ret: value,
        retcode: 0,
        success: true,
        out: None,
        diagnostics: Vec::new(),
        started: 0,
        duration: 0.1,
        more: Map::new(),
    }
}

impl Subject for Figure {
    fn id(&self) -> &str {
        self.id.as_str()
    }
    fn grains(&self, _: Option<&[Value]>) -> Option<Cow<'_, Map>> {
        Some(Cow::Borrowed(&self.grains))
    }
    fn pillar(&self) -> Option<&Map> {
        None
    }
}
