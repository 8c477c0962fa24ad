//! What benchmarks share: medians, a figure beside the reference's, and the tree of mixed states.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

/// Seconds on both sides.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Of our programs.
    pub ours: f64,
    /// Of the reference, where it was measured in the same run.
    pub theirs: Option<f64>,
}

impl Figure {
    /// Prints a line: what it is, milliseconds, budget and ratio.
    pub fn print(&self, what: &str, budget: &str) {
        let mut line = format!("{what}: {:.1} ms", self.ours * 1e3);
        if !budget.is_empty() {
            let _ = write!(line, " (budget {budget})");
        }
        if let Some(theirs) = self.theirs {
            let _ = write!(line, "; reference {:.1} ms, ratio {:.1}", theirs * 1e3, theirs / self.ours);
        }
        println!("{line}");
    }
}

/// The median of so many runs, at least one.
pub fn median(rounds: usize, run: impl FnMut() -> f64) -> f64 {
    let mut times: Vec<f64> = std::iter::repeat_with(run).take(rounds.max(1)).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Moves a directory out of the way, if it is there, for a run from nothing. It is not deleted: for some seconds ext4 looks
/// through all inodes that were just deleted before it gives out a new one, which made up half of such runs.
pub fn put_aside(dir: &Path) -> io::Result<()> {
    let free = (0..).map(|number| dir.with_extension(format!("aside{number}"))).find(|path| !path.exists());
    match free.map(|path| fs::rename(dir, path)) {
        Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Processor time of this process so far: a busy machine changes little of it.
pub fn processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Ticks of a second in what Linux tells programs of times.
const TICKS: f64 = 100.0;

/// Seconds of processor time of the children that this process has waited for, in steps of a hundredth.
pub fn processor_of_children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, second of the fields, may hold anything up to the last bracket.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks: f64 = fields.skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / TICKS
}

/// The load of the machine, to be printed beside figures.
pub fn load() -> String {
    fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned()
}

/// Writes a file and the folders above it.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)
}

/// Writes `k.sls` and its template below `root`: a third of the states without effect in a chain, a third files with
/// their content, a third files from one template, all below `target`.
pub fn mixed_states(root: &Path, target: &Path, count: usize) -> io::Result<()> {
    let template = "# made for {{ grains['id'] }}\nnumber = {{ number }}\n\
        {% for i in range(10) %}line {{ i }} of {{ number }}: {{ (i * number) % 97 }}\n{% endfor %}";
    write(&root.join("t.jinja"), template.as_bytes())?;
    let target = target.display();
    let mut text = String::new();
    for i in 0..count {
        let _ = match i % 3 {
            0 if i == 0 => writeln!(text, "nop-0:\n  test.nop: []"),
            0 => writeln!(text, "nop-{i}:\n  test.nop:\n    - require:\n      - test: nop-{}", i - 3),
            1 => writeln!(
                text,
                "{target}/inline-{i}.conf:\n  file.managed:\n    - makedirs: True\n    - mode: '0644'\n    - contents: |\n        \
                 # file {i}\n        key = value-{i}"
            ),
            _ => writeln!(
                text,
                "{target}/tmpl-{i}.conf:\n  file.managed:\n    - makedirs: True\n    - mode: '0644'\n    \
                 - source: salt://t.jinja\n    - template: jinja\n    - context:\n        number: {i}"
            ),
        };
    }
    write(&root.join("k.sls"), text.as_bytes())
}
