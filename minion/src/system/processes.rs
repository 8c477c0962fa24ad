//! The processes of this machine, from `/proc`.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::fs::{FileFault, read_bounded};
use super::user::Accounts;

/// The largest command line that is read; the kernel allows more, no person reads it.
const LIMIT: u64 = 4 << 20;

/// A process.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Number of the process that started it.
    pub parent: u32,
    /// Its short name.
    pub name: String,
    /// Program and arguments; none for the kernel's own.
    pub argv: Vec<String>,
    /// The user it acts for.
    pub uid: u32,
    /// One letter: `R`, `S`, `Z`, ...
    pub state: char,
    /// Time it used, in ticks: its own, in the kernel, its children's, theirs in the kernel.
    pub ticks: [u64; 4],
    /// When it started, in ticks since the machine did.
    pub started: u64,
    /// Bytes: all, resident, shared, code, libraries, data.
    pub memory: [u64; 6],
}

impl Process {
    /// The process of a number; `None` when there is none (any more).
    pub fn of(pid: u32) -> Option<Self> {
        let folder = Path::new("/proc").join(pid.to_string());
        let text = |name: &str| read_bounded(&folder.join(name), LIMIT).ok();
        let uid = std::fs::metadata(&folder).ok()?.uid();
        let stat = String::from_utf8_lossy(&text("stat")?).into_owned();
        let status = String::from_utf8_lossy(&text("status").unwrap_or_default()).into_owned();
        let argv = text("cmdline").unwrap_or_default();
        let argv = argv.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let mut argv: Vec<String> = argv.collect();
        while argv.last().is_some_and(String::is_empty) {
            argv.pop();
        }
        Self::parse(pid, uid, &stat, &status, argv)
    }

    fn parse(pid: u32, uid: u32, stat: &str, status: &str, argv: Vec<String>) -> Option<Self> {
        // The name may hold blanks and brackets: it ends with the last one.
        let (_, rest) = stat.split_once('(')?;
        let (name, rest) = rest.rsplit_once(')')?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        let number = |place: usize| words.get(place).and_then(|word| word.parse().ok()).unwrap_or(0);
        let memory = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kilobytes.unwrap_or(0).saturating_mul(1024)
        };
        Some(Self {
            pid,
            parent: number(1) as u32,
            name: name.to_owned(),
            argv,
            uid,
            state: words.first()?.chars().next()?,
            ticks: [number(11), number(12), number(13), number(14)],
            started: number(19),
            memory: [
                memory("VmSize"),
                memory("VmRSS"),
                memory("RssFile").saturating_add(memory("RssShmem")),
                memory("VmExe"),
                memory("VmLib"),
                memory("VmData").saturating_add(memory("VmStk")),
            ],
        })
    }

    /// The command line as one text; the name in brackets for the kernel's own.
    pub fn command(&self) -> String {
        if self.argv.is_empty() { format!("[{}]", self.name) } else { self.argv.join(" ") }
    }

    /// The name of its user, or the number where there is no name.
    pub fn user(&self) -> String {
        Accounts::system().account_by_uid(self.uid).map_or_else(|| self.uid.to_string(), |account| account.name)
    }

    /// Its state in a word.
    pub fn status(&self) -> &'static str {
        match self.state {
            'R' => "running",
            'S' => "sleeping",
            'D' => "disk-sleep",
            'T' => "stopped",
            't' => "tracing-stop",
            'Z' => "zombie",
            'X' | 'x' => "dead",
            'I' => "idle",
            'P' => "parked",
            _ => "unknown",
        }
    }
}

/// Numbers of all processes, rising.
pub fn ids() -> Result<Vec<u32>, FileFault> {
    let folder = Path::new("/proc");
    let entries = std::fs::read_dir(folder).map_err(FileFault::io(folder))?;
    let mut ids: Vec<u32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok())).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// All processes, those that end meanwhile left out.
pub fn all() -> Result<Vec<Process>, FileFault> {
    Ok(ids()?.into_iter().filter_map(Process::of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_brackets_are_read() {
        let stat = "7 (a) b) S 3 7 7 0 -1 4194560 0 0 0 0 11 12 13 14 20 0 1 0 99 1000 5";
        let read = Process::parse(7, 0, stat, "Name:\ta\nVmSize:\t 100 kB\nVmRSS:\t  50 kB\n", vec![]).unwrap();
        assert_eq!((read.name.as_str(), read.parent, read.started), ("a) b", 3, 99));
        assert_eq!((read.ticks, read.memory[1], read.status()), ([11, 12, 13, 14], 51_200, "sleeping"));
        assert_eq!(read.command(), "[a) b]");
        assert_eq!(Process::parse(7, 0, "nonsense", "", vec![]), None);
    }

    #[test]
    fn this_process_is_one() {
        let own = Process::of(std::process::id()).unwrap();
        assert!(!own.argv.is_empty() && own.uid == rustix::process::geteuid().as_raw());
        assert!(all().unwrap().iter().any(|process| process.pid == own.pid));
        assert_eq!(Process::of(u32::MAX), None);
    }
}
