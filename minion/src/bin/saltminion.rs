//! The minion of a fleet; started under another name, a worker of one.

use clap::Parser;
use fleet_common::exit::Exit;
use fleet_minion::cli::saltminion::{Options, run};
use fleet_minion::{registry, worker::child};

fn main() -> std::process::ExitCode {
    // Of its workers as well.
    fleet_common::secret::close_memory();
    if child::is_worker() {
        return child::main(registry::functions);
    }
    match Options::try_parse() {
        Ok(options) => run(&options).into(),
        Err(error) => {
            let _ = error.print();
            if error.use_stderr() { Exit::Usage.into() } else { Exit::Success.into() }
        }
    }
}
