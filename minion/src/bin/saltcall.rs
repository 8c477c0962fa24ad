//! The program `saltcall`.

use std::io::IsTerminal;

use fleet_common::terminal;
use fleet_minion::cli::saltcall::{self, Streams};

fn main() -> std::process::ExitCode {
    fleet_common::secret::close_memory();
    // Templates need more stack than a program has by default.
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(run);
    let status = thread.map(std::thread::JoinHandle::join);
    match status {
        Ok(Ok(status)) => status.into(),
        // The panic has been told.
        Ok(Err(_)) => std::process::ExitCode::FAILURE,
        Err(error) => {
            eprintln!("saltcall: no thread can be started: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run() -> u8 {
    let (mut out, mut err) = (terminal::out(), terminal::err());
    let terminal = std::io::stdout().is_terminal();
    saltcall::main(std::env::args_os(), &mut Streams { out: &mut out, err: &mut err, terminal })
}
