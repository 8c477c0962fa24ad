//! Every state that plans: predict, apply, compare, apply again, damage, predict, repair.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use fleet_common::call::Arguments;
use fleet_common::files::Roots;
use fleet_common::render::{Limits, Renderer};
use fleet_common::value::{Map, Value};
use fleet_common::yaml;
use fleet_minion::cx::{Act, Parts};
use fleet_minion::foreground::Foreground;
use fleet_minion::states::{STATES, bind};
use fleet_tests::harness::SYSTEM_STATES;

/// States whose effect is not predicted: commands, functions, and those that only report.
const OPAQUE: &[&str] = &["cmd", "environ", "http", "module", "test", "file.exists", "file.missing", "file.touch"];

/// A state, a declaration (`R` is the scratch directory), and the shell commands that prepare and damage it.
struct Case(&'static str, &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    Case(
        "file.managed",
        "[{name: R/f}, {source: 'salt://a.j2'}, {template: jinja}, {mode: '0640'}]",
        "",
        "echo x >> R/f; chmod 600 R/f",
    ),
    Case("file.directory", "[{name: R/d/e}, {makedirs: true}, {mode: '0750'}]", "", "chmod 700 R/d/e"),
    Case("file.directory", "[{name: R/d}, {clean: true}]", "mkdir R/d; touch R/d/x", "mkdir -p R/d/y/z"),
    Case("file.absent", "[{name: R/f}]", "touch R/f", "mkdir -p R/f/g"),
    Case("file.symlink", "[{name: R/l}, {target: R/t}]", "", "rm R/l; ln -s R/other R/l"),
    Case("file.hardlink", "[{name: R/l}, {target: R/t}, {force: true}]", "echo t > R/t", "rm R/l; echo x > R/l"),
    Case("file.append", "[{name: R/f}, {text: [b, 'c d']}]", "echo a > R/f", "echo a > R/f"),
    Case("file.prepend", "[{name: R/f}, {text: b}]", "echo a > R/f", "echo a > R/f"),
    Case(
        "file.replace",
        "[{name: R/f}, {pattern: '^a=.*'}, {repl: a=5}, {backup: false}]",
        "echo a=1 > R/f",
        "echo a=2 > R/f",
    ),
    Case(
        "file.blockreplace",
        "[{name: R/f}, {content: x}, {append_if_not_found: true}, {backup: false}]",
        "echo a > R/f",
        "sed -i s/^x/y/ R/f",
    ),
    Case("file.line", "[{name: R/f}, {mode: ensure}, {content: b}, {after: a}]", "echo a > R/f", "echo a > R/f"),
    Case("file.comment", "[{name: R/f}, {regex: '^a'}, {backup: false}]", "echo a > R/f", "echo a > R/f"),
    Case("file.uncomment", "[{name: R/f}, {regex: a}, {backup: false}]", "echo '#a' > R/f", "echo '#a' > R/f"),
    Case("file.keyvalue", "[{name: R/f}, {key: a}, {value: '2'}]", "echo a=1 > R/f", "echo a=3 > R/f"),
    Case("file.serialize", "[{name: R/f}, {dataset: {b: 1, a: [x]}}, {serializer: json}]", "", "echo '{}' > R/f"),
    Case(
        "file.recurse",
        "[{name: R/r}, {source: 'salt://tree'}, {clean: true}, {dir_mode: '0750'}]",
        "mkdir -p R/r/stray",
        "echo x > R/r/a; rm -r R/r/sub; touch R/r/y",
    ),
    Case("file.copy", "[{name: R/c}, {source: R/s}]", "echo s > R/s", "rm R/c"),
    Case("file.rename", "[{name: R/c}, {source: R/s}, {force: true}]", "echo s > R/s", "mv R/c R/s"),
    Case("file.mknod", "[{name: R/p}, {ntype: p}, {mode: '0600'}]", "", "chmod 644 R/p"),
    Case("file.decode", "[{name: R/f}, {encoded_data: aGVsbG8K}]", "", "echo x > R/f"),
    Case("file.tidied", "[{name: R/d}, {matches: ['.*old$']}]", "mkdir R/d; touch R/d/a.old R/d/b", "touch R/d/c.old"),
    Case(
        "file.patch",
        "[{name: R/f}, {source: 'salt://p.diff'}]",
        "printf 'a\\nb\\n' > R/f",
        "printf 'a\\nb\\n' > R/f",
    ),
    Case(
        "archive.extracted",
        "[{name: R/x}, {source: R/a.tar.gz}, {enforce_toplevel: true}]",
        "mkdir -p R/src/app/d; echo f > R/src/app/d/f; ln -s d R/src/app/l; tar -C R/src -czf R/a.tar.gz app; rm -r R/src",
        "rm R/x/app/d/f",
    ),
    Case(
        "apache.configfile",
        "[{name: R/site.conf}, {config: [{VirtualHost: {this: '*:80', ServerAlias: [a, b], SSLEngine: on}}]}]",
        "",
        "echo x >> R/site.conf",
    ),
    // The key stays the same when only its mode is mended.
    Case("x509.private_key_managed", "[{name: R/k}, {algo: ed25519}, {mode: '0400'}]", "", "chmod 640 R/k; touch R/k"),
    // What was made stays the same when only its mode is mended.
    Case(
        "x509.certificate_managed",
        "[{name: R/c}, {signing_private_key: R/k}, {CN: a}, {days_valid: 9}, {days_remaining: 1}, {mode: '0644'}]",
        "openssl genpkey -algorithm ed25519 -out R/k",
        "chmod 640 R/c; touch R/c",
    ),
    Case(
        "x509.csr_managed",
        "[{name: R/c}, {private_key: R/k}, {CN: a}, {mode: '0644'}]",
        "openssl genpkey -algorithm ed25519 -out R/k",
        "chmod 640 R/c; touch R/c",
    ),
    Case(
        "x509.crl_managed",
        "[{name: R/l}, {signing_private_key: R/k}, {signing_cert: R/c}, {revoked: [{serial_number: 5}]}, {mode: '0644'}]",
        "openssl genpkey -algorithm ed25519 -out R/k; openssl req -x509 -key R/k -out R/c -subj /CN=a",
        "chmod 640 R/l; touch R/l",
    ),
    Case(
        "x509.pem_managed",
        "[{name: R/c.pem}, {text: R/all}, {mode: '0644'}]",
        "printf 'x\n-----BEGIN CERTIFICATE-----\nQUJD\n REVG\n-----END CERTIFICATE-----\n' > R/all",
        "echo x >> R/c.pem",
    ),
    Case("file.cached", "[{name: 'salt://a.j2'}]", "", "rm -r R/cache/files"),
    Case(
        "file.not_cached",
        "[{name: 'salt://a.j2'}]",
        "mkdir -p R/cache/files/base; touch R/cache/files/base/a.j2",
        "touch R/cache/files/base/a.j2",
    ),
];

pub(crate) fn minion(root: &Path) -> Act {
    minion_with(root, &[])
}

/// A minion whose configuration says more; `grains.setval` writes below the scratch directory.
pub(crate) fn minion_with(root: &Path, settings: &[(&str, Value)]) -> Act {
    let mut opts = Map::from_iter([("id", "web1"), ("file_client", "local")]);
    opts.extend(settings.iter().map(|(key, value)| (Value::from(*key), value.clone())));
    let (grains, pillar) = (Map::from_iter([("id", "web1")]), Map::new());
    let daemon = Foreground::new(Box::new(|| Ok(Map::new())), Box::new(|_| fleet_common::pillar::Pillar::default()));
    Act::new(Parts {
        id: "web1".parse().unwrap(),
        jid: None,
        grains: Arc::new(grains),
        pillar: Arc::new(pillar),
        opts: Arc::new(opts),
        files: Arc::new(Roots::new(BTreeMap::from([("base".to_owned(), vec![root.join("srv")])]))),
        cache_dir: root.join("cache"),
        config_dir: Some(root.join("etc")),
        renderer: Arc::new(Renderer::new(Limits::default())),
        functions: fleet_minion::registry::functions(),
        daemon: Arc::new(daemon),
    })
}

pub(crate) fn shell(root: &Path, line: &str) {
    let line = line.replace("R/", &format!("{}/", root.display()));
    let status = std::process::Command::new("sh").args(["-ec", &line]).status().unwrap();
    assert!(status.success(), "{line}");
}

/// Everything below the directory with mode and content, without times.
fn tree(root: &Path) -> String {
    let line = "find . -not -path './srv*' -not -name state_run.lock -printf '%p %M %l\\n' | sort; find . -type f -not -path './srv*' -not -name state_run.lock | sort | xargs -r sha256sum";
    let output = std::process::Command::new("sh").args(["-c", line]).current_dir(root).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn run(act: &Act, dry: bool) -> Value {
    let answer = act.run("state.sls", Arguments::positional(["case"]).with("test", dry)).unwrap().value;
    answer.as_map().and_then(|map| map.values().next()).cloned().unwrap_or_else(|| panic!("{answer:?}"))
}

/// Predicts and applies: the prediction changes nothing and says what then happens.
fn predict_and_apply(case: &Case, act: &Act, root: &Path) {
    let Case(name, ..) = case;
    let before = tree(root);
    let predicted = run(act, true);
    assert_eq!(tree(root), before, "{name}: a dry run changed something");
    assert_eq!(predicted.get("result"), Some(&Value::Null), "{name}: nothing predicted: {predicted:?}");
    let done = run(act, false);
    assert_eq!(done.get("result"), Some(&Value::Bool(true)), "{name}: {done:?}");
    assert_ne!(tree(root), before, "{name}: nothing changed: {done:?}");
    let diff = |value: &Value| value.get("changes").and_then(|changes| changes.get("diff")).cloned();
    if let (Some(would), Some(did)) = (diff(&predicted), diff(&done)) {
        assert_eq!(would, did, "{name}: the predicted difference is another");
    }
}

#[test]
fn predictions_are_what_happens() {
    for case in CASES {
        let Case(name, declaration, prepare, damage) = case;
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap();
        shell(&root, "mkdir -p R/srv/tree/sub R/cache; echo a > R/srv/tree/a; echo b > R/srv/tree/sub/b");
        std::fs::write(root.join("srv/a.j2"), "id {{ grains.id }}\n").unwrap();
        std::fs::write(root.join("srv/p.diff"), "--- f\n+++ f\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n").unwrap();
        let sls = format!("x:\n  {name}: {declaration}\n").replace("R/", &format!("{}/", root.display()));
        std::fs::write(root.join("srv/case.sls"), sls).unwrap();
        shell(&root, prepare);
        let act = minion(&root);
        // The lock file appears with the first run.
        run(&act, true);
        predict_and_apply(case, &act, &root);
        let wanted = tree(&root);
        for dry in [true, false] {
            let again = run(&act, dry);
            assert_eq!(again.get("result"), Some(&Value::Bool(true)), "{name}: {again:?}");
            assert!(again.get("changes").is_some_and(|changes| !changes.truthy()), "{name}: not settled: {again:?}");
        }
        assert_eq!(tree(&root), wanted, "{name}: the second run changed something");
        shell(&root, damage);
        predict_and_apply(case, &act, &root);
        assert_eq!(tree(&root), wanted, "{name}: the damage is not repaired");
    }
}

#[test]
fn every_planned_state_has_a_case_and_every_example_binds() {
    for module in STATES {
        for function in module.functions {
            let name = format!("{}.{}", module.name, function.name);
            let opaque = OPAQUE.contains(&name.as_str()) || OPAQUE.contains(&module.name);
            let special = name == "file.accumulated" || SYSTEM_STATES.contains(&module.name);
            let has_case = CASES.iter().any(|case| case.0 == name)
                || crate::system::has_case(&name)
                || crate::servers::has_case(&name);
            assert!(opaque || special || has_case, "{name} has no case");
            let document = yaml::load(function.example, "example").unwrap_or_else(|error| panic!("{name}: {error}"));
            let (id, body) = document.value.as_map().and_then(|map| map.iter().next()).unwrap();
            let items = body.get(&name).unwrap_or_else(|| panic!("{name}: the example is of another state"));
            let mut arguments = Map::from_iter([("name", id.clone())]);
            for item in items.as_list().unwrap_or_default() {
                let known = |key: &Value| {
                    let key = key.as_str().unwrap_or_default();
                    !fleet_common::state::is_option(key) || function.args.iter().any(|row| row.name == key)
                };
                arguments.extend(
                    item.as_map().unwrap().iter().filter(|(key, _)| known(key)).map(|(k, v)| (k.clone(), v.clone())),
                );
            }
            if let Err(error) = bind(function, &name, arguments) {
                panic!("{name}: the example does not bind: {error}");
            }
        }
    }
}
