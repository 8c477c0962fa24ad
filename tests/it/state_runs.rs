//! What a whole state run promises: refusals, warnings, marks of predictions, explanations.

use std::path::{Path, PathBuf};

use fleet_common::call::{Arguments, Outcome};
use fleet_common::value::Value;
use fleet_minion::cx::Act;

use super::states::minion_with;

struct Tree {
    _scratch: tempfile::TempDir,
    root: PathBuf,
}

/// A scratch directory with one SLS file `t`; `R/` in it is the directory.
fn tree(sls: &str) -> Tree {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().canonicalize().unwrap();
    std::fs::create_dir_all(root.join("srv")).unwrap();
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::write(root.join("srv/t.sls"), sls.replace("R/", &format!("{}/", root.display()))).unwrap();
    std::fs::write(root.join("srv/top.sls"), "base: {'*': [t]}\n").unwrap();
    Tree { _scratch: scratch, root }
}

fn call(act: &Act, function: &str, positional: &[&str]) -> Outcome {
    act.run(function, Arguments::positional(positional.iter().copied())).unwrap()
}

fn dry(root: &Path) -> Value {
    let act = minion_with(root, &[]);
    act.run("state.sls", Arguments::positional(["t"]).with("test", true)).unwrap().value
}

/// The entry of a chunk, by its ID.
fn chunk<'v>(value: &'v Value, id: &str) -> &'v Value {
    let chunks = value.as_map().unwrap_or_else(|| panic!("{value:?}"));
    chunks.values().find(|chunk| chunk.get("__id__").and_then(Value::as_str) == Some(id)).unwrap()
}

#[test]
fn predictions_that_rest_on_predictions_are_marked() {
    let tree = tree(
        "a: {test.succeed_with_changes: []}\nb: {test.nop: [require: [test: a]]}\nc: {test.nop: [require: [test: b]]}\nd: {test.nop: []}\n\
         R/x: {file.directory: []}\nf: {file.managed: [{name: R/x/y}, {contents: hi}]}\n",
    );
    let value = dry(&tree.root);
    let mark = |id| chunk(&value, id).get("provisional").and_then(Value::as_str).map(str::to_owned);
    assert_eq!(mark("a"), None);
    assert_eq!(mark("b").as_deref(), Some("test: a would change before it"));
    assert_eq!(mark("c").as_deref(), Some("test: b would change before it"));
    assert_eq!(mark("d"), None);
    assert!(mark("f").is_some_and(|why| why.ends_with("/x would change before it")), "{value:?}");
    let real = call(&minion_with(&tree.root, &[]), "state.sls", &["t"]).value;
    assert!(real.as_map().unwrap().values().all(|chunk| chunk.get("provisional").is_none()));
}

#[test]
fn unknown_arguments_can_be_a_warning() {
    let tree = tree("a: {file.absent: [{name: R/none}, {bogus: 1}]}\n");
    let strict = call(&minion_with(&tree.root, &[]), "state.sls", &["t"]);
    assert_eq!((strict.retcode, chunk(&strict.value, "a").get("result")), (2, Some(&Value::Bool(false))));
    let tolerant = minion_with(&tree.root, &[("unknown_arguments", Value::from("warn"))]);
    let answer = call(&tolerant, "state.sls", &["t"]);
    assert_eq!(answer.retcode, 0);
    let warnings = chunk(&answer.value, "a").get("warnings").and_then(Value::as_list).unwrap().to_vec();
    assert!(warnings[0].as_str().unwrap().contains("no argument 'bogus'"), "{warnings:?}");
}

#[test]
fn disabled_states_are_kept_in_a_grain() {
    let tree = tree("a: {test.nop: []}\n");
    let act = minion_with(&tree.root, &[]);
    call(&act, "grains.setval", &["state_runs_disabled", "other"]);
    let answer = call(&act, "state.disable", &["t,highstate"]);
    assert_eq!(
        answer.value.get("msg").and_then(Value::as_str),
        Some("Info: t state disabled.\nInfo: highstate state disabled.")
    );
    let stored = std::fs::read_to_string(tree.root.join("etc/grains")).unwrap();
    assert!(stored.contains("highstate"), "{stored}");
}

#[test]
fn a_circle_is_shown_whole() {
    let tree = tree(
        "a: {test.nop: [require: [test: b]]}\nb: {test.nop: [require: [test: c]]}\nc: {test.nop: [require: [test: a]]}\n",
    );
    let answer = call(&minion_with(&tree.root, &[]), "state.sls", &["t"]);
    assert_eq!(answer.retcode, 2);
    let told: Vec<String> = answer.diagnostics.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|text| text.contains("test: a -> test: b -> test: c -> test: a")), "{told:?}");
}

#[test]
fn usage_names_files_that_no_top_file_leads_to() {
    let tree = tree("a: {test.nop: []}\n");
    std::fs::write(tree.root.join("srv/lost.sls"), "l: {test.nop: []}\n").unwrap();
    let usage = call(&minion_with(&tree.root, &[]), "state.show_state_usage", &[]).value;
    let base = usage.get("base").unwrap();
    let names =
        |key| base.get(key).and_then(Value::as_list).unwrap().iter().filter_map(Value::as_str).collect::<Vec<_>>();
    assert_eq!((names("used"), names("unused")), (vec!["t"], vec!["lost", "top"]));
    assert_eq!(base.get("count_all").and_then(Value::as_int), Some(3));
}
