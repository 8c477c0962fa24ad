//! Manages the keys of minions.

fn main() -> std::process::ExitCode {
    fleet_common::secret::close_memory();
    fleet_master::cli::keyctl::main(std::env::args_os()).into()
}
