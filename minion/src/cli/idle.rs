//! Memory of a daemon that does nothing: pages of its own program that only starting and jobs needed are let go.
//!
//! The kernel maps sixteen pages of a program around each one that is touched, and keeps them mapped. A minion that
//! waits for its next job uses a fraction of them.

#![allow(
    unsafe_code,
    reason = "the kernel's advice on mapped memory has no safe interface; the reason stands at the call"
)]

use std::ffi::c_void;
use std::path::Path;
use std::time::Duration;

use rustix::mm::{Advice, madvise};
use rustix::time::{ClockId, clock_gettime};

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(10);
/// A daemon that took less processor time than this between two looks did nothing but beat.
const IDLE: Duration = Duration::from_millis(20);

/// Lets pages go when there is nothing to do and more of them are mapped than waiting needs; never ends.
pub async fn run() {
    let mut before = processor_time();
    let mut needs = Needs::default();
    loop {
        tokio::time::sleep(LOOK).await;
        let now = processor_time();
        let idle = now.saturating_sub(before) < IDLE;
        before = now;
        if idle && !needs.are(mapped()) {
            let bytes = let_go();
            tracing::debug!(bytes, "idle: pages of the program let go");
        }
    }
}

/// How many pages waiting needs: as many as came back twice after they were let go. Once is not enough, because a small job
/// in between cannot be seen in the processor time.
#[derive(Default)]
struct Needs {
    known: Option<usize>,
    came_back: Option<usize>,
}

impl Needs {
    /// True if no more pages are mapped than are needed; false if they shall be let go, and what is needed is learned anew.
    fn are(&mut self, mapped: usize) -> bool {
        let more = |than: usize, pages: usize| pages > than + than / 8;
        match (self.known, self.came_back) {
            (Some(known), _) if !more(known, mapped) => return true,
            (None, Some(before)) if !more(before, mapped) && !more(mapped, before) => {
                self.known = Some(mapped);
                return true;
            }
            _ => {}
        }
        *self = Self { known: None, came_back: Some(mapped) };
        false
    }
}

/// How many pages of files are mapped.
fn mapped() -> usize {
    let all = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    all.split(' ').nth(2).and_then(|pages| pages.parse().ok()).unwrap_or(0)
}

/// What all threads used since the start.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let part = |number: i64| u64::try_from(number).unwrap_or(0);
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

/// Unmaps the pages of this program that hold nothing but what its file holds; whatever is needed again is mapped again
/// from there. Bytes of the mappings.
fn let_go() -> usize {
    let (Ok(program), Ok(maps)) = (std::env::current_exe(), std::fs::read_to_string("/proc/self/smaps")) else {
        return 0;
    };
    let mut bytes = 0;
    for mapping in unchanged(&maps, &program) {
        let start = std::ptr::with_exposed_provenance_mut::<c_void>(mapping.start);
        // SAFETY: the mapping is private, cannot be written, has no page that differs from its file (`unchanged`), and
        // the file of a running program cannot be written either: what is unmapped here comes back as it was.
        if unsafe { madvise(start, mapping.len(), Advice::LinuxDontNeed) }.is_ok() {
            bytes += mapping.len();
        }
    }
    bytes
}

/// Mappings of the program that are private, cannot be written, and of which no page was ever changed: a changed page is
/// anonymous (those of relocated tables are, which were written before they were closed).
fn unchanged(maps: &str, program: &Path) -> Vec<std::ops::Range<usize>> {
    let mut found: Vec<std::ops::Range<usize>> = Vec::new();
    let mut open = false;
    for line in maps.lines() {
        if let Some((range, rights, path)) = heading(line) {
            open = matches!(rights, "r-xp" | "r--p") && Path::new(path) == program;
            if open {
                found.push(range);
            }
        } else if open && ["Anonymous:", "Swap:"].iter().any(|key| line.starts_with(key)) {
            let kib = line.split_whitespace().nth(1);
            if kib != Some("0") {
                found.pop();
                open = false;
            }
        }
    }
    found
}

/// The first line of a mapping: `55d0-55e0 r-xp 00001000 fe:00 1234   /usr/bin/program`.
fn heading(line: &str) -> Option<(std::ops::Range<usize>, &str, &str)> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
    let rights = words.next()?;
    let path = words.nth(3).unwrap_or("").trim_start();
    Some((range, rights, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
1000-3000 r--p 00000000 fe:00 7                      /bin/a b
Size:                  8 kB
Private_Dirty:         0 kB
Anonymous:             0 kB
3000-5000 r-xp 00002000 fe:00 7                      /bin/a b
Private_Dirty:         8 kB
Anonymous:             0 kB
5000-6000 r--p 00004000 fe:00 7                      /bin/a b
Anonymous:             4 kB
6000-7000 rw-p 00005000 fe:00 7                      /bin/a b
Private_Dirty:         0 kB
7000-8000 r-xp 00000000 fe:00 8                      /lib/libc.so
Private_Dirty:         0 kB
8000-9000 rw-p 00000000 00:00 0
";

    #[test]
    fn only_what_the_file_still_holds_is_let_go() {
        assert_eq!(unchanged(MAPS, Path::new("/bin/a b")), [0x1000..0x3000, 0x3000..0x5000]);
        assert!(unchanged(MAPS, Path::new("/bin/other")).is_empty());
    }

    #[test]
    fn what_waiting_needs_is_what_comes_back_twice() {
        let mut needs = Needs::default();
        // The start, a job just after it, and then nothing but waiting.
        let told: Vec<bool> = [4000, 2800, 2100, 2050, 2100, 2150].into_iter().map(|pages| needs.are(pages)).collect();
        assert_eq!(told, [false, false, false, true, true, true]);
        // A job.
        let told: Vec<bool> = [2600, 2100, 2150, 2150].into_iter().map(|pages| needs.are(pages)).collect();
        assert_eq!(told, [false, false, true, true]);
    }

    #[test]
    fn a_program_goes_on_without_its_pages() {
        let text = "salt".repeat(1000);
        assert!(mapped() > 100, "a program has pages");
        assert!(let_go() > 1 << 20, "nothing was let go");
        assert_eq!(text.to_uppercase(), "SALT".repeat(1000));
    }
}
