//! Functions of the master itself, as `saltrun` asks for them.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use fleet_tests::harness::{Fleet, FleetOptions, wait_until};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::three;

/// A runner's answer as JSON.
fn ask(fleet: &Fleet, args: &[&str]) -> Value {
    let finished = fleet.run(&[args, &["--out", "json"]].concat());
    assert_eq!(finished.status, 0, "{args:?} {finished:?}");
    finished.json()
}

#[test]
fn presence_and_what_is_known_of_minions() {
    let mut fleet = three();
    assert_eq!(ask(&fleet, &["manage.status"]), json!({"up": ["db1", "web1", "web2"], "down": []}));
    fleet.stop("web2", Signal::KILL);
    let gone = wait_until(Duration::from_secs(5), || (ask(&fleet, &["manage.down"]) == json!(["web2"])).then_some(()));
    assert!(gone.is_some(), "{}", ask(&fleet, &["manage.status"]));
    assert_eq!(ask(&fleet, &["manage.up", "web*"]), json!(["web1"]));
    assert_eq!(ask(&fleet, &["manage.up", "roles:db", "tgt_type=grain"]), json!(["db1"]));
    assert_eq!(ask(&fleet, &["manage.not_present"]), json!(["web2"]));
    assert_eq!(ask(&fleet, &["manage.alived", "subset=[web1, web2]"]), json!(["web1"]));
    assert_eq!(ask(&fleet, &["manage.present", "show_ip=True"])["db1"], json!("127.0.0.1"));
    let versions = ask(&fleet, &["manage.versions"]);
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(versions["Up to date"], json!({"db1": own, "web1": own}), "{versions}");
    assert_eq!(versions["Minion offline"], json!({"web2": false}));
    // Grains are there although the minion is not.
    assert_eq!(ask(&fleet, &["cache.grains", "web2"])["web2"]["os"], json!("CentOS"));
    assert_eq!(ask(&fleet, &["match.compound_matches", "G@os:CentOS", "web2"]), json!({"res": "web2"}));
    assert_eq!(ask(&fleet, &["match.compound_matches", "G@os:CentOS", "web1"]), json!({"res": false}));
    assert_eq!(ask(&fleet, &["salt.execute", "db*", "test.echo", "arg=[hi]"]), json!({"db1": "hi"}));
    let health = ask(&fleet, &["manage.health"]);
    let minions = json!({"accepted": 3, "connected": 2, "pending": 0,
        "refused_too_many_pending": 0, "refused_too_many_at_once": 0});
    assert_eq!(health["minions"], minions, "{health}");
    assert_eq!(health["requests"]["open"], json!(2), "{health}");
    assert_eq!(health["publications"]["closed_slow"], json!(0), "{health}");
    assert!(health["process"]["open_files"].as_u64() > Some(10), "{health}");
    assert_eq!(documented(), names(&health));
    assert_eq!(fleet.run(&["manage.up"]).stdout, "- db1\n- web1\n");
}

/// The names of what is counted; both ports count the same.
fn names(health: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (group, counts) in health.as_object().unwrap() {
        let port = ["requests", "publications"].contains(&group.as_str());
        let name = |name: &String| if port { name.clone() } else { format!("{group}.{name}") };
        names.extend(counts.as_object().unwrap().keys().map(name));
    }
    names
}

/// The names that `docs/health.md` explains.
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/health.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned()).collect()
}

#[test]
fn trees_as_the_master_sees_them() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    let (states, pillar) = (fleet.dir().join("srv/salt"), fleet.dir().join("srv/pillar"));
    fs::create_dir_all(states.join("web/empty")).unwrap();
    fs::write(states.join("web/init.sls"), "a: test.nop\n").unwrap();
    std::os::unix::fs::symlink("web/init.sls", states.join("link.sls")).unwrap();
    fs::write(pillar.join("top.sls"), "base:\n  'web*': [web]\n  'G@os:Plan9': [nine]\n").unwrap();
    fs::write(pillar.join("web.sls"), "role: {{ grains.id }}\n").unwrap();
    fs::write(pillar.join("nine.sls"), "nine: 9\n").unwrap();
    fleet.start_master();
    assert_eq!(ask(&fleet, &["fileserver.envs"]), json!(["base"]));
    assert_eq!(ask(&fleet, &["fileserver.file_list"]), json!(["link.sls", "web/init.sls"]));
    assert_eq!(ask(&fleet, &["fileserver.empty_dir_list"]), json!(["web/empty"]));
    assert_eq!(ask(&fleet, &["fileserver.symlink_list"])["link.sls"], json!("web/init.sls"));
    assert_eq!(ask(&fleet, &["pillar.show_pillar", "web9"]), json!({"role": "web9"}));
    assert_eq!(ask(&fleet, &["pillar.show_pillar", "web9", "os=Plan9"]), json!({"role": "web9", "nine": 9}));
    let top = ask(&fleet, &["pillar.show_top", "web9"]);
    assert_eq!(top, json!({"base": {"web*": ["web"], "G@os:Plan9": ["nine"]}}));
    let roots = ask(&fleet, &["config.get", "file_roots:base"]);
    assert_eq!(roots, json!([states.to_str().unwrap()]));
    // Nobody is accepted: an empty answer, not a fault.
    assert_eq!(ask(&fleet, &["manage.up"]), json!([]));
}

#[test]
fn faults_are_named() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    let asked = |fleet: &Fleet, args: &[&str]| {
        let finished = fleet.run(args);
        (finished.status, finished.stderr)
    };
    let docs = fleet.run(&["-d", "manage.up"]);
    assert!(docs.status == 0 && docs.stdout.contains("tgt_type (str, default 'glob')"), "{docs:?}");
    let (status, text) = asked(&fleet, &["-d", "manag"]);
    assert!(status == 64 && text.contains("did you mean 'manage'?"), "{text}");
    assert_eq!(asked(&fleet, &["manage.up"]).0, 69);
    fleet.start_master();
    for (args, exit, part) in [
        (&["manage.upp"][..], 255, "Did you mean 'manage.up'?"),
        (&["manage.bootstrap"], 255, "the runner 'manage.bootstrap' is not implemented"),
        (&["manage.up", "tgt_typ=glob"], 64, "has no argument 'tgt_typ'; did you mean 'tgt_type'?"),
        (&["manage.up", "x", "range"], 64, "targets of the kind 'R@' (range) are not supported"),
        (&["manage.up", "web* AND x", "compound"], 64, "operators are written small: 'and'"),
        (&["fileserver.file_list", "saltenv=nope"], 1, "there is no environment 'nope'"),
        (&["fileserver.file_list", "backend=git"], 64, "the fileserver backend 'git' is not implemented"),
        (&["manage.down", "removekeys=True"], 64, "'removekeys' of manage.down is not implemented"),
        (&[], 64, "a function is expected"),
    ] {
        let (status, text) = asked(&fleet, args);
        assert!(status == exit && text.contains(part), "{args:?}: {status} {text}");
    }
}

#[test]
fn jobs_their_returns_and_the_state_of_every_target() {
    let mut fleet = three();
    fleet.stop("db1", Signal::KILL);
    assert!(
        wait_until(Duration::from_secs(5), || (ask(&fleet, &["manage.down"]) == json!(["db1"])).then_some(()))
            .is_some()
    );
    let jid = |args: &[&str]| {
        let started = fleet.ctl(&[&["--async"], args].concat());
        started.stdout.split_whitespace().last().unwrap_or_default().to_owned()
    };
    let failing = jid(&["*", "cmd.run", "test -e /nowhere || exit 3"]);
    let active = |jid: &str| ask(&fleet, &["jobs.active"])[jid].clone();
    let over = wait_until(Duration::from_secs(10), || active(&failing).is_null().then_some(()));
    assert!(over.is_some(), "{}", active(&failing));

    let success = ask(&fleet, &["jobs.exit_success", &failing]);
    assert_eq!(success, json!({"db1": false, "web1": false, "web2": false}));
    assert_eq!(ask(&fleet, &["jobs.lookup_jid", &failing]), json!({"web1": "", "web2": ""}));
    let looked = fleet.run(&["jobs.lookup_jid", &failing, "missing=True", "--out", "json"]);
    assert_eq!(looked.json()["db1"], json!("Minion did not return"));
    assert!(looked.stderr.contains("db1: offline"), "{looked:?}");
    let job = ask(&fleet, &["jobs.list_job", &failing]);
    assert_eq!((&job["Function"], &job["Target"], &job["User"]), (&json!("cmd.run"), &json!("*"), &json!("root")));
    assert_eq!(job["Minions"], json!(["db1", "web1", "web2"]));
    assert_eq!(job["Result"]["web1"], json!({"return": "", "retcode": 3, "success": false}));
    let states =
        |job: &Value| ["web1", "db1"].map(|id| job["Ledger"][id]["state"].as_str().unwrap_or("none").to_owned());
    assert_eq!(states(&job), ["failed", "offline"]);
    assert!(job["Ledger"]["db1"]["steps"].as_array().is_some(), "{job}");
    assert_eq!(ask(&fleet, &["jobs.print_job", &failing])[&failing]["Result"], job["Result"]);

    // The job waits for whoever is down, until it is cancelled.
    let waiting = jid(&["db*", "--ttl", "600", "test.ping"]);
    assert_eq!(active(&waiting)["Running"], json!([{"db1": "expected"}]));
    assert_eq!(ask(&fleet, &["jobs.last_run"]).as_object().and_then(|job| job.keys().next()), Some(&waiting));
    assert_eq!(ask(&fleet, &["jobs.cancel", &waiting]), json!({"cancelled": ["db1"], "under_way": []}));
    assert_eq!(active(&waiting), Value::Null);
    assert_eq!(ask(&fleet, &["jobs.print_job", &waiting])[&waiting]["Ledger"]["db1"]["state"], json!("expired"));

    let listed = |args: &[&str]| ask(&fleet, &[&["jobs.list_jobs"], args].concat());
    let functions = listed(&["search_function=cmd.*"]);
    assert_eq!(functions.as_object().map(|jobs| jobs.keys().collect()), Some(vec![&failing]));
    assert_eq!(listed(&["search_target=db*"]).as_object().map(|jobs| jobs.keys().collect()), Some(vec![&waiting]));
    assert_eq!(listed(&["end_time=2001-01-01"]), json!({}));
    assert!(listed(&["start_time=2001-01-01 10:00"]).as_object().is_some_and(|jobs| jobs.len() >= 3));

    let unknown = "20010101000000000000";
    assert!(ask(&fleet, &["jobs.list_job", unknown])["Error"].as_str().is_some_and(|text| text.contains("no job")));
    assert_eq!(ask(&fleet, &["jobs.lookup_jid", unknown]), json!({}));
    for (args, exit, part) in [
        (&["jobs.cancel", unknown][..], 1, "there is no job"),
        (&["jobs.lookup_jid", "../x"], 64, "../x"),
        (&["jobs.list_jobs", "start_time=soon"], 64, "'soon' is not a time"),
        (&["jobs.list_jobs", "ext_source=redis"], 64, "'ext_source' of jobs.list_jobs is not implemented"),
        (&["jobs.list_jobs_filter", "3"], 255, "the runner 'jobs.list_jobs_filter' is not implemented"),
    ] {
        let refused = fleet.run(args);
        assert!(refused.status == exit && refused.stderr.contains(part), "{args:?}: {refused:?}");
    }
}

#[test]
fn a_highstate_looked_up_later_is_printed_as_one() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fs::write(fleet.dir().join("srv/salt/a.sls"), "say:\n  test.nop: []\n").unwrap();
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);
    assert_eq!(fleet.ctl(&["web1", "state.apply", "a"]).status, 0);
    let last = ask(&fleet, &["jobs.last_run", "function=state.*"]);
    let jid = last.as_object().and_then(|job| job.keys().next()).unwrap();
    let found = wait_until(Duration::from_secs(5), || {
        let text = fleet.run(&["jobs.lookup_jid", jid]).stdout;
        text.contains("Summary for web1").then_some(text)
    });
    assert!(found.is_some_and(|text| text.contains("Succeeded: 1")), "{:?}", fleet.run(&["jobs.lookup_jid", jid]));
}
