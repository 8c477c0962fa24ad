//! A restricted operator who wants more than the rules give, and a minion whose owner does not trust its master.

use std::fs;
use std::os::unix::fs::MetadataExt;

use fleet_tests::attack::counted;
use fleet_tests::attack::operator::{Account, RULES, WHEEL, WIDENED, names_of_runners, runners, wheel, widened};
use fleet_tests::harness::account::may_change_account;
use fleet_tests::harness::{Fleet, FleetOptions};
use serde_json::{Value, json};

fn audit(fleet: &Fleet) -> Vec<Value> {
    let path = fleet.dir().join("master/var/log/salt/audit");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How many requests of operators were refused.
fn refused(fleet: &Fleet) -> u64 {
    counted(fleet, &["refused.operators"])
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
    let account = Account::new(&fleet);
    let ctl = |args: &[&str]| account.ctl(args);
    assert_eq!(ctl(&["*", "test.ping"]).json(), json!({"web1": true, "web2": true}));
    assert_eq!(ctl(&["web1", "cmd.run", "echo yes"]).json(), json!({"web1": "yes"}));
    assert_eq!(ctl(&["-G", "roles:cache", "cmd.run", "echo yes"]).json(), json!({"web1": "yes"}));
    assert_eq!(ctl(&["web2", "test.version"]).status, 0, "by the group");
    let before = refused(&fleet);
    let wider = widened(&account, &fleet.dir().join("mark"));
    assert_eq!((wider.attempts, wider.granted), (WIDENED.len() as u64, Vec::new()));
    assert_eq!(refused(&fleet), before + WIDENED.len() as u64, "each is counted");
    let keys = account.ask("keyctl", &["-A", "-y"]);
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
    let account = Account::new(&fleet);
    let root = || fs::read(fleet.pki_dir("master").join("master.pub")).unwrap();
    let before = root();
    let keys = wheel(&account);
    assert_eq!((keys.attempts, keys.granted), (WHEEL.len() as u64, Vec::new()));
    let join = account.ask("keyctl", &["--join-string"]);
    assert!(join.status != 0 && join.stderr.contains("master.pub"), "{join:?}");
    let names = names_of_runners(&fleet);
    assert!(names.len() > 20, "{names:?}");
    assert_eq!(runners(&account, &names).granted, Vec::<String>::new());
    assert_eq!(root(), before);
    assert!(!fleet.pki_dir("master").join("enrolment_tokens").exists());
    assert_eq!(fleet.key(&["-L", "--out", "json"]).json()["minions_pre"], json!(["web1"]));
    // All are counted; written down are as many as cannot fill the disk.
    let asked = (WHEEL.len() + names.len()) as u64;
    assert_eq!(refused(&fleet), asked);
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
