//! Runs functions of the master.

fn main() -> std::process::ExitCode {
    fleet_common::secret::close_memory();
    std::process::ExitCode::from(fleet_master::cli::saltrun::main(std::env::args_os()))
}
