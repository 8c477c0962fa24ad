//! What other accounts of the machine, and minions that were accepted, may reach: their own and nothing else; and
//! where secrets lie while they are used.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use fleet_common::channel::request::{Client, ClientConfig, open};
use fleet_common::crypto::keys::Identity;
use fleet_common::crypto::trust::Trust;
use fleet_common::proto::files::{TreeState, Wanted};
use fleet_common::proto::request::{KeyState, Reply, Request, Role};
use fleet_common::proto::ret::{End, Return};
use fleet_common::transport::{Address, Carrier, ConnectOptions, Connector, ConnectorOptions, ZmqConnector};
use fleet_common::value::{Map, Value};
use fleet_tests::harness::account::{as_nobody, may_change_account, open_commands, open_to_all};
use fleet_tests::harness::{Fleet, FleetOptions, skip, wait_until};
use serde_bytes::ByteBuf;
use serde_json::json;

use super::one;

const CANARY: &str = "canary-7f3a91c2";

#[test]
fn other_accounts_may_nothing() {
    if !may_change_account("other_accounts_may_nothing") {
        return;
    }
    let fleet = one();
    let bin = open_commands(&fleet);
    let config = fleet.master_config_dir();
    let config = config.to_str().unwrap();
    let mark = fleet.dir().join("mark");
    let job = as_nobody(&bin.join("saltctl"), &["-c", config, "*", "cmd.run", &format!("touch {}", mark.display())]);
    assert_ne!(job.status, 0, "{job:?}");
    assert!(job.stderr.contains("nobody") && job.stderr.contains("may not"), "{job:?}");
    for args in [&["-L"][..], &["-A", "-y"], &["-d", "web1", "-y"], &["-r", "web1", "-y"], &["-f", "web1"]] {
        let keys = as_nobody(&bin.join("keyctl"), &[&["-c", config], args].concat());
        assert_ne!(keys.status, 0, "{args:?} {keys:?}");
        assert!(!keys.stdout.contains("web1"), "{args:?} {keys:?}");
    }
    let minion = fleet.minion_config_dir("web1");
    let call = as_nobody(&bin.join("saltcall"), &["-c", minion.to_str().unwrap(), "pillar.items"]);
    assert_ne!(call.status, 0, "{call:?}");
    assert_eq!(fleet.ctl(&["web1", "test.ping"]).status, 0);
    assert!(!mark.exists());
    assert_eq!(fleet.log("master").matches("key changed").count(), 1, "{}", fleet.log("master"));
}

/// The API reads nothing of those who have no rights: else any account makes the master hold as much as it likes.
#[test]
fn other_accounts_are_refused_before_they_are_read() {
    let test = "other_accounts_are_refused_before_they_are_read";
    if !may_change_account(test) {
        return;
    }
    let curl = Path::new("/usr/bin/curl");
    if !curl.exists() {
        return skip(test, "there is no curl to speak with as another account");
    }
    let fleet = one();
    open_to_all(fleet.dir());
    let body = fleet.dir().join("body");
    fs::write(&body, vec![b' '; 12 << 20]).unwrap();
    fs::set_permissions(&body, fs::Permissions::from_mode(0o644)).unwrap();
    let socket = find(fleet.dir(), "api.sock").unwrap();
    let data = format!("@{}", body.display());
    let sent = |path: &str| {
        let args = [
            "-sS",
            "--unix-socket",
            socket.to_str().unwrap(),
            "--data-binary",
            &data,
            "-w",
            "\n%{http_code} %{size_upload}",
        ];
        as_nobody(curl, &[&args[..], &[&format!("http://master{path}")]].concat())
    };
    for path in ["/jobs", "/keys", "/anything"] {
        let answer = sent(path);
        let last = answer.stdout.lines().last().unwrap_or_default();
        let (code, size) = last.split_once(' ').unwrap_or_else(|| panic!("{answer:?}"));
        assert_eq!(code, "403", "{answer:?}");
        assert!(size.parse::<u64>().unwrap() < 4 << 20, "the master read {size} bytes of a stranger");
    }
}

/// A session of our own with an accepted minion's key.
async fn session(fleet: &Fleet, id: &str) -> (Client, tempfile::TempDir) {
    let pki = find(&fleet.minion_root(id), "pki").unwrap().join("minion");
    let dir = tempfile::tempdir().unwrap();
    let address = |port| Address { host: "127.0.0.1".to_owned(), port };
    let connector = ZmqConnector::new(ConnectorOptions {
        request: address(fleet.request_port),
        publish: address(fleet.publish_port),
        relay_dir: dir.path().join("relay"),
        connect: ConnectOptions::default(),
        request_carrier: Carrier::Own,
        publish_carrier: Carrier::Own,
    });
    let config = ClientConfig {
        identity: std::sync::Arc::new(Identity::load_or_create(&pki).unwrap()),
        id: id.parse().unwrap(),
        role: Role::Call,
        trust: Trust::new(dir.path().join("master.pub"), None),
        enrolment: Default::default(),
        grains_hash: [0; 32],
    };
    let (welcome, client) = open(connector.request().await.unwrap(), &config).await.unwrap();
    assert_eq!(welcome.state, KeyState::Accepted);
    (client, dir)
}

#[test]
fn a_minion_reaches_the_trees_files_and_no_other() {
    let options = FleetOptions { master_config: "fileserver_followsymlinks: False".to_owned(), ..Default::default() };
    let mut fleet = Fleet::new(&options);
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);
    let tree = fleet.dir().join("srv/salt");
    fs::create_dir(tree.join("sub")).unwrap();
    fs::write(tree.join("sub/file"), "inside").unwrap();
    fs::write(fleet.dir().join("srv/secret"), CANARY).unwrap();
    fs::write(fleet.dir().join("srv/pillar/data.sls"), format!("a: {CANARY}")).unwrap();
    symlink("../secret", tree.join("out")).unwrap();
    symlink("/etc", tree.join("etc")).unwrap();
    symlink("file", tree.join("sub/link")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, _dir) = session(&fleet, "web1").await;
        let read = async |env: &str, path: &str| {
            let (env, path) = (env.to_owned(), path.to_owned());
            client
                .call(Request::Read { env, path, offset: 0, length: 1 << 20, sha256: Default::default() })
                .await
                .unwrap()
        };
        let bytes = |reply: &Reply| match reply {
            Reply::Part { bytes, .. } => bytes.as_ref().map(|bytes| bytes.to_vec()),
            _ => None,
        };
        assert_eq!(bytes(&read("base", "sub/file").await).as_deref(), Some(&b"inside"[..]));
        assert_eq!(bytes(&read("base", "sub/link").await).as_deref(), Some(&b"inside"[..]));
        let absolute = fleet.dir().join("srv/secret").display().to_string();
        for path in [
            "../secret",
            "sub/../../secret",
            "out",
            "etc/passwd",
            "/etc/passwd",
            "",
            ".",
            "..",
            "sub",
            &absolute,
            "../pillar/data.sls",
            "sub//../../secret",
            "%2e%2e/secret",
            "..\\secret",
            "sub/file\0",
            &"a/".repeat(3000),
        ] {
            for env in ["base", "../pillar", "..", "", "__env__", "/etc"] {
                assert_eq!(bytes(&read(env, path).await), None, "{env:?} {path:?}");
                let (env, path) = (env.to_owned(), path.to_owned());
                let stat = client.call(Request::Stat { env: env.clone(), path: path.clone() }).await.unwrap();
                assert!(!matches!(stat, Reply::Stat { stat: Some(_) }), "{path:?} {stat:?}");
                let files = vec![Wanted { path: path.clone(), held: ByteBuf::new() }];
                let env = env.clone();
                if let Reply::Brought { files } = client.call(Request::Bring { env, files }).await.unwrap() {
                    assert!(files.iter().all(|file| file.facts.is_none() && file.content.is_none()), "{path:?}");
                }
            }
        }
        for prefix in ["", "../", "/etc/", "etc/", "sub/../.."] {
            let (env, prefix) = ("base".to_owned(), prefix.to_owned());
            let known = ByteBuf::new();
            let tree = Request::Tree { env: env.clone(), prefix: prefix.clone(), known, most: u32::MAX };
            if let Reply::Tree { state: TreeState::Now { manifest, .. } } = client.call(tree).await.unwrap() {
                assert!(manifest.files.iter().all(|file| file.path.starts_with("sub/")), "{manifest:?}");
            }
            if let Reply::Names { names } =
                client.call(Request::Files { env, prefix, directories: false }).await.unwrap()
            {
                assert!(names.iter().all(|name| name.starts_with("sub/")), "{names:?}");
            }
        }
    });
    assert_eq!(fleet.ctl(&["web1", "test.ping"]).status, 0);
}

#[test]
fn a_minion_gets_its_own_pillar_payloads_and_returns_only() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fs::write(fleet.dir().join("srv/pillar/top.sls"), "base:\n  db*:\n    - data\n").unwrap();
    fs::write(fleet.dir().join("srv/pillar/data.sls"), format!("password: {CANARY}\n")).unwrap();
    fleet.start_master();
    for id in ["web1", "db1"] {
        fleet.start_minion(id, "");
    }
    fleet.accept(&["web1", "db1"]);
    fleet.wait_for(&["web1", "db1"]);
    let own = fleet.ctl(&["db1", "pillar.get", "password", "--out", "json", "--static"]).json();
    assert_eq!(own, json!({"db1": CANARY}));
    fleet.signal("db1", rustix::process::Signal::STOP);
    let line = ["db1", "--async", "test.arg", &format!("pillar={{secret: {CANARY}}}")];
    let started = fleet.ctl(&line);
    let jid = started.stdout.split_whitespace().find(|word| word.len() == 20).unwrap_or_else(|| panic!("{started:?}"));
    let jid: fleet_common::ids::Jid = jid.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, _dir) = session(&fleet, "web1").await;
        let overrides: Map = [("id", Value::from("db1"))].into_iter().collect();
        for request in [
            Request::Pillar { saltenv: None, pillarenv: None, overrides },
            Request::Payload { jid: jid.clone() },
            Request::Sync { begun: Vec::new() },
            Request::Options {},
        ] {
            let reply = client.call(request).await.unwrap();
            assert!(!format!("{reply:?}").contains(CANARY), "{reply:?}");
            assert!(!matches!(&reply, Reply::Owed { jobs } if !jobs.is_empty()), "{reply:?}");
        }
        // It claims to be another, in every way that a message has.
        let forged = Return {
            jid: jid.clone(),
            id: "db1".parse().unwrap(),
            fun: "test.arg".parse().unwrap(),
            fun_args: Vec::new(),
            end: End::Returned,
            ret: Value::from("forged"),
            retcode: 0,
            success: true,
            out: None,
            diagnostics: Vec::new(),
            started: 0,
            duration: 0.0,
            more: Map::new(),
        };
        client.call(Request::Return(Box::new(forged))).await.unwrap();
        let event = Request::Event { tag: "salt/job/new".to_owned(), data: Value::Null };
        assert!(matches!(client.call(event).await.unwrap(), Reply::Error { .. }));
    });
    fleet.signal("db1", rustix::process::Signal::CONT);
    let log = || fleet.log("master");
    let own = wait_until(Duration::from_secs(10), || {
        log().lines().any(|l| l.contains(jid.as_str()) && l.contains("minion=db1") && l.contains("New")).then_some(())
    });
    assert!(own.is_some(), "the forged return took the place of the right one:\n{}", log());
    assert!(log().lines().any(|line| line.contains("a return nobody asked for") && line.contains("web1")), "{}", log());
    let counted = fleet.run(&["manage.health", "--out", "json"]).json();
    assert_eq!((&counted["refused"]["forged_returns"], &counted["store"]["unsolicited"]), (&json!(1), &json!(1)));
    // Its foreign payload and the event of the system.
    assert_eq!(counted["refused"]["requests"], json!(2), "{counted}");
}

/// What a minion wishes its pillar to be made of reaches nothing: no repository, no program, no other tree.
#[test]
fn what_a_minion_wishes_for_its_pillar_starts_nothing() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fs::write(fleet.dir().join("srv/pillar/top.sls"), "base:\n  '*':\n    - data\n").unwrap();
    fs::write(fleet.dir().join("srv/pillar/data.sls"), "own: true\n").unwrap();
    fs::write(fleet.dir().join("srv/salt/top.sls"), format!("base:\n  '*': [other]\n# {CANARY}\n")).unwrap();
    fs::write(fleet.dir().join("srv/salt/other.sls"), format!("stolen: {CANARY}\n")).unwrap();
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);
    let mark = fleet.dir().join("mark");
    let wishes = format!(
        "{{\"ext_pillar\": [{{\"git\": [\"base ext::sh -c touch% {0}\"]}}, {{\"cmd_yaml\": \"touch {0}\"}}], \
         \"pillar_roots\": {{\"base\": [\"{1}/srv/salt\"]}}, \"git_pillar\": \"ext::sh -c touch% {0}\", \
         \"pillar_override\": \"#!py\\ndef run(): open('{0}', 'w')\", \"id\": \"db1\"}}",
        mark.display(),
        fleet.dir().display()
    );
    let wishes = serde_json::from_str::<Value>(&wishes).unwrap().as_map().unwrap().clone();
    let environments = [
        None,
        Some(format!("ext::sh -c touch% {}", mark.display())),
        Some(format!("{}/srv/salt", fleet.dir().display())),
        Some("../salt".to_owned()),
        Some("base".to_owned()),
    ];
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, _dir) = session(&fleet, "web1").await;
        let grains = Request::Grains { grains: wishes.clone() };
        client.call(grains).await.unwrap();
        for env in &environments {
            let (saltenv, pillarenv, overrides) = (env.clone(), env.clone(), wishes.clone());
            let reply = client.call(Request::Pillar { saltenv, pillarenv, overrides }).await.unwrap();
            let Reply::Pillar { pillar, .. } = reply else { continue };
            assert!(!format!("{pillar:?}").contains(CANARY), "{env:?}");
            let own = pillar.get("own").is_some();
            assert_eq!(own, matches!(env.as_deref(), None | Some("base")), "{env:?}: {pillar:?}");
        }
    });
    assert!(!mark.exists());
    assert_eq!(
        fleet.ctl(&["web1", "pillar.items", "--out", "json", "--static"]).json(),
        json!({"web1": {"own": true}})
    );
}

#[test]
fn secrets_are_neither_logged_nor_shown_nor_left_open() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    let srv = fleet.dir().join("srv");
    fs::write(srv.join("pillar/top.sls"), "base:\n  '*':\n    - data\n").unwrap();
    fs::write(srv.join("pillar/data.sls"), format!("password: {CANARY}-a\n")).unwrap();
    let state = format!(
        "secret:\n  file.managed:\n    - name: {0}/out\n    - mode: '0600'\n    - show_changes: False\n    - contents: \
         {{{{ pillar['password'] }}}} {{{{ pillar['given'] }}}}\nwait:\n  cmd.run:\n    - name: sleep 2\n",
        fleet.dir().display()
    );
    fs::write(srv.join("salt/hold.sls"), state).unwrap();
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);
    let given = format!("pillar={{given: {CANARY}-b}}");
    let started = fleet.ctl(&["web1", "--async", "state.apply", "hold", &given]);
    assert_eq!(started.status, 0, "{started:?}");
    let out = fleet.dir().join("out");
    let there = wait_until(Duration::from_secs(15), || out.exists().then_some(()));
    assert!(there.is_some(), "{}", fleet.log("web1"));
    let seen = seen_in_processes(&fleet);
    assert!(seen.is_empty(), "process lists show it: {seen:?}");
    assert!(fs::read_to_string(&out).unwrap().contains(&format!("{CANARY}-b")));
    // A pillar that does not render, in three ways, beside the secret.
    for text in
        ["password: CANARY: x\n", "a: 'CANARY\nb: 1\n", "password: CANARY\n{{ nope.nope }}\n", "p: CANARY\n- x\n"]
    {
        fs::write(srv.join("pillar/data.sls"), text.replace("CANARY", CANARY)).unwrap();
        let applied = fleet.ctl(&["web1", "state.apply", "hold"]);
        assert_ne!(applied.status, 0, "{applied:?}");
        assert!(!applied.stdout.contains(CANARY), "{applied:?}");
    }
    let logs: Vec<String> = ["master", "web1"].iter().map(|who| fleet.log(who)).collect();
    for log in &logs {
        let line = log.lines().find(|line| line.contains(CANARY));
        assert_eq!(line, None, "a log shows it");
    }
    open_to_all(fleet.dir());
    let mut open = Vec::new();
    for root in [fleet.dir().join("master"), fleet.minion_root("web1")] {
        readable(&root, &mut open);
    }
    let held: Vec<_> = open.into_iter().filter(|path| holds(path, CANARY.as_bytes()) || is_secret(path)).collect();
    assert!(held.is_empty(), "open to other accounts: {held:?}");
}

fn is_secret(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "pem") && !path.to_string_lossy().contains("pub")
}

fn holds(path: &Path, text: &[u8]) -> bool {
    fs::read(path).unwrap_or_default().windows(text.len()).any(|window| window == text)
}

/// Files that every account can read, by their own mode and those of the directories above.
fn readable(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    if fs::metadata(dir).is_ok_and(|meta| meta.mode() & 0o001 == 0) {
        return;
    }
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() {
            readable(&entry.path(), found);
        } else if meta.is_file() && meta.mode() & 0o004 != 0 {
            found.push(entry.path());
        }
    }
}

/// Command lines and environments of the fleet's processes that hold the canary.
fn seen_in_processes(fleet: &Fleet) -> Vec<String> {
    let roots = [fleet.pid("master"), fleet.pid("web1")];
    let mut seen = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        if pid == std::process::id() || !roots.iter().any(|root| descends(pid, *root)) {
            continue;
        }
        for file in ["cmdline", "environ"] {
            if holds(&entry.path().join(file), CANARY.as_bytes()) {
                seen.push(format!("{pid} {file}"));
            }
        }
    }
    seen
}

fn descends(mut pid: u32, root: u32) -> bool {
    for _ in 0..20 {
        if pid == root {
            return true;
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)).and_then(|pid| pid.parse().ok());
        match parent {
            Some(parent) if parent > 1 => pid = parent,
            _ => return false,
        }
    }
    false
}

#[test]
fn names_that_are_none_are_refused() {
    let mut fleet = one();
    let long = "x".repeat(300);
    for id in ["../../etc/passwd", ".", "..", "''", &long, "\"a\\0b\"", "a/b", ".hidden", "a b", "\"a\\nb\""] {
        fleet.start_minion("bad", "");
        fleet.stop("bad", rustix::process::Signal::KILL);
        let path = fleet.minion_config_dir("bad").join("minion");
        let text = fs::read_to_string(&path).unwrap().replace("id: bad\n", &format!("id: {id}\n"));
        fs::write(&path, text).unwrap();
        fleet.restart_minion("bad");
        assert!(fleet.ended("bad"), "a minion runs as {id}");
        let call = fleet.call("bad", &["test.ping"]);
        assert!(call.status > 0 && call.stderr.contains("id"), "{id}: {call:?}");
        let job = fleet.ctl(&["-L", &format!("web1,{}", id.trim_matches(['\'', '"'])), "test.ping"]);
        assert!(job.status >= 0 && job.status < 101, "{id}: {job:?}");
    }
    let listed = fleet.key(&["-L", "--out", "json"]).json();
    assert_eq!((&listed["minions"], &listed["minions_denied"]), (&json!(["web1"]), &json!([])));
}

fn find(dir: &Path, name: &str) -> Option<std::path::PathBuf> {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name() == name {
            return Some(entry.path());
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Some(found) = find(&entry.path(), name)
        {
            return Some(found);
        }
    }
    None
}
