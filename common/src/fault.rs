//! What fault tests do to a process from outside: named points of its work at which it dies as in a power cut, by SIGKILL
//! and without cleaning up, or freezes by SIGSTOP; and a clock that was stepped.
//!
//! Debug builds read `FLEET_DIE_AT=point` (or `point:N`, the N-th time), `FLEET_STOP_AT=point` and `FLEET_CLOCK=file`;
//! release builds know none of them.

/// Dies or freezes here if this is the point that was asked for.
#[cfg(debug_assertions)]
pub fn point(name: &'static str) {
    use rustix::process::{Signal, getpid, kill_process};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    static ASKED: OnceLock<Option<(String, u32, Signal)>> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let asked = ASKED.get_or_init(|| {
        let of = |name: &str, signal: Signal| Some((std::env::var(name).ok()?, signal));
        let (text, signal) = of("FLEET_DIE_AT", Signal::KILL).or_else(|| of("FLEET_STOP_AT", Signal::STOP))?;
        let (point, times) = text.split_once(':').unwrap_or((&text, "1"));
        Some((point.to_owned(), times.parse().unwrap_or(1), signal))
    });
    if let Some((wanted, times, signal)) = asked
        && wanted == name
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *times
    {
        let _ = kill_process(getpid(), *signal);
    }
}

/// Does nothing in a release build.
#[cfg(not(debug_assertions))]
pub fn point(_name: &'static str) {}

/// Milliseconds by which this machine's clock was stepped: what stands in the file that `FLEET_CLOCK` names.
#[cfg(debug_assertions)]
pub fn clock_step() -> i64 {
    use std::path::PathBuf;
    use std::sync::OnceLock;
    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let file = FILE.get_or_init(|| std::env::var_os("FLEET_CLOCK").map(PathBuf::from));
    let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Nothing steps the clock of a release build but the machine.
#[cfg(not(debug_assertions))]
pub fn clock_step() -> i64 {
    0
}
