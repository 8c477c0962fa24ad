//! Processors.

use fleet_common::value::{Map, Value};

use crate::system::fs::read_line;

/// `num_cpus`, `cpu_model`, `cpu_flags`, `cpuarch`.
pub(super) fn fill(grains: &mut Map) {
    let text = read_line("/proc/cpuinfo").unwrap_or_default();
    grains.insert("num_cpus", count(&text));
    grains.insert("cpu_model", field(&text, &["model name", "Processor", "cpu", "uarch"]).unwrap_or("Unknown"));
    let flags = field(&text, &["flags", "Features", "isa"]).unwrap_or_default();
    grains.insert("cpu_flags", flags.split_whitespace().map(Value::from).collect::<Value>());
    grains.insert("cpuarch", machine());
}

/// The kernel's name of the architecture (`x86_64`).
pub(super) fn machine() -> String {
    rustix::system::uname().machine().to_string_lossy().into_owned()
}

fn count(text: &str) -> usize {
    let listed = text.lines().filter(|line| line.starts_with("processor") && line.contains(':')).count();
    if listed > 0 { listed } else { std::thread::available_parallelism().map_or(1, usize::from) }
}

fn field<'a>(text: &'a str, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == *name).then(|| value.trim())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_list() {
        let text = "processor\t: 0\nmodel name\t: X 1\nflags\t\t: fpu vme\n\nprocessor\t: 1\nmodel name\t: X 1\n";
        assert_eq!((count(text), field(text, &["model name"])), (2, Some("X 1")));
        assert_eq!(field("Features : fp asimd\n", &["flags", "Features"]), Some("fp asimd"));
    }
}
