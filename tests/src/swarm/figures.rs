//! What processes use, from `/proc`.

use std::fs;
use std::path::Path;

/// What one process, or several together, use now.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Proportional memory in bytes.
    pub pss: u64,
    /// Resident memory in bytes.
    pub rss: u64,
    /// Processor time so far in seconds.
    pub cpu: f64,
    /// Open files.
    pub files: u64,
}

impl Usage {
    /// Of a process; zero when it is gone.
    pub fn of(pid: u32) -> Self {
        let memory = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let files = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |entries| entries.count() as u64);
        Self { pss: field(&memory, "Pss:"), rss: field(&memory, "Rss:"), cpu: cpu(pid), files }
    }

    /// Of several.
    pub fn of_all(pids: impl IntoIterator<Item = u32>) -> Self {
        pids.into_iter().map(Self::of).fold(Self::default(), |sum, one| Self {
            pss: sum.pss + one.pss,
            rss: sum.rss + one.rss,
            cpu: sum.cpu + one.cpu,
            files: sum.files + one.files,
        })
    }
}

fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn cpu(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the command's name, which may hold spaces: the 12th and 13th field from there are user and system time.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
    ticks as f64 / 100.0
}

/// Bytes of all files below a directory, as allocated.
pub fn disk(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .filter_map(|entry| entry.metadata().ok().map(|meta| (entry.path(), meta)))
        .map(|(path, meta)| if meta.is_dir() { disk(&path) } else { meta.blocks() * 512 })
        .sum()
}

/// The machine's load, to be stated beside every figure.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
