//! A restricted operator who wants more than the rules give, and a minion whose owner does not trust its master.

use std::fs;
use std::os::unix::fs::MetadataExt;

use fleet_tests::harness::account::{as_nobody, may_change_account, open_commands};
use fleet_tests::harness::{Finished, Fleet, FleetOptions};
use serde_json::{Value, json};

const RULES: &str = "nodegroups:\n  front: 'web*'\npublisher_acl:\n  nobody:\n    - test.ping\n    - 'L@web1':\n        \
    - cmd.run: {args: ['echo [a-z]+']}\n        - test.arg\n  '%nogroup':\n    - test.version\n\
    publisher_acl_blacklist:\n  modules: [test.fib]\n";

fn audit(fleet: &Fleet) -> Vec<Value> {
    let path = fleet.dir().join("master/var/log/salt/audit");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_restricted_operator_cannot_widen_what_it_was_given() {
    if !may_change_account("a_restricted_operator_cannot_widen_what_it_was_given") {
        return;
    }
    let mut fleet = Fleet::new(&FleetOptions { master_config: RULES.to_owned(), ..FleetOptions::default() });
    fleet.start_master();
    fleet.start_minion("web1", "grains:\n  roles: [web, cache]\n");
    fleet.start_minion("web2", "grains:\n  roles: [web]\n");
    fleet.accept(&["web1", "web2"]);
    fleet.wait_for(&["web1", "web2"]);
    let bin = open_commands(&fleet);
    let config = fleet.master_config_dir();
    let ctl = |args: &[&str]| -> Finished {
        as_nobody(
            &bin.join("saltctl"),
            &[&["-c", config.to_str().unwrap(), "--out", "json", "--static"], args].concat(),
        )
    };
    assert_eq!(ctl(&["*", "test.ping"]).json(), json!({"web1": true, "web2": true}));
    assert_eq!(ctl(&["web1", "cmd.run", "echo yes"]).json(), json!({"web1": "yes"}));
    assert_eq!(ctl(&["-G", "roles:cache", "cmd.run", "echo yes"]).json(), json!({"web1": "yes"}));
    assert_eq!(ctl(&["web2", "test.version"]).status, 0, "by the group");
    let marks = fleet.dir().join("mark");
    let touch = format!("echo a; touch {}", marks.display());
    for widened in [
        &["*", "cmd.run", "echo yes"][..],
        &["web2", "cmd.run", "echo yes"],
        &["web*", "cmd.run", "echo yes"],
        &["-G", "roles:web", "cmd.run", "echo yes"],
        &["-P", "roles:(web|cache)", "cmd.run", "echo yes"],
        &["-N", "front", "cmd.run", "echo yes"],
        &["-C", "N@front", "cmd.run", "echo yes"],
        &["-C", "web1 or web2", "cmd.run", "echo yes"],
        &["-C", "not db1", "cmd.run", "echo yes"],
        &["-L", "web1,web2", "cmd.run", "echo yes"],
        &["-E", "web.", "cmd.run", "echo yes"],
        &["-I", "secret:a*", "test.ping"],
        &["-C", "web1 and I@secret:a*", "test.ping"],
        &["*", "--exclude", "I@secret:a*", "test.ping"],
        &["*", "--state-of", "20200101000000000000", "failed", "test.ping"],
        &["--preview", "*"],
        &["web1", "cmd.run", &touch],
        &["web1", "cmd.run", "echo yes\nid"],
        &["web1", "cmd.run", "echo $(id)"],
        &["web1", "cmd.run", "echo yes", "cwd=/"],
        &["web1", "cmd.run", "echo yes", "/root"],
        &["web1", "cmd.run", "cmd=echo yes"],
        &["web1", "cmd.run", "echo yes", "pillar={a: b}"],
        &["web1", "cmd.run"],
        &["web1", "cmd.run_all", "echo yes"],
        &["web1", "cmd.shell", "echo yes"],
        &["web1", "state.apply"],
        &["web1", "module.run", "cmd.run"],
        &["web1", "test.fib", "3"],
        &["web1", "test.arg.x", "3"],
    ] {
        let refused = ctl(widened);
        assert!(refused.status != 0 && refused.stdout.trim().is_empty(), "{widened:?}: {refused:?}");
        assert!(refused.stderr.contains("nobody") && refused.stderr.contains("may not"), "{widened:?}: {refused:?}");
    }
    assert!(!marks.exists());
    let keys = as_nobody(&bin.join("keyctl"), &["-c", config.to_str().unwrap(), "-A", "-y"]);
    assert!(keys.status != 0 && keys.stderr.contains("key.list_all"), "{keys:?}");
    // The blacklist binds root, too.
    let forbidden = fleet.ctl(&["web1", "test.fib", "3"]);
    assert!(forbidden.status != 0 && forbidden.stderr.contains("may not"), "{forbidden:?}");
    let lines = audit(&fleet);
    let of = |user: &str, outcome: &str| -> Vec<&Value> {
        lines.iter().filter(|line| line["user"] == user && line["outcome"] == outcome).collect()
    };
    let published = of("nobody", "published");
    assert_eq!(published.len(), 4, "{published:?}");
    let line = published.iter().find(|line| line["target"] == "glob web1").unwrap();
    assert_eq!((&line["what"], &line["uid"], &line["count"]), (&json!("cmd.run"), &json!(65534), &json!(1)));
    assert!(line["jid"].as_str().unwrap().len() == 20 && line["from"].as_str().unwrap().contains("pid"), "{line}");
    assert!(of("nobody", "denied").len() >= 15, "{lines:?}");
    assert_eq!(of("root", "denied").len(), 1);
    assert_eq!(of("root", "done").iter().filter(|line| line["what"] == "key.accept").count(), 1);
}

/// Jobs are one thing, the master itself another: no function of it is there for those who were given jobs.
#[test]
fn keys_and_runners_are_not_for_who_was_given_jobs() {
    if !may_change_account("keys_and_runners_are_not_for_who_was_given_jobs") {
        return;
    }
    let rules = "publisher_acl:\n  nobody:\n    - '.*'\n    - test.*\n".to_owned();
    let mut fleet = Fleet::new(&FleetOptions { master_config: rules, ..FleetOptions::default() });
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.wait_for_keys(&["web1"]);
    let bin = open_commands(&fleet);
    let config = fleet.master_config_dir();
    let ask = |program: &str, args: &[&str]| -> Finished {
        as_nobody(&bin.join(program), &[&["-c", config.to_str().unwrap()], args].concat())
    };
    let root = || fs::read(fleet.pki_dir("master").join("master.pub")).unwrap();
    let before = root();
    let wheel = [
        (&["--rotate", "root", "-y"][..], "key.rotate"),
        (&["--rotate", "online", "-y"], "key.rotate"),
        (&["--gen-token", "*"], "key.gen_token"),
        (&["-L"], "key.list_all"),
        (&["-l", "pre"], "key.list_all"),
        (&["-a", "web1", "-y"], "key.list_all"),
        (&["-A", "-y"], "key.list_all"),
        (&["-r", "web1", "-y"], "key.list_all"),
        (&["-d", "web1", "-y"], "key.list_all"),
        (&["-D", "-y"], "key.list_all"),
        (&["-p", "web1"], "key.list_all"),
        (&["-P"], "key.list_all"),
        (&["-f", "web1"], "key.list_all"),
        (&["-F"], "key.list_all"),
    ];
    for (args, verb) in wheel {
        let refused = ask("keyctl", args);
        assert!(refused.status != 0 && refused.stdout.matches("web1").count() == 0, "{args:?}: {refused:?}");
        assert!(refused.stderr.contains("may not use") && refused.stderr.contains(verb), "{args:?}: {refused:?}");
    }
    let join = ask("keyctl", &["--join-string"]);
    assert!(join.status != 0 && join.stderr.contains("master.pub"), "{join:?}");
    let all = fleet.run(&["doc.runner", "--out", "json"]).json();
    let names: Vec<&String> = all.as_object().unwrap().keys().collect();
    assert!(names.len() > 20, "{names:?}");
    for name in &names {
        let refused = ask("saltrun", &[name]);
        assert!(refused.status != 0 && refused.stderr.contains("may not run"), "{name}: {refused:?}");
    }
    assert_eq!(root(), before);
    assert!(!fleet.pki_dir("master").join("enrolment_tokens").exists());
    assert_eq!(fleet.key(&["-L", "--out", "json"]).json()["minions_pre"], json!(["web1"]));
    // All are counted; written down are as many as cannot fill the disk.
    let asked = (wheel.len() + names.len()) as u64;
    let refused = fleet.run(&["manage.health", "--out", "json"]).json()["refused"]["operators"].as_u64();
    assert_eq!(refused, Some(asked));
    let denied = audit(&fleet).iter().filter(|line| line["user"] == "nobody" && line["outcome"] == "denied").count();
    assert!((20..asked as usize).contains(&denied), "{denied} are written down");
}

#[test]
fn a_minions_own_rules_hold_against_its_master() {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fleet.start_master();
    fleet.start_minion("web1", "minion_acl:\n  - test.*\n  - cmd.run: {args: [uptime -p]}\n");
    fleet.start_minion("web2", "disable_modules: [cmd, module]\n");
    fleet.start_minion("web3", "whitelist_modules: [test, saltutil]\n");
    fleet.accept(&["web1", "web2", "web3"]);
    fleet.wait_for(&["web1", "web2", "web3"]);
    let refused = fleet.ctl(&["web1", "cmd.run", "id"]);
    assert!(refused.status != 0 && refused.stdout.contains("minion_acl"), "{refused:?}");
    assert_ne!(fleet.ctl(&["web1", "state.apply"]).status, 0);
    for (id, call) in
        [("web2", &["cmd.run", "id"][..]), ("web2", &["module.run", "cmd.run", "id"]), ("web3", &["cmd.run", "id"])]
    {
        let refused = fleet.ctl(&[&[id], call].concat());
        assert!(refused.status != 0 && !refused.stdout.contains("uid="), "{id} {call:?}: {refused:?}");
        let local = fleet.call(id, call);
        assert!(local.status != 0 && !local.stdout.contains("uid="), "{id} {call:?}: {local:?}");
    }
    assert!(fleet.ctl(&["web2", "cmd.run", "id"]).stdout.contains("disable_modules"));
    // Not by a template either.
    let inside =
        fleet.ctl(&["web2", "slsutil.renderer", "string={{ salt['cmd.run']('id') }}", "default_renderer=jinja"]);
    assert!(!inside.stdout.contains("uid="), "{inside:?}");
}
