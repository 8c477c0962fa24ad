//! One secret goes every way that secrets go; afterwards every place where it could have stayed is searched.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fleet_tests::harness::Fleet;
use fleet_tests::harness::account::open_to_all;

use super::one;

const CANARY: &str = "canary-5d1e07b9";

fn holds(path: &Path) -> bool {
    let bytes = fs::read(path).unwrap_or_default();
    bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
}

/// All files below that hold the canary, with whether other accounts can read them.
fn search(dir: &Path, open: bool, found: &mut Vec<(PathBuf, bool)>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let (path, Ok(meta)) = (entry.path(), entry.metadata()) else { continue };
        if meta.is_dir() {
            search(&path, open && meta.mode() & 0o001 != 0, found);
        } else if meta.is_file() && holds(&path) {
            found.push((path, open && meta.mode() & 0o004 != 0));
        }
    }
}

/// Looks at all processes of the machine but this one and its children's command lines, again and again.
fn watch_processes(stop: Arc<AtomicBool>, expected: &'static [&'static str]) -> std::thread::JoinHandle<Vec<String>> {
    std::thread::spawn(move || {
        let mut seen = Vec::new();
        while !stop.load(Ordering::SeqCst) {
            for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                if line.contains(CANARY) && !expected.iter().any(|word| line.contains(word)) {
                    seen.push(line);
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        seen
    })
}

fn lay_out(fleet: &Fleet) {
    let (srv, dir) = (fleet.dir().join("srv"), fleet.dir().display());
    fs::write(srv.join("pillar/top.sls"), "base:\n  '*':\n    - data\n").unwrap();
    fs::write(srv.join("pillar/data.sls"), format!("password: {CANARY}-pillar\n")).unwrap();
    fs::write(srv.join("salt/secret.j2"), "key = {{ pillar['password'] }} {{ extra }}\n").unwrap();
    fs::write(srv.join("salt/broken.j2"), "{{ pillar['password'] }}\n{{ pillar['password'].nothing.more }}\n").unwrap();
    let managed = |id: &str, source: &str| {
        format!(
            "{id}:\n  file.managed:\n    - name: {dir}/{id}\n    - source: salt://{source}\n    - template: jinja\n    \
             - mode: '0600'\n    - show_changes: False\n    - context: {{extra: {CANARY}-context}}\n"
        )
    };
    let run = "told:\n  cmd.run:\n    - name: test -n \"$SECRET\" && cat >/dev/null && sleep 1 && exit 3\n    - hide_output: \
               True\n    - stdin: {{ pillar['password'] }}\n    - env:\n      - SECRET: {{ pillar['password'] }}\n";
    let text = [managed("good", "secret.j2"), managed("bad", "broken.j2"), run.to_owned()].concat();
    fs::write(srv.join("salt/all.sls"), text).unwrap();
    fs::write(srv.join("salt/torn.sls"), "a: {{ pillar['password'] }}: b\n").unwrap();
}

#[test]
fn a_secret_stays_where_it_was_sent() {
    let fleet = one();
    lay_out(&fleet);
    let stop = Arc::new(AtomicBool::new(false));
    // The operator's own command line is his to keep: `pillar=` can come from a file or standard input.
    let watcher = watch_processes(stop.clone(), &["saltctl"]);
    let given = format!("pillar={{given: {CANARY}-given}}");
    let applied = fleet.ctl(&["web1", "state.apply", "all", &given, "-t", "20"]);
    assert_ne!(applied.status, 0, "{applied:?}");
    assert!(holds(&fleet.dir().join("good")), "{applied:?}");
    let torn = fleet.ctl(&["web1", "state.apply", "torn", "-t", "20"]);
    assert_ne!(torn.status, 0, "{torn:?}");
    let spoken = fleet.ctl(&["web1", "test.arg", &format!("password={CANARY}-argument"), "-t", "20"]);
    assert_eq!(spoken.status, 0, "{spoken:?}");
    fleet.ctl(&["web1", "test.nothing", &format!("api_token={CANARY}-unknown"), "-t", "20"]);
    let script =
        fleet.ctl(&["web1", "cmd.run", "true", &format!("env={{K: {CANARY}-env}}"), "timeout=0.001", "-t", "20"]);
    stop.store(true, Ordering::SeqCst);
    assert_eq!(watcher.join().unwrap(), Vec::<String>::new(), "process lists show it");
    for (what, shown) in [("the run", &applied), ("a killed command", &script)] {
        assert!(!format!("{shown:?}").contains(CANARY), "{what}: {shown:?}");
    }
    for who in ["master", "web1"] {
        let log = fleet.log(who);
        assert_eq!(log.lines().find(|line| line.contains(CANARY)), None, "the log of {who} shows it");
    }
    let audit = fs::read_to_string(fleet.dir().join("master/var/log/salt/audit")).unwrap();
    assert!(audit.contains("password=***") && !audit.contains(CANARY), "{audit}");
    let listed = fleet.run(&["jobs.list_jobs", "--out", "json"]);
    assert!(listed.status == 0 && !listed.stdout.contains(&format!("{CANARY}-given")), "{listed:?}");
    open_to_all(fleet.dir());
    let mut found = Vec::new();
    for root in [fleet.dir().join("master"), fleet.minion_root("web1"), fleet.dir().join("good")] {
        search(&root, true, &mut found);
    }
    let open: Vec<_> = found.iter().filter(|(_, open)| *open).collect();
    assert!(open.is_empty(), "other accounts can read it: {open:?}");
    for entry in fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with("fleet-script-");
        assert!(!ours || !holds(&entry.path()), "{}", entry.path().display());
    }
}
