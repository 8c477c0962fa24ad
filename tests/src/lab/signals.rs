//! A lab that is told to stop is cleared before the process ends.

use tokio::signal::unix::{SignalKind, signal};

use super::place;

/// Clears the lab and ends the process when it is interrupted, terminated or loses its terminal.
pub fn clear_when_told_to_stop(number: u8) {
    let wait = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
            let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else { return };
            let status = tokio::select! {
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
                _ = hangup.recv() => 129,
            };
            eprintln!("lab: told to stop; clearing");
            place::clear(number);
            std::process::exit(status);
        });
    };
    std::thread::spawn(wait);
}
