//! The master of a fleet.

use clap::Parser;
use fleet_common::exit::Exit;
use fleet_master::cli::saltmaster::{Options, run};

fn main() -> std::process::ExitCode {
    fleet_common::secret::close_memory();
    match Options::try_parse() {
        Ok(options) => run(&options).into(),
        Err(error) => {
            let _ = error.print();
            if error.use_stderr() { Exit::Usage.into() } else { Exit::Success.into() }
        }
    }
}
