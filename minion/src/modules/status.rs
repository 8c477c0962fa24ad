//! `status.*`: how the machine is doing now, from what the kernel tells.

use std::path::Path;
use std::time::{Duration, SystemTime};

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};
use jiff::{Timestamp, Zoned};

use super::tool;
use crate::cx::{Look, Module};
use crate::system::mount;
use crate::system::processes;

/// The module.
pub const MODULE: Module = Module {
    name: "status",
    doc: "How the machine is doing now.",
    functions: &[
        Function::reads("time", "The time of the machine.", "status.time", Time::ROWS, |_, arguments| {
            let format = Time::bind("status.time", arguments)?.format;
            let text = jiff::fmt::strtime::format(&format, &Zoned::now());
            Ok(text.map_err(|error| CallError::Invocation(format!("format {format:?}: {error}")))?.into())
        }),
        Function::reads("uptime", "How long the machine runs, and since when.", "status.uptime", Nothing::ROWS, uptime),
        Function::reads(
            "loadavg",
            "How many processes wanted to run on average, over 1, 5 and 15 minutes.",
            "status.loadavg",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("status.loadavg", arguments)?;
                let text = kernel("loadavg")?;
                let numbers = text.split_whitespace().map(|word| word.parse().unwrap_or(0.0));
                Ok(["1-min", "5-min", "15-min"].into_iter().zip(numbers).collect::<Map>().into())
            },
        ),
        Function::reads(
            "meminfo",
            "The kernel's figures of memory.",
            "status.meminfo",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("status.meminfo", arguments)?;
                Ok(meminfo(&kernel("meminfo")?).into())
            },
        ),
        Function::reads("cpuinfo", "What the processors are.", "status.cpuinfo", Nothing::ROWS, |_, arguments| {
            Nothing::bind("status.cpuinfo", arguments)?;
            Ok(cpuinfo(&kernel("cpuinfo")?).into())
        }),
        Function::reads(
            "cpustats",
            "What the processors did since the start, in hundredths of a second, and other counters.",
            "status.cpustats",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("status.cpustats", arguments)?;
                Ok(cpustats(&kernel("stat")?).into())
            },
        ),
        Function::reads(
            "diskusage",
            "Free and all bytes by mount point: of all, of these paths, or of these kinds of file systems.",
            "status.diskusage / ext4",
            Paths::ROWS,
            diskusage,
        ),
        Function::reads("diskstats", "The kernel's counters of disks.", "status.diskstats", Nothing::ROWS, |_, a| {
            Nothing::bind("status.diskstats", a)?;
            Ok(diskstats(&kernel("diskstats")?).into())
        }),
        Function::reads("netdev", "The kernel's counters of network links.", "status.netdev", Nothing::ROWS, |_, a| {
            Nothing::bind("status.netdev", a)?;
            Ok(netdev(&kernel("net/dev")?).into())
        }),
        Function::reads("netstats", "The kernel's counters of protocols.", "status.netstats", Nothing::ROWS, |_, a| {
            Nothing::bind("status.netstats", a)?;
            Ok(netstats(&kernel("net/netstat")?).into())
        }),
        Function::reads(
            "vmstats",
            "The kernel's counters of memory.",
            "status.vmstats",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("status.vmstats", arguments)?;
                let text = kernel("vmstat")?;
                let pairs = text.lines().filter_map(|line| line.split_once(' '));
                Ok(pairs.map(|(name, count)| (name, number(count))).collect::<Map>().into())
            },
        ),
        Function::reads("nproc", "How many processors there are.", "status.nproc", Nothing::ROWS, |_, arguments| {
            Nothing::bind("status.nproc", arguments)?;
            Ok(processors(&kernel("stat")?).into())
        }),
        Function::reads(
            "pid",
            "Numbers of the processes whose command line has a text, one a line.",
            "status.pid /usr/sbin/sshd",
            Signature::ROWS,
            |_, arguments| {
                let sig = Signature::bind("status.pid", arguments)?.sig;
                let own = std::process::id();
                let found = processes::all().map_err(|fault| CallError::Failed(fault.to_string()))?;
                let found = found.iter().filter(|process| process.pid != own && process.command().contains(&sig));
                Ok(found.map(|process| process.pid.to_string()).collect::<Vec<_>>().join("\n").into())
            },
        ),
        Function::reads("procs", "User and command line by process.", "status.procs", Nothing::ROWS, |_, arguments| {
            Nothing::bind("status.procs", arguments)?;
            let found = processes::all().map_err(|fault| CallError::Failed(fault.to_string()))?;
            let shown = found.iter().map(|process| {
                let about = Map::from_iter([("user", process.user()), ("cmd", process.command())]);
                (process.pid.to_string(), about)
            });
            Ok(shown.collect::<Map>().into())
        }),
        Function::reads("version", "The kernel's version.", "status.version", Nothing::ROWS, |_, arguments| {
            Nothing::bind("status.version", arguments)?;
            Ok(kernel("version")?.trim().into())
        }),
        Function::reads("w", "Who is logged in.", "status.w", Nothing::ROWS, |_, arguments| {
            Nothing::bind("status.w", arguments)?;
            Ok(logged_in(&tool::output(&["w", "-h"])?).into_iter().collect::<Value>().into())
        }),
        Function::reads(
            "all_status",
            "Everything of this module in one.",
            "status.all_status",
            Nothing::ROWS,
            all_status,
        ),
    ],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// Arguments of `status.time`.
    pub struct Time {
        /// As `date` takes it.
        format: String = "%A, %d. %B %Y %I:%M%p".to_owned(),
    }
}

args! {
    /// Arguments of `status.diskusage`.
    pub struct Paths {
        /// Paths, or kinds of file systems.
        *args: Vec<String>,
    }
}

args! {
    /// Arguments of `status.pid`.
    pub struct Signature {
        /// A part of the command line.
        sig: String,
    }
}

/// A text of the kernel.
pub fn kernel(name: &str) -> Result<String, CallError> {
    let text = tool::table(&Path::new("/proc").join(name))?;
    if text.is_empty() { Err(CallError::Failed(format!("/proc/{name} is not there, or empty"))) } else { Ok(text) }
}

fn number(text: &str) -> Value {
    text.trim().parse::<i64>().map_or_else(|_| Value::from(text.trim()), Value::from)
}

/// How many processors the kernel counts.
pub fn processors(stat: &str) -> i64 {
    let is_one =
        |line: &&str| line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    stat.lines().filter(is_one).count() as i64
}

fn uptime(_look: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("status.uptime", arguments)?;
    let text = kernel("uptime")?;
    let ran: f64 = text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default();
    let since = Timestamp::try_from(SystemTime::now() - Duration::from_secs_f64(ran.max(0.0)));
    let since = since.map_err(|error| CallError::Failed(format!("the clock makes no sense: {error}")))?;
    let seconds = ran as i64;
    let mut about = Map::from_iter([("seconds", seconds)]);
    about.insert("since_iso", since.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string());
    about.insert("since_t", since.as_second());
    about.insert("days", seconds / 86_400);
    about.insert("time", format!("{}:{:02}", seconds % 86_400 / 3600, seconds % 3600 / 60));
    let users = tool::output(&["who", "-s"]).map(|text| text.lines().count() as i64);
    about.insert("users", users.unwrap_or_default());
    Ok(about.into())
}

fn meminfo(text: &str) -> Map {
    let line = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        let mut words = rest.split_whitespace();
        let mut about = Map::from_iter([("value", words.next()?)]);
        if let Some(unit) = words.next() {
            about.insert("unit", unit);
        }
        Some((name.to_owned(), about))
    };
    text.lines().filter_map(line).collect()
}

/// The last processor's facts, as the reference has them; flags are a list.
fn cpuinfo(text: &str) -> Map {
    let mut about = Map::new();
    for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let (name, value) = (name.trim(), value.trim());
        match name {
            "flags" | "Features" => about.insert(name, value.split_whitespace().collect::<Value>()),
            _ => about.insert(name, value),
        };
    }
    about
}

fn cpustats(text: &str) -> Map {
    const KINDS: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
    let mut about = Map::new();
    for line in text.lines() {
        let Some((name, rest)) = line.split_once(char::is_whitespace) else { continue };
        let numbers: Vec<Value> = rest.split_whitespace().map(number).collect();
        let listed = |key: &str| {
            let total = numbers.first().cloned().unwrap_or_default();
            Map::from_iter([("total", total), (key, Value::List(numbers.iter().skip(1).cloned().collect()))])
        };
        match name {
            "cpu" => about.insert("cpu", KINDS.into_iter().zip(numbers.clone()).collect::<Map>()),
            "intr" => about.insert("intr", listed("irqs")),
            "softirq" => about.insert("softirq", listed("softirqs")),
            _ => about.insert(name, numbers.first().cloned().unwrap_or_default()),
        };
    }
    about
}

fn diskusage(_look: &Look, arguments: Arguments) -> CallResult {
    let wanted = Paths::bind("status.diskusage", arguments)?.args;
    let mounts = mount::mounts().map_err(|fault| CallError::Failed(fault.to_string()))?;
    let (mut paths, kinds): (Vec<String>, Vec<String>) = wanted.into_iter().partition(|word| word.starts_with('/'));
    if paths.is_empty() || !kinds.is_empty() {
        let of_kind = |fstype: &String| kinds.is_empty() || kinds.contains(fstype);
        paths.extend(mounts.iter().filter(|mount| of_kind(&mount.fstype)).map(|mount| mount.point.clone()));
    }
    let mut listed = Map::new();
    for path in paths {
        // What is mounted where this process may not look is left out, as the reference does.
        if let Ok(found) = rustix::fs::statvfs(path.as_str()) {
            let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize) as i64;
            let about = Map::from_iter([("available", bytes(found.f_bavail)), ("total", bytes(found.f_blocks))]);
            listed.insert(path, about);
        }
    }
    Ok(listed.into())
}

fn diskstats(text: &str) -> Map {
    const COUNTERS: [&str; 11] = [
        "reads_issued",
        "reads_merged",
        "sectors_read",
        "ms_spent_reading",
        "writes_completed",
        "writes_merged",
        "sectors_written",
        "ms_spent_writing",
        "io_in_progress",
        "ms_spent_in_io",
        "weighted_ms_spent_in_io",
    ];
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let (major, minor, device) = (words.next()?, words.next()?, words.next()?);
        let mut about = Map::from_iter([("major", number(major)), ("minor", number(minor)), ("device", device.into())]);
        about.extend(COUNTERS.into_iter().zip(words).map(|(name, count)| (Value::from(name), number(count))));
        Some((device.to_owned(), about))
    };
    text.lines().filter_map(line).collect()
}

fn netdev(text: &str) -> Map {
    const COUNTERS: [&str; 16] = [
        "rx_bytes",
        "rx_packets",
        "rx_errs",
        "rx_drop",
        "rx_fifo",
        "rx_frame",
        "rx_compressed",
        "rx_multicast",
        "tx_bytes",
        "tx_packets",
        "tx_errs",
        "tx_drop",
        "tx_fifo",
        "tx_colls",
        "tx_carrier",
        "tx_compressed",
    ];
    let line = |line: &str| {
        let (name, counts) = line.split_once(':')?;
        let mut about = Map::from_iter([("iface", Value::from(name.trim()))]);
        let counts = COUNTERS.into_iter().zip(counts.split_whitespace());
        about.extend(counts.map(|(name, count)| (Value::from(name), number(count))));
        Some((name.trim().to_owned(), about))
    };
    text.lines().skip(2).filter_map(line).collect()
}

/// Two lines for each protocol: names, then counts.
fn netstats(text: &str) -> Map {
    let lines: Vec<&str> = text.lines().collect();
    let mut about = Map::new();
    for pair in lines.chunks_exact(2) {
        let (Some((name, names)), Some((_, counts))) = (pair[0].split_once(':'), pair[1].split_once(':')) else {
            continue;
        };
        let counts = names.split_whitespace().zip(counts.split_whitespace().map(number));
        about.insert(name, counts.collect::<Map>());
    }
    about
}

fn logged_in(text: &str) -> Vec<Value> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [user, tty, from, login, idle, jcpu, pcpu, what @ ..] = words.as_slice() else { return None };
        let keys = ["user", "tty", "login", "idle", "jcpu", "pcpu", "from"];
        let mut about: Map = keys.into_iter().zip([*user, tty, login, idle, jcpu, pcpu, from]).collect();
        about.insert("what", what.join(" "));
        Some(about.into())
    };
    text.lines().filter_map(line).collect()
}

fn all_status(look: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("status.all_status", arguments)?;
    const PARTS: [&str; 11] = [
        "cpuinfo",
        "cpustats",
        "diskstats",
        "diskusage",
        "loadavg",
        "meminfo",
        "netdev",
        "netstats",
        "uptime",
        "vmstats",
        "w",
    ];
    let mut about = Map::new();
    for part in PARTS {
        let row = MODULE.functions.iter().find(|function| function.name == part);
        if let Some(fleet_common::call::Code::Reads(code)) = row.map(|row| &row.code) {
            // One part that this machine cannot tell does not take the others away.
            let answer = code(look, Arguments::default()).map(|outcome| outcome.value);
            about.insert(part, answer.unwrap_or_else(|error| Value::from(error.to_string())));
        }
    }
    Ok(about.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_are_read() {
        let memory = meminfo("MemTotal:   24684092 kB\nHugePages_Total:       0\nbroken\n");
        assert_eq!(memory.get("MemTotal").unwrap().get("unit").unwrap().as_str(), Some("kB"));
        assert!(memory.get("HugePages_Total").unwrap().get("unit").is_none() && memory.len() == 2);
        let stat = "cpu  1 2 3 4 5 6 7 8 0 0\ncpu0 9 2\ncpu1 3 4\nintr 30 1 2\nctxt 5\n";
        assert_eq!(processors(stat), 2);
        let stats = cpustats(stat);
        assert_eq!(stats.get("cpu").unwrap().get("steal").unwrap().as_int(), Some(8));
        assert_eq!(stats.get("intr").unwrap().get("total").unwrap().as_int(), Some(30));
        let disks = diskstats("   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12\n\n");
        assert_eq!(disks.get("sda").unwrap().get("weighted_ms_spent_in_io").unwrap().as_int(), Some(11));
        let links = netdev("Inter-|\n face |\n    lo: 1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0\n");
        assert_eq!(links.get("lo").unwrap().get("tx_bytes").unwrap().as_int(), Some(3));
        let counts = netstats("TcpExt: A B\nTcpExt: 1 2\nodd\n");
        assert_eq!(counts.get("TcpExt").unwrap().get("B").unwrap().as_int(), Some(2));
        let who = logged_in("root pts/0 10.0.0.1 11:20 2.00s 0.04s 0.01s vim a b\nshort\n");
        assert_eq!((who.len(), who[0].get("what").unwrap().as_str()), (1, Some("vim a b")));
    }
}
