//! For tests: somebody puts a link in the place of a directory as fast as he can.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};

/// Swaps `one`, a directory, with `other`, a link to `outside`, until `work` is over; how often it was done.
pub fn while_swapping(one: &Path, other: &Path, outside: &Path, work: impl FnOnce()) -> u64 {
    let stop = AtomicBool::new(false);
    symlink(outside, other).unwrap();
    std::thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            let mut swaps = 0;
            while !stop.load(Ordering::Relaxed) {
                // A link in the way may be removed by who writes: it is put there again.
                match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
                    Ok(()) => swaps += 1,
                    Err(_) => drop(symlink(outside, if one.exists() { other } else { one })),
                }
            }
            swaps
        });
        work();
        stop.store(true, Ordering::Relaxed);
        swapper.join().unwrap()
    })
}
