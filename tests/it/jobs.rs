//! The job path: from the API over a session to a committed return, and who is named when it breaks.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fleet_common::ids::MinionId;
use fleet_common::proto::api::{JobEvent, KeyAction, KeyChange, NewJob, Standing, Summary};
use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::proto::request::KeyState;
use fleet_common::value::{Map, Value};
use fleet_master::api::Presence;
use fleet_master::client::Client;
use fleet_master::config::Config;
use fleet_master::{Master, MasterError};
use fleet_tests::stand_in::{Figure, StandIn};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A master in this process.
pub struct Stage {
    dir: TempDir,
    ports: (SocketAddr, SocketAddr),
    pub config: Config,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl Stage {
    pub async fn new(more: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Self::in_dir(dir, more, (0, 0)).await
    }

    async fn in_dir(dir: TempDir, more: &str, (publish, request): (u16, u16)) -> Self {
        let text = format!(
            "root_dir: {}\ninterface: 127.0.0.1\npublish_port: {publish}\nret_port: {request}\n{more}\n",
            dir.path().display()
        );
        let (config, _) = Config::from_text(&text, "master").expect("good settings");
        let start = Instant::now();
        let master = loop {
            match Master::bind(&config).await {
                Ok(master) => break master,
                // The one before lets go of its store and its ports in tasks of their own.
                Err(MasterError::Store(_) | MasterError::Transport(_)) if start.elapsed().as_secs() < 10 => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err(error) => panic!("{error}"),
            }
        };
        let ports = master.addresses().expect("sockets");
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(master.run(async move {
            let _ = stopped.await;
        }));
        Self { dir, ports, config, stop: Some(stop), task: Some(task) }
    }

    async fn restart(mut self, more: &str) -> Self {
        drop(self.stop.take());
        self.task.take().expect("it runs").await.expect("it ends well");
        Self::in_dir(self.dir, more, (self.ports.0.port(), self.ports.1.port())).await
    }

    pub fn minion(&self, figure: Figure) -> StandIn {
        StandIn::start(figure, self.ports, self.dir.path())
    }

    pub async fn client(&self) -> Client {
        Client::connect(&self.config.api_socket()).await.expect("the API answers")
    }

    /// Waits until the master knows that this minion is not connected.
    pub async fn wait_for_down(&self, name: &str) {
        let mut client = self.client().await;
        let seen = async {
            while !client.get::<Presence>("/minions").await.expect("an answer").down.contains(&id(name)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(60), seen).await.is_ok(), "{name} is still connected");
    }

    async fn run(&self, job: &NewJob) -> (Vec<(String, Value)>, Vec<(MinionId, Standing)>, Summary) {
        let mut client = self.client().await;
        let mut stream = client.start(job).await.expect("a stream");
        let (mut returns, mut lost, mut summary) = (Vec::new(), Vec::new(), None);
        while let Some(event) = stream.next().await.expect("an event") {
            match event {
                JobEvent::Started { down, .. } => lost.extend(down.into_iter().map(|id| (id, Standing::Offline))),
                JobEvent::Return(ret) => returns.push((ret.id.to_string(), ret.ret)),
                JobEvent::Lost { id, state } => lost.push((id, state)),
                JobEvent::Summary(last) => summary = Some(last),
                other => panic!("{other:?}"),
            }
        }
        returns.sort_by(|a, b| a.0.cmp(&b.0));
        (returns, lost, summary.expect("a summary"))
    }
}

pub fn ping(target: &str) -> NewJob {
    NewJob { timeout: Some(1.0), ..NewJob::new(Target::new(TargetKind::List, target), "test.ping") }
}

fn id(name: &str) -> MinionId {
    name.parse().expect("a good id")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_waits_is_accepted_and_then_serves_jobs() {
    let stage = Stage::new("").await;
    let mut a = stage.minion(Figure::new("a"));
    a.wait_for(KeyState::Pending).await;
    let mut client = stage.client().await;
    assert_eq!(client.keys().await.unwrap().minions_pre, ["a"]);
    let change = KeyChange { action: KeyAction::Accept, keys: vec![("minions_pre".into(), "a".into())] };
    client.change_keys(&change).await.unwrap();
    a.wait_for(KeyState::Accepted).await;
    let (returns, lost, summary) = stage.run(&ping("a")).await;
    assert_eq!((returns, lost), (vec![("a".into(), Value::Bool(true))], vec![]));
    assert_eq!((summary.targeted, summary.succeeded), (1, 1));
    // A second key for the same id changes nothing for the first.
    let mut impostor = stage.minion(Figure::new("a"));
    impostor.wait_for(KeyState::Denied).await;
    assert_eq!(stage.run(&ping("a")).await.2.succeeded, 1);
    // A key that is moved away by hand ends the session at once.
    std::fs::remove_file(Path::new(&stage.config.pki_dir).join("minions/a")).unwrap();
    std::fs::remove_file(Path::new(&stage.config.pki_dir).join("minions_denied/a")).unwrap();
    drop(impostor);
    a.wait_for(KeyState::Pending).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_missing_are_named_and_why() {
    let stage = Stage::new("auto_accept: True").await;
    let mut up = stage.minion(Figure::new("up"));
    let mut silent = stage.minion(Figure { act: Arc::new(|_| None), ..Figure::new("silent") });
    let mut gone = stage.minion(Figure::new("gone"));
    for minion in [&mut up, &mut silent, &mut gone] {
        minion.wait_for(KeyState::Accepted).await;
    }
    drop(gone);
    stage.wait_for_down("gone").await;
    let start = Instant::now();
    let (returns, lost, _) = stage.run(&NewJob { timeout: Some(120.0), ..ping("up,gone") }).await;
    assert!(start.elapsed() < Duration::from_secs(60), "it waited for who is gone: {:?}", start.elapsed());
    assert_eq!((returns.len(), lost), (1, vec![(id("gone"), Standing::Offline)]));
    let (returns, lost, summary) = stage.run(&ping("up,silent,gone")).await;
    assert_eq!(returns.len(), 1);
    assert_eq!(lost, vec![(id("gone"), Standing::Offline), (id("silent"), Standing::Silent)]);
    assert_eq!((summary.silent, summary.offline), (vec![id("silent")], vec![id("gone")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_master_knows_its_jobs_and_what_it_owes() {
    let stage = Stage::new("auto_accept: True").await;
    let figure = Figure::new("a");
    let mut a = stage.minion(figure.clone());
    a.wait_for(KeyState::Accepted).await;
    drop(a);
    stage.wait_for_down("a").await;
    let (_, lost, _) = stage.run(&NewJob { ttl: Some(60), ..ping("a") }).await;
    assert_eq!(lost, vec![(id("a"), Standing::Offline)]);
    let (_, lost, _) = stage.run(&ping("a")).await;
    assert_eq!(lost.len(), 1);
    let stage = stage.restart("auto_accept: True").await;
    let mut a = stage.minion(figure);
    a.wait_for(KeyState::Accepted).await;
    // Only the job with a time to live is owed; its return is kept with it.
    let mut client = stage.client().await;
    let jobs: Vec<fleet_master::store::JobSummary> = client.get("/jobs").await.unwrap();
    assert_eq!(jobs.len(), 2);
    let mut counts = Vec::new();
    for _ in 0..100 {
        counts.clear();
        for job in &jobs {
            let view: fleet_master::api::JobView = client.get(&format!("/jobs/{}", job.jid)).await.unwrap();
            counts.push(view.returns.len());
        }
        if counts == [0, 1] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(counts, [0, 1], "newest first");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_and_secret_arguments_are_not_published() {
    let stage = Stage::new("auto_accept: True").await;
    let act = Arc::new(|job: &fleet_common::proto::job::Job| {
        Some(Value::from(vec![Value::Bool(job.by_reference), Value::from(job.arg.len()), Value::from(job.kwarg.len())]))
    });
    let mut a = stage.minion(Figure { act, ..Figure::new("a") });
    a.wait_for(KeyState::Accepted).await;
    let seen = |by_reference: bool, args: i64| {
        vec![("a".to_owned(), Value::from(vec![Value::Bool(by_reference), Value::Int(args), Value::Int(0)]))]
    };
    let small = NewJob { arg: vec![Value::from("x")], ..ping("a") };
    assert_eq!(stage.run(&small).await.0, seen(false, 1));
    let large = NewJob { arg: vec![Value::from("x".repeat(70_000))], ..ping("a") };
    assert_eq!(stage.run(&large).await.0, seen(true, 0));
    let secret = NewJob { kwarg: [("pillar", "s3cret")].into_iter().collect(), ..ping("a") };
    assert_eq!(stage.run(&secret).await.0, seen(true, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_with_the_same_key_is_refused_while_the_first_answers() {
    let stage = Stage::new("auto_accept: True").await;
    let figure = Figure::new("a");
    let mut first = stage.minion(figure.clone());
    first.wait_for(KeyState::Accepted).await;
    let second = Figure { act: Arc::new(|_| Some(Value::from("second"))), ..figure };
    let mut second = stage.minion(second);
    second.wait_for(KeyState::Denied).await;
    assert_eq!(stage.run(&ping("a")).await.0, vec![("a".to_owned(), Value::Bool(true))]);
    drop(first);
    second.wait_for(KeyState::Accepted).await;
    assert_eq!(stage.run(&ping("a")).await.0, vec![("a".to_owned(), Value::from("second"))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_a_key_changes_the_group_key_and_loses_nothing() {
    let stage = Stage::new("auto_accept: True").await;
    let (mut a, mut b) = (stage.minion(Figure::new("a")), stage.minion(Figure::new("b")));
    a.wait_for(KeyState::Accepted).await;
    b.wait_for(KeyState::Accepted).await;
    let mut client = stage.client().await;
    drop(b);
    let change = KeyChange { action: KeyAction::Delete, keys: vec![("minions".into(), "b".into())] };
    client.change_keys(&change).await.unwrap();
    // Before, while and after the new key comes into use.
    for _ in 0..30 {
        assert_eq!(stage.run(&ping("a")).await.2.succeeded, 1);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_may_ask_grains_and_pillar() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("top.sls"), "base:\n  a:\n    - web\n").unwrap();
    std::fs::write(dir.path().join("web.sls"), "role: {{ grains.os }}-web\n").unwrap();
    let more = format!("auto_accept: True\npillar_roots:\n  base: {}\nnodegroups:\n  two: L@a,b", dir.path().display());
    let stage = Stage::new(&more).await;
    let grains: Map = [("os", "Debian")].into_iter().collect();
    let mut a = stage.minion(Figure { grains, ..Figure::new("a") });
    let mut b = stage.minion(Figure::new("b"));
    a.wait_for(KeyState::Accepted).await;
    b.wait_for(KeyState::Accepted).await;
    let mut client = stage.client().await;
    for (kind, expr, meant) in [
        (TargetKind::Grain, "os:Deb*", vec![id("a")]),
        (TargetKind::Pillar, "role:*-web", vec![id("a")]),
        (TargetKind::Compound, "not I@role:Debian-web", vec![id("b")]),
        (TargetKind::Nodegroup, "two", vec![id("a"), id("b")]),
    ] {
        let job = NewJob { target: Target::new(kind, expr), detach: true, ..ping("") };
        let mut stream = client.start(&job).await.unwrap();
        let Some(JobEvent::Started { expected, .. }) = stream.next().await.unwrap() else { panic!() };
        assert_eq!(expected, meant, "{expr}");
        while stream.next().await.unwrap().is_some() {}
    }
}
