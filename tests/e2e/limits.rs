//! Templates that need more than there is: the job or pillar fails with the reason, the daemon stays up and small.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fleet_tests::harness::raw::resident_of;
use fleet_tests::harness::{Fleet, FleetOptions};
use serde_json::json;

/// Each needs more memory, stack or time than a machine has, and what is said of it.
const GREEDY: &[(&str, &str)] = &[
    (
        "{% set ns = namespace(t='x' * 1000) %}{% for i in range(60) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}",
        "Jinja limit",
    ),
    ("{% set l = [1] %}{% for i in range(60) %}{% do l.extend(l) %}{% endfor %}", "Jinja limit"),
    (
        "{% set ns = namespace(t=[1]) %}{% for i in range(60) %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.t }}",
        "Jinja limit: a text would become longer",
    ),
    ("{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}", "nest deeper than"),
    (
        "{% set ns = namespace(x=[]) %}{% for i in range(1000) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}\
         {% endfor %}{% endfor %}",
        "Jinja limit: more than",
    ),
    ("{{ 'x'.join('a' * 1000000) | replace('a', 'b' * 1000000) }}", "Jinja limit: a text would become longer"),
    ("{{ 1CHAIN }}", "operators in one chain"),
];

fn text(template: &str) -> String {
    template.replace("CHAIN", &" + 1".repeat(20_000)) + "\n"
}

fn folder(name: &str, files: &[(String, String)]) -> PathBuf {
    let dir = tempfile::Builder::new().prefix(name).tempdir().unwrap().keep();
    for (path, text) in files {
        std::fs::write(dir.join(path), text).unwrap();
    }
    dir
}

/// Runs `work` and returns by how many MiB a process grew meanwhile, at most.
fn growth(pid: u32, work: impl FnOnce()) -> u64 {
    let before = resident_of(pid);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut highest = before;
            while !over.load(Ordering::Relaxed) {
                highest = highest.max(resident_of(pid));
                thread::sleep(Duration::from_millis(5));
            }
            highest
        });
        // A failed assertion must end the watch, too, or the scope waits for ever.
        let outcome = catch_unwind(AssertUnwindSafe(work));
        over.store(true, Ordering::Relaxed);
        let highest = watch.join().unwrap();
        outcome.unwrap_or_else(|panic| resume_unwind(panic));
        highest - before
    })
}

fn fleet(states: Option<PathBuf>, pillar: Option<PathBuf>, minion: &str) -> Fleet {
    let mut fleet = Fleet::new(&FleetOptions { states, pillar, ..FleetOptions::default() });
    fleet.start_master();
    fleet.start_minion("web1", minion);
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);
    fleet
}

#[test]
fn a_greedy_state_file_fails_its_job_and_nothing_else() {
    let files: Vec<_> = (GREEDY.iter().enumerate()).map(|(n, (sls, _))| (format!("g{n}.sls"), text(sls))).collect();
    let states = folder("greedy-states", &files);
    let fleet = fleet(Some(states.clone()), None, "");
    let pid = fleet.pid("web1");
    let grown = growth(pid, || {
        for (number, (_, why)) in GREEDY.iter().enumerate() {
            let answer = fleet.ctl(&["web1", "state.apply", &format!("g{number}"), "-t", "120", "--out", "json"]);
            assert!(answer.stdout.contains(why), "{number}: {answer:?}");
            assert_ne!(answer.status, 0, "{answer:?}");
        }
    });
    assert!(grown < 32, "the minion grew by {grown} MiB");
    assert_eq!(fleet.pid("web1"), pid);
    assert_eq!(fleet.ctl(&["web1", "test.ping", "--out", "json"]).json(), json!({"web1": true}));
    std::fs::remove_dir_all(states).unwrap();
}

#[test]
fn what_the_limits_of_templates_let_through_is_stopped_by_the_memory_limit_of_the_job() {
    let files = [("big.sls".to_owned(), text(GREEDY[0].0))];
    let states = folder("big-states", &files);
    // Less than templates may use, more than a worker needs.
    let fleet = fleet(Some(states.clone()), None, "worker_memory_limit: 150000000\n");
    let pid = fleet.pid("web1");
    let grown = growth(pid, || {
        let answer = fleet.ctl(&["web1", "state.apply", "big", "-t", "60", "--out", "json"]);
        assert!(answer.stdout.contains("state.apply") && answer.stdout.contains("memory"), "{answer:?}");
        assert_ne!(answer.status, 0, "{answer:?}");
    });
    assert!(grown < 32, "the minion grew by {grown} MiB");
    assert_eq!(fleet.pid("web1"), pid);
    assert_eq!(fleet.ctl(&["web1", "test.ping", "--out", "json"]).json(), json!({"web1": true}));
    std::fs::remove_dir_all(states).unwrap();
}

#[test]
fn a_greedy_pillar_fails_and_the_master_stays_small() {
    for (template, why) in GREEDY {
        let files =
            [("top.sls".to_owned(), "base: {'*': [greedy]}\n".to_owned()), ("greedy.sls".to_owned(), text(template))];
        let pillar = folder("greedy-pillar", &files);
        let fleet = fleet(None, Some(pillar.clone()), "");
        let pid = fleet.pid("master");
        let grown = growth(pid, || {
            let answer = fleet.ctl(&["web1", "state.apply", "x", "-t", "120", "--out", "json"]);
            assert!(answer.stdout.contains("Pillar failed to render"), "{template}: {answer:?}");
        });
        // What a render may use, what its data may weigh, and what the allocator keeps.
        assert!(grown < 512, "{template}: the master grew by {grown} MiB");
        assert!(fleet.log("master").contains(why), "{template}: {}", fleet.log("master"));
        assert_eq!(fleet.pid("master"), pid);
        assert_eq!(fleet.ctl(&["web1", "test.ping", "--out", "json"]).json(), json!({"web1": true}));
        std::fs::remove_dir_all(pillar).unwrap();
    }
}
