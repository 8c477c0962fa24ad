//! Figures of this machine and signals to processes, against the real kernel and the real programs.

use fleet_common::call::{Arguments, CallError};
use fleet_common::value::Value;
use fleet_minion::cx::Act;

use crate::states::minion;

fn call(act: &Act, function: &str, arguments: Arguments) -> Value {
    act.run(function, arguments).unwrap_or_else(|error| panic!("{function}: {error}")).value
}

fn plain(act: &Act, function: &str) -> Value {
    call(act, function, Arguments::default())
}

fn number(value: &Value, path: &[&str]) -> i64 {
    let found = path.iter().try_fold(value, |value, key| value.get(key));
    found.and_then(Value::as_int).unwrap_or_else(|| panic!("{path:?}: {value:?}"))
}

#[test]
fn figures_are_those_of_the_kernel() {
    let scratch = tempfile::tempdir().unwrap();
    let act = minion(scratch.path());
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap().matches("processor\t").count() as i64;
    assert_eq!((plain(&act, "ps.num_cpus"), plain(&act, "status.nproc")), (processors.into(), processors.into()));
    let memory = plain(&act, "ps.virtual_memory");
    assert_eq!(plain(&act, "ps.total_physical_memory"), number(&memory, &["total"]).into());
    assert!(number(&memory, &["available"]) <= number(&memory, &["total"]));
    assert!(number(&plain(&act, "status.uptime"), &["seconds"]) > 0);
    assert_eq!(plain(&act, "ps.boot_time"), plain(&act, "ps.boot_time"));
    assert!(plain(&act, "status.loadavg").get("15-min").and_then(Value::as_float).is_some());
    assert!(plain(&act, "status.cpuinfo").truthy() && plain(&act, "status.meminfo").get("MemTotal").is_some());
    assert!(number(&plain(&act, "status.cpustats"), &["cpu", "user"]) > 0);
    assert!(number(&plain(&act, "status.netdev"), &["lo", "rx_bytes"]) >= 0);
    let all = plain(&act, "status.all_status");
    assert!(["cpuinfo", "diskusage", "meminfo", "uptime", "vmstats"].iter().all(|part| all.get(part).is_some()));
    let format = |text: &str| call(&act, "status.time", Arguments::positional([text]));
    assert_eq!(format("%%"), "%".into());
    assert!(plain(&act, "status.version").as_str().is_some_and(|text| text.starts_with("Linux version ")));
    let busy = call(&act, "ps.cpu_percent", Arguments::positional([0.01])).as_float().unwrap();
    assert!((0.0..=100.0).contains(&busy));
    assert!(
        call(&act, "ps.top", Arguments::positional([2]).with("interval", 0))
            .as_list()
            .is_some_and(|list| list.len() <= 2)
    );
}

#[test]
fn file_systems_are_listed_as_df_does() {
    let scratch = tempfile::tempdir().unwrap();
    let act = minion(scratch.path());
    let said = std::process::Command::new("df").args(["-P", "-k", "/"]).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let words: Vec<&str> = said.lines().nth(1).unwrap().split_whitespace().collect();
    let usage = plain(&act, "disk.usage");
    let root = usage.get("/").unwrap();
    assert_eq!(root.get("1K-blocks").and_then(Value::as_str), Some(words[1]));
    assert_eq!(root.get("filesystem").and_then(Value::as_str), Some(words[0]));
    assert!(plain(&act, "disk.inodeusage").get("/").and_then(|root| root.get("inodes")).is_some());
    assert!(call(&act, "disk.percent", Arguments::positional(["/"])).as_str().is_some_and(|text| text.ends_with('%')));
    let bytes = number(&call(&act, "ps.disk_usage", Arguments::positional(["/"])), &["total"]);
    let known = call(&act, "status.diskusage", Arguments::positional(["/"]));
    assert_eq!((bytes, number(&known, &["/", "total"])), (words[1].parse::<i64>().unwrap() * 1024, bytes));
    let kind = call(&act, "disk.get_fstype_from_path", Arguments::positional(["/proc"]));
    assert_eq!(kind, "proc".into());
    for flags in ["-o /etc", "--help", "-T"] {
        let refused = act.run("disk.usage", Arguments::positional([flags])).unwrap_err();
        assert!(matches!(refused, CallError::Invocation(text) if text.contains("Invalid flag passed to disk.usage")));
    }
}

#[test]
fn signals_reach_whom_they_are_meant_for() {
    let scratch = tempfile::tempdir().unwrap();
    let act = minion(scratch.path());
    // A program of a name that no other process has.
    let name = format!("fleet-{}", std::process::id());
    let sleep = scratch.path().join(&name);
    std::fs::copy("/bin/sleep", &sleep).unwrap();
    let start = || std::process::Command::new(&sleep).arg("1000").spawn().unwrap();
    let (mut first, mut second) = (start(), start());
    let found = || call(&act, "ps.pgrep", Arguments::positional([name.as_str()]));
    // Between fork and exec they still have our name.
    while found().as_list().is_none_or(|list| list.len() < 2) {
        std::thread::yield_now();
    }
    let pid = i64::from(first.id());
    let info = call(&act, "ps.proc_info", Arguments::positional([pid]).with("attrs", vec!["name", "cmdline"]));
    assert_eq!(info.get("name").and_then(Value::as_str), Some(name.as_str()));
    assert!(
        call(&act, "status.pid", Arguments::positional([sleep.to_str().unwrap()]))
            .as_str()
            .unwrap()
            .contains(&pid.to_string())
    );
    assert_eq!(call(&act, "ps.kill_pid", Arguments::positional([pid])), true.into());
    assert!(!first.wait().unwrap().success());
    let killed = call(&act, "ps.pkill", Arguments::positional([name.as_str()]).with("signal", 9));
    assert_eq!(killed.get("killed").and_then(Value::as_list), Some(&[Value::from(i64::from(second.id()))][..]));
    assert!(!second.wait().unwrap().success());
    assert_eq!((found(), call(&act, "ps.pkill", Arguments::positional([name.as_str()]))), (Value::Null, Value::Null));
    for (function, argument) in [("ps.kill_pid", "-1"), ("ps.kill_pid", "0"), ("ps.pkill", "")] {
        let refused = act.run(function, Arguments::positional([argument])).unwrap_err();
        assert!(matches!(refused, CallError::Invocation(_)), "{function}: {refused}");
    }
    let gone = act.run("ps.proc_info", Arguments::positional([pid])).unwrap_err();
    assert!(gone.to_string().contains("process PID not found"));
}
