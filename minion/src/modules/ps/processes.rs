//! `ps.*`: processes, and figures of processors, memory and disks.

use std::time::Duration;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::pattern::{Flags, Pattern};
use fleet_common::value::{Map, Value};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::process::{Pid, Signal, kill_process};

use crate::cx::{Act, Look, Module};
use crate::modules::status::{Nothing, kernel, processors};
use crate::system::processes::{self, Process};

/// The longest time that is sampled, in seconds.
const LONGEST: f64 = 60.0;

/// The module.
pub const MODULE: Module = Module {
    name: "ps",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "get_pid_list",
            "Numbers of all processes.",
            "ps.get_pid_list",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("ps.get_pid_list", arguments)?;
                Ok(processes::ids().map_err(failed)?.into_iter().map(i64::from).collect::<Value>().into())
            },
        ),
        Function::reads(
            "pgrep",
            "Numbers of matching processes, or null.",
            "ps.pgrep httpd",
            Grep::ROWS,
            |_, arguments| {
                let found = matching(&Grep::bind("ps.pgrep", arguments)?)?;
                let ids: Vec<i64> = found.iter().map(|process| i64::from(process.pid)).collect();
                Ok(if ids.is_empty() { Value::Null } else { ids.into() }.into())
            },
        ),
        Function::changes(
            "pkill",
            "Sends a signal to matching processes.",
            "ps.pkill httpd signal=1",
            Kill::ROWS,
            pkill,
        ),
        Function::changes(
            "kill_pid",
            "Sends a signal to a process.",
            "ps.kill_pid 2000 signal=9",
            KillPid::ROWS,
            kill_pid,
        ),
        Function::reads(
            "proc_info",
            "What a process is: all known about it, or these attributes.",
            "ps.proc_info 1 attrs='[name, status]'",
            Info::ROWS,
            proc_info,
        ),
        Function::reads(
            "top",
            "The processes that used most of the processors in some seconds.",
            "ps.top 5 interval=1",
            Top::ROWS,
            top,
        ),
        Function::reads("num_cpus", "How many processors there are.", "ps.num_cpus", Nothing::ROWS, |_, arguments| {
            Nothing::bind("ps.num_cpus", arguments)?;
            Ok(processors(&kernel("stat")?).into())
        }),
        Function::reads(
            "boot_time",
            "When the machine started: seconds since 1970, or as a text.",
            "ps.boot_time '%Y-%m-%d'",
            Boot::ROWS,
            boot_time,
        ),
        Function::reads(
            "cpu_percent",
            "How busy the processors are, in percent, over some seconds.",
            "ps.cpu_percent 0.5 per_cpu=True",
            Percent::ROWS,
            cpu_percent,
        ),
        Function::reads(
            "cpu_times",
            "Seconds the processors spent on what.",
            "ps.cpu_times",
            PerCpu::ROWS,
            |_, arguments| {
                let each = PerCpu::bind("ps.cpu_times", arguments)?.per_cpu;
                let times = cpu_lines(&kernel("stat")?);
                let shown = |ticks: &Vec<u64>| {
                    let seconds = ticks.iter().map(|ticks| *ticks as f64 / PER_SECOND);
                    Value::from(KINDS.into_iter().zip(seconds).collect::<Map>())
                };
                Ok(match each {
                    true => times.iter().skip(1).map(shown).collect::<Value>(),
                    false => times.first().map(shown).unwrap_or_default(),
                }
                .into())
            },
        ),
        Function::reads("virtual_memory", "Memory in bytes.", "ps.virtual_memory", Nothing::ROWS, |_, arguments| {
            Nothing::bind("ps.virtual_memory", arguments)?;
            Ok(virtual_memory(&kernel("meminfo")?).into())
        }),
        Function::reads("swap_memory", "Swap space in bytes.", "ps.swap_memory", Nothing::ROWS, |_, arguments| {
            Nothing::bind("ps.swap_memory", arguments)?;
            Ok(swap_memory(&kernel("meminfo")?, &kernel("vmstat")?).into())
        }),
        Function::reads(
            "total_physical_memory",
            "All memory in bytes.",
            "ps.total_physical_memory",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("ps.total_physical_memory", arguments)?;
                Ok(bytes(&kernel("meminfo")?, "MemTotal").into())
            },
        ),
        Function::reads(
            "disk_usage",
            "Bytes of the file system of a path.",
            "ps.disk_usage /home",
            Path::ROWS,
            disk_usage,
        ),
    ],
};

/// What `ps.top` calls the facts of `ps.proc_info`.
const SHOWN: [(&str, &str); 7] = [
    ("cmd", "cmdline"),
    ("user", "username"),
    ("status", "status"),
    ("pid", "pid"),
    ("create_time", "create_time"),
    ("cpu", "cpu_times"),
    ("mem", "memory_info"),
];
const KINDS: [&str; 10] =
    ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"];

args! {
    /// Which processes.
    pub struct Grep {
        /// A part of their name.
        pattern: String,
        /// Only of this user.
        user: Option<String> = None,
        /// Look at the whole command line.
        full: bool = false,
        /// The pattern is a regular expression.
        pattern_is_regex: bool = false,
    }
}

args! {
    /// Arguments of `ps.pkill`.
    pub struct Kill {
        /// A part of their name.
        pattern: String,
        /// Only of this user.
        user: Option<String> = None,
        /// The number of the signal.
        signal: i64 = 15,
        /// Look at the whole command line.
        full: bool = false,
    }
}

args! {
    /// Arguments of `ps.kill_pid`.
    pub struct KillPid {
        /// The process.
        pid: i64,
        /// The number of the signal.
        signal: i64 = 15,
    }
}

args! {
    /// Arguments of `ps.proc_info`.
    pub struct Info {
        /// The process.
        pid: i64,
        /// Only these.
        attrs: Vec<String> = Vec::new(),
    }
}

args! {
    /// Arguments of `ps.top`.
    pub struct Top {
        /// How many are listed.
        num_processes: i64 = 5,
        /// Seconds.
        interval: f64 = 3.0,
    }
}

args! {
    /// Arguments of `ps.boot_time`.
    pub struct Boot {
        /// As `date` takes it.
        time_format: Option<String> = None,
    }
}

args! {
    /// Arguments of `ps.cpu_percent`.
    pub struct Percent {
        /// Seconds.
        interval: f64 = 0.1,
        /// One figure for each processor.
        per_cpu: bool = false,
    }
}

args! {
    /// One for each processor, or the sum.
    pub struct PerCpu {
        /// One for each processor.
        per_cpu: bool = false,
    }
}

args! {
    /// A path.
    pub struct Path {
        /// The path.
        path: String,
    }
}

pub(super) fn failed(fault: crate::system::fs::FileFault) -> CallError {
    CallError::Failed(fault.to_string())
}

/// Ticks of the clock in a second, as the kernel shows them to programs on every machine of ours.
const PER_SECOND: f64 = 100.0;

/// Waits for a time that somebody asked for.
fn wait(seconds: f64) -> Result<(), CallError> {
    if !(0.0..=LONGEST).contains(&seconds) {
        return Err(CallError::Invocation(format!("interval is from 0 to {LONGEST} seconds, not {seconds}")));
    }
    std::thread::sleep(Duration::from_secs_f64(seconds));
    Ok(())
}

/// Processes that match, this one and what started it left out.
fn matching(args: &Grep) -> Result<Vec<Process>, CallError> {
    let pattern = match args.pattern_is_regex {
        true => {
            let wrong = |error| CallError::Invocation(format!("pattern {:?}: {error}", args.pattern));
            Some(Pattern::new(&args.pattern, Flags::default()).map_err(wrong)?)
        }
        false => None,
    };
    let own = Process::of(std::process::id());
    let is_own = |pid: u32| own.as_ref().is_some_and(|own| own.pid == pid || own.parent == pid);
    let mut found = Vec::new();
    for process in processes::all().map_err(failed)? {
        let text = if args.full { process.command() } else { process.name.clone() };
        let fits = match &pattern {
            Some(pattern) => pattern.search(&text).map_err(|error| CallError::Failed(error.to_string()))?,
            None => text.contains(&args.pattern),
        };
        let of_user = args.user.as_ref().is_none_or(|user| process.user() == *user);
        if fits && of_user && !is_own(process.pid) {
            found.push(process);
        }
    }
    Ok(found)
}

fn signal(number: i64) -> Result<Signal, CallError> {
    let known = i32::try_from(number).ok().and_then(Signal::from_named_raw);
    known.ok_or_else(|| CallError::Invocation(format!("there is no signal {number}")))
}

/// Sends a signal; false when there is no such process (any more).
fn send(_act: &Act, pid: u32, signal: Signal) -> Result<bool, CallError> {
    let Some(target) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(false) };
    match kill_process(target, signal) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::SRCH) => Ok(false),
        Err(error) => Err(CallError::Failed(format!("process {pid}: {error}"))),
    }
}

fn pkill(act: &Act, arguments: Arguments) -> CallResult {
    let Kill { pattern, user, signal: number, full } = Kill::bind("ps.pkill", arguments)?;
    if pattern.is_empty() {
        return Err(CallError::Invocation("an empty pattern means every process".to_owned()));
    }
    let signal = signal(number)?;
    let mut killed = Vec::new();
    for process in matching(&Grep { pattern, user, full, pattern_is_regex: false })? {
        if send(act, process.pid, signal)? {
            killed.push(i64::from(process.pid));
        }
    }
    Ok(if killed.is_empty() { Value::Null } else { Map::from_iter([("killed", killed)]).into() }.into())
}

fn kill_pid(act: &Act, arguments: Arguments) -> CallResult {
    let args = KillPid::bind("ps.kill_pid", arguments)?;
    // Numbers below 1 mean groups of processes.
    let pid = u32::try_from(args.pid).ok().filter(|pid| *pid > 0);
    let pid = pid.ok_or_else(|| CallError::Invocation(format!("there is no process {}", args.pid)))?;
    Ok(send(act, pid, signal(args.signal)?)?.into())
}

/// When the machine started, in seconds since 1970.
fn booted() -> Result<i64, CallError> {
    let stat = kernel("stat")?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "));
    line.and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| CallError::Failed("/proc/stat does not tell when the machine started".to_owned()))
}

fn boot_time(_look: &Look, arguments: Arguments) -> CallResult {
    let format = Boot::bind("ps.boot_time", arguments)?.time_format;
    let seconds = booted()?;
    let Some(format) = format else { return Ok(seconds.into()) };
    let wrong = |error: jiff::Error| CallError::Invocation(format!("time_format {format:?}: {error}"));
    let when = Timestamp::from_second(seconds).map_err(wrong)?.to_zoned(TimeZone::system());
    Ok(jiff::fmt::strtime::format(&format, &when).map_err(wrong)?.into())
}

fn described(process: &Process, booted: i64) -> Map {
    let seconds = |ticks: u64| ticks as f64 / PER_SECOND;
    let [user, system, children_user, children_system] = process.ticks.map(seconds);
    let cpu = [user, system, children_user, children_system];
    let names = ["user", "system", "children_user", "children_system"];
    let memory = process.memory.map(|bytes| bytes as i64);
    let parts = ["vms", "rss", "shared", "text", "lib", "data"];
    let mut about = Map::from_iter([("pid", i64::from(process.pid)), ("ppid", i64::from(process.parent))]);
    about.insert("name", process.name.as_str());
    about.insert("cmdline", process.argv.clone());
    about.insert("username", process.user());
    about.insert("uid", i64::from(process.uid));
    about.insert("status", process.status());
    about.insert("create_time", booted as f64 + seconds(process.started));
    about.insert("cpu_times", names.into_iter().zip(cpu).collect::<Map>());
    about.insert("memory_info", parts.into_iter().zip(memory).collect::<Map>());
    about
}

fn proc_info(_look: &Look, arguments: Arguments) -> CallResult {
    let args = Info::bind("ps.proc_info", arguments)?;
    let process = u32::try_from(args.pid).ok().and_then(Process::of);
    let process = process.ok_or_else(|| CallError::Failed(format!("process PID not found (pid={})", args.pid)))?;
    let mut all = described(&process, booted()?);
    if args.attrs.is_empty() {
        return Ok(all.into());
    }
    let mut some = Map::new();
    for name in args.attrs {
        let value =
            all.remove(&name).ok_or_else(|| CallError::Unsupported(format!("attribute '{name}' of ps.proc_info")))?;
        some.insert(name, value);
    }
    Ok(some.into())
}

fn top(_look: &Look, arguments: Arguments) -> CallResult {
    let args = Top::bind("ps.top", arguments)?;
    let used = |process: &Process| process.ticks[0] + process.ticks[1];
    let before = processes::all().map_err(failed)?;
    wait(args.interval)?;
    let mut busy: Vec<(u64, Process)> = Vec::new();
    for process in processes::all().map_err(failed)? {
        let old = before.iter().find(|old| old.pid == process.pid && old.started == process.started);
        busy.push((used(&process).saturating_sub(old.map(used).unwrap_or_default()), process));
    }
    busy.sort_by_key(|(ticks, process)| (std::cmp::Reverse(*ticks), process.pid));
    busy.truncate(usize::try_from(args.num_processes).unwrap_or_default());
    let booted = booted()?;
    let shown = busy.iter().map(|(_, process)| {
        let mut all = described(process, booted);
        let about = SHOWN.map(|(name, key)| (name, all.remove(key).unwrap_or_default()));
        Value::from(about.into_iter().collect::<Map>())
    });
    Ok(shown.collect::<Value>().into())
}

/// Ticks by kind: of all processors, then of each.
fn cpu_lines(stat: &str) -> Vec<Vec<u64>> {
    let lines = stat.lines().filter(|line| line.starts_with("cpu"));
    lines.map(|line| line.split_whitespace().skip(1).map(|word| word.parse().unwrap_or(0)).collect()).collect()
}

/// How much of the time between two samples was not idle, in percent with one digit.
fn busy(before: &[u64], after: &[u64]) -> f64 {
    // Time of guests is part of user time.
    let spent: Vec<u64> =
        after.iter().zip(before).take(8).map(|(after, before)| after.saturating_sub(*before)).collect();
    let all: u64 = spent.iter().sum();
    let idle: u64 = spent.iter().skip(3).take(2).sum();
    percent_of((all - idle) as i64, all as i64)
}

fn cpu_percent(_look: &Look, arguments: Arguments) -> CallResult {
    let args = Percent::bind("ps.cpu_percent", arguments)?;
    let before = cpu_lines(&kernel("stat")?);
    wait(args.interval)?;
    let after = cpu_lines(&kernel("stat")?);
    let mut figures = before.iter().zip(&after).map(|(before, after)| busy(before, after));
    let all = figures.next().unwrap_or_default();
    Ok(if args.per_cpu { figures.collect::<Vec<f64>>().into() } else { Value::from(all) }.into())
}

fn bytes(meminfo: &str, name: &str) -> i64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()).and_then(|word| word.parse::<i64>().ok());
    kilobytes.unwrap_or_default().saturating_mul(1024)
}

fn percent_of(part: i64, all: i64) -> f64 {
    if all == 0 { 0.0 } else { (part as f64 / all as f64 * 1000.0).round() / 10.0 }
}

fn virtual_memory(meminfo: &str) -> Map {
    let of = |name| bytes(meminfo, name);
    let (total, available, free, buffers) = (of("MemTotal"), of("MemAvailable"), of("MemFree"), of("Buffers"));
    let cached = of("Cached") + of("SReclaimable");
    let mut about = Map::from_iter([("total", total), ("available", available)]);
    about.insert("percent", percent_of(total - available, total));
    about.insert("used", total - available);
    let more = [("active", "Active"), ("inactive", "Inactive"), ("shared", "Shmem"), ("slab", "Slab")];
    for (name, bytes) in [("free", free), ("buffers", buffers), ("cached", cached)] {
        about.insert(name, bytes);
    }
    about.extend(more.map(|(name, key)| (Value::from(name), Value::from(of(key)))));
    about
}

fn swap_memory(meminfo: &str, vmstat: &str) -> Map {
    let (total, free) = (bytes(meminfo, "SwapTotal"), bytes(meminfo, "SwapFree"));
    let pages = |name: &str| {
        let count = vmstat.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<i64>().ok());
        // In pages of 4 KiB, as the reference counts them.
        count.unwrap_or_default().saturating_mul(4096)
    };
    let mut about = Map::from_iter([("total", total), ("used", total - free), ("free", free)]);
    about.insert("percent", percent_of(total - free, total));
    about.insert("sin", pages("pswpin "));
    about.insert("sout", pages("pswpout "));
    about
}

fn disk_usage(_look: &Look, arguments: Arguments) -> CallResult {
    Ok(usage(&Path::bind("ps.disk_usage", arguments)?.path)?.into())
}

/// Bytes of the file system of a path.
pub(super) fn usage(path: &str) -> Result<Map, CallError> {
    let found = rustix::fs::statvfs(path).map_err(|error| CallError::Failed(format!("{path}: {error}")))?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize) as i64;
    let (total, free) = (bytes(found.f_blocks), bytes(found.f_bavail));
    let used = bytes(found.f_blocks.saturating_sub(found.f_bfree));
    let mut about = Map::from_iter([("total", total), ("used", used), ("free", free)]);
    about.insert("percent", percent_of(used, used + free));
    Ok(about)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_processors_and_memory() {
        let before = cpu_lines("cpu 10 0 10 70 10 0 0 0 5 0\ncpu0 1 1 1 1 1 1 1 1\nintr 5\n");
        let after = cpu_lines("cpu 20 0 20 90 20 0 0 0 9 0\ncpu0 1 1 1 1 1 1 1 1\n");
        assert_eq!((busy(&before[0], &after[0]), busy(&before[1], &after[1]), before.len()), (40.0, 0.0, 2));
        let memory = virtual_memory("MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\nCached: 3 kB\n");
        assert_eq!(memory.get("percent").unwrap().as_float(), Some(75.0));
        assert_eq!(memory.get("cached").unwrap().as_int(), Some(3 * 1024));
        let swap = swap_memory("SwapTotal: 100 kB\nSwapFree: 50 kB\n", "pswpin 1\n");
        assert_eq!(swap.get("percent").unwrap().as_float(), Some(50.0));
    }

    #[test]
    fn signals_are_those_of_the_kernel() {
        assert!(signal(15).is_ok() && signal(4711).is_err() && signal(-1).is_err());
    }
}
