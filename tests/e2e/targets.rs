//! Targets as typed: previewed, narrowed, refused, and matched by minions themselves.

use std::fs;

use fleet_tests::harness::{Fleet, FleetOptions};
use serde_json::{Value, json};

use super::three;

/// Who answers a ping.
fn pinged(fleet: &Fleet, args: &[&str]) -> (i32, Vec<String>) {
    let finished = fleet.ctl(&[args, &["test.ping", "--out", "json", "--static"]].concat());
    let answer: Value = serde_json::from_str(&finished.stdout).unwrap_or_default();
    let ids = answer.as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
    (finished.status, ids)
}

#[test]
fn targets_beyond_the_reference() {
    let fleet = three();
    let meant = |args: &[&str], ids: &[&str]| {
        assert_eq!(pinged(&fleet, args), (0, ids.iter().map(|id| (*id).to_owned()).collect()), "{args:?}");
    };
    meant(&["web1;db*"], &["db1", "web1"]);
    meant(&["web[1:2]"], &["web1", "web2"]);
    meant(&["-L", "web[2:9];db1"], &["db1", "web2"]);
    meant(&["-C", "G@kernelrelease>=2.6 and G@os!=CentOS and web*"], &["web1"]);
    meant(&["-C", "\"E@web1|no one\" or db1"], &["db1", "web1"]);
    meant(&["*", "--exclude", "G@roles:db or web1"], &["web2"]);
    meant(&["-G", "roles:web", "--exclude", "web1;db1"], &["web2"]);
    let (status, one) = pinged(&fleet, &["*", "--subset", "1"]);
    assert_eq!((status, one.len()), (0, 1));
    let (status, all) = pinged(&fleet, &["*", "--subset", "9"]);
    assert_eq!((status, all.len()), (0, 3));

    let jid_of = |args: &[&str]| {
        let finished = fleet.ctl(&[args, &["--verbose"]].concat());
        let jid = finished.stderr.split_whitespace().find(|word| word.len() == 20).map(str::to_owned);
        jid.unwrap_or_else(|| panic!("{finished:?}"))
    };
    let jid = jid_of(&["web*", "cmd.run", "exit 3"]);
    meant(&["*", "--state-of", &jid, "failed"], &["web1", "web2"]);
    meant(&["web1", "--state-of", &jid, "failed"], &["web1"]);
    assert_eq!(pinged(&fleet, &["db1", "--state-of", &jid, "failed"]).0, 2);
    assert_eq!(pinged(&fleet, &["*", "--state-of", &jid, "missing"]).0, 2);
    let nothing = fleet.ctl(&["*", "--state-of", "20200101000000000000", "failed", "test.ping"]);
    assert!(nothing.status == 64 && nothing.stderr.contains("there is no job 2020"), "{nothing:?}");

    let mut fleet = fleet;
    fleet.stop("web2", rustix::process::Signal::KILL);
    let lost = fleet.ctl(&["*", "test.ping", "--verbose"]);
    assert_eq!(lost.status, 3, "{lost:?}");
    let jid = lost.stderr.split_whitespace().find(|word| word.len() == 20).unwrap().to_owned();
    fleet.restart_minion("web2");
    fleet.wait_for(&["web2"]);
    assert_eq!(pinged(&fleet, &["*", "--state-of", &jid, "missing"]), (0, vec!["web2".to_owned()]));
}

#[test]
fn previews_say_who_and_why_and_send_nothing() {
    let fleet = three();
    let before = fleet.log("master").matches("job published").count();
    let shown = fleet.ctl(&["--preview", "-C", "( G@roles:web and not G@os:CentOS ) or db[1:3]"]);
    assert_eq!(shown.status, 0, "{shown:?}");
    assert_eq!(shown.stdout, "db1   up    db[1:3]\nweb1  up    G@roles:web, not G@os:CentOS\n");
    assert_eq!(shown.stderr, "2 minions; nothing was sent\n");
    let data = fleet.ctl(&["--preview", "web*", "--exclude", "web2", "--out", "json"]).json();
    let why = json!(["web*", "not web2"]);
    let wanted = json!({"target": "web* and not web2", "minions": {"web1": {"up": true, "why": why}},
        "unknown_grains": [], "warnings": []});
    assert_eq!(data, wanted);
    let nobody = fleet.ctl(&["--preview", "-C", "X@y or g@os:Debian"]);
    assert!(nobody.status == 2 && nobody.stderr.contains("did you mean 'G@os:Debian'?"), "{nobody:?}");
    assert_eq!(fleet.log("master").matches("job published").count(), before);
}

#[test]
fn what_can_not_be_read_is_refused_with_its_place() {
    let mut fleet = Fleet::new(&FleetOptions {
        master_config: "nodegroups:\n  webs: 'web*'\n  loop: N@loop\n".to_owned(),
        ..FleetOptions::default()
    });
    fleet.start_master();
    for (args, status, part) in [
        (&["", "test.ping"][..], 64, "the target is empty"),
        (&["-C", "  ", "test.ping"], 64, "the target is empty"),
        (&["-E", "web[", "test.ping"], 64, "unterminated character set\n  web[\n     ^"),
        (
            &["-C", "web* && db*", "test.ping"],
            64,
            "  web* && db*\n       ^\n  help: operators are written small: 'and'",
        ),
        (&["-C", "web* and N@web", "test.ping"], 64, "did you mean 'webs'?"),
        (&["-N", "loop", "test.ping"], 64, "contains itself"),
        (&["-R", "%web", "test.ping"], 64, "(range) are not supported"),
        (&["-S", "10.0.0.1/8", "test.ping"], 64, "is not an address or network"),
        (&["-G", "os=Debian", "test.ping"], 64, "did you mean 'os:Debian'?"),
        (&["-G", "kernelrelease>=6", "test.ping"], 64, "-C 'G@kernelrelease>=6'"),
        (&["web[9:1]", "test.ping"], 64, "runs backwards"),
        (&["*", "--exclude", "web* or", "test.ping"], 64, "--exclude: the expression ends too early"),
        (&["*", "--state-of", "20200101000000000000", "faild", "test.ping"], 64, "did you mean 'failed'?"),
        (&["web1,web2", "test.ping"], 2, "a list is -L web1,web2"),
        (&["-C", "( web*", "test.ping"], 64, "this '(' is not closed"),
    ] {
        let refused = fleet.ctl(args);
        assert!(refused.status == status && refused.stderr.contains(part), "{args:?}: {refused:?}");
    }
}

/// A minion that has not fetched its pillar yet fetches it to say whether it is meant, and groups are matched there.
#[test]
fn minions_match_pillar_and_groups_themselves() {
    let mut fleet = Fleet::new(&FleetOptions {
        master_config: "nodegroups:\n  front: 'I@role:web and not web9'\n  all: [web1, web2]\n".to_owned(),
        ..FleetOptions::default()
    });
    let pillar = fleet.dir().join("srv/pillar");
    fs::write(pillar.join("top.sls"), "base:\n  'web1': [web]\n  '*': [all]\n").unwrap();
    fs::write(pillar.join("web.sls"), "role: web\nlevel: 3\n").unwrap();
    fs::write(pillar.join("all.sls"), "everywhere: yes\n").unwrap();
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.start_minion("web2", "");
    fleet.accept(&["web1", "web2"]);
    fleet.wait_for(&["web1", "web2"]);
    assert_eq!(pinged(&fleet, &["-C", "not I@role:web"]), (0, vec!["web2".to_owned()]));
    assert_eq!(pinged(&fleet, &["-I", "role:web"]), (0, vec!["web1".to_owned()]));
    assert_eq!(pinged(&fleet, &["--pillar-exact", "role:web"]), (0, vec!["web1".to_owned()]));
    assert_eq!(pinged(&fleet, &["-C", "I@level>2"]), (0, vec!["web1".to_owned()]));
    assert_eq!(pinged(&fleet, &["-N", "front"]), (0, vec!["web1".to_owned()]));
    assert_eq!(pinged(&fleet, &["-N", "all", "--exclude", "N@front"]), (0, vec!["web2".to_owned()]));
}
