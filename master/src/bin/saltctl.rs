//! Runs functions on minions.

fn main() -> std::process::ExitCode {
    fleet_common::secret::close_memory();
    std::process::ExitCode::from(fleet_master::cli::saltctl::main(std::env::args_os()))
}
