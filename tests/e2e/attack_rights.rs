//! What other accounts of the machine, and minions that were accepted, may reach: their own and nothing else; and
//! where secrets lie while they are used.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use fleet_common::proto::request::{Reply, Request};
use fleet_common::value::Map;
use fleet_tests::attack::between::find;
use fleet_tests::attack::minion::{
    CANARY, events_of_the_system, files_that_are_not_served, jobs_of_others, lists_of_what_is_outside,
    paths_that_lead_out, payloads_of_others, pillar_of_others, returns, session,
};
use fleet_tests::harness::account::{as_nobody, may_change_account, open_commands, open_to_all};
use fleet_tests::harness::{Fleet, FleetOptions, skip, wait_until};
use serde_json::json;

use super::one;

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
    let socket = find(fleet.dir(), "api.sock");
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
        for tried in [
            paths_that_lead_out(&client, fleet.dir()).await,
            files_that_are_not_served(&client).await,
            lists_of_what_is_outside(&client).await,
        ] {
            assert_eq!(tried.granted, Vec::<String>::new());
            assert!(tried.attempts > 10);
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
    let mut events = 0;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, _dir) = session(&fleet, "web1").await;
        for tried in [
            pillar_of_others(&client, fleet.dir(), &fleet.dir().join("mark")).await,
            payloads_of_others(&client, &jid).await,
            jobs_of_others(&client, &jid).await,
            // It claims to be another, in every way that a message has.
            returns(&client, &[(&jid, "db1")]).await,
            events_of_the_system(&client).await,
        ] {
            assert_eq!(tried.granted, Vec::<String>::new());
            events = tried.attempts;
        }
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
    // Foreign payloads, three of them, and the events of the system.
    assert_eq!(counted["refused"]["requests"], json!(3 + events), "{counted}");
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
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, _dir) = session(&fleet, "web1").await;
        let tried = pillar_of_others(&client, fleet.dir(), &mark).await;
        assert_eq!(tried.granted, Vec::<String>::new());
        // Of the environments that there are it gets its own.
        for (env, own) in [(None, true), (Some("base".to_owned()), true), (Some("../salt".to_owned()), false)] {
            let wish = Request::Pillar { saltenv: env.clone(), pillarenv: env.clone(), overrides: Map::new() };
            let Reply::Pillar { pillar, .. } = client.call(wish).await.unwrap() else { continue };
            assert_eq!(pillar.get("own").is_some(), own, "{env:?}: {pillar:?}");
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
