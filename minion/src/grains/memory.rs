//! Memory.

use fleet_common::value::Map;

use crate::system::fs::read_line;

/// `mem_total` and `swap_total`, in MiB.
pub(super) fn fill(grains: &mut Map) {
    let text = read_line("/proc/meminfo").unwrap_or_default();
    grains.insert("mem_total", mebibytes(&text, "MemTotal"));
    grains.insert("swap_total", mebibytes(&text, "SwapTotal"));
}

fn mebibytes(text: &str, name: &str) -> i64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<i64>().ok()).unwrap_or(0) / 1024
}

#[cfg(test)]
mod tests {
    #[test]
    fn kibibytes_become_mebibytes() {
        let text = "MemTotal:       24684280 kB\nMemFree: 1 kB\nSwapTotal:    0 kB";
        assert_eq!((super::mebibytes(text, "MemTotal"), super::mebibytes(text, "SwapTotal")), (24105, 0));
    }
}
