//! A minion in the wrong hands: one accepted key, and requests of any kind.

use std::path::Path;
use std::sync::Arc;

use fleet_common::channel::request::{Client, ClientConfig, open};
use fleet_common::crypto::keys::Identity;
use fleet_common::crypto::trust::Trust;
use fleet_common::ids::Jid;
use fleet_common::proto::decode::encode;
use fleet_common::proto::files::{TreeState, Wanted};
use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::proto::mine::{Mine, RunnerAsk};
use fleet_common::proto::request::{Enrolment, KeyState, Reply, Request, Role};
use fleet_common::proto::ret::Progress;
use fleet_common::transport::{Carrier, ConnectOptions, Connector, ZmqConnector};
use fleet_common::value::{Map, Value};
use serde_bytes::ByteBuf;

use super::between::find;
use super::flood::Ports;
use super::tally::Tried;
use crate::harness::Fleet;
use crate::harness::links::connector;
use crate::stand_in::answer;

/// What nobody may get who is not meant.
pub const CANARY: &str = "canary-7f3a91c2";

/// Paths that lead out of a tree, by what is written in them.
pub const OUTSIDE: &[&str] = &[
    "../secret",
    "sub/../../secret",
    "/etc/passwd",
    "..",
    "../pillar/data.sls",
    "sub//../../secret",
    "sub/file\0",
    "../master/etc/salt/pki/master/master.pem",
];
/// Paths of what is not served: links out of the tree, directories, other ways to write a path.
pub const NOT_SERVED: &[&str] = &["out", "etc/passwd", "", ".", "sub", "%2e%2e/secret", "..\\secret"];
/// Environments that there are not.
pub const NO_ENVIRONMENTS: &[&str] = &["../pillar", "..", "", "__env__", "/etc"];

/// The keys of a fleet's minion.
pub fn identity(fleet: &Fleet, id: &str) -> Identity {
    let pki = find(&fleet.minion_root(id), "pki").join("minion");
    Identity::load_or_create(&pki).expect("the minion has keys")
}

/// A way to a fleet's master, and a directory of our own.
fn way(fleet: &Fleet) -> (ZmqConnector, tempfile::TempDir) {
    let ports = Ports::of(fleet);
    connector(ports.request, ports.publish, Carrier::Own, ConnectOptions::default())
}

/// A session of our own with an accepted minion's key.
pub async fn session(fleet: &Fleet, id: &str) -> (Client, tempfile::TempDir) {
    let (connector, dir) = way(fleet);
    let config = ClientConfig {
        identity: Arc::new(identity(fleet, id)),
        id: id.parse().expect("it is an id"),
        role: Role::Call,
        trust: Trust::new(dir.path().join("master.pub"), None),
        enrolment: Enrolment::default(),
        grains_hash: [0; 32],
    };
    let link = connector.request().await.expect("the master listens");
    let (welcome, client) = open(link, &config).await.expect("the master answers");
    assert_eq!(welcome.state, KeyState::Accepted);
    (client, dir)
}

/// Somebody with a key of his own and something that speaks for it: how the master sees him.
pub async fn stranger(fleet: &Fleet, id: &str, enrolment: Enrolment) -> Option<KeyState> {
    let (connector, dir) = way(fleet);
    let config = ClientConfig {
        identity: Arc::new(Identity::generate()),
        id: id.parse().expect("it is an id"),
        role: Role::Minion,
        trust: Trust::new(dir.path().join("master.pub"), None),
        enrolment,
        grains_hash: [0; 32],
    };
    let link = connector.request().await.ok()?;
    open(link, &config).await.ok().map(|(welcome, _client)| welcome.state)
}

/// True when an answer holds what nobody may get: in its bytes, not in what is shown of it.
pub fn tells(reply: &Reply) -> bool {
    encode(reply).windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
}

/// Asks; what was granted if the answer tells the secret, or if `granted` says so.
async fn ask(client: &Client, what: String, request: Request, granted: fn(&Reply) -> bool) -> Option<String> {
    match client.call(request).await {
        Ok(reply) if tells(&reply) || granted(&reply) => Some(format!("{what}: {reply:?}")),
        _ => None,
    }
}

fn has_file(reply: &Reply) -> bool {
    match reply {
        Reply::Part { bytes, .. } => bytes.is_some(),
        Reply::Stat { stat } => stat.is_some(),
        Reply::Brought { files } => files.iter().any(|file| file.facts.is_some() || file.content.is_some()),
        Reply::Tree { state: TreeState::Now { manifest, .. } } => {
            manifest.files.iter().any(|file| !file.path.starts_with("sub/"))
        }
        Reply::Names { names } => names.iter().any(|name| !name.starts_with("sub/")),
        _ => false,
    }
}

/// Asks for a file in every way there is, from its start and from the middle, as a download that goes on would.
fn ways(env: &str, path: &str) -> Vec<Request> {
    let (env, path) = (env.to_owned(), path.to_owned());
    let held = fleet_common::digest::of_bytes("sha256", format!("a: {CANARY}").as_bytes()).unwrap_or_default();
    let held = ByteBuf::from(held);
    let read = |offset, sha256: &ByteBuf| Request::Read {
        env: env.clone(),
        path: path.clone(),
        offset,
        length: 1 << 20,
        sha256: sha256.clone(),
    };
    vec![
        read(0, &ByteBuf::new()),
        read(3, &ByteBuf::new()),
        read(3, &held),
        Request::Stat { env: env.clone(), path: path.clone() },
        Request::Bring { env: env.clone(), files: vec![Wanted { path: path.clone(), held: ByteBuf::new() }] },
        Request::Bring { env: env.clone(), files: vec![Wanted { path: path.clone(), held }] },
    ]
}

async fn in_all_ways(client: &Client, places: impl Iterator<Item = (&str, &str)>) -> Tried {
    let mut tried = Tried::default();
    for (env, path) in places {
        for request in ways(env, path) {
            let what = format!("{} {env:?} {path:?}", request.name());
            tried.add(ask(client, what, request, has_file).await);
        }
    }
    tried
}

/// Files by paths that lead out of the tree.
pub async fn paths_that_lead_out(client: &Client, root: &Path) -> Tried {
    let long = "a/".repeat(3000);
    let absolute = root.join("srv/secret").display().to_string();
    let all = OUTSIDE.iter().copied().chain([long.as_str(), absolute.as_str()]);
    in_all_ways(client, all.map(|path| ("base", path))).await
}

/// Files that are not served, and environments that there are not.
pub async fn files_that_are_not_served(client: &Client) -> Tried {
    let links = NOT_SERVED.iter().map(|path| ("base", *path));
    let foreign = NO_ENVIRONMENTS.iter().flat_map(|env| ["secret", "data.sls", "passwd"].map(|path| (*env, path)));
    in_all_ways(client, links.chain(foreign)).await
}

/// Lists and manifests of places outside, and parts of a file that it does not have.
pub async fn lists_of_what_is_outside(client: &Client) -> Tried {
    let mut tried = Tried::default();
    for prefix in ["", "../", "/etc/", "etc/", "sub/../.."] {
        let (env, prefix) = ("base".to_owned(), prefix.to_owned());
        let tree = Request::Tree { env: env.clone(), prefix: prefix.clone(), known: ByteBuf::new(), most: u32::MAX };
        tried.add(ask(client, format!("Tree {prefix:?}"), tree, has_file).await);
        let list = Request::Files { env, prefix: prefix.clone(), directories: false };
        tried.add(ask(client, format!("Files {prefix:?}"), list, has_file).await);
    }
    let beyond = |reply: &Reply| matches!(reply, Reply::Part { bytes: Some(bytes), .. } if !bytes.is_empty());
    for offset in [6, 1 << 20, 1 << 40, u64::MAX - 1, u64::MAX] {
        let (env, path) = ("base".to_owned(), "sub/file".to_owned());
        let read = Request::Read { env, path, offset, length: u32::MAX, sha256: ByteBuf::new() };
        tried.add(ask(client, format!("Read from {offset}"), read, beyond).await);
    }
    tried
}

/// Another's pillar, by every wish that a request for pillar can have; `mark` is a file that a program would leave.
pub async fn pillar_of_others(client: &Client, root: &Path, mark: &Path) -> Tried {
    let wishes = format!(
        "{{\"ext_pillar\": [{{\"git\": [\"base ext::sh -c touch% {0}\"]}}, {{\"cmd_yaml\": \"touch {0}\"}}], \
         \"pillar_roots\": {{\"base\": [\"{1}/srv/salt\"]}}, \"git_pillar\": \"ext::sh -c touch% {0}\", \
         \"pillar_override\": \"#!py\\ndef run(): open('{0}', 'w')\", \"id\": \"db1\"}}",
        mark.display(),
        root.display()
    );
    let wishes = serde_json::from_str::<Value>(&wishes).ok().and_then(|all| all.as_map().cloned()).unwrap_or_default();
    let environments = [
        None,
        Some(format!("ext::sh -c touch% {}", mark.display())),
        Some(format!("{}/srv/salt", root.display())),
        Some("../salt".to_owned()),
        Some("base".to_owned()),
    ];
    let mut tried = Tried::default();
    let claims = Request::Grains { grains: wishes.clone() };
    tried.add(ask(client, "grains".to_owned(), claims, |_| false).await);
    for env in environments {
        for overrides in [Map::new(), wishes.clone()] {
            let (what, saltenv, pillarenv) = (format!("pillar of {env:?}"), env.clone(), env.clone());
            tried.add(ask(client, what, Request::Pillar { saltenv, pillarenv, overrides }, |_| false).await);
        }
    }
    tried.but(mark.exists().then(|| "a program ran on the master".to_owned()))
}

/// What belongs to a job of another: its arguments, the job itself, how far it is and who watches it.
pub async fn jobs_of_others(client: &Client, jid: &Jid) -> Tried {
    let mut tried = Tried::default();
    let owed = |reply: &Reply| matches!(reply, Reply::Owed { jobs } if !jobs.is_empty());
    tried.add(ask(client, "Sync".to_owned(), Request::Sync { begun: Vec::new() }, owed).await);
    let watched = |reply: &Reply| matches!(reply, Reply::Beat { watched, .. } if !watched.is_empty());
    let beat = Request::Beat { running: vec![jid.clone()], queued: vec![jid.clone()] };
    tried.add(ask(client, "Beat".to_owned(), beat, watched).await);
    let progress = Progress { jid: jid.clone(), done: 1, total: 1, last_failure: Some("forged".to_owned()) };
    tried.add(ask(client, "Progress".to_owned(), Request::Progress(progress), |_| false).await);
    tried.add(ask(client, "Options".to_owned(), Request::Options {}, |_| false).await);
    tried
}

/// Arguments of another's job that was published by reference.
pub async fn payloads_of_others(client: &Client, jid: &Jid) -> Tried {
    let mut tried = Tried::default();
    for jid in [jid.as_str(), "20200101000000000000", "99999999999999999999"] {
        let Ok(jid) = jid.parse() else { continue };
        let given = |reply: &Reply| matches!(reply, Reply::Payload { .. });
        tried.add(ask(client, format!("Payload {jid:?}"), Request::Payload { jid }, given).await);
    }
    tried
}

/// A return as `id` would send it.
fn a_return(jid: &Jid, id: &str) -> Request {
    let id = id.parse().expect("it is an id");
    Request::Return(Box::new(answer(jid.clone(), id, Value::from("forged"))))
}

/// Returns to these jobs, each under a name.
pub async fn returns(client: &Client, all: &[(&Jid, &str)]) -> Tried {
    let mut tried = Tried::default();
    for (jid, id) in all {
        tried.add(ask(client, format!("{jid} of {id}"), a_return(jid, id), |_| false).await);
    }
    tried
}

/// Events in the name of the system, and of no name.
pub async fn events_of_the_system(client: &Client) -> Tried {
    let mut tried = Tried::default();
    let long = "x".repeat(257);
    for tag in ["salt/job/new", "salt/", "salt/auth", "salt/key", "salt/minion/db1/start", "", &long] {
        let event = Request::Event { tag: tag.to_owned(), data: Value::Null };
        tried.add(ask(client, tag.to_owned(), event, |reply| matches!(reply, Reply::Done {})).await);
    }
    tried
}

/// Runners, none of which `peer_run` names.
pub async fn runners(client: &Client, names: &[String]) -> Tried {
    let mut tried = Tried::default();
    for fun in names {
        let run = Request::Runner(RunnerAsk { fun: fun.clone(), arg: vec!["*".into()], kwarg: Map::new() });
        tried.add(ask(client, fun.clone(), run, |reply| matches!(reply, Reply::Data { .. })).await);
    }
    tried
}

/// Values of the mine that were given to others.
pub async fn mine_of_others(client: &Client) -> Tried {
    let mut tried = Tried::default();
    for (kind, expr) in
        [(TargetKind::Glob, "*"), (TargetKind::List, "db1"), (TargetKind::Grain, "id:db1"), (TargetKind::Pcre, "db.")]
    {
        let get = Mine::Get { target: Target::new(kind, expr), names: vec!["kept".to_owned()] };
        tried.add(ask(client, format!("{kind:?} {expr}"), Request::Mine(get), |_| false).await);
    }
    tried
}

/// Values of the mine by guesses at others' pillar.
pub async fn mine_by_pillar(client: &Client) -> Tried {
    let mut tried = Tried::default();
    let exact = format!("password:{CANARY}");
    for (kind, expr) in [
        (TargetKind::Pillar, exact.as_str()),
        (TargetKind::PillarExact, &exact),
        (TargetKind::PillarPcre, "password:c.*"),
        (TargetKind::Compound, "I@password:c*"),
        (TargetKind::Compound, "* and not J@password:x"),
    ] {
        let get = Mine::Get { target: Target::new(kind, expr), names: vec!["open".to_owned()] };
        // A refusal names the guess: it is the asker's own.
        let given = matches!(client.call(Request::Mine(get)).await, Ok(Reply::Data { .. }));
        tried.add(given.then(|| format!("{kind:?} {expr}")));
    }
    tried
}
