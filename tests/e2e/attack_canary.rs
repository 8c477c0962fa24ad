//! One secret goes every way that secrets go; afterwards every place where it could have stayed is searched.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fleet_common::proto::request::Request;
use fleet_common::value::Value;
use fleet_tests::attack::minion::session;
use fleet_tests::harness::account::{as_nobody, give_to_nobody, may_change_account, open_commands, open_to_all};
use fleet_tests::harness::{Finished, Fleet, FleetOptions};

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
                    seen.push(line.clone());
                }
                // A command gets its secrets in its environment: that is what it is for. Our own programs do not.
                if ["saltmaster", "saltminion", "saltcall"].iter().any(|own| line.contains(own))
                    && holds(&entry.path().join("environ"))
                {
                    seen.push(format!("environment of {line}"));
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
    // Shown on purpose: the diff is the operator's, and stays between him and the store. The former file is kept.
    let diff = format!(
        "shown:\n  file.managed:\n    - name: {dir}/shown\n    - mode: '0600'\n    - backup: minion\n    - contents: \
         {CANARY}-diff {{{{ pillar['password'] }}}}\n"
    );
    fs::write(fleet.dir().join("shown"), format!("{CANARY}-former\n")).unwrap();
    fs::set_permissions(fleet.dir().join("shown"), fs::Permissions::from_mode(0o600)).unwrap();
    let text = [managed("good", "secret.j2"), managed("bad", "broken.j2"), run.to_owned(), diff].concat();
    fs::write(srv.join("salt/all.sls"), text).unwrap();
    fs::write(srv.join("salt/torn.sls"), "a: {{ pillar['password'] }}: b\n").unwrap();
}

/// A run without the diff that was asked for, and the diff.
fn split(mut run: Finished) -> (String, Finished) {
    let lines: Vec<&str> = run.stdout.lines().collect();
    let is_diff = |line: &&str| line.trim_start().starts_with(['+', '-']);
    let (diff, rest): (Vec<&str>, Vec<&str>) = lines.into_iter().partition(is_diff);
    let diff = diff.iter().map(|line| line.trim_start()).collect::<Vec<_>>().join("\n");
    run.stdout = rest.join("\n");
    (diff, run)
}

/// Events with the secret in their data: one that states fire with their result, and one of each kind that the master takes
/// or refuses. What the master answered.
fn events(fleet: &Fleet) -> String {
    let state = format!(
        "shout:\n  test.configurable_test_state:\n    - fire_event: canary/done\n    - result: False\n    - changes: True\n    \
         - comment: {CANARY}-comment\n    - name: {CANARY}-name\n"
    );
    fs::write(fleet.dir().join("srv/salt/shout.sls"), state).unwrap();
    let shouted = fleet.ctl(&["web1", "state.apply", "shout", "-t", "20"]);
    assert!(shouted.stdout.contains(&format!("{CANARY}-comment")), "it is not shown to who asked: {shouted:?}");
    assert!(!shouted.stdout.contains("fire_event:"), "the event was not sent: {shouted:?}");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, _dir) = session(fleet, "web1").await;
        let mut told = Vec::new();
        for tag in ["canary/tag".to_owned(), "salt/job/new".to_owned(), String::new(), "x".repeat(300)] {
            let data = [("password", format!("{CANARY}-event")), ("plain", format!("{CANARY}-event"))];
            let data = Value::Map(data.into_iter().collect());
            told.push(client.call(Request::Event { tag, data }).await.unwrap());
        }
        format!("{told:?}")
    })
}

/// Who may run a function of these minions has no right to what others asked of them.
fn others_learn_nothing(fleet: &Fleet, listed: &serde_json::Value) {
    if !may_change_account("a_secret_stays_where_it_was_sent (of other accounts)") {
        return;
    }
    let bin = open_commands(fleet);
    let config = fleet.master_config_dir();
    let ask = |program: &str, args: &[&str]| {
        as_nobody(&bin.join(program), &[&["-c", config.to_str().unwrap()], args].concat())
    };
    assert_eq!(ask("saltctl", &["web1", "test.ping"]).status, 0, "it may do something");
    for jid in listed.as_object().unwrap().keys() {
        for (program, args) in [
            ("saltrun", &["jobs.lookup_jid", jid][..]),
            ("saltrun", &["jobs.print_job", jid]),
            ("saltrun", &["jobs.list_jobs"]),
            ("saltctl", &["--job", jid]),
            ("saltctl", &["--job", jid, "--follow"]),
        ] {
            let refused = ask(program, args);
            assert!(refused.status != 0 && !format!("{refused:?}").contains(CANARY), "{program} {args:?}: {refused:?}");
        }
    }
}

#[test]
fn a_secret_stays_where_it_was_sent() {
    let rules = "publisher_acl:\n  nobody:\n    - test.ping\n".to_owned();
    let mut fleet = Fleet::new(&FleetOptions { master_config: rules, ..FleetOptions::default() });
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);
    lay_out(&fleet);
    let stop = Arc::new(AtomicBool::new(false));
    // The operator's own command line is his to keep: `pillar=` can come from a file or standard input.
    let watcher = watch_processes(stop.clone(), &["saltctl"]);
    let given = format!("pillar={{given: {CANARY}-given}}");
    let applied = fleet.ctl(&["web1", "state.apply", "all", &given, "-t", "20"]);
    assert_ne!(applied.status, 0, "{applied:?}");
    let (diff, applied) = split(applied);
    assert!(diff.contains(&format!("+{CANARY}-diff {CANARY}-pillar")), "it is not shown to who asked: {diff}");
    assert!(holds(&fleet.dir().join("good")), "{applied:?}");
    let torn = fleet.ctl(&["web1", "state.apply", "torn", "-t", "20"]);
    assert_ne!(torn.status, 0, "{torn:?}");
    let spoken = fleet.ctl(&["web1", "test.arg", &format!("password={CANARY}-argument"), "-t", "20"]);
    assert_eq!(spoken.status, 0, "{spoken:?}");
    fleet.ctl(&["web1", "test.nothing", &format!("api_token={CANARY}-unknown"), "-t", "20"]);
    let told = events(&fleet);
    let script =
        fleet.ctl(&["web1", "cmd.run", "true", &format!("env={{K: {CANARY}-env}}"), "timeout=0.001", "-t", "20"]);
    stop.store(true, Ordering::SeqCst);
    assert_eq!(watcher.join().unwrap(), Vec::<String>::new(), "process lists show it");
    assert!(told.starts_with("[Done") && !told.contains(CANARY), "{told}");
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
    others_learn_nothing(&fleet, &listed.json());
    open_to_all(fleet.dir());
    let mut found = Vec::new();
    let kept = fleet.minion_root("web1").join("var/cache/salt/minion/file_backup");
    search(&kept, false, &mut found);
    assert_eq!(found.len(), 1, "the former file is kept once: {found:?}");
    assert_eq!(fs::metadata(&found[0].0).unwrap().mode() & 0o777, 0o600);
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

/// What the daemons have in memory is in no core dump, and closed to other processes of their own account.
#[test]
fn the_memory_of_the_daemons_is_closed() {
    if !may_change_account("the_memory_of_the_daemons_is_closed") {
        return;
    }
    let mut fleet = Fleet::new(&FleetOptions::default());
    let programs = open_commands(&fleet);
    fs::create_dir_all(fleet.dir().join("master")).unwrap();
    give_to_nobody(&fleet.dir().join("master"));
    fleet.master_as_nobody(programs);
    fleet.start_master();
    // The kernel gives these files to root when nothing may be dumped; else they are the account's.
    let of = |pid: u32| fs::metadata(format!("/proc/{pid}/environ")).unwrap().uid();
    assert_eq!(of(fleet.pid("master")), 0);
    let mut open = std::process::Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "sleep", "20"])
        .spawn()
        .unwrap();
    let told = fleet_tests::harness::wait_until(Duration::from_secs(5), || (of(open.id()) == 65534).then_some(()));
    open.kill().unwrap();
    open.wait().unwrap();
    assert!(told.is_some(), "such a file tells nothing here");
}
