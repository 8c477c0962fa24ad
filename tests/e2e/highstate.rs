//! A state tree over the master: predicted, applied, nothing left, damaged, repaired; and what holds a run.

use std::fs;
use std::path::Path;

use fleet_tests::harness::{Fleet, FleetOptions, on_terminal, skip};
use serde_json::{Value, json};

fn fleet(states: &[(&str, &str)], pillar: &[(&str, &str)]) -> Fleet {
    let mut fleet = Fleet::new(&FleetOptions::default());
    for (folder, files) in [("srv/salt", states), ("srv/pillar", pillar)] {
        for (path, text) in files {
            let path = fleet.dir().join(folder).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text.replace("DIR", &fleet.dir().display().to_string())).unwrap();
        }
    }
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);
    fleet
}

fn apply(fleet: &Fleet, more: &[&str]) -> (i32, Value) {
    let finished = fleet.ctl(&[&["web1", "state.apply"], more, &["--out", "json", "--static"]].concat());
    let returned = finished.json();
    (finished.status, returned["web1"].clone())
}

fn results(returned: &Value) -> Vec<(String, Value)> {
    let chunks = returned.as_object().unwrap_or_else(|| panic!("no chunks: {returned}"));
    let mut all: Vec<&Value> = chunks.values().collect();
    all.sort_by_key(|chunk| chunk["__run_num__"].as_i64());
    all.iter().map(|chunk| (chunk["__id__"].as_str().unwrap().to_owned(), chunk["result"].clone())).collect()
}

const TREE: &[(&str, &str)] = &[
    ("top.sls", "base:\n  '*':\n    - site\n"),
    (
        "site/init.sls",
        "page:\n  file.managed:\n    - name: DIR/out/page\n    - source: salt://site/page.j2\n    - template: jinja\n    - makedirs: True\n\
         \nrelease:\n  cmd.run:\n    - name: cat DIR/out/page > DIR/out/release\n    - onchanges:\n      - file: page\n",
    ),
    ("site/page.j2", "{{ pillar['greeting'] }} {{ grains['id'] }}\n"),
];
const PILLAR: &[(&str, &str)] = &[("top.sls", "base:\n  '*':\n    - data\n"), ("data.sls", "greeting: hello\n")];

#[test]
fn predicted_applied_nothing_left_damaged_repaired() {
    let fleet = fleet(TREE, PILLAR);
    let page = fleet.dir().join("out/page");
    let (status, predicted) = apply(&fleet, &["test=True"]);
    assert_eq!(
        (status, results(&predicted)),
        (0, vec![("page".to_owned(), Value::Null), ("release".to_owned(), Value::Null)])
    );
    assert!(!page.exists(), "a dry run changed the machine");
    let (status, applied) = apply(&fleet, &[]);
    assert_eq!(
        (status, results(&applied)),
        (0, vec![("page".to_owned(), json!(true)), ("release".to_owned(), json!(true))])
    );
    assert_eq!(fs::read_to_string(&page).unwrap(), "hello web1\n");
    assert_eq!(fs::read_to_string(fleet.dir().join("out/release")).unwrap(), "hello web1\n");
    assert!(unchanged(&apply(&fleet, &[]).1));
    fs::write(&page, "damaged\n").unwrap();
    let (_, repaired) = apply(&fleet, &[]);
    assert!(!unchanged(&repaired));
    assert_eq!(fs::read_to_string(&page).unwrap(), "hello web1\n");
    assert!(unchanged(&apply(&fleet, &[]).1));
}

fn unchanged(returned: &Value) -> bool {
    returned.as_object().unwrap().values().all(|chunk| chunk["changes"] == json!({}))
}

#[test]
fn a_pillar_that_does_not_render_holds_the_run() {
    let fleet = fleet(TREE, &[("top.sls", "base:\n  '*':\n    - data\n"), ("data.sls", "greeting: {{ nope }}\n")]);
    let finished = fleet.ctl(&["web1", "state.apply"]);
    assert_eq!(finished.status, 1, "{finished:?}");
    assert!(!Path::new(&fleet.dir().join("out")).exists(), "a chunk ran without a pillar");
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(said.contains("nope") || said.contains("ata.sls") || said.contains("Pillar"), "{said}");
}

#[test]
fn pillar_items_compiles_afresh_and_the_rest_reads_what_is_in_memory() {
    let fleet = fleet(TREE, PILLAR);
    let write = |text: &str| fs::write(fleet.dir().join("srv/pillar/data.sls"), text).unwrap();
    let said = |call: &[&str]| {
        let finished = fleet.ctl(&[&["web1"], call, &["--out", "json", "--static"]].concat());
        assert_eq!(finished.status, 0, "{finished:?}");
        finished.json()["web1"].clone()
    };
    assert_eq!(said(&["pillar.get", "greeting"]), "hello");
    write("greeting: {{ pillar.get('word', 'good day') }}\n");
    assert_eq!(said(&["pillar.items"]), json!({"greeting": "good day"}));
    assert_eq!(said(&["pillar.items", "pillar={word: farewell}"]), json!({"greeting": "farewell", "word": "farewell"}));
    assert_eq!(said(&["pillar.obfuscate", "pillar={word: farewell}"])["word"], "<str>");
    assert_eq!(said(&["pillar.items", "pillarenv=other"]), json!({}));
    for in_memory in [["pillar.item", "greeting"], ["pillar.raw", "key=greeting"], ["pillar.get", "greeting"]] {
        let said = said(&in_memory);
        assert_eq!(said.get("greeting").unwrap_or(&said), "hello", "{in_memory:?}");
    }
    assert_eq!(said(&["pillar.get", "greeting", "saltenv=base"]), "good day");
    assert_eq!(said(&["saltutil.refresh_pillar"]), true);
    assert_eq!(said(&["pillar.get", "greeting"]), "good day");
    write("greeting: {{ nope }}\n");
    assert_eq!(said(&["pillar.items"])["_errors"].as_array().map(Vec::len), Some(1));
    assert_eq!(said(&["pillar.get", "greeting"]), "good day");
}

#[test]
fn a_fault_in_a_tree_is_told_with_its_place() {
    let fleet = fleet(
        &[("top.sls", "base:\n  '*':\n    - bad\n"), ("bad.sls", "x:\n  test.nop:\n    - name: {{ grains.nope }}\n")],
        &[],
    );
    let finished = fleet.ctl(&["web1", "state.apply"]);
    assert_eq!(finished.status, 1, "{finished:?}");
    assert!(finished.stdout.contains("bad"), "{finished:?}");
}

#[test]
fn a_failed_state_fails_the_command() {
    let fleet = fleet(
        &[("fail.sls", "x:\n  test.fail_without_changes: []\ny:\n  test.nop:\n    - require:\n      - test: x\n")],
        &[],
    );
    let (status, returned) = apply(&fleet, &["fail"]);
    assert_eq!(status, 1, "{returned}");
    assert_eq!(results(&returned), vec![("x".to_owned(), json!(false)), ("y".to_owned(), json!(false))]);
}

#[test]
fn a_terminal_shows_how_far_a_run_is_and_nothing_else_does() {
    let name = "a_terminal_shows_how_far_a_run_is_and_nothing_else_does";
    let tree: &[(&str, &str)] = &[(
        "slow.sls",
        "first:\n  test.fail_without_changes: []\nwaits:\n  cmd.run:\n    - name: sleep 1.3\nquick:\n  test.nop: []\nlast:\n  \
         cmd.run:\n    - name: sleep 0.2\n",
    )];
    let fleet = fleet(tree, &[]);
    let command = fleet.ctl_command(&["web1", "state.apply", "slow"]);
    let Some(shown) = on_terminal(&command) else { return skip(name, "the program 'script' is not there") };
    assert!(shown.contains("\r\u{1b}[Kweb1: 1 of 4 (failed: "), "{shown:?}");
    assert!(shown.contains("\r\u{1b}[Kweb1: 4 of 4 (failed: "), "{shown:?}");
    // The line is taken away before the answer is written.
    let end = shown.rfind("4 of 4").unwrap();
    let answer = shown.find("web1:\r\n").unwrap_or_else(|| panic!("{shown:?}"));
    assert!(end < answer && shown[end..answer].contains("\r\u{1b}[K"), "{shown:?}");
    let plain = fleet.ctl(&["web1", "state.apply", "slow"]);
    assert!(!plain.stderr.contains("of 4") && !plain.stdout.contains('\r'), "{plain:?}");
}
