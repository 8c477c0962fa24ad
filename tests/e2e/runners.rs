//! Functions of the master itself, as `saltrun` asks for them.

use std::fs;

use fleet_tests::harness::{Fleet, FleetOptions};
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
    let gone = fleet_tests::harness::wait_until(std::time::Duration::from_secs(5), || {
        (ask(&fleet, &["manage.down"]) == json!(["web2"])).then_some(())
    });
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
    assert_eq!(fleet.run(&["manage.up"]).stdout, "- db1\n- web1\n");
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
