//! The mine: what minions give to each other by way of the master, and the runners that minions may ask for.

use std::fs;
use std::time::Duration;

use fleet_tests::harness::{Fleet, FleetOptions, wait_until};
use serde_json::{Value, json};

/// What one minion answers.
fn on(fleet: &Fleet, id: &str, args: &[&str]) -> Value {
    let all = fleet.ctl(&[&[id], args, &["--out", "json", "--static"]].concat());
    all.json()[id].clone()
}

/// The mine as the master's own runner sees it.
fn mine(fleet: &Fleet, args: &[&str]) -> Value {
    fleet.run(&[&["mine.get"], args, &["--out", "json"]].concat()).json()
}

/// What the master refused since it was started.
fn counted(fleet: &Fleet, what: &str) -> u64 {
    let health = fleet.run(&["manage.health", "--out", "json"]).json();
    health["refused"][what].as_u64().unwrap_or_else(|| panic!("{health}"))
}

/// By pillar only under the keys that the master names, exactly, by any way to ask.
fn only_open_pillar_keys_target(fleet: &Fleet, both: &Value) {
    assert_eq!(on(fleet, "web1", &["mine.get", "tier:data", "role", "pillar"]), *both);
    assert_eq!(on(fleet, "web1", &["mine.get", "tier:d*", "role", "pillar"]), json!({}));
    assert_eq!(mine(fleet, &["pin:1234", "role", "pillar"]), *both, "an operator may");
    let refused = counted(fleet, "requests");
    let guesses = [
        &["mine.get", "pin:1234", "role", "pillar"][..],
        &["mine.get", "tierless:a:b", "role", "pillar_exact"],
        &["mine.get", "I@pin:1234", "role", "compound"],
        &["saltutil.runner", "mine.get", "tgt=pin:1234", "fun=role", "tgt_type=pillar"],
        &["saltutil.runner", "manage.down", "tgt=pin:1234", "tgt_type=pillar"],
    ];
    for guess in guesses {
        let told = fleet.ctl(&[&["web1"], guess].concat());
        assert!(told.status != 0 && !told.stdout.contains("db1"), "{guess:?}: {told:?}");
    }
    assert_eq!(counted(fleet, "requests"), refused + guesses.len() as u64);
    assert_eq!(on(fleet, "web1", &["saltutil.runner", "mine.get", "tgt=*", "fun=secret"]), json!({"db1": "hidden"}));
}

#[test]
fn minions_give_values_to_those_who_may_read_them() {
    let mut fleet = Fleet::new(&FleetOptions {
        master_config: "peer_run:\n  'web.*': [mine.get, jobs.list_jobs, manage.down]\nnodegroups: {front: 'web*'}\n\
                        mine_pillar_targets: [tier]\n"
            .to_owned(),
        ..FleetOptions::default()
    });
    let pillar = fleet.dir().join("srv/pillar");
    fs::write(pillar.join("top.sls"), "base:\n  'web*': [web]\n  'db*': [db]\n").unwrap();
    fs::write(pillar.join("db.sls"), "tier: data\npin: 1234\ntierless: {a: b}\n").unwrap();
    let asked = "salt.saltutil.runner('mine.get', tgt='db*', fun='role', tgt_type='glob')";
    fs::write(pillar.join("web.sls"), format!("databases: {{{{ {asked} | tojson }}}}\n")).unwrap();
    fleet.start_master();
    let roles = "mine_functions:\n  test.ping: []\n  role:\n    - mine_function: test.echo\n    - primary\n  \
                 secret:\n    - mine_function: test.echo\n    - hidden\n    - allow_tgt: 'N@front'\n    - allow_tgt_type: compound\n  no.such: []\n";
    fleet.start_minion("db1", roles);
    fleet.start_minion("db2", "");
    fleet.start_minion("web1", "");
    fleet.accept(&["db1", "db2", "web1"]);
    fleet.wait_for(&["db1", "db2", "web1"]);
    // By itself, soon after the minion connected.
    let there = wait_until(Duration::from_secs(20), || {
        (mine(&fleet, &["*", "role"]) == json!({"db1": "primary"})).then_some(())
    });
    assert!(there.is_some(), "{}", fleet.log("db1"));
    assert_eq!(on(&fleet, "db1", &["mine.valid"])["role"], json!({"test.echo": ["primary"]}));
    // Who may read.
    assert_eq!(on(&fleet, "web1", &["mine.get", "*", "secret"]), json!({"db1": "hidden"}));
    assert_eq!(on(&fleet, "db2", &["mine.get", "*", "secret"]), json!({}));
    assert_eq!(mine(&fleet, &["*", "secret"]), json!({"db1": "hidden"}));
    // By every kind of target, several names, without oneself.
    assert_eq!(on(&fleet, "db2", &["mine.send", "role", "mine_function=test.echo", "second"]), json!(true));
    let both = json!({"db1": "primary", "db2": "second"});
    assert_eq!(on(&fleet, "web1", &["mine.get", "G@id:db* and not web*", "role", "compound"]), both);
    let named = json!({"role": {"db1": "primary"}, "test.ping": {"db1": true}});
    assert_eq!(on(&fleet, "db2", &["mine.get", "db*", "role,test.ping,none", "exclude_minion=True"]), named);
    let told = fleet.ctl(&["web1", "mine.get", "I@a:b*", "role", "compound"]);
    assert!(told.stdout.contains("tgt_type=pillar"), "{told:?}");
    only_open_pillar_keys_target(&fleet, &both);
    // Compiled pillar is not kept when it was made of what others give.
    let refreshed = on(&fleet, "web1", &["saltutil.refresh_pillar"]);
    assert_eq!(refreshed, json!(true), "{}", fleet.log("master"));
    assert_eq!(on(&fleet, "web1", &["pillar.get", "databases"]), both);
    // Runners: what is named, what only reads.
    let runner = |id: &str, args: &[&str]| fleet.ctl(&[&[id, "saltutil.runner"], args].concat()).stdout;
    let by_runner = on(&fleet, "web1", &["saltutil.runner", "mine.get", "tgt=db*", "fun=role"]);
    assert_eq!(by_runner, both);
    assert!(runner("db1", &["mine.get", "tgt=*", "fun=role"]).contains("peer_run there does not allow it"));
    assert!(runner("web1", &["manage.up"]).contains("peer_run there does not allow it"));
    assert!(fleet.ctl(&["web1", "publish.publish", "*", "test.ping"]).stdout.contains("publish.publish"));
    // Survives the master, bounded, and goes on request.
    fleet.stop("master", rustix::process::Signal::TERM);
    fleet.start_master();
    fleet.wait_for(&["db1", "db2", "web1"]);
    assert_eq!(mine(&fleet, &["*", "role"]), both);
    let large = format!("mine_function=test.echo {}", "x".repeat(100));
    let large: Vec<&str> = large.split(' ').collect();
    assert_eq!(on(&fleet, "db2", &[&["mine.send", "large"], large.as_slice()].concat()), json!(true));
    fs::write(fleet.dir().join("big"), "y".repeat((1 << 20) + 1)).unwrap();
    let path = fleet.dir().join("big").to_string_lossy().into_owned();
    let refused = fleet.ctl(&["db2", "mine.send", "big", "mine_function=file.read", &path]);
    assert!(refused.stdout.contains("at most 1048576 are kept"), "{refused:?}");
    assert_eq!(on(&fleet, "db2", &["mine.delete", "large"]), json!(true));
    assert_eq!(mine(&fleet, &["*", "role,large"]), json!({"role": both}));
    assert_eq!(on(&fleet, "db1", &["mine.flush"]), json!(true));
    assert_eq!(mine(&fleet, &["*", "role"]), json!({"db2": "second"}));
}
