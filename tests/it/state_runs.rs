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

#[test]
fn a_failure_that_was_put_right_is_no_failure_of_the_run() {
    let status = |stop: &str| {
        let tree = tree(&format!(
            "a: {{test.fail_without_changes: []}}\nb: {{test.nop: [onfail: [test: a], onfail_stop: {stop}]}}\n"
        ));
        call(&minion_with(&tree.root, &[]), "state.sls", &["t"]).retcode
    };
    assert_eq!((status("false"), status("true")), (0, 2));
}

#[test]
fn what_is_no_condition_does_not_hold_a_state_back() {
    let tree = tree(
        "a: {test.nop: [unless: null, onlyif: [false, 5, {no: fun}]]}\nb: {test.nop: [unless: [true, 'true']]}\n\
         c: {test.nop: [onlyif: [{fun: cmd.run_all, cmd: 'false'}]]}\nd: {test.nop: [check_cmd: [{fun: test.true}]]}\n",
    );
    let answer = call(&minion_with(&tree.root, &[]), "state.sls", &["t"]).value;
    let comment = |id| chunk(&answer, id).get("comment").and_then(Value::as_str).unwrap().to_owned();
    assert_eq!(comment("a"), "Success!");
    assert_eq!(comment("b"), "unless condition is true");
    assert_eq!(comment("c"), "onlyif condition is false");
    assert_eq!(comment("d"), "check_cmd determined the state failed");
}

#[test]
fn single_states_name_a_function_and_require_nothing() {
    let tree = tree("a: {test.nop: []}\n");
    let act = minion_with(&tree.root, &[]);
    let refused = call(&act, "state.single", &["test.nope", "x"]);
    assert_eq!(
        (refused.retcode, refused.value),
        (1, Value::List(vec!["Specified state 'test.nope' was not found".into()]))
    );
    assert!(refused.diagnostics[0].to_string().contains("did you mean 'test.nop'?"), "{:?}", refused.diagnostics);
    let require = Value::List(vec![[("test", "missing")].into_iter().collect::<fleet_common::value::Map>().into()]);
    let answer = act.run("state.single", Arguments::positional(["test.nop", "x"]).with("require", require)).unwrap();
    assert_eq!(chunk(&answer.value, "x").get("result"), Some(&Value::Bool(true)));
    let included = call(&act, "state.template_str", &["include: [t]\nx: {test.nop: []}\n"]);
    assert_eq!(included.retcode, 1, "{included:?}");
}

#[test]
fn state_test_changes_nothing() {
    let tree = tree("R/f: {file.managed: [contents: hi]}\n");
    let answer = call(&minion_with(&tree.root, &[]), "state.test", &["t"]);
    let results: Vec<_> = answer.value.as_map().unwrap().values().map(|chunk| chunk.get("result").cloned()).collect();
    assert_eq!(results, [Some(Value::Null)]);
    assert!(!tree.root.join("f").exists());
}

#[test]
fn a_mocked_run_calls_no_state() {
    let tree = tree(
        "R/f: {file.managed: [contents: hi]}\nb: {test.fail_without_changes: []}\nc: {test.nop: [onchanges: [test: b]]}\n",
    );
    let act = minion_with(&tree.root, &[]);
    let answer = act.run("state.sls", Arguments::positional(["t"]).with("mock", true)).unwrap();
    let comment = |id| chunk(&answer.value, id).get("comment").and_then(Value::as_str).unwrap().to_owned();
    assert_eq!((answer.retcode, comment("b").as_str()), (0, "Not called, mocked"));
    assert_eq!(comment("c"), "State was not run because none of the onchanges reqs changed");
    assert!(!tree.root.join("f").exists());
}

#[test]
fn arguments_of_runs_that_cannot_be_obeyed_are_refused_by_name() {
    let tree = tree("R/f: {file.managed: [contents: hi]}\n");
    let act = minion_with(&tree.root, &[]);
    for (name, given, told) in [
        ("localconfig", "/etc/other", "the argument 'localconfig' is not supported yet"),
        ("pillar_enc", "gpg", "the argument 'pillar_enc' is not supported yet"),
        ("sync_mods", "states,nosuch", "there is no kind of modules 'nosuch'"),
        ("queue", "perhaps", "'queue' must be True, False or a number above 0"),
    ] {
        let refused = act.run("state.apply", Arguments::positional(["t"]).with(name, given)).unwrap_err().to_string();
        assert!(refused.contains(told), "{refused}");
        assert!(!tree.root.join("f").exists(), "{name}: the states ran");
    }
}

#[test]
fn a_text_that_does_not_render_is_refused_with_its_place() {
    let tree = tree("a: {test.nop: []}\n");
    let refused = call(&minion_with(&tree.root, &[]), "state.template_str", &["a:\n  {{ nope.x }}\n"]);
    let lines = refused.value.as_list().unwrap();
    assert_eq!(refused.retcode, 1);
    assert!(lines[0].as_str().unwrap().starts_with(
        "Rendering SLS '<template-str>' failed: Jinja variable 'nope' is undefined; line 2\n\n---\na:\n  {{ nope.x }}    <==="
    ), "{lines:?}");
    assert!(refused.diagnostics[0].to_string().starts_with("<template-str>:2:6: "), "{:?}", refused.diagnostics);
}

#[test]
fn a_run_that_was_asked_for_is_tried_kept_and_done_once() {
    let tree = tree("R/f: {file.managed: [{contents: hi}]}\n");
    let act = minion_with(&tree.root, &[]);
    let file = tree.root.join("f");
    let named = |function: &str, name: &str| act.run(function, Arguments::default().with("name", name));
    act.run("state.request", Arguments::positional(["t"]).with("name", "mine")).unwrap();
    call(&act, "state.request", &["t"]);
    assert!(!file.exists(), "a request changes nothing");
    // What another process would see.
    let act2 = minion_with(&tree.root, &[]);
    let waiting = call(&act2, "state.check_request", &[]).value;
    let names: Vec<_> = waiting.as_map().unwrap().keys().filter_map(Value::as_str).collect();
    assert_eq!(names, ["default", "mine"]);
    let mine = waiting.get("mine").unwrap();
    assert_eq!(mine.get("mods"), Some(&Value::from("t")));
    assert_eq!(mine.get("kwargs").and_then(|kwargs| kwargs.get("test")), Some(&Value::Bool(true)));
    assert!(mine.get("test_run").and_then(Value::as_map).is_some_and(|run| run.len() == 1));
    assert_eq!(named("state.clear_request", "nope").unwrap().value, Value::Bool(false));
    assert_eq!(named("state.clear_request", "mine").unwrap().value, Value::Bool(true));
    assert!(named("state.check_request", "mine").unwrap_err().to_string().contains("mine"));
    assert_eq!(named("state.run_request", "mine").unwrap().value, Value::Map(fleet_common::value::Map::new()));
    assert!(!file.exists(), "what was cleared does not run");
    let done = call(&act, "state.run_request", &[]).value;
    assert_eq!(done.as_map().unwrap().len(), 1);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "hi\n");
    let again = call(&act, "state.run_request", &[]).value;
    assert_eq!(again, Value::Map(fleet_common::value::Map::new()), "a request is done once");
}

#[test]
fn values_left_by_a_call_are_there_for_the_next_and_for_nobody_else() {
    use std::os::unix::fs::MetadataExt;
    let tree = tree("x: {test.nop: []}\n");
    call(&minion_with(&tree.root, &[]), "data.update", &["spam", "eggs"]);
    let act = minion_with(&tree.root, &[]);
    assert_eq!(call(&act, "match.data", &["spam:e*"]).value, Value::Bool(true));
    assert_eq!(call(&act, "match.data", &["spam:x*"]).value, Value::Bool(false));
    let kept = act.cache_dir().join("datastore");
    assert_eq!(std::fs::metadata(&kept).unwrap().mode() & 0o777, 0o600);
    std::fs::write(&kept, b"\xc1").unwrap();
    let error = act.run("data.load", Arguments::default()).unwrap_err().to_string();
    assert!(error.contains("datastore") && error.contains("data.clear"), "{error}");
    call(&act, "data.clear", &[]);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let root = &tree.root;
            scope.spawn(move || {
                let act = minion_with(root, &[]);
                for number in 0..10 {
                    call(&act, "data.update", &[&format!("{writer}-{number}"), "v"]);
                }
            });
        }
    });
    assert_eq!(call(&act, "data.keys", &[]).value.as_list().map(<[Value]>::len), Some(40), "none was lost");
}
